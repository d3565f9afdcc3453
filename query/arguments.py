"""Arguments of aggregates as factors: of one table, of every member of a UNION ALL, or computed over several tables.

A value over several tables, as h.x * c.y, is + − × of values of one table each. It is a polynomial of columns of
several owners, so what exceeds degree 2 exists only as shares; it counts where all its parts are known. It stands among
the factors of the first of its tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from query.binding import AggregateArgument, Argument, BoundColumn, BoundExpression, BoundPerson, BoundQuestion
from query.errors import SqlUnsupportedError
from query.expressions import (
    Arithmetic,
    Case,
    ColumnName,
    Comparison,
    Expression,
    Literal,
    Membership,
    all_names,
    text_of,
)
from query.kinds import Boolean, Category, stored_offset, stored_scale
from query.masks import Factor
from query.part_counts import branches_exclude, counted_parts
from query.sides import Side
from query.sums import Operand
from query.values import Value

Masks = dict[int, tuple[int, ...]]
Picks = tuple[int, str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class CompiledArgument:
    """An argument.

    Args:
        factors: its factor by table; none for a constant.
        masks: by table, what must hold for it to be known.
        operand: how to read it.
        crossing: whether its factor has columns of several tables.
        picks: of CASE WHEN category = 'name' … THEN 1 ELSE 0 END, the table, the category and the names; else None.
    """

    factors: Mapping[int, int]
    masks: Mapping[int, tuple[int, ...]]
    operand: Operand
    crossing: bool = False
    picks: Picks | None = None

    def excludes(self, other: CompiledArgument) -> bool:
        """Whether no row has both values other than 0, whatever the data: both pick different names of a category."""
        return self.picks is not None and other.picks is not None and _exclude(self.picks, other.picks)


class ArgumentCompiler:
    """Compiles the arguments of a question.

    Args:
        sides: its tables.
        question: resolved names.
    """

    def __init__(self, sides: Sequence[Side], question: BoundQuestion) -> None:
        self._sides, self._question = sides, question

    def compile(self, argument: AggregateArgument) -> CompiledArgument:
        """The factors and masks of an argument.

        Raises:
            ColumnKindError, BoundExceededError, SqlUnsupportedError: the value does not fit.
        """
        tables = range(len(self._sides)) if self._question.union else (argument.table,)
        if isinstance(argument, BoundPerson):
            masks = {table: self._sides[table].products.person for table in tables}
            operand = Operand(self._table(argument.table), self._question.tables[argument.table].schema.key, 0, 0)
            return CompiledArgument({}, masks, operand)
        if isinstance(argument, BoundColumn):
            return self._column(argument, tables)
        named = {self._question.columns[name].table for name in all_names(argument.expression)}
        if len(named) > 1:
            value, masks = self._crossing(argument.expression)
            text = text_of(argument.expression, self._name)
            value = self._sides[argument.table].values.settled(value, text)
            return self._computed({argument.table: text}, {argument.table: value}, masks, crossing=True)
        values = {table: self._sides[table].values.value(argument.expression) for table in tables}
        texts = {table: self._sides[table].values.text(argument.expression) for table in tables}
        masks = {table: value.masks for table, value in values.items()}
        found = self._computed(texts, values, masks, crossing=False)
        return replace(found, picks=self._picks(argument.expression))

    def bound(self, expression: Expression) -> Argument:
        """A value as an argument, of the first of its tables."""
        if isinstance(expression, ColumnName):
            return self._question.columns[expression]
        named = {self._question.columns[name].table for name in all_names(expression)}
        return BoundExpression(min(named, default=0), expression)

    def expression(self, argument: Argument) -> Expression:
        """The value of an argument as it was written."""
        if isinstance(argument, BoundExpression):
            return argument.expression
        return next(name for name, bound in self._question.columns.items() if bound == argument)

    def text(self, value: Expression) -> str:
        """The canonical text of a value."""
        return text_of(value, self._name)

    def counted_parts(self, arguments: Sequence[AggregateArgument]) -> list[list[CompiledArgument]]:
        """The parts of a value, or of a product of values, whose people need a count of their own, each as what is 1
        on its rows (`query.part_counts`)."""
        values = [self.expression(argument) for argument in arguments if not isinstance(argument, BoundPerson)]
        if not values:
            return []
        found = counted_parts(values, self.text, self._is_boolean, self.exclusive)
        return [[self.compile(self.bound(test)) for test in tests] for tests in found]

    def _is_boolean(self, name: ColumnName) -> bool:
        return isinstance(self._question.columns[name].column.kind, Boolean)

    def exclusive(self, left: Expression, right: Expression) -> bool:
        """Whether two values of 0 or 1 pick different names of a category or different branches of the same conditions,
        so that no row has both."""
        a, b = self._picks(left), self._picks(right)
        return branches_exclude(left, right) or (a is not None and b is not None and _exclude(a, b))

    def _picks(self, expression: Expression) -> Picks | None:
        """The names of a category that a value is 1 for, if it is 0 for all others."""
        match expression:
            case Case(branches=((condition, Literal(value=one)),), otherwise=Literal(value=zero)):
                if (one, zero) != (Decimal(1), Decimal(0)):
                    return None
            case _:
                return None
        match condition:
            case Comparison(operator="=", left=ColumnName() as column, right=Literal(value=str() as name)):
                names = frozenset({name})
            case Membership(operand=ColumnName() as column, items=items):
                names = frozenset(str(item.value) for item in items)
            case _:
                return None
        bound = self._question.columns[column]
        return (bound.table, bound.column.name, names) if isinstance(bound.column.kind, Category) else None

    def _column(self, argument: BoundColumn, tables: Sequence[int]) -> CompiledArgument:
        name, kind = argument.column.name, argument.column.kind
        operand = Operand(self._table(argument.table), name, stored_offset(kind), stored_scale(kind))
        numbers = {table: self._sides[table].products.number(name) for table in tables}
        masks = {table: self._sides[table].products.known(number) for table, number in numbers.items()}
        return CompiledArgument(numbers, masks, operand)

    def _computed(
        self,
        texts: Mapping[int, str],
        values: Mapping[int, Value],
        masks: Mapping[int, tuple[int, ...]],
        crossing: bool,
    ) -> CompiledArgument:
        """A computed value less its smallest, so that it is not negative; a constant is 1 more than its offset."""
        first = next(iter(values))
        lo, hi = min(value.lo for value in values.values()), max(value.hi for value in values.values())
        operand = Operand(self._table(first), texts[first], lo, values[first].scale)
        if lo == hi:
            return CompiledArgument({}, masks, replace(operand, offset=lo - 1))
        factors = {}
        for table, value in values.items():
            text, polynomial = texts[table], value.shifted(-lo).polynomial
            factor = Factor(f"({text})", text, hi - lo, hi - lo == 1, frozenset(), polynomial)
            factors[table] = self._sides[table].products.add(factor)
        return CompiledArgument(factors, masks, operand, crossing)

    def _crossing(self, expression: Expression) -> tuple[Value, Masks]:
        """A value over several tables, and the masks of its parts."""
        named = {self._question.columns[name].table for name in all_names(expression)}
        if len(named) <= 1:
            table = named.pop() if named else 0
            value = self._sides[table].values.value(expression)
            needed = {table: value.masks} if value.masks or self._sides[table].products.optional else {}
            return replace(value, masks=()), needed
        if not isinstance(expression, Arithmetic):
            raise SqlUnsupportedError("CASE over two tables", expression.position)
        values = self._sides[0].values
        left, masks = self._crossing(expression.left)
        right, more = self._crossing(expression.right)
        for table, others in more.items():
            masks[table] = (*masks.get(table, ()), *others)
        return values.combined(expression.operator, left, right), masks

    def _name(self, name: ColumnName) -> str:
        bound = self._question.columns[name]
        return f"{self._table(bound.table)}.{bound.column.name}"

    def _table(self, table: int) -> str:
        return self._question.tables[table].schema.name


def _exclude(left: Picks, right: Picks) -> bool:
    """Whether two picks are of different names of one category."""
    return left[:2] == right[:2] and not left[2] & right[2]
