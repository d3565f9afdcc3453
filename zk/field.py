"""Vectors over the two prime fields of BN254: Fr, where polynomials live, and Fq, where coordinates live.

A vector is a C-contiguous (n, 4) uint64 array: little-endian limbs of the canonical Montgomery form x·2^256 mod p.
Arithmetic is elementwise and returns new arrays; an operand of one row stands for every row. Elements may be secret:
arithmetic, ``encode_bytes`` and ``expand`` do not branch on values, except that ``inverse`` stops at a zero. What goes
through Python integers (``from_integers``, ``to_integers``, ``powers``, ``evaluate`` in x, ``scale`` in c) takes
variable time, and so do ``from_int64`` on signs and ``decode_bytes`` on faults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.errors import NonCanonicalEncodingError, SizeMismatchError, ZeroInverseError
from zk.kernels import IFMA, chosen_path, vectors
from zk.kernels.leases import fresh
from zk.kernels.scalar import FQ_CONSTANTS, FQ_MODULUS, FR_CONSTANTS, FR_MODULUS, Words
from zk.kernels.workers import processors, run_tasks
from zk.randomness import fresh_bytes

_LANES: dict[object, Callable[[Words, Words, Words], None]] = {}
"""Portable kernels of Fr and what takes their place where eight lanes are there."""

if chosen_path() == IFMA:
    from zk.kernels import ifma_polynomials, ifma_vectors

    _LANES = {
        vectors.add: ifma_vectors.add,
        vectors.subtract: ifma_vectors.subtract,
        vectors.multiply: ifma_vectors.multiply,
    }

LANES_FROM = 64
"""From so many coefficients on, eight lanes are worth their setup."""
PARALLEL_FROM = 1 << 17
"""From so many elements on, products of vectors are worth a thread per processor."""

__all__ = ["FQ", "FQ_MODULUS", "FR", "FR_MODULUS", "Field", "Words"]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A prime field of at most 254 bits; its two instances are ``FR`` and ``FQ``."""

    name: str
    modulus: int
    constants: Words = field(repr=False)
    element_bytes: int = 32

    def checked(self, a: Words) -> Words:
        """Return ``a`` as kernels take it, C-contiguous and writable. Raises SizeMismatchError if it is no vector."""
        if not isinstance(a, np.ndarray) or a.dtype != np.uint64 or a.ndim != 2 or a.shape[1] != 4:
            raise SizeMismatchError(f"{self.name} vectors are (n, 4) uint64 arrays, got {_shape(a)}")
        return a if a.flags.c_contiguous and a.flags.writeable else a.copy(order="C")

    def _paired(self, a: Words, b: Words) -> tuple[Words, Words, Words]:
        a, b = self.checked(a), self.checked(b)
        if len(a) != len(b) and len(a) != 1 and len(b) != 1:
            raise SizeMismatchError(f"vectors of {len(a)} and {len(b)} {self.name} elements do not fit together")
        return a, b, fresh(len(b) if len(a) == 1 else len(a))

    def _run(self, operation: Callable[[Words, Words, Words, Words], None], out: Words, a: Words, b: Words) -> None:
        lanes = _LANES.get(operation) if self.modulus == FR_MODULUS else None
        if lanes is None:
            operation(out, a, b, self.constants)
            return
        if len(out) < PARALLEL_FROM or operation is not vectors.multiply:  # sums are bound by memory
            lanes(out, a, b)
            return

        def part(_: int, rows: slice) -> None:
            lanes(out[rows], a if len(a) == 1 else a[rows], b if len(b) == 1 else b[rows])

        run_tasks(part, _parts(len(out)), processors())

    def _has_lanes(self, n: int) -> bool:
        return chosen_path() == IFMA and self.modulus == FR_MODULUS and n >= LANES_FROM

    def zeros(self, n: int) -> Words:
        """Return ``n`` zeros."""
        out = fresh(_count(n))
        out[:] = 0
        return out

    def add(self, a: Words, b: Words) -> Words:
        """Return a + b. Raises SizeMismatchError if lengths differ and neither is one."""
        a, b, out = self._paired(a, b)
        self._run(vectors.add, out, a, b)
        return out

    def sub(self, a: Words, b: Words) -> Words:
        """Return a - b. Raises SizeMismatchError if lengths differ and neither is one."""
        a, b, out = self._paired(a, b)
        self._run(vectors.subtract, out, a, b)
        return out

    def neg(self, a: Words) -> Words:
        """Return -a."""
        return self.sub(self.zeros(1), a)

    def mul(self, a: Words, b: Words) -> Words:
        """Return a·b. Raises SizeMismatchError if lengths differ and neither is one."""
        a, b, out = self._paired(a, b)
        self._run(vectors.multiply, out, a, b)
        return out

    def inner(self, a: Words, b: Words) -> Words:
        """Return the (1, 4) inner product of two vectors of one length. Raises SizeMismatchError otherwise."""
        a, b = self.checked(a), self.checked(b)
        if len(a) != len(b):
            raise SizeMismatchError(f"an inner product needs equal lengths, got {len(a)} and {len(b)}")
        out = self.zeros(1)
        if self._has_lanes(len(a)):
            ifma_vectors.inner_product(out, a, b)
        else:
            vectors.inner_product(out, a, b, self.constants)
        return out

    def total(self, a: Words) -> Words:
        """Return the (1, 4) sum of all elements; the empty sum is zero."""
        out = self.zeros(1)
        vectors.total(out, self.checked(a), self.constants)
        return out

    def inverse(self, a: Words) -> Words:
        """Return 1/a elementwise, with one inversion for all. Raises ZeroInverseError if an element is zero."""
        a = self.checked(a)
        out = fresh(len(a))
        index = vectors.invert(out, a, self.constants)
        if index >= 0:
            raise ZeroInverseError(f"element {index} of {len(a)} is zero")
        return out

    def from_integers(self, values: Sequence[int]) -> Words:
        """Return the elements congruent to ``values``, which may be negative or beyond the modulus."""
        return self._to_montgomery(b"".join((int(value) % self.modulus).to_bytes(32, "little") for value in values))

    def to_integers(self, a: Words) -> list[int]:
        """Return the canonical representatives, 0 <= x < p."""
        encoded = self.encode_bytes(a)
        return [int.from_bytes(encoded[i : i + 32], "big") for i in range(0, len(encoded), 32)]

    def from_int64(self, values: NDArray[Any]) -> Words:
        """Return the elements congruent to a one-dimensional int64 or uint64 array. Raises SizeMismatchError if not."""
        if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype not in (np.int64, np.uint64):
            raise SizeMismatchError(f"expected a one-dimensional int64 or uint64 array, got {_shape(values)}")
        out = self.zeros(len(values))
        if values.dtype == np.int64:
            vectors.from_signed(out, np.array(values, order="C"), self.constants)
            return out
        out[:, 0] = values
        return self.mul(self._row(3), out)

    def encode_bytes(self, a: Words) -> bytes:
        """Return 32 bytes per element: the canonical representative, big-endian."""
        a = self.checked(a)
        one = np.array([[1, 0, 0, 0]], dtype=np.uint64)
        return self.mul(a, one)[:, ::-1].astype(">u8").tobytes()

    def decode_bytes(self, encoded: bytes) -> Words:
        """Read what ``encode_bytes`` writes.

        Raises:
            NonCanonicalEncodingError: the length is no multiple of 32, or an integer is at or above the modulus.
        """
        if len(encoded) % 32:
            raise NonCanonicalEncodingError(f"{len(encoded)} bytes are no whole number of {self.name} elements")
        return self._to_montgomery(_little_endian(encoded, 4).tobytes())

    def expand(self, stream: Callable[[int], bytes], n: int) -> Words:
        """Return ``n`` elements within 2^-258 of uniform from 64·n bytes of ``stream``.

        Args:
            stream: called once with the number of bytes wanted. Each 64 bytes are one big-endian 512-bit integer,
                which is reduced modulo p.
            n: how many elements.

        Raises:
            SizeMismatchError: the stream returned another number of bytes.
        """
        drawn = stream(64 * _count(n))
        if len(drawn) != 64 * n:
            raise SizeMismatchError(f"the stream returned {len(drawn)} bytes instead of {64 * n}")
        out = self.zeros(n)
        vectors.from_wide(out, _little_endian(drawn, 8), self.constants)
        return out

    def random(self, n: int) -> Words:
        """Return ``n`` uniform elements from the operating system's randomness."""
        return self.expand(fresh_bytes, n)

    def add_scaled(self, a: Words, b: Words, c: int) -> Words:
        """Return a + c·b, in one pass. Raises SizeMismatchError if lengths differ."""
        a, b = self.checked(a), self.checked(b)
        if len(a) != len(b):
            raise SizeMismatchError(f"vectors of {len(a)} and {len(b)} {self.name} elements do not fit together")
        out, factor = fresh(len(a)), self.from_integers([c])
        if self._has_lanes(len(a)):
            add = ifma_vectors.add_multiple
            if len(a) < PARALLEL_FROM:
                add(out, a, b, factor)
            else:
                run_tasks(lambda _, rows: add(out[rows], a[rows], b[rows], factor), _parts(len(a)), processors())
        else:
            vectors.add_multiple(out, a, b, factor, self.constants)
        return out

    def powers(self, x: int, n: int) -> Words:
        """Return 1, x, x^2, .., x^(n-1)."""
        out, base = fresh(_count(n)), self.from_integers([x])
        if self._has_lanes(n):
            ifma_polynomials.powers(out, base)
        else:
            vectors.powers(out, base, self.constants)
        return out

    def evaluate(self, coefficients: Words, x: int) -> int:
        """Return the polynomial's value at ``x``, coefficients from the constant upwards; the empty one is zero."""
        out, coefficients, point = self.zeros(1), self.checked(coefficients), self.from_integers([x])
        if self._has_lanes(len(coefficients)):
            ifma_polynomials.evaluate(out, coefficients, point)
        else:
            vectors.evaluate(out, coefficients, point, self.constants)
        return self.to_integers(out)[0]

    def scale(self, a: Words, c: int) -> Words:
        """Return c·a."""
        return self.mul(a, self.from_integers([c]))

    def _row(self, index: int) -> Words:
        return self.constants[index : index + 1]

    def _to_montgomery(self, little_endian: bytes) -> Words:
        canonical = np.frombuffer(little_endian, dtype="<u8").reshape(-1, 4).astype(np.uint64)
        index = vectors.first_not_below(canonical, self.constants)
        if index >= 0:
            raise NonCanonicalEncodingError(f"element {index} is at or above the modulus of {self.name}")
        return self.mul(canonical, self._row(3))


def _shape(a: object) -> str:
    return f"{a.dtype} of shape {a.shape}" if isinstance(a, np.ndarray) else type(a).__name__


def _parts(n: int) -> list[slice]:
    """The rows of a vector in parts for several threads: of a multiple of sixteen rows, but the last."""
    threads = processors()
    size = -(-n // (16 * 4 * threads)) * 16 if threads > 1 else n
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _count(n: int) -> int:
    if n < 0:
        raise SizeMismatchError(f"a vector cannot have {n} elements")
    return n


def _little_endian(encoded: bytes, words: int) -> Words:
    """Big-endian integers of 8·words bytes  ->  rows of limbs, least significant first."""
    return np.ascontiguousarray(np.frombuffer(encoded, dtype=">u8").reshape(-1, words)[:, ::-1], dtype=np.uint64)


FR = Field("Fr", FR_MODULUS, FR_CONSTANTS)
FQ = Field("Fq", FQ_MODULUS, FQ_CONSTANTS)
