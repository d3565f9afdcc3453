"""The vectorised evaluation in the clear equals the oracle's, term by term in Python integers."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from query_oracle import evaluate_plan
from query_questions import DIRECTORY, ENCODED, J
from query_tables import HOSPITAL, registered

from query.clear import evaluate_in_clear, released_in_clear
from query.directory import Directory
from query.errors import SumsInvalidError
from query.kinds import BoundedInteger
from query.plan import compile_question
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema

BAND = "(CASE WHEN age >= 30 THEN 1 ELSE 0 END) + (CASE WHEN age >= 60 THEN 1 ELSE 0 END)"
QUESTIONS = [
    "SELECT COUNT(*), SUM(age), VAR_POP(balance) FROM hospital WHERE region <> 'west' AND smoker IS NOT NULL",
    "SELECT SUM(age * age * age), SUM(CASE WHEN bmi > 30 THEN age ELSE -balance END) FROM hospital",
    f"SELECT COVAR_POP(h.age, l.hba1c), CORR(h.balance, l.chol) {J} WHERE h.diabetic OR NOT l.abnormal",
    f"SELECT smoker, abnormal, {BAND} AS band, COUNT(*), SUM(chol) {J} "
    f"GROUP BY smoker, abnormal, {BAND}",
    f"SELECT region, SUM(chol) {J} WHERE age IN (1, 2, 3, 40, 41, 42, 43, 44) OR chol < 300 GROUP BY region",
    "SELECT SUM(balance * balance * balance) FROM hospital",
    "SELECT HISTOGRAM(age, 0, 120, 6) AS h FROM hospital WHERE diabetic",
    "SELECT WIDTH_BUCKET(balance, -1000000000, 1000000000, 4) AS b, COUNT(*) AS n FROM hospital "
    "GROUP BY WIDTH_BUCKET(balance, -1000000000, 1000000000, 4)",
    f"SELECT MOMENTS(age, bmi, chol, hba1c, smoker) AS m {J} WHERE diabetic OR abnormal",
    "SELECT COUNT(*) AS n, SUM(l.chol) AS s, AVG(h.balance * l.hba1c) AS p FROM hospital h LEFT JOIN laboratory l "
    "ON h.person = l.person",
    f"SELECT region, abnormal, MOMENTS(age, chol) AS m {J} WHERE region <> 'west' GROUP BY region, abnormal",
]


@pytest.mark.parametrize("sql", QUESTIONS)
def test_equals_the_oracle(sql: str) -> None:
    plan = compile_question(sql, DIRECTORY)
    assert list(evaluate_in_clear(plan, ENCODED)) == evaluate_plan(plan, ENCODED).sums


WIDE = TableSchema("wide", "o", "rows", "person", "city", (
    ColumnSchema("x", BoundedInteger(-(1 << 60), (1 << 60) - 1)), ColumnSchema("y", BoundedInteger(0, (1 << 62) - 1)),
    ColumnSchema("g", BoundedInteger(0, 4))))  # fmt: skip


@pytest.mark.parametrize("group", ["", " GROUP BY g"])
def test_nothing_wraps_at_the_bounds(rng: Random, group: str) -> None:
    """Products of 124 bits, at the edges of every limb."""
    edges = [0, 1, (1 << 31) - 1, 1 << 31, (1 << 62) - 1]
    records = [{"x": rng.choice(edges) - (1 << 60) if rng.random() < 0.5 else (1 << 60) - 1, "y": rng.choice(edges),
                "g": rng.randrange(5)} for _ in range(64)]  # fmt: skip
    records = [{**r, "x": min(r["x"], (1 << 60) - 1)} for r in records]
    encoded = {"wide": encode_rows(WIDE, records, 6)}
    plan = compile_question(f"SELECT VAR_POP(x), COVAR_POP(x, y), SUM(x * 3 - 7) FROM wide{group}",
                            Directory([registered(WIDE, 1)]))  # fmt: skip
    assert list(evaluate_in_clear(plan, encoded)) == evaluate_plan(plan, encoded).sums


def test_columns_that_do_not_fit_are_refused() -> None:
    plan = compile_question("SELECT SUM(age) FROM hospital", DIRECTORY)
    for broken in ({}, {"hospital": {}}, {"hospital": {n: c[:8] for n, c in ENCODED["hospital"].items()}},
                   {"hospital": {n: c.astype(np.float64) for n, c in ENCODED["hospital"].items()}}):  # fmt: skip
        with pytest.raises(SumsInvalidError):
            evaluate_in_clear(plan, broken)  # type: ignore[arg-type]


def test_small_and_close_guards_stay_closed() -> None:
    table = registered(HOSPITAL, 1)
    grouped = compile_question("SELECT region, COUNT(*) FROM hospital GROUP BY region", Directory([table]))
    assert released_in_clear(grouped, (10, 9, 0, 25)) == (10, None, None, 25)
    two = compile_question("SELECT COUNT(*), COUNT(bmi) FROM hospital", Directory([table]))
    assert released_in_clear(two, (40, 40)) == (40, 40)
    assert released_in_clear(two, (40, 30)) == (40, 30)
    assert released_in_clear(two, (40, 31)) == (None, None)
    assert released_in_clear(two, (40, 9)) == (None, None)
    larger = replace(table, minimum_group=20)
    assert released_in_clear(compile_question("SELECT COUNT(*) FROM hospital", Directory([larger])), (19,)) == (None,)
