"""Columns as a contributor sees them, and the ways a product of columns becomes an additive contribution.

Prover messages are linear in contributions, so a prover needs two things of a column: an additive part of it, and an
additive part of its product with another column. For columns one owner holds in plaintext the owner's part is the
whole; for columns of different owners the parts come from replicated shares, x = x_0 + x_1 + x_2 with party i holding
x_i and x_{i+1}, whose local products are additive shares of the product (Araki et al. 2016, §2). Who holds no shares
has no part in those products.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from zk.errors import ProtocolStateError, SizeMismatchError
from zk.field import FR, Words
from zk.forms import ONE, Term
from zk.owners import EVERYBODY, holds_shares, owner_of_term


class Column:
    """One contributor's view of one column: plaintext, replicated components, both, or nothing. Secret.

    Values are a polynomial's coefficients, or its values on any set of points: the two views are kept alike.
    """

    __slots__ = ("plain", "shares")

    def __init__(self, plain: Words | None = None, shares: tuple[Words, Words] | None = None) -> None:
        self.plain = plain
        self.shares = shares

    def mapped(self, linear: Callable[[Words], Words]) -> Mapped:
        """The same column under a linear map of its values, which is applied to a view when that is first asked for."""
        return Mapped(self, linear)

    def __repr__(self) -> str:
        return f"Column(plain={self.plain is not None}, shares={self.shares is not None}, values redacted)"

    def __reduce__(self) -> str:
        raise ProtocolStateError("a column view is secret and is not pickled or copied")


class Mapped:
    """A column under a linear map, computed view by view as they are needed. Secret."""

    def __init__(self, column: Column, linear: Callable[[Words], Words]) -> None:
        self._column, self._linear = column, linear

    @cached_property
    def plain(self) -> Words | None:
        """The plaintext's image."""
        return None if self._column.plain is None else self._linear(self._column.plain)

    @cached_property
    def shares(self) -> tuple[Words, Words] | None:
        """The components' images."""
        shares = self._column.shares
        return None if shares is None else (self._linear(shares[0]), self._linear(shares[1]))

    def __repr__(self) -> str:
        return "Mapped(values redacted)"

    def __reduce__(self) -> str:
        raise ProtocolStateError("a column view is secret and is not pickled or copied")


@dataclass(frozen=True, slots=True)
class Weighted:
    """A term with its scalar weight in the polynomial being built."""

    scalar: int
    term: Term


class ProductSum:
    """This contributor's additive part of Σ scalar · left · right, over columns given on a common set of points.

    Args:
        contributor: this contributor's number.
        owners: owner of every column.
        columns: the view of a column on the set of points; asked for only when it is needed.
        size: number of points.
    """

    def __init__(
        self, contributor: int, owners: Mapping[int, int], columns: Callable[[int], Column | Mapped], size: int
    ) -> None:
        self._contributor = contributor
        self._owners = owners
        self._columns = columns
        self._size = size

    def __call__(self, terms: list[Weighted]) -> Words:
        """Return the (size, 4) part. Terms of one right factor share one multiplication; left factors are kept."""
        mine = (self._contributor, EVERYBODY)
        held = {w.term.left for w in terms if w.term.left != ONE}
        kept: dict[int, Column | Mapped] = {}

        def view(index: int) -> Column | Mapped:
            if index in kept:
                return kept[index]
            found = self._columns(index)
            if index in held:
                kept[index] = found
            return found

        total = FR.zeros(self._size)
        for right in sorted({w.term.right for w in terms}):
            chosen = [(w, owner_of_term(w.term, self._owners)) for w in terms if w.term.right == right]
            own = [w for w, owner in chosen if owner in mine]
            cross = [w for w, owner in chosen if owner is None and holds_shares(self._contributor)]
            if own and right == ONE:
                total = FR.add(total, FR.from_integers([sum(w.scalar for w in own)]))
            elif own:
                total = FR.add(total, self._own_product(own, self._plain(right, view(right)), view))
            if cross:
                total = FR.add(total, self._local_product(cross, self._shares(right, view(right)), view))
        return total

    def _own_product(self, own: list[Weighted], right: Words, view: Callable[[int], Column | Mapped]) -> Words:
        constant = FR.from_integers([sum(w.scalar for w in own if w.term.left == ONE)])
        factors = [(self._plain(w.term.left, view(w.term.left)), w.scalar) for w in own if w.term.left != ONE]
        if not factors:
            return FR.mul(right, constant)
        left = FR.add(FR.scale(*factors[0]), constant)
        for values, scalar in factors[1:]:
            left = FR.add_scaled(left, values, scalar)
        return FR.mul(right, left)

    def _local_product(
        self, cross: list[Weighted], right: tuple[Words, Words], view: Callable[[int], Column | Mapped]
    ) -> Words:
        first, second = right
        total = FR.scale(first, sum(w.scalar for w in cross if w.term.left == ONE))
        lefts = [(w.scalar, self._shares(w.term.left, view(w.term.left))) for w in cross if w.term.left != ONE]
        if lefts:
            left_first, left_second = FR.zeros(1), FR.zeros(1)
            for scalar, (one, two) in lefts:
                left_first = FR.add(FR.scale(one, scalar), left_first)
                left_second = FR.add(FR.scale(two, scalar), left_second)
            product = FR.add(FR.mul(left_first, FR.add(first, second)), FR.mul(left_second, first))
            total = FR.add(total, product)
        return total

    def _plain(self, index: int, column: Column | Mapped) -> Words:
        if column.plain is None or len(column.plain) != self._size:
            raise SizeMismatchError(f"column {index} is not held in plaintext on {self._size} points")
        return column.plain

    def _shares(self, index: int, column: Column | Mapped) -> tuple[Words, Words]:
        if column.shares is None or len(column.shares[0]) != self._size:
            raise ProtocolStateError(f"the shares of column {index} have not been accepted")
        return column.shares
