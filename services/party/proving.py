"""One attempt at a joint proof at one party, in a worker thread of its own, with its events in a queue.

The attempt is noted as begun before anything is sent, as spent before the first evaluation leaves, and as done together
with its result; whatever ends it earlier burns it (M4). When the coordinator's call goes away the channel is closed, so
that the peers learn at once instead of waiting for a timeout.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from ledger.errors import LedgerError, RecordInvalidError
from ledger.studies import QueryRecord, QueryState
from mpc.errors import MpcError
from query.audit.membership import guard_rows
from query.errors import QueryError
from query.publication import Publication
from services.channel import PeerChannel, PeerNetwork
from services.directory import member_hash
from services.errors import DisclosureRefusedError, ServiceError, StateConflictError
from services.identity import Role
from services.ledger_access import LedgerAccess
from services.logging import get_logger
from services.party.approval import Approver
from services.party.history import AnswerHistory, guard_bytes, opened_values
from services.party.outside_session import OutsideSession
from services.party.rank_reading import RankReader
from services.party.rank_session import rank_bytes
from services.party.recompiled import dominance_of
from services.party.registration import column_secret
from services.party.session import JointSession, SessionPlan, SessionResult, session_id
from services.party.store import PartyStore
from services.party.stored import StoredQuery, StoredResult
from services.party.verdict import Verdict
from services.prover.client import ProverClient
from services.range_tables import range_table
from services.status import error_code
from zk.curve import points_to_bytes
from zk.errors import ZkError
from zk.field import FR
from zk.owners import column_owners
from zk.proof import Proof, encode_proof
from zk.prover import RegisteredSecret
from zk.verifier import verify_guards, verify_proof

_log = get_logger("services.party.proving")

STOP_S: Final = 5.0
_TYPED: Final = (ServiceError, LedgerError, MpcError, QueryError, ZkError)


@dataclass(frozen=True, slots=True)
class ProvingEvent:
    """A stage that begins, the proof at the end, or the failure that ended the attempt."""

    elapsed_ms: int
    stage: str = ""
    proof: bytes = b""
    error: BaseException | None = None


class Attempt:
    """A running attempt: iterate over its events, or cancel it."""

    def __init__(self, channel: PeerChannel | None) -> None:
        self._channel = channel
        self._events: queue.SimpleQueue[ProvingEvent] = queue.SimpleQueue()
        self._began = time.monotonic()

    def cancel(self) -> None:
        """Close the channel; the attempt fails at its next message. One without peers ends by itself."""
        if self._channel is not None:
            self._channel.close()

    def note(self, stage: str = "", proof: bytes = b"", error: BaseException | None = None) -> None:
        """Add an event."""
        self._events.put(ProvingEvent(int((time.monotonic() - self._began) * 1000), stage, proof, error))

    def events(self) -> Iterator[ProvingEvent]:
        """Yield events until the proof.

        Raises:
            Exception: the typed failure that ended the attempt.
        """
        while True:
            event = self._events.get()
            if event.error is not None:
                raise event.error
            yield event
            if event.proof:
                return


class Proving:
    """Begins attempts.

    Args:
        number: this party's number.
        names: number of every party by name.
        store, ledger, network, prover: this party's.
        approver: ends a query on the ledger that the data refused.
        history: finds the gaps between an answer and earlier ones.
        ranks: reads what this party enters for order statistics.
        timeout_s: how long to wait for one message of a peer.
    """

    def __init__(
        self,
        number: int,
        names: Mapping[str, int],
        store: PartyStore,
        ledger: LedgerAccess,
        network: PeerNetwork,
        prover: ProverClient,
        approver: Approver,
        history: AnswerHistory,
        ranks: RankReader,
        timeout_s: float,
    ) -> None:
        self._number = number
        self._numbers = {member_hash(Role.PARTY, name): place for name, place in names.items()}
        self._store = store
        self._ledger = ledger
        self._network = network
        self._prover = prover
        self._approver = approver
        self._history = history
        self._ranks = ranks
        self._timeout_s = timeout_s
        self._running: dict[threading.Thread, Attempt] = {}
        self._lock = threading.Lock()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Cancel every running attempt and wait until it is noted as burnt; the store may be closed afterwards."""
        with self._lock:
            running = dict(self._running)
        for attempt in running.values():
            attempt.cancel()
        deadline = time.monotonic() + timeout_s
        for thread in running:
            thread.join(max(0.0, deadline - time.monotonic()))

    def begin(self, query_id: bytes, number: int) -> Attempt:
        """Begin an attempt in a thread of its own.

        Raises:
            StateConflictError: the query is not approved here and on the ledger, its text does not mean its relation
                any more, or the attempt's number was used.
            RecordInvalidError: the ledger lacks the range table that the query looks up.
            LedgerError: the ledger does not answer.
        """
        known = self._store.query(query_id)
        if known is None or known.verdict not in (Verdict.APPROVED, Verdict.ACKNOWLEDGED):
            raise StateConflictError("this party has not approved or acknowledged the query")
        query = self._approver.open_query(query_id)
        if query.state is not QueryState.APPROVED or query.relation_hash != known.relation_hash:
            raise StateConflictError("the query is not approved by all owners on the ledger")
        plan = self._plan(query, number, known)
        alone = self._proves_alone(plan)
        if not alone and self._number not in plan.contributors:
            raise StateConflictError("this party neither computes nor owns a table of the query")
        self._store.begin_attempt(query_id, number)
        channel = None if alone else self._network.channel(plan.session, number, plan.contributors)
        attempt = Attempt(channel)
        thread = threading.Thread(
            target=self._run, args=(attempt, channel, plan, query_id), name=f"proof-{number}", daemon=True
        )
        with self._lock:
            self._running[thread] = attempt
        thread.start()
        return attempt

    def _proves_alone(self, plan: SessionPlan) -> bool:
        """Whether all columns are ours and everything is public: nobody else has anything to add or to hide."""
        registered = range(1, len(plan.statement.relation.registered) + 1)
        return plan.public and all(plan.owners[place] == self._number for place in registered)

    def _plan(self, query: QueryRecord, attempt: int, asked: StoredQuery) -> SessionPlan:
        relation, registry = query.relation, self._ledger.registry
        commitments = tuple(registry.commitment(column) for column in relation.registered)
        table = range_table(self._ledger, relation)
        statement = self._ledger.studies.statement(query.query_id, relation, commitments, table, query.minimum_group)
        if statement.hash != query.statement_hash:
            raise RecordInvalidError("the directory's commitments are not those the query was proposed for")
        owners = {dataset: self._owner(dataset) for dataset in {column.dataset for column in relation.registered}}
        numbered = {place: owners[column.dataset] for place, column in enumerate(relation.registered, start=1)}
        return SessionPlan(
            statement,
            column_owners(relation, numbered),
            query.minimum_group,
            session_id(query.query_id, attempt),
            attempt,
            self._ledger.tau_g2,
            self._timeout_s,
            asked.publication is Publication.PUBLIC,
            dominance_of(self._store, registry, query, asked),
        )

    def _owner(self, dataset: int) -> int:
        registry = self._ledger.registry
        number = self._numbers.get(registry.member(registry.owner_of(dataset)).did_hash)
        if number is None:
            raise StateConflictError(f"the owner of dataset {dataset:032x} is no party known here")
        return number

    def _secrets(self, plan: SessionPlan) -> dict[int, RegisteredSecret]:
        registered = enumerate(plan.statement.relation.registered, start=1)
        return {
            place: column_secret(self._store.column(column.dataset, column.version, column.column))
            for place, column in registered
            if plan.owners[place] == self._number
        }

    def _run(self, attempt: Attempt, channel: PeerChannel | None, plan: SessionPlan, query_id: bytes) -> None:
        """Prove, and see to it that the attempt ends and its caller hears of it, whatever happens."""
        number = plan.attempt
        with ThreadPoolExecutor(1) as worker:
            if channel is None:
                proving = worker.submit(self._prove_alone, attempt, plan, query_id)
            else:
                proving = worker.submit(self._prove, attempt, channel, plan, query_id)
            error = proving.exception()
        try:
            if error is None:
                _log.info("proved", query=query_id.hex(), attempt=number)
            else:
                self._burn(query_id, number, error)
        finally:
            attempt.note(proof=b"" if error else proving.result(), error=error)
            with self._lock:
                self._running.pop(threading.current_thread(), None)

    def _burn(self, query_id: bytes, number: int, error: BaseException) -> None:
        kind = error_code(error) if isinstance(error, _TYPED) else "INTERNAL"
        _log.warning("attempt burnt", query=query_id.hex(), attempt=number, code=kind, kind=type(error).__name__)
        self._store.burn_attempt(query_id, number)
        if isinstance(error, DisclosureRefusedError):
            self._end_on_ledger(query_id)

    def _prove(self, attempt: Attempt, channel: PeerChannel, plan: SessionPlan, query_id: bytes) -> bytes:
        number = plan.attempt
        query = self._approver.open_query(query_id)
        with channel, self._history.proving(query):
            secrets, known = self._secrets(plan), self._store.query(query_id)
            ranks = None if known is None else self._ranks.step(query, known)

            def spend() -> None:
                self._store.mark_spent(query_id, number)

            def progress(stage: str) -> None:
                attempt.note(stage=stage)

            with self._prover.open_session(plan.statement, self._number, plan.owners, secrets) as prover:
                if self._number in plan.outside:
                    shown = OutsideSession(plan, channel, prover, spend, progress, ranks=ranks).run()
                    kept = StoredResult(number, encode_proof(shown), b"", b"")
                else:
                    result = JointSession(
                        plan,
                        channel,
                        prover,
                        spend,
                        progress,
                        audit=lambda guards: self._history.tests(query, guards),
                        ranks=ranks,
                    ).run()
                    kept = _kept(number, result)
            self._store.keep_result(query_id, kept)
        return kept.proof

    def _prove_alone(self, attempt: Attempt, plan: SessionPlan, query_id: bytes) -> bytes:
        attempt.note(stage="alone")
        self._store.mark_spent(query_id, plan.attempt)
        proof = self._prover.prove_public(plan.statement, self._secrets(plan), plan.minimum, plan.dominance)
        verify_proof(plan.tau_g2, plan.statement, proof)
        verify_guards(plan.statement, proof, plan.minimum)
        self._audit_alone(query_id, plan, proof)
        encoded = encode_proof(proof)
        self._store.keep_result(query_id, StoredResult(plan.attempt, encoded, b"", b""))
        return encoded

    def _audit_alone(self, query_id: bytes, plan: SessionPlan, proof: Proof) -> None:
        """Test the gaps beside earlier answers in the clear, as sums that everybody may read allow.

        Raises:
            DisclosureRefusedError: one counts too few people.
            HistoryIncompleteError: an earlier count is not open.
        """
        query, relation = self._approver.open_query(query_id), plan.statement.relation
        values = opened_values(relation, proof)
        with self._history.proving(query):
            tests = self._history.tests(query, tuple(row for row in guard_rows(relation) if row in values))
        if tests.risk(values, plan.minimum):
            raise DisclosureRefusedError()

    def _end_on_ledger(self, query_id: bytes) -> None:
        try:
            self._approver.refuse_for_disclosure(query_id)
        except _TYPED as error:
            _log.warning("not ended on the ledger", query=query_id.hex(), code=error_code(error))


def _kept(number: int, result: SessionResult) -> StoredResult:
    """What a computing party keeps of a result; secret until the publication is final."""
    return StoredResult(
        number,
        encode_proof(result.proof),
        FR.encode_bytes(result.values),
        points_to_bytes(result.quotients),
        guard_bytes(result.guards),
        rank_bytes(result.ranks),
    )
