"""Arithmetic on eight lanes against Python integers: all-ones limbs, carry and borrow chains, stated bounds."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk.kernels import IFMA, chosen_path
from zk.kernels.scalar import FQ_MODULUS, FR_MODULUS, Words

if chosen_path() != IFMA:
    pytest.skip("needs a processor with AVX-512 IFMA", allow_module_level=True)

from zk.kernels import ifma_field as lanes
from zk.kernels.ifma_lanes import limbs52
from zk.kernels.ifma_layout import BLOCK, load_block, store_block

SEED = 20251122
RADIX = 1 << 260
ONES = (1 << 52) - 1
MODULI = {"fq": FQ_MODULUS, "fr": FR_MODULUS}
searched = settings(max_examples=60, deadline=None, derandomize=True)


def unary(operation: Any) -> Callable[..., list[int]]:
    """The operation on rows of five signed limbs, eight or fewer; returns integers."""

    @numba.njit
    def work(out: Words, a: Words) -> None:
        store_block(out, 0, operation(load_block(a, 0)))

    return lambda a, carried=False: run(work, a, carried=carried)


def binary(operation: Any) -> Callable[..., list[int]]:
    """The operation on two such lists of rows."""

    @numba.njit
    def work(out: Words, a: Words, b: Words) -> None:
        store_block(out, 0, operation(load_block(a, 0), load_block(b, 0)))

    return lambda a, b, carried=False: run(work, a, b, carried=carried)


def run(work: Any, *operands: Sequence[Sequence[int]], carried: bool = False) -> list[int]:
    results = []
    for start in range(0, len(operands[0]), 8):
        blocks = []
        for rows in operands:
            eight = np.zeros((8, 5), dtype=np.int64)
            chosen = rows[start : start + 8]
            eight[: len(chosen)] = chosen
            blocks.append(np.ascontiguousarray(eight.T).astype(np.uint64).reshape(-1))
        out = np.zeros(BLOCK, dtype=np.uint64)
        work(out, *blocks)
        limbs = out.astype(np.int64).reshape(5, 8).T
        if carried:
            limbs[:, :4] &= ONES
        results += [value(row) for row in limbs[: len(operands[0][start : start + 8])].tolist()]
        settled = limbs[: len(operands[0][start : start + 8]), :4]
        assert ((settled >= 0) & (settled <= ONES)).all()
    return results


def value(limbs: Sequence[int]) -> int:
    return sum(int(limb) << (52 * k) for k, limb in enumerate(limbs))


def settled(x: int) -> list[int]:
    return limbs52(x)


def edges(p: int) -> list[int]:
    """Numbers below 2^260 around every carry: multiples of p and their neighbours, runs of ones, single limbs."""
    values = [multiple * p + d for multiple in (0, 1, 2, 4, 16) for d in (-1, 0, 1) if multiple * p + d >= 0]
    values += [RADIX - 1, RADIX - p, (1 << 256) - 1, (1 << 254) - 1, 1 << 254]
    values += [((1 << 52 * k) - 1) << 52 * j for j in range(5) for k in range(1, 6 - j)]
    values += [(1 << k) + d for k in (51, 52, 104, 156, 208, 255) for d in (-1, 0, 1)]
    return sorted(set(values))


PRODUCTS = {
    f"{field}_{name}": (binary(getattr(lanes, f"{field}_{name}")), p)
    for field, p in MODULI.items()
    for name in ("mul",)
}


def check_products(multiply: Any, p: int, pairs: list[tuple[int, int]]) -> None:
    inverse = pow(RADIX, -1, p)
    results = multiply([settled(a) for a, _ in pairs], [settled(b) for _, b in pairs])
    for (a, b), result in zip(pairs, results, strict=True):
        assert (result - a * b * inverse) % p == 0
        assert 0 <= result * 10000 * p < (10000 * p * p + 119 * a * b) + p * p  # (1 + 0.0119·b1·b2)·p


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_all_pairs_of_edges(name: str) -> None:
    multiply, p = PRODUCTS[name]
    check_products(multiply, p, list(itertools.product(edges(p), repeat=2)))


@pytest.mark.parametrize("name", PRODUCTS)
@searched
@given(st.lists(st.tuples(st.integers(0, RADIX - 1), st.integers(0, RADIX - 1)), min_size=1, max_size=8))
def test_searched_products(name: str, pairs: list[tuple[int, int]]) -> None:
    check_products(*PRODUCTS[name], pairs)


@pytest.mark.parametrize("name", PRODUCTS)
@searched
@given(st.lists(st.lists(st.sampled_from([0, 1, ONES - 1, ONES, 1 << 51]), min_size=10, max_size=10), min_size=8))
def test_products_of_extreme_limbs(name: str, limbs: list[list[int]]) -> None:
    check_products(*PRODUCTS[name], [(value(row[:5]), value(row[5:])) for row in limbs])


@pytest.mark.parametrize("field", MODULI)
def test_every_form_of_the_product_is_the_same_number(field: str) -> None:
    p, rng = MODULI[field], random.Random(SEED)
    multiply = getattr(lanes, f"{field}_mul")
    raw, settle, two = (getattr(lanes, f"{field}_{name}") for name in ("mul_raw", "settle_0", "mul_two"))

    @numba.njit
    def settled_later(a: Any, b: Any) -> Any:
        return settle(raw(a, b))

    @numba.njit
    def first(a: Any, b: Any) -> Any:
        return two(a, b, b, b)[0]

    @numba.njit
    def second(a: Any, b: Any) -> Any:
        return two(b, b, a, b)[1]

    values = edges(p) + [rng.randrange(RADIX) for _ in range(16)]
    a, b = [settled(x) for x in values], [settled(x) for x in reversed(values)]
    expected = binary(multiply)(a, b)
    for form in (settled_later, first, second):
        assert binary(form)(a, b) == expected


def test_squares_are_products() -> None:
    raw, settle = lanes.fq_sqr_raw, lanes.fq_settle_0

    @numba.njit
    def settled_later(a: Any) -> Any:
        return settle(raw(a))

    rows = [settled(x) for x in edges(FQ_MODULUS)]
    products = binary(lanes.fq_mul)(rows, rows)
    for form in (lanes.fq_sqr, settled_later):
        for square, product in zip(unary(form)(rows), products, strict=True):
            assert (square - product) % FQ_MODULUS == 0
            assert 0 <= square < (1 << 252) + product + FQ_MODULUS


SETTLES = [("fq", 0), ("fq", 3), ("fr", 0)]


@pytest.mark.parametrize(("field", "multiple"), SETTLES)
def test_settling_keeps_the_number_whatever_the_limbs(field: str, multiple: int) -> None:
    rng = random.Random(SEED)
    settle = unary(getattr(lanes, f"{field}_settle_{multiple}"))
    extremes = [-(1 << 59), -ONES - 1, -1, 0, 1, ONES, ONES + 1, 1 << 59]
    rows = [[rng.choice(extremes) for _ in range(5)] for _ in range(200)]
    rows += [[-1, 0, 0, 0, 7], [ONES + 1, ONES, ONES, ONES, 0], [0, 0, 0, 0, 0], [-ONES - 1, 0, 0, 0, 1]]
    assert settle(rows) == [value(row) + multiple * MODULI[field] for row in rows]


REDUCTIONS = [("fq", 9, "_raw"), ("fr", 0, "")]


@pytest.mark.parametrize(("field", "multiple", "form"), REDUCTIONS)
def test_reduction_stays_below_its_bound(field: str, multiple: int, form: str) -> None:
    p, rng = MODULI[field], random.Random(SEED)
    operation, settle = getattr(lanes, f"{field}_reduce_{multiple}{form}"), getattr(lanes, f"{field}_settle_0")

    @numba.njit
    def settled_later(a: Any) -> Any:
        return settle(operation(a))

    reduce = unary(settled_later)
    totals = [rng.randrange(p // 1000, 105 * p // 10) for _ in range(400)]
    totals += [q * p + d for q in range(1, 11) for d in (-1, 0, 1)]
    totals += [(q << 254) + d for q in range(1, 8) for d in (-(1 << 200), -1, 0, 1)]
    rows = []
    for total in totals:  # the same numbers with carries not yet taken
        limbs = settled(total - multiple * p)
        for k in range(4):
            moved = rng.choice([-16, -1, 0, 1, 16])
            limbs[k] += moved << 52
            limbs[k + 1] -= moved
        rows.append(limbs)
    for total, result in zip(totals, reduce(rows), strict=True):
        assert (result - total) % p == 0
        assert 0 <= result < 36 * p // 10
        if total < 76 * p // 10:
            assert result < 262 * p // 100


def test_lowering_takes_values_above_twice_the_modulus_below() -> None:
    q, rng = FQ_MODULUS, random.Random(SEED)
    totals = [max(m * q + d, 0) for m in (0, 1, 2, 3, 4) for d in (-(1 << 229), -(1 << 228), -(1 << 200), -1, 0, 1)]
    totals += [2 * q + (1 << k) for k in range(200, 254)] + [rng.randrange(429 * q // 100) for _ in range(200)]
    rows = []
    for total in totals:  # carries not yet taken, as a product and a difference leave them
        limbs = settled(total)
        for k in range(4):
            moved = rng.choice([-3, -1, 0, 1, 31])
            limbs[k] += moved << 52
            limbs[k + 1] -= moved
        rows.append(limbs)
    for total, result in zip(totals, unary(lanes.fq_lower_2_carried)(rows, carried=True), strict=True):
        assert result in (total, total - 2 * q)
        assert 0 <= result < 2 * q + (1 << 229) or total > 4 * q
        assert 0 <= result < 23 * q // 10


def test_carried_values_are_settled_but_for_what_is_above() -> None:
    rng = random.Random(SEED)
    extremes = [-(1 << 59), -ONES - 1, -1, 0, 1, ONES, ONES + 1, 1 << 59]
    rows = [[rng.choice(extremes) for _ in range(5)] for _ in range(200)]
    for field, multiple in (("fq", 0), ("fq", 12), ("fr", 32)):
        carry = unary(getattr(lanes, f"{field}_carry_{multiple}"))
        assert carry(rows, carried=True) == [value(row) + multiple * MODULI[field] for row in rows]
    products = binary(lanes.fq_mul_carried)
    a, b = [settled(x) for x in edges(FQ_MODULUS)], [settled(x) for x in reversed(edges(FQ_MODULUS))]
    assert products(a, b, carried=True) == binary(lanes.fq_mul)(a, b)
    dirty = [[limb + (rng.randrange(1 << 12) << 52) for limb in row[:4]] + row[4:] for row in a]
    dirty = [[limb - (1 << 64) if limb >> 63 else limb for limb in row] for row in dirty]
    assert products(dirty, b, carried=True) == products(a, b, carried=True)


def test_division_leaves_less_than_twice_the_modulus() -> None:
    r, rng = FR_MODULUS, random.Random(SEED)
    divide, settle = lanes.fr_divide_raw, lanes.fr_settle_0

    @numba.njit
    def settled_later(a: Any) -> Any:
        return settle(divide(a))

    totals = [q * r + d for q in range(1, 84) for d in (-(1 << 207), -1, 0, 1, 1 << 207) if q * r + d >= r]
    totals += [rng.randrange(r, 84 * r) for _ in range(300)]
    for total, result in zip(totals, unary(settled_later)([settled(x) for x in totals]), strict=True):
        assert (result - total) % r == 0
        assert 0 <= result < 163 * r // 100


@pytest.mark.parametrize("field", MODULI)
def test_canonical_values(field: str) -> None:
    p, rng = MODULI[field], random.Random(SEED)
    values = [q * p + d for q in range(5) for d in (-1, 0, 1) if 0 <= q * p + d < 4 * p]
    values += [rng.randrange(4 * p) for _ in range(100)]
    assert unary(getattr(lanes, f"{field}_canonical"))([settled(x) for x in values]) == [x % p for x in values]
    if field == "fr":
        below = [x for x in values if x < 2 * p]
        assert unary(lanes.fr_canonical_2)([settled(x) for x in below]) == [x % p for x in below]
        rows = [settled(x) for x in below]
        for row in rows:  # carries not yet taken
            for k in range(4):
                moved = rng.choice([-16, -1, 0, 1, 16])
                row[k] += moved << 52
                row[k + 1] -= moved
        assert unary(lanes.fr_canonical_carried)(rows, carried=True) == [x % p for x in below]


def test_scalars_fold_at_half_the_order() -> None:
    r = FR_MODULUS
    values = [0, 1, r // 2 - 1, r // 2, r // 2 + 1, r - 1, (1 << 253) - 1, 1 << 253]
    assert unary(lanes.fr_folded)([settled(x) for x in values]) == [min(x, r - x) for x in values]
    uppers = lanes.fr_uppers

    @numba.njit
    def test(a: Words) -> int:
        return uppers(load_block(a, 0))

    block = np.array([settled(x) for x in values], dtype=np.uint64).T.copy().reshape(-1)
    assert test(block) == sum(1 << k for k, x in enumerate(values) if 2 * x > r)
