"""Combinations of membership vectors: which sets of people are counted by a combination of guards?

Elimination modulo a prime, every row with the combination it came from; a combination found is read back as small
rational numbers and checked exactly. A combination whose numbers are not small is no practical attack on counts of
people (its value would have to be known to as many digits) but is reported all the same, as None.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Final

import numpy as np
import numpy.typing as npt

PRIME: Final = (1 << 31) - 1
_SMALL: Final = 1 << 15  # numerator · denominator stays below half the prime

Integers = npt.NDArray[np.int64]
Combination = tuple[int, ...]


class Span:
    """The span of vectors.

    Args:
        vectors: (m, n) whole numbers, small; m below 2^12, so that sums of m residues fit 64 bits.
    """

    def __init__(self, vectors: Integers) -> None:
        self._vectors = vectors
        m, _ = vectors.shape
        self._n = vectors.shape[1]
        self._pivots: list[int] = []
        self._rows = np.zeros((0, self._n + m), dtype=np.int64)
        for row in np.concatenate([vectors, np.eye(m, dtype=np.int64)], axis=1):
            rest = (row - row[self._pivots] @ self._rows) % PRIME  # the row's own numbers are small
            nonzero = np.flatnonzero(rest[: self._n])
            if len(nonzero):
                self._add(rest, int(nonzero[0]))

    def _add(self, row: Integers, pivot: int) -> None:
        row = row * pow(int(row[pivot]), -1, PRIME) % PRIME
        others = (self._rows - self._rows[:, pivot : pivot + 1] * row % PRIME) % PRIME
        self._rows = np.concatenate([others, row[None, :]])
        self._pivots.append(pivot)

    def reduced(self) -> list[Integers]:
        """The rows of the reduced echelon form that are 0 and 1: sets that the vectors count."""
        parts = [row[: self._n] for row in self._rows]
        return [part for part in parts if ((part == 0) | (part == 1)).all()]

    def combinations(self, targets: Integers) -> list[tuple[Combination, int] | None]:
        """For each target whole numbers c and d > 0 with Σ c_i·vector_i = d·target.

        Args:
            targets: (t, n) zeros and ones.

        Returns:
            None for a target that is not in the span, or only by numbers that are not small.
        """
        reduced, weights = self._rows, targets[:, self._pivots]
        missed = ((targets - weights @ reduced[:, : self._n]) % PRIME).max(axis=1)
        numbers = weights @ reduced[:, self._n :] % PRIME
        return [None if m else self._read(n, t) for m, n, t in zip(missed, numbers, targets, strict=True)]

    def _read(self, numbers: Integers, target: Integers) -> tuple[Combination, int] | None:
        fractions = [_rational(int(number)) for number in numbers]
        given = [fraction for fraction in fractions if fraction is not None]
        if len(given) < len(fractions):
            return None
        scale = lcm(*(fraction.denominator for fraction in given))
        found = tuple(int(fraction * scale) for fraction in given)
        exact = (np.asarray(found, dtype=np.int64) @ self._vectors == scale * target).all()
        return (found, scale) if exact else None


def _rational(value: int) -> Fraction | None:
    """The fraction with small numerator and denominator that is a value modulo the prime."""
    r0, r1, t0, t1 = PRIME, value, 0, 1
    while r1 >= _SMALL:
        quotient = r0 // r1
        r0, r1, t0, t1 = r1, r0 - quotient * r1, t1, t0 - quotient * t1
    if t1 == 0 or abs(t1) >= _SMALL:
        return None
    return Fraction(r1, t1)


def as_matrix(vectors: Sequence[Sequence[int]]) -> Integers:
    """(m, n) array of vectors."""
    return np.asarray(vectors, dtype=np.int64)
