"""Pairings over BN254, the curve of Ethereum's precompiles: product checks, and the arithmetic of G2.

Points of G1 are rows in the internal form of ``zk.curve``. Points of G2 are pairs of pairs of integers,
((x0, x1), (y0, y1)), that mean x0 + x1*u and y0 + y1*u with u^2 = -1, or None for infinity. EIP-197 writes the
coefficient of u first.
All points are public except the scalar of ``multiply_g2``.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, SizeMismatchError
from zk.kernels import pairing as kernel
from zk.kernels.scalar import FQ_MODULUS, FR_MODULUS
from zk.kernels.tower import Cells, fq2_from_row

G2 = tuple[tuple[int, int], tuple[int, int]] | None

G2_GENERATOR: G2 = (
    (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
)

_ONE = [(1, 0)] + [(0, 0)] * 5


def check_g2(point: G2) -> None:
    """Check that a point is canonical, on the twist and in the subgroup of order r. Infinity is.

    Args:
        point: public, untrusted.

    Raises:
        NonCanonicalEncodingError: not a pair of pairs of integers in 0..q-1.
        PointNotOnCurveError: off the twist, or of another order.

    Timing: variable; about 0.6 ms.
    Source: definition (r times the point is infinity), by addition formulas complete on the whole twist.
    """
    _check_on_twist(point)
    if kernel.multiply(point, FR_MODULUS) is not None:
        raise PointNotOnCurveError("a G2 point is outside the subgroup of order r")


def add_g2(left: G2, right: G2) -> G2:
    """Return the sum of two points of the twist, in or outside the subgroup.

    Raises:
        NonCanonicalEncodingError, PointNotOnCurveError: a point is not canonical or off the twist.
    """
    _check_on_twist(left)
    _check_on_twist(right)
    return kernel.add(left, right)


def neg_g2(point: G2) -> G2:
    """Return the opposite of a point of the twist.

    Raises:
        NonCanonicalEncodingError, PointNotOnCurveError: the point is not canonical or off the twist.
    """
    _check_on_twist(point)
    if point is None:
        return None
    x, (y0, y1) = point
    return x, (-y0 % FQ_MODULUS, -y1 % FQ_MODULUS)


def multiply_g2(point: G2, scalar: int) -> G2:
    """Return ``scalar`` times a point of the subgroup.

    Args:
        point: public; checked as by ``check_g2``.
        scalar: any integer, reduced modulo r; may be secret.

    Raises:
        NonCanonicalEncodingError, PointNotOnCurveError: see ``check_g2``.

    Timing: the same operations for every scalar, but it selects which addresses are read; Python's reduction of the
        scalar takes variable time.
    """
    check_g2(point)
    return kernel.multiply(point, operator.index(scalar) % FR_MODULUS)


def pairing_product_is_one(g1: NDArray[np.uint64], g2: Sequence[G2]) -> bool:
    """Return whether e(P_1, Q_1)·…·e(P_k, Q_k) = 1; a pair with infinity on either side counts as one.

    Args:
        g1: (k, 8) uint64, internal form, public, untrusted.
        g2: k points, public, untrusted. The lines of the last 32 distinct points are kept.

    Raises:
        SizeMismatchError: shapes or lengths do not fit together.
        NonCanonicalEncodingError: a coordinate is not below q.
        PointNotOnCurveError: a point off its curve or outside its subgroup.

    Timing: variable. Two pairs take 0.6 ms, and 1.2 ms more for each point of G2 not seen before.
    """
    if not isinstance(g1, np.ndarray) or g1.dtype != np.uint64 or g1.ndim != 2 or g1.shape[1] != 8:
        raise SizeMismatchError("points of G1 are a (k, 8) uint64 array")
    if len(g1) != len(g2):
        raise SizeMismatchError(f"a pairing product needs as many points of G1 as of G2, got {len(g1)} and {len(g2)}")
    points, tables = [], []
    for row, other in zip(g1, g2, strict=True):
        point = _g1_from_row(row)
        table = None if other is None else _line_table(*_canonical(other))
        if point is not None and table is not None:
            points.append(point)
            tables.append(table)
    return not points or kernel.pairing_product(points, tables) == _ONE


def _g1_from_row(row: NDArray[np.uint64]) -> tuple[int, int] | None:
    if not row.any():
        return None
    if any(int.from_bytes(half.astype("<u8").tobytes(), "little") >= FQ_MODULUS for half in (row[:4], row[4:])):
        raise NonCanonicalEncodingError("a coordinate of a G1 point is not below the modulus")
    x, y = fq2_from_row(row)
    if (y * y - x * x * x - 3) % FQ_MODULUS:
        raise PointNotOnCurveError("a G1 point is not on the curve")
    return x, y


def _canonical(point: Any) -> kernel.AffineG2:
    """Return the point as plain integers, so that equal points are one key of the cache of lines."""
    try:
        (x0, x1), (y0, y1) = point
        coordinates = tuple(operator.index(c) for c in (x0, x1, y0, y1))
    except (TypeError, ValueError) as fault:
        raise NonCanonicalEncodingError("a G2 point is two pairs of integers, or None") from fault
    if not all(0 <= c < FQ_MODULUS for c in coordinates):
        raise NonCanonicalEncodingError("a coordinate of a G2 point is not in 0..q-1")
    return (coordinates[0], coordinates[1]), (coordinates[2], coordinates[3])


def _check_on_twist(point: G2) -> None:
    if point is None:
        return
    x, y = _canonical(point)
    square, cube = kernel.fq2_product(y, y), kernel.fq2_product(kernel.fq2_product(x, x), x)
    if any((square[i] - cube[i] - kernel.TWIST_B[i]) % FQ_MODULUS for i in range(2)):
        raise PointNotOnCurveError("a G2 point is not on the twist")


@functools.lru_cache(maxsize=32)
def _line_table(x: tuple[int, int], y: tuple[int, int]) -> Cells:
    check_g2((x, y))
    table = kernel.line_table((x, y))
    table.flags.writeable = False
    return table
