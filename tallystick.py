"""Joint statistics over data nobody may pool: the public face for agencies.

    import tallystick

    with tallystick.connect("agency.toml") as study:
        result = study.query("SELECT COUNT(*) AS n, AVG(age) AS age FROM hospital", purpose="annual report")
        print(result.values)

`query` returns only what was verified: the proof against the ledger, and the opened sums against the sealed record.
"""

from __future__ import annotations

from pathlib import Path

from ledger.errors import LedgerError
from query.errors import PolicyRefusedError, QueryError
from query.plan import Plan
from query.publication import Publication
from services.client import Tallystick
from services.client_errors import ApprovalPendingError, QueryCancelledError, QueryFailedError, ResultRejectedError
from services.config import AgencyConfig
from services.coordinator.client import StudyUpdate
from services.errors import (
    ConfigInvalidError,
    DisclosureRefusedError,
    PeerUnavailableError,
    RefusedError,
    RemoteError,
    RequestConflictError,
    ServiceError,
)
from services.results import Result, RowOpening
from zk.errors import ProofRejectedError, ZkError

__all__ = [
    "AgencyConfig",
    "ApprovalPendingError",
    "ConfigInvalidError",
    "DisclosureRefusedError",
    "LedgerError",
    "PeerUnavailableError",
    "Plan",
    "PolicyRefusedError",
    "ProofRejectedError",
    "Publication",
    "QueryCancelledError",
    "QueryError",
    "QueryFailedError",
    "RefusedError",
    "RemoteError",
    "RequestConflictError",
    "Result",
    "ResultRejectedError",
    "RowOpening",
    "ServiceError",
    "StudyUpdate",
    "Tallystick",
    "ZkError",
    "connect",
]


def connect(config: AgencyConfig | Path | str) -> Tallystick:
    """Connect as an agency.

    Args:
        config: a configuration, or the path of its TOML file.

    Raises:
        ConfigInvalidError: it cannot be used.
    """
    return Tallystick.connect(config)
