"""Tables of counts: one way and two ways, χ², Fisher's exact test, risks and odds of 2×2 tables.

Sums: COUNT(*) by cell. A cell that is empty or too small is not released, and which of the two is not known; a test
over the table is then refused, for neither its margins nor its expectations are known.

Source: A. Agresti, Categorical Data Analysis, 3rd ed. (2013), ch. 2, 3; Cramér's V: H. Cramér (1946), ch. 21.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import exp, log, sqrt
from typing import Final

from query.analyses.asking import Answer, cell_words, evidence_of
from query.analyses.distributions import check_confidence, chi_square_p, normal_p, normal_quantile
from query.analyses.exact import root
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Shown, Table, estimate_rows
from query.analyses.writing import Axis, Bins, axis_of, number_text, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError

SMALL_EXPECTATION: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequencies(Report):
    """Counts of one variable.

    Args:
        variable: its name.
        labels: of its values.
        counts: rows of each; None where not released.
        shares: of the released rows.
        chi_square, df, p: against the hypothesis, where one was given.
    """

    variable: str
    labels: tuple[str, ...]
    counts: tuple[int | None, ...]
    shares: tuple[float | None, ...]
    chi_square: float | None = None
    df: int | None = None
    p: float | None = None

    def tables(self) -> tuple[Table, ...]:
        """Counts and test."""
        rows = tuple(zip(self.labels, self.counts, self.shares, strict=True))
        test = () if self.chi_square is None else (Table("test", ("χ²", "df", "p"),
                                                         ((self.chi_square, self.df, self.p),)),)
        return (Table(self.variable, ("", "n", "share"), rows), *test)


@dataclass(frozen=True, slots=True)
class Frequency:
    """Counts of one variable, perhaps with a χ² test of fit.

    Args:
        variable: a category, boolean, small integer, or Bins.
        expected: a share or weight for each label; None for no test.
        where: a condition, or None.
    """

    variable: str | Bins
    expected: tuple[float | int | str, ...] | None = None
    where: str | None = None

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts."""
        axis = axis_of(directory, self.variable)
        if self.expected is not None and len(self.expected) != len(axis.codes):
            raise AnalysisInvalidError(f"{axis.name} has {len(axis.codes)} values, not {len(self.expected)}")
        if self.expected is not None and any(Fraction(number_text(w)) <= 0 for w in self.expected):
            raise AnalysisInvalidError("expected shares are positive")
        return (statement(directory, ["COUNT(*) AS n"], axes=[axis], where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> Frequencies:
        """Count, and test."""
        axis = axis_of(directory, self.variable)
        counts = tuple(answers[0].counts("n")[(code,)] for code in axis.codes)
        hidden = tuple(cell_words([axis.name], (label,)) for label, n in zip(axis.labels, counts, strict=True)
                       if n is None)
        total = sum(n for n in counts if n is not None)
        shares = tuple(None if n is None else n / total for n in counts)
        found = Frequencies(title=f"frequencies of {axis.name}", evidence=evidence_of(answers), suppressed=hidden,
                            variable=axis.name, labels=axis.labels, counts=counts, shares=shares)
        if self.expected is None:
            return found
        if hidden:
            raise CellsSuppressedError("a test of fit", hidden)
        weights = [Fraction(number_text(weight)) for weight in self.expected]
        value = sum(((Fraction(n or 0) - total * w / sum(weights)) ** 2 / (total * w / sum(weights))
                     for n, w in zip(counts, weights, strict=True)), Fraction(0))
        df = len(counts) - 1
        return Frequencies(title=found.title, evidence=found.evidence, variable=axis.name, labels=axis.labels,
                           counts=counts, shares=shares, chi_square=float(value), df=df,
                           p=chi_square_p(float(value), df))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crosstab(Report):
    """A two-way table with its tests.

    Args:
        row, column: the variables.
        row_labels, column_labels: their values.
        counts: rows of labels by columns; None where not released.
        n: rows of the released cells.
        chi_square, df, p: Pearson's test; None where a cell is suppressed.
        yates, yates_p: with continuity correction, of 2×2 tables.
        cramers_v: strength of association.
        fisher_p: exact two-sided p value of 2×2 tables.
        effects: of 2×2 tables: risk difference, risk ratio, odds ratio; the second row against the first, of the
            second column.
    """

    row: str
    column: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    counts: tuple[tuple[int | None, ...], ...]
    n: int
    chi_square: float | None = None
    df: int | None = None
    p: float | None = None
    yates: float | None = None
    yates_p: float | None = None
    cramers_v: float | None = None
    fisher_p: float | None = None
    effects: tuple[Estimate, ...] = ()

    def tables(self) -> tuple[Table, ...]:
        """Counts, tests and effects."""
        rows: tuple[tuple[Shown, ...], ...] = tuple(
            (label, *counts) for label, counts in zip(self.row_labels, self.counts, strict=True))
        shown = [Table(f"{self.row} by {self.column}", ("", *self.column_labels), rows)]
        if self.chi_square is not None:
            header = ("χ²", "df", "p", "χ² (Yates)", "p (Yates)", "p (Fisher)", "Cramér's V")
            row = (self.chi_square, self.df, self.p, self.yates, self.yates_p, self.fisher_p, self.cramers_v)
            shown.append(Table("tests", header, (row,)))
        if self.effects:
            shown.append(Table("effects", ESTIMATE_HEADER, estimate_rows(self.effects)))
        return tuple(shown)


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A two-way table, tested for independence; of 2×2 tables also risks, odds and Fisher's exact test.

    Args:
        row, column: categories, booleans, small integers or Bins, of one owner or two. In a 2×2 table the second label
            of `row` is the exposure and the second of `column` the event.
        where: a condition, or None.
        confidence: level of the intervals.
        counts_only: whether a table with suppressed cells is shown without tests instead of refused.
    """

    row: str | Bins
    column: str | Bins
    where: str | None = None
    confidence: float = 0.95
    counts_only: bool = False

    def _axes(self, directory: Directory) -> tuple[Axis, Axis]:
        return axis_of(directory, self.row), axis_of(directory, self.column)

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts by cell."""
        check_confidence(self.confidence)
        return (statement(directory, ["COUNT(*) AS n"], axes=self._axes(directory), where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> Crosstab:
        """Test."""
        rows, columns = self._axes(directory)
        found = answers[0].counts("n")
        counts = tuple(tuple(found[(r, c)] for c in columns.codes) for r in rows.codes)
        hidden = tuple(cell_words([rows.name, columns.name], (rows.label(r), columns.label(c)))
                       for r in rows.codes for c in columns.codes if found[(r, c)] is None)
        if hidden and not self.counts_only:
            raise CellsSuppressedError("a test of the table", hidden)
        plain = Crosstab(
            title=f"{rows.name} by {columns.name}", evidence=evidence_of(answers), suppressed=hidden,
            confidence=self.confidence, row=rows.name, column=columns.name, row_labels=rows.labels,
            column_labels=columns.labels, counts=counts, n=sum(n for row in counts for n in row if n is not None),
        )
        return plain if hidden else _tested(plain, [[n or 0 for n in row] for row in counts])


def _tested(plain: Crosstab, counts: list[list[int]]) -> Crosstab:
    value, df, least = pearson_chi_square(counts)
    square = len(counts) == len(counts[0]) == 2
    yates = float(pearson_chi_square(counts, corrected=True)[0]) if square else None
    notes = (f"some expectations are below {SMALL_EXPECTATION}",) if least < SMALL_EXPECTATION else ()
    smaller = min(len(counts), len(counts[0])) - 1
    return Crosstab(
        title=plain.title, evidence=plain.evidence, notes=notes, confidence=plain.confidence, row=plain.row,
        column=plain.column, row_labels=plain.row_labels, column_labels=plain.column_labels, counts=plain.counts,
        n=plain.n, chi_square=float(value), df=df, p=chi_square_p(float(value), df), yates=yates,
        yates_p=None if yates is None else chi_square_p(yates, 1), cramers_v=root(value / plain.n / smaller),
        fisher_p=fisher_exact(counts) if square else None,
        effects=effects_of(counts, plain.confidence) if square else (),
    )


def pearson_chi_square(counts: Sequence[Sequence[int]], corrected: bool = False) -> tuple[Fraction, int, float]:
    """Pearson's χ², its degrees of freedom, and the smallest expectation.

    Args:
        counts: rows of columns.
        corrected: whether with Yates's correction.

    Raises:
        DegreesOfFreedomError: fewer than two rows or columns, or an empty one.
    """
    rows, columns = [sum(row) for row in counts], [sum(column) for column in zip(*counts, strict=True)]
    n = sum(rows)
    if len(rows) < 2 or len(columns) < 2 or 0 in rows or 0 in columns:
        raise DegreesOfFreedomError("a table has two rows and two columns, none of them empty")
    value, least = Fraction(0), Fraction(n)
    for row, total in zip(counts, rows, strict=True):
        for count, other in zip(row, columns, strict=True):
            expected = Fraction(total * other, n)
            least = min(least, expected)
            distance = abs(count - expected)
            distance -= min(Fraction(1, 2), distance) if corrected else 0
            value += distance**2 / expected
    return value, (len(rows) - 1) * (len(columns) - 1), float(least)


def fisher_exact(counts: Sequence[Sequence[int]]) -> float:
    """Fisher's exact two-sided p value of a 2×2 table, from SciPy."""
    from scipy.stats import fisher_exact as scipy_fisher_exact

    return float(scipy_fisher_exact([list(row) for row in counts]).pvalue)


def effects_of(counts: Sequence[Sequence[int]], confidence: float) -> tuple[Estimate, ...]:
    """Risk difference, risk ratio and odds ratio of the second row against the first, for the second column; the
    ratios with intervals on the logarithm, and its standard error.

    Raises:
        DegreesOfFreedomError: a count is 0.
    """
    (c, d), (a, b) = counts  # b of the exposed and d of the others have the event
    if 0 in (a, b, c, d):
        raise DegreesOfFreedomError("an effect needs every cell")
    n, z = a + b + c + d, normal_quantile(confidence)
    one, two = b / (a + b), d / (c + d)
    risk_se = sqrt(one * (1 - one) / (a + b) + two * (1 - two) / (c + d))
    found = [Estimate("risk difference", one - two, risk_se, one - two - z * risk_se, one - two + z * risk_se,
                      (one - two) / risk_se, None, normal_p((one - two) / risk_se), n)]
    ratio = Fraction(b * (c + d), d * (a + b))
    found.append(log_estimate("risk ratio", float(ratio), sqrt(1 / b - 1 / (a + b) + 1 / d - 1 / (c + d)), z, n))
    odds = Fraction(b * c, a * d)
    found.append(log_estimate("odds ratio", float(odds), sqrt(1 / a + 1 / b + 1 / c + 1 / d), z, n))
    return tuple(found)


def log_estimate(name: str, ratio: float, se: float, z: float, n: int) -> Estimate:
    """A ratio with an interval that is symmetric on the logarithm; `se` is the logarithm's."""
    middle = log(ratio)
    factor = exp(z * se)
    return Estimate(name, ratio, se, ratio / factor, ratio * factor, middle / se, None, normal_p(middle / se), n)
