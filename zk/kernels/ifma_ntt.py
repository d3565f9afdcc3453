"""Number-theoretic transforms over Fr with eight lanes: four steps, two passes over memory.

The input is a matrix of n1 rows and n2 columns. First pass: transform every column, multiply entry (k1, c) by w^(k1·c)
and write the matrix transposed, tile by tile. Second pass: transform every row; entry k2 of row k1 is output
k1 + n1·k2 (Bailey 1990). Lanes hold eight neighbouring columns, then eight neighbouring rows, so that each lane
transforms alone within a pass: decimation in time, radix 4, loaded in bit-reversed order.

Elements stay x·2^256; factors are f·2^260, so that products stay x·2^256. Scalings cost nothing: a factor s^c of column
c goes into ``starts``, a factor s^k1 of row k1 into ``starts`` and ``steps``; the rest is geometric in the other index
and goes into ``heads`` (before) or into ``tails`` (after, where values have to be reduced anyway).

Bounds, as multiples of r: a value below b becomes less than b + 4 in a radix-4 stage, since a product of a value below
84 and a factor below 1 is below 2; up to 4096 rows there are at most six stages, so values stay below 28.
Memory: 40 bytes per element besides input and output. Timing: no branch on values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk.kernels import inner, kernel
from zk.kernels.ifma_field import (
    add_raw,
    fr_canonical_2,
    fr_mul,
    fr_mul_raw,
    fr_settle_0,
    fr_settle_2,
    fr_settle_4,
    sub_raw,
)
from zk.kernels.ifma_layout import (
    BLOCK,
    broadcast,
    load_block,
    load_rows,
    store_block,
    store_rows,
    transpose_blocks,
)
from zk.kernels.intrinsics import align_stack
from zk.kernels.scalar import Words

Places = NDArray[np.int64]


@inner
def _transform_blocks(work: Words, n: int, roots: Words) -> None:
    """Transform n blocks lane by lane, from bit-reversed to natural order; roots w^j, five limbs each, j < n."""
    align_stack()
    h = 1
    if not n & 0x5555_5555_5555_5555:  # an odd number of halvings: one stage of radix 2 first
        for k in range(0, n, 2):
            a, b = load_block(work, BLOCK * k), load_block(work, BLOCK * (k + 1))  # < 2
            store_block(work, BLOCK * k, fr_settle_0(add_raw(a, b)))  # < 4
            store_block(work, BLOCK * (k + 1), fr_settle_2(sub_raw(a, b)))  # in (0, 4)
        h = 2
    while h < n:
        step = n // (4 * h)
        for j in range(h):
            for k in range(j, n, 4 * h):
                at0 = BLOCK * k
                at1, at2, at3 = at0 + BLOCK * h, at0 + 2 * BLOCK * h, at0 + 3 * BLOCK * h
                factor = broadcast(roots, 10 * j * step)
                x0, x2 = load_block(work, at0), load_block(work, at2)  # < b
                t = fr_mul_raw(load_block(work, at1), factor)  # < 2
                sum01, difference01 = add_raw(x0, t), sub_raw(x0, t)  # < b + 2, > -2
                t = fr_mul_raw(load_block(work, at3), factor)  # < 2
                sum23, difference23 = fr_settle_0(add_raw(x2, t)), fr_settle_2(sub_raw(x2, t))  # in [0, b + 2)
                t = fr_mul_raw(sum23, broadcast(roots, 5 * j * step))  # < 2
                store_block(work, at0, fr_settle_0(add_raw(sum01, t)))  # < b + 4
                store_block(work, at2, fr_settle_2(sub_raw(sum01, t)))  # in (0, b + 4)
                t = fr_mul_raw(difference23, broadcast(roots, 5 * (j * step + (n >> 2))))  # < 2
                store_block(work, at1, fr_settle_2(add_raw(difference01, t)))  # in (0, b + 4)
                store_block(work, at3, fr_settle_4(sub_raw(difference01, t)))  # in (0, b + 4)
        h *= 4


@kernel(
    "void(uint64[::1], uint64[::1], uint64[::1], int64[::1], uint64[::1], uint64[::1], uint64[::1], uint64[::1],"
    " int64, int64)"
)
def transform_columns(
    tiles: Words, x: Words, roots: Words, places: Places, heads: Words, starts: Words, steps: Words, work: Words,
    first: int, beyond: int,
) -> None:  # fmt: skip
    """First pass, over the eight columns from 8c on for first <= c < beyond.

    tiles: n/8 blocks; block (8·(k1 // 8)·n2/8 + c)·.. holds one column's eight rows, see ``transform_rows``.
    x: n rows of four words, canonical. places: bit reversal of n1. heads: five limbs per row, or none.
    starts, steps: one block per eight columns, below 1.02. work: n1 blocks.
    """
    align_stack()
    n1, groups = places.shape[0], starts.shape[0] // BLOCK
    for c in range(first, beyond):
        for r in range(n1):
            value = load_rows(x, 32 * (r * groups + c), 4)  # < 1
            if heads.shape[0] > 0:
                value = fr_mul(value, broadcast(heads, 5 * r))  # < 1.02
            store_block(work, BLOCK * places[r], value)
        _transform_blocks(work, n1, roots)  # < 28
        step = load_block(steps, BLOCK * c)
        two = fr_mul(step, step)
        four = fr_mul(two, two)
        f0 = load_block(starts, BLOCK * c)
        f1, f2 = fr_mul(f0, step), fr_mul(f0, two)
        f3 = fr_mul(f1, two)
        for r in range(0, n1, 4):
            at = BLOCK * r
            store_block(work, at, fr_mul(load_block(work, at), f0))  # < 1.4
            f0 = fr_mul(f0, four)
            store_block(work, at + BLOCK, fr_mul(load_block(work, at + BLOCK), f1))
            f1 = fr_mul(f1, four)
            store_block(work, at + 2 * BLOCK, fr_mul(load_block(work, at + 2 * BLOCK), f2))
            f2 = fr_mul(f2, four)
            store_block(work, at + 3 * BLOCK, fr_mul(load_block(work, at + 3 * BLOCK), f3))
            f3 = fr_mul(f3, four)
            if r & 4:
                transpose_blocks(tiles, 8 * BLOCK * ((r >> 3) * groups + c), work, BLOCK * (r - 4))


@kernel("void(uint64[::1], uint64[::1], uint64[::1], int64[::1], uint64[::1], uint64[::1], int64, int64)")
def transform_rows(
    out: Words, tiles: Words, roots: Words, places: Places, tails: Words, work: Words, first: int, beyond: int
) -> None:
    """Second pass, over the eight rows from 8q on for first <= q < beyond.

    out: n rows of four words. tiles: block q·n2 + c holds rows 8q to 8q + 7 of column c, below 1.4.
    places: bit reversal of n2. tails: five limbs for each k2. work: n2 blocks.
    """
    align_stack()
    n2 = places.shape[0]
    groups = tiles.shape[0] // (BLOCK * n2)
    for q in range(first, beyond):
        for c in range(n2):
            store_block(work, BLOCK * places[c], load_block(tiles, BLOCK * (q * n2 + c)))
        _transform_blocks(work, n2, roots)  # < 28
        for k in range(n2):
            value = fr_mul(load_block(work, BLOCK * k), broadcast(tails, 5 * k))  # < 1.4
            store_rows(out, 32 * (k * groups + q), fr_canonical_2(value))
