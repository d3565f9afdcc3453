"""Analyses over several owners' tables of the same columns, put below each other: rows split between owners.

Any analysis written for one of the tables is asked over a UNION ALL of all of them under that table's name. What asks
by group is refused, because GROUP BY over a UNION ALL is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from query.analyses.asking import Analysis, Answer
from query.analyses.report import Report
from query.directory import Directory
from query.errors import AnalysisInvalidError

R = TypeVar("R", bound=Report)


@dataclass(frozen=True, slots=True)
class Stacked(Generic[R]):
    """An analysis over stacked tables.

    Args:
        analysis: written for the first of the tables alone.
        tables: two or more of the same columns.
    """

    analysis: Analysis[R]
    tables: tuple[str, ...]

    def questions(self, directory: Directory) -> tuple[str, ...]:
        """The analysis's questions, over all tables.

        Raises:
            AnalysisInvalidError: a table does not exist or has other columns, or the analysis asks of several tables or
                by group.
        """
        if len(set(self.tables)) != len(self.tables) or len(self.tables) < 2:
            raise AnalysisInvalidError("two or more different tables are stacked")
        for name in self.tables:
            if name not in directory:
                raise AnalysisInvalidError(f"there is no table {name[:64]!r}")
        first = self.tables[0]
        if any(directory.table(name).schema.columns != directory.table(first).schema.columns for name in self.tables):
            raise AnalysisInvalidError("stacked tables have the same columns")
        members = " UNION ALL ".join(f"SELECT * FROM {name}" for name in self.tables)  # noqa: S608 - checked names
        asked = []
        for sql in self.analysis.questions(directory):
            lines = sql.splitlines()
            if lines[1] != f"FROM {first}":
                raise AnalysisInvalidError(f"the analysis asks of other tables than {first}")
            if lines[-1].startswith("GROUP BY "):
                raise AnalysisInvalidError("an analysis by group cannot be asked over stacked tables")
            asked.append("\n".join([lines[0], f"FROM ({members}) AS {first}", *lines[2:]]))
        return tuple(asked)

    def finish(self, directory: Directory, answers: Sequence[Answer]) -> R:
        """As the analysis."""
        return self.analysis.finish(directory, answers)
