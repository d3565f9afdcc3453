"""Multi-scalar multiplication against py_ecc on adversarial points, and against known logarithms on many points."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zk import reference
from zk.curve import GENERATOR, multiply_generator, neg_points
from zk.errors import SizeMismatchError
from zk.field import FR, FR_MODULUS, Words
from zk.kernels import IFMA, chosen_path
from zk.msm import FixedPoints, choose_window, msm

SEED = 20251122
HALF = FR_MODULUS // 2
EDGES = [0, 1, 2, 3, FR_MODULUS - 1, FR_MODULUS - 2, HALF, HALF + 1, (1 << 253) - 1, 1 << 252, (1 << 64) - 1, 1 << 127]


@pytest.fixture(autouse=True, params=["portable", "lanes"])
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on each path this processor has, whatever the number of scalars."""
    if request.param == "lanes" and chosen_path() != IFMA:
        pytest.skip("needs a processor with AVX-512 IFMA")
    monkeypatch.setattr("zk.msm.LANES_FROM", 1 if request.param == "lanes" else 1 << 62)


def expected(logarithms: list[int], scalars: list[int]) -> Words:
    """The sum of scalars[i]·logarithms[i]·GENERATOR, by one slow multiplication."""
    total = sum(k * s for k, s in zip(logarithms, scalars, strict=True)) % FR_MODULUS
    return reference.multiply_generator(reference.FR.from_integers([total]))


def check(logarithms: list[int], scalars: list[int]) -> None:
    points = multiply_generator(FR.from_integers(logarithms))
    assert np.array_equal(msm(points, FR.from_integers(scalars)), expected(logarithms, scalars))


def test_small_sums_equal_the_oracle() -> None:
    rng = random.Random(SEED)
    points = reference.multiply_generator(reference.FR.from_integers([rng.randrange(FR_MODULUS) for _ in range(8)]))
    for n in (0, 1, 2, 3, 8):
        scalars = FR.random(n)
        assert np.array_equal(msm(points, scalars), reference.msm(points, scalars))


@pytest.mark.parametrize("scalar", EDGES)
def test_one_point_and_many_equal_points(scalar: int) -> None:
    check([7], [scalar])
    check([7] * 40, [scalar] * 40)


@pytest.mark.parametrize(
    ("logarithms", "scalars"),
    [
        ([0] * 5, [1, 2, 3, 4, FR_MODULUS - 1]),
        ([3, FR_MODULUS - 3], [5, 5]),
        ([3, 3, FR_MODULUS - 3, FR_MODULUS - 3] * 20, [5] * 80),
        ([3, 3], [5, FR_MODULUS - 5]),
        ([0, 3, 0, 3, 0], [9, 9, 9, 9, 9]),
        ([1, 2, 3], [1, 1, FR_MODULUS - 1]),
        ([1, 2, 4, 8, 16] * 10, [16, 8, 4, 2, 1] * 10),
        ([5] * 64, [0] * 64),
        ([5] * 64, [0] * 63 + [1]),
        ([1] * 65, [*range(65)]),
    ],
    ids=["infinity", "opposite", "bucket cancels", "scalars cancel", "mixed infinity", "sum cancels", "buckets equal",
         "zero scalars", "one scalar", "every bucket"],
)  # fmt: skip
def test_adversarial_points(logarithms: list[int], scalars: list[int]) -> None:
    check(logarithms, scalars)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from([*EDGES, 5, 6]), st.sampled_from(EDGES) | st.integers(-40, 40)), max_size=12))
def test_searched_coincidences(pairs: list[tuple[int, int]]) -> None:
    check([k for k, _ in pairs], [s for _, s in pairs])


@pytest.mark.parametrize("n", [100, 1000, 4096, 5000])
def test_known_logarithms(n: int) -> None:
    logarithms, scalars = FR.random(n), FR.random(n)
    known = multiply_generator(FR.inner(logarithms, scalars))
    assert np.array_equal(msm(multiply_generator(logarithms), scalars), known)


@pytest.mark.parametrize("bound", [1, 2, 1 << 8, 1 << 32, 1 << 62])
def test_small_scalars_of_both_signs(bound: int) -> None:
    logarithms = FR.random(600)
    scalars = FR.from_int64(np.random.default_rng(SEED).integers(-bound, bound, 600, dtype=np.int64))
    known = multiply_generator(FR.inner(logarithms, scalars))
    assert np.array_equal(msm(multiply_generator(logarithms), scalars), known)


def test_points_beyond_the_scalars_are_not_used() -> None:
    points, scalars = multiply_generator(FR.random(30)), FR.random(20)
    assert np.array_equal(msm(points, scalars), msm(points[:20], scalars))


def test_points_laid_out_once_give_the_same() -> None:
    rng = random.Random(SEED)
    logarithms = [rng.choice([0, 0, 5, FR_MODULUS - 5, rng.randrange(FR_MODULUS)]) for _ in range(700)]
    points = multiply_generator(FR.from_integers(logarithms))
    fixed = FixedPoints(points)
    assert len(fixed) == 700
    assert np.array_equal(fixed.array, points)
    for n in (0, 1, 33, 64, 699, 700, 64):
        scalars = FR.random(n)
        assert np.array_equal(msm(fixed, scalars), msm(points, scalars))
        known = multiply_generator(FR.inner(FR.from_integers(logarithms[:n]), scalars))
        assert np.array_equal(msm(fixed, scalars), known)
    assert np.array_equal(fixed.array, points)


def test_points_laid_out_once_refuse_what_points_refuse() -> None:
    with pytest.raises(SizeMismatchError):
        FixedPoints(np.zeros((3, 4), dtype=np.uint64))
    with pytest.raises(SizeMismatchError):
        msm(FixedPoints(GENERATOR), FR.random(2))


def test_points_laid_out_once_serve_several_threads() -> None:
    points, scalars = multiply_generator(FR.random(3000)), [FR.random(3000 - k) for k in range(6)]
    fixed = FixedPoints(points)
    with ThreadPoolExecutor(6) as executor:
        sums = list(executor.map(lambda chosen: msm(fixed, chosen), scalars))
    for chosen, found in zip(scalars, sums, strict=True):
        assert np.array_equal(found, msm(points, chosen))


@pytest.mark.parametrize("bits", [1, 13, 32, 47, 51, 52, 53, 63, 64, 65, 127])
@pytest.mark.parametrize("place", [None, 0, 7, 8, 9, 1500, 1999])
def test_short_scalars_with_a_long_one_among_them(bits: int, place: int | None) -> None:
    """Scalars below 2^52 are one word until a longer one comes; whole and cut groups of eight, first and last."""
    rng = random.Random(SEED + bits)
    values = [rng.choice([1, -1]) * rng.choice([0, 1, (1 << bits) - 1, rng.randrange(1 << bits)]) for _ in range(2000)]
    if place is not None:
        values[place] = rng.choice([(1 << bits) + 5, HALF, -(1 << 200)])
    logarithms, scalars = FR.random(2000), FR.from_integers(values)
    known = multiply_generator(FR.inner(logarithms, scalars))
    assert np.array_equal(msm(multiply_generator(logarithms), scalars), known)


@pytest.mark.parametrize("late", [False, True])
def test_short_scalars_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    if chosen_path() != IFMA:
        pytest.skip("needs a processor with AVX-512 IFMA")
    monkeypatch.setattr("zk.kernels.ifma_plan._SCALARS_AT_ONCE", 256)
    monkeypatch.setattr("zk.msm.processors", lambda: 3)
    monkeypatch.setattr("zk.msm.PARALLEL_LANES_FROM", 2)
    values = [*range(-500, 501)]
    values[900 if late else 3] = HALF
    logarithms, scalars = FR.random(1001), FR.from_integers(values)
    known = multiply_generator(FR.inner(logarithms, scalars))
    assert np.array_equal(msm(FixedPoints(multiply_generator(logarithms)), scalars), known)


def test_any_number_of_threads_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.concatenate([multiply_generator(FR.random(4094)), neg_points(GENERATOR), GENERATOR])
    scalars = FR.random(4096)
    results = []
    for processors in (1, 2, 3, 64):
        monkeypatch.setattr("zk.curve.processors", lambda count=processors: count)
        monkeypatch.setattr("zk.msm.processors", lambda count=processors: count)
        monkeypatch.setattr("zk.msm.PARALLEL_FROM", 2)
        monkeypatch.setattr("zk.msm.PARALLEL_LANES_FROM", 2)
        results.append(msm(points, scalars))
    assert all(np.array_equal(result, results[0]) for result in results)


@pytest.mark.parametrize("kind", ["one point", "one scalar", "both", "two points", "bits", "powers of two"])
def test_many_coincidences(kind: str) -> None:
    n = 3000
    logarithms, scalars = FR.random(n), FR.random(n)
    if kind in ("one point", "both"):
        logarithms = np.repeat(logarithms[:1], n, axis=0)
    if kind in ("one scalar", "both"):
        scalars = np.repeat(scalars[:1], n, axis=0)
    if kind == "two points":
        logarithms[::2], logarithms[1::2] = logarithms[:1], FR.neg(logarithms[:1])
    if kind == "bits":
        scalars = FR.from_int64(np.random.default_rng(SEED).integers(0, 2, n))
    if kind == "powers of two":  # sums of points are points of the list
        logarithms = FR.from_integers([1 << (i % 13) for i in range(n)])
        scalars = FR.from_integers([1 << (i % 7) for i in range(n)])
    points = multiply_generator(logarithms)
    points[17] = points[n - 1] = 0
    logarithms[17] = logarithms[n - 1] = 0
    assert np.array_equal(msm(points, scalars), multiply_generator(FR.inner(logarithms, scalars)))


def test_inputs_are_left_alone_and_may_be_read_only_or_strided() -> None:
    points, scalars = multiply_generator(FR.random(20)), FR.random(20)
    kept = points.copy(), scalars.copy()
    result = msm(points, scalars)
    assert np.array_equal(msm(np.asfortranarray(points), scalars), result)
    points.flags.writeable = scalars.flags.writeable = False
    assert np.array_equal(msm(points, scalars), result)
    assert np.array_equal(points, kept[0])
    assert np.array_equal(scalars, kept[1])


@pytest.mark.parametrize("length", [0, 1, 2, 15, 16, 63, 64, 128, 253])
@pytest.mark.parametrize("n", [0, 1, 100, 1 << 14, 1 << 20])
def test_windows_hold_every_digit_and_the_carry(n: int, length: int) -> None:
    bits, windows = choose_window(n, length)
    assert 2 <= bits <= 16
    assert length < bits * windows <= length + bits


def test_more_scalars_than_points_are_refused() -> None:
    with pytest.raises(SizeMismatchError, match="3 scalars need as many points, got 2"):
        msm(np.zeros((2, 8), dtype=np.uint64), FR.zeros(3))


@pytest.mark.parametrize(
    ("points", "scalars"),
    [
        (np.zeros((2, 4), dtype=np.uint64), FR.zeros(2)),
        (np.zeros((2, 8), dtype=np.int64), FR.zeros(2)),
        (np.zeros(8, dtype=np.uint64), FR.zeros(1)),
        (np.zeros((2, 8), dtype=np.uint64), np.zeros((2, 8), dtype=np.uint64)),
        (np.zeros((2, 8), dtype=np.uint64), np.zeros((2, 4), dtype=np.float64)),
    ],
    ids=["elements as points", "signed points", "flat points", "points as scalars", "float scalars"],
)
def test_other_shapes_are_refused(points: Words, scalars: Words) -> None:
    with pytest.raises(SizeMismatchError):
        msm(points, scalars)
