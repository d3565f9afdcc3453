"""The accepted subset of SQL, parsed by sqlglot's PostgreSQL dialect.

    SELECT output [[AS] name], ...
    FROM table [[AS] a] [[INNER | LEFT] JOIN table [[AS] b] ON a.key = b.key] [[INNER | LEFT] JOIN table ...]
       | (SELECT * FROM table UNION ALL SELECT * FROM table [UNION ALL ...]) [AS] a
    [WHERE condition] [GROUP BY v [, v ...]] [;]

    output:    COUNT(*), COUNT(v), SUM(v), AVG(v), VAR_POP(v), VAR_SAMP(v) (also VARIANCE), STDDEV_POP(v),
               STDDEV_SAMP(v) (also STDDEV), COVAR_POP(v, v), COVAR_SAMP(v, v), CORR(v, v), REGR_COUNT,
               REGR_AVGX, REGR_AVGY, REGR_SXX, REGR_SYY, REGR_SXY, REGR_SLOPE, REGR_INTERCEPT, REGR_R2 (all of (v, v)),
               MOMENTS(v, ...), or a value of GROUP BY
    v:         column, number, v + v, v - v, v * v, CASE WHEN condition THEN v [WHEN ...] [ELSE v] END
    condition: boolean column, v = v, <>, <, <=, >, >=, v BETWEEN v AND v, v IN (literal, ...), v IS [NOT] NULL,
               TRUE, FALSE, NOT, AND, OR

Columns of one comparison, and of one CASE, stand in one table; AND, OR and NOT join conditions of all tables, and so do
+, - and * the values of an aggregate. Names
without quotes are folded to lower case; names in double quotes are taken as they are. Comments are skipped. Everything
else is refused by name: nodes are accepted one by one, so what is not listed here cannot get through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from query.aggregates import Statistic
from query.errors import DuplicateNameError, Position, SqlSyntaxError, SqlUnsupportedError
from query.expressions import ColumnName, Condition, Expression, Literal, text_of
from query.reading import TreeReader, bare, construct
from query.tokens import check_tokens

DIALECT: Final = "postgres"
MAX_TABLES: Final = 3
MAX_UNION: Final = 8
UNION_HINT: Final = "write FROM (SELECT * FROM t UNION ALL SELECT * FROM u) AS v"

_STATISTICS: Final[dict[type[exp.Expr], Statistic]] = {
    exp.Count: Statistic.COUNT, exp.Sum: Statistic.SUM, exp.Avg: Statistic.AVG,
    exp.VariancePop: Statistic.VAR_POP, exp.Variance: Statistic.VAR_SAMP,
    exp.StddevPop: Statistic.STDDEV_POP, exp.StddevSamp: Statistic.STDDEV_SAMP, exp.Stddev: Statistic.STDDEV_SAMP,
    exp.CovarPop: Statistic.COVAR_POP, exp.CovarSamp: Statistic.COVAR_SAMP, exp.Corr: Statistic.CORR,
    exp.RegrCount: Statistic.REGR_COUNT, exp.RegrAvgx: Statistic.REGR_AVGX, exp.RegrAvgy: Statistic.REGR_AVGY,
    exp.RegrSxx: Statistic.REGR_SXX, exp.RegrSyy: Statistic.REGR_SYY, exp.RegrSxy: Statistic.REGR_SXY,
    exp.RegrSlope: Statistic.REGR_SLOPE, exp.RegrIntercept: Statistic.REGR_INTERCEPT, exp.RegrR2: Statistic.REGR_R2,
}
_NAMED: Final = {"MOMENTS": Statistic.MOMENTS}
_LIST: Final = ", ".join(Statistic)


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
    arguments: tuple[Expression, ...]
    name: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class KeyOutput:
    """A column or value of GROUP BY among the outputs."""

    value: Expression
    name: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class Question:
    """A parsed question; names are not resolved yet.

    Args:
        outputs: what is selected, in order, with different names; at least one aggregate.
        tables: one to three tables.
        on: the two sides of each join condition.
        where: the condition of WHERE, or None.
        groups: the columns and values of GROUP BY.
        optional: for each table whether it stands on the right of a LEFT JOIN.
        union: whether the rows are those of all tables, not joined rows; all have one alias.
    """

    outputs: tuple[Aggregate | KeyOutput, ...]
    tables: tuple[TableName, ...]
    on: tuple[tuple[ColumnName, ColumnName], ...]
    where: Condition | None
    groups: tuple[Expression, ...]
    optional: tuple[bool, ...]
    union: bool

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """The outputs that are aggregates."""
        return tuple(output for output in self.outputs if isinstance(output, Aggregate))


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


class _Reader(TreeReader):
    """Accepts the syntax tree of a question."""

    def question(self, tree: exp.Select) -> Question:
        self.only(tree, {"expressions", "from_", "joins", "where", "group"})
        groups = self._groups(tree.args.get("group"))
        outputs = tuple(self._output(node, bool(groups)) for node in tree.expressions)
        if not any(isinstance(output, Aggregate) for output in outputs):
            raise SqlSyntaxError("the question asks for nothing", Position(1, 1), f"select at least one of {_LIST}")
        source = tree.args.get("from_")
        if not isinstance(source, exp.From):
            raise SqlUnsupportedError("SELECT without FROM", None, "name a registered table")
        self.only(source, {"this"})
        union = isinstance(source.this, exp.Subquery)
        tables = self._union(source.this) if isinstance(source.this, exp.Subquery) else [self._table(source.this)]
        on, optional = [], [False] * len(tables)
        for join in tree.args.get("joins") or []:
            if union:
                hint = "ask each joined pair of tables by itself"
                raise SqlUnsupportedError("a join with a UNION ALL", self.position(join), hint)
            if len(tables) == MAX_TABLES:
                hint = f"join at most {MAX_TABLES} tables at a time"
                raise SqlUnsupportedError(f"a join of more than {MAX_TABLES} tables", self.position(join), hint)
            table, sides, left = self._join(join)
            tables.append(table)
            on.append(sides)
            optional.append(left)
        where = tree.args.get("where")
        condition = self.condition(where.this) if isinstance(where, exp.Where) else None
        _check_different([(output.name, output.position) for output in outputs], "output", "name each with AS")
        if not union:
            _check_different([(table.alias, table.position) for table in tables], "table", "give each its own alias")
        return Question(outputs, tuple(tables), tuple(on), condition, groups, tuple(optional), union)

    def _groups(self, node: exp.Expr | None) -> tuple[Expression, ...]:
        if node is None:
            return ()
        self.only(node, {"expressions"})
        groups = tuple(self.value(part) for part in node.expressions)
        for group in groups:
            if isinstance(group, Literal):
                hint = "write out the columns and values to group by"
                raise SqlUnsupportedError("GROUP BY of a literal", group.position, hint)
        return groups

    def _output(self, node: exp.Expr, grouped: bool) -> Aggregate | KeyOutput:
        alias = None
        inner = bare(node)
        if isinstance(inner, exp.Alias):
            self.only(inner, {"this", "alias"})
            alias = self.name(inner.args["alias"])
            inner = bare(inner.this)
        position = self.position(inner)
        if grouped and isinstance(inner, exp.Column) and isinstance(inner.this, exp.Identifier):
            column = self.column(inner, "")
            return KeyOutput(column, alias or column.name, position)
        if grouped and isinstance(inner, exp.Case | exp.Add | exp.Sub | exp.Mul):
            value = self.value(inner)
            return KeyOutput(value, alias or text_of(value, str), position)
        statistic = _statistic(inner)
        if inner is None or statistic is None:
            raise SqlUnsupportedError(construct(inner), position, f"select {_LIST}")
        arguments = self._arguments(inner, statistic)
        text = ", ".join(text_of(argument, str) for argument in arguments) or "*"
        return Aggregate(statistic, arguments, alias or f"{statistic.lower()}({text})", position)

    def _arguments(self, node: exp.Expr, statistic: Statistic) -> tuple[Expression, ...]:
        if isinstance(node, exp.Anonymous):
            self.only(node, {"this", "expressions"})
            return self._counted(node, statistic, node.expressions)
        self.only(node, {"this", "expression", "big_int"})
        if statistic is Statistic.COUNT and isinstance(node.this, exp.Star):
            self.only(node.this, ())
            return ()
        found = [part for part in (node.args.get("this"), node.args.get("expression")) if part is not None]
        return self._counted(node, statistic, found)

    def _counted(self, node: exp.Expr, statistic: Statistic, found: Sequence[exp.Expr]) -> tuple[Expression, ...]:
        """The arguments of a statistic, if they are as many as it takes."""
        least, most = statistic.arguments
        if not least <= len(found) <= most:
            takes = str(least) if least == most else f"{least} to {most}"
            raise SqlUnsupportedError(f"{statistic} of {len(found)} arguments", self.position(node),
                                      f"{statistic} takes {takes}")
        return tuple(self.value(part) for part in found)

    def _table(self, node: exp.Expr | None) -> TableName:
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise SqlUnsupportedError(construct(node), self.position(node), "name a registered table")
        self.only(node, {"this", "alias"})
        name = self.name(node.this)
        alias = node.args.get("alias")
        if alias is None:
            return TableName(name, name, self.position(node))
        self.only(alias, {"this"})
        return TableName(name, self.name(alias.this), self.position(node))

    def _union(self, node: exp.Subquery) -> list[TableName]:
        """The tables of (SELECT * FROM a UNION ALL SELECT * FROM b …) AS alias."""
        self.only(node, {"this", "alias"})
        place = self.position(node)
        alias = node.args.get("alias")
        if not isinstance(bare(node.this), exp.Union):
            raise SqlUnsupportedError("subquery", place, f"name a registered table, or {UNION_HINT}")
        if alias is None:
            raise SqlUnsupportedError("a UNION ALL without a name", place, UNION_HINT)
        self.only(alias, {"this"})
        name = self.name(alias.this)
        members: list[exp.Expr] = []
        left: list[exp.Expr | None] = [node.this]
        while left:
            inner = bare(left.pop())
            if isinstance(inner, exp.Union):
                self.only(inner, {"this", "expression"})
                left += [inner.args["expression"], inner.this]
            elif isinstance(inner, exp.Select):
                members.append(inner)
            else:
                raise SqlUnsupportedError(construct(inner), self.position(inner) or place, UNION_HINT)
        if len(members) > MAX_UNION:
            raise SqlUnsupportedError(f"a UNION ALL of {len(members)} tables", place, f"at most {MAX_UNION}")
        return [self._member(member, name) for member in members]

    def _member(self, select: exp.Expr, alias: str) -> TableName:
        self.only(select, {"expressions", "from_"})
        source = select.args.get("from_")
        if not isinstance(source, exp.From) or [type(part) for part in select.expressions] != [exp.Star]:
            raise SqlUnsupportedError("a subquery other than SELECT * FROM table", self.position(select), UNION_HINT)
        self.only(select.expressions[0], ())
        self.only(source, {"this"})
        table = self._table(source.this)
        if table.alias != table.name:
            raise SqlUnsupportedError("an alias inside UNION ALL", table.position, UNION_HINT)
        return TableName(table.name, alias, table.position)

    def _join(self, join: exp.Join) -> tuple[TableName, tuple[ColumnName, ColumnName], bool]:
        hint = "write t JOIN u ON t.key = u.key, or LEFT JOIN"
        kind, side = (str(join.args.get(key) or "").upper() for key in ("kind", "side"))
        if side == "RIGHT":
            hint = "exchange the tables and write LEFT JOIN"
        if kind not in ("", "INNER", "OUTER") or side not in ("", "LEFT") or (kind == "OUTER" and not side):
            raise SqlUnsupportedError(f"{side or kind} JOIN", self.position(join), hint)
        if join.args.get("on") is None:
            raise SqlUnsupportedError("a join without ON", self.position(join), hint)
        self.only(join, {"this", "on", "kind", "side"})
        condition = bare(join.args["on"])
        if not isinstance(condition, exp.EQ):
            raise SqlUnsupportedError("this join condition", self.position(condition), hint)
        sides = self.column(condition.left, hint), self.column(condition.right, hint)
        return self._table(join.this), sides, side == "LEFT"


def _statistic(node: exp.Expr | None) -> Statistic | None:
    if isinstance(node, exp.Anonymous) and isinstance(node.this, str):
        return _NAMED.get(node.this.upper())
    return None if node is None else _STATISTICS.get(type(node))


def _check_different(names: list[tuple[str, Position | None]], what: str, hint: str) -> None:
    seen: set[str] = set()
    for name, position in names:
        if name in seen:
            raise DuplicateNameError(f"two of the {what}s are called {name!r}", position, hint)
        seen.add(name)
