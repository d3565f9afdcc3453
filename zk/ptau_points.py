"""Points as `.ptau` files hold them and as their hashes read them.

In the file a coordinate is 32 bytes, little-endian, in Montgomery form x·2^256 mod q: the internal form of
``zk.field``, so that decoding is a check and a copy. G1 is x ‖ y; G2 is x0 ‖ x1 ‖ y0 ‖ y1 with x = x0 + x1·u. Hashes
read big-endian canonical coordinates with the coefficient of u first, either both ("uncompressed") or x alone with the
top bit set where y is the larger of the two roots ("compressed"); y0 + y1·u is compared by y1, and by y0 where y1 = 0.

Arrays here are (n, 8) for G1 and (n, 16) for G2, uint64. Everything is public.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from zk.curve import points_to_bytes
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError
from zk.field import FQ, FQ_MODULUS, Words
from zk.kernels import curve as curve_kernels
from zk.kernels import vectors
from zk.ptau_twist import first_off_twist

G1_BYTES: Final = 64
G2_BYTES: Final = 128

_HALF: Final = [(FQ_MODULUS - 1) // 2 >> shift & 0xFFFFFFFFFFFFFFFF for shift in (192, 128, 64, 0)]
_LARGER: Final = 0x80


def decode_g1_points(data: bytes, first: int = 0) -> Words:
    """Read points of G1 and check that each is canonical, on the curve and not infinity.

    Args:
        data: 64 bytes per point, untrusted.
        first: number of the first point, for messages.

    Raises:
        NonCanonicalEncodingError, PointNotOnCurveError: names the point.
    """
    points = _decode(data, 8, first)
    index = curve_kernels.first_off_curve(points, FQ.from_integers([3]))
    if index >= 0:
        raise PointNotOnCurveError(f"point {first + index} is not on the curve")
    return points


def decode_g2_points(data: bytes, first: int = 0) -> Words:
    """Read points of G2 and check that each is canonical, on the twist and not infinity; the subgroup is not checked.

    Raises:
        NonCanonicalEncodingError, PointNotOnCurveError: names the point.
    """
    points = _decode(data, 16, first)
    index = first_off_twist(points)
    if index >= 0:
        raise PointNotOnCurveError(f"point {first + index} is not on the twist")
    return points


def encode_points(points: Words) -> bytes:
    """Return points of either group as the file holds them."""
    return points.astype("<u8").tobytes()


def hash_form(points: Words) -> bytes:
    """Return points of either group uncompressed, as hashes read them."""
    if points.shape[1] == 8:
        return points_to_bytes(points)
    return FQ.encode_bytes(points.reshape(-1, 4)[_swapped(len(points))])


def compressed_form(uncompressed: bytes, point_bytes: int) -> bytes:
    """Return points compressed, as hashes read them, from what `hash_form` gave.

    Args:
        uncompressed: points of one group, none at infinity.
        point_bytes: 64 for G1, 128 for G2.
    """
    both = np.frombuffer(uncompressed, dtype=np.uint8).reshape(-1, 2, point_bytes // 2)
    y = np.ascontiguousarray(both[:, 1]).view(">u8").astype(np.uint64)
    larger = _above_half(y[:, :4])
    if point_bytes == G2_BYTES:
        larger = np.where(y[:, :4].any(axis=1), larger, _above_half(y[:, 4:]))
    x = both[:, 0].copy()
    x[:, 0] |= np.where(larger, _LARGER, 0).astype(np.uint8)
    return x.tobytes()


def _decode(data: bytes, words: int, first: int) -> Words:
    if len(data) % (8 * words):
        raise NonCanonicalEncodingError(f"{len(data)} bytes are no whole number of points")
    points = np.frombuffer(data, dtype="<u8").reshape(-1, words).astype(np.uint64)
    index = vectors.first_not_below(points.reshape(-1, 4), FQ.constants)
    if index >= 0:
        raise NonCanonicalEncodingError(f"point {first + index // (words // 4)} has a coordinate above the modulus")
    infinite = ~points.any(axis=1)
    if infinite.any():
        raise PointNotOnCurveError(f"point {first + int(infinite.argmax())} is the point at infinity")
    return points


def _swapped(n: int) -> NDArray[np.int64]:
    """Row numbers that put the coefficient of u first."""
    rows: NDArray[np.int64] = np.arange(4 * n).reshape(n, 4)[:, [1, 0, 3, 2]]
    return rows.reshape(-1)


def _above_half(y: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether big-endian rows of four words are above (q-1)/2."""
    above, equal = np.zeros(len(y), dtype=bool), np.ones(len(y), dtype=bool)
    for column, word in enumerate(_HALF):
        above |= equal & (y[:, column] > np.uint64(word))
        equal &= y[:, column] == np.uint64(word)
    return above
