"""What sums of points with eight lanes need around their kernels: memory and threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk.kernels import ifma_msm as kernels
from zk.kernels.arenas import ARENAS, arena
from zk.kernels.ifma_batch import LANES_WORDS, STASH_WORDS
from zk.kernels.ifma_layout import BLOCK
from zk.kernels.ifma_points import POINT_WORDS
from zk.kernels.ifma_windows import MOST_KEYS, Run, Windows, choose_windows
from zk.kernels.scalar import Words
from zk.kernels.workers import run_tasks

Bits = NDArray[np.int64]

_PADDING_ROWS = 2
_WASTE_ROWS = 16
_FIXED_KEYS = 1 << 13  # scalars at a time: their sums should stay in the second-level cache
_BATCH_ROWS = kernels.BATCH + kernels.SLACK
_MOST_ROWS = 3 * MOST_KEYS + 3 * _BATCH_ROWS
_SCALARS_AT_ONCE = 1 << 14


def sum_products(points: Words | FixedPool, scalars: Words, padding: Words, threads: int) -> tuple[Words, Bits]:
    """Return the (windows, 16) sums of digit times point of every window, in XYZZ, and the windows' bits.

    Args:
        points: (n, 8), C-contiguous, or a pool that starts with them, or with more; n at least one.
        scalars: (n, 4), public form, C-contiguous.
        padding: (2, 8) two points, different, not opposite, not infinity.
        threads: at most so many. The sums do not depend on it.
    """
    n, columns = len(scalars), len(scalars) + 7 & ~7
    with ARENAS.borrow(6 * columns) as memory:
        taken = _take_scalars(memory, scalars, threads)
        windows = choose_windows(n, taken.length)
        return _sum_windows(points, taken, padding, windows, threads), np.array(windows.bits, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Scalars:
    """Scalars as digits are taken from them: words (5, columns) of magnitudes, of which ``rows`` are written; signs."""

    words: Words
    flips: NDArray[np.uint32]
    rows: int
    length: int
    """Bits of the longest magnitude."""

    def raise_for(self, windows: Windows, threads: int) -> int:
        """Make digits free of carries, for these windows, but for what is returned, which is still to be added."""
        used = -(-sum(windows.bits) // 64)
        if used == 1:
            return windows.raised
        self.words[self.rows : 4] = 0
        if used > 4:
            self.words[4] = 0
        constant = np.array([[windows.raised >> 64 * k & (1 << 64) - 1 for k in range(4)]], dtype=np.uint64)

        def add(_: int, start: int) -> None:
            kernels.raise_scalars(self.words, constant, start, min(start + _SCALARS_AT_ONCE, self.words.shape[1]))

        run_tasks(add, range(0, self.words.shape[1], _SCALARS_AT_ONCE), threads)
        return 0


def _take_scalars(memory: Words, scalars: Words, threads: int) -> _Scalars:
    """Write the words of the scalars' magnitudes and their signs to six words per scalar."""
    columns = len(scalars) + 7 & ~7
    words = memory[: 5 * columns].reshape(5, columns)
    flips = memory[5 * columns : 6 * columns].view(np.uint32)[:columns]
    starts = range(0, columns, _SCALARS_AT_ONCE)
    seen = np.zeros((len(starts), BLOCK), dtype=np.uint64)
    rows = [1] * len(starts)

    def take(_: int, task: int) -> None:
        start = starts[task]
        chosen = scalars[start : start + _SCALARS_AT_ONCE]
        if len(chosen) & 7:
            chosen = np.concatenate([chosen, np.zeros((-len(chosen) & 7, 4), dtype=np.uint64)])
        rows[task] = kernels.take_scalars(words, flips, seen[task], chosen.reshape(-1), start)

    run_tasks(take, range(len(starts)), threads)
    for start, written in zip(starts, rows, strict=True):
        words[written : max(rows), start : start + _SCALARS_AT_ONCE] = 0
    union = np.bitwise_or.reduce(seen.reshape(-1, 5, 8), axis=(0, 2))
    length = sum(int(limb) << (52 * k) for k, limb in enumerate(union)).bit_length()
    return _Scalars(words, flips, max(rows), length)


class _Desk:
    """One thread's scratch, and the rows of the pool it may write, from ``first`` on."""

    def __init__(self, keys: int, rows: int, entries: int, first: int, empty: int, stash: Words) -> None:
        self.rows = np.arange(first, first + rows, dtype=np.uint32)[::-1]
        self.state = np.array([0, 0, first, empty, first + rows, 0, empty + _PADDING_ROWS] + [0] * 5, dtype=np.int64)
        self.free = np.empty(rows + kernels.SLACK, dtype=np.uint32)
        self.pending = np.empty(keys + 1, dtype=np.uint32)
        self.pairs = np.empty((2, 4, _BATCH_ROWS), dtype=np.uint32)
        self.entries = np.empty((2, max(kernels.CHUNK, entries)), dtype=np.uint32)
        self.lanes = np.empty(LANES_WORDS, dtype=np.uint64)
        self.stash = stash

    def clear(self, run: Run | None = None, plus: int = 0) -> None:
        """Take every row back, the lowest on top; sum these windows of scalars with ``plus`` added."""
        self.free[: len(self.rows)] = self.rows
        self.state[:3] = 0, len(self.rows), self.rows[-1]
        self.state[7:] = 0, 0, run.bit if run else 0, run.wide if run else 0, plus


class FixedPool:
    """Points that are summed again and again, where the stream reads them, with room for sums behind them.

    Holds 64 bytes per point; room for sums, 25 MB per thread, is reserved and becomes memory when it is first used.
    One sum at a time uses the room: a second, at the same time, works on a copy of the points.

    Args:
        points: (n, 8), public, C-contiguous; copied.
        padding: as ``sum_products`` takes it.
        threads: of sums, at most.
    """

    def __init__(self, points: Words, padding: Words, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._memory = arena(_pool_words(len(points), _MOST_ROWS, threads))
        self.points = self._memory[: POINT_WORDS * len(points)].reshape(-1, 8)
        self.points[:] = points
        self._infinite = np.flatnonzero(~points.any(axis=1))
        _pad(self._memory, len(points), padding)

    @contextlib.contextmanager
    def borrow(self, words: Words, rows: int, threads: int) -> Iterator[Words | None]:
        """Lend the memory, the words of scalars of infinite points cleared; None if there is too little, or in use."""
        if threads > self.threads or rows > _MOST_ROWS or not self._lock.acquire(blocking=False):
            yield None
            return
        try:
            words[:4, self._infinite[self._infinite < words.shape[1]]] = 0
            yield self._memory
        finally:
            self._lock.release()


def _sum_windows(points: Words | FixedPool, scalars: _Scalars, padding: Words, windows: Windows, threads: int) -> Words:
    """Words of scalars are changed; columns beyond the points are zero."""
    tasks = windows.tasks(threads)
    threads = min(threads, len(tasks))
    keys, buckets = max(run.keys for run in tasks), max(run.buckets for run in tasks)
    rows = 3 * buckets  # of a bucket: its own sum, its row's and its column's
    sums = np.empty((len(windows.bits), 16), dtype=np.uint64)
    with _work(points, scalars.words, padding, (keys, rows, 1 << max(windows.bits)), threads) as (pool, desks):
        plus = scalars.raise_for(windows, threads)  # after scalars of infinite points were cleared

        def work(worker: int, run: Run) -> None:
            desk = desks[worker]
            desk.clear(run, plus)
            _sum_stream(sums, pool, scalars, desk, run.bits, run.start, run.start + run.count)

        run_tasks(work, tasks, threads)
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
        taken = _take_scalars(memory, scalars, threads)
        taken.raise_for(Windows((kernels.FIXED_BITS,) * kernels.FIXED_WINDOWS), threads)
        keys = min(_FIXED_KEYS, -(-columns // (8 * threads)) * 8)
        none = np.zeros((5, len(multiples)), dtype=np.uint64)
        with _work(multiples, none, padding, (keys, keys, 0), threads) as (pool, desks):

            def work(worker: int, start: int) -> None:
                desk = desks[worker]
                desk.clear()
                desk.state[6] = 0
                _sum_stream(out, pool, taken, desk, 0, start, min(start + keys, columns))

            run_tasks(work, range(0, columns, keys), threads)
    return out


@contextlib.contextmanager
def _work(
    points: Words | FixedPool, words: Words, padding: Words, shape: tuple[int, int, int], threads: int
) -> Iterator[tuple[Words, list[_Desk]]]:
    """Lend a pool that starts with the points and the padding, and desks of shape (keys, rows for sums, entries)."""
    keys, rows, entries = shape
    rows += 3 * _BATCH_ROWS
    with contextlib.ExitStack() as stack:
        memory = None
        if isinstance(points, FixedPool):
            memory = stack.enter_context(points.borrow(words, rows, threads))
            points = points.points
        n = len(points)
        if memory is None:
            memory = stack.enter_context(ARENAS.borrow(_pool_words(n, rows, threads)))
            kernels.take_points(memory, words, points)
            _pad(memory, n, padding)
        stashes, stash_words = _pool_words(n, rows, threads, stashes=0), STASH_WORDS * _BATCH_ROWS
        desks = []
        for t in range(threads):
            stash = memory[stashes + t * stash_words : stashes + (t + 1) * stash_words]
            desks.append(_Desk(keys, rows, entries, n + _PADDING_ROWS + t * (rows + _WASTE_ROWS), n, stash))
        yield memory[:stashes], desks


def _pool_words(n: int, rows: int, threads: int, stashes: int = STASH_WORDS * _BATCH_ROWS) -> int:
    return POINT_WORDS * (n + _PADDING_ROWS + threads * (rows + _WASTE_ROWS)) + threads * stashes


def _pad(pool: Words, n: int, padding: Words) -> None:
    pool[POINT_WORDS * n : POINT_WORDS * (n + _PADDING_ROWS)] = padding.reshape(-1)


def _sum_stream(out: Words, pool: Words, scalars: _Scalars, desk: _Desk, bits: int, start: int, stop: int) -> None:
    kernels.sum_stream(
        out, pool, scalars.words, scalars.flips, desk.state, bits, start, stop, desk.pending, desk.free, desk.pairs,
        desk.entries, desk.stash, desk.lanes,
    )  # fmt: skip
