"""The answer over pooled plaintext: what nobody could compute in practice, and what the proved answer must equal.

Written over Python integers and fractions straight from SQL's rules, on purpose without `query`'s compiler and
finisher: two independent computations meet in `compare`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product
from typing import Final

import numpy as np

from query.kinds import Kind, stored_offset, stored_scale
from services.demo.studies import Output, Place, Range, Study
from services.demo.tables import DemoTable, Flags

DIGITS: Final = 80

Number = int | float | None
Group = tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class PooledMoments:
    """Exact integer sums over the rows an output is about, in the stored units (value · 10^scale − offset).

    Args:
        count: rows; `left`, `right`: Σx, Σy; `left_left`, `right_right`, `left_right`: Σx², Σy², Σxy. 0 where the
            output has no such column.
    """

    count: int
    left: int = 0
    right: int = 0
    left_left: int = 0
    right_right: int = 0
    left_right: int = 0


@dataclass(frozen=True, slots=True)
class PooledOutput:
    """An output's exact sums, its value as SQL defines it, and the value as a fraction where it is rational."""

    moments: PooledMoments
    value: Number
    exact: Fraction | None


PooledAnswer = dict[Group, dict[str, PooledOutput]]
"""By the values of GROUP BY (one empty group without), then by output name."""


def answer_pooled(study: Study, tables: Mapping[str, DemoTable]) -> PooledAnswer:
    """Answer a study over all tables' plaintext; by group, then by output name, in order.

    Raises:
        KeyError: a table or column of the study does not exist.
    """
    rows = np.logical_and.reduce([tables[name].present for name in study.tables])
    for name, column in study.where:
        rows = rows & tables[name].usable(column) & (tables[name].values[column] == 1)
    for condition in study.ranges:
        rows = rows & _within(condition, tables)
    found = {}
    for group in product((False, True), repeat=len(study.groups)):
        inside = rows
        for (name, column), label in zip(study.groups, group):
            inside = inside & tables[name].usable(column) & (tables[name].values[column] == label)
        found[group] = {output.name: _answer(output, tables, inside) for output in study.outputs}
    return found


def _within(condition: Range, tables: Mapping[str, DemoTable]) -> Flags:
    name, column = condition.place
    rows, values = tables[name].usable(column), tables[name].values[column]
    if condition.low is not None:
        rows = rows & (values >= condition.low)
    if condition.high is not None:
        rows = rows & (values <= condition.high)
    return rows


def _answer(output: Output, tables: Mapping[str, DemoTable], rows: Flags) -> PooledOutput:
    for name, column in output.arguments:
        rows = rows & tables[name].usable(column)
    stored = [_stored(tables[name], column, rows) for name, column in output.arguments]
    moments = _moments(int(rows.sum()), *stored)
    value, exact = _finish(output.statistic, moments, [_unit(tables, place) for place in output.arguments])
    return PooledOutput(moments, value, exact)


def _stored(table: DemoTable, column: str, rows: Flags) -> list[int]:
    lo = stored_offset(_kind(table, column))
    return [int(value) - lo for value in table.values[column][rows].tolist()]


def _kind(table: DemoTable, column: str) -> Kind:
    found = table.schema.column(column)
    if found is None:
        raise KeyError(column)
    return found.kind


def _unit(tables: Mapping[str, DemoTable], place: Place) -> tuple[int, int]:
    """(offset, 10^scale) of a column."""
    kind = _kind(tables[place[0]], place[1])
    return stored_offset(kind), 10 ** stored_scale(kind)


def _moments(count: int, x: list[int] | None = None, y: list[int] | None = None) -> PooledMoments:
    x, y = x or [], y or []
    return PooledMoments(count, sum(x), sum(y), sum(a * a for a in x), sum(b * b for b in y),
                         sum(a * b for a, b in zip(x, y)))


def _finish(statistic: str, m: PooledMoments, units: list[tuple[int, int]]) -> tuple[Number, Fraction | None]:
    n = m.count
    if statistic == "COUNT":
        return n, Fraction(n)
    if n == 0 or (n == 1 and statistic.endswith("_SAMP")):
        return None, None
    degrees = n - 1 if statistic.endswith("_SAMP") else n
    spread_x, spread_y = n * m.left_left - m.left**2, n * m.right_right - m.right**2
    joint = n * m.left_right - m.left * m.right
    (offset, unit), scale = units[0], units[0][1] * units[-1][1]
    if statistic == "CORR":
        return (_ratio_to_root(joint, spread_x * spread_y) if spread_x and spread_y else None), None
    if statistic.startswith("STDDEV"):
        return _root(Fraction(spread_x, n * degrees * unit**2)), None
    exact = {"SUM": Fraction(m.left + n * offset, unit), "AVG": (Fraction(m.left, n) + offset) / unit,
             "VAR": Fraction(spread_x, n * degrees * unit**2), "COVAR": Fraction(joint, n * degrees * scale)}[
        statistic.split("_")[0]]
    if statistic == "SUM" and exact.denominator == 1:
        return int(exact), exact
    return float(exact), exact


def _root(value: Fraction) -> float:
    with localcontext(prec=DIGITS):
        return float((Decimal(value.numerator) / Decimal(value.denominator)).sqrt())


def _ratio_to_root(numerator: int, square: int) -> float:
    with localcontext(prec=DIGITS):
        return float(Decimal(numerator) / Decimal(square).sqrt())
