"""Joint proofs with lookups, cells and columns that nobody owns: the plain sums, cells suppressed, lies caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_harness import check_success, lying, no_history, nothing_released, run_session
from joint_samples import (
    CODES,
    LOG_ROWS,
    SAMPLES,
    lookups_sample,
    mixed_groups_sample,
    mixed_sample,
    one_group_sample,
    owners,
    two_groups_sample,
)
from relations import ALL_KINDS
from samples import Sample
from samples import sample as make_sample

from mpc.channel import LoopbackNetwork
from mpc.errors import MpcError
from mpc.replicated import Engine
from mpc.shares import AdditiveShare, ReplicatedShare
from services.errors import DisclosureRefusedError
from services.party import session as session_module
from services.party.session import (
    ContributionRejectedError,
    JointSession,
    SessionPlan,
    SessionResult,
    session_id,
)
from zk.curve import GENERATOR, add_points, points_from_bytes, points_to_bytes
from zk.errors import ProofRejectedError, RelationInvalidError, WitnessUnsatisfiedError
from zk.field import FR, Words
from zk.owners import column_owners
from zk.prover import Contributor

PARTIES = [(0, 1, 2), (2, 0, 1), (1, 2, 0)]
ABANDONED = (ContributionRejectedError, ProofRejectedError, MpcError)


@pytest.mark.parametrize("parties", PARTIES)
@pytest.mark.parametrize("name", list(SAMPLES))
def test_the_proved_sums_are_the_plain_ones(name: str, parties: tuple[int, ...]) -> None:
    sample = SAMPLES[name]()
    outcome = run_session(sample, owners(sample, parties), minimum=0)
    check_success(sample, outcome, 0)


@pytest.mark.parametrize("name", [name for name, make in ALL_KINDS.items() if not make().relation.plain])
def test_the_small_relations_of_the_proof_tests(name: str) -> None:
    sample = ALL_KINDS[name](2)
    minimum = sample.statement.minimum or 0
    check_success(sample, run_session(sample, owners(sample, (1, 2, 0)), minimum=minimum), minimum)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(list(SAMPLES)), st.integers(2, 2**32), st.permutations(range(3)))
def test_random_columns(name: str, seed: int, parties: list[int]) -> None:
    sample = SAMPLES[name](seed)
    check_success(sample, run_session(sample, owners(sample, parties), minimum=0), 0)


def test_plain_sums_have_no_joint_proof() -> None:
    """M1: nobody's sums stand in a statement unless all columns are his."""
    sample = ALL_KINDS["grouped, plain"]()
    split = column_owners(sample.relation, owners(sample))
    plan = SessionPlan(sample.statement, split, 3, session_id(bytes(32), 1), 1, sample.srs.tau_g2)
    prover = Contributor(sample.statement, sample.srs, 0, split, sample.secrets)
    with pytest.raises(RelationInvalidError, match="M1"):
        JointSession(plan, LoopbackNetwork(3, plan.session, 1).channels[0], prover, lambda: None, audit=no_history)
    with pytest.raises(RelationInvalidError, match="M1"):
        Contributor(sample.statement, sample.srs, 1, split, {})


def test_a_value_out_of_range_never_starts() -> None:
    sample = lookups_sample(top=1 << LOG_ROWS)
    with pytest.raises(WitnessUnsatisfiedError):
        Contributor(
            sample.statement, sample.srs, 1, column_owners(sample.relation, owners(sample)),
            {3: sample.secrets[3], 4: sample.secrets[4]},
        )  # fmt: skip


def test_messages_that_a_relation_has_no_need_of_are_not_sent() -> None:
    without = run_session(SAMPLES["a column that nobody owns"](), {1: 0, 2: 0, 3: 0, 4: 0}, minimum=0).tags()
    assert not any("input" in tag or "uploads" in tag or "cells" in tag or "mixed" in tag for tag in without)
    mixed = run_session(mixed_sample(), owners(mixed_sample()), minimum=0).tags()
    assert any("mixed/6" in tag for tag in mixed)
    assert not any("cells" in tag or "digest/round2" in tag or "uploads/round2" in tag for tag in mixed)


# --- disclosure, cell by cell --------------------------------------------------------------------------------------


def counted(sample: Sample) -> dict[int, list[int]]:
    """Guards of every cell."""
    relation, sums = sample.relation, sample.sums()
    return {cell: [sums[guard * relation.cells + cell] for guard in sorted(set(relation.guards))]
            for cell in range(relation.cells)}  # fmt: skip


@pytest.mark.parametrize("make", [two_groups_sample, mixed_groups_sample])
def test_m5_cells_below_the_minimum_are_suppressed_and_never_opened(make: Callable[[], Sample]) -> None:
    sample = make()
    counts = {cell: guards[0] for cell, guards in counted(sample).items()}
    minimum = sorted(counts.values())[len(counts) // 2]
    suppressed = frozenset(cell for cell, count in counts.items() if count < minimum)
    assert 0 < len(suppressed) < len(counts)
    outcome = run_session(sample, owners(sample), minimum=minimum)
    check_success(sample, outcome, minimum, suppressed)
    guards = [payload for *_, tag, payload in outcome.messages if "guards/opened" in tag and len(payload) != 32]
    assert {len(payload) for payload in guards} <= {32 * (len(counts) - len(suppressed))}


def test_m5_two_guards_of_a_cell_that_nearly_agree_suppress_it() -> None:
    """One person of the first cell is unknown to B: the difference of its two counts is that person."""
    sample = one_group_sample()
    near = one_group_sample_without_one_person()
    assert len(CODES) == sample.relation.cells
    check_success(sample, run_session(sample, owners(sample), minimum=3), 3)
    check_success(near, run_session(near, owners(near), minimum=3), 3, frozenset({0}))


def one_group_sample_without_one_person() -> Sample:
    whole = one_group_sample()
    columns = {place: list(rows) for place, rows in whole.columns.items()}
    columns[3][columns[1].index(CODES[0])] = 0
    return make_sample(whole.relation, columns)


def test_m5_a_result_with_no_cell_left_is_refused() -> None:
    sample = two_groups_sample()
    minimum = max(guards[0] for guards in counted(sample).values()) + 1
    outcome = run_session(sample, owners(sample), minimum=minimum)
    assert [type(result) for result in outcome.results] == [DisclosureRefusedError] * 3
    assert not any("guards/opened" in tag or tag.startswith("session/final") for tag in outcome.tags())


# --- lies ----------------------------------------------------------------------------------------------------------


def plus_one(values: Words, place: int = 0) -> Words:
    out = values.copy()
    out[place : place + 1] = FR.add(out[place : place + 1], FR.from_integers([1]))
    return out


def other_point(points: Words, place: int = 0) -> Words:
    out = points.copy()
    out[place : place + 1] = add_points(out[place : place + 1], GENERATOR)
    return out


def uploads_changed(wanted: Callable[[Any], bool], place: int) -> Callable[..., Any]:
    """Share something else than what the column is, consistently."""

    def answer(prover: Contributor, stage: int) -> dict[int, Words]:
        shared = prover.own_uploads(stage)
        return {n: plus_one(x, place) if wanted(prover.uploads[n]) else x for n, x in shared.items()}

    return answer


def abandoned(outcome: Any, liar: int, *, before_shifted: bool = True) -> None:
    honest = {0, 1, 2} - {liar}
    for party in honest:
        assert isinstance(outcome.results[party], ABANDONED), outcome.results[party]
    nothing_released(outcome, honest)
    if before_shifted:
        assert "session/shifted" not in outcome.tags(*honest)


def suspects(outcome: Any, liar: int) -> set[tuple[int, ...]]:
    return {outcome.results[party].suspects for party in {0, 1, 2} - {liar}}


@pytest.mark.parametrize("place", [0, 7])
def test_m13_a_wrong_cell_column_is_caught_and_its_owner_named(place: int) -> None:
    """Else A could add B's number of one person to a cell, see whether the attempt fails, and learn if it is 0."""
    sample = one_group_sample()
    answer = uploads_changed(lambda upload: upload.codes == CODES[:1], place)
    outcome = run_session(sample, owners(sample), minimum=0, wrap=lying(0, "own_uploads", answer))
    abandoned(outcome, 0)
    assert suspects(outcome, 0) == {(0,)}
    assert "cells" in outcome.results[1].check
    assert "session/digest" not in outcome.tags(1, 2)


def test_m13_a_wrong_cell_column_that_changes_no_sum_is_caught_too() -> None:
    """B's number is 0 there: the sums are right, and without the check the attempt would succeed and tell it."""
    whole = one_group_sample()
    columns = {place: list(rows) for place, rows in whole.columns.items()}
    columns[3][4] = columns[4][4] = 0
    given_sample = make_sample(whole.relation, columns)
    wanted = lambda upload: upload.codes == CODES[:1]  # noqa: E731
    outcome = run_session(given_sample, owners(given_sample), minimum=0,
                          wrap=lying(0, "own_uploads", uploads_changed(wanted, 4)))  # fmt: skip
    abandoned(outcome, 0)
    assert suspects(outcome, 0) == {(0,)}


def test_m13_wrong_cells_of_a_group_inverse_are_caught() -> None:
    """Column 8 of this relation is the inverse itself, which is 1/β outside its groups."""
    sample = ALL_KINDS["two groups"]()
    wanted = lambda upload: upload.codes is not None and upload.column == 8  # noqa: E731
    split = owners(sample)
    check_success(sample, run_session(sample, split, minimum=0), 0)
    outcome = run_session(sample, split, minimum=0, wrap=lying(1, "own_uploads", uploads_changed(wanted, 0)))
    abandoned(outcome, 1)
    assert suspects(outcome, 1) == {(1,)}


def test_m13_a_wrong_upload_of_round_2_is_caught() -> None:
    """Everybody masks the commitments of round 2, so nobody can be named."""
    sample = one_group_sample()
    for place in (0, 1 << LOG_ROWS):
        answer = uploads_changed(lambda upload: upload.stage == 2, place)
        outcome = run_session(sample, owners(sample), minimum=0, wrap=lying(0, "own_uploads", answer))
        abandoned(outcome, 0)
        assert suspects(outcome, 0) == {(0, 1, 2)}
        assert "binding" in outcome.results[1].check
        assert "cells/opened" not in " ".join(outcome.tags(1, 2))


def test_m13_a_wrong_upload_of_a_registered_column_names_its_owner() -> None:
    sample = one_group_sample()
    answer = uploads_changed(lambda upload: upload.column == 4, 0)
    outcome = run_session(sample, owners(sample), minimum=0, wrap=lying(1, "own_uploads", answer))
    abandoned(outcome, 1)
    assert suspects(outcome, 1) == {(1,)}


def keep_other(component: int) -> Callable[..., Any]:
    """Go on with another component of a mixed column than the one that was reshared."""

    def answer(prover: Contributor, column: int, rows: tuple[Words, Words], blinders: Any) -> None:
        changed = tuple(plus_one(x, 3) if k == component else x for k, x in enumerate(rows))
        prover.accept_mixed(column, changed, blinders)  # type: ignore[arg-type]

    return answer


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("component", [0, 1])
def test_a_wrong_share_of_a_mixed_column_is_caught_and_both_holders_are_named(component: int, liar: int) -> None:
    sample = mixed_sample()
    outcome = run_session(sample, owners(sample), minimum=0, wrap=lying(liar, "accept_mixed", keep_other(component)))
    abandoned(outcome, liar)
    (pair,) = suspects(outcome, liar)
    assert liar in pair
    assert len(pair) == 2


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_a_wrong_part_of_a_mixed_column_is_caught(liar: int) -> None:
    """All hold consistent shares of a wrong product: only the test of r(ζ) tells."""
    sample = mixed_groups_sample()
    answer = lambda prover, column: plus_one(prover.mixed_part(column), 5)  # noqa: E731
    outcome = run_session(sample, owners(sample), minimum=0, wrap=lying(liar, "mixed_part", answer))
    abandoned(outcome, liar)
    assert all("r(zeta)" in outcome.results[party].check for party in {0, 1, 2} - {liar})


@pytest.mark.parametrize("name", list(SAMPLES))
@pytest.mark.parametrize("method", ["commit_round1", "commit_round2"])
def test_a_wrong_commitment_of_either_round_is_caught(method: str, name: str) -> None:
    sample = SAMPLES[name]()
    answer = lambda prover, masks: other_point(getattr(prover, method)(masks))  # noqa: E731
    if method == "commit_round2" and not sample.relation.round2_count:
        pytest.skip("nothing is committed in round 2")
    outcome = run_session(sample, owners(sample), minimum=0, wrap=lying(2, method, answer))
    abandoned(outcome, 2, before_shifted=False)


def test_a_multiplicity_too_many_is_caught() -> None:
    """m is everybody's: a party without lookups may add a count, but the table's side then does not fit."""
    sample = lookups_sample()

    def more(prover: Contributor, masks: Words) -> Words:
        column = sample.relation.multiplicity_index
        prover._columns._own(column, plus_one(prover._columns.row_values(column), 2))
        return prover.commit_round1(masks)

    outcome = run_session(sample, owners(sample), minimum=0, wrap=lying(2, "commit_round1", more))
    abandoned(outcome, 2)


def test_different_transcripts_of_round_2_stop_before_the_cells_are_opened() -> None:
    """A liar who tells two honest parties different commitments would have them weigh the cells differently."""
    sample = one_group_sample()

    def tamper(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        if (sender, receiver, tag) != (2, 1, "session/round2"):
            return payload
        return points_to_bytes(other_point(points_from_bytes(payload), 0))

    outcome = run_session(sample, owners(sample), minimum=0, tamper=tamper)
    for party in (0, 1):
        assert isinstance(outcome.results[party], ABANDONED)
    assert not any("cells/opened" in tag for tag in outcome.tags(0, 1))


@pytest.mark.parametrize("label", ["mixed/6", "upload/1", "upload/2"])
def test_consistent_errors_in_sharing_are_caught(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class LyingEngine(Engine):
        def reshare(self, additive: AdditiveShare, name: str, *, index: int = 0) -> ReplicatedShare:
            if name == label:
                additive = AdditiveShare(additive.party, plus_one(additive.values))
            return super().reshare(additive, name, index=index)

        def share_input(self, owner: int, x: Words | None, name: str, n: int, *, index: int = 0) -> ReplicatedShare:
            if name == label and x is not None:
                x = plus_one(x)
            return super().share_input(owner, x, name, n, index=index)

    def engine(ring: Any, channel: Any, *rest: Any, **named: Any) -> Engine:
        return (LyingEngine if channel.party == liar else Engine)(ring, channel, *rest, **named)

    liar = 2 if label == "upload/2" else 0  # uploads: 0 a column of B, 1 one of A, 2 a cell column of C
    monkeypatch.setattr(session_module, "Engine", engine)
    sample = mixed_groups_sample()
    abandoned(run_session(sample, owners(sample), minimum=0), liar)


def test_m2_rows_swapped_between_cells_after_the_proof_do_not_pass() -> None:
    """A liar that would move a small cell's count to another in the check is contradicted by what was proved."""

    class Swapping(JointSession):
        def _bind_sums(self, proof: Any) -> None:
            order = list(reversed(range(len(self._sums))))
            self._sums = ReplicatedShare(self._party, self._sums.first[order], self._sums.second[order])
            super()._bind_sums(proof)

    sample = two_groups_sample()
    outcome = run_session(sample, owners(sample), minimum=0, session=lambda p: Swapping if p == 1 else JointSession)
    for party in (0, 2):
        assert not isinstance(outcome.results[party], SessionResult)
        assert "bind" in outcome.results[party].check
    nothing_released(outcome, {0, 2})
