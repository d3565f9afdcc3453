"""What the agency's client raises besides the errors of the services it calls.

ServiceError
├── QueryFailedError        the query was given up; `code` says why
├── QueryCancelledError     the agency cancelled it
├── ApprovalPendingError    a person at an owner has to approve first; ask again with `Tallystick.result`
└── ResultRejectedError     what the parties released is not what the ledger's record seals
"""

from __future__ import annotations

from services.errors import ServiceError


class QueryFailedError(ServiceError):
    """A query was given up.

    Args:
        code: public code, e.g. ``"PEER_UNAVAILABLE"``.
        message: public text.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"the query failed: {message} ({code})")
        self.code = code


class QueryCancelledError(ServiceError):
    """The query was cancelled."""


class ApprovalPendingError(ServiceError):
    """An owner's policy wants a person's approval, and nobody has decided yet.

    Args:
        query_id: for `Tallystick.result`.
        owners: names of the owners that are awaited.
    """

    def __init__(self, query_id: bytes, owners: tuple[str, ...]) -> None:
        super().__init__(f"waiting for approval by a person at {', '.join(owners)} (query {query_id.hex()})")
        self.query_id = query_id
        self.owners = owners


class ResultRejectedError(ServiceError):
    """A released result does not fit the ledger's record; it must not be used."""
