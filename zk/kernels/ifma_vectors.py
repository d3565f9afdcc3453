"""Vectors over Fr with eight lanes: same arguments and results as ``zk.kernels.vectors``, without the field's table.

Whole groups of eight rows go through lanes, the rest through portable code. Bounds: all elements below r unless a line
says otherwise; an operand of one row stands for every row; ``out`` never overlaps an operand.
"""

from __future__ import annotations

import numpy as np

from zk.kernels import kernel
from zk.kernels.ifma_field import (
    add_raw,
    fr_canonical_2,
    fr_canonical_carried,
    fr_lower_1_raw,
    fr_mul_raw,
    fr_mul_two_raw,
    fr_raise_1_raw,
    fr_reduce_0,
    fr_settle_0,
    fr_zero,
    sub_raw,
)
from zk.kernels.ifma_layout import load_rows, load_rows_carried, load_rows_shifted, store_rows
from zk.kernels.scalar import Words, fr_add, fr_sub, load, store
from zk.kernels.scalar import fr_mul as fr_mul_one

_THREE = "void(uint64[:,::1], uint64[:,::1], uint64[:,::1])"


@kernel(_THREE)
def add(out: Words, a: Words, b: Words) -> None:
    """out[i] = a[i] + b[i]."""
    a_step, b_step = int(a.shape[0] != 1), int(b.shape[0] != 1)
    whole = out.shape[0] & ~7
    a_flat, b_flat, flat = a.reshape(-1), b.reshape(-1), out.reshape(-1)
    for i in range(0, 4 * whole, 32):
        total = add_raw(load_rows(a_flat, i * a_step, 4 * a_step), load_rows(b_flat, i * b_step, 4 * b_step))
        store_rows(flat, i, fr_canonical_carried(total))  # < 2 before
    for i in range(whole, out.shape[0]):
        store(out, i, 0, fr_add(load(a, i * a_step, 0), load(b, i * b_step, 0)))


@kernel(_THREE)
def subtract(out: Words, a: Words, b: Words) -> None:
    """out[i] = a[i] - b[i]."""
    a_step, b_step = int(a.shape[0] != 1), int(b.shape[0] != 1)
    whole = out.shape[0] & ~7
    a_flat, b_flat, flat = a.reshape(-1), b.reshape(-1), out.reshape(-1)
    for i in range(0, 4 * whole, 32):
        difference = sub_raw(load_rows(a_flat, i * a_step, 4 * a_step), load_rows(b_flat, i * b_step, 4 * b_step))
        store_rows(flat, i, fr_canonical_carried(fr_raise_1_raw(difference)))  # in (0, 2) before
    for i in range(whole, out.shape[0]):
        store(out, i, 0, fr_sub(load(a, i * a_step, 0), load(b, i * b_step, 0)))


@kernel(_THREE)
def multiply(out: Words, a: Words, b: Words) -> None:
    """out[i] = a[i]·b[i]/2^256; b[i] may be any 256-bit number."""
    a_step, b_step = int(a.shape[0] != 1), int(b.shape[0] != 1)
    whole, pairs = out.shape[0] & ~7, out.shape[0] & ~15
    a_flat, b_flat, flat = a.reshape(-1), b.reshape(-1), out.reshape(-1)
    for i in range(0, 4 * pairs, 64):  # two groups at once hide each other's latency
        x0 = load_rows_shifted(a_flat, i * a_step, 4 * a_step)  # < 16
        y0 = load_rows_carried(b_flat, i * b_step, 4 * b_step)  # < 5.3
        x1 = load_rows_shifted(a_flat, (i + 32) * a_step, 4 * a_step)
        y1 = load_rows_carried(b_flat, (i + 32) * b_step, 4 * b_step)
        product0, product1 = fr_mul_two_raw(x0, y0, x1, y1)  # < 2.1
        store_rows(flat, i, fr_canonical_carried(fr_lower_1_raw(product0)))
        store_rows(flat, i + 32, fr_canonical_carried(fr_lower_1_raw(product1)))
    if pairs < whole:
        i = 4 * pairs
        x0 = load_rows_shifted(a_flat, i * a_step, 4 * a_step)
        y0 = load_rows_carried(b_flat, i * b_step, 4 * b_step)
        store_rows(flat, i, fr_canonical_carried(fr_lower_1_raw(fr_mul_raw(x0, y0))))
    for i in range(whole, out.shape[0]):
        store(out, i, 0, fr_mul_one(load(a, i * a_step, 0), load(b, i * b_step, 0)))


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def add_multiple(out: Words, a: Words, b: Words, factor: Words) -> None:
    """out[i] = a[i] + factor[0]·b[i]/2^256, all of one length."""
    whole = out.shape[0] & ~15
    a_flat, b_flat, flat = a.reshape(-1), b.reshape(-1), out.reshape(-1)
    c = load_rows_shifted(factor.reshape(-1), 0, 0)  # < 16
    for i in range(0, 4 * whole, 64):
        b0, b1 = load_rows_carried(b_flat, i, 4), load_rows_carried(b_flat, i + 32, 4)
        product0, product1 = fr_mul_two_raw(b0, c, b1, c)  # < 1.2
        sum0, sum1 = add_raw(product0, load_rows(a_flat, i, 4)), add_raw(product1, load_rows(a_flat, i + 32, 4))
        store_rows(flat, i, fr_canonical_carried(fr_lower_1_raw(sum0)))  # < 2.2 before
        store_rows(flat, i + 32, fr_canonical_carried(fr_lower_1_raw(sum1)))
    for i in range(whole, out.shape[0]):
        store(out, i, 0, fr_add(load(a, i, 0), fr_mul_one(load(b, i, 0), load(factor, 0, 0))))


@kernel(_THREE)
def inner_product(out: Words, a: Words, b: Words) -> None:
    """out[0] = sum of a[i]·b[i]/2^256, a and b of one length."""
    whole = a.shape[0] & ~7
    a_flat, b_flat = a.reshape(-1), b.reshape(-1)
    total = fr_zero()
    for i in range(0, 4 * whole, 32):
        product = fr_mul_raw(load_rows_shifted(a_flat, i, 4), load_rows_carried(b_flat, i, 4))  # < 1.2
        total = fr_reduce_0(fr_settle_0(add_raw(total, product)))  # < 3.8  ->  < 1.98
    rows = np.empty((8, 4), dtype=np.uint64)
    store_rows(rows.reshape(-1), 0, fr_canonical_2(total))
    accumulator = load(rows, 0, 0)
    for k in range(1, 8):
        accumulator = fr_add(accumulator, load(rows, k, 0))
    for i in range(whole, a.shape[0]):
        accumulator = fr_add(accumulator, fr_mul_one(load(a, i, 0), load(b, i, 0)))
    store(out, 0, 0, accumulator)
