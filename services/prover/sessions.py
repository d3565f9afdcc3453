"""Joint proofs in progress: a handle for each, one step at a time, and nothing kept that nobody uses."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from services.errors import CapacityExceededError, RecordUnknownError
from services.logging import get_logger
from zk.prover import Contributor
from zk.statement import Statement

HANDLE_BYTES: Final = 16
_log = get_logger("services.prover")


@dataclass(slots=True)
class _Session:
    statement: Statement
    contributor: Contributor = field(repr=False)
    used_at: float
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class SessionTable:
    """The joint proofs of one prover. Thread-safe.

    Args:
        limit: how many at a time.
        idle_s: how long one may be unused before it is dropped with its secrets.
    """

    def __init__(self, limit: int, idle_s: float) -> None:
        self._limit = limit
        self._idle_s = idle_s
        self._sessions: dict[bytes, _Session] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name="session-reaper", daemon=True)
        self._reaper.start()

    def require_room(self) -> None:
        """Refuse early, before a long upload.

        Raises:
            CapacityExceededError: the limit is reached.
        """
        if len(self._sessions) >= self._limit:
            raise CapacityExceededError(f"{self._limit} joint proofs are in progress: try again later")

    def open(self, statement: Statement, contributor: Contributor) -> bytes:
        """Keep a contributor and return its handle, which only its caller knows.

        Raises:
            CapacityExceededError: the limit is reached.
        """
        handle = secrets.token_bytes(HANDLE_BYTES)
        with self._lock:
            self.require_room()
            self._sessions[handle] = _Session(statement, contributor, time.monotonic())
        return handle

    @contextmanager
    def use(self, handle: bytes) -> Iterator[tuple[Statement, Contributor]]:
        """Work on a session alone.

        Raises:
            RecordUnknownError: there is no such session, or it was dropped.
        """
        session = self._sessions.get(handle)
        if session is None:
            raise RecordUnknownError("no such proving session: it ended, or was unused for too long")
        with session.lock:
            if handle not in self._sessions:
                raise RecordUnknownError("no such proving session: it has just ended")
            try:
                session.used_at = time.monotonic()
                yield session.statement, session.contributor
            finally:
                session.used_at = time.monotonic()

    def close(self, handle: bytes) -> None:
        """Drop a session; no error if there is none."""
        with self._lock:
            self._sessions.pop(handle, None)

    def stop(self) -> None:
        """Drop every session."""
        self._stopping.set()
        with self._lock:
            self._sessions.clear()
        self._reaper.join()

    def _reap(self) -> None:
        while not self._stopping.wait(min(5.0, self._idle_s / 4)):
            limit = time.monotonic() - self._idle_s
            with self._lock:
                # One that is locked is at work, however long its step takes.
                idle = [h for h, s in self._sessions.items() if s.used_at < limit and not s.lock.locked()]
                for handle in idle:
                    del self._sessions[handle]
            if idle:
                _log.warning("sessions dropped", count=len(idle), idle_s=self._idle_s)
