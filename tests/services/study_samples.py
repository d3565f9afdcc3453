"""Three small tables over one cohort, their plaintext, and the deployment they are registered in; used by tests."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass
from pathlib import Path

from query.kinds import Boolean, BoundedInteger, ScaledDecimal
from query.limits import Limits
from query.policy import Policy, encode_policy
from query.schema import ColumnSchema, TableSchema, encode_schema
from services.deployment import LocalDeployment, TableInput
from services.deployment_layout import PARTY_NAMES
from zk.srs import development_srs

LOG_ROWS = 6
SEED = 20261
MINIMUM = 5
UNAUDITED = Limits(audited=False)  # so few rows would refuse most questions beside each other
COHORT = "test-cohort"

HOSPITAL = TableSchema(
    "hospital", "hospital", "patients", "person", COHORT,
    (ColumnSchema("age", BoundedInteger(0, 120)), ColumnSchema("diabetic", Boolean()), ColumnSchema("rare", Boolean()),
     ColumnSchema("systolic", BoundedInteger(60, 220))),
)  # fmt: skip
LABORATORY = TableSchema(
    "laboratory", "laboratory", "patients", "person", COHORT,
    (ColumnSchema("hba1c", ScaledDecimal(1, 30, 200), nullable=True), ColumnSchema("sodium", BoundedInteger(100, 180))),
)  # fmt: skip
CREDIT = TableSchema(
    "credit", "bureau", "borrowers", "person", COHORT, (ColumnSchema("arrears", BoundedInteger(-100, 100_000)),)
)


@dataclass(frozen=True)
class Samples:
    """Plaintext by table: row number to values, in units of the schema's scale; None for null."""

    hospital: dict[int, tuple[int, bool, bool, int]]
    laboratory: dict[int, tuple[int | None, int]]
    credit: dict[int, tuple[int]]


def make_samples() -> Samples:
    """The same rows every time."""
    rng = random.Random(SEED)
    return Samples(
        {i: (rng.randrange(20, 90), rng.random() < 0.6, i in (3, 20), rng.randrange(90, 180)) for i in range(50)},
        {i: (None if i % 7 == 0 else rng.randrange(40, 120), rng.randrange(120, 150)) for i in range(10, 60)},
        {i: (rng.randrange(-100, 5000),) for i in range(5, 64)},
    )


def table_inputs(samples: Samples) -> list[TableInput]:
    """What the owners register. The hospital hides blood pressure; the bureau wants a person to approve."""
    automatic = Policy(minimum_group=MINIMUM, limits=UNAUDITED)
    hidden = Policy(minimum_group=MINIMUM, hidden_values=("systolic",), limits=UNAUDITED)
    by_hand = Policy(minimum_group=MINIMUM, automatic=False, limits=UNAUDITED)
    hospital = [(i, age, str(d).lower(), str(r).lower(), s) for i, (age, d, r, s) in samples.hospital.items()]
    laboratory = [(i, "" if h is None else f"{h // 10}.{h % 10}", s) for i, (h, s) in samples.laboratory.items()]
    return [
        table_input(0, HOSPITAL, hidden, hospital),
        table_input(1, LABORATORY, automatic, laboratory),
        table_input(2, CREDIT, by_hand, [(i, a) for i, (a,) in samples.credit.items()]),
    ]


def table_input(party: int, schema: TableSchema, policy: Policy, rows: list[tuple[object, ...]]) -> TableInput:
    """What an owner registers: rows that begin with their number."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["row", *(column.name for column in schema.columns)])
    writer.writerows(rows)
    return TableInput(party, encode_schema(schema), encode_policy(policy), stream.getvalue().encode(), LOG_ROWS, "row")


def small_deployment(folder: Path, *outside: str) -> LocalDeployment:
    """A deployment over a development string for 2^6 rows, with outside owners of these names; not started."""
    srs, names = development_srs(LOG_ROWS, b"end to end"), (*PARTY_NAMES, *outside)
    return LocalDeployment(folder, srs=srs, names=names, message_timeout_s=20.0)
