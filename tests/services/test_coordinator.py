"""The coordinator's state machine over scripted parties: retries, refusals, restarts, watching, cancelling, pages."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_parties import NAMES, PROOF, ScriptedParties

from ledger.errors import LedgerTimeoutError, LedgerUnreachableError, TransactionRevertedError
from mpc.errors import ChannelClosedError, DeadlineExceededError, MessageRejectedError
from proto.v1 import party_pb2, study_pb2
from query.directory import Directory, RegisteredTable
from query.errors import QueryError
from query.kinds import BoundedInteger
from query.plan import compile_question
from query.publication import Publication
from query.schema import ColumnSchema, TableSchema
from services.config import TlsConfig
from services.convert_study import study_from_request, study_message, study_state
from services.coordinator import directory
from services.coordinator.jobs import Jobs
from services.coordinator.store import _KIND, _MIGRATIONS, StudyRecord, StudyState, StudyStore
from services.database import Database
from services.errors import (
    DisclosureRefusedError,
    RecordUnknownError,
    RefusedError,
    RequestConflictError,
    RequestInvalidError,
    StateConflictError,
)
from services.identity import Role
from services.party.session import ContributionRejectedError

IssueTls = Callable[[Role, str], TlsConfig]
WAIT_S = 20.0
TABLES = [
    TableSchema(name, owner, "people", "person", "city", (ColumnSchema("x", BoundedInteger(0, 9)),))
    for name, owner in (("t", "hospital"), ("u", "laboratory"), ("v", "pharmacy"), ("w", "clinic"))
]


class RecordingPublisher:
    """A ledger that takes proofs, or refuses as told."""

    def __init__(self) -> None:
        self.proofs: list[bytes] = []
        self.failures: list[Exception] = []

    def publish(self, query_id: bytes, proof: bytes) -> tuple[str, int]:
        """Take a proof."""
        if self.failures:
            raise self.failures.pop(0)
        self.proofs.append(proof)
        return "0x" + query_id.hex(), 250_000


class Coordinator:
    """Jobs over a store that can be reopened."""

    def __init__(self, path: Path, parties: ScriptedParties) -> None:
        self.path, self.parties, self.publisher = path, parties, RecordingPublisher()
        self.open()

    def open(self) -> None:
        """Start, as a process would."""
        self.store = StudyStore(self.path)
        self.jobs = Jobs(self.store, self.parties.clients, list, self.publisher, self.owners)
        self.jobs.resume()

    def owners(self, query_id: bytes) -> frozenset[str]:
        """The owners of the tables that a study's question names; as the ledger, none of what was never proposed."""
        tables = [RegisteredTable(table, number, 1, 6, 20, 10) for number, table in enumerate(TABLES, start=1)]
        try:
            plan = compile_question(self.store.get(query_id).sql, Directory(tables))
        except QueryError:
            return frozenset()
        return frozenset(use.owner for use in plan.uses)

    def close(self) -> None:
        """Stop, as a process would."""
        self.jobs.stop()
        self.store.close()

    def run(self, study: StudyRecord) -> StudyRecord:
        """Submit and wait for the end."""
        self.jobs.submit(study)
        return self.end(study.query_id)

    def end(self, query_id: bytes) -> StudyRecord:
        """Wait for the end."""
        deadline = time.monotonic() + WAIT_S
        return list(self.jobs.watch(query_id, lambda: time.monotonic() < deadline))[-1]

    def await_that(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def study(number: int = 1, agency: str = "agency", request_id: str | None = None) -> StudyRecord:
    """A new study."""
    name = f"request-{number}" if request_id is None else request_id
    return StudyRecord(bytes([number]) * 32, agency, name, "SELECT COUNT(*) FROM t", "why", b"s" * 32)


@pytest.fixture
def parties(issue_tls: IssueTls) -> Iterator[ScriptedParties]:
    """Three scripted parties."""
    with ScriptedParties(issue_tls) as running:
        yield running


@pytest.fixture
def coordinator(tmp_path: Path, parties: ScriptedParties) -> Iterator[Coordinator]:
    """A coordinator over them."""
    running = Coordinator(tmp_path / "coordinator.sqlite", parties)
    yield running
    running.close()


def test_a_study_runs_through_its_states(coordinator: Coordinator) -> None:
    done = coordinator.run(study())
    assert (done.state, done.attempts, done.code) == (StudyState.PUBLISHED, 1, "")
    assert done.proof == PROOF
    assert done.gas == 250_000
    assert coordinator.publisher.proofs == [PROOF]
    assert dict(done.stages) == {"seeds": 0.02, "final": 0.02}
    assert coordinator.store.get(done.query_id) == done


JOIN = "SELECT COUNT(*) FROM {0} JOIN {1} ON {0}.person = {1}.person".format
UNION = "SELECT COUNT(*) FROM (SELECT * FROM t UNION ALL SELECT * FROM v UNION ALL SELECT * FROM w) AS a"


@pytest.mark.parametrize(
    ("sql", "publication", "asked"),
    [
        ("SELECT COUNT(*) FROM t", Publication.PUBLIC, [1, 0, 0, 0, 0]),
        ("SELECT COUNT(*) FROM u", Publication.PUBLIC, [0, 1, 0, 0, 0]),
        ("SELECT COUNT(*) FROM v", Publication.PUBLIC, [0, 0, 0, 1, 0]),
        (JOIN("t", "u"), Publication.PUBLIC, [1, 1, 1, 0, 0]),
        (JOIN("t", "v"), Publication.PUBLIC, [1, 1, 1, 1, 0]),
        ("SELECT COUNT(*) FROM nothing", Publication.PUBLIC, [1, 1, 1, 0, 0]),
        ("SELECT COUNT(*) FROM t", Publication.AGENCY, [1, 1, 1, 0, 0]),
        ("SELECT COUNT(*) FROM v", Publication.AGENCY, [1, 1, 1, 1, 0]),
        (JOIN("u", "w"), Publication.AGENCY, [1, 1, 1, 0, 1]),
        (JOIN("v", "w"), Publication.AGENCY, [1, 1, 1, 1, 1]),
        (UNION, Publication.AGENCY, [1, 1, 1, 1, 1]),
    ],
)
def test_who_takes_part_follows_from_the_owners_of_what_is_used(
    coordinator: Coordinator, parties: ScriptedParties, sql: str, publication: Publication, asked: list[int]
) -> None:
    done = coordinator.run(replace(study(), sql=sql, publication=publication))
    assert (done.state, done.publication) == (StudyState.PUBLISHED, publication)
    assert [script.considered for script in parties.scripts] == asked
    assert [len(script.attempts) for script in parties.scripts] == asked
    assert coordinator.store.get(done.query_id).publication is publication


def test_an_outside_owner_is_missed_only_where_it_is_concerned(
    coordinator: Coordinator, parties: ScriptedParties
) -> None:
    parties.stop(3)
    assert coordinator.run(replace(study(1), sql="SELECT COUNT(*) FROM w")).state is StudyState.PUBLISHED
    done = coordinator.run(replace(study(2), sql=JOIN("v", "w")))
    assert (done.state, done.code) == (StudyState.FAILED, "PEER_UNAVAILABLE")
    assert "pharmacy" in done.message
    assert coordinator.run(replace(study(3), sql=JOIN("t", "w"))).state is StudyState.PUBLISHED


def test_an_outside_owner_refuses_proves_and_is_told_of_the_end_like_any_other(
    coordinator: Coordinator, parties: ScriptedParties
) -> None:
    pharmacy = parties.scripts[3]
    pharmacy.consider = [RefusedError("POLICY_ROLE", "this role may not ask")]
    done = coordinator.run(replace(study(1), sql="SELECT COUNT(*) FROM v"))
    assert (done.state, done.code) == (StudyState.REFUSED, "POLICY_ROLE")
    pharmacy.prove = [b"another proof"]
    done = coordinator.run(replace(study(2), sql="SELECT COUNT(*) FROM v"))
    assert (done.state, done.code) == (StudyState.FAILED, "PROOFS_DIFFER")
    coordinator.await_that(lambda: [script.abandoned for script in parties.scripts] == [2, 2, 2, 2, 0])


def test_nobody_waits_twice_for_a_party_that_does_not_answer(
    parties: ScriptedParties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "ASK_TIMEOUT_S", 0.3)
    monkeypatch.setattr(directory, "SILENT_PAUSE_S", 1.0)
    collector, clinic = directory.TableCollector(parties.clients), parties.scripts[4]
    documents, silent = collector.collect()
    assert ([document.schema.decode() for document in documents], silent) == (list(NAMES), ())
    clinic.frozen.set()
    for _ in range(3):
        assert collector.collect() == (documents, ("clinic",))  # what it said last
    assert [script.listed for script in parties.scripts] == [4, 4, 4, 4, 2]
    clinic.frozen.clear()
    time.sleep(1.0)
    assert collector.collect() == (documents, ())
    parties.stop(4)
    assert collector.collect() == (documents, ("clinic",))


def test_where_the_owners_cannot_be_found_the_study_fails_and_no_outside_owner_is_told(
    coordinator: Coordinator, parties: ScriptedParties, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(query_id: bytes) -> frozenset[str]:
        raise LedgerUnreachableError("connection refused")

    monkeypatch.setattr(coordinator.jobs, "_owners_of", unreachable)
    done = coordinator.run(study())
    assert (done.state, done.code) == (StudyState.FAILED, "LEDGER_UNREACHABLE")
    coordinator.await_that(lambda: [script.abandoned for script in parties.scripts] == [1, 1, 1, 0, 0])
    assert not any(script.considered for script in parties.scripts)


def test_a_state_file_of_the_first_release_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    Database(path, _KIND, _MIGRATIONS[:1]).close()
    first = sqlite3.connect(path)
    columns = ", ".join(row[1] for row in first.execute("PRAGMA table_info(studies)"))
    assert "publication" not in columns
    first.execute("INSERT INTO studies VALUES (1, ?, 'agency', 'r', 'sql', 'why', ?, 'PROVING', '', '', '[]', 0, '[]', "
                  "'', 0, ?, 1, 1, 1)", (bytes(32), bytes(32), b""))  # fmt: skip
    first.commit()
    first.close()
    store = StudyStore(path)
    (found,) = store.unfinished()
    assert (found.sql, found.publication) == ("sql", Publication.AGENCY)
    store.close()


def test_a_broken_transport_is_tried_again_under_a_new_number(
    coordinator: Coordinator, parties: ScriptedParties
) -> None:
    parties.scripts[0].prove = [ChannelClosedError("gone"), DeadlineExceededError("late")]
    done = coordinator.run(study())
    assert (done.state, done.attempts) == (StudyState.PUBLISHED, 3)
    assert parties.scripts[0].attempts == [1, 2, 3]


def test_three_attempts_are_all(coordinator: Coordinator, parties: ScriptedParties) -> None:
    parties.scripts[1].prove = [ChannelClosedError("gone")] * 9
    done = coordinator.run(study())
    assert (done.state, done.attempts, done.code) == (StudyState.FAILED, 3, "CHANNEL_CLOSED")
    assert parties.scripts[1].attempts == [1, 2, 3]
    assert coordinator.publisher.proofs == []
    coordinator.await_that(lambda: parties.scripts[0].abandoned == 1)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContributionRejectedError("testing r(zeta) for zero"), "CONTRIBUTION_REJECTED"),
        (MessageRejectedError("tag", "wrong"), "MESSAGE_REJECTED"),
    ],
)
def test_a_rejected_contribution_is_never_tried_again(
    coordinator: Coordinator, parties: ScriptedParties, error: Exception, code: str
) -> None:
    parties.scripts[0].prove = [ChannelClosedError("the other gave up")]
    parties.scripts[2].prove = [error]
    done = coordinator.run(study())
    assert (done.state, done.attempts, done.code) == (StudyState.FAILED, 1, code)
    assert "bureau" in done.message


def test_what_the_data_refuses_carries_one_code(coordinator: Coordinator, parties: ScriptedParties) -> None:
    for script in parties.scripts:
        script.prove = [DisclosureRefusedError()]
    done = coordinator.run(study())
    assert (done.state, done.attempts, done.code) == (StudyState.REFUSED, 1, "DISCLOSURE")
    assert done.message == "the result would disclose too much"


def test_proofs_that_differ_are_not_published(coordinator: Coordinator, parties: ScriptedParties) -> None:
    parties.scripts[1].prove = [b"another proof"]
    done = coordinator.run(study())
    assert (done.state, done.code) == (StudyState.FAILED, "PROOFS_DIFFER")
    assert coordinator.publisher.proofs == []


def test_a_party_refuses_by_its_rule(coordinator: Coordinator, parties: ScriptedParties) -> None:
    parties.scripts[1].consider = [RefusedError("POLICY_ROLE", "this role may not ask")]
    done = coordinator.run(study())
    assert (done.state, done.code, done.attempts) == (StudyState.REFUSED, "POLICY_ROLE", 0)
    assert done.message == "party laboratory: this role may not ask"


def test_malformed_considerations_fail_rather_than_refuse(coordinator: Coordinator, parties: ScriptedParties) -> None:
    parties.scripts[1].consider = [RequestInvalidError("sql", "not the proposed text")]
    done = coordinator.run(study())
    assert (done.state, done.code) == (StudyState.FAILED, "REQUEST_INVALID")


def test_a_party_that_is_down_is_named(coordinator: Coordinator, parties: ScriptedParties) -> None:
    parties.stop(2)
    done = coordinator.run(study())
    assert (done.state, done.code) == (StudyState.FAILED, "PEER_UNAVAILABLE")
    assert "bureau" in done.message


def test_a_waiting_study_goes_on_after_approval_and_after_a_restart(
    coordinator: Coordinator, parties: ScriptedParties
) -> None:
    parties.scripts[2].consider = [party_pb2.VERDICT_WAITING] * 2
    coordinator.jobs.submit(study())
    coordinator.await_that(lambda: coordinator.jobs.get(study().query_id).waiting_for == ("bureau",))
    coordinator.close()
    assert parties.scripts[2].attempts == []
    coordinator.open()
    done = coordinator.end(study().query_id)
    assert (done.state, done.waiting_for) == (StudyState.PUBLISHED, ())


def test_a_restart_while_proving_takes_the_next_number(coordinator: Coordinator, parties: ScriptedParties) -> None:
    parties.scripts[0].hold = threading.Event()
    coordinator.jobs.submit(study())
    coordinator.await_that(lambda: parties.scripts[0].attempts == [1])
    coordinator.close()
    parties.scripts[0].hold = None
    coordinator.open()
    done = coordinator.end(study().query_id)
    assert (done.state, done.attempts) == (StudyState.PUBLISHED, 2)
    assert parties.scripts[0].attempts == [1, 2]


def test_publishing_is_tried_again_and_refusals_end_it(coordinator: Coordinator) -> None:
    coordinator.publisher.failures = [LedgerTimeoutError("no receipt")]
    assert coordinator.run(study(1)).state is StudyState.PUBLISHED
    coordinator.publisher.failures = [TransactionRevertedError("policy version")]
    done = coordinator.run(study(2))
    assert (done.state, done.code) == (StudyState.FAILED, "PUBLICATION_REJECTED")
    assert "policy version" in done.message


def test_a_study_can_be_cancelled_while_it_waits_or_proves(coordinator: Coordinator, parties: ScriptedParties) -> None:
    parties.scripts[2].consider = [party_pb2.VERDICT_WAITING] * 100
    coordinator.jobs.submit(study(1))
    coordinator.await_that(lambda: bool(coordinator.jobs.get(study(1).query_id).waiting_for))
    assert coordinator.jobs.cancel(study(1).query_id).state is StudyState.CANCELLED
    parties.scripts[2].consider = []
    parties.scripts[0].hold = threading.Event()
    coordinator.jobs.submit(study(2))
    coordinator.await_that(lambda: bool(parties.scripts[0].attempts))
    assert coordinator.jobs.cancel(study(2).query_id).state is StudyState.CANCELLED
    with pytest.raises(StateConflictError):
        coordinator.jobs.cancel(study(2).query_id)
    with pytest.raises(RecordUnknownError):
        coordinator.jobs.cancel(study(3).query_id)
    assert coordinator.publisher.proofs == []


def test_a_request_id_is_one_request(coordinator: Coordinator) -> None:
    first = coordinator.run(study(1))
    assert coordinator.jobs.submit(study(1)) == first
    with pytest.raises(RequestConflictError):
        coordinator.jobs.submit(study(2, request_id="request-1"))
    with pytest.raises(RequestConflictError):
        coordinator.jobs.submit(study(1, request_id="another"))
    with pytest.raises(RequestConflictError):
        coordinator.jobs.submit(study(1, agency="other"))
    assert coordinator.run(study(2, agency="other", request_id="request-1")).state is StudyState.PUBLISHED


def test_pages_go_back_in_time(tmp_path: Path) -> None:
    store = StudyStore(tmp_path / "c.sqlite")
    for number in range(1, 8):
        store.submit(study(number, agency="odd" if number % 2 else "even"))
    newest = store.page("odd", None, 3)
    assert [found.query_id[0] for found in newest] == [7, 5, 3]
    assert [found.query_id[0] for found in store.page("odd", newest[-1].number, 3)] == [1]
    assert len(store.page(None, None, 100)) == 7
    with pytest.raises(RecordUnknownError):
        store.get_request("even", "request-1")
    store.close()


def test_messages_of_studies_keep_the_salt_back_and_know_their_states() -> None:
    message = study_message(study())
    assert b"s" * 32 not in message.SerializeToString()
    assert study_state(message) is StudyState.CONSIDERING
    with pytest.raises(RequestInvalidError):
        study_state(study_pb2.Study())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("query_id", b"short"),
        ("salt", b""),
        ("request_id", "with space"),
        ("request_id", ""),
        ("sql", " "),
        ("sql", "x" * 20_000),
        ("purpose", ""),
        ("purpose", "two\nlines"),
    ],
)
def test_a_malformed_submission_names_the_field(field: str, value: object) -> None:
    request = study_pb2.SubmitRequest(request_id="a", sql="SELECT", purpose="p", query_id=b"q" * 32, salt=b"s" * 32)
    assert study_from_request(request, "agency").agency == "agency"
    setattr(request, field, value)
    with pytest.raises(RequestInvalidError) as refused:
        study_from_request(request, "agency")
    assert refused.value.field == field
