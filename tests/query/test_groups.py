"""GROUP BY: one row for each cell, null a group of its own, and every cell guarded by its own count."""

from __future__ import annotations

from itertools import pairwise

import pytest
from query_oracle import evaluate_plan
from query_questions import DIRECTORY, ENCODED, J, ask
from query_tables import HOSPITAL, LABORATORY, registered

from query.directory import Directory
from query.errors import BoundExceededError, PolicyRefusedError
from query.explain import explain_plan
from query.kinds import BoundedInteger, Category
from query.plan import compile_question
from query.policy import Asker, Policy, check_policy
from query.publication import Publication
from query.schema import ColumnSchema, TableSchema
from query.statistics import finish_plan, result_rows

BAND = "(CASE WHEN age >= 30 THEN 1 ELSE 0 END) + (CASE WHEN age >= 60 THEN 1 ELSE 0 END)"
LEVEL = "CASE WHEN bmi >= 30 THEN 2 WHEN bmi >= 20 THEN -1 WHEN smoker THEN 0 END"

QUESTIONS = [
    "SELECT region, COUNT(*) AS n FROM hospital GROUP BY region",
    "SELECT COUNT(*) AS n, region AS r, SUM(age) AS s, COUNT(bmi) AS b FROM hospital GROUP BY region",
    "SELECT diabetic, COUNT(*) AS n, SUM(bmi) AS s FROM hospital WHERE age > 30 GROUP BY diabetic",
    "SELECT smoker, COUNT(*) AS n, SUM(CASE WHEN age > 50 THEN 1 ELSE 0 END) AS s FROM hospital GROUP BY smoker",
    f"SELECT region, COUNT(*) AS n, SUM(chol) AS s, SUM(age) AS a {J} WHERE abnormal GROUP BY region",
    f"SELECT abnormal, COUNT(*) AS n, SUM(age + bmi) AS s {J} GROUP BY abnormal",
    f"SELECT region, abnormal, COUNT(*) AS n, SUM(chol) AS s {J} GROUP BY region, abnormal",
    f"SELECT abnormal, region, COUNT(*) AS n {J} WHERE age BETWEEN 10 AND 90 GROUP BY region, abnormal",
    "SELECT region, SUM(bmi) AS s FROM hospital WHERE region <> 'west' GROUP BY region",
    "SELECT region, diabetic, COUNT(*) AS n, AVG(age) AS m FROM hospital GROUP BY region, diabetic",
    f"SELECT smoker, abnormal, diabetic, COUNT(*) AS n, SUM(chol) AS s {J} GROUP BY smoker, abnormal, diabetic",
    f"SELECT {BAND} AS band, COUNT(*) AS n FROM hospital GROUP BY {BAND}",
    f"SELECT COUNT(*) AS n, {BAND} AS band, abnormal {J} WHERE smoker GROUP BY abnormal, {BAND}",
    f"SELECT {BAND} AS band, region, SUM(chol) AS s, COUNT(*) AS n {J} WHERE chol > 99 GROUP BY region, {BAND}",
    f"SELECT {LEVEL} AS level, COUNT(*) AS n, SUM(age) AS s FROM hospital GROUP BY {LEVEL}",
    "SELECT CASE WHEN diabetic THEN 5 ELSE 3 END AS k, COUNT(*) AS n FROM hospital "
    "GROUP BY CASE WHEN diabetic THEN 5 ELSE 3 END",
]


@pytest.mark.parametrize("sql", QUESTIONS)
def test_groups_equal_duckdb(sql: str) -> None:
    plan, evaluation = ask(sql)
    assert len(plan.sums) == len(plan.relation.sum_forms) * len(plan.cells) == plan.relation.sum_rows
    for row, spec in enumerate(plan.sums):
        assert spec.guard == plan.relation.guard_row(row)
        assert evaluation.sums[spec.guard] <= 64


def test_cells_are_named_in_order() -> None:
    plan = compile_question(f"SELECT COUNT(*) AS n {J} GROUP BY region, abnormal", DIRECTORY)
    assert plan.cells == tuple((r, a) for r in ("north", "south", "west", None) for a in (False, True))
    assert plan.sums[3].name.endswith("|hospital.region=south,laboratory.abnormal=true")
    assert plan.sums[6].words.endswith("where hospital.region is null and laboratory.abnormal is false")
    assert [group.codes for group in plan.groups] == [(1, 2, 3, 4), (1, 2)]


def test_commitments_do_not_grow_with_the_number_of_groups() -> None:
    def relation_of(names: int) -> object:
        column = ColumnSchema("kind", Category(tuple(f"k{i}" for i in range(names))))
        schema = TableSchema("t", "o", "rows", "person", "city", (column, ColumnSchema("x", BoundedInteger(0, 99))))
        tables = Directory([registered(schema, 1, log_rows=10)])
        sql = "SELECT kind, COUNT(*), SUM(x) FROM t GROUP BY kind"
        return compile_question(sql, tables, publication=Publication.COUNTS).relation

    small, large = relation_of(2), relation_of(60)
    assert (small.round1_count, small.round2_count) == (large.round1_count, large.round2_count) == (0, 1)
    assert (small.sum_rows, large.sum_rows) == (4, 120)
    with pytest.raises(BoundExceededError, match="cells"):
        relation_of(65)
    with pytest.raises(BoundExceededError, match="at most 128"):
        relation_of(129)


def test_small_integers_make_groups() -> None:
    schema = TableSchema("t", "o", "rows", "person", "city", (ColumnSchema("x", BoundedInteger(-2, 3), nullable=True),))
    plan = compile_question("SELECT x, COUNT(*) FROM t GROUP BY x", Directory([registered(schema, 1)]))
    assert plan.cells == ((-2,), (-1,), (0,), (1,), (2,), (3,), (None,))


def test_a_suppressed_group_shows_nothing() -> None:
    plan, evaluation = ask("SELECT region, COUNT(*) AS n, AVG(age) AS m FROM hospital GROUP BY region")
    sums = [None if row % len(plan.cells) == 1 else value for row, value in enumerate(evaluation.sums)]
    results = finish_plan(plan, sums)
    hidden = [result for result in results if result.suppressed]
    assert [(result.cell, result.name, result.value) for result in hidden] == [
        (("south",), "n", None),
        (("south",), "m", None),
    ]
    rows = result_rows(plan, results)
    assert [row["region"] for row in rows] == ["north", "south", "west", None]
    assert all(row["n"] is not None for row in rows if row["region"] != "south")


def test_a_row_in_no_group_has_no_proof() -> None:
    """A category outside its names, which registration refuses, would leave the cells (M8)."""
    plan = compile_question("SELECT region, COUNT(*) FROM hospital GROUP BY region", DIRECTORY)
    changed = {name: {column: rows.copy() for column, rows in table.items()} for name, table in ENCODED.items()}
    present = changed["hospital"]["region__known"].nonzero()[0][0]
    for code in (0, 7, -1):
        changed["hospital"]["region"][present] = code
        assert not evaluate_plan(plan, changed).holds


def test_a_policy_hides_group_columns() -> None:
    table = registered(HOSPITAL, 1, policy=Policy(hidden_filters=("region",)))
    plan = compile_question("SELECT region, COUNT(*) FROM hospital GROUP BY region", Directory([table]))
    with pytest.raises(PolicyRefusedError, match="region may not be used"):
        check_policy(plan, table, Asker("agency", "agency"), 0)


def test_explain_and_disclosures_name_the_groups() -> None:
    plan = compile_question("SELECT region, COUNT(*) n, AVG(age) m FROM hospital GROUP BY region", DIRECTORY)
    text = explain_plan(plan)
    assert "hospital.region: north, south, west, null" in text
    assert "2 sums in 4 cells" in text
    assert len(plan.disclosures) == 2
    assert all("for each group of hospital.region (4 groups)" in line for line in plan.disclosures)
    assert plan.uses[0].filters == ("region",)


def credit() -> TableSchema:
    columns = (ColumnSchema("debt", BoundedInteger(0, 10**6)), ColumnSchema("band", Category(("a", "b", "c"))))
    return TableSchema("credit", "bank", "patients", "person", "city", columns)


def test_three_tables_share_one_product_of_two() -> None:
    tables = Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2), registered(credit(), 3)])
    join = f"{J} JOIN credit c ON c.person = h.person"
    plan = compile_question(f"SELECT COUNT(*), SUM(debt), AVG(debt) {join} WHERE smoker AND abnormal", tables)
    owners = {index: {column.owner} for index, column in enumerate(plan.columns, start=1)}
    for index in plan.relation.witness_indices():
        named = {i for t in plan.relation.definition(index) for i in (t.left, t.right)} - {0}
        owners[index] = set().union(*(owners[i] for i in named))
    assert sorted(len(found) for found in owners.values())[-1] == 2  # one product of two owners, never of three
    assert [spec.guard for spec in plan.sums] == [0, 0]
    grouped = compile_question(f"SELECT band, COUNT(*), SUM(debt), SUM(age) {join} GROUP BY band", tables)
    assert len(grouped.cells) == 3
    assert all(a < b for a, b in pairwise(grouped.groups[0].codes))
