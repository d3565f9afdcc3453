"""Rings over which values are shared: the protocol every ring satisfies, and those whose elements are words.

``Z2_64`` are the integers modulo 2^64. ``BITS`` are vectors of 64 bits with ⊕ and ∧: 64 elements of GF(2) at a time.
Two limbs are in ``mpc.rings_wide``; fields are handed in by the caller.

An array of n ring elements is a NumPy array whose leading dimension is n; what the remaining dimensions hold is the
ring's business (Z_2^64 has none, the scalar field of the proofs has four limbs). Operations never modify their
operands. They assume arrays of this ring: the engine checks shapes at its edge.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mpc.errors import RingValueError
from mpc.kernels import words
from mpc.kernels.memory import fresh

RingArray = npt.NDArray[Any]
Operands = tuple[RingArray, RingArray, RingArray, RingArray]
"""Both components of two factors: a_0, a_1, b_0, b_1."""


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


class WordStream(Protocol):
    """A stream that fills vectors of words; `mpc.prg.Stream` is one."""

    def __call__(self, n_bytes: int) -> bytes:
        """Return the next bytes."""

    def fill(self, out: npt.NDArray[np.uint64]) -> None:
        """Write the next eight bytes for each word."""


@runtime_checkable
class FusedRing(Ring, Protocol):
    """A ring that does in one pass over memory what takes several operations of ``Ring``."""

    def masked_products(self, pairs: Sequence[Operands], plus: WordStream, minus: WordStream) -> RingArray:
        """Return a_0 (b_0 + b_1) + a_1 b_0 + F - G for components of equal length, several products in one vector."""

    def masked(self, x: RingArray, plus: WordStream, minus: WordStream) -> RingArray:
        """Return x + F - G."""

    def split(self, x: RingArray, minus: WordStream) -> tuple[RingArray, RingArray]:
        """Return x - G and G."""

    def inner_summand(self, a: Sequence[RingArray], b: Sequence[RingArray]) -> RingArray:
        """Return the sum of a_0 (b_0 + b_1) + a_1 b_0, one element."""

    def matrix_summand(self, operands: Operands, depth: int) -> RingArray:
        """Return A_0 (B_0 + B_1) + A_1 B_0 for matrices given row by row, A with ``depth`` columns."""

    def view_bytes(self, a: RingArray) -> memoryview:
        """Return the encoding without a copy; the array must stay as it is until the view is gone."""

    def from_parts(self, parts: Sequence[bytes | memoryview], n: int) -> RingArray:
        """Return n elements of an encoding that came in pieces of n · element_bytes together."""

    def quiet_zeros(self, n: int) -> RingArray:
        """Return n zeros that nobody may write to: memory that is shared by all who ask."""


PIECE_WORDS: Final = 1 << 14
"""Words masked at a time: mask and operands stay in the second-level cache."""


class _WordRing:
    """What the rings of words have in common; one element is one word."""

    __slots__ = ("_inner", "_mask", "_matrix", "_product", "_subtract", "_zeros")

    def __init__(self, product: Any, inner: Any, matrix: Any, mask: Any, subtract: Any) -> None:
        self._product, self._inner, self._matrix, self._mask, self._subtract = product, inner, matrix, mask, subtract
        self._zeros = np.zeros(0, np.uint64)

    @property
    def element_bytes(self) -> int:
        """Eight."""
        return 8

    def zeros(self, n: int) -> RingArray:
        """Return n zeros."""
        return np.zeros(n, np.uint64)

    def quiet_zeros(self, n: int) -> RingArray:
        """Return n zeros that nobody may write to."""
        if n > len(self._zeros):
            self._zeros = np.zeros(max(n, 2 * len(self._zeros)), np.uint64)
        return self._zeros[:n]

    def masked_products(self, pairs: Sequence[Operands], plus: WordStream, minus: WordStream) -> RingArray:
        """Return the summands of the products, masked."""
        out, start = fresh(sum(len(operands[0]) for operands in pairs)), 0
        for operands in pairs:
            end = start + len(operands[0])
            self._piecewise(self._product, operands, (plus, minus), out[start:end])
            start = end
        return out

    def masked(self, x: RingArray, plus: WordStream, minus: WordStream) -> RingArray:
        """Return x, masked."""
        out = fresh(len(x))
        self._piecewise(self._mask, (x,), (plus, minus), out)
        return out

    def split(self, x: RingArray, minus: WordStream) -> tuple[RingArray, RingArray]:
        """Return x less a mask, and the mask."""
        rest, mask, x = fresh(len(x)), fresh(len(x)), _contiguous(x)
        for start in range(0, len(x), PIECE_WORDS):
            end = start + PIECE_WORDS
            minus.fill(mask[start:end])
            self._subtract(x[start:end], mask[start:end], rest[start:end])
        return rest, mask

    def inner_summand(self, a: Sequence[RingArray], b: Sequence[RingArray]) -> RingArray:
        """Return the summand of the inner product, one element."""
        return np.array([self._inner(*map(_contiguous, (*a, *b)))], np.uint64)

    def matrix_summand(self, operands: Operands, depth: int) -> RingArray:
        """Return the summand of a matrix product, row by row."""
        left = [_contiguous(x).reshape(-1, depth) for x in operands[:2]]
        right = [_contiguous(x).reshape(depth, -1) for x in operands[2:]]
        out = fresh(len(left[0]) * right[0].shape[1])
        self._matrix(*left, *right, out.reshape(len(left[0]), right[0].shape[1]))
        return out

    def encode_bytes(self, a: RingArray) -> bytes:
        """Return eight little-endian bytes per element."""
        return a.astype("<u8", copy=False).tobytes()

    def view_bytes(self, a: RingArray) -> memoryview:
        """Return the encoding without a copy where the machine is little-endian."""
        return np.ascontiguousarray(a, "<u8").data.cast("B") if len(a) else memoryview(b"")

    def decode_bytes(self, data: bytes) -> RingArray:
        """Return the elements of an encoding.

        Raises:
            RingValueError: the length is not a multiple of eight.
        """
        if len(data) % 8:
            raise RingValueError(f"encodings of words are a multiple of 8 bytes, got {len(data)}")
        return np.frombuffer(data, "<u8").astype(np.uint64, copy=False)

    def from_parts(self, parts: Sequence[bytes | memoryview], n: int) -> RingArray:
        """Return n elements of an encoding in pieces."""
        out = fresh(n)
        view, start = out.view(np.uint8), 0
        for part in parts:
            view[start : start + len(part)] = np.frombuffer(part, np.uint8)
            start += len(part)
        return out.byteswap() if sys.byteorder == "big" else out

    def expand(self, stream: Callable[[int], bytes], n: int) -> RingArray:
        """Return n uniform elements, eight bytes of the stream each."""
        fill = getattr(stream, "fill", None)
        if fill is None:
            return np.frombuffer(stream(8 * n), "<u8").astype(np.uint64, copy=False)
        out = fresh(n)
        fill(out)
        return out

    @staticmethod
    def _piecewise(kernel: Any, operands: Sequence[RingArray], streams: Sequence[WordStream], out: RingArray) -> None:
        masks = [np.empty(min(len(out), PIECE_WORDS), np.uint64) for _ in streams]
        vectors = [_contiguous(operand) for operand in operands]
        for start in range(0, len(out), PIECE_WORDS):
            end = min(len(out), start + PIECE_WORDS)
            drawn = [mask[: end - start] for mask in masks]
            for stream, mask in zip(streams, drawn):
                stream.fill(mask)
            kernel(*[vector[start:end] for vector in vectors], *drawn, out[start:end])


def _contiguous(vector: RingArray) -> RingArray:
    """Kernels take writable C-contiguous vectors; they do not write to operands."""
    return vector if vector.flags.c_contiguous and vector.flags.writeable else vector.copy()


def _apply(operation: Any, a: RingArray, b: RingArray) -> RingArray:
    """Apply a NumPy operation to two vectors, into memory that was touched before."""
    result: RingArray = operation(a, b, out=fresh(max(len(a), len(b)) if len(a) and len(b) else 0))
    return result


class Integers64(_WordRing):
    """The integers modulo 2^64: ``uint64`` arrays of shape (n,), eight little-endian bytes per element.

    Sums wrap silently; exactness is the caller's, who knows bounds. Timing is constant in the values.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(
            words.product_words, words.inner_words, words.matrix_words, words.mask_words, words.subtract_words
        )

    @property
    def name(self) -> str:
        """Short public name, for errors."""
        return "Z_2^64"

    def __repr__(self) -> str:
        return "Z2_64"

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a + b modulo 2^64."""
        return _apply(np.add, a, b)

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a - b modulo 2^64."""
        return _apply(np.subtract, a, b)

    def neg(self, a: RingArray) -> RingArray:
        """Return -a modulo 2^64."""
        return np.negative(a)

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the elementwise product modulo 2^64."""
        return _apply(np.multiply, a, b)

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


class PackedBits(_WordRing):
    """Words of 64 bits with ⊕ as addition and ∧ as product: 64 elements of GF(2) side by side.

    ``inner`` and ``total`` work on each of the 64 lanes. Timing is constant in the values.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(words.product_bits, words.inner_bits, words.matrix_bits, words.mask_bits, words.subtract_bits)

    @property
    def name(self) -> str:
        """Short public name, for errors."""
        return "GF(2)^64"

    def __repr__(self) -> str:
        return "BITS"

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a ⊕ b."""
        return _apply(np.bitwise_xor, a, b)

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a ⊕ b, too."""
        return _apply(np.bitwise_xor, a, b)

    def neg(self, a: RingArray) -> RingArray:
        """Return a."""
        return a.copy()

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a ∧ b."""
        return np.bitwise_and(a, b)

    def inner(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the exclusive or of the products, shape (1,)."""
        return self.total(np.bitwise_and(a, b))

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
