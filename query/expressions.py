"""Values and conditions of a question as trees, before names are resolved. Public."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from query.errors import Position


@dataclass(frozen=True, slots=True)
class ColumnName:
    """A column as the question writes it; as a condition, a boolean column."""

    name: str
    qualifier: str | None
    position: Position | None

    def __str__(self) -> str:
        return self.name if self.qualifier is None else f"{self.qualifier}.{self.name}"


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, TRUE or FALSE, or NULL (None)."""

    value: Decimal | str | bool | None
    position: Position | None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """left + right, left - right or left * right."""

    operator: str
    left: Expression
    right: Expression
    position: Position | None


@dataclass(frozen=True, slots=True)
class Case:
    """CASE WHEN condition THEN value … ELSE otherwise END; without ELSE, `otherwise` is None."""

    branches: tuple[tuple[Condition, Expression], ...]
    otherwise: Expression | None
    position: Position | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """WIDTH_BUCKET(operand, lo, hi, count): 0 below lo, 1 to count in equal bins, count + 1 from hi."""

    operand: Expression
    lo: Decimal
    hi: Decimal
    count: int
    position: Position | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """left operator right, the operator one of = <> < <= > >=."""

    operator: str
    left: Expression
    right: Expression
    position: Position | None


@dataclass(frozen=True, slots=True)
class Membership:
    """operand IN (literals)."""

    operand: Expression
    items: tuple[Literal, ...]
    position: Position | None


@dataclass(frozen=True, slots=True)
class NullTest:
    """operand IS NULL."""

    operand: Expression
    position: Position | None


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT operand."""

    operand: Condition
    position: Position | None


@dataclass(frozen=True, slots=True)
class Junction:
    """Two or more conditions joined by AND or by OR."""

    operator: str
    operands: tuple[Condition, ...]
    position: Position | None


Expression = ColumnName | Literal | Arithmetic | Case | Bucket
Condition = ColumnName | Literal | Comparison | Membership | NullTest | Negation | Junction
Node = Expression | Condition


def value_names(node: Expression) -> Iterator[ColumnName]:
    """The columns whose values go into an expression's value."""
    match node:
        case ColumnName():
            yield node
        case Arithmetic(left=left, right=right):
            yield from value_names(left)
            yield from value_names(right)
        case Case(branches=branches, otherwise=otherwise):
            for _, value in branches:
                yield from value_names(value)
            if otherwise is not None:
                yield from value_names(otherwise)
        case Bucket(operand=operand):
            yield from value_names(operand)
        case Literal():
            return


def condition_names(node: Node, inside: bool = False) -> Iterator[ColumnName]:
    """The columns that decide something: those of conditions, in WHERE (`inside`) and after WHEN."""
    match node:
        case ColumnName():
            if inside:
                yield node
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            inner = inside or isinstance(node, Comparison)
            yield from condition_names(left, inner)
            yield from condition_names(right, inner)
        case Case(branches=branches, otherwise=otherwise):
            for condition, value in branches:
                yield from condition_names(condition, True)
                yield from condition_names(value, inside)
            if otherwise is not None:
                yield from condition_names(otherwise, inside)
        case Membership() | NullTest() | Negation() | Bucket():
            yield from condition_names(node.operand, True)
        case Junction(operands=operands):
            for operand in operands:
                yield from condition_names(operand, True)
        case Literal():
            return


def all_names(node: Node) -> tuple[ColumnName, ...]:
    """Every column of a value or condition."""
    found = dict.fromkeys(condition_names(node, True))
    return tuple(found)


def text_of(node: Node, name_of: Callable[[ColumnName], str]) -> str:
    """The canonical text of a value or condition: fully parenthesised, and with a product sign of its own.

    Args:
        name_of: the text of a column.
    """

    def text(inner: Node) -> str:
        shown = text_of(inner, name_of)
        return shown if isinstance(inner, ColumnName | Literal | Case | Bucket) else f"({shown})"

    def shown_value(inner: Node) -> str:
        return text_of(inner, name_of)

    match node:
        case ColumnName():
            return name_of(node)
        case Literal(value=value):
            return _literal(value)
        case Arithmetic(operator=operator, left=left, right=right):
            return f"{text(left)} {'·' if operator == '*' else operator} {text(right)}"
        case Bucket(operand=operand, lo=lo, hi=hi, count=count):
            return f"width_bucket({shown_value(operand)}, {_literal(lo)}, {_literal(hi)}, {count})"
        case Comparison(operator=operator, left=left, right=right):
            return f"{text(left)} {operator} {text(right)}"
        case Membership(operand=operand, items=items):
            return f"{text(operand)} in ({', '.join(_literal(item.value) for item in items)})"
        case NullTest(operand=operand):
            return f"{text(operand)} is null"
        case Negation(operand=condition):
            return f"not {text(condition)}"
        case Junction(operator=operator, operands=operands):
            return f" {operator.lower()} ".join(text(operand) for operand in operands)
        case Case(branches=branches, otherwise=otherwise):
            parts = [f"when {text(condition)} then {text(value)}" for condition, value in branches]
            ending = [] if otherwise is None else [f"else {text(otherwise)}"]
            return f"case {' '.join([*parts, *ending])} end"


def _literal(value: Decimal | str | bool | None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return f"{value:f}"
