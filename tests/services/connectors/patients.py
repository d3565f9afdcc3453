"""A table of patients, and a PostgreSQL that tests run statements on."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from query.kinds import Boolean, BoundedInteger, Category, ScaledDecimal
from query.schema import ColumnSchema, TableSchema

PATIENTS = TableSchema("patients", "hospital", "patients", "person", "city", (
    ColumnSchema("age", BoundedInteger(0, 120)),
    ColumnSchema("bmi", ScaledDecimal(1, 100, 800), nullable=True),
    ColumnSchema("smoker", Boolean(), nullable=True),
    ColumnSchema("sex", Category(("female", "male"))),
))  # fmt: skip


@dataclass(frozen=True)
class Server:
    """A PostgreSQL on a loopback port."""

    port: int

    def run(self, statements: str) -> None:
        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", autocommit=True) as connection:
            connection.execute(statements)
