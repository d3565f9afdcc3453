"""Questions from SQL to the result table through a joint session, beside DuckDB over the pooled rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

for folder in ("zk", "query", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from joint_harness import check_success, nothing_released, run_session, totals  # noqa: E402
from query_oracle import Twin  # noqa: E402
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, Record, random_records, registered  # noqa: E402
from samples import Sample, sample  # noqa: E402

from query.directory import Directory  # noqa: E402
from query.kinds import Boolean, BoundedInteger, Category  # noqa: E402
from query.plan import Plan, compile_question  # noqa: E402
from query.publication import Publication  # noqa: E402
from query.rows import Columns, encode_rows  # noqa: E402
from query.schema import ColumnSchema, TableSchema  # noqa: E402
from query.statistics import finish_plan, result_rows  # noqa: E402
from services.convert import released_rows  # noqa: E402
from services.errors import DisclosureRefusedError  # noqa: E402

SEED = 4711
MINIMUM = 3
BUREAU = TableSchema(
    "credit", "bureau", "borrowers", "person", "city",
    (ColumnSchema("debt", BoundedInteger(0, 50_000)), ColumnSchema("late", Boolean()),
     ColumnSchema("grade", Category(("a", "b")))),
)  # fmt: skip
SCHEMAS = (HOSPITAL, LABORATORY, BUREAU)
PARTY = {schema.owner: number for number, schema in enumerate(SCHEMAS)}
LAB = "hospital h JOIN laboratory l ON h.person = l.person"
CREDIT = "hospital h JOIN credit c ON h.person = c.person"

QUESTIONS = {
    "filter at one owner": f"SELECT COUNT(*) AS n, SUM(l.chol) AS s FROM {LAB} WHERE h.age BETWEEN 20 AND 90",
    "filters at both owners": f"SELECT COUNT(*) AS n, SUM(h.age) AS s FROM {LAB} WHERE h.age > 30 AND l.chol < 400",
    "groups and values at one owner": "SELECT region, COUNT(*) AS n, SUM(age) AS s FROM hospital GROUP BY region",
    "groups at one owner, values at the other":
        f"SELECT h.region, COUNT(*) AS n, SUM(c.debt) AS s FROM {CREDIT} GROUP BY h.region",
    "groups at both owners":
        f"SELECT h.diabetic, c.grade, COUNT(*) AS n, SUM(h.age) AS s FROM {CREDIT} GROUP BY h.diabetic, c.grade",
    "a filter, a group and a value at different owners":
        f"SELECT c.grade, COUNT(*) AS n, SUM(h.age) AS s FROM {CREDIT} WHERE h.age >= 18 GROUP BY c.grade",
    "a value that is computed": f"SELECT COUNT(*) AS n, SUM(CASE WHEN h.age >= 60 THEN 1 ELSE 0 END) AS s FROM {LAB}",
}  # fmt: skip
THREE = (
    "SELECT COUNT(*) AS n, SUM(c.debt) AS s FROM hospital h JOIN laboratory l ON h.person = l.person "
    "JOIN credit c ON h.person = c.person WHERE l.abnormal"
)


class City:
    """Three tables with the same rows every time."""

    def __init__(self) -> None:
        rng = Random(SEED)
        self.twin, self.encoded = Twin(), dict[str, Columns]()
        for schema in SCHEMAS:
            records: list[Record | None] = random_records(rng, schema, 60)
            self.encoded[schema.name] = encode_rows(schema, records, LOG_ROWS)
            self.twin.load(schema, records)
        self.directory = Directory([registered(schema, number + 1) for number, schema in enumerate(SCHEMAS)])

    def asked(
        self, sql: str, publication: Publication = Publication.COUNTS
    ) -> tuple[Plan, Sample, dict[int, int]]:
        """The compiled question, what its prover knows, and who owns its columns."""
        plan = compile_question(sql, self.directory, publication=publication)
        columns = {
            place: [int(value) for value in self.encoded[column.table][column.name]]
            for place, column in enumerate(plan.columns, start=1)
        }
        owners = {place: PARTY[column.owner] for place, column in enumerate(plan.columns, start=1)}
        return plan, sample(plan.relation, columns), owners


@pytest.fixture(scope="module")
def city() -> City:
    return City()


def rows_of(plan: Plan, released: Sequence[int], values: Sequence[int]) -> list[tuple[object, ...]]:
    """The result table."""
    found = dict(zip(released, values))
    results = finish_plan(plan, [found.get(row) for row in range(len(plan.sums))])
    return [tuple(row.values()) for row in result_rows(plan, results)]


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_a_question_is_answered_as_the_pooled_rows_answer_it(city: City, name: str) -> None:
    plan, asked, owners = city.asked(QUESTIONS[name])
    outcome = run_session(asked, owners, minimum=0)
    check_success(asked, outcome, 0)
    answered = {row for row in rows_of(plan, released_rows(outcome.proof().release), totals(outcome)[0]) if row[-2]}
    assert answered == set(city.twin.ask_rows(QUESTIONS[name]))


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_with_hidden_guards_the_answer_is_the_same_where_groups_are_large_enough(city: City, name: str) -> None:
    plan, asked, owners = city.asked(QUESTIONS[name], Publication.AGENCY)
    assert plan.relation.hidden_guards == (max(plan.relation.guard_rows) < 2)  # 64 rows: two guard rows
    outcome = run_session(asked, owners, minimum=3)
    proof = outcome.proof()
    assert proof.rows == () if plan.relation.hidden_guards else proof.rows
    answered = {row for row in rows_of(plan, released_rows(proof.release), totals(outcome)[0]) if row[-2]}
    assert answered and answered <= set(city.twin.ask_rows(QUESTIONS[name]))


def test_three_tables_are_joined_through_a_column_that_nobody_owns(city: City) -> None:
    plan, asked, owners = city.asked(THREE)
    outcome = run_session(asked, owners, minimum=0)
    check_success(asked, outcome, 0)
    assert "Fr/0/reshare/0/mixed" in " ".join(outcome.tags())
    assert rows_of(plan, released_rows(outcome.proof().release), totals(outcome)[0]) == city.twin.ask_rows(THREE)


def test_a_model_of_too_few_people_is_refused_though_the_group_is_large_enough(city: City) -> None:
    """Twelve people or fewer are enough for a mean and too few for the moments of three numbers."""
    hospital = city.encoded["hospital"]
    ages = [int(age) for age, here in zip(hospital["age"], hospital["present"]) if here]
    limit = max(t for t in range(1, 120) if sum(1 <= age <= t for age in ages) < 13)
    where = f"WHERE h.age BETWEEN 1 AND {limit}"
    assert sum(1 <= age <= limit for age in ages) >= MINIMUM
    _, mean, owners = city.asked(f"SELECT COUNT(*), AVG(h.age) FROM hospital h {where}")
    check_success(mean, run_session(mean, owners, minimum=MINIMUM), MINIMUM)
    _, model, owners = city.asked(f"SELECT MOMENTS(h.age, h.age * h.age, h.diabetic + h.age) FROM hospital h {where}")
    outcome = run_session(model, owners, minimum=MINIMUM)
    assert all(isinstance(result, DisclosureRefusedError) for result in outcome.results)
    nothing_released(outcome, {0, 1, 2})


def test_small_groups_are_left_out_of_the_table(city: City) -> None:
    """The groups that are shown are those of at least so many rows, and nothing else of the others is known."""
    sql = QUESTIONS["groups at both owners"]
    plan, asked, owners = city.asked(sql)
    pooled = city.twin.ask_rows(sql)
    counts = sorted(int(str(row[-2])) for row in pooled)
    minimum = counts[len(counts) // 2]
    outcome = run_session(asked, owners, minimum=minimum)
    rows = rows_of(plan, released_rows(outcome.proof().release), totals(outcome)[0])
    shown = {row for row in rows if row[-2] is not None}
    assert shown == {row for row in pooled if int(str(row[-2])) >= minimum}
    assert len(rows) == len(plan.cells) > len(shown) > 0
    assert all(row[-1] is None for row in rows if row not in shown)
