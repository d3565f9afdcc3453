"""Three parties, and the owners outside them, produce one proof: the joint session of PROTOCOL §5, in order, over any
channel and any prover.

    seeds → shares of the columns that meet → columns of several owners → sums sealed → what outside owners entered
    confirmed → bits of hidden guards → round 1, its shares bound →
    shares of round 2 → round 2, its shares and cells bound → [A] → [t] → digests compared → SPENT → opened columns →
    batch opening checked unless all are shared → r(ζ) = 0 tested → A(ωζ) → proof without rows → verified → shares
    bound to it → disclosure checked on those shares, cell by cell → verdict told to outside owners → order statistics,
    where asked for → guards of the cells released opened → final proof → row parts

Until the proof without rows has verified, nothing that depends on data has left a contributor unmasked, except values
that the finished proof shows anyway; a lying contributor is caught before A(ωζ) is opened (M3). Every failure raises,
releases nothing and burns the attempt. A message that a relation has no need of is not sent. What an owner outside the
three does meanwhile is `services.party.outside_session`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mpc.bits import shared_bits
from mpc.channel import Channel, SelectedChannel
from mpc.compare import open_disclosure_risks
from mpc.outside import OutsideInputs
from mpc.replicated import Engine
from mpc.seeds import PairwiseSeeds, agree_seeds
from mpc.shares import PARTIES, ReplicatedShare
from query.audit.regressions import smallest_groups
from services.convert import encode_release, released_rows
from services.disclosure import release_word
from services.errors import ContributionRejectedError, DisclosureRefusedError
from services.party.dominance_factors import dominance_factors
from services.party.history import released_guards
from services.party.joint_prover import JointProver
from services.party.rank_session import RankSession, RankStep
from services.party.session_columns import SessionColumns
from services.party.session_inputs import SessionInputs
from services.party.session_messages import SessionMessages
from services.party.session_plan import (
    RANKS_STAGE,
    REFUSED,
    SHOWN_TAG,
    STAGES,
    VERDICT_TAG,
    Auditor,
    SessionPlan,
    SessionResult,
    session_id,
)
from services.party.session_steps import ContributorSession
from zk.curve import encode_points
from zk.errors import NonCanonicalEncodingError
from zk.field import FR
from zk.proof import Proof
from zk.statement import opened_rows
from zk.verifier import verify_guards, verify_proof
from zk.witness import OPENED_BLINDERS

__all__ = [
    "STAGES",
    "Auditor",
    "ContributionRejectedError",
    "JointProver",
    "JointSession",
    "SessionPlan",
    "SessionResult",
    "session_id",
]


class JointSession(ContributorSession):
    """One computing party's run of one attempt. Used once.

    Args:
        plan: public description.
        channel: authenticated channel among the plan's contributors for this session and attempt.
        prover: this party's contributor.
        spend: makes the durable SPENT mark; called before the first evaluation leaves.
        progress: called with the name of each stage as it begins.
        audit: finds the gaps beside earlier answers.
        ranks: this party's part in the order statistics of the question.

    Raises:
        RelationInvalidError: as `ContributorSession`.
    """

    def __init__(
        self,
        plan: SessionPlan,
        channel: Channel,
        prover: JointProver,
        spend: Callable[[], None],
        progress: Callable[[str], None] = lambda stage: None,
        *,
        audit: Auditor,
        ranks: RankStep | None = None,
    ) -> None:
        super().__init__(plan, prover, spend, progress)
        self._channel, self._audit, self._ranks = channel, audit, ranks
        self._three = SelectedChannel(channel, range(PARTIES))
        self._party = channel.party

    def run(self) -> SessionResult:
        """Run every step in order.

        Raises:
            ContributionRejectedError: a contribution was false.
            DisclosureRefusedError: no cell may be released; the same at all contributors.
            ProofRejectedError: the joint proof does not verify.
            MpcError: a peer is gone, silent, or sent what does not belong here.
        """
        self._progress("seeds")
        plan = self._plan
        seeds = agree_seeds(self._three, plan.session, plan.timeout_s)
        self._join(seeds)
        columns = SessionColumns(
            plan.statement, plan.owners, self._engine, self._messages, self._held, self._inputs, self._prover
        )
        self._progress("shares")
        columns.share()
        self._seal_sums()
        self._inputs.confirm("inputs/first")
        self._hide_guards()
        self._progress("commitments")
        columns.commit_first()
        columns.commit_second()
        self._quotient()
        self._open_values()
        self._test_remainder()
        self._progress("opening")
        first = self._open("first", 0, ())
        verify_proof(plan.tau_g2, plan.statement, first)
        self._progress("checks")
        self._bind_sums(first)
        release = self._decide()
        ranked = self._ranked(seeds)
        rows = opened_rows(self._relation, release)
        # where guards are hidden, their top bits are known: the release word says that they are 1
        opened = self._engine.open(_pick(self._sums, rows), "guards/opened") if rows else FR.zeros(0)
        self._tell_outside(SHOWN_TAG, FR.encode_bytes(opened))
        self._progress("final")
        return replace(self._finish(release, tuple(FR.to_integers(opened))), ranks=ranked)

    # --- steps ---------------------------------------------------------------------------------------------------

    def _join(self, seeds: PairwiseSeeds) -> None:
        """Make the engine among the three, and take the seeds of the owners outside them."""
        plan, errors = self._plan, (NonCanonicalEncodingError,)
        self._engine = Engine(
            FR, self._three, seeds, plan.session, plan.attempt, timeout_s=plan.timeout_s, decode_errors=errors
        )
        self._outside = {
            owner: OutsideInputs(
                self._engine, self._channel, owner, plan.session, plan.attempt, timeout_s=plan.timeout_s,
                decode_errors=errors,
            )
            for owner in plan.outside
        }  # fmt: skip
        for inputs in self._outside.values():
            inputs.receive_seeds()
        self._inputs = SessionInputs(self._engine, self._outside)
        self._held = SessionMessages(self._three, self._engine, plan.timeout_s)
        everybody = SelectedChannel(self._channel, plan.contributors)
        self._messages = SessionMessages(everybody, self._engine, plan.timeout_s, tuple(self._outside.values()))

    def _tell_outside(self, tag: str, payload: bytes) -> None:
        for owner in self._plan.outside:
            self._channel.send(owner, tag, payload)

    def _seal_sums(self) -> None:
        self._progress("sums")
        parts = self._inputs.with_outside(self._prover.sum_parts(), self._plan.outside, "sums")
        self._sums = self._engine.reshare(parts, "sums")
        self._blinder = self._engine.random(1, "sums/blinder")
        self._prover.accept_sums(self._sums.first, self._blinder.first)

    def _hide_guards(self) -> None:
        """Compute shares of the bits of hidden guards, and blinders that nobody chose. Nothing is opened, and every
        product is checked before [b] is committed: whether that succeeds does not depend on what is counted (M13)."""
        minimum = self._plan.statement.minimum
        if minimum is None:
            return
        shift = FR.from_integers([self._relation.rows - minimum])
        guards = self._engine.add_public(_pick(self._sums, self._relation.guard_rows), shift)
        bits = shared_bits(self._engine, guards, self._relation.log_rows + 1, "guards/bits")
        blinders = self._engine.random(OPENED_BLINDERS, "guards/bits/blinders")
        self._prover.accept_bits((bits.first, bits.second), (blinders.first, blinders.second))

    def _test_remainder(self) -> None:
        """Open ρ·r(ζ) for a shared random ρ: zero tells that the relation holds, anything else is uniform (M3)."""
        part = self._inputs.with_outside(self._prover.remainder_part(), self._plan.outside, "remainder")
        self._inputs.confirm("inputs/remainder")
        remainder = self._engine.reshare(part, "remainder")
        factor = self._engine.random(1, "remainder/factor")
        product = self._engine.multiply(remainder, factor, "remainder/product")
        if FR.to_integers(self._engine.open(product, "remainder/opened")) != [0]:
            raise ContributionRejectedError("testing r(zeta) for zero", self._plan.contributors)
        self._show_shifted()

    def _bind_sums(self, proof: Proof) -> None:
        """The commitments of the components of s, from both holders, sum to the proof's [s]: the shares are the proved
        sums (M2)."""
        mine = [
            self._prover.commit_sums(self._sums.first, self._blinder.first),
            self._prover.commit_sums(self._sums.second, self._blinder.second),
        ]
        (found,) = self._held.replicated_points("bind", [np.concatenate(mine)], ["binding of the sums"])
        if not (found == encode_points(list(proof.sealed))).all():
            raise ContributionRejectedError("binding the shares of the sums to the proof")

    def _decide(self) -> int:
        """The release word, told to owners outside the three; they learn alike that nothing may be released."""
        try:
            release = self._releasable()
            self._close_gaps(release)
        except DisclosureRefusedError:
            self._tell_outside(VERDICT_TAG, REFUSED)
            raise
        self._tell_outside(VERDICT_TAG, encode_release(release))
        return release

    def _releasable(self) -> int:
        """The release word of the cells whose guards and totals allow it: one bit about each cell is opened (M5).

        Raises:
            DisclosureRefusedError: there is no such cell.
            ContributionRejectedError: a peer tests other totals.
        """
        cells, dominance = self._relation.cells, self._plan.dominance
        if dominance.tests:
            self._messages.require_equal("dominance", dominance.digest, "comparing dominance rules")
        guards = _pick(self._sums, self._relation.guard_rows)
        least = smallest_groups(self._relation, self._plan.minimum, dominance.closed)
        safe = dominance_factors(self._engine, self._sums, cells, dominance, "dominance")
        risks = open_disclosure_risks(self._engine, guards, cells, least, "guards", safe=safe)
        if risks.all():
            raise DisclosureRefusedError()
        return release_word(self._relation, risks.tolist(), dominance, self._plan.public)

    def _close_gaps(self, release: int) -> None:
        """Test that no combination with earlier answers counts too few people; one bit is opened for all of them.

        Raises:
            DisclosureRefusedError: one does.
            ContributionRejectedError: a peer has another history.
        """
        tests = self._audit(released_guards(self._relation, release))
        digest = hashlib.sha256(self._plan.session + tests.digest).digest()
        self._held.require_equal("history", digest, "comparing histories")
        if tests.open_risk(self._engine, self._sums, self._plan.minimum):
            raise DisclosureRefusedError()

    def _ranked(self, seeds: PairwiseSeeds) -> ReplicatedShare | None:
        """Compute the order statistics, now that the answer may be let out (`services.party.rank_session`)."""
        if self._ranks is None:
            return None
        self._progress(RANKS_STAGE)
        plan = self._plan
        session = RankSession(
            self._three, seeds, plan.session, plan.attempt, plan.timeout_s, self._engine, self._messages, self._outside
        )
        return session.run(self._ranks, self._sums)

    def _finish(self, release: int, shown: tuple[int, ...]) -> SessionResult:
        proof = self._open("final", release, shown)
        verify_proof(self._plan.tau_g2, self._plan.statement, proof)
        verify_guards(self._plan.statement, proof, self._plan.minimum)
        rows = () if self._plan.public else released_rows(release)
        zero = self._held.zero
        values, quotients = self._prover.row_opening_parts(
            rows, zero("release/values", len(rows)), zero("release/points", len(rows))
        )
        return SessionResult(proof, values, quotients, _pick(self._sums, released_guards(self._relation, release)))

def _pick(shares: ReplicatedShare, rows: Sequence[int]) -> ReplicatedShare:
    return ReplicatedShare(shares.party, shares.first[list(rows)], shares.second[list(rows)])
