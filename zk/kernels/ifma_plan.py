"""What a multi-scalar multiplication with eight lanes needs around its kernels: windows, memory and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from zk.kernels import ifma_msm as kernels
from zk.kernels.ifma_arenas import ARENAS
from zk.kernels.ifma_batch import LANES_WORDS, STASH_WORDS
from zk.kernels.ifma_layout import BLOCK
from zk.kernels.ifma_points import POINT_WORDS
from zk.kernels.scalar import Words

MAX_BITS = 17
KEYS_AT_ONCE = 1 << 16
"""Buckets summed at a time: their sums should stay in the outer caches."""

_PADDING_ROWS = 2
_WASTE_ROWS = 16
_BATCH_ROWS = kernels.BATCH + kernels.SLACK


def sum_products(points: Words, scalars: Words, padding: Words, threads: int) -> tuple[Words, int]:
    """Return the (windows, 16) sums of digit times point of every window, in XYZZ, and the bits of a window.

    Args:
        points: (n, 8), n at least one, C-contiguous.
        scalars: (n, 4), public form, C-contiguous.
        padding: (2, 8) two points, different, not opposite, not infinity.
        threads: at most so many. The sums do not depend on it.
    """
    n, columns = len(scalars), len(scalars) + 7 & ~7
    with ARENAS.borrow(6 * columns) as memory:
        words = memory[: 5 * columns].reshape(5, columns)
        flips = memory[5 * columns : 6 * columns].view(np.uint32)[:columns]
        bits, windows = choose_window(n, _take_scalars(words, flips, scalars))
        return _sum_windows(points, words, flips, padding, Windows(bits, windows), threads), bits


def _take_scalars(words: Words, flips: NDArray[np.uint32], scalars: Words) -> int:
    """Write the words of the scalars' magnitudes and their signs; return the bits of the longest."""
    n, whole = len(scalars), len(scalars) & ~7
    words[4] = 0
    seen = np.zeros(BLOCK, dtype=np.uint64)
    kernels.take_scalars(words, flips, seen, scalars[:whole].reshape(-1), 0)
    if whole < n:
        rest = np.zeros((8, 4), dtype=np.uint64)
        rest[: n - whole] = scalars[whole:]
        kernels.take_scalars(words, flips, seen, rest.reshape(-1), whole)
    union = np.bitwise_or.reduce(seen.reshape(5, 8), axis=1)
    return sum(int(limb) << (52 * k) for k, limb in enumerate(union)).bit_length()


def choose_window(n: int, length: int) -> tuple[int, int]:
    """Return (bits per window, number of windows) of least cost for ``n`` scalars of ``length`` bits.

    A window costs one addition per scalar, two per bucket, and sixteen per row or column; an addition into a bucket
    costs half as much again, since its point is further away (measured, see docs/performance.md).
    """

    def cost(bits: int) -> float:
        return (length // bits + 1) * (n + 1.5 * (1 << bits) + 16 * (1 << bits // 2))

    bits = min(range(2, MAX_BITS + 1), key=cost)
    return bits, length // bits + 1


@dataclass(frozen=True, slots=True)
class Windows:
    """How scalars are cut."""

    bits: int
    count: int

    @property
    def buckets(self) -> int:
        """Buckets of a window."""
        return 1 << (self.bits - 1)

    def split(self, threads: int) -> tuple[int, int]:
        """Return windows per task and threads worth starting; as many tasks as threads, or a multiple."""
        tasks = -(-self.count // max(1, KEYS_AT_ONCE // self.buckets))
        tasks = min(self.count, -(-tasks // threads) * threads)
        together = -(-self.count // tasks)
        return together, min(threads, -(-self.count // together))


class _Desk:
    """One thread's scratch, and the rows of the pool it may write."""

    def __init__(self, windows: Windows, together: int, first: int, empty: int, stash: Words) -> None:
        low = 1 << (windows.bits - 1) // 2
        keys = together * max(windows.buckets, windows.buckets // low + low) + 1
        self.rows = np.arange(first, first + self.row_count(windows, together), dtype=np.uint32)[::-1]
        self.state = np.array([0, 0, first, empty, first + len(self.rows), 0], dtype=np.int64)
        self.free = np.empty(len(self.rows) + kernels.SLACK, dtype=np.uint32)
        self.pending = np.empty(keys, dtype=np.uint32)
        self.pairs = np.empty((4, _BATCH_ROWS), dtype=np.uint32)
        self.entries = np.empty((2, max(kernels.CHUNK, 2 * windows.buckets)), dtype=np.uint32)
        self.lanes = np.empty(LANES_WORDS, dtype=np.uint64)
        self.stash = stash

    @staticmethod
    def row_count(windows: Windows, together: int) -> int:
        """Rows in use at once: three per bucket (its sum, a row's, a column's) and two batches."""
        return 3 * together * windows.buckets + 2 * _BATCH_ROWS

    def clear(self) -> None:
        """Take every row back, the lowest on top."""
        self.free[: len(self.rows)] = self.rows
        self.state[:3] = 0, len(self.rows), self.rows[-1]


def _sum_windows(
    points: Words, words: Words, flips: NDArray[np.uint32], padding: Words, windows: Windows, threads: int
) -> Words:
    """words are changed; columns beyond the points are zero."""
    n = len(points)
    together, threads = windows.split(threads)
    rows = _Desk.row_count(windows, together) + _WASTE_ROWS
    stashes = POINT_WORDS * (n + _PADDING_ROWS + threads * rows)
    stash_words = STASH_WORDS * _BATCH_ROWS
    sums = np.empty((windows.count, 16), dtype=np.uint64)
    with ARENAS.borrow(stashes + threads * stash_words) as memory:
        pool = memory[:stashes]
        kernels.take_points(pool, words, points)
        pool[POINT_WORDS * n : POINT_WORDS * (n + _PADDING_ROWS)] = padding.reshape(-1)
        halves = sum(1 << (windows.bits * w + windows.bits - 1) for w in range(windows.count - 1))
        raised = [halves >> 64 * k & (1 << 64) - 1 for k in range(4)]  # the last digit is never negative
        kernels.raise_scalars(words, np.array([raised], dtype=np.uint64))
        desks: SimpleQueue[_Desk] = SimpleQueue()
        for t in range(threads):
            stash = memory[stashes + t * stash_words : stashes + (t + 1) * stash_words]
            desks.put(_Desk(windows, together, n + _PADDING_ROWS + t * rows, n, stash))

        def work(start: int) -> None:
            desk = desks.get()
            desk.clear()
            stop = min(start + together, windows.count)
            kernels.sum_windows(
                sums, pool, words, flips, desk.state, windows.bits, start, stop, desk.pending, desk.free, desk.pairs,
                desk.entries, desk.stash, desk.lanes,
            )  # fmt: skip
            desks.put(desk)

        starts = range(0, windows.count, together)
        if threads == 1:
            for start in starts:
                work(start)
        else:
            with ThreadPoolExecutor(threads) as executor:
                list(executor.map(work, starts))
    return sums
