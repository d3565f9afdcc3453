"""Values of one table as polynomials with bounds: columns, numbers, + − × and CASE.

A value stands for the number (polynomial)/10^scale on the rows where its masks hold; its bounds hold on every row, for
stored columns are 0 where a value is null or a row absent. The bounds follow by interval arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from query.binding import BoundColumn
from query.errors import BoundExceededError, ColumnKindError, SqlUnsupportedError
from query.expressions import (
    Arithmetic,
    Bucket,
    Case,
    ColumnName,
    Comparison,
    Condition,
    Expression,
    Literal,
    text_of,
)
from query.kinds import MAX_SCALE, Category, stored_bound, stored_offset, stored_scale
from query.masks import Factor, TableProducts
from query.polynomial import UNIT, ZERO, Algebra, Polynomial
from query.registration import registered_column
from zk.relation import ONE

MAX_VALUE_BITS: Final = 120


@dataclass(frozen=True, slots=True)
class Truth:
    """A condition.

    Args:
        polynomial: 1 where it is true, 0 where it is false, unknown, or the row is absent.
        implies: physical booleans that are 1 wherever it is.
    """

    polynomial: Polynomial
    implies: frozenset[int]


@dataclass(frozen=True, slots=True)
class Value:
    """A number on every row.

    Args:
        polynomial: the number times 10^scale.
        lo: lower bound of the polynomial on every row.
        hi: upper bound.
        scale: digits after the point.
        masks: factors that are 1 where it is not null.
    """

    polynomial: Polynomial
    lo: int
    hi: int
    scale: int
    masks: tuple[int, ...]

    def scaled(self, factor: int) -> Value:
        """The polynomial times a constant, the scale as it is."""
        lo, hi = sorted((self.lo * factor, self.hi * factor))
        return Value(self.polynomial.scaled(factor), lo, hi, self.scale, self.masks)

    def shifted(self, by: int) -> Value:
        """The polynomial plus a constant."""
        polynomial = self.polynomial + Polynomial.constant(by)
        return Value(polynomial, self.lo + by, self.hi + by, self.scale, self.masks)

    def rescaled(self, scale: int) -> Value:
        """The same number with more digits after the point."""
        found = self.scaled(10 ** (scale - self.scale))
        return Value(found.polynomial, found.lo, found.hi, scale, self.masks)

    def floored(self) -> Value:
        """A value of the same sign (0 counts as positive): over the common divisor of its columns' coefficients."""
        divisor = self.polynomial.divisor
        polynomial = self.polynomial.floored(divisor)
        return Value(polynomial, self.lo // divisor, self.hi // divisor, self.scale, self.masks)


def added(left: Value, right: Value) -> Value:
    """left + right."""
    scale = max(left.scale, right.scale)
    a, b = left.rescaled(scale), right.rescaled(scale)
    masks = tuple(dict.fromkeys(a.masks + b.masks))
    return Value(a.polynomial + b.polynomial, a.lo + b.lo, a.hi + b.hi, scale, masks)


def difference(left: Value, right: Value) -> Value:
    """left − right."""
    return added(left, right.scaled(-1))


class ValueCompiler:
    """Compiles the values of one table.

    Args:
        side: the table's factors; computed masks are added to them.
        algebra: products over the relation's builder.
        columns: what the question's names mean.
        truth: compiles a condition of the same table.
    """

    def __init__(
        self,
        side: TableProducts,
        algebra: Algebra,
        columns: Mapping[ColumnName, BoundColumn],
        truth: Callable[[Condition], Truth],
    ) -> None:
        self.side = side
        self._algebra = algebra
        self._columns = columns
        self._truth = truth
        self._handles: dict[int, int] = {}

    def bound(self, name: ColumnName) -> BoundColumn:
        """What a name means."""
        return self._columns[name]

    def handle(self, number: int) -> int:
        """The column of a physical factor, or of one that is 0 or 1."""
        if number not in self._handles:
            polynomial = self.side.factors[number].polynomial
            if polynomial is None:
                column, table = self.side.physical[number], self.side.table
                registered = registered_column(column, table.dataset, table.version)
                self._handles[number] = self._algebra.builder.registered(registered, optional=True)
            else:
                self._handles[number] = self._algebra.boolean_column(polynomial)
        return self._handles[number]

    def polynomial(self, number: int) -> Polynomial:
        """A factor as a polynomial: one column, or a computed value as it is."""
        factor = self.side.factors[number]
        if factor.polynomial is not None and not factor.boolean:
            return factor.polynomial
        return Polynomial.column(self.handle(number))

    @property
    def base(self) -> Polynomial:
        """1 on the rows that count: ``present``, or 1 of an optional table."""
        return self.product(self.side.base)

    def product(self, numbers: Iterable[int]) -> Polynomial:
        """The product of factors."""
        found = UNIT
        for number in numbers:
            found = self._algebra.multiply(found, self.polynomial(number))
        return found

    def times(self, left: Polynomial, right: Polynomial) -> Polynomial:
        """The product of two polynomials."""
        return self._algebra.multiply(left, right)

    def number_of(self, polynomial: Polynomial) -> int | None:
        """The physical factor that a polynomial is, if it is one."""
        single = polynomial.single()
        used = {handle: n for n, handle in self._handles.items() if n < len(self.side.physical)}
        return used.get(single[1]) if single is not None and single[0] == ONE else None

    def physical_number(self, handle: int) -> int | None:
        """The physical factor that a column in use is."""
        return next((n for n, own in self._handles.items() if own == handle and n < len(self.side.physical)), None)

    def vanishing(self, mask: int) -> frozenset[int]:
        """The columns in use that are 0 wherever the column `mask` is."""
        used = {n: handle for n, handle in self._handles.items() if n < len(self.side.physical)}
        return frozenset(
            handle
            for number, handle in used.items()
            if handle == mask or any(used.get(implied) == mask for implied in self.side.factors[number].implies)
        )

    def value(self, expression: Expression, any_kind: bool = False) -> Value:
        """Compile a value.

        Args:
            any_kind: whether a category may stand here by itself.

        Raises:
            ColumnKindError: a category or a text in a place of numbers.
            BoundExceededError: more digits or bits than fit.
        """
        match expression:
            case ColumnName():
                found = self._column(expression, any_kind)
            case Literal(value=Decimal() as number):
                found = _number(number)
            case Literal(value=None):
                raise SqlUnsupportedError("NULL in arithmetic", expression.position, "leave ELSE out instead")
            case Literal():
                raise ColumnKindError("a text or truth value among numbers", expression.position, "write a number")
            case Arithmetic(operator=operator, left=left, right=right):
                found = self.combined(operator, self.value(left), self.value(right))
            case Case():
                found = self._case(expression)
            case Bucket():
                found = self._bucket(expression)
        return self.settled(found, self.text(expression))

    def settled(self, found: Value, text: str) -> Value:
        """A value with the bounds of a constant where it is one.

        Raises:
            BoundExceededError: more digits or bits than fit.
        """
        if found.polynomial.degree == 0:
            constant = found.polynomial.at_zero
            found = Value(found.polynomial, constant, constant, found.scale, found.masks)
        if found.scale > MAX_SCALE or max(abs(found.lo), abs(found.hi)).bit_length() > MAX_VALUE_BITS:
            raise BoundExceededError(
                f"the value {text} needs more than {MAX_VALUE_BITS} bits or {MAX_SCALE} decimals"
            )
        return found

    def text(self, expression: Expression | Condition) -> str:
        """Canonical text with full names."""
        table = self.side.table.schema.name
        return text_of(expression, lambda name: f"{table}.{self.bound(name).column.name}")

    def _column(self, name: ColumnName, any_kind: bool) -> Value:
        kind = self.bound(name).column.kind
        if isinstance(kind, Category) and not any_kind:
            raise ColumnKindError(f"{name} is a category", name.position, "its codes are names, not numbers")
        number = self.side.number(self.bound(name).column.name)
        stored = Value(self.polynomial(number), 0, stored_bound(kind), stored_scale(kind), self.side.known(number))
        return stored.shifted(stored_offset(kind))

    def combined(self, operator: str, left: Value, right: Value) -> Value:
        """left + right, left - right or left * right."""
        if operator != "*":
            return (added if operator == "+" else difference)(left, right)
        corners = [a * b for a in (left.lo, left.hi) for b in (right.lo, right.hi)]
        polynomial = self._algebra.multiply(left.polynomial, right.polynomial)
        masks = tuple(dict.fromkeys(left.masks + right.masks))
        return Value(polynomial, min(corners), max(corners), left.scale + right.scale, masks)

    def _bucket(self, bucket: Bucket) -> Value:
        """The number of bounds that a value is not below: comparisons with those that it may be above or below."""
        value = self.value(bucket.operand)
        found, always, never = ZERO, 0, 0
        for number in range(bucket.count + 1):
            bound = bucket.count * bucket.lo + number * (bucket.hi - bucket.lo)  # times count, so that it is exact
            lowest, highest = (Decimal(end).scaleb(-value.scale) * bucket.count for end in (value.lo, value.hi))
            if lowest >= bound:
                always += 1
            elif highest < bound:
                never += 1
            else:
                scaled = Arithmetic("*", Literal(Decimal(bucket.count), None), bucket.operand, bucket.position)
                truth = self._truth(Comparison(">=", scaled, Literal(bound, None), bucket.position))
                found = found + truth.polynomial
        found = found + Polynomial.constant(always)
        return Value(found, always, bucket.count + 1 - never, 0, value.masks)

    # --- CASE -----------------------------------------------------------------------------------------------------

    def _case(self, case: Case) -> Value:
        """Σ of the branches' values under their conditions; what does not count keeps the last value, unmasked."""
        truths = [self._truth(condition) for condition, _ in case.branches]
        chosen = [value for _, value in case.branches] + ([] if case.otherwise is None else [case.otherwise])
        values = [None if _is_null(value) else self.value(value) for value in chosen]
        given = [value for value in values if value is not None]
        if not given:
            raise SqlUnsupportedError("CASE that is always null", case.position, "give a value after THEN")
        scale = max(value.scale for value in given)
        branches = [None if value is None else value.rescaled(scale) for value in values]
        found = next(value for value in reversed(branches) if value is not None)
        for truth, branch in zip(reversed(truths), reversed(branches[: len(truths)]), strict=True):
            if branch is not None and branch.polynomial != found.polynomial:
                step = self._algebra.multiply(truth.polynomial, branch.polynomial - found.polynomial)
                hull = min(branch.lo, found.lo), max(branch.hi, found.hi)
                found = Value(step + found.polynomial, *hull, scale, ())
        return Value(found.polynomial, found.lo, found.hi, scale, self._case_masks(case, truths, values))

    def _case_masks(self, case: Case, truths: list[Truth], values: list[Value | None]) -> tuple[int, ...]:
        kinds = {None if value is None else self.side.simplify([*self.side.base, *value.masks]) for value in values}
        if case.otherwise is not None and len(kinds) == 1 and None not in kinds:
            return values[0].masks if values[0] is not None else ()
        left, known, implies = self.base, ZERO, []
        for number, value in enumerate(values):
            here, implied = left, frozenset(self.side.base)
            if number < len(truths):
                holds = truths[number].polynomial
                here = holds if number == 0 else self._algebra.multiply(left, holds)
                implied |= truths[number].implies
                left = left - here  # a condition implies the base
            if value is None or here == ZERO:
                continue
            for mask in self.side.simplify([*self.side.base, *value.masks]):
                if mask not in implied:
                    here = self._algebra.multiply(here, self.polynomial(mask))
                    implied |= {mask} | self.side.factors[mask].implies
            known = known + here
            implies.append(implied)
        if known == ZERO:
            raise SqlUnsupportedError("CASE that is always null", case.position, "give a condition that can be true")
        common = frozenset.intersection(*implies) & frozenset(range(len(self.side.physical)))
        text = f"({self.text(case)}) is known"
        return (self.side.add(Factor(f"[{text}]", text, 1, True, common, known)),)


def _is_null(expression: Expression) -> bool:
    return isinstance(expression, Literal) and expression.value is None


def _number(number: Decimal) -> Value:
    digits = number.normalize()
    scale = max(0, -int(digits.as_tuple().exponent))
    whole = int(digits.scaleb(scale))
    return Value(Polynomial.constant(whole), whole, whole, scale, ())
