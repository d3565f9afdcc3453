"""The order statistics of a question, computed by the three parties beside its proof (docs/adr/0025).

    plans compared → truth values and values entered as shared bits → rows combined → ranks searched → everything
    checked → numbers of rows found equal to the proved guards

This runs after the disclosure checks have let the answer through, in malicious mode, and opens nothing but whether the
numbers of rows are the proved ones. A party keeps its shares of the results; the agency gets them from all three.

What it does not show: an owner may enter other rows or values than it registered. It cannot enter fewer rows than the
proof counts, so that no answer is of a smaller group than the minimum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import numpy.typing as npt

from mpc.channel import Channel
from mpc.checked import CheckedProducts
from mpc.computation import MALICIOUS, Computation
from mpc.conversion import lane_words
from mpc.counting import PartialCounts
from mpc.hidden_quantiles import hidden_quantiles, share_planes, sliced_planes
from mpc.outside import OutsideInputs, OutsideOwner
from mpc.replicated import Engine
from mpc.rings import BITS, Z2_64
from mpc.seeds import PairwiseSeeds
from mpc.shares import PARTIES, ReplicatedShare, concatenate_shares
from mpc.split_quantiles import Quantile
from query.ranks import Gate, Leaf, Member, RankedColumn, RankPlan
from services.errors import ContributionRejectedError
from services.party.session_messages import ContributorMessages

Integers = npt.NDArray[np.int64]
_LANES = 64


@dataclass(frozen=True, slots=True)
class RankStep:
    """One party's part in the order statistics of a question.

    Args:
        plan: what is computed; public.
        owners: party number of every table's owner.
        entered: by table number, what this party enters for its own tables (`query.rank_inputs`); secret.
    """

    plan: RankPlan
    owners: tuple[int, ...]
    entered: Mapping[int, Sequence[Integers]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RankSession:
    """Where it is computed.

    Args:
        channel, seeds, session, attempt, timeout_s: of the joint session, whose labels it does not use.
        engine: the joint session's, over Fr.
        messages: the joint session's, with all contributors.
        outside: the joint session's ends for owners outside the three, by number.
    """

    channel: Channel
    seeds: PairwiseSeeds
    session: bytes
    attempt: int
    timeout_s: float
    engine: Engine
    messages: ContributorMessages
    outside: Mapping[int, OutsideInputs] = field(default_factory=dict)

    def run(self, step: RankStep, sums: ReplicatedShare) -> ReplicatedShare:
        """Compute every order statistic.

        Args:
            step: this party's part.
            sums: shares of all rows of the sealed column, bound to the proof.

        Returns:
            Shares over Z_2^64, one for each output of the plan: fresh, so that told to the agency they say nothing but
            the result.

        Raises:
            ContributionRejectedError: a peer computes something else, or other rows were entered than are proved to
                count.
            MpcError: somebody lies or is gone.
        """
        compare_plans(self.messages, self.session, step.plan)
        computation = Computation(
            self.channel, self.seeds, self.session, self.attempt, security=MALICIOUS, timeout_s=self.timeout_s
        )
        computing = _Computing(computation, step, self.outside)
        for owner, inputs in self.outside.items():
            inputs.confirm(f"inputs/ranks of owner {owner}")
        counts, found = computing.run()
        computation.verify()
        self._compare(step.plan, counts, sums)
        return found

    def _compare(self, plan: RankPlan, counts: Sequence[PartialCounts], sums: ReplicatedShare) -> None:
        """The numbers of rows are those that the proof counts, or nothing comes of it."""
        engine = self.engine
        products = CheckedProducts(engine, "ranks/counts")
        rows = [column.count for column in plan.columns]
        guards = products.enter(ReplicatedShare(sums.party, sums.first[rows], sums.second[rows]))
        masks = products.enter(engine.random(len(rows), "ranks/masks"))
        lifted = reduce(lambda a, b: a.followed_by(b), [count.lifted(engine, products) for count in counts])
        masked = products.multiply(masks, products.linear([(1, lifted), (-1, guards)]))
        products.verify()
        if any(engine.ring.to_integers(engine.open(masked.value, "ranks/opened"))):
            raise ContributionRejectedError(
                "comparing the rows of order statistics with the proved counts", self.messages.contributors
            )


def compare_plans(messages: ContributorMessages, session: bytes, plan: RankPlan) -> None:
    """Hold what is computed against what the other contributors compute.

    Raises:
        ContributionRejectedError: one computes something else.
    """
    messages.require_equal("ranks", hashlib.sha256(session + plan.digest).digest(), "comparing order statistics")


def enter_ranks(owner: OutsideOwner, step: RankStep) -> None:
    """What an owner outside the three enters, plane by plane, in the order in which the parties take it.

    Args:
        owner: its end, over any ring.
        step: its part.

    Raises:
        MpcError: a party is gone.
    """
    bits = owner.over(BITS)
    for table, inputs in enumerate(step.plan.tables):
        if inputs is not None and table in step.entered:
            for form, width in enumerate(inputs.bits):
                values = sliced_planes(step.entered[table][form], 1 << step.plan.log_rows, width)
                bits.share(values, _planes_label(table, form))


def _planes_label(table: int, form: int) -> str:
    return f"planes/{table}/{form}"


def rank_bytes(ranks: ReplicatedShare | None) -> bytes:
    """A party's shares of order statistics, for its store and for the agency: both components. Secret."""
    return b"" if ranks is None else Z2_64.encode_bytes(ranks.first) + Z2_64.encode_bytes(ranks.second)


class _Computing:
    def __init__(self, computation: Computation, step: RankStep, outside: Mapping[int, OutsideInputs]) -> None:
        self._computation, self._plan = computation, step.plan
        n = 1 << step.plan.log_rows
        self._lanes = np.full(lane_words(n), (1 << min(n, _LANES)) - 1, np.uint64)
        self._planes: dict[Leaf, list[ReplicatedShare]] = {}
        for table, inputs in enumerate(step.plan.tables):
            for form, bits in enumerate(() if inputs is None else inputs.bits):
                owner = step.owners[table]
                if owner in range(PARTIES):
                    values = step.entered[table][form] if owner == computation.party else None
                    planes = share_planes(computation, owner, values, n, bits)
                else:
                    width = lane_words(n)
                    held = outside[owner].over(computation.bits).share(bits * width, _planes_label(table, form))
                    planes = [held[k * width : (k + 1) * width] for k in range(bits)]
                self._planes[Leaf(table, form)] = planes

    def run(self) -> tuple[list[PartialCounts], ReplicatedShare]:
        """The number of rows of every column, and every output."""
        words, counts = self._computation.words, []
        results: list[ReplicatedShare | None] = [None] * len(self._plan.outputs)
        for number, column in enumerate(self._plan.columns):
            outputs = [place for place, output in enumerate(self._plan.outputs) if output.column == number]
            ranks = [rank for place in outputs for rank in self._plan.outputs[place].ranks]
            wanted = [Quantile(rank.numerator, rank.denominator, rank.excess) for rank in ranks]
            count, found = hidden_quantiles(self._computation, *self._rows(column), wanted)
            counts.append(count)
            start = 0
            for place in outputs:
                end = start + len(self._plan.outputs[place].ranks)
                results[place] = words.total(found[start:end])
                start = end
        joined = concatenate_shares([result for result in results if result is not None])
        ones = words.constant(words.ring.from_integers([1] * len(joined)))
        return counts, words.multiply(joined, ones, self._computation.label("fresh"))

    def _rows(self, column: RankedColumn) -> tuple[list[ReplicatedShare], ReplicatedShare]:
        """Planes of the values of all segments, and which rows count."""
        bits = self._computation.bits
        segments = [self._planes[segment.value] for segment in column.segments]
        planes = [concatenate_shares([planes[bit] for planes in segments]) for bit in range(column.bits)]
        members = [bits.mul_public(self._member(segment.member), self._lanes) for segment in column.segments]
        return planes, concatenate_shares(members)

    def _member(self, member: Member) -> ReplicatedShare:
        bits = self._computation.bits
        if not isinstance(member, Gate):
            return self._planes[member][0]
        if not member.parts:
            return bits.constant(self._lanes if member.every else bits.ring.zeros(len(self._lanes)))
        parts = [self._member(part) for part in member.parts]
        if member.every:
            return reduce(self._both, parts)
        return self._not(reduce(self._both, map(self._not, parts)))

    def _both(self, left: ReplicatedShare, right: ReplicatedShare) -> ReplicatedShare:
        return self._computation.bits.multiply(left, right, self._computation.label("members"))

    def _not(self, share: ReplicatedShare) -> ReplicatedShare:
        return self._computation.bits.add_public(share, self._lanes)
