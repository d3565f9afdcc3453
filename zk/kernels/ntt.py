"""Number-theoretic transform kernels over Fr, in place, radix 2 (Cooley and Tukey 1965)."""

from __future__ import annotations

from zk.kernels import kernel
from zk.kernels.scalar import Words, fr_add, fr_mul, fr_sub, load, store


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def fill_twiddles(table: Words, root: Words, one: Words) -> None:
    """table[h + j] = w^(j·n/2h) for every power of two h < n = len(table) and j < h, w = root[0] of order n.

    The stage that joins blocks of h reads rows h..2h-1 in order. Row 0 is left alone.
    """
    half = table.shape[0] >> 1
    base = load(root, 0, 0)
    power = load(one, 0, 0)
    for j in range(half):
        store(table, half + j, 0, power)
        power = fr_mul(power, base)
    for k in range(1, half):
        i = half - k
        store(table, i, 0, load(table, 2 * i, 0))


@kernel("void(uint64[:,::1], uint64[:,::1])")
def transform(x: Words, table: Words) -> None:
    """x[i] <- sum of x[j]·w^(i·j), natural order in and out; len(x) = len(table) a power of two, 2 <= n <= 2^24."""
    n = x.shape[0]
    j = 0
    for i in range(1, n):  # bit reversal: j counts with its carries running downwards
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            swapped = load(x, i, 0)
            store(x, i, 0, load(x, j, 0))
            store(x, j, 0, swapped)
    half = 1
    while half < n:
        for start in range(0, n, 2 * half):
            for k in range(half):
                upper = load(x, start + k, 0)
                lower = fr_mul(load(x, start + half + k, 0), load(table, half + k, 0))
                store(x, start + k, 0, fr_add(upper, lower))
                store(x, start + half + k, 0, fr_sub(upper, lower))
        half *= 2


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def scale_by_powers(x: Words, first: Words, ratio: Words) -> None:
    """x[i] <- x[i]·first[0]·ratio[0]^i."""
    step = load(ratio, 0, 0)
    factor = load(first, 0, 0)
    for i in range(x.shape[0]):
        store(x, i, 0, fr_mul(load(x, i, 0), factor))
        factor = fr_mul(factor, step)
