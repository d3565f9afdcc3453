"""What the rings of words have in common: one pass over memory for what takes several operations of ``Ring``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from mpc.errors import RingValueError
from mpc.kernels.memory import fresh
from mpc.ring_protocols import Operands, RingArray, WordStream

PIECE_WORDS: Final = 1 << 14
"""Words masked at a time: mask and operands stay in the second-level cache."""


class WordRing:
    """What the rings of words have in common; one element is one word."""

    __slots__ = ("_inner", "_mask", "_matrix", "_product", "_short_inner", "_subtract", "_zeros")

    def __init__(self, product: Any, inner: Any, short_inner: Any, matrix: Any, mask: Any, subtract: Any) -> None:
        self._product, self._inner, self._short_inner = product, inner, short_inner
        self._matrix, self._mask, self._subtract = matrix, mask, subtract
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
        """Return the summand of the inner product, one element; of quiet zeros nothing is read."""
        (a_first, a_second), (b_first, b_second) = a, b
        if self._is_quiet(b_first):
            return np.asarray(self._short_inner(a_first, b_second))
        if self._is_quiet(a_first):
            return np.asarray(self._short_inner(a_second, b_first))
        return np.array([self._inner(*map(_contiguous, (*a, *b)))], np.uint64)

    def _is_quiet(self, x: RingArray) -> bool:
        """Whether a component is zeros of ours; where they stand is the protocol's choice and public."""
        return x.base is self._zeros

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


def apply_into_fresh(operation: Any, a: RingArray, b: RingArray) -> RingArray:
    """Apply a NumPy operation to two vectors, into memory that was touched before."""
    result: RingArray = operation(a, b, out=fresh(max(len(a), len(b)) if len(a) and len(b) else 0))
    return result
