"""Numbers described: count, sum, mean, spread; and with powers up to the fourth, skewness and kurtosis.

Sums: MOMENTS(x), one question for each variable; for the shape COUNT, Σx, Σx², Σx³ and Σx⁴ (products within one
table). Central moments are exact rationals: Σ(x − x̄)³ of values around 10⁹ keeps every digit.

Source: D. Joanes and C. Gill, The Statistician 47 (1998), for G1, G2 and their standard errors under normality; the
test of normality: C. Jarque and A. Bera, International Statistical Review 55 (1987).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from query.analyses.asking import WHOLE, Answer, evidence_of
from query.analyses.distributions import check_confidence, chi_square_p, normal_p, student_quantile
from query.analyses.exact import ratio_to_root, root
from query.analyses.means import group_of
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Table, estimate_rows, named
from query.analyses.writing import require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError


@dataclass(frozen=True, slots=True)
class Described:
    """A variable: rows where it is known, sum, mean with its standard error and interval, sample variance and sd."""

    name: str
    n: int
    total: Fraction
    mean: float
    se: float
    low: float
    high: float
    variance: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptives(Report):
    """Described variables.

    Args:
        variables: those that were released.
    """

    variables: tuple[Described, ...]

    def variable(self, name: str) -> Described:
        """The description of a variable.

        Raises:
            KeyError: there is none of that name.
        """
        return named(self.variables, name)

    def tables(self) -> tuple[Table, ...]:
        """One row for each variable."""
        header = ("", "n", "sum", "mean", "SE", "low", "high", "variance", "sd")
        rows = tuple((v.name, v.n, v.total, v.mean, v.se, v.low, v.high, v.variance, v.sd) for v in self.variables)
        return (Table("variables", header, rows),)


@dataclass(frozen=True, slots=True)
class Describe:
    """Count, sum, mean and spread of variables, each over the rows where it is known.

    Args:
        variables: numbers, booleans or expressions of one table.
        where: a condition, or None.
        confidence: level of the intervals.
    """

    variables: tuple[str, ...]
    where: str | None = None
    confidence: float = 0.95

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question for each variable, of MOMENTS: over different rows, so that counts are never a few apart."""
        check_confidence(self.confidence)
        if not self.variables or len(set(self.variables)) != len(self.variables):
            raise AnalysisInvalidError("describe one or more variables, each once")
        return tuple(statement(directory, [f"MOMENTS({require_number(directory, name)}) AS m"], values=[name],
                               where=self.where) for name in self.variables)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> Descriptives:
        """Describe."""
        found, hidden = [], []
        for name, answer in zip(self.variables, answers, strict=True):
            matrix = answer.moments("m").get(())
            if matrix is None:
                hidden.append(name)
                continue
            group = group_of(name, matrix)
            se, mean = root(group.variance / group.n), float(group.mean)
            half = student_quantile(self.confidence, group.n - 1) * se
            found.append(Described(name, group.n, matrix.total(0), mean, se, mean - half, mean + half,
                                   float(group.variance), root(group.variance)))
        if not found:
            raise CellsSuppressedError("the description", tuple(hidden))
        return Descriptives(title="description", evidence=evidence_of(answers), suppressed=tuple(hidden),
                            confidence=self.confidence, variables=tuple(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeReport(Report):
    """Skewness and kurtosis.

    Args:
        variable: what they are of.
        n: rows.
        skewness, kurtosis: g1 = m3/m2^1.5 and the excess g2 = m4/m2² − 3.
        adjusted: G1 and G2 with the standard errors of normal data, and z.
        jarque_bera, p: n·(g1²/6 + g2²/24), and its χ² tail with 2 degrees of freedom.
    """

    variable: str
    n: int
    skewness: float
    kurtosis: float
    adjusted: tuple[Estimate, ...]
    jarque_bera: float
    p: float

    def tables(self) -> tuple[Table, ...]:
        """Both, and the test of normality."""
        row = (self.n, self.skewness, self.kurtosis, self.jarque_bera, self.p)
        return (Table(self.variable, ("n", "skewness g1", "excess kurtosis g2", "Jarque–Bera", "p"), (row,)),
                Table("adjusted for the sample", ESTIMATE_HEADER, estimate_rows(self.adjusted)))


@dataclass(frozen=True, slots=True)
class Shape:
    """Skewness and kurtosis of a number.

    Args:
        variable: ``table.column``, or an expression of one table; its fourth power has to fit 120 bits.
        where: a condition, or None.
    """

    variable: str
    where: str | None = None

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of four sums."""
        x = f"({require_number(directory, self.variable)})"
        powers = [f"SUM({' * '.join([x] * power)}) AS s{power}" for power in (1, 2, 3, 4)]
        return (statement(directory, ["COUNT(*) AS n", *powers], values=[self.variable], where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> ShapeReport:
        """Centre and divide."""
        outputs = answers[0].only()
        sums = [outputs[name].exact for name in ("n", "s1", "s2", "s3", "s4")]
        if any(result.suppressed for result in outputs.values()):
            raise CellsSuppressedError("skewness and kurtosis", (WHOLE,))
        known = [Fraction(0) if value is None else value for value in sums]
        n = int(known[0])
        if n < 4:
            raise DegreesOfFreedomError("skewness and kurtosis need four rows")
        mean, raw2, raw3, raw4 = (value / n for value in known[1:])
        m2 = raw2 - mean**2
        m3 = raw3 - 3 * mean * raw2 + 2 * mean**3
        m4 = raw4 - 4 * mean * raw3 + 6 * mean**2 * raw2 - 3 * mean**4
        if m2 == 0:
            raise DegreesOfFreedomError(f"{self.variable} is constant")
        g1, g2 = ratio_to_root(m3, m2**3), float(m4 / m2**2 - 3)
        big1 = g1 * sqrt(n * (n - 1)) / (n - 2)
        big2 = float(Fraction(n - 1, (n - 2) * (n - 3)) * ((n + 1) * (m4 / m2**2 - 3) + 6))
        se1 = sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3)))
        se2 = 2 * se1 * sqrt((n * n - 1) / ((n - 3) * (n + 5)))
        adjusted = tuple(Estimate(name, value, se, None, None, value / se, None, normal_p(value / se), n)
                         for name, value, se in (("skewness G1", big1, se1), ("excess kurtosis G2", big2, se2)))
        statistic = n * (g1**2 / 6 + g2**2 / 24)
        return ShapeReport(title=f"shape of {self.variable}", evidence=evidence_of(answers), variable=self.variable,
                           n=n, skewness=g1, kurtosis=g2, adjusted=adjusted, jarque_bera=statistic,
                           p=chi_square_p(statistic, 2))
