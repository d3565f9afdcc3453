"""Real and synthetic rows for the tests of analyses: as a rehearsal in the clear, and pooled as one data frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

from query.clear import Columns
from query.directory import Directory, RegisteredTable
from query.kinds import Boolean, BoundedInteger, Category, ScaledDecimal, stored_offset, stored_scale
from query.policy import Policy
from query.rehearsal import Rehearsal
from query.schema import KNOWN_SUFFIX, PRESENT, ColumnSchema, TableSchema
from services.demo.city import make_city
from services.demo.diabetes import load_tables
from services.demo.tables import DemoTable


@dataclass(frozen=True)
class Pooled:
    """The same rows twice: for us, and as one frame of ``table.column`` with NaN where a person or value is missing."""

    rehearsal: Rehearsal
    frame: pd.DataFrame

    def complete(self, *columns: str) -> pd.DataFrame:
        return self.frame[list(columns)].dropna()


def physical(table: DemoTable) -> Columns:
    """What `encode_rows` makes, without going row by row."""
    rows = 1 << table.log_rows
    found = {PRESENT: np.zeros(rows, np.int64)}
    found[PRESENT][: len(table.present)] = table.present
    for column in table.schema.columns:
        usable = table.usable(column.name)
        found[column.name] = np.zeros(rows, np.int64)
        found[column.name][: len(usable)] = (table.values[column.name] - stored_offset(column.kind)) * usable
        if column.nullable:
            found[column.name + KNOWN_SUFFIX] = np.zeros(rows, np.int64)
            found[column.name + KNOWN_SUFFIX][: len(usable)] = usable
    return found


def pooled(tables: list[DemoTable], minimum: int = 10) -> Pooled:
    directory = Directory([
        RegisteredTable(t.schema, n, 1, t.log_rows, t.rows, minimum, Policy(minimum_group=minimum))
        for n, t in enumerate(tables, start=1)
    ])  # fmt: skip
    frame = {}
    for table in tables:
        for column in table.schema.columns:
            name = f"{table.name}.{column.name}"
            raw = table.values[column.name]
            if isinstance(column.kind, Category):
                values = pd.Series([column.kind.names[k - 1] if k else None for k in raw.tolist()], dtype=object)
            else:
                values = pd.Series(raw / 10 ** stored_scale(column.kind))
            frame[name] = values.where(pd.Series(table.usable(column.name)))
    return Pooled(Rehearsal(directory, {t.name: physical(t) for t in tables}), pd.DataFrame(frame))


@lru_cache(maxsize=1)
def diabetes() -> Pooled:
    """442 patients of two owners; sex also as a category of the hospital's."""
    exams, serum = load_tables()
    columns = (*exams.schema.columns, ColumnSchema("woman", Boolean()), ColumnSchema("ward", Category(("a", "b", "c"))))
    schema = TableSchema("exams", "hospital", "patients", "patient", exams.schema.cohort, columns)
    values = {**exams.values, "woman": exams.values["sex"] - 1, "ward": exams.values["age"] % 3 + 1}
    high = ColumnSchema("severe", Boolean())
    outcome = TableSchema("serum", "laboratory", "patients", "patient", exams.schema.cohort,
                          (*serum.schema.columns, high))  # fmt: skip
    severe = (serum.values["progression"] > 150).astype(np.int64)
    return pooled([
        DemoTable(schema, 0, exams.log_rows, exams.present, values, {}),
        DemoTable(outcome, 1, serum.log_rows, serum.present, {**serum.values, "severe": severe}, {}),
    ])  # fmt: skip


@lru_cache(maxsize=1)
def cancer() -> Pooled:
    """569 tumours: a clinic measures, a registry knows which are malignant."""
    source = load_breast_cancer()
    names = {"radius": 0, "texture": 1, "perimeter": 2, "area": 3, "smoothness": 4, "concavity": 6}
    scales = {"radius": 3, "texture": 2, "perimeter": 2, "area": 1, "smoothness": 5, "concavity": 6}
    scaled = {n: np.rint(source.data[:, k] * 10 ** scales[n]).astype(np.int64) for n, k in names.items()}
    kinds = [ColumnSchema(n, ScaledDecimal(scales[n], 0, int(v.max()) + 7)) for n, v in scaled.items()]
    present = np.ones(len(source.target), np.bool_)
    clinic = TableSchema("clinic", "clinic", "tumours", "tumour", "wisconsin", tuple(kinds))
    known = (ColumnSchema("malignant", Boolean()), ColumnSchema("site", BoundedInteger(1, 4)))
    registry = TableSchema("registry", "registry", "tumours", "tumour", "wisconsin", known)
    malignant = (source.target == 0).astype(np.int64)
    site = np.arange(len(present)) % 4 + 1
    return pooled([
        DemoTable(clinic, 0, 10, present, scaled, {}),
        DemoTable(registry, 1, 10, present, {"malignant": malignant, "site": site}, {}),
    ])  # fmt: skip


@lru_cache(maxsize=1)
def city() -> Pooled:
    """10,000 synthetic persons of three owners, with absent rows and nulls."""
    return pooled(list(make_city(10_000, 2026).tables))


@lru_cache(maxsize=1)
def trial() -> Pooled:
    """2,000 synthetic patients followed up to 60 months, two arms in three centres; deaths and payments."""
    draw = np.random.Generator(np.random.PCG64(7))
    n = 2000
    arm, centre = draw.integers(0, 2, n), draw.integers(1, 4, n)
    death, censoring = draw.exponential(40 + 20 * arm, n), draw.uniform(10, 80, n)
    months = np.minimum(np.minimum(death, censoring), 60).astype(np.int64)
    dead = ((death <= censoring) & (death <= 60)).astype(np.int64)
    risk = np.clip(np.rint(100 / (1 + np.exp(-(draw.normal(-1, 1, n))))), 1, 99).astype(np.int64)
    ill = (draw.random(n) < risk / 100).astype(np.int64)
    ward = TableSchema("ward", "hospital", "patients", "person", "trial", (
        ColumnSchema("months", BoundedInteger(0, 60)), ColumnSchema("dead", Boolean()),
        ColumnSchema("arm", Boolean()), ColumnSchema("centre", Category(("x", "y", "z"))),
        ColumnSchema("age", BoundedInteger(0, 100)),
    ))  # fmt: skip
    bank = TableSchema("bank", "bank", "patients", "person", "trial", (
        ColumnSchema("risk", BoundedInteger(0, 100)), ColumnSchema("ill", Boolean()),
        ColumnSchema("paid", ScaledDecimal(2, 0, 10**7)), ColumnSchema("received", ScaledDecimal(2, 0, 10**7)),
        ColumnSchema("claims", BoundedInteger(0, 50)), ColumnSchema("branch", Category(("x", "y", "z"))),
    ))  # fmt: skip
    paid = draw.integers(0, 10**6, n)
    present = np.ones(n, np.bool_)
    return pooled([
        DemoTable(ward, 0, 11, present, {"months": months, "dead": dead, "arm": arm, "centre": centre,
                                         "age": draw.integers(20, 90, n)}, {}),
        DemoTable(bank, 1, 11, present, {"risk": risk, "ill": ill, "paid": paid, "received": paid,
                                         "claims": draw.poisson(1 + arm + months / 30, n), "branch": centre}, {}),
    ])  # fmt: skip
