"""How well a score separates and predicts: AUC, Gini, KS, weight of evidence and information value, calibration, and
the population-stability index, all on bins of the score.

Sums: COUNT(*) by bin and outcome (for the stability index by bin and population); for calibration also Σ score by bin
and outcome. Rows within a bin count as tied, so the AUC is the trapezoidal one of the binned score, and KS the largest
distance at the bins' edges.

Source: E. DeLong, D. DeLong and D. Clarke-Pearson, Biometrics 44 (1988), for the AUC's variance; N. Siddiqi, Credit
Risk Scorecards (2006), for WOE, IV and PSI; D. Hosmer and S. Lemeshow, Applied Logistic Regression, 2nd ed. (2000),
§5.2; F. Massey, JASA 46 (1951), for KS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log

from query.analyses.asking import Answer, cell_words, evidence_of
from query.analyses.distributions import check_confidence, chi_square_p, kolmogorov_p, normal_p, normal_quantile
from query.analyses.exact import root
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Table, estimate_rows
from query.analyses.writing import Axis, Bins, axis_of, is_boolean, require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError


@dataclass(frozen=True, slots=True)
class ScoreBin:
    """A bin: rows without and with the outcome; ln of the ratio of their shares, and its part of the information."""

    label: str
    without: int
    with_outcome: int
    weight_of_evidence: float
    information: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport(Report):
    """How a score separates.

    Args:
        score, outcome: the columns.
        bins: in order of the score.
        auc: chance that a row with the outcome scores higher than one without, ties counting half; tested against ½.
        gini: 2·AUC − 1.
        ks, ks_p: largest distance of the two distributions, and its asymptotic p value (conservative for binned data).
        information_value: Σ of the bins' information.
    """

    score: str
    outcome: str
    bins: tuple[ScoreBin, ...]
    auc: Estimate
    gini: float
    ks: float
    ks_p: float
    information_value: float

    def tables(self) -> tuple[Table, ...]:
        """Separation and bins."""
        header = (self.score, "without", "with", "WOE", "IV")
        rows = tuple((b.label, b.without, b.with_outcome, b.weight_of_evidence, b.information) for b in self.bins)
        measures = ((self.gini, self.ks, self.ks_p, self.information_value),)
        return (Table("area under the curve", ESTIMATE_HEADER, estimate_rows([self.auc])),
                Table("separation", ("Gini", "KS", "p (KS)", "information value"), measures),
                Table("bins", header, rows))


@dataclass(frozen=True, slots=True)
class Separation:
    """AUC, Gini, KS, WOE and IV of a binned score for a boolean outcome.

    Args:
        score: Bins of a number, or a column of few values in increasing order; a category in the order of its names.
        outcome: a boolean, of any owner.
        where: a condition, or None.
        confidence: level of the interval.
    """

    score: str | Bins
    outcome: str
    where: str | None = None
    confidence: float = 0.95

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts by bin and outcome."""
        check_confidence(self.confidence)
        return (statement(directory, ["COUNT(*) AS n"], axes=_axes(directory, self.score, self.outcome),
                          where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> ScoreReport:
        """Compare the two distributions."""
        axis, outcome = _axes(directory, self.score, self.outcome)
        counts = _binned_counts("a score's separation", axis, outcome, answers[0])
        good, bad = [c[0] for c in counts], [c[1] for c in counts]
        total_good, total_bad = sum(good), sum(bad)
        bins = []
        for label, g, b in zip(axis.labels, good, bad, strict=True):
            woe = log(Fraction(g * total_bad, b * total_good))
            bins.append(ScoreBin(label, g, b, woe, float(Fraction(g, total_good) - Fraction(b, total_bad)) * woe))
        ks = _largest_distance(good, bad)
        auc = binned_auc(good, bad, self.confidence)
        return ScoreReport(
            title=f"{axis.name} as a score for {self.outcome}", evidence=evidence_of(answers),
            confidence=self.confidence, score=axis.name, outcome=self.outcome, bins=tuple(bins), auc=auc,
            gini=2 * auc.value - 1, ks=ks, ks_p=kolmogorov_p(ks, total_good, total_bad),
            information_value=sum(b.information for b in bins),
        )


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """A bin: rows, mean of the predicted probability, share with the outcome."""

    label: str
    n: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport(Report):
    """How a predicted probability compares with what happened.

    Args:
        bins: in order.
        predicted, observed: over all rows.
        chi_square, df, p: Hosmer–Lemeshow.
    """

    score: str
    outcome: str
    bins: tuple[CalibrationBin, ...]
    predicted: float
    observed: float
    chi_square: float
    df: int
    p: float

    def tables(self) -> tuple[Table, ...]:
        """Bins and test."""
        rows = tuple((b.label, b.n, b.predicted, b.observed) for b in self.bins)
        return (Table("calibration", (self.score, "n", "predicted", "observed"), rows),
                Table("Hosmer–Lemeshow", ("χ²", "df", "p"), ((self.chi_square, self.df, self.p),)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of a predicted probability on its bins.

    Args:
        predicted: Bins of a column of probabilities.
        outcome: a boolean, of any owner.
        scale: what the column is divided by to be a probability, e.g. 100 for percent.
        fitted_here: whether the predictions were fitted to these rows, which costs the test two degrees of freedom.
        where: a condition, or None.
    """

    predicted: Bins
    outcome: str
    scale: int = 1
    fitted_here: bool = False
    where: str | None = None

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts and sums by bin and outcome."""
        if self.scale < 1:
            raise AnalysisInvalidError("a scale is a positive whole number")
        value = require_number(directory, self.predicted.value)
        return (statement(directory, ["COUNT(*) AS n", f"SUM({value}) AS s"], values=[value],
                          axes=_axes(directory, self.predicted, self.outcome), where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> CalibrationReport:
        """Compare bin by bin."""
        axis, outcome = _axes(directory, self.predicted, self.outcome)
        counts = _binned_counts("a calibration", axis, outcome, answers[0])
        totals = {labels: outputs["s"].exact or Fraction(0) for labels, outputs in answers[0].cells()}
        bins, value, expected_total = [], Fraction(0), Fraction(0)
        for code, label, (without, happened) in zip(axis.codes, axis.labels, counts, strict=True):
            n = without + happened
            expected = (totals[(code, False)] + totals[(code, True)]) / self.scale
            if not 0 < expected < n:
                raise DegreesOfFreedomError(f"the predictions of bin {label} are no probabilities between 0 and 1")
            value += (happened - expected) ** 2 / (expected * (1 - expected / n))
            expected_total += expected
            bins.append(CalibrationBin(label, n, float(expected / n), happened / n))
        df = len(bins) - (2 if self.fitted_here else 0)
        if df < 1:
            raise DegreesOfFreedomError("a test of calibration needs three bins")
        rows = sum(b.n for b in bins)
        return CalibrationReport(
            title=f"calibration of {axis.name} for {self.outcome}", evidence=evidence_of(answers), score=axis.name,
            outcome=self.outcome, bins=tuple(bins), predicted=float(expected_total / rows),
            observed=sum(c[1] for c in counts) / rows, chi_square=float(value), df=df, p=chi_square_p(float(value), df),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityReport(Report):
    """How far two populations' distributions over bins differ.

    Args:
        bins: (label, rows of the first, of the second, part of the index).
        index: PSI = Σ (a − b)·ln(a/b) of the shares; below 0.1 is usually called stable, above 0.25 a shift.
    """

    value: str
    populations: tuple[str, str]
    bins: tuple[tuple[str, int, int, float], ...]
    index: float

    def tables(self) -> tuple[Table, ...]:
        """Index and bins."""
        return (Table("stability", ("", "PSI"), ((self.value, self.index),)),
                Table("bins", ("", *self.populations, "part"), self.bins))


@dataclass(frozen=True, slots=True)
class PopulationStability:
    """The population-stability index of a value between two populations.

    Args:
        value: Bins, or a column of few values.
        population: a boolean or another value with two labels.
        where: a condition, or None.
    """

    value: str | Bins
    population: str | Bins
    where: str | None = None

    def _axes(self, directory: Directory) -> tuple[Axis, Axis]:
        axes = axis_of(directory, self.value), axis_of(directory, self.population)
        if len(axes[1].codes) != 2:
            raise AnalysisInvalidError(f"{axes[1].name} has {len(axes[1].codes)} values, not two")
        return axes

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts by bin and population."""
        return (statement(directory, ["COUNT(*) AS n"], axes=self._axes(directory), where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> StabilityReport:
        """Compare the shares."""
        axis, population = self._axes(directory)
        counts = _binned_counts("a stability index", axis, population, answers[0])
        first, second = sum(c[0] for c in counts), sum(c[1] for c in counts)
        bins = []
        for label, (a, b) in zip(axis.labels, counts, strict=True):
            part = float(Fraction(a, first) - Fraction(b, second)) * log(Fraction(a * second, b * first))
            bins.append((label, a, b, part))
        return StabilityReport(title=f"stability of {axis.name}", evidence=evidence_of(answers), value=axis.name,
                               populations=(population.labels[0], population.labels[1]), bins=tuple(bins),
                               index=sum(b[3] for b in bins))


def binned_auc(without: Sequence[int], with_outcome: Sequence[int], confidence: float) -> Estimate:
    """The area under the ROC curve of a binned score, with DeLong's standard error.

    Args:
        without: rows without the outcome in each bin, in order of the score.
        with_outcome: rows with it.
    """
    m, n = sum(with_outcome), sum(without)
    below, above = 0, m
    placed_with, placed_without = [], []  # of each bin: share of the other kind that is ordered as it should be
    for g, b in zip(without, with_outcome, strict=True):
        above -= b
        placed_with.append(Fraction(2 * below + g, 2 * n))
        placed_without.append(Fraction(2 * above + b, 2 * m))
        below += g
    auc = sum((b * v for b, v in zip(with_outcome, placed_with, strict=True)), Fraction(0)) / m
    s10 = sum((b * (v - auc) ** 2 for b, v in zip(with_outcome, placed_with, strict=True)), Fraction(0)) / (m - 1)
    s01 = sum((g * (v - auc) ** 2 for g, v in zip(without, placed_without, strict=True)), Fraction(0)) / (n - 1)
    se, value = root(s10 / m + s01 / n), float(auc)
    half = normal_quantile(confidence) * se
    z = (value - 0.5) / se if se else None
    return Estimate("AUC", value, se, max(0.0, value - half), min(1.0, value + half), z, None,
                    None if z is None else normal_p(z), m + n)


def _axes(directory: Directory, score: str | Bins, outcome: str) -> tuple[Axis, Axis]:
    if not is_boolean(directory, outcome):
        raise AnalysisInvalidError(f"{outcome[:64]} is no boolean column")
    return axis_of(directory, score), axis_of(directory, outcome)


def _binned_counts(what: str, axis: Axis, other: Axis, answer: Answer) -> list[tuple[int, int]]:
    """Counts of both labels by bin; every cell is needed."""
    found = answer.counts("n")
    hidden = tuple(cell_words([axis.name, other.name], (axis.label(a), other.label(b)))
                   for a in axis.codes for b in other.codes if found[(a, b)] is None)
    if hidden:
        raise CellsSuppressedError(what, hidden)
    return [(found[(code, other.codes[0])] or 0, found[(code, other.codes[1])] or 0) for code in axis.codes]


def _largest_distance(left: Sequence[int], right: Sequence[int]) -> float:
    a = b = 0
    largest = Fraction(0)
    for x, y in zip(left, right, strict=True):
        a, b = a + x, b + y
        largest = max(largest, abs(Fraction(a, sum(left)) - Fraction(b, sum(right))))
    return float(largest)
