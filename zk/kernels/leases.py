"""Large arrays whose memory is used again: of what malloc gives beyond 32 MiB, the system clears every page first.

What waits for a next user and what is lent make together never more than the most that was lent at once: so that a
proof finds what the one before it needed, however large it is and however many run side by side, and no process grows
by it. What waited for ``zk.kernels.idle.IDLE_S`` seconds in vain is given back, and that most forgotten.
"""

from __future__ import annotations

import threading
import time
import weakref

import numpy as np

from zk.kernels.arenas import arena
from zk.kernels.idle import sweep_with, watch
from zk.kernels.scalar import Words

LEAST_WORDS = 1 << 18


class Leases:
    """Memory lent and memory that waits. Thread-safe, also against a garbage collection that ends a lease."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a collection at any allocation below may call `_give_back`
        self._kept: dict[int, tuple[Words, float]] = {}  # by identity, with the time it came back, the earliest first
        self._lent_bytes = 0
        self._most_bytes = 0

    @property
    def kept_bytes(self) -> int:
        """How much waits."""
        return sum(memory.nbytes for memory, _ in tuple(self._kept.values()))

    @property
    def lent_bytes(self) -> int:
        """How much is in use."""
        return self._lent_bytes

    def lend(self, words: int) -> Words:
        """Return ``words`` uninitialised words, which come back when the array and all its views are gone."""
        memory = self._take(words)
        leased = np.frombuffer(memory.data, dtype=np.uint64, count=words)  # every view's base: its end is the lease's
        weakref.finalize(leased, self._give_back, memory).atexit = False
        return leased

    def _take(self, words: int) -> Words:
        with self._lock:
            for kept, _ in reversed(tuple(self._kept.values())):
                fits = words <= len(kept) <= words + words // 4 + LEAST_WORDS
                if fits and self._kept.pop(id(kept), None) is not None:
                    self._lent_bytes += kept.nbytes
                    return kept
            memory = arena(words)
            self._lent_bytes += memory.nbytes
            self._most_bytes = max(self._most_bytes, self._lent_bytes)
            self._make_room()
        return memory

    def _give_back(self, memory: Words) -> None:
        with self._lock:
            self._lent_bytes -= memory.nbytes
            self._kept[id(memory)] = memory, time.monotonic()

    def _make_room(self) -> None:
        """Give up what has waited longest, until no more is mapped than was ever lent at once."""
        excess = self._lent_bytes + self.kept_bytes - self._most_bytes
        for kept, _ in tuple(self._kept.values()):
            if excess <= 0:
                break
            if self._kept.pop(id(kept), None) is not None:
                excess -= kept.nbytes

    def sweep(self, before: float) -> bool:
        """Give up what came back before a time; return whether anything is kept or lent still."""
        with self._lock:
            for kept, since in tuple(self._kept.values()):
                if since < before and self._kept.pop(id(kept), None) is not None:
                    self._most_bytes = self._lent_bytes + self.kept_bytes
            return bool(self._kept or self._lent_bytes)


LEASES = Leases()
"""The process's."""

sweep_with(LEASES.sweep)


def fresh(rows: int, columns: int = 4) -> Words:
    """Return an uninitialised (rows, columns) array, like np.empty.

    From 2 MiB on its memory is lent and used again. What was written stays readable to the next user, in this process,
    as with malloc.
    """
    words = rows * columns
    if words < LEAST_WORDS:
        return np.empty((rows, columns), dtype=np.uint64)
    leased = LEASES.lend(words)
    watch()
    return leased.reshape(rows, columns)
