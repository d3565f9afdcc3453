"""Means compared: Student's t (one sample, two samples, pairs), Welch's t, one-way analysis of variance.

Sums: MOMENTS(y) by group, or MOMENTS(y) alone, or MOMENTS(x, y) for pairs, whose two columns may have two owners. The
centred squares are exact rationals.

Source: B. L. Welch, Biometrika 34 (1947); G. Snedecor and W. Cochran, Statistical Methods, 8th ed. (1989), ch. 6, 12;
the F test of unequal variances is B. L. Welch, Biometrika 38 (1951).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from query.analyses.asking import WHOLE, Answer, cell_words, evidence_of
from query.analyses.distributions import check_confidence, fisher_p, student_p, student_quantile
from query.analyses.exact import ratio_to_root, root
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Table, estimate_rows
from query.analyses.writing import Bins, axis_of, number_text, require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError
from query.moments import MomentMatrix


@dataclass(frozen=True, slots=True)
class Group:
    """A group's exact moments: rows, mean and Σ(y − ȳ)²."""

    name: str
    n: int
    mean: Fraction
    squares: Fraction

    @property
    def variance(self) -> Fraction:
        """Sample variance; 0 for one row."""
        return self.squares / (self.n - 1) if self.n > 1 else Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeansReport(Report):
    """Means and their comparison.

    Args:
        variable: what is averaged.
        groups: each group's mean with its own t interval.
        difference: of a t test, the difference tested; None for the analysis of variance.
        f, f_df, f_p: of the analysis of variance; else None.
        eta_squared: share of variance between groups; else None.
    """

    variable: str
    groups: tuple[Estimate, ...]
    difference: Estimate | None = None
    f: float | None = None
    f_df: tuple[float, float] | None = None
    f_p: float | None = None
    eta_squared: float | None = None

    def tables(self) -> tuple[Table, ...]:
        """Means and test."""
        shown = [Table(f"mean of {self.variable}", ESTIMATE_HEADER, estimate_rows(self.groups))]
        if self.difference is not None:
            shown.append(Table("test", ESTIMATE_HEADER, estimate_rows([self.difference])))
        if self.f_df is not None:
            row = (self.f, self.f_df[0], self.f_df[1], self.f_p, self.eta_squared)
            shown.append(Table("test", ("F", "df between", "df within", "p", "η²"), (row,)))
        return tuple(shown)


@dataclass(frozen=True, slots=True)
class TTest:
    """A t test of a mean: against a number, between two groups, or of pairs.

    Args:
        variable: what is averaged, ``table.column`` or an expression of one table.
        by: for two samples, a value with two groups, or with `groups` chosen among more.
        groups: the two labels to compare; None for the only two there are.
        pair: for pairs, the other value; the difference variable − pair is tested.
        mean: the hypothesis, of one sample or of the difference.
        equal_variances: Student's test; else Welch's.
        where: a condition, or None.
        confidence: level of the intervals.
    """

    variable: str
    by: str | Bins | None = None
    groups: tuple[str | bool | int, str | bool | int] | None = None
    pair: str | None = None
    mean: float | int | str = 0
    equal_variances: bool = False
    where: str | None = None
    confidence: float = 0.95

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of MOMENTS."""
        check_confidence(self.confidence)
        number_text(self.mean)
        if self.by is not None and self.pair is not None:
            raise AnalysisInvalidError("a t test compares groups or pairs, not both")
        values = [require_number(directory, name) for name in (self.variable, self.pair) if name is not None]
        axes = [] if self.by is None else [axis_of(directory, self.by)]
        if axes and self.groups is None and len(axes[0].codes) != 2:
            raise AnalysisInvalidError(f"{axes[0].name} has {len(axes[0].codes)} groups; name the two to compare")
        if axes and self.groups is not None and not set(self.groups) <= set(axes[0].codes):
            raise AnalysisInvalidError(f"{axes[0].name} has no such groups")
        return (statement(directory, [f"MOMENTS({', '.join(values)}) AS m"], axes=axes, values=values,
                          where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> MeansReport:
        """Test."""
        cells, hypothesis = answers[0].moments("m"), Fraction(number_text(self.mean))
        title = f"t test of {self.variable}"
        if self.by is None:
            matrix = require_cell("the t test", (), cells.get(()))
            group = group_of(self.variable, matrix) if self.pair is None else _pairs(self.variable, self.pair, matrix)
            test = mean_estimate(group, self.confidence, hypothesis)
            return MeansReport(title=title, evidence=evidence_of(answers), confidence=self.confidence,
                               variable=group.name, groups=(mean_estimate(group, self.confidence),), difference=test)
        axis = axis_of(directory, self.by)
        first, second = self.groups or (axis.codes[0], axis.codes[1])
        pair = []
        for code in (first, second):
            words = cell_words([axis.name], (axis.label(code),))
            pair.append(group_of(words, require_cell("the t test", (words,), cells[(code,)])))
        difference = two_samples(pair[0], pair[1], hypothesis, self.equal_variances, self.confidence)
        kind = "Student's" if self.equal_variances else "Welch's"
        return MeansReport(
            title=f"{kind} {title}", evidence=evidence_of(answers), confidence=self.confidence, variable=self.variable,
            groups=tuple(mean_estimate(group, self.confidence) for group in pair), difference=difference,
        )


@dataclass(frozen=True, slots=True)
class Anova:
    """One-way analysis of variance.

    Args:
        variable: what is averaged.
        by: the groups.
        equal_variances: Fisher's test; else Welch's.
        where: a condition, or None.
        confidence: level of the intervals.
        drop_suppressed: whether to compare the groups that were released when some were not.
    """

    variable: str
    by: str | Bins
    equal_variances: bool = True
    where: str | None = None
    confidence: float = 0.95
    drop_suppressed: bool = False

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of MOMENTS by group."""
        check_confidence(self.confidence)
        require_number(directory, self.variable)
        axes = [axis_of(directory, self.by)]
        return (statement(directory, [f"MOMENTS({self.variable}) AS m"], axes=axes, values=[self.variable],
                          where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> MeansReport:
        """Test."""
        axis = axis_of(directory, self.by)
        groups, hidden = [], []
        for (code,), matrix in answers[0].moments("m").items():
            words = cell_words([axis.name], (axis.label(code),))
            if matrix is None:
                hidden.append(words)
            else:
                groups.append(group_of(words, matrix))
        if hidden and not self.drop_suppressed:
            raise CellsSuppressedError("the analysis of variance", tuple(hidden))
        f, between, within = one_way(groups) if self.equal_variances else one_way_welch(groups)
        eta = float(_between(groups) / (_between(groups) + _within(groups)))
        return MeansReport(
            title=f"analysis of variance of {self.variable} by {axis.name}", evidence=evidence_of(answers),
            suppressed=tuple(hidden), confidence=self.confidence, variable=self.variable,
            notes=("groups that were not released are left out",) if hidden else (),
            groups=tuple(mean_estimate(group, self.confidence) for group in groups),
            f=f, f_df=(between, within), f_p=fisher_p(f, between, within), eta_squared=eta,
        )


def require_cell(what: str, words: tuple[str, ...], matrix: MomentMatrix | None) -> MomentMatrix:
    """The moments of a cell.

    Raises:
        CellsSuppressedError: they were not released.
    """
    if matrix is None:
        raise CellsSuppressedError(what, words or (WHOLE,))
    return matrix


def group_of(name: str, matrix: MomentMatrix, place: int = 0) -> Group:
    """A group from its moments.

    Raises:
        DegreesOfFreedomError: fewer than two rows.
    """
    if matrix.count < 2:
        raise DegreesOfFreedomError(f"{name}: a mean with its error needs two rows")
    return Group(name, matrix.count, matrix.mean(place), matrix.centred(place, place))


def mean_estimate(group: Group, confidence: float, hypothesis: Fraction | None = None) -> Estimate:
    """A mean with its t interval, and a test of a hypothesis if there is one."""
    df, variance = group.n - 1, group.variance / group.n
    t = None if hypothesis is None else _t(group.mean - hypothesis, variance)
    se, mean = root(variance), float(group.mean)
    half = student_quantile(confidence, df) * se
    return Estimate(group.name, mean, se, mean - half, mean + half, t, df, None if t is None else student_p(t, df),
                    group.n)


def two_samples(a: Group, b: Group, hypothesis: Fraction, equal_variances: bool, confidence: float) -> Estimate:
    """The difference of two means, by Student's or Welch's test."""
    df: float
    if equal_variances:
        df = a.n + b.n - 2
        variance = (a.squares + b.squares) / (a.n + b.n - 2) * (Fraction(1, a.n) + Fraction(1, b.n))
    else:
        left, right = a.variance / a.n, b.variance / b.n
        variance = left + right
        if variance == 0:
            raise DegreesOfFreedomError("both groups are constant: there is nothing to test")
        df = float(variance**2 / (left**2 / (a.n - 1) + right**2 / (b.n - 1)))
    difference = a.mean - b.mean
    se, value = root(variance), float(difference)
    t, half = _t(difference - hypothesis, variance), student_quantile(confidence, df) * se
    return Estimate(f"{a.name} less {b.name}", value, se, value - half, value + half, t, df, student_p(t, df),
                    a.n + b.n)


def one_way(groups: Sequence[Group]) -> tuple[float, float, float]:
    """Fisher's F with its degrees of freedom.

    Raises:
        DegreesOfFreedomError: fewer than two groups, or no variance within them.
    """
    between, within = len(groups) - 1, sum(group.n for group in groups) - len(groups)
    if between < 1 or within < 1 or _within(groups) == 0:
        raise DegreesOfFreedomError("an analysis of variance needs two groups with some variance within")
    return float(_between(groups) / between / (_within(groups) / within)), between, within


def one_way_welch(groups: Sequence[Group]) -> tuple[float, float, float]:
    """Welch's F for unequal variances, with its degrees of freedom; raises as `one_way`."""
    if len(groups) < 2 or any(group.variance == 0 for group in groups):
        raise DegreesOfFreedomError("Welch's test needs two groups, each with some variance")
    k, weights = len(groups), [group.n / group.variance for group in groups]
    total = sum(weights, Fraction(0))
    mean = sum((w * g.mean for w, g in zip(weights, groups, strict=True)), Fraction(0)) / total
    spread = sum((w * (g.mean - mean) ** 2 for w, g in zip(weights, groups, strict=True)), Fraction(0)) / (k - 1)
    lost = sum(((1 - w / total) ** 2 / (g.n - 1) for w, g in zip(weights, groups, strict=True)), Fraction(0))
    f = spread / (1 + Fraction(2 * (k - 2), k * k - 1) * lost)
    return float(f), k - 1, float((k * k - 1) / (3 * lost))


def _between(groups: Sequence[Group]) -> Fraction:
    n = sum(group.n for group in groups)
    mean = sum((group.n * group.mean for group in groups), Fraction(0)) / n
    return sum((group.n * (group.mean - mean) ** 2 for group in groups), Fraction(0))


def _within(groups: Sequence[Group]) -> Fraction:
    return sum((group.squares for group in groups), Fraction(0))


def _pairs(left: str, right: str, matrix: MomentMatrix) -> Group:
    if matrix.count < 2:
        raise DegreesOfFreedomError("a test of pairs needs two")
    squares = matrix.centred(0, 0) + matrix.centred(1, 1) - 2 * matrix.centred(0, 1)
    return Group(f"{left} less {right}", matrix.count, matrix.mean(0) - matrix.mean(1), squares)


def _t(difference: Fraction, variance: Fraction) -> float:
    if variance == 0:
        raise DegreesOfFreedomError("the values are constant: there is nothing to test")
    return ratio_to_root(difference, variance)
