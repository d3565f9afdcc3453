"""Writing the SQL of analyses: where columns come from, values to group by, and their labels.

Columns are written ``table.column``, as everywhere in the question; the join on the cohort's key follows from the
tables that are named. Every question has one guard per cell: rows where a value is null are left out by WHERE, and
cells are made by GROUP BY, so that no two released counts of a question differ by a few people.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from query.directory import Directory, RegisteredTable
from query.errors import AnalysisInvalidError
from query.kinds import Boolean, Category, stored_bound, stored_offset, stored_scale
from query.schema import ColumnSchema
from query.sums import Label

MAX_LABELS: Final = 128

Number = int | float | str | Decimal

_QUALIFIED = re.compile(r"(?<![\w.'\"])([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")
_PLAIN = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_TEXT = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Axis:
    """A value that rows are grouped by.

    Args:
        name: for people.
        sql: the text that stands in GROUP BY.
        codes: the labels of GROUP BY, in order.
        labels: what they are called.
        known: conditions under which it is not null.
    """

    name: str
    sql: str
    codes: tuple[Label, ...]
    labels: tuple[str, ...]
    known: tuple[str, ...] = ()

    def label(self, code: Label) -> str:
        """What a code is called."""
        return self.labels[self.codes.index(code)]


@dataclass(frozen=True, slots=True)
class Bins:
    """A number cut at edges: bin j holds the values with j edges at or below them.

    Args:
        value: ``table.column`` or an expression of one table.
        edges: strictly increasing, at least one.
    """

    value: str
    edges: tuple[Number, ...]


def tables_of(directory: Directory, texts: Iterable[str]) -> tuple[str, ...]:
    """The tables that some SQL names as ``table.column``, in order of appearance.

    Raises:
        AnalysisInvalidError: none is named, or one that is not registered.
    """
    found: dict[str, None] = {}
    for text in texts:
        for table, _ in _QUALIFIED.findall(_TEXT.sub("''", text)):
            if table not in directory:
                raise AnalysisInvalidError(f"there is no table {table[:64]!r}; write columns as table.column")
            found[table] = None
    if not found:
        raise AnalysisInvalidError("no table is named; write columns as table.column")
    return tuple(found)


def column_of(directory: Directory, name: str) -> ColumnSchema | None:
    """The column that a text is, or None where it is an expression.

    Raises:
        AnalysisInvalidError: it names a table or column that does not exist.
    """
    if not _PLAIN.fullmatch(name):
        return None
    table, column = name.split(".")
    if table not in directory:
        raise AnalysisInvalidError(f"there is no table {table[:64]!r}")
    found = directory.table(table).schema.column(column)
    if found is None:
        raise AnalysisInvalidError(f"there is no column {column[:64]!r} in {table}")
    return found


def require_number(directory: Directory, name: str) -> str:
    """A text that may stand for a number: no category.

    Raises:
        AnalysisInvalidError: it is a category, or does not exist.
    """
    column = column_of(directory, name)
    if column is not None and isinstance(column.kind, Category):
        raise AnalysisInvalidError(f"{name} is a category, no number")
    return name


def is_boolean(directory: Directory, name: str) -> bool:
    """Whether a text is a boolean column."""
    column = column_of(directory, name)
    return column is not None and isinstance(column.kind, Boolean)


def known_conditions(directory: Directory, texts: Iterable[str]) -> tuple[str, ...]:
    """``x IS NOT NULL`` for every nullable column in some SQL."""
    found: dict[str, None] = {}
    for text in texts:
        for table, name in _QUALIFIED.findall(_TEXT.sub("''", text)):
            column = directory.table(table).schema.column(name) if table in directory else None
            if column is not None and column.nullable:
                found[f"{table}.{name} IS NOT NULL"] = None
    return tuple(found)


def axis_of(directory: Directory, name: str | Bins) -> Axis:
    """How to group by a category, a boolean, a small integer, or bins of a number.

    Raises:
        AnalysisInvalidError: it has too many values, or is a number without bins.
    """
    if isinstance(name, Bins):
        return _binned(directory, name)
    column = column_of(directory, name)
    if column is None:
        raise AnalysisInvalidError(f"{name[:64]!r} is no column to group by; cut numbers into Bins")
    codes: tuple[Label, ...]
    match column.kind:
        case Category(names):
            codes = names
        case Boolean():
            codes = (False, True)
        case _:
            if stored_scale(column.kind) or stored_bound(column.kind) >= MAX_LABELS:
                raise AnalysisInvalidError(f"{name} has too many values to group by; cut it into Bins")
            first = stored_offset(column.kind)
            codes = tuple(range(first, first + stored_bound(column.kind) + 1))
    labels = tuple(str(code).lower() if isinstance(code, bool) else str(code) for code in codes)
    return Axis(name, name, codes, labels, known_conditions(directory, [name]))


def _binned(directory: Directory, bins: Bins) -> Axis:
    edges = [number_text(edge) for edge in bins.edges]
    if not edges or any(Decimal(a) >= Decimal(b) for a, b in itertools.pairwise(edges)):
        raise AnalysisInvalidError("the edges of bins increase, and there is at least one")
    require_number(directory, bins.value)
    steps = [f"(CASE WHEN {bins.value} >= {edge} THEN 1 ELSE 0 END)" for edge in edges]
    labels = [f"below {edges[0]}", *(f"{a} to below {b}" for a, b in itertools.pairwise(edges)),
              f"{edges[-1]} and above"]
    return Axis(bins.value, " + ".join(steps), tuple(range(len(edges) + 1)), tuple(labels),
                known_conditions(directory, [bins.value]))


def number_text(value: Number) -> str:
    """A number as SQL has it.

    Raises:
        AnalysisInvalidError: it is none.
    """
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (ArithmeticError, ValueError, TypeError) as fault:
        raise AnalysisInvalidError("an edge or weight is no number") from fault
    if not number.is_finite():
        raise AnalysisInvalidError("an edge or weight is no number")
    return f"{number:f}"


def literal(label: Label) -> str:
    """A label as SQL has it."""
    if isinstance(label, str):
        return "'" + label.replace("'", "''") + "'"
    return "NULL" if label is None else str(label).upper()


def equals(name: str, label: Label) -> str:
    """The condition that a column has a value."""
    if isinstance(label, bool):
        return name if label else f"NOT {name}"
    return f"{name} = {literal(label)}"


def statement(
    directory: Directory,
    outputs: Sequence[str],
    *,
    axes: Sequence[Axis] = (),
    values: Sequence[str] = (),
    where: str | None = None,
) -> str:
    """One question.

    Args:
        outputs: aggregates, each with AS.
        axes: what rows are grouped by.
        values: texts whose nullable columns have to be known.
        where: a condition of the analyst's, or None.

    Raises:
        AnalysisInvalidError: no table, an unknown one, or tables of different keys.
    """
    condition = [] if where is None else [f"({_checked_condition(where)})"]
    names = tables_of(directory, [*(axis.sql for axis in axes), *values, *outputs, *condition])
    known = [c for axis in axes for c in axis.known] + list(known_conditions(directory, values))
    conditions = list(dict.fromkeys(condition + known))
    keys = [f"{axis.sql} AS g{place}" for place, axis in enumerate(axes)]
    lines = [f"SELECT {', '.join([*keys, *outputs])}", f"FROM {_joined([directory.table(name) for name in names])}"]
    if conditions:
        lines.append(f"WHERE {' AND '.join(conditions)}")
    if axes:
        lines.append(f"GROUP BY {', '.join(axis.sql for axis in axes)}")
    return "\n".join(lines)


def _checked_condition(where: str) -> str:
    """A condition that stays within the parentheses it is put in.

    Raises:
        AnalysisInvalidError: it closes one that it did not open, or has a comment or a semicolon.
    """
    depth = 0
    text = _TEXT.sub("''", where)
    for sign in text:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            break
    if depth or any(mark in text for mark in ("--", "/*", ";", '"')):
        raise AnalysisInvalidError("a condition has its parentheses in pairs, no comment, semicolon or quoted name")
    return where


def _joined(tables: Sequence[RegisteredTable]) -> str:
    first = tables[0].schema
    text = first.name
    for table in tables[1:]:
        text += f" JOIN {table.schema.name} ON {first.name}.{first.key} = {table.schema.name}.{table.schema.key}"
    return text
