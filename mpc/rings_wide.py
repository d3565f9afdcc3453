"""The integers modulo 2^128: elements of two words, (low, high). For tags over Z_2^64, and for sums beyond 64 bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from mpc.errors import RingValueError
from mpc.kernels import limbs
from mpc.kernels.memory import fresh
from mpc.rings import RingArray

_SIZE: Final = 1 << 128
_ELEMENT_BYTES: Final = 16


class Integers128:
    """The integers modulo 2^128: ``uint64`` arrays of shape (n, 2), low word first; sixteen little-endian bytes each.

    Sums wrap silently; exactness is the caller's, who knows bounds. Timing is constant in the values.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Short public name, for errors."""
        return "Z_2^128"

    @property
    def element_bytes(self) -> int:
        """Sixteen."""
        return _ELEMENT_BYTES

    def __repr__(self) -> str:
        return "Z2_128"

    def zeros(self, n: int) -> RingArray:
        """Return n zeros."""
        return np.zeros((n, 2), np.uint64)

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a + b modulo 2^128."""
        return _apply(limbs.add_limbs, *_paired(a, b))

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        """Return a - b modulo 2^128."""
        return _apply(limbs.subtract_limbs, *_paired(a, b))

    def neg(self, a: RingArray) -> RingArray:
        """Return -a modulo 2^128."""
        return self.sub(self.zeros(len(a)), a)

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the elementwise product modulo 2^128."""
        if len(a) != len(b) and 1 not in (len(a), len(b)):
            raise RingValueError(f"vectors of lengths {len(a)} and {len(b)} do not fit together")
        out = _fresh(max(len(a), len(b)) if len(a) and len(b) else 0)
        limbs.multiply_limbs(_contiguous(a), _contiguous(b), out)
        return out

    def inner(self, a: RingArray, b: RingArray) -> RingArray:
        """Return the inner product modulo 2^128, shape (1, 2)."""
        if len(a) != len(b):
            raise RingValueError(f"inner product of {len(a)} and {len(b)} elements")
        out = np.zeros((1, 2), np.uint64)
        limbs.inner_limbs(_contiguous(a), _contiguous(b), out[0])
        return out

    def total(self, a: RingArray) -> RingArray:
        """Return the sum modulo 2^128, shape (1, 2)."""
        out = np.zeros((1, 2), np.uint64)
        limbs.total_limbs(_contiguous(a), out[0])
        return out

    def from_integers(self, values: Sequence[int]) -> RingArray:
        """Return integers in [-2^127, 2^128) as ring elements.

        Raises:
            RingValueError: a value outside the range.
        """
        if any(not -_SIZE // 2 <= int(value) < _SIZE for value in values):
            raise RingValueError("an integer outside [-2^127, 2^128) would wrap in Z_2^128")
        return self.decode_bytes(b"".join((int(value) % _SIZE).to_bytes(_ELEMENT_BYTES, "little") for value in values))

    def to_integers(self, a: RingArray) -> list[int]:
        """Return the representatives 0 to 2^128 - 1."""
        return [low | high << 64 for low, high in a.tolist()]

    def encode_bytes(self, a: RingArray) -> bytes:
        """Return sixteen little-endian bytes per element."""
        return a.astype("<u8", copy=False).tobytes()

    def decode_bytes(self, data: bytes) -> RingArray:
        """Return the elements of an encoding.

        Raises:
            RingValueError: the length is not a multiple of sixteen.
        """
        if len(data) % _ELEMENT_BYTES:
            raise RingValueError(f"Z_2^128 encodings are a multiple of 16 bytes, got {len(data)}")
        return np.frombuffer(data, "<u8").astype(np.uint64).reshape(-1, 2)

    def expand(self, stream: Callable[[int], bytes], n: int) -> RingArray:
        """Return n uniform elements, sixteen bytes of the stream each."""
        fill = getattr(stream, "fill", None)
        if fill is not None:
            out = fresh(2 * n)
            fill(out)
            return out.reshape(n, 2)
        return self.decode_bytes(stream(_ELEMENT_BYTES * n))


def zero_extended(words: RingArray) -> RingArray:
    """Return words as elements of Z_2^128. Of shares: congruent modulo 2^64 to what the words share, not equal."""
    wide = _fresh(len(words))
    wide[:, 0], wide[:, 1] = words, 0
    return wide


def low_words(wide: RingArray) -> RingArray:
    """Return elements modulo 2^64; a homomorphism, so shares become shares."""
    return np.ascontiguousarray(wide[:, 0])


def _fresh(n: int) -> RingArray:
    return fresh(2 * n).reshape(n, 2)


def _contiguous(a: RingArray) -> RingArray:
    """Kernels take writable C-contiguous vectors; they do not write to operands."""
    return a if a.flags.c_contiguous and a.flags.writeable else a.copy()


def _paired(a: RingArray, b: RingArray) -> tuple[RingArray, RingArray]:
    if len(a) == len(b):
        return _contiguous(a), _contiguous(b)
    if 1 not in (len(a), len(b)):
        raise RingValueError(f"vectors of lengths {len(a)} and {len(b)} do not fit together")
    n = max(len(a), len(b)) if len(a) and len(b) else 0
    return np.broadcast_to(a, (n, 2)).copy(), np.broadcast_to(b, (n, 2)).copy()


def _apply(kernel: Any, a: RingArray, b: RingArray) -> RingArray:
    out = _fresh(len(a))
    kernel(a, b, out)
    return out


Z2_128: Final = Integers128()
