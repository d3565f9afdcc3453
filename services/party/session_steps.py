"""What every contributor to a joint proof does alike, be it one of the three parties or an owner outside them: it adds
its masked part to public messages, and takes the sums of all parts."""

from __future__ import annotations

from collections.abc import Callable

from services.party.joint_prover import JointProver
from services.party.session_messages import ContributorMessages
from services.party.session_plan import SessionPlan
from services.party.session_values import ValueShares, combine_values, decode_values
from services.prover.steps import committed_openings
from zk.errors import RelationInvalidError
from zk.proof import Proof
from zk.transcript import FR_MODULUS, hash_words


class ContributorSession:
    """The steps; subclasses put them in order. Used once.

    Args:
        plan: public description.
        prover: this contributor's.
        spend: makes the durable SPENT mark; called before the first evaluation leaves.
        progress: called with the name of each stage as it begins.

    Raises:
        RelationInvalidError: the relation's sums are plain: those are proved by the one owner of its columns (M1); or
            its hidden guards are proved for another minimum group than the plan's.
    """

    _messages: ContributorMessages

    def __init__(
        self, plan: SessionPlan, prover: JointProver, spend: Callable[[], None], progress: Callable[[str], None]
    ) -> None:
        self._plan, self._prover, self._spend, self._progress = plan, prover, spend, progress
        self._relation = plan.statement.relation
        if self._relation.plain:
            raise RelationInvalidError("sums of a joint proof are sealed (M1)")
        if plan.statement.minimum not in (None, plan.minimum):
            raise RelationInvalidError("the statement names another minimum group than the plan")

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
        told = {self._messages.party: mine}
        for peer, data in self._messages.exchange("values", mine.encode()).items():
            told[peer] = decode_values(self._relation, self._plan.owners, self._prover.crossing, peer, data)
        return combine_values(told)

    def _show_shifted(self) -> None:
        mask = self._messages.zero("shifted/mask", 1)
        self._prover.absorb_shifted(self._messages.sum_of_scalars("shifted", self._prover.shifted_part(mask)))

    def _open(self, label: str, release: int, rows: tuple[int, ...]) -> Proof:
        zero, total = self._messages.zero, self._messages.sum_of_points
        part = self._prover.opening_part(release, rows, zero(f"{label}/opening/mask", 1))
        self._prover.absorb_opening(release, rows, total(f"{label}/opening", part))
        part = self._prover.final_part(zero(f"{label}/final/mask", 1))
        return self._prover.finish(total(f"{label}/final", part))
