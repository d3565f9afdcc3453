"""Conditions of one table as polynomials that are 1 on the rows where they are true and 0 elsewhere.

SQL's logic has three values. Negations are pushed down to the leaves (which is exact in that logic), and every leaf is
written so that it is 0 where a value it needs is null and where the row is absent; so no mask is needed besides. (An
absent row of a table on the right of a LEFT JOIN is a row of nulls: there IS NULL is true.)

A comparison is d ≥ 0 for an integer polynomial d whose bounds on every row follow from registration. Let κ be 1 where
all of d's columns are known. Where κ = 0 the form f that is tested must be negative: stored values are 0 there, so a
single column's d is its constant c, and f = d if c < 0, else f = d + (c + 1)·(κ − 1) = −1; in general
f = d + (largest d + 1)·(κ − 1). The same f serves d = 0, for f is then not 0 where κ = 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from query.errors import BoundExceededError, ColumnKindError, SqlUnsupportedError
from query.expressions import (
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
from query.kinds import Boolean, Category
from query.polynomial import UNIT, ZERO, Algebra, Polynomial
from query.values import Truth, Value, ValueCompiler, difference

MAX_COMPARED_BITS: Final = 128
RUN: Final = 4  # so many consecutive values are cheaper as two comparisons than as a product

_NEGATED: Final = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


NEVER: Final = Truth(ZERO, frozenset())


class ConditionCompiler:
    """Compiles the conditions of one table; see the module's text.

    Args:
        algebra: products over the relation's builder.
        values: compiles the values that conditions compare.
    """

    def __init__(self, algebra: Algebra, values: ValueCompiler) -> None:
        self._algebra = algebra
        self._values = values
        self._side = values.side

    def truth(self, condition: Condition, wanted: bool = True) -> Truth:
        """The rows on which a condition is true (or, if not `wanted`, false)."""
        match condition:
            case Negation(operand=operand):
                return self.truth(operand, not wanted)
            case Junction(operator=operator, operands=operands):
                parts = [self.truth(operand, wanted) for operand in operands]
                return self._all(parts) if (operator == "AND") == wanted else self._any(parts)
            case Literal(value=bool() as value):
                return self._known(()) if value == wanted else NEVER
            case ColumnName():
                return self._boolean(condition, wanted)
            case Comparison(operator=operator, left=left, right=right):
                return self._comparison(operator if wanted else _NEGATED[operator], left, right, condition)
            case Membership():
                return self._membership(condition, wanted)
            case NullTest(operand=operand):
                known = self._known(self._values.value(operand, any_kind=True).masks)
                return self._but(self._known(()), known) if wanted else known
            case _:
                raise SqlUnsupportedError("literal as a condition", condition.position)

    # --- logic ----------------------------------------------------------------------------------------------------

    def _all(self, parts: Iterable[Truth]) -> Truth:
        polynomial, implies = UNIT, frozenset[int]()
        for part in parts:
            if part.polynomial == ZERO:
                return NEVER
            if part.polynomial != polynomial:
                polynomial = self._algebra.multiply(polynomial, part.polynomial)
            implies |= part.implies
        return Truth(polynomial, implies)

    def _any(self, parts: Iterable[Truth]) -> Truth:
        found = NEVER
        for part in parts:
            if part.polynomial == ZERO or part.polynomial == found.polynomial:
                continue
            if found.polynomial == ZERO:
                found = part
                continue
            both = self._algebra.multiply(found.polynomial, part.polynomial)
            found = Truth(found.polynomial + part.polynomial - both, found.implies & part.implies)
        return found

    def _but(self, whole: Truth, part: Truth) -> Truth:
        """Where the whole holds and the part, which implies it, does not."""
        return Truth(whole.polynomial - part.polynomial, whole.implies)

    def _known(self, masks: Iterable[int]) -> Truth:
        """Where all of some masks, and the row, are there."""
        polynomial, implies = UNIT, frozenset(self._side.base)
        for number in self._side.simplify([*self._side.base, *masks]):
            polynomial = self._algebra.multiply(polynomial, self._values.polynomial(number))
            implies |= {number} if number < len(self._side.physical) else set()
            implies |= self._side.factors[number].implies
        return Truth(polynomial, implies)

    # --- leaves ---------------------------------------------------------------------------------------------------

    def _boolean(self, name: ColumnName, wanted: bool) -> Truth:
        bound = self._values.bound(name)
        if not isinstance(bound.column.kind, Boolean):
            hint = "compare it with =, <>, <, <=, >, >=, BETWEEN or IN"
            raise ColumnKindError(f"{name} is not boolean", name.position, hint)
        number = self._side.number(bound.column.name)
        holds = Truth(self._values.polynomial(number), self._side.factors[number].implies | {number})
        return holds if wanted else self._but(self._known(self._side.known(number)), holds)

    def _comparison(self, operator: str, left: Expression, right: Expression, whole: Comparison) -> Truth:
        for literal in (left, right):
            if isinstance(literal, Literal) and literal.value is None:
                raise SqlUnsupportedError("comparison with NULL", literal.position, "write IS NULL or IS NOT NULL")
        coded = self._coded(left, right)
        if coded is not None:
            if operator not in ("=", "<>"):
                raise ColumnKindError(f"{coded[0]} has no order", whole.position, "compare it with =, <> or IN")
            return self._codes(coded[0], [coded[1]], operator == "=")
        a, b = self._values.value(left), self._values.value(right)
        if operator in ("=", "<>"):
            d = difference(a, b)
            equal = self._zero(d)
            return equal if operator == "=" else self._but(self._known(d.masks), equal)
        d = difference(b, a) if operator in ("<", "<=") else difference(a, b)
        return self._not_negative(d.shifted(-1) if operator in ("<", ">") else d)

    def _membership(self, condition: Membership, wanted: bool) -> Truth:
        operand, items = condition.operand, condition.items
        coded = [self._coded(operand, item) for item in items]
        first = coded[0]
        if first is not None:
            pairs = [pair for pair in coded if pair is not None]
            if len(pairs) != len(coded):
                raise ColumnKindError("a list of values of several kinds", condition.position)
            return self._codes(first[0], [item for _, item in pairs], wanted)
        value = self._values.value(operand)
        differences = [difference(value, self._values.value(item)) for item in items]
        return self._one_of(value.masks, differences, wanted)

    def _coded(self, left: Expression, right: Expression) -> tuple[ColumnName, Literal] | None:
        """The category or boolean column and the name or truth value that a comparison is between; None for numbers."""
        for column, other in ((left, right), (right, left)):
            kind = self._values.bound(column).column.kind if isinstance(column, ColumnName) else None
            if isinstance(column, ColumnName) and isinstance(kind, Category | Boolean):
                wanted = str if isinstance(kind, Category) else bool
                if isinstance(other, Literal) and isinstance(other.value, wanted):
                    return column, other
                what = "one of its names in quotes" if isinstance(kind, Category) else "TRUE or FALSE"
                raise ColumnKindError(f"{column} compared with something else", other.position, f"write {what}")
        for literal in (left, right):
            if isinstance(literal, Literal) and not isinstance(literal.value, Decimal):
                raise ColumnKindError("a number compared with something else", literal.position, "write a number")
        return None

    def _codes(self, name: ColumnName, items: list[Literal], wanted: bool) -> Truth:
        bound = self._values.bound(name)
        kind = bound.column.kind
        if isinstance(kind, Boolean):
            parts = [self._boolean(name, bool(item.value) == wanted) for item in items]
            return self._any(parts) if wanted else self._all(parts)
        names = kind.names if isinstance(kind, Category) else ()
        for item in items:
            if item.value not in names:
                hint = f"there are {', '.join(repr(known) for known in names[:8])}{' ...' if len(names) > 8 else ''}"
                raise ColumnKindError(f"{name} has no value {str(item.value)[:64]!r}", item.position, hint)
        number = self._side.number(bound.column.name)
        stored = Value(self._values.polynomial(number), 0, len(names), 0, self._side.known(number))
        codes = sorted({names.index(str(item.value)) + 1 for item in items})
        return self._one_of(stored.masks, [stored.shifted(-code) for code in codes], wanted)

    # --- tests ----------------------------------------------------------------------------------------------------

    def _one_of(self, masks: tuple[int, ...], differences: list[Value], wanted: bool) -> Truth:
        """Where one of some values, which differ by constants, is 0."""
        shifts = {d.polynomial.at_zero: d for d in differences}
        chosen = [shifts[key] for key in sorted(shifts, reverse=True) if shifts[key].lo <= 0 <= shifts[key].hi]
        known = self._known(masks)
        if not chosen:
            return NEVER if wanted else known
        first, last = chosen[0], chosen[-1]
        run = len(chosen) >= RUN and first.polynomial.at_zero - last.polynomial.at_zero == len(chosen) - 1
        if len(chosen) == 1:
            found = self._zero(first)
        elif run:
            found = self._all([self._not_negative(first), self._not_negative(last.scaled(-1))])
        else:
            product = UNIT
            for d in chosen:
                product = self._algebra.multiply(product, d.polynomial)
            column = self._algebra.flat(product)
            zero = Polynomial.column(self._algebra.builder.is_zero(dict(column.linear())))
            self._algebra.boolean_column(zero)
            dominated = self._dominated(chosen[0].polynomial, known) and all(d.polynomial.at_zero for d in chosen)
            found = Truth(zero if dominated else self._algebra.multiply(zero, known.polynomial), known.implies)
        return found if wanted else self._but(known, found)

    def _not_negative(self, d: Value) -> Truth:
        known = self._known(d.masks)
        d = d.floored()
        if d.lo >= 0:
            return known
        if d.hi < 0:
            return NEVER
        form, lowest = self._negative_where_unknown(d, known)
        bits = max(abs(lowest), d.hi).bit_length()
        if bits > MAX_COMPARED_BITS:
            raise BoundExceededError(f"a comparison of {bits} bits does not fit; the limit is {MAX_COMPARED_BITS}")
        sign = self._algebra.builder.not_negative(dict(form.linear()), bits)
        return Truth(Polynomial.column(sign), known.implies)

    def _zero(self, d: Value) -> Truth:
        known = self._known(d.masks)
        divisor = d.polynomial.divisor
        if not d.lo <= 0 <= d.hi or d.polynomial.at_zero % divisor:
            return NEVER
        if d.lo == d.hi:
            return known
        form, _ = self._negative_where_unknown(d.floored(), known, or_positive=True)
        flag = self._algebra.builder.boolean(self._algebra.builder.is_zero(dict(form.linear())))
        return Truth(Polynomial.column(flag), known.implies)

    def _negative_where_unknown(self, d: Value, known: Truth, or_positive: bool = False) -> tuple[Polynomial, int]:
        """A linear form equal to d where its columns are known and negative elsewhere (not 0, with `or_positive`), and
        its lower bound."""
        form = self._algebra.flat(d.polynomial)
        if self._dominated(form, known):
            constant = form.at_zero
            if constant < 0 or (or_positive and constant):
                return form, d.lo
            return form + (known.polynomial - UNIT).scaled(constant + 1), min(d.lo, -1)
        switch = self._algebra.flat(known.polynomial) - UNIT
        return form + switch.scaled(d.hi + 1), d.lo - d.hi - 1

    def _dominated(self, form: Polynomial, known: Truth) -> bool:
        """Whether every column of a form is a stored one that vanishes wherever a condition does not hold."""
        masks = known.polynomial.single()
        if masks is None or masks[0] != 0:
            return False
        return form.degree == 1 and form.handles() <= self._values.vanishing(masks[1])
