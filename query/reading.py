"""From the parser's syntax tree to values and conditions, node by node: what is not listed here cannot get through."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from sqlglot import exp

from query.errors import ParameterInvalidError, Position, SqlUnsupportedError
from query.expressions import (
    Arithmetic,
    Bucket,
    Case,
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
from query.parameters import Parameter
from query.tokens import position_of

MAX_NAME: Final = 64
MAX_DEPTH: Final = 64
MAX_DIGITS: Final = 25  # below the precision of decimal arithmetic
MAX_ITEMS: Final = 64
MAX_BINS: Final = 64

_COMPARISONS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}
_ARITHMETIC: Final[dict[type[exp.Expr], str]] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_PARTS: Final = {
    "db": "a name qualified with a schema", "catalog": "a name qualified with a schema",
    "columns": "an alias with columns", "expressions": "more than one argument", "query": "subquery",
    "symmetric": "BETWEEN SYMMETRIC", "distinct": "DISTINCT", "with_fill": "WITH FILL",
}
CONDITION_HINT: Final = "conditions are =, <>, <, <=, >, >=, BETWEEN, IN, IS NULL and boolean columns with AND, OR, NOT"
VALUE_HINT: Final = "values are columns and numbers with +, - and *, CASE WHEN … THEN … ELSE … END and WIDTH_BUCKET"


class TreeReader:
    """Accepts a syntax tree node by node.

    Args:
        sql: the text, for positions.
        parameters: values by name; those that were read are in `used`.
    """

    def __init__(self, sql: str, parameters: Mapping[str, Parameter]) -> None:
        self._sql = sql
        self._parameters = parameters
        self.used: set[str] = set()

    # --- conditions -----------------------------------------------------------------------------------------------

    def condition(self, node: exp.Expr | None, depth: int = 0) -> Condition:
        """Read a condition."""
        node = self._deeper(node, depth)
        place = self.position(node)
        match node:
            case exp.And() | exp.Or():
                operator = "AND" if isinstance(node, exp.And) else "OR"
                operands = tuple(self.condition(part, depth + 1) for part in self._operands(node))
                return Junction(operator, operands, place)
            case exp.Not():
                self.only(node, {"this"})
                return Negation(self.condition(node.this, depth + 1), place)
            case exp.Between():
                self.only(node, {"this", "low", "high"})
                operand = self.value(node.this, depth + 1)
                bounds = [self.value(node.args[key], depth + 1) for key in ("low", "high")]
                both = (Comparison(">=", operand, bounds[0], place), Comparison("<=", operand, bounds[1], place))
                return Junction("AND", both, place)
            case exp.In():
                return self._membership(node, depth)
            case exp.Is():
                self.only(node, {"this", "expression", "negate"})
                if not isinstance(node.expression, exp.Null):
                    hint = "write the boolean column itself, or NOT before it"
                    raise SqlUnsupportedError("IS other than IS NULL", place, hint)
                test = NullTest(self.value(node.this, depth + 1), place)
                return Negation(test, place) if node.args.get("negate") else test
            case exp.Column():
                return self.column(node, CONDITION_HINT)
            case exp.Boolean():
                return Literal(bool(node.this), place)
            case exp.Placeholder():
                return self._parameter(node)
        sign = _COMPARISONS.get(type(node)) if node is not None else None
        if node is None or sign is None:
            raise SqlUnsupportedError(construct(node), place, CONDITION_HINT)
        self.only(node, {"this", "expression"})
        left, right = self.value(node.this, depth + 1), self.value(node.args["expression"], depth + 1)
        return Comparison(sign, left, right, place)

    def _operands(self, node: exp.Expr) -> list[exp.Expr]:
        """The operands of a chain of one connective, in order; a chain is as deep as it is long."""
        found: list[exp.Expr] = []
        left = [node]
        while left:
            inner = bare(left.pop())
            if isinstance(inner, type(node)):
                self.only(inner, {"this", "expression"})
                left += [inner.args["expression"], inner.this]
            elif inner is not None:
                found.append(inner)
        return found

    def _membership(self, node: exp.In, depth: int) -> Membership:
        self.only(node, {"this", "expressions"})
        items = []
        for part in node.expressions:
            item = self.value(part, depth + 1)
            if not isinstance(item, Literal) or item.value is None:
                raise SqlUnsupportedError("IN of other than values", self.position(part), "list numbers or names")
            items.append(item)
        if not 0 < len(items) <= MAX_ITEMS:
            raise SqlUnsupportedError(f"IN of {len(items)} values", self.position(node), f"list 1 to {MAX_ITEMS}")
        return Membership(self.value(node.this, depth + 1), tuple(items), self.position(node))

    # --- values ---------------------------------------------------------------------------------------------------

    def value(self, node: exp.Expr | None, depth: int = 0) -> Expression:
        """Read a value."""
        node = self._deeper(node, depth)
        place = self.position(node)
        match node:
            case exp.Column():
                return self.column(node, VALUE_HINT)
            case exp.Literal():
                return Literal(str(node.this) if node.is_string else self._number(node), place)
            case exp.Boolean():
                return Literal(bool(node.this), place or self.position(node.parent))
            case exp.Placeholder():
                return self._parameter(node)
            case exp.Null():
                return Literal(None, place or self.position(node.parent))
            case exp.Neg():
                self.only(node, {"this"})
                inner = self.value(node.this, depth + 1)
                if isinstance(inner, Literal) and isinstance(inner.value, Decimal):
                    return Literal(-inner.value, place)
                return Arithmetic("-", Literal(Decimal(0), place), inner, place)
            case exp.Case():
                return self._case(node, depth)
            case exp.WidthBucket():
                self.only(node, {"this", "min_value", "max_value", "num_buckets"})
                parts = [node.args.get(key) for key in ("min_value", "max_value", "num_buckets")]
                return self.bucket(self.value(node.this, depth + 1), parts, place)
        operator = _ARITHMETIC.get(type(node)) if node is not None else None
        if node is None or operator is None:
            raise SqlUnsupportedError(construct(node), place, VALUE_HINT)
        self.only(node, {"this", "expression"})
        return Arithmetic(operator, self.value(node.this, depth + 1), self.value(node.args["expression"], depth + 1),
                          place)

    def bucket(self, operand: Expression, parts: Sequence[exp.Expr | None], place: Position | None) -> Bucket:
        """Read equal bins: where they begin, where they end, and how many there are."""
        lo, hi, count = (self.constant(part) for part in parts)
        if count != int(count) or not 1 <= count <= MAX_BINS:
            raise SqlUnsupportedError(f"{count:f} bins", place, f"write 1 to {MAX_BINS}")
        if lo >= hi:
            raise SqlUnsupportedError("bins that end before they begin", place, "write the lower bound first")
        return Bucket(operand, lo, hi, int(count), place)

    def constant(self, node: exp.Expr | None) -> Decimal:
        """Read a number that is written as it is."""
        found = self.value(node)
        if not isinstance(found, Literal) or isinstance(found.value, bool) or not isinstance(found.value, Decimal):
            raise SqlUnsupportedError("a bound that is not a number", self.position(node), "write a number")
        return found.value

    def _case(self, node: exp.Case, depth: int) -> Case:
        self.only(node, {"this", "ifs", "default"})
        compared = node.args.get("this")
        branches: list[tuple[Condition, Expression]] = []
        for part in node.args["ifs"]:
            self.only(part, {"this", "true"})
            condition: Condition
            if compared is None:
                condition = self.condition(part.this, depth + 1)
            else:
                value = self.value(part.this, depth + 1)
                condition = Comparison("=", self.value(compared, depth + 1), value, self.position(part))
            branches.append((condition, self.value(part.args["true"], depth + 1)))
        default = node.args.get("default")
        otherwise = None if default is None else self.value(default, depth + 1)
        return Case(tuple(branches), otherwise, self.position(node))

    def _parameter(self, node: exp.Placeholder) -> Literal:
        """The value of :name, which stands where a literal could."""
        self.only(node, {"this"})
        name = node.this.lower() if isinstance(node.this, str) else ""
        start = self._sql.lower().find(f":{name}")
        place = self.position(node) or (position_of(self._sql, start) if name and start >= 0 else None)
        if name not in self._parameters:
            what = f"no value is given for :{name[:48]}" if name else "a parameter without a name"
            raise ParameterInvalidError(what if place is None else f"{what} at {place}")
        self.used.add(name)
        return Literal(self._parameters[name], place)

    def _number(self, node: exp.Literal) -> Decimal:
        text = str(node.this)
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("NaN")
        if len(text) > MAX_DIGITS or not value.is_finite() or abs(value.adjusted()) > MAX_DIGITS:
            raise SqlUnsupportedError("this number", self.position(node), f"write at most {MAX_DIGITS} digits")
        return value

    # --- names ----------------------------------------------------------------------------------------------------

    def column(self, node: exp.Expr | None, hint: str) -> ColumnName:
        """Read a column's name."""
        node = bare(node)
        if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
            raise SqlUnsupportedError(construct(node), self.position(node), hint)
        self.only(node, {"this", "table"})
        qualifier = node.args.get("table")
        return ColumnName(self.name(node.this), self.name(qualifier) if qualifier else None, self.position(node))

    def name(self, node: exp.Expr | None) -> str:
        """Read an identifier; without quotes it is folded to lower case."""
        if not isinstance(node, exp.Identifier) or not isinstance(node.this, str):
            raise SqlUnsupportedError(construct(node), self.position(node), "write a plain name")
        if not 0 < len(node.this) <= MAX_NAME or not node.this.isprintable():
            hint = f"names are printable and have 1 to {MAX_NAME} characters"
            raise SqlUnsupportedError("this name", self.position(node), hint)
        return node.this if node.args.get("quoted") else node.this.lower()

    def only(self, node: exp.Expr, allowed: Collection[str]) -> None:
        """Refuse a node that has other parts than those allowed."""
        for key, value in node.args.items():
            if value not in (None, False, "") and value != [] and key not in allowed:
                named = _PARTS.get(key, f"{key.strip('_')} of {construct(node)}")
                raise SqlUnsupportedError(named, self.position(value if isinstance(value, exp.Expr) else node))

    def position(self, node: exp.Expr | None) -> Position | None:
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

    def _deeper(self, node: exp.Expr | None, depth: int) -> exp.Expr | None:
        if depth > MAX_DEPTH:
            raise SqlUnsupportedError(f"nesting deeper than {MAX_DEPTH}", self.position(node))
        return bare(node)


def bare(node: exp.Expr | None) -> exp.Expr | None:
    """A node without the parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def construct(node: exp.Expr | None) -> str:
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
        case exp.And() | exp.Or() | exp.Not():
            return f"{type(node).__name__.upper()} outside conditions"
        case exp.Case():
            return "CASE outside an aggregate"
        case exp.Literal() | exp.Boolean() | exp.Null():
            return "literal"
        case exp.Func():
            return f"the function {node.sql_name()[:32]!r}"
        case exp.Predicate():
            return "comparison"
        case exp.Binary() | exp.Unary():
            return "arithmetic"
        case _:
            return type(node).__name__.upper()
