"""What an analysis asks and gets: plain SQL out, the proved sums of each question back.

An analysis is a small frozen object. `questions` writes SQL against the directory; `finish` turns the answers, in the
same order, into a report. Both are pure and deterministic, so anybody can repeat them from the proved sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from query.analyses.report import Evidence, Report
from query.directory import Directory
from query.errors import SumsInvalidError
from query.moments import MomentMatrix
from query.plan import Plan
from query.statistics import Result, Value, finish_plan, result_rows
from query.sums import Label

R_co = TypeVar("R_co", bound=Report, covariant=True)

Labels = tuple[Label, ...]

WHOLE: Final = "all rows (too few, or the count of a boolean among the values is too small or too close to another)"


@dataclass(frozen=True, slots=True)
class Answer:
    """The proved sums of one question.

    Args:
        plan: the question's meaning.
        sums: in the plan's order, None where not released.
        evidence: where the proof stands.
        ranks: order statistics, which are not proved; None where they are not known.
    """

    plan: Plan = field(repr=False)
    sums: tuple[int | None, ...]
    evidence: Evidence
    ranks: tuple[int | None, ...] | None = None

    def cells(self) -> list[tuple[Labels, dict[str, Result]]]:
        """For every cell its labels, in the order of GROUP BY, and its outputs by name."""
        results, width = finish_plan(self.plan, self.sums, self.ranks), len(self.plan.outputs)
        return [
            (cell, {result.name: result for result in results[place * width : (place + 1) * width]})
            for place, cell in enumerate(self.plan.cells)
        ]

    def rows(self) -> list[dict[str, Value | Label]]:
        """The result table; what was not released is None."""
        return list(result_rows(self.plan, finish_plan(self.plan, self.sums, self.ranks)))

    def only(self) -> dict[str, Result]:
        """The outputs of a question without groups, by name.

        Raises:
            SumsInvalidError: it has groups.
        """
        if self.plan.groups:
            raise SumsInvalidError("the question has a GROUP BY that the analysis did not write")
        return self.cells()[0][1]

    def counts(self, name: str) -> dict[Labels, int | None]:
        """A count by cell; None where not released, cells of null left out."""
        found: dict[Labels, int | None] = {}
        for labels, outputs in self.cells():
            if None not in labels:
                value = outputs[name].value
                if value is not None and not isinstance(value, int):
                    raise SumsInvalidError(f"{name} is no count")
                found[labels] = value
        return found

    def moments(self, name: str) -> dict[Labels, MomentMatrix | None]:
        """Moments by cell; None where not released, cells of null left out."""
        found: dict[Labels, MomentMatrix | None] = {}
        for labels, outputs in self.cells():
            if None not in labels:
                value = outputs[name].value
                if value is not None and not isinstance(value, MomentMatrix):
                    raise SumsInvalidError(f"{name} is no matrix of moments")
                found[labels] = value
        return found


class Analysis(Protocol[R_co]):
    """A statistic by name."""

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """The SQL it asks.

        Raises:
            QueryError: its arguments do not fit the tables.
        """
        ...

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> R_co:
        """Finish from the answers to `questions`, in order.

        Raises:
            AnalysisError: cells it needs are suppressed, or the data do not determine it.
        """
        ...


def evidence_of(answers: Sequence[Answer]) -> tuple[Evidence, ...]:
    """What a report rests on."""
    return tuple(answer.evidence for answer in answers)


def cell_words(names: Sequence[str], labels: Labels) -> str:
    """A cell in words."""
    parts = (f"{name} = {str(label).lower() if isinstance(label, bool) else label}"
             for name, label in zip(names, labels, strict=True))
    return ", ".join(parts) or WHOLE
