"""The plaintext twin: a relation evaluated on integer columns, and the same question asked of DuckDB."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import duckdb
import numpy as np
import numpy.typing as npt
from query_tables import Record

from query.kinds import Boolean, BoundedInteger, ScaledDecimal
from query.plan import Plan
from query.rows import Columns
from query.schema import TableSchema
from zk.relation import Form, Hint, HintKind, Relation
from zk.transcript import FR_MODULUS as R

Integers = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Evaluation:
    """Rows of s as exact integers in (−r/2, r/2), and what does not hold: zero-forms, lookups, group columns."""

    sums: list[int]
    broken: list[int]
    lookups: list[int]
    groups: list[int]

    @property
    def holds(self) -> bool:
        """Whether a proof exists."""
        return not (self.broken or self.lookups or self.groups)


def evaluate_relation(relation: Relation, columns: list[Integers]) -> Evaluation:
    """Compute every witness from its definition or hint, then every form, in exact integers modulo r."""
    table: list[Integers] = [np.ones(relation.rows, dtype=object), *(c.astype(object) for c in columns)]

    def value(form: Form) -> Integers:
        return sum((t.coefficient * table[t.left] * table[t.right] for t in form), table[0] * 0) % R

    for index in relation.witness_indices():
        hint = relation.hinted.get(index)
        table.append(value(relation.definition(index)) if hint is None else _hinted(hint, value(hint.form)))
    broken = [number for number, form in enumerate(relation.zero_forms) if np.any(value(form))]
    outside = [n for n, form in enumerate(relation.lookups) if np.any(value(form) >= 1 << relation.table_bits)]
    codes = [value(group.form) for group in relation.groups]
    first = relation.group_index(0) if relation.groups else 0
    ones = relation.column_count + 1 - len(table)
    table += [np.ones(relation.rows, dtype=object)] * ones  # group inverses count as 1: cells are told apart by codes
    for place, form in enumerate(relation.products):
        table[relation.product_index(place)] = value(form)
    sums, stray = [], set()
    for form in relation.sum_forms:
        rows = value(form)
        cell_rows = np.zeros(relation.rows, dtype=bool)
        for cell in range(relation.cells):
            inside = np.ones(relation.rows, dtype=bool)
            for code, wanted in zip(codes, relation.cell_codes(cell)):
                inside &= code == wanted
            cell_rows |= inside
            sums.append(_signed(int(rows[inside].sum())))
        if np.any(rows[~cell_rows]):
            stray.add(first)
    return Evaluation(sums, broken, outside, sorted(stray))


def _signed(value: int) -> int:
    value %= R
    return value - R if value > R // 2 else value


@cache
def _inverse(value: int) -> int:
    return pow(value, R - 2, R)


def _hinted(hint: Hint, values: Integers) -> Integers:
    match hint.kind:
        case HintKind.NOT_NEGATIVE:
            found = [int(_signed(v) >= 0) for v in values]
        case HintKind.IS_ZERO:
            found = [int(v == 0) for v in values]
        case HintKind.INVERSE:
            found = [_inverse(v) for v in values]
        case HintKind.DIGITS:
            found = [v >> hint.shift & (1 << hint.width) - 1 for v in values]
    return np.array(found, dtype=object)


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
        rows = self.ask_rows(sql)
        assert len(rows) == 1
        return rows[0]

    def ask_rows(self, sql: str) -> list[tuple[object, ...]]:
        rows = self._connection.execute(sql).fetchall()
        return [tuple(None if isinstance(v, float) and math.isnan(v) else v for v in row) for row in rows]


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
