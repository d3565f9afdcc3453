"""Number-theoretic transforms over Fr with eight lanes: four steps, two passes over memory.

The input is a matrix of n1 rows and n2 columns. First pass: transform every column, multiply entry (k1, c) by w^(k1·c)
and write the matrix transposed, tile by tile. Second pass: transform every row; entry k2 of row k1 is output
k1 + n1·k2 (Bailey 1990). Lanes hold eight neighbouring columns, then eight neighbouring rows, so that each lane
transforms alone within a pass: decimation in time, radix 4. The first stage, which multiplies by nothing but a fourth
root of unity, takes place while elements are loaded in bit-reversed order; stages of up to ``NEAR`` blocks follow while
those lie in the first-level cache; the last stage is done eight blocks of each quarter at a time, which leave at once.

Elements stay x·2^256; factors are f·2^260, so that products stay x·2^256. Scalings cost nothing: a factor s^c of column
c goes into ``starts``, a factor s^k1 of row k1 into ``starts`` and ``steps``; the rest is geometric in the other index
and goes into ``heads`` (before) or into ``tails`` (after); both may be missing.

Bounds, as multiples of r. Blocks that the next stage multiplies, and those after the last, are raised by 32 and
carried; the others stay raw and signed. What is loaded is below 1.71, so that values are within ±7 after a first stage
of either radix; a stage adds less than 4, twice a product below 2; at most five follow, so values are within ±27, and
raised ones in (5, 59): their products with factors below 1.02 are below 1.72. Raw limbs: at most four loaded ones and
ten products' of below 2^56.4 each, so below 2^60.3; carries are right up to 2^63.
Memory: 40 bytes per element besides input and output. Timing: no branch on values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.kernels import inner, kernel
from zk.kernels.ifma_field import (
    add_raw,
    fr_canonical_carried,
    fr_carry_32,
    fr_divide_raw,
    fr_mul,
    fr_mul_carried,
    fr_mul_raw,
    sub_raw,
)
from zk.kernels.ifma_lanes import (
    Elements,
)
from zk.kernels.ifma_layout import (
    BLOCK,
    broadcast,
    fetch_block,
    fetch_block_to_write,
    fetch_rows,
    fetch_rows_to_write,
    load_block,
    load_rows,
    store_block,
    store_rows,
    transpose_blocks,
)
from zk.kernels.intrinsics import align_stack
from zk.kernels.scalar import Words

Places = NDArray[np.int64]

NEAR = 64
"""Blocks that fit the first-level cache, 20 KB: a power of four."""
SPARE = 17
"""Blocks beyond those of a column that the first pass works with."""


@inner
def _store(work: Words, at: Any, value: Elements, raised: bool) -> None:
    """Write a raw value of a stage, raised and carried if it is to be multiplied."""
    if raised:
        store_block(work, at, fr_carry_32(value))
    else:
        store_block(work, at, value)


@inner
def _store_two(work: Words, k: int, a: Elements, b: Elements) -> None:
    """First stage of radix 2, of blocks k and k + 1."""
    raised = k & 2 != 0
    _store(work, BLOCK * k, add_raw(a, b), raised)
    _store(work, BLOCK * (k + 1), sub_raw(a, b), raised)


@inner
def _store_four(work: Words, k: int, a: Elements, b: Elements, c: Elements, d: Elements, quarter: Elements) -> None:
    """First stage of radix 4, of blocks k to k + 3; quarter is w^(n/4)."""
    raised = k & 4 != 0
    turned = fr_mul_raw(fr_carry_32(sub_raw(c, d)), quarter)  # < 1.41
    sum01, sum23, difference = add_raw(a, b), add_raw(c, d), sub_raw(a, b)
    _store(work, BLOCK * k, add_raw(sum01, sum23), raised)  # within 4·1.71
    _store(work, BLOCK * (k + 1), add_raw(difference, turned), raised)
    _store(work, BLOCK * (k + 2), sub_raw(sum01, sum23), raised)
    _store(work, BLOCK * (k + 3), sub_raw(difference, turned), raised)


@inner
def _stage(work: Words, n: int, roots: Words, h: int, start: int, stop: int, low: int, high: int, last: bool) -> None:
    """Radix 4, from groups of h blocks to groups of 4·h, of blocks start to stop; of each group, low <= j < high.

    roots: w^j, five limbs each, j < n.
    """
    align_stack()
    step = n // (4 * h)
    for first in range(start, stop, 4 * h):
        raised = last or (first // (4 * h)) & 1 != 0
        for j in range(low, high):
            at0 = BLOCK * (first + j)
            at1, at2, at3 = at0 + BLOCK * h, at0 + 2 * BLOCK * h, at0 + 3 * BLOCK * h
            factor = broadcast(roots, 10 * j * step)
            x0, x2 = load_block(work, at0), load_block(work, at2)  # within ±b
            t = fr_mul_raw(load_block(work, at1), factor)  # < 2
            sum01, difference01 = add_raw(x0, t), sub_raw(x0, t)
            t = fr_mul_raw(load_block(work, at3), factor)  # < 2
            sum23, difference23 = fr_carry_32(add_raw(x2, t)), fr_carry_32(sub_raw(x2, t))  # in (5, 59)
            t = fr_mul_raw(sum23, broadcast(roots, 5 * j * step))  # < 2
            _store(work, at0, add_raw(sum01, t), raised)  # within ±(b + 4)
            _store(work, at2, sub_raw(sum01, t), raised)
            t = fr_mul_raw(difference23, broadcast(roots, 5 * (j * step + (n >> 2))))  # < 2
            _store(work, at1, add_raw(difference01, t), raised)
            _store(work, at3, sub_raw(difference01, t), raised)


@inner
def _near(n: int) -> Any:
    """How many blocks the first stages take at a time."""
    return min(n, NEAR if n & 0x5555_5555_5555_5555 else NEAR >> 1)


@inner
def _near_stages(work: Words, n: int, roots: Words, start: int) -> None:
    """Stages after the first, but the last, of ``_near(n)`` blocks."""
    h, near = 4 if n & 0x5555_5555_5555_5555 else 2, _near(n)
    while 4 * h <= near and 4 * h < n:
        _stage(work, n, roots, h, start, start + near, 0, h, False)
        h *= 4


@inner
def _far_stages(work: Words, n: int, roots: Words) -> None:
    """Stages after those, but the last."""
    h = _near(n)
    while 4 * h < n:
        _stage(work, n, roots, h, 0, n, 0, h, False)
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

    tiles: n/8 blocks; block (8·(k1 // 8)·n2/8 + c)·.. holds one column's eight rows, raw; see ``transform_rows``.
    x: n rows of four words, canonical. places: bit reversal of n1. heads: five limbs per row, or none.
    starts, steps: one block per eight columns, below 1.02. work: n1 + SPARE blocks.
    """
    align_stack()
    n1, groups = places.shape[0], starts.shape[0] // BLOCK
    near, h = _near(n1), n1 >> 2
    far, parts = max(h, 8), min(4, n1 >> 3)  # parts of so many rows end in the last stage together
    factors = work[BLOCK * n1 :]
    quarter = broadcast(roots, 5 * h)
    for c in range(first, beyond):
        for start in range(0, n1, near):
            if n1 & 0x5555_5555_5555_5555:
                for k in range(start, start + near, 4):
                    r = places[k]
                    at, apart = 32 * (r * groups + c), 32 * h * groups
                    x0, x1 = load_rows(x, at, 4), load_rows(x, at + 2 * apart, 4)  # < 1
                    x2, x3 = load_rows(x, at + apart, 4), load_rows(x, at + 3 * apart, 4)
                    if heads.shape[0] > 0:  # < 1.02
                        x0 = fr_mul_raw(x0, broadcast(heads, 5 * r))
                        x1 = fr_mul_raw(x1, broadcast(heads, 5 * (r + 2 * h)))
                        x2 = fr_mul_raw(x2, broadcast(heads, 5 * (r + h)))
                        x3 = fr_mul_raw(x3, broadcast(heads, 5 * (r + 3 * h)))
                    _store_four(work, k, x0, x1, x2, x3, quarter)
                    for part in range(4):
                        fetch_rows(x, at + part * apart + 32)  # of the next columns
            else:
                for k in range(start, start + near, 2):
                    r = places[k]
                    at, apart = 32 * (r * groups + c), 64 * h * groups
                    x0, x1 = load_rows(x, at, 4), load_rows(x, at + apart, 4)  # < 1
                    if heads.shape[0] > 0:  # < 1.02
                        x0 = fr_mul_raw(x0, broadcast(heads, 5 * r))
                        x1 = fr_mul_raw(x1, broadcast(heads, 5 * (r + 2 * h)))
                    _store_two(work, k, x0, x1)
                    fetch_rows(x, at + 32)
                    fetch_rows(x, at + apart + 32)
            _near_stages(work, n1, roots, start)
        _far_stages(work, n1, roots)
        _fill_factors(factors, load_block(starts, BLOCK * c), load_block(steps, BLOCK * c), far, parts)
        four = load_block(factors, BLOCK * 4 * parts)
        for j in range(0, h, 8):
            _stage(work, n1, roots, h, 0, n1, j, min(j + 8, h), True)
            for part in range(parts):
                r = part * far + j
                for i in range(8):
                    fetch_block_to_write(tiles, 8 * BLOCK * (((r >> 3) + 1) * groups + c) + BLOCK * i)
                    place, at = BLOCK * (4 * part + (i & 3)), BLOCK * (r + i)
                    f = load_block(factors, place)
                    store_block(work, at, fr_mul_raw(load_block(work, at), f))  # < 1.71
                    store_block(factors, place, fr_mul_carried(f, four))
                transpose_blocks(tiles, 8 * BLOCK * ((r >> 3) * groups + c), work, BLOCK * r)


@inner
def _fill_factors(factors: Words, f: Elements, step: Elements, far: int, parts: int) -> None:
    """Block 4·p + i <- f·step^(far·p + i) for i < 4 and every part p; the block after those <- step^4."""
    two = fr_mul(step, step)
    four = fr_mul(two, two)
    apart, power = four, 4
    while power < far:
        apart = fr_mul(apart, apart)
        power *= 2
    for part in range(parts):
        f1 = fr_mul(f, step)
        store_block(factors, BLOCK * 4 * part, f)
        store_block(factors, BLOCK * (4 * part + 1), f1)
        store_block(factors, BLOCK * (4 * part + 2), fr_mul(f, two))
        store_block(factors, BLOCK * (4 * part + 3), fr_mul(f1, two))
        f = fr_mul(f, apart)
    store_block(factors, BLOCK * 4 * parts, four)


@kernel("void(uint64[::1], uint64[::1], uint64[::1], int64[::1], uint64[::1], uint64[::1], int64, int64)")
def transform_rows(
    out: Words, tiles: Words, roots: Words, places: Places, tails: Words, work: Words, first: int, beyond: int
) -> None:
    """Second pass, over the eight rows from 8q on for first <= q < beyond.

    out: n rows of four words. tiles: block q·n2 + c holds rows 8q to 8q + 7 of column c, raw, below 1.71.
    places: bit reversal of n2. tails: five limbs for each k2, or none. work: n2 blocks.
    """
    align_stack()
    n2 = places.shape[0]
    groups = tiles.shape[0] // (BLOCK * n2)
    near, h = _near(n2), n2 >> 2
    quarter = broadcast(roots, 5 * h)
    for q in range(first, beyond):
        tile = tiles[BLOCK * q * n2 :]
        for start in range(0, n2, near):
            if n2 & 0x5555_5555_5555_5555:
                for k in range(start, start + near, 4):
                    at = BLOCK * places[k]
                    x0, x1 = load_block(tile, at), load_block(tile, at + 2 * BLOCK * h)
                    x2, x3 = load_block(tile, at + BLOCK * h), load_block(tile, at + 3 * BLOCK * h)
                    _store_four(work, k, x0, x1, x2, x3, quarter)
            else:
                for k in range(start, start + near, 2):
                    at = BLOCK * places[k]
                    _store_two(work, k, load_block(tile, at), load_block(tile, at + 2 * BLOCK * h))
            _near_stages(work, n2, roots, start)
        _far_stages(work, n2, roots)
        for j in range(0, h, 8):
            _stage(work, n2, roots, h, 0, n2, j, min(j + 8, h), True)
            for part in range(4):
                for k in range(part * h + j, part * h + min(j + 8, h)):
                    fetch_rows_to_write(out, 32 * ((k + 8) * groups + q))
                    fetch_block(tile, BLOCK * (n2 + k))  # of the next rows
                    value = load_block(work, BLOCK * k)
                    if tails.shape[0] > 0:
                        value = fr_mul_raw(value, broadcast(tails, 5 * k))  # < 1.71
                    else:
                        value = fr_divide_raw(value)  # < 1.63
                    store_rows(out, 32 * (k * groups + q), fr_canonical_carried(value))
