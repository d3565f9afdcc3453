"""The slow oracle: the functions of ``zk.field``, ``zk.ntt``, ``zk.curve`` and ``zk.msm`` again, on galois and py_ecc.

Same names, same arguments, same results to the last bit; no kernel and no line of code is shared. Only tests import
it. Shapes are trusted; where the fast functions refuse a value, the libraries raise their own errors here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import galois
import numpy as np
from numpy.typing import NDArray
from py_ecc import optimized_bn128

Words = NDArray[np.uint64]

_MASK = (1 << 64) - 1

bn128: Any = optimized_bn128  # re-exports its names without declaring them


class ReferenceField:
    """A prime field on ``galois.GF``, behind the methods of ``zk.field.Field``."""

    def __init__(self, modulus: int, primitive_element: int) -> None:
        self.modulus = modulus
        self.elements: Any = galois.GF(modulus, primitive_element=primitive_element, verify=False)
        self._from_montgomery = pow(2, -256, modulus)

    def to_integers(self, a: Words) -> list[int]:
        """Return the canonical representatives of an (n, 4) array."""
        rows = [sum(int(word) << (64 * i) for i, word in enumerate(row)) for row in a]
        return [row * self._from_montgomery % self.modulus for row in rows]

    def from_integers(self, values: Sequence[int]) -> Words:
        """Return the (n, 4) array of the elements congruent to ``values``."""
        rows = [(int(value) << 256) % self.modulus for value in values]
        limbs = [[(row >> (64 * i)) & _MASK for i in range(4)] for row in rows]
        return np.array(limbs, dtype=np.uint64).reshape(-1, 4)

    def lift(self, a: Words) -> Any:
        """Return the galois array with the elements of ``a``."""
        return self.elements(self.to_integers(a))

    def lower(self, a: Any) -> Words:
        """Return the (n, 4) array with the elements of a galois array or scalar."""
        return self.from_integers([int(value) for value in np.atleast_1d(a)])

    def zeros(self, n: int) -> Words:
        """Return n zeros."""
        return np.zeros((n, 4), dtype=np.uint64)

    def add(self, a: Words, b: Words) -> Words:
        """Return a + b."""
        return self.lower(self.lift(a) + self.lift(b))

    def sub(self, a: Words, b: Words) -> Words:
        """Return a - b."""
        return self.lower(self.lift(a) - self.lift(b))

    def neg(self, a: Words) -> Words:
        """Return -a."""
        return self.lower(-self.lift(a))

    def mul(self, a: Words, b: Words) -> Words:
        """Return a·b."""
        return self.lower(self.lift(a) * self.lift(b))

    def inner(self, a: Words, b: Words) -> Words:
        """Return the inner product."""
        return self.lower(np.sum(self.lift(a) * self.lift(b)) if len(a) else 0)

    def total(self, a: Words) -> Words:
        """Return the sum of all elements."""
        return self.lower(np.sum(self.lift(a)) if len(a) else 0)

    def inverse(self, a: Words) -> Words:
        """Return 1/a; galois raises ZeroDivisionError at a zero."""
        return self.lower(self.lift(a) ** -1)

    def from_int64(self, values: NDArray[Any]) -> Words:
        """Return the elements congruent to 64-bit integers."""
        return self.from_integers([int(value) for value in values])

    def encode_bytes(self, a: Words) -> bytes:
        """Return 32 big-endian bytes per element."""
        return b"".join(value.to_bytes(32, "big") for value in self.to_integers(a))

    def decode_bytes(self, encoded: bytes) -> Words:
        """Read what ``encode_bytes`` writes; galois raises ValueError at the modulus and above."""
        integers = [int.from_bytes(encoded[i : i + 32], "big") for i in range(0, len(encoded), 32)]
        return self.lower(self.elements(integers))

    def expand(self, stream: Callable[[int], bytes], n: int) -> Words:
        """Return n elements, each 64 bytes of the stream as one big-endian integer modulo p."""
        drawn = stream(64 * n)
        return self.from_integers([int.from_bytes(drawn[64 * i : 64 * i + 64], "big") for i in range(n)])

    def powers(self, x: int, n: int) -> Words:
        """Return 1, x, .., x^(n-1)."""
        return self.from_integers([pow(x, i, self.modulus) for i in range(n)])

    def evaluate(self, coefficients: Words, x: int) -> int:
        """Return the value of the polynomial at x."""
        ascending = self.lift(coefficients)
        return int(galois.Poly(ascending[::-1])(self.elements(x % self.modulus))) if len(coefficients) else 0

    def scale(self, a: Words, c: int) -> Words:
        """Return c·a."""
        return self.lower(self.lift(a) * self.elements(c % self.modulus))


FR = ReferenceField(int(bn128.curve_order), 5)
FQ = ReferenceField(int(bn128.field_modulus), 3)


def root_of_unity(log_n: int) -> int:
    """Return galois's primitive root of unity of order 2^log_n, a power of the primitive element 5."""
    return int(FR.elements.primitive_root_of_unity(1 << log_n))


def ntt(coefficients: Words) -> Words:
    """Return the values on the subgroup of as many points, by galois's Fourier transform."""
    return FR.lower(np.fft.fft(FR.lift(coefficients)))


def intt(values: Words) -> Words:
    """Return the coefficients whose ``ntt`` is ``values``."""
    return FR.lower(np.fft.ifft(FR.lift(values)))


def coset_ntt(coefficients: Words, log_n: int, shift: int = 7) -> Words:
    """Return the values on shift·H, point by point."""
    root = root_of_unity(log_n)
    points = [shift * pow(root, i, FR.modulus) % FR.modulus for i in range(1 << log_n)]
    return FR.from_integers([FR.evaluate(coefficients, point) for point in points])


def coset_intt(values: Words, shift: int = 7) -> Words:
    """Return the coefficients whose values on shift·H are ``values``."""
    inverse = pow(shift, -1, FR.modulus)
    return FR.mul(intt(values), FR.powers(inverse, len(values)))


def _lift_points(a: Words) -> list[Any]:
    coordinates = FQ.to_integers(a.reshape(-1, 4))
    pairs = list(zip(coordinates[::2], coordinates[1::2], strict=True))
    return [bn128.Z1 if pair == (0, 0) else (bn128.FQ(pair[0]), bn128.FQ(pair[1]), bn128.FQ(1)) for pair in pairs]


def _lower_points(points: Sequence[Any]) -> Words:
    pairs = [(0, 0) if bn128.is_inf(point) else bn128.normalize(point) for point in points]
    return FQ.from_integers([int(coordinate) for pair in pairs for coordinate in pair]).reshape(-1, 8)


def _broadcast(a: list[Any], b: list[Any]) -> list[tuple[Any, Any]]:
    n = len(b) if len(a) == 1 else len(a)
    return list(zip(a * n if len(a) == 1 else a, b * n if len(b) == 1 else b, strict=True))


GENERATOR = _lower_points([bn128.G1])


def encode_points(points: Sequence[tuple[int, int] | None]) -> Words:
    """Return the array of points; ValueError off the curve."""
    lifted = [bn128.Z1 if p is None else (bn128.FQ(p[0]), bn128.FQ(p[1]), bn128.FQ(1)) for p in points]
    if not all(bn128.is_on_curve(point, bn128.b) for point in lifted):
        raise ValueError("a point is not on the curve")
    return _lower_points(lifted)


def decode_points(a: Words) -> list[tuple[int, int] | None]:
    """Return the coordinates, None for infinity."""
    coordinates = FQ.to_integers(a.reshape(-1, 4))
    return [None if pair == (0, 0) else pair for pair in zip(coordinates[::2], coordinates[1::2], strict=True)]


def points_to_bytes(a: Words) -> bytes:
    """Return 64 bytes per point."""
    return FQ.encode_bytes(a.reshape(-1, 4))


def points_from_bytes(encoded: bytes) -> Words:
    """Read what ``points_to_bytes`` writes; ValueError off the curve."""
    return encode_points(decode_points(FQ.decode_bytes(encoded).reshape(-1, 8)))


def add_points(a: Words, b: Words) -> Words:
    """Return a + b."""
    return _lower_points([bn128.add(p, q) for p, q in _broadcast(_lift_points(a), _lift_points(b))])


def neg_points(a: Words) -> Words:
    """Return -a."""
    return _lower_points([bn128.neg(point) for point in _lift_points(a)])


def sum_points(a: Words) -> Words:
    """Return the sum of all points."""
    total = bn128.Z1
    for point in _lift_points(a):
        total = bn128.add(total, point)
    return _lower_points([total])


def multiply_points(points: Words, scalars: Words) -> Words:
    """Return scalars[i]·points[i]."""
    pairs = _broadcast(_lift_points(points), FR.to_integers(scalars))
    return _lower_points([bn128.multiply(point, scalar) for point, scalar in pairs])


def multiply_generator(scalars: Words) -> Words:
    """Return scalars[i]·GENERATOR."""
    return multiply_points(GENERATOR, scalars)


def msm(points: Words, scalars: Words) -> Words:
    """Return the sum of scalars[i]·points[i]."""
    return sum_points(multiply_points(points[: len(scalars)], scalars))
