"""One contributor to a joint proof, round by round (PROTOCOL §4 and §5), free of any transport.

Everyone proves one `Statement` together. A `Contributor` holds its own columns in plaintext and replicated components
of the columns that meet another owner's; each method returns this contributor's *additive part* of the next message,
masked by a share of zero that the caller supplies, and each ``absorb_*`` takes the sum of all parts. A single prover
is one contributor who owns everything: `prove`.

Every step works once and only in order, and a step that refuses ends the contributor, so that no blinder ever answers
two challenges (M4); only the last opening is made twice, without rows and with the rows of the guards. Randomness is
drawn from the operating system when a step first needs it and lives and dies with this object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from zk.columns import Column, ProductSum, Weighted
from zk.curve import add_points, decode_points, multiply_generator
from zk.errors import ProtocolStateError, SizeMismatchError
from zk.field import FR, Words
from zk.ntt import COSET_SHIFT, coset_intt, coset_ntt, intt, root_of_unity
from zk.polynomial import add_scaled, blind, divide_by_linear, resize, rows_of, running_total
from zk.proof import Proof
from zk.relation import Relation
from zk.srs import Srs
from zk.statement import Point, Rounds, Statement, opened_rows
from zk.steps import InOrder, once
from zk.transcript import FR_MODULUS
from zk.verifier import verify_values
from zk.witness import HeldColumns, RegisteredSecret

__all__ = ["ACCUMULATOR_BLINDERS", "Contributor", "RegisteredSecret", "commit_registered"]

ACCUMULATOR_BLINDERS: Final = 3  # [A], A(ωζ) and, through r(ζ) = 0, A(ζ) are shown; with the random A(1) one to spare


def commit_registered(srs: Srs, secret: RegisteredSecret) -> Point:
    """Return the hiding commitment of a column to be registered."""
    return _points(srs.commit(blind(secret.rows, secret.blinder)))[0]


def _points(array: Words) -> list[Point]:
    found = decode_points(array)
    if any(point is None for point in found):
        raise ProtocolStateError("a commitment came out as infinity")
    return [point for point in found if point is not None]


class Contributor(InOrder):
    """See the module text. All arguments but ``secrets`` are public and the same for every contributor.

    Args:
        statement: what is proved.
        srs: must hold at least N + 9 powers for the relation's N.
        contributor: this contributor's number.
        owners: contributor number of every column, witness columns included (`zk.columns.witness_owners`).
        secrets: the registered columns this contributor owns, by index.

    Raises:
        SizeMismatchError: the SRS is too small, or a column does not have N rows.
        RelationInvalidError: a witness column mixes owners, or secrets and owners disagree.
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
        self._srs, self._me, self._owners = srs, contributor, dict(owners)
        self._columns = HeldColumns(self.relation, contributor, owners, secrets)
        self._rounds = Rounds(statement)
        self._n = self.relation.rows
        self._step = "columns"
        self._sums = FR.zeros(0)
        self._commitments: Words = FR.zeros(0)
        self._accumulator = self._quotient = self._opening = FR.zeros(0)
        self._values: dict[int, int] = {}
        self._proof: dict[str, tuple[Point, ...]] = {}
        self._shifted = 0
        self._release: tuple[int, tuple[int, ...], Point] | None = None

    def __repr__(self) -> str:
        return f"Contributor({self._me}, step={self._step!r}, secrets redacted)"

    def __reduce__(self) -> str:
        raise ProtocolStateError("a contributor holds secrets and is not pickled or copied")

    # --- columns and sums ----------------------------------------------------------------------------------------

    @property
    def cross_columns(self) -> tuple[int, ...]:
        """Columns that stand in a term with another owner's column: the ones that are shared."""
        return self._columns.crossing

    def shared_polynomials(self) -> dict[int, Words]:
        """My columns among `cross_columns` as (N+3, 4) coefficients: secret, to be shared replicated."""
        return self._columns.shared_polynomials()

    def accept_shares(self, column: int, first: Words, second: Words) -> None:
        """Take my replicated components of a cross column, (N+3, 4) coefficients each; secret. Nothing leaves here."""
        if self._step != "columns":
            raise ProtocolStateError("shares are accepted before the sums are asked for")
        self._columns.accept_shares(column, first, second)

    def _plain(self, index: int) -> Words:
        return self._columns.plain(index)

    @once("columns", "sums")
    def sum_parts(self) -> Words:
        """My additive part of every sum, (S, 4); secret."""
        self._rows = self._columns.mapped(lambda p: rows_of(p, self._n))
        product = ProductSum(self._me, self._owners, self._rows, self._n)
        parts = [FR.total(product([Weighted(t.coefficient, t) for t in form])) for form in self.relation.sum_forms]
        return np.concatenate(parts)

    @once("sums", "witnesses")
    def accept_sums(self, part: Words, blinder: Words) -> None:
        """Take my additive component of s: (S, 4) rows and (1, 4) blinder; secret."""
        self._sums_rows = self._row_part(part)
        self._sums = blind(self._sums_rows, blinder)

    def _row_part(self, part: Words) -> Words:
        if len(part) != len(self.relation.sum_forms):
            raise SizeMismatchError("one value for each sum")
        return resize(part, self._n)

    # --- rounds 1 to 4 -------------------------------------------------------------------------------------------

    @once("witnesses", "absorb_witnesses")
    def commit_witnesses(self, masks: Words) -> Words:
        """My parts of the witness commitments and of [s], (W+1, 8); masks (W+1, 4) are shares of zero."""
        self._require_masks(masks, self.relation.witness_count + 1)
        parts = multiply_generator(masks)
        for place, index in enumerate(self.relation.witness_indices()):
            if self._owners[index] == self._me:
                parts[place : place + 1] = add_points(parts[place : place + 1], self._srs.commit(self._plain(index)))
        parts[-1:] = add_points(parts[-1:], self._srs.commit(self._sums))
        return parts

    def commit_shares(self, column: int) -> Words:
        """Commitments of my two components of a cross column, (2, 8): a bound upload (M13)."""
        return np.concatenate([self._srs.commit(share) for share in self._columns.shares(column)])

    def commit_sums(self, part: Words, blinder: Words) -> Words:
        """Commitment of a component of s, (1, 8), for binding the shares of the sums to the proof (M2)."""
        return self._srs.commit(blind(self._row_part(part), blinder))

    @once("absorb_witnesses", "accumulator")
    def absorb_witnesses(self, points: Words) -> None:
        """Take the summed commitments, (W+1, 8)."""
        self._commitments = points
        named = _points(points)
        self._proof["witnesses"] = tuple(named)
        self._rounds.witnesses(named)

    @once("accumulator", "absorb_accumulator")
    def commit_accumulator(self, mask: Words) -> Words:
        """My part of [A], (1, 8)."""
        steps = self._sum_terms(self._rows, self._n)
        weights = FR.powers(self._rounds.alpha, len(self.relation.sum_forms))
        sealed = FR.mul(resize(weights, self._n), self._sums_rows)
        steps = FR.sub(steps, sealed)
        rows = FR.add(FR.random(1), running_total(np.concatenate([FR.zeros(1), steps[:-1]])))
        self._accumulator = blind(rows, FR.random(ACCUMULATOR_BLINDERS))
        self._rows = {}
        return self._masked(self._accumulator, mask)

    @once("absorb_accumulator", "quotient")
    def absorb_accumulator(self, point: Words) -> None:
        """Take the summed [A]."""
        self._proof["accumulator"] = tuple(_points(point))
        self._rounds.accumulator(self._proof["accumulator"][0])

    def _sum_terms(self, columns: Mapping[int, Column], size: int) -> Words:
        weighted = [
            Weighted(-weight * t.coefficient, t)
            for weight, form in self._rounds.weighted_forms()[: len(self.relation.sum_forms)]
            for t in form
        ]
        return ProductSum(self._me, self._owners, columns, size)(weighted)

    @once("quotient", "absorb_quotient")
    def commit_quotient(self, mask: Words) -> Words:
        """My part of [t], (1, 8): the numerator's part on a coset of 2N points, divided by Z_H there."""
        log_coset, size = self.relation.log_rows + 1, 2 * self._n

        def spread(polynomial: Words) -> Words:
            return coset_ntt(polynomial, log_coset)

        weighted = [Weighted(weight * t.coefficient, t) for weight, form in self._rounds.weighted_forms() for t in form]
        numerator = ProductSum(self._me, self._owners, self._columns.mapped(spread), size)(weighted)
        weights = intt(resize(FR.powers(self._rounds.alpha, len(self.relation.sum_forms)), self._n))
        numerator = FR.add(numerator, FR.mul(spread(weights), spread(self._sums)))
        rotated = FR.mul(self._accumulator, FR.powers(self._rounds.omega, len(self._accumulator)))
        numerator = FR.add(numerator, spread(FR.sub(rotated, self._accumulator)))
        shift = pow(COSET_SHIFT, self._n, FR_MODULUS)
        vanishing = FR.from_integers([shift - 1, -shift - 1])  # X^N on the coset alternates between ±shift^N
        quotient = FR.mul(numerator, np.tile(FR.inverse(vanishing), (self._n, 1)))
        self._quotient = resize(coset_intt(quotient), self._n + 3)
        return self._masked(self._quotient, mask)

    @once("absorb_quotient", "values")
    def absorb_quotient(self, point: Words) -> None:
        """Take the summed [t]; ζ is fixed."""
        self._proof["quotient"] = tuple(_points(point))
        self._rounds.quotient(self._proof["quotient"][0])

    # --- evaluations ---------------------------------------------------------------------------------------------

    @property
    def transcript_digest(self) -> bytes:
        """State of the transcript, compared between contributors before the first evaluation leaves."""
        return self._rounds.digest

    @once("values", "share_values")
    def own_values(self) -> dict[int, int]:
        """Values at ζ of the opened columns I own that are not shared; public once the proof is."""
        chosen = [i for i in self.relation.opened if self._owners[i] == self._me and i not in self.cross_columns]
        return {i: FR.evaluate(self._plain(i), self._rounds.zeta) for i in chosen}

    @once("share_values", "absorb_values")
    def share_values(self) -> dict[int, tuple[int, int]]:
        """Values at ζ of my two components of the opened columns that are shared; both holders send theirs."""
        out = {}
        for i in self.relation.opened:
            if i in self.cross_columns:
                first, second = self._columns.shares(i)
                out[i] = (FR.evaluate(first, self._rounds.zeta), FR.evaluate(second, self._rounds.zeta))
        return out

    @once("absorb_values", "values_opening")
    def absorb_values(self, values: Mapping[int, int]) -> None:
        """Take the opened columns' values at ζ."""
        if set(values) != set(self.relation.opened):
            raise SizeMismatchError("one value for each opened column")
        self._values = {i: values[i] for i in self.relation.opened}

    @once("values_opening", "remainder")
    def values_opening(self, weight: int, mask: Words) -> Words:
        """My part of the batch opening of the opened columns alone (M3), (1, 8)."""
        total = FR.zeros(self._n + 3)
        for place, index in enumerate(self.relation.opened):
            if self._owners[index] == self._me:
                total = add_scaled(total, self._plain(index), pow(weight, place + 1, FR_MODULUS))
        return self._masked(divide_by_linear(total, self._rounds.zeta), mask)

    def verify_values_opening(self, weight: int, point: Words) -> None:
        """Check the summed batch opening. Raises ProofRejectedError."""
        places = [i - len(self.relation.registered) - 1 for i in self.relation.opened]
        verify_values(
            self._srs.tau_g2, self._commitments[places], list(self._values.values()), self._rounds.zeta, weight, point
        )

    @once("remainder", "shifted")
    def remainder_part(self) -> Words:
        """My part of r(ζ), (1, 4): secret; all parts sum to zero iff the columns satisfy the relation."""
        at_zeta = FR.evaluate(self._linearised(), self._rounds.zeta)
        return FR.from_integers([at_zeta + FR.evaluate(self._accumulator, self._shifted_point)])

    @property
    def _shifted_point(self) -> int:
        return self._rounds.omega * self._rounds.zeta % FR_MODULUS

    def _linearised(self) -> Words:
        """My part of r(X) without its constant."""
        rounds = self._rounds
        total = FR.scale(resize(self._accumulator, self._n + 3), -1)
        total = add_scaled(total, self._sums, rounds.sums_weight())
        total = add_scaled(total, self._quotient, -rounds.vanishing())
        for index, weight in rounds.column_weights(self._values).items():
            if self._owners[index] == self._me:
                total = add_scaled(total, self._plain(index), weight)
        return total

    @once("shifted", "absorb_shifted")
    def shifted_part(self, mask: Words) -> Words:
        """My part of A(ωζ), (1, 4), plus the mask."""
        self._require_masks(mask, 1)
        return FR.add(FR.from_integers([FR.evaluate(self._accumulator, self._shifted_point)]), mask)

    @once("absorb_shifted", "opening")
    def absorb_shifted(self, value: Words) -> None:
        """Take A(ωζ); γ is fixed."""
        self._shifted = FR.to_integers(value)[0]
        self._rounds.evaluations(list(self._values.values()), self._shifted)
        self._openings_left = 2

    # --- the opening, without and then with rows -----------------------------------------------------------------

    @once("opening", "absorb_opening")
    def opening_part(self, release: int, rows: Sequence[int], mask: Words) -> Words:
        """My part of [W], (1, 8), for a release word and the values of the rows it opens. At most twice."""
        numbers = opened_rows(self.relation, release)
        if len(rows) != len(numbers):
            raise SizeMismatchError("one value for each opened row")
        if not self._openings_left or (self._openings_left == 2) != (release == 0):
            raise ProtocolStateError("the opening is made without rows first, then once with rows")
        self._openings_left -= 1
        gamma, power = self._rounds.gamma, 1
        self._batched = self._linearised()
        for index in self.relation.opened:
            power = power * gamma % FR_MODULUS
            if self._owners[index] == self._me:
                self._batched = add_scaled(self._batched, self._plain(index), power)
        power = power * gamma % FR_MODULUS
        self._points = [(self._accumulator, power, self._shifted_point)]
        for row in numbers:
            power = power * gamma % FR_MODULUS
            self._points.append((self._sums, power, pow(self._rounds.omega, row, FR_MODULUS)))
        total = divide_by_linear(self._batched, self._rounds.zeta)
        for polynomial, weight, point in self._points:
            total = add_scaled(total, divide_by_linear(polynomial, point), weight)
        self._opening = total
        return self._masked(total, mask)

    @once("absorb_opening", "final")
    def absorb_opening(self, release: int, rows: Sequence[int], point: Words) -> None:
        """Take the summed [W]; z is fixed."""
        opening = _points(point)[0]
        self._rounds.opening(release, rows, opening)
        self._release = (release, tuple(rows), opening)

    @once("final", "finish")
    def final_part(self, mask: Words) -> Words:
        """My part of [V], (1, 8)."""
        z, zeta = self._rounds.z, self._rounds.zeta
        total = self._batched
        for polynomial, weight, point in self._points:
            total = add_scaled(total, polynomial, weight * (z - zeta) * pow(z - point, -1, FR_MODULUS))
        total = add_scaled(total, self._opening, zeta - z)
        total = FR.scale(total, pow(self._rounds.vanishing(), -1, FR_MODULUS))
        return self._masked(divide_by_linear(total, z), mask)

    @once("finish", "opening")
    def finish(self, point: Words) -> Proof:
        """Take the summed [V] and return the proof, which the caller verifies."""
        if self._release is None:
            raise ProtocolStateError("nothing has been opened")
        release, rows, opening = self._release
        witnesses = self._proof["witnesses"]
        return Proof(
            witnesses[:-1],
            witnesses[-1],
            self._proof["accumulator"][0],
            self._proof["quotient"][0],
            tuple(self._values.values()),
            self._shifted,
            release,
            rows,
            opening,
            _points(point)[0],
        )

    def row_opening_parts(self, sums: Sequence[int], value_masks: Words, point_masks: Words) -> tuple[Words, Words]:
        """My parts of the released values, (k, 4), and of their quotients [(s − S_v)/(X − ω^v)], (k, 8)."""
        if self._step != "opening" or self._openings_left:
            raise ProtocolStateError("rows are released after the final opening")
        self._require_masks(value_masks, len(sums))
        values = FR.add(rows_of(self._sums, self._n)[list(sums)], value_masks)
        points = multiply_generator(point_masks)
        for place, v in enumerate(sums):
            quotient = self._srs.commit(
                divide_by_linear(self._sums, pow(root_of_unity(self.relation.log_rows), v, FR_MODULUS))
            )
            points[place : place + 1] = add_points(points[place : place + 1], quotient)
        return values, points

    def _masked(self, polynomial: Words, mask: Words) -> Words:
        self._require_masks(mask, 1)
        return add_points(self._srs.commit(polynomial), multiply_generator(mask))

    @staticmethod
    def _require_masks(masks: Words, count: int) -> None:
        if masks.shape != (count, 4):
            raise SizeMismatchError(f"expected {count} masks")
