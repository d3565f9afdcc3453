"""Large arrays whose memory is used again: of what malloc gives beyond 32 MiB, the system clears every page first."""

from __future__ import annotations

import threading
import weakref

import numpy as np

from zk.kernels.arenas import arena
from zk.kernels.scalar import Words

LEAST_WORDS = 1 << 18
KEPT_BYTES = 1 << 30

_LOCK = threading.RLock()  # a garbage collection inside `fresh` may call `_give_back`
_KEPT: dict[int, Words] = {}  # by identity, longest unused first; a collection may change it at any allocation


def fresh(rows: int, columns: int = 4) -> Words:
    """Return an uninitialised (rows, columns) array, like np.empty.

    From 2 MiB on its memory comes from an arena that returns here when the array and all its views are gone. At most
    ``KEPT_BYTES`` wait for the next user, those longest unused given up first. What was written stays readable to
    that user, in this process, as with malloc.
    """
    words = rows * columns
    if words < LEAST_WORDS:
        return np.empty((rows, columns), dtype=np.uint64)
    memory = None
    with _LOCK:
        for kept in reversed(tuple(_KEPT.values())):
            if words <= len(kept) <= words + words // 4 + LEAST_WORDS:
                memory = _KEPT.pop(id(kept), None)
                if memory is not None:
                    break
    if memory is None:
        memory = arena(words)
    leased = np.frombuffer(memory.data, dtype=np.uint64, count=words)  # every view's base: its end is the lease's
    weakref.finalize(leased, _give_back, memory).atexit = False
    return leased.reshape(rows, columns)


def _give_back(memory: Words) -> None:
    with _LOCK:
        _KEPT[id(memory)] = memory
        total = sum(kept.nbytes for kept in tuple(_KEPT.values()))
        for kept in tuple(_KEPT.values()):
            if total <= KEPT_BYTES:
                break
            total -= kept.nbytes
            _KEPT.pop(id(kept), None)
