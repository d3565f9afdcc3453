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
    MOMENTS = "MOMENTS"

    @property
    def arguments(self) -> tuple[int, int]:
        """The smallest and largest number of arguments; COUNT also takes ``*``."""
        if self is Statistic.MOMENTS:
            return 1, MAX_MOMENTS
        return (2, 2) if self in _PAIRS else (1, 1)

    @property
    def needs_total(self) -> bool:
        """Whether Σx (and Σy) are needed besides the count."""
        return self is not Statistic.COUNT

    @property
    def needs_squares(self) -> bool:
        """Whether Σx² (and Σy²) are needed."""
        return self in _SQUARES


_PAIRS = frozenset({Statistic.COVAR_POP, Statistic.COVAR_SAMP, Statistic.CORR})
_SQUARES = frozenset(
    {Statistic.VAR_POP, Statistic.VAR_SAMP, Statistic.STDDEV_POP, Statistic.STDDEV_SAMP, Statistic.CORR})
