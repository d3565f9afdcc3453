"""One alignment among the parties over a session's channel: lists shared, held against the ledger, aligned.

    seeds → the ledger's record compared → lists and their blinders shared → commitments of all components, told alike
    by both holders, sum to those on the ledger [M13] → alignment → outcome compared → owners agree on a salt

Nothing is opened before the lists are bound. Every failure raises and gives nobody a row.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ledger.cohorts import CohortRecord
from mpc.align import AlignmentPlan, align
from mpc.channel import Channel
from mpc.dummies import DummyPlan
from mpc.errors import MessageRejectedError
from mpc.replicated import Engine
from mpc.seeds import agree_seeds
from mpc.shares import ReplicatedShare
from services.errors import ContributionRejectedError, RefusedError
from services.party.session_messages import SessionMessages
from services.tag_group import CURVE_TAGS
from zk.curve import encode_points
from zk.errors import NonCanonicalEncodingError
from zk.field import FR, Words
from zk.prover import RegisteredSecret
from zk.statement import Point

SALT_BYTES = 32

Commit = Callable[[Sequence[RegisteredSecret]], Sequence[Point]]


@dataclass(frozen=True, slots=True)
class CohortOutcome:
    """What a party has of an alignment.

    Args:
        multiplicities: public.
        digest: of the record and the multiplicities; the same at all parties.
        rows: this owner's rows; None at a party that is no owner. Secret.
        salt: of the layouts; empty at a party that is no owner. Secret.
    """

    multiplicities: tuple[int, ...]
    digest: bytes
    rows: NDArray[np.int64] | None = field(repr=False)
    salt: bytes = field(repr=False)


def alignment_plan(record: CohortRecord, numbers: Sequence[int]) -> AlignmentPlan:
    """The plan of a cohort all of whose owners have joined.

    Args:
        record: of the ledger.
        numbers: the party that each member is.

    Raises:
        RefusedError: the lists and the noise need more rows than were agreed.
    """
    counts, dummies = tuple(member.count for member in record.members), DummyPlan(record.epsilon)
    needed = sum(counts) + 3 * dummies.slots(len(counts))
    if needed > 1 << record.log_rows:
        least = (needed - 1).bit_length()
        raise RefusedError(
            "COHORT_ROWS", f"{needed} identifiers and dummies do not fit 2^{record.log_rows} rows: propose 2^{least}"
        )
    return AlignmentPlan(counts, tuple(numbers), 1 << record.log_rows, dummies)


def record_digest(record: CohortRecord) -> bytes:
    """SHA-256 of everything in a record that an alignment depends on."""
    parts = [b"tallystick.cohort.v1", record.label.encode(), str((record.log_rows, record.epsilon)).encode()]
    for member in record.members:
        parts.append(f"{member.owner.lower()} {member.count} {member.commitment}".encode())
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


class CohortSession:
    """One party's run of one alignment. Used once.

    Args:
        record: of the ledger; all owners have joined.
        numbers: the party that each member is.
        channel: authenticated channel among the three parties for this session and attempt.
        session, attempt: public.
        commit: commits columns of 2^log_rows rows under the chain's string.
        timeout_s: how long to wait for one message.
    """

    def __init__(
        self,
        record: CohortRecord,
        numbers: Sequence[int],
        channel: Channel,
        session: bytes,
        attempt: int,
        commit: Commit,
        timeout_s: float,
    ) -> None:
        self._record, self._numbers, self._channel = record, tuple(numbers), channel
        self._session, self._attempt, self._commit, self._timeout_s = session, attempt, commit, timeout_s
        self._plan = alignment_plan(record, numbers)

    def run(self, identifiers: Words | None, blinder: Words | None) -> CohortOutcome:
        """Run every step in order.

        Args:
            identifiers: this owner's list, (n, 4), secret; None at a party that is no owner.
            blinder: of its commitment, (1, 4), secret; None likewise.

        Raises:
            ContributionRejectedError: a list is not the one on the ledger, or the parties see different things.
            MpcError: the alignment failed; a peer is gone, silent, or deviated.
        """
        seeds = agree_seeds(self._channel, self._session, self._timeout_s)
        engine = Engine(FR, self._channel, seeds, self._session, self._attempt, timeout_s=self._timeout_s,
                        decode_errors=(NonCanonicalEncodingError,))
        messages = SessionMessages(self._channel, engine, self._timeout_s)
        about = record_digest(self._record)
        messages.require_equal("cohort/record", about, "comparing the cohort's record")
        lists = self._share(engine, identifiers, blinder)
        self._bind(messages, lists)
        outcome = align(engine, CURVE_TAGS, self._plan, [shared[:-1] for shared in lists])
        seen = ",".join(map(str, outcome.multiplicities)).encode()
        digest = hashlib.sha256(b"tallystick.cohort.outcome.v1" + about + self._session + seen).digest()
        messages.require_equal("cohort/outcome", digest, "comparing the outcome")
        salt = self._agree_salt() if identifiers is not None else b""
        return CohortOutcome(outcome.multiplicities, digest, outcome.own, salt)

    def _share(self, engine: Engine, identifiers: Words | None, blinder: Words | None) -> list[ReplicatedShare]:
        """Every owner's list, its blinder after it."""
        own = None if identifiers is None or blinder is None else np.concatenate([identifiers, blinder])
        shared = []
        for place, (member, number) in enumerate(zip(self._record.members, self._numbers)):
            given = own if number == self._channel.party else None
            shared.append(engine.share_input(number, given, f"list/{place}", member.count + 1))
        return shared

    def _bind(self, messages: SessionMessages, lists: Sequence[ReplicatedShare]) -> None:
        """Both holders of a component publish its commitment; the three must sum to the one on the ledger."""
        components = [component for shared in lists for component in (shared.first, shared.second)]
        points = encode_points(list(self._commit([self._padded(component) for component in components])))
        mine = [points[2 * place : 2 * place + 2] for place in range(len(lists))]
        names = [f"list of owner {place}" for place in range(len(lists))]
        sums = messages.replicated_points("cohort/lists", mine, names)
        for member, number, found in zip(self._record.members, self._numbers, sums):
            if member.commitment is None or not (found == encode_points([member.commitment])).all():
                raise ContributionRejectedError("binding a list to the ledger", (number,))

    def _padded(self, component: Words) -> RegisteredSecret:
        rows = FR.zeros(1 << self._record.log_rows)
        rows[: len(component) - 1] = component[:-1]
        return RegisteredSecret(rows, np.ascontiguousarray(component[-1:]))

    def _agree_salt(self) -> bytes:
        """A salt that the owners share and other parties do not know."""
        tag, own = "cohort/salt", secrets.token_bytes(SALT_BYTES)
        peers = [number for number in self._numbers if number != self._channel.party]
        for peer in peers:
            self._channel.send(peer, tag, own)
        parts = {self._channel.party: own}
        for peer in peers:
            parts[peer] = self._channel.receive(peer, tag, self._timeout_s)
            if len(parts[peer]) != SALT_BYTES:
                raise MessageRejectedError("length", f"party {peer}: a salt has {SALT_BYTES} bytes")
        return hashlib.sha256(b"tallystick.salt.v1" + b"".join(parts[number] for number in sorted(parts))).digest()
