"""The history that a new answer is audited against: what the ledger shows as published, and what may still be.

Every party computes it for itself and the parties compare digests before anything is opened, so that a party that is
behind burns the attempt instead of letting an answer through.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ledger.studies import QueryRecord, QueryState
from mpc.shares import ReplicatedShare
from query.audit.columns import Domain as ColumnDomain
from query.audit.columns import Variable, domains_of
from query.audit.differencing import GuardRow, Released, find_gaps
from query.audit.membership import guard_rows
from query.audit.weights import count_weighted
from query.errors import QueryError
from query.policy import parse_policy, policy_hash
from query.schema import parse_schema, schema_hash
from services.convert import released_rows
from services.errors import HistoryIncompleteError
from services.ledger_access import LedgerAccess
from services.party.client import TableDocument
from services.party.gap_tests import EarlierGuards, GapTests
from services.party.store import PartyStore
from zk.field import FR
from zk.proof import Proof, decode_proof
from zk.relation import Relation
from zk.statement import Point, opened_rows

TURN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """An earlier answer, the guards of it that are open, and its [s]."""

    released: Released
    opened: dict[GuardRow, int]
    sums: Point | None


class AnswerHistory:
    """Finds the gaps between an answer that is being proved and earlier ones. Thread-safe.

    Args:
        party: this party's number.
        store: keeps the shares of earlier guards and the schemas seen.
        ledger: shows what was published.
    """

    def __init__(self, party: int, store: PartyStore, ledger: LedgerAccess) -> None:
        self._party = party
        self._store = store
        self._ledger = ledger
        self._published: dict[bytes, _Answer] = {}
        self._ended: dict[bytes, QueryState] = {}
        self._lock = threading.Lock()
        self._running: dict[bytes, tuple[int, bytes]] = {}
        self._turns = threading.Condition()

    def note_documents(self, documents: Iterable[TableDocument]) -> None:
        """Keep the schemas and policies of tables that questions name, by hash."""
        for document in documents:
            try:
                schema, policy = parse_schema(document.schema), parse_policy(document.policy)
            except QueryError:
                continue  # a document that cannot be read fits no hash
            self._store.keep_document(schema_hash(schema), document.schema)
            self._store.keep_document(policy_hash(policy), document.policy)

    def weighted(self, query: QueryRecord) -> dict[Variable, int]:
        """How many sums of products with others' columns a query and the answers before it let out, by column.

        Raises:
            LedgerError: the ledger does not answer.
        """
        let_out = [record for record in _connected(self._ledger.studies.queries(), query)
                   if self._state(record.query_id) in (QueryState.APPROVED, QueryState.PUBLISHED)]
        return count_weighted([*(record.relation for record in let_out), query.relation])

    @contextmanager
    def proving(self, query: QueryRecord) -> Iterator[None]:
        """While a query is proved here: queries proposed later wait with their audit until it has ended."""
        with self._turns:
            self._running[query.query_id] = _place(query)
        try:
            yield
        finally:
            with self._turns:
                self._running.pop(query.query_id, None)
                self._turns.notify_all()

    def tests(self, query: QueryRecord, guards: tuple[int, ...]) -> GapTests:
        """The gaps that letting out some guards of a query would open.

        Args:
            query: the query being proved; proofs of queries that were proposed before it are waited for.
            guards: rows of the sealed column.

        Raises:
            HistoryIncompleteError: an earlier query is still being proved after `TURN_S`.
            LedgerError: the ledger does not answer.
        """
        if not self._audited(query):
            return GapTests(query.query_id, (), EarlierGuards({}, {}))
        place = _place(query)
        with self._turns:
            if not self._turns.wait_for(lambda: min(self._running.values(), default=place) >= place, TURN_S):
                raise HistoryIncompleteError("an earlier query is still being proved: ask again")
        history: list[Released] = []
        opened: dict[GuardRow, int] = {}
        shared: dict[GuardRow, ReplicatedShare] = {}
        for record in _connected(self._ledger.studies.queries(), query):
            state = self._state(record.query_id)
            answer = None
            if state is QueryState.PUBLISHED:
                answer = self._publication(record)
            elif state is QueryState.APPROVED:
                answer = self._unpublished(record)
            if answer is not None:
                history.append(answer.released)
                opened |= answer.opened
                shared |= self._shares(record, answer)
        asked = Released(query.query_id, query.relation, guards)
        gaps = find_gaps(history, asked, self._domains([*(r.relation for r in history), query.relation]))
        return GapTests(query.query_id, gaps, EarlierGuards(opened, shared))

    def _state(self, query_id: bytes) -> QueryState:
        """Where a query stands; ends are remembered."""
        with self._lock:
            known = self._ended.get(query_id)
        state = self._ledger.studies.state(query_id) if known is None else known
        if state not in (QueryState.PROPOSED, QueryState.APPROVED):
            with self._lock:
                self._ended[query_id] = state
        return state

    def _publication(self, record: QueryRecord) -> _Answer:
        with self._lock:
            known = self._published.get(record.query_id)
        if known is not None:
            return known
        published = self._ledger.studies.published(record.query_id)
        released = _released(record, published.release)
        found = _Answer(released, _opened(released, published.opened(record.relation)), published.sums)
        with self._lock:
            self._published[record.query_id] = found
        return found

    def _unpublished(self, record: QueryRecord) -> _Answer | None:
        """An answer that was proved here and could be published any time: the last one."""
        results = self._store.proofs(record.query_id)
        if not results:
            return None
        proof = decode_proof(record.relation, results[-1].proof)
        released = _released(record, proof.release)
        return _Answer(released, _opened(released, opened_values(record.relation, proof)), proof.sums)

    def _shares(self, record: QueryRecord, answer: _Answer) -> dict[GuardRow, ReplicatedShare]:
        """This party's shares of the guards that are not open."""
        rows = answer.released.guards
        closed = [row for row in rows if GuardRow(record.query_id, row) not in answer.opened]
        for result in self._store.proofs(record.query_id) if closed else ():
            same = decode_proof(record.relation, result.proof).sums == answer.sums
            if same and len(result.guards) == 2 * len(rows) * FR.element_bytes:
                values = FR.decode_bytes(result.guards)
                pairs = [(values[k : k + 1], values[k + len(rows) : k + len(rows) + 1]) for k in range(len(rows))]
                return {GuardRow(record.query_id, row): ReplicatedShare(self._party, *pair)
                        for row, pair in zip(rows, pairs, strict=True) if row in closed}
        return {}

    def _domains(self, relations: Iterable[Relation]) -> dict[Variable, ColumnDomain]:
        """What registration proved of the columns; a dataset whose schema was never shown here has none."""
        found: dict[Variable, ColumnDomain] = {}
        versions = {(column.dataset, column.version) for relation in relations for column in relation.registered}
        for dataset, _ in sorted(versions):
            schema = self._store.document(self._ledger.registry.dataset(dataset).schema_hash)
            if schema is not None:
                found |= domains_of(dataset, parse_schema(schema))
        return found

    def _audited(self, query: QueryRecord) -> bool:
        """Whether a policy of a query's datasets wants an audit; one that was never shown here counts as such."""
        for dataset in sorted(_datasets(query)):
            policy = self._store.document(self._ledger.registry.dataset(dataset).policy_hash)
            if policy is None or parse_policy(policy).limits.audited:
                return True
        return False


def guard_bytes(guards: ReplicatedShare) -> bytes:
    """A party's shares of the released guards, in the order of their rows, for its store. Secret."""
    return FR.encode_bytes(guards.first) + FR.encode_bytes(guards.second)


def opened_values(relation: Relation, proof: Proof) -> dict[int, int]:
    """What a proof shows to everybody, by row of the sealed column."""
    if relation.plain:
        return dict(enumerate(proof.constants))
    return dict(zip(opened_rows(relation, proof.release), proof.rows, strict=True))


def released_guards(relation: Relation, release: int) -> tuple[int, ...]:
    """The guard rows among the released rows."""
    released = set(released_rows(release))
    return tuple(row for row in guard_rows(relation) if row in released)


def _place(query: QueryRecord) -> tuple[int, bytes]:
    """Where a query stands among all, the same at every party."""
    return query.block_number, query.query_id


def _released(record: QueryRecord, release: int) -> Released:
    guards = guard_rows(record.relation) if record.relation.plain else released_guards(record.relation, release)
    return Released(record.query_id, record.relation, guards)


def _opened(released: Released, values: Mapping[int, int]) -> dict[GuardRow, int]:
    return {GuardRow(released.query_id, row): values[row] for row in released.guards if row in values}


def _connected(records: Iterable[QueryRecord], query: QueryRecord) -> list[QueryRecord]:
    """The other queries that reach the datasets of a query, through datasets that queries have in common."""
    left = [record for record in records if record.query_id != query.query_id]
    reached, found = _datasets(query), set[bytes]()
    while True:
        more = [record for record in left if record.query_id not in found and reached & _datasets(record)]
        if not more:
            return [record for record in left if record.query_id in found]
        found |= {record.query_id for record in more}
        reached = reached.union(*map(_datasets, more))


def _datasets(record: QueryRecord) -> set[int]:
    return {column.dataset for column in record.relation.registered}
