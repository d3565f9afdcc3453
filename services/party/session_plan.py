"""What a joint session is about, and what a party keeps of it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mpc.shares import PARTIES, ReplicatedShare
from query.dominance import DominanceChecks
from services.party.gap_tests import GapTests
from zk.field import Words
from zk.pairing import G2
from zk.proof import Proof
from zk.statement import Statement

STAGES = ("seeds", "shares", "sums", "commitments", "quotient", "evaluations", "opening", "checks", "final")
RANKS_STAGE = "ranks"
"""Before the last, where order statistics are asked for."""
VERDICT_TAG = "session/verdict"
"""What the three parties tell an outside owner: the release word, or `REFUSED`."""
REFUSED = b""
SHOWN_TAG = "session/shown"
"""And then the rows that the final proof opens."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What a session is about; public and the same at all contributors.

    Args:
        statement: the statement proved; its sums are sealed.
        owners: party number of every column (`zk.owners.column_owners`).
        minimum: largest minimum group of the datasets used.
        session: 32 bytes, unique to (query, attempt).
        attempt: attempt number.
        tau_g2: [τ]_2 of the chain's SRS.
        public: whether the released sums are opened on the ledger, for everybody.
        dominance: what dominance rules demand, and the sums that are never released (`query.dominance_sums`).
    """

    statement: Statement
    owners: Mapping[int, int]
    minimum: int
    session: bytes
    attempt: int
    tau_g2: G2
    timeout_s: float = 60.0
    public: bool = False
    dominance: DominanceChecks = field(default_factory=DominanceChecks)

    @property
    def outside(self) -> tuple[int, ...]:
        """Numbers of the owners outside the three, increasing."""
        registered = range(1, len(self.statement.relation.registered) + 1)
        return tuple(sorted({self.owners[column] for column in registered} - set(range(PARTIES))))

    @property
    def contributors(self) -> tuple[int, ...]:
        """Numbers of the three computing parties and of the owners outside them."""
        return (*range(PARTIES), *self.outside)


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a party keeps: the public proof, and its masked parts of the released rows (secret until released).

    Args:
        proof: its release word names the released rows of s; where it opens them, nothing else is kept.
        values: (k, 4) masked additive parts of those rows, in increasing order.
        quotients: (k, 8) masked parts of their quotients.
        guards: shares of the released guards, in the order of their rows.
        ranks: shares of the order statistics, over Z_2^64; None where none are asked for.
    """

    proof: Proof
    values: Words = field(repr=False)
    quotients: Words = field(repr=False)
    guards: ReplicatedShare = field(repr=False)
    ranks: ReplicatedShare | None = field(default=None, repr=False)


Auditor = Callable[[tuple[int, ...]], GapTests]
"""The gaps that letting out some guard rows would open beside earlier answers (`services.party.history`)."""


def session_id(query_id: bytes, attempt: int) -> bytes:
    """32 bytes, unique to (query, attempt)."""
    return hashlib.sha256(b"tallystick.session.v1" + query_id + struct.pack(">Q", attempt)).digest()
