"""Rings over which values are shared and whose elements are words; `mpc.ring_protocols` says what a ring is.

``Z2_64`` are the integers modulo 2^64. ``BITS`` are vectors of 64 bits with ⊕ and ∧: 64 elements of GF(2) at a time.
Two limbs are in ``mpc.rings_wide``; fields are handed in by the caller.

An array of n ring elements is a NumPy array whose leading dimension is n; what the remaining dimensions hold is the
ring's business (Z_2^64 has none, the scalar field of the proofs has four limbs). Operations never modify their
operands. They assume arrays of this ring: the engine checks shapes at its edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mpc.errors import RingValueError
from mpc.kernels import words
from mpc.ring_protocols import FusedRing, Operands, Ring, RingArray, WordStream
from mpc.word_ring import WordRing, apply_into_fresh

__all__ = ["BITS", "Z2_64", "FusedRing", "Integers64", "Operands", "PackedBits", "Ring", "RingArray", "WordStream"]


def _inner_of_words(a: RingArray, b: RingArray) -> RingArray:
    return np.asarray(np.dot(a, b)).reshape(1)


def _inner_of_bits(a: RingArray, b: RingArray) -> RingArray:
    return np.asarray(np.bitwise_xor.reduce(np.bitwise_and(a, b), dtype=np.uint64)).reshape(1)


class Integers64(WordRing):
    """The integers modulo 2^64: ``uint64`` arrays of shape (n,), eight little-endian bytes per element.

    Sums wrap silently; exactness is the caller's, who knows bounds. Timing is constant in the values.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(
            words.product_words,
            words.inner_words,
            _inner_of_words,
            words.matrix_words,
            words.mask_words,
            words.subtract_words,
        )

    @property
    def name(self) -> str:
        """Short public name, for errors."""
        return "Z_2^64"

    def __repr__(self) -> str:
        return "Z2_64"

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a + b modulo 2^64."""
        return apply_into_fresh(np.add, a, b)

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a - b modulo 2^64."""
        return apply_into_fresh(np.subtract, a, b)

    def neg(self, a: RingArray) -> RingArray:
        """Return -a modulo 2^64."""
        return np.negative(a)

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the elementwise product modulo 2^64."""
        return apply_into_fresh(np.multiply, a, b)

    def inner(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the inner product modulo 2^64, shape (1,)."""
        return _inner_of_words(a, b)

    def total(self, a: RingArray) -> RingArray:
        """Return the sum modulo 2^64, shape (1,)."""
        return np.asarray(np.add.reduce(a, dtype=np.uint64)).reshape(1)

    def from_integers(self, values: Sequence[int] | RingArray) -> RingArray:
        """Return integers in [-2^63, 2^64) as ring elements.

        Args:
            values: Python integers, or a NumPy array of an integer type (taken over without a Python loop).

        Raises:
            RingValueError: a value outside the range, or not an integer.
        """
        if isinstance(values, np.ndarray):
            if values.dtype.kind not in "biu" or values.ndim != 1:
                raise RingValueError(f"Z_2^64 takes one-dimensional integer arrays, got {values.dtype} {values.shape}")
            return values.astype(np.int64).view(np.uint64) if values.dtype.kind == "i" else values.astype(np.uint64)
        checked = [_check_integer(value) for value in values]
        return np.array([value % _SIZE for value in checked], dtype=np.uint64)

    def to_integers(self, a: RingArray) -> list[int]:
        """Return the representatives 0 to 2^64 - 1."""
        return [int(value) for value in a.tolist()]

    def to_signed(self, a: RingArray) -> list[int]:
        """Return the representatives -2^63 to 2^63 - 1."""
        return [int(value) for value in a.view(np.int64).tolist()]


class PackedBits(WordRing):
    """Words of 64 bits with ⊕ as addition and ∧ as product: 64 elements of GF(2) side by side.

    ``inner`` and ``total`` work on each of the 64 lanes. Timing is constant in the values.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(
            words.product_bits,
            words.inner_bits,
            _inner_of_bits,
            words.matrix_bits,
            words.mask_bits,
            words.subtract_bits,
        )

    @property
    def name(self) -> str:
        """Short public name, for errors."""
        return "GF(2)^64"

    def __repr__(self) -> str:
        return "BITS"

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a ⊕ b."""
        return apply_into_fresh(np.bitwise_xor, a, b)

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a ⊕ b, too."""
        return apply_into_fresh(np.bitwise_xor, a, b)

    def neg(self, a: RingArray) -> RingArray:
        """Return a."""
        return a.copy()

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a ∧ b."""
        return np.bitwise_and(a, b)

    def inner(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the exclusive or of the products, shape (1,)."""
        return _inner_of_bits(a, b)

    def total(self, a: RingArray) -> RingArray:
        """Return the exclusive or of all words, shape (1,)."""
        return np.asarray(np.bitwise_xor.reduce(a, dtype=np.uint64)).reshape(1)

    def from_integers(self, values: Sequence[int] | RingArray) -> RingArray:
        """Return integers in [-2^63, 2^64) as words, bit by bit.

        Raises:
            RingValueError: a value outside the range, or not an integer.
        """
        return Z2_64.from_integers(values)

    def to_integers(self, a: RingArray) -> list[int]:
        """Return the words as integers 0 to 2^64 - 1."""
        return [int(value) for value in a.tolist()]


_SIZE: Final = 1 << 64


def _check_integer(value: object) -> int:
    if not isinstance(value, int | np.integer):
        raise RingValueError(f"Z_2^64 takes integers, got {type(value).__name__}")
    if not -(1 << 63) <= int(value) < _SIZE:
        raise RingValueError("an integer outside [-2^63, 2^64) would wrap in Z_2^64")
    return int(value)


Z2_64: Final = Integers64()
BITS: Final = PackedBits()
