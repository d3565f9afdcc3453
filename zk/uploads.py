"""What owners share replicated with the other contributors, as one numbered list that everybody derives alike.

Before round 1: the blinded polynomials of crossing columns of round 1, and the cell columns of grouped sums (rows, not
committed). After round 1: the blinded polynomials of crossing columns of round 2. All lengths and owners follow from
the relation and the owners of its registered columns; nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zk.owners import NOBODY, crossing_columns
from zk.relation import Relation
from zk.sums import CellKey, cell_keys


@dataclass(frozen=True, slots=True)
class Upload:
    """One vector to be shared.

    Args:
        number: place in the list.
        stage: 1 before round 1, 2 after it.
        column: the column it is, or whose restriction it is.
        codes: for a cell column the codes it is restricted to; else None.
        owner: the contributor who shares it.
        length: number of field elements.
    """

    number: int
    stage: int
    column: int
    codes: tuple[int, ...] | None
    owner: int
    length: int

    @property
    def key(self) -> CellKey:
        """The cell column's key; only where `codes` is not None."""
        return self.column, self.codes or ()


def uploads_of(relation: Relation, owners: Mapping[int, int]) -> tuple[Upload, ...]:
    """All uploads in order: stage 1 (polynomials, then cell columns), stage 2.

    Args:
        owners: owner of every column (`zk.owners.column_owners`).
    """
    crossing = [column for column in crossing_columns(relation, owners) if owners[column] != NOBODY]
    second = relation.round2_indices()
    size = relation.rows + 3
    listed: list[tuple[int, int, tuple[int, ...] | None, int]] = [
        *((1, column, None, size) for column in crossing if column not in second),
        *((1, column, codes, relation.rows) for column, codes in cell_keys(relation, owners)),
        *((2, column, None, size) for column in crossing if column in second),
    ]
    return tuple(
        Upload(number, stage, column, codes, owners[column], length)
        for number, (stage, column, codes, length) in enumerate(listed)
    )
