"""Large arrays whose memory is used again: the first touch of a page costs more than any kernel's work on it."""

from __future__ import annotations

import ctypes
import mmap
import threading
import weakref
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

LEAST_WORDS: Final = 1 << 16
"""Below this, malloc keeps what it has."""
KEPT_BYTES: Final = 1 << 30
_GRAIN_BYTES: Final = 1 << 18
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT_HEAP_BYTES: Final = 1 << 28
_MMAP_BYTES: Final = 1 << 25

_LOCK: Final = threading.RLock()  # a garbage collection inside `fresh` may call `_give_back`
_KEPT: Final[dict[int, Words]] = {}  # by identity, longest unused first


def keep_freed_memory() -> bool:
    """Tell malloc to keep what is freed, for a process whose work is to pass messages of up to 1 MiB.

    glibc otherwise gives each large block back and clears its pages again for the next. For a process's main to call,
    once; what libraries import must not. Returns whether malloc took the settings: False where it is not glibc's.
    """
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = {_TRIM_THRESHOLD: _KEPT_HEAP_BYTES, _MMAP_THRESHOLD: _MMAP_BYTES}
    return all([adjust(setting, value) == 1 for setting, value in settings.items()])


def fresh(words: int) -> Words:
    """Return an uninitialised vector, like np.empty.

    Large ones come from memory that returns here when the array and all its views are gone. At most ``KEPT_BYTES``
    wait for the next user, those longest unused given up first. What was written, shares among it, stays readable to
    that user, in this process, as with malloc.
    """
    if words < LEAST_WORDS:
        return np.empty(words, np.uint64)
    memory: Words | None = None
    with _LOCK:
        for kept in reversed(tuple(_KEPT.values())):
            if words <= len(kept) <= words + words // 4 + LEAST_WORDS:
                memory = _KEPT.pop(id(kept), None)
                if memory is not None:
                    break
    if memory is None:
        size = -(-words * 8 // _GRAIN_BYTES) * _GRAIN_BYTES
        memory = np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint64)
    leased = np.frombuffer(memory.data, np.uint64, count=words)  # every view's base: its end is the lease's
    weakref.finalize(leased, _give_back, memory).atexit = False
    return leased


def taken(x: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return the given rows of an array; of words, in memory that was touched before. Row numbers lie within it."""
    if x.dtype != np.uint64:
        return np.take(x, rows, axis=0)
    out = fresh(len(rows) * (x.size // max(len(x), 1))).reshape(len(rows), *x.shape[1:])
    np.take(x, rows, axis=0, out=out, mode="clip")  # the default mode would copy
    return out


def joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return arrays one after the other; of words, in memory that was touched before."""
    if len(parts) == 1 or parts[0].dtype != np.uint64:
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    rows = sum(len(part) for part in parts)
    out = fresh(sum(part.size for part in parts)).reshape(rows, *parts[0].shape[1:])
    np.concatenate(parts, out=out)
    return out


def _give_back(memory: Words) -> None:
    with _LOCK:
        _KEPT[id(memory)] = memory
        total = sum(kept.nbytes for kept in tuple(_KEPT.values()))
        for kept in tuple(_KEPT.values()):
            if total <= KEPT_BYTES:
                break
            total -= kept.nbytes
            _KEPT.pop(id(kept), None)
