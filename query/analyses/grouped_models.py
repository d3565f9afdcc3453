"""Logistic and Poisson regression with categorical covariates, from counts by cell.

With categories alone the likelihood depends on the rows only through the sums of each cell: COUNT(*) by covariates and
outcome (logistic), or Σ events, Σ time and COUNT(*) by covariates (Poisson, log link, offset ln time). So the estimates
are those of the pooled rows. Newton's method on the concave likelihood, in doubles; the counts are exact.

A model with as many parameters as cells is saturated and refused: it only repeats the cells. Cells that were not
released stop the fit, unless it is asked to go on without them.

Source: P. McCullagh and J. Nelder, Generalized Linear Models, 2nd ed. (1989), ch. 4, 6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Final

import numpy as np
import numpy.typing as npt

from query.analyses.asking import Answer, Labels, cell_words, evidence_of
from query.analyses.contingency import log_estimate
from query.analyses.distributions import check_confidence, chi_square_p, normal_p, normal_quantile
from query.analyses.regression import INTERCEPT, MIN_RESIDUAL_DF
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Table, estimate_rows, named
from query.analyses.writing import Axis, Bins, axis_of, is_boolean, require_number, statement
from query.directory import Directory
from query.errors import (
    AnalysisInvalidError,
    CellsSuppressedError,
    DegreesOfFreedomError,
    DesignSingularError,
    NotConvergedError,
)

MAX_STEPS: Final = 60
TOLERANCE: Final = 1e-13

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedModel(Report):
    """A fitted model of counts.

    Args:
        response: the outcome.
        coefficients: on the scale of the link: log odds, or log rates.
        ratios: of every coefficient but the intercept: odds ratios or rate ratios.
        n: rows.
        cells: patterns of covariates that were fitted.
        deviance, deviance_df, deviance_p: against the saturated model of the cells.
        null_deviance: of the model with the intercept alone.
        residual_df: rows less parameters.
    """

    response: str
    coefficients: tuple[Estimate, ...]
    ratios: tuple[Estimate, ...]
    n: int
    cells: int
    deviance: float
    deviance_df: int
    deviance_p: float
    null_deviance: float
    residual_df: int

    def coefficient(self, name: str) -> Estimate:
        """The estimate of a term, named ``column = label`` or ``intercept``.

        Raises:
            KeyError: there is none of that name.
        """
        return named(self.coefficients, name)

    def tables(self) -> tuple[Table, ...]:
        """Coefficients, ratios and fit."""
        fit = (self.n, self.residual_df, self.cells, self.deviance, self.deviance_df, self.deviance_p,
               self.null_deviance)
        header = ("n", "residual df", "cells", "deviance", "df", "p", "null deviance")
        return (Table(f"{self.response} by", ESTIMATE_HEADER, estimate_rows(self.coefficients)),
                Table("ratios (SE of the logarithm)", ESTIMATE_HEADER, estimate_rows(self.ratios)),
                Table("fit", header, (fit,)))


@dataclass(frozen=True, slots=True)
class LogisticRegression:
    """A boolean outcome on categories.

    Args:
        outcome: a boolean.
        terms: categories, booleans, small integers or Bins; with the outcome of at most two tables. The first label of
            each is the reference.
        where: a condition, or None.
        confidence: level of the intervals.
        drop_suppressed: whether patterns with a suppressed cell are left out instead of refused.
    """

    outcome: str
    terms: tuple[str | Bins, ...]
    where: str | None = None
    confidence: float = 0.95
    drop_suppressed: bool = False

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts by pattern and outcome."""
        check_confidence(self.confidence)
        if not is_boolean(directory, self.outcome):
            raise AnalysisInvalidError(f"{self.outcome[:64]} is no boolean column")
        axes = [*_axes(directory, self.terms), axis_of(directory, self.outcome)]
        return (statement(directory, ["COUNT(*) AS n"], axes=axes, where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> GroupedModel:
        """Fit the model."""
        axes, found = _axes(directory, self.terms), answers[0].counts("n")
        patterns, hidden = [], []
        for labels in _patterns(axes):
            without, with_outcome = found[(*labels, False)], found[(*labels, True)]
            if without is None or with_outcome is None:
                hidden.append(_words(axes, labels))
            else:
                patterns.append((labels, without + with_outcome, with_outcome))
        _require("the logistic regression", hidden, self.drop_suppressed and bool(patterns))
        n = np.array([p[1] for p in patterns], np.float64)
        y = np.array([p[2] for p in patterns], np.float64)

        def weigh(eta: Reals) -> tuple[Reals, Reals, float]:
            mean = n / (1 + np.exp(-eta))
            return mean, mean * (1 - mean / n), 2 * float(_xlogx(y, mean) + _xlogx(n - y, n - mean))

        start = log(y.sum() / (n.sum() - y.sum()))
        fitted = _fit([p[0] for p in patterns], axes, y, weigh, start, int(n.sum()), self.confidence, "odds ratio")
        null = weigh(np.full(len(n), start))[2]
        return _report("logistic", self.outcome, answers, hidden, self.confidence, fitted, null, int(n.sum()))


@dataclass(frozen=True, slots=True)
class PoissonRegression:
    """Counts of events, perhaps per time at risk, on categories.

    Args:
        events: a number that is not negative, or a boolean.
        terms: categories, booleans, small integers or Bins. The first label of each is the reference.
        time: time at risk, a positive number; None counts every row as one.
        where: a condition, or None.
        confidence: level of the intervals.
        drop_suppressed: whether suppressed cells are left out instead of refused.
    """

    events: str
    terms: tuple[str | Bins, ...]
    time: str | None = None
    where: str | None = None
    confidence: float = 0.95
    drop_suppressed: bool = False

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts and sums by pattern."""
        check_confidence(self.confidence)
        values = [require_number(directory, name) for name in (self.events, self.time) if name is not None]
        sums = [f"SUM({value}) AS s{place}" for place, value in enumerate(values)]
        return (statement(directory, ["COUNT(*) AS n", *sums], axes=_axes(directory, self.terms), values=values,
                          where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> GroupedModel:
        """Fit the model."""
        axes = _axes(directory, self.terms)
        by_cell = dict(answers[0].cells())
        patterns, hidden = [], []
        for labels in _patterns(axes):
            outputs = by_cell[labels]
            count, total = outputs["n"].value, outputs["s0"].exact
            time = outputs["n"].exact if self.time is None else outputs["s1"].exact
            if not isinstance(count, int) or total is None or time is None:
                hidden.append(_words(axes, labels))
            elif total < 0 or time <= 0:
                raise DegreesOfFreedomError(f"{_words(axes, labels)}: negative events, or no time at risk")
            else:
                patterns.append((labels, count, float(total), float(time)))
        _require("the Poisson regression", hidden, self.drop_suppressed and bool(patterns))
        y, time_at_risk = np.array([p[2] for p in patterns]), np.array([p[3] for p in patterns])
        rows = sum(p[1] for p in patterns)
        if y.sum() == 0:
            raise DegreesOfFreedomError("there are no events")

        def weigh(eta: Reals) -> tuple[Reals, Reals, float]:
            mean = time_at_risk * np.exp(eta)
            return mean, mean, 2 * float(_xlogx(y, mean) - (y - mean).sum())

        start = log(y.sum() / time_at_risk.sum())
        fitted = _fit([p[0] for p in patterns], axes, y, weigh, start, rows, self.confidence, "rate ratio")
        null = weigh(np.full(len(y), start))[2]
        return _report("Poisson", self.events, answers, hidden, self.confidence, fitted, null, rows)


@dataclass(frozen=True, slots=True)
class _Fitted:
    coefficients: tuple[Estimate, ...]
    ratios: tuple[Estimate, ...]
    cells: int
    deviance: float


def _fit(
    patterns: Sequence[Labels],
    axes: Sequence[Axis],
    y: Reals,
    weigh: Callable[[Reals], tuple[Reals, Reals, float]],
    start: float,
    rows: int,
    confidence: float,
    ratio: str,
) -> _Fitted:
    """Newton's method with halved steps; `weigh` gives means, weights and deviance at a linear predictor."""
    names, design = _design(patterns, axes)
    size = len(names)
    if len(patterns) <= size:
        raise DegreesOfFreedomError(f"{size} parameters for {len(patterns)} cells: the model is saturated")
    if rows - size < MIN_RESIDUAL_DF:
        raise DegreesOfFreedomError(f"{rows} rows leave fewer than {MIN_RESIDUAL_DF} residual degrees of freedom")
    if np.linalg.matrix_rank(design) < size:
        raise DesignSingularError("terms depend on each other in the released cells")
    beta = np.zeros(size)
    beta[0] = start
    mean, weights, deviance = weigh(design @ beta)
    for _ in range(MAX_STEPS):
        information = design.T @ (design * weights[:, None])
        step = np.linalg.solve(information, design.T @ (y - mean))
        while not weigh(design @ (beta + step))[2] <= deviance + 1e-9 * (1 + deviance):
            step = step / 2
            if np.abs(step).max() < TOLERANCE:
                break
        beta = beta + step
        mean, weights, deviance = weigh(design @ beta)
        if np.abs(step).max() <= TOLERANCE * (1 + np.abs(beta).max()):
            break
    else:
        raise NotConvergedError(f"no maximum within {MAX_STEPS} steps: some cells may have no events")
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ (design * weights[:, None]))))
    z = normal_quantile(confidence)
    coefficients = tuple(
        Estimate(name, b, se, b - z * se, b + z * se, b / se, None, normal_p(b / se), rows)
        for name, b, se in zip(names, beta.tolist(), errors.tolist(), strict=True)
    )
    ratios = tuple(log_estimate(f"{ratio}, {e.name}", exp(e.value), e.se or 0.0, z, rows) for e in coefficients[1:])
    return _Fitted(coefficients, ratios, len(patterns), deviance)


def _design(patterns: Sequence[Labels], axes: Sequence[Axis]) -> tuple[list[str], Reals]:
    """Names and columns: the intercept, then dummies of every label that occurs but the first of each axis."""
    names, columns = [INTERCEPT], [np.ones(len(patterns))]
    for place, axis in enumerate(axes):
        occurring = [code for code in axis.codes if any(p[place] == code for p in patterns)]
        for code in occurring[1:]:
            names.append(f"{axis.name} = {axis.label(code)}")
            columns.append(np.array([float(p[place] == code) for p in patterns]))
    return names, np.column_stack(columns)


def _report(
    kind: str, response: str, answers: Sequence[Answer], hidden: Sequence[str], confidence: float, fitted: _Fitted,
    null: float, n: int,
) -> GroupedModel:
    df = fitted.cells - len(fitted.coefficients)
    return GroupedModel(
        title=f"{kind} regression of {response}", evidence=evidence_of(answers), suppressed=tuple(hidden),
        notes=("fitted to the released cells only",) if hidden else (), confidence=confidence, response=response,
        coefficients=fitted.coefficients, ratios=fitted.ratios, n=n, cells=fitted.cells, deviance=fitted.deviance,
        deviance_df=df, deviance_p=chi_square_p(fitted.deviance, df), null_deviance=null,
        residual_df=n - len(fitted.coefficients),
    )


def _axes(directory: Directory, terms: Sequence[str | Bins]) -> list[Axis]:
    if not terms or len(set(terms)) != len(terms):
        raise AnalysisInvalidError("a model has at least one term, each once")
    return [axis_of(directory, term) for term in terms]


def _patterns(axes: Sequence[Axis]) -> list[Labels]:
    found: list[Labels] = [()]
    for axis in axes:
        found = [(*labels, code) for labels in found for code in axis.codes]
    return found


def _words(axes: Sequence[Axis], labels: Labels) -> str:
    shown = tuple(axis.label(code) for axis, code in zip(axes, labels, strict=True))
    return cell_words([axis.name for axis in axes], shown)


def _require(what: str, hidden: Sequence[str], go_on: bool) -> None:
    if hidden and not go_on:
        raise CellsSuppressedError(what, tuple(hidden))


def _xlogx(y: Reals, mean: Reals) -> float:
    """Σ y·ln(y/mean), with 0 where y is 0."""
    positive = y > 0
    return float((y[positive] * np.log(y[positive] / mean[positive])).sum())
