"""What a plan says of its sums, outputs and cells. Public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from query.aggregates import Statistic
from query.errors import BoundExceededError
from query.histograms import Bins
from zk.transcript import FR_MODULUS

SUM_LIMIT: Final = FR_MODULUS // 2

Label = str | bool | int | None
Cell = tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class SumSpec:
    """A proved sum; its number is its place in `Plan.sums` and the row of the sealed column it stands in.

    Args:
        name: unique and canonical: the factors, e.g. ``"hospital.bmi*laboratory.present"``, and the cell.
        words: what it is, in plain words.
        bound: largest possible value; the smallest is 0.
        guard: number of the sum that counts its rows; its own number for a count.
        closed: whether it serves a dominance rule and is never let out; its guard counts no fewer rows than it is over.
    """

    name: str
    words: str
    bound: int
    guard: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Operand:
    """A column or value of an output: number = (stored + offset) / 10^scale.

    Args:
        table: the table it is of.
        column: the column's name, or a computed value's text.
    """

    table: str
    column: str
    offset: int
    scale: int


@dataclass(frozen=True, slots=True)
class Moments:
    """Numbers of the sums an output is finished from, all under its joint mask; None where it does not need one. With
    cells, the number of the sum in cell c is the number here times the number of cells, plus c."""

    count: int
    left: int | None = None
    right: int | None = None
    left_left: int | None = None
    right_right: int | None = None
    left_right: int | None = None


@dataclass(frozen=True, slots=True)
class MomentTable:
    """Numbers of the sums of MOMENTS, besides the count: of every value, and of every product of two, row by row of the
    upper triangle; None where the product is 0 on every row, whatever the data."""

    first: tuple[int, ...]
    second: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """A result column: which statistic of which columns, from which sums.

    Args:
        table: the sums of MOMENTS.
        bins: of HISTOGRAM and QUANTILE_INTERVAL, which are finished from all cells together.
        rank: number of an order statistic among those of `Plan.ranks`; no proof covers it.
    """

    name: str
    statistic: Statistic
    operands: tuple[Operand, ...]
    moments: Moments
    table: MomentTable | None = None
    bins: Bins | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A column of GROUP BY.

    Args:
        labels: the values of its groups in the order of their codes; None is the group of null.
        codes: their codes.
    """

    table: str
    column: str
    labels: tuple[Label, ...]
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A column of GROUP BY among the results: its name, its number in GROUP BY and its place among all outputs."""

    name: str
    group: int
    place: int


def check_bound(name: str, bound: int) -> None:
    """Refuse a sum that could leave (−r/2, r/2).

    Args:
        name: the sum's name, for the message.
        bound: the largest absolute value it can take.

    Raises:
        BoundExceededError: the bound does not fit.
    """
    if bound >= SUM_LIMIT:
        raise BoundExceededError(f"the sum {name} could reach {bound.bit_length()} bits, beyond the field of the proof")
