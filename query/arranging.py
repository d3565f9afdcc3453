"""HAVING, ORDER BY, LIMIT and OFFSET: what happens to the rows of a result after it is released, at whoever reads it.

They concern outputs only, so nothing more is disclosed or proved for them. A group that stays closed has no values:
ORDER BY puts it last, and HAVING, LIMIT and OFFSET leave it out. Rows that ORDER BY does not tell apart keep the order
of their groups' codes, which is that of all rows without ORDER BY. NULL is larger than every value, as in PostgreSQL:
last where ascending, first where descending, unless NULLS FIRST or NULLS LAST says otherwise. Texts are ordered by code
points, FALSE before TRUE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from query.errors import ColumnKindError, SqlUnsupportedError
from query.expressions import (
    Arithmetic,
    ColumnName,
    Comparison,
    Condition,
    Expression,
    Junction,
    Literal,
    Membership,
    Negation,
    NullTest,
)

Known = Fraction | str | bool | None
"""A value of an output in a comparison; numbers are exact."""


class OutputKind(Enum):
    """What an output's values are."""

    NUMBER = "a number"
    TEXT = "a text"
    TRUTH = "a truth value"
    OTHER = "not a single value"


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of ORDER BY: an output's name, and where its nulls stand."""

    output: str
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the question does with the rows of its result.

    Args:
        having: a condition over outputs, by name; None without.
        order: the keys of ORDER BY.
        limit: at most so many rows; None for all.
        offset: so many rows are left out first.
    """

    having: Condition | None = None
    order: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int = 0

    @property
    def selects(self) -> bool:
        """Whether it leaves rows out."""
        return self.having is not None or self.limit is not None or self.offset > 0


def arrange(rows: Sequence[Mapping[str, Known] | None], arrangement: Arrangement) -> list[int]:
    """Which rows are shown, in order.

    Args:
        rows: values of the outputs by name; None for a closed group.
        arrangement: of the question.

    Returns:
        Numbers of rows.
    """
    if not arrangement.order and not arrangement.selects:
        return list(range(len(rows)))
    shown = [(number, row) for number, row in enumerate(rows) if row is not None]
    if arrangement.having is not None:
        shown = [(number, row) for number, row in shown if _truth(arrangement.having, row)]
    for key in reversed(arrangement.order):
        nulls = [pair for pair in shown if pair[1][key.output] is None]
        others = [pair for pair in shown if pair[1][key.output] is not None]
        others = sorted(others, key=_ranked(key.output), reverse=key.descending)  # ties stay in order
        shown = [*nulls, *others] if key.nulls_first else [*others, *nulls]
    numbers = [number for number, _ in shown]
    if not arrangement.selects:
        return numbers + [number for number, row in enumerate(rows) if row is None]
    end = None if arrangement.limit is None else arrangement.offset + arrangement.limit
    return numbers[arrangement.offset : end]


def _ranked(output: str) -> Callable[[tuple[int, Mapping[str, Known]]], tuple[Fraction, str]]:
    return lambda pair: _ordered(pair[1][output])


def check_arrangement(arrangement: Arrangement, kinds: Mapping[str, OutputKind]) -> None:
    """Refuse what cannot be compared or ordered, before anything is proved.

    Args:
        kinds: of every output, by name.

    Raises:
        ColumnKindError: values of different kinds are compared, or one that has no order is ordered.
    """
    for key in arrangement.order:
        if kinds[key.output] is OutputKind.OTHER:
            raise ColumnKindError(f"{key.output} has no order", None)
    if arrangement.having is not None:
        _check_condition(arrangement.having, kinds)


# --- checks ---------------------------------------------------------------------------------------------------------


def _check_condition(condition: Condition, kinds: Mapping[str, OutputKind]) -> None:
    match condition:
        case Junction(operands=operands):
            for operand in operands:
                _check_condition(operand, kinds)
        case Negation(operand=operand):
            _check_condition(operand, kinds)
        case NullTest(operand=operand):
            _kind(operand, kinds)
        case Comparison(left=left, right=right):
            _check_same([left, right], kinds, condition)
        case Membership(operand=operand, items=items):
            _check_same([operand, *items], kinds, condition)
        case ColumnName() | Literal():
            if _kind(condition, kinds) is not OutputKind.TRUTH:
                raise ColumnKindError("a condition that is not a truth value", condition.position)


def _check_same(values: Sequence[Expression], kinds: Mapping[str, OutputKind], where: Condition) -> None:
    found = {_kind(value, kinds) for value in values}
    if len(found) > 1 or OutputKind.OTHER in found:
        words = " and ".join(sorted(kind.value for kind in found))
        raise ColumnKindError(f"a comparison of {words}", where.position)


def _kind(value: Expression, kinds: Mapping[str, OutputKind]) -> OutputKind:
    match value:
        case ColumnName(name=name):
            return kinds[name]
        case Literal(value=bool()):
            return OutputKind.TRUTH
        case Literal(value=str()):
            return OutputKind.TEXT
        case Literal(value=None):
            raise SqlUnsupportedError("comparison with NULL", value.position, "write IS NULL or IS NOT NULL")
        case Literal():
            return OutputKind.NUMBER
        case Arithmetic(left=left, right=right):
            for part in (left, right):
                if _kind(part, kinds) is not OutputKind.NUMBER:
                    raise ColumnKindError("arithmetic of other than numbers", value.position)
            return OutputKind.NUMBER
        case _:
            raise SqlUnsupportedError("CASE in HAVING", value.position, "compare the outputs themselves")


# --- evaluation, in SQL's logic of three values: None is unknown ----------------------------------------------------


def _truth(condition: Condition, row: Mapping[str, Known]) -> bool | None:
    match condition:
        case Negation(operand=operand):
            inner = _truth(operand, row)
            return None if inner is None else not inner
        case Junction(operator=operator, operands=operands):
            parts = [_truth(operand, row) for operand in operands]
            deciding = operator == "OR"
            return deciding if deciding in parts else None if None in parts else not deciding
        case NullTest(operand=operand):
            return _value(operand, row) is None
        case Comparison(operator=operator, left=left, right=right):
            return _compared(operator, _value(left, row), _value(right, row))
        case Membership(operand=operand, items=items):
            return None if (found := _value(operand, row)) is None else found in [_value(item, row) for item in items]
        case ColumnName() | Literal():
            value = _value(condition, row)
            return value if isinstance(value, bool) else None


def _value(expression: Expression, row: Mapping[str, Known]) -> Known:
    match expression:
        case ColumnName(name=name):
            return row[name]
        case Literal(value=Decimal() as number):
            return Fraction(number)
        case Literal(value=(bool() | str()) as value):
            return value
        case Arithmetic(operator=operator, left=left, right=right):
            a, b = _value(left, row), _value(right, row)
            if not isinstance(a, Fraction) or not isinstance(b, Fraction):
                return None
            return a + b if operator == "+" else a - b if operator == "-" else a * b
        case _:
            return None


def _compared(operator: str, left: Known, right: Known) -> bool | None:
    if left is None or right is None:
        return None
    a, b = _ordered(left), _ordered(right)
    match operator:
        case "=":
            return a == b
        case "<>":
            return a != b
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
        case _:
            return a >= b


def _ordered(value: Known) -> tuple[Fraction, str]:
    """A value that compares as ORDER BY demands; the two of a comparison are of one kind."""
    if isinstance(value, str):
        return Fraction(0), value
    return Fraction(0 if value is None else value), ""
