"""A SYNTHETIC housing office: a fourth register about the city of `services.demo.city`; its owner computes nothing.

    tenants      adults, about half of them
    rent         in cents, log-normal
    late         arrears of rent, more likely with arrears at the bureau and with visits to the hospital

Draws come from NumPy's PCG64 with the city's seed; sample data, not a secret.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from query.kinds import Boolean, BoundedInteger
from query.schema import ColumnSchema, TableSchema
from services.demo.city import KEY, City, cohort_name
from services.demo.tables import DemoTable

OWNER: Final = "housing"
PARTY: Final = 3
"""The first number after the three computing parties'."""
MAX_RENT_CENTS: Final = 1_000_000
_STREAM: Final = 1  # of the seed; the city's own draws are another


def make_housing(city: City) -> DemoTable:
    """Draw the housing office's register of a city; the same city gives the same register."""
    draw = np.random.Generator(np.random.PCG64([_STREAM, city.seed]))
    hospital, _, credit = city.tables
    n = city.persons
    schema = TableSchema("tenancies", OWNER, "synthetic tenants", KEY, cohort_name(city.persons, city.seed), (
        ColumnSchema("rent_cents", BoundedInteger(0, MAX_RENT_CENTS)),
        ColumnSchema("late", Boolean()),
    ))
    tenant = (hospital.values["age"] >= 18) & (draw.random(n) < 0.5)
    rent = np.clip(np.rint(100 * np.exp(6.6 + 0.35 * draw.standard_normal(n))), 0, MAX_RENT_CENTS).astype(np.int64)
    visits = np.where(hospital.present, hospital.values["visits"], 0)
    owing = np.where(credit.present, credit.values["in_arrears"], 0)
    late = draw.random(n) < 1 / (1 + np.exp(2.2 - 1.1 * owing - 0.12 * np.minimum(visits, 15)))
    values = {"rent_cents": rent, "late": late.astype(np.int64)}
    return DemoTable(schema, PARTY, hospital.log_rows, tenant, values, {})
