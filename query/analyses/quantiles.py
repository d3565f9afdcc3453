"""Order statistics of numbers: smallest and largest value, median, and any quantiles. No proof covers them.

Sums: COUNT(x), which is proved; the values come from the parties' computation on shares (ADR 0025) and are labelled.
Every owner's policy has to name MIN, MAX, MEDIAN and QUANTILE, as far as they are asked for.

Source: the quantile is the smallest value that at least p·n values do not exceed, type 1 of R. Hyndman and Y. Fan,
The American Statistician 50 (1996); the median is the mean of the two middle values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from query.analyses.asking import Answer, evidence_of
from query.analyses.report import Report, Shown, Table, named
from query.analyses.writing import Number, number_text, require_number, statement
from query.directory import Directory
from query.errors import AnalysisInvalidError, CellsSuppressedError
from query.unproved import Unproved

_NAMED = {Decimal(0): "MIN({})", Decimal("0.5"): "MEDIAN({})", Decimal(1): "MAX({})"}


@dataclass(frozen=True, slots=True)
class Ranked:
    """Quantiles of a variable.

    Args:
        name: the variable.
        n: rows where it is known, proved.
        values: one for each point, UNPROVED.
    """

    name: str
    n: int
    values: tuple[Unproved, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantilesReport(Report):
    """Quantiles of some variables.

    Args:
        points: the p of each value, as text.
        variables: those that were released.
    """

    points: tuple[str, ...]
    variables: tuple[Ranked, ...]

    def variable(self, name: str) -> Ranked:
        """The quantiles of a variable.

        Raises:
            KeyError: there is none of that name.
        """
        return named(self.variables, name)

    def tables(self) -> tuple[Table, ...]:
        """One row for each variable."""
        rows: tuple[tuple[Shown, ...], ...] = tuple((v.name, v.n, *v.values) for v in self.variables)
        return (Table("quantiles", ("", "n", *self.points), rows),)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Quantiles of columns, each over the rows where it is known.

    Args:
        variables: columns that are numbers, ``table.column``.
        points: numbers from 0 (the smallest value) over 0.5 (the median) to 1 (the largest), at most eight.
        where: a condition, or None.
    """

    variables: tuple[str, ...]
    points: tuple[Number, ...] = ("0", "0.25", "0.5", "0.75", "1")
    where: str | None = None

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """One question for each variable."""
        points = [Decimal(number_text(point)) for point in self.points]
        if not self.variables or len(set(self.variables)) != len(self.variables) or not points:
            raise AnalysisInvalidError("quantiles are of one or more variables, each once, at one or more points")
        if len(set(points)) != len(points):
            raise AnalysisInvalidError("every point is asked for once")
        asked = []
        for name in self.variables:
            require_number(directory, name)
            outputs = [f"{_NAMED.get(p, f'QUANTILE({{}}, {p:f})').format(name)} AS q{place}"
                       for place, p in enumerate(points)]
            asked.append(statement(directory, [f"COUNT({name}) AS n", *outputs], values=[name], where=self.where))
        return tuple(asked)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> QuantilesReport:
        """Put the values beside one another, with their label."""
        found, hidden = [], []
        for name, answer in zip(self.variables, answers, strict=True):
            outputs = answer.only()
            count = outputs["n"].value
            values = [outputs[f"q{place}"].value for place in range(len(self.points))]
            known = tuple(value for value in values if isinstance(value, Unproved) and value.value is not None)
            if isinstance(count, int) and len(known) == len(values):
                found.append(Ranked(name, count, known))
            else:
                hidden.append(name)
        if not found:
            raise CellsSuppressedError("the quantiles", tuple(hidden))
        note = "UNPROVED: the parties computed the quantiles on shares; the proofs cover the counts n alone"
        points = tuple(map(number_text, self.points))
        return QuantilesReport(title="quantiles", evidence=evidence_of(answers), suppressed=tuple(hidden),
                               notes=(note,), points=points, variables=tuple(found))
