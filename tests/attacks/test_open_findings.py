"""Attacks that still work on what is built. A test moves out of here when the code refuses it."""

from __future__ import annotations

import pytest
from joint_harness import run_session
from samples import two_tables_sample

import services.party.session
from mpc.replicated import Engine
from mpc.shares import AdditiveShare, ReplicatedShare
from services.party.session import ContributionRejectedError
from zk.curve import GENERATOR, add_points, points_from_bytes, points_to_bytes

OWNERS = {1: 0, 2: 0, 3: 1, 4: 1}
LIAR = 2


class LyingEngine(Engine):
    """Adds one to its summand of a product inside the disclosure check, and is consistent about it."""

    def reshare(self, additive: AdditiveShare, label: str, *, index: int = 0) -> ReplicatedShare:
        if label.startswith("guards/product/0"):
            one = self.ring.from_integers([1])
            additive = AdditiveShare(additive.party, self.ring.add(additive.values, one))
        return super().reshare(additive, label, index=index)


def test_m2_one_lying_party_cannot_have_a_small_guard_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """PROTOCOL §5: disclosure rules run in malicious mode; the guard of a suppressed sum is never opened."""

    def engine(ring: object, channel: object, *rest: object, **named: object) -> Engine:
        kind = LyingEngine if channel.party == LIAR else Engine  # type: ignore[attr-defined]
        return kind(ring, channel, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(services.party.session, "Engine", engine)
    sample = two_tables_sample(3)
    outcome = run_session(sample, OWNERS, minimum=sample.sums()[0] + 3)
    assert all(isinstance(result, Exception) for result in outcome.results)
    assert not any("guards/opened" in tag for tag in outcome.tags(0, 1))
    assert "session/final/opening" not in outcome.tags(0, 1)


def test_m2_a_lie_to_one_party_inside_the_disclosure_check_does_not_open_a_small_guard() -> None:
    """The same lie in one message: the deceived party must not send its shares of the guard."""

    def tamper(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        if sender != LIAR or "guards/product/0" not in tag:
            return payload
        return payload[:-1] + bytes([payload[-1] ^ 1])

    sample = two_tables_sample(3)
    outcome = run_session(sample, OWNERS, minimum=sample.sums()[0] + 3, tamper=tamper)
    assert all(isinstance(result, Exception) for result in outcome.results)
    assert not any("guards/opened" in tag for tag in outcome.tags(0, 1))


def test_m13_an_honest_owner_is_not_accused_of_what_another_party_did() -> None:
    """A witness commitment is the sum of everyone's contributions: anyone can spoil it, not only its owner."""

    def tamper(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        if sender != LIAR or tag != "session/commitments":
            return payload
        points = points_from_bytes(payload)
        points[:1] = add_points(points[:1], GENERATOR)
        return points_to_bytes(points)

    outcome = run_session(two_tables_sample(3), OWNERS, tamper=tamper)
    for party in (0, 1):
        error = outcome.results[party]
        assert isinstance(error, Exception)
        if isinstance(error, ContributionRejectedError):
            assert LIAR in error.suspects
