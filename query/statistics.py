"""From exact sums to results. Every moment is centred with exact rationals, so no digit is lost before the last step.

With n rows, S = Σx, Q = Σx², the centred second moment is Q − S²/n = (n·Q − S²)/n; it does not depend on the offset, so
stored values serve. NULL follows SQL: no rows give None for everything but COUNT; the sample forms need two rows; CORR
is None where either column is constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from query.aggregates import Statistic
from query.arranging import Known, arrange
from query.errors import SumsInvalidError
from query.histograms import Histogram, Interval
from query.moments import MomentMatrix, moment_matrix
from query.plan import Plan
from query.regressions import PairSums, finish_regression, spread
from query.sums import Cell, Label, Operand, OutputSpec
from query.unproved import Unproved, unproved

Value = int | Decimal | float | MomentMatrix | Histogram | Interval | Unproved | None

_ROOTS: Final = Context(prec=60)  # a double has 17 digits; sums have at most 45, so 60 leaves the last double bit right


@dataclass(frozen=True, slots=True)
class Result:
    """One output.

    Args:
        name: the output's name.
        statistic: what it is.
        value: int for COUNT and for SUM of integers, Decimal for SUM of decimals, a matrix for MOMENTS, a histogram or
            an interval for statistics of bins, `Unproved` for order statistics, else the nearest float; None is NULL.
        exact: the value as a fraction where it is rational and not NULL.
        count: rows it is over; None where suppressed.
        suppressed: whether a sum it needs was not released; the value is then None.
        cell: the group's values, one for each column of GROUP BY; empty without.
        proved: whether it follows from the proved sums.
    """

    name: str
    statistic: Statistic
    value: Value
    exact: Fraction | None
    count: int | None
    suppressed: bool = False
    cell: Cell = ()
    proved: bool = True


def finish_plan(
    plan: Plan, sums: Sequence[int | None], ranks: Sequence[int | None] | None = None
) -> tuple[Result, ...]:
    """Turn the proved sums, and what was computed besides, into the results.

    Args:
        plan: the compiled question.
        sums: one for each sum of the plan, in order: the field element as an integer, or None where not released.
        ranks: one for each order statistic of the plan, None over no rows; without them their values are not known.

    Returns:
        One result for each output, in order; with GROUP BY the outputs of the first cell, of the second, and so on. A
        statistic of bins is one result.

    Raises:
        SumsInvalidError: the sums do not belong to the plan: their number, type, a bound or an inequality is wrong.
    """
    if len(sums) != len(plan.sums):
        raise SumsInvalidError(f"the plan has {len(plan.sums)} sums, not {len(sums)}")
    for value, spec in zip(sums, plan.sums, strict=True):
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and 0 <= value <= spec.bound):
            raise SumsInvalidError(f"the sum {spec.name} is outside its bound")
    if ranks is not None:
        _check_ranks(plan, ranks)
    cells = len(plan.cells)
    if plan.collected:
        return (_collect(plan, plan.outputs[0], sums),)
    return tuple(
        _finish_output(output, sums[place::cells], cell) if output.rank is None else _ranked(output, sums, ranks)
        for place, cell in enumerate(plan.cells)
        for output in plan.outputs
    )


def _check_ranks(plan: Plan, ranks: Sequence[int | None]) -> None:
    bounds = () if plan.ranks is None else plan.ranks.bounds
    if len(ranks) != len(bounds):
        raise SumsInvalidError(f"the plan has {len(bounds)} order statistics, not {len(ranks)}")
    for value, bound in zip(ranks, bounds, strict=True):
        if value is not None and not 0 <= value <= bound:
            raise SumsInvalidError("an order statistic is outside its bound")


def _ranked(output: OutputSpec, sums: Sequence[int | None], ranks: Sequence[int | None] | None) -> Result:
    """An order statistic; NULL over no rows, as any other."""
    count, (operand,) = sums[output.moments.count], output.operands
    if count is None:
        return Result(output.name, output.statistic, None, None, None, True, proved=False)
    found = None if ranks is None or output.rank is None else ranks[output.rank]
    if count == 0:
        return Result(output.name, output.statistic, None, None, 0, proved=False)
    value, exact = unproved(output.statistic, operand, found)
    return Result(output.name, output.statistic, value, exact, count, proved=False)


def result_rows(plan: Plan, results: Sequence[Result]) -> tuple[dict[str, Value | Label], ...]:
    """The results of `finish_plan` as a table: one row for each cell, columns in the order of the question.

    Groups that are empty or suppressed have a row, too: which of the two it is, is not disclosed. HAVING, ORDER BY,
    LIMIT and OFFSET are applied (`query.arranging`).
    """
    return tuple(row.columns for row in arranged_rows(plan, results))


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A row of the result: its columns in the order of the question, and whether it is of a closed group."""

    columns: dict[str, Value | Label]
    closed: bool


def arranged_rows(plan: Plan, results: Sequence[Result]) -> tuple[ResultRow, ...]:
    """The rows of `result_rows`, with the closed ones marked."""
    if plan.collected:
        return (ResultRow({result.name: result.value for result in results}, False),)
    width, rows = len(plan.outputs), []
    known: list[dict[str, Known] | None] = []
    for place, cell in enumerate(plan.cells):
        here = results[place * width : (place + 1) * width]
        columns: list[tuple[str, Value | Label]] = [(result.name, result.value) for result in here]
        for key in plan.keys:
            columns.insert(key.place, (key.name, cell[key.group]))
        closed = all(result.suppressed for result in here)
        rows.append(ResultRow(dict(columns), closed))
        exact = {result.name: _exact(result.value, result.exact) for result in here}
        known.append(None if closed else exact | {key.name: _exact(cell[key.group], None) for key in plan.keys})
    return tuple(rows[number] for number in arrange(known, plan.arrangement))


def _exact(value: Value | Label, exact: Fraction | None) -> Known:
    """A value as HAVING and ORDER BY compare it."""
    if exact is not None:
        return exact
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        return Fraction(value)
    return value if isinstance(value, bool | str) else None


def _collect(plan: Plan, output: OutputSpec, sums: Sequence[int | None]) -> Result:
    """A statistic finished from the counts of all bins."""
    bins = output.bins
    if bins is None:
        raise SumsInvalidError(f"{output.statistic} has no bins")
    place = output.moments.count * len(plan.cells)
    counts = {cell[0]: sums[place + number] for number, cell in enumerate(plan.cells)}
    inner = tuple(counts.get(number, 0) for number in range(1, bins.count + 1))
    found = Histogram(bins, counts.get(0, 0), inner, counts.get(bins.count + 1, 0), counts.get(None, 0),
                      plan.minimum_group)
    value = found if bins.quantile is None else found.quantile(bins.quantile)
    released = [count for count in counts.values() if count is not None]
    return Result(output.name, output.statistic, value, None, None, not released)


def _finish_output(output: OutputSpec, sums: Sequence[int | None], cell: Cell) -> Result:
    m, table = output.moments, output.table
    numbers: tuple[int | None, ...] = (m.count, m.left, m.right, m.left_left, m.right_right, m.left_right)
    if table is not None:
        numbers = (m.count, *table.first, *table.second)
    found = []
    for number in numbers:
        released = 0 if number is None else sums[number]
        if released is None:
            return Result(output.name, output.statistic, None, None, None, True, cell)
        found.append(released)
    if table is not None:
        size = len(output.operands) + 1
        matrix = moment_matrix(output.operands, found[0], found[1:size], found[size:])
        return Result(output.name, output.statistic, matrix, None, matrix.count, cell=cell)
    known = PairSums(*found)
    value, exact = _finish(output.statistic, output.operands, known)
    return Result(output.name, output.statistic, value, exact, known.n, cell=cell)


def _finish(statistic: Statistic, operands: tuple[Operand, ...], s: PairSums) -> tuple[Value, Fraction | None]:
    unit = Fraction(1, 10 ** sum(operand.scale for operand in operands))
    match statistic:
        case Statistic.COUNT | Statistic.REGR_COUNT:
            return s.n, Fraction(s.n)
        case _ if s.n == 0:
            return None, None
        case Statistic.SUM:
            total = s.y + operands[0].offset * s.n
            scale = operands[0].scale
            return (_decimal(total, scale) if scale else total), total * unit
        case Statistic.AVG:
            return _rational((Fraction(s.y, s.n) + operands[0].offset) * unit)
        case Statistic.VAR_POP:
            return _rational(_variance(s, s.n) * unit**2)
        case Statistic.STDDEV_POP:
            return _root(_variance(s, s.n) * unit**2), None
        case Statistic.COVAR_POP:
            return _rational(Fraction(s.n * s.xy - s.y * s.x, s.n * s.n) * unit)
        case Statistic.CORR:
            return _correlation(s), None
        case _ if statistic.name.startswith("REGR_"):
            found = finish_regression(statistic, operands, s)
            return (None, None) if found is None else _rational(found)
        case _ if s.n == 1:
            return None, None
        case Statistic.VAR_SAMP:
            return _rational(_variance(s, s.n - 1) * unit**2)
        case Statistic.STDDEV_SAMP:
            return _root(_variance(s, s.n - 1) * unit**2), None
        case Statistic.COVAR_SAMP:
            return _rational(Fraction(s.n * s.xy - s.y * s.x, s.n * (s.n - 1)) * unit)
        case _:
            raise SumsInvalidError(f"{statistic} is not finished from sums of at most two arguments")


def _variance(s: PairSums, degrees: int) -> Fraction:
    return Fraction(spread(s.n, s.y, s.yy), s.n * degrees)


def _rational(value: Fraction) -> tuple[float, Fraction]:
    return float(value), value  # int/int division rounds correctly


def _decimal(total: int, scale: int) -> Decimal:
    sign, digits = (1, -total) if total < 0 else (0, total)
    return Decimal((sign, tuple(map(int, str(digits))), -scale))


def _root(value: Fraction) -> float:
    quotient = _ROOTS.divide(Decimal(value.numerator), Decimal(value.denominator))
    return float(_ROOTS.sqrt(quotient))


def _correlation(s: PairSums) -> float | None:
    left, right = spread(s.n, s.y, s.yy), spread(s.n, s.x, s.xx)
    if left == 0 or right == 0:
        return None
    joint = s.n * s.xy - s.y * s.x
    if joint * joint > left * right:
        raise SumsInvalidError("the sum of products is larger than the sums of squares allow")
    return float(_ROOTS.divide(Decimal(joint), _ROOTS.sqrt(Decimal(left * right))))
