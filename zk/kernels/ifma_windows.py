"""How scalars are cut into windows, and windows into tasks, for sums of points with eight lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

MAX_BITS = 17
KEYS_AT_ONCE = 1 << 14
"""Buckets summed at a time, or two windows' if those are at most MOST_KEYS, or one window's.

Their sums should stay in the second-level cache, but every pass over many points costs as much as that is worth.
"""
MOST_KEYS = 1 << MAX_BITS


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring windows that are summed at the same time."""

    start: int
    count: int
    bits: int
    """Of the widest."""
    wide: int
    """So many have that width; those after them have a bit less."""
    bit: int
    """Of the scalars, the lowest that the first window holds."""

    @property
    def buckets(self) -> int:
        """Of all windows together."""
        return self.count << (self.bits - 1)

    @property
    def keys(self) -> int:
        """Keys in use at a time: buckets, then rows and columns of buckets."""
        low = 1 << (self.bits - 1) // 2
        return max(self.buckets, self.count * ((1 << (self.bits - 1)) // low + low))


@dataclass(frozen=True, slots=True)
class Windows:
    """How scalars are cut: the bits of every window, the lowest first, which is among the widest."""

    bits: tuple[int, ...]

    @property
    def raised(self) -> int:
        """What makes digits free of carries when it is added to a scalar: the last digit is never negative."""
        tops = list(accumulate(self.bits))[:-1]
        return sum(1 << (top - 1) for top in tops)

    def tasks(self, threads: int) -> list[Run]:
        """Return runs that together are all windows, the longest first; even shares for so many threads."""
        count, bits, at = len(self.bits), self.bits, [0, *accumulate(self.bits)]
        buckets = 1 << (bits[0] - 1)
        parts = -(-count // max(1, min(2, MOST_KEYS // buckets), KEYS_AT_ONCE // buckets))
        parts = min(count, -(-parts // threads) * threads)
        edges = [count * k // parts for k in range(parts + 1)]
        runs = []
        for start, stop in pairwise(edges):
            wide = bits[start:stop].count(bits[start])
            runs.append(Run(start, stop - start, bits[start], wide, at[start]))
        return sorted(runs, key=lambda run: -run.count)


def choose_windows(n: int, length: int) -> Windows:
    """Return the windows of least cost for ``n`` scalars of ``length`` bits, of one width or of two that differ by one.

    A window costs one addition per scalar, two per bucket, and sixteen per row or column; an addition into a bucket
    costs half as much again, since its point is further away (measured, see docs/performance.md). They hold a bit more
    than scalars have, for the carry: where windows of one width hold more still, only so many buckets of the last are
    in use.
    """
    return Windows(min(_candidates(length + 1), key=lambda bits: _cost(n, length + 1, bits)))


def _candidates(length: int) -> Iterator[tuple[int, ...]]:
    for bits in range(2, MAX_BITS + 1):
        count = -(-length // bits)
        yield (bits,) * count
        narrow = bits * count - length
        if bits > 2 and 0 < narrow < count:
            yield (bits,) * (count - narrow) + (bits - 1,) * narrow


def _cost(n: int, length: int, windows: tuple[int, ...]) -> float:
    last = length - sum(windows[:-1])
    return sum(n + 1.5 * (1 << bits) + 16 * (1 << bits // 2) for bits in (*windows[:-1], last))
