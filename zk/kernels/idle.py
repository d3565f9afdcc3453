"""Gives back memory that waits for a next user who does not come: one thread, only while there is such memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

IDLE_S = 30.0
"""What nobody has used for so long is given back to the system. Steps of a proof follow one another sooner."""

_LOCK = threading.Lock()
_SWEEPS: list[Callable[[float], bool]] = []
_RUNNING = False


def sweep_with(sweep: Callable[[float], bool]) -> None:
    """Declare a holder of memory.

    Args:
        sweep: gives up what was last used before a time (of `time.monotonic`) and returns whether it holds or lends
            anything still.
    """
    _SWEEPS.append(sweep)


def watch() -> None:
    """Have the thread run from now on. Called after memory was lent or kept, never under a holder's lock."""
    global _RUNNING
    with _LOCK:
        if not _RUNNING:
            _RUNNING = True
            threading.Thread(target=_sweep, name="kernels-idle", daemon=True).start()


def _sweep() -> None:
    global _RUNNING
    while True:
        time.sleep(IDLE_S / 3)
        with _LOCK:
            before = time.monotonic() - IDLE_S
            if not any([sweep(before) for sweep in _SWEEPS]):
                _RUNNING = False
                return


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    global _LOCK, _RUNNING
    _LOCK, _RUNNING = threading.Lock(), False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
