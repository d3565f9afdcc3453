"""Multi-scalar multiplication kernels: Pippenger's buckets (1976) with signed windows and XYZZ buckets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk.kernels import kernel
from zk.kernels.curve import INFINITY, add, add_affine, double, is_infinity, load_point, store_point
from zk.kernels.scalar import FR_MODULUS, Words, fq_sub, fr_sub, limbs, load, store

_ZERO = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
_HALF_ORDER = tuple(np.uint64(word) for word in limbs(FR_MODULUS // 2))


@kernel("void(uint64[:,::1], uint64[:,::1], uint8[::1])")
def fold_signs(union: Words, scalars: Words, negated: NDArray[np.uint8]) -> None:
    """Replace each scalar s > r/2 by r - s and mark it; union[0] becomes the OR of all. Scalars are below r."""
    u0, u1, u2, u3 = _ZERO
    for i in range(scalars.shape[0]):
        above = False
        for k in range(4):
            word, limit = scalars[i, 3 - k], _HALF_ORDER[3 - k]
            if word != limit:
                above = word > limit
                break
        if above:
            store(scalars, i, 0, fr_sub(_ZERO, load(scalars, i, 0)))
        negated[i] = above
        u0, u1, u2, u3 = u0 | scalars[i, 0], u1 | scalars[i, 1], u2 | scalars[i, 2], u3 | scalars[i, 3]
    store(union, 0, 0, (u0, u1, u2, u3))


@kernel("void(int32[:,::1], uint64[:,::1], uint8[::1], int64)")
def split_digits(digits: NDArray[np.int32], scalars: Words, negated: NDArray[np.uint8], bits: int) -> None:
    """scalars[i] = sum of digits[w, i]·2^(bits·w), each digit within ±2^(bits-1), all signs flipped where marked.

    2 <= bits <= 16, and windows·bits exceeds the scalars' length in bits, so the last carry is taken up.
    """
    half = np.int64(1) << (bits - 1)
    mask = np.uint64(2 * half - 1)
    for i in range(scalars.shape[0]):
        carry = np.int64(0)
        for w in range(digits.shape[0]):
            bit = w * bits
            word, offset = bit >> 6, bit & 63
            window = np.uint64(0)
            if word < 4:
                window = scalars[i, word] >> np.uint64(offset)
                if offset > 64 - bits and word < 3:
                    window |= scalars[i, word + 1] << np.uint64(64 - offset)
            digit = np.int64(window & mask) + carry
            carry = np.int64(digit > half)
            digit -= 2 * half * carry
            digits[w, i] = -digit if negated[i] else digit


@kernel("void(uint64[:,::1], uint64[:,::1], int32[:,::1], uint64[:,::1], int64, int64)")
def sum_windows(sums: Words, points: Words, digits: NDArray[np.int32], buckets: Words, first: int, beyond: int) -> None:
    """sums[w] = sum of digits[w, i]·points[i] for first <= w < beyond.

    sums (windows, 16); points affine, at least as many as digits; buckets (largest digit, 16), scratch.
    """
    for w in range(first, beyond):
        buckets[:, :] = np.uint64(0)  # infinity
        for i in range(digits.shape[1]):
            digit = int(digits[w, i])
            if digit != 0 and not is_infinity(points, i):
                x, y = load(points, i, 0), load(points, i, 4)
                if digit < 0:
                    y = fq_sub(_ZERO, y)
                row = abs(digit) - 1
                store_point(buckets, row, add_affine(load_point(buckets, row), x, y))
        running, weighted = INFINITY, INFINITY  # bucket k counts k + 1 times: it stays in that many running sums
        for k in range(buckets.shape[0]):
            running = add(running, load_point(buckets, buckets.shape[0] - 1 - k))
            weighted = add(weighted, running)
        store_point(sums, w, weighted)


@kernel("void(uint64[:,::1], uint64[:,::1], int64[::1])")
def join_windows(out: Words, sums: Words, bits: NDArray[np.int64]) -> None:
    """out[0] = sum of sums[w]·2^(bits[0] + .. + bits[w - 1]); out (1, 16)."""
    p = INFINITY
    for k in range(sums.shape[0]):
        w = sums.shape[0] - 1 - k
        for _ in range(bits[w]):
            p = double(p)
        p = add(p, load_point(sums, w))
    store_point(out, 0, p)
