"""FROM and JOIN of a question, from the parser's syntax tree: joined tables, or the members of a UNION ALL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from query.errors import Position, SqlUnsupportedError
from query.expressions import ColumnName
from query.reading import TreeReader, bare, construct

MAX_TABLES: Final = 3
MAX_UNION: Final = 8
UNION_HINT: Final = "write FROM (SELECT * FROM t UNION ALL SELECT * FROM u) AS v"

Sides = tuple[ColumnName, ColumnName]

@dataclass(frozen=True, slots=True)
class TableName:
    """A table as the question writes it; `alias` is the name its columns are qualified with."""

    name: str
    alias: str
    position: Position | None


Sources = tuple[tuple[TableName, ...], tuple[Sides, ...], tuple[bool, ...], bool]
"""The tables, the sides of their ON, which stand on the right of a LEFT JOIN, and whether they are a UNION ALL's."""


class SourceReader(TreeReader):
    """Accepts FROM and JOIN."""

    def sources(self, tree: exp.Select) -> Sources:
        """The tables of a question.

        Raises:
            SqlUnsupportedError: a construct outside the subset.
        """
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
        return tuple(tables), tuple(on), tuple(optional), union

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
