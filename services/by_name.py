"""Statistics by name as methods: of the agency's client, and of a dry run on generated rows.

Each method names one analysis of `query.analyses`; all its arguments are that analysis's. What asks is left to whoever
mixes this in. Finishing happens here, at the analyst's, from the proved sums (ADR 0021).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TypeVar

from query.analyses.asking import Analysis
from query.analyses.balance import BalanceReport, MassBalance
from query.analyses.contingency import ChiSquare, Crosstab, Frequencies, Frequency
from query.analyses.correlation import Components, Correlations, Pearson, PrincipalComponents
from query.analyses.descriptives import Describe, Descriptives, Shape, ShapeReport
from query.analyses.grouped_models import GroupedModel, LogisticRegression, PoissonRegression
from query.analyses.means import Anova, MeansReport, TTest
from query.analyses.quantiles import Quantiles, QuantilesReport
from query.analyses.rates import RateReport, StandardisedRate, Weight
from query.analyses.regression import LinearModel, LinearRegression
from query.analyses.report import Report
from query.analyses.scores import (
    Calibration,
    CalibrationReport,
    PopulationStability,
    ScoreReport,
    Separation,
    StabilityReport,
)
from query.analyses.stratified import MantelHaenszel, StratifiedReport
from query.analyses.survival import KaplanMeier, SurvivalReport
from query.analyses.table_one import TableOne, TableOneReport
from query.analyses.writing import Bins, Number

R = TypeVar("R", bound=Report)
Value = str | Bins
Label = str | bool | int
DEFAULT_PURPOSE = "statistics by name"


class StatisticsByName:
    """Named methods over one: `analyse`."""

    @abstractmethod
    def analyse(self, analysis: Analysis[R], *, purpose: str = DEFAULT_PURPOSE) -> R:
        """Ask an analysis's questions and finish it.

        Args:
            analysis: any of `query.analyses`.
            purpose: why; the owners see it.

        Raises:
            QueryError: it cannot be asked or finished; AnalysisError says why.
        """

    def describe(self, *variables: str, where: str | None = None, confidence: float = 0.95,
                 purpose: str = DEFAULT_PURPOSE) -> Descriptives:
        """Count, sum, mean and spread; see `Describe`."""
        return self.analyse(Describe(variables, where, confidence), purpose=purpose)

    def shape(self, variable: str, *, where: str | None = None, purpose: str = DEFAULT_PURPOSE) -> ShapeReport:
        """Skewness and kurtosis; see `Shape`."""
        return self.analyse(Shape(variable, where), purpose=purpose)

    def quantiles(self, *variables: str, points: tuple[Number, ...] = ("0", "0.25", "0.5", "0.75", "1"),
                  where: str | None = None, purpose: str = DEFAULT_PURPOSE) -> QuantilesReport:
        """Smallest and largest value, median and quantiles, UNPROVED; see `Quantiles`."""
        return self.analyse(Quantiles(variables, points, where), purpose=purpose)

    def table1(self, by: Value, *variables: Value, where: str | None = None,
               purpose: str = DEFAULT_PURPOSE) -> TableOneReport:
        """Characteristics by group; see `TableOne`."""
        return self.analyse(TableOne(by, variables, where), purpose=purpose)

    def frequencies(self, variable: Value, *, expected: tuple[float | int | str, ...] | None = None,
                    where: str | None = None, purpose: str = DEFAULT_PURPOSE) -> Frequencies:
        """Counts of one variable; see `Frequency`."""
        return self.analyse(Frequency(variable, expected, where), purpose=purpose)

    def chi2(self, row: Value, column: Value, *, where: str | None = None, confidence: float = 0.95,
             counts_only: bool = False, purpose: str = DEFAULT_PURPOSE) -> Crosstab:
        """A two-way table with its tests and effects; see `ChiSquare`."""
        return self.analyse(ChiSquare(row, column, where, confidence, counts_only), purpose=purpose)

    def mantel_haenszel(self, exposure: Value, event: Value, stratum: Value, *, where: str | None = None,
                        confidence: float = 0.95, drop_suppressed: bool = False,
                        purpose: str = DEFAULT_PURPOSE) -> StratifiedReport:
        """Effects pooled over strata; see `MantelHaenszel`."""
        return self.analyse(MantelHaenszel(exposure, event, stratum, where, confidence, drop_suppressed),
                            purpose=purpose)

    def ttest(self, variable: str, *, by: Value | None = None, groups: tuple[Label, Label] | None = None,
              pair: str | None = None, mean: float | int | str = 0, equal_variances: bool = False,
              where: str | None = None, confidence: float = 0.95, purpose: str = DEFAULT_PURPOSE) -> MeansReport:
        """A t test of a mean, of two groups or of pairs; see `TTest`."""
        analysis = TTest(variable, by, groups, pair, mean, equal_variances, where, confidence)
        return self.analyse(analysis, purpose=purpose)

    def anova(self, variable: str, by: Value, *, equal_variances: bool = True, where: str | None = None,
              confidence: float = 0.95, drop_suppressed: bool = False,
              purpose: str = DEFAULT_PURPOSE) -> MeansReport:
        """One-way analysis of variance; see `Anova`."""
        return self.analyse(Anova(variable, by, equal_variances, where, confidence, drop_suppressed), purpose=purpose)

    def pearson(self, *variables: str, where: str | None = None, confidence: float = 0.95,
                purpose: str = DEFAULT_PURPOSE) -> Correlations:
        """Correlations; see `Pearson`."""
        return self.analyse(Pearson(variables, where, confidence), purpose=purpose)

    def pca(self, *variables: str, standardise: bool = False, where: str | None = None,
            purpose: str = DEFAULT_PURPOSE) -> Components:
        """Principal components; see `PrincipalComponents`."""
        return self.analyse(PrincipalComponents(variables, standardise, where), purpose=purpose)

    def ols(self, response: str, *terms: str, where: str | None = None, penalty: float | int | str = 0,
            confidence: float = 0.95, drop_suppressed: bool = False, purpose: str = DEFAULT_PURPOSE) -> LinearModel:
        """Least squares, or ridge with a penalty; see `LinearRegression`."""
        return self.analyse(LinearRegression(response, terms, where, penalty, confidence, drop_suppressed),
                            purpose=purpose)

    def logistic(self, outcome: str, *terms: Value, where: str | None = None, confidence: float = 0.95,
                 drop_suppressed: bool = False, purpose: str = DEFAULT_PURPOSE) -> GroupedModel:
        """Logistic regression on categories; see `LogisticRegression`."""
        return self.analyse(LogisticRegression(outcome, terms, where, confidence, drop_suppressed), purpose=purpose)

    def poisson(self, events: str, *terms: Value, time: str | None = None, where: str | None = None,
                confidence: float = 0.95, drop_suppressed: bool = False,
                purpose: str = DEFAULT_PURPOSE) -> GroupedModel:
        """Poisson regression on categories; see `PoissonRegression`."""
        return self.analyse(PoissonRegression(events, terms, time, where, confidence, drop_suppressed),
                            purpose=purpose)

    def km(self, time: str, event: str, grid: tuple[Number, ...], *, by: Value | None = None,
           where: str | None = None, confidence: float = 0.95, purpose: str = DEFAULT_PURPOSE) -> SurvivalReport:
        """Kaplan–Meier curves and the log-rank test; see `KaplanMeier`."""
        return self.analyse(KaplanMeier(time, event, grid, by, where, confidence), purpose=purpose)

    def rates(self, event: str, *strata: Value, weights: Mapping[str, Weight] | Mapping[tuple[str, ...], Weight],
              indirect: bool = False, time: str | None = None, where: str | None = None, confidence: float = 0.95,
              purpose: str = DEFAULT_PURPOSE) -> RateReport:
        """A standardised rate; see `StandardisedRate`."""
        analysis = StandardisedRate(event, strata, weights, indirect, time, where, confidence)
        return self.analyse(analysis, purpose=purpose)

    def score(self, score: Value, outcome: str, *, where: str | None = None, confidence: float = 0.95,
              purpose: str = DEFAULT_PURPOSE) -> ScoreReport:
        """AUC, Gini, KS, WOE and IV of a score; see `Separation`."""
        return self.analyse(Separation(score, outcome, where, confidence), purpose=purpose)

    def calibration(self, predicted: Bins, outcome: str, *, scale: int = 1, fitted_here: bool = False,
                    where: str | None = None, purpose: str = DEFAULT_PURPOSE) -> CalibrationReport:
        """Calibration of a predicted probability; see `Calibration`."""
        return self.analyse(Calibration(predicted, outcome, scale, fitted_here, where), purpose=purpose)

    def psi(self, value: Value, population: Value, *, where: str | None = None,
            purpose: str = DEFAULT_PURPOSE) -> StabilityReport:
        """The population-stability index; see `PopulationStability`."""
        return self.analyse(PopulationStability(value, population, where), purpose=purpose)

    def balance(self, inflow: str, outflow: str, *, inflow_by: Value | None = None, outflow_by: Value | None = None,
                tolerance: float | int | str = 0, inflow_where: str | None = None, outflow_where: str | None = None,
                purpose: str = DEFAULT_PURPOSE) -> BalanceReport:
        """Σ in against Σ out; see `MassBalance`."""
        analysis = MassBalance(inflow, outflow, inflow_by, outflow_by, tolerance, inflow_where, outflow_where)
        return self.analyse(analysis, purpose=purpose)
