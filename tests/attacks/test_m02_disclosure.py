"""M2: the disclosure check runs on exactly the proved sums and in malicious mode: one lying party cannot have a guard
below the minimum opened, whatever it adds to whichever product, to both peers or to one."""

from __future__ import annotations

from typing import Any

import pytest
from joint_harness import Outcome, lying, run_session
from samples import Sample, two_tables_sample

import services.party.session
from mpc.errors import MpcError
from mpc.replicated import Engine
from mpc.shares import AdditiveShare, ReplicatedShare
from services.errors import DisclosureRefusedError
from services.party.session import ContributionRejectedError, JointSession
from zk.field import FR
from zk.prover import Contributor

SPLIT = {1: 0, 2: 0, 3: 1, 4: 1}


def below(sample: Sample) -> int:
    return sample.sums()[0] + 2


def guard_messages() -> list[str]:
    """Tags of the disclosure check's products and openings, from an honest refusal."""
    sample = two_tables_sample(3)
    outcome = run_session(sample, SPLIT, minimum=below(sample))
    assert [type(result) for result in outcome.results] == [DisclosureRefusedError] * 3
    return sorted(tag for tag in outcome.tags() if "guards" in tag)


def stayed_closed(outcome: Outcome, liar: int) -> None:
    honest = {0, 1, 2} - {liar}
    for party in honest:
        # a lie may go unnoticed where it changes no verdict: then all is as it should be, a refusal
        assert isinstance(outcome.results[party], MpcError | DisclosureRefusedError), outcome.results[party]
    assert not any("guards/opened" in tag or "session/final" in tag for tag in outcome.tags(*honest))


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_m2_consistent_errors_in_the_check_do_not_open_a_small_guard(
    liar: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [tag.split("/", 4)[4] for tag in guard_messages() if "/reshare/" in tag]
    assert len(labels) >= 3
    sample = two_tables_sample(3)
    for wanted in labels:
        lies: list[str] = []

        class LyingEngine(Engine):
            def reshare(self, additive: AdditiveShare, label: str, *, index: int = 0) -> ReplicatedShare:
                if label == wanted:  # noqa: B023 (used before the next turn)
                    lies.append(label)  # noqa: B023
                    ones = self.ring.from_integers([1] * len(additive.values))
                    additive = AdditiveShare(additive.party, self.ring.add(additive.values, ones))
                return super().reshare(additive, label, index=index)

        def engine(ring: Any, channel: Any, *rest: Any, kind: type[Engine] = LyingEngine, **named: Any) -> Engine:
            return (kind if channel.party == liar else Engine)(ring, channel, *rest, **named)

        monkeypatch.setattr(services.party.session, "Engine", engine)
        stayed_closed(run_session(sample, SPLIT, minimum=below(sample)), liar)
        assert lies == [wanted]


@pytest.mark.parametrize("liar", [0, 2])
def test_m2_a_lie_in_any_message_of_the_check_does_not_open_a_small_guard(liar: int) -> None:
    """To whoever receives it; the deceived party must not send its shares of the guard either."""
    sample = two_tables_sample(3)
    for wanted in guard_messages():

        def tamper(sender: int, receiver: int, tag: str, payload: bytes, wanted: str = wanted) -> bytes:
            changed = sender == liar and tag == wanted and payload
            return payload[:-1] + bytes([payload[-1] ^ 1]) if changed else payload

        stayed_closed(run_session(sample, SPLIT, minimum=below(sample), tamper=tamper), liar)


@pytest.mark.parametrize("component", ["first", "second", "both"])
def test_m2_sums_exchanged_after_the_proof_are_contradicted(component: str) -> None:
    """A party that would check other sums than it proved fails the binding to [s]."""

    class Swapping(JointSession):
        def _bind_sums(self, proof: Any) -> None:
            ring, held = self._engine.ring, self._sums
            nine = ring.from_integers([9] * len(held))
            first = held.first if component == "second" else ring.add(held.first, nine)
            second = held.second if component == "first" else ring.add(held.second, nine)
            self._sums = ReplicatedShare(self._party, first, second)
            super()._bind_sums(proof)

    sample = two_tables_sample(3)
    outcome = run_session(sample, SPLIT, minimum=below(sample), session=lambda p: Swapping if p == 2 else JointSession)
    for party in (0, 1):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert "bind" in error.check
        assert 2 in error.suspects
    assert not any("guards" in tag for tag in outcome.tags(0, 1))


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_m2_sums_other_than_the_proved_ones_are_contradicted(liar: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The liar raises its component of every sum before anything is proved, tells both holders the same, and proves the
    true sums: without the comparison with [s] the check would run on raised guards, with a proof that verifies."""
    raised = 50

    def changed(values: Any, amount: int) -> Any:
        return FR.add(values, FR.from_integers([amount] * len(values)))

    class RaisingEngine(Engine):
        def reshare(self, additive: AdditiveShare, label: str, *, index: int = 0) -> ReplicatedShare:
            if label == "sums":
                additive = AdditiveShare(additive.party, changed(additive.values, raised))
            return super().reshare(additive, label, index=index)

    def engine(ring: Any, channel: Any, *rest: Any, **named: Any) -> Engine:
        return (RaisingEngine if channel.party == liar else Engine)(ring, channel, *rest, **named)

    def proves_the_truth(prover: Contributor, part: Any, blinder: Any) -> None:
        prover.accept_sums(changed(part, -raised), blinder)

    monkeypatch.setattr(services.party.session, "Engine", engine)
    sample = two_tables_sample(3)
    outcome = run_session(sample, SPLIT, minimum=below(sample), wrap=lying(liar, "accept_sums", proves_the_truth))
    honest = {0, 1, 2} - {liar}
    for party in honest:
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert "binding" in error.check
    assert any("session/bind" in tag for tag in outcome.tags(*honest))
    assert not any("guards" in tag or "session/final" in tag for tag in outcome.tags(*honest))
