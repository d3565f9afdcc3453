"""Ordinary least squares and ridge regression on the exact moments of rows that no one has together.

Sums: MOMENTS(x_1, …, x_p, y) over complete cases; with categories among the terms, the same by cell of GROUP BY (a
dummy's sums are then those of its cells, so that no count of two dummies is ever asked for).

The centred normal equations S·b = s are solved in rationals: no digit is lost however large the means. Then
RSS = S_yy − bᵀs, σ² = RSS/df, the covariance of b is σ²·S⁻¹, and that of the intercept σ²·(1/n + x̄ᵀS⁻¹x̄).

Source: G. Seber and A. Lee, Linear Regression Analysis, 2nd ed. (2003), ch. 3, 4; ridge: A. Hoerl and R. Kennard,
Technometrics 12 (1970).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from query.analyses.asking import Answer, cell_words, evidence_of
from query.analyses.distributions import check_confidence, fisher_p, student_p, student_quantile
from query.analyses.exact import Matrix, inverse, ratio_to_root, root, times
from query.analyses.pooling import Design, pooled_design
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Table, estimate_rows, named
from query.analyses.writing import axis_of, column_of, number_text, require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError
from query.kinds import Category

MIN_RESIDUAL_DF: Final = 10
INTERCEPT: Final = "intercept"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearModel(Report):
    """A fitted linear model.

    Args:
        response: y.
        coefficients: the intercept and every term; of ridge regression without tests.
        n: rows.
        residual_df: n − 1 − terms.
        residual_se: √(RSS/df).
        r_squared, adjusted_r_squared: share of variance explained.
        f, f_p: test of all terms together; None for ridge.
        penalty: λ of ridge, 0 for least squares.
    """

    response: str
    coefficients: tuple[Estimate, ...]
    n: int
    residual_df: int
    residual_se: float
    r_squared: float
    adjusted_r_squared: float
    f: float | None
    f_p: float | None
    penalty: float

    def coefficient(self, name: str) -> Estimate:
        """The estimate of a term.

        Raises:
            KeyError: there is none of that name.
        """
        return named(self.coefficients, name)

    def tables(self) -> tuple[Table, ...]:
        """Coefficients and fit."""
        fit = (self.n, self.residual_df, self.residual_se, self.r_squared, self.adjusted_r_squared, self.f, self.f_p)
        header = ("n", "residual df", "residual SE", "R²", "adjusted R²", "F", "p")
        return (Table(f"{self.response} by", ESTIMATE_HEADER, estimate_rows(self.coefficients)),
                Table("fit", header, (fit,)))


@dataclass(frozen=True, slots=True)
class LinearRegression:
    """y on terms: numbers, booleans and expressions of one table, and categories (the first name is the reference).

    Args:
        response: a number, ``table.column`` or an expression.
        terms: at least one, of any tables of the cohort.
        where: a condition, or None.
        penalty: λ ≥ 0 of ridge regression, added to the centred sums of squares in the terms' own units.
        confidence: level of the intervals.
        drop_suppressed: with categories, whether to fit the cells that were released when some were not.
    """

    response: str
    terms: tuple[str, ...]
    where: str | None = None
    penalty: float | int | str = 0
    confidence: float = 0.95
    drop_suppressed: bool = False

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of MOMENTS."""
        check_confidence(self.confidence)
        require_number(directory, self.response)
        if not self.terms or len(set(self.terms)) != len(self.terms) or self.response in self.terms:
            raise AnalysisInvalidError("a regression has at least one term; terms and response differ")
        if Fraction(number_text(self.penalty)) < 0:
            raise AnalysisInvalidError("a penalty is not negative")
        factors, numbers = self._split(directory)
        values = [*numbers, self.response]
        axes = [axis_of(directory, name) for name in factors]
        return (statement(directory, [f"MOMENTS({', '.join(values)}) AS m"], axes=axes, values=values,
                          where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> LinearModel:
        """Fit the model."""
        factors, numbers = self._split(directory)
        axes = [axis_of(directory, name) for name in factors]
        cells = answers[0].moments("m")
        hidden = tuple(cell_words(factors, labels) for labels, found in cells.items() if found is None)
        if hidden and (not self.drop_suppressed or len(hidden) == len(cells)):
            raise CellsSuppressedError("the regression", hidden)
        released = {labels: found for labels, found in cells.items() if found is not None}
        design = pooled_design(released, axes, self.terms, numbers, self.response)
        model = fit(design, Fraction(number_text(self.penalty)), self.confidence)
        notes = () if not hidden else ("fitted to the released cells only; rows of suppressed cells are left out",)
        estimates, fitted = model
        return LinearModel(
            title=f"{'ridge' if fitted.penalty else 'linear'} regression of {self.response}",
            evidence=evidence_of(answers), suppressed=hidden, notes=notes, confidence=self.confidence,
            response=self.response, coefficients=estimates, n=design.n, residual_df=fitted.residual_df,
            residual_se=fitted.residual_se, r_squared=fitted.r_squared,
            adjusted_r_squared=fitted.adjusted_r_squared, f=fitted.f, f_p=fitted.f_p, penalty=float(fitted.penalty),
        )

    def _split(self, directory: Directory) -> tuple[list[str], list[str]]:
        """Categories, and the other terms."""
        factors: list[str] = []
        numbers: list[str] = []
        for term in self.terms:
            column = column_of(directory, term)
            (factors if column is not None and isinstance(column.kind, Category) else numbers).append(term)
        return factors, numbers


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a model fits; see `LinearModel`."""

    residual_df: int
    residual_se: float
    r_squared: float
    adjusted_r_squared: float
    f: float | None
    f_p: float | None
    penalty: Fraction


def fit(design: Design, penalty: Fraction, confidence: float) -> tuple[tuple[Estimate, ...], Fit]:
    """Coefficients and fit from exact centred moments.

    Raises:
        DegreesOfFreedomError: fewer than 10 residual degrees of freedom.
        DesignSingularError: terms depend on each other.
    """
    size = len(design.names)
    df = design.n - 1 - size
    if df < MIN_RESIDUAL_DF:
        raise DegreesOfFreedomError(
            f"{design.n} rows and {size} terms leave {max(df, 0)} residual degrees of freedom; "
            f"at least {MIN_RESIDUAL_DF} are needed, for a saturated model gives rows away"
        )
    squares, joint, spread = design.centred, design.with_response, design.response_spread
    penalised: Matrix = tuple(tuple(v + (penalty if i == j else 0) for j, v in enumerate(row))
                              for i, row in enumerate(squares))
    solved = inverse(penalised, design.names)
    slopes = times(solved, joint)
    quadratic = sum((b * c for b, c in zip(slopes, times(squares, slopes), strict=True)), Fraction(0))
    residual = spread - 2 * sum((b * c for b, c in zip(slopes, joint, strict=True)), Fraction(0)) + quadratic
    intercept = design.response_mean - sum((b * m for b, m in zip(slopes, design.means, strict=True)), Fraction(0))
    if spread == 0:
        raise DegreesOfFreedomError("the response is constant")
    variance = residual / df
    r_squared = 1 - residual / spread
    f = None if penalty or residual == 0 else (spread - residual) / size / variance
    found = [_estimate(INTERCEPT, intercept, variance * _intercept_factor(design, solved), df, design.n, confidence)]
    found += [_estimate(name, slope, variance * solved[i][i], df, design.n, confidence)
              for i, (name, slope) in enumerate(zip(design.names, slopes, strict=True))]
    if penalty:
        found = [Estimate(e.name, e.value, None, None, None, None, None, None, e.n) for e in found]
    fitted = Fit(df, root(variance), float(r_squared), float(1 - (1 - r_squared) * (design.n - 1) / df),
                 None if f is None else float(f), None if f is None else fisher_p(float(f), size, df), penalty)
    return tuple(found), fitted


def _intercept_factor(design: Design, solved: Matrix) -> Fraction:
    spread = sum((m * v for m, v in zip(design.means, times(solved, design.means), strict=True)), Fraction(0))
    return Fraction(1, design.n) + spread


def _estimate(name: str, value: Fraction, variance: Fraction, df: int, n: int, confidence: float) -> Estimate:
    se, number = root(variance), float(value)
    half = student_quantile(confidence, df) * se
    t = ratio_to_root(value, variance) if variance else None
    return Estimate(name, number, se, number - half, number + half, t, df, None if t is None else student_p(t, df), n)
