"""Owners outside the three parties in a joint session: the same proof and sums as with owners inside, their lies are
caught, what disclosure rules close stays closed for them too, and no party sees anything of their columns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

for folder in ("zk", "query", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from joint_harness import Lying, check_success, lying, nothing_released, run_session  # noqa: E402
from relations import (  # noqa: E402
    everything_sample,
    grouped_sample,
    hidden_everything_sample,
    hidden_sample,
    ranged_sample,
    two_groups_sample,
)
from samples import Sample, masked_sum_sample, random_sample, two_tables_sample  # noqa: E402
from test_session_lies import bump, false_value, off_rows, plus_one, shifted_points  # noqa: E402

from mpc.errors import ChannelClosedError, MpcError, ProtocolStateError, ShareMismatchError  # noqa: E402
from query.dominance import DominanceChecks  # noqa: E402
from services.convert import encode_release  # noqa: E402
from services.errors import ContributionRejectedError, DisclosureRefusedError  # noqa: E402
from services.party.outside_session import OutsideSession  # noqa: E402
from services.party.session import JointSession, SessionPlan, session_id  # noqa: E402
from services.party.session_plan import SHOWN_TAG, VERDICT_TAG  # noqa: E402
from zk.errors import ProofRejectedError, RelationInvalidError  # noqa: E402
from zk.field import FR  # noqa: E402
from zk.owners import column_owners  # noqa: E402

IN_OUT = {1: 0, 2: 0, 3: 3, 4: 3}
OUT_OUT = {1: 3, 2: 3, 3: 4, 4: 4}
UNSHARED = {1: 3, 2: 3, 3: 3, 4: 1}
"""Here an opened column is the outside owner's alone; in the others all are shared."""
ABANDONED = (ContributionRejectedError, ProofRejectedError, MpcError)

SPLITS: dict[str, tuple[Callable[[], Sample], dict[int, int]]] = {
    "one inside, one outside": (lambda: two_tables_sample(4), IN_OUT),
    "two outside": (lambda: two_tables_sample(4), OUT_OUT),
    "one outside owns all": (lambda: two_tables_sample(4), dict.fromkeys(range(1, 5), 5)),
    "one table of an outside owner": (masked_sum_sample, {1: 4, 2: 4, 3: 4}),
    "lookups of three owners, two outside": (lambda: ranged_sample(2), {1: 3, 2: 0, 3: 4}),
    "group, mask and sums of three outside": (lambda: grouped_sample(2), {1: 3, 2: 4, 3: 5}),
    "groups of an inside and an outside owner": (two_groups_sample, {1: 3, 2: 3, 3: 3, 4: 1, 5: 1}),
    "hidden guards of two outside": (hidden_sample, {1: 3, 2: 4, 3: 4}),
    "hidden guards, hints, lookups, a mixed witness": (hidden_everything_sample, {1: 3, 2: 1, 3: 4, 4: 1}),
    "hints, lookups, group, a mixed witness": (everything_sample, {1: 0, 2: 3, 3: 2, 4: 3}),
}


def minimum_of(sample: Sample) -> int:
    return sample.statement.minimum or 1


@pytest.mark.parametrize("name", list(SPLITS))
def test_the_proved_sums_are_the_plain_ones(name: str) -> None:
    make, owners = SPLITS[name]
    sample = make()
    outcome = run_session(sample, owners, minimum=minimum_of(sample))
    check_success(sample, outcome, minimum_of(sample))
    outside = sorted({owner for owner in owners.values() if owner > 2})
    assert sorted(outcome.outside) == outside
    for owner in outside:
        assert outcome.stages[owner] == ["seeds", "shares", "sums", "commitments", "quotient", "evaluations", "opening",
                                         "checks", "final"]  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 5), st.integers(1, 3), st.permutations(range(6)))
def test_random_relations_over_random_splits(seed: int, log_rows: int, datasets: int, members: list[int]) -> None:
    sample = random_sample(Random(seed), log_rows, datasets)
    owners = {i: members[column.dataset - 1] for i, column in enumerate(sample.relation.registered, start=1)}
    check_success(sample, run_session(sample, owners, minimum=0), 0)


def test_two_attempts_share_no_message() -> None:
    """Fresh seeds, masks and blinders each time (M4): only verdicts repeat, and what the sums are."""
    runs = [run_session(two_tables_sample(3), OUT_OUT, attempt=attempt) for attempt in (1, 2)]
    first, second = ({(tag, payload) for *_, tag, payload in run.messages if len(payload) > 1} for run in runs)
    assert {tag for tag, _ in first & second} <= {VERDICT_TAG, SHOWN_TAG}


def test_the_spent_mark_of_an_outside_owner_comes_before_its_first_value() -> None:
    sample = two_tables_sample(3)
    outcome = run_session(sample, UNSHARED)
    check_success(sample, outcome, 3)
    sent = [tag for sender, _, tag, _ in outcome.messages if sender == 3]
    (at,) = outcome.spent[3]
    assert "session/digest" in sent[:at]
    assert not {"session/values", "session/shifted"} & set(sent[:at])
    assert "session/values" in sent[at:]


# --- what leaves an outside owner, and what it is told --------------------------------------------------------------


def test_an_outside_owner_tells_the_parties_inputs_and_everybody_masked_parts() -> None:
    """No column, sum or part of one leaves it otherwise; to another outside owner it sends public parts alone."""
    outcome = run_session(two_tables_sample(3), OUT_OUT)
    to_parties = {tag for sender, to, tag, _ in outcome.messages if sender == 3 and to < 3}
    to_owner = {tag for sender, to, tag, _ in outcome.messages if (sender, to) == (3, 4)}
    assert all(tag.startswith(("outside/", "session/")) for tag in to_parties)
    assert to_owner == {tag for tag in to_parties if tag.startswith("session/")}
    assert {"outside/seeds", f"outside/{FR.name}/input/sums", f"outside/{FR.name}/input/remainder"} <= to_parties
    received = {tag for _, to, tag, _ in outcome.messages if to == 3}
    assert all(tag.startswith("session/") for tag in received)
    assert not any("bind" in tag or "uploads" in tag or "guards" in tag for tag in received)


def test_no_message_to_a_party_is_a_column_or_a_part_of_a_sum() -> None:
    sample = two_tables_sample(3)
    outcome = run_session(sample, OUT_OUT)
    plain = [FR.encode_bytes(FR.from_integers(list(rows))) for rows in sample.columns.values()]
    secret = {plain_rows[at : at + 32] for plain_rows in plain for at in range(0, len(plain_rows), 32)}
    secret |= {FR.encode_bytes(FR.from_integers([total])) for total in sample.sums()}
    secret -= {bytes(32)}
    for sender, _, tag, payload in outcome.messages:
        if sender > 2 and "seeds" not in tag:
            words = {payload[at : at + 32] for at in range(0, len(payload), 32)}
            assert not words & secret, tag


# --- disclosure ------------------------------------------------------------------------------------------------------


def test_m5_a_guard_below_the_minimum_is_refused_for_outside_owners_too() -> None:
    sample = two_tables_sample(3)
    guard = sample.sums()[0]
    outcome = run_session(sample, OUT_OUT, minimum=guard + 1)
    for found in (*outcome.results, *outcome.outside.values()):
        assert isinstance(found, DisclosureRefusedError)
    assert not any("guards/opened" in tag or tag.startswith("session/final") for tag in outcome.tags())
    assert SHOWN_TAG not in outcome.tags()
    check_success(sample, run_session(sample, OUT_OUT, minimum=guard), guard)


def test_cells_below_the_minimum_stay_closed() -> None:
    make, owners = SPLITS["group, mask and sums of three outside"]
    sample = make()
    cells = sample.relation.cells
    sums = sample.sums()
    guards = [sums[sample.relation.guard_row(cell)] for cell in range(cells)]
    minimum = max(guards)
    assert min(guards) < minimum
    small = frozenset(cell for cell, guard in enumerate(guards) if guard < minimum)
    check_success(sample, run_session(sample, owners, minimum=minimum), minimum, small)


def told(changed: Mapping[tuple[int, str], Callable[[bytes], bytes]]) -> Callable[[int, int, str, bytes], bytes]:
    """A party that tells outside owners something else."""

    def tamper(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        change = changed.get((sender, tag))
        return payload if change is None or receiver < 3 else change(payload)

    return tamper


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize(("tag", "change"), [
    (VERDICT_TAG, lambda payload: b""),
    (VERDICT_TAG, lambda payload: bytes(len(payload))),
    (VERDICT_TAG, lambda payload: encode_release(1)),
    (SHOWN_TAG, lambda payload: payload[:-1] + bytes([payload[-1] ^ 1])),
    (SHOWN_TAG, lambda payload: b""),
])  # fmt: skip
def test_a_party_that_tells_an_outside_owner_something_else_is_noticed(
    liar: int, tag: str, change: Callable[[bytes], bytes]
) -> None:
    outcome = run_session(two_tables_sample(3), OUT_OUT, tamper=told({(liar, tag): change}))
    for owner in (3, 4):
        assert isinstance(outcome.outside[owner], ContributionRejectedError | ChannelClosedError)
    assert any(isinstance(found, ContributionRejectedError) for found in outcome.outside.values())
    assert not any(tag.startswith("session/final") for tag in outcome.tags(3, 4))


@pytest.mark.parametrize("word", [0, 1, 1 << 200, (1 << 256) - 1, 0b111110, b"x", b"\0" * 31])
def test_a_verdict_that_no_rule_gives_is_refused_even_if_all_parties_tell_it(word: int | bytes) -> None:
    """A sum alone, sums that do not exist, public sums that nobody asked for, no release word at all."""
    payload = word if isinstance(word, bytes) else encode_release(word)
    sample = two_tables_sample(3)
    assert word != (1 << sample.relation.sum_rows) - 1
    outcome = run_session(sample, OUT_OUT, tamper=told({(p, VERDICT_TAG): lambda _: payload for p in range(3)}))
    for owner in (3, 4):
        assert isinstance(outcome.outside[owner], ContributionRejectedError | ChannelClosedError)
    assert not any(tag.startswith("session/final") for tag in outcome.tags(3, 4))


def test_an_outside_owner_gives_no_part_to_a_sum_that_stays_closed() -> None:
    """The parties have not compiled the dominance rules it has, and would let a sum out that serves one only."""
    sample = two_tables_sample(3)
    closed = DominanceChecks(closed=frozenset({sample.relation.sum_rows - 1}))
    outcome = run_session(sample, IN_OUT, dominance=lambda party: closed if party == 3 else DominanceChecks())
    assert isinstance(outcome.outside[3], ContributionRejectedError)
    nothing = [tag for sender, _, tag, _ in outcome.messages if sender == 3 and tag.startswith("session/final")]
    assert nothing == []


# --- lies ------------------------------------------------------------------------------------------------------------

LIES: dict[str, tuple[str, Callable[..., Any]]] = {
    "witness commitment": bump("commit_round1", lambda points: shifted_points(points, 0)),
    "another's witness commitment": bump("commit_round1", lambda points: shifted_points(points, 2)),
    "commitment of the sums": bump("commit_round1", lambda points: shifted_points(points, len(points) - 1)),
    "shares of other columns": bump("own_uploads", lambda p: off_rows(p, 0)),
    "shares with another blinder": bump("own_uploads", lambda p: off_rows(p, 10)),
    "part of a sum": bump("sum_parts", plus_one),
    "part of the last sum": bump("sum_parts", lambda parts: plus_one(parts, 5)),
    "accumulator": bump("commit_accumulator", lambda point: shifted_points(point, 0)),
    "quotient": bump("commit_quotient", lambda point: shifted_points(point, 0)),
    "own value": bump("own_values", false_value),
    "opening of the values": bump("values_opening", lambda point: shifted_points(point, 0)),
    "remainder": bump("remainder_part", plus_one),
    "shifted value": bump("shifted_part", plus_one),
    "opening": bump("opening_part", lambda point: shifted_points(point, 0)),
    "final part": bump("final_part", lambda point: shifted_points(point, 0)),
}
ABOUT_UNSHARED = {"own value", "opening of the values"}
BEFORE_SHIFTED = {"shares of other columns", "shares with another blinder", "part of a sum", "part of the last sum",
                  "own value", "opening of the values", "remainder"}  # fmt: skip


@pytest.mark.parametrize("lie", list(LIES))
def test_m3_a_lying_outside_owner_is_caught_and_nothing_is_released(lie: str) -> None:
    method, answer = LIES[lie]
    sample = two_tables_sample(3)
    owners = UNSHARED if lie in ABOUT_UNSHARED else {1: 3, 2: 3, 3: 4, 4: 1}
    outcome = run_session(sample, owners, wrap=lying(3, method, answer))
    honest = {0, 1, 2} | {owner for owner in owners.values() if owner > 3}
    nothing_released(outcome, honest)
    for party in range(3):
        assert isinstance(outcome.results[party], ABANDONED), outcome.results[party]
    named = [found for found in outcome.results if isinstance(found, ContributionRejectedError)]
    assert all(3 in found.suspects for found in named)
    if lie in BEFORE_SHIFTED:
        assert "session/shifted" not in outcome.tags(0, 1, 2)
    check_success(sample, run_session(sample, owners, wrap=lambda p, c: Lying(c, "nothing", answer)), 3)


@pytest.mark.parametrize("column", [1, 2])
def test_m13_shares_of_something_else_name_the_outside_owner(column: int) -> None:
    lie = lying(4, *bump("own_uploads", lambda p: off_rows(p, column)))
    outcome = run_session(two_tables_sample(3), OUT_OUT, wrap=lie)
    for party in range(3):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert 4 in error.suspects
    closed = ("session/values", "shifted", "remainder", "guards", "final")
    assert not any(mark in tag for tag in outcome.tags(0, 1, 2, 3) for mark in closed)


def test_a_cell_column_of_an_outside_owner_that_is_no_restriction_is_noticed() -> None:
    """Cells are shared before the challenge and stand in no commitment."""
    sample = two_groups_sample()
    owners = {1: 3, 2: 3, 3: 3, 4: 1, 5: 1}
    honest = run_session(sample, owners, minimum=1)
    cells = [upload.number for upload in honest.provers[0].uploads if upload.codes is not None and upload.owner == 3]
    assert cells

    def other_cells(prover: Any, stage: int) -> Any:
        mine = prover.own_uploads(stage)
        return {n: plus_one(rows) if n in cells else rows for n, rows in mine.items()}

    outcome = run_session(sample, owners, minimum=1, wrap=lying(3, "own_uploads", other_cells))
    nothing_released(outcome, {0, 1, 2})
    assert any(isinstance(found, ContributionRejectedError) and 3 in found.suspects for found in outcome.results)
    assert "session/digest" not in outcome.tags(0, 1, 2)


@pytest.mark.parametrize("victim", [0, 2])
@pytest.mark.parametrize("label", ["sums", "remainder", "upload/"])
def test_an_outside_owner_that_enters_two_things_is_noticed_before_anything_is_opened(victim: int, label: str) -> None:
    """The holders of a component get different ones: confirmed among them before the next opening."""

    def tamper(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        chosen = (sender, receiver) == (3, victim) and f"/input/{label}" in tag
        return FR.encode_bytes(plus_one(FR.decode_bytes(payload))) if chosen else payload

    outcome = run_session(two_tables_sample(3), OUT_OUT, tamper=tamper)
    nothing_released(outcome, {0, 1, 2, 4})
    assert any(isinstance(found, ShareMismatchError) and "of owner 3" in str(found) for found in outcome.results)
    closed = ("shifted", "remainder/opened") if label == "remainder" else ("session/round1", "session/values", "bind")
    assert not any(mark in tag for tag in outcome.tags(0, 1, 2) for mark in closed)


def test_a_party_that_unmasks_its_part_for_an_outside_owner_gets_no_further() -> None:
    """A share of zero that is not the owner's shows in the sums it masks: no proof, nothing released."""

    class Unmasked(OutsideSession):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            self._messages._zero = lambda label, count: FR.zeros(count)

    outcome = run_session(two_tables_sample(3), IN_OUT, outsider=lambda owner: Unmasked)
    nothing_released(outcome, {0, 1, 2})


# --- members that stop, and sessions of others -----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["own_uploads", "sum_parts", "commit_round1", "commit_quotient", "own_values",
                                    "remainder_part", "opening_part"])  # fmt: skip
def test_an_outside_owner_that_stops_midway_is_a_typed_error(method: str) -> None:
    class StoppedError(Exception):
        pass

    def stop() -> None:
        raise StoppedError

    outcome = run_session(two_tables_sample(3), OUT_OUT, wrap=lying(3, method, lambda prover, *given: stop()))
    assert isinstance(outcome.outside[3], StoppedError)
    nothing_released(outcome, {0, 1, 2, 4})
    for found in (*outcome.results, outcome.outside[4]):
        assert isinstance(found, MpcError), found


@pytest.mark.parametrize("absent", [1, 3])
def test_an_absent_member_is_a_typed_error(absent: int) -> None:
    outcome = run_session(two_tables_sample(3), OUT_OUT, absent=(absent,), timeout_s=0.3)
    present = [outcome.results[p] for p in range(3) if p != absent] + [
        outcome.outside[o] for o in (3, 4) if o != absent
    ]
    assert all(isinstance(found, MpcError) for found in present)


def plan_of(sample: Sample, owners: Mapping[int, int], minimum: int) -> SessionPlan:
    return SessionPlan(sample.statement, column_owners(sample.relation, owners), minimum,
                       session_id(sample.statement.subject, 1), 1, sample.srs.tau_g2)  # fmt: skip


def test_contributors_are_the_three_and_the_owners_outside_them() -> None:
    sample = two_tables_sample(3)
    assert plan_of(sample, {1: 0, 2: 0, 3: 1, 4: 1}, 3).contributors == (0, 1, 2)
    assert plan_of(sample, {1: 5, 2: 5, 3: 3, 4: 3}, 3).contributors == (0, 1, 2, 3, 5)
    assert plan_of(sample, {1: 5, 2: 5, 3: 1, 4: 1}, 3).outside == (5,)


def test_an_outside_session_is_no_computing_partys_and_no_strangers() -> None:
    from mpc.channel import LoopbackNetwork

    sample = two_tables_sample(3)
    plan = plan_of(sample, OUT_OUT, 3)
    network = LoopbackNetwork(6, plan.session, 1)
    for party in (0, 5):
        with pytest.raises(ProtocolStateError):
            OutsideSession(plan, network.channels[party], None, lambda: None)  # type: ignore[arg-type]
    hidden = hidden_sample()
    other = plan_of(hidden, {1: 3, 2: 4, 3: 4}, minimum_of(hidden) + 1)
    with pytest.raises(RelationInvalidError, match="another minimum"):
        OutsideSession(other, network.channels[3], None, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(RelationInvalidError, match="another minimum"):
        JointSession(other, network.channels[0], None, lambda: None, audit=lambda guards: None)  # type: ignore
