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
from zk.kernels.ifma_field import (
    fr_canonical_2,
    fr_folded,
    fr_mul_two,
    fr_uppers,
    sixteen,
    union,
)
from zk.kernels.ifma_layout import load_block, load_rows, store_block, store_low_limbs, store_words
from zk.kernels.ifma_points import NEGATIVE, append_from, beyond_one_limb, pair_up, store_flips, take_eight_digits
from zk.kernels.scalar import Words, store

BATCH = 1536
"""Pairs per inversion."""
SLACK = 64
"""Room that lists of pairs and the stack keep beyond what they hold."""
CHUNK = 1024
"""Scalars whose digits are taken at a time."""
FIXED_BITS = 8
FIXED_WINDOWS = 32
"""Of multiplication by a fixed base: they hold 253 bits and the last digit's sign."""

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


@kernel("int64(uint64[:,::1], uint32[::1], uint64[::1], uint64[::1], int64)")
def take_scalars(words: Words, flips: References, seen: Words, scalars: Words, start: int) -> int:
    """Words of |s| for public elements s: word w of scalars[k] to words[w, start + k]; return how many words, 1 or 4.

    Of scalars that all have |s| < 2^52 only word 0 is written. |s| = min(s, r - s), and flips[start + k] = 2^31 where
    that is r - s, else 0. A multiple of eight scalars, flat; ``seen`` is a block that collects the union of the limbs
    of all |s|.
    """
    flat, row, n = words.reshape(-1), words.shape[1], scalars.shape[0] // 4
    factor, all_limbs, rows = sixteen(), load_block(seen, 0), 1
    for k in range(0, n, 16):  # two groups at once hide each other's latency
        other = min(k + 8, n - 8)  # of an odd number of groups the last is taken twice
        s, t = fr_mul_two(load_rows(scalars, 4 * k, 4), factor, load_rows(scalars, 4 * other, 4), factor)
        s, t = fr_canonical_2(s), fr_canonical_2(t)  # < 1.02 before
        store_flips(flips, start + k, fr_uppers(s))
        store_flips(flips, start + other, fr_uppers(t))
        s, t = fr_folded(s), fr_folded(t)
        both = union(s, t)
        all_limbs = union(all_limbs, both)
        if rows == 1:
            if beyond_one_limb(both) == 0:
                store_low_limbs(flat, start + k, s)
                store_low_limbs(flat, start + other, t)
                continue
            rows = 4
            words[1:4, start : start + k] = np.uint64(0)
        store_words(flat, start + k, row, s)
        store_words(flat, start + other, row, t)
    store_block(seen, 0, all_limbs)
    return rows


@kernel("void(uint64[:,::1], uint64[:,::1], int64, int64)")
def raise_scalars(words: Words, constant: Words, start: int, stop: int) -> None:
    """Add constant[0] to the first four rows of columns start .. stop - 1, modulo 2^256."""
    c0, c1, c2, c3 = constant[0, 0], constant[0, 1], constant[0, 2], constant[0, 3]
    for i in range(start, stop):
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
def feed(
    pool: Words,
    keys: References,
    references: References,
    count: int,
    drain: Any,
    state: NDArray[np.int64],
    pending: References,
    free: References,
    desk: References,
    stash: Words,
    lanes: Words,
) -> None:
    """Stream ``count`` entries; with ``drain``, go on until no pair is left.

    state (12): pairs waiting; free rows; first row to take back; the row that means "empty" (two regular points lie
    there and in the next row, to fill up batches); the first of sixteen rows that nobody reads; the key that is
    dropped; a table's first row; pairs of the full batch; the half of ``desk`` where pairs wait; and for
    ``sum_stream`` the scalars' bit where its windows start, how many of them are wide, and what is still to be added to
    the scalars' lowest word.
    desk (2, 4, BATCH + SLACK): first and second operands, keys and result rows of the pairs. A full batch is added when
    the next one is full, too, so that its points, asked for during the addition before, are there.
    """
    m, top, full, side = state[0], state[1], state[7], state[8]
    first, empty, lost = np.uint32(state[2]), np.uint32(state[3]), np.uint32(state[5])
    position = np.int64(0)
    while True:
        a, b, owners = desk[side, 0], desk[side, 1], desk[side, 2]
        stop = min(count, position + BATCH - m)  # an entry makes at most one pair
        while position < stop:
            m = pair_up(pending, a, b, owners, m, keys, references, position, empty, lost)
            position += 1
        if position < count:
            if m <= BATCH - SLACK:
                continue
        elif not drain or m + full == 0:
            break
        side ^= 1
        made, full, m = full, m, np.int64(0)
        a2, b2, owners2, rows = desk[side, 0], desk[side, 1], desk[side, 2], desk[side, 3]
        if position == count and made + full <= BATCH:  # the last ones: one batch, not two
            for k in range(full):
                a2[made + k], b2[made + k], owners2[made + k] = a[k], b[k], owners[k]
            made, full = made + full, np.int64(0)
        if made == 0:
            continue
        padded = (made + 15) & ~15
        for k in range(made):
            rows[k] = free[top - made + k]
        for k in range(made, padded):
            a2[k], b2[k], rows[k] = empty, empty + np.uint32(1), np.uint32(state[4] + k - made)
        top -= made
        if not add_regular(pool, a2, b2, rows, padded, a, b, stash, lanes):
            add_any(pool, a2, b2, rows, owners2, made, lost, stash)
        for k in range(0, padded, 16):
            top += append_from(free, top, a2, k, first)
            top += append_from(free, top, b2, k, first)
        for k in range(made):  # pair m <= k is written after entry k was read
            if owners2[k] == lost:
                free[top] = rows[k]
                top += 1
            else:
                m = pair_up(pending, a2, b2, owners2, m, owners2, rows, k, empty, lost)
    state[0], state[1], state[7], state[8] = m, top, full, side


@inner
def _take_digits(
    words: Words, flips: References, plus: int, start: int, count: int, bit: int, bits: int, less: int, base: int,
    lost: int, keys: References, references: References,
) -> None:  # fmt: skip
    """The entries of a window of scalars start .. start + count - 1; its buckets have keys from base on.

    The window's digits are the ``bits`` bits at ``bit``, less ``less``; within ±2^(bits-1). words has five rows, the
    last of them zero; count a multiple of eight; ``plus`` is added to the word at ``bit``, and not 0 only where all
    bits in use lie in the first.
    """
    flat, row = words.reshape(-1), words.shape[1]
    low, high = (bit >> 6) * row + start, ((bit >> 6) + 1) * row + start
    window = (
        np.int64(bit & 63), np.int64((1 << bits) - 1), np.int64(less), np.int64(base), np.int64(lost), np.int64(plus)
    )  # fmt: skip
    for i in range(0, count, 8):
        take_eight_digits(keys, references, i, flat, low + i, high + i, flips, start + i, window)


@inner
def _take_buckets(
    buckets: References, start: int, half: int, low_bits: int, base: int, empty: Any, entries: NDArray[np.uint32]
) -> Any:
    """The entries of one window's buckets, from buckets[start] on: rows have keys from base on, then columns."""
    low, high = 1 << low_bits, half >> low_bits
    count = 0
    for b in range(half):
        reference = buckets[start + b]
        if reference != empty:
            entries[0, count], entries[0, count + 1] = base + (b >> low_bits), base + high + (b & (low - 1))
            entries[1, count], entries[1, count + 1] = reference, reference
            count += 2
    return count


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


@inner
def _take_multiples(
    words: Words, flips: References, start: int, count: int, w: int, windows: int, table: int, key: int, lost: int,
    keys: References, references: References,
) -> None:  # fmt: skip
    """The entries of window w of ``count`` scalars from ``start`` on, one key each from ``key`` on.

    Row table + 2^FIXED_BITS·w + d of the pool holds d·2^(FIXED_BITS·w) times the base.
    """
    bits = FIXED_BITS
    less = 1 << (bits - 1) if w < windows - 1 else 0
    _take_digits(words, flips, 0, start, count, w * bits, bits, less, 1, 0, keys, references)
    for i in range(count):
        digit = keys[i]
        references[i] = (np.uint32(table + (w << bits)) + digit) | (references[i] & np.uint32(NEGATIVE))
        keys[i] = np.uint32(key + i) if digit != np.uint32(0) else np.uint32(lost)


@inner
def _store_sums(out: Words, pool: Words, pending: References, start: int, count: int, empty: Any) -> None:
    """Row start + i of ``out`` <- what is pending under key i, for as many rows as there are; all zero for nothing."""
    for i in range(min(count, out.shape[0] - start)):
        x, y = load_signed(pool, pending[i])
        if pending[i] == empty:
            x, y = _ZERO, _ZERO
        store(out, start + i, 0, x)
        store(out, start + i, 4, y)


@kernel(
    "void(uint64[:,::1], uint64[::1], uint64[:,::1], uint32[::1], int64[::1], int64, int64, int64,"
    " uint32[::1], uint32[::1], uint32[:,:,::1], uint32[:,::1], uint64[::1], uint64[::1])"
)
def sum_stream(
    out: Words, pool: Words, words: Words, flips: References, state: NDArray[np.int64], bits: int, start: int,
    stop: int, pending: References, free: References, desk: NDArray[np.uint32], entries: NDArray[np.uint32],
    stash: Words, lanes: Words,
) -> None:  # fmt: skip
    """Two sums of one shape, in one kernel because compiling its core twice takes seconds.

    bits > 0: out[w] = sum over i of digit w of scalar i times point i, in XYZZ, for start <= w < stop, windows of
    ``bits`` or, from one on, a bit less; ``out`` has a row for every window, and pending at least
    (stop - start)·2^(bits-1) + 1 keys, and rows and columns of as many windows; free, three rows per bucket and three
    batches; entries (2, >= CHUNK and two for every bucket of a window).

    bits = 0: out[i] = scalar i times the base whose multiples lie from row state[6] on (see ``_take_multiples``), in
    public affine form, for start <= i < stop, a multiple of eight; pending has stop - start + 1 keys, free as many
    rows and three batches, entries (2, CHUNK).

    state: see ``feed``. Scalars are raised (``raise_scalars``) for these windows.
    """
    empty, fixed = np.uint32(state[3]), bits == 0
    n, windows, half = flips.shape[0], stop - start, 1 << (max(bits, 1) - 1)
    if fixed:
        n, windows = stop - start, FIXED_WINDOWS
    chunks, low_bits = (n + CHUNK - 1) // CHUNK, (max(bits, 1) - 1) // 2
    low, high = 1 << low_bits, half >> low_bits
    buckets = pending[:1]
    for stage in range(1 if fixed else 2):  # to buckets, then buckets to rows and columns
        lost, steps = windows * half, windows * chunks
        if fixed:
            lost = n
        elif stage == 1:
            buckets = pending[:lost].copy()
            lost, steps = windows * (low + high), windows
            state[2] = np.int64(0x7FFF_FFFF)  # buckets are read twice: take no row back
        state[5] = lost
        pending[: lost + 1] = empty
        for step in range(steps + 1):
            count = 0
            if step == steps:
                pass  # nothing more: drain
            elif stage == 1:
                count = _take_buckets(buckets, step * half, half, low_bits, step * (low + high), empty, entries)
            else:
                w = step // chunks if fixed else step % windows  # one key's entries come far apart
                first = (step % chunks if fixed else step // windows) * CHUNK
                count = min(CHUNK, n - first)
                if fixed:
                    _take_multiples(
                        words, flips, start + first, count, w, windows, state[6], first, lost, entries[0], entries[1]
                    )
                else:
                    bit, width = state[9] + w * bits - max(0, w - state[10]), bits - int(w >= state[10])
                    less = 1 << (width - 1) if start + w < out.shape[0] - 1 else 0
                    _take_digits(
                        words, flips, state[11], first, count, bit, width, less, w * half, lost, entries[0], entries[1]
                    )
            feed(pool, entries[0], entries[1], count, step == steps, state, pending, free, desk, stash, lanes)
    if fixed:
        _store_sums(out, pool, pending, start, n, empty)
        return
    for w in range(windows):
        key = w * (low + high)
        p = _weighted(pool, pending, key, high, empty, 0)
        for _ in range(low_bits):
            p = double(p)
        p = add(p, _weighted(pool, pending, key + high, low, empty, 1))
        store_point(out, start + w, p)
