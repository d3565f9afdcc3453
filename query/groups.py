"""Columns of GROUP BY: a linear form that is a row's code, from 1, and 0 where the row is absent (PROTOCOL §2, M8).

With κ the column's ``__known`` (``present`` where it cannot be null) and K codes: a category's code is the stored one;
a boolean b has b + κ; a small integer x has x + κ. Null is a group of its own, as in SQL: (K + 1)·(present − κ) is
added.
"""

from __future__ import annotations

from typing import Final

from query.binding import BoundColumn
from query.errors import BoundExceededError
from query.kinds import Boolean, Category, stored_bound, stored_offset
from query.masks import TableProducts
from query.polynomial import Polynomial
from query.schema import PRESENT_INDEX
from query.sums import GroupSpec, Label
from query.values import ValueCompiler
from zk.relation import MAX_CODES

MAX_GROUPS_OF_A_COLUMN: Final = MAX_CODES


def group_form(bound: BoundColumn, side: TableProducts, values: ValueCompiler) -> tuple[Polynomial, GroupSpec]:
    """The code of a group column, and what its codes mean.

    Raises:
        BoundExceededError: the column has too many values.
    """
    kind, number = bound.column.kind, side.number(bound.column.name)
    known = side.known(number)
    switch = values.polynomial(known[0] if known else PRESENT_INDEX)
    code = values.polynomial(number)
    labels: tuple[Label, ...]
    count = len(kind.names) if isinstance(kind, Category) else stored_bound(kind) + 1
    if count + len(known) > MAX_GROUPS_OF_A_COLUMN:
        raise BoundExceededError(
            f"{side.table.schema.name}.{bound.column.name} has {count} values; "
            f"GROUP BY takes columns of at most {MAX_GROUPS_OF_A_COLUMN}, null included"
        )
    if isinstance(kind, Category):
        labels = kind.names
    else:
        first = stored_offset(kind)
        labels = (False, True) if isinstance(kind, Boolean) else tuple(range(first, first + count))
        code = code + switch
    if known:
        labels = (*labels, None)
        code = code + (values.polynomial(PRESENT_INDEX) - switch).scaled(count + 1)
    spec = GroupSpec(side.table.schema.name, bound.column.name, labels, tuple(range(1, len(labels) + 1)))
    return code, spec
