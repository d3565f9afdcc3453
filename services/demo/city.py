"""A SYNTHETIC city: three registers about one population that never existed.

Nothing here is about a real person. The population is drawn from a seed, so that a demonstration, a test and a
benchmark of any size can be repeated. The model, in order:

    age          floor(104 · Beta(1.7, 2.4)); ``female`` with probability 0.51
    hardship     a standard normal that nobody stores; it ties health to credit
    build        26 + 0.05·(age − 40) + 1.1·hardship + 4·normal, also never stored
    diabetic     logistic in age, build and hardship; about one in ten
    hospital     more likely for the old, women and hardship; about half of the city
                 systolic pressure grows with age and build, null for about one in seven; visits are skewed
    laboratory   mostly persons of the hospital, a few others; about a third of the city
                 HbA1c in tenths of a percent, higher and less often null for diabetics; LDL sometimes null
    credit       adults only, about two thirds of the city
                 balances and arrears in cents, log-normal; arrears more likely with hardship and with diabetes

So the registers overlap without covering each other, columns correlate within and across owners, amounts are skewed
and values are missing not at random. Draws come from NumPy's PCG64; the same seed, size and NumPy version give the same
city. (Generators that protect anything never come from here: this is sample data, not a secret.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from query.kinds import Boolean, BoundedInteger, ScaledDecimal
from query.schema import ColumnSchema, TableSchema
from services.demo.errors import DemoSizeError
from services.demo.tables import DemoTable, Flags, Integers
from zk.relation import MAX_LOG_ROWS, MIN_LOG_ROWS

MODEL_VERSION: Final = 1
MAX_PERSONS: Final = 1 << MAX_LOG_ROWS
KEY: Final = "person"
MAX_BALANCE_CENTS: Final = 100_000_000
MAX_ARREARS_CENTS: Final = 20_000_000

Reals = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class City:
    """A synthetic city.

    Args:
        persons: size of the cohort.
        seed: what it was drawn from.
        tables: hospital, laboratory, credit; all in the same row order.
    """

    persons: int
    seed: int
    tables: tuple[DemoTable, DemoTable, DemoTable] = field(repr=False)


def cohort_name(persons: int, seed: int) -> str:
    """The cohort's public name; it says that the city is synthetic."""
    return f"synthetic-city-{persons}-{seed}"


def city_schemas(persons: int, seed: int) -> tuple[TableSchema, TableSchema, TableSchema]:
    """Schemas of hospital, laboratory and credit bureau."""
    cohort = cohort_name(persons, seed)
    hospital = TableSchema("hospital", "hospital", "synthetic patients", KEY, cohort, (
        ColumnSchema("age", BoundedInteger(0, 120)),
        ColumnSchema("female", Boolean()),
        ColumnSchema("smoker", Boolean()),
        ColumnSchema("diabetic", Boolean()),
        ColumnSchema("systolic", BoundedInteger(60, 260), nullable=True),
        ColumnSchema("visits", BoundedInteger(0, 200)),
    ))
    laboratory = TableSchema("laboratory", "laboratory", "synthetic patients", KEY, cohort, (
        ColumnSchema("hba1c", ScaledDecimal(1, 30, 200), nullable=True),
        ColumnSchema("ldl", BoundedInteger(10, 400), nullable=True),
        ColumnSchema("fasting", Boolean()),
    ))
    credit = TableSchema("credit", "bureau", "synthetic borrowers", KEY, cohort, (
        ColumnSchema("accounts", BoundedInteger(1, 60)),
        ColumnSchema("balance_cents", BoundedInteger(0, MAX_BALANCE_CENTS)),
        ColumnSchema("arrears_cents", BoundedInteger(0, MAX_ARREARS_CENTS)),
        ColumnSchema("in_arrears", Boolean()),
    ))
    return hospital, laboratory, credit


def make_city(persons: int, seed: int) -> City:
    """Draw a city.

    Args:
        persons: 1 to 2^24.
        seed: 0 to 2^63 − 1; the same seed and size give the same city.

    Raises:
        DemoSizeError: size or seed is out of range.
    """
    if not 1 <= persons <= MAX_PERSONS:
        raise DemoSizeError(f"a city has 1 to {MAX_PERSONS} persons, not {persons}")
    if not 0 <= seed < 1 << 63:
        raise DemoSizeError("a seed lies in [0, 2^63)")
    log_rows = max(MIN_LOG_ROWS, (persons - 1).bit_length())
    draw = np.random.Generator(np.random.PCG64(seed))
    people = _draw_people(draw, persons)
    hospital, laboratory, credit = city_schemas(persons, seed)
    here, hospital_values, hospital_known = _draw_hospital(draw, people)
    tested, laboratory_values, laboratory_known = _draw_laboratory(draw, people, here)
    borrows, credit_values = _draw_credit(draw, people)
    return City(persons, seed, (
        DemoTable(hospital, 0, log_rows, here, hospital_values, hospital_known),
        DemoTable(laboratory, 1, log_rows, tested, laboratory_values, laboratory_known),
        DemoTable(credit, 2, log_rows, borrows, credit_values, {}),
    ))


@dataclass(frozen=True, slots=True)
class _People:
    """What the model knows about everybody; no register stores hardship or build."""

    age: Integers
    female: Flags
    hardship: Reals
    build: Reals
    diabetic: Flags


def _draw_people(draw: np.random.Generator, n: int) -> _People:
    age = np.floor(104 * draw.beta(1.7, 2.4, n)).astype(np.int64)
    female = draw.random(n) < 0.51
    hardship = draw.standard_normal(n)
    build = 26 + 0.05 * (age - 40) + 1.1 * hardship + 4 * draw.standard_normal(n)
    diabetic = draw.random(n) < _logistic(-3.2 + 0.045 * (age - 40) + 0.11 * (build - 26) + 0.2 * hardship)
    return _People(age, female, hardship, build, diabetic)


def _draw_hospital(draw: np.random.Generator, people: _People) -> tuple[Flags, dict[str, Integers], dict[str, Flags]]:
    n = len(people.age)
    chance = _logistic(-0.1 + 0.03 * (people.age - 40) + 0.3 * people.female + 0.2 * people.hardship + people.diabetic)
    present = draw.random(n) < chance
    smoker = (people.age >= 15) & (draw.random(n) < _logistic(-1.3 + 0.5 * people.hardship))
    pressure = 104 + 0.42 * people.age + 0.9 * (people.build - 26) + 4 * smoker + 13 * draw.standard_normal(n)
    visits = draw.poisson(draw.gamma(0.9, 1.5 + 2.5 * people.diabetic + 0.02 * people.age))
    measured = draw.random(n) < _logistic(1.2 + 0.02 * people.age)
    values = {
        "age": people.age, "female": people.female.astype(np.int64), "smoker": smoker.astype(np.int64),
        "diabetic": people.diabetic.astype(np.int64), "systolic": _rounded(pressure, 60, 260),
        "visits": np.minimum(visits, 200).astype(np.int64),
    }
    return present, values, {"systolic": measured}


def _draw_laboratory(
    draw: np.random.Generator, people: _People, patient: Flags
) -> tuple[Flags, dict[str, Integers], dict[str, Flags]]:
    n = len(people.age)
    present = draw.random(n) < np.where(patient, 0.58 + 0.25 * people.diabetic, 0.09)
    tenths = 53 + 0.06 * people.age + 0.25 * (people.build - 26) + 3.2 * draw.standard_normal(n)
    tenths += people.diabetic * (12 + draw.gamma(2.0, 6.0, n))
    ldl = 112 + 0.25 * people.age + 1.1 * (people.build - 26) + 30 * draw.standard_normal(n)
    values = {"hba1c": _rounded(tenths, 30, 200), "ldl": _rounded(ldl, 10, 400),
              "fasting": (draw.random(n) < 0.7).astype(np.int64)}
    known = {"hba1c": draw.random(n) < np.where(people.diabetic, 0.96, 0.7), "ldl": draw.random(n) < 0.85}
    return present, values, known


def _draw_credit(draw: np.random.Generator, people: _People) -> tuple[Flags, dict[str, Integers]]:
    n = len(people.age)
    present = (people.age >= 18) & (draw.random(n) < _logistic(1.7 - 0.3 * people.hardship))
    working = np.clip(people.age - 18, 0, 45)
    accounts = 1 + np.minimum(draw.poisson(1.0 + 0.05 * working), 59)
    cents = 100 * np.exp(7.3 + 0.02 * working + 0.25 * people.hardship + 1.1 * draw.standard_normal(n)) * accounts / 3
    late = draw.random(n) < _logistic(-2.2 + 0.9 * people.hardship + 0.6 * people.diabetic)
    owed = 100 * np.exp(5.6 + 0.3 * people.hardship + 1.0 * draw.standard_normal(n))
    values = {
        "accounts": accounts.astype(np.int64), "balance_cents": _rounded(cents, 0, MAX_BALANCE_CENTS),
        "arrears_cents": np.where(late, _rounded(owed, 1, MAX_ARREARS_CENTS), 0), "in_arrears": late.astype(np.int64),
    }
    return present, values


def _logistic(score: Reals) -> Reals:
    found: Reals = 1 / (1 + np.exp(-score))
    return found


def _rounded(values: Reals, lo: int, hi: int) -> Integers:
    return np.clip(np.rint(values), lo, hi).astype(np.int64)
