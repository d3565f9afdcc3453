"""Dominance rules in joint sessions: one firm among thirty is not shown by any total, a party that lies ends the
attempt, and sums that serve a rule are let out by nobody."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

for folder in ("zk", "query", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from joint_harness import Outcome, check_success, nothing_released, run_session, totals  # noqa: E402
from query_tables import LOG_ROWS, Record, registered  # noqa: E402
from samples import Sample, sample  # noqa: E402

from mpc.errors import MpcError  # noqa: E402
from mpc.replicated import Engine  # noqa: E402
from mpc.shares import AdditiveShare  # noqa: E402
from query.directory import Directory  # noqa: E402
from query.dominance import DominanceChecks, DominanceClause, LargestRule  # noqa: E402
from query.kinds import Boolean, BoundedInteger, Category  # noqa: E402
from query.limits import Limits  # noqa: E402
from query.plan import Plan, compile_question  # noqa: E402
from query.policy import Policy  # noqa: E402
from query.publication import Publication  # noqa: E402
from query.rows import encode_rows  # noqa: E402
from query.schema import ColumnSchema, TableSchema  # noqa: E402
from query.statistics import finish_plan, result_rows  # noqa: E402
from services.convert import released_rows  # noqa: E402
from services.errors import ContributionRejectedError, DisclosureRefusedError  # noqa: E402
from services.party.session import JointSession  # noqa: E402
from zk.errors import ProofRejectedError  # noqa: E402
from zk.field import FR  # noqa: E402
from zk.statement import RELEASE_BITS, RELEASED  # noqa: E402

MINIMUM = 5
FIRMS = TableSchema(
    "firms", "statistics", "firms", "firm", "economy",
    (ColumnSchema("turnover", BoundedInteger(0, 100_000)), ColumnSchema("large", Boolean()),
     ColumnSchema("sector", Category(("mining", "trade")))),
)  # fmt: skip
TAXES = TableSchema("taxes", "treasury", "firms", "firm", "economy", (ColumnSchema("audited", Boolean()),))
PARTY = {"statistics": 0, "treasury": 1}
JOIN = "FROM firms f JOIN taxes t ON f.firm = t.firm"
RULES = DominanceClause((LargestRule(1, 50), LargestRule(2, 67)), ("turnover",))
GIANT, FEW = 60_000, 30

DOMINATED = {
    "a sum": f"SELECT SUM(f.turnover) {JOIN}",
    "a mean": f"SELECT COUNT(*), AVG(f.turnover) {JOIN}",
    "a variance": f"SELECT VAR_POP(f.turnover) {JOIN}",
    "a correlation with who is audited": f"SELECT COVAR_POP(f.turnover, CASE WHEN t.audited THEN 1 ELSE 0 END) {JOIN}",
    "a difference from the rest": f"SELECT SUM(f.turnover), SUM(CASE WHEN f.large THEN 0 ELSE f.turnover END) {JOIN}",
    "a conditional sum": f"SELECT SUM(CASE WHEN f.large THEN f.turnover ELSE 0 END) {JOIN}",
    "a multiple": f"SELECT SUM(3 * f.turnover + 7) {JOIN} WHERE f.turnover > 10",
    "a filter": f"SELECT SUM(f.turnover) {JOIN} WHERE f.large",
}


class Economy:
    """So many firms, one of them a giant; the directory with and without the rules."""

    def __init__(self, giant: int) -> None:
        firms: list[Record | None] = [
            {"firm": i, "turnover": giant if i == 3 else 800 + 10 * i, "large": i % 3 == 0,
             "sector": "mining" if i % 2 else "trade"} for i in range(FEW)
        ]  # fmt: skip
        taxes: list[Record | None] = [{"firm": i, "audited": i % 4 != 1} for i in range(FEW)]
        self.tables = {"firms": encode_rows(FIRMS, firms, LOG_ROWS), "taxes": encode_rows(TAXES, taxes, LOG_ROWS)}

    def asked(
        self, sql: str, clause: DominanceClause | None = RULES, publication: Publication = Publication.COUNTS
    ) -> tuple[Plan, Sample, dict[int, int]]:
        policy = Policy(minimum_group=MINIMUM, limits=Limits(dominance=clause))
        tables = [registered(FIRMS, 1, minimum_group=MINIMUM, policy=policy),
                  registered(TAXES, 2, minimum_group=MINIMUM, policy=Policy(minimum_group=MINIMUM))]
        plan = compile_question(sql, Directory(tables), publication=publication)
        columns = {place: [int(value) for value in self.tables[column.table][column.name]]
                   for place, column in enumerate(plan.columns, start=1)}
        owners = {place: PARTY[column.owner] for place, column in enumerate(plan.columns, start=1)}
        return plan, sample(plan.relation, columns, minimum=plan.minimum_group), owners


def run(plan: Plan, asked: Sample, owners: dict[int, int], **more: Any) -> Outcome:
    return run_session(asked, owners, minimum=MINIMUM, dominance=lambda party: plan.dominance, **more)


def table(plan: Plan, released: Sequence[int], values: Sequence[int]) -> list[tuple[object, ...]]:
    found = dict(zip(released, values))
    results = finish_plan(plan, [found.get(row) for row in range(len(plan.sums))])
    return [tuple(row.values()) for row in result_rows(plan, results)]


@pytest.mark.parametrize("name", list(DOMINATED))
def test_one_contributor_among_thirty_is_not_shown(name: str) -> None:
    """Refused by the rule alone: without the clause the very same is answered, and with it where firms are alike."""
    giant, alike = Economy(GIANT), Economy(830)
    plan, asked, owners = giant.asked(DOMINATED[name])
    outcome = run(plan, asked, owners)
    assert all(isinstance(result, DisclosureRefusedError) for result in outcome.results), outcome.results
    nothing_released(outcome, {0, 1, 2})
    free, answered, owners = giant.asked(DOMINATED[name], None)
    check_success(answered, run(free, answered, owners), MINIMUM)
    plan, asked, owners = alike.asked(DOMINATED[name])
    check_success(asked, run(plan, asked, owners), MINIMUM, closed=plan.dominance.closed)


@pytest.mark.parametrize("publication", list(Publication))
def test_the_dominated_group_alone_stays_closed_and_closed_sums_with_all(publication: Publication) -> None:
    sql = f"SELECT f.sector, COUNT(*) AS n, SUM(f.turnover) AS s {JOIN} WHERE t.audited GROUP BY f.sector"
    economy = Economy(GIANT)
    plan, asked, owners = economy.asked(sql, publication=publication)
    outcome = run(plan, asked, owners, public=publication is Publication.PUBLIC)
    proof, closed = outcome.proof(), plan.dominance.closed
    rows = released_rows(proof.release)
    assert closed == {2}
    assert set(rows) == {1, 3}  # trade: firms of even numbers, without the giant
    if publication is Publication.PUBLIC:
        assert proof.release >> RELEASE_BITS == proof.release & RELEASED
        values = list(proof.rows)
        assert all(len(result.values) == 0 for result in outcome.results)
    else:
        values, _ = totals(outcome)
    expected = [800 + 10 * i for i in range(0, FEW, 2) if i % 4 != 1]
    assert table(plan, rows, values) == [("mining", None, None), ("trade", len(expected), sum(expected))]


@pytest.mark.parametrize("numbers", [{0: 3, 1: 1}, {0: 3, 1: 4}], ids=["one outside", "both outside"])
def test_rules_of_owners_outside_the_three_hold(numbers: dict[int, int]) -> None:
    giant, alike = Economy(GIANT), Economy(830)
    for economy, refused in ((giant, True), (alike, False)):
        plan, asked, inside = economy.asked(DOMINATED["a sum"])
        outcome = run(plan, asked, {place: numbers[owner] for place, owner in inside.items()})
        if refused:
            found = (*outcome.results, *outcome.outside.values())
            assert all(isinstance(result, DisclosureRefusedError) for result in found), found
        else:
            check_success(asked, outcome, MINIMUM, closed=plan.dominance.closed)


def test_an_owner_outside_compares_the_rules() -> None:
    """Parties that test other totals than its policy demands end the attempt before any verdict."""
    plan, asked, owners = Economy(GIANT).asked(DOMINATED["a sum"])
    other = Economy(GIANT).asked(DOMINATED["a sum"], DominanceClause((LargestRule(1, 90),), ("turnover",)))[0]
    numbers = {0: 3, 1: 1}
    outcome = run_session(
        asked, {place: numbers[owner] for place, owner in owners.items()}, minimum=MINIMUM,
        dominance=lambda party: plan.dominance if party == 3 else other.dominance,
    )
    assert any("dominance rules" in str(found) for found in (*outcome.results, *outcome.outside.values()))
    nothing_released(outcome, {0, 1, 2, 3})


def test_with_hidden_guards_and_a_rule_the_answer_is_the_same() -> None:
    plan, asked, owners = Economy(830).asked(DOMINATED["a sum"], publication=Publication.AGENCY)
    assert plan.relation.hidden_guards
    outcome = run(plan, asked, owners)
    check_success(asked, outcome, MINIMUM, closed=plan.dominance.closed)
    assert table(plan, released_rows(outcome.proof().release), totals(outcome)[0]) == [
        (sum(800 + 10 * i for i in range(FEW)),)
    ]


def test_one_bit_is_opened_for_each_cell_whatever_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is opened about totals and squares is masked, a check of products, or the one element of a cell."""
    honest, opened = Engine.open, []

    def tap(engine: Engine, held: Any, label: str, *, index: int = 0) -> Any:
        found = honest(engine, held, label, index=index)
        if engine.party == 0:
            opened.append((label, FR.to_integers(found)))
        return found

    monkeypatch.setattr(Engine, "open", tap)
    plan, asked, owners = Economy(GIANT).asked(
        f"SELECT f.sector, SUM(f.turnover), VAR_POP(f.turnover) {JOIN} GROUP BY f.sector"
    )
    run(plan, asked, owners)
    (masked,) = [values for label, values in opened if label == "guards/masked"]
    assert [value == 0 for value in masked] == [True, False]
    secret = [values for label, values in opened if label.startswith("dominance")]
    assert sorted(map(len, secret)) == [1] * 4  # keys and differences of two batches of products
    differences = [values for label, values in opened if label.startswith("dominance") and "difference" in label]
    assert differences == [[0], [0]]


# --- lies -------------------------------------------------------------------------------------------------------------

ABANDONED = (ContributionRejectedError, ProofRejectedError, MpcError)


@pytest.mark.parametrize("giant", [830, GIANT])
@pytest.mark.parametrize("label", ["dominance/check/enter/1", "dominance/check/product/2", "guards/check/product/3",
                                   "dominance/sign/check/enter/1", "dominance/sign/check/product/8"])  # fmt: skip
def test_a_bent_comparison_ends_the_attempt_whatever_is_compared(
    label: str, giant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, bent = Engine.reshare, []

    def bend(engine: Engine, additive: AdditiveShare, name: str, *, index: int = 0) -> Any:
        if engine.party == 1 and name == label:
            bent.append(name)
            values = additive.values.copy()
            values[-1:] = FR.add(values[-1:], FR.from_integers([1]))
            additive = AdditiveShare(1, values)
        return honest(engine, additive, name, index=index)

    monkeypatch.setattr(Engine, "reshare", bend)
    plan, asked, owners = Economy(giant).asked(DOMINATED["a sum"])
    outcome = run(plan, asked, owners)
    assert len(bent) == 1
    assert all(isinstance(outcome.results[party], MpcError) for party in (0, 2)), outcome.results
    nothing_released(outcome, {0, 2})


def weaker(checks: DominanceChecks) -> DominanceChecks:
    """The tests of a party whose operator let a policy demand less."""
    plan, _, _ = Economy(GIANT).asked(DOMINATED["a sum"], DominanceClause((LargestRule(1, 99),), ("turnover",)))
    assert plan.dominance.closed == checks.closed
    return plan.dominance


@pytest.mark.parametrize("lie", ["weaker rules", "an open square", "no rules"])
@pytest.mark.parametrize("liar", [0, 2])
def test_no_one_party_drops_or_weakens_a_rule(liar: int, lie: str) -> None:
    plan, asked, owners = Economy(GIANT).asked(DOMINATED["a sum"])
    own = {"weaker rules": weaker(plan.dominance), "an open square": DominanceChecks(plan.dominance.tests),
           "no rules": DominanceChecks()}[lie]  # fmt: skip
    outcome = run_session(asked, owners, minimum=MINIMUM, timeout_s=3.0,
                          dominance=lambda party: own if party == liar else plan.dominance)  # fmt: skip
    for party in {0, 1, 2} - {liar}:
        assert isinstance(outcome.results[party], ABANDONED), outcome.results[party]
    nothing_released(outcome, {0, 1, 2} - {liar})


def test_an_owner_gives_no_part_of_a_closed_sum_to_a_party_that_releases_it() -> None:
    """A party that puts the squares into its own release word has two honest parts against it."""

    class Releasing(JointSession):
        def _releasable(self) -> int:
            return super()._releasable() | 1 << 2

    plan, asked, owners = Economy(830).asked(DOMINATED["a sum"])
    assert plan.dominance.closed == {2}
    outcome = run(plan, asked, owners, session=lambda party: Releasing if party == 2 else JointSession, timeout_s=3.0)
    for party in (0, 1):
        assert isinstance(outcome.results[party], ABANDONED), outcome.results[party]
