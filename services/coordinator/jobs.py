"""The coordinator's state machine: CONSIDERING → PROVING → PUBLISHING → PUBLISHED | REFUSED | FAILED | CANCELLED.

Every change of state is on disk before the next step begins, so a restart goes on where the last process stopped. One
thread per unfinished study. An attempt at the proof is repeated only after a failure of transport, three times at most
in all; a rejected contribution ends the study.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

from ledger.errors import LedgerError, LedgerTimeoutError, LedgerUnreachableError, TransactionRevertedError
from mpc.errors import MpcError
from proto.v1 import party_pb2
from query.errors import QueryError
from services.convert import publication_message
from services.coordinator.attempt import AttemptOutcome, JointAttempt
from services.coordinator.participants import participants
from services.coordinator.store import StudyRecord, StudyState, StudyStore, changed
from services.errors import CapacityExceededError, PeerUnavailableError, RemoteError, ServiceError, StateConflictError
from services.logging import get_logger
from services.party.client import PartyClient, TableDocument, document_messages
from services.party.verdict import Verdict
from services.status import error_code
from zk.errors import ZkError

_log = get_logger("services.coordinator.jobs")

MAX_ATTEMPTS: Final = 3
MAX_UNFINISHED: Final = 256
CONSIDER_ATTEMPTS: Final = 3
PUBLISH_ATTEMPTS: Final = 5
RETRY_PAUSE_S: Final = 0.5
APPROVAL_POLL_S: Final = 0.5
WATCH_INTERVAL_S: Final = 1.0
STOP_WAIT_S: Final = 5.0

_ECHOES: Final = frozenset({"REFUSED", "TRANSACTION_REVERTED"})
"""What an owner says whose approval came after another's refusal."""
_TYPED: Final = (ServiceError, LedgerError, QueryError, MpcError, ZkError)


class Publisher(Protocol):
    """What jobs need of the ledger."""

    def publish(self, query_id: bytes, proof: bytes) -> tuple[str, int]:
        """Publish a proof and return transaction and gas; a query that is published already keeps its record."""


class Jobs:
    """Runs studies. Thread-safe.

    Args:
        store: durable state.
        parties: clients of all parties, by number.
        documents: returns the tables' documents as far as they are known.
        publisher: the ledger.
        owners_of: names of the owners of what a query uses, none where the ledger has no such query.
    """

    def __init__(
        self,
        store: StudyStore,
        parties: tuple[PartyClient, ...],
        documents: Callable[[], list[TableDocument]],
        publisher: Publisher,
        owners_of: Callable[[bytes], Collection[str]],
    ) -> None:
        self._store = store
        self._parties = parties
        self._documents = documents
        self._publisher = publisher
        self._owners_of = owners_of
        self._asked: dict[bytes, tuple[PartyClient, ...]] = {}
        self._current: dict[bytes, StudyRecord] = {}
        self._cancelled: dict[bytes, threading.Event] = {}
        self._attempts: dict[bytes, JointAttempt] = {}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads: dict[bytes, threading.Thread] = {}

    def resume(self) -> None:
        """Go on with every unfinished study of the store."""
        for study in self._store.unfinished():
            _log.info("resumed", query=study.query_id.hex(), state=study.state.value)
            self._start(study)

    def stop(self) -> None:
        """Stop working, waiting a while for what is under way; unfinished studies go on after a restart."""
        self._stopping.set()
        with self._changed:
            attempts, threads = list(self._attempts.values()), list(self._threads.values())
            self._changed.notify_all()
        for attempt in attempts:
            attempt.cancel()
        deadline = time.monotonic() + STOP_WAIT_S
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def submit(self, study: StudyRecord) -> StudyRecord:
        """Keep and start a study; a repeated submission returns the study that is there.

        Raises:
            RequestConflictError: the request id or the query is taken by another request.
            CapacityExceededError: too many unfinished studies.
        """
        if len(self._current) >= MAX_UNFINISHED:
            raise CapacityExceededError(f"there are {MAX_UNFINISHED} unfinished studies: try again later")
        stored, new = self._store.submit(study)
        if new:
            _log.info("submitted", query=stored.query_id.hex(), agency=stored.agency)
            self._start(stored)
        return self.get(stored.query_id)

    def get(self, query_id: bytes) -> StudyRecord:
        """The latest state of a study.

        Raises:
            RecordUnknownError: there is no such study.
        """
        with self._changed:
            found = self._current.get(query_id)
        return found if found is not None else self._store.get(query_id)

    def watch(self, query_id: bytes, active: Callable[[], bool]) -> Iterator[StudyRecord]:
        """Yield the present state and every later one until the final one; again each second while waiting.

        Args:
            active: asked at least every few seconds; the iteration ends when it says no.

        Raises:
            RecordUnknownError: there is no such study.
        """
        study = self.get(query_id)
        yield study
        while not study.state.final and active() and not self._stopping.is_set():
            seen = study.revision
            with self._changed:
                if self._revision(query_id) == seen and not self._stopping.is_set():
                    self._changed.wait(WATCH_INTERVAL_S)
            study = self.get(query_id)
            if study.revision != seen or study.waiting_for:  # somebody may only be willing to wait for so long
                yield study

    def cancel(self, query_id: bytes) -> StudyRecord:
        """Stop a study that is not being published yet.

        Raises:
            RecordUnknownError: there is no such study.
            StateConflictError: it is being published, or has ended.
        """
        with self._changed:
            study = self._current.get(query_id) or self._store.get(query_id)
            if study.state not in (StudyState.CONSIDERING, StudyState.PROVING):
                raise StateConflictError(f"a study that is {study.state.value} cannot be cancelled")
            self._cancelled.setdefault(query_id, threading.Event()).set()
            attempt = self._attempts.get(query_id)
        if attempt is not None:
            attempt.cancel()
        with self._changed:
            self._changed.wait_for(lambda: query_id not in self._current, 10.0)
        return self.get(query_id)

    # --- one study -----------------------------------------------------------------------------------------------

    def _start(self, study: StudyRecord) -> None:
        thread = threading.Thread(target=self._run, args=(study.query_id,), name=f"study-{study.number}", daemon=True)
        with self._changed:
            self._current[study.query_id] = study
            self._cancelled.setdefault(study.query_id, threading.Event())
            self._threads[study.query_id] = thread
        thread.start()

    def _run(self, query_id: bytes) -> None:
        steps: Mapping[StudyState, Callable[[StudyRecord], None]] = {
            StudyState.CONSIDERING: self._consider,
            StudyState.PROVING: self._prove,
            StudyState.PUBLISHING: self._publish,
        }
        with ThreadPoolExecutor(1) as worker:
            while not self._stopping.is_set():
                study = self.get(query_id)
                if study.state.final:
                    break
                if self._cancelled[query_id].is_set() and study.state is not StudyState.PUBLISHING:
                    self._end(study, StudyState.CANCELLED, "CANCELLED", "cancelled by the agency")
                    continue
                error = worker.submit(steps[study.state], study).exception()
                if isinstance(error, _TYPED):
                    self._end(self.get(query_id), StudyState.FAILED, error_code(error), str(error))
                elif error is not None:  # the study must end; the text of the error may hold anything
                    _log.error("incident", query=query_id.hex(), kind=type(error).__name__)
                    self._end(self.get(query_id), StudyState.FAILED, "INTERNAL", "internal error at the coordinator")
        with self._changed:
            self._current.pop(query_id, None)
            self._asked.pop(query_id, None)
            self._threads.pop(query_id, None)
            self._changed.notify_all()

    def _consider(self, study: StudyRecord) -> None:
        request = party_pb2.ConsiderRequest(
            query_id=study.query_id,
            sql=study.sql,
            purpose=study.purpose,
            salt=study.salt,
            proposer=study.agency,
            tables=document_messages(self._documents()),
            publication=publication_message(study.publication),
        )
        parties = self._parties_of(study)
        with ThreadPoolExecutor(len(parties)) as pool:
            verdicts = list(pool.map(lambda party: self._ask(party, request, study.query_id), parties))
        refusals = [(party, found) for party, found in zip(parties, verdicts) if isinstance(found, ServiceError)]
        if refusals:
            party, error = max(refusals, key=lambda refusal: error_code(refusal[1]) not in _ECHOES)
            state, text = StudyState.FAILED, str(error)
            if isinstance(error, RemoteError):
                state = StudyState.REFUSED if error.status == "FAILED_PRECONDITION" else StudyState.FAILED
                text = f"party {party.name}: {error.message}"
            self._end(study, state, error_code(error), text)
            return
        waiting = tuple(p.name for p, verdict in zip(parties, verdicts) if verdict is Verdict.WAITING)
        if not waiting:
            self._set(study, state=StudyState.PROVING, waiting_for=())
            return
        if waiting != study.waiting_for:
            self._set(study, waiting_for=waiting)
        self._cancelled[study.query_id].wait(APPROVAL_POLL_S)

    def _parties_of(self, study: StudyRecord) -> tuple[PartyClient, ...]:
        """Who takes part; nobody else is asked, or told of the end. Found once: a dataset never changes its owner."""
        known = self._asked.get(study.query_id, ())
        if not known:
            owners = self._owners_of(study.query_id)
            known = participants(self._parties, owners, study.publication)
            if owners:
                self._asked[study.query_id] = known
        return known

    def _told(self, study: StudyRecord) -> tuple[PartyClient, ...]:
        """Who is told that a study has ended."""
        try:
            return self._parties_of(study)
        except _TYPED:  # it could not be found out, so that no outside owner was asked
            return tuple(party for party in self._parties if party.computes)

    def _ask(self, party: PartyClient, request: party_pb2.ConsiderRequest, query_id: bytes) -> Verdict | ServiceError:
        """A party's verdict or its typed refusal; a party that does not answer is asked again a few times."""
        for attempt in range(CONSIDER_ATTEMPTS):
            try:
                return party.consider(request)
            except PeerUnavailableError as error:
                if attempt + 1 == CONSIDER_ATTEMPTS or self._cancelled[query_id].wait(RETRY_PAUSE_S * (attempt + 1)):
                    return error
            except RemoteError as error:
                return error
        return PeerUnavailableError(f"party {party.name} does not answer")

    def _prove(self, study: StudyRecord) -> None:
        if study.attempts >= MAX_ATTEMPTS:
            self._end(
                study,
                StudyState.FAILED,
                study.code or "ATTEMPTS_EXHAUSTED",
                study.message or f"{MAX_ATTEMPTS} attempts failed",
            )
            return
        study = self._set(study, attempts=study.attempts + 1, stages=(), code="", message="")
        attempt = JointAttempt(
            self._parties_of(study),
            study.query_id,
            study.attempts,
            lambda stages: self._set(self.get(study.query_id), durable=False, stages=stages),
        )
        with self._changed:
            self._attempts[study.query_id] = attempt
        try:
            outcome, detail = attempt.run()
        finally:
            with self._changed:
                del self._attempts[study.query_id]
        study = self.get(study.query_id)
        if outcome is AttemptOutcome.PROVED:
            self._set(study, state=StudyState.PUBLISHING, proof=detail.proof, stages=detail.stages)
        elif self._stopping.is_set() or self._cancelled[study.query_id].is_set():
            self._set(study, stages=detail.stages)
        elif outcome is AttemptOutcome.BROKEN and study.attempts < MAX_ATTEMPTS:
            _log.warning("attempt failed", query=study.query_id.hex(), attempt=study.attempts, code=detail.code)
            self._set(study, code=detail.code, message=detail.message, stages=detail.stages)
            self._cancelled[study.query_id].wait(RETRY_PAUSE_S * study.attempts)
        else:
            state = StudyState.REFUSED if outcome is AttemptOutcome.REFUSED else StudyState.FAILED
            self._end(study, state, detail.code, detail.message)

    def _publish(self, study: StudyRecord) -> None:
        for attempt in range(PUBLISH_ATTEMPTS):
            try:
                tx, gas = self._publisher.publish(study.query_id, study.proof)
            except TransactionRevertedError as error:
                self._end(study, StudyState.FAILED, "PUBLICATION_REJECTED", f"the ledger refused: {error.reason}")
                return
            except (LedgerUnreachableError, LedgerTimeoutError) as error:
                if attempt + 1 == PUBLISH_ATTEMPTS:
                    self._end(study, StudyState.FAILED, error_code(error), str(error))
                    return
                self._stopping.wait(RETRY_PAUSE_S * 2**attempt)
                if self._stopping.is_set():
                    return
                continue
            _log.info("published", query=study.query_id.hex(), tx=tx, gas=gas)
            self._set(study, state=StudyState.PUBLISHED, tx=tx, gas=gas, code="", message="")
            return

    # --- state ---------------------------------------------------------------------------------------------------

    def _set(self, study: StudyRecord, *, durable: bool = True, **changes: Any) -> StudyRecord:
        with self._changed:
            latest = changed(study, **changes)
            if durable:
                self._store.keep(latest)
            self._current[study.query_id] = latest
            self._changed.notify_all()
        return latest

    def _end(self, study: StudyRecord, state: StudyState, code: str, message: str) -> None:
        _log.info("ended", query=study.query_id.hex(), state=state.value, code=code)
        self._set(study, state=state, code=code, message=message, waiting_for=())
        for party in self._told(study):
            try:
                party.abandon(study.query_id)
            except ServiceError as error:
                _log.info("not abandoned", party=party.name, code=error_code(error))

    def _revision(self, query_id: bytes) -> int:
        found = self._current.get(query_id)
        return -1 if found is None else found.revision
