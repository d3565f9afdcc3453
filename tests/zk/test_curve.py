"""Points of G1 against py_ecc: encodings, complete additions, multiplications, and every refusal."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zk import curve, reference
from zk.curve import (
    GENERATOR,
    add_points,
    decode_points,
    encode_points,
    multiply_generator,
    multiply_points,
    neg_points,
    points_from_bytes,
    points_to_bytes,
    sum_points,
)
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, SizeMismatchError
from zk.field import FQ_MODULUS, FR, FR_MODULUS, Words

SEED = 20251122
INFINITY = np.zeros((1, 8), dtype=np.uint64)
EDGE_SCALARS = [0, 1, 2, 15, 16, 17, 31, 32, 33, 255, 256, FR_MODULUS - 1, FR_MODULUS - 2, FR_MODULUS // 2]
EDGE_SCALARS += [(1 << 253) - 1, 1 << 253]
EDGE_SCALARS += [16 << 60, 31 << 60, (1 << 253) + (1 << 64) - 1, sum(16 << (5 * i) for i in range(50))]


def random_points(n: int) -> Words:
    rng = random.Random(SEED)
    return reference.multiply_generator(reference.FR.from_integers([rng.randrange(FR_MODULUS) for _ in range(n)]))


def test_the_generator() -> None:
    assert decode_points(GENERATOR) == [(1, 2)]
    assert np.array_equal(GENERATOR, reference.GENERATOR)
    order = FR.from_integers([FR_MODULUS - 1])
    assert np.array_equal(multiply_points(GENERATOR, order), neg_points(GENERATOR))


def test_encodings_round_trip_and_equal_the_oracle() -> None:
    points = np.concatenate([random_points(5), INFINITY, GENERATOR])
    pairs = decode_points(points)
    assert pairs == reference.decode_points(points)
    assert pairs[5] is None
    assert np.array_equal(encode_points(pairs), points)
    encoded = points_to_bytes(points)
    assert encoded == reference.points_to_bytes(points)
    assert encoded[320:384] == bytes(64)
    assert encoded[384:] == (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
    assert np.array_equal(points_from_bytes(encoded), points)
    assert encode_points([]).shape == points_from_bytes(b"").shape == (0, 8)


def test_additions_on_all_pairs_of_special_points() -> None:
    points = random_points(2)
    special = np.concatenate([INFINITY, GENERATOR, neg_points(GENERATOR), points, neg_points(points)])
    left = np.repeat(special, len(special), axis=0)
    right = np.tile(special, (len(special), 1))
    assert np.array_equal(add_points(left, right), reference.add_points(left, right))
    assert np.array_equal(add_points(special, GENERATOR), reference.add_points(special, GENERATOR))
    assert np.array_equal(add_points(INFINITY, special), special)


def test_negation() -> None:
    points = np.concatenate([INFINITY, random_points(3)])
    assert np.array_equal(neg_points(points), reference.neg_points(points))
    assert not add_points(points, neg_points(points)).any()


@pytest.mark.parametrize(
    "indices",
    [[], [0], [1], [1, 1], [1, 2], [0, 1, 2, 0, 1, 1, 1], [3, 4, 5], [1, 1, 2, 2, 2], [1, 2, 1, 2], [3] * 9],
    ids=str,
)
def test_sums_that_repeat_cancel_or_meet_infinity(indices: list[int]) -> None:
    points = np.concatenate([INFINITY, GENERATOR, neg_points(GENERATOR), random_points(3)])[indices]
    assert np.array_equal(sum_points(points), reference.sum_points(points))


def test_multiplication_by_edge_scalars() -> None:
    rng = random.Random(SEED)
    scalars = FR.from_integers(EDGE_SCALARS + [rng.randrange(FR_MODULUS) for _ in range(6)])
    point = random_points(1)
    expected = reference.multiply_points(point, scalars)
    assert np.array_equal(multiply_points(point, scalars), expected)
    assert np.array_equal(multiply_points(np.repeat(point, len(scalars), axis=0), scalars), expected)
    assert np.array_equal(multiply_generator(scalars), reference.multiply_generator(scalars))


def test_multiplication_of_special_points_and_by_one_scalar() -> None:
    points = np.concatenate([INFINITY, GENERATOR, random_points(3), INFINITY])
    scalar = FR.random(1)
    assert np.array_equal(multiply_points(points, scalar), reference.multiply_points(points, scalar))
    scalars = FR.random(len(points))
    assert np.array_equal(multiply_points(points, scalars), reference.multiply_points(points, scalars))
    assert not multiply_points(INFINITY, scalars).any()


def test_empty_vectors() -> None:
    none = INFINITY[:0]
    assert add_points(none, none).shape == multiply_points(none, FR.zeros(0)).shape == (0, 8)
    assert multiply_generator(FR.zeros(0)).shape == multiply_points(GENERATOR, FR.zeros(0)).shape == (0, 8)


def test_both_threads_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    scalars = FR.random(101)
    points = multiply_generator(FR.random(101))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    alone = multiply_points(points, scalars), multiply_generator(scalars)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(curve, "PARALLEL_FROM", 2)
    together = multiply_points(points, scalars), multiply_generator(scalars)
    assert np.array_equal(alone[0], together[0])
    assert np.array_equal(alone[1], together[1])


def test_homomorphism_on_many_points() -> None:
    a, b = FR.random(300), FR.random(300)
    points = multiply_generator(a)
    assert np.array_equal(multiply_points(points, b), multiply_generator(FR.mul(a, b)))
    assert np.array_equal(add_points(points, multiply_generator(b)), multiply_generator(FR.add(a, b)))
    assert np.array_equal(sum_points(points), multiply_generator(FR.total(a)))


@pytest.mark.parametrize("point", [(1, 3), (0, 1), (1, 0), (FQ_MODULUS - 1, 2)])
def test_points_off_the_curve_are_refused(point: tuple[int, int]) -> None:
    encoded = b"".join(coordinate.to_bytes(32, "big") for coordinate in point)
    with pytest.raises(PointNotOnCurveError, match="point 1 of 2"):
        encode_points([(1, 2), point])
    with pytest.raises(PointNotOnCurveError, match="point 1 of 2"):
        points_from_bytes(points_to_bytes(GENERATOR) + encoded)
    with pytest.raises(ValueError, match="curve"):
        reference.points_from_bytes(encoded)


@pytest.mark.parametrize("point", [(0, 0), (1, 2 + FQ_MODULUS), (1 + FQ_MODULUS, 2), (1, 2 - FQ_MODULUS), (1.0, 2)])
def test_coordinates_outside_the_field_are_refused(point: tuple[int, int]) -> None:
    with pytest.raises(NonCanonicalEncodingError):
        encode_points([point])


@pytest.mark.parametrize("coordinates", [(1, 2 + FQ_MODULUS), (1 + FQ_MODULUS, 2), (FQ_MODULUS, FQ_MODULUS)])
def test_bytes_of_coordinates_outside_the_field_are_refused(coordinates: tuple[int, int]) -> None:
    with pytest.raises(NonCanonicalEncodingError):
        points_from_bytes(b"".join(coordinate.to_bytes(32, "big") for coordinate in coordinates))


@pytest.mark.parametrize("length", [1, 32, 63, 65, 96])
def test_bytes_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(NonCanonicalEncodingError):
        points_from_bytes(bytes(length))


MISFITS: list[tuple[str, Callable[[], Any]]] = [
    ("sum of unequal lengths", lambda: add_points(np.zeros((2, 8), np.uint64), np.zeros((3, 8), np.uint64))),
    ("sum of none and two", lambda: add_points(np.zeros((0, 8), np.uint64), np.zeros((2, 8), np.uint64))),
    ("more scalars than points", lambda: multiply_points(np.zeros((2, 8), np.uint64), FR.zeros(3))),
    ("fewer scalars than points", lambda: multiply_points(np.zeros((3, 8), np.uint64), FR.zeros(2))),
    ("elements as points", lambda: sum_points(FR.zeros(2))),
    ("points as scalars", lambda: multiply_generator(np.zeros((2, 8), np.uint64))),
    ("signed limbs", lambda: neg_points(np.zeros((2, 8), np.int64))),
    ("flat", lambda: decode_points(np.zeros(8, np.uint64))),
    ("a list", lambda: points_to_bytes([(1, 2)])),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("misuse", [pytest.param(call, id=name) for name, call in MISFITS])
def test_shapes_that_do_not_fit_are_refused(misuse: Callable[[], Any]) -> None:
    with pytest.raises(SizeMismatchError):
        misuse()
