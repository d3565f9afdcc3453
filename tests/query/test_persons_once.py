"""COUNT(DISTINCT person) over several tables of one cohort counts a person once, in however many tables it is."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "zk"))

from joint import Joint
from query_oracle import Twin, evaluate_plan
from query_tables import HOSPITAL, LOG_ROWS, random_records, registered
from samples import release_word, sample

from query.directory import Directory
from query.errors import CohortMismatchError, QueryError, SqlUnsupportedError
from query.plan import Plan, compile_question
from query.rows import encode_rows
from query.statistics import finish_plan

WARD = replace(HOSPITAL, name="ward", owner="biolab")
CLINIC = replace(HOSPITAL, name="clinic", owner="bank")
SECOND = replace(HOSPITAL, name="second")
ABROAD = replace(HOSPITAL, name="abroad", owner="bank", cohort="valley")
TABLES = (HOSPITAL, WARD, CLINIC, SECOND, ABROAD)
DIRECTORY = Directory([registered(schema, 1 + k, rows=12) for k, schema in enumerate(TABLES)])
RECORDS = {schema.name: random_records(Random(90 + k), schema, 20) for k, schema in enumerate(TABLES)}
ENCODED = {schema.name: encode_rows(schema, RECORDS[schema.name], LOG_ROWS) for schema in TABLES}
OWNERS = {"st-anne": 0, "biolab": 1, "bank": 2}


def union(*names: str) -> str:
    return f"FROM ({' UNION ALL '.join(f'SELECT * FROM {name}' for name in names)}) AS u"


TWO, THREE, SAME = union("hospital", "ward"), union("hospital", "ward", "clinic"), union("hospital", "second")
ASKED = [
    f"SELECT COUNT(DISTINCT person) AS p {TWO}",
    f"SELECT COUNT(DISTINCT person) AS p, COUNT(*) AS n, AVG(age) AS a {TWO}",
    f"SELECT COUNT(DISTINCT person) AS p {TWO} WHERE age > 40 AND NOT diabetic",
    f"SELECT COUNT(DISTINCT u.person) AS p, COUNT(person) AS n {THREE}",
    f"SELECT COUNT(DISTINCT person) AS p {THREE} WHERE smoker",
    f"SELECT COUNT(DISTINCT person) AS p, COUNT(DISTINCT person) AS q {SAME}",
]


@pytest.fixture(scope="module")
def twin() -> Twin:
    found = Twin()
    for schema in TABLES:
        found.load(schema, RECORDS[schema.name])
    return found


def compiled(sql: str) -> Plan:
    return compile_question(sql, DIRECTORY)


@pytest.mark.parametrize("sql", ASKED)
def test_answers_equal_duckdb(twin: Twin, sql: str) -> None:
    plan = compiled(sql)
    evaluation = evaluate_plan(plan, ENCODED)
    assert evaluation.holds
    ours = [output.value for output in finish_plan(plan, evaluation.sums)]
    assert [float(str(v)) for v in ours] == pytest.approx([float(str(v)) for v in twin.ask(sql)])


def test_a_person_in_two_tables_counts_once() -> None:
    """Oracle by hand: rows present in either."""
    plan = compiled(ASKED[0])
    either = ENCODED["hospital"]["present"] | ENCODED["ward"]["present"]
    both = ENCODED["hospital"]["present"] & ENCODED["ward"]["present"]
    assert evaluate_plan(plan, ENCODED).sums == [either.sum()] and both.sum() > 0
    assert plan.sums[0].guard == 0 and len(plan.sums) == 1


@pytest.mark.parametrize("sql", ASKED)
def test_owners_prove_it_together(sql: str) -> None:
    plan = compiled(sql)
    columns = {i: [int(v) for v in ENCODED[c.table][c.name]] for i, c in enumerate(plan.columns, start=1)}
    given = sample(plan.relation, columns)
    proof, sums = Joint(given, {i: OWNERS[c.owner] for i, c in enumerate(plan.columns, start=1)}).prove(release_word(1))
    given.verify(proof)
    assert sums == evaluate_plan(plan, ENCODED).sums


def test_what_is_disclosed_and_who_takes_part() -> None:
    plan = compiled(ASKED[2])
    assert "in hospital where" in plan.disclosures[0] and " or in ward where" in plan.disclosures[0]
    assert {use.table: use.partners for use in plan.uses} == {"hospital": ("biolab",), "ward": ("st-anne",)}
    assert len(compiled(ASKED[5]).sums) == 1


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        (f"SELECT COUNT(DISTINCT person) {union('hospital', 'abroad')}", CohortMismatchError),
        (f"SELECT COUNT(DISTINCT person) {union('hospital', 'ward', 'clinic', 'second')}", SqlUnsupportedError),
        (f"SELECT COUNT(DISTINCT age) {TWO}", SqlUnsupportedError),
        (f"SELECT SUM(DISTINCT person) {TWO}", QueryError),
    ],
)
def test_what_is_refused(sql: str, error: type[QueryError]) -> None:
    with pytest.raises(error):
        compiled(sql)
