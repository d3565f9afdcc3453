"""Values over several tables, LEFT JOIN and UNION ALL mean what SQL says they mean, and are provable."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "zk"))

from joint import Joint
from query_oracle import Twin, evaluate_plan
from query_questions import same
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, random_records, registered
from samples import release_word, sample

from query.directory import Directory
from query.errors import CohortMismatchError, ColumnKindError, QueryError, SqlUnsupportedError
from query.explain import explain_plan
from query.kinds import Boolean, BoundedInteger, Category
from query.plan import Plan, compile_question
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema
from query.statistics import finish_plan, result_rows

CREDIT = TableSchema("credit", "bank", "patients", "person", "city", (
    ColumnSchema("debt", BoundedInteger(0, 10**6)), ColumnSchema("rated", Boolean(), nullable=True),
    ColumnSchema("band", Category(("a", "b", "c"))),
))
CLINIC = replace(HOSPITAL, name="clinic", owner="st-bernard", cohort="valley")
PRACTICE = replace(HOSPITAL, name="practice", owner="bank", cohort="hill")
TABLES = (HOSPITAL, LABORATORY, CREDIT, CLINIC, PRACTICE)
ROWS = {"hospital": 28, "laboratory": 60, "credit": 60, "clinic": 20, "practice": 15}
DIRECTORY = Directory([registered(schema, 1 + k, rows=ROWS[schema.name] * 4 // 5) for k, schema in enumerate(TABLES)])
RECORDS = {schema.name: random_records(Random(70 + k), schema, ROWS[schema.name]) for k, schema in enumerate(TABLES)}
ENCODED = {schema.name: encode_rows(schema, RECORDS[schema.name], LOG_ROWS) for schema in TABLES}
OWNERS = {"st-anne": 0, "biolab": 1, "bank": 2, "st-bernard": 1}
TWO = "FROM hospital h JOIN laboratory l ON h.person = l.person"
THREE = f"{TWO} JOIN credit c ON c.person = l.person"
LEFT = "FROM hospital h LEFT JOIN laboratory l ON h.person = l.person"
LEFTS = f"{LEFT} LEFT OUTER JOIN credit c ON c.person = h.person"
ONE_IF = "CASE WHEN {} THEN 1 ELSE 0 END"
LEVEL = "CASE WHEN chol > 250 THEN 2 WHEN chol IS NULL THEN 0 ELSE 1 END"
BOTH = "FROM (SELECT * FROM hospital UNION ALL SELECT * FROM clinic) AS u"
ALL = "FROM (SELECT * FROM hospital UNION ALL SELECT * FROM clinic UNION ALL SELECT * FROM practice) u"


@pytest.fixture(scope="module")
def twin() -> Twin:
    found = Twin()
    for schema in TABLES:
        found.load(schema, RECORDS[schema.name])
    return found


def ask(twin: Twin, sql: str) -> Plan:
    plan = compile_question(sql, DIRECTORY)
    evaluation = evaluate_plan(plan, ENCODED)
    assert evaluation.holds
    assert all(0 <= value <= spec.bound for value, spec in zip(evaluation.sums, plan.sums))
    ours = [tuple(row.values()) for row in result_rows(plan, finish_plan(plan, evaluation.sums))]
    theirs = twin.ask_rows(sql)
    places = [key.place for key in plan.keys]
    shown = {tuple(row[place] for place in places): row for row in theirs}
    for row in ours:
        expected = shown.pop(tuple(row[place] for place in places), None)
        if expected is None:
            assert all(value in (None, 0) for place, value in enumerate(row) if place not in places)
        else:
            assert same(row, expected)
    assert shown == {}
    assert explain_plan(plan)
    return plan


CROSSING = [
    f"SELECT SUM(h.age * l.chol) AS v, COUNT(*) AS n {TWO}",
    f"SELECT SUM(bmi * hba1c) AS v, COUNT(bmi * hba1c) AS n {TWO}",
    f"SELECT AVG(age + chol) AS v, SUM(age - 2 * chol + 3) AS w {TWO} WHERE diabetic",
    f"SELECT VAR_SAMP(age + hba1c) AS v {TWO}", f"SELECT COVAR_POP(age * chol, bmi) AS v {TWO} WHERE abnormal",
    f"SELECT SUM(age * chol * debt) AS v, SUM((age + chol) * debt) AS w {THREE}",
    f"SELECT SUM(debt * CASE WHEN smoker THEN 1 ELSE 0 END) AS v, COUNT(*) AS n {THREE} WHERE abnormal",
    f"SELECT SUM({ONE_IF.format('diabetic')} * {ONE_IF.format('abnormal')}) AS v, COUNT(*) AS n {TWO}",
    f"SELECT SUM(age * chol) AS v {TWO} WHERE smoker OR abnormal", f"SELECT SUM(age * 0 + chol * 0 + 2) AS v {TWO}",
    f"SELECT region, SUM(age * chol) AS v, COUNT(*) AS n {TWO} GROUP BY region",
    f"SELECT band, SUM(bmi * hba1c) AS v {THREE} WHERE smoker OR abnormal GROUP BY band",
    f"SELECT REGR_SLOPE(age * chol, bmi) AS b, REGR_R2(chol, age + bmi) AS r {TWO}",
]
LEFT_JOINS = [
    f"SELECT COUNT(*) AS n, COUNT(chol) AS c, SUM(chol) AS s, AVG(hba1c) AS a, SUM(age) AS g {LEFT}",
    f"SELECT COUNT(*) AS n, SUM(age) AS s {LEFT} WHERE chol IS NULL",
    f"SELECT COUNT(*) AS n, SUM(age) AS s {LEFT} WHERE chol IS NOT NULL AND NOT abnormal",
    f"SELECT COUNT(*) AS n {LEFT} WHERE NOT (chol > 200)",
    f"SELECT COUNT(*) AS n {LEFT} WHERE hba1c IS NULL AND smoker",
    f"SELECT SUM(CASE WHEN chol > 200 THEN 1 ELSE 0 END) AS s, COUNT(CASE WHEN abnormal THEN chol END) AS c {LEFT}",
    f"SELECT SUM(CASE WHEN chol IS NULL THEN 7 ELSE chol END) AS s {LEFT}",
    f"SELECT AVG(CASE WHEN hba1c < 5 THEN 1 WHEN abnormal THEN 2 END) AS t {LEFT}",
    f"SELECT CORR(age, chol) AS r, COVAR_POP(bmi, hba1c) AS c {LEFT}",
    f"SELECT SUM(age * chol) AS v, SUM(age + hba1c) AS w {LEFT}",
    f"SELECT COUNT(*) AS n {LEFT} WHERE diabetic OR chol IS NULL",
    f"SELECT COUNT(*) AS n, SUM(age) AS a {LEFT} WHERE smoker OR abnormal",
    f"SELECT COUNT(*) AS n {LEFT} WHERE NOT (smoker AND abnormal)",
    f"SELECT abnormal, COUNT(*) AS n, SUM(age) AS a {LEFT} GROUP BY abnormal",
    f"SELECT region, COUNT(*) AS n, SUM(chol) AS c {LEFT} GROUP BY region",
    f"SELECT region, abnormal, COUNT(*) AS n, SUM(chol) AS c {LEFT} GROUP BY region, abnormal",
    f"SELECT {LEVEL} AS k, COUNT(*) AS n {LEFT} GROUP BY {LEVEL}",
    f"SELECT COUNT(*) AS n, SUM(debt) AS d, SUM(chol * debt) AS p, COUNT(rated) AS r {LEFTS}",
    f"SELECT COUNT(*) AS n, SUM(age) AS d, COUNT(hba1c) AS h {LEFTS} WHERE rated IS NULL",
    f"SELECT band, COUNT(*) AS n, SUM(age) AS a, SUM(chol) AS c {LEFTS} GROUP BY band",
    f"SELECT COUNT(*) AS n, SUM(chol) AS d {LEFT} JOIN credit c ON c.person = h.person WHERE rated OR chol IS NULL",
]
UNIONS = [
    f"SELECT COUNT(*) AS n, SUM(age) AS s, AVG(bmi) AS b, VAR_SAMP(balance) AS v {BOTH}",
    f"SELECT COUNT(*) AS n, CORR(age, bmi) AS r, REGR_SLOPE(bmi, age) AS b {ALL} WHERE u.age > 30 AND NOT diabetic",
    f"SELECT COUNT(smoker) AS n, SUM(CASE WHEN smoker THEN 1 ELSE 0 END) AS s {ALL} WHERE region IN ('west', 'north')",
    f"SELECT SUM(age * bmi) AS v, SUM(3) AS t, STDDEV_POP(age + bmi) AS w {BOTH} WHERE bmi > 20 OR smoker",
    f"SELECT COUNT(*) AS n, AVG(CASE WHEN bmi > 30 THEN age END) AS m {ALL} WHERE balance IS NOT NULL",
]


@pytest.mark.parametrize("sql", CROSSING + LEFT_JOINS + UNIONS)
def test_answers_equal_duckdb(twin: Twin, sql: str) -> None:
    ask(twin, sql)


def test_moments_over_a_union_and_a_left_join(twin: Twin) -> None:
    for rest in (ALL, LEFT):
        second = "bmi" if rest == ALL else "chol"
        plan = compile_question(f"SELECT MOMENTS(age, {second}) AS m, REGR_COUNT(age, {second}) AS n {rest}", DIRECTORY)
        evaluation = evaluate_plan(plan, ENCODED)
        assert evaluation.holds
        matrix = finish_plan(plan, evaluation.sums)[0].value
        texts = f"COUNT(*), SUM(age), SUM({second}), SUM(age * age), SUM(age * {second}), SUM({second} * {second})"
        count, *sums = twin.ask(f"SELECT {texts} {rest} WHERE {second} IS NOT NULL")
        found = [matrix.total(0), matrix.total(1), matrix.product(0, 0), matrix.product(1, 0), matrix.product(1, 1)]
        assert (matrix.count, [float(v) for v in found]) == (count, [float(str(v)) for v in sums])


PROVED = [CROSSING[0], CROSSING[2], CROSSING[5], CROSSING[7], CROSSING[10], LEFT_JOINS[0], LEFT_JOINS[1], LEFT_JOINS[8],
          LEFT_JOINS[12], LEFT_JOINS[14], LEFT_JOINS[16], *UNIONS[:3], f"SELECT MOMENTS(age, bmi, smoker) AS m {ALL}"]


@pytest.mark.parametrize("sql", PROVED)
def test_owners_prove_it_together(sql: str) -> None:
    plan = compile_question(sql, DIRECTORY)
    columns = {i: [int(v) for v in ENCODED[c.table][c.name]] for i, c in enumerate(plan.columns, start=1)}
    given = sample(plan.relation, columns)
    proof, sums = Joint(given, {i: OWNERS[c.owner] for i, c in enumerate(plan.columns, start=1)}).prove(release_word(1))
    given.verify(proof)
    assert sums == evaluate_plan(plan, ENCODED).sums


def test_a_product_of_two_owners_is_one_sum_without_further_columns() -> None:
    plan = compile_question(f"SELECT SUM(age * chol) AS v {TWO}", DIRECTORY)
    assert len(plan.sums) == 2
    assert plan.relation.witness_count == 2  # copies that are opened: age vanishes where it is not known, chol, too


def test_a_union_is_guarded_by_the_count_over_all_and_every_table_is_used() -> None:
    plan = compile_question(f"SELECT AVG(bmi) AS m {ALL} WHERE diabetic", DIRECTORY)
    assert len(plan.relation.sum_forms[plan.sums[0].guard]) == 3
    assert [use.table for use in plan.uses] == ["hospital", "clinic", "practice"]
    assert {use.values for use in plan.uses} == {("bmi",)}
    assert {use.filters for use in plan.uses} == {("diabetic",)}
    assert "in hospital where hospital.bmi is known and hospital.diabetic and in clinic" in plan.disclosures[0]


REFUSED: list[tuple[str, type[QueryError]]] = [
    (f"SELECT COUNT(*) {BOTH} GROUP BY region", SqlUnsupportedError),
    ("SELECT COUNT(*) FROM (SELECT * FROM hospital UNION SELECT * FROM clinic) AS u", SqlUnsupportedError),
    ("SELECT COUNT(*) FROM (SELECT age FROM hospital UNION ALL SELECT age FROM clinic) AS u", SqlUnsupportedError),
    ("SELECT COUNT(*) FROM (SELECT * FROM hospital UNION ALL SELECT * FROM clinic)", SqlUnsupportedError),
    ("SELECT COUNT(*) FROM (SELECT * FROM hospital UNION ALL SELECT * FROM hospital) AS u", SqlUnsupportedError),
    ("SELECT SUM(age) FROM (SELECT * FROM hospital WHERE smoker UNION ALL SELECT * FROM clinic) u", QueryError),
    ("SELECT COUNT(*) FROM (SELECT * FROM hospital UNION ALL SELECT * FROM laboratory) AS u", ColumnKindError),
    (f"SELECT COUNT(*) {BOTH} JOIN laboratory l ON u.person = l.person", SqlUnsupportedError),
    (f"SELECT COUNT(*) {BOTH} WHERE hospital.diabetic", QueryError),
    ("SELECT COUNT(*) FROM hospital UNION ALL SELECT COUNT(*) FROM clinic", SqlUnsupportedError),
    (f"SELECT COUNT(*) {LEFT} JOIN credit c ON c.person = l.person", SqlUnsupportedError),
    ("SELECT COUNT(*) FROM hospital h LEFT SEMI JOIN laboratory l ON h.person = l.person", SqlUnsupportedError),
    (f"SELECT COUNT(*) {LEFT} AND l.abnormal", SqlUnsupportedError),
    (f"SELECT region, abnormal, SUM(age * chol) {TWO} GROUP BY region, abnormal", SqlUnsupportedError),
    (f"SELECT COUNT(*) {TWO} WHERE age + chol > 3", SqlUnsupportedError),
]


@pytest.mark.parametrize(("sql", "error"), REFUSED)
def test_what_is_refused(sql: str, error: type[QueryError]) -> None:
    with pytest.raises(error):
        compile_question(sql, DIRECTORY)


def test_a_union_of_more_rows_than_it_is_laid_out_over_is_refused() -> None:
    many = Directory([registered(HOSPITAL, 1, rows=40), registered(CLINIC, 2, rows=25)])
    with pytest.raises(CohortMismatchError, match="65 rows together"):
        compile_question(f"SELECT COUNT(*) {BOTH}", many)
    longer = Directory([registered(HOSPITAL, 1), registered(CLINIC, 2, log_rows=7)])
    with pytest.raises(CohortMismatchError, match="different numbers of rows"):
        compile_question(f"SELECT COUNT(*) {BOTH}", longer)
