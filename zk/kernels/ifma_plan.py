"""What a multi-scalar multiplication with eight lanes needs around its kernels: windows, memory and threads."""

from __future__ import annotations

import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from zk.kernels import ifma_msm as kernels
from zk.kernels.ifma_batch import LANES_WORDS, STASH_WORDS
from zk.kernels.ifma_layout import BLOCK, POINT_WORDS
from zk.kernels.scalar import Words

_HUGE_PAGE_BYTES = 1 << 21
_PAIR_ROWS = 2  # two regular points fill up batches
_WASTE_ROWS = 16
MAX_BITS = 17
KEYS_AT_ONCE = 1 << 16
"""Buckets summed at a time: their sums should stay in the outer caches."""


def arena(words: int) -> Words:
    """Return uninitialised words at the start of a huge page, mapped privately and given back when unused."""
    size = (words * 8 + _HUGE_PAGE_BYTES - 1) // _HUGE_PAGE_BYTES * _HUGE_PAGE_BYTES
    mapped = mmap.mmap(-1, size + _HUGE_PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        mapped.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(mapped, dtype=np.uint64)
    skipped = -whole.ctypes.data % _HUGE_PAGE_BYTES // 8
    return whole[skipped : skipped + words]


def choose_window(n: int, length: int) -> tuple[int, int]:
    """Return (bits per window, number of windows) of least cost for ``n`` scalars of ``length`` bits.

    A window costs one addition per scalar and two per bucket.
    """

    def cost(bits: int) -> float:
        return (length // bits + 1) * (n + 2.0 * (1 << (bits - 1)) + 16.0 * (1 << (bits // 2)))

    bits = min(range(2, MAX_BITS + 1), key=cost)
    return bits, length // bits + 1


class _Desk:
    """One thread's scratch, and the rows of the pool it may write."""

    def __init__(self, first: int, empty: int, bits: int, windows: int) -> None:
        half = 1 << (bits - 1)
        keys = max(windows * half, windows * ((half >> (bits - 1) // 2) + (1 << (bits - 1) // 2))) + 1
        capacity = self.rows(bits, windows)
        self.state = np.array([0, capacity, first, empty, first + capacity, 0], dtype=np.int64)
        self.first, self.capacity = first, capacity
        self.free = np.empty(capacity + kernels.SLACK, dtype=np.uint32)
        self.pending = np.empty(keys, dtype=np.uint32)
        self.desk = np.empty((4, kernels.BATCH + kernels.SLACK), dtype=np.uint32)
        self.entries = np.empty((2, max(kernels.CHUNK, 2 * half)), dtype=np.uint32)
        self.stash = arena(STASH_WORDS * (kernels.BATCH + kernels.SLACK))
        self.lanes = np.empty(LANES_WORDS, dtype=np.uint64)

    @staticmethod
    def rows(bits: int, windows: int) -> int:
        """Rows in use at once: three per bucket (its sum, a row's, a column's) and two batches."""
        return 3 * windows * (1 << (bits - 1)) + 2 * (kernels.BATCH + kernels.SLACK)

    def reset(self) -> None:
        """Every row is free, lowest on top."""
        self.free[: self.capacity] = np.arange(self.first + self.capacity - 1, self.first - 1, -1)
        self.state[:3] = 0, self.capacity, self.first


def sum_products(points: Words, scalars: Words, padding: Words, threads: int) -> tuple[Words, int]:
    """Return the (windows, 16) sums of digit times point of every window, in XYZZ, and the bits of a window.

    Args:
        points: (n, 8), n at least one, C-contiguous.
        scalars: (n, 4), public form, C-contiguous.
        padding: (2, 8) two points, different, not opposite, not infinity.
        threads: at most so many. The sums do not depend on it.
    """
    words, flips, length = _take_scalars(scalars)
    bits, windows = choose_window(len(scalars), length)
    return sum_windows(points, words, flips, padding, bits, windows, threads), bits


def _take_scalars(scalars: Words) -> tuple[Words, NDArray[np.uint32], int]:
    """The words of the scalars' magnitudes, their signs, and the bits of the longest."""
    n, whole = len(scalars), len(scalars) & ~7
    words = np.empty((5, n + 7 & ~7), dtype=np.uint64)
    words[4] = 0
    flips = np.empty(words.shape[1], dtype=np.uint32)
    seen = np.zeros(BLOCK, dtype=np.uint64)
    kernels.take_scalars(words, flips, seen, scalars[:whole].reshape(-1), 0)
    if whole < n:
        rest = np.zeros((8, 4), dtype=np.uint64)
        rest[: n - whole] = scalars[whole:]
        kernels.take_scalars(words, flips, seen, rest.reshape(-1), whole)
    union = np.bitwise_or.reduce(seen.reshape(5, 8), axis=1)
    return words, flips, sum(int(limb) << (52 * k) for k, limb in enumerate(union)).bit_length()


def sum_windows(
    points: Words, words: Words, flips: NDArray[np.uint32], padding: Words, bits: int, windows: int, threads: int
) -> Words:
    """Return the (windows, 16) sums of digit times point of every window.

    Args:
        points: (n, 8).
        words: (5, m) scalars below half the group's order, not yet raised; m a multiple of eight, the last row zero,
            columns from n on zero. Destroyed.
        flips: (m,) 2^31 where the point counts negatively.
        padding: as ``sum_products`` takes it.
        bits: per window.
        windows: as many as the longest scalar needs.
        threads: at most so many.
    """
    n = len(flips)
    together = max(1, min(windows, KEYS_AT_ONCE >> (bits - 1)))
    groups = -(-windows // together)
    if groups < threads:
        groups = min(threads, windows)
    together = -(-windows // groups)
    starts = list(range(0, windows, together))
    threads = min(threads, len(starts))
    rows = _Desk.rows(bits, together) + _WASTE_ROWS
    pool = arena(POINT_WORDS * (n + _PAIR_ROWS + threads * rows))
    kernels.take_points(pool, words, points)
    pool[POINT_WORDS * n : POINT_WORDS * (n + _PAIR_ROWS)] = padding.reshape(-1)
    constant = sum(1 << (bits * w + bits - 1) for w in range(windows - 1))  # the last digit is never negative
    kernels.raise_scalars(words, np.array([[constant >> 64 * k & (1 << 64) - 1 for k in range(4)]], dtype=np.uint64))
    desks: SimpleQueue[_Desk] = SimpleQueue()
    for t in range(threads):
        desks.put(_Desk(n + _PAIR_ROWS + t * rows, n, bits, together))
    sums = np.empty((windows, 16), dtype=np.uint64)

    def work(start: int) -> None:
        desk = desks.get()
        desk.reset()
        stop = min(start + together, windows)
        kernels.sum_windows(
            sums, pool, words, flips, desk.state, bits, start, stop, desk.pending, desk.free, desk.desk, desk.entries,
            desk.stash, desk.lanes,
        )  # fmt: skip
        desks.put(desk)

    if threads == 1:
        for start in starts:
            work(start)
    else:
        with ThreadPoolExecutor(threads) as executor:
            list(executor.map(work, starts))
    return sums
