"""A party's client of its prover.

Errors of `zk` come back as themselves, so that a caller does not care where its contributor lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc
import numpy as np

from proto.v1 import common_pb2, prover_pb2, prover_pb2_grpc
from query.dominance import DominanceChecks
from services.config import Endpoint, TlsConfig
from services.convert import (
    array_chunks,
    decode_affine,
    decode_scalars,
    encode_elements,
    encode_release,
    statement_message,
)
from services.convert_dominance import dominance_messages
from services.disclosure import NO_RULES
from services.errors import DISCLOSURE_CODE, DisclosureRefusedError, PeerUnavailableError, RemoteError
from services.identity import Identity, Role
from services.prover.remote import RemoteProver
from services.status import error_code, remote_errors
from services.transport import open_client
from zk import errors as zk_errors
from zk.errors import ProofRejectedError, ZkError
from zk.field import FR
from zk.proof import Proof, decode_proof, encode_proof
from zk.prover import RegisteredSecret
from zk.range_table import TableProof
from zk.statement import Point, Statement

__all__ = ["STEP_TIMEOUT_S", "ProverClient", "RemoteProver", "SrsInfo"]

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
        return self._prove_alone(statement, secrets, prover_pb2.ProveHeader(release=encode_release(release)))

    def prove_public(
        self,
        statement: Statement,
        secrets: Mapping[int, RegisteredSecret],
        minimum: int,
        dominance: DominanceChecks = NO_RULES,
    ) -> Proof:
        """Prove a statement about columns that are all ours, with every sum public that a smallest group and dominance
        rules allow.

        Raises:
            DisclosureRefusedError: it allows nothing; or, where sums are plain, not everything.
            ZkError, PeerUnavailableError, RemoteError: the prover refuses or does not answer.
        """
        tests, closed = dominance_messages(dominance)
        header = prover_pb2.ProveHeader(
            release=encode_release(0), minimum_group=minimum, dominance=tests, closed=closed
        )
        try:
            return self._prove_alone(statement, secrets, header)[0]
        except RemoteError as error:
            if error.code == DISCLOSURE_CODE:
                raise DisclosureRefusedError() from error
            raise

    def _prove_alone(
        self, statement: Statement, secrets: Mapping[int, RegisteredSecret], header: prover_pb2.ProveHeader
    ) -> tuple[Proof, list[int]]:
        header.statement.CopyFrom(statement_message(statement))
        header.blinders = _blinders([secrets[column] for column in sorted(secrets)])

        def requests() -> Iterator[prover_pb2.ProveRegistrationRequest]:
            yield prover_pb2.ProveRegistrationRequest(header=header)
            for chunk in _rows(secrets):
                yield prover_pb2.ProveRegistrationRequest(rows=chunk)

        reply = self.call(lambda timeout_s: self._stub.ProveRegistration(requests(), timeout=timeout_s))
        sums = decode_scalars("sums", reply.sums, statement.relation.sum_rows)
        return decode_proof(statement.relation, reply.proof), sums

    def verify(self, statement: Statement, proof: Proof) -> None:
        """Verify a proof under the prover's string.

        Raises:
            ProofRejectedError: it does not verify.
            ZkError, PeerUnavailableError, RemoteError: the prover refuses or does not answer.
        """
        request = prover_pb2.VerifyRequest(statement=statement_message(statement), proof=encode_proof(proof))
        self.call(lambda timeout_s: self._stub.Verify(request, timeout=timeout_s))

    def prove_table(self, log_rows: int, bits: int) -> TableProof:
        """[T] of a range table under the prover's string, with its proof.

        Raises:
            ZkError, PeerUnavailableError, RemoteError: the prover refuses or does not answer.
        """
        request = prover_pb2.RangeTableRequest(log_rows=log_rows, bits=bits)
        reply = self.call(lambda timeout_s: self._stub.RangeTable(request, timeout=timeout_s))
        (commitment,) = decode_affine("commitment", reply.commitment, 1)
        (value,) = decode_scalars("value", reply.value, 1)
        one, zero, first, second = decode_affine("quotients", reply.quotients, 4)
        return TableProof(log_rows, bits, commitment, value, (one, zero, first, second))

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
            owners=[owners[column] for column in range(1, len(statement.relation.registered) + 1)],
            columns=columns,
            blinders=_blinders([secrets[column] for column in columns]),
        )

        def requests() -> Iterator[prover_pb2.OpenSessionRequest]:
            yield prover_pb2.OpenSessionRequest(header=header)
            for chunk in _rows(secrets):
                yield prover_pb2.OpenSessionRequest(rows=chunk)

        reply = self.call(lambda timeout_s: self._stub.OpenSession(requests(), timeout=timeout_s))
        return RemoteProver(self, self._stub, statement.relation, contributor, owners, reply.session)

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


def _rows(secrets: Mapping[int, RegisteredSecret]) -> Iterator[common_pb2.ArrayChunk]:
    return array_chunks({(column, 0): secrets[column].rows for column in sorted(secrets)})


def _blinders(secrets: Sequence[RegisteredSecret]) -> bytes:
    return encode_elements(np.concatenate([FR.zeros(0), *(secret.blinder for secret in secrets)]))
