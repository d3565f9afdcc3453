"""Eight lanes and memory: layouts, the stream of pairs, and additions that the fast formula cannot do."""

from __future__ import annotations

import random
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk.curve import add_points, multiply_generator, neg_points
from zk.field import FQ_MODULUS, FR, Words
from zk.kernels import IFMA, chosen_path
from zk.kernels.inverse import fq_inverse_plain
from zk.kernels.scalar import limbs

SEED = 20251122


def integers(rows: Words) -> list[int]:
    return [sum(int(word) << (64 * i) for i, word in enumerate(row)) for row in rows.reshape(-1, 4)]


@numba.njit
def _invert(out: Words, a: Words) -> None:
    for i in range(a.shape[0]):
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = fq_inverse_plain((a[i, 0], a[i, 1], a[i, 2], a[i, 3]))


def check_inverses(values: list[int]) -> None:
    rows = np.array([limbs(x) for x in values], dtype=np.uint64)
    out = np.zeros_like(rows)
    _invert(out, rows)
    for x, inverse in zip(values, integers(out), strict=True):
        assert x * inverse % FQ_MODULUS == 1
        assert inverse <= FQ_MODULUS


def test_inverses_of_every_length_and_near_the_modulus() -> None:
    rng, q = random.Random(SEED), FQ_MODULUS
    check_inverses([1, 2, 3, q - 1, q - 2, q // 2, q // 2 + 1])
    check_inverses([(1 << k) + d for k in range(2, 254) for d in (-1, 0, 1) if (1 << k) + d < q])
    check_inverses([q - (1 << k) for k in range(253)])
    check_inverses([rng.randrange(1, q) for _ in range(2000)])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, FQ_MODULUS - 1))
def test_searched_inverses(x: int) -> None:
    check_inverses([x])


if chosen_path() != IFMA:
    pytest.skip("the rest needs a processor with AVX-512 IFMA", allow_module_level=True)

from zk.kernels import ifma_batch, ifma_layout, ifma_points  # noqa: E402
from zk.kernels.arenas import Arenas, arena  # noqa: E402

COUNT, POOL = 32, 128


def test_rows_round_trip_and_shift() -> None:
    load, carried, store = ifma_layout.load_rows, ifma_layout.load_rows_carried, ifma_layout.store_rows
    shifted = ifma_layout.load_rows_shifted
    store_block, transpose = ifma_layout.store_block, ifma_layout.transpose_blocks

    @numba.njit
    def copy(out: Words, rows: Words, blocks: Words) -> None:
        store(out, 0, load(rows, 0, 4))
        store(out, 32, load(rows, 0, 0))
        store(out, 64, carried(rows, 0, 4))
        store_block(blocks, 0, shifted(rows, 0, 4))

    rng = np.random.default_rng(SEED)
    rows = rng.integers(0, 1 << 64, 32, dtype=np.uint64)
    rows[:8] = (1 << 64) - 1
    out, blocks = np.zeros(96, dtype=np.uint64), np.zeros(40, dtype=np.uint64)
    copy(out, rows, blocks)
    blocks[:32] &= np.uint64((1 << 52) - 1)
    assert np.array_equal(out[:32], rows)
    assert np.array_equal(out[64:], rows)
    assert np.array_equal(out[32:64].reshape(8, 4), np.tile(rows[:4], (8, 1)))
    shifted_values = [sum(int(limb) << 52 * k for k, limb in enumerate(row)) for row in blocks.reshape(5, 8).T]
    assert shifted_values == [16 * x for x in integers(rows)]

    @numba.njit
    def turn(out: Words, blocks: Words) -> None:
        transpose(out, 0, blocks, 0)

    source = np.arange(320, dtype=np.uint64)
    turned = np.zeros_like(source)
    turn(turned, source)
    assert np.array_equal(turned.reshape(8, 5, 8), source.reshape(8, 5, 8).transpose(2, 1, 0))


def test_freed_rows_are_those_at_or_above_the_first() -> None:
    append = ifma_points.append_from

    @numba.njit
    def work(out: Any, references: Any) -> int:
        return append(out, 3, references, 0, np.uint32(100))

    references = np.array([99, 100, 101, 0, 5, 200, 99, 1 << 31 | 7, 1 << 31 | 300, 100, *[0] * 6], dtype=np.uint32)
    out = np.zeros(32, dtype=np.uint32)
    assert work(out, references) == 5
    assert out[3:8].tolist() == [100, 101, 200, 300, 100]


@pytest.mark.parametrize("bits", [2, 5, 13, 16, 17])
@pytest.mark.parametrize("bit", [0, 48, 60, 63, 64, 130, 240, 252])
def test_digits(bits: int, bit: int) -> None:
    take = ifma_points.take_eight_digits
    base, lost = 1000, 77

    @numba.njit
    def work(keys: Any, references: Any, words: Words, flips: Any, window: Any) -> None:
        flat = words.reshape(-1)
        take(keys, references, 0, flat, (bit >> 6) * 8, ((bit >> 6) + 1) * 8, flips, 0, window)

    rng = random.Random(SEED)
    half = 1 << (bits - 1)
    values = [0, (1 << 256) - 1, half << bit, *[rng.randrange(1 << 256) for _ in range(5)]]
    words = np.zeros((5, 8), dtype=np.uint64)
    words[:4] = np.array([limbs(x % (1 << 256)) for x in values], dtype=np.uint64).T
    flips = np.array([0, 1 << 31] * 4, dtype=np.uint32)
    keys, references = np.zeros(8, dtype=np.uint32), np.zeros(8, dtype=np.uint32)
    window = tuple(np.int64(x) for x in (bit & 63, (1 << bits) - 1, half, base, lost, 0))
    work(keys, references, words, flips, window)
    for i, x in enumerate(values):
        digit = (x % (1 << 256) >> bit) % (1 << bits) - half
        negative = (digit < 0) != (i % 2 == 1)
        assert keys[i] == (lost if digit == 0 else base + abs(digit) - 1)
        assert references[i] == i + (negative << 31)


@numba.njit
def _regular(pool: Words, a: Any, b: Any, rows: Any, count: int, stash: Words, lanes: Words) -> bool:
    return ifma_batch.add_regular(pool, a, b, rows, count, b, a, stash, lanes)


@numba.njit
def _any(pool: Words, a: Any, b: Any, rows: Any, keys: Any, count: int, stash: Words) -> None:
    ifma_batch.add_any(pool, a, b, rows, keys, count, np.uint32(9), stash)


def make_pool(points: Words) -> Words:
    pool = arena(8 * POOL)[: 8 * POOL]
    pool[: points.size] = points.reshape(-1)
    return pool


def resolved(points: Words, references: np.ndarray[Any, Any]) -> Words:
    chosen = points[references & 0x7FFF_FFFF].copy()
    negative = references >> 31 == 1
    chosen[negative] = neg_points(chosen[negative])
    return chosen


def reduced(pool: Words) -> Words:
    values = [x % FQ_MODULUS for x in integers(pool[8 * (POOL - COUNT) :])]
    return np.array([limbs(x) for x in values], dtype=np.uint64).reshape(-1, 8)


ROWS = np.arange(POOL - COUNT, POOL, dtype=np.uint32)
LANES = np.zeros(ifma_batch.LANES_WORDS, dtype=np.uint64)


def test_regular_pairs_of_both_signs_and_of_their_own_sums() -> None:
    points = multiply_generator(FR.random(64))
    pool, stash = make_pool(points), arena(ifma_batch.STASH_WORDS * COUNT)
    signs = np.arange(32, dtype=np.uint32) << np.uint32(31)
    a = np.arange(32, dtype=np.uint32) | signs
    b = np.arange(32, 64, dtype=np.uint32) | np.roll(signs, 16)
    b[8:16] ^= np.uint32(1 << 31)
    rows = ROWS.copy()
    assert _regular(pool, a, b, rows, COUNT, stash, LANES)
    assert np.array_equal(rows, ROWS | b & np.uint32(1 << 31))
    total = add_points(resolved(points, a), resolved(points, b))
    assert np.array_equal(resolved(reduced(pool), rows - ROWS[0]), total)
    assert max(integers(pool)) < 262 * FQ_MODULUS // 100
    for turn in range(4):  # operands that are sums, and not canonical
        sums, rows = rows, ROWS[::-1].copy()
        operands = (sums, a) if turn % 2 else (b, sums)
        assert _regular(pool, *operands, rows, COUNT, stash, LANES)
        total = add_points(total, resolved(points, a if turn % 2 else b))
        assert np.array_equal(resolved(reduced(pool), rows - ROWS[0]), total)
        assert max(integers(pool)) < 262 * FQ_MODULUS // 100


def test_sums_at_the_bounds_of_their_coordinates() -> None:
    """Coordinates up to 2.62·q and 2.3·q, as sums may leave them, in every combination of signs and excess."""
    points = multiply_generator(FR.random(64))
    values = integers(points)
    for i in range(64):
        values[2 * i] += i % 3 * FQ_MODULUS if values[2 * i] + i % 3 * FQ_MODULUS < 262 * FQ_MODULUS // 100 else 0
        values[2 * i + 1] += i // 3 % 3 * FQ_MODULUS
        if values[2 * i + 1] >= 23 * FQ_MODULUS // 10:
            values[2 * i + 1] -= FQ_MODULUS
    pool = make_pool(np.array([limbs(x) for x in values], dtype=np.uint64).reshape(-1, 8))
    stash, rows = arena(ifma_batch.STASH_WORDS * COUNT), ROWS.copy()
    a = np.arange(32, dtype=np.uint32) | np.arange(32, dtype=np.uint32) << np.uint32(31)
    b = np.arange(32, 64, dtype=np.uint32) | np.arange(32, dtype=np.uint32) >> np.uint32(1) << np.uint32(31)
    assert _regular(pool, a, b, rows, COUNT, stash, LANES)
    total = add_points(resolved(points, a), resolved(points, b))
    assert np.array_equal(resolved(reduced(pool), rows - ROWS[0]), total)
    x, y = integers(pool)[2 * (POOL - COUNT) :: 2], integers(pool)[2 * (POOL - COUNT) + 1 :: 2]
    assert max(x) < 262 * FQ_MODULUS // 100
    assert max(y) < 23 * FQ_MODULUS // 10


COINCIDENCES = [
    ("equal", 3, 3),
    ("opposite", 3, 3 | 1 << 31),
    ("both negative", 3 | 1 << 31, 3 | 1 << 31),
    ("first infinite", 40, 5),
    ("second infinite", 5 | 1 << 31, 40),
    ("both infinite", 40, 41),
]


@pytest.mark.parametrize("place", [0, 7, 8, 15, 16, 31])
@pytest.mark.parametrize(("a", "b"), [pytest.param(a, b, id=name) for name, a, b in COINCIDENCES])
def test_one_coincidence_in_a_batch(a: int, b: int, place: int) -> None:
    points = multiply_generator(FR.random(64))
    points[40:42] = 0
    pool, stash = make_pool(points), arena(ifma_batch.STASH_WORDS * COUNT)
    first, second = np.arange(COUNT, dtype=np.uint32), np.arange(60, 60 - COUNT, -1).astype(np.uint32)
    second[(second == 40) | (second == 41) | (second == first)] = 61
    first[place], second[place] = a, b
    keys = np.full(COUNT, 1, dtype=np.uint32)
    if 40 not in (a, b):
        assert not _regular(pool, first, second, ROWS, COUNT, stash, LANES)
    _any(pool, first, second, ROWS, keys, COUNT, stash)
    total = add_points(resolved(points, first), resolved(points, second))
    assert np.array_equal(pool[8 * (POOL - COUNT) :].reshape(-1, 8), total)
    assert keys.tolist() == [1 if point.any() else 9 for point in total]


def test_every_pair_a_coincidence() -> None:
    points = multiply_generator(FR.from_integers([5] * 64))
    pool, stash = make_pool(points), arena(ifma_batch.STASH_WORDS * COUNT)
    a, b = np.arange(COUNT, dtype=np.uint32), np.arange(COUNT, 64, dtype=np.uint32)
    b[::2] |= np.uint32(1 << 31)
    assert not _regular(pool, a, b, ROWS, COUNT, stash, LANES)
    keys = np.full(COUNT, 1, dtype=np.uint32)
    _any(pool, a, b, ROWS, keys, COUNT, stash)
    expected = np.zeros((COUNT, 8), dtype=np.uint64)
    expected[1::2] = multiply_generator(FR.from_integers([10]))
    assert np.array_equal(pool[8 * (POOL - COUNT) :].reshape(-1, 8), expected)


def test_arenas_are_aligned_lent_once_and_few_are_kept() -> None:
    arenas = Arenas()
    with arenas.borrow(1000) as first, arenas.borrow(1000) as second:
        assert len(first) >= 1000
        assert first.ctypes.data % (1 << 21) == 0
        assert not np.shares_memory(first, second)
        address = first.ctypes.data
    with arenas.borrow(1 << 19) as larger:
        assert len(larger) >= 1 << 19
    with arenas.borrow(10) as again, arenas.borrow(10) as other:
        assert address in (again.ctypes.data, other.ctypes.data) or again.ctypes.data != other.ctypes.data
    with arenas.borrow(1), arenas.borrow(1), arenas.borrow(1):
        pass
    assert len(arenas._kept) == 2
