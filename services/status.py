"""Domain errors to gRPC statuses and back; the only place that knows both.

A failed call carries a status, a public text and a machine-readable code: the error class's name in capitals
(``ProofRejectedError`` is ``PROOF_REJECTED``) or, for a refusal, the rule's own code. The code travels as
`google.rpc.ErrorInfo` in the standard details and once more as plain trailing metadata, ``tallystick-code``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from ledger import errors as ledger_errors
from mpc import errors as mpc_errors
from query import errors as query_errors
from services import errors
from zk import errors as zk_errors

CODE_KEY: Final = "tallystick-code"
ERROR_DOMAIN: Final = "tallystick.local"
INTERNAL_CODE: Final = "INTERNAL"
_DETAILS_KEY: Final = "grpc-status-details-bin"
_MAX_TEXT: Final = 1000

# The nearest ancestor of an error's class that stands here decides.
_STATUS: Final[dict[type[Exception], grpc.StatusCode]] = {
    errors.ServiceError: grpc.StatusCode.INTERNAL,
    errors.IdentityInvalidError: grpc.StatusCode.UNAUTHENTICATED,
    errors.CallerRefusedError: grpc.StatusCode.PERMISSION_DENIED,
    errors.RequestInvalidError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RequestConflictError: grpc.StatusCode.ALREADY_EXISTS,
    errors.RecordUnknownError: grpc.StatusCode.NOT_FOUND,
    errors.StateConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.RefusedError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ContributionRejectedError: grpc.StatusCode.ABORTED,
    errors.HistoryIncompleteError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SourceInvalidError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.SourceRefusedError: grpc.StatusCode.PERMISSION_DENIED,
    errors.CapacityExceededError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.PeerUnavailableError: grpc.StatusCode.UNAVAILABLE,
    mpc_errors.MpcError: grpc.StatusCode.ABORTED,
    mpc_errors.ChannelError: grpc.StatusCode.UNAVAILABLE,
    mpc_errors.DeadlineExceededError: grpc.StatusCode.DEADLINE_EXCEEDED,
    mpc_errors.MessageRejectedError: grpc.StatusCode.INVALID_ARGUMENT,
    mpc_errors.RingValueError: grpc.StatusCode.INVALID_ARGUMENT,
    zk_errors.ZkError: grpc.StatusCode.INVALID_ARGUMENT,
    zk_errors.ProtocolStateError: grpc.StatusCode.FAILED_PRECONDITION,
    zk_errors.SrsInvalidError: grpc.StatusCode.FAILED_PRECONDITION,
    query_errors.QueryError: grpc.StatusCode.INVALID_ARGUMENT,
    query_errors.PolicyRefusedError: grpc.StatusCode.FAILED_PRECONDITION,
    query_errors.SumsInvalidError: grpc.StatusCode.ABORTED,
    ledger_errors.LedgerError: grpc.StatusCode.INTERNAL,
    ledger_errors.LedgerUnreachableError: grpc.StatusCode.UNAVAILABLE,
    ledger_errors.LedgerTimeoutError: grpc.StatusCode.UNAVAILABLE,
    ledger_errors.TransactionRevertedError: grpc.StatusCode.FAILED_PRECONDITION,
}
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


class CallStatus(grpc.Status):
    """What a failed call ends with: give it to ``ServicerContext.abort_with_status``.

    Args:
        status: gRPC status code.
        code: machine-readable code in capitals.
        message: public text.
        detail: further public words by name.
    """

    def __init__(self, status: grpc.StatusCode, code: str, message: str, detail: dict[str, str] | None = None) -> None:
        self.code = status
        self.details = message[:_MAX_TEXT]
        info = error_details_pb2.ErrorInfo(reason=code, domain=ERROR_DOMAIN, metadata=detail or {})
        packed = any_pb2.Any()
        packed.Pack(info)
        body = status_pb2.Status(code=status.value[0], message=self.details, details=[packed])
        self.trailing_metadata = ((CODE_KEY, code), (_DETAILS_KEY, body.SerializeToString()))


def error_code(error: Exception | type[Exception]) -> str:
    """Return the machine-readable code of a domain error or of its class."""
    if isinstance(error, errors.RefusedError):
        return error.rule if _CODE.fullmatch(error.rule) else "REFUSED"
    if isinstance(error, errors.RemoteError):
        return error.code if _CODE.fullmatch(error.code) else "REMOTE"
    name = (error if isinstance(error, type) else type(error)).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def has_status(error: grpc.RpcError) -> bool:
    """Whether the error is a call of ours that ended; one that reading a caller's stream raises has no status."""
    return isinstance(error, grpc.Call)


def call_status(error: Exception) -> CallStatus | None:
    """Return what a call that raised a domain error ends with; None if it is none, and so must not be shown."""
    if isinstance(error, grpc.RpcError):
        if not has_status(error):
            return None
        error = remote_error(error)
    if isinstance(error, errors.RemoteError):
        status = getattr(grpc.StatusCode, error.status, grpc.StatusCode.UNKNOWN)
        return CallStatus(status, error_code(error), error.message, error.detail)
    for ancestor in type(error).__mro__:
        if ancestor in _STATUS:
            return CallStatus(_STATUS[ancestor], error_code(error), str(error), _detail(error))
    return None


def _detail(error: Exception) -> dict[str, str]:
    found = {name: getattr(error, name, None) for name in ("reason", "field", "rule", "table", "hint", "position")}
    return {name: str(value) for name, value in found.items() if isinstance(value, (str, tuple)) and value}


def remote_error(error: grpc.RpcError) -> errors.RemoteError:
    """Return the typed form of a failed call.

    What the other side put into code and text is taken only if it is well-formed; a failure of the transport itself has
    the status's name as its code, such as ``UNAVAILABLE``.
    """
    if not has_status(error):
        return errors.RemoteError("UNKNOWN", "the call failed without a status")
    status = error.code()
    name, message = status.name, (error.details() or "")[:_MAX_TEXT]
    try:
        body = rpc_status.from_call(error)
    except (ValueError, DecodeError):  # status and details contradict each other, or the details are garbage
        return errors.RemoteError(name, message, name)
    for packed in body.details if body is not None else ():
        info = error_details_pb2.ErrorInfo()
        if _unpacks(packed, info) and info.domain == ERROR_DOMAIN and _CODE.fullmatch(info.reason):
            return errors.RemoteError(info.reason, message, name, dict(info.metadata))
    return errors.RemoteError(name, message, name)


def _unpacks(packed: any_pb2.Any, info: error_details_pb2.ErrorInfo) -> bool:
    try:
        return packed.Unpack(info)
    except DecodeError:
        return False


def raise_from_rpc(error: grpc.RpcError) -> NoReturn:
    """Raise the typed form of a failed call.

    Raises:
        RemoteError: always.
    """
    raise remote_error(error) from error


@contextmanager
def remote_errors() -> Iterator[None]:
    """Turn every ``grpc.RpcError`` raised inside into a `RemoteError`; also for iterating over a reply stream."""
    try:
        yield
    except grpc.RpcError as error:
        raise_from_rpc(error)
