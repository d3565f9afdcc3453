"""Names of a question resolved against the directory: tables, join key, columns and their kinds."""

from __future__ import annotations

from dataclasses import dataclass

from query.aggregates import Statistic
from query.directory import Directory, RegisteredTable
from query.errors import (
    AmbiguousColumnError,
    CohortMismatchError,
    ColumnKindError,
    SqlUnsupportedError,
    UnknownColumnError,
    UnknownTableError,
)
from query.kinds import Boolean, Category
from query.schema import ColumnSchema
from query.sql import ColumnName, Question, TableName


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A logical column of table number `table` of the question."""

    table: int
    column: ColumnSchema


@dataclass(frozen=True, slots=True)
class BoundAggregate:
    """An output with its columns; COUNT(*) has none."""

    name: str
    statistic: Statistic
    arguments: tuple[BoundColumn, ...]


@dataclass(frozen=True, slots=True)
class BoundQuestion:
    """A question whose every name is resolved and whose columns fit where they stand."""

    tables: tuple[RegisteredTable, ...]
    aggregates: tuple[BoundAggregate, ...]
    where: tuple[BoundColumn, ...]


def bind_question(question: Question, directory: Directory) -> BoundQuestion:
    """Resolve a parsed question.

    Raises:
        UnknownTableError, UnknownColumnError, AmbiguousColumnError: a name does not resolve.
        ColumnKindError: a column of the wrong kind.
        CohortMismatchError: the tables are not aligned, or the join is not on their key.
        SqlUnsupportedError: a table is joined with itself, or a key is aggregated.
    """
    tables = tuple(_table(name, directory) for name in question.tables)
    names = _Names(question.tables, tables)
    if question.on is not None:
        _check_join(question, names, tables)
    where = tuple(names.column(name) for name in question.where)
    for name, bound in zip(question.where, where, strict=True):
        if not isinstance(bound.column.kind, Boolean):
            raise ColumnKindError(f"{name} is not boolean", name.position, "WHERE takes boolean columns joined by AND")
    aggregates = []
    for aggregate in question.aggregates:
        arguments = tuple(names.column(name) for name in aggregate.arguments)
        for name, bound in zip(aggregate.arguments, arguments, strict=True):
            if isinstance(bound.column.kind, Category) and aggregate.statistic is not Statistic.COUNT:
                hint = "its codes are names, not numbers; COUNT is allowed"
                raise ColumnKindError(f"{name} is a category", name.position, hint)
        aggregates.append(BoundAggregate(aggregate.name, aggregate.statistic, arguments))
    return BoundQuestion(tables, tuple(aggregates), where)


def _table(name: TableName, directory: Directory) -> RegisteredTable:
    if name.name not in directory:
        known = ", ".join(sorted(table.schema.name for table in directory)[:8])
        hint = f"there are {known}" if known else ""
        raise UnknownTableError(f"there is no table {name.name!r}", name.position, hint)
    return directory.table(name.name)


class _Names:
    def __init__(self, written: tuple[TableName, ...], tables: tuple[RegisteredTable, ...]) -> None:
        self._numbers = {table.alias: number for number, table in enumerate(written)}
        self._tables = tables

    def candidates(self, name: ColumnName) -> list[int]:
        """Numbers of the tables a name may mean."""
        if name.qualifier is None:
            return list(range(len(self._tables)))
        if name.qualifier not in self._numbers:
            raise UnknownColumnError(f"the question has no table or alias {name.qualifier!r}", name.position)
        return [self._numbers[name.qualifier]]

    def column(self, name: ColumnName) -> BoundColumn:
        """The logical column a name means."""
        candidates = self.candidates(name)
        found = [BoundColumn(number, column) for number in candidates
                 if (column := self._tables[number].schema.column(name.name)) is not None]
        if len(found) > 1:
            raise AmbiguousColumnError(f"{name} stands in both tables", name.position, "write table.column")
        if found:
            return found[0]
        if any(self._tables[number].schema.key == name.name for number in candidates):
            hint = "keys are not committed; use COUNT(*)"
            raise SqlUnsupportedError(f"the key {name} outside ON", name.position, hint)
        places = " or ".join(self._tables[number].schema.name for number in candidates)
        raise UnknownColumnError(f"there is no column {name.name!r} in {places}", name.position)


def _check_join(question: Question, names: _Names, tables: tuple[RegisteredTable, ...]) -> None:
    left, right = tables
    place = question.tables[1].position
    if left.dataset == right.dataset:
        raise SqlUnsupportedError("a table joined with itself", place)
    if left.schema.cohort != right.schema.cohort:
        raise CohortMismatchError("the tables belong to different cohorts", place, "align them into one cohort first")
    if left.log_rows != right.log_rows:
        raise CohortMismatchError("the tables are laid out over different numbers of rows", place,
                                  "register both in the cohort's current row order")
    seen: set[int] = set()
    for name in question.on or ():
        keys = [number for number in names.candidates(name) if tables[number].schema.key == name.name]
        if len(keys) > 1:
            raise AmbiguousColumnError(f"{name} stands in both tables", name.position, "write table.column")
        if not keys:
            sides = (f"{w.alias}.{table.schema.key}" for w, table in zip(question.tables, tables, strict=True))
            raise CohortMismatchError(f"{name} is not the cohort key", name.position, f"write ON {' = '.join(sides)}")
        seen.update(keys)
    if len(seen) != len(tables):
        raise CohortMismatchError("the join names one table twice", question.on[0].position if question.on else None,
                                  "compare the key of one table with the key of the other")
