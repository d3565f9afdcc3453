"""ProverService: the engine of `zk` behind gRPC, for one party alone. No secret is logged or put in an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import grpc

from proto.v1 import common_pb2, prover_pb2, prover_pb2_grpc
from services.convert import (
    ArrayAssembler,
    array_chunks,
    decode_elements,
    decode_points_array,
    decode_release,
    decode_scalars,
    encode_affine,
    encode_elements,
    encode_scalars,
    statement_from,
)
from services.errors import CapacityExceededError, RequestInvalidError
from services.identity import Role
from services.prover.sessions import SessionTable
from services.server import Rule, allow, service_rules
from zk.curve import points_to_bytes
from zk.field import FR, Words
from zk.proof import decode_proof, encode_proof
from zk.prover import Contributor, RegisteredSecret, commit_registered
from zk.relation import MAX_REGISTERED, MIN_LOG_ROWS, Relation
from zk.single import prove
from zk.srs import Srs
from zk.statement import Statement
from zk.verifier import verify_proof

_METHODS: Final = (
    "SrsInfo", "CommitColumns", "ProveRegistration", "Verify",
    "OpenSession", "SharedPolynomials", "AcceptShares", "Step", "CloseSession",
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

    def SrsInfo(
        self, request: prover_pb2.SrsInfoRequest, context: grpc.ServicerContext
    ) -> prover_pb2.SrsInfoReply:
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
            raise RequestInvalidError("header", f"expected 1 to {MAX_REGISTERED} columns and a size that the SRS serves")
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
        release = decode_release(header.release)
        rows = self._read_rows(request_iterator, columns, statement.relation.rows)
        proof, sums = prove(self._srs, statement, _secrets(rows, columns, blinders), release)
        return prover_pb2.ProveRegistrationReply(proof=encode_proof(proof), sums=encode_scalars(sums))

    def Verify(self, request: prover_pb2.VerifyRequest, context: grpc.ServicerContext) -> prover_pb2.VerifyReply:
        """Verify a proof."""
        statement = statement_from(request.statement)
        verify_proof(self._srs.tau_g2, statement, decode_proof(statement.relation, request.proof))
        return prover_pb2.VerifyReply()

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
        if len(header.owners) != relation.column_count:
            raise RequestInvalidError("owners", f"expected {relation.column_count}, one for each column")
        blinders = decode_elements("blinders", header.blinders, len(columns))
        rows = self._read_rows(request_iterator, columns, relation.rows)
        owners = dict(enumerate(header.owners, start=1))
        contributor = Contributor(statement, self._srs, header.contributor, owners, _secrets(rows, columns, blinders))
        handle = self._sessions.open(statement, contributor)
        return prover_pb2.OpenSessionReply(session=handle, cross_columns=contributor.cross_columns)

    def SharedPolynomials(
        self, request: prover_pb2.SharedPolynomialsRequest, context: grpc.ServicerContext
    ) -> Iterator[common_pb2.ArrayChunk]:
        """Stream the polynomials to be shared."""
        with self._sessions.use(request.session) as (_, contributor):
            polynomials = contributor.shared_polynomials()
        yield from array_chunks({(column, 0): polynomial for column, polynomial in polynomials.items()})

    def AcceptShares(
        self, request_iterator: Iterator[prover_pb2.AcceptSharesRequest], context: grpc.ServicerContext
    ) -> prover_pb2.AcceptSharesReply:
        """Take both components of one cross column."""
        first = next(request_iterator, None)
        if first is None:
            raise RequestInvalidError("share", "the stream is empty")
        column = first.share.column
        with self._sessions.use(first.session) as (statement, contributor):
            length = statement.relation.rows + 3
            if column not in contributor.cross_columns:
                raise RequestInvalidError("share", f"column {column} is not shared")
            assembler = ArrayAssembler({(column, 0): length, (column, 1): length})
            assembler.add(first.share)
            shares = assembler.add_all(request.share for request in request_iterator)
            contributor.accept_shares(column, shares[column, 0], shares[column, 1])
        return prover_pb2.AcceptSharesReply()

    def Step(self, request: prover_pb2.StepRequest, context: grpc.ServicerContext) -> prover_pb2.StepReply:
        """Take one step of a joint proof."""
        name = request.WhichOneof("step")
        if name is None:
            raise RequestInvalidError("step", "no step is named")
        with self._sessions.use(request.session) as (statement, contributor):
            return _STEPS[name](contributor, getattr(request, name), statement)

    def CloseSession(
        self, request: prover_pb2.CloseSessionRequest, context: grpc.ServicerContext
    ) -> prover_pb2.CloseSessionReply:
        """Drop a session."""
        self._sessions.close(request.session)
        return prover_pb2.CloseSessionReply()

    def _read_rows(self, requests: Iterator[Any], columns: Iterator[int] | range | tuple[int, ...], rows: int) -> dict[int, Words]:
        numbers = list(columns)
        if rows > self._srs.max_rows:
            raise RequestInvalidError("statement", f"the SRS serves at most {self._srs.max_rows} rows")
        if len(numbers) * rows * FR.element_bytes > self._max_rows_bytes:
            raise CapacityExceededError(f"more than {self._max_rows_bytes} bytes of rows in one call")
        assembler = ArrayAssembler({(column, 0): rows for column in numbers})
        arrays = assembler.add_all(_rows_of(request) for request in requests)
        return {column: arrays[column, 0] for column in numbers}


def _first(requests: Iterator[Any], part: str) -> Any:
    request = next(requests, None)
    if request is None or request.WhichOneof("part") != part:
        raise RequestInvalidError("header", "the first message must be the header")
    return getattr(request, part)


def _rows_of(request: Any) -> common_pb2.ArrayChunk:
    if request.WhichOneof("part") != "rows":
        raise RequestInvalidError("rows", "expected a piece of rows after the header")
    chunk: common_pb2.ArrayChunk = request.rows
    return chunk


def _secrets(
    rows: Mapping[int, Words], columns: range | tuple[int, ...], blinders: Words
) -> dict[int, RegisteredSecret]:
    return {column: RegisteredSecret(rows[column], blinders[k : k + 1]) for k, column in enumerate(columns)}


# --- the steps: what each reads and writes -------------------------------------------------------------------------

_Reply = prover_pb2.StepReply
_Step = Callable[[Contributor, Any, Statement], prover_pb2.StepReply]


def _masks(data: bytes) -> Words:
    return decode_elements("masks", data)


def _points(data: bytes) -> Words:
    return decode_points_array("points", data)


def _reply_elements(elements: Words) -> prover_pb2.StepReply:
    return _Reply(elements=encode_elements(elements))


def _reply_points(points: Words) -> prover_pb2.StepReply:
    return _Reply(points=points_to_bytes(points))


def _reply_done(_: None) -> prover_pb2.StepReply:
    return _Reply()


def _own_values(contributor: Contributor) -> prover_pb2.StepReply:
    values = contributor.own_values()
    return _Reply(columns=sorted(values), elements=encode_scalars([values[i] for i in sorted(values)]))


def _share_values(contributor: Contributor) -> prover_pb2.StepReply:
    values = contributor.share_values()
    flat = [component for i in sorted(values) for component in values[i]]
    return _Reply(columns=sorted(values), elements=encode_scalars(flat))


def _column_values(message: prover_pb2.ColumnValues, relation: Relation) -> dict[int, int]:
    columns = list(message.columns)
    if sorted(set(columns)) != columns or not set(columns) <= set(relation.opened):
        raise RequestInvalidError("columns", "expected opened columns of the relation, increasing")
    return dict(zip(columns, decode_scalars("elements", message.elements, len(columns))))


def _row_openings(contributor: Contributor, message: prover_pb2.RowOpenings, statement: Statement) -> prover_pb2.StepReply:
    sums = list(message.sums)
    if not all(v < len(statement.relation.sum_forms) for v in sums):
        raise RequestInvalidError("sums", "expected sums of the relation")
    values, points = contributor.row_opening_parts(
        sums,
        decode_elements("value_masks", message.value_masks, len(sums)),
        decode_elements("point_masks", message.point_masks, len(sums)),
    )
    return _Reply(elements=encode_elements(values), points=points_to_bytes(points))


def _weight(data: bytes) -> int:
    return decode_scalars("weight", data, 1)[0]


def _values(data: bytes) -> list[int]:
    return decode_scalars("values", data)


_STEPS: Final[dict[str, _Step]] = {
    "sum_parts": lambda c, m, s: _reply_elements(c.sum_parts()),
    "accept_sums": lambda c, m, s: _reply_done(
        c.accept_sums(decode_elements("part", m.part), decode_elements("blinder", m.blinder, 1))
    ),
    "commit_witnesses": lambda c, m, s: _reply_points(c.commit_witnesses(_masks(m.masks))),
    "commit_shares": lambda c, m, s: _reply_points(c.commit_shares(m.column)),
    "commit_sums": lambda c, m, s: _reply_points(
        c.commit_sums(decode_elements("part", m.part), decode_elements("blinder", m.blinder, 1))
    ),
    "absorb_witnesses": lambda c, m, s: _reply_done(
        c.absorb_witnesses(decode_points_array("points", m.points, s.relation.witness_count + 1))
    ),
    "commit_accumulator": lambda c, m, s: _reply_points(c.commit_accumulator(_masks(m.masks))),
    "absorb_accumulator": lambda c, m, s: _reply_done(c.absorb_accumulator(_one_point(m.points))),
    "commit_quotient": lambda c, m, s: _reply_points(c.commit_quotient(_masks(m.masks))),
    "absorb_quotient": lambda c, m, s: _reply_done(c.absorb_quotient(_one_point(m.points))),
    "transcript_digest": lambda c, m, s: _Reply(digest=c.transcript_digest),
    "own_values": lambda c, m, s: _own_values(c),
    "share_values": lambda c, m, s: _share_values(c),
    "absorb_values": lambda c, m, s: _reply_done(c.absorb_values(_column_values(m, s.relation))),
    "values_opening": lambda c, m, s: _reply_points(c.values_opening(_weight(m.weight), _masks(m.mask))),
    "verify_values_opening": lambda c, m, s: _reply_done(
        c.verify_values_opening(_weight(m.weight), _one_point(m.point))
    ),
    "remainder_part": lambda c, m, s: _reply_elements(c.remainder_part()),
    "shifted_part": lambda c, m, s: _reply_elements(c.shifted_part(_masks(m.masks))),
    "absorb_shifted": lambda c, m, s: _reply_done(c.absorb_shifted(decode_elements("elements", m.elements, 1))),
    "opening_part": lambda c, m, s: _reply_points(
        c.opening_part(decode_release(m.release), _values(m.values), _masks(m.mask))
    ),
    "absorb_opening": lambda c, m, s: _reply_done(
        c.absorb_opening(decode_release(m.release), _values(m.values), _one_point(m.point))
    ),
    "final_part": lambda c, m, s: _reply_points(c.final_part(_masks(m.masks))),
    "finish": lambda c, m, s: _Reply(proof=encode_proof(c.finish(_one_point(m.points)))),
    "row_opening_parts": _row_openings,
}


def _one_point(data: bytes) -> Words:
    return decode_points_array("points", data, 1)
