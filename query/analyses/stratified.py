"""2×2 tables in strata: the Mantel–Haenszel odds ratio and risk ratio, and the tests that go with them.

Sums: COUNT(*) by stratum, exposure and event, of at most two owners. A stratum with a cell that was not released is
left out only where that is asked for.

Source: N. Mantel and W. Haenszel, JNCI 22 (1959); variance of the odds ratio: J. Robins, N. Breslow and S. Greenland,
Biometrics 42 (1986); of the risk ratio: S. Greenland and J. Robins, Biometrics 41 (1985).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from query.analyses.asking import Answer, cell_words, evidence_of
from query.analyses.contingency import log_estimate
from query.analyses.distributions import check_confidence, chi_square_p, normal_quantile
from query.analyses.exact import root
from query.analyses.report import ESTIMATE_HEADER, Estimate, Report, Shown, Table, estimate_rows
from query.analyses.writing import Axis, Bins, axis_of, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError


@dataclass(frozen=True, slots=True, kw_only=True)
class StratifiedReport(Report):
    """Pooled effects over strata.

    Args:
        strata: labels of those used.
        counts: of each, (unexposed without, unexposed with, exposed without, exposed with) the event.
        effects: the common odds ratio and risk ratio.
        chi_square, p: Mantel–Haenszel test of no association, without continuity correction, 1 degree of freedom.
    """

    strata: tuple[str, ...]
    counts: tuple[tuple[int, int, int, int], ...]
    effects: tuple[Estimate, ...]
    chi_square: float
    p: float

    def tables(self) -> tuple[Table, ...]:
        """Effects, test and strata."""
        rows: tuple[tuple[Shown, ...], ...] = tuple((s, *c) for s, c in zip(self.strata, self.counts, strict=True))
        header = ("stratum", "neither", "event only", "exposed only", "both")
        return (Table("common effects", ESTIMATE_HEADER, estimate_rows(self.effects)),
                Table("test of no association", ("χ²", "df", "p"), ((self.chi_square, 1, self.p),)),
                Table("strata", header, rows))


@dataclass(frozen=True, slots=True)
class MantelHaenszel:
    """The effect of an exposure on an event, pooled over strata.

    Args:
        exposure, event: booleans, or values of two labels, of which the second counts.
        stratum: what to adjust for.
        where: a condition, or None.
        confidence: level of the intervals.
        drop_suppressed: whether strata with a suppressed cell are left out instead of refused.
    """

    exposure: str | Bins
    event: str | Bins
    stratum: str | Bins
    where: str | None = None
    confidence: float = 0.95
    drop_suppressed: bool = False

    def _axes(self, directory: Directory) -> tuple[Axis, Axis, Axis]:
        axes = [axis_of(directory, name) for name in (self.stratum, self.exposure, self.event)]
        if any(len(axis.codes) != 2 for axis in axes[1:]):
            raise AnalysisInvalidError("exposure and event have two values each")
        return axes[0], axes[1], axes[2]

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question, of counts by cell."""
        check_confidence(self.confidence)
        return (statement(directory, ["COUNT(*) AS n"], axes=self._axes(directory), where=self.where),)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> StratifiedReport:
        """Pool."""
        stratum, exposure, event = self._axes(directory)
        found = answers[0].counts("n")
        used, tables, hidden = [], [], []
        for code in stratum.codes:
            cells = [found[(code, x, y)] for x in exposure.codes for y in event.codes]
            known = [n for n in cells if n is not None]
            if len(known) == 4:
                used.append(stratum.label(code))
                tables.append((known[0], known[1], known[2], known[3]))
            else:
                hidden.append(cell_words([stratum.name], (stratum.label(code),)))
        if hidden and not (self.drop_suppressed and used):
            raise CellsSuppressedError("the pooled effect", tuple(hidden))
        effects, chi_square = pooled_effects(tables, self.confidence)
        return StratifiedReport(
            title=f"{event.name} by {exposure.name}, adjusted for {stratum.name}", evidence=evidence_of(answers),
            suppressed=tuple(f"{words} (some of its cells)" for words in hidden), confidence=self.confidence,
            notes=("strata with suppressed cells are left out",) if hidden else (), strata=tuple(used),
            counts=tuple(tables), effects=effects, chi_square=chi_square, p=chi_square_p(chi_square, 1),
        )


def pooled_effects(
    tables: Sequence[tuple[int, int, int, int]], confidence: float
) -> tuple[tuple[Estimate, Estimate], float]:
    """Common odds ratio and risk ratio, and the χ² of no association.

    Args:
        tables: of each stratum (unexposed without, unexposed with, exposed without, exposed with) the event.

    Raises:
        DegreesOfFreedomError: the strata do not determine them.
    """
    total, z = sum(map(sum, tables)), normal_quantile(confidence)
    r = s = pr = ps_qr = qs = rr_top = rr_bottom = spread = excess = variance = Fraction(0)
    for d, c, b, a in tables:  # a exposed with, b exposed without, c unexposed with, d unexposed without the event
        n = a + b + c + d
        right, left = Fraction(a * d, n), Fraction(b * c, n)
        p, q = Fraction(a + d, n), Fraction(b + c, n)
        r, s = r + right, s + left
        pr, ps_qr, qs = pr + p * right, ps_qr + p * left + q * right, qs + q * left
        rr_top, rr_bottom = rr_top + Fraction(a * (c + d), n), rr_bottom + Fraction(c * (a + b), n)
        spread += Fraction((a + b) * (c + d) * (a + c) - a * c * n, n * n)
        excess += a - Fraction((a + b) * (a + c), n)
        if n > 1:
            variance += Fraction((a + b) * (c + d) * (a + c) * (b + d), n * n * (n - 1))
    if 0 in (r, s, rr_top, rr_bottom, variance):
        raise DegreesOfFreedomError("the strata do not determine a common effect")
    odds_se = root(pr / (2 * r * r) + ps_qr / (2 * r * s) + qs / (2 * s * s))
    risk_se = root(spread / (rr_top * rr_bottom))
    effects = (log_estimate("odds ratio", float(r / s), odds_se, z, total),
               log_estimate("risk ratio", float(rr_top / rr_bottom), risk_se, z, total))
    return effects, float(excess**2 / variance)
