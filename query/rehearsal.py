"""Answers in the clear, over rows one may see: generated ones that fit the schemas, or one's own. They prove nothing
and are labelled MOCK wherever they appear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import numpy as np

from query.analyses.asking import Analysis, Answer
from query.analyses.report import Evidence, Report
from query.clear import Columns, evaluate_in_clear, released_in_clear
from query.directory import Directory, RegisteredTable
from query.errors import SchemaInvalidError
from query.kinds import Category
from query.plan import compile_question
from query.policy import DEFAULT_MINIMUM_GROUP, Policy
from query.rank_inputs import ranks_in_clear
from query.registration import minimum_log_rows
from query.schema import KNOWN_SUFFIX, PRESENT, TableSchema, physical_columns
from zk.relation import MAX_LOG_ROWS

PRESENT_SHARE: Final = 0.95
KNOWN_SHARE: Final = 0.9

R = TypeVar("R", bound=Report)


class Rehearsal:
    """Questions and analyses, answered in the clear under the first rules of disclosure.

    Args:
        directory: the tables' meaning.
        tables: by table name, physical columns as `query.rows.encode_rows` makes them.
    """

    def __init__(self, directory: Directory, tables: Mapping[str, Columns]) -> None:
        self.directory = directory
        self._tables = tables

    def columns(self, table: str) -> Columns:
        """The physical columns of a table, by name."""
        return self._tables[table]

    def answer(self, sql: str) -> Answer:
        """Compile and evaluate a question; sums of small or close groups are left out as they would be.

        Raises:
            QueryError: it cannot be asked.
        """
        plan = compile_question(sql, self.directory)
        sums = released_in_clear(plan, evaluate_in_clear(plan, self._tables))
        ranks = None if plan.ranks is None else ranks_in_clear(plan.ranks, self._tables)
        return Answer(plan, sums, Evidence(sql, "", "", True), ranks)

    def run(self, analysis: Analysis[R]) -> R:
        """Ask and finish an analysis.

        Raises:
            QueryError: it cannot be asked or finished.
        """
        answers = [self.answer(sql) for sql in analysis.questions(self.directory)]
        return analysis.finish(self.directory, answers)


def mock_rehearsal(
    schemas: Iterable[TableSchema], rows: int = 10_000, seed: int = 0, minimum_group: int = DEFAULT_MINIMUM_GROUP
) -> Rehearsal:
    """A rehearsal over generated rows: uniform within every column's bounds, some absent, some null, independent.

    Args:
        schemas: the tables; those of one cohort are about the same generated people.
        rows: size of the cohort, at most 2^24.
        seed: the same seed and schemas give the same rows.
        minimum_group: smallest count that is let out.

    Raises:
        SchemaInvalidError: rows are out of range, or two tables share a name.
    """
    listed = list(schemas)
    if not listed:
        raise SchemaInvalidError("a dry run needs a schema")
    if not 1 <= rows <= 1 << MAX_LOG_ROWS:
        raise SchemaInvalidError(f"a dry run has 1 to {1 << MAX_LOG_ROWS} rows")
    stacked = max(Counter(schema.columns for schema in listed).values())  # a UNION ALL of them has to fit the rows
    log_rows = max((rows * stacked - 1).bit_length(), *(minimum_log_rows(schema) for schema in listed))
    if log_rows > MAX_LOG_ROWS:
        raise SchemaInvalidError(f"{stacked} alike tables of {rows} rows exceed {1 << MAX_LOG_ROWS} together")
    tables: dict[str, Columns] = {}
    registered = []
    for number, schema in enumerate(listed, start=1):
        draw = np.random.Generator(np.random.PCG64([seed, number]))
        tables[schema.name] = mock_columns(schema, rows, log_rows, draw)
        present = int(tables[schema.name][PRESENT].sum())
        registered.append(RegisteredTable(schema, number, 1, log_rows, present, minimum_group,
                                          Policy(minimum_group=minimum_group)))
    return Rehearsal(Directory(registered), tables)


def mock_columns(schema: TableSchema, rows: int, log_rows: int, draw: np.random.Generator) -> Columns:
    """Physical columns of generated rows that satisfy everything registration proves.

    Args:
        schema: the table.
        rows: rows of people; the rest of 2^log_rows is padding.
        log_rows: log2 of the number of rows.
        draw: where values come from.
    """
    n = 1 << log_rows
    present = np.zeros(n, np.int64)
    present[:rows] = draw.random(rows) < PRESENT_SHARE
    found = {PRESENT: present}
    kinds = {column.name: column for column in schema.columns}
    for column in physical_columns(schema)[1:]:
        if column.name.endswith(KNOWN_SUFFIX) and column.logical != column.name:
            continue
        logical = kinds[column.name]
        there = present
        if logical.nullable:
            there = present * (draw.random(n) < KNOWN_SHARE)
            found[column.name + KNOWN_SUFFIX] = there
        least = 1 if isinstance(logical.kind, Category) else 0
        found[column.name] = draw.integers(least, column.bound, n, np.int64, endpoint=True) * there
    return found
