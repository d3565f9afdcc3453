"""Sums of products of two values under one mask, written with few columns: what MOMENTS is made of.

With M the product of the masks of all tables, u_i = M·x_i is one column for every value, and every product of two is
Σ u_i·x_j: k columns for k·(k + 1)/2 sums, whatever the owners. Where x_i is 0 wherever the mask of its own table does
not hold (as stored columns are on absent rows), that mask is left out of u_i. Columns of several owners exist only as
shares (`zk.owners`).
"""

from __future__ import annotations

from collections.abc import Sequence

from query.masks import Key
from query.polynomial import Algebra, Polynomial
from query.sides import Side

Handle = int


class MaskedSums:
    """Writes the sums of one MOMENTS.

    Args:
        sides: the question's tables.
        algebra: products over the relation's builder.
        mask: for each table the booleans that all hold on the rows of the sums.
        joint: the column that is 1 on these rows under a condition over several tables, or None.
        inverse: the inverse of the group column of the only table, or None.
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
            counts: unused: every column here is seen to be 0 or 1 where it is.
        """
        values = [(table, number) for table, product in enumerate(key) for number in product
                  if number not in self._mask[table]]
        if not values:
            return self._with_inverse(self._rows())
        first = self._masked(*values[0])
        if self._inverse is not None:
            first = self._algebra.builder.product(first, self._inverse)
        found = Polynomial.column(first)
        for table, number in values[1:]:
            found = self._algebra.multiply(found, self._sides[table].column(number))
        return found

    def _masked(self, table: int, number: int) -> Handle:
        """u: a factor where the mask holds."""
        value = self._sides[table].column(number)
        products = self._sides[table].products
        if self._joint is None and products.simplify([*self._mask[table], number]) == (number,):
            if len(self._masks) == 1:
                return self._algebra.column(value)
            if len(self._masks) == 2:
                return self._product(value, self._masks[1 - table])
        return self._product(value, self._whole())

    def _product(self, value: Polynomial, mask: Handle) -> Handle:
        return self._algebra.column(self._algebra.multiply(Polynomial.column(mask), value))

    def _whole(self) -> Handle:
        """M."""
        if self._joint is not None:
            return self._joint
        found = self._masks[0]
        for mask in self._masks[1:]:
            found = self._algebra.builder.product(found, mask)
        return found

    def _rows(self) -> Polynomial:
        """M as a polynomial, without a column of its own."""
        if self._joint is not None or len(self._masks) == 1:
            return Polynomial.column(self._whole())
        found = self._masks[0]
        for mask in self._masks[1:-1]:
            found = self._algebra.builder.product(found, mask)
        return self._algebra.multiply(Polynomial.column(found), Polynomial.column(self._masks[-1]))

    def _with_inverse(self, rows: Polynomial) -> Polynomial:
        if self._inverse is None:
            return rows
        return self._algebra.multiply(self._algebra.flat(rows), Polynomial.column(self._inverse))
