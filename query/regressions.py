"""REGR_*: least squares of the first argument, y, on the second, x, over the rows where both are known.

With S_xx = Σ(x − mean x)², S_yy and S_xy alike: slope = S_xy/S_xx and intercept = mean y − slope·mean x, NULL where x
is constant; R² = S_xy²/(S_xx·S_yy), NULL where x is constant and 1 where only y is, as in SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from query.aggregates import Statistic
from query.errors import SumsInvalidError
from query.sums import Operand


@dataclass(frozen=True, slots=True)
class PairSums:
    """Sums of stored values over n ≥ 1 rows; what a statistic does not need is 0."""

    n: int
    y: int
    x: int
    yy: int
    xx: int
    xy: int

    @property
    def joint(self) -> int:
        """n·Σxy − Σx·Σy."""
        return self.n * self.xy - self.x * self.y


def finish_regression(statistic: Statistic, operands: tuple[Operand, ...], s: PairSums) -> Fraction | None:
    """The exact value of a REGR_* over at least one row; None is NULL.

    Raises:
        SumsInvalidError: no real columns have these sums.
    """
    y, x = operands
    unit_y, unit_x = Fraction(1, 10**y.scale), Fraction(1, 10**x.scale)
    mean_y = (Fraction(s.y, s.n) + y.offset) * unit_y
    mean_x = (Fraction(s.x, s.n) + x.offset) * unit_x
    match statistic:
        case Statistic.REGR_AVGX:
            return mean_x
        case Statistic.REGR_AVGY:
            return mean_y
        case Statistic.REGR_SXX:
            return Fraction(spread(s.n, s.x, s.xx), s.n) * unit_x**2
        case Statistic.REGR_SYY:
            return Fraction(spread(s.n, s.y, s.yy), s.n) * unit_y**2
        case Statistic.REGR_SXY:
            return Fraction(s.joint, s.n) * unit_x * unit_y
    across = spread(s.n, s.x, s.xx)
    if across == 0:
        return None
    slope = Fraction(s.joint, across) * unit_y / unit_x
    match statistic:
        case Statistic.REGR_SLOPE:
            return slope
        case Statistic.REGR_INTERCEPT:
            return mean_y - slope * mean_x
    along = spread(s.n, s.y, s.yy)
    if s.joint**2 > across * along:
        raise SumsInvalidError("the sum of products is larger than the sums of squares allow")
    return Fraction(s.joint**2, across * along) if along else Fraction(1)


def spread(n: int, total: int, squares: int) -> int:
    """n·Σx² − (Σx)².

    Raises:
        SumsInvalidError: it is negative, which no real column makes it.
    """
    found = n * squares - total * total
    if found < 0:
        raise SumsInvalidError("sums of squares are smaller than the square of the sum allows")
    return found
