"""Every aggregate over random tables equals DuckDB's answer to the same question on the pooled rows."""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random

import pytest
from query_oracle import Twin, evaluate_plan
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, random_records, registered

from query.aggregates import Statistic
from query.directory import Directory
from query.kinds import Boolean, Category
from query.plan import compile_question
from query.rows import encode_rows
from query.schema import TableSchema
from query.statistics import Result, finish_plan

JOIN = "hospital AS h JOIN laboratory AS l ON h.person = l.person"


def numbers_of(schema: TableSchema, alias: str) -> list[tuple[str, str]]:
    """Columns that can be aggregated, with the text DuckDB wants for them."""
    found = []
    for column in schema.columns:
        name = f"{alias}.{column.name}"
        if not isinstance(column.kind, Category):
            found.append((name, f"CAST({name} AS INTEGER)" if isinstance(column.kind, Boolean) else name))
    return found


def booleans_of(schema: TableSchema, alias: str) -> list[str]:
    return [f"{alias}.{column.name}" for column in schema.columns if isinstance(column.kind, Boolean)]


def random_question(rng: Random, joined: bool, statistics: list[Statistic]) -> tuple[str, str]:
    """The question, and DuckDB's text of it followed by the spread that each output's error is measured in."""
    numbers = numbers_of(HOSPITAL, "h") + (numbers_of(LABORATORY, "l") if joined else [])
    booleans = booleans_of(HOSPITAL, "h") + (booleans_of(LABORATORY, "l") if joined else [])
    ours, theirs, spreads = [], [], []
    for number, statistic in enumerate(statistics):
        if statistic is Statistic.COUNT and rng.random() < 0.5:
            mine = other = rng.choice(["COUNT(*)", "COUNT(h.region)"])
            spread = "1"
        else:
            arguments = [rng.choice(numbers) for _ in range(statistic.arguments[0])]
            mine = f"{statistic}({', '.join(a for a, _ in arguments)})"
            other = f"{statistic}({', '.join(b for _, b in arguments)})"
            spread = " * ".join(f"(1 + MAX(ABS(CAST({b} AS DOUBLE))))" for _, b in arguments)
        ours.append(f"{mine} AS o{number}")
        theirs.append(other)
        spreads.append(spread)
    filters = rng.sample(booleans, rng.randrange(0, len(booleans) + 1))
    source = JOIN if joined else "hospital h"
    rest = f" FROM {source}" + (f" WHERE {' AND '.join(filters)}" if filters else "")
    return f"SELECT {', '.join(ours)}{rest}", f"SELECT {', '.join(theirs + spreads)}{rest}"


def assert_same(result: Result, theirs: object, spread: object) -> None:
    if theirs is None:
        assert result.value is None
    elif isinstance(result.value, int | Decimal):
        assert result.value == theirs
    else:
        assert isinstance(result.value, float)
        assert isinstance(theirs, float)
        # conditioning of the pooled double computation is in the spread; ours is exact until the last step
        assert math.isclose(result.value, theirs, rel_tol=1e-12, abs_tol=1e-14 * float(str(spread)))


@pytest.mark.parametrize("joined", [False, True], ids=["one table", "join"])
@pytest.mark.parametrize("present", [0, 1, 2, 55], ids=lambda n: f"{n} rows")
def test_results_equal_duckdb(rng: Random, joined: bool, present: int) -> None:
    encoded, twin = {}, Twin()
    for schema in (HOSPITAL, LABORATORY):
        records = random_records(rng, schema, present)
        encoded[schema.name] = encode_rows(schema, records, LOG_ROWS)
        twin.load(schema, records)
    directory = Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2)])
    for _ in range(20 if present > 2 else 5):
        asked = rng.sample([s for s in Statistic if s is not Statistic.MOMENTS and not (s.binned or s.ranked)], 3)
        ours, theirs = random_question(rng, joined, asked)
        plan = compile_question(ours, directory)
        evaluation = evaluate_plan(plan, encoded)
        assert evaluation.broken == []
        assert all(0 <= value <= spec.bound for value, spec in zip(evaluation.sums, plan.sums))
        assert all(evaluation.sums[spec.guard] <= 1 << LOG_ROWS for spec in plan.sums)
        pooled = twin.ask(theirs)
        results = finish_plan(plan, evaluation.sums)
        for result, answer, spread in zip(results, pooled[: len(asked)], pooled[len(asked) :]):
            assert_same(result, answer, spread)


def test_a_changed_cell_changes_the_answer(rng: Random) -> None:
    directory = Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2)])
    records = [
        {"person": i, "age": 30 + i, "bmi": None, "balance": 0, "diabetic": True, "smoker": None, "region": None}
        for i in range(20)
    ]
    plan = compile_question("SELECT AVG(age) FROM hospital WHERE diabetic", directory)
    before = evaluate_plan(plan, {"hospital": encode_rows(HOSPITAL, records, LOG_ROWS)})
    records[7]["age"] = 90
    after = evaluate_plan(plan, {"hospital": encode_rows(HOSPITAL, records, LOG_ROWS)})
    assert finish_plan(plan, before.sums)[0].value != finish_plan(plan, after.sums)[0].value
