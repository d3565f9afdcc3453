"""Mass balance: whether what went in equals what came out, in total or by group, between owners or within one.

Sums: SUM(inflow) and SUM(outflow), each over its own table's rows, by the same groups: two questions, no join, so that
the two sides need no common cohort. Sums are exact integers or decimals, and so is their difference.

Source: the accounting identity; for reconciliation of ledgers and traceability of goods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from query.analyses.asking import Answer, Labels, cell_words, evidence_of
from query.analyses.report import Report, Table
from query.analyses.writing import Axis, Bins, axis_of, number_text, require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """A group: both sides and in less out, exactly; None where not released."""

    group: str
    inflow: Fraction | None
    outflow: Fraction | None
    difference: Fraction | None
    balanced: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceReport(Report):
    """Both sides by group.

    Args:
        lines: of each group.
        tolerance: the difference that still counts as balanced.
        balanced: whether every group is; None where some group is not released and no other fails.
    """

    lines: tuple[BalanceLine, ...]
    tolerance: Fraction
    balanced: bool | None

    def tables(self) -> tuple[Table, ...]:
        """One row for each group."""
        rows = tuple((b.group, b.inflow, b.outflow, b.difference, b.balanced) for b in self.lines)
        return (Table("balance", ("", "in", "out", "difference", "balanced"), rows),)


@dataclass(frozen=True, slots=True)
class MassBalance:
    """Σ inflow against Σ outflow.

    Args:
        inflow, outflow: numbers, each ``table.column`` or an expression of one table.
        inflow_by, outflow_by: the groups of each side, with the same labels; None for totals.
        tolerance: the difference that still counts as balanced.
        inflow_where, outflow_where: conditions, or None.
    """

    inflow: str
    outflow: str
    inflow_by: str | Bins | None = None
    outflow_by: str | Bins | None = None
    tolerance: float | int | str = 0
    inflow_where: str | None = None
    outflow_where: str | None = None

    def _axes(self, directory: Directory) -> tuple[Axis, Axis] | None:
        if self.inflow_by is None or self.outflow_by is None:
            if self.inflow_by is not self.outflow_by:
                raise AnalysisInvalidError("both sides have groups, or neither has")
            return None
        axes = axis_of(directory, self.inflow_by), axis_of(directory, self.outflow_by)
        if axes[0].labels != axes[1].labels:
            raise AnalysisInvalidError("the groups of both sides have the same labels")
        return axes

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """Two questions, one for each side."""
        axes = self._axes(directory)
        if Fraction(number_text(self.tolerance)) < 0:
            raise AnalysisInvalidError("a tolerance is not negative")
        sides = ((self.inflow, self.inflow_where), (self.outflow, self.outflow_where))
        return tuple(
            statement(directory, [f"SUM({require_number(directory, value)}) AS s"],
                      axes=[] if axes is None else [axes[side]], values=[value], where=where)
            for side, (value, where) in enumerate(sides)
        )

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> BalanceReport:
        """Subtract."""
        axes, tolerance = self._axes(directory), Fraction(number_text(self.tolerance))
        sums: list[dict[Labels, Fraction | None]] = [
            {cell: outputs["s"].exact for cell, outputs in answer.cells()} for answer in answers]
        cells: list[tuple[str, Labels, Labels]] = [("all rows", (), ())]
        if axes is not None:
            cells = [(axes[0].label(a), (a,), (b,)) for a, b in zip(axes[0].codes, axes[1].codes, strict=True)]
        lines, hidden = [], []
        for name, left, right in cells:
            a, b = sums[0][left], sums[1][right]
            for side, value in (("in", a), ("out", b)):
                if value is None:
                    hidden.append(f"{side}, {cell_words(['group'], (name,))}")
            if a is None or b is None:
                lines.append(BalanceLine(name, a, b, None, None))
            else:
                lines.append(BalanceLine(name, a, b, a - b, abs(a - b) <= tolerance))
        verdicts = [line.balanced for line in lines]
        balanced = False if False in verdicts else None if None in verdicts else True
        return BalanceReport(title=f"{self.inflow} against {self.outflow}", evidence=evidence_of(answers),
                             suppressed=tuple(hidden), lines=tuple(lines), tolerance=tolerance, balanced=balanced)
