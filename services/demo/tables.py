"""A table of the demonstration as its owner holds it, before any encoding: exact integers, presence and nulls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from query.kinds import Boolean, stored_scale
from query.schema import TableSchema

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DemoTable:
    """One owner's table over a cohort; row number = place in the cohort's agreed order.

    Args:
        schema: the public schema.
        party: number of the member that owns it.
        log_rows: log2 of N, the rows of the cohort with padding.
        present: (persons,) which persons the table has. Secret.
        values: by column, (persons,) values in units of 10^−scale (0 and 1 for booleans). Meaningless where absent or
            null. Secret.
        known: by nullable column, (persons,) where the value is known. Secret.
    """

    schema: TableSchema
    party: int
    log_rows: int
    present: Flags = field(repr=False)
    values: Mapping[str, Integers] = field(repr=False)
    known: Mapping[str, Flags] = field(repr=False)

    @property
    def name(self) -> str:
        """The table's name in SQL."""
        return self.schema.name

    @property
    def rows(self) -> int:
        """Number of persons in the table; the registration proof makes it public."""
        return int(self.present.sum())

    def usable(self, column: str) -> Flags:
        """(persons,) where the table has a value of that column. Secret."""
        return self.present & self.known[column] if column in self.known else self.present

    def cells(self, column: str) -> list[object]:
        """(persons,) values as the owner's database would give them: int, Decimal or bool, None for null. Secret."""
        kind = self.schema.column(column)
        raw = self.values[column].tolist()
        found: list[object]
        if kind is not None and isinstance(kind.kind, Boolean):
            found = [bool(value) for value in raw]
        elif kind is not None and stored_scale(kind.kind):
            unit = -stored_scale(kind.kind)
            found = [Decimal(value).scaleb(unit) for value in raw]
        else:
            found = list(raw)
        if column in self.known:
            found = [value if known else None for value, known in zip(found, self.known[column].tolist(), strict=True)]
        return found

    def records(self) -> list[dict[str, object] | None]:
        """The rows as `query.rows.encode_rows` reads them; None for persons the table does not have. Secret."""
        names = [column.name for column in self.schema.columns]
        rows = zip(*(self.cells(name) for name in names), strict=True)
        present = self.present.tolist()
        return [dict(zip(names, row, strict=True)) if here else None for here, row in zip(present, rows, strict=True)]
