"""The accepted subset of SQL, parsed by sqlglot's PostgreSQL dialect.

    SELECT output [[AS] name], ...
    FROM table [[AS] a] [[INNER | LEFT] JOIN table [[AS] b] ON a.key = b.key] [[INNER | LEFT] JOIN table ...]
       | (SELECT * FROM table UNION ALL SELECT * FROM table [UNION ALL ...]) [AS] a
    [WHERE condition] [GROUP BY v [, v ...]] [HAVING condition over outputs]
    [ORDER BY output [ASC | DESC] [NULLS FIRST | NULLS LAST] [, ...]] [LIMIT number] [OFFSET number] [;]

    output:    COUNT(*), COUNT(v), COUNT([DISTINCT] key), SUM(v), AVG(v), VAR_POP(v), VAR_SAMP(v) (also VARIANCE),
               STDDEV_POP(v), STDDEV_SAMP(v) (also STDDEV), COVAR_POP(v, v), COVAR_SAMP(v, v), CORR(v, v), REGR_COUNT,
               REGR_AVGX, REGR_AVGY, REGR_SXX, REGR_SYY, REGR_SXY, REGR_SLOPE, REGR_INTERCEPT, REGR_R2 (all of (v, v)),
               MOMENTS(v, ...), MIN(column), MAX(column), MEDIAN(column), QUANTILE(column, p),
               PERCENTILE_DISC(p) WITHIN GROUP (ORDER BY column), or a value of GROUP BY; by itself
               HISTOGRAM(v, lo, hi, bins) or QUANTILE_INTERVAL(v, p, lo, hi, bins)
    v:         column, number, v + v, v - v, v * v, CASE WHEN condition THEN v [WHEN ...] [ELSE v] END,
               WIDTH_BUCKET(v, lo, hi, bins)
    condition: boolean column, v = v, <>, <, <=, >, >=, v BETWEEN v AND v, v IN (literal, ...), v IS [NOT] NULL,
               TRUE, FALSE, NOT, AND, OR

Columns of one comparison, and of one CASE, stand in one table; AND, OR and NOT join conditions of all tables, and so do
+, - and * the values of an aggregate. Where a literal may stand, so may a parameter :name. Names without quotes are
folded to lower case; names in double quotes are taken as they are. Comments are skipped. Everything else is refused by
name: nodes are accepted one by one, so what is not listed here cannot get through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from query.aggregates import Statistic
from query.arranging import Arrangement
from query.clauses import ClauseReader
from query.errors import (
    DuplicateNameError,
    ParameterInvalidError,
    Position,
    SqlSyntaxError,
    SqlUnsupportedError,
)
from query.expressions import Bucket, ColumnName, Condition, Expression, Literal, text_of
from query.parameters import split_question
from query.reading import bare, construct
from query.sources import SourceReader, TableName
from query.tokens import MAX_SQL_BYTES, check_tokens

DIALECT: Final = "postgres"

_STATISTICS: Final[dict[type[exp.Expr], Statistic]] = {
    exp.Count: Statistic.COUNT, exp.Sum: Statistic.SUM, exp.Avg: Statistic.AVG,
    exp.VariancePop: Statistic.VAR_POP, exp.Variance: Statistic.VAR_SAMP,
    exp.StddevPop: Statistic.STDDEV_POP, exp.StddevSamp: Statistic.STDDEV_SAMP, exp.Stddev: Statistic.STDDEV_SAMP,
    exp.CovarPop: Statistic.COVAR_POP, exp.CovarSamp: Statistic.COVAR_SAMP, exp.Corr: Statistic.CORR,
    exp.RegrCount: Statistic.REGR_COUNT, exp.RegrAvgx: Statistic.REGR_AVGX, exp.RegrAvgy: Statistic.REGR_AVGY,
    exp.RegrSxx: Statistic.REGR_SXX, exp.RegrSyy: Statistic.REGR_SYY, exp.RegrSxy: Statistic.REGR_SXY,
    exp.RegrSlope: Statistic.REGR_SLOPE, exp.RegrIntercept: Statistic.REGR_INTERCEPT, exp.RegrR2: Statistic.REGR_R2,
    exp.Min: Statistic.MIN, exp.Max: Statistic.MAX, exp.Median: Statistic.MEDIAN, exp.Quantile: Statistic.QUANTILE,
}
_NAMED: Final = {str(s): s for s in (Statistic.MOMENTS, Statistic.HISTOGRAM, Statistic.QUANTILE_INTERVAL)}
_BINNED: Final = {Statistic.HISTOGRAM: "v, lo, hi, bins", Statistic.QUANTILE_INTERVAL: "v, p, lo, hi, bins"}
_LIST: Final = ", ".join(Statistic)
_NO_SUMS: Final = (exp.PercentileCont, exp.PercentileDisc, exp.WithinGroup)
_QUANTILES: Final = ("QUANTILE(v, p) or PERCENTILE_DISC(p) WITHIN GROUP (ORDER BY v) is a value that occurs, unproved; "
                     "QUANTILE_INTERVAL(v, p, lo, hi, bins) a proved interval")
MAX_DENOMINATOR: Final = 1 << 16  # of a quantile, in lowest terms


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One output; COUNT(*) has no arguments, and COUNT may be of distinct values.

    Args:
        bins: of HISTOGRAM and QUANTILE_INTERVAL.
        quantile: p of QUANTILE_INTERVAL and QUANTILE.
    """

    statistic: Statistic
    arguments: tuple[Expression, ...]
    name: str
    position: Position | None
    distinct: bool = False
    bins: Bucket | None = None
    quantile: Decimal | None = None

    @property
    def meaning(self) -> tuple[str, ...]:
        """What it computes, without its name."""
        p = "" if self.quantile is None else str(Fraction(self.quantile))
        return (self.statistic, str(self.distinct), p, *(text_of(argument, str) for argument in self.arguments))


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
        arrangement: HAVING, ORDER BY, LIMIT and OFFSET.
    """

    outputs: tuple[Aggregate | KeyOutput, ...]
    tables: tuple[TableName, ...]
    on: tuple[tuple[ColumnName, ColumnName], ...]
    where: Condition | None
    groups: tuple[Expression, ...]
    optional: tuple[bool, ...]
    union: bool
    arrangement: Arrangement

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """The outputs that are aggregates."""
        return tuple(output for output in self.outputs if isinstance(output, Aggregate))


def parse_question(text: str) -> Question:
    """Parse a question.

    Args:
        text: public, at most 16 KiB: SQL, with a last line of parameters if it has any (`query.parameters`).

    Raises:
        SqlSyntaxError: the text is not SQL.
        SqlUnsupportedError: it has a construct outside the subset.
        DuplicateNameError: two outputs or two tables share a name.
        ParameterInvalidError: a parameter lacks, is not allowed or is not used.
    """
    if len(text.encode(errors="replace")) > MAX_SQL_BYTES:
        raise SqlSyntaxError(f"the text is longer than {MAX_SQL_BYTES} bytes")
    sql, parameters = split_question(text)
    check_tokens(sql)
    reader = _Reader(sql, parameters)
    question = reader.question(_parse(sql))
    if unused := sorted(parameters.keys() - reader.used):
        raise ParameterInvalidError(f"the question does not use the parameter {unused[0]}")
    return question


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


class _Reader(SourceReader):
    """Accepts the syntax tree of a question."""

    def question(self, tree: exp.Select) -> Question:
        self.only(tree, {"expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset"})
        groups = self._groups(tree.args.get("group"))
        outputs = tuple(self._output(node, bool(groups)) for node in tree.expressions)
        if not any(isinstance(output, Aggregate) for output in outputs):
            raise SqlSyntaxError("the question asks for nothing", Position(1, 1), f"select at least one of {_LIST}")
        tables, on, optional, union = self.sources(tree)
        binned = next((o.bins for o in outputs if isinstance(o, Aggregate) and o.bins is not None), None)
        if binned is not None:
            if len(outputs) > 1 or groups:
                hint = "ask for it by itself, or for COUNT(*) by WIDTH_BUCKET(v, lo, hi, bins) and other groups"
                raise SqlUnsupportedError("HISTOGRAM or QUANTILE_INTERVAL with other outputs or groups",
                                          binned.position, hint)
            groups = (binned,)
        where = tree.args.get("where")
        condition = self.condition(where.this) if isinstance(where, exp.Where) else None
        _check_different([(output.name, output.position) for output in outputs], "output", "name each with AS")
        if not union:
            _check_different([(table.alias, table.position) for table in tables], "table", "give each its own alias")
        clauses = ClauseReader(self._sql, self._parameters, [output.name for output in outputs],
                               lambda node: self._output_of(node, outputs))
        arrangement = clauses.arrangement(tree)
        self.used |= clauses.used
        return Question(outputs, tables, on, condition, groups, optional, union, arrangement)

    def _output_of(self, node: exp.Expr, outputs: Sequence[Aggregate | KeyOutput]) -> str | None:
        """The output that a node of HAVING or ORDER BY means: by its name, or by what it computes."""
        if isinstance(node, exp.Column):
            column = self.column(node, "name an output")
            named = [output.name for output in outputs if column.qualifier is None and output.name == column.name]
            keys = [output.name for output in outputs
                    if isinstance(output, KeyOutput) and text_of(output.value, str) == str(column)]
            return next(iter([*named, *keys]), None)
        if isinstance(node, exp.Case | exp.WidthBucket):
            text = text_of(self.value(node), str)
            return next((o.name for o in outputs if isinstance(o, KeyOutput) and text_of(o.value, str) == text), None)
        if _statistic(node) is None:
            return None
        wanted = self._aggregate(node, None)
        return next((o.name for o in outputs if isinstance(o, Aggregate) and o.meaning == wanted.meaning), None)

    def _groups(self, node: exp.Expr | None) -> tuple[Expression, ...]:
        if node is None:
            return ()
        self.only(node, {"expressions"})
        groups = tuple(self.value(part) for part in node.expressions)
        if not groups:
            raise SqlSyntaxError("GROUP BY names nothing", None, "leave it out, or name columns")
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
        if grouped and isinstance(inner, exp.Case | exp.WidthBucket | exp.Add | exp.Sub | exp.Mul):
            value = self.value(inner)
            return KeyOutput(value, alias or text_of(value, str), position)
        return self._aggregate(inner, alias)

    def _aggregate(self, node: exp.Expr | None, alias: str | None) -> Aggregate:
        statistic, position = _statistic(node), self.position(node)
        if node is None or statistic is None:
            hint = _QUANTILES if isinstance(node, _NO_SUMS) else f"select {_LIST}"
            shown = construct(node.this if isinstance(node, exp.WithinGroup) else node)
            raise SqlUnsupportedError(shown, position, hint)
        if statistic.binned:
            return self._binned(node, statistic, alias)
        if statistic is Statistic.QUANTILE:
            return self._quantile(node, alias)
        distinct = isinstance(node, exp.Count) and isinstance(node.this, exp.Distinct)
        if distinct:
            self.only(node, {"this", "big_int"})
            self.only(node.this, {"expressions"})
            arguments = self._counted(node, statistic, node.this.expressions)
        else:
            arguments = self._arguments(node, statistic)
        text = ", ".join(text_of(argument, str) for argument in arguments) or "*"
        name = f"{statistic.lower()}({'distinct ' if distinct else ''}{text})"
        return Aggregate(statistic, arguments, alias or name, position, distinct)

    def _binned(self, node: exp.Expr, statistic: Statistic, alias: str | None) -> Aggregate:
        """HISTOGRAM(v, lo, hi, bins) or QUANTILE_INTERVAL(v, p, lo, hi, bins)."""
        self.only(node, {"this", "expressions"})
        position, parts, quantile = self.position(node), list(node.expressions), None
        wanted = _BINNED[statistic]
        if len(parts) != len(wanted.split(",")):
            hint = f"write {statistic}({wanted})"
            raise SqlUnsupportedError(f"{statistic} of {len(parts)} arguments", position, hint)
        value = self.value(parts.pop(0))
        if statistic is Statistic.QUANTILE_INTERVAL:
            quantile = self._probability(parts.pop(0), position)
        bins = self.bucket(value, parts, position)
        name = alias or f"{statistic.lower()}({text_of(value, str)})"
        return Aggregate(statistic, (value,), name, position, bins=bins, quantile=quantile)

    def _quantile(self, node: exp.Expr, alias: str | None) -> Aggregate:
        """QUANTILE(v, p), or PERCENTILE_DISC(p) WITHIN GROUP (ORDER BY v)."""
        position = self.position(node)
        if isinstance(node, exp.WithinGroup):
            self.only(node, {"this", "expression"})
            self.only(node.this, {"this"})
            number, order = node.this.this, node.expression
            if not isinstance(order, exp.Order) or len(order.expressions) != 1:
                raise SqlUnsupportedError("a quantile of other than one column", position, "write ORDER BY v")
            self.only(order.expressions[0], {"this"})
            column = order.expressions[0].this
        else:
            self.only(node, {"this", "quantile"})
            number, column = node.args["quantile"], node.this
        quantile = self._probability(number, position)
        if Fraction(quantile).denominator > MAX_DENOMINATOR:
            raise SqlUnsupportedError(f"the quantile {quantile:f}", position, "write at most four decimals")
        value = self.value(column)
        name = f"quantile({text_of(value, str)}, {quantile.normalize():f})"
        return Aggregate(Statistic.QUANTILE, (value,), alias or name, position, quantile=quantile)

    def _probability(self, node: exp.Expr, position: Position | None) -> Decimal:
        """A number from 0 to 1."""
        quantile = self.constant(node)
        if not 0 <= quantile <= 1:
            raise SqlUnsupportedError(f"the quantile {quantile:f}", position, "write a number from 0 to 1")
        return quantile

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


def _statistic(node: exp.Expr | None) -> Statistic | None:
    if isinstance(node, exp.WithinGroup):
        return Statistic.QUANTILE if isinstance(node.this, exp.PercentileDisc) else None
    if isinstance(node, exp.Anonymous) and isinstance(node.this, str):
        return _NAMED.get(node.this.upper())
    return None if node is None else _STATISTICS.get(type(node))


def _check_different(names: list[tuple[str, Position | None]], what: str, hint: str) -> None:
    seen: set[str] = set()
    for name, position in names:
        if name in seen:
            raise DuplicateNameError(f"two of the {what}s are called {name!r}", position, hint)
        seen.add(name)
