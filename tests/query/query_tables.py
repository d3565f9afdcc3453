"""The tables of the query tests, and a seeded generator of their rows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

from query.directory import RegisteredTable
from query.kinds import Boolean, BoundedInteger, Category, Kind, ScaledDecimal
from query.policy import Policy
from query.schema import ColumnSchema, TableSchema

LOG_ROWS = 6

HOSPITAL = TableSchema(
    "hospital",
    "st-anne",
    "patients",
    "person",
    "city",
    (
        ColumnSchema("age", BoundedInteger(0, 120)),
        ColumnSchema("bmi", ScaledDecimal(1, 100, 800), nullable=True),
        ColumnSchema("balance", BoundedInteger(-(10**9), 10**9), nullable=True),
        ColumnSchema("diabetic", Boolean()),
        ColumnSchema("smoker", Boolean(), nullable=True),
        ColumnSchema("region", Category(("north", "south", "west")), nullable=True),
    ),
)
LABORATORY = TableSchema(
    "laboratory",
    "biolab",
    "patients",
    "person",
    "city",
    (
        ColumnSchema("hba1c", ScaledDecimal(2, -500, 2000), nullable=True),
        ColumnSchema("chol", BoundedInteger(50, 500)),
        ColumnSchema("abnormal", Boolean()),
    ),
)

Record = dict[str, object]


def registered(schema: TableSchema, dataset: int, **changes: object) -> RegisteredTable:
    """A table of the directory with ordinary numbers, except for the changes."""
    return replace(RegisteredTable(schema, dataset, 1, LOG_ROWS, 40, 10, Policy()), **changes)  # type: ignore[arg-type]


def random_value(rng: Random, kind: Kind) -> object:
    match kind:
        case BoundedInteger(lo, hi):
            return rng.choice([lo, hi, rng.randint(lo, hi), rng.randint(lo, hi)])
        case ScaledDecimal(scale, lo, hi):
            return Decimal(rng.randint(lo, hi)).scaleb(-scale)
        case Category(names):
            return rng.choice(names)
        case Boolean():
            return rng.random() < 0.6


def random_records(rng: Random, schema: TableSchema, rows: int) -> list[Record | None]:
    """Records with about a fifth of the rows absent and a fifth of the nullable values null."""
    records: list[Record | None] = []
    for row in range(rows):
        if rng.random() < 0.2:
            records.append(None)
            continue
        record: Record = {schema.key: row}
        for column in schema.columns:
            record[column.name] = None if column.nullable and rng.random() < 0.2 else random_value(rng, column.kind)
        records.append(record)
    return records
