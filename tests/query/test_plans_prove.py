"""Compiled questions and registrations are provable: by one prover, and by three owners together."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "zk"))

from joint import Joint
from query_oracle import evaluate_plan
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, random_records, registered
from samples import Sample, release_word, sample

from query.directory import Directory
from query.kinds import Boolean, BoundedInteger, Category
from query.plan import Plan, compile_question
from query.publication import Publication
from query.registration import registration_relation
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema, physical_columns
from zk.cost import relation_cost
from zk.errors import WitnessUnsatisfiedError
from zk.proof import encode_proof

CREDIT = TableSchema("credit", "bank", "patients", "person", "city", (
    ColumnSchema("debt", BoundedInteger(0, 10**6)), ColumnSchema("rated", Boolean()),
    ColumnSchema("band", Category(("a", "b", "c"))),
))
DIRECTORY = Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2), registered(CREDIT, 3)])
OWNERS = {"st-anne": 0, "biolab": 1, "bank": 2}
ENCODED = {
    schema.name: encode_rows(schema, random_records(Random(seed), schema, 60), LOG_ROWS)
    for seed, schema in enumerate((HOSPITAL, LABORATORY, CREDIT))
}
TWO = "FROM hospital h JOIN laboratory l ON h.person = l.person"
THREE = f"{TWO} JOIN credit c ON c.person = l.person"

BAND = "(CASE WHEN bmi >= 30 THEN 1 ELSE 0 END) + (CASE WHEN age >= 60 THEN 2 ELSE 0 END)"

QUESTIONS = [
    "SELECT COUNT(*), SUM(age) FROM hospital WHERE age >= 40 AND region <> 'west'",
    "SELECT region, COUNT(*), SUM(CASE WHEN bmi > 30 THEN age ELSE 0 END) FROM hospital GROUP BY region",
    f"SELECT region, abnormal, COUNT(*), SUM(chol) {TWO} WHERE age > 20 GROUP BY region, abnormal",
    f"SELECT COUNT(*), SUM(age), AVG(chol) {TWO} WHERE diabetic OR NOT abnormal",
    f"SELECT region, COUNT(*), SUM(chol) {TWO} WHERE smoker OR chol > 250 GROUP BY region",
    f"SELECT SUM(debt), CORR(debt, chol) {THREE} WHERE diabetic",
    f"SELECT band, COUNT(*), AVG(age) {THREE} GROUP BY band",
    f"SELECT region, smoker, abnormal, COUNT(*) {TWO} GROUP BY region, smoker, abnormal",
    f"SELECT {BAND} AS band, abnormal, COUNT(*), SUM(chol) {TWO} GROUP BY {BAND}, abnormal",
    f"SELECT COUNT(*), SUM(debt), SUM(age) {THREE} WHERE (diabetic OR abnormal) AND (band = 'a' OR chol < 300)",
]


def sample_of(plan: Plan) -> Sample:
    columns = {
        index: [int(value) for value in ENCODED[column.table][column.name]]
        for index, column in enumerate(plan.columns, start=1)
    }
    return sample(plan.relation, columns)


@pytest.mark.parametrize("sql", QUESTIONS)
def test_owners_prove_a_question_together(sql: str) -> None:
    plan = compile_question(sql, DIRECTORY)
    given = sample_of(plan)
    owners = {index: OWNERS[column.owner] for index, column in enumerate(plan.columns, start=1)}
    proof, sums = Joint(given, owners).prove(release_word(1))
    given.verify(proof)
    assert sums == evaluate_plan(plan, ENCODED).sums


def test_public_sums_of_one_owner_are_plain_unless_groups_may_be_small() -> None:
    sql = "SELECT COUNT(*), SUM(age) FROM hospital WHERE bmi < 40"
    plan = compile_question(sql, DIRECTORY, publication=Publication.PUBLIC)
    assert plan.relation.plain
    assert plan.sole_owner == "st-anne"
    given = sample_of(plan)
    proof = given.prove(0)
    given.verify(proof)
    assert relation_cost(plan.relation).proof_bytes == len(encode_proof(proof))
    assert not compile_question(sql, DIRECTORY).relation.plain
    assert compile_question(sql, DIRECTORY).sole_owner is None
    grouped = compile_question(f"{sql} GROUP BY region", DIRECTORY, publication=Publication.PUBLIC)
    assert not grouped.relation.plain
    assert grouped.sole_owner == "st-anne"
    several = compile_question(f"SELECT COUNT(*) {TWO}", DIRECTORY, publication=Publication.PUBLIC)
    assert not several.relation.plain
    assert several.sole_owner is None


def test_the_cost_of_a_question_is_exact_in_bytes() -> None:
    for sql in QUESTIONS[:3]:
        plan = compile_question(sql, DIRECTORY)
        proof = sample_of(plan).prove((1 << plan.relation.sum_rows) - 1)
        assert relation_cost(plan.relation).proof_bytes == len(encode_proof(proof))


def test_a_category_outside_its_groups_has_no_proof() -> None:
    plan = compile_question("SELECT band, COUNT(*) FROM credit GROUP BY band", DIRECTORY)
    given = sample_of(plan)
    place = next(i for i, column in enumerate(plan.columns, start=1) if column.name == "band")
    present = next(row for row, code in enumerate(given.columns[place]) if code)
    columns = {index: list(rows) for index, rows in given.columns.items()}
    columns[place][present] = 9
    with pytest.raises(WitnessUnsatisfiedError):
        sample(plan.relation, columns).prove()


@pytest.mark.parametrize(("column", "value"), [(None, 0), ("age", 121), ("region", 4), ("bmi", 1 << 40)])
def test_a_registration(column: str | None, value: int) -> None:
    relation = registration_relation(HOSPITAL, 1, 1, LOG_ROWS)
    names = [physical.name for physical in physical_columns(HOSPITAL)]
    columns = {i: [int(v) for v in ENCODED["hospital"][name]] for i, name in enumerate(names, start=1)}
    if column is None:
        given = sample(relation, columns)
        given.verify(given.prove())
        return
    rows = columns[names.index(column) + 1]
    rows[next(row for row, stored in enumerate(rows) if stored)] = value
    with pytest.raises(WitnessUnsatisfiedError):
        sample(relation, columns).prove()
