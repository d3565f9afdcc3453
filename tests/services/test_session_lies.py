"""A party that lies in any message of a joint session, or bends shared arithmetic, is noticed by every honest party,
and no guard or row part is released."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

for folder in ("zk", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from joint_harness import check_success, lying, nothing_released, run_session, totals  # noqa: E402
from samples import R, two_tables_sample  # noqa: E402

import services.party.session  # noqa: E402
from mpc.errors import MpcError  # noqa: E402
from mpc.replicated import Engine  # noqa: E402
from mpc.shares import AdditiveShare, ReplicatedShare  # noqa: E402
from services.party.session import ContributionRejectedError, JointSession, SessionResult  # noqa: E402
from zk.curve import (  # noqa: E402
    GENERATOR,
    add_points,
    decode_points,
    neg_points,
    points_from_bytes,
    points_to_bytes,
)
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, ProofRejectedError, ProtocolStateError  # noqa: E402
from zk.field import FR, Words  # noqa: E402
from zk.owners import column_owners  # noqa: E402
from zk.prover import Contributor  # noqa: E402
from zk.verifier import verify_proof, verify_row_openings  # noqa: E402

SPLIT = {1: 0, 2: 0, 3: 1, 4: 1}
UNSHARED = {1: 0, 2: 0, 3: 0, 4: 1}
"""Here an opened column is its owner's alone; in SPLIT all are shared."""
ABANDONED = (ContributionRejectedError, ProofRejectedError, MpcError)


def shifted_points(points: Words, place: int) -> Words:
    out = points.copy()
    out[place : place + 1] = add_points(out[place : place + 1], GENERATOR)
    return out


def plus_one(values: Words, place: int = 0) -> Words:
    out = values.copy()
    out[place : place + 1] = FR.add(out[place : place + 1], FR.from_integers([1]))
    return out


def off_rows(polynomials: dict[int, Words], place: int) -> dict[int, Words]:
    """Other shares than those of the committed column: one row more by one."""
    return {i: plus_one(p, place) for i, p in polynomials.items()}


def honest(method: str) -> Callable[..., Any]:
    return lambda prover, *given: getattr(prover, method)(*given)


def bump(method: str, change: Callable[[Any], Any]) -> tuple[str, Callable[..., Any]]:
    return method, lambda prover, *given: change(honest(method)(prover, *given))


def keep_back(prover: Contributor, part: Words, blinder: Words) -> None:
    """Seal other sums than those that were shared."""
    prover.accept_sums(plus_one(part), blinder)


def other_blinder(prover: Contributor, part: Words, blinder: Words) -> None:
    prover.accept_sums(part, plus_one(blinder))


def false_value(values: dict[int, int]) -> dict[int, int]:
    return {i: (v + 1) % R for i, v in values.items()}


# columns of `two_tables`: 5 to 7 are witnesses; [s] is the last of the round-1 commitments
LIES: dict[str, tuple[str, Callable[..., Any]]] = {
    "witness commitment": bump("commit_round1", lambda points: shifted_points(points, 0)),
    "another witness commitment": bump("commit_round1", lambda points: shifted_points(points, 2)),
    "commitment of the sums": bump("commit_round1", lambda points: shifted_points(points, len(points) - 1)),
    "shares of other columns": bump("own_uploads", lambda p: off_rows(p, 0)),
    "shares with another blinder": bump("own_uploads", lambda p: off_rows(p, 10)),
    "combination of shares": bump("commit_share_combination", lambda points: shifted_points(points, 0)),
    "combination of other shares": bump("commit_share_combination", lambda points: shifted_points(points, 1)),
    "part of a sum": bump("sum_parts", plus_one),
    "part of the last sum": bump("sum_parts", lambda parts: plus_one(parts, 5)),
    "sealed sums": ("accept_sums", keep_back),
    "blinder of the sums": ("accept_sums", other_blinder),
    "accumulator": bump("commit_accumulator", lambda point: shifted_points(point, 0)),
    "quotient": bump("commit_quotient", lambda point: shifted_points(point, 0)),
    "own value": bump("own_values", false_value),
    "first share of a value": bump("share_values", lambda v: {i: ((a + 1) % R, b) for i, (a, b) in v.items()}),
    "second share of a value": bump("share_values", lambda v: {i: (a, (b + 1) % R) for i, (a, b) in v.items()}),
    "opening of the values": bump("values_opening", lambda point: shifted_points(point, 0)),
    "remainder": bump("remainder_part", plus_one),
    "shifted value": bump("shifted_part", plus_one),
    "opening": bump("opening_part", lambda point: shifted_points(point, 0)),
    "final part": bump("final_part", lambda point: shifted_points(point, 0)),
    "binding of the sums": bump("commit_sums", lambda point: shifted_points(point, 0)),
}
ABOUT_UNSHARED = {"own value", "opening of the values"}
BEFORE_SHIFTED = {
    "shares of other columns", "shares with another blinder", "combination of shares", "combination of other shares",
    "part of a sum", "part of the last sum", "sealed sums", "own value",
    "first share of a value", "second share of a value", "opening of the values", "remainder",
}


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("lie", list(LIES))
def test_m3_a_lying_contributor_is_caught_and_nothing_is_released(lie: str, liar: int) -> None:
    """Owners at 0 (opened columns among them) and 1; 2 holds shares only."""
    method, answer = LIES[lie]
    changed: list[bool] = []

    def told(prover: Contributor, *given: Any) -> Any:
        result = answer(prover, *given)
        changed.append(result is None or not (isinstance(result, dict) and not result))
        return result

    sample = two_tables_sample(3)
    owners = UNSHARED if lie in ABOUT_UNSHARED else SPLIT
    outcome = run_session(sample, owners, wrap=lying(liar, method, told))
    if not any(changed):  # the liar had nothing of its own to lie about in this message
        check_success(sample, outcome, 3)
        return
    honest_parties = {0, 1, 2} - {liar}
    for party in honest_parties:
        assert isinstance(outcome.results[party], ABANDONED), outcome.results[party]
    nothing_released(outcome, honest_parties)
    if lie in BEFORE_SHIFTED:
        assert "session/shifted" not in outcome.tags(*honest_parties)


@pytest.mark.parametrize("method", ["opening_part", "final_part"])
def test_a_lie_in_the_final_opening_gives_no_proof_and_no_row_parts(method: str) -> None:
    calls: list[int] = []

    def second(prover: Contributor, *given: Any) -> Any:
        calls.append(1)
        found = getattr(prover, method)(*given)
        return shifted_points(found, 0) if len(calls) == 2 else found

    outcome = run_session(two_tables_sample(3), SPLIT, wrap=lying(2, method, second))
    assert [type(outcome.results[party]) for party in (0, 1)] == [ProofRejectedError] * 2


def test_m13_a_bad_upload_names_its_owner() -> None:
    outcome = run_session(two_tables_sample(3), SPLIT, wrap=lying(1, *LIES["shares of other columns"]))
    for party in (0, 2):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert error.suspects == (1,)


@pytest.mark.parametrize(("lie", "check"), [
    ("combination of shares", "upload"), ("first share of a value", "share values"), ("binding of the sums", "bind"),
])
def test_two_holders_who_disagree_are_both_named(lie: str, check: str) -> None:
    outcome = run_session(two_tables_sample(3), SPLIT, wrap=lying(2, *LIES[lie]))
    for party in (0, 1):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert check in error.check
        assert 2 in error.suspects
        assert len(error.suspects) == 2


def test_m3_values_are_opened_unless_every_column_of_them_is_shared() -> None:
    """Shared ones were told alike by both holders, and bound."""
    for owners, asked in ((SPLIT, False), (UNSHARED, True)):
        sample = two_tables_sample(3)
        outcome = run_session(sample, owners)
        check_success(sample, outcome, 3)
        assert ("session/values/opening" in outcome.tags()) == asked


def test_wrong_row_parts_do_not_open_the_sealed_sums() -> None:
    """The session cannot see them; whoever adds them up does."""
    for change in (lambda parts: (plus_one(parts[0]), parts[1]), lambda parts: (parts[0], shifted_points(parts[1], 0))):
        sample = two_tables_sample(3)
        outcome = run_session(sample, SPLIT, wrap=lying(0, *bump("row_opening_parts", change)))
        sums, quotients = totals(outcome)
        points = decode_points(quotients)
        openings = [(v, value, points[v]) for v, value in enumerate(sums)]
        proof = outcome.proof()
        with pytest.raises(ProofRejectedError, match="row opening"):
            verify_row_openings(sample.srs.tau_g2, 3, proof.sums, openings)  # type: ignore[arg-type]


def test_m14_released_parts_are_masked() -> None:
    """A party's part is not its component of the sums, which a partner in crime of the agency could compare."""
    sample = two_tables_sample(3)
    outcome = run_session(sample, SPLIT)
    count = len(sample.relation.sum_forms)
    for party in range(3):
        result = outcome.results[party]
        assert isinstance(result, SessionResult)
        values, points = outcome.provers[party].row_opening_parts(range(count), FR.zeros(count), FR.zeros(count))
        for raw, part in ((values, result.values), (points, result.quotients)):
            assert not (raw == part).all(axis=1).any()
    with pytest.raises(ProtocolStateError):
        Contributor(sample.statement, sample.srs, 2, column_owners(sample.relation, SPLIT), {}).row_opening_parts(
            [0], FR.zeros(1), FR.zeros(1)
        )


# --- lies inside the engine ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["sums", "remainder", "remainder/product"])
@pytest.mark.parametrize("liar", [0, 1, 2])
def test_m3_consistent_errors_in_shared_arithmetic_are_caught(
    label: str, liar: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LyingEngine(Engine):
        def reshare(self, additive: AdditiveShare, name: str, *, index: int = 0) -> ReplicatedShare:
            if name == label:
                additive = AdditiveShare(additive.party, plus_one(additive.values))
            return super().reshare(additive, name, index=index)

    def engine(ring: Any, channel: Any, *rest: Any, **named: Any) -> Engine:
        return (LyingEngine if channel.party == liar else Engine)(ring, channel, *rest, **named)

    monkeypatch.setattr(services.party.session, "Engine", engine)
    outcome = run_session(two_tables_sample(3), SPLIT)
    for party in {0, 1, 2} - {liar}:
        error = outcome.results[party]
        assert isinstance(error, ABANDONED)
    nothing_released(outcome, {0, 1, 2} - {liar})
    assert "session/shifted" not in outcome.tags()


def test_m2_sums_exchanged_after_the_proof_do_not_pass_the_disclosure_check() -> None:
    """The check runs on the shares that were proved: a party that swaps its shares then is contradicted."""

    class Swapping(JointSession):
        def _bind_sums(self, proof: Any) -> None:
            self._sums = ReplicatedShare(self._party, plus_one(self._sums.first), plus_one(self._sums.second))
            super()._bind_sums(proof)

    outcome = run_session(two_tables_sample(3), SPLIT, session=lambda p: Swapping if p == 1 else JointSession)
    for party in (0, 2):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert "bind" in error.check
    nothing_released(outcome, {0, 2})


# --- every message, changed on its way -----------------------------------------------------------------------------


def tampered(payload: bytes) -> bytes:
    """Another well-formed message where that is possible: the first point or the last scalar more by one."""
    if payload and len(payload) % 64 == 0:
        try:
            return points_to_bytes(shifted_points(points_from_bytes(payload), 0))
        except (PointNotOnCurveError, NonCanonicalEncodingError):
            pass
    return payload[:-1] + bytes([payload[-1] ^ 1])


@pytest.mark.parametrize("owners", [SPLIT, UNSHARED], ids=["all shared", "one unshared"])
def test_every_message_changed_on_its_way_is_noticed(owners: dict[int, int]) -> None:
    """Each tag of an honest run, from a rotating liar, to both peers and to one of them."""
    sample = two_tables_sample(3)
    tags = sorted({tag for *_, tag, _ in run_session(sample, owners).messages})
    assert len(tags) > 30
    tried = 0
    for number, tag in enumerate(tags):
        for victims in ({0, 1, 2}, {number % 3}):
            liar = next((p for p in ((number + 1) % 3, (number + 2) % 3, number % 3) if p not in victims), number % 3)
            hit: list[int] = []

            def tamper(sender: int, receiver: int, name: str, payload: bytes, *, tag: str = tag, liar: int = liar,
                       victims: set[int] = victims, hit: list[int] = hit) -> bytes:
                if sender == liar and name == tag and receiver in victims:
                    hit.append(receiver)
                    return tampered(payload)
                return payload

            outcome = run_session(sample, owners, tamper=tamper)
            if not hit:
                check_success(sample, outcome, 3)
                continue
            tried += 1
            for party in set(range(3)) - {liar}:
                result = outcome.results[party]
                # who got the true last message of all holds a valid proof; the others must not
                valid_last = tag == "session/final/final" and party not in hit
                if isinstance(result, SessionResult) and valid_last:
                    verify_proof(sample.srs.tau_g2, sample.statement, result.proof)
                    continue
                assert isinstance(result, ABANDONED), (tag, liar, victims, result)
    assert tried > 40


GARBAGE: Sequence[bytes] = (b"", b"\0" * 64, b"\xff" * 64, b"\1" * 63, b"\0" * 6400)


@pytest.mark.parametrize("tag", ["session/round1", "session/values", "session/shifted", "session/bind",
                                 "session/digest", "session/quotient", "Fr/0/reshare/0/sums"])
def test_garbage_is_a_typed_error(tag: str) -> None:
    for garbage in GARBAGE:
        outcome = run_session(
            two_tables_sample(3), SPLIT,
            tamper=lambda sender, receiver, name, payload, g=garbage: g if sender == 2 and name == tag else payload,
        )
        for party in (0, 1):
            assert isinstance(outcome.results[party], ABANDONED), (tag, garbage, outcome.results[party])
        nothing_released(outcome, {0, 1})


@pytest.mark.parametrize("tag", ["session/round1", "session/accumulator", "session/quotient", "session/bind",
                                 "session/values/opening", "session/first/opening", "session/first/final"])
def test_a_party_that_waits_and_cancels_everyones_points_is_noticed(tag: str) -> None:
    """It answers with minus the others' sum: infinity, which no proof may contain."""
    messages: list[tuple[int, int, str, bytes]] = []

    def tamper(sender: int, receiver: int, name: str, payload: bytes) -> bytes:
        messages.append((sender, receiver, name, payload))
        if sender != 2 or name != tag:
            return payload
        parts: dict[int, bytes] = {}
        deadline = time.monotonic() + 10
        while len(parts) < 2 and time.monotonic() < deadline:
            parts = {source: data for source, _, found, data in list(messages) if found == tag and source != 2}
            time.sleep(0.001)
        first, second = (points_from_bytes(data) for data in parts.values())
        return points_to_bytes(neg_points(add_points(first, second)))

    outcome = run_session(two_tables_sample(3), UNSHARED, tamper=tamper)
    assert tag in outcome.tags()
    for party in (0, 1):
        assert isinstance(outcome.results[party], (*ABANDONED, ProtocolStateError)), outcome.results[party]
    nothing_released(outcome, {0, 1})
