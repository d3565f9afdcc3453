"""Order statistics beside a proof: as DuckDB has them over the pooled rows, for generated questions; and what happens
when a party enters other rows, bends a message, computes something else or goes away."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

for folder in ("zk", "query", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from joint_harness import Outcome, nothing_released, run_session, totals  # noqa: E402
from query_oracle import evaluate_plan  # noqa: E402
from query_tables import HOSPITAL, LABORATORY, random_records, registered  # noqa: E402
from rank_scene import Change, compute, step_of, told, with_bit_changed  # noqa: E402
from test_session_queries import CREDIT, LAB, PARTY, City  # noqa: E402

from mpc.errors import ChannelError, MpcError  # noqa: E402
from query.directory import Directory  # noqa: E402
from query.plan import Plan, compile_question  # noqa: E402
from query.publication import Publication  # noqa: E402
from query.rank_inputs import ranks_in_clear  # noqa: E402
from query.rows import encode_rows  # noqa: E402
from query.statistics import finish_plan, result_rows  # noqa: E402
from query.unproved import Unproved  # noqa: E402
from services.client_errors import ResultRejectedError  # noqa: E402
from services.convert import released_rows  # noqa: E402
from services.errors import ContributionRejectedError, DisclosureRefusedError  # noqa: E402
from services.party.rank_session import RankStep  # noqa: E402
from services.party.session import JointSession, SessionResult  # noqa: E402
from services.ranks import combine_ranks  # noqa: E402

QUESTIONS = 20
JOINED = f"SELECT MEDIAN(h.bmi) AS m, MIN(l.chol) AS a, COUNT(*) AS n FROM {LAB} WHERE h.age > 20 AND l.chol < 450"
SMALL = f"SELECT MAX(h.age) AS a FROM {LAB} WHERE h.diabetic"
COLUMNS = {"h": ["h.age", "h.bmi", "h.age", "h.bmi", "h.balance"], "l": ["l.hba1c", "l.chol"], "c": ["c.debt"]}
FILTERS = {"h": ["h.age > 40", "h.diabetic", "h.smoker", "h.region = 'west'", "h.bmi < 60"],
           "l": ["l.chol < 400", "l.abnormal"], "c": ["c.late", "c.debt >= 9000", "c.grade IN ('a')"]}  # fmt: skip
SOURCES = {
    "FROM hospital h": "h", f"FROM {LAB}": "hl", f"FROM {CREDIT}": "hc",
    "FROM hospital h LEFT JOIN laboratory l ON h.person = l.person": "hl",
    f"FROM {LAB} JOIN credit c ON h.person = c.person": "hlc",
}  # fmt: skip


@pytest.fixture(scope="module")
def city() -> City:
    return City()


def generated(rng: Random) -> str:
    """A question for some order statistics under some condition."""
    source = rng.choice(list(SOURCES))
    tables = SOURCES[source]
    outputs = []
    for number in range(rng.choice([1, 2, 3])):
        column, p = rng.choice(COLUMNS[rng.choice(tables)]), rng.choice(["0", "0.25", "0.5", "0.9", "0.999", "1"])
        outputs.append(rng.choice([f"MIN({column})", f"MAX({column})", f"MEDIAN({column})",
                                   f"PERCENTILE_DISC({p}) WITHIN GROUP (ORDER BY {column})"]) + f" AS o{number}")
    parts = [rng.choice(FILTERS[rng.choice(tables)]) for _ in range(rng.choice([0, 1, 2, 3]))]
    where = ""
    for part in parts:
        negated = f"NOT {part}" if rng.random() < 0.3 else part
        where = f"({where} {rng.choice(['AND', 'AND', 'OR'])} {negated})" if where else negated
    return f"SELECT {', '.join(outputs)} {source}" + (f" WHERE {where}" if where else "")


def plain(row: dict[str, Any]) -> tuple[Any, ...]:
    """A row without labels, as numbers."""
    return tuple(value.value if isinstance(value, Unproved) else value for value in row.values())


def duckdb(sql: str) -> str:
    """The same question for DuckDB, which cuts the mean of two decimals to their digits."""
    return re.sub(r"MEDIAN\(([a-z0-9.]+)\)", r"MEDIAN(CAST(\1 AS DOUBLE))", sql)


def same(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    """Exactly, but for the last bit of the mean of two doubles."""
    return all(a == b if None in (a, b) else math.isclose(float(a), float(b), rel_tol=1e-15)
               for a, b in zip(ours, theirs, strict=True))  # fmt: skip


def test_generated_questions_are_answered_as_the_pooled_rows_answer_them(city: City) -> None:
    """Through the parties' computation, with the proof's sums dealt to it; over no rows it is not asked."""
    rng, asked = Random(1), 0
    while asked < QUESTIONS:
        sql = generated(rng)
        plan, _, _ = city.asked(sql)
        sums = evaluate_plan(plan, city.encoded).sums
        if min(sums) < 2:
            continue
        parts = compute([step_of(plan, city.encoded, PARTY, party) for party in range(3)], sums)
        (row,) = result_rows(plan, finish_plan(plan, sums, combine_ranks(plan, parts)))  # type: ignore[arg-type]
        assert all(isinstance(value, Unproved) and not value.proved for value in row.values())
        assert same(plain(row), city.twin.ask(duckdb(sql))), sql
        asked += 1


@pytest.mark.parametrize("where", ["", "WHERE h.diabetic OR l.abnormal", "WHERE NOT (h.age > 60 AND l.chol > 300)"])
def test_rows_that_fill_no_word_count_no_lane_beyond_them(where: str) -> None:
    """Sixteen rows: a word has 48 lanes more, which negations must not set."""
    schemas = (HOSPITAL, LABORATORY)
    directory = Directory([registered(schema, 1 + k, log_rows=4, rows=16) for k, schema in enumerate(schemas)])
    encoded = {schema.name: encode_rows(schema, random_records(Random(k), schema, 16), 4)
               for k, schema in enumerate(schemas)}  # fmt: skip
    plan = compile_question(f"SELECT MEDIAN(h.age) AS m, MAX(l.chol) AS t, COUNT(*) AS n FROM {LAB} {where}", directory)
    sums = evaluate_plan(plan, encoded).sums
    assert sums[0] > 2
    parts = compute([step_of(plan, encoded, PARTY, party) for party in range(3)], sums)
    assert plan.ranks is not None
    assert combine_ranks(plan, parts) == ranks_in_clear(plan.ranks, encoded)  # type: ignore[arg-type]


# --- within a session ------------------------------------------------------------------------------------------------


def run(
    city: City, sql: str, change: Change = lambda party, step: step, publication: Publication = Publication.AGENCY,
    **options: Any
) -> tuple[Plan, Outcome]:  # fmt: skip
    plan, asked, owners = city.asked(sql, publication)
    outcome = run_session(
        asked, owners, ranks=lambda party: change(party, step_of(plan, city.encoded, PARTY, party)), **options
    )
    return plan, outcome


def test_a_session_proves_the_sums_and_gives_every_party_shares_of_the_rest(city: City) -> None:
    plan, outcome = run(city, JOINED)
    proof = outcome.proof()
    parts = [told(result.ranks) for result in outcome.results]  # type: ignore[union-attr]
    values = dict(zip(released_rows(proof.release), totals(outcome)[0]))
    sums = [values.get(row) for row in range(len(plan.sums))]
    (row,) = result_rows(plan, finish_plan(plan, sums, combine_ranks(plan, parts)))
    assert same(plain(row), city.twin.ask(duckdb(JOINED)))
    assert [type(value) for value in row.values()] == [Unproved, Unproved, int]
    assert all(stages[-3:] == ["checks", "ranks", "final"] for stages in outcome.stages[:3])
    assert "ranks" not in repr(outcome.results[0])


NAMES = {number: name for name, number in PARTY.items()}
OUTSIDE = [{NAMES[0]: 0, NAMES[1]: 3, NAMES[2]: 1}, {NAMES[0]: 4, NAMES[1]: 3, NAMES[2]: 5}]
"""Owners of the city's tables, some outside the three parties."""


def moved(numbers: dict[str, int], owners: dict[int, int]) -> dict[int, int]:
    """The owners of a question's columns under other numbers."""
    return {place: numbers[NAMES[owner]] for place, owner in owners.items()}


def from_outside(city: City, sql: str, numbers: dict[str, int], change: Change = lambda party, step: step) -> Outcome:
    plan, asked, owners = city.asked(sql, Publication.AGENCY)
    return run_session(
        asked, moved(numbers, owners), ranks=lambda party: change(party, step_of(plan, city.encoded, numbers, party))
    )


@pytest.mark.parametrize("numbers", OUTSIDE, ids=["one outside", "all outside"])
def test_owners_outside_the_three_enter_their_values(city: City, numbers: dict[str, int]) -> None:
    plan, _, _ = city.asked(JOINED)
    outcome = from_outside(city, JOINED, numbers)
    values = dict(zip(released_rows(outcome.proof().release), totals(outcome)[0]))
    sums = [values.get(row) for row in range(len(plan.sums))]
    parts = [told(result.ranks) for result in outcome.results]  # type: ignore[union-attr]
    (row,) = result_rows(plan, finish_plan(plan, sums, combine_ranks(plan, parts)))
    assert same(plain(row), city.twin.ask(duckdb(JOINED)))
    assert all(not isinstance(found, Exception) for found in outcome.outside.values())
    assert all(outcome.stages[owner][-3:] == ["checks", "ranks", "final"] for owner in outcome.outside)


@pytest.mark.parametrize("kind", ["rows", "planes", "plan"])
def test_an_owner_outside_that_enters_something_else_is_refused(city: City, kind: str) -> None:
    """Fewer rows than are proved, a plane that its holders are given differently, other statistics."""
    other, _, _ = city.asked(JOINED.replace("MIN", "MAX"))

    def change(party: int, step: RankStep) -> RankStep:
        if party == 3 and kind == "rows":
            theirs = ranks_rows(city, 0)
            mask = next(iter(step.entered.values()))[0]
            return with_bit_changed(step, *[row for row in range(len(mask)) if theirs[row] and mask[row]][1:])
        if party == 3 and kind == "plan":
            return dataclasses.replace(step, plan=other.ranks)  # type: ignore[arg-type]
        return step

    def tamper(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        chosen = kind == "planes" and (sender, receiver) == (3, 2) and "planes" in tag
        return bytes(len(payload)) if chosen else payload

    plan, asked, owners = city.asked(JOINED, Publication.AGENCY)
    outcome = run_session(
        asked, moved(OUTSIDE[0], owners), tamper=tamper,
        ranks=lambda party: change(party, step_of(plan, city.encoded, OUTSIDE[0], party)),
    )
    failed(outcome)


def test_without_order_statistics_nothing_is_added(city: City) -> None:
    _, asked, owners = city.asked("SELECT COUNT(*) AS n FROM hospital h WHERE h.age > 20", Publication.AGENCY)
    outcome = run_session(asked, owners)
    assert outcome.proof()
    assert all(result.ranks is None for result in outcome.results)  # type: ignore[union-attr]
    assert not any("GF(2)" in tag or "ranks" in tag for tag in outcome.tags())


def test_a_group_that_is_too_small_is_refused_before_anything_is_entered(city: City) -> None:
    _, outcome = run(city, JOINED, publication=Publication.COUNTS, minimum=60)
    assert all(isinstance(result, DisclosureRefusedError) for result in outcome.results)
    nothing_released(outcome, {0, 1, 2})
    assert not any("GF(2)" in tag or "ranks" in tag for tag in outcome.tags())


def failed(outcome: Outcome, *liars: int) -> list[Any]:
    """What the honest parties raise; nothing was released."""
    honest = {0, 1, 2} - set(liars)
    nothing_released(outcome, honest)
    found = [outcome.results[party] for party in honest]
    assert all(isinstance(error, ContributionRejectedError | MpcError) for error in found), found
    assert not any(tag.startswith("session/final") for tag in outcome.tags(*honest))
    return found


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("fewer", [True, False])
def test_other_numbers_of_rows_than_are_proved_are_refused(city: City, liar: int, fewer: bool) -> None:
    """An owner that enters its rows short of a person, or leaves all but few out, is caught by the proved count."""

    def change(party: int, step: RankStep) -> RankStep:
        if party != liar:
            return step
        mask = step.entered[next(iter(step.entered))][0]
        others = ranks_rows(city, 1 - liar)
        mine = [row for row in range(len(mask)) if others[row] and bool(mask[row]) == fewer]
        return with_bit_changed(step, *(mine[1:] if fewer else mine[:1]))

    _, outcome = run(city, JOINED, change)
    errors = failed(outcome)
    assert all("proved counts" in str(error) for error in errors)


def ranks_rows(city: City, party: int) -> list[bool]:
    """The rows that an owner's part of `JOINED` leaves in."""
    plan, _, _ = city.asked(JOINED)
    return [bool(value) for value in next(iter(step_of(plan, city.encoded, PARTY, party).entered.values()))[0]]


def test_what_no_check_can_see(city: City) -> None:
    """As many rows, but others: that is what UNPROVED means (docs/sql.md)."""

    def change(party: int, step: RankStep) -> RankStep:
        if party != 1:
            return step
        mask, others = step.entered[1][0], ranks_rows(city, 0)
        inside, outside = (next(r for r in range(64) if others[r] and mask[r] == bit) for bit in (1, 0))
        return with_bit_changed(step, inside, outside)

    plan, outcome = run(city, JOINED, change)
    assert outcome.proof()
    found = combine_ranks(plan, [told(result.ranks) for result in outcome.results])  # type: ignore[union-attr]
    assert found is not None and plan.ranks is not None
    assert len(found) == 2


BENT = [("GF(2)^64", "input", 0), ("GF(2)^64", "reshare", 0), ("GF(2)^64", "reshare", 2), ("GF(2)^64", "open", 0),
        ("GF(2)^64", "bytes", 1), ("Z_2^64", "reshare", 0), ("Z_2^64", "reshare", 2), ("Z_2^64", "open", 1),
        ("Z_2^64", "bytes", 0)]  # fmt: skip


@pytest.fixture(scope="module")
def honest(city: City) -> tuple[list[RankStep], Outcome]:
    plan, asked, owners = city.asked(SMALL, Publication.AGENCY)
    steps = [step_of(plan, city.encoded, PARTY, party) for party in range(3)]
    outcome = run_session(asked, owners, ranks=steps.__getitem__)
    assert outcome.proof()
    return steps, outcome


@pytest.mark.parametrize(("ring", "kind", "liar"), BENT)
def test_a_bent_message_ends_the_attempt(
    city: City, honest: tuple[list[RankStep], Outcome], ring: str, kind: str, liar: int
) -> None:
    """The last message of its kind from a party, so that nothing later could show it: a bent input is another than the
    owner computes with, and holders of one component then disagree."""
    steps, good = honest
    tags = [tag for sender, _, tag, _ in good.messages if sender == liar and tag.startswith(f"{ring}/0/{kind}/")]
    _, asked, owners = city.asked(SMALL, Publication.AGENCY)

    def bend(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        return bytes([payload[0] ^ 1]) + bytes(payload[1:]) if sender == liar and tag == tags[-1] else payload

    outcome = run_session(asked, owners, ranks=steps.__getitem__, tamper=bend, timeout_s=5.0)
    failed(outcome, liar)


def test_parties_that_compute_different_statistics_stop_at_once(city: City) -> None:
    other, _, _ = city.asked(JOINED.replace("MIN", "MAX"))

    def change(party: int, step: RankStep) -> RankStep:
        return dataclasses.replace(step, plan=other.ranks) if party == 2 else step  # type: ignore[arg-type]

    _, outcome = run(city, JOINED, change)
    assert any("comparing order statistics" in str(error) for error in failed(outcome))
    assert not any("GF(2)" in tag for tag in outcome.tags())


@pytest.mark.parametrize("gone", [0, 2])
def test_a_party_that_goes_away_ends_the_attempt(city: City, gone: int) -> None:
    class Vanishing(JointSession):
        def _ranked(self, seeds: Any) -> Any:
            raise ChannelError("killed")

    _, outcome = run(
        city, JOINED, session=lambda party: Vanishing if party == gone else JointSession, timeout_s=5.0
    )
    failed(outcome, gone)
    assert not any(isinstance(result, SessionResult) for result in outcome.results)


def test_an_old_party_that_knows_no_order_statistics_ends_the_attempt(city: City) -> None:
    plan, asked, owners = city.asked(JOINED, Publication.AGENCY)
    steps = [step_of(plan, city.encoded, PARTY, party) for party in range(3)]
    outcome = run_session(asked, owners, ranks=lambda party: None if party == 2 else steps[party], timeout_s=3.0)
    failed(outcome, 2)


# --- at the agency ---------------------------------------------------------------------------------------------------


def test_what_the_parties_tell_is_compared(city: City) -> None:
    plan, _, _ = city.asked(JOINED)
    sums = evaluate_plan(plan, city.encoded).sums
    parts: Any = compute([step_of(plan, city.encoded, PARTY, party) for party in range(3)], sums)
    assert plan.ranks is not None
    assert combine_ranks(plan, parts) == ranks_in_clear(plan.ranks, city.encoded)
    for party in range(3):
        for place in range(0, len(parts[0].ranks), 8):  # any holder of any component
            lie = bytearray(parts[party].ranks)
            lie[place] ^= 1
            with pytest.raises(ResultRejectedError, match="disagree"):
                combine_ranks(plan, [*parts[:party], told_bytes(bytes(lie)), *parts[party + 1 :]])
    for wrong in (parts[:2], [parts[0], parts[1], told_bytes(b"")], [parts[0], parts[1], told_bytes(bytes(40))]):
        with pytest.raises(ResultRejectedError, match="other order statistics"):
            combine_ranks(plan, wrong)
    none, _, _ = city.asked("SELECT COUNT(*) FROM hospital")
    assert combine_ranks(none, [told_bytes(b"")] * 3) is None
    with pytest.raises(ResultRejectedError, match="other order statistics"):
        combine_ranks(none, parts)
    zero = [told_bytes(bytes(32)), told_bytes(bytes(16) + b"\xff" * 16), told_bytes(b"\xff" * 16 + bytes(16))]
    with pytest.raises(ResultRejectedError, match="none of the values"):
        combine_ranks(plan, zero)


def told_bytes(data: bytes) -> Any:
    return dataclasses.replace(told(None), ranks=data)


def test_what_is_told_is_fresh(city: City) -> None:
    """Two runs tell shares that have nothing in common but their sum."""
    plan, _, _ = city.asked(JOINED)
    sums = evaluate_plan(plan, city.encoded).sums
    steps = [step_of(plan, city.encoded, PARTY, party) for party in range(3)]
    first, second = (compute(steps, sums) for _ in range(2))
    assert all(a.ranks != b.ranks for a, b in zip(first, second, strict=True))  # type: ignore[union-attr]
    assert combine_ranks(plan, first) == combine_ranks(plan, second)  # type: ignore[arg-type]


