"""Tails and quantiles of the distributions that finishing needs, from SciPy's special functions."""

from __future__ import annotations

from scipy import special

from query.errors import AnalysisInvalidError


def check_confidence(confidence: float) -> float:
    """The level, if it is one.

    Raises:
        AnalysisInvalidError: it does not lie in [0.5, 1).
    """
    if not 0.5 <= confidence < 1:
        raise AnalysisInvalidError("a confidence level lies in [0.5, 1)")
    return confidence


def normal_p(z: float) -> float:
    """Two-sided p value of a standard normal."""
    return float(2 * special.ndtr(-abs(z)))


def normal_quantile(confidence: float) -> float:
    """Half-width of a two-sided normal interval in standard errors."""
    return float(special.ndtri((1 + confidence) / 2))


def student_p(t: float, df: float) -> float:
    """Two-sided p value of Student's t."""
    return float(2 * special.stdtr(df, -abs(t)))


def student_quantile(confidence: float, df: float) -> float:
    """Half-width of a two-sided t interval in standard errors."""
    return float(special.stdtrit(df, (1 + confidence) / 2))


def chi_square_p(value: float, df: float) -> float:
    """Upper tail of χ²."""
    return float(special.chdtrc(df, value))


def chi_square_quantile(p: float, df: float) -> float:
    """The value below which χ² lies with probability p."""
    return float(special.chdtri(df, 1 - p))


def gamma_quantile(p: float, shape: float) -> float:
    """The value below which a gamma of scale 1 lies with probability p."""
    return float(special.gammaincinv(shape, p))


def fisher_p(value: float, above: float, below: float) -> float:
    """Upper tail of F with `above` and `below` degrees of freedom."""
    return float(special.fdtrc(above, below, value))


def kolmogorov_p(distance: float, n: int, m: int) -> float:
    """Asymptotic p value of the two-sample Kolmogorov–Smirnov distance."""
    return float(special.kolmogorov(distance * (n * m / (n + m)) ** 0.5))
