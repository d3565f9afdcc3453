"""Rings over which values are shared: the protocol every ring satisfies, and the integers modulo 2^64.

An array of n ring elements is a NumPy array whose leading dimension is n; what the remaining dimensions hold is the
ring's business (Z_2^64 has none, the scalar field of the proofs has four limbs). Operations never modify their
operands. They assume arrays of this ring: the engine checks shapes at its edge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from mpc.errors import RingValueError

RingArray = npt.NDArray[Any]


class Ring(Protocol):
    """A finite commutative ring whose elements come in arrays.

    ``add``, ``sub`` and ``mul`` are elementwise; an operand of length 1 broadcasts. ``inner`` and ``total`` return
    one element as an array of length 1. ``encode_bytes`` is canonical: equal elements have equal bytes.
    """

    @property
    def name(self) -> str:
        """Short public name, for errors."""

    @property
    def element_bytes(self) -> int:
        """Bytes of one encoded element."""

    def zeros(self, n: int) -> RingArray:
        """Return n zeros."""

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a + b."""

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a - b."""

    def neg(self, a: RingArray) -> RingArray:
        """Return -a."""

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the elementwise product."""

    def inner(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the sum of the elementwise products, as one element."""

    def total(self, a: RingArray) -> RingArray:
        """Return the sum of the elements, as one element."""

    def from_integers(self, values: Sequence[int]) -> RingArray:
        """Return integers as ring elements; negative ones are represented modulo the ring's size."""

    def to_integers(self, a: RingArray) -> list[int]:
        """Return the canonical representatives, 0 to the ring's size minus one."""

    def encode_bytes(self, a: RingArray) -> bytes:
        """Return the canonical encoding, ``element_bytes`` per element."""

    def decode_bytes(self, data: bytes) -> RingArray:
        """Return the elements of a canonical encoding; raises the ring's own typed error for anything else."""

    def expand(self, stream: Callable[[int], bytes], n: int) -> RingArray:
        """Return n uniform elements from a stream of uniform bytes; a function of the stream alone."""


class Integers64:
    """The integers modulo 2^64: ``uint64`` arrays of shape (n,), eight little-endian bytes per element.

    Sums wrap silently; exactness is the caller's, who knows bounds. Timing is constant in the values.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Short public name, for errors."""
        return "Z_2^64"

    @property
    def element_bytes(self) -> int:
        """Eight."""
        return 8

    def __repr__(self) -> str:
        return "Z2_64"

    def zeros(self, n: int) -> RingArray:
        """Return n zeros."""
        return np.zeros(n, np.uint64)

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a + b modulo 2^64."""
        return np.add(a, b)

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a - b modulo 2^64."""
        return np.subtract(a, b)

    def neg(self, a: RingArray) -> RingArray:
        """Return -a modulo 2^64."""
        return np.negative(a)

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the elementwise product modulo 2^64."""
        return np.multiply(a, b)

    def inner(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the inner product modulo 2^64, shape (1,)."""
        return np.asarray(np.dot(a, b)).reshape(1)

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

    def encode_bytes(self, a: RingArray) -> bytes:
        """Return eight little-endian bytes per element."""
        return a.astype("<u8", copy=False).tobytes()

    def decode_bytes(self, data: bytes) -> RingArray:
        """Return the elements of an encoding.

        Raises:
            RingValueError: the length is not a multiple of eight.
        """
        if len(data) % 8:
            raise RingValueError(f"Z_2^64 encodings are a multiple of 8 bytes, got {len(data)}")
        return np.frombuffer(data, "<u8").astype(np.uint64, copy=False)

    def expand(self, stream: Callable[[int], bytes], n: int) -> RingArray:
        """Return n uniform elements, eight bytes of the stream each."""
        return np.frombuffer(stream(8 * n), "<u8").astype(np.uint64, copy=False)


_SIZE: Final = 1 << 64


def _check_integer(value: object) -> int:
    if not isinstance(value, int | np.integer):
        raise RingValueError(f"Z_2^64 takes integers, got {type(value).__name__}")
    if not -(1 << 63) <= int(value) < _SIZE:
        raise RingValueError("an integer outside [-2^63, 2^64) would wrap in Z_2^64")
    return int(value)


Z2_64: Final = Integers64()
