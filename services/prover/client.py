"""A party's view of its prover: `RemoteProver` is `zk.prover.Contributor` in another process.

Errors of `zk` come back as themselves, so that a caller does not care where its contributor lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypeVar

import grpc
import numpy as np

from proto.v1 import common_pb2, prover_pb2, prover_pb2_grpc
from services.config import Endpoint, TlsConfig
from services.convert import (
    ArrayAssembler,
    array_chunks,
    decode_affine,
    decode_elements,
    decode_points_array,
    decode_scalars,
    encode_elements,
    encode_release,
    encode_scalars,
    statement_message,
)
from services.errors import PeerUnavailableError, RemoteError, ServiceError
from services.identity import Identity, Role
from services.status import error_code, remote_errors
from services.transport import open_client
from zk import errors as zk_errors
from zk.curve import points_to_bytes
from zk.errors import ProofRejectedError, ZkError
from zk.field import FR, Words
from zk.proof import Proof, decode_proof, encode_proof
from zk.prover import RegisteredSecret
from zk.statement import Point, Statement

STEP_TIMEOUT_S: Final = 300.0
_T = TypeVar("_T")
_ZK_ERRORS: Final[dict[str, type[ZkError]]] = {
    error_code(kind): kind
    for kind in vars(zk_errors).values()
    if isinstance(kind, type) and issubclass(kind, ZkError) and kind is not ProofRejectedError
}


@dataclass(frozen=True, slots=True)
class SrsInfo:
    """The structured reference string a prover has loaded. Public."""

    id: bytes
    log_rows: int
    development: bool


class ProverClient:
    """Calls one prover. Thread-safe.

    Args:
        endpoint: the prover's name and address.
        tls: the party's certificate files.
        timeout_s: limit for one call.
    """

    def __init__(self, endpoint: Endpoint, tls: TlsConfig, *, timeout_s: float = STEP_TIMEOUT_S) -> None:
        self._name = endpoint.name
        self._timeout_s = timeout_s
        self._channel = open_client(endpoint.address, tls, Identity(Role.PROVER, endpoint.name))
        self._stub = prover_pb2_grpc.ProverServiceStub(self._channel)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def srs_info(self) -> SrsInfo:
        """Which string the prover has loaded.

        Raises:
            PeerUnavailableError: the prover does not answer.
            RemoteError: it refuses.
        """
        reply = self.call(lambda timeout_s: self._stub.SrsInfo(prover_pb2.SrsInfoRequest(), timeout=timeout_s))
        return SrsInfo(reply.id, reply.log_rows, reply.development)

    def commit_columns(self, secrets: Sequence[RegisteredSecret]) -> tuple[Point, ...]:
        """Commit to columns to be registered, all of one length, a power of two.

        Raises:
            ZkError, PeerUnavailableError, RemoteError: the prover refuses or does not answer.
        """
        log_rows = len(secrets[0].rows).bit_length() - 1 if secrets else 0
        header = prover_pb2.CommitHeader(log_rows=log_rows, blinders=_blinders(secrets))

        def requests() -> Iterator[prover_pb2.CommitColumnsRequest]:
            yield prover_pb2.CommitColumnsRequest(header=header)
            for chunk in array_chunks({(k, 0): secret.rows for k, secret in enumerate(secrets)}):
                yield prover_pb2.CommitColumnsRequest(rows=chunk)

        reply = self.call(lambda timeout_s: self._stub.CommitColumns(requests(), timeout=timeout_s))
        return decode_affine("commitments", reply.commitments, len(secrets))

    def prove_registration(
        self, statement: Statement, secrets: Mapping[int, RegisteredSecret], release: int
    ) -> tuple[Proof, list[int]]:
        """Prove a statement about columns that are all ours; as `zk.single.prove`.

        Raises:
            ZkError, PeerUnavailableError, RemoteError: the prover refuses or does not answer.
        """
        ordered = [secrets[column] for column in sorted(secrets)]
        header = prover_pb2.ProveHeader(
            statement=statement_message(statement), blinders=_blinders(ordered), release=encode_release(release)
        )

        def requests() -> Iterator[prover_pb2.ProveRegistrationRequest]:
            yield prover_pb2.ProveRegistrationRequest(header=header)
            for chunk in _rows(secrets):
                yield prover_pb2.ProveRegistrationRequest(rows=chunk)

        reply = self.call(lambda timeout_s: self._stub.ProveRegistration(requests(), timeout=timeout_s))
        sums = decode_scalars("sums", reply.sums, len(statement.relation.sum_forms))
        return decode_proof(statement.relation, reply.proof), sums

    def verify(self, statement: Statement, proof: Proof) -> None:
        """Verify a proof under the prover's string.

        Raises:
            ProofRejectedError: it does not verify.
            ZkError, PeerUnavailableError, RemoteError: the prover refuses or does not answer.
        """
        request = prover_pb2.VerifyRequest(statement=statement_message(statement), proof=encode_proof(proof))
        self.call(lambda timeout_s: self._stub.Verify(request, timeout=timeout_s))

    def open_session(
        self,
        statement: Statement,
        contributor: int,
        owners: Mapping[int, int],
        secrets: Mapping[int, RegisteredSecret],
    ) -> RemoteProver:
        """Start our part of a joint proof; arguments as `zk.prover.Contributor`. Close the result.

        Raises:
            ZkError, PeerUnavailableError, RemoteError: the prover refuses or does not answer.
        """
        columns = sorted(secrets)
        header = prover_pb2.SessionHeader(
            statement=statement_message(statement),
            contributor=contributor,
            owners=[owners[column] for column in sorted(owners)],
            columns=columns,
            blinders=_blinders([secrets[column] for column in columns]),
        )

        def requests() -> Iterator[prover_pb2.OpenSessionRequest]:
            yield prover_pb2.OpenSessionRequest(header=header)
            for chunk in _rows(secrets):
                yield prover_pb2.OpenSessionRequest(rows=chunk)

        reply = self.call(lambda timeout_s: self._stub.OpenSession(requests(), timeout=timeout_s))
        cross_columns = tuple(reply.cross_columns)
        shared = tuple(column for column in cross_columns if owners.get(column) == contributor)
        return RemoteProver(self, self._stub, statement, reply.session, cross_columns, shared)

    def call(self, run: Callable[[float], _T]) -> _T:
        """Run one call with its deadline and raise typed errors."""
        try:
            with remote_errors():
                return run(self._timeout_s)
        except RemoteError as error:
            if error.code == "PROOF_REJECTED":
                raise ProofRejectedError(error.detail.get("reason", "unnamed")) from error
            if error.code in _ZK_ERRORS:
                raise _ZK_ERRORS[error.code](error.message) from error
            if error.code in (grpc.StatusCode.UNAVAILABLE.name, grpc.StatusCode.DEADLINE_EXCEEDED.name):
                raise PeerUnavailableError(f"prover {self._name} does not answer ({error.code})") from error
            raise


class RemoteProver:
    """`zk.prover.Contributor` in the prover's process; see there for what each step means.

    Made by `ProverClient.open_session`. Every method raises what the contributor raises, and besides
    ``PeerUnavailableError`` and ``RemoteError``. Close it, or use it as a context manager: the prover then drops its
    secrets at once.
    """

    def __init__(
        self,
        client: ProverClient,
        stub: prover_pb2_grpc.ProverServiceStub,
        statement: Statement,
        session: bytes,
        cross_columns: tuple[int, ...],
        shared: tuple[int, ...],
    ) -> None:
        self.relation = statement.relation
        self._client = client
        self._stub = stub
        self._session = session
        self._cross_columns = cross_columns
        self._shared = shared

    def __repr__(self) -> str:
        return "RemoteProver(handle redacted)"

    def __enter__(self) -> RemoteProver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Have the prover drop the session. Where that fails, the prover's limit on idle sessions does it later."""
        request = prover_pb2.CloseSessionRequest(session=self._session)
        try:
            self._client.call(lambda timeout_s: self._stub.CloseSession(request, timeout=min(timeout_s, 5.0)))
        except ServiceError:
            return

    @property
    def cross_columns(self) -> tuple[int, ...]:
        """Columns that are shared."""
        return self._cross_columns

    @property
    def transcript_digest(self) -> bytes:
        """State of the transcript."""
        return self._step(transcript_digest=prover_pb2.NoInput()).digest

    def shared_polynomials(self) -> dict[int, Words]:
        """Our columns among `cross_columns`, (N+3, 4); secret."""
        request = prover_pb2.SharedPolynomialsRequest(session=self._session)
        assembler = ArrayAssembler({(column, 0): self.relation.rows + 3 for column in self._shared})
        arrays = self._client.call(
            lambda timeout_s: assembler.add_all(self._stub.SharedPolynomials(request, timeout=timeout_s))
        )
        return {column: arrays[column, 0] for column in self._shared}

    def accept_shares(self, column: int, first: Words, second: Words) -> None:
        """Hand over our components of a cross column."""

        def requests() -> Iterator[prover_pb2.AcceptSharesRequest]:
            for chunk in array_chunks({(column, 0): first, (column, 1): second}):
                yield prover_pb2.AcceptSharesRequest(session=self._session, share=chunk)

        self._client.call(lambda timeout_s: self._stub.AcceptShares(requests(), timeout=timeout_s))

    def sum_parts(self) -> Words:
        """Our part of every sum, (S, 4); secret."""
        reply = self._step(sum_parts=prover_pb2.NoInput())
        return decode_elements("elements", reply.elements, len(self.relation.sum_forms))

    def accept_sums(self, part: Words, blinder: Words) -> None:
        """Hand over our component of s."""
        self._step(accept_sums=_component(part, blinder))

    def commit_witnesses(self, masks: Words) -> Words:
        """Our parts of the witness commitments and of [s], (W+1, 8)."""
        return self._points(self.relation.witness_count + 1, commit_witnesses=_masks(masks))

    def commit_shares(self, column: int) -> Words:
        """Commitments of our two components of a cross column, (2, 8)."""
        return self._points(2, commit_shares=prover_pb2.CommitShares(column=column))

    def commit_sums(self, part: Words, blinder: Words) -> Words:
        """Commitment of a component of s, (1, 8)."""
        return self._points(1, commit_sums=_component(part, blinder))

    def absorb_witnesses(self, points: Words) -> None:
        """Hand over the summed commitments."""
        self._step(absorb_witnesses=_points(points))

    def commit_accumulator(self, mask: Words) -> Words:
        """Our part of [A], (1, 8)."""
        return self._points(1, commit_accumulator=_masks(mask))

    def absorb_accumulator(self, point: Words) -> None:
        """Hand over the summed [A]."""
        self._step(absorb_accumulator=_points(point))

    def commit_quotient(self, mask: Words) -> Words:
        """Our part of [t], (1, 8)."""
        return self._points(1, commit_quotient=_masks(mask))

    def absorb_quotient(self, point: Words) -> None:
        """Hand over the summed [t]."""
        self._step(absorb_quotient=_points(point))

    def own_values(self) -> dict[int, int]:
        """Values at ζ of our opened columns that are not shared."""
        reply = self._step(own_values=prover_pb2.NoInput())
        columns = list(reply.columns)
        return dict(zip(columns, decode_scalars("elements", reply.elements, len(columns))))

    def share_values(self) -> dict[int, tuple[int, int]]:
        """Values at ζ of our components of opened columns that are shared."""
        reply = self._step(share_values=prover_pb2.NoInput())
        columns = list(reply.columns)
        parts = decode_scalars("elements", reply.elements, 2 * len(columns))
        return {column: (parts[2 * k], parts[2 * k + 1]) for k, column in enumerate(columns)}

    def absorb_values(self, values: Mapping[int, int]) -> None:
        """Hand over the opened columns' values at ζ."""
        columns = sorted(values)
        elements = encode_scalars([values[column] for column in columns])
        self._step(absorb_values=prover_pb2.ColumnValues(columns=columns, elements=elements))

    def values_opening(self, weight: int, mask: Words) -> Words:
        """Our part of the batch opening, (1, 8)."""
        message = prover_pb2.ValuesOpening(weight=encode_scalars([weight]), mask=encode_elements(mask))
        return self._points(1, values_opening=message)

    def verify_values_opening(self, weight: int, point: Words) -> None:
        """Check the summed batch opening; raises ProofRejectedError."""
        message = prover_pb2.ValuesOpeningCheck(weight=encode_scalars([weight]), point=points_to_bytes(point))
        self._step(verify_values_opening=message)

    def remainder_part(self) -> Words:
        """Our part of r(ζ), (1, 4); secret."""
        return decode_elements("elements", self._step(remainder_part=prover_pb2.NoInput()).elements, 1)

    def shifted_part(self, mask: Words) -> Words:
        """Our part of A(ωζ), (1, 4)."""
        return decode_elements("elements", self._step(shifted_part=_masks(mask)).elements, 1)

    def absorb_shifted(self, value: Words) -> None:
        """Hand over A(ωζ)."""
        self._step(absorb_shifted=prover_pb2.Elements(elements=encode_elements(value)))

    def opening_part(self, release: int, rows: Sequence[int], mask: Words) -> Words:
        """Our part of [W], (1, 8)."""
        message = prover_pb2.OpeningPart(
            release=encode_release(release), values=encode_scalars(rows), mask=encode_elements(mask)
        )
        return self._points(1, opening_part=message)

    def absorb_opening(self, release: int, rows: Sequence[int], point: Words) -> None:
        """Hand over the summed [W]."""
        message = prover_pb2.AbsorbOpening(
            release=encode_release(release), values=encode_scalars(rows), point=points_to_bytes(point)
        )
        self._step(absorb_opening=message)

    def final_part(self, mask: Words) -> Words:
        """Our part of [V], (1, 8)."""
        return self._points(1, final_part=_masks(mask))

    def finish(self, point: Words) -> Proof:
        """Hand over the summed [V] and return the proof."""
        return decode_proof(self.relation, self._step(finish=_points(point)).proof)

    def row_opening_parts(self, sums: Sequence[int], value_masks: Words, point_masks: Words) -> tuple[Words, Words]:
        """Our parts of the released values, (k, 4), and of their quotients, (k, 8)."""
        message = prover_pb2.RowOpenings(
            sums=sums, value_masks=encode_elements(value_masks), point_masks=encode_elements(point_masks)
        )
        reply = self._step(row_opening_parts=message)
        values = decode_elements("elements", reply.elements, len(sums))
        return values, decode_points_array("points", reply.points, len(sums))

    def _points(self, count: int, **step: Any) -> Words:
        return decode_points_array("points", self._step(**step).points, count)

    def _step(self, **step: Any) -> prover_pb2.StepReply:
        request = prover_pb2.StepRequest(session=self._session, **step)
        return self._client.call(lambda timeout_s: self._stub.Step(request, timeout=timeout_s))


def _rows(secrets: Mapping[int, RegisteredSecret]) -> Iterator[common_pb2.ArrayChunk]:
    return array_chunks({(column, 0): secrets[column].rows for column in sorted(secrets)})


def _blinders(secrets: Sequence[RegisteredSecret]) -> bytes:
    return encode_elements(np.concatenate([FR.zeros(0), *(secret.blinder for secret in secrets)]))


def _component(part: Words, blinder: Words) -> prover_pb2.SumsComponent:
    return prover_pb2.SumsComponent(part=encode_elements(part), blinder=encode_elements(blinder))


def _masks(masks: Words) -> prover_pb2.Masks:
    return prover_pb2.Masks(masks=encode_elements(masks))


def _points(points: Words) -> prover_pb2.Points:
    return prover_pb2.Points(points=points_to_bytes(points))
