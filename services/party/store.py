"""What a party must never lose: its registered columns and blinders, its verdicts, the attempts it spent, its parts of
published results. One SQLite file with mode 0600; it holds the owner's data, so protect the disk as the database's own.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from query.publication import Publication
from services.database import Database, DatabaseInvalidError
from services.errors import RecordUnknownError, StateConflictError
from services.party.stored import AttemptState, StoredColumn, StoredDataset, StoredQuery, StoredResult
from services.party.verdict import Verdict

MAX_ATTEMPTS: Final = 3
_KIND: Final = 0x54535031  # "TSP1"

_MIGRATIONS: Final = (
    """
    CREATE TABLE datasets (
        dataset BLOB NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, schema BLOB NOT NULL, policy BLOB NOT NULL,
        log_rows INTEGER NOT NULL, rows INTEGER NOT NULL, active INTEGER NOT NULL, stored_at_ms INTEGER NOT NULL,
        PRIMARY KEY (dataset, version)
    ) WITHOUT ROWID;
    CREATE TABLE columns (
        dataset BLOB NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL, cells BLOB NOT NULL,
        blinder BLOB NOT NULL, PRIMARY KEY (dataset, version, position),
        FOREIGN KEY (dataset, version) REFERENCES datasets ON DELETE CASCADE
    );
    CREATE TABLE queries (
        query_id BLOB PRIMARY KEY, sql TEXT NOT NULL, purpose TEXT NOT NULL, proposer TEXT NOT NULL,
        relation_hash BLOB NOT NULL, minimum INTEGER NOT NULL, verdict TEXT NOT NULL, considered_at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE attempts (
        query_id BLOB NOT NULL REFERENCES queries, attempt INTEGER NOT NULL, state TEXT NOT NULL,
        began_at_ms INTEGER NOT NULL, PRIMARY KEY (query_id, attempt)
    ) WITHOUT ROWID;
    CREATE TABLE results (
        query_id BLOB NOT NULL, attempt INTEGER NOT NULL, proof BLOB NOT NULL, parts BLOB, quotients BLOB,
        PRIMARY KEY (query_id, attempt), FOREIGN KEY (query_id, attempt) REFERENCES attempts
    ) WITHOUT ROWID;
    """,
    "ALTER TABLE queries ADD COLUMN publication TEXT NOT NULL DEFAULT 'agency'",
    """
    ALTER TABLE results ADD COLUMN guards BLOB NOT NULL DEFAULT x'';
    CREATE TABLE documents (hash BLOB PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE charges (
        dataset BLOB NOT NULL, query_id BLOB NOT NULL, member TEXT NOT NULL, charged_at_ms INTEGER NOT NULL,
        PRIMARY KEY (dataset, query_id)
    ) WITHOUT ROWID;
    """,
    "ALTER TABLE results ADD COLUMN ranks BLOB NOT NULL DEFAULT x''",
)

_QUERY_COLUMNS: Final = (
    "query_id, sql, purpose, proposer, relation_hash, minimum, verdict, considered_at_ms, publication"
)
_QUERIES: Final = "SELECT " + _QUERY_COLUMNS + " FROM queries "  # noqa: S608 - constants only
_QUERY_BY_ID: Final = _QUERIES + "WHERE query_id = ?"
_QUERIES_WAITING: Final = _QUERIES + "WHERE verdict = 'WAITING' ORDER BY considered_at_ms, query_id"


class PartyStore:
    """A party's durable state. Safe to use from several threads.

    Args:
        path: the SQLite file.

    Raises:
        DatabaseInvalidError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _KIND, _MIGRATIONS)
        with self._database.transaction() as connection:  # what was running when the process ended is burnt (M4)
            connection.execute("UPDATE attempts SET state = 'BURNT' WHERE state IN ('BEGUN', 'SPENT')")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # --- datasets ------------------------------------------------------------------------------------------------

    def keep_dataset(self, dataset: StoredDataset, columns: Sequence[StoredColumn]) -> None:
        """Keep a version before it is registered, replacing an earlier draft of it; `activate` follows.

        Raises:
            StateConflictError: the version is registered already.
        """
        key = (_id(dataset.dataset), dataset.version)
        with self._database.transaction() as connection:
            found = connection.execute("SELECT active FROM datasets WHERE dataset = ? AND version = ?", key).fetchone()
            if found is not None and found[0]:
                raise StateConflictError(f"version {dataset.version} of {dataset.name} is registered already")
            connection.execute("DELETE FROM datasets WHERE dataset = ? AND version = ?", key)
            fields = (dataset.name, dataset.schema, dataset.policy, dataset.log_rows, dataset.rows, 0, _now_ms())
            connection.execute("INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*key, *fields))
            cells = [
                (*key, place, column.cells.astype("<i8").tobytes(), column.blinder)
                for place, column in enumerate(columns)
            ]
            connection.executemany("INSERT INTO columns VALUES (?, ?, ?, ?, ?)", cells)

    def activate(self, dataset: int, version: int) -> None:
        """Note that the ledger has a version in its directory."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE datasets SET active = 1 WHERE dataset = ? AND version = ?", (_id(dataset), version)
            )

    def set_policy(self, dataset: int, version: int, policy: bytes) -> None:
        """Replace the policy kept with a version."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE datasets SET policy = ? WHERE dataset = ? AND version = ?", (policy, _id(dataset), version)
            )

    def drop_draft(self, dataset: int, version: int) -> None:
        """Forget a version that was never registered."""
        with self._database.transaction() as connection:
            key = (_id(dataset), version)
            connection.execute("DELETE FROM datasets WHERE dataset = ? AND version = ? AND active = 0", key)

    def datasets(self, *, active: bool = True) -> list[StoredDataset]:
        """Registered versions, or drafts, in order of storing."""
        rows = self._database.read(
            "SELECT dataset, version, name, schema, policy, log_rows, rows FROM datasets WHERE active = ? "
            "ORDER BY stored_at_ms, dataset, version",
            (int(active),),
        )
        return [_dataset(row) for row in rows]

    def column(self, dataset: int, version: int, position: int) -> StoredColumn:
        """A committed column.

        Raises:
            RecordUnknownError: this party does not hold it.
        """
        rows = self._database.read(
            "SELECT cells, blinder FROM columns WHERE dataset = ? AND version = ? AND position = ?",
            (_id(dataset), version, position),
        )
        if not rows:
            raise RecordUnknownError(f"this party does not hold column {position} of version {version} of the dataset")
        cells, blinder = rows[0]
        return StoredColumn(np.frombuffer(_bytes(cells), "<i8").astype(np.int64), _bytes(blinder))

    def keep_document(self, digest: bytes, text: bytes) -> None:
        """Keep a schema or policy of anybody's, by its hash."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO documents VALUES (?, ?)", (digest, text))

    def document(self, digest: bytes) -> bytes | None:
        """The schema or policy with a hash, if it was ever shown here."""
        rows = self._database.read("SELECT text FROM documents WHERE hash = ?", (digest,))
        return _bytes(rows[0][0]) if rows else None

    def charge(self, dataset: int, query_id: bytes, member: str, since_ms: int) -> int:
        """Charge a question to a member's budget of one table, once, and return what it has been charged since."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO charges VALUES (?, ?, ?, ?)", (_id(dataset), query_id, member, _now_ms())
            )
            (found,) = connection.execute(
                "SELECT COUNT(*) FROM charges WHERE dataset = ? AND member = ? AND charged_at_ms >= ?",
                (_id(dataset), member, since_ms),
            ).fetchone()
        return _int(found)

    # --- queries -------------------------------------------------------------------------------------------------

    def keep_query(self, query: StoredQuery) -> None:
        """Keep a verdict; a later one on the same query replaces it."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO queries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (query_id) DO UPDATE SET "
                "relation_hash = excluded.relation_hash, minimum = excluded.minimum, verdict = excluded.verdict, "
                "publication = excluded.publication",
                (
                    query.query_id,
                    query.sql,
                    query.purpose,
                    query.proposer,
                    query.relation_hash,
                    query.minimum,
                    query.verdict.value,
                    query.considered_at_ms,
                    query.publication.value,
                ),
            )

    def query(self, query_id: bytes) -> StoredQuery | None:
        """A considered query."""
        found = self._queries(_QUERY_BY_ID, (query_id,))
        return found[0] if found else None

    def pending(self) -> list[StoredQuery]:
        """Queries that wait for a person, oldest first."""
        return self._queries(_QUERIES_WAITING, ())

    def set_verdict(self, query_id: bytes, verdict: Verdict) -> None:
        """Change the verdict on a considered query."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE queries SET verdict = ? WHERE query_id = ?", (verdict.value, query_id))

    def _queries(self, statement: str, values: Sequence[object]) -> list[StoredQuery]:
        return [_query(row) for row in self._database.read(statement, values)]

    # --- attempts and results ------------------------------------------------------------------------------------

    def begin_attempt(self, query_id: bytes, attempt: int) -> None:
        """Begin an attempt; it must be newer than every attempt this party has seen, and within the cap.

        Raises:
            StateConflictError: the number was used or passed, or the cap is reached.
        """
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT attempt FROM attempts WHERE query_id = ?", (query_id,)).fetchall()
            if attempt in [number for (number,) in rows] or any(attempt < number for (number,) in rows):
                raise StateConflictError(f"attempt {attempt} is burnt: every attempt starts afresh under a new number")
            if not 1 <= attempt <= MAX_ATTEMPTS:
                raise StateConflictError(f"a query has at most {MAX_ATTEMPTS} attempts")
            connection.execute("INSERT INTO attempts VALUES (?, ?, 'BEGUN', ?)", (query_id, attempt, _now_ms()))

    def mark_spent(self, query_id: bytes, attempt: int) -> None:
        """Durably note, before it happens, that evaluations of this attempt leave the party (M4).

        Raises:
            StateConflictError: the attempt is not the one that was begun, or is spent already.
        """
        with self._database.transaction() as connection:
            _advance(connection, query_id, attempt, AttemptState.BEGUN, AttemptState.SPENT)

    def keep_result(self, query_id: bytes, result: StoredResult) -> None:
        """End an attempt well: keep its proof and this party's parts until they are acknowledged (M14).

        Raises:
            StateConflictError: the attempt is not a spent one.
        """
        with self._database.transaction() as connection:
            _advance(connection, query_id, result.attempt, AttemptState.SPENT, AttemptState.DONE)
            connection.execute(
                "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?)",
                (query_id, result.attempt, result.proof, result.parts, result.quotients, result.guards, result.ranks),
            )

    def burn_attempt(self, query_id: bytes, attempt: int) -> None:
        """End an attempt badly."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE attempts SET state = 'BURNT' WHERE query_id = ? AND attempt = ? AND state <> 'DONE'",
                (query_id, attempt),
            )

    def attempt_state(self, query_id: bytes, attempt: int) -> AttemptState | None:
        """How far an attempt came; None if it never began here."""
        rows = self._database.read("SELECT state FROM attempts WHERE query_id = ? AND attempt = ?", (query_id, attempt))
        return AttemptState(str(rows[0][0])) if rows else None

    def results(self, query_id: bytes) -> list[StoredResult]:
        """Finished attempts whose parts are still kept."""
        rows = self._database.read(
            "SELECT attempt, proof, parts, quotients, ranks FROM results WHERE query_id = ? "
            "AND parts IS NOT NULL ORDER BY attempt",
            (query_id,),
        )
        return [
            StoredResult(_int(attempt), _bytes(proof), _bytes(parts), _bytes(points), b"", _bytes(ranks))
            for attempt, proof, parts, points, ranks in rows
        ]

    def proofs(self, query_id: bytes) -> list[StoredResult]:
        """Finished attempts with what is kept for ever: proof and shares of guards."""
        rows = self._database.read("SELECT attempt, proof, guards FROM results WHERE query_id = ? ORDER BY attempt",
                                   (query_id,))
        return [StoredResult(_int(attempt), _bytes(proof), b"", b"", _bytes(guards)) for attempt, proof, guards in rows]

    def forget_results(self, query_id: bytes) -> None:
        """Drop the parts of a query's results; proofs are public and stay."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE results SET parts = NULL, quotients = NULL, ranks = x'' WHERE query_id = ?", (query_id,)
            )


def _advance(
    connection: sqlite3.Connection, query_id: bytes, attempt: int, expected: AttemptState, state: AttemptState
) -> None:
    done = connection.execute(
        "UPDATE attempts SET state = ? WHERE query_id = ? AND attempt = ? AND state = ?",
        (state.value, query_id, attempt, expected.value),
    ).rowcount
    if done != 1:
        raise StateConflictError(f"attempt {attempt} is not {expected.value.lower()}: it cannot go on")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _id(dataset: int) -> bytes:
    return dataset.to_bytes(16, "big")


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise DatabaseInvalidError("the state file holds something else than it should")
    return value


def _int(value: Any) -> int:
    return int(value)


def _dataset(row: Sequence[object]) -> StoredDataset:
    dataset, version, name, schema, policy, log_rows, rows = row
    return StoredDataset(
        int.from_bytes(_bytes(dataset), "big"),
        _int(version),
        str(name),
        _bytes(schema),
        _bytes(policy),
        _int(log_rows),
        _int(rows),
    )


def _query(row: Sequence[object]) -> StoredQuery:
    query_id, sql, purpose, proposer, relation_hash, minimum, verdict, considered_at_ms, publication = row
    return StoredQuery(
        _bytes(query_id),
        str(sql),
        str(purpose),
        str(proposer),
        _bytes(relation_hash),
        _int(minimum),
        Verdict(str(verdict)),
        _int(considered_at_ms),
        Publication(str(publication)),
    )
