"""Large aligned memory, kept between uses: the first touch of fresh pages costs as much as summing a column of bits."""

from __future__ import annotations

import contextlib
import mmap
import threading
import time
from collections.abc import Iterator

import numpy as np

from zk.kernels.idle import sweep_with, watch
from zk.kernels.scalar import Words

_HUGE_PAGE_BYTES = 1 << 21
KEPT_ARENAS = 2
KEPT_BYTES = 1 << 29


def arena(words: int) -> Words:
    """Return at least so many uninitialised words at the start of a huge page, given back when unused."""
    size = -(-words * 8 // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES
    mapped = mmap.mmap(-1, size + _HUGE_PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages: slower, not wrong
            mapped.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(mapped, dtype=np.uint64)
    skipped = -whole.ctypes.data % _HUGE_PAGE_BYTES // 8
    return whole[skipped : skipped + size // 8]


class Arenas:
    """Arenas between two uses, at most ``KEPT_ARENAS`` of at most ``KEPT_BYTES`` each, and none that was not used for
    ``zk.kernels.idle.IDLE_S`` seconds.

    What was written stays readable to the next borrower in this process: public points, and words of scalars that may
    be secret. Nothing promises to erase them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Words] = []
        self._used_at = 0.0

    @contextlib.contextmanager
    def borrow(self, words: int) -> Iterator[Words]:
        """Lend at least so many words, uninitialised, to one borrower at a time."""
        with self._lock:
            fitting = [k for k, kept in enumerate(self._kept) if len(kept) >= words]
            chosen = self._kept.pop(min(fitting, key=lambda k: len(self._kept[k]))) if fitting else None
        lent = arena(words) if chosen is None else chosen
        try:
            yield lent
        finally:
            if lent.nbytes <= KEPT_BYTES:
                with self._lock:
                    self._used_at = time.monotonic()
                    self._kept.append(lent)
                    self._kept.sort(key=len)
                    del self._kept[:-KEPT_ARENAS]
                watch()

    def sweep(self, before: float) -> bool:
        """Give up all if none was used since a time; return whether any is kept still."""
        with self._lock:
            if self._used_at < before:
                self._kept.clear()
            return bool(self._kept)


ARENAS = Arenas()
"""The process's arenas."""

sweep_with(ARENAS.sweep)
