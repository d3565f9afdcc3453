"""Errors of the services. What other packages raise passes through unchanged; `services.status` maps all of them.

    ServiceError
    ├── ConfigInvalidError          a configuration that cannot be used; names the field
    ├── IdentityInvalidError        a certificate without exactly one identity of ours
    ├── AddressUnavailableError     the address to listen on is taken or does not exist
    ├── CallerRefusedError          an authenticated caller who may not do this
    ├── RequestInvalidError         a request that is malformed; names the field
    ├── RequestConflictError        a request id that was used for something else
    ├── RecordUnknownError          no such query, dataset or session
    ├── StateConflictError          the operation does not fit the present state
    ├── RefusedError                a rule refused the query; `rule` is its public code
    │   └── DisclosureRefusedError  the data refused it: one public code, DISCLOSURE, and nothing else
    ├── ContributionRejectedError   a contribution to a joint proof was false
    ├── HistoryIncompleteError      a party lacks what it needs to audit an answer against earlier ones
    ├── SourceInvalidError          a source or its mapping cannot be read; names the field
    ├── SourceRefusedError          a source outside what the operator is allowed to read
    ├── CapacityExceededError       a limit on work in progress
    ├── PeerUnavailableError        another process did not answer in time
    └── RemoteError                 another process refused or failed; `code` is what it said

No error carries a secret.
"""

from __future__ import annotations

DISCLOSURE_CODE = "DISCLOSURE"


class ServiceError(Exception):
    """Root of every error raised by ``services``."""


class ConfigInvalidError(ServiceError):
    """A configuration file or environment variable cannot be used."""


class IdentityInvalidError(ServiceError):
    """A certificate does not carry exactly one well-formed identity."""


class AddressUnavailableError(ServiceError):
    """A server cannot listen where it was told to."""


class CallerRefusedError(ServiceError):
    """The caller is known and may not do this."""


class RequestInvalidError(ServiceError):
    """A request is malformed.

    Args:
        field: public name of the field.
        problem: expected and got, without secret values.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class RequestConflictError(ServiceError):
    """A request id or name is taken by something else."""


class RecordUnknownError(ServiceError):
    """No such record, or none that the caller may see."""


class StateConflictError(ServiceError):
    """The operation does not fit the present state; nothing changed."""


class RefusedError(ServiceError):
    """A rule refused a query.

    Args:
        rule: public code in capitals, e.g. ``"MINIMUM_GROUP"``.
        explanation: the field or rule named, and the fix.
    """

    def __init__(self, rule: str, explanation: str) -> None:
        super().__init__(explanation)
        self.rule = rule


class DisclosureRefusedError(RefusedError):
    """The data refused a query. Every such refusal looks the same, so that it tells nothing more."""

    def __init__(self) -> None:
        super().__init__(DISCLOSURE_CODE, "the result would disclose too much")


class ContributionRejectedError(ServiceError):
    """A contribution to a joint proof was false; nothing was released and the attempt is burnt.

    Args:
        check: public name of the failed check.
        suspects: numbers of the parties of whom at least one lied, as far as the protocol can tell.
    """

    def __init__(self, check: str, suspects: tuple[int, ...] = (0, 1, 2)) -> None:
        names = " or ".join(f"party {number}" for number in suspects)
        super().__init__(f"joint proof abandoned: {check} failed ({names} deviated); nothing was released")
        self.check = check
        self.suspects = suspects


class HistoryIncompleteError(ServiceError):
    """A party cannot compare an answer with an earlier one: its shares of that answer's counts are gone."""


class SourceInvalidError(ServiceError):
    """A source or its mapping cannot be read.

    Args:
        field: of the mapping, or part of the source.
        fault: what is wrong; never a value.
    """

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field}: {fault}")
        self.field = field


class SourceRefusedError(SourceInvalidError):
    """A source that the operator may not read."""


class CapacityExceededError(ServiceError):
    """A limit on work in progress is reached: try again later."""


class PeerUnavailableError(ServiceError):
    """Another process did not answer in time."""


class RemoteError(ServiceError):
    """Another process refused or failed.

    Args:
        code: its machine-readable code, e.g. ``"PROOF_REJECTED"``; the status name where it gave none.
        message: its public text.
        status: name of the gRPC status, e.g. ``"FAILED_PRECONDITION"``.
        detail: further public words by name, e.g. ``{"reason": "pairing"}``.
    """

    def __init__(self, code: str, message: str, status: str = "UNKNOWN", detail: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.detail = dict(detail or {})
