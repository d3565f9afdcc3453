"""The coordinator's durable job state: one row per study, in one SQLite file; no secret from the study's own agency."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from query.publication import Publication
from services.database import Database, DatabaseInvalidError
from services.errors import RecordUnknownError, RequestConflictError

_KIND: Final = 0x54534331  # "TSC1"
MAX_PAGE: Final = 100

_MIGRATIONS: Final = (
    """
    CREATE TABLE studies (
        number INTEGER PRIMARY KEY AUTOINCREMENT, query_id BLOB NOT NULL UNIQUE,
        agency TEXT NOT NULL,
        request_id TEXT NOT NULL, sql TEXT NOT NULL, purpose TEXT NOT NULL, salt BLOB NOT NULL, state TEXT NOT NULL,
        code TEXT NOT NULL, message TEXT NOT NULL, waiting_for TEXT NOT NULL, attempts INTEGER NOT NULL,
        stages TEXT NOT NULL, tx TEXT NOT NULL, gas INTEGER NOT NULL, proof BLOB NOT NULL,
        submitted_at_ms INTEGER NOT NULL,
        changed_at_ms INTEGER NOT NULL, revision INTEGER NOT NULL, UNIQUE (agency, request_id)
    );
    CREATE INDEX studies_of_agency ON studies (agency, number);
    """,
    "ALTER TABLE studies ADD COLUMN publication TEXT NOT NULL DEFAULT 'agency'",
)
_FIELDS: Final = (
    "query_id, agency, request_id, sql, purpose, salt, state, code, message, waiting_for, attempts, stages, tx, gas, "
    "proof, submitted_at_ms, changed_at_ms, revision, publication"
)
_SELECT: Final = "SELECT " + _FIELDS + ", number FROM studies WHERE "  # noqa: S608 - constants only
_CONFLICTING: Final = _SELECT + "(agency = ? AND request_id = ?) OR query_id = ?"
_BY_QUERY: Final = _SELECT + "query_id = ?"
_BY_REQUEST: Final = _SELECT + "agency = ? AND request_id = ?"
_BY_NUMBER: Final = _SELECT + "number = ?"
_UNFINISHED: Final = _SELECT + "state IN ('CONSIDERING', 'PROVING', 'PUBLISHING') ORDER BY number"
_PAGE: Final = _SELECT + "number < ? AND (? OR agency = ?) ORDER BY number DESC LIMIT ?"
_INSERT: Final = "INSERT INTO studies (" + _FIELDS + ") VALUES (" + ", ".join("?" * 19) + ")"  # noqa: S608 - constants only
_UPDATE: Final = "UPDATE studies SET (" + _FIELDS + ") = (" + ", ".join("?" * 19) + ") WHERE number = ?"  # noqa: S608 - constants only


class StudyState(StrEnum):
    """Where a study stands. The last four are final."""

    CONSIDERING = "CONSIDERING"
    PROVING = "PROVING"
    PUBLISHING = "PUBLISHING"
    PUBLISHED = "PUBLISHED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """Whether nothing can change any more."""
        return self in (StudyState.PUBLISHED, StudyState.REFUSED, StudyState.FAILED, StudyState.CANCELLED)


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as the coordinator knows it.

    Args:
        salt: known to the agency and the parties, not to the ledger's readers.
        stages: (name, seconds at the slowest party) of the present or last attempt.
        publication: who sees the numbers.
        number: order of submission; 0 before it is stored.
    """

    query_id: bytes
    agency: str
    request_id: str
    sql: str
    purpose: str
    salt: bytes
    state: StudyState = StudyState.CONSIDERING
    code: str = ""
    message: str = ""
    waiting_for: tuple[str, ...] = ()
    attempts: int = 0
    stages: tuple[tuple[str, float], ...] = ()
    tx: str = ""
    gas: int = 0
    proof: bytes = b""
    submitted_at_ms: int = 0
    changed_at_ms: int = 0
    revision: int = 0
    publication: Publication = Publication.AGENCY
    number: int = 0


class StudyStore:
    """Durable studies. Safe to use from several threads.

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

    def submit(self, study: StudyRecord) -> tuple[StudyRecord, bool]:
        """Keep a new study; for a repeated submission return the one that is there.

        Returns:
            The stored study, and whether it is new.

        Raises:
            RequestConflictError: the agency used the request id for another body, or the query under another id.
        """
        with self._database.transaction() as connection:
            rows = connection.execute(_CONFLICTING, (study.agency, study.request_id, study.query_id)).fetchall()
            for found in map(_record, rows):
                if _body(found) != _body(study):
                    raise RequestConflictError(
                        f"request id {study.request_id!r} or its query is taken by another request"
                    )
                return found, False
            now = _now_ms()
            values = _values(replace(study, submitted_at_ms=now, changed_at_ms=now, revision=1))
            number = connection.execute(_INSERT, values).lastrowid
        return self.get_number(number or 0), True

    def keep(self, study: StudyRecord) -> None:
        """Durably replace a study's state."""
        with self._database.transaction() as connection:
            connection.execute(_UPDATE, (*_values(study), study.number))

    def get(self, query_id: bytes) -> StudyRecord:
        """A study by its query.

        Raises:
            RecordUnknownError: there is none.
        """
        return self._one(_BY_QUERY, (query_id,))

    def get_request(self, agency: str, request_id: str) -> StudyRecord:
        """A study by its agency's request id; raises as `get`."""
        return self._one(_BY_REQUEST, (agency, request_id))

    def get_number(self, number: int) -> StudyRecord:
        """A study by its number; raises as `get`."""
        return self._one(_BY_NUMBER, (number,))

    def unfinished(self) -> list[StudyRecord]:
        """Studies that must go on, oldest first."""
        return [_record(row) for row in self._database.read(_UNFINISHED)]

    def page(self, agency: str | None, before: int | None, size: int) -> list[StudyRecord]:
        """Newest first: at most ``size`` studies of an agency (None: of all) with numbers below ``before``."""
        values = (1 << 62 if before is None else before, agency is None, agency or "", size)
        return [_record(row) for row in self._database.read(_PAGE, values)]

    def _one(self, statement: str, values: Sequence[object]) -> StudyRecord:
        rows = self._database.read(statement, values)
        if not rows:
            raise RecordUnknownError("there is no such study")
        return _record(rows[0])


def changed(study: StudyRecord, **changes: Any) -> StudyRecord:
    """A study with changes, a new revision and a new time."""
    return replace(study, **changes, revision=study.revision + 1, changed_at_ms=_now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _body(study: StudyRecord) -> tuple[str, str, str, str, bytes, bytes, Publication]:
    return (
        study.agency, study.request_id, study.sql, study.purpose, study.salt, study.query_id, study.publication
    )  # fmt: skip


def _values(study: StudyRecord) -> tuple[object, ...]:
    return (
        study.query_id,
        study.agency,
        study.request_id,
        study.sql,
        study.purpose,
        study.salt,
        study.state.value,
        study.code,
        study.message,
        json.dumps(study.waiting_for),
        study.attempts,
        json.dumps(study.stages),
        study.tx,
        study.gas,
        study.proof,
        study.submitted_at_ms,
        study.changed_at_ms,
        study.revision,
        study.publication.value,
    )


def _record(row: Sequence[Any]) -> StudyRecord:
    try:
        waiting_for = tuple(str(name) for name in json.loads(row[9]))
        stages = tuple((str(name), float(seconds)) for name, seconds in json.loads(row[11]))
        query_id, agency, request_id, sql, purpose, salt, state, code, message, _, attempts, _, *rest = row
        tx, gas, proof, submitted_at_ms, changed_at_ms, revision, publication, number = rest
        found, seen_by = StudyState(state), Publication(publication)
    except (ValueError, TypeError) as error:
        raise DatabaseInvalidError("the state file holds something else than it should") from error
    return StudyRecord(
        query_id,
        agency,
        request_id,
        sql,
        purpose,
        salt,
        found,
        code,
        message,
        waiting_for,
        attempts,
        stages,
        tx,
        gas,
        proof,
        submitted_at_ms,
        changed_at_ms,
        revision,
        seen_by,
        number,
    )
