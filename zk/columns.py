"""Columns as a contributor sees them, and the two ways a product of columns becomes an additive contribution.

Prover messages are linear in contributions, so a prover needs two things of a column: an additive part of it, and an
additive part of its product with another column. For columns one owner holds in plaintext the owner's part is the
whole; for columns of different owners the parts come from replicated shares, x = x_0 + x_1 + x_2 with party i holding
x_i and x_{i+1}, whose local products are additive shares of the product (Araki et al. 2016, §2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zk.errors import ProtocolStateError, RelationInvalidError, SizeMismatchError
from zk.field import FR, Words
from zk.relation import ONE, Relation, Term


class Column:
    """One contributor's view of one column: plaintext, replicated components, both, or nothing. Secret.

    Values are a polynomial's coefficients, or its values on any set of points: the two views are kept alike.
    """

    __slots__ = ("plain", "shares")

    def __init__(self, plain: Words | None = None, shares: tuple[Words, Words] | None = None) -> None:
        self.plain = plain
        self.shares = shares

    def __repr__(self) -> str:
        return f"Column(plain={self.plain is not None}, shares={self.shares is not None}, values redacted)"

    def __reduce__(self) -> str:
        raise ProtocolStateError("a column view is secret and is not pickled or copied")


def owner_of_term(term: Term, owners: Mapping[int, int]) -> int | None:
    """The contributor who computes a term alone, or None where the factors have different owners."""
    if term.left == ONE or owners[term.left] == owners[term.right]:
        return owners[term.right]
    return None


def cross_columns(relation: Relation, owners: Mapping[int, int]) -> tuple[int, ...]:
    """Columns that stand in a term with a column of another owner, increasing: the ones to be shared.

    Raises:
        RelationInvalidError: a witness column is defined by columns of different owners (it would need a reshare).
    """
    for column in relation.witness_indices():
        if any(owners[i] != owners[column] for t in relation.definition(column) for i in (t.left, t.right) if i != ONE):
            raise RelationInvalidError(f"witness column {column} mixes the columns of several owners")
    crossing = {
        index
        for form in relation.zero_forms + relation.sum_forms
        for term in form
        if owner_of_term(term, owners) is None
        for index in (term.left, term.right)
    }
    return tuple(sorted(crossing))


def witness_owners(relation: Relation, registered: Mapping[int, int]) -> dict[int, int]:
    """Extend the owners of registered columns to the witness columns they define.

    Args:
        registered: contributor number for each registered index 1..R.
    """
    owners = dict(registered)
    for column in relation.witness_indices():
        sources = {i for term in relation.definition(column) for i in (term.left, term.right) if i != ONE}
        owners[column] = owners[min(sources)]
    cross_columns(relation, owners)
    return owners


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
        columns: views on the set of points, for the columns this contributor needs.
        size: number of points.
    """

    def __init__(self, contributor: int, owners: Mapping[int, int], columns: Mapping[int, Column], size: int) -> None:
        self._contributor = contributor
        self._owners = owners
        self._columns = columns
        self._size = size

    def __call__(self, terms: list[Weighted]) -> Words:
        """Return the (size, 4) part. Terms of one right factor share one multiplication."""
        total = FR.zeros(self._size)
        for right in sorted({w.term.right for w in terms}):
            mine = [
                w for w in terms if w.term.right == right and owner_of_term(w.term, self._owners) == self._contributor
            ]
            cross = [w for w in terms if w.term.right == right and owner_of_term(w.term, self._owners) is None]
            if mine:
                total = FR.add(total, FR.mul(self._left(mine, None), self._plain(right)))
            if cross:
                total = FR.add(total, self._local_product(cross, right))
        return total

    def _local_product(self, cross: list[Weighted], right: int) -> Words:
        first, second = self._shares(right)
        left_first, left_second = self._left(cross, 0), self._left(cross, 1)
        return FR.add(FR.mul(left_first, FR.add(first, second)), FR.mul(left_second, first))

    def _left(self, weighted: list[Weighted], component: int | None) -> Words:
        """Σ scalar · left, of the plaintext (None) or of one share component."""
        constant = sum(w.scalar for w in weighted if w.term.left == ONE)
        total = FR.from_integers([constant])
        for w in weighted:
            if w.term.left != ONE:
                values = self._plain(w.term.left) if component is None else self._shares(w.term.left)[component]
                total = FR.add(total, FR.scale(values, w.scalar))
        return total

    def _plain(self, index: int) -> Words:
        values = self._columns[index].plain if index in self._columns else None
        if values is None or len(values) != self._size:
            raise SizeMismatchError(f"column {index} is not held in plaintext on {self._size} points")
        return values

    def _shares(self, index: int) -> tuple[Words, Words]:
        shares = self._columns[index].shares if index in self._columns else None
        if shares is None or len(shares[0]) != self._size:
            raise ProtocolStateError(f"the shares of column {index} have not been accepted")
        return shares
