"""What a party keeps of its cohorts: its list of identifiers as field elements, and the rows it was given.

One SQLite file of its own with mode 0600; it holds who the owner's persons are and where they stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.database import Database, DatabaseInvalidError
from services.errors import RecordUnknownError, RefusedError, StateConflictError
from zk.field import FR

_KIND: Final = 0x54534331  # "TSC1"
_MIGRATIONS: Final = (
    """
    CREATE TABLE lists (
        name TEXT NOT NULL, version INTEGER NOT NULL, identifiers BLOB NOT NULL, blinder BLOB NOT NULL,
        rows BLOB, salt BLOB, digest BLOB, PRIMARY KEY (name, version)
    ) WITHOUT ROWID;
    CREATE TABLE attempts (
        name TEXT NOT NULL, version INTEGER NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (name, version, attempt)
    ) WITHOUT ROWID;
    """,
)


@dataclass(frozen=True, slots=True)
class CohortList:
    """This party's part of a version of a cohort. Secret.

    Args:
        name, version: of the cohort.
        identifiers: canonical field elements, one after the other, in the order of entry.
        blinder: of the list's commitment, 32 bytes.
        rows: row number of each, once aligned.
        salt: of the layouts, once aligned.
        digest: of what all parties saw, once aligned.
    """

    name: str
    version: int
    identifiers: bytes = field(repr=False)
    blinder: bytes = field(repr=False)
    rows: NDArray[np.int64] | None = field(default=None, repr=False)
    salt: bytes = field(default=b"", repr=False)
    digest: bytes = b""

    def __len__(self) -> int:
        return len(self.identifiers) // FR.element_bytes

    def elements(self) -> list[bytes]:
        """The identifiers one by one."""
        size = FR.element_bytes
        return [self.identifiers[at : at + size] for at in range(0, len(self.identifiers), size)]


class CohortStore:
    """A party's durable state of cohorts. Safe to use from several threads.

    Args:
        path: the SQLite file.

    Raises:
        DatabaseInvalidError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _KIND, _MIGRATIONS)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def keep_list(self, found: CohortList, budget: int) -> None:
        """Keep a list before its commitment is published, replacing one that was never aligned.

        Args:
            found: with neither rows nor salt.
            budget: versions of cohorts, whatever their names, that this party enters lists for.

        Raises:
            StateConflictError: this version was aligned here already.
            RefusedError: the budget is used up.
        """
        with self._database.transaction() as connection:
            key = (found.name, found.version)
            rows = connection.execute("SELECT rows FROM lists WHERE name = ? AND version = ?", key).fetchone()
            if rows is not None and rows[0] is not None:
                raise StateConflictError(f"version {found.version} of the cohort was aligned here already")
            connection.execute("DELETE FROM lists WHERE name = ? AND version = ?", key)
            (entered,) = connection.execute("SELECT COUNT(*) FROM lists").fetchone()
            if entered >= budget:
                raise RefusedError("COHORT_BUDGET", f"this party joins at most {budget} versions of cohorts")
            connection.execute(
                "INSERT INTO lists (name, version, identifiers, blinder) VALUES (?, ?, ?, ?)",
                (*key, found.identifiers, found.blinder),
            )

    def keep_rows(self, name: str, version: int, rows: NDArray[np.int64], salt: bytes, digest: bytes) -> None:
        """Keep the outcome of an alignment."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE lists SET rows = ?, salt = ?, digest = ? WHERE name = ? AND version = ?",
                (rows.astype("<i8").tobytes(), salt, digest, name, version),
            )

    def list_of(self, name: str, version: int) -> CohortList:
        """This party's part of a version.

        Raises:
            RecordUnknownError: it has none.
        """
        rows = self._database.read(
            "SELECT identifiers, blinder, rows, salt, digest FROM lists WHERE name = ? AND version = ?", (name, version)
        )
        if not rows:
            raise RecordUnknownError(f"this party has entered no list for version {version} of cohort {name!r}")
        identifiers, blinder, places, salt, digest = rows[0]
        if not (isinstance(identifiers, bytes) and isinstance(blinder, bytes)):
            raise DatabaseInvalidError("the state file holds something else than it should")
        if not (isinstance(places, bytes) and isinstance(salt, bytes) and isinstance(digest, bytes)):
            return CohortList(name, version, identifiers, blinder)
        found = np.frombuffer(places, "<i8").astype(np.int64)
        return CohortList(name, version, identifiers, blinder, found, salt, digest)

    def begin_attempt(self, name: str, version: int, attempt: int) -> None:
        """Use up the number of an attempt.

        Raises:
            StateConflictError: it, or a later one, was used.
        """
        with self._database.transaction() as connection:
            (last,) = connection.execute(
                "SELECT MAX(attempt) FROM attempts WHERE name = ? AND version = ?", (name, version)
            ).fetchone()
            if last is not None and attempt <= last:
                raise StateConflictError(f"attempt {attempt} was used: the next is {last + 1}")
            connection.execute("INSERT INTO attempts VALUES (?, ?, ?)", (name, version, attempt))

    def last_attempt(self, name: str, version: int) -> int:
        """Number of the latest attempt, 0 before the first."""
        ((last,),) = self._database.read(
            "SELECT COALESCE(MAX(attempt), 0) FROM attempts WHERE name = ? AND version = ?", (name, version)
        )
        return last if isinstance(last, int) else 0
