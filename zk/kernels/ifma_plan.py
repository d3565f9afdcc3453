"""What sums of points with eight lanes need around their kernels: windows, memory and threads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
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
_FIXED_KEYS = 1 << 13  # scalars at a time: their sums should stay in the second-level cache
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
    """One thread's scratch, and the rows of the pool it may write, from ``first`` on."""

    def __init__(self, keys: int, rows: int, entries: int, first: int, empty: int, stash: Words) -> None:
        self.rows = np.arange(first, first + rows, dtype=np.uint32)[::-1]
        self.state = np.array([0, 0, first, empty, first + rows, 0, empty + _PADDING_ROWS], dtype=np.int64)
        self.free = np.empty(rows + kernels.SLACK, dtype=np.uint32)
        self.pending = np.empty(keys + 1, dtype=np.uint32)
        self.pairs = np.empty((4, _BATCH_ROWS), dtype=np.uint32)
        self.entries = np.empty((2, max(kernels.CHUNK, entries)), dtype=np.uint32)
        self.lanes = np.empty(LANES_WORDS, dtype=np.uint64)
        self.stash = stash

    def clear(self) -> None:
        """Take every row back, the lowest on top."""
        self.free[: len(self.rows)] = self.rows
        self.state[:3] = 0, len(self.rows), self.rows[-1]


def _sum_windows(
    points: Words, words: Words, flips: NDArray[np.uint32], padding: Words, windows: Windows, threads: int
) -> Words:
    """words are changed; columns beyond the points are zero."""
    together, threads = windows.split(threads)
    low = 1 << (windows.bits - 1) // 2
    keys = together * max(windows.buckets, windows.buckets // low + low)
    rows = 3 * together * windows.buckets  # of a bucket: its own sum, its row's and its column's
    sums = np.empty((windows.count, 16), dtype=np.uint64)
    tasks = range(0, windows.count, together)
    with _work(points, words, padding, (keys, rows, 2 * windows.buckets), threads) as (pool, desks):
        _raise(words, windows)  # after scalars of infinite points were cleared

        def work(start: int) -> None:
            desk = desks.get()
            desk.clear()
            stop = min(start + together, windows.count)
            _sum_stream(sums, pool, words, flips, desk, windows.bits, start, stop)
            desks.put(desk)

        _run(work, tasks, threads)
    return sums


def multiply_fixed(multiples: Words, scalars: Words, padding: Words, threads: int) -> Words:
    """Return scalars[i] times the base, (n, 8).

    Args:
        multiples: (8192, 8), row 256·w + d is d·256^w times the base.
        scalars: (n, 4), public form, C-contiguous, n at least one.
        padding: as ``sum_products`` takes it.
        threads: at most so many.
    """
    n, columns = len(scalars), len(scalars) + 7 & ~7
    out = np.empty((n, 8), dtype=np.uint64)
    with ARENAS.borrow(6 * columns) as memory:
        words = memory[: 5 * columns].reshape(5, columns)
        flips = memory[5 * columns : 6 * columns].view(np.uint32)[:columns]
        _take_scalars(words, flips, scalars)
        _raise(words, Windows(kernels.FIXED_BITS, kernels.FIXED_WINDOWS))
        tasks = range(0, columns, _FIXED_KEYS)
        threads = min(threads, len(tasks))
        none = np.zeros((5, len(multiples)), dtype=np.uint64)
        shape = (_FIXED_KEYS, _FIXED_KEYS, 0)
        with _work(multiples, none, padding, shape, threads) as (pool, desks):

            def work(start: int) -> None:
                desk = desks.get()
                desk.clear()
                desk.state[6] = 0
                _sum_stream(out, pool, words, flips, desk, 0, start, min(start + _FIXED_KEYS, columns))
                desks.put(desk)

            _run(work, tasks, threads)
    return out


def _raise(words: Words, windows: Windows) -> None:
    halves = sum(1 << (windows.bits * w + windows.bits - 1) for w in range(windows.count - 1))
    raised = [halves >> 64 * k & (1 << 64) - 1 for k in range(4)]  # the last digit is never negative
    kernels.raise_scalars(words, np.array([raised], dtype=np.uint64))


@contextlib.contextmanager
def _work(
    points: Words, words: Words, padding: Words, shape: tuple[int, int, int], threads: int
) -> Iterator[tuple[Words, SimpleQueue[_Desk]]]:
    """Lend a pool that starts with the points and the padding, and desks of shape (keys, rows for sums, entries)."""
    n, (keys, rows, entries) = len(points), shape
    rows += 2 * _BATCH_ROWS
    stashes = POINT_WORDS * (n + _PADDING_ROWS + threads * (rows + _WASTE_ROWS))
    stash_words = STASH_WORDS * _BATCH_ROWS
    with ARENAS.borrow(stashes + threads * stash_words) as memory:
        pool = memory[:stashes]
        kernels.take_points(pool, words, points)
        pool[POINT_WORDS * n : POINT_WORDS * (n + _PADDING_ROWS)] = padding.reshape(-1)
        desks: SimpleQueue[_Desk] = SimpleQueue()
        for t in range(threads):
            stash = memory[stashes + t * stash_words : stashes + (t + 1) * stash_words]
            desks.put(_Desk(keys, rows, entries, n + _PADDING_ROWS + t * (rows + _WASTE_ROWS), n, stash))
        yield pool, desks


def _run(work: Callable[[int], None], tasks: Sequence[int], threads: int) -> None:
    if threads == 1:
        for task in tasks:
            work(task)
        return
    with ThreadPoolExecutor(threads) as executor:
        list(executor.map(work, tasks))


def _sum_stream(
    out: Words, pool: Words, words: Words, flips: NDArray[np.uint32], desk: _Desk, bits: int, start: int, stop: int
) -> None:
    kernels.sum_stream(
        out, pool, words, flips, desk.state, bits, start, stop, desk.pending, desk.free, desk.pairs, desk.entries,
        desk.stash, desk.lanes,
    )  # fmt: skip
