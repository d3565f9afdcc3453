"""The accepted subset of SQL, parsed by sqlglot's PostgreSQL dialect.

    SELECT aggregate [[AS] name], ...
    FROM table [[AS] a] [[INNER] JOIN table [[AS] b] ON a.key = b.key]
    [WHERE column AND column ...] [;]

    aggregate: COUNT(*), COUNT(x), SUM(x), AVG(x), VAR_POP(x), VAR_SAMP(x) (also VARIANCE), STDDEV_POP(x),
               STDDEV_SAMP(x) (also STDDEV), COVAR_POP(x, y), COVAR_SAMP(x, y), CORR(x, y)

Names without quotes are folded to lower case; names in double quotes are taken as they are. Comments are skipped.
Everything else is refused by name: nodes are accepted one by one, so what is not listed here cannot get through.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from query.aggregates import Statistic
from query.errors import DuplicateNameError, Position, SqlSyntaxError, SqlUnsupportedError
from query.tokens import check_tokens, position_of

DIALECT: Final = "postgres"
MAX_NAME: Final = 64

_STATISTICS: Final[dict[type[exp.Expr], Statistic]] = {
    exp.Count: Statistic.COUNT, exp.Sum: Statistic.SUM, exp.Avg: Statistic.AVG,
    exp.VariancePop: Statistic.VAR_POP, exp.Variance: Statistic.VAR_SAMP,
    exp.StddevPop: Statistic.STDDEV_POP, exp.StddevSamp: Statistic.STDDEV_SAMP, exp.Stddev: Statistic.STDDEV_SAMP,
    exp.CovarPop: Statistic.COVAR_POP, exp.CovarSamp: Statistic.COVAR_SAMP, exp.Corr: Statistic.CORR,
}
_PARTS: Final = {
    "db": "a name qualified with a schema", "catalog": "a name qualified with a schema",
    "columns": "an alias with columns", "expressions": "more than one argument",
}
_LIST: Final = ", ".join(Statistic)


@dataclass(frozen=True, slots=True)
class ColumnName:
    """A column as the question writes it."""

    name: str
    qualifier: str | None
    position: Position | None

    def __str__(self) -> str:
        return self.name if self.qualifier is None else f"{self.qualifier}.{self.name}"


@dataclass(frozen=True, slots=True)
class TableName:
    """A table as the question writes it; `alias` is the name its columns are qualified with."""

    name: str
    alias: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One output; COUNT(*) has no arguments."""

    statistic: Statistic
    arguments: tuple[ColumnName, ...]
    name: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class Question:
    """A parsed question; names are not resolved yet.

    Args:
        aggregates: the outputs, at least one, with different names.
        tables: one or two tables.
        on: the two sides of the join condition, where there are two tables.
        where: boolean columns that must all hold.
    """

    aggregates: tuple[Aggregate, ...]
    tables: tuple[TableName, ...]
    on: tuple[ColumnName, ColumnName] | None
    where: tuple[ColumnName, ...]


def parse_question(sql: str) -> Question:
    """Parse a question.

    Args:
        sql: public text of at most 16 KiB.

    Raises:
        SqlSyntaxError: the text is not SQL.
        SqlUnsupportedError: it has a construct outside the subset.
        DuplicateNameError: two outputs or two tables share a name.
    """
    check_tokens(sql)
    return _Reader(sql).question(_parse(sql))


def _parse(sql: str) -> exp.Select:
    try:
        parsed = sqlglot.parse(sql, dialect=DIALECT)
    except ParseError as fault:
        first = fault.errors[0] if fault.errors else {}
        line, column = first.get("line"), first.get("col")
        place = Position(line, column) if isinstance(line, int) and isinstance(column, int) else None
        raise SqlSyntaxError("the text cannot be read as SQL", place) from fault
    except (SqlglotError, RecursionError) as fault:
        raise SqlSyntaxError("the text cannot be read as SQL") from fault
    statements = [s for s in parsed if s is not None and not isinstance(s, exp.Semicolon)]  # those hold only comments
    if len(statements) != 1:
        raise SqlUnsupportedError("other than one statement", None, "ask one question at a time")
    if not isinstance(statements[0], exp.Select):
        raise SqlUnsupportedError("a statement other than SELECT")
    return statements[0]


class _Reader:
    """Accepts a syntax tree node by node."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def question(self, tree: exp.Select) -> Question:
        self._only(tree, {"expressions", "from_", "joins", "where"})
        outputs = tuple(self._output(node) for node in tree.expressions)
        if not outputs:
            raise SqlSyntaxError("the question asks for nothing", Position(1, 1), f"select at least one of {_LIST}")
        source = tree.args.get("from_")
        if not isinstance(source, exp.From):
            raise SqlUnsupportedError("SELECT without FROM", None, "name a registered table")
        self._only(source, {"this"})
        tables = [self._table(source.this)]
        on = None
        joins = tree.args.get("joins") or []
        for number, join in enumerate(joins):
            if number:
                hint = "join two tables at a time"
                raise SqlUnsupportedError("a join of more than two tables", self._position(join), hint)
            table, on = self._join(join)
            tables.append(table)
        where = tree.args.get("where")
        predicates = self._predicates(where.this) if isinstance(where, exp.Where) else ()
        _check_different([(output.name, output.position) for output in outputs], "output", "name each with AS")
        _check_different([(table.alias, table.position) for table in tables], "table", "give each its own alias")
        return Question(outputs, tuple(tables), on, predicates)

    def _output(self, node: exp.Expr) -> Aggregate:
        alias = None
        inner = _bare(node)
        if isinstance(inner, exp.Alias):
            self._only(inner, {"this", "alias"})
            alias = self._name(inner.args["alias"])
            inner = _bare(inner.this)
        statistic = None if inner is None else _STATISTICS.get(type(inner))
        position = self._position(inner)
        if inner is None or statistic is None:
            raise SqlUnsupportedError(_construct(inner), position, f"select {_LIST}")
        arguments = self._arguments(inner, statistic)
        text = ", ".join(map(str, arguments)) or "*"
        return Aggregate(statistic, arguments, alias or f"{statistic.lower()}({text})", position)

    def _arguments(self, node: exp.Expr, statistic: Statistic) -> tuple[ColumnName, ...]:
        self._only(node, {"this", "expression", "big_int"})
        if statistic is Statistic.COUNT and isinstance(node.this, exp.Star):
            self._only(node.this, ())
            return ()
        found = [part for part in (node.args.get("this"), node.args.get("expression")) if part is not None]
        if len(found) != statistic.arguments:
            raise SqlUnsupportedError(f"{statistic} of {len(found)} arguments", self._position(node),
                                      f"{statistic} takes {statistic.arguments}")
        return tuple(self._column(part, "an aggregate takes columns as they are") for part in found)

    def _table(self, node: exp.Expr | None) -> TableName:
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise SqlUnsupportedError(_construct(node), self._position(node), "name a registered table")
        self._only(node, {"this", "alias"})
        name = self._name(node.this)
        alias = node.args.get("alias")
        if alias is None:
            return TableName(name, name, self._position(node))
        self._only(alias, {"this"})
        return TableName(name, self._name(alias.this), self._position(node))

    def _join(self, join: exp.Join) -> tuple[TableName, tuple[ColumnName, ColumnName]]:
        hint = "write t JOIN u ON t.key = u.key"
        if join.args.get("kind") not in (None, "", "INNER"):
            raise SqlUnsupportedError(f"{join.args['kind']} JOIN", self._position(join), hint)
        if join.args.get("on") is None:
            raise SqlUnsupportedError("a join without ON", self._position(join), hint)
        self._only(join, {"this", "on", "kind"})
        condition = _bare(join.args["on"])
        if not isinstance(condition, exp.EQ):
            raise SqlUnsupportedError("this join condition", self._position(condition), hint)
        return self._table(join.this), (self._column(condition.left, hint), self._column(condition.right, hint))

    def _predicates(self, condition: exp.Expr) -> tuple[ColumnName, ...]:
        found: list[ColumnName] = []
        left = [condition]
        while left:
            node = left.pop()
            match node:
                case exp.And():
                    left += [node.right, node.left]
                case exp.Paren():
                    left.append(node.this)
                case _:
                    found.append(self._column(node, "WHERE takes boolean columns joined by AND"))
        return tuple(found)

    def _column(self, node: exp.Expr | None, hint: str) -> ColumnName:
        node = _bare(node)
        if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
            raise SqlUnsupportedError(_construct(node), self._position(node), hint)
        self._only(node, {"this", "table"})
        qualifier = node.args.get("table")
        return ColumnName(self._name(node.this), self._name(qualifier) if qualifier else None, self._position(node))

    def _name(self, node: exp.Expr | None) -> str:
        if not isinstance(node, exp.Identifier) or not isinstance(node.this, str):
            raise SqlUnsupportedError(_construct(node), self._position(node), "write a plain name")
        if not 0 < len(node.this) <= MAX_NAME or not node.this.isprintable():
            hint = f"names are printable and have 1 to {MAX_NAME} characters"
            raise SqlUnsupportedError("this name", self._position(node), hint)
        return node.this if node.args.get("quoted") else node.this.lower()

    def _only(self, node: exp.Expr, allowed: Collection[str]) -> None:
        for key, value in node.args.items():
            if value not in (None, False, "") and value != [] and key not in allowed:
                construct = _PARTS.get(key, f"{key.strip('_')} of {_construct(node)}")
                raise SqlUnsupportedError(construct, self._position(value if isinstance(value, exp.Expr) else node))

    def _position(self, node: exp.Expr | None) -> Position | None:
        """The first character among a node and its descendants that has a place."""
        left = [] if node is None else [node]
        starts: list[int] = []
        while left:
            inner = left.pop()
            start = inner.meta.get("start")
            if isinstance(start, int):
                starts.append(start)
            left += inner.iter_expressions()
        return position_of(self._sql, min(starts)) if starts else None


def _bare(node: exp.Expr | None) -> exp.Expr | None:
    """A node without the parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _construct(node: exp.Expr | None) -> str:
    """A node's name for people."""
    match node:
        case None:
            return "an empty place"
        case exp.Star():
            return "SELECT *"
        case exp.Column():
            return "SELECT *" if isinstance(node.this, exp.Star) else "a column without an aggregate"
        case exp.Anonymous():
            return f"the function {str(node.this)[:32].upper()!r}"
        case exp.Subquery() | exp.Select():
            return "subquery"
        case exp.And():
            return "AND outside WHERE"
        case exp.Func():
            return f"the function {node.sql_name()[:32]!r}"
        case exp.Predicate():
            return "comparison"
        case exp.Binary() | exp.Unary():
            return "arithmetic"
        case _:
            return type(node).__name__.upper()


def _check_different(names: list[tuple[str, Position | None]], what: str, hint: str) -> None:
    seen: set[str] = set()
    for name, position in names:
        if name in seen:
            raise DuplicateNameError(f"two of the {what}s are called {name!r}", position, hint)
        seen.add(name)
