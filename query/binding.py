"""Names of a question resolved against the directory: tables, join key, columns and their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from query.aggregates import Statistic
from query.directory import Directory, RegisteredTable
from query.errors import (
    AmbiguousColumnError,
    CohortMismatchError,
    ColumnKindError,
    DuplicateNameError,
    Position,
    SqlUnsupportedError,
    UnknownColumnError,
    UnknownTableError,
)
from query.expressions import (
    Arithmetic,
    Bucket,
    Case,
    ColumnName,
    Condition,
    Expression,
    Junction,
    Negation,
    all_names,
    text_of,
)
from query.kinds import Category, ScaledDecimal
from query.ranked_questions import check_ranked, check_ranked_argument
from query.schema import ColumnSchema
from query.sources import TableName
from query.sql import Aggregate, KeyOutput, Question
from zk.relation import MAX_GROUPS


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A logical column of table number `table` of the question."""

    table: int
    column: ColumnSchema


@dataclass(frozen=True, slots=True)
class BoundExpression:
    """A value computed from the columns of table number `table`; of several, the first is."""

    table: int
    expression: Expression


@dataclass(frozen=True, slots=True)
class BoundPerson:
    """The key of table number `table`, which has one row for each person."""

    table: int


Argument = BoundColumn | BoundExpression
AggregateArgument = Argument | BoundPerson


@dataclass(frozen=True, slots=True)
class BoundAggregate:
    """An output with its arguments; COUNT(*) has none. `bins` are of statistics per bin, with the quantile, if any;
    `quantile` is p of QUANTILE, and `position` where an order statistic stands.
    `persons` says that persons count once, in however many tables of a UNION ALL they are."""

    name: str
    statistic: Statistic
    arguments: tuple[AggregateArgument, ...]
    bins: tuple[Bucket, Decimal | None] | None = None
    persons: bool = False
    quantile: Decimal | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class BoundKey:
    """A value of GROUP BY among the outputs: its number in GROUP BY and its place among the outputs."""

    name: str
    group: int
    place: int


@dataclass(frozen=True, slots=True)
class BoundQuestion:
    """A question whose every name is resolved.

    Args:
        tables: the tables.
        aggregates: the aggregates in order.
        where: for each table the conditions that must all hold, in order.
        joint: conditions of WHERE over several tables, each of whose parts concerns one table; they must hold, too.
        groups: the columns and values of GROUP BY, of at most two tables.
        keys: those among the outputs.
        columns: what every name means; over a UNION ALL, in its first table.
        optional: for each table whether it stands on the right of a LEFT JOIN.
        union: whether the rows are those of all tables, one after another.
    """

    tables: tuple[RegisteredTable, ...]
    aggregates: tuple[BoundAggregate, ...]
    where: tuple[tuple[Condition, ...], ...]
    joint: tuple[Condition, ...]
    groups: tuple[Argument, ...]
    keys: tuple[BoundKey, ...]
    columns: Mapping[ColumnName, BoundColumn]
    optional: tuple[bool, ...]
    union: bool


MAX_PERSON_TABLES: Final = 3

_CONSTRUCTS = {Arithmetic: "arithmetic", Case: "CASE", Bucket: "WIDTH_BUCKET"}


def bind_question(question: Question, directory: Directory) -> BoundQuestion:
    """Resolve a parsed question.

    Raises:
        UnknownTableError, UnknownColumnError, AmbiguousColumnError: a name does not resolve.
        ColumnKindError: a column of the wrong kind.
        CohortMismatchError: the tables are not aligned, or the join is not on their key.
        SqlUnsupportedError: a table is joined with itself, a key is aggregated, or a value or condition mixes tables.
    """
    tables = tuple(_table(name, directory) for name in question.tables)
    names = _Names(question.tables, tables)
    for number in range(1, len(tables)):
        if question.union:
            _check_member(question, tables, number)
        else:
            _check_join(question, names, tables, number)
    if question.union:
        _check_room(question, tables)
    where: list[list[Condition]] = [[] for _ in tables]
    joint: list[Condition] = []
    for condition in _conjuncts(question.where):
        if names.concerns_one_table(condition):
            for place in range(len(tables)) if question.union else (names.only_table(condition),):
                where[place].append(condition)
        else:
            joint.append(condition)
    aggregates = []
    for aggregate in question.aggregates:
        arguments = tuple(_argument(question, names, aggregate, argument) for argument in aggregate.arguments)
        bins = None if aggregate.bins is None else (aggregate.bins, aggregate.quantile)
        persons = question.union and aggregate.distinct
        aggregates.append(BoundAggregate(aggregate.name, aggregate.statistic, arguments, bins, persons,
                                         aggregate.quantile, aggregate.position))
    check_ranked(question)
    groups = _groups(question, names)
    if joint and len({group.table for group in groups}) > 1:
        raise SqlUnsupportedError("grouping by two tables' columns under a condition over two tables",
                                  question.groups[1].position, "group by columns of one table")
    if len({group.table for group in groups}) > 1:
        for value in (value for aggregate in question.aggregates for value in aggregate.arguments):
            if len({names.column(name).table for name in all_names(value) if not isinstance(value, ColumnName)}) > 1:
                raise SqlUnsupportedError("a value over two tables in groups of two tables", value.position,
                                          "group by columns of one table")
    keys = []
    for place, output in enumerate(question.outputs):
        if isinstance(output, KeyOutput):
            written = [names.text(group) for group in question.groups]
            if names.text(output.value) not in written:
                construct = f"{text_of(output.value, str)}, neither grouped nor aggregated,"
                raise SqlUnsupportedError(construct, output.position, "add it to GROUP BY")
            keys.append(BoundKey(output.name, written.index(names.text(output.value)), place))
    conditions = tuple(map(tuple, where))
    return BoundQuestion(tables, tuple(aggregates), conditions, tuple(joint), groups, tuple(keys), names.found,
                         question.optional, question.union)


def _conjuncts(condition: Condition | None) -> list[Condition]:
    """The conditions that the top-level ANDs join."""
    match condition:
        case None:
            return []
        case Junction(operator="AND", operands=operands):
            return [inner for operand in operands for inner in _conjuncts(operand)]
        case _:
            return [condition]


def _argument(question: Question, names: _Names, aggregate: Aggregate, argument: Expression) -> AggregateArgument:
    statistic = aggregate.statistic
    if statistic is Statistic.COUNT and isinstance(argument, ColumnName):
        table = names.key_table(argument)
        if table is not None and aggregate.distinct and question.union:
            names.check_persons(argument)
        if table is not None:
            return BoundPerson(table)
    if aggregate.distinct:
        hint = "COUNT(DISTINCT key) counts persons; for other columns GROUP BY the column"
        raise SqlUnsupportedError("COUNT(DISTINCT) of other than a key", argument.position, hint)
    if not isinstance(argument, ColumnName):
        check_ranked_argument(statistic, argument, None)
        return BoundExpression(names.first_table(argument), argument)
    bound = names.column(argument)
    check_ranked_argument(statistic, argument, bound.column.kind)
    if isinstance(bound.column.kind, Category) and statistic is not Statistic.COUNT:
        hint = "its codes are names, not numbers; COUNT is allowed"
        raise ColumnKindError(f"{argument} is a category", argument.position, hint)
    return bound


def _groups(question: Question, names: _Names) -> tuple[Argument, ...]:
    found: list[Argument] = []
    seen: set[str] = set()
    if question.union and question.groups:
        hint = "ask for one group at a time by WHERE, or for SUM(CASE WHEN … THEN 1 ELSE 0 END) of each"
        raise SqlUnsupportedError("GROUP BY over a UNION ALL", question.groups[0].position, hint)
    for group in question.groups:
        bound: Argument
        if isinstance(group, ColumnName):
            bound = names.column(group)
            if isinstance(bound.column.kind, ScaledDecimal):
                hint = "GROUP BY takes categories, booleans and small integers"
                raise ColumnKindError(f"{group} is a decimal", group.position, hint)
        else:
            bound = BoundExpression(names.only_table(group), group)
        if names.text(group) in seen:
            raise DuplicateNameError("GROUP BY names a value twice", group.position)
        seen.add(names.text(group))
        found.append(bound)
    tables = {bound.table for bound in found}
    if len(tables) > MAX_GROUPS:
        raise SqlUnsupportedError(f"grouping by columns of {len(tables)} tables", question.groups[-1].position,
                                  f"group by columns of at most {MAX_GROUPS}")
    if len(tables) > 1 and len(question.tables) > MAX_GROUPS:
        raise SqlUnsupportedError("grouping by two tables' columns in a join of three", question.groups[1].position,
                                  "group by columns of one table, or join two tables")
    return tuple(found)


def _table(name: TableName, directory: Directory) -> RegisteredTable:
    if name.name not in directory:
        known = ", ".join(sorted(table.schema.name for table in directory)[:8])
        hint = f"there are {known}" if known else ""
        raise UnknownTableError(f"there is no table {name.name!r}", name.position, hint)
    return directory.table(name.name)


class _Names:
    def __init__(self, written: tuple[TableName, ...], tables: tuple[RegisteredTable, ...]) -> None:
        # over a UNION ALL, whose members have one alias, a name means a column of the first
        self._numbers = {table.alias: number for number, table in reversed([*enumerate(written)])}
        self._tables = tables
        self.found: dict[ColumnName, BoundColumn] = {}

    def check_persons(self, key: ColumnName) -> None:
        """Check that persons can be counted once over the tables of a UNION ALL."""
        count = len(self._tables)
        if count > MAX_PERSON_TABLES:
            raise SqlUnsupportedError(f"COUNT(DISTINCT) over a UNION ALL of {count} tables", key.position,
                                      f"at most {MAX_PERSON_TABLES} tables")
        if len({table.schema.cohort for table in self._tables}) > 1:
            raise CohortMismatchError("persons are counted once only among tables of one cohort", key.position,
                                      "align the tables into one cohort; COUNT(*) counts rows")

    def concerns_one_table(self, condition: Condition) -> bool:
        """Whether a condition names columns of at most one table; if not, each of its parts must."""
        if len({self.column(name).table for name in all_names(condition)}) <= 1:
            return True
        match condition:
            case Junction(operands=operands):
                for operand in operands:
                    self.concerns_one_table(operand)
            case Negation(operand=operand):
                self.concerns_one_table(operand)
            case _:
                self.only_table(condition)
        return False

    def first_table(self, node: Expression) -> int:
        """The first table whose columns a value names; + - and * may join values of several."""
        tables = {self.column(name).table for name in all_names(node)}
        if len(tables) > 1 and isinstance(node, Arithmetic):
            return min(self.first_table(node.left), self.first_table(node.right))
        return self.only_table(node)

    def only_table(self, node: Condition | Expression) -> int:
        """The one table whose columns a value or condition names; the first where it names none."""
        tables = {self.column(name).table for name in all_names(node)}
        if len(tables) > 1:
            if isinstance(node, Arithmetic | Case | Bucket):
                construct = f"{_CONSTRUCTS[type(node)]} over two tables"
                hint = "aggregate the columns of each table by themselves"
                if isinstance(node, Case):
                    hint = "multiply the value of one table by CASE WHEN … THEN 1 ELSE 0 END of the other"
                raise SqlUnsupportedError(construct, node.position, hint)
            hint = "compare columns of one table; join conditions of several tables by AND, OR, NOT"
            raise SqlUnsupportedError("a comparison over two tables", node.position, hint)
        return tables.pop() if tables else 0

    def candidates(self, name: ColumnName) -> list[int]:
        """Numbers of the tables a name may mean."""
        if name.qualifier is None:
            return sorted(self._numbers.values())
        if name.qualifier not in self._numbers:
            raise UnknownColumnError(f"the question has no table or alias {name.qualifier!r}", name.position)
        return [self._numbers[name.qualifier]]

    def key_table(self, name: ColumnName) -> int | None:
        """The table whose key a name means; None where it is a column, or means nothing."""
        candidates = self.candidates(name)
        if any(self._tables[number].schema.column(name.name) is not None for number in candidates):
            return None
        found = [number for number in candidates if self._tables[number].schema.key == name.name]
        if len(found) > 1:
            raise AmbiguousColumnError(f"{name} stands in several tables", name.position, "write table.column")
        return found[0] if found else None

    def column(self, name: ColumnName) -> BoundColumn:
        """The logical column a name means."""
        if name not in self.found:
            self.found[name] = self._resolve(name)
        return self.found[name]

    def text(self, node: Expression) -> str:
        """Canonical text with full names."""

        def full_name(name: ColumnName) -> str:
            bound = self.column(name)
            return f"{self._tables[bound.table].schema.name}.{bound.column.name}"

        return text_of(node, full_name)

    def _resolve(self, name: ColumnName) -> BoundColumn:
        candidates = self.candidates(name)
        found = [BoundColumn(number, column) for number in candidates
                 if (column := self._tables[number].schema.column(name.name)) is not None]
        if len(found) > 1:
            raise AmbiguousColumnError(f"{name} stands in several tables", name.position, "write table.column")
        if found:
            return found[0]
        if any(self._tables[number].schema.key == name.name for number in candidates):
            hint = "keys are not committed; COUNT(key) counts rows"
            raise SqlUnsupportedError(f"the key {name} outside ON and COUNT", name.position, hint)
        places = " or ".join(self._tables[number].schema.name for number in candidates)
        raise UnknownColumnError(f"there is no column {name.name!r} in {places}", name.position)


def _check_member(question: Question, tables: tuple[RegisteredTable, ...], number: int) -> None:
    """Check table `number` of a UNION ALL against the first."""
    first, table, place = tables[0], tables[number], question.tables[number].position
    if any(other.dataset == table.dataset for other in tables[:number]):
        raise SqlUnsupportedError("a table twice in a UNION ALL", place)
    if table.log_rows != first.log_rows:
        raise CohortMismatchError("the tables are laid out over different numbers of rows", place,
                                  "register both padded to the same number of rows")
    ours, theirs = ({column.name: column.kind for column in t.schema.columns} for t in (first, table))
    for name in ours | theirs:
        if ours.get(name) != theirs.get(name):
            hint = f"{name} differs; tables of a UNION ALL have the same columns with the same kinds and bounds"
            raise ColumnKindError(f"{table.schema.name} has another schema than {first.schema.name}", place, hint)


def _check_room(question: Question, tables: tuple[RegisteredTable, ...]) -> None:
    """A count over all members is a guard, and guards are at most N (docs/protocol.md §2)."""
    total, rows = sum(table.rows for table in tables), 1 << tables[0].log_rows
    if total > rows:
        raise CohortMismatchError(f"the tables have {total} rows together, more than the {rows} they are laid out over",
                                  question.tables[0].position, "register them padded to at least as many rows")


def _check_join(question: Question, names: _Names, tables: tuple[RegisteredTable, ...], number: int) -> None:
    """Check table `number` and its ON against the tables before it."""
    table, place, sides = tables[number], question.tables[number].position, question.on[number - 1]
    for other in tables[:number]:
        if other.dataset == table.dataset:
            raise SqlUnsupportedError("a table joined with itself", place)
        if other.schema.cohort != table.schema.cohort:
            hint = "align them into one cohort first"
            raise CohortMismatchError("the tables belong to different cohorts", place, hint)
        if other.log_rows != table.log_rows:
            raise CohortMismatchError("the tables are laid out over different numbers of rows", place,
                                      "register both in the cohort's current row order")
    seen: set[int] = set()
    for name in sides:
        keys = [k for k in names.candidates(name) if k <= number and tables[k].schema.key == name.name]
        if any(question.optional[k] for k in keys if k < number):
            raise SqlUnsupportedError("a join on the key of a table that is itself left-joined", name.position,
                                      "compare with the key of the first table")
        if len(keys) > 1:
            raise AmbiguousColumnError(f"{name} stands in several tables", name.position, "write table.column")
        if not keys:
            shown = (f"{question.tables[k].alias}.{tables[k].schema.key}" for k in (number - 1, number))
            raise CohortMismatchError(f"{name} is not the cohort key", name.position, f"write ON {' = '.join(shown)}")
        seen.update(keys)
    if number not in seen or len(seen) != len(sides):
        raise CohortMismatchError("the join names one table twice, or not the table it joins", sides[0].position,
                                  "compare the key of this table with the key of one before it")
