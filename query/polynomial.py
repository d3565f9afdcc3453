"""Polynomials of degree at most 2 in a relation's columns, and their arithmetic over a builder.

Arithmetic is that of the field, so nothing wraps that matters: a comparison or a sum that could leave the range of the
integers it stands for is refused where it is made, by its bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import gcd

from zk.builder import RelationBuilder
from zk.relation import ONE

Handle = int
Monomial = tuple[Handle, Handle]


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Σ coefficient · left · right, canonical: the smaller handle left (ONE for degree below 2), in order, none 0."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def of(terms: Iterable[tuple[Monomial, int]]) -> Polynomial:
        """A polynomial from terms in any order."""
        merged: dict[Monomial, int] = {}
        for (left, right), coefficient in terms:
            key = (min(left, right), max(left, right))
            merged[key] = merged.get(key, 0) + coefficient
        return Polynomial(tuple(sorted((key, c) for key, c in merged.items() if c)))

    @staticmethod
    def constant(value: int) -> Polynomial:
        """A constant."""
        return Polynomial.of([((ONE, ONE), value)])

    @staticmethod
    def column(handle: Handle) -> Polynomial:
        """One column."""
        return Polynomial.of([((ONE, handle), 1)])

    @property
    def degree(self) -> int:
        """0, 1 or 2."""
        return max(((left != ONE) + (right != ONE) for (left, right), _ in self.terms), default=0)

    @property
    def at_zero(self) -> int:
        """The constant term: the value where every column is 0."""
        return dict(self.terms).get((ONE, ONE), 0)

    @property
    def divisor(self) -> int:
        """Greatest common divisor of the coefficients of columns, at least 1."""
        return gcd(*(c for key, c in self.terms if key != (ONE, ONE))) or 1

    def handles(self) -> frozenset[Handle]:
        """The columns it names."""
        return frozenset(handle for key, _ in self.terms for handle in key if handle != ONE)

    def single(self) -> Monomial | None:
        """The columns of a polynomial that is one product, or one column, as it is; else None."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and self.terms[0][0] != (ONE, ONE):
            return self.terms[0][0]
        return None

    def linear(self) -> Mapping[Handle, int]:
        """Coefficients by handle, where the degree is at most 1."""
        return {right: coefficient for (_, right), coefficient in self.terms}

    def drafts(self) -> list[tuple[int, Handle, Handle]]:
        """The terms as a builder wants them."""
        return [(coefficient, left, right) for (left, right), coefficient in self.terms]

    def __add__(self, other: Polynomial) -> Polynomial:
        return Polynomial.of([*self.terms, *other.terms])

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + other.scaled(-1)

    def scaled(self, factor: int) -> Polynomial:
        """The polynomial times a constant."""
        return Polynomial.of([(key, coefficient * factor) for key, coefficient in self.terms])

    def floored(self, divisor: int) -> Polynomial:
        """The polynomial over a divisor of the coefficients of its columns, its constant rounded down."""
        return Polynomial.of([(key, c // divisor) for key, c in self.terms])


ZERO = Polynomial(())
UNIT = Polynomial.constant(1)


class Algebra:
    """Products of polynomials; what exceeds degree 2 becomes a witness column.

    Args:
        builder: where the columns stand.
    """

    def __init__(self, builder: RelationBuilder) -> None:
        self.builder = builder

    def column(self, polynomial: Polynomial) -> Handle:
        """A column equal to a polynomial that is not 0 as it is written."""
        return self.builder.define(polynomial.drafts())

    def boolean_column(self, polynomial: Polynomial) -> Handle:
        """A column equal to a polynomial that is 0 or 1, in a way that the proof's language sees."""
        factors = polynomial.single() or ()
        for handle in factors:
            self.builder.boolean(handle)
        handle = self.column(polynomial)
        return handle if factors else self.builder.boolean(handle)

    def flat(self, polynomial: Polynomial) -> Polynomial:
        """An equal polynomial of degree at most 1."""
        return polynomial if polynomial.degree < 2 else Polynomial.column(self.column(polynomial))

    def multiply(self, left: Polynomial, right: Polynomial) -> Polynomial:
        """The product, of degree at most 2."""
        if left.degree + right.degree > 2:
            left = self.flat(left)
        if left.degree + right.degree > 2:
            right = self.flat(right)
        if left.degree == 0:
            return right.scaled(left.at_zero)
        if right.degree == 0:
            return left.scaled(right.at_zero)
        return Polynomial.of(((a, b), c * d) for a, c in left.linear().items() for b, d in right.linear().items())
