"""The plaintext twin: a relation evaluated on integer columns, and the same question asked of DuckDB."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import numpy as np
import numpy.typing as npt
from query_tables import Record

from query.kinds import Boolean, BoundedInteger, ScaledDecimal
from query.plan import Plan
from query.rows import Columns
from query.schema import TableSchema
from zk.relation import ONE, Form, Relation

Integers = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Evaluation:
    """Sums as exact integers, and the numbers of the zero-forms that do not vanish."""

    sums: list[int]
    broken: list[int]


def evaluate_relation(relation: Relation, columns: list[Integers]) -> Evaluation:
    """Compute every witness from its definition, then every form, in exact integers."""
    table: list[Integers] = [np.ones(relation.rows, dtype=object), *(c.astype(object) for c in columns)]

    def value(form: Form) -> Integers:
        return sum(t.coefficient * (table[t.right] if t.left == ONE else table[t.left] * table[t.right]) for t in form)

    for index in relation.witness_indices():
        table.append(value(relation.definition(index)))
    broken = [number for number, form in enumerate(relation.zero_forms) if np.any(value(form))]
    return Evaluation([int(value(form).sum()) for form in relation.sum_forms], broken)


def evaluate_plan(plan: Plan, encoded: Mapping[str, Columns]) -> Evaluation:
    """Evaluate a plan on encoded tables, by table name."""
    return evaluate_relation(plan.relation, [encoded[column.table][column.name] for column in plan.columns])


class Twin:
    """DuckDB with the present rows of the same tables."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()

    def load(self, schema: TableSchema, records: list[Record | None]) -> None:
        types = {column.name: _sql_type(column.kind) for column in schema.columns}
        names = ", ".join(f"{name} {kind}" for name, kind in types.items())
        self._connection.execute(f"CREATE TABLE {schema.name} ({schema.key} BIGINT, {names})")
        marks = ", ".join(f"CAST(? AS {kind})" for kind in types.values())
        for record in records:
            if record is not None:
                values = [str(v) if isinstance(v, Decimal) else v for v in (record[name] for name in types)]
                self._connection.execute(
                    f"INSERT INTO {schema.name} VALUES (?, {marks})", [record[schema.key], *values]
                )

    def ask(self, sql: str) -> tuple[object, ...]:
        row = self._connection.execute(sql).fetchone()
        assert row is not None
        return tuple(None if isinstance(value, float) and math.isnan(value) else value for value in row)


def _sql_type(kind: object) -> str:
    match kind:
        case BoundedInteger():
            return "BIGINT"
        case ScaledDecimal(scale=scale):
            return f"DECIMAL(18, {scale})"
        case Boolean():
            return "BOOLEAN"
        case _:
            return "VARCHAR"
