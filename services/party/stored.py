"""What a party's store (`services.party.store`) keeps, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from query.publication import Publication
from services.party.verdict import Verdict


class AttemptState(StrEnum):
    """How far an attempt came. A SPENT one has let evaluations out; none that is not DONE is ever continued."""

    BEGUN = "BEGUN"
    SPENT = "SPENT"
    DONE = "DONE"
    BURNT = "BURNT"


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """One version of a table as its owner keeps it. Public but for the columns, which are read one by one.

    Args:
        dataset: directory id.
        version: from 1.
        name: the table's name.
        schema: canonical JSON.
        policy: canonical JSON.
        log_rows: log2 of the padded number of rows.
        rows: number of present rows.
    """

    dataset: int
    version: int
    name: str
    schema: bytes
    policy: bytes
    log_rows: int
    rows: int


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A committed column. Secret.

    Args:
        cells: (N,) int64 stored values.
        blinder: 32 bytes, canonical field element.
    """

    cells: NDArray[np.int64] = field(repr=False)
    blinder: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """A query this party has considered."""

    query_id: bytes
    sql: str = field(repr=False)
    purpose: str = field(repr=False)
    proposer: str
    relation_hash: bytes
    minimum: int
    verdict: Verdict
    considered_at_ms: int
    publication: Publication = Publication.AGENCY


@dataclass(frozen=True, slots=True)
class StoredResult:
    """This party's masked parts of the rows that a finished attempt releases, in their order, and its shares of order
    statistics, both secret until the proof stands on the ledger; and its shares of the released guards, which it keeps
    for audits of later answers."""

    attempt: int
    proof: bytes
    parts: bytes = field(repr=False)
    quotients: bytes = field(repr=False)
    guards: bytes = field(default=b"", repr=False)
    ranks: bytes = field(default=b"", repr=False)
