"""The columns of a joint session: shared, computed where several owners define them, committed in two rounds, bound.

What an owner shares is held against what the proof commits to before anything that depends on data is opened (M13);
else an owner could share something else, see whether the attempt fails, and learn a bit about another's data.

* Shares of the committed columns of a round: when all are there and the commitments summed, a coin is tossed, and both
  holders of each component publish the commitment of its combination Σ ρ^j·column_j; the two agree, and the three sum
  to Σ ρ^j·C_j. Other shares than those committed to pass for less than one ρ per column. Where it fails, the same is
  done for every column by itself, which names the liar.
* Shares of a *cell column*, which stands in no commitment: with P = Σ_c P_c/(β_c + code_c) for the column P of round 2
  that it is a restriction of, a random combination of the rows of both sides is opened and found equal. The P_c are
  shared before β, and as functions of β the two sides are equal only if every P_c is P's restriction. Rows outside all
  groups are 1/β in a group inverse, which adds (1 − Σ_c P_c)/β on the right. A product of an inverse with other columns
  must be zero there, as it is wherever the sums can be proved for arbitrary data of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mpc.coin import toss_coin
from mpc.errors import MpcError
from mpc.replicated import Engine
from mpc.shares import ReplicatedShare, concatenate_shares
from services.errors import ContributionRejectedError
from services.party.joint_prover import JointProver
from services.party.session_inputs import SessionInputs, outside_parts
from services.party.session_messages import ContributorMessages, SessionMessages
from zk.curve import decode_points, encode_points
from zk.expansion import GROUP_CHALLENGES
from zk.field import FR, Words
from zk.msm import msm
from zk.polynomial import rows_of
from zk.relation_rules import group_weights
from zk.statement import Rounds, Statement
from zk.transcript import FR_MODULUS
from zk.uploads import Upload
from zk.witness import OPENED_BLINDERS


@dataclass(slots=True)
class _CellCheck:
    """A random combination of rows, Σ x^i·row_i, of everything that a column's cell columns must agree with. Secret.

    Args:
        cells: combination of the cell column of every tuple of codes.
        column: combination of the column of round 2 itself, once it is shared.
    """

    cells: dict[tuple[int, ...], ReplicatedShare] = field(default_factory=dict, repr=False)
    column: ReplicatedShare | None = field(default=None, repr=False)


class SessionColumns:
    """One party's part in everything before [A].

    Args:
        statement: what is proved.
        owners: owner of every column.
        engine: this party's, among the three.
        messages: with all contributors.
        held: with the other two parties.
        inputs: what owners enter.
        prover: this party's.
    """

    def __init__(
        self,
        statement: Statement,
        owners: Mapping[int, int],
        engine: Engine,
        messages: ContributorMessages,
        held: SessionMessages,
        inputs: SessionInputs,
        prover: JointProver,
    ) -> None:
        self._statement, self._relation, self._owners = statement, statement.relation, owners
        self._engine, self._messages, self._held, self._inputs, self._prover = engine, messages, held, inputs, prover
        self._checks: dict[int, _CellCheck] = {}
        self._first = FR.zeros(0)
        self._coin = b""

    def share(self) -> None:
        """Share what is shared before round 1, then compute the columns that several owners define."""
        cells = []
        for upload, shares in self._share_stage(1):
            if upload.codes is not None:
                cells.append((upload, shares))
        self._combine(cells)
        for column in self._prover.mixed:
            outside = outside_parts(self._relation, self._owners, column)
            part = self._inputs.with_outside(self._prover.mixed_part(column), outside, f"mixed/{column}")
            rows = self._engine.reshare(part, f"mixed/{column}")
            blinders = self._engine.random(OPENED_BLINDERS, f"mixed/{column}/blinders")
            self._prover.accept_mixed(column, (rows.first, rows.second), (blinders.first, blinders.second))

    def commit_first(self) -> None:
        """Round 1: commit, and bind the shares of columns of round 1."""
        relation, masks = self._relation, self._messages.zero("round1/masks", self._relation.round1_count + 1)
        points = self._messages.sum_of_points("round1", self._prover.commit_round1(masks))
        self._first = points
        second = relation.round2_indices()
        self._bind("uploads/round1", [column for column in self._prover.crossing if column not in second], points)
        self._prover.absorb_round1(points)

    def commit_second(self) -> None:
        """Round 2: share, commit, and bind the shares of columns and cell columns."""
        relation = self._relation
        for upload, shares in self._share_stage(2):
            if upload.column in self._checks:
                rows = [rows_of(component, relation.rows) for component in (shares.first, shares.second)]
                self._checks[upload.column].column = self._combined(ReplicatedShare(shares.party, *rows))
        masks = self._messages.zero("round2/masks", relation.round2_count)
        points = self._prover.commit_round2(masks)
        if relation.round2_count:
            points = self._messages.sum_of_points("round2", points)
        second = relation.round2_indices()
        self._bind("uploads/round2", [column for column in self._prover.crossing if column in second], points)
        self._prover.absorb_round2(points)
        self._check_cells()

    # --- shares --------------------------------------------------------------------------------------------------

    def _share_stage(self, stage: int) -> list[tuple[Upload, ReplicatedShare]]:
        uploads = [upload for upload in self._prover.uploads if upload.stage == stage]
        mine = self._prover.own_uploads(stage) if uploads else {}
        kept = []
        for upload in uploads:
            shares = self._inputs.share(
                upload.owner, mine.get(upload.number), f"upload/{upload.number}", upload.length
            )
            self._prover.accept_upload(upload.number, shares.first, shares.second)
            if upload.codes is not None or upload.column in self._checks:
                kept.append((upload, shares))
        return kept

    def _bind(self, tag: str, columns: Sequence[int], round_points: Words) -> None:
        """Hold the shares of a round's columns against their commitments (M13) at once; name the liar if that fails.

        Raises:
            ContributionRejectedError: a share, or a commitment of one, is false.
        """
        if not columns:
            return
        coin = toss_coin(self._engine, f"{tag}/coin")
        found: ContributionRejectedError | None = None
        try:
            self._bind_combination(tag, columns, round_points, int.from_bytes(coin, "big") % FR_MODULUS)
        except ContributionRejectedError as error:
            found = error
        # whoever finds fault tells the others, who then commit column by column, too
        digest = hashlib.sha256(coin).digest()
        verdict = digest + bytes([found is None])
        told = self._held.exchange(f"{tag}/verdict", verdict)
        if found is None and all(other == verdict for other in told.values()):
            return
        if found is None or any(other[: len(digest)] != digest for other in told.values()):
            # with different coins honest holders disagree: nobody is named for that
            found = ContributionRejectedError("comparing what was found of the uploads", self._messages.contributors)
        try:
            self._bind_each(f"{tag}/each", columns, round_points)
        except MpcError as error:
            raise found from error
        raise found

    def _bind_combination(self, tag: str, columns: Sequence[int], round_points: Words, weight: int) -> None:
        """Both holders of a component publish the commitment of its combination; the three must sum to that of the
        columns' commitments."""
        mine = self._prover.commit_share_combination(columns, weight)
        (found,) = self._held.replicated_points(tag, [mine], ["combination of uploads"])
        powers = FR.powers(weight, len(columns))
        committed = np.concatenate([self._commitment(column, round_points) for column in columns])
        if not (found == msm(committed, powers)).all():
            raise ContributionRejectedError("binding the shares of a round's columns", self._messages.contributors)

    def _bind_each(self, tag: str, columns: Sequence[int], round_points: Words) -> None:
        """Both holders of a component publish its commitment; the three must sum to the column's."""
        mine = [self._prover.commit_shares(column) for column in columns]
        sums = self._held.replicated_points(tag, mine, [f"upload of column {column}" for column in columns])
        for column, found in zip(columns, sums):
            if not (found == self._commitment(column, round_points)).all():
                # anybody can spoil the sum behind a masked commitment; a registered one stands in the directory
                registered = column <= len(self._relation.registered)
                suspects = (self._owners[column],) if registered else self._messages.contributors
                raise ContributionRejectedError(f"binding the shares of column {column}", suspects)

    def _commitment(self, column: int, round_points: Words) -> Words:
        """What the directory or the round has for a column, (1, 8)."""
        registered, second = len(self._relation.registered), self._relation.round2_indices()
        if column <= registered:
            return encode_points([self._statement.commitments[column - 1]])
        place = column - (second.start if column in second else registered + 1)
        return round_points[place : place + 1]

    # --- cell columns --------------------------------------------------------------------------------------------

    def _combine(self, cells: Sequence[tuple[Upload, ReplicatedShare]]) -> None:
        """Draw the combination, now that the cell columns are shared, and keep only what it gives of them."""
        if not cells:
            return
        self._coin = toss_coin(self._engine, "cells/coin")
        for upload, shares in cells:
            check = self._checks.setdefault(upload.column, _CellCheck())
            check.cells[upload.codes or ()] = self._combined(shares)

    def _combined(self, rows: ReplicatedShare) -> ReplicatedShare:
        parts = (FR.from_integers([FR.evaluate(part, self._point)]) for part in (rows.first, rows.second))
        return ReplicatedShare(rows.party, *parts)

    @property
    def _point(self) -> int:
        """x of the combination Σ x^i·row_i."""
        return int.from_bytes(self._coin, "big") % FR_MODULUS

    def _check_cells(self) -> None:
        """Open Σ x^i (P − Σ_c P_c/(β_c + code_c)) for every column with cells; it depends on its owner's data alone.

        The challenge and the coin are compared first: holders who weigh differently would open more than that.
        """
        if not self._checks:
            return
        digest = hashlib.sha256(self._prover.transcript_digest + self._coin).digest()
        self._held.require_equal("digest/round2", digest, "comparing transcripts of round 2")
        rounds = Rounds(self._statement)
        rounds.round1([point for point in decode_points(self._first) if point is not None])
        differences = [self._difference(column, check, rounds) for column, check in sorted(self._checks.items())]
        opened = FR.to_integers(self._engine.open(concatenate_shares(differences), "cells/opened"))
        for column, value in zip(sorted(self._checks), opened):
            if value:
                raise ContributionRejectedError(f"binding the cells of column {column}", (self._owners[column],))
        self._checks = {}

    def _difference(self, column: int, check: _CellCheck, rounds: Rounds) -> ReplicatedShare:
        """Shares of the combination of P − Σ_c P_c/(β_c + code_c), less (1 − Σ_c P_c)/β for a group inverse."""
        if check.column is None:
            raise ContributionRejectedError(f"sharing column {column}", (self._owners[column],))
        places = sorted(group_weights(self._relation)[column])
        betas = [rounds.challenges[GROUP_CHALLENGES[place]] for place in places]
        engine, difference, outside = self._engine, check.column, 0
        if column == self._relation.group_index(places[0]):
            outside = _inverse_product(betas, [0])
            ones = FR.evaluate(FR.from_integers([1] * self._relation.rows), self._point)
            difference = engine.add_public(difference, FR.from_integers([-outside * ones]))
        for codes, combined in check.cells.items():
            factor = _inverse_product(betas, codes) - outside
            difference = engine.sub(difference, engine.scale_public(combined, factor))
        return difference


def _inverse_product(betas: Sequence[int], codes: Sequence[int]) -> int:
    """Π 1/(β_c + code_c), and 0 where a denominator is 0: then no proof can be made either (M8)."""
    product = 1
    for beta, code in zip(betas, codes, strict=True):
        product = product * (beta + code) % FR_MODULUS
    return pow(product, -1, FR_MODULUS) if product else 0
