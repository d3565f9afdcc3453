"""Five members, the last two outside owners: their tables, the pooled rows in DuckDB, and a deployment. For tests."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from query_oracle import Twin
from query_tables import Record
from study_samples import LOG_ROWS, MINIMUM, UNAUDITED, small_deployment, table_input

from query.aggregates import Statistic
from query.dominance import DominanceClause, LargestRule
from query.kinds import Boolean, BoundedInteger, Category
from query.limits import Limits
from query.policy import Policy
from query.publication import Publication
from query.schema import ColumnSchema, TableSchema
from services.client import Tallystick
from services.config import COMPUTING
from services.deployment import LocalDeployment, TableInput
from services.deployment_layout import PARTY_NAMES

SEED = 20262
NAMES = (*PARTY_NAMES, "pharmacy", "clinic")
HOSPITAL, LABORATORY, BUREAU, PHARMACY, CLINIC = range(len(NAMES))
WARD_ROWS = 12


def _schema(name: str, owner: int, *columns: ColumnSchema) -> TableSchema:
    return TableSchema(name, NAMES[owner], "persons", "person", "five", columns)


PATIENTS = _schema(
    "patients", HOSPITAL, ColumnSchema("age", BoundedInteger(0, 120)), ColumnSchema("diabetic", Boolean())
)
DRUGS = _schema(
    "drugs", PHARMACY, ColumnSchema("cost", BoundedInteger(0, 9000)), ColumnSchema("chronic", Boolean()),
    ColumnSchema("margin", BoundedInteger(0, 100)),
)  # fmt: skip
VISITS = _schema(
    "visits", CLINIC, ColumnSchema("days", BoundedInteger(0, 60), nullable=True),
    ColumnSchema("site", Category(("north", "south"))),
)  # fmt: skip
DONORS = _schema("donors", CLINIC, ColumnSchema("litres", BoundedInteger(0, 40)))
SMOKERS = _schema("smokers", PHARMACY, ColumnSchema("years", BoundedInteger(0, 80)))
GRANTS = _schema("grants", CLINIC, ColumnSchema("amount", BoundedInteger(0, 9000)), ColumnSchema("few", Boolean()))
"""Among ten, one has nearly everything; among all, nobody has."""
WARDS = tuple(
    _schema(f"ward_{name}", number, ColumnSchema("bmi", BoundedInteger(10, 60)), ColumnSchema("smoker", Boolean()))
    for number, name in enumerate(NAMES)
)

RANKED = (Statistic.COUNT, Statistic.SUM, Statistic.AVG, Statistic.MEDIAN)
RULED = Limits(audited=False, dominance=DominanceClause((LargestRule(1, 50),), ("amount",)))
OPEN = Policy(minimum_group=MINIMUM, public_release=True, limits=UNAUDITED)
POLICIES = {
    "drugs": Policy(minimum_group=MINIMUM, public_release=True, hidden_values=("margin",), limits=UNAUDITED),
    "donors": Policy(minimum_group=MINIMUM, automatic=False, limits=UNAUDITED),
    "smokers": Policy(minimum_group=MINIMUM),  # audited
    "grants": Policy(minimum_group=MINIMUM, limits=RULED),
} | {schema.name: replace(OPEN, statistics=RANKED) for schema in WARDS}


class Scene:
    """The same rows every time: about a fifth of the persons are missing from each table."""

    def __init__(self) -> None:
        rng = random.Random(SEED)
        self.twin = Twin()
        self.records: dict[str, list[Record | None]] = {}
        self.schemas = (PATIENTS, DRUGS, VISITS, DONORS, SMOKERS, GRANTS, *WARDS)
        for schema in self.schemas:
            rows = WARD_ROWS if schema in WARDS else 1 << LOG_ROWS
            self.records[schema.name] = [self._record(rng, schema, row) for row in range(rows)]
            self.twin.load(schema, self.records[schema.name])

    def tables(self, *names: str) -> list[TableInput]:
        """What owners register: the tables named, or all."""
        return [self._table(schema) for schema in self.schemas if not names or schema.name in names]

    def count(self, sql: str) -> int:
        """What DuckDB answers to a question for one number."""
        ((found,),) = self.twin.ask_rows(sql)
        assert isinstance(found, int)
        return found

    def _table(self, schema: TableSchema) -> TableInput:
        rows = [
            (row, *("" if value is None else str(value).lower() for value in map(record.get, _names(schema))))
            for row, record in enumerate(self.records[schema.name])
            if record is not None
        ]
        return table_input(NAMES.index(schema.owner), schema, POLICIES.get(schema.name, OPEN), rows)

    @staticmethod
    def _record(rng: random.Random, schema: TableSchema, row: int) -> Record | None:
        if schema is GRANTS:
            return {schema.key: row, "amount": 9000 if row == 0 else 10 if row < 10 else 700, "few": row < 10}
        if rng.random() < 0.2:
            return None
        record: Record = {schema.key: row}
        for column in schema.columns:
            match column.kind:
                case BoundedInteger(lo, hi):
                    value: object = rng.randint(lo, hi)
                case Category(names):
                    value = rng.choice(names)
                case _:
                    value = rng.random() < 0.6
            record[column.name] = None if column.nullable and rng.random() < 0.2 else value
        return record


def _names(schema: TableSchema) -> list[str]:
    return [column.name for column in schema.columns]


def deployment_of_five(folder: Path) -> LocalDeployment:
    """All five members over 2^6 rows; not started."""
    return small_deployment(folder, *NAMES[COMPUTING:])


def check_answer(
    asker: Tallystick, scene: Scene, sql: str, publish: Publication = Publication.AGENCY
) -> bytes:
    """Ask, compare with the pooled rows in DuckDB, and return the query's id."""
    result = asker.query(sql, purpose="test", publish=publish)
    found: list[tuple[Any, ...]] = sorted((tuple(row.values()) for row in result.rows()), key=str)
    expected: list[tuple[Any, ...]] = sorted(scene.twin.ask_rows(sql), key=str)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            assert math.isclose(one, other, rel_tol=1e-9) if isinstance(one, float) else one == other, (ours, theirs)
    return result.query_id
