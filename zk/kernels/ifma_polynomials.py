"""Polynomials over Fr with eight lanes: same results as the portable kernels of ``polynomials`` and ``vectors``.

A recurrence that takes one product a step is cut into sixteen segments of consecutive coefficients, one per lane of two
registers. A chunk of them is read twice: first for what each segment passes on to the one below, then for its values,
out of the second-level cache. Bounds: elements below r; a factor from a public row is 16·x < 16, and a value b gives
b·x + 1 < 2.47 for b < 2.47. Timing: no branch on values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zk.kernels import inner, kernel
from zk.kernels.ifma_field import (
    add_raw,
    fr_canonical,
    fr_canonical_2,
    fr_mul_two,
    fr_mul_two_raw,
    fr_settle_0,
    fr_zero,
)
from zk.kernels.ifma_lanes import (
    Elements,
)
from zk.kernels.ifma_layout import load_rows, load_rows_shifted, store_rows, store_rows_apart
from zk.kernels.scalar import FR_CONSTANTS, Element, Words, fr_add, load, store
from zk.kernels.scalar import fr_mul as fr_mul_one

_SEGMENTS = 16
_LONGEST = 260  # rows of a segment; no multiple of 128, or all segments would meet in one set of the first-level cache

_ZERO = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
_ONE = tuple(np.uint64(word) for word in FR_CONSTANTS[2])

_THREE = "void(uint64[:,::1], uint64[:,::1], uint64[:,::1])"


@inner
def _power(x: Element, exponent: int) -> Any:
    """x^exponent."""
    power, square = (_ONE[0], _ONE[1], _ONE[2], _ONE[3]), x
    while exponent > 0:
        if exponent & 1:
            power = fr_mul_one(power, square)
        square = fr_mul_one(square, square)
        exponent >>= 1
    return power


@inner
def _step(a: Words, start: int, length: int, low: Elements, high: Elements, factor: Elements) -> Any:
    """Row start of every segment plus factor times what came before: < 2.47, settled."""
    low, high = fr_mul_two_raw(low, factor, high, factor)  # < 1.48
    low = fr_settle_0(add_raw(low, load_rows(a, 4 * start, 4 * length)))
    high = fr_settle_0(add_raw(high, load_rows(a, 4 * (start + 8 * length), 4 * length)))
    return low, high


@inner
def _pass_on(a: Words, start: int, length: int, factor: Elements, sums: Words) -> None:
    """sums[k] = sum of a[start + k·length + t]·x^t for t < length."""
    low, high = fr_zero(), fr_zero()
    for t in range(length - 1, -1, -1):
        low, high = _step(a, start + t, length, low, high, factor)
    flat = sums.reshape(-1)
    store_rows(flat, 0, fr_canonical(low))
    store_rows(flat, 32, fr_canonical(high))


@kernel(_THREE)
def evaluate(out: Words, coefficients: Words, x: Words) -> None:
    """out[0] = sum of coefficients[i]·x[0]^i."""
    flat, point = coefficients.reshape(-1), load(x, 0, 0)
    factor = load_rows_shifted(x.reshape(-1), 0, 0)
    sums = np.empty((_SEGMENTS, 4), dtype=np.uint64)
    beyond, value = coefficients.shape[0], _ZERO
    while beyond > 0:
        length = min(beyond // _SEGMENTS, _LONGEST)
        if length == 0:
            beyond -= 1
            value = fr_add(fr_mul_one(value, point), load(coefficients, beyond, 0))
            continue
        beyond -= _SEGMENTS * length
        _pass_on(flat, beyond, length, factor, sums)
        power = _power(point, length)
        for i in range(_SEGMENTS):
            value = fr_add(fr_mul_one(value, power), load(sums, _SEGMENTS - 1 - i, 0))
    store(out, 0, 0, value)


@kernel(_THREE)
def divide_by_linear(out: Words, a: Words, point: Words) -> None:
    """Quotient of the polynomial a by X - point[0], remainder dropped; len(out) = len(a) - 1 >= 0."""
    flat, out_flat, z = a.reshape(-1)[4:], out.reshape(-1), load(point, 0, 0)
    factor = load_rows_shifted(point.reshape(-1), 0, 0)
    sums = np.empty((_SEGMENTS, 4), dtype=np.uint64)
    beyond, value = out.shape[0], _ZERO  # out[i] = a[i + 1] + z·out[i + 1]
    while beyond > 0:
        length = min(beyond // _SEGMENTS, _LONGEST)
        if length == 0:
            beyond -= 1
            value = fr_add(fr_mul_one(value, z), load(a, beyond + 1, 0))
            store(out, beyond, 0, value)
            continue
        beyond -= _SEGMENTS * length
        _pass_on(flat, beyond, length, factor, sums)
        power = _power(z, length)
        for i in range(_SEGMENTS):  # what enters each segment from above
            k = _SEGMENTS - 1 - i
            entering = value
            value = fr_add(fr_mul_one(value, power), load(sums, k, 0))
            store(sums, k, 0, entering)
        low, high = load_rows(sums.reshape(-1), 0, 4), load_rows(sums.reshape(-1), 32, 4)
        for t in range(length - 1, -1, -1):
            low, high = _step(flat, beyond + t, length, low, high, factor)
            store_rows_apart(out_flat, 4 * (beyond + t), 4 * length, fr_canonical(low))
            store_rows_apart(out_flat, 4 * (beyond + t + 8 * length), 4 * length, fr_canonical(high))


@kernel("void(uint64[:,::1], uint64[:,::1])")
def powers(out: Words, x: Words) -> None:
    """out[i] = x[0]^i; at least 16."""
    base, power, flat = load(x, 0, 0), (_ONE[0], _ONE[1], _ONE[2], _ONE[3]), out.reshape(-1)
    for i in range(16):
        store(out, i, 0, power)
        power = fr_mul_one(power, base)
    rows = np.empty((1, 4), dtype=np.uint64)
    store(rows, 0, 0, power)
    factor = load_rows_shifted(rows.reshape(-1), 0, 0)
    low, high = load_rows(flat, 0, 4), load_rows(flat, 32, 4)
    whole = out.shape[0] & ~15
    for i in range(64, 4 * whole, 64):
        low, high = fr_mul_two(low, factor, high, factor)  # < 1.24
        store_rows(flat, i, fr_canonical_2(low))
        store_rows(flat, i + 32, fr_canonical_2(high))
    for i in range(whole, out.shape[0]):
        store(out, i, 0, fr_mul_one(load(out, i - 1, 0), base))
