"""Errors of the analyst's language. Every public function of ``query`` raises one of these on bad input; nothing else
escapes. No message carries a value of a row.

    QueryError
    ├── SchemaInvalidError        a table's schema outside the language or its limits
    ├── PolicyInvalidError        a policy that cannot be read
    ├── DirectoryInvalidError     registered tables that do not fit together
    ├── ParameterInvalidError     a parameter that is not allowed, lacks or is not used
    ├── RowInvalidError           a record that does not fit its schema; row and column, never the value
    ├── PlacedError               has a position in the SQL text
    │   ├── SqlSyntaxError        text that is not SQL at all
    │   ├── SqlUnsupportedError   SQL outside the subset; names the construct
    │   ├── UnknownTableError     a table that is not in the directory
    │   ├── UnknownColumnError    a column that is not in its table
    │   ├── AmbiguousColumnError  a bare column name that stands in several tables
    │   ├── ColumnKindError       a column of a kind that the place does not allow
    │   ├── DuplicateNameError    two tables or two outputs of one name
    │   └── CohortMismatchError   tables whose rows are not aligned
    ├── BoundExceededError        a sum that could wrap, or a question beyond the limits of one proof
    │   └── QuestionTooLargeError which limit, and by how much
    ├── SumsInvalidError          sums that do not belong to the plan
    ├── PolicyRefusedError        a question the owner does not allow; `rule` names the clause
    └── AnalysisError             a statistic by name that cannot be asked or finished
        ├── AnalysisInvalidError      arguments that do not fit the tables or each other
        ├── CellsSuppressedError      a cell it needs was not released; `cells` says which
        ├── DegreesOfFreedomError     too few rows or cells for the model: saturated, or below the least
        ├── DesignSingularError       terms that depend on each other
        └── NotConvergedError         an iteration that did not settle, as with separated data
"""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """A place in the SQL text, both counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class QueryError(Exception):
    """Root of every error raised by ``query``."""


class SchemaInvalidError(QueryError):
    """A schema breaks a rule or limit."""


class PolicyInvalidError(QueryError):
    """A policy breaks a rule or cannot be read."""


class DirectoryInvalidError(QueryError):
    """A registered table's numbers are out of range, or two tables share a name."""


class ParameterInvalidError(QueryError):
    """A named parameter is not allowed, is missing, or is not used."""


class RowInvalidError(QueryError):
    """A record does not fit its schema.

    Args:
        row: number of the record, from 0.
        column: the schema's name of the column; None where the record as a whole is wrong.
        fault: what is wrong, without the value.
    """

    def __init__(self, row: int, column: str | None, fault: str) -> None:
        place = f"row {row}" if column is None else f"row {row}, column {column}"
        super().__init__(f"{place}: {fault}")
        self.row = row
        self.column = column
        self.fault = fault


class PlacedError(QueryError):
    """An error with a place in the SQL text.

    Args:
        message: what is wrong.
        position: where, or None where the parser does not say.
        hint: the nearest supported form, or empty.
    """

    def __init__(self, message: str, position: Position | None = None, hint: str = "") -> None:
        text = message if position is None else f"{message} at {position}"
        super().__init__(f"{text}: {hint}" if hint else text)
        self.position = position
        self.hint = hint


class SqlSyntaxError(PlacedError):
    """The text is not SQL."""


class SqlUnsupportedError(PlacedError):
    """A construct outside the supported subset.

    Args:
        construct: its name, e.g. ``"GROUP BY"``.
        position: where it stands.
        hint: the nearest supported form, or empty.
    """

    def __init__(self, construct: str, position: Position | None = None, hint: str = "") -> None:
        super().__init__(f"{construct} is not supported", position, hint)
        self.construct = construct


class UnknownTableError(PlacedError):
    """No such table in the directory."""


class UnknownColumnError(PlacedError):
    """No such column in its table, or a table name the question does not introduce."""


class AmbiguousColumnError(PlacedError):
    """A bare column name stands in several tables of a join."""


class ColumnKindError(PlacedError):
    """A column's kind does not fit where it stands."""


class DuplicateNameError(PlacedError):
    """Two tables or two outputs share a name."""


class CohortMismatchError(PlacedError):
    """Tables that are not aligned row by row, or are joined on something else than the cohort's key."""


class BoundExceededError(QueryError):
    """A sum's exact bound does not fit, or the question exceeds the limits of one proof."""


class QuestionTooLargeError(BoundExceededError):
    """The question needs more of something than one proof, or the ledger, takes: ask for less at a time.

    Args:
        limit: what there is too much of, in words.
        needed: how much the question needs.
        allowed: the most there may be.
        hint: how the question could become smaller, or empty.
    """

    def __init__(self, limit: str, needed: int, allowed: int, hint: str = "") -> None:
        tail = f" ({hint})" if hint else ""
        super().__init__(f"the question is too large for one proof: {needed} {limit}, at most {allowed}{tail}")
        self.limit, self.needed, self.allowed = limit, needed, allowed


class SumsInvalidError(QueryError):
    """Sums that cannot be the proved sums of this plan: wrong number, type, or outside their bound."""


class PolicyRefusedError(QueryError):
    """The owner's policy refuses the question.

    Args:
        rule: short public name of the clause, e.g. ``"role"``.
        table: the table whose policy decided.
        detail: the clause in words.
    """

    def __init__(self, rule: str, table: str, detail: str) -> None:
        super().__init__(f"the policy of {table} refuses: {detail} (rule {rule})")
        self.rule = rule
        self.table = table
        self.detail = detail


class AnalysisError(QueryError):
    """A statistic by name cannot be asked or finished."""


class AnalysisInvalidError(AnalysisError):
    """Arguments of an analysis do not fit the tables or each other."""


class CellsSuppressedError(AnalysisError):
    """A statistic needs cells that were not released.

    Args:
        what: the statistic.
        cells: the cells, in words; which of them are empty and which too small is not known.
    """

    def __init__(self, what: str, cells: tuple[str, ...]) -> None:
        shown = "; ".join(cells[:8]) + ("; ..." if len(cells) > 8 else "")
        super().__init__(f"{what} needs cells that were not released: {shown}")
        self.cells = cells


class DegreesOfFreedomError(AnalysisError):
    """A model leaves too few degrees of freedom, or is saturated."""


class DesignSingularError(AnalysisError):
    """Terms of a model depend on each other."""


class NotConvergedError(AnalysisError):
    """An iteration did not settle."""
