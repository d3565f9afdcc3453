"""Errors keep their code across a call, and nothing but domain errors is shown."""

from __future__ import annotations

import grpc
import pytest

from ledger.errors import LedgerUnreachableError, TransactionRevertedError
from mpc.errors import DeadlineExceededError, MessageRejectedError, MpcError, ShareMismatchError
from query.errors import PolicyRefusedError, Position, QueryError, SqlUnsupportedError
from services.errors import (
    CallerRefusedError,
    DisclosureRefusedError,
    RefusedError,
    RemoteError,
    RequestInvalidError,
    ServiceError,
)  # fmt: skip
from services.status import CODE_KEY, CallStatus, call_status, error_code, remote_error, remote_errors
from zk.errors import ProofRejectedError, ProtocolStateError, SrsInvalidError, ZkError


class FailedCall(grpc.RpcError, grpc.Call):
    """What a client gets when a call ends with a status; only what `remote_error` reads is here."""

    def __init__(self, status: grpc.StatusCode, details: str, trailing: tuple[tuple[str, str | bytes], ...]) -> None:
        self._status, self._details, self._trailing = status, details, trailing

    def code(self) -> grpc.StatusCode:
        return self._status

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._trailing


FailedCall.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]


def travelled(status: CallStatus) -> RemoteError:
    """The error a client would raise for a call that ended so."""
    return remote_error(FailedCall(status.code, status.details, status.trailing_metadata))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestInvalidError("sql", "empty"), "INVALID_ARGUMENT", "REQUEST_INVALID"),
        (CallerRefusedError("no"), "PERMISSION_DENIED", "CALLER_REFUSED"),
        (RefusedError("MINIMUM_GROUP", "ask for more"), "FAILED_PRECONDITION", "MINIMUM_GROUP"),
        (DisclosureRefusedError(), "FAILED_PRECONDITION", "DISCLOSURE"),
        (ServiceError("x"), "INTERNAL", "SERVICE"),
        (ProofRejectedError("pairing"), "INVALID_ARGUMENT", "PROOF_REJECTED"),
        (ProtocolStateError("twice"), "FAILED_PRECONDITION", "PROTOCOL_STATE"),
        (SrsInvalidError("x"), "FAILED_PRECONDITION", "SRS_INVALID"),
        (DeadlineExceededError("x"), "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
        (MessageRejectedError("tag"), "INVALID_ARGUMENT", "MESSAGE_REJECTED"),
        (ShareMismatchError("x"), "ABORTED", "SHARE_MISMATCH"),
        (LedgerUnreachableError("x"), "UNAVAILABLE", "LEDGER_UNREACHABLE"),
        (TransactionRevertedError("no"), "FAILED_PRECONDITION", "TRANSACTION_REVERTED"),
        (SqlUnsupportedError("GROUP BY", Position(1, 2)), "INVALID_ARGUMENT", "SQL_UNSUPPORTED"),
        (PolicyRefusedError("role", "claims", "agencies only"), "FAILED_PRECONDITION", "POLICY_REFUSED"),
    ],
)
def test_domain_error_arrives_with_its_status_code_and_text(error: Exception, status: str, code: str) -> None:
    ended = call_status(error)
    assert ended is not None
    assert dict(ended.trailing_metadata)[CODE_KEY] == code
    arrived = travelled(ended)
    assert (arrived.status, arrived.code, arrived.message) == (status, code, str(error))


def test_public_words_of_an_error_arrive() -> None:
    ended = call_status(ProofRejectedError("pairing"))
    assert ended is not None
    assert travelled(ended).detail == {"reason": "pairing"}
    ended = call_status(SqlUnsupportedError("GROUP BY", Position(1, 2), "no groups"))
    assert ended is not None
    assert travelled(ended).detail == {"hint": "no groups", "position": "line 1, column 2"}


def test_remote_error_passes_through_unchanged() -> None:
    first = call_status(ProofRejectedError("pairing"))
    assert first is not None
    second = call_status(travelled(first))
    assert second is not None
    again = travelled(second)
    assert (again.code, again.status, again.detail) == ("PROOF_REJECTED", "INVALID_ARGUMENT", {"reason": "pairing"})


@pytest.mark.parametrize("error", [ValueError("secret 42"), KeyError("x"), RuntimeError(), grpc.RpcError()])
def test_what_is_no_domain_error_is_not_shown(error: Exception) -> None:
    assert call_status(error) is None


@pytest.mark.parametrize("root", [ServiceError, ZkError, MpcError, QueryError])
def test_every_error_of_a_package_has_a_status(root: type[Exception]) -> None:
    waiting, seen = [root], 0
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        error = kind.__new__(kind)
        if not isinstance(error, (RemoteError, RefusedError)):
            assert call_status(error) is not None
            assert error_code(kind).replace("_", "").isalnum()
            seen += 1
    assert seen > 4


def test_disclosure_refusals_all_look_the_same() -> None:
    first, second = call_status(DisclosureRefusedError()), call_status(DisclosureRefusedError())
    assert first is not None
    assert second is not None
    assert first.trailing_metadata == second.trailing_metadata
    assert first.details == second.details


def test_transport_failure_has_the_status_as_its_code() -> None:
    arrived = remote_error(FailedCall(grpc.StatusCode.UNAVAILABLE, "connection refused", ()))
    assert (arrived.code, arrived.status) == ("UNAVAILABLE", "UNAVAILABLE")


def test_foreign_or_malformed_details_are_not_believed() -> None:
    for trailing in (
        (("grpc-status-details-bin", b"\xff\xff\xff"),),
        ((CODE_KEY, "DISCLOSURE"),),
        CallStatus(grpc.StatusCode.ABORTED, "not a code; drop", "x").trailing_metadata,
    ):
        assert remote_error(FailedCall(grpc.StatusCode.ABORTED, "x", trailing)).code == "ABORTED"


def test_status_that_contradicts_its_details_is_not_believed() -> None:
    trailing = CallStatus(grpc.StatusCode.ABORTED, "PROOF_REJECTED", "x").trailing_metadata
    assert remote_error(FailedCall(grpc.StatusCode.UNAVAILABLE, "x", trailing)).code == "UNAVAILABLE"


def test_calls_inside_the_block_raise_typed_errors_and_others_pass() -> None:
    with pytest.raises(RemoteError, match="UNAVAILABLE"), remote_errors():
        raise FailedCall(grpc.StatusCode.UNAVAILABLE, "gone", ())
    with pytest.raises(ValueError, match="mine"), remote_errors():
        raise ValueError("mine")
