"""An owner outside the three in a joint session (docs/adr/0026): it contributes the terms of its own columns, shares
what meets others', and holds no share of anything.

    seeds dealt → columns that meet, parts of mixed columns and of the sums entered → round 1 → columns of round 2
    entered → round 2 → [A] → [t] → digests compared → SPENT → opened columns → part of r(ζ) entered → A(ωζ) → proof
    without rows → verified → verdict of all three parties → values of order statistics entered → final proof

Everything it sends is an input (`mpc.outside`), masked by its share of zero, or shown by the finished proof anyway. It
relies on the three, two of them honest, for what is checked on shares: that uploads are those committed to, that
r(ζ) = 0, and the disclosure rules. Its masked part of A(ωζ) leaves without waiting for r(ζ) = 0: where that fails the
three keep theirs, and without them it is uniform.
"""

from __future__ import annotations

from collections.abc import Callable

from mpc.channel import Channel, SelectedChannel
from mpc.errors import ProtocolStateError
from mpc.outside import OutsideOwner
from mpc.shares import PARTIES
from services.convert import decode_release, released_rows
from services.disclosure import release_word
from services.errors import ContributionRejectedError, DisclosureRefusedError, RequestInvalidError
from services.party.joint_prover import JointProver
from services.party.rank_session import RankStep, compare_plans, enter_ranks
from services.party.session_inputs import outside_parts
from services.party.session_messages import ContributorMessages
from services.party.session_plan import RANKS_STAGE, REFUSED, SHOWN_TAG, VERDICT_TAG, SessionPlan
from services.party.session_steps import ContributorSession
from zk.errors import NonCanonicalEncodingError
from zk.field import FR, Words
from zk.proof import Proof
from zk.statement import opened_rows
from zk.verifier import verify_guards, verify_proof


class OutsideSession(ContributorSession):
    """An outside owner's run of one attempt. Used once.

    Args:
        plan: public description.
        channel: authenticated channel among the plan's contributors for this session and attempt.
        prover: this owner's contributor.
        spend: makes the durable SPENT mark; called before the first evaluation leaves.
        progress: called with the name of each stage as it begins.
        ranks: this owner's part in the order statistics of the question.

    Raises:
        RelationInvalidError: as `ContributorSession`.
        ProtocolStateError: this end is none of the plan's outside owners.
    """

    def __init__(
        self,
        plan: SessionPlan,
        channel: Channel,
        prover: JointProver,
        spend: Callable[[], None],
        progress: Callable[[str], None] = lambda stage: None,
        *,
        ranks: RankStep | None = None,
    ) -> None:
        super().__init__(plan, prover, spend, progress)
        if channel.party not in plan.outside:
            raise ProtocolStateError(f"member {channel.party} is none of the outside owners of this session")
        self._channel, self._ranks = channel, ranks
        self._owner = OutsideOwner(FR, channel, plan.session, plan.attempt)
        self._messages = ContributorMessages(
            SelectedChannel(channel, plan.contributors),
            plan.timeout_s,
            lambda label, count: self._owner.zero_share(count, label),
        )

    def run(self) -> Proof:
        """Run every step in order.

        Raises:
            ContributionRejectedError: a contribution was false.
            DisclosureRefusedError: no cell may be released, as all three parties say.
            ProofRejectedError: the joint proof does not verify.
            MpcError: a peer is gone, silent, or sent what does not belong here.
        """
        self._progress("seeds")
        self._owner.deal()
        self._progress("shares")
        self._enter_columns()
        self._progress("sums")
        self._owner.share(self._prover.sum_parts(), "sums")
        self._prover.accept_sums(FR.zeros(self._relation.sum_rows), FR.zeros(1))
        self._progress("commitments")
        self._commit()
        self._quotient()
        self._open_values()
        self._owner.share(self._prover.remainder_part(), "remainder")
        self._show_shifted()
        self._progress("opening")
        verify_proof(self._plan.tau_g2, self._plan.statement, self._open("first", 0, ()))
        self._progress("checks")
        self._compare_rules()
        release = self._verdict()
        if self._ranks is not None:
            self._progress(RANKS_STAGE)
            compare_plans(self._messages, self._plan.session, self._ranks.plan)
            enter_ranks(self._owner, self._ranks)
        shown = self._shown(len(opened_rows(self._relation, release)))
        self._progress("final")
        proof = self._open("final", release, shown)
        verify_proof(self._plan.tau_g2, self._plan.statement, proof)
        verify_guards(self._plan.statement, proof, self._plan.minimum)
        return proof

    # --- steps ---------------------------------------------------------------------------------------------------

    def _enter_columns(self) -> None:
        self._upload(1)
        for column in self._prover.mixed:
            if self._messages.party in outside_parts(self._relation, self._plan.owners, column):
                self._owner.share(self._prover.mixed_part(column), f"mixed/{column}")

    def _upload(self, stage: int) -> None:
        for number, rows in sorted(self._prover.own_uploads(stage).items()):
            self._owner.share(rows, f"upload/{number}")

    def _commit(self) -> None:
        relation, zero, total = self._relation, self._messages.zero, self._messages.sum_of_points
        masks = zero("round1/masks", relation.round1_count + 1)
        self._prover.absorb_round1(total("round1", self._prover.commit_round1(masks)))
        self._upload(2)
        points = self._prover.commit_round2(zero("round2/masks", relation.round2_count))
        self._prover.absorb_round2(total("round2", points) if relation.round2_count else points)

    def _verdict(self) -> int:
        """The release word, which all three parties must tell alike: of some cells, and of no sum that stays closed.

        Raises:
            DisclosureRefusedError: they say that nothing may be released.
            ContributionRejectedError: they tell different things, or no such release word.
        """
        plan, cells = self._plan, self._relation.cells
        told = self._told_alike(VERDICT_TAG, "comparing the parties' verdicts")
        if told == REFUSED:
            raise DisclosureRefusedError()
        try:
            release = decode_release(told)
        except RequestInvalidError as error:
            raise ContributionRejectedError("reading the parties' verdict") from error
        open_cells = {row % cells for row in released_rows(release)}
        risks = [cell not in open_cells for cell in range(cells)]
        if all(risks) or release != release_word(self._relation, risks, plan.dominance, plan.public):
            raise ContributionRejectedError("reading the parties' verdict")
        return release

    def _compare_rules(self) -> None:
        dominance = self._plan.dominance
        if dominance.tests:
            self._messages.require_equal("dominance", dominance.digest, "comparing dominance rules")

    def _shown(self, count: int) -> tuple[int, ...]:
        told = self._told_alike(SHOWN_TAG, "comparing the opened guards")
        try:
            shown: Words = FR.decode_bytes(told)
        except NonCanonicalEncodingError as error:
            raise ContributionRejectedError("reading the opened guards") from error
        if len(shown) != count:
            raise ContributionRejectedError("reading the opened guards")
        return tuple(FR.to_integers(shown))

    def _told_alike(self, tag: str, check: str) -> bytes:
        told = [self._channel.receive(party, tag, self._plan.timeout_s) for party in range(PARTIES)]
        if any(other != told[0] for other in told):
            raise ContributionRejectedError(check)
        return told[0]
