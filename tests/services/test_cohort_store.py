"""What a party keeps of its cohorts survives a restart, and what was aligned is never overwritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ledger.cohorts import CohortRecord, CohortState
from services.errors import RecordUnknownError, RefusedError, StateConflictError
from services.identifiers import identifier_bytes
from services.party.cohort_store import CohortList, CohortStore
from services.party.cohorts import session_id

IDS = b"".join(identifier_bytes(text) for text in ("a", "b", "c"))


def test_lists_and_rows_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "cohorts.sqlite"
    store = CohortStore(path)
    store.keep_list(CohortList("people", 1, IDS, bytes(32)), 9)
    store.keep_list(CohortList("people", 1, IDS, b"\1" * 32), 9)
    assert store.list_of("people", 1).rows is None
    store.keep_rows("people", 1, np.array([5, 0, 2]), b"s" * 32, b"d" * 32)
    store.close()
    assert path.stat().st_mode & 0o777 == 0o600
    store = CohortStore(path)
    found = store.list_of("people", 1)
    assert found.rows is not None and found.rows.tolist() == [5, 0, 2]
    assert (found.salt, found.digest, found.blinder, len(found)) == (b"s" * 32, b"d" * 32, b"\1" * 32, 3)
    assert found.elements()[1] == identifier_bytes("b")
    assert "identifiers" not in repr(found) and "rows" not in repr(found)
    with pytest.raises(StateConflictError, match="aligned here already"):
        store.keep_list(CohortList("people", 1, IDS, bytes(32)), 9)
    with pytest.raises(RecordUnknownError):
        store.list_of("people", 2)
    store.close()


def test_numbers_of_attempts_are_used_once(tmp_path: Path) -> None:
    store = CohortStore(tmp_path / "cohorts.sqlite")
    assert store.last_attempt("people", 1) == 0
    store.begin_attempt("people", 1, 3)
    for attempt in (3, 2):
        with pytest.raises(StateConflictError, match="next is 4"):
            store.begin_attempt("people", 1, attempt)
    store.begin_attempt("people", 1, 4)
    store.begin_attempt("people", 2, 1)
    assert store.last_attempt("people", 1) == 4
    store.close()


def test_the_budget_counts_all_cohorts(tmp_path: Path) -> None:
    store = CohortStore(tmp_path / "cohorts.sqlite")
    for version in (1, 2):
        store.keep_list(CohortList("old", version, IDS, bytes(32)), 2)
    store.keep_list(CohortList("old", 2, IDS, bytes(32)), 2)  # the same again is no further one
    with pytest.raises(RefusedError) as caught:
        store.keep_list(CohortList("new", 1, IDS, bytes(32)), 2)
    assert caught.value.rule == "COHORT_BUDGET"
    with pytest.raises(RecordUnknownError):
        store.list_of("new", 1)
    store.keep_list(CohortList("new", 1, IDS, bytes(32)), 3)
    store.close()


def test_a_session_is_of_one_version_and_attempt() -> None:
    record = CohortRecord(1, "people", 1, CohortState.PROPOSED, 6, 0.5, (), bytes(32))
    other = CohortRecord(2, "others", 1, CohortState.PROPOSED, 6, 0.5, (), bytes(32))
    assert len({session_id(record, 1), session_id(record, 2), session_id(other, 1)}) == 3
