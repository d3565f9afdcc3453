"""Multi-scalar multiplication with eight lanes: signed windows, pairs found as points arrive, batch-affine addition.

A stream of entries (key, reference to a point) is summed key by key. ``pending[key]`` holds the last point seen without
a partner; the next one makes a pair, pairs fill a batch, and the batch's sums go back into the stream under their keys.
So no sorting is needed, any distribution of keys keeps batches full, and at most one point per key waits: sums live in
as many rows of the pool as there are keys, handed out and taken back from a stack of free rows.

Buckets: digit d of a scalar sends the point, signed like d, to key |d| - 1 of its window; zero digits are dropped. Then
bucket b = h·L + l is streamed again under row h and column l of its window, so that the window's sum
sum (b + 1)·B_b = L·sum h·row_h + sum (l + 1)·column_l takes few slow additions.

Digits are taken without carries: of s + sum of 2^(c-1)·2^(c·w) over all windows w but the last, digit w is the c bits
at c·w, less 2^(c-1) in all windows but the last (Möller 2001 gives signed windows; the constant is folklore).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk.kernels import inner, kernel
from zk.kernels.curve import INFINITY, add, add_affine, double, store_point
from zk.kernels.ifma_batch import References, add_any, add_regular, load_signed
from zk.kernels.ifma_layout import NEGATIVE, append_from, prefetch
from zk.kernels.scalar import FR_MODULUS, Words, fr_sub, limbs

BATCH = 2048
"""Pairs per inversion."""
SLACK = 64
"""Room that lists of pairs and the stack keep beyond what they hold."""
CHUNK = 1024
"""Scalars whose digits are taken at a time."""

_HALF_ORDER = tuple(np.uint64(word) for word in limbs(FR_MODULUS // 2))
_ZERO = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))


@kernel("void(uint64[::1], uint64[:,::1], uint64[:,::1])")
def take_points(pool: Words, scalars: Words, points: Words) -> None:
    """Copy the points to the pool's first rows; clear the scalars of those at infinity.

    points (n, 8); scalars (4, >= n), words of scalar i in column i.
    """
    for i in range(points.shape[0]):
        union = np.uint64(0)
        for k in range(8):
            word = points[i, k]
            pool[8 * i + k] = word
            union |= word
        if union == np.uint64(0):
            scalars[0, i] = scalars[1, i] = scalars[2, i] = scalars[3, i] = np.uint64(0)


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1], uint32[::1])")
def take_scalars(words: Words, union: Words, scalars: Words, flips: References) -> None:
    """Word w of |scalars[i]| to words[w, i], |s| = min(s, r - s) with flips[i] = 2^31 where that is r - s.

    scalars (n, 4), integers below r; union[0] becomes the OR of all |s|.
    """
    u0, u1, u2, u3 = _ZERO
    for i in range(scalars.shape[0]):
        s = (scalars[i, 0], scalars[i, 1], scalars[i, 2], scalars[i, 3])
        above = False
        for k in range(4):
            if s[3 - k] != _HALF_ORDER[3 - k]:
                above = s[3 - k] > _HALF_ORDER[3 - k]
                break
        if above:
            s = fr_sub(_ZERO, s)
        flips[i] = np.uint32(NEGATIVE) if above else np.uint32(0)
        words[0, i], words[1, i], words[2, i], words[3, i] = s
        u0, u1, u2, u3 = u0 | s[0], u1 | s[1], u2 | s[2], u3 | s[3]
    union[0, 0], union[0, 1], union[0, 2], union[0, 3] = u0, u1, u2, u3


@kernel("void(uint64[:,::1], uint64[:,::1])")
def raise_scalars(words: Words, constant: Words) -> None:
    """Add constant[0] to every column of words, modulo 2^256."""
    c0, c1, c2, c3 = constant[0, 0], constant[0, 1], constant[0, 2], constant[0, 3]
    for i in range(words.shape[1]):
        w0 = words[0, i] + c0
        carry = np.uint64(w0 < c0)
        w1 = words[1, i] + c1
        over = np.uint64(w1 < c1)
        w1 += carry
        carry = over | np.uint64(w1 < carry)
        w2 = words[2, i] + c2
        over = np.uint64(w2 < c2)
        w2 += carry
        carry = over | np.uint64(w2 < carry)
        words[0, i], words[1, i], words[2, i] = w0, w1, w2
        words[3, i] += c3 + carry


@inner
def _insert(
    pool: Words, key: Any, reference: Any, m: int, empty: Any, lost: Any, pending: References, desk: NDArray[np.uint32]
) -> Any:
    """Pair the point with the one pending under its key, or leave it pending; return the new number of pairs."""
    waiting = pending[key]
    prefetch(pool, waiting)
    desk[0, m] = waiting
    desk[1, m] = reference
    desk[2, m] = key
    alone = waiting == empty
    pending[key] = reference if alone else empty
    return m + np.int64((not alone) & (key != lost))


@inner
def feed(
    pool: Words,
    keys: References,
    references: References,
    count: int,
    drain: Any,
    state: NDArray[np.int64],
    pending: References,
    free: References,
    desk: NDArray[np.uint32],
    stash: Words,
    lanes: Words,
) -> None:
    """Stream ``count`` entries; with ``drain``, go on until no pair is left.

    state: pairs waiting; free rows; first row to take back; the row that means "empty" (two regular points lie there
    and in the next row, to fill up batches); the first of sixteen rows that nobody reads; the key that is dropped.
    desk (4, BATCH + SLACK): first and second operands, keys and result rows of the pairs.
    """
    m, top = state[0], state[1]
    first, empty, lost = np.uint32(state[2]), np.uint32(state[3]), np.uint32(state[5])
    position = np.int64(0)
    while True:
        stop = min(count, position + BATCH - m)  # an entry makes at most one pair
        while position < stop:
            m = _insert(pool, keys[position], references[position], m, empty, lost, pending, desk)
            position += 1
        if position < count:
            if m <= BATCH - SLACK:
                continue
        elif m == 0 or not drain:
            break
        padded = (m + 15) & ~15
        for k in range(m):
            desk[3, k] = free[top - m + k]
        for k in range(m, padded):
            desk[0, k], desk[1, k], desk[3, k] = empty, empty + np.uint32(1), np.uint32(state[4] + k - m)
        top -= m
        if not add_regular(pool, desk[0], desk[1], desk[3], padded, stash, lanes):
            add_any(pool, desk[0], desk[1], desk[3], desk[2], m, lost, stash)
        for k in range(0, padded, 16):
            top += append_from(free, top, desk[0], k, first)
            top += append_from(free, top, desk[1], k, first)
        made = m
        m = np.int64(0)
        for k in range(made):  # pair m <= k is written after entry k was read
            key, reference = desk[2, k], desk[3, k]
            if key == lost:
                free[top] = reference
                top += 1
            else:
                m = _insert(pool, key, reference, m, empty, lost, pending, desk)
    state[0], state[1] = m, top


@inner
def _take_digits(
    words: Words, flips: References, start: int, count: int, bit: int, bits: int, less: int, base: int, lost: int,
    keys: References, references: References,
) -> None:  # fmt: skip
    """The entries of a window of scalars start .. start + count - 1; its buckets have keys from base on.

    The window's digits are the ``bits`` bits at ``bit``, less ``less``; within ±2^(bits-1).
    """
    word, offset = bit >> 6, np.uint64(bit & 63)
    above = min(word + 1, 3)
    rest = np.uint64(63) - offset
    straddles = (bit & 63) + bits > 64 and word < 3
    mask = np.uint64((1 << bits) - 1)
    for i in range(count):
        value = words[word, start + i] >> offset
        if straddles:
            value |= (words[above, start + i] << np.uint64(1)) << rest
        digit = np.int64(value & mask) - less
        sign = np.uint32(NEGATIVE) if digit < 0 else np.uint32(0)
        magnitude = -digit if digit < 0 else digit
        keys[i] = np.uint32(lost if magnitude == 0 else base + magnitude - 1)
        references[i] = np.uint32(start + i) | (sign ^ flips[start + i])


@inner
def _weighted(pool: Words, pending: References, start: int, count: int, empty: Any, lowest: int) -> Any:
    """sum of (k + lowest)·P_k over the points pending under keys start + k, lowest 0 or 1."""
    running, weighted = INFINITY, INFINITY
    for i in range(count):
        k = count - 1 - i
        reference = pending[start + k]
        if reference != empty:
            x, y = load_signed(pool, reference)
            running = add_affine(running, x, y)
        if k + lowest > 0:
            weighted = add(weighted, running)
    return weighted


@kernel(
    "void(uint64[:,::1], uint64[::1], uint64[:,::1], uint32[::1], int64[::1], int64, int64, int64,"
    " uint32[::1], uint32[::1], uint32[:,::1], uint32[:,::1], uint64[::1], uint64[::1])"
)
def sum_windows(
    sums: Words, pool: Words, words: Words, flips: References, state: NDArray[np.int64], bits: int, w0: int, w1: int,
    pending: References, free: References, desk: NDArray[np.uint32], entries: NDArray[np.uint32], stash: Words,
    lanes: Words,
) -> None:  # fmt: skip
    """sums[w] = sum of digit_w(i)·point i for w0 <= w < w1, in XYZZ.

    state as in ``feed``; pending at least (w1 - w0)·2^(bits-1) + 1, and as many as rows and columns; free holds three
    rows per bucket and two batches; entries (2, >= CHUNK and both sums of every bucket of a window).
    """
    empty = np.uint32(state[3])
    half = 1 << (bits - 1)
    n = flips.shape[0]
    lost = (w1 - w0) * half
    state[0], state[5] = 0, lost
    pending[: lost + 1] = empty
    for start in range(0, n, CHUNK):
        count = min(CHUNK, n - start)
        for w in range(w0, w1):
            base = (w - w0) * half
            less = half if w < sums.shape[0] - 1 else 0
            _take_digits(words, flips, start, count, w * bits, bits, less, base, lost, entries[0], entries[1])
            feed(pool, entries[0], entries[1], count, False, state, pending, free, desk, stash, lanes)
    feed(pool, entries[0], entries[1], 0, True, state, pending, free, desk, stash, lanes)

    low_bits = (bits - 1) // 2
    low, high = 1 << low_bits, half >> low_bits
    buckets = pending[:lost].copy()
    lost = (w1 - w0) * (low + high)
    state[2], state[5] = np.int64(0x7FFF_FFFF), lost  # buckets are read twice: take no row back
    pending[: lost + 1] = empty
    for w in range(w1 - w0):
        count = 0
        for b in range(half):
            reference = buckets[w * half + b]
            if reference != empty:
                entries[0, count], entries[1, count] = w * (low + high) + (b >> low_bits), reference
                entries[0, count + 1] = w * (low + high) + high + (b & (low - 1))
                entries[1, count + 1] = reference
                count += 2
        feed(pool, entries[0], entries[1], count, False, state, pending, free, desk, stash, lanes)
    feed(pool, entries[0], entries[1], 0, True, state, pending, free, desk, stash, lanes)
    for w in range(w1 - w0):
        start = w * (low + high)
        p = _weighted(pool, pending, start, high, empty, 0)
        for _ in range(low_bits):
            p = double(p)
        p = add(p, _weighted(pool, pending, start + high, low, empty, 1))
        store_point(sums, w0 + w, p)
