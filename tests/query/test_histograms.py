"""WIDTH_BUCKET, HISTOGRAM and QUANTILE_INTERVAL: counts equal DuckDB's, and the interval always holds the quantile."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from random import Random

import pytest
from query_oracle import evaluate_plan
from query_questions import DIRECTORY, ENCODED, TWIN, J, ask
from query_tables import HOSPITAL, registered

from query.directory import Directory
from query.errors import (
    BoundExceededError,
    ColumnKindError,
    PolicyRefusedError,
    QueryError,
    SqlUnsupportedError,
    SumsInvalidError,
)
from query.histograms import Bins, Histogram, Interval
from query.plan import compile_question
from query.policy import Asker, Policy, check_policy
from query.statistics import finish_plan, result_rows


def bucket(value: str, lo: float, hi: float, count: int) -> str:
    """What PostgreSQL calls WIDTH_BUCKET, for DuckDB, which has none: exact, by comparisons."""
    steps = " + ".join(f"CASE WHEN {count} * ({value}) >= {count * lo + k * (hi - lo)} THEN 1 ELSE 0 END"
                       for k in range(count + 1))
    return f"CASE WHEN ({value}) IS NULL THEN NULL ELSE {steps} END"


BUCKETS = [("age", 0, 120, 4), ("age", 30, 90, 3), ("bmi", 20, 60.5, 4), ("balance", -(10**8), 10**8, 2),
           ("age - 2 * bmi", -100, 50, 3), ("age", 200, 300, 2), ("bmi", 0, 7, 3)]


@pytest.mark.parametrize(("value", "lo", "hi", "count"), BUCKETS)
def test_buckets_are_those_of_sql(value: str, lo: float, hi: float, count: int) -> None:
    written = f"WIDTH_BUCKET({value}, {lo}, {hi}, {count})"
    sql = "SELECT {0} AS b, COUNT(*) AS n, SUM(age) AS s FROM hospital GROUP BY {0}"
    plan = compile_question(sql.format(written), DIRECTORY)
    evaluation = evaluate_plan(plan, ENCODED)
    assert evaluation.holds
    rows = [tuple(row.values()) for row in result_rows(plan, finish_plan(plan, evaluation.sums))]
    expected = TWIN.ask_rows(sql.format(bucket(value, lo, hi, count)))
    assert sorted((row for row in rows if row[1]), key=str) == sorted(expected, key=str)


def test_a_bucket_is_a_value_like_any_other() -> None:
    inner = bucket("age", 0, 100, 5)
    plan = compile_question(f"SELECT AVG(WIDTH_BUCKET(age, 0, 100, 5)) AS m, COUNT(*) AS n {J} "
                            "WHERE WIDTH_BUCKET(age, 0, 100, 5) > 2", DIRECTORY)
    evaluation = evaluate_plan(plan, ENCODED)
    values = [result.value for result in finish_plan(plan, evaluation.sums)]
    assert values == list(TWIN.ask(f"SELECT AVG({inner}), COUNT(*) {J} WHERE {inner} > 2"))
    ask("SELECT COUNT(*) AS n FROM hospital WHERE age > 3")


def test_a_histogram_counts_every_row_once() -> None:
    plan = compile_question("SELECT HISTOGRAM(bmi, 20, 60, 4) AS h FROM hospital WHERE age > 10", DIRECTORY)
    (result,) = finish_plan(plan, evaluate_plan(plan, ENCODED).sums)
    found = result.value
    assert isinstance(found, Histogram)
    inner = bucket("bmi", 20, 60, 4)
    rows = dict(TWIN.ask_rows(f"SELECT {inner} AS b, COUNT(*) FROM hospital WHERE age > 10 GROUP BY 1"))
    counted = (found.below, *found.counts, found.above, found.nulls)
    assert counted == tuple(rows.get(k, 0) for k in (0, 1, 2, 3, 4, 5, None))
    assert [found.bins.edge(k) for k in range(5)] == [20, 30, 40, 50, 60]
    assert result_rows(plan, [result]) == ({"h": found},)
    assert "[20, 30)" in str(found)
    assert found.as_json()["edges"] == ["20", "30", "40", "50", "60"]


@pytest.mark.parametrize("p", ["0", "0.1", "0.5", "0.75", "1"])
def test_the_interval_holds_the_quantile(p: str) -> None:
    plan = compile_question(f"SELECT QUANTILE_INTERVAL(bmi, {p}, 10, 80, 7) AS q FROM hospital", DIRECTORY)
    sums = evaluate_plan(plan, ENCODED).sums
    for least in (1, 3, 5):
        sums_out = [value if value >= least else None for value in sums]
        (result,) = finish_plan(plan, sums_out)
        found = result.value
        assert isinstance(found, Interval)
        for function in ("quantile_cont", "quantile_disc"):
            (exact,) = TWIN.ask(f"SELECT {function}(bmi, {p}) FROM hospital")
            assert found.lo <= Fraction(str(exact)) <= found.hi


def test_closed_bins_widen_the_interval_as_far_as_they_must(rng: Random) -> None:
    """Against every way the closed counts can be."""
    for _ in range(150):
        counts: list[int | None] = [rng.choice([None, 0, rng.randrange(3, 9)]) for _ in range(5)]
        bins = Bins(Fraction(0), Fraction(3), 3, Fraction(-1), Fraction(4))
        shown = Histogram(bins, counts[0], tuple(counts[1:4]), counts[4], 0, 3)
        p = Fraction(rng.randrange(0, 11), 10)
        found = shown.quantile(p)
        if not any(counts):
            assert found is None
            continue
        assert found is not None
        for places in every_way(counts, 3):
            n = sum(places)
            for rank in (floor(p * (n - 1)) + 1, ceil(p * (n - 1)) + 1):
                place = next(k for k in range(5) if sum(places[: k + 1]) >= rank)
                assert found.lo <= place - 1
                assert place <= found.hi


def every_way(counts: list[int | None], minimum: int) -> list[list[int]]:
    ways: list[list[int]] = [[]]
    for count in counts:
        ways = [[*way, value] for way in ways for value in (range(minimum) if count is None else [count])]
    return ways


REFUSED: list[tuple[str, type[QueryError]]] = [
    ("SELECT HISTOGRAM(age, 0, 100, 5), COUNT(*) FROM hospital", SqlUnsupportedError),
    ("SELECT region, HISTOGRAM(age, 0, 100, 5) FROM hospital GROUP BY region", SqlUnsupportedError),
    ("SELECT HISTOGRAM(age, 0, 100) FROM hospital", SqlUnsupportedError),
    ("SELECT HISTOGRAM(age, 100, 0, 5) FROM hospital", SqlUnsupportedError),
    ("SELECT HISTOGRAM(age, 0, 100, 0) FROM hospital", SqlUnsupportedError),
    ("SELECT HISTOGRAM(age, 0, 100, 2.5) FROM hospital", SqlUnsupportedError),
    ("SELECT HISTOGRAM(age, 0, bmi, 2) FROM hospital", SqlUnsupportedError),
    ("SELECT HISTOGRAM(age, 0, 100, 65) FROM hospital", SqlUnsupportedError),
    ("SELECT HISTOGRAM(region, 0, 100, 5) FROM hospital", ColumnKindError),
    ("SELECT HISTOGRAM(balance, -1000000, 1000000, 60) FROM hospital", BoundExceededError),
    ("SELECT QUANTILE_INTERVAL(age, 1.5, 0, 100, 5) FROM hospital", SqlUnsupportedError),
    ("SELECT QUANTILE_INTERVAL(age, 0.5) FROM hospital", SqlUnsupportedError),
    ("SELECT HISTOGRAM(age, 0, 100, 5) AS h FROM hospital ORDER BY h", ColumnKindError),
    ("SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY age) FROM hospital", SqlUnsupportedError),
    (f"SELECT HISTOGRAM(age * chol, 0, 100, 5) {J}", SqlUnsupportedError),
    ("SELECT COUNT(*) FROM hospital WHERE WIDTH_BUCKET(age, 0, 10) > 1", SqlUnsupportedError),
]


@pytest.mark.parametrize(("sql", "error"), REFUSED)
def test_what_is_no_histogram_is_refused(sql: str, error: type[QueryError]) -> None:
    with pytest.raises(error):
        compile_question(sql, DIRECTORY)


def test_a_histogram_shows_the_values_of_its_column() -> None:
    hidden = registered(HOSPITAL, 1, policy=Policy(hidden_values=("bmi",)))
    plan = compile_question("SELECT HISTOGRAM(bmi, 0, 100, 5) FROM hospital", Directory([hidden]), 10)
    with pytest.raises(PolicyRefusedError, match="bmi"):
        check_policy(plan, hidden, Asker("agency", "agency"), 0)


def test_where_all_bins_are_closed_nothing_is_said() -> None:
    plan = compile_question("SELECT QUANTILE_INTERVAL(bmi, 0.5, 10, 80, 7) AS q FROM hospital", DIRECTORY)
    (result,) = finish_plan(plan, [None] * len(plan.sums))
    assert (result.value, result.suppressed) == (None, True)


def test_there_is_no_quantile_outside_zero_and_one() -> None:
    empty = Histogram(Bins(Fraction(0), Fraction(3), 1, Fraction(-1), Fraction(4)), None, (None,), None, None, 10)
    assert empty.quantile(Fraction(1, 2)) is None
    with pytest.raises(SumsInvalidError):
        empty.quantile(Fraction(3, 2))
