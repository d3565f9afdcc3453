"""Joint statistics over data nobody may pool: the public face for agencies.

    import tallystick

    with tallystick.connect("agency.toml") as study:
        result = study.query("SELECT COUNT(*) AS n, AVG(age) AS age FROM hospital", purpose="annual report")
        print(result.values)

`query` returns only what was verified: the proof against the ledger, and the opened sums against the sealed record.
Statistics have names (`study.table1`, `.ols`, `.km`, `.ttest`, `.chi2`, ...; docs/statistics.md);
`dry_run` has the same ones on generated rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ledger.errors import LedgerError
from query.analyses import catalogue as analyses
from query.analyses.stacking import Stacked
from query.analyses.writing import Bins
from query.errors import (
    AnalysisError,
    AnalysisInvalidError,
    CellsSuppressedError,
    DegreesOfFreedomError,
    PolicyRefusedError,
    QueryError,
)
from query.plan import Plan
from query.policy import DEFAULT_MINIMUM_GROUP
from query.publication import Publication
from query.schema import TableSchema
from query.unproved import Unproved
from services.client import Tallystick
from services.client_errors import ApprovalPendingError, QueryCancelledError, QueryFailedError, ResultRejectedError
from services.config import AgencyConfig
from services.coordinator.client import StudyUpdate
from services.dry_run import DryRun
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
    "AnalysisError",
    "AnalysisInvalidError",
    "ApprovalPendingError",
    "Bins",
    "CellsSuppressedError",
    "ConfigInvalidError",
    "DegreesOfFreedomError",
    "DisclosureRefusedError",
    "DryRun",
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
    "Stacked",
    "StudyUpdate",
    "Tallystick",
    "Unproved",
    "ZkError",
    "analyses",
    "connect",
    "dry_run",
]


def connect(config: AgencyConfig | Path | str) -> Tallystick:
    """Connect as an agency.

    Args:
        config: a configuration, or the path of its TOML file.

    Raises:
        ConfigInvalidError: it cannot be used.
    """
    return Tallystick.connect(config)


def dry_run(
    schemas: Iterable[TableSchema | Path | str],
    *,
    rows: int = 10_000,
    seed: int = 0,
    minimum_group: int = DEFAULT_MINIMUM_GROUP,
) -> DryRun:
    """The same questions and statistics on generated rows that fit the schemas; every result is labelled MOCK.

    Args:
        schemas: tables, or paths of their JSON files.
        rows: size of the generated cohort, at most 2^24.
        seed: the same seed and schemas give the same rows.
        minimum_group: smallest count that is let out.

    Raises:
        SchemaInvalidError: a schema cannot be read or used.
    """
    return DryRun(schemas, rows=rows, seed=seed, minimum_group=minimum_group)
