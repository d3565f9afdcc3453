"""Survival on a time grid: Kaplan–Meier curves with Greenwood's error, and the log-rank test.

Sums: COUNT(*) by interval of the grid and by whether the event happened in it, for each group; those who are followed
beyond the grid are one cell. With d_k events and c_k censored in interval k and r beyond, n_k = r + Σ_{j≥k} (d_j + c_j)
are at risk, and S(t) = Π (1 − d_k/n_k): the Kaplan–Meier estimate of the data with times rounded down to the grid,
those censored in an interval being at risk throughout it.

The cells are disjoint, and each is released only if it reaches the minimum group. One that is missing may be empty or
small; the curve is then refused: widen the intervals, or let the grid end where people are still followed.

Source: E. Kaplan and P. Meier, JASA 53 (1958); M. Greenwood (1926); interval on log(−log S): J. Kalbfleisch and
R. Prentice, The Statistical Analysis of Failure Time Data, 2nd ed. (2002), §1.4; log-rank: N. Mantel (1966).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import exp, log

from query.analyses.asking import Answer, Labels, evidence_of
from query.analyses.distributions import check_confidence, chi_square_p, normal_quantile
from query.analyses.exact import inverse, root, times
from query.analyses.report import Report, Shown, Table
from query.analyses.writing import (
    Axis,
    Bins,
    Number,
    axis_of,
    column_of,
    is_boolean,
    known_conditions,
    number_text,
    statement,
)
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError, DesignSingularError


@dataclass(frozen=True, slots=True)
class Step:
    """An interval of the grid.

    Args:
        start: its label.
        at_risk: rows that reach it.
        events: in it.
        censored: in it.
        survival: S after it, with Greenwood's standard error and confidence limits; limits None where S is 0 or 1.
    """

    start: str
    at_risk: int
    events: int
    censored: int
    survival: float
    se: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """The curve of a group."""

    group: str
    n: int
    events: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalReport(Report):
    """Survival curves and their comparison.

    Args:
        time, event: the columns.
        curves: of each group, or one.
        chi_square, df, p: log-rank test; None for one curve.
    """

    time: str
    event: str
    curves: tuple[Curve, ...]
    chi_square: float | None = None
    df: int | None = None
    p: float | None = None

    def tables(self) -> tuple[Table, ...]:
        """A table for each curve, and the test."""
        header = (self.time, "at risk", "events", "censored", "survival", "SE", "low", "high")
        shown = []
        for curve in self.curves:
            rows: tuple[tuple[Shown, ...], ...] = tuple(
                (s.start, s.at_risk, s.events, s.censored, s.survival, s.se, s.low, s.high) for s in curve.steps)
            shown.append(Table(f"survival, {curve.group}", header, rows))
        if self.df is not None:
            shown.append(Table("log-rank test", ("χ²", "df", "p"), ((self.chi_square, self.df, self.p),)))
        return tuple(shown)


@dataclass(frozen=True, slots=True)
class KaplanMeier:
    """Survival curves on a grid, by group compared by the log-rank test.

    Args:
        time: a column, ``table.column``: how long a person was followed.
        event: a boolean of the same table: whether the event ended it.
        grid: ends of the intervals, increasing; who is followed to the last or longer is beyond the grid.
        by: groups to compare, or None.
        where: a condition, or None.
        confidence: level of the intervals.
    """

    time: str
    event: str
    grid: tuple[Number, ...]
    by: str | Bins | None = None
    where: str | None = None
    confidence: float = 0.95

    def _axes(self, directory: Directory) -> list[Axis]:
        """One axis of intervals (k, or k + K with the event; K − 1 beyond the grid), and one of groups."""
        bins = axis_of(directory, Bins(self.time, self.grid))
        end = f"CASE WHEN {self.event} AND {self.time} < {number_text(self.grid[-1])} THEN {len(bins.codes)} ELSE 0 END"
        codes = tuple(range(2 * len(bins.codes)))
        labels = tuple(f"{label}{words}" for words in ("", ", event") for label in bins.labels)
        known = tuple(dict.fromkeys([*bins.known, *known_conditions(directory, [self.event])]))
        ends = Axis(self.time, f"{bins.sql} + ({end})", codes, labels, known)
        return [ends] if self.by is None else [ends, axis_of(directory, self.by)]

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts by interval, event and group."""
        check_confidence(self.confidence)
        column_of(directory, self.time)
        if not is_boolean(directory, self.event):
            raise AnalysisInvalidError(f"{self.event[:64]} is no boolean column")
        if self.time.split(".")[0] != self.event.split(".")[0]:
            raise AnalysisInvalidError("time and event stand in one table")
        return (statement(directory, ["COUNT(*) AS n"], axes=self._axes(directory), where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> SurvivalReport:
        """Multiply survivals and compare."""
        axes, found = self._axes(directory), answers[0].counts("n")
        size = len(axes[0].codes) // 2
        groups: list[tuple[str, Labels]] = [("all", ())]
        if self.by is not None:
            groups = [(axes[1].label(code), (code,)) for code in axes[1].codes]
        missing = tuple(
            f"{name}: {axes[0].labels[code]}"
            for name, group in groups for code in range(2 * size - 1) if found[(code, *group)] is None
        )
        if missing:
            raise CellsSuppressedError("a survival curve", missing)
        intervals = [[(found[(k + size, *group)] or 0, found[(k, *group)] or 0) for k in range(size - 1)]
                     for _, group in groups]
        beyond = [found[(size - 1, *group)] or 0 for _, group in groups]
        curves = [survival_curve(name, axes[0].labels, cells, rest, self.confidence)
                  for (name, _), cells, rest in zip(groups, intervals, beyond, strict=True)]
        test = None if len(curves) == 1 else log_rank(intervals, beyond)
        return SurvivalReport(
            title=f"survival: {self.event} over {self.time}", evidence=evidence_of(answers),
            confidence=self.confidence, time=self.time, event=self.event, curves=tuple(curves),
            chi_square=None if test is None else test[0], df=None if test is None else test[1],
            p=None if test is None else chi_square_p(*test),
        )


def survival_curve(
    name: str, labels: Sequence[str], cells: Sequence[tuple[int, int]], beyond: int, confidence: float
) -> Curve:
    """Kaplan–Meier with Greenwood's variance.

    Args:
        name: of the group.
        labels: of the intervals.
        cells: (events, censored) of each interval.
        beyond: rows followed beyond the grid.
        confidence: level of the intervals.
    """
    n = beyond + sum(d + c for d, c in cells)
    at_risk, survival, hazard, steps = n, Fraction(1), Fraction(0), []
    z = normal_quantile(confidence)
    for label, (events, censored) in zip(labels, cells, strict=False):
        survival *= 1 - Fraction(events, at_risk)
        if at_risk > events:
            hazard += Fraction(events, at_risk * (at_risk - events))
        value, se = float(survival), float(survival) * root(hazard)
        low = high = None
        if 0 < survival < 1:
            spread = z * root(hazard) / -log(value)
            low, high = value ** exp(spread), value ** exp(-spread)
        steps.append(Step(label, at_risk, events, censored, value, se, low, high))
        at_risk -= events + censored
    return Curve(name, n, sum(step.events for step in steps), tuple(steps))


def log_rank(groups: Sequence[Sequence[tuple[int, int]]], beyond: Sequence[int]) -> tuple[float, int]:
    """The log-rank χ² and its degrees of freedom.

    Args:
        groups: (events, censored) of every interval, by group.
        beyond: rows followed beyond the grid, by group.

    Raises:
        DegreesOfFreedomError: there is nothing to compare.
    """
    size = len(groups)
    at_risk = [rest + sum(d + c for d, c in cells) for rest, cells in zip(beyond, groups, strict=True)]
    excess = [Fraction(0)] * (size - 1)
    variance = [[Fraction(0)] * (size - 1) for _ in range(size - 1)]
    for place in range(len(groups[0])):
        n, d = sum(at_risk), sum(cells[place][0] for cells in groups)
        for i in range(size - 1):
            if n:
                excess[i] += groups[i][place][0] - Fraction(d * at_risk[i], n)
            for j in range(size - 1):
                if n > 1:
                    share = Fraction(at_risk[i], n) * ((i == j) - Fraction(at_risk[j], n))
                    variance[i][j] += share * Fraction(d * (n - d), n - 1)
        at_risk = [r - sum(cells[place]) for r, cells in zip(at_risk, groups, strict=True)]
    try:
        solved = inverse(variance, [f"group {place}" for place in range(size - 1)])
    except DesignSingularError as fault:
        raise DegreesOfFreedomError("no events, or a group without rows: there is nothing to compare") from fault
    value = sum((x * y for x, y in zip(excess, times(solved, excess), strict=True)), Fraction(0))
    return float(value), size - 1
