"""A typed client of one party, for the coordinator, the agency and the operator. Every failure is a typed error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, TypeVar

import grpc

from ledger.cohorts import NOISE_UNITS
from proto.v1 import party_pb2, party_pb2_grpc
from query.publication import Publication
from services.config import PartyEndpoint, TlsConfig
from services.convert import checked_publication
from services.errors import RemoteError
from services.identity import Identity, Role
from services.party.verdict import Verdict, verdict_of
from services.status import remote_errors
from services.transport import CHUNK_BYTES, open_client
from services.unavailable import peer_unavailable

CALL_TIMEOUT_S: Final = 30.0
REGISTER_TIMEOUT_S: Final = 600.0
PROVE_TIMEOUT_S: Final = 600.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TableDocument:
    """Canonical JSON of a table's schema and policy; public, and checked against the ledger's hashes by its reader."""

    schema: bytes
    policy: bytes


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered version. Public."""

    dataset: int
    version: int
    rows: int
    columns: int
    tx: str
    gas: int


@dataclass(frozen=True, slots=True)
class CohortAligned:
    """What a party says of an alignment.

    Args:
        multiplicities: how many persons, dummies among them, are in 1, 2, .. lists; empty where nothing was run.
        tx: the owner's confirmation; empty at a party that is no owner, or that had confirmed.
        next_attempt: the smallest number the next attempt can have at this party.
        aligned: whether this owner has its rows; then another call only has it confirm.
    """

    multiplicities: tuple[int, ...]
    tx: str
    next_attempt: int
    aligned: bool


@dataclass(frozen=True, slots=True)
class PendingQuery:
    """A query that waits for a person."""

    query_id: bytes
    sql: str
    purpose: str
    proposer: str
    considered_at_ms: int
    publication: Publication


@dataclass(frozen=True, slots=True)
class ReleasedParts:
    """One party's additive parts of released rows of the sealed column; secret until summed.

    Args:
        rows: numbers of the rows.
        values: 32 bytes each.
        points: 64 bytes each.
        ranks: both components of the party's shares of order statistics, 8 bytes each; empty where none were asked for.
    """

    rows: tuple[int, ...]
    values: bytes = field(repr=False)
    points: bytes = field(repr=False)
    ranks: bytes = field(default=b"", repr=False)


class PartyClient:
    """Calls one party. Thread-safe.

    Args:
        endpoint: its name, number and address.
        tls: our certificate files.
    """

    def __init__(self, endpoint: PartyEndpoint, tls: TlsConfig) -> None:
        self.name = endpoint.name
        self.number = endpoint.number
        self.computes = endpoint.computes
        self._channel = open_client(endpoint.address, tls, Identity(Role.PARTY, endpoint.name))
        self._stub = party_pb2_grpc.PartyServiceStub(self._channel)

    def __enter__(self) -> PartyClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def register(self, schema: bytes, policy: bytes, csv: bytes, log_rows: int, row_column: str = "") -> Registered:
        """Register a table (operators only).

        Args:
            schema: JSON.
            policy: JSON.
            csv: UTF-8 text with a header line; secret.
            log_rows: log2 of the padded number of rows.
            row_column: name of the CSV column with row numbers, or empty.

        Raises:
            RemoteError: the party or the ledger refused.
            PeerUnavailableError: the party does not answer.
        """
        header = party_pb2.RegisterHeader(schema=schema, policy=policy, log_rows=log_rows, row_column=row_column)

        def messages() -> Iterator[party_pb2.RegisterRequest]:
            yield party_pb2.RegisterRequest(header=header)
            for start in range(0, len(csv), CHUNK_BYTES):
                yield party_pb2.RegisterRequest(csv=csv[start : start + CHUNK_BYTES])

        reply = self._call(lambda: self._stub.Register(messages(), timeout=REGISTER_TIMEOUT_S))
        return Registered(
            int.from_bytes(reply.dataset, "big"), reply.version, reply.rows, reply.columns, reply.tx, reply.gas
        )

    def set_policy(self, table: str, policy: bytes) -> str:
        """Replace a table's policy (operators only) and return the transaction; raises as `register`."""
        request = party_pb2.SetPolicyRequest(table=table, policy=policy)
        return self._call(lambda: self._stub.SetPolicy(request, timeout=CALL_TIMEOUT_S)).tx

    def withdraw(self, table: str) -> str:
        """Withdraw a table (operators only) and return the transaction; raises as `register`."""
        return self._call(
            lambda: self._stub.Withdraw(party_pb2.WithdrawRequest(table=table), timeout=CALL_TIMEOUT_S)
        ).tx

    def propose_cohort(self, name: str, owners: Sequence[str], log_rows: int, epsilon: float) -> tuple[int, str]:
        """Propose a cohort or its next version (operators only); returns version and transaction; raises as `register`.

        Args:
            name: public.
            owners: names of the parties that own lists.
            log_rows: log2 of the number of rows.
            epsilon: of the noise of multiplicities.
        """
        request = party_pb2.ProposeCohortRequest(
            name=name, owners=owners, log_rows=log_rows, noise=round(epsilon * NOISE_UNITS)
        )
        reply = self._call(lambda: self._stub.ProposeCohort(request, timeout=CALL_TIMEOUT_S))
        return reply.version, reply.tx

    def join_cohort(self, name: str, version: int, csv: bytes, column: str, *, merge: bool = False) -> tuple[int, str]:
        """Approve a version and bind a list (operators only); returns number of identifiers and transaction.

        Args:
            name, version: of the cohort.
            csv: UTF-8 text with a header line; secret.
            column: the one with identifiers.
            merge: whether a person named twice counts once; else the list is refused.

        Raises:
            RemoteError: the party or the ledger refused.
            PeerUnavailableError: the party does not answer.
        """
        header = party_pb2.JoinCohortHeader(name=name, version=version, column=column, merge=merge)

        def messages() -> Iterator[party_pb2.JoinCohortRequest]:
            yield party_pb2.JoinCohortRequest(header=header)
            for start in range(0, len(csv), CHUNK_BYTES):
                yield party_pb2.JoinCohortRequest(csv=csv[start : start + CHUNK_BYTES])

        reply = self._call(lambda: self._stub.JoinCohort(messages(), timeout=REGISTER_TIMEOUT_S))
        return reply.count, reply.tx

    def align_cohort(self, name: str, version: int, attempt: int) -> CohortAligned:
        """Run the party's part of an alignment (operators only); 0 as attempt only asks for the next number."""
        request = party_pb2.AlignCohortRequest(name=name, version=version, attempt=attempt)
        reply = self._call(lambda: self._stub.AlignCohort(request, timeout=PROVE_TIMEOUT_S))
        return CohortAligned(tuple(reply.multiplicities), reply.tx, reply.next_attempt, reply.aligned)

    def abandon_cohort(self, name: str, version: int) -> str:
        """Give up a version that is under way (operators only) and return the transaction; raises as `register`."""
        request = party_pb2.AbandonCohortRequest(name=name, version=version)
        return self._call(lambda: self._stub.AbandonCohort(request, timeout=CALL_TIMEOUT_S)).tx

    def pending(self) -> list[PendingQuery]:
        """Queries that wait for a person (operators only); raises as `register`."""
        reply = self._call(lambda: self._stub.Pending(party_pb2.PendingRequest(), timeout=CALL_TIMEOUT_S))
        return [
            PendingQuery(
                q.query_id, q.sql, q.purpose, q.proposer, q.considered_at_ms, checked_publication(q.publication)
            )
            for q in reply.queries
        ]

    def decide(self, query_id: bytes, approve: bool) -> None:
        """Approve or refuse a waiting query (operators only); raises as `register`."""
        request = party_pb2.DecideRequest(query_id=query_id, approve=approve)
        self._call(lambda: self._stub.Decide(request, timeout=CALL_TIMEOUT_S))

    def tables(self, timeout_s: float = CALL_TIMEOUT_S) -> list[TableDocument]:
        """Schemas and policies of the party's tables; raises as `register`."""
        reply = self._call(lambda: self._stub.Tables(party_pb2.TablesRequest(), timeout=timeout_s))
        return documents_of(reply.tables)

    def consider(self, request: party_pb2.ConsiderRequest) -> Verdict:
        """Have the party consider a query (the coordinator only).

        Raises:
            RemoteError: it refuses; `code` is the rule.
            PeerUnavailableError: the party does not answer.
        """
        return verdict_of(self._call(lambda: self._stub.Consider(request, timeout=CALL_TIMEOUT_S)))

    def prove(
        self,
        query_id: bytes,
        attempt: int,
        on_event: Callable[[party_pb2.ProveEvent], None],
        on_start: Callable[[Callable[[], object]], None] = lambda cancel: None,
    ) -> bytes:
        """Run this party's part of an attempt (the coordinator only) and return the proof.

        Args:
            query_id: 32 bytes.
            attempt: from 1.
            on_event: called for every progress event.
            on_start: called with a function that cancels the call.

        Raises:
            RemoteError: the attempt failed at this party.
            PeerUnavailableError: the party does not answer.
        """
        request = party_pb2.ProveRequest(query_id=query_id, attempt=attempt)

        def run() -> bytes:
            call = self._stub.Prove(request, timeout=PROVE_TIMEOUT_S)
            on_start(call.cancel)
            proof = b""
            for event in call:
                on_event(event)
                proof = event.proof or proof
            return proof

        return self._call(run)

    def abandon(self, query_id: bytes) -> None:
        """Have the party forget an unfinished query (the coordinator only); raises as `register`."""
        self._call(lambda: self._stub.Abandon(party_pb2.AbandonRequest(query_id=query_id), timeout=CALL_TIMEOUT_S))

    def release(self, query_id: bytes) -> ReleasedParts:
        """This party's parts of a published result (its proposer only); raises as `register`."""
        request = party_pb2.ReleaseRequest(query_id=query_id)
        reply = self._call(lambda: self._stub.Release(request, timeout=CALL_TIMEOUT_S))
        return ReleasedParts(tuple(reply.rows), reply.values, reply.points, reply.ranks)

    def acknowledge(self, query_id: bytes) -> None:
        """Tell the party that the result has arrived (its proposer only); raises as `register`."""
        self._call(
            lambda: self._stub.Acknowledge(party_pb2.AcknowledgeRequest(query_id=query_id), timeout=CALL_TIMEOUT_S)
        )

    def _call(self, run: Callable[[], _T]) -> _T:
        try:
            with remote_errors():
                return run()
        except RemoteError as error:
            if error.code == grpc.StatusCode.UNAVAILABLE.name:
                raise peer_unavailable(f"party {self.name}", error) from error
            raise


def documents_of(messages: Sequence[party_pb2.TableDocument]) -> list[TableDocument]:
    """Table documents from their messages."""
    return [TableDocument(message.schema, message.policy) for message in messages]


def document_messages(documents: Sequence[TableDocument]) -> list[party_pb2.TableDocument]:
    """Messages of table documents."""
    return [party_pb2.TableDocument(schema=document.schema, policy=document.policy) for document in documents]
