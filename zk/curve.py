"""The group G1 of BN254: vectors of points on y^2 = x^3 + 3 over Fq, all of them of the prime order r.

A vector of points is a C-contiguous (n, 8) uint64 array: x's limbs, then y's, each as ``zk.field.FQ`` holds them;
infinity is all zeros. Functions return new arrays. Points that come from outside enter through ``encode_points`` or
``points_from_bytes``, which check them; the arithmetic trusts its arrays to hold points. Timing: variable, on points
and scalars, also where scalars are secret.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, SizeMismatchError
from zk.field import FQ, FQ_MODULUS, FR, Words
from zk.kernels import IFMA, chosen_path
from zk.kernels import curve as kernels
from zk.kernels.workers import processors, run_tasks

if chosen_path() == IFMA:
    from zk.kernels import ifma_plan

POINT_BYTES = 64
PARALLEL_FROM = 1 << 12
"""From so many points on, work is split over the processors."""

LANES_FROM = 64
"""From so many scalars on, eight lanes are worth their setup."""
GENERATOR: Words = FQ.from_integers([1, 2]).reshape(1, 8)


def encode_points(points: Sequence[tuple[int, int] | None]) -> Words:
    """Return the array of ``points``, None standing for infinity.

    Raises:
        NonCanonicalEncodingError: a coordinate is no integer in 0 .. q-1, or a pair is (0, 0).
        PointNotOnCurveError: a point is not on the curve.
    """
    for point in points:
        if point is not None and (point == (0, 0) or not all(map(_is_canonical, point))):
            raise NonCanonicalEncodingError("a coordinate is no integer below the field modulus, or a point is (0, 0)")
    return _on_curve(FQ.from_integers([c for point in points for c in (point or (0, 0))]).reshape(-1, 8))


def decode_points(a: Words) -> list[tuple[int, int] | None]:
    """Return the affine coordinates, None for infinity."""
    coordinates = FQ.to_integers(_checked(a).reshape(-1, 4))
    pairs = zip(coordinates[::2], coordinates[1::2], strict=True)
    return [None if pair == (0, 0) else pair for pair in pairs]


def points_to_bytes(a: Words) -> bytes:
    """Return 64 bytes per point: x, then y, big-endian; infinity is 64 zero bytes."""
    return FQ.encode_bytes(_checked(a).reshape(-1, 4))


def points_from_bytes(encoded: bytes) -> Words:
    """Read what ``points_to_bytes`` writes.

    Raises:
        NonCanonicalEncodingError: the length is no multiple of 64, or a coordinate is at or above the modulus.
        PointNotOnCurveError: a point is not on the curve.
    """
    if len(encoded) % POINT_BYTES:
        raise NonCanonicalEncodingError(f"{len(encoded)} bytes are no whole number of points")
    return _on_curve(FQ.decode_bytes(encoded).reshape(-1, 8))


def add_points(a: Words, b: Words) -> Words:
    """Return a + b elementwise; one point stands for every row. Raises SizeMismatchError if lengths do not fit."""
    a, b = _checked(a), _checked(b)
    if len(a) != len(b) and len(a) != 1 and len(b) != 1:
        raise SizeMismatchError(f"vectors of {len(a)} and {len(b)} points do not fit together")
    work = np.empty((len(b) if len(a) == 1 else len(a), 16), dtype=np.uint64)
    kernels.add_each(work, a, b)
    return _to_affine(work)


def neg_points(a: Words) -> Words:
    """Return -a."""
    out = _checked(a).copy()
    out[:, 4:] = FQ.neg(out[:, 4:])
    return out


def sum_points(a: Words) -> Words:
    """Return the (1, 8) sum of all points; the empty sum is infinity."""
    work = np.empty((1, 16), dtype=np.uint64)
    kernels.sum_all(work, _checked(a))
    return _to_affine(work)


def multiply_points(points: Words, scalars: Words) -> Words:
    """Return scalars[i]·points[i]; one point stands for every scalar, one scalar for every point.

    Args:
        points: (n, 8) or (1, 8).
        scalars: (n, 4) or (1, 4), elements of Fr.

    Raises:
        SizeMismatchError: the lengths do not fit together.
    """
    points, integers = _checked(points), scalar_integers(scalars)
    n = len(integers) if len(points) == 1 else len(points)
    if len(integers) not in (1, n):
        raise SizeMismatchError(f"{len(points)} points and {len(integers)} scalars do not fit together")
    if len(integers) != n:
        integers = np.repeat(integers, n, axis=0)
    work = np.empty((n, 16), dtype=np.uint64)

    def multiply(start: int, stop: int) -> None:
        chosen = points if len(points) == 1 else points[start:stop]
        kernels.multiply_each(work[start:stop], chosen, integers[start:stop])

    split_rows(multiply, n)
    return _to_affine(work)


def multiply_generator(scalars: Words) -> Words:
    """Return scalars[i]·GENERATOR, from a table of the generator's multiples."""
    scalars, multiples = FR.checked(scalars), _generator_multiples()
    if chosen_path() == IFMA and len(scalars) >= LANES_FROM:
        threads = processors() if len(scalars) >= PARALLEL_FROM else 1
        return ifma_plan.multiply_fixed(multiples, scalars, multiples[1:3], threads)
    integers = scalar_integers(scalars)
    work = np.empty((len(integers), 16), dtype=np.uint64)

    def multiply(start: int, stop: int) -> None:
        kernels.multiply_fixed(work[start:stop], multiples, integers[start:stop])

    split_rows(multiply, len(integers))
    return _to_affine(work)


def scalar_integers(scalars: Words) -> Words:
    """Return the limbs of the scalars' canonical representatives, out of Montgomery form."""
    return FR.mul(scalars, np.array([[1, 0, 0, 0]], dtype=np.uint64))


def split_rows(work: Callable[[int, int], None], n: int, parallel: bool | None = None) -> None:
    """Call work(start, stop) over 0 .. n-1, in a thread per processor if asked, by default if n is large."""
    threads = min(processors(), max(n, 1))
    if threads == 1 or not (n >= PARALLEL_FROM if parallel is None else parallel):
        work(0, n)
        return
    bounds = [n * i // threads for i in range(threads + 1)]
    run_tasks(lambda _, part: work(*part), list(itertools.pairwise(bounds)), threads)


@functools.lru_cache(maxsize=1)
def _generator_multiples() -> Words:
    work = np.empty((8192, 16), dtype=np.uint64)
    kernels.fill_multiples(work, GENERATOR.copy())
    return _to_affine(work)


def _to_affine(work: Words) -> Words:
    out = np.empty((len(work), 8), dtype=np.uint64)
    kernels.to_affine(out, work)
    return out


def _is_canonical(coordinate: object) -> bool:
    return isinstance(coordinate, int) and 0 <= coordinate < FQ_MODULUS


def _checked(a: Words) -> Words:
    if not isinstance(a, np.ndarray) or a.dtype != np.uint64 or a.ndim != 2 or a.shape[1] != 8:
        raise SizeMismatchError("a vector of points is an (n, 8) uint64 array")
    return a if a.flags.c_contiguous and a.flags.writeable else a.copy(order="C")


def _on_curve(a: Words) -> Words:
    index = kernels.first_off_curve(a, FQ.from_integers([3]))
    if index >= 0:
        raise PointNotOnCurveError(f"point {index} of {len(a)} is not on the curve")
    return a
