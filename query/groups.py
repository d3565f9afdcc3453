"""Values of GROUP BY: a linear form that is a row's code, from 1, and 0 where the row is absent (PROTOCOL §2, M8).

With κ the column's ``__known`` (``present`` where it cannot be null) and K codes: a category's code is the stored one;
a boolean b has b + κ; a small integer x has x + κ. Null is a group of its own, as in SQL: (K + 1)·(present − κ) is
added. A computed value v ≥ lo has (v − lo + 1)·κ in the same way; without nulls that is v less its constant c, which
is 0 where the row is absent, plus (c − lo + 1)·present. Of a table on the right of a LEFT JOIN an absent row is a row
of nulls: 1 stands for ``present``.

Several values of one table have one code together, g + K·(h − present) for codes g of K groups and h: still linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from query.binding import Argument, BoundColumn, BoundExpression
from query.errors import BoundExceededError, ColumnKindError
from query.kinds import Boolean, Category, stored_bound, stored_offset
from query.masks import TableProducts
from query.polynomial import ZERO, Polynomial
from query.sums import GroupSpec, Label
from query.values import ValueCompiler
from zk.relation import MAX_CODES

MAX_GROUPS_OF_A_COLUMN: Final = MAX_CODES


def group_form(bound: Argument, side: TableProducts, values: ValueCompiler) -> tuple[Polynomial, GroupSpec]:
    """The code of a column or value of GROUP BY, and what its codes mean.

    Raises:
        BoundExceededError: it has too many values.
        ColumnKindError: a computed value is not a whole number.
    """
    if isinstance(bound, BoundExpression):
        return _value_form(bound, side, values)
    return _column_form(bound, side, values)


def table_form(
    forms: Sequence[tuple[Polynomial, GroupSpec]], values: ValueCompiler
) -> tuple[Polynomial, tuple[int, ...]]:
    """One code for all the groups of a table, the last varying fastest, and its codes.

    Raises:
        BoundExceededError: they have too many cells.
    """
    cells = prod(len(spec.codes) for _, spec in forms)
    if cells > MAX_GROUPS_OF_A_COLUMN:
        named = " and ".join(f"{spec.table}.{spec.column}" for _, spec in forms)
        raise BoundExceededError(f"{named} have {cells} cells; a table's groups have at most {MAX_GROUPS_OF_A_COLUMN}")
    code, step = ZERO, 1
    present = values.base
    for form, spec in reversed(forms):
        code = code + (form if code == ZERO else (form - present).scaled(step))
        step *= len(spec.codes)
    return code, tuple(range(1, cells + 1))


def _column_form(bound: BoundColumn, side: TableProducts, values: ValueCompiler) -> tuple[Polynomial, GroupSpec]:
    kind, number = bound.column.kind, side.number(bound.column.name)
    known = side.known(number)
    switch = values.polynomial(known[0]) if known else values.base
    code = values.polynomial(number)
    labels: tuple[Label, ...]
    count = len(kind.names) if isinstance(kind, Category) else stored_bound(kind) + 1
    _check_count(f"{side.table.schema.name}.{bound.column.name}", count + len(known))
    if isinstance(kind, Category):
        labels = kind.names
    else:
        first = stored_offset(kind)
        labels = (False, True) if isinstance(kind, Boolean) else tuple(range(first, first + count))
        code = code + switch
    if known:
        labels = (*labels, None)
        code = code + (values.base - switch).scaled(count + 1)
    return code, _spec(side, bound.column.name, labels)


def _value_form(bound: BoundExpression, side: TableProducts, values: ValueCompiler) -> tuple[Polynomial, GroupSpec]:
    value, text = values.value(bound.expression), values.text(bound.expression)
    if value.scale:
        raise ColumnKindError(f"{text} is no whole number", bound.expression.position, "GROUP BY takes whole numbers")
    masks = side.simplify([*side.base, *value.masks])
    nullable = masks != side.base
    count = value.hi - value.lo + 1
    _check_count(text, count + nullable)
    labels: tuple[Label, ...] = tuple(range(value.lo, value.hi + 1))
    present, constant = values.base, value.polynomial.at_zero
    code = value.polynomial - Polynomial.constant(constant) + present.scaled(constant - value.lo + 1)
    if nullable:
        known = values.product(masks)
        code = values.times(code, known) + (present - known).scaled(count + 1)
        labels = (*labels, None)
    return code, _spec(side, text, labels)


def _check_count(name: str, count: int) -> None:
    if count > MAX_GROUPS_OF_A_COLUMN:
        raise BoundExceededError(f"{name} has {count} values; GROUP BY takes columns of at most "
                                 f"{MAX_GROUPS_OF_A_COLUMN}, null included")


def _spec(side: TableProducts, name: str, labels: tuple[Label, ...]) -> GroupSpec:
    return GroupSpec(side.table.schema.name, name, labels, tuple(range(1, len(labels) + 1)))
