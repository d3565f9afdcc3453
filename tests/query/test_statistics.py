"""Finishing: exact where SQL is exact, NULL where SQL says NULL, and no digit lost where doubles would lose them."""

from __future__ import annotations

import statistics
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from query.directory import Directory, RegisteredTable
from query.errors import SumsInvalidError
from query.kinds import BoundedInteger, ScaledDecimal
from query.plan import compile_question
from query.schema import ColumnSchema, TableSchema
from query.statistics import Result, finish_plan

SCHEMA = TableSchema(
    "t",
    "o",
    "rows",
    "person",
    "city",
    (ColumnSchema("x", BoundedInteger(-(2 * 10**9), 2 * 10**9)), ColumnSchema("y", ScaledDecimal(3, -(10**9), 10**9))),
)
TABLE = Directory([RegisteredTable(SCHEMA, 1, 1, 20, 10**6, 10)])

EVERYTHING = (
    "SELECT COUNT(*) n, SUM(x) s, SUM(y) d, AVG(x) m, VAR_POP(x) vp, VAR_SAMP(x) vs, STDDEV_POP(x) sp, STDDEV_SAMP(x) "
    "ss, COVAR_POP(x, y) cp, COVAR_SAMP(x, y) cs, CORR(x, y) r FROM t"
)


def finish(sql: str, xs: list[int], ys: list[int]) -> dict[str, Result]:
    """Finish from the exact sums of stored values; y in thousandths."""
    plan = compile_question(sql, TABLE)
    stored = {"x": [x + 2 * 10**9 for x in xs], "y": [y + 10**9 for y in ys], "present": [1] * len(xs)}
    sums = []
    for spec in plan.sums:
        product = [1] * len(xs)
        for factor in spec.name.split("*"):
            product = [a * b for a, b in zip(product, stored[factor.split(".")[1]])]
        sums.append(sum(product))
    return {result.name: result for result in finish_plan(plan, sums)}


def test_every_statistic_of_a_small_table() -> None:
    r = finish(EVERYTHING, [2, 4, 4, 4, 5, 5, 7, 9], [1000, 3000, 2000, 2500, 4000, 3500, 5000, -7001])
    assert {name: r[name].value for name in ("n", "s", "m", "vp", "sp")} == {
        "n": 8,
        "s": 40,
        "m": 5.0,
        "vp": 4.0,
        "sp": 2.0,
    }
    assert r["d"].value == Decimal("13.999")
    assert str(r["d"].value) == "13.999"
    assert r["vs"].exact == Fraction(32, 7)
    assert r["r"].value == pytest.approx(
        statistics.correlation([2, 4, 4, 4, 5, 5, 7, 9], [1, 3, 2, 2.5, 4, 3.5, 5, -7.001])
    )
    assert {result.count for result in r.values()} == {8}


def test_a_million_values_around_a_billion_with_variance_one(rng: Random) -> None:
    xs = [10**9 + rng.choice([-1, 1]) for _ in range(10**6)]
    n, s = len(xs), sum(xs)
    plan = compile_question("SELECT VAR_POP(x) v, STDDEV_POP(x) s FROM t", TABLE)
    stored = [x + 2 * 10**9 for x in xs]
    result = finish_plan(plan, [n, sum(stored), sum(x * x for x in stored)])
    exact = Fraction(sum((x - 10**9) ** 2 for x in xs), n) - Fraction(s - n * 10**9, n) ** 2
    assert result[0].exact == exact
    assert result[0].value == float(exact)
    naive = sum(float(x) * x for x in xs) / n - (s / n) ** 2
    assert abs(naive - float(exact)) > 1e-3  # what doubles would have said


def test_correlation_keeps_its_digits() -> None:
    xs = [10**9 + i for i in range(100)]
    assert finish("SELECT CORR(x, y) r FROM t", xs, [10**9 - 1 - i for i in range(100)])["r"].value == -1.0
    assert finish("SELECT CORR(x, y) r FROM t", xs, [i % 2 for i in range(100)])["r"].value == pytest.approx(
        statistics.correlation(range(100), [i % 2 for i in range(100)]), rel=1e-12
    )


NULLS: dict[int, set[str]] = {
    0: {"s", "d", "m", "vp", "vs", "sp", "ss", "cp", "cs", "r"},
    1: {"vs", "ss", "cs", "r"},
    2: set(),
}


@pytest.mark.parametrize("rows", NULLS)
def test_null_follows_sql(rows: int) -> None:
    r = finish(EVERYTHING, [5, 6][:rows], [5, 7][:rows])
    assert {name for name, result in r.items() if result.value is None} == NULLS[rows]
    assert r["n"].value == rows


def test_correlation_with_a_constant_is_null() -> None:
    assert finish("SELECT CORR(x, y) r FROM t", [5, 5, 5], [1, 2, 3])["r"].value is None


def test_a_sum_that_was_not_released_suppresses_what_needs_it() -> None:
    plan = compile_question("SELECT COUNT(*) n, AVG(x) m, VAR_POP(x) v FROM t", TABLE)
    count, mean, variance = finish_plan(plan, [10, 10 * 2 * 10**9, None])
    assert (count.value, count.suppressed, mean.value, variance.suppressed, variance.value) == (
        10,
        False,
        0.0,
        True,
        None,
    )


@pytest.mark.parametrize(
    "sums",
    [
        [],
        [1],
        [1, 2, 3, 4],
        [1, -1, 0],
        [(1 << 20) + 1, 0, 0],
        [1, 10**20, 0],
        [1.0, 0, 0],
        [True, 0, 0],
        [2, 10, 20],
        ["1", 0, 0],
    ],
    ids=range(10),
)
def test_sums_that_cannot_be(sums: list[Any]) -> None:
    plan = compile_question("SELECT VAR_POP(x) FROM t", TABLE)
    with pytest.raises(SumsInvalidError):
        finish_plan(plan, sums)


def test_a_covariance_larger_than_the_variances_allow() -> None:
    plan = compile_question("SELECT CORR(x, y) FROM t", TABLE)
    with pytest.raises(SumsInvalidError, match="products"):
        finish_plan(plan, [2, 2, 2, 4, 4, 400])
