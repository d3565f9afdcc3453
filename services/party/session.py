"""Three parties produce one proof: the joint session of PROTOCOL §5, in order, over any channel and any prover.

    seeds → shares of the columns that meet → columns of several owners → sums sealed → bits of hidden guards → round 1,
    its shares bound →
    shares of round 2 → round 2, its shares and cells bound → [A] → [t] → digests compared → SPENT → opened columns →
    batch opening checked unless all are shared → r(ζ) = 0 tested → A(ωζ) → proof without rows → verified → shares
    bound to it → disclosure checked on those shares, cell by cell → order statistics, where asked for → guards of the
    cells released opened → final proof → row parts

Until the proof without rows has verified, nothing that depends on data has left a contributor unmasked, except values
that the finished proof shows anyway; a lying contributor is caught before A(ωζ) is opened (M3). Every failure raises,
releases nothing and burns the attempt. A message that a relation has no need of is not sent.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mpc.bits import shared_bits
from mpc.channel import Channel
from mpc.compare import open_disclosure_risks
from mpc.replicated import Engine
from mpc.seeds import PairwiseSeeds, agree_seeds
from mpc.shares import AdditiveShare, ReplicatedShare
from query.audit.regressions import smallest_groups
from query.dominance import DominanceChecks
from services.convert import released_rows
from services.disclosure import release_word
from services.errors import ContributionRejectedError, DisclosureRefusedError
from services.party.dominance_factors import dominance_factors
from services.party.gap_tests import GapTests
from services.party.history import released_guards
from services.party.joint_prover import JointProver
from services.party.rank_session import RankSession, RankStep
from services.party.session_columns import SessionColumns
from services.party.session_messages import SessionMessages
from services.party.session_values import ValueShares, combine_values, decode_values
from services.prover.steps import committed_openings
from zk.curve import encode_points
from zk.errors import NonCanonicalEncodingError, RelationInvalidError
from zk.field import FR, Words
from zk.pairing import G2
from zk.proof import Proof
from zk.statement import Statement, opened_rows
from zk.transcript import FR_MODULUS, hash_words
from zk.verifier import verify_guards, verify_proof
from zk.witness import OPENED_BLINDERS

__all__ = [
    "STAGES",
    "ContributionRejectedError",
    "JointProver",
    "JointSession",
    "SessionPlan",
    "SessionResult",
    "session_id",
]

STAGES = ("seeds", "shares", "sums", "commitments", "quotient", "evaluations", "opening", "checks", "final")
RANKS_STAGE = "ranks"
"""Before the last, where order statistics are asked for."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What a session is about; public and the same at all three parties.

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


class JointSession:
    """One party's run of one attempt. Used once.

    Args:
        plan: public description.
        channel: authenticated channel among the three parties for this session and attempt.
        prover: this party's contributor.
        spend: makes the durable SPENT mark; called before the first evaluation leaves.
        progress: called with the name of each stage as it begins.
        audit: finds the gaps beside earlier answers.
        ranks: this party's part in the order statistics of the question.

    Raises:
        RelationInvalidError: the relation's sums are plain: those are proved by the one owner of its columns (M1); or
            its hidden guards are proved for another minimum group than the plan's.
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
        self._plan, self._channel, self._prover, self._spend, self._progress = plan, channel, prover, spend, progress
        self._audit, self._ranks = audit, ranks
        self._relation = plan.statement.relation
        self._party = channel.party
        if self._relation.plain:
            raise RelationInvalidError("sums of a joint proof are sealed (M1)")
        if plan.statement.minimum not in (None, plan.minimum):
            raise RelationInvalidError("the statement names another minimum group than the plan")

    def run(self) -> SessionResult:
        """Run every step in order.

        Raises:
            ContributionRejectedError: a contribution was false.
            DisclosureRefusedError: no cell may be released; the same at all three parties.
            ProofRejectedError: the joint proof does not verify.
            MpcError: a peer is gone, silent, or sent what does not belong here.
        """
        self._progress("seeds")
        plan = self._plan
        seeds = agree_seeds(self._channel, plan.session, plan.timeout_s)
        self._engine = Engine(
            FR,
            self._channel,
            seeds,
            plan.session,
            plan.attempt,
            timeout_s=plan.timeout_s,
            decode_errors=(NonCanonicalEncodingError,),
        )
        self._messages = SessionMessages(self._channel, self._engine, plan.timeout_s)
        columns = SessionColumns(plan.statement, plan.owners, self._engine, self._messages, self._prover)
        self._progress("shares")
        columns.share()
        self._seal_sums()
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
        release = self._releasable()
        self._close_gaps(release)
        ranked = self._ranked(seeds)
        rows = opened_rows(self._relation, release)
        # where guards are hidden, their top bits are known: the release word says that they are 1
        shown = tuple(FR.to_integers(self._engine.open(_pick(self._sums, rows), "guards/opened"))) if rows else ()
        self._progress("final")
        return replace(self._finish(release, shown), ranks=ranked)

    # --- steps ---------------------------------------------------------------------------------------------------

    def _seal_sums(self) -> None:
        self._progress("sums")
        parts = AdditiveShare(self._party, self._prover.sum_parts())
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

    def _quotient(self) -> None:
        self._progress("quotient")
        zero, total = self._messages.zero, self._messages.sum_of_points
        point = total("accumulator", self._prover.commit_accumulator(zero("accumulator/mask", 1)))
        self._prover.absorb_accumulator(point)
        point = total("quotient", self._prover.commit_quotient(zero("quotient/mask", 1)))
        self._prover.absorb_quotient(point)

    def _open_values(self) -> None:
        self._progress("evaluations")
        digest = self._prover.transcript_digest
        self._messages.require_equal("digest", digest, "comparing transcripts")
        self._spend()
        values = self._collect_values()
        self._prover.absorb_values(values)
        if set(values) <= set(self._prover.crossing):
            # both holders told each component alike, one of them is honest, and the uploads are bound: values are right
            self._prover.skip_values_opening()
            return
        words = [int.from_bytes(digest, "big"), *(values[i] for i in committed_openings(self._relation))]
        weight = int.from_bytes(hash_words("tallystick.values.v1", words), "big") % FR_MODULUS
        part = self._prover.values_opening(weight, self._messages.zero("values/mask", 1))
        self._prover.verify_values_opening(weight, self._messages.sum_of_points("values/opening", part))

    def _collect_values(self) -> dict[int, int]:
        mine = ValueShares(self._prover.own_values(), self._prover.share_values())
        if not committed_openings(self._relation):
            return {}
        told = {self._party: mine}
        for peer, data in self._messages.exchange("values", mine.encode()).items():
            told[peer] = decode_values(self._relation, self._plan.owners, self._prover.crossing, peer, data)
        return combine_values(told)

    def _test_remainder(self) -> None:
        """Open ρ·r(ζ) for a shared random ρ: zero tells that the relation holds, anything else is uniform (M3)."""
        part = AdditiveShare(self._party, self._prover.remainder_part())
        remainder = self._engine.reshare(part, "remainder")
        factor = self._engine.random(1, "remainder/factor")
        product = self._engine.multiply(remainder, factor, "remainder/product")
        if FR.to_integers(self._engine.open(product, "remainder/opened")) != [0]:
            raise ContributionRejectedError("testing r(zeta) for zero")
        mask = self._messages.zero("shifted/mask", 1)
        self._prover.absorb_shifted(self._messages.sum_of_scalars("shifted", self._prover.shifted_part(mask)))

    def _bind_sums(self, proof: Proof) -> None:
        """The commitments of the components of s, from both holders, sum to the proof's [s]: the shares are the proved
        sums (M2)."""
        mine = [
            self._prover.commit_sums(self._sums.first, self._blinder.first),
            self._prover.commit_sums(self._sums.second, self._blinder.second),
        ]
        (found,) = self._messages.replicated_points("bind", [np.concatenate(mine)], ["binding of the sums"])
        if not (found == encode_points(list(proof.sealed))).all():
            raise ContributionRejectedError("binding the shares of the sums to the proof")

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
        self._messages.require_equal("history", digest, "comparing histories")
        if tests.open_risk(self._engine, self._sums, self._plan.minimum):
            raise DisclosureRefusedError()

    def _ranked(self, seeds: PairwiseSeeds) -> ReplicatedShare | None:
        """Compute the order statistics, now that the answer may be let out (`services.party.rank_session`)."""
        if self._ranks is None:
            return None
        self._progress(RANKS_STAGE)
        plan = self._plan
        session = RankSession(
            self._channel, seeds, plan.session, plan.attempt, plan.timeout_s, self._engine, self._messages
        )
        return session.run(self._ranks, self._sums)

    def _finish(self, release: int, shown: tuple[int, ...]) -> SessionResult:
        proof = self._open("final", release, shown)
        verify_proof(self._plan.tau_g2, self._plan.statement, proof)
        verify_guards(self._plan.statement, proof, self._plan.minimum)
        rows = () if self._plan.public else released_rows(release)
        zero = self._messages.zero
        values, quotients = self._prover.row_opening_parts(
            rows, zero("release/values", len(rows)), zero("release/points", len(rows))
        )
        return SessionResult(proof, values, quotients, _pick(self._sums, released_guards(self._relation, release)))

    def _open(self, label: str, release: int, rows: tuple[int, ...]) -> Proof:
        zero, total = self._messages.zero, self._messages.sum_of_points
        part = self._prover.opening_part(release, rows, zero(f"{label}/opening/mask", 1))
        self._prover.absorb_opening(release, rows, total(f"{label}/opening", part))
        part = self._prover.final_part(zero(f"{label}/final/mask", 1))
        return self._prover.finish(total(f"{label}/final", part))


def session_id(query_id: bytes, attempt: int) -> bytes:
    """32 bytes, unique to (query, attempt)."""
    return hashlib.sha256(b"tallystick.session.v1" + query_id + struct.pack(">Q", attempt)).digest()


def _pick(shares: ReplicatedShare, rows: Sequence[int]) -> ReplicatedShare:
    return ReplicatedShare(shares.party, shares.first[list(rows)], shares.second[list(rows)])
