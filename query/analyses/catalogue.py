"""Every analysis by its public name."""

from __future__ import annotations

from typing import Any, Final

from query.analyses.asking import Analysis
from query.analyses.balance import MassBalance
from query.analyses.contingency import ChiSquare, Frequency
from query.analyses.correlation import Pearson, PrincipalComponents
from query.analyses.descriptives import Describe, Shape
from query.analyses.grouped_models import LogisticRegression, PoissonRegression
from query.analyses.means import Anova, TTest
from query.analyses.quantiles import Quantiles
from query.analyses.rates import StandardisedRate
from query.analyses.regression import LinearRegression
from query.analyses.scores import Calibration, PopulationStability, Separation
from query.analyses.stratified import MantelHaenszel
from query.analyses.survival import KaplanMeier
from query.analyses.table_one import TableOne

CATALOGUE: Final[dict[str, type[Analysis[Any]]]] = {
    "describe": Describe,
    "shape": Shape,
    "quantiles": Quantiles,
    "table1": TableOne,
    "frequencies": Frequency,
    "chi2": ChiSquare,
    "mantel-haenszel": MantelHaenszel,
    "ttest": TTest,
    "anova": Anova,
    "pearson": Pearson,
    "pca": PrincipalComponents,
    "ols": LinearRegression,
    "logistic": LogisticRegression,
    "poisson": PoissonRegression,
    "km": KaplanMeier,
    "rates": StandardisedRate,
    "score": Separation,
    "calibration": Calibration,
    "psi": PopulationStability,
    "balance": MassBalance,
}
