"""How long does the plan of a least-squares fit take in the clear?

    python -m benchmarks.plan_rows [--rows N] [--runs R]

Eight predictors over two owners, 10^6 rows, some absent and some null: compile, evaluate every sum exactly, finish.
Beside it NumPy's least squares in doubles over the pooled complete rows, in the same run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import describe
from query.analyses.regression import LinearRegression
from query.clear import Columns
from query.kinds import Boolean, BoundedInteger, ScaledDecimal, stored_offset, stored_scale
from query.rehearsal import mock_rehearsal
from query.schema import KNOWN_SUFFIX, PRESENT, ColumnSchema, TableSchema

HOSPITAL = TableSchema("hospital", "hospital", "patients", "person", "bench", (
    ColumnSchema("age", BoundedInteger(0, 120)), ColumnSchema("systolic", BoundedInteger(60, 260), nullable=True),
    ColumnSchema("bmi", ScaledDecimal(1, 100, 800)), ColumnSchema("smoker", Boolean()),
))  # fmt: skip
CREDIT = TableSchema("credit", "bureau", "borrowers", "person", "bench", (
    ColumnSchema("income_cents", BoundedInteger(0, 10**9)), ColumnSchema("debt_cents", BoundedInteger(-(10**9), 10**9)),
    ColumnSchema("accounts", BoundedInteger(0, 60)), ColumnSchema("months", BoundedInteger(0, 600), nullable=True),
    ColumnSchema("arrears_cents", BoundedInteger(0, 10**8)),
))  # fmt: skip
TERMS = ("hospital.age", "hospital.systolic", "hospital.bmi", "hospital.smoker", "credit.income_cents",
         "credit.debt_cents", "credit.accounts", "credit.months")  # fmt: skip
RESPONSE = "credit.arrears_cents"


def clock(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """Median seconds of wall and of processor time."""
    wall, processor = [], []
    for _ in range(runs):
        began, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    return median(wall), median(processor)


def measure_plan(rows: int, runs: int) -> dict[str, Any]:
    """One row of the benchmark: seconds of ours and of the peer, and how far their coefficients differ."""
    analysis, rehearsal = LinearRegression(RESPONSE, TERMS), mock_rehearsal([HOSPITAL, CREDIT], rows)
    ours, ours_cpu = clock(lambda: rehearsal.run(analysis), runs)
    tables = {schema.name: rehearsal.columns(schema.name) for schema in (HOSPITAL, CREDIT)}
    theirs, theirs_cpu = clock(lambda: pooled_fit(tables), runs)
    found = [c.value for c in rehearsal.run(analysis).coefficients]
    expected = pooled_fit(tables)
    return {
        "name": f"plan_ols8_{rows}", "peer": "numpy.linalg.lstsq, pooled", "ours_s": ours, "peer_s": theirs,
        "ratio": theirs / ours, "cpu_ratio": theirs_cpu / ours_cpu, "ours_cpu_s": ours_cpu,
        "largest_difference": float(np.max(np.abs(np.array(found) / expected - 1))),
        "sums": len(rehearsal.answer(analysis.questions(rehearsal.directory)[0]).sums),
    }  # fmt: skip


def pooled_fit(tables: dict[str, Columns]) -> np.ndarray:
    """The same coefficients in doubles, over rows that somebody has together. Columns are scaled first: as they are,
    lstsq takes the intercept for noise beside 10^9."""
    known = tables["hospital"][PRESENT] * tables["credit"][PRESENT] == 1
    columns = []
    for name in (*TERMS, RESPONSE):
        table, column = name.split(".")
        schema = HOSPITAL if table == "hospital" else CREDIT
        found = schema.column(column)
        if found is not None:
            columns.append((tables[table][column] + stored_offset(found.kind)) / 10 ** stored_scale(found.kind))
            if found.nullable:
                known &= tables[table][column + KNOWN_SUFFIX] == 1
    *terms, response = (column[known] for column in columns)
    design = np.column_stack([np.ones(int(known.sum())), *terms])
    sizes = np.abs(design).max(axis=0)
    found: np.ndarray = np.linalg.lstsq(design / sizes, response, rcond=None)[0] / sizes
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure and print one row as JSON, with the machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan_rows", description=__doc__)
    parser.add_argument("--rows", type=int, default=10**6, help="generated people")
    parser.add_argument("--runs", type=int, default=5, help="runs of each; the median counts")
    options = parser.parse_args(arguments)
    print(json.dumps({"machine": describe(), **measure_plan(options.rows, options.runs)}, indent=2))


if __name__ == "__main__":
    main()
