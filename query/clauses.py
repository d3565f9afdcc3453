"""HAVING, ORDER BY, LIMIT and OFFSET, from the parser's syntax tree. They speak of outputs only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from sqlglot import exp

from query.arranging import Arrangement, OrderKey
from query.errors import SqlUnsupportedError
from query.expressions import ColumnName, Condition, Expression, Literal
from query.parameters import Parameter
from query.reading import TreeReader, bare, construct

MAX_ROWS: Final = 10**6
NOT_SELECTED: Final = "select it, too: HAVING and ORDER BY take what is selected"

OutputOf = Callable[[exp.Expr], str | None]


class ClauseReader(TreeReader):
    """Accepts the clauses after GROUP BY.

    Args:
        sql: the text, for positions.
        parameters: values by name.
        outputs: names of the outputs, in order.
        output_of: the output that a node is, if it is one.
    """

    def __init__(
        self, sql: str, parameters: Mapping[str, Parameter], outputs: Sequence[str], output_of: OutputOf
    ) -> None:
        super().__init__(sql, parameters)
        self._outputs, self._output_of = outputs, output_of

    def arrangement(self, tree: exp.Select) -> Arrangement:
        """Read the clauses of a question.

        Raises:
            SqlUnsupportedError: a construct outside the subset, or something that is not selected.
        """
        having = tree.args.get("having")
        condition = self.condition(having.this) if isinstance(having, exp.Having) else None
        order = tree.args.get("order")
        keys = [] if order is None else [self._key(node) for node in order.expressions]
        limit = self._rows(tree.args.get("limit"), "LIMIT")
        offset = self._rows(tree.args.get("offset"), "OFFSET")
        return Arrangement(condition, tuple(keys), limit, offset or 0)

    def value(self, node: exp.Expr | None, depth: int = 0) -> Expression:
        """Read a value: an output, or computed from outputs."""
        node = self._deeper(node, depth)
        found = None if node is None else self._output_of(node)
        if found is not None:
            return ColumnName(found, None, self.position(node))
        if isinstance(node, exp.Column | exp.AggFunc):
            raise SqlUnsupportedError(f"{_shown(node)}, which is not selected,", self.position(node), NOT_SELECTED)
        return super().value(node, depth)

    def condition(self, node: exp.Expr | None, depth: int = 0) -> Condition:
        """Read a condition over outputs."""
        node = self._deeper(node, depth)
        if isinstance(node, exp.Column):
            found = self.value(node, depth)
            if isinstance(found, ColumnName):
                return found
        return super().condition(node, depth)

    def _key(self, node: exp.Expr) -> OrderKey:
        self.only(node, {"this", "desc", "nulls_first"})
        inner = bare(node.this)
        if isinstance(inner, exp.Literal) and not inner.is_string:
            place = str(inner.this)
            if not place.isdigit() or len(place) > 3 or not 1 <= int(place) <= len(self._outputs):
                hint = f"there are {len(self._outputs)} outputs"
                raise SqlUnsupportedError(f"ORDER BY {place[:16]}", self.position(inner), hint)
            output = self._outputs[int(place) - 1]
        else:
            found = self.value(inner)
            if not isinstance(found, ColumnName):
                raise SqlUnsupportedError("ORDER BY of other than an output", self.position(inner), NOT_SELECTED)
            output = found.name
        return OrderKey(output, bool(node.args.get("desc")), bool(node.args.get("nulls_first")))

    def _rows(self, node: exp.Expr | None, clause: str) -> int | None:
        if node is None:
            return None
        if not isinstance(node, exp.Limit | exp.Offset):
            raise SqlUnsupportedError(construct(node), self.position(node), "write LIMIT number")
        self.only(node, {"expression"})
        found = self.value(node.args.get("expression"))
        number = found.value if isinstance(found, Literal) else None
        if not isinstance(number, Decimal) or number != int(number) or not 0 <= number <= MAX_ROWS:
            raise SqlUnsupportedError(f"{clause} of other than a number", self.position(node),
                                      f"write a whole number from 0 to {MAX_ROWS}")
        return int(number)


def _shown(node: exp.Expr) -> str:
    return f"this {node.sql_name()[:32]}" if isinstance(node, exp.Func) else node.name[:48]
