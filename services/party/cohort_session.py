"""One alignment among the parties over a session's channel: lists shared, held against the ledger, aligned.

    seeds → the ledger's record compared with everybody → owners agree on a salt → lists and their blinders shared, and
    what owners outside the three deal compared → commitments of all components, told alike by both holders, sum to
    those on the ledger [M13] → alignment → outcome compared → outcome and rows to the owners outside, to each its own
    → everybody has said that it has what it is due

Nothing is opened before the lists are bound. Every failure raises and gives nobody a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ledger.cohorts import CohortRecord
from mpc.align import Alignment, AlignmentPlan, align
from mpc.channel import Channel, SelectedChannel
from mpc.dummies import DummyPlan
from mpc.outside import OutsideInputs
from mpc.outside_opening import open_to_outside
from mpc.replicated import Engine
from mpc.seeds import agree_seeds
from mpc.shares import PARTIES, ReplicatedShare
from services.errors import ContributionRejectedError, RefusedError
from services.party.cohort_agreement import (
    CohortOutcome,
    agree_salt,
    compare_records,
    conclude,
    confirmed_digest,
    encode_counts,
    outcome_digest,
    record_digest,
)
from services.party.cohort_outside import OUTCOME, ROWS
from services.party.session_messages import SessionMessages
from services.tag_group import CURVE_TAGS
from zk.curve import encode_points
from zk.errors import NonCanonicalEncodingError
from zk.field import FR, Words
from zk.prover import RegisteredSecret
from zk.statement import Point

Commit = Callable[[Sequence[RegisteredSecret]], Sequence[Point]]


def alignment_plan(record: CohortRecord, numbers: Sequence[int]) -> AlignmentPlan:
    """The plan of a cohort all of whose owners have joined.

    Args:
        record: of the ledger.
        numbers: the number that each member has; from 3 on, of an owner outside the three.

    Raises:
        RefusedError: the lists and the noise need more rows than were agreed.
    """
    counts, dummies = tuple(member.count for member in record.members), DummyPlan(record.epsilon)
    needed = sum(counts) + PARTIES * dummies.slots(len(counts))
    if needed > 1 << record.log_rows:
        least = (needed - 1).bit_length()
        raise RefusedError(
            "COHORT_ROWS", f"{needed} identifiers and dummies do not fit 2^{record.log_rows} rows: propose 2^{least}"
        )
    receivers = tuple(number if number in range(PARTIES) else None for number in numbers)
    return AlignmentPlan(counts, receivers, 1 << record.log_rows, dummies)


class CohortSession:
    """One computing party's run of one alignment. Used once.

    Args:
        record: of the ledger; all owners have joined.
        numbers: the number that each member has.
        channel: authenticated channel among the three parties and the cohort's owners for this session and attempt.
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
            ContributionRejectedError: a list is not the one on the ledger, or the members see different things.
            ShareMismatchError: an outside owner dealt its list differently to the holders of a component.
            MpcError: the alignment failed; a peer is gone, silent, or deviated.
        """
        three = SelectedChannel(self._channel, range(PARTIES))
        seeds = agree_seeds(three, self._session, self._timeout_s)
        engine = Engine(FR, three, seeds, self._session, self._attempt, timeout_s=self._timeout_s,
                        decode_errors=(NonCanonicalEncodingError,))
        messages = SessionMessages(three, engine, self._timeout_s)
        about = record_digest(self._record, self._numbers)
        compare_records(self._channel, about, self._timeout_s)
        owner = identifiers is not None
        salt = agree_salt(self._channel, self._numbers, self._timeout_s) if owner else b""
        lists = self._share(engine, identifiers, blinder)
        self._bind(messages, lists)
        aligned = align(engine, CURVE_TAGS, self._plan, [shared[:-1] for shared in lists])
        digest = outcome_digest(about, self._session, aligned.multiplicities)
        messages.require_equal("cohort/outcome", digest, "comparing the outcome")
        self._hand_out(aligned, digest)
        conclude(self._channel, digest, self._timeout_s)
        confirmed = confirmed_digest(digest, salt) if owner else b""
        return CohortOutcome(aligned.multiplicities, confirmed, aligned.own, salt)

    def _share(self, engine: Engine, identifiers: Words | None, blinder: Words | None) -> list[ReplicatedShare]:
        """Every owner's list, its blinder after it."""
        own = None if identifiers is None or blinder is None else np.concatenate([identifiers, blinder])
        outside = {
            number: OutsideInputs(
                engine, self._channel, number, self._session, self._attempt,
                timeout_s=self._timeout_s, decode_errors=(NonCanonicalEncodingError,),
            )
            for number in self._numbers if number not in range(PARTIES)
        }  # fmt: skip
        for inputs in outside.values():
            inputs.receive_seeds()
        shared = []
        for place, (member, number) in enumerate(zip(self._record.members, self._numbers)):
            label = f"list/{place}"
            if number in outside:
                shared.append(outside[number].share(member.count + 1, label))
                continue
            given = own if number == self._channel.party else None
            shared.append(engine.share_input(number, given, label, member.count + 1))
        for inputs in outside.values():
            inputs.confirm("lists")
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

    def _hand_out(self, aligned: Alignment, digest: bytes) -> None:
        """Tell the outside owners the outcome, and each of them this party's share of its rows."""
        seen = digest + encode_counts(aligned.multiplicities)
        for place, share in aligned.shares.items():
            self._channel.send(self._numbers[place], OUTCOME, seen)
            open_to_outside(FR, self._channel, self._numbers[place], share, ROWS)
