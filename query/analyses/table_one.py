"""Table 1: the characteristics of groups side by side, each with a test of whether the groups differ.

Sums: COUNT(*) by group; MOMENTS(x) by group for every number (mean and sd; Welch's F test); counts by group and value
for every category and boolean (n and share; χ²). One question for each line, so that the counts released together are
never a few people apart.

Source: L. Hayes-Larson et al., "Who is in this study, anyway? Guidelines for a useful Table 1", J. Clin. Epidemiol. 114
(2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from query.analyses.asking import Answer, cell_words, evidence_of
from query.analyses.contingency import pearson_chi_square
from query.analyses.distributions import chi_square_p, fisher_p
from query.analyses.exact import root
from query.analyses.means import Group, group_of, one_way_welch
from query.analyses.report import Report, Shown, Table
from query.analyses.writing import Axis, Bins, axis_of, column_of, require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError, DegreesOfFreedomError
from query.kinds import Boolean, Category


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Args:
        variable: what it is about.
        label: the value counted, or empty for a number.
        groups: for each group (n, share) of a value, the share None where another value of the group is suppressed, or
            (mean, sd) of a number; None where not released.
        p: of the test that the groups differ, on a variable's first line; None where there is none.
    """

    variable: str
    label: str
    groups: tuple[tuple[float | int, float | None] | None, ...]
    p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOneReport(Report):
    """Groups side by side.

    Args:
        by: what the groups are of.
        groups: their labels.
        sizes: their rows; None where not released.
        lines: of all variables.
    """

    by: str
    groups: tuple[str, ...]
    sizes: tuple[int | None, ...]
    lines: tuple[Line, ...]

    def line(self, variable: str, label: str = "") -> Line:
        """A line by variable and value.

        Raises:
            KeyError: there is none.
        """
        for found in self.lines:
            if (found.variable, found.label) == (variable, label):
                return found
        raise KeyError((variable, label))

    def tables(self) -> tuple[Table, ...]:
        """The table."""
        rows: list[tuple[Shown, ...]] = [("n", "", *self.sizes, None)]
        rows += [(line.variable, line.label, *(_shown(line, cell) for cell in line.groups), line.p)
                 for line in self.lines]
        return (Table(f"by {self.by}: mean (sd), or n (share)", ("", "", *self.groups, "p"), tuple(rows)),)


def _shown(line: Line, cell: tuple[float | int, float | None] | None) -> str:
    if cell is None:
        return "-"
    value, beside = cell
    if beside is None:
        return str(value)
    return f"{value} ({100 * beside:.1f}%)" if line.label else f"{value:.4g} ({beside:.3g})"


@dataclass(frozen=True, slots=True)
class TableOne:
    """Characteristics by group.

    Args:
        by: the groups: a category, boolean, small integer, or Bins.
        variables: numbers (mean, sd) and categories or booleans (n, share), of any tables of the cohort.
        where: a condition, or None.
    """

    by: str | Bins
    variables: tuple[str | Bins, ...]
    where: str | None = None

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """A question for the groups' sizes and one for each variable."""
        axis = axis_of(directory, self.by)
        if not self.variables or len(set(self.variables)) != len(self.variables) or self.by in self.variables:
            raise AnalysisInvalidError("a table has at least one variable, each once, besides its groups")
        asked = [statement(directory, ["COUNT(*) AS n"], axes=[axis], where=self.where)]
        for variable in self.variables:
            other = _value_axis(directory, variable)
            if other is not None:
                asked.append(statement(directory, ["COUNT(*) AS n"], axes=[axis, other], where=self.where))
            else:
                name = require_number(directory, str(variable))
                asked.append(statement(directory, [f"MOMENTS({name}) AS m"], axes=[axis], values=[name],
                                       where=self.where))
        return tuple(asked)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> TableOneReport:
        """Put the lines together."""
        axis = axis_of(directory, self.by)
        sizes = tuple(answers[0].counts("n")[(code,)] for code in axis.codes)
        hidden = [cell_words([axis.name], (label,)) for label, n in zip(axis.labels, sizes, strict=True) if n is None]
        if len(hidden) == len(sizes):
            raise CellsSuppressedError("the table", tuple(hidden))
        lines: list[Line] = []
        for variable, answer in zip(self.variables, answers[1:], strict=True):
            other = _value_axis(directory, variable)
            lines += (_number_lines(str(variable), axis, answer, hidden) if other is None
                      else _value_lines(axis, other, answer, hidden))
        return TableOneReport(
            title=f"characteristics by {axis.name}", evidence=evidence_of(answers), suppressed=tuple(hidden),
            notes=("a variable with a suppressed cell has no test",) if hidden else (), by=axis.name,
            groups=axis.labels, sizes=sizes, lines=tuple(lines),
        )


def _value_axis(directory: Directory, variable: str | Bins) -> Axis | None:
    """How to count a variable's values; None where it is a number to average."""
    column = None if isinstance(variable, Bins) else column_of(directory, variable)
    if isinstance(variable, Bins) or (column is not None and isinstance(column.kind, Category | Boolean)):
        return axis_of(directory, variable)
    return None


def _number_lines(variable: str, axis: Axis, answer: Answer, hidden: list[str]) -> list[Line]:
    cells = answer.moments("m")
    groups: list[Group] = []
    shown: list[tuple[float | int, float | None] | None] = []
    for code in axis.codes:
        matrix = cells[(code,)]
        if matrix is None:
            hidden.append(f"{variable}, {cell_words([axis.name], (axis.label(code),))}")
            shown.append(None)
            continue
        group = group_of(axis.label(code), matrix)
        groups.append(group)
        shown.append((float(group.mean), root(group.variance)))
    p = None
    if None not in shown:
        try:
            f, between, within = one_way_welch(groups)
            p = fisher_p(f, between, within)
        except DegreesOfFreedomError:
            p = None  # a constant group: there is nothing to test
    return [Line(variable, "", tuple(shown), p)]


def _value_lines(axis: Axis, other: Axis, answer: Answer, hidden: list[str]) -> list[Line]:
    cells = answer.counts("n")
    totals = [sum(cells[(code, value)] or 0 for value in other.codes) for code in axis.codes]
    missing = [cell_words([axis.name, other.name], (axis.label(c), other.label(v)))
               for c in axis.codes for v in other.codes if cells[(c, v)] is None]
    hidden += missing
    p = None
    if not missing and len(axis.codes) > 1 and len(other.codes) > 1:
        value, df, _ = pearson_chi_square([[cells[(c, v)] or 0 for v in other.codes] for c in axis.codes])
        p = chi_square_p(float(value), df)
    lines = []
    for place, value_code in enumerate(other.codes):
        shown: list[tuple[float | int, float | None] | None] = []
        for code, total in zip(axis.codes, totals, strict=True):
            n = cells[(code, value_code)]
            whole = all(cells[(code, v)] is not None for v in other.codes)
            shown.append(None if n is None else (n, n / total if whole else None))
        lines.append(Line(other.name, other.label(value_code), tuple(shown), p if place == 0 else None))
    return lines
