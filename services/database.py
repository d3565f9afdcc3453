"""Durable state of a process in one SQLite file: one connection, WAL, synchronous=FULL, private to its owner.

SQLite 3.40 has a WAL fault that needs two connections to one file, so there is exactly one, behind a lock. FULL is what
makes a commit survive a power cut (NORMAL acknowledges before it syncs).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from services.errors import ServiceError


class DatabaseInvalidError(ServiceError):
    """A state file cannot be opened, or is of another kind or a newer version."""


class Database:
    """One SQLite file. Safe to use from several threads.

    Args:
        path: the file; created with mode 0600 if missing.
        kind: number that marks the file as ours (`PRAGMA application_id`).
        migrations: statements that bring version i to version i + 1, from an empty file on.

    Raises:
        DatabaseInvalidError: the file is not a database of this kind, is in use, or comes from a newer release.
    """

    def __init__(self, path: Path, kind: int, migrations: Sequence[str]) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
            self._prepare(path, kind, migrations)
        except (sqlite3.Error, OSError) as error:
            raise DatabaseInvalidError(f"cannot open {path}: {error}") from error

    def _prepare(self, path: Path, kind: int, migrations: Sequence[str]) -> None:
        execute = self._connection.execute
        execute("PRAGMA locking_mode=EXCLUSIVE")  # a second process is refused, not corrupted
        (found,) = execute("PRAGMA application_id").fetchone()
        (version,) = execute("PRAGMA user_version").fetchone()
        (objects,) = execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if (found, version, objects) != (0, 0, 0) and found != kind:
            raise DatabaseInvalidError(f"{path} is a file of another kind")
        if version > len(migrations):
            raise DatabaseInvalidError(f"{path} comes from a newer release")
        execute("PRAGMA journal_mode=WAL")
        execute("PRAGMA synchronous=FULL")
        execute("PRAGMA foreign_keys=ON")
        with self.transaction() as connection:
            connection.execute(f"PRAGMA application_id={kind}")
            for number in range(version, len(migrations)):
                for statement in filter(str.strip, migrations[number].split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={number + 1}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block in one transaction; what it did is on disk when the block ends, or nothing is."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:  # whatever it was, it must not leave half a transaction
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def read(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run one query and return its rows."""
        with self._lock:
            return self._connection.execute(statement, tuple(values)).fetchall()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
