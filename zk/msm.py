"""Multi-scalar multiplication on G1: the sum of scalars[i]·points[i], which is what a commitment costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk.curve import PARALLEL_FROM, scalar_integers, split_rows
from zk.errors import SizeMismatchError
from zk.field import FQ, FR, Words
from zk.kernels import IFMA, chosen_path
from zk.kernels import curve as curve_kernels
from zk.kernels import msm as kernels
from zk.kernels.workers import processors

if chosen_path() == IFMA:
    from zk.kernels import ifma_plan

LANES_FROM = 32
"""From so many scalars on, eight lanes are worth their setup."""
PARALLEL_LANES_FROM = 1 << 12
"""From so many scalars on, eight lanes are worth a thread per processor."""

_TWICE_GENERATOR = (
    1368015179489954701390400359078579693043519447331113978918064868415326638035,
    9918110051302171585080402603319702774565515993150576347155970296011118125764,
)
_PADDING = FQ.from_integers([1, 2, *_TWICE_GENERATOR]).reshape(2, 8)


class FixedPoints:
    """Points that are summed again and again, laid out for it once: a reference string's powers. Public.

    Where kernels have eight lanes this holds a copy of the points, 64 bytes each, and reserves 25 MB per processor for
    sums, which become memory when the first sum needs them; elsewhere it holds the array it was given. The array must
    not be changed. Threads may share one: the second of two sums at the same time copies the points for itself.

    Args:
        points: (m, 8), on the curve.

    Raises:
        SizeMismatchError: not that shape.
    """

    def __init__(self, points: Words) -> None:
        self.array = _checked_points(points)
        """The (m, 8) points."""
        self.pool = ifma_plan.FixedPool(self.array, _PADDING, processors()) if chosen_path() == IFMA else None
        """The points as kernels with lanes take them, where there are such."""
        if self.pool is not None:
            self.array = self.pool.points

    def __len__(self) -> int:
        return len(self.array)


def msm(points: Words | FixedPoints, scalars: Words) -> Words:
    """Return the (1, 8) sum of scalars[i]·points[i] over all scalars; the empty sum is infinity.

    Points may repeat, cancel or be infinity. Scalars near 0 or near r (small, of either sign) cost as few windows as
    the longest of them needs.

    Args:
        points: (m, 8), public, on the curve, or those laid out once; points beyond the scalars are not used.
        scalars: (n, 4) elements of Fr, n <= m, possibly secret.

    Raises:
        SizeMismatchError: not those shapes, or more scalars than points.

    Timing: variable, on points and scalars.
    Source: Pippenger 1976, with signed digits; Bernstein, Doumen, Lange, Oosterwijk, "Faster batch forgery
        identification", INDOCRYPT 2012, section 4.
    """
    array, pool = (points.array, points.pool) if isinstance(points, FixedPoints) else (_checked_points(points), None)
    scalars = FR.checked(scalars)
    n = len(scalars)
    if n > len(array):
        raise SizeMismatchError(f"{n} scalars need as many points, got {len(array)}")
    if chosen_path() == IFMA and n >= LANES_FROM:
        threads = processors() if n >= PARALLEL_LANES_FROM else 1
        sums, bits = ifma_plan.sum_products(pool or array[:n], scalars, _PADDING, threads)
    else:
        sums, bits = _sum_products(array, scalars)
    joined = np.empty((1, 16), dtype=np.uint64)
    kernels.join_windows(joined, sums, bits)
    out = np.empty((1, 8), dtype=np.uint64)
    curve_kernels.to_affine(out, joined)
    return out


def _checked_points(points: Words) -> Words:
    if not isinstance(points, np.ndarray) or points.dtype != np.uint64 or points.ndim != 2 or points.shape[1] != 8:
        raise SizeMismatchError("a vector of points is an (n, 8) uint64 array")
    return points if points.flags.c_contiguous and points.flags.writeable else points.copy(order="C")


def _sum_products(points: Words, scalars: Words) -> tuple[Words, NDArray[np.int64]]:
    """The (windows, 16) sum of digits times points of each window, and the windows' bits; in portable kernels."""
    integers = scalar_integers(scalars)
    n = len(integers)
    negated = np.empty(n, dtype=np.uint8)
    union = np.zeros((1, 4), dtype=np.uint64)
    kernels.fold_signs(union, integers, negated)
    length = sum(int(word) << (64 * i) for i, word in enumerate(union[0])).bit_length()
    bits, windows = choose_window(n, length)
    digits = np.empty((windows, n), dtype=np.int32)
    kernels.split_digits(digits, integers, negated, bits)

    sums = np.empty((windows, 16), dtype=np.uint64)

    def sum_windows(first: int, beyond: int) -> None:
        buckets = np.empty((1 << (bits - 1), 16), dtype=np.uint64)
        kernels.sum_windows(sums, points, digits, buckets, first, beyond)

    split_rows(sum_windows, windows, parallel=n >= PARALLEL_FROM)
    return sums, np.full(windows, bits, dtype=np.int64)


def choose_window(n: int, length: int) -> tuple[int, int]:
    """Return (bits per window, number of windows) of least cost for ``n`` scalars of ``length`` bits.

    A window costs one mixed addition per scalar and two general additions per bucket; a general one costs 1.25.
    """

    def cost(bits: int) -> float:
        return (length // bits + 1) * (n + 1.25 * (1 << bits))

    bits = min(range(2, 17), key=cost)
    return bits, length // bits + 1
