"""PartyService: handlers that check their input, hand over to one of the party's parts, and answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

import grpc

from ledger.cohorts import NOISE_UNITS
from proto.v1 import party_pb2, party_pb2_grpc
from query.layout import is_layout
from query.policy import parse_policy
from query.schema import parse_schema
from services.convert import checked_publication, publication_message
from services.convert_study import checked_cohort_name, checked_id, checked_purpose, checked_sql
from services.errors import CapacityExceededError, RequestInvalidError
from services.identifiers import parse_identifiers
from services.identity import Role
from services.party.approval import Approver
from services.party.client import TableDocument, document_messages, documents_of
from services.party.cohorts import CohortKeeper
from services.party.proving import Proving
from services.party.records import parse_records, read_csv
from services.party.registration import Registrar
from services.party.releasing import Releasing
from services.party.store import PartyStore
from services.party.verdict import Verdict, consider_reply
from services.server import Rule, allow, caller_of, service_rules
from zk.relation import MAX_LOG_ROWS, MIN_LOG_ROWS

MAX_PROOFS: Final = 4


def party_rules(coordinator: str) -> dict[str, Rule]:
    """Who may call what of a party."""
    operator, routing, agency = allow(Role.OPERATOR), allow(Role.COORDINATOR, names=[coordinator]), allow(Role.AGENCY)
    everybody = allow(*(role for role in Role if role is not Role.PROVER))
    return service_rules(
        "PartyService",
        {
            "Register": operator,
            "SetPolicy": operator,
            "Withdraw": operator,
            "ProposeCohort": operator,
            "JoinCohort": operator,
            "AlignCohort": operator,
            "AbandonCohort": operator,
            "Pending": operator,
            "Decide": operator,
            "Tables": everybody,
            "Consider": routing,
            "Prove": routing,
            "Abandon": routing,
            "Release": agency,
            "Acknowledge": agency,
        },
    )


class PartyServicer(party_pb2_grpc.PartyServiceServicer):
    """Handlers; they raise domain errors.

    Args:
        store, registrar, approver, proving, releasing, cohorts: the party's parts.
    """

    def __init__(
        self,
        store: PartyStore,
        registrar: Registrar,
        approver: Approver,
        proving: Proving,
        releasing: Releasing,
        cohorts: CohortKeeper,
    ) -> None:
        self._store = store
        self._registrar = registrar
        self._approver = approver
        self._proving = proving
        self._releasing = releasing
        self._cohorts = cohorts
        self._proofs = threading.BoundedSemaphore(MAX_PROOFS)

    def add_to(self, server: grpc.Server) -> None:
        """Serve ``PartyService`` on a server."""
        party_pb2_grpc.add_PartyServiceServicer_to_server(self, server)

    def Register(
        self, request_iterator: Iterator[party_pb2.RegisterRequest], context: grpc.ServicerContext
    ) -> party_pb2.RegisterReply:
        """Register a table from CSV."""
        first = next(request_iterator, None)
        if first is None or first.WhichOneof("part") != "header":
            raise RequestInvalidError("header", "the first message must be the header")
        header = first.header
        if not MIN_LOG_ROWS <= header.log_rows <= MAX_LOG_ROWS:
            raise RequestInvalidError("log_rows", f"expected {MIN_LOG_ROWS} to {MAX_LOG_ROWS}")
        schema, policy = parse_schema(header.schema), parse_policy(header.policy)
        text = read_csv(request.csv if request.WhichOneof("part") == "csv" else None for request in request_iterator)
        cohort = None if header.row_column else self._cohorts.rows_of(schema.cohort)
        records = parse_records(schema, text, header.row_column, header.log_rows, cohort)
        done = self._registrar.register(schema, policy, records, header.log_rows)
        return party_pb2.RegisterReply(
            dataset=done.dataset.to_bytes(16, "big"),
            version=done.version,
            rows=done.rows,
            columns=done.columns,
            tx=done.tx,
            gas=done.gas,
        )

    def SetPolicy(self, request: party_pb2.SetPolicyRequest, context: grpc.ServicerContext) -> party_pb2.SetPolicyReply:
        """Replace a table's policy."""
        return party_pb2.SetPolicyReply(tx=self._registrar.set_policy(request.table, parse_policy(request.policy)))

    def Withdraw(self, request: party_pb2.WithdrawRequest, context: grpc.ServicerContext) -> party_pb2.WithdrawReply:
        """Withdraw a table."""
        return party_pb2.WithdrawReply(tx=self._registrar.withdraw(request.table))

    def Pending(self, request: party_pb2.PendingRequest, context: grpc.ServicerContext) -> party_pb2.PendingReply:
        """List queries that wait for a person."""
        return party_pb2.PendingReply(
            queries=[
                party_pb2.PendingQuery(
                    query_id=q.query_id,
                    sql=q.sql,
                    purpose=q.purpose,
                    proposer=q.proposer,
                    considered_at_ms=q.considered_at_ms,
                    publication=publication_message(q.publication),
                )
                for q in self._store.pending()
            ]
        )

    def Decide(self, request: party_pb2.DecideRequest, context: grpc.ServicerContext) -> party_pb2.DecideReply:
        """Carry out a person's decision."""
        self._approver.decide(checked_id("query_id", request.query_id), request.approve)
        return party_pb2.DecideReply()

    def Tables(self, request: party_pb2.TablesRequest, context: grpc.ServicerContext) -> party_pb2.TablesReply:
        """Return schemas and policies of registered tables, the newest version of each."""
        newest = {
            found.dataset: TableDocument(found.schema, found.policy)
            for found in sorted(self._store.datasets(), key=lambda found: found.version)
            if not is_layout(found.name)
        }
        return party_pb2.TablesReply(tables=document_messages(list(newest.values())))

    def ProposeCohort(
        self, request: party_pb2.ProposeCohortRequest, context: grpc.ServicerContext
    ) -> party_pb2.CohortReply:
        """Propose a cohort or its next version."""
        name = checked_cohort_name(request.name)
        version, tx = self._cohorts.propose(name, list(request.owners), request.log_rows, request.noise / NOISE_UNITS)
        return party_pb2.CohortReply(version=version, tx=tx)

    def JoinCohort(
        self, request_iterator: Iterator[party_pb2.JoinCohortRequest], context: grpc.ServicerContext
    ) -> party_pb2.CohortReply:
        """Approve a version and bind a list of identifiers."""
        first = next(request_iterator, None)
        if first is None or first.WhichOneof("part") != "header":
            raise RequestInvalidError("header", "the first message must be the header")
        header, name = first.header, checked_cohort_name(first.header.name)
        text = read_csv(request.csv if request.WhichOneof("part") == "csv" else None for request in request_iterator)
        texts = parse_identifiers(text, header.column)
        count, tx = self._cohorts.join(name, header.version, texts, "merge" if header.merge else "refuse")
        return party_pb2.CohortReply(version=header.version, tx=tx, count=count)

    def AlignCohort(
        self, request: party_pb2.AlignCohortRequest, context: grpc.ServicerContext
    ) -> party_pb2.AlignCohortReply:
        """Run this party's part of an alignment."""
        name = checked_cohort_name(request.name)
        seen: tuple[int, ...] = ()
        tx = ""
        if request.attempt:
            seen, tx = self._cohorts.align(name, request.version, request.attempt)
        following, aligned = self._cohorts.progress(name, request.version)
        return party_pb2.AlignCohortReply(multiplicities=seen, tx=tx, next_attempt=following, aligned=aligned)

    def AbandonCohort(
        self, request: party_pb2.AbandonCohortRequest, context: grpc.ServicerContext
    ) -> party_pb2.CohortReply:
        """Give up a version that is under way."""
        tx = self._cohorts.abandon(checked_cohort_name(request.name), request.version)
        return party_pb2.CohortReply(version=request.version, tx=tx)

    def Consider(self, request: party_pb2.ConsiderRequest, context: grpc.ServicerContext) -> party_pb2.ConsiderReply:
        """Consider a query."""
        verdict = self._approver.consider(
            checked_id("query_id", request.query_id),
            checked_sql(request.sql),
            checked_purpose(request.purpose),
            checked_id("salt", request.salt),
            request.proposer,
            documents_of(request.tables),
            checked_publication(request.publication),
        )
        return consider_reply(verdict)

    def Prove(self, request: party_pb2.ProveRequest, context: grpc.ServicerContext) -> Iterator[party_pb2.ProveEvent]:
        """Run one attempt and stream its progress."""
        if not self._proofs.acquire(blocking=False):
            raise CapacityExceededError(f"this party proves {MAX_PROOFS} queries already: try again later")
        try:
            attempt = self._proving.begin(checked_id("query_id", request.query_id), request.attempt)
            if not context.add_callback(attempt.cancel):
                attempt.cancel()
            for event in attempt.events():
                yield (
                    party_pb2.ProveEvent(stage=event.stage, elapsed_ms=event.elapsed_ms)
                    if event.stage
                    else (party_pb2.ProveEvent(proof=event.proof, elapsed_ms=event.elapsed_ms))
                )
        finally:
            self._proofs.release()

    def Abandon(self, request: party_pb2.AbandonRequest, context: grpc.ServicerContext) -> party_pb2.AbandonReply:
        """Forget an unfinished query."""
        query_id = checked_id("query_id", request.query_id)
        known = self._store.query(query_id)
        if known is not None and known.verdict is not Verdict.REFUSED:
            self._store.set_verdict(query_id, Verdict.ABANDONED)
        return party_pb2.AbandonReply()

    def Release(self, request: party_pb2.ReleaseRequest, context: grpc.ServicerContext) -> party_pb2.ReleaseReply:
        """Give the query's proposer this party's parts."""
        parts = self._releasing.release(checked_id("query_id", request.query_id), caller_of(context))
        return party_pb2.ReleaseReply(
            rows=parts.rows, values=parts.values, points=parts.points, ranks=parts.ranks
        )

    def Acknowledge(
        self, request: party_pb2.AcknowledgeRequest, context: grpc.ServicerContext
    ) -> party_pb2.AcknowledgeReply:
        """Forget the parts of a result that has arrived."""
        self._releasing.acknowledge(checked_id("query_id", request.query_id), caller_of(context))
        return party_pb2.AcknowledgeReply()
