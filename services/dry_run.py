"""The client's questions and statistics on generated rows: to develop an analysis without touching anybody's data.

Nothing is proposed, proved or sent. Results carry the label MOCK; they have the shape of real ones, small and close
groups are left out by the same first rules, and no number means anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from query.analyses.asking import Analysis, Answer
from query.analyses.report import Report
from query.directory import Directory
from query.errors import SchemaInvalidError
from query.explain import explain_plan
from query.parameters import question_text
from query.plan import Plan, compile_question
from query.policy import DEFAULT_MINIMUM_GROUP
from query.rehearsal import mock_rehearsal
from query.schema import TableSchema, parse_schema
from services.by_name import DEFAULT_PURPOSE, StatisticsByName

R = TypeVar("R", bound=Report)
Parameters = Mapping[str, object]


class DryRun(StatisticsByName):
    """Questions on generated rows.

    Args:
        schemas: tables, or paths of their JSON files.
        rows: size of the generated cohort.
        seed: the same seed and schemas give the same rows.
        minimum_group: smallest count that is let out.

    Raises:
        SchemaInvalidError: a schema cannot be read or used.
    """

    def __init__(
        self,
        schemas: Iterable[TableSchema | Path | str],
        *,
        rows: int = 10_000,
        seed: int = 0,
        minimum_group: int = DEFAULT_MINIMUM_GROUP,
    ) -> None:
        self._rehearsal = mock_rehearsal(map(_schema, schemas), rows, seed, minimum_group)

    @property
    def directory(self) -> Directory:
        """The generated tables."""
        return self._rehearsal.directory

    def compile(self, sql: str, parameters: Parameters | None = None) -> Plan:
        """Compile a question, as `Tallystick.compile`.

        Raises:
            QueryError: it cannot be asked.
        """
        return compile_question(question_text(sql, parameters), self.directory)

    def explain(self, sql: str, parameters: Parameters | None = None) -> str:
        """Say what a question would compute and disclose; raises as `compile`."""
        return explain_plan(self.compile(sql, parameters))

    def query(self, sql: str, parameters: Parameters | None = None, *, purpose: str = DEFAULT_PURPOSE) -> Answer:
        """Answer a question on the generated rows, as `Tallystick.query`; raises as `compile`."""
        return self._rehearsal.answer(question_text(sql, parameters))

    def analyse(self, analysis: Analysis[R], *, purpose: str = DEFAULT_PURPOSE) -> R:
        """Run an analysis on the generated rows.

        Raises:
            QueryError: it cannot be asked or finished.
        """
        return self._rehearsal.run(analysis)


def _schema(given: TableSchema | Path | str) -> TableSchema:
    if isinstance(given, TableSchema):
        return given
    try:
        return parse_schema(Path(given).read_bytes())
    except OSError as fault:
        raise SchemaInvalidError(f"the schema file {given} cannot be read") from fault
