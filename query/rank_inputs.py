"""What owners enter for order statistics, evaluated on their own rows; and the statistics in the clear, as the oracle
of tests and for rows one may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from query.clear import Columns, forms_in_clear
from query.errors import SumsInvalidError
from query.ranks import Gate, Leaf, Member, Rank, RankPlan, TableInputs

Integers = npt.NDArray[np.int64]


def entered_values(inputs: TableInputs, columns: Sequence[Integers]) -> list[Integers]:
    """What the owner of a table enters, row by row.

    Args:
        inputs: of its table.
        columns: the physical columns that the inputs' relation names, in its order, int64 of its rows; secret.

    Returns:
        One vector for each form, within its bits; secret.

    Raises:
        SumsInvalidError: a column has another length, or a value more bits than was announced.
    """
    found = forms_in_clear(inputs.relation, columns)
    for values, bits in zip(found, inputs.bits, strict=True):
        if int(values.min(initial=0)) < 0 or int(values.max(initial=0)) >= 1 << bits:
            raise SumsInvalidError(f"values of {inputs.table} do not fit {bits} bits")
    return found


def ranks_in_clear(plan: RankPlan, tables: Mapping[str, Columns]) -> tuple[int | None, ...]:
    """Compute order statistics over physical columns that the caller may see.

    Args:
        plan: of the compiled question.
        tables: by table name, physical columns as `query.rows.encode_rows` makes them.

    Returns:
        For each output the sum of its values at its ranks; None where no rows count.

    Raises:
        SumsInvalidError: a column is missing or has another length.
    """
    entered = [None if t is None else entered_values(t, [_column(tables, t.table, name) for name in t.names])
               for t in plan.tables]

    def rows(leaf: Leaf) -> Integers:
        values = entered[leaf.table]
        if values is None:
            raise SumsInvalidError("a table that enters nothing is asked for values")
        return values[leaf.form]

    def holds(member: Member) -> npt.NDArray[np.bool_]:
        if isinstance(member, Gate):
            combined: npt.NDArray[np.bool_] = np.full(1 << plan.log_rows, member.every)
            for part in map(holds, member.parts):
                combined = combined & part if member.every else combined | part
            return combined
        return np.equal(rows(member), 1)

    columns = [np.sort(np.concatenate([rows(segment.value)[holds(segment.member)] for segment in column.segments]))
               for column in plan.columns]
    return tuple(
        sum(_at(columns[output.column], rank) for rank in output.ranks) if len(columns[output.column]) else None
        for output in plan.outputs
    )


def _at(ordered: Integers, rank: Rank) -> int:
    place = -(-(rank.numerator * len(ordered) + rank.excess) // rank.denominator)
    return int(ordered[max(place, 1) - 1])


def _column(tables: Mapping[str, Columns], table: str, name: str) -> Integers:
    values = tables.get(table, {}).get(name)
    if values is None or values.dtype != np.int64:
        raise SumsInvalidError(f"{table}.{name} must be int64")
    return values
