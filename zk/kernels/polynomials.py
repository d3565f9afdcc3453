"""Kernels over polynomials and columns of Fr: the two recurrences a vector operation cannot express."""

from __future__ import annotations

import numpy as np

from zk.kernels import kernel
from zk.kernels.scalar import Words, fr_add, fr_mul, load, store


@kernel("void(uint64[:,::1], uint64[:,::1])")
def running_total(out: Words, a: Words) -> None:
    """out[i] = a[0] + .. + a[i]; canonical elements, len(out) = len(a)."""
    zero = np.uint64(0)
    accumulator = (zero, zero, zero, zero)
    for i in range(a.shape[0]):
        accumulator = fr_add(accumulator, load(a, i, 0))
        store(out, i, 0, accumulator)


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def divide_by_linear(out: Words, a: Words, point: Words) -> None:
    """Quotient of the polynomial a by X - point[0], remainder dropped; len(out) = len(a) - 1 >= 0."""
    zero = np.uint64(0)
    z = load(point, 0, 0)
    accumulator = (zero, zero, zero, zero)
    for k in range(a.shape[0] - 1):
        i = a.shape[0] - 1 - k
        accumulator = fr_add(load(a, i, 0), fr_mul(accumulator, z))
        store(out, i - 1, 0, accumulator)
