"""A party's durable state: blinders before registration, spent marks before evaluations, parts until acknowledged."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from services.database import DatabaseInvalidError
from services.errors import RecordUnknownError, StateConflictError
from services.party.store import MAX_ATTEMPTS, PartyStore
from services.party.stored import AttemptState, StoredColumn, StoredDataset, StoredQuery, StoredResult
from services.party.verdict import Verdict

QUERY = b"q" * 32
DATASET = StoredDataset(7, 1, "hospital", b"{}", b"{}", 3, 5)
COLUMNS = [StoredColumn(np.arange(8, dtype=np.int64) + k, bytes([k]) * 32) for k in range(2)]
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The store's file."""
    return tmp_path / "party" / "party.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[PartyStore]:
    """An open store that has considered one query."""
    opened = PartyStore(path)
    opened.keep_query(StoredQuery(QUERY, "SELECT", "why", "agency", b"r" * 32, 5, Verdict.APPROVED, 1))
    yield opened
    opened.close()


def result(attempt: int) -> StoredResult:
    """A finished attempt."""
    return StoredResult(attempt, b"proof", b"parts", b"points")


def test_columns_and_blinders_are_kept_before_the_dataset_is_active(store: PartyStore) -> None:
    store.keep_dataset(DATASET, COLUMNS)
    assert store.datasets() == []
    assert store.datasets(active=False) == [DATASET]
    store.activate(7, 1)
    assert store.datasets() == [DATASET]
    found = store.column(7, 1, 1)
    assert found.cells.tolist() == COLUMNS[1].cells.tolist()
    assert found.blinder == COLUMNS[1].blinder
    with pytest.raises(RecordUnknownError):
        store.column(7, 1, 2)
    with pytest.raises(RecordUnknownError):
        store.column(7, 2, 0)


def test_a_draft_is_replaced_or_dropped_and_an_active_version_never(store: PartyStore) -> None:
    store.keep_dataset(DATASET, COLUMNS)
    store.keep_dataset(DATASET, COLUMNS[:1])
    with pytest.raises(RecordUnknownError):
        store.column(7, 1, 1)
    store.drop_draft(7, 1)
    assert store.datasets(active=False) == []
    store.keep_dataset(DATASET, COLUMNS)
    store.activate(7, 1)
    store.drop_draft(7, 1)
    assert store.datasets() == [DATASET]
    with pytest.raises(StateConflictError):
        store.keep_dataset(DATASET, COLUMNS)


def test_secrets_stay_out_of_every_repr(store: PartyStore) -> None:
    assert "parts" not in repr(result(1)).replace("proof", "")
    assert "blinder" not in repr(COLUMNS[0])
    assert "SELECT" not in repr(store.query(QUERY))


def test_m4_an_attempt_is_never_repeated_resumed_or_spent_twice(store: PartyStore) -> None:
    store.begin_attempt(QUERY, 2)
    for old in (1, 2):
        with pytest.raises(StateConflictError, match="burnt"):
            store.begin_attempt(QUERY, old)
    store.mark_spent(QUERY, 2)
    with pytest.raises(StateConflictError):
        store.mark_spent(QUERY, 2)
    with pytest.raises(StateConflictError):
        store.mark_spent(QUERY, 3)
    store.keep_result(QUERY, result(2))
    with pytest.raises(StateConflictError):
        store.keep_result(QUERY, result(2))
    assert store.attempt_state(QUERY, 2) is AttemptState.DONE


def test_m4_a_result_needs_the_spent_mark(store: PartyStore) -> None:
    store.begin_attempt(QUERY, 1)
    with pytest.raises(StateConflictError, match="not spent"):
        store.keep_result(QUERY, result(1))
    assert store.results(QUERY) == []


def test_m4_attempts_are_capped(store: PartyStore) -> None:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        store.begin_attempt(QUERY, attempt)
        store.burn_attempt(QUERY, attempt)
    with pytest.raises(StateConflictError, match="at most"):
        store.begin_attempt(QUERY, MAX_ATTEMPTS + 1)
    with pytest.raises(StateConflictError):
        store.begin_attempt(b"o" * 32, 0)


def test_shares_of_order_statistics_are_kept_until_they_are_acknowledged(path: Path, store: PartyStore) -> None:
    kept = StoredResult(1, b"proof", b"parts", b"points", b"guards", b"ranks")
    assert b"ranks" not in repr(kept).encode()
    store.begin_attempt(QUERY, 1)
    store.mark_spent(QUERY, 1)
    store.keep_result(QUERY, kept)
    assert [found.ranks for found in store.results(QUERY)] == [b"ranks"]
    assert [(found.guards, found.ranks) for found in store.proofs(QUERY)] == [(b"guards", b"")]
    store.forget_results(QUERY)
    assert store.results(QUERY) == []
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT ranks, guards FROM results").fetchall() == [(b"", b"guards")]


@pytest.mark.parametrize("spent", [False, True])
def test_m4_a_restart_burns_what_was_running(path: Path, spent: bool) -> None:
    first = PartyStore(path)
    first.keep_query(StoredQuery(QUERY, "s", "p", "a", b"r" * 32, 5, Verdict.APPROVED, 1))
    first.begin_attempt(QUERY, 1)
    if spent:
        first.mark_spent(QUERY, 1)
    first.close()
    second = PartyStore(path)
    assert second.attempt_state(QUERY, 1) is AttemptState.BURNT
    with pytest.raises(StateConflictError):
        second.mark_spent(QUERY, 1)
    second.begin_attempt(QUERY, 2)
    second.close()


def test_m4_the_spent_mark_is_on_disk_when_it_returns(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from services.party.store import *\n"
        "store = PartyStore(Path(sys.argv[1]))\n"
        "store.keep_query(StoredQuery(b'q' * 32, 's', 'p', 'a', b'r' * 32, 5, Verdict.APPROVED, 1))\n"
        "store.begin_attempt(b'q' * 32, 1); store.mark_spent(b'q' * 32, 1); os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], cwd=REPOSITORY, check=False)
    assert killed.returncode == -9
    store = PartyStore(path)
    assert store.attempt_state(QUERY, 1) is AttemptState.BURNT
    store.close()


def test_m14_parts_survive_a_restart_until_they_are_acknowledged(path: Path) -> None:
    first = PartyStore(path)
    first.keep_query(StoredQuery(QUERY, "s", "p", "a", b"r" * 32, 5, Verdict.APPROVED, 1))
    first.begin_attempt(QUERY, 1)
    first.mark_spent(QUERY, 1)
    first.keep_result(QUERY, result(1))
    first.close()
    second = PartyStore(path)
    assert second.results(QUERY) == [result(1)]
    second.forget_results(QUERY)
    assert second.results(QUERY) == []
    assert second.attempt_state(QUERY, 1) is AttemptState.DONE
    second.close()


def test_verdicts_change_and_pending_ones_are_listed(store: PartyStore) -> None:
    waiting = StoredQuery(b"w" * 32, "SELECT 1", "why", "agency", b"r" * 32, 5, Verdict.WAITING, 2)
    store.keep_query(waiting)
    assert store.pending() == [waiting]
    store.set_verdict(b"w" * 32, Verdict.APPROVED)
    assert store.pending() == []
    assert store.query(b"n" * 32) is None


def test_the_file_is_private_durable_and_held_by_one_process(path: Path, store: PartyStore) -> None:
    assert os.stat(path).st_mode & 0o777 == 0o600
    with pytest.raises(DatabaseInvalidError, match="cannot open"):
        PartyStore(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE things (x)")
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseInvalidError, match="another kind"):
        PartyStore(other)
    text = tmp_path / "text"
    text.write_text("no database, but long enough to look at" * 100)
    with pytest.raises(DatabaseInvalidError):
        PartyStore(text)
