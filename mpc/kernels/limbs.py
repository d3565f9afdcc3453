"""Vectors over Z_2^128: element k is (low, high) = x[k, 0], x[k, 1]. All arithmetic wraps modulo 2^128."""

from __future__ import annotations

import numpy as np

from mpc.kernels import inner, kernel
from mpc.kernels.intrinsics import high_word
from mpc.kernels.memory import Words


@inner
def _carry(total: np.uint64, summand: np.uint64) -> np.uint64:
    """Whether total = a + summand wrapped."""
    return np.uint64(1) if total < summand else np.uint64(0)


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def add_limbs(a: Words, b: Words, out: Words) -> None:
    """a + b."""
    for k in range(out.shape[0]):
        low = a[k, 0] + b[k, 0]
        out[k, 1] = a[k, 1] + b[k, 1] + _carry(low, b[k, 0])
        out[k, 0] = low


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def subtract_limbs(a: Words, b: Words, out: Words) -> None:
    """a − b."""
    for k in range(out.shape[0]):
        borrow = np.uint64(1) if a[k, 0] < b[k, 0] else np.uint64(0)
        low = a[k, 0] - b[k, 0]
        out[k, 1] = a[k, 1] - b[k, 1] - borrow
        out[k, 0] = low


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def multiply_limbs(a: Words, b: Words, out: Words) -> None:
    """a · b; a or b may have one row, which then meets every row of the other."""
    step_a = 0 if a.shape[0] == 1 else 1
    step_b = 0 if b.shape[0] == 1 else 1
    for k in range(out.shape[0]):
        i, j = k * step_a, k * step_b
        high = high_word(a[i, 0], b[j, 0]) + a[i, 0] * b[j, 1] + a[i, 1] * b[j, 0]
        out[k, 0] = a[i, 0] * b[j, 0]
        out[k, 1] = high


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[::1])")
def inner_limbs(a: Words, b: Words, out: Words) -> None:
    """The inner product, two words."""
    low, high = np.uint64(0), np.uint64(0)
    for k in range(a.shape[0]):
        product = a[k, 0] * b[k, 0]
        low += product
        high += high_word(a[k, 0], b[k, 0]) + a[k, 0] * b[k, 1] + a[k, 1] * b[k, 0] + _carry(low, product)
    out[0], out[1] = low, high


@kernel("void(uint64[:,::1], uint64[::1])")
def total_limbs(a: Words, out: Words) -> None:
    """The sum, two words."""
    low, high = np.uint64(0), np.uint64(0)
    for k in range(a.shape[0]):
        low += a[k, 0]
        high += a[k, 1] + _carry(low, a[k, 0])
    out[0], out[1] = low, high
