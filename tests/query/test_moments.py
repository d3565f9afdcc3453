"""MOMENTS: all first and second moments over complete cases equal the pooled rows', with few columns, and prove."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "zk"))

from joint import Joint
from query_oracle import Twin, evaluate_plan
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, random_records, registered
from samples import release_word, sample

from query.directory import Directory
from query.errors import BoundExceededError, ColumnKindError, SqlUnsupportedError, SumsInvalidError
from query.explain import explain_plan
from query.kinds import Boolean, BoundedInteger, Category, ScaledDecimal
from query.moments import MomentMatrix, moment_matrix
from query.plan import Plan, compile_question
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema
from query.statistics import finish_plan
from query.sums import Operand
from zk.cost import relation_cost
from zk.decoding import decode_relation
from zk.encoding import encode_relation

CREDIT = TableSchema("credit", "bank", "patients", "person", "city", (
    ColumnSchema("debt", BoundedInteger(0, 10**6)), ColumnSchema("rated", Boolean(), nullable=True),
    ColumnSchema("band", Category(("a", "b", "c"))),
))
TABLES = (HOSPITAL, LABORATORY, CREDIT)
DIRECTORY = Directory([registered(schema, 1 + number) for number, schema in enumerate(TABLES)])
RECORDS = {schema.name: random_records(Random(40 + number), schema, 60) for number, schema in enumerate(TABLES)}
ENCODED = {schema.name: encode_rows(schema, RECORDS[schema.name], LOG_ROWS) for schema in TABLES}
OWNERS = {"st-anne": 0, "biolab": 1, "bank": 2}
ONE = "FROM hospital h"
TWO = "FROM hospital h JOIN laboratory l ON h.person = l.person"
THREE = f"{TWO} JOIN credit c ON c.person = l.person"


@pytest.fixture(scope="module")
def twin() -> Twin:
    found = Twin()
    for schema in TABLES:
        found.load(schema, RECORDS[schema.name])
    return found


def as_number(value: str) -> str:
    booleans = ("diabetic", "smoker", "rated")
    return f"CASE WHEN {value} THEN 1 WHEN NOT {value} THEN 0 END" if value in booleans else value


def pooled(twin: Twin, values: list[str], rest: str) -> tuple[int, list[Fraction], list[list[Fraction]]]:
    """The same moments by DuckDB's own exact sums."""
    given = [as_number(value) for value in values]
    source, _, condition = rest.partition(" WHERE ")
    clause = " AND ".join([f"({condition or 'TRUE'})", *(f"({value}) IS NOT NULL" for value in given)])
    texts = ["COUNT(*)", *(f"SUM({a})" for a in given), *(f"SUM(({a}) * ({b}))" for a in given for b in given)]
    count, *sums = twin.ask(f"SELECT {', '.join(texts)} {source} WHERE {clause}")
    found = [Fraction(str(value or 0)) for value in sums]
    size = len(values)
    return int(str(count)), found[:size], [found[size * (i + 1):size * (i + 2)] for i in range(size)]


CASES = [
    (["age"], ONE), (["age", "bmi"], ONE), (["bmi", "balance", "diabetic", "smoker"], f"{ONE} WHERE age > 30"),
    (["age", "bmi", "balance", "smoker", "age + bmi", "age * age"], ONE), (["3", "age", "age"], ONE),
    (["age", "chol"], TWO), (["age", "bmi", "chol", "hba1c"], TWO),
    (["diabetic", "smoker", "chol"], f"{TWO} WHERE smoker"),
    (["age", "bmi", "hba1c"], f"{TWO} WHERE diabetic OR abnormal"),
    (["age", "bmi", "chol", "hba1c", "debt", "rated"], THREE),
    (["CASE WHEN bmi > 30 THEN age END", "hba1c", "debt"], f"{THREE} WHERE region <> 'west'"),
    (["age", "hba1c", "rated"], f"{THREE} WHERE smoker OR abnormal OR band = 'a'"),
]


@pytest.mark.parametrize(("values", "rest"), CASES, ids=lambda v: ",".join(v) if isinstance(v, list) else v)
def test_moments_equal_the_pooled_ones(twin: Twin, values: list[str], rest: str) -> None:
    plan = compile_question(f"SELECT MOMENTS({', '.join(values)}) AS m, COUNT(*) AS n {rest}", DIRECTORY)
    evaluation = evaluate_plan(plan, ENCODED)
    assert evaluation.holds
    matrix = finish_plan(plan, evaluation.sums)[0].value
    assert isinstance(matrix, MomentMatrix)
    count, totals, products = pooled(twin, values, rest)
    size = range(len(values))
    assert (matrix.count, [matrix.total(i) for i in size]) == (count, totals)
    assert [[matrix.product(i, j) for j in size] for i in size] == products
    assert decode_relation(encode_relation(plan.relation)) == plan.relation
    assert explain_plan(plan)


GROUPED = [("region", ONE), ("band", THREE), ("region", f"{TWO} WHERE smoker OR abnormal")]


@pytest.mark.parametrize(("grouped", "rest"), GROUPED)
def test_moments_by_group(twin: Twin, grouped: str, rest: str) -> None:
    values = ["age", "bmi"] if rest == ONE else ["age", "bmi", "chol"]
    plan = compile_question(f"SELECT {grouped}, MOMENTS({', '.join(values)}) AS m {rest} GROUP BY {grouped}", DIRECTORY)
    evaluation = evaluate_plan(plan, ENCODED)
    assert evaluation.holds
    size = range(len(values))
    for result in finish_plan(plan, evaluation.sums):
        matrix, label = result.value, result.cell[0]
        assert isinstance(matrix, MomentMatrix)
        here = f"{grouped} IS NULL" if label is None else f"{grouped} = '{label}'"
        source, _, condition = rest.partition(" WHERE ")
        count, totals, products = pooled(twin, values, f"{source} WHERE ({condition or 'TRUE'}) AND {here}")
        assert (matrix.count, [matrix.total(i) for i in size]) == (count, totals)
        assert [[matrix.product(i, j) for j in size] for i in size] == products


PROVED = [
    f"SELECT MOMENTS(age, bmi, chol, hba1c) AS m {TWO} WHERE diabetic",
    f"SELECT MOMENTS(age, smoker, hba1c, debt, rated) AS m, COUNT(*) AS n {THREE}",
    f"SELECT MOMENTS(age, hba1c, debt) AS m {THREE} WHERE smoker OR abnormal",
    f"SELECT region, MOMENTS(age, bmi, smoker) AS m {ONE} GROUP BY region",
    f"SELECT region, MOMENTS(age, chol) AS m {TWO} GROUP BY region",
]


@pytest.mark.parametrize("sql", PROVED)
def test_owners_prove_moments_together(sql: str) -> None:
    plan = compile_question(sql, DIRECTORY)
    columns = {i: [int(v) for v in ENCODED[c.table][c.name]] for i, c in enumerate(plan.columns, start=1)}
    given = sample(plan.relation, columns)
    proof, sums = Joint(given, {i: OWNERS[c.owner] for i, c in enumerate(plan.columns, start=1)}).prove(release_word(1))
    given.verify(proof)
    assert sums == evaluate_plan(plan, ENCODED).sums


def wide(columns: int, nullable: bool) -> Directory:
    """Two tables of two owners with many numbers."""
    tables = [TableSchema(name, owner, "people", "person", "city", tuple(
        ColumnSchema(f"{name}{k}", ScaledDecimal(3, 0, 10**9), nullable) for k in range(columns)))
        for name, owner in (("x", "north"), ("y", "south"))]
    return Directory([registered(table, 1 + number, log_rows=20, rows=10**6) for number, table in enumerate(tables)])


def wide_plan(size: int, nullable: bool) -> Plan:
    names = [f"{'xy'[k % 2]}{k // 2}" for k in range(size)]
    sql = f"SELECT MOMENTS({', '.join(names)}) AS m FROM x JOIN y ON x.person = y.person"
    return compile_question(sql, wide(8, nullable))


@pytest.mark.parametrize("nullable", [False, True], ids=["complete", "nullable"])
def test_nine_values_of_two_owners_fit_one_proof_and_the_ledger(nullable: bool) -> None:
    plan = wide_plan(9, nullable)
    cost = relation_cost(plan.relation)
    assert cost.sums == 55
    assert cost.words + 2 * cost.registered <= 256  # the ledger's limit
    with pytest.raises(BoundExceededError, match="66 sums"):
        wide_plan(10, nullable)


def test_sums_are_shared_with_the_other_aggregates() -> None:
    alone = compile_question(f"SELECT MOMENTS(age, chol) AS m {TWO}", DIRECTORY)
    more = compile_question(f"SELECT MOMENTS(age, chol) AS m, CORR(age, chol) AS r, AVG(age) AS a {TWO}", DIRECTORY)
    assert more.relation == alone.relation
    booleans = compile_question(f"SELECT MOMENTS(diabetic, age) AS m {ONE}", DIRECTORY)
    assert len(booleans.sums) == 5  # the square of a boolean is the boolean


def test_indicators_of_one_category_exclude_each_other(twin: Twin) -> None:
    """Their product has no sum: it would be a guard of 0, and nothing could ever be released beside it."""
    west, other = ("CASE WHEN region = 'west' THEN 1 ELSE 0 END", "CASE WHEN region IN ('north') THEN 1 ELSE 0 END")
    plan = compile_question(f"SELECT MOMENTS({west}, {other}, age) AS m {ONE}", DIRECTORY)
    evaluation = evaluate_plan(plan, ENCODED)
    assert evaluation.holds
    assert len(plan.sums) == 1 + 3 + 2 + 1  # both times age, and its square; their own squares are themselves
    matrix = finish_plan(plan, evaluation.sums)[0].value
    assert isinstance(matrix, MomentMatrix)
    count, totals, products = pooled(twin, [west, other, "age"], ONE)
    assert (matrix.count, [matrix.total(i) for i in range(3)]) == (count, totals)
    assert [[matrix.product(i, j) for j in range(3)] for i in range(3)] == products
    both = "CASE WHEN region IN ('west', 'north') THEN 1 ELSE 0 END"
    assert len(compile_question(f"SELECT MOMENTS({west}, {both}) AS m {ONE}", DIRECTORY).sums) == 1 + 2 + 1
    scored = "CASE WHEN region = 'north' THEN 2 ELSE 0 END"
    sums = compile_question(f"SELECT MOMENTS({west}, {scored}) AS m {ONE}", DIRECTORY).sums
    assert len(sums) == 1 + 2 + 2 + 1  # the last counts who scored


REFUSED = [
    ("MOMENTS()", SqlUnsupportedError), ("MOMENTS(region)", ColumnKindError), ("MOMENT(age)", SqlUnsupportedError),
    ("MOMENTS(CASE WHEN abnormal THEN age END)", SqlUnsupportedError),
    (f"MOMENTS({', '.join(['age'] * 17)})", SqlUnsupportedError), ("MOMENTS(DISTINCT age)", SqlUnsupportedError),
    ("MOMENTS(*)", SqlUnsupportedError), ("MOMENTS(age) + 1", SqlUnsupportedError),
]


@pytest.mark.parametrize(("text", "error"), REFUSED)
def test_what_is_not_moments_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        compile_question(f"SELECT {text} AS m {TWO}", DIRECTORY)


def test_centred_moments_lose_no_digits() -> None:
    rows = [10**9 + k % 2 for k in range(10**6)]
    operands = (Operand("t", "v", 0, 0),)
    matrix = moment_matrix(operands, len(rows), [sum(rows)], [sum(v * v for v in rows)])
    assert matrix.mean(0) == 10**9 + Fraction(1, 2)
    assert matrix.centred(0, 0) == Fraction(10**6, 4)


def test_sums_of_no_real_values_are_refused() -> None:
    operands = (Operand("t", "v", 0, 0), Operand("t", "w", 0, 0))
    assert moment_matrix(operands, 0, [0, 0], [0, 0, 0]).centred(0, 1) == 0
    with pytest.raises(SumsInvalidError):
        moment_matrix(operands, 2, [4, 4], [7, 8, 8])
    with pytest.raises(SumsInvalidError):
        moment_matrix(operands, 2, [4, 4], [8, 9, 8])
    with pytest.raises(SumsInvalidError):
        moment_matrix(operands, 0, [0, 0], [0, 0, 0]).mean(0)
