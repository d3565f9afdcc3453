"""The statistics a question may ask for, and which moments each needs."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

MAX_MOMENTS: Final = 16  # arguments; how many fit one proof depends on what they are, see docs/sql.md


class Statistic(StrEnum):
    """A statistic's name in SQL."""

    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    VAR_POP = "VAR_POP"
    VAR_SAMP = "VAR_SAMP"
    STDDEV_POP = "STDDEV_POP"
    STDDEV_SAMP = "STDDEV_SAMP"
    COVAR_POP = "COVAR_POP"
    COVAR_SAMP = "COVAR_SAMP"
    CORR = "CORR"
    REGR_COUNT = "REGR_COUNT"
    REGR_AVGX = "REGR_AVGX"
    REGR_AVGY = "REGR_AVGY"
    REGR_SXX = "REGR_SXX"
    REGR_SYY = "REGR_SYY"
    REGR_SXY = "REGR_SXY"
    REGR_SLOPE = "REGR_SLOPE"
    REGR_INTERCEPT = "REGR_INTERCEPT"
    REGR_R2 = "REGR_R2"
    MOMENTS = "MOMENTS"
    HISTOGRAM = "HISTOGRAM"
    QUANTILE_INTERVAL = "QUANTILE_INTERVAL"
    MIN = "MIN"
    MAX = "MAX"
    MEDIAN = "MEDIAN"
    QUANTILE = "QUANTILE"

    @property
    def arguments(self) -> tuple[int, int]:
        """The smallest and largest number of arguments; COUNT also takes ``*``."""
        if self is Statistic.MOMENTS:
            return 1, MAX_MOMENTS
        return (2, 2) if self in _PAIRS else (1, 1)

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The moments it needs besides the count. MOMENTS needs all, of all its arguments."""
        return _NEEDED[self]

    @property
    def binned(self) -> bool:
        """Whether it is finished from counts per bin."""
        return self in (Statistic.HISTOGRAM, Statistic.QUANTILE_INTERVAL)

    @property
    def ranked(self) -> bool:
        """Whether no sum expresses it: it comes from the parties' computation alone, and is labelled UNPROVED."""
        return self in (Statistic.MIN, Statistic.MAX, Statistic.MEDIAN, Statistic.QUANTILE)


class Moment(StrEnum):
    """A sum over the rows of a statistic with the arguments left and right."""

    LEFT = "left"
    RIGHT = "right"
    LEFT_LEFT = "left_left"
    RIGHT_RIGHT = "right_right"
    LEFT_RIGHT = "left_right"


_X, _Y, _XX, _YY, _XY = Moment
_SPREAD: Final = (_X, _XX)
_NEEDED: Final[dict[Statistic, tuple[Moment, ...]]] = {
    Statistic.COUNT: (), Statistic.SUM: (_X,), Statistic.AVG: (_X,),
    Statistic.VAR_POP: _SPREAD, Statistic.VAR_SAMP: _SPREAD,
    Statistic.STDDEV_POP: _SPREAD, Statistic.STDDEV_SAMP: _SPREAD,
    Statistic.COVAR_POP: (_X, _Y, _XY), Statistic.COVAR_SAMP: (_X, _Y, _XY), Statistic.CORR: (_X, _Y, _XX, _YY, _XY),
    # the first argument is the dependent one
    Statistic.REGR_COUNT: (), Statistic.REGR_AVGX: (_Y,), Statistic.REGR_AVGY: (_X,),
    Statistic.REGR_SXX: (_Y, _YY), Statistic.REGR_SYY: (_X, _XX), Statistic.REGR_SXY: (_X, _Y, _XY),
    Statistic.REGR_SLOPE: (_X, _Y, _YY, _XY), Statistic.REGR_INTERCEPT: (_X, _Y, _YY, _XY),
    Statistic.REGR_R2: (_X, _Y, _XX, _YY, _XY), Statistic.MOMENTS: (),
    Statistic.HISTOGRAM: (), Statistic.QUANTILE_INTERVAL: (),
    Statistic.MIN: (), Statistic.MAX: (), Statistic.MEDIAN: (), Statistic.QUANTILE: (),
}
_PAIRS: Final = frozenset({
    statistic for statistic in Statistic
    if statistic.name.startswith(("COVAR", "REGR")) or statistic is Statistic.CORR
})
