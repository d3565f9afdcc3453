"""One contributor to a joint proof, round by round (PROTOCOL §4 and §5), free of any transport.

Everyone proves one `Statement` together. A `Contributor` holds its own columns in plaintext and replicated components
of the columns that meet another owner's; each method returns this contributor's *additive part* of the next message,
masked by a share of zero that the caller supplies, and each ``absorb_*`` takes the sum of all parts. A single prover
is one contributor who owns everything: `zk.single.prove`.

Every step works once and only in order, and a step that refuses ends the contributor, so that no blinder ever answers
two challenges (M4); only the last opening is made twice, without rows and with the rows of the guards. Randomness is
drawn from the operating system when a step first needs it and lives and dies with this object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zk.curve import add_points, decode_points, encode_points, multiply_generator, multiply_points
from zk.errors import ProtocolStateError, RelationInvalidError, SizeMismatchError
from zk.field import FR, Words
from zk.guards import guard_bits
from zk.lagrange import commit_row_quotients, commit_rows, serves
from zk.openings import Openings
from zk.owners import EVERYBODY, NOBODY, holds_shares
from zk.polynomial import blind, resize
from zk.proof import Proof
from zk.quotient import ACCUMULATOR_BLINDERS, accumulator_rows, quotient_polynomial
from zk.range_table import relation_table
from zk.relation import Relation
from zk.sharing import Sharing
from zk.srs import Srs
from zk.statement import Point, Rounds, Statement
from zk.steps import once
from zk.sums import SumParts
from zk.uploads import uploads_of
from zk.verifier import verify_values
from zk.witness import HeldColumns, RegisteredSecret

__all__ = ["ACCUMULATOR_BLINDERS", "Contributor", "RegisteredSecret", "commit_registered"]


def commit_registered(srs: Srs, secret: RegisteredSecret) -> Point:
    """Return the hiding commitment of a column to be registered."""
    return _points(srs.commit(blind(secret.rows, secret.blinder)))[0]


def _points(array: Words) -> list[Point]:
    found = decode_points(array)
    if any(point is None for point in found):
        raise ProtocolStateError("a commitment came out as infinity")
    return [point for point in found if point is not None]


class Contributor(Sharing):
    """See the module text. All arguments but ``secrets`` are public and the same for every contributor.

    Args:
        statement: what is proved.
        srs: must hold at least N + 9 powers for the relation's N.
        contributor: this contributor's number.
        owners: owner of every column (`zk.owners.column_owners`).
        secrets: the registered columns this contributor owns, by index.

    Raises:
        SizeMismatchError: the SRS is too small, or a column does not have N rows.
        RelationInvalidError: secrets and owners disagree, sums are plain though this contributor does not own all, or
            the statement names another range table than the canonical one.
        WitnessUnsatisfiedError: a value lies outside the range that the relation claims for it.
    """

    def __init__(
        self,
        statement: Statement,
        srs: Srs,
        contributor: int,
        owners: Mapping[int, int],
        secrets: Mapping[int, RegisteredSecret],
    ) -> None:
        self.relation: Relation = statement.relation
        if srs.log_rows < self.relation.log_rows:
            raise SizeMismatchError(
                f"the SRS serves up to 2^{srs.log_rows} rows, the relation has 2^{self.relation.log_rows}"
            )
        if self.relation.plain and len(secrets) != len(self.relation.registered):
            raise RelationInvalidError("sums stand in the statement only where one contributor owns every column (M1)")
        if statement.table != relation_table(srs, self.relation):
            raise RelationInvalidError("the statement names another range table than the reference string's own")
        self._statement, self._srs, self._me, self._owners = statement, srs, contributor, dict(owners)
        self._columns = HeldColumns(self.relation, contributor, owners, secrets)
        self._parts = SumParts(self.relation, contributor, owners, self._columns)
        self._uploads = uploads_of(self.relation, owners)
        self._n = self.relation.rows
        self._step = "columns"
        self._sums_rows = self._sums = FR.zeros(0)
        self._constants: tuple[int, ...] = ()
        self._accumulator = self._quotient = self._opening = FR.zeros(0)
        self._round1: list[Point] = []
        self._round2: list[Point] = []
        self._values: dict[int, int] = {}
        self._shifted = 0
        self._release: tuple[int, tuple[int, ...], Point] | None = None
        self._alone = False
        if not self.relation.plain:
            self._rounds = Rounds(statement)

    def __repr__(self) -> str:
        return f"Contributor({self._me}, step={self._step!r}, secrets redacted)"

    def __reduce__(self) -> str:
        raise ProtocolStateError("a contributor holds secrets and is not pickled or copied")

    # --- columns and sums ----------------------------------------------------------------------------------------

    @once("columns", "sums")
    def sum_parts(self) -> Words:
        """My additive part of every row of s, (sums · cells, 4); secret."""
        return self._parts.parts()

    @once("sums", "round1")
    def accept_sums(self, part: Words, blinder: Words) -> None:
        """Take my additive component of s: (sums · cells, 4) rows and (1, 4) blinder; secret."""
        if self.relation.plain:
            raise ProtocolStateError("the sums of a plain relation stand in its statement")
        self._require_rows(part)
        self._sums_rows, self._sums = part, blind(resize(part, self._n), blinder)

    @once("round1", "round1")
    def accept_bits(self, bits: tuple[Words, Words], blinders: tuple[Words, Words]) -> None:
        """Take my two components of the bits of hidden guards (`zk.guards.bit_rows`), (k, 4), and of b's
        OPENED_BLINDERS blinders; secret. Without them there is no round 1 where guards are hidden."""
        self._columns.accept_bits((bits[0], blinders[0]), (bits[1], blinders[1]))

    @once("round1", "round1")
    def derive_bits(self, guards: Sequence[int]) -> None:
        """Compute the bits of hidden guards, where every column is mine.

        Args:
            guards: values of the relation's guard rows, in their order; secret.

        Raises:
            WitnessUnsatisfiedError: a value counts no rows.
            ProtocolStateError: guards are opened, others take part, or the bits are there.
        """
        if self._statement.minimum is None:
            raise ProtocolStateError("the guards of this relation are opened")
        bits = guard_bits(self.relation, guards, self._statement.minimum)
        self._columns.own_bits(FR.from_integers(bits))

    @once("sums", "round1")
    def publish_sums(self, sums: Sequence[int]) -> None:
        """Put the sums into the statement: plain relations only, hence one contributor only."""
        if not self.relation.plain:
            raise ProtocolStateError("the sums of this relation are sealed in s (M1)")
        self._constants = tuple(sums)
        self._rounds = Rounds(self._statement, self._constants)

    def _require_rows(self, part: Words) -> None:
        if len(part) != self.relation.sum_rows:
            raise SizeMismatchError("one value for each row of s")

    # --- rounds 1 to 4 -------------------------------------------------------------------------------------------

    @once("round1", "absorb_round1")
    def commit_round1(self, masks: Words) -> Words:
        """My parts of the commitments of round 1 and, unless sums are plain, of [s]; masks are shares of zero."""
        sealed = 0 if self.relation.plain else 1
        self._require_masks(masks, self.relation.round1_count + sealed)
        parts = self._commit_columns(self.relation.round1_indices(), masks)
        if sealed:
            parts[-1:] = add_points(parts[-1:], self.commit_sums(self._sums_rows, self._sums[self._n :]))
        return parts

    def _commit_columns(self, indices: range, masks: Words) -> Words:
        parts = multiply_generator(masks)
        for place, index in enumerate(indices):
            copied = self._columns.copied_from(index)
            if copied is not None:
                mine = self._commit_copy(*copied)
            elif self._columns.holds_part(index):
                mine = self._srs.commit(self._columns.plain(index))
            elif self._owners[index] == NOBODY and holds_shares(self._me):
                mine = self._srs.commit(self._columns.shares(index)[0])
            else:
                continue
            parts[place : place + 1] = add_points(parts[place : place + 1], mine)
        return parts

    def _commit_copy(self, source: int, fresh: Words) -> Words:
        """[c + ρ·Z_H] = C + [ρ·Z_H]: a few multiplications instead of a commitment."""
        total = encode_points([self._statement.commitments[source - 1]])
        for place in range(len(fresh)):
            step = multiply_points(self._srs.vanishing(self._n, place), fresh[place : place + 1])
            total = add_points(total, step)
        return total

    def commit_sums(self, part: Words, blinder: Words) -> Words:
        """Commitment of a component of s, (1, 8), for binding the shares of the sums to the proof (M2)."""
        self._require_rows(part)
        return commit_rows(self._srs, self.relation.log_rows, part, blinder)

    @once("absorb_round1", "round2")
    def absorb_round1(self, points: Words) -> None:
        """Take the summed commitments; β's are fixed, and my columns of round 2 computed."""
        self._round1 = _points(points)
        self._rounds.round1(self._round1)
        self._columns.derive_round2(self._rounds.challenges)

    @once("round2", "absorb_round2")
    def commit_round2(self, masks: Words) -> Words:
        """My parts of the commitments of round 2; masks are shares of zero."""
        self._require_masks(masks, self.relation.round2_count)
        return self._commit_columns(self.relation.round2_indices(), masks)

    @once("absorb_round2", "accumulator")
    def absorb_round2(self, points: Words) -> None:
        """Take the summed commitments; α is fixed."""
        self._round2 = _points(points)
        self._rounds.round2(self._round2)

    @once("accumulator", "absorb_accumulator")
    def commit_accumulator(self, mask: Words) -> Words:
        """My part of [A], (1, 8)."""
        rows = accumulator_rows(self._rounds, self._me, self._owners, self._columns, self._sums_rows)
        self._columns.drop_rows()
        self._accumulator = blind(rows, FR.random(ACCUMULATOR_BLINDERS))
        return self._masked(self._accumulator, mask)

    @once("absorb_accumulator", "quotient")
    def absorb_accumulator(self, point: Words) -> None:
        """Take the summed [A]."""
        self._accumulator_point = _points(point)[0]
        self._rounds.accumulator(self._accumulator_point)

    @once("quotient", "absorb_quotient")
    def commit_quotient(self, mask: Words) -> Words:
        """My part of [t], (1, 8)."""
        self._quotient = quotient_polynomial(
            self._rounds, self._me, self._owners, self._columns, self._sums, self._accumulator
        )
        return self._masked(self._quotient, mask)

    @once("absorb_quotient", "values")
    def absorb_quotient(self, point: Words) -> None:
        """Take the summed [t]; ζ is fixed."""
        self._quotient_point = _points(point)[0]
        self._rounds.quotient(self._quotient_point)

    # --- evaluations ---------------------------------------------------------------------------------------------

    @property
    def transcript_digest(self) -> bytes:
        """State of the transcript, compared between contributors before the first evaluation leaves."""
        return self._rounds.digest

    @property
    def _opened(self) -> list[int]:
        """The opened columns without T, whose value everybody computes."""
        table = self.relation.table_index if self.relation.lookups else 0
        return [i for i in self.relation.opened if i != table]

    @once("values", "share_values")
    def own_values(self) -> dict[int, int]:
        """Values at ζ of the opened columns I own that are not shared; public once the proof is."""
        chosen = [i for i in self._opened if self._owners[i] == self._me and i not in self._columns.crossing]
        return {i: FR.evaluate(self._columns.plain(i), self._rounds.zeta) for i in chosen}

    @once("share_values", "absorb_values")
    def share_values(self) -> dict[int, tuple[int, int]]:
        """Values at ζ of my two components of the opened columns that are shared; both holders send theirs. Empty
        where I hold no shares."""
        out = {}
        for i in self._opened:
            if i in self._columns.crossing and holds_shares(self._me):
                first, second = self._columns.shares(i)
                out[i] = (FR.evaluate(first, self._rounds.zeta), FR.evaluate(second, self._rounds.zeta))
        return out

    @once("absorb_values", "values_opening")
    def absorb_values(self, values: Mapping[int, int]) -> None:
        """Take the opened columns' values at ζ, without T's."""
        if set(values) != set(self._opened):
            raise SizeMismatchError("one value for each opened column")
        self._values = {i: values[i] for i in self._opened}
        if self.relation.lookups:
            table = self.relation.table_index
            self._values[table] = FR.evaluate(self._columns.plain(table), self._rounds.zeta)
        self._openings = Openings(
            self._rounds,
            self._me,
            self._owners,
            self._columns,
            self._sums,
            self._accumulator,
            self._quotient,
            self._values,
        )

    @once("values_opening", "remainder")
    def values_opening(self, weight: int, mask: Words) -> Words:
        """My part of the batch opening of the opened columns alone (M3), (1, 8)."""
        return self._masked(self._openings.batch(weight, self._opened), mask)

    @once("values_opening", "remainder")
    def skip_values_opening(self) -> None:
        """Go on without the batch opening where every opened column is shared, else ProtocolStateError: each component
        of its value was told alike by two holders, one of them honest, and is bound to the commitment (M13)."""
        if not set(self._opened) <= set(self.crossing):
            raise ProtocolStateError("an opened column is not shared: its value must be opened")

    @once("values_opening", "remainder")
    def prove_alone(self) -> None:
        """Go on without opening the values first and without a proof without rows: nobody else is there to be lied to.

        Raises:
            ProtocolStateError: not every column is mine.
        """
        if set(self._owners.values()) - {self._me, EVERYBODY}:
            raise ProtocolStateError("others take part in this proof")
        self._alone = True

    def verify_values_opening(self, weight: int, point: Words) -> None:
        """Check the summed batch opening. Raises ProofRejectedError."""
        committed = encode_points([*self._round1[: self.relation.round1_count], *self._round2])
        places = [i - len(self.relation.registered) - 1 for i in self._opened]
        values = [self._values[i] for i in self._opened]
        verify_values(self._srs.tau_g2, committed[places], values, self._rounds.zeta, weight, point)

    @once("remainder", "shifted")
    def remainder_part(self) -> Words:
        """My part of r(ζ), (1, 4): secret; all parts sum to zero iff the columns satisfy the relation."""
        at_zeta = FR.evaluate(self._openings.linearised(), self._rounds.zeta)
        return FR.from_integers([at_zeta + FR.evaluate(self._accumulator, self._openings.shifted_point)])

    @once("shifted", "absorb_shifted")
    def shifted_part(self, mask: Words) -> Words:
        """My part of A(ωζ), (1, 4), plus the mask."""
        self._require_masks(mask, 1)
        return FR.add(FR.from_integers([FR.evaluate(self._accumulator, self._openings.shifted_point)]), mask)

    @once("absorb_shifted", "opening")
    def absorb_shifted(self, value: Words) -> None:
        """Take A(ωζ); γ is fixed."""
        self._shifted = FR.to_integers(value)[0]
        self._rounds.evaluations([self._values[i] for i in self.relation.opened], self._shifted)
        self._openings_left = 1 if self._alone else 2

    # --- the opening, without and then with rows -----------------------------------------------------------------

    @once("opening", "absorb_opening")
    def opening_part(self, release: int, rows: Sequence[int], mask: Words) -> Words:
        """My part of [W], (1, 8), for a release word and the values of the rows it opens. At most twice."""
        first = self._openings_left == 2
        if not self._openings_left or (first != (release == 0) and not self.relation.plain):
            raise ProtocolStateError("the opening is made without rows first, then once with rows")
        self._openings_left -= 1
        self._require_masks(mask, 1)
        polynomial = self._openings.opening(release, len(rows))
        hidden = self.relation.hidden_guards  # (b − 1)/Π(X − ω^row) is no matter of a few points
        if not first and not self._alone and not hidden and serves(self.relation.log_rows, len(self._sums_rows)):
            # [W] with rows is [W] without and the rows' quotients: a few points. Unmasked it never leaves.
            self._opening = add_points(self._opening, self._commit_row_quotients(self._openings.row_weights))
        else:
            self._opening = self._srs.commit(polynomial)
        return add_points(self._opening, multiply_generator(mask))

    @once("absorb_opening", "final")
    def absorb_opening(self, release: int, rows: Sequence[int], point: Words) -> None:
        """Take the summed [W]; z is fixed."""
        opening = _points(point)[0]
        self._rounds.opening(release, rows, opening)
        self._release = (release, tuple(rows), opening)

    @once("final", "finish")
    def final_part(self, mask: Words) -> Words:
        """My part of [V], (1, 8)."""
        return self._masked(self._openings.final(), mask)

    @once("finish", "opening")
    def finish(self, point: Words) -> Proof:
        """Take the summed [V] and return the proof, which the caller verifies."""
        if self._release is None:
            raise ProtocolStateError("nothing has been opened")
        release, rows, opening = self._release
        count = self.relation.round1_count
        return Proof(
            self._constants,
            tuple(self._round1[:count]),
            None if self.relation.plain else self._round1[count],
            tuple(self._round2),
            self._accumulator_point,
            self._quotient_point,
            tuple(self._values[i] for i in self.relation.opened),
            self._shifted,
            release,
            rows,
            opening,
            _points(point)[0],
        )

    def row_opening_parts(self, rows: Sequence[int], value_masks: Words, point_masks: Words) -> tuple[Words, Words]:
        """My parts of the released rows of s, (k, 4), and of their quotients [(s − S_v)/(X − ω^v)], (k, 8)."""
        if self._step != "opening" or self._openings_left:
            raise ProtocolStateError("rows are released after the final opening")
        self._require_masks(value_masks, len(rows))
        values = FR.add(self._sums_rows[list(rows)], value_masks)
        points = multiply_generator(point_masks)
        for place, row in enumerate(rows):
            points[place : place + 1] = add_points(points[place : place + 1], self._commit_row_quotients({row: 1}))
        return values, points

    def _commit_row_quotients(self, weights: Mapping[int, int]) -> Words:
        """Σ weight·[(s − S_row)/(X − ω^row)] for my part of s."""
        return commit_row_quotients(self._srs, self.relation.log_rows, self._sums_rows, self._sums, weights)

    def _masked(self, polynomial: Words, mask: Words) -> Words:
        self._require_masks(mask, 1)
        return add_points(self._srs.commit(polynomial), multiply_generator(mask))

    @staticmethod
    def _require_masks(masks: Words, count: int) -> None:
        if masks.shape != (count, 4):
            raise SizeMismatchError(f"expected {count} masks")
