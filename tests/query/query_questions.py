"""One set of random rows, and a question asked of them both ways."""

from __future__ import annotations

import math
from random import Random

from query_oracle import Evaluation, Twin, evaluate_plan
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, random_records, registered

from query.directory import Directory
from query.plan import Plan, compile_question
from query.rows import Columns, encode_rows
from query.statistics import finish_plan, result_rows

J = "FROM hospital h JOIN laboratory l ON h.person = l.person"
DIRECTORY = Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2)])


def loaded(seed: int) -> tuple[dict[str, Columns], Twin]:
    rng, encoded, twin = Random(seed), {}, Twin()
    for schema in (HOSPITAL, LABORATORY):
        records = random_records(rng, schema, 60)
        encoded[schema.name] = encode_rows(schema, records, LOG_ROWS)
        twin.load(schema, records)
    return encoded, twin


ENCODED, TWIN = loaded(20260)


def ask(sql: str) -> tuple[Plan, Evaluation]:
    """Compile, evaluate and compare with DuckDB; groups that DuckDB does not show must be empty."""
    plan = compile_question(sql, DIRECTORY)
    evaluation = evaluate_plan(plan, ENCODED)
    assert evaluation.holds
    assert len(evaluation.sums) == len(plan.sums)
    assert all(0 <= value <= spec.bound for value, spec in zip(evaluation.sums, plan.sums))
    ours = [tuple(row.values()) for row in result_rows(plan, finish_plan(plan, evaluation.sums))]
    theirs = TWIN.ask_rows(sql)
    if not plan.groups:
        assert len(ours) == len(theirs) == 1
        assert same(ours[0], theirs[0])
        return plan, evaluation
    places = [key.place for key in plan.keys]
    shown = {tuple(row[place] for place in places): row for row in theirs}
    for row in ours:
        expected = shown.pop(tuple(row[place] for place in places), None)
        if expected is None:
            assert all(value in (None, 0) for place, value in enumerate(row) if place not in places)
        else:
            assert same(row, expected)
    assert shown == {}
    return plan, evaluation


def same(ours: tuple[object, ...], theirs: tuple[object, ...]) -> bool:
    """Whether two rows are equal: exactly, but for the last bits of DuckDB's doubles."""
    return len(ours) == len(theirs) and all(
        math.isclose(a, b, rel_tol=1e-12) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(ours, theirs, strict=True)
    )
