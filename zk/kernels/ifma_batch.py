"""Adding many pairs of affine points of G1 at once: one inversion for a whole batch, eight pairs side by side.

A pool is a flat array of points (see ``ifma_layout``) that starts at a multiple of 64 bytes. Coordinates in it are
x·2^256 mod q as in public arrays, but only below 2.62·q. Let D = (x2 - x1)·2^256. The multiplication divides by 2^260,
so that from 2^518/D and (y2 - y1)·2^256 it makes S = slope·2^258, and then

    x3·2^256 = S·S/2^260 - (x1 + x2)·2^256        y3·2^256 = S·4·(x1 - x3)·2^256/2^260 - y1·2^256

A pair is added as if its second point were positive, the first negated where their signs differ: the sum takes the
second point's sign, in its reference. Points never change their representation. (Montgomery 1987 for the shared
inversion; Bernstein et al., "Faster batch forgery identification", INDOCRYPT 2012, for its use in sums.)

The formula fails where x1 = x2. Then the product of all differences is zero, nothing is written, and the batch is done
again pair by pair, each case on its own. It also fails, unnoticed, for a point at infinity: callers must not put one in
a pair of ``add_regular``, and learn of infinite sums from ``add_any``. Timing: variable, on coincidences of points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.kernels import inner
from zk.kernels.ifma_field import (
    add_raw,
    four_raw,
    fq_carry_0,
    fq_carry_12,
    fq_lower_2_carried,
    fq_mul_carried,
    fq_mul_raw,
    fq_mul_two_carried,
    fq_one,
    fq_reduce_9_raw,
    fq_settle_3,
    fq_sqr_raw,
    sub_raw,
)
from zk.kernels.ifma_lanes import (
    Elements,
)
from zk.kernels.ifma_layout import BLOCK, load_block, load_rows, store_block, store_rows
from zk.kernels.ifma_points import (
    NEGATIVE,
    POINT_WORDS,
    ROW_MASK,
    fetch_points,
    gather_x,
    gather_y,
    opposed,
    scatter_points,
    take_signs,
)
from zk.kernels.intrinsics import align_stack
from zk.kernels.inverse import fq_inverse_plain
from zk.kernels.scalar import FQ_MODULUS, Element, Words, fq_add, fq_sub, is_equal, is_zero, limbs
from zk.kernels.scalar import fq_mul as mul

References = NDArray[np.uint32]

STASH_WORDS = 3 * BLOCK // 8
"""Scratch words per pair of a batch."""
LANES_WORDS = 64
"""Scratch words for the eight lanes of an inversion."""

_ZERO = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
_MODULUS = tuple(np.uint64(word) for word in limbs(FQ_MODULUS))
_ONE = tuple(np.uint64(word) for word in limbs((1 << 256) % FQ_MODULUS))
_LIFT_LANES = tuple(np.uint64(word) for word in limbs(pow(2, 774, FQ_MODULUS)))  # 2^518·2^256
_LIFT = tuple(np.uint64(word) for word in limbs(pow(2, 768, FQ_MODULUS)))  # of 1/(a·2^256) to 1/a·2^256, and 2^256


@inner
def load_flat(a: Words, offset: Any) -> Element:
    """Return the four words from a[offset] on."""
    return a[offset], a[offset + 1], a[offset + 2], a[offset + 3]


@inner
def store_flat(a: Words, offset: Any, value: Element) -> None:
    """Write four words from a[offset] on."""
    a[offset], a[offset + 1], a[offset + 2], a[offset + 3] = value


@inner
def canonical(a: Element) -> Any:
    """a < 4·q  ->  a mod q."""
    for _ in range(3):
        below = True
        for k in range(4):
            if a[3 - k] != _MODULUS[3 - k]:
                below = a[3 - k] < _MODULUS[3 - k]
                break
            below = False
        if below:
            break
        word0 = a[0] - _MODULUS[0]
        borrow = np.uint64(a[0] < _MODULUS[0])
        word1 = a[1] - _MODULUS[1] - borrow
        borrow = np.uint64((a[1] < _MODULUS[1]) | ((a[1] == _MODULUS[1]) & (borrow != np.uint64(0))))
        word2 = a[2] - _MODULUS[2] - borrow
        borrow = np.uint64((a[2] < _MODULUS[2]) | ((a[2] == _MODULUS[2]) & (borrow != np.uint64(0))))
        a = (word0, word1, word2, a[3] - _MODULUS[3] - borrow)
    return a


@inner
def load_signed(pool: Words, reference: Any) -> Any:
    """Return the canonical coordinates (x, y) of a reference."""
    offset = POINT_WORDS * np.int64(reference & np.uint32(ROW_MASK))
    x, y = canonical(load_flat(pool, offset)), canonical(load_flat(pool, offset + 4))
    if reference & np.uint32(NEGATIVE):
        y = fq_sub(_ZERO, y)
    return x, y


@inner
def invert_lanes(lanes: Words) -> Any:
    """Replace the eight elements t in lanes[0:32], below 2^256, by 2^518/t mod q; False if one is zero modulo q."""
    store_flat(lanes, 32, canonical(load_flat(lanes, 0)))
    for k in range(1, 8):
        store_flat(lanes, 32 + 4 * k, mul(load_flat(lanes, 28 + 4 * k), load_flat(lanes, 4 * k)))
    product = load_flat(lanes, 60)
    if is_zero(product):
        return False
    inverse = mul(_LIFT_LANES, fq_inverse_plain(product))
    for i in range(1, 8):
        k = 8 - i
        lane = load_flat(lanes, 4 * k)
        store_flat(lanes, 4 * k, mul(inverse, load_flat(lanes, 28 + 4 * k)))
        inverse = mul(inverse, lane)
    store_flat(lanes, 0, inverse)
    return True


@inner
def _keep(stash: Words, block: int, difference: Elements, product: Elements, x: Elements) -> None:
    store_block(stash, 3 * BLOCK * block, difference)
    store_block(stash, 3 * BLOCK * block + BLOCK, product)
    store_block(stash, 3 * BLOCK * block + 2 * BLOCK, x)


@inner
def add_regular(
    pool: Words, a: References, b: References, rows: References, count: int, next_a: References, next_b: References,
    stash: Words, lanes: Words,
) -> Any:  # fmt: skip
    """Make references rows[k] name a[k] + b[k]; False, with nothing written, if some x1 = x2.

    count a positive multiple of 16; rows, positive, name none of the operands, and get signs; no operand is infinity.
    The points of next_a[k] and next_b[k], if there are such, are asked for meanwhile.
    """
    align_stack()
    half = count >> 4  # blocks of eight pairs; two chains of products hide each other's latency
    product0, product1 = fq_one(), fq_one()
    for k in range(half):
        i, j = 8 * k, 8 * (k + half)
        x0, x1 = gather_x(pool, a, i), gather_x(pool, a, j)  # < 2.62
        d0 = fq_settle_3(sub_raw(gather_x(pool, b, i), x0))  # (0.38, 5.62)
        d1 = fq_settle_3(sub_raw(gather_x(pool, b, j), x1))  # (0.38, 5.62)
        _keep(stash, k, d0, product0, x0)
        _keep(stash, k + half, d1, product1, x1)
        product0, product1 = fq_mul_two_carried(product0, d0, product1, d1)  # < 1.08
    store_rows(lanes, 0, fq_mul_carried(product0, product1))
    if not invert_lanes(lanes):
        return False
    both = load_rows(lanes, 0, 4)
    inverse0, inverse = fq_mul_two_carried(both, product1, both, product0)  # 2^518/product, < 1.08

    # Four stages at once, of blocks k to k + 3, so that no multiplication waits for the one before it. At both ends
    # stages work on what is not theirs, and nothing is written.
    last = 2 * half - 1
    rise1 = reciprocal1 = y1 = slope2 = y2 = slope3 = run3 = x3 = y3 = fq_one()
    for k in range(last, -4, -1):
        square = fq_sqr_raw(slope2)  # < 1.02
        product = fq_mul_raw(slope3, run3)  # < 1.29
        slope1 = fq_mul_carried(rise1, reciprocal1)  # < 1.07

        here = max(k, 0)
        if k == half - 1:
            inverse = inverse0
        reciprocal0 = fq_mul_carried(inverse, load_block(stash, 3 * BLOCK * here + BLOCK))  # < 1.02
        inverse = fq_mul_carried(inverse, load_block(stash, 3 * BLOCK * here))  # < 1.08
        fetch_points(pool, next_a, 8 * here)
        fetch_points(pool, next_b, 8 * here)
        y0 = opposed(a, b, 8 * here, gather_y(pool, a, 8 * here))  # -y1, in (0, 3]
        rise0 = fq_carry_0(add_raw(gather_y(pool, b, 8 * here), y0))  # < 5.3

        if k + 3 <= last:
            y = fq_lower_2_carried(add_raw(product, y3))  # [0, 4.29) -> < 2.3
            scatter_points(pool, rows, 8 * (k + 3), x3, y)
            take_signs(rows, b, 8 * (k + 3))

        there = max(min(k + 2, last), 0)
        d, x = load_block(stash, 3 * BLOCK * there), load_block(stash, 3 * BLOCK * there + 2 * BLOCK)
        x2 = fq_reduce_9_raw(sub_raw(square, add_raw(add_raw(x, x), d)))  # 9 - (x1 + x2 + 3): (0.7, 7.1) -> < 2.62
        run2 = fq_carry_12(four_raw(sub_raw(x, x2)))  # 4·(x1 - x3) + 12: (1.5, 22.5)

        slope3, run3, x3, y3 = slope2, run2, fq_carry_0(x2), y2
        slope2, y2 = slope1, y1
        rise1, reciprocal1, y1 = rise0, reciprocal0, y0
    return True


@inner
def _difference(x1: Element, y1: Element, x2: Element, y2: Element) -> Any:
    """The denominator of the slope through two affine points; one where none is needed."""
    if is_zero_point(x1, y1) or is_zero_point(x2, y2):
        return _ONE
    if not is_equal(x1, x2):
        return fq_sub(x2, x1)
    return fq_add(y1, y1) if is_equal(y1, y2) else _ONE  # not zero: the curve has no point of order two


@inner
def is_zero_point(x: Element, y: Element) -> Any:
    """True for infinity."""
    return is_zero(x) and is_zero(y)


@inner
def add_any(
    pool: Words, a: References, b: References, rows: References, keys: References, count: int, lost: Any, stash: Words
) -> None:
    """Points rows[k] of the pool <- a[k] + b[k], canonical, of any kind; keys[k] <- lost where that is infinity."""
    product = _ONE
    for k in range(count):
        x1, y1 = load_signed(pool, a[k])
        x2, y2 = load_signed(pool, b[k])
        store_flat(stash, 4 * k, product)
        product = mul(product, _difference(x1, y1, x2, y2))
    inverse = mul(_LIFT, fq_inverse_plain(product))
    for i in range(count):
        k = count - 1 - i
        x1, y1 = load_signed(pool, a[k])
        x2, y2 = load_signed(pool, b[k])
        reciprocal = mul(inverse, load_flat(stash, 4 * k))
        inverse = mul(inverse, _difference(x1, y1, x2, y2))
        x3, y3 = x1, y1
        if is_zero_point(x1, y1):
            x3, y3 = x2, y2
        elif not is_zero_point(x2, y2):
            rise = fq_sub(y2, y1)
            if is_equal(x1, x2):
                square = mul(x1, x1)
                rise = fq_add(fq_add(square, square), square)
            slope = mul(rise, reciprocal)
            x3 = fq_sub(fq_sub(mul(slope, slope), x1), x2)
            y3 = fq_sub(mul(slope, fq_sub(x1, x3)), y1)
            if is_equal(x1, x2) and not is_equal(y1, y2):
                x3, y3 = _ZERO, _ZERO
        offset = POINT_WORDS * np.int64(rows[k])
        store_flat(pool, offset, x3)
        store_flat(pool, offset + 4, y3)
        if is_zero_point(x3, y3):
            keys[k] = lost
