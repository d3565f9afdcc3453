"""One SQLite file as the key-value store of an EVM chain.

WAL with synchronous=FULL, exactly one connection per file (held exclusively, because the SQLite that stock Python
links corrupts a WAL that several connections reset), and no write outside an explicit transaction: whatever is written
between the begin and the commit of ``transaction()`` survives a crash together or not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth.abc import AtomicWriteBatchAPI
from eth.db.atomic import AtomicDBWriteBatch
from eth.db.backends.base import BaseAtomicDB

from ledger.errors import ChainCorruptError, ChainError, ChainInUseError

_TABLES = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS kv (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID",
)


class SqliteStore(BaseAtomicDB):
    """Key-value store of py-evm on one exclusively held SQLite file.

    The object is not thread-safe: its owner serialises every access under one lock.

    Args:
        path: the database file, created if missing.

    Raises:
        ChainInUseError: another connection holds the file.
        ChainCorruptError: the file is not an SQLite database, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._in_transaction = False
        try:
            self._connection = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise ChainCorruptError(f"cannot open the chain file {path}: {error}") from error
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            mode = self._connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            if mode != "wal":
                raise ChainCorruptError(f"the chain file {path} cannot use a write-ahead log (mode {mode})")
            self._connection.execute("PRAGMA synchronous=FULL")
            with self.transaction():
                for statement in _TABLES:
                    self._connection.execute(statement)
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise ChainInUseError(f"the chain file {path} is in use by another process: {error}") from error
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise ChainCorruptError(f"{path} is not a chain file: {error}") from error

    def close(self) -> None:
        """Close the file; later use raises sqlite3.ProgrammingError."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One SQL transaction: committed and synced on normal exit, rolled back on any exception.

        Yields:
            The connection, for writers that keep tables of their own beside the key-value store.

        Raises:
            ChainError: a transaction is already open.
        """
        if self._in_transaction:
            raise ChainError("a storage transaction is already open")
        self._connection.execute("BEGIN IMMEDIATE")
        self._in_transaction = True
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        finally:
            self._in_transaction = False
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @property
    def connection(self) -> sqlite3.Connection:
        """The one connection, for reads of tables beside the key-value store."""
        return self._connection

    def meta(self, name: str) -> int | None:
        """Return a stored chain parameter, or None."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def set_meta(self, name: str, value: int) -> None:
        """Store a chain parameter; only inside a transaction."""
        self._require_transaction()
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT v FROM kv WHERE k = ?", (bytes(key),)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._require_transaction()
        self._connection.execute("INSERT OR REPLACE INTO kv VALUES (?, ?)", (bytes(key), bytes(value)))

    def __delitem__(self, key: bytes) -> None:
        self._require_transaction()
        if self._connection.execute("DELETE FROM kv WHERE k = ?", (bytes(key),)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("SELECT 1 FROM kv WHERE k = ?", (bytes(key),)).fetchone() is not None

    @contextmanager
    def atomic_batch(self) -> Iterator[AtomicWriteBatchAPI]:
        """py-evm's write batch; it becomes part of the transaction that the owner of the store has open."""
        with AtomicDBWriteBatch._commit_unless_raises(self) as batch:
            yield batch

    def _require_transaction(self) -> None:
        if not self._in_transaction:
            raise ChainError("write outside a storage transaction")
