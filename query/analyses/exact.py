"""Linear algebra and roots over exact rationals: what finishing needs where doubles would lose digits."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import lcm
from typing import Final

from query.errors import DesignSingularError

Matrix = tuple[tuple[Fraction, ...], ...]

_ROOTS: Final = Context(prec=60)


def root(value: Fraction) -> float:
    """The square root of a rational that is not negative, to the nearest double or one beside it."""
    quotient = _ROOTS.divide(Decimal(value.numerator), Decimal(value.denominator))
    return float(_ROOTS.sqrt(quotient))


def ratio_to_root(numerator: Fraction, square: Fraction) -> float:
    """numerator / √square for a positive square."""
    top = _ROOTS.divide(Decimal(numerator.numerator), Decimal(numerator.denominator))
    bottom = _ROOTS.sqrt(_ROOTS.divide(Decimal(square.numerator), Decimal(square.denominator)))
    return float(_ROOTS.divide(top, bottom))


def inverse(matrix: Sequence[Sequence[Fraction]], names: Sequence[str]) -> Matrix:
    """The exact inverse of a symmetric positive semi-definite matrix.

    Args:
        matrix: k rows of k.
        names: of its rows, for the message.

    Raises:
        DesignSingularError: a row is a combination of those before it; the message names it.
    """
    size = len(matrix)
    scale = lcm(*(value.denominator for row in matrix for value in row))
    rows = [[int(value * scale) for value in row] + [int(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    previous = 1
    for k in range(size):  # Bareiss: every division is exact, entries stay determinants
        pivot = rows[k][k]
        if pivot == 0:
            raise DesignSingularError(f"{names[k]} is a combination of the terms before it, or constant")
        for i in range(size):
            if i != k:
                factor = rows[i][k]
                rows[i] = [(pivot * x - factor * y) // previous for x, y in zip(rows[i], rows[k], strict=True)]
        previous = pivot
    return tuple(tuple(Fraction(value * scale, rows[i][i]) for value in rows[i][size:]) for i in range(size))


def times(matrix: Sequence[Sequence[Fraction]], vector: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """A matrix times a vector."""
    return tuple(sum((a * b for a, b in zip(row, vector, strict=True)), Fraction(0)) for row in matrix)
