"""ProverService: the engine of `zk` behind gRPC, for one party alone. No secret is logged or put in an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import grpc

from proto.v1 import common_pb2, prover_pb2, prover_pb2_grpc
from services.config import MAX_MEMBERS
from services.convert import (
    ArrayAssembler,
    array_chunks,
    decode_elements,
    decode_release,
    encode_affine,
    encode_scalars,
    statement_from,
)
from services.convert_dominance import dominance_from
from services.disclosure import public_release
from services.errors import CapacityExceededError, RequestInvalidError
from services.identity import Role
from services.prover.arrays import check_upload_stage, mixed_lengths, upload_lengths
from services.prover.sessions import SessionTable
from services.prover.steps import take_step
from services.server import Rule, allow, service_rules
from zk.field import FR, Words
from zk.owners import column_owners
from zk.proof import decode_proof, encode_proof
from zk.prover import Contributor, RegisteredSecret, commit_registered
from zk.range_table import prove_table
from zk.relation import MAX_REGISTERED, MIN_LOG_ROWS
from zk.single import prove
from zk.srs import Srs
from zk.verifier import verify_proof

_METHODS: Final = (
    "SrsInfo", "CommitColumns", "ProveRegistration", "Verify", "RangeTable",
    "OpenSession", "OwnUploads", "AcceptUpload", "MixedPart", "AcceptMixed", "Step", "CloseSession",
)  # fmt: skip


def prover_rules(party: str) -> dict[str, Rule]:
    """Who may call a prover: its own party."""
    rule = allow(Role.PARTY, names=[party])
    return service_rules("ProverService", dict.fromkeys(_METHODS, rule))


class ProverServicer(prover_pb2_grpc.ProverServiceServicer):
    """Serves one structured reference string to one party.

    Args:
        srs: a verified string.
        max_sessions: joint proofs at a time.
        idle_session_s: how long one may be unused.
        max_rows_bytes: largest upload of rows in one call.
    """

    def __init__(self, srs: Srs, *, max_sessions: int, idle_session_s: float, max_rows_bytes: int = 1 << 32) -> None:
        self._srs = srs
        self._max_rows_bytes = max_rows_bytes
        self._sessions = SessionTable(max_sessions, idle_session_s)

    def add_to(self, server: grpc.Server) -> None:
        """Serve ``ProverService`` on a server."""
        prover_pb2_grpc.add_ProverServiceServicer_to_server(self, server)

    def stop(self) -> None:
        """Drop every session."""
        self._sessions.stop()

    def SrsInfo(self, request: prover_pb2.SrsInfoRequest, context: grpc.ServicerContext) -> prover_pb2.SrsInfoReply:
        """Describe the string."""
        srs = self._srs
        return prover_pb2.SrsInfoReply(id=srs.id, log_rows=srs.log_rows, development=srs.development)

    def CommitColumns(
        self, request_iterator: Iterator[prover_pb2.CommitColumnsRequest], context: grpc.ServicerContext
    ) -> prover_pb2.CommitColumnsReply:
        """Commit to registered columns."""
        header: prover_pb2.CommitHeader = _first(request_iterator, "header")
        blinders = decode_elements("blinders", header.blinders)
        if not 1 <= len(blinders) <= MAX_REGISTERED or not MIN_LOG_ROWS <= header.log_rows <= self._srs.log_rows:
            raise RequestInvalidError("header", "expected some columns, of a size that the SRS serves")
        rows = self._read_rows(request_iterator, range(len(blinders)), 1 << header.log_rows)
        secrets = _secrets(rows, range(len(blinders)), blinders)
        points = [commit_registered(self._srs, secrets[column]) for column in sorted(secrets)]
        return prover_pb2.CommitColumnsReply(commitments=encode_affine(points))

    def ProveRegistration(
        self, request_iterator: Iterator[prover_pb2.ProveRegistrationRequest], context: grpc.ServicerContext
    ) -> prover_pb2.ProveRegistrationReply:
        """Prove a statement about columns that are all the caller's."""
        header: prover_pb2.ProveHeader = _first(request_iterator, "header")
        statement = statement_from(header.statement)
        columns = range(1, len(statement.relation.registered) + 1)
        blinders = decode_elements("blinders", header.blinders, len(columns))
        release: int | Callable[[Sequence[int]], int] = decode_release(header.release)
        if header.minimum_group:
            rules = dominance_from(header.dominance, header.closed, len(statement.relation.sum_forms))
            release = partial(
                public_release, statement.relation, minimum=header.minimum_group, dominance=rules
            )
        rows = self._read_rows(request_iterator, columns, statement.relation.rows)
        proof, sums = prove(self._srs, statement, _secrets(rows, columns, blinders), release)
        return prover_pb2.ProveRegistrationReply(proof=encode_proof(proof), sums=encode_scalars(sums))

    def Verify(self, request: prover_pb2.VerifyRequest, context: grpc.ServicerContext) -> prover_pb2.VerifyReply:
        """Verify a proof."""
        statement = statement_from(request.statement)
        self._require_size(statement.relation.log_rows)
        verify_proof(self._srs.tau_g2, statement, decode_proof(statement.relation, request.proof))
        return prover_pb2.VerifyReply()

    def RangeTable(
        self, request: prover_pb2.RangeTableRequest, context: grpc.ServicerContext
    ) -> prover_pb2.RangeTableReply:
        """Commit to a range table, with the proof that the ledger wants."""
        self._require_size(request.log_rows)
        found = prove_table(self._srs, request.log_rows, request.bits)
        return prover_pb2.RangeTableReply(
            commitment=encode_affine([found.commitment]),
            value=encode_scalars([found.value]),
            quotients=encode_affine(found.quotients),
        )

    def OpenSession(
        self, request_iterator: Iterator[prover_pb2.OpenSessionRequest], context: grpc.ServicerContext
    ) -> prover_pb2.OpenSessionReply:
        """Start a joint proof."""
        self._sessions.require_room()
        header: prover_pb2.SessionHeader = _first(request_iterator, "header")
        statement = statement_from(header.statement)
        relation, columns = statement.relation, tuple(header.columns)
        if len(set(columns)) != len(columns) or not set(columns) <= set(range(1, len(relation.registered) + 1)):
            raise RequestInvalidError("columns", "expected distinct registered columns of the relation")
        if len(header.owners) != len(relation.registered) or any(owner >= MAX_MEMBERS for owner in header.owners):
            raise RequestInvalidError("owners", "expected one of the contributors for each registered column")
        blinders = decode_elements("blinders", header.blinders, len(columns))
        rows = self._read_rows(request_iterator, columns, relation.rows)
        owners = column_owners(relation, dict(enumerate(header.owners, start=1)))
        contributor = Contributor(statement, self._srs, header.contributor, owners, _secrets(rows, columns, blinders))
        handle = self._sessions.open(statement, contributor)
        return prover_pb2.OpenSessionReply(session=handle)

    def OwnUploads(
        self, request: prover_pb2.OwnUploadsRequest, context: grpc.ServicerContext
    ) -> Iterator[common_pb2.ArrayChunk]:
        """Stream what is to be shared."""
        check_upload_stage(request.stage)
        with self._sessions.use(request.session) as (_, contributor):
            uploads = contributor.own_uploads(request.stage)
        yield from array_chunks({(number, 0): elements for number, elements in uploads.items()})

    def AcceptUpload(
        self, request_iterator: Iterator[prover_pb2.AcceptUploadRequest], context: grpc.ServicerContext
    ) -> prover_pb2.AcceptUploadReply:
        """Take both components of one upload."""
        first = _first_share(request_iterator)
        number = first.share.column
        with self._sessions.use(first.session) as (_, contributor):
            assembler = ArrayAssembler(upload_lengths(contributor, number))
            assembler.add(first.share)
            shares = assembler.add_all(request.share for request in request_iterator)
            contributor.accept_upload(number, shares[number, 0], shares[number, 1])
        return prover_pb2.AcceptUploadReply()

    def MixedPart(
        self, request: prover_pb2.MixedPartRequest, context: grpc.ServicerContext
    ) -> Iterator[common_pb2.ArrayChunk]:
        """Stream a part of a mixed column."""
        with self._sessions.use(request.session) as (_, contributor):
            mixed_lengths(contributor, request.column)
            part = contributor.mixed_part(request.column)
        yield from array_chunks({(request.column, 0): part})

    def AcceptMixed(
        self, request_iterator: Iterator[prover_pb2.AcceptMixedRequest], context: grpc.ServicerContext
    ) -> prover_pb2.AcceptMixedReply:
        """Take both components of one mixed column."""
        first = _first_share(request_iterator)
        column = first.share.column
        with self._sessions.use(first.session) as (_, contributor):
            assembler = ArrayAssembler(mixed_lengths(contributor, column))
            assembler.add(first.share)
            found = assembler.add_all(request.share for request in request_iterator)
            rows, blinders = (found[column, 0], found[column, 1]), (found[column, 2], found[column, 3])
            contributor.accept_mixed(column, rows, blinders)
        return prover_pb2.AcceptMixedReply()

    def Step(self, request: prover_pb2.StepRequest, context: grpc.ServicerContext) -> prover_pb2.StepReply:
        """Take one step of a joint proof."""
        with self._sessions.use(request.session) as (statement, contributor):
            return take_step(contributor, statement.relation, request)

    def CloseSession(
        self, request: prover_pb2.CloseSessionRequest, context: grpc.ServicerContext
    ) -> prover_pb2.CloseSessionReply:
        """Drop a session."""
        self._sessions.close(request.session)
        return prover_pb2.CloseSessionReply()

    def _require_size(self, log_rows: int) -> None:
        if log_rows > self._srs.log_rows:
            raise RequestInvalidError("log_rows", f"the SRS serves at most 2^{self._srs.log_rows} rows")

    def _read_rows(self, requests: Iterator[Any], columns: Sequence[int], rows: int) -> dict[int, Words]:
        self._require_size(rows.bit_length() - 1)
        if len(columns) * rows * FR.element_bytes > self._max_rows_bytes:
            raise CapacityExceededError(f"more than {self._max_rows_bytes} bytes of rows in one call")
        assembler = ArrayAssembler({(column, 0): rows for column in columns})
        arrays = assembler.add_all(_rows_of(request) for request in requests)
        return {column: arrays[column, 0] for column in columns}


def _first(requests: Iterator[Any], part: str) -> Any:
    request = next(requests, None)
    if request is None or request.WhichOneof("part") != part:
        raise RequestInvalidError("header", "the first message must be the header")
    return getattr(request, part)


def _first_share(requests: Iterator[Any]) -> Any:
    request = next(requests, None)
    if request is None:
        raise RequestInvalidError("share", "the stream is empty")
    return request


def _rows_of(request: Any) -> common_pb2.ArrayChunk:
    if request.WhichOneof("part") != "rows":
        raise RequestInvalidError("rows", "expected a piece of rows after the header")
    chunk: common_pb2.ArrayChunk = request.rows
    return chunk


def _secrets(rows: Mapping[int, Words], columns: Sequence[int], blinders: Words) -> dict[int, RegisteredSecret]:
    return {column: RegisteredSecret(rows[column], blinders[k : k + 1]) for k, column in enumerate(columns)}
