"""One table of a question: its factors, and the compilers of its values and conditions."""

from __future__ import annotations

from typing import Final

from query.binding import BoundQuestion
from query.conditions import ConditionCompiler
from query.errors import SqlUnsupportedError
from query.expressions import ColumnName, Condition
from query.kinds import Boolean
from query.masks import Factor, Product, TableProducts
from query.polynomial import UNIT, ZERO, Algebra, Polynomial
from query.values import Truth, ValueCompiler
from zk.relation import ONE

LONG: Final = 4  # so many booleans are cheaper as one test of their sum than as a chain of products


class Side:
    """See the module's text.

    Args:
        products: the table's factors.
        algebra: products over the relation's builder.
        question: resolved names.
    """

    def __init__(self, products: TableProducts, algebra: Algebra, question: BoundQuestion) -> None:
        self.products = products
        self._algebra = algebra
        self.values = ValueCompiler(products, algebra, question.columns, self.truth)
        self._conditions = ConditionCompiler(algebra, self.values)

    def truth(self, condition: Condition, wanted: bool = True) -> Truth:
        """Compile a condition of this table: where it is true or, if not `wanted`, false."""
        return self._conditions.truth(condition, wanted)

    def condition_factor(self, condition: Condition) -> tuple[int, ...]:
        """The factor of a condition of WHERE, none if it always holds; what a physical column says by itself is that
        column's factor."""
        if isinstance(condition, ColumnName) and isinstance(self.values.bound(condition).column.kind, Boolean):
            return (self.products.number(self.values.bound(condition).column.name),)
        truth = self.truth(condition)
        text = self.values.text(condition)
        if truth.polynomial == ZERO:
            raise SqlUnsupportedError("a condition that is never true", condition.position, text)
        if truth.polynomial == UNIT:
            return ()
        known = self.values.number_of(truth.polynomial)
        if known is not None:
            return (known,)
        return (self.products.add(Factor(f"[{text}]", text, 1, True, truth.implies, truth.polynomial)),)

    def part(self, product: Product) -> Polynomial:
        """The product of factors."""
        found = UNIT
        for number in product:
            found = self._algebra.multiply(found, self.values.polynomial(number))
        return found

    def column(self, number: int) -> Polynomial:
        """A factor as a polynomial of few terms: its column where it is more than two."""
        found = self.values.polynomial(number)
        return Polynomial.column(self._algebra.column(found)) if found.degree > 1 or len(found.terms) > 2 else found

    def mask(self, product: Product) -> int:
        """The column that is 1 where all of some booleans are: a chain of products, or where they are many the test
        that their sum is their number."""
        if not product:
            return ONE
        if len(product) < LONG:
            return self._algebra.boolean_column(self.part(product))
        linear = {self.values.handle(number): 1 for number in product}
        linear[ONE] = -len(linear)
        return self._algebra.boolean_column(Polynomial.column(self._algebra.builder.is_zero(linear)))
