"""442 real diabetes patients: the data set that scikit-learn ships, split between two owners.

Source: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least Angle Regression", Annals of Statistics 32 (2004);
read from the installed package, unscaled. Nothing is downloaded. The hospital holds age, sex (coded 1 and 2 as in the
source, which does not say which is which), body mass index and mean blood pressure; the laboratory holds the six blood
serum measurements and the outcome, a measure of disease progression after one year. Both tables are written with the
patients' numbers, each in an order of its own, and laid out in a cohort that the two owners align: row numbers play no
part.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np
from sklearn.datasets import load_diabetes

from ledger.cohorts import cohort_label
from query.kinds import BoundedInteger, Kind, ScaledDecimal, stored_scale
from query.schema import ColumnSchema, TableSchema
from services.demo.tables import DemoTable, Integers

LOG_ROWS: Final = 10
COHORT_NAME: Final = "diabetes-442"
COHORT: Final = cohort_label(COHORT_NAME, 1)
EPSILON: Final = 2.0
KEY: Final = "patient"
OUTCOME: Final = "progression"

_PATIENTS: Final[dict[str, Kind]] = {
    "age": BoundedInteger(0, 120),
    "sex": BoundedInteger(1, 2),
    "bmi": ScaledDecimal(1, 100, 700),
    "bp": ScaledDecimal(2, 4000, 20000),
}
_SERUM: Final[dict[str, Kind]] = {
    "s1": BoundedInteger(50, 500),
    "s2": ScaledDecimal(1, 100, 5000),
    "s3": ScaledDecimal(1, 100, 2000),
    "s4": ScaledDecimal(2, 100, 2000),
    "s5": ScaledDecimal(4, 20000, 90000),
    "s6": BoundedInteger(20, 300),
    OUTCOME: BoundedInteger(0, 1000),
}


def diabetes_schemas() -> tuple[TableSchema, TableSchema]:
    """Schemas of the hospital's and the laboratory's table."""

    def columns(kinds: dict[str, Kind]) -> tuple[ColumnSchema, ...]:
        return tuple(ColumnSchema(name, kind) for name, kind in kinds.items())

    return (TableSchema("exams", "hospital", "diabetes patients", KEY, COHORT, columns(_PATIENTS)),
            TableSchema("serum", "laboratory", "diabetes patients", KEY, COHORT, columns(_SERUM)))


def load_tables() -> tuple[DemoTable, DemoTable]:
    """Return the hospital's and the laboratory's table as exact integers in the schema's units."""
    source = load_diabetes(scaled=False)
    raw = {name: source.data[:, k] for k, name in enumerate(source.feature_names)} | {OUTCOME: source.target}
    present = np.ones(len(source.target), np.bool_)
    hospital, laboratory = diabetes_schemas()

    def table(schema: TableSchema, party: int) -> DemoTable:
        values = {c.name: _exact(raw[c.name].tolist(), stored_scale(c.kind)) for c in schema.columns}
        return DemoTable(schema, party, LOG_ROWS, present, values, {})

    return table(hospital, 0), table(laboratory, 1)


def _exact(values: list[float], scale: int) -> Integers:
    """Decimals as the source's text has them, in units of 10^−scale.

    Raises:
        ValueError: a value has more digits than the scale keeps.
    """
    scaled = [Decimal(repr(value)).scaleb(scale) for value in values]
    whole = [int(value) for value in scaled]
    if any(value != integer for value, integer in zip(scaled, whole, strict=True)):
        raise ValueError("a value of the source has more digits than its column's scale")
    return np.array(whole, np.int64)
