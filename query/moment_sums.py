"""Sums of products of two values under one mask, written with few columns: what MOMENTS is made of, and values over
several tables.

With M the product of the masks of all tables, u_i = M·x_i is one column for every value, and every product of two is
Σ u_i·x_j: k columns for k·(k + 1)/2 sums, whatever the owners. Where x_i is 0 wherever the masks do not hold (as stored
columns are on absent rows, and their products over several tables), those are left out of u_i. Columns of several
owners exist only as shares (`zk.owners`).
"""

from __future__ import annotations

from collections.abc import Sequence

from query.masks import Key
from query.polynomial import Algebra, Monomial, Polynomial
from query.sides import Side
from zk.relation import ONE

Handle = int


class MaskedSums:
    """Writes sums under one mask.

    Args:
        sides: the question's tables.
        algebra: products over the relation's builder.
        mask: for each table the booleans that all hold on the rows of the sums.
        joint: the column that is 1 on these rows under a condition over several tables, or None.
        inverse: the inverse of the group column, or None.
    """

    def __init__(
        self, sides: Sequence[Side], algebra: Algebra, mask: Key, joint: Handle | None, inverse: Handle | None
    ) -> None:
        self._sides, self._algebra, self._mask, self._inverse = sides, algebra, mask, inverse
        self._joint = joint
        self._masks = [] if joint is not None else [side.mask(p) for side, p in zip(sides, mask, strict=True)]

    def terms(self, key: Key, counts: bool) -> Polynomial:
        """The form of a sum.

        Args:
            key: the mask and at most two further factors.
            counts: whether it counts rows.
        """
        values = [(table, number) for table, product in enumerate(key) for number in product
                  if number not in self._mask[table]]
        if not values:
            return self._grouped(self._rows())
        first = self._masked(*values[0], alone=len(values) == 1 and not counts)
        if len(values) == 1:
            return self._grouped(first)
        column = self._algebra.column(first)
        if self._inverse is not None and len(self._sides) == 1:
            column = self._algebra.builder.product(column, self._inverse)
        found = Polynomial.column(column)
        for table, number in values[1:]:
            found = self._algebra.multiply(found, self._sides[table].column(number))
        return found if len(self._sides) == 1 else self._grouped(found)

    def _masked(self, table: int, number: int, alone: bool) -> Polynomial:
        """A factor where the mask holds.

        Args:
            alone: whether nothing is multiplied to it.
        """
        raw = self._sides[table].values.polynomial(number)
        value = raw if alone else self._sides[table].column(number)
        if self._joint is None:
            if self._covers(raw, range(len(self._sides))):
                return value
            if alone and (masked := self._term_by_term(raw)) is not None:
                return masked
            others = [mask for other, mask in enumerate(self._masks) if other != table]
            if len(others) == 1 and self._covers(raw, [table]):
                return self._algebra.multiply(Polynomial.column(others[0]), self._sides[table].column(number))
        return self._algebra.multiply(Polynomial.column(self._whole()), self._sides[table].column(number))

    def _term_by_term(self, value: Polynomial) -> Polynomial | None:
        """A value of several tables with every product times the masks that it does not imply; None beyond degree 2."""
        terms = []
        for monomial, coefficient in value.terms:
            missing = [mask for table, mask in enumerate(self._masks) if not self._implies(monomial, table)]
            factors = sorted([handle for handle in (*monomial, *missing) if handle != ONE])
            if len(factors) > 2:
                return None
            left, right = [ONE, ONE, *factors][-2:]
            terms.append(((left, right), coefficient))
        return Polynomial.of(terms)

    def _covers(self, value: Polynomial, tables: Sequence[int]) -> bool:
        """Whether a value is 0 wherever the mask of one of some tables does not hold."""
        return all(all(self._implies(monomial, table) for table in tables) for monomial, _ in value.terms)

    def _implies(self, monomial: Monomial, table: int) -> bool:
        """Whether a product is 0 wherever the mask of a table does not hold."""
        side, mask = self._sides[table], self._mask[table]
        if not mask:
            return True
        numbers = [number for handle in monomial if (number := side.values.physical_number(handle)) is not None]
        return any(side.products.simplify([*mask, number]) == (number,) for number in numbers)

    def _whole(self) -> Handle:
        """M."""
        if self._joint is not None:
            return self._joint
        found = ONE
        for mask in self._masks:
            found = self._algebra.builder.product(found, mask)
        return found

    def _rows(self) -> Polynomial:
        """M as a polynomial, without a column of its own."""
        masks = [mask for mask in self._masks if mask != ONE]
        if self._joint is not None or len(masks) == 1:
            return Polynomial.column(self._whole())
        found = ONE
        for mask in masks[:-1]:
            found = self._algebra.builder.product(found, mask)
        return self._algebra.multiply(Polynomial.column(found), Polynomial.column(masks[-1]))

    def _grouped(self, found: Polynomial) -> Polynomial:
        if self._inverse is None:
            return found
        return self._algebra.multiply(self._algebra.flat(found), Polynomial.column(self._inverse))
