"""A statement: one relation over named commitments, for one subject on one chain; and its Fiat–Shamir replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from zk.encoding import statement_hash
from zk.errors import NonCanonicalEncodingError, RelationInvalidError
from zk.expansion import GROUP_CHALLENGES, challenges_of, expanded_sum_forms, expanded_zero_forms
from zk.forms import ONE, Challenge, Form
from zk.guards import equation_weight
from zk.ntt import root_of_unity
from zk.relation import MAX_CELLS, Relation
from zk.transcript import FR_MODULUS, Transcript

Point = tuple[int, int]

RELEASE_BITS: Final = MAX_CELLS
RELEASED: Final = (1 << RELEASE_BITS) - 1
"""Mask of the released rows in a release word; public rows stand RELEASE_BITS higher."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a proof is about. Public.

    Args:
        relation: the forms.
        domain: 32 bytes, `zk.transcript.proof_domain`: chain, contract and SRS.
        subject: 32 bytes, query id or registration id.
        commitments: affine points of the relation's registered columns, in its order, from the directory.
        table: [T] of the relation's (N, κ) exactly if it has lookups, from the reference string or checked by
            `zk.range_table.verify_table`. Absorbed first, so that nobody can choose it after a challenge (M9).
        minimum: the minimum group that hidden guards are proved to reach, 1 to N; exactly if guards are hidden.
            It is the ledger's, not the prover's: who verifies compares it (`zk.verifier.verify_guards`).

    Raises:
        NonCanonicalEncodingError: domain or subject is not 32 bytes.
        RelationInvalidError: the number of commitments is wrong, or a table or a minimum is missing or too many.
    """

    relation: Relation
    domain: bytes
    subject: bytes
    commitments: tuple[Point, ...]
    table: Point | None = None
    minimum: int | None = None
    hash: bytes = field(init=False)

    def __post_init__(self) -> None:
        if len(self.domain) != 32 or len(self.subject) != 32:
            raise NonCanonicalEncodingError("domain and subject of a statement are 32 bytes each")
        if len(self.commitments) != len(self.relation.registered):
            raise RelationInvalidError("a statement needs one commitment for each registered column")
        if (self.table is not None) != bool(self.relation.lookups):
            raise RelationInvalidError("a statement names a range table exactly if its relation has lookups")
        if (self.minimum is not None) != self.relation.hidden_guards:
            raise RelationInvalidError("a statement names a minimum group exactly if its guards are hidden")
        if self.minimum is not None and not 1 <= self.minimum <= self.relation.rows:
            raise RelationInvalidError("the minimum group of hidden guards lies in [1, N]")
        object.__setattr__(self, "hash", statement_hash(self.relation, self.commitments))

    def transcript(self, constants: Sequence[int] = ()) -> Transcript:
        """A fresh transcript with the statement absorbed (round 0)."""
        table = [] if self.table is None else [self.table]
        minimum = [] if self.minimum is None else [self.minimum]
        return Transcript(self.domain, self.subject, self.hash, [*flatten(table), *minimum, *constants])


def opened_rows(relation: Relation, release: int) -> tuple[int, ...]:
    """Rows of s that a release word opens: guards of released rows, unless hidden, and public rows, increasing.

    Args:
        release: bit v for a released row of s, bit RELEASE_BITS + v for a public one; 0 where sums are plain.

    Raises:
        RelationInvalidError: a bit stands for no row, or a row is public without being released.
    """
    rows = 0 if relation.plain else relation.sum_rows
    released, public = release & RELEASED, release >> RELEASE_BITS
    if release < 0 or released >> rows or public & ~released:
        raise RelationInvalidError("the release word names sums that do not exist or are not released")
    guards = set() if relation.hidden_guards else {relation.guard_row(r) for r in range(rows) if released >> r & 1}
    return tuple(sorted(guards | {row for row in range(rows) if public >> row & 1}))


def flatten(points: Sequence[Point]) -> list[int]:
    """Coordinates of points in order, as transcript words."""
    return [coordinate for point in points for coordinate in point]


class Rounds:
    """The challenges of one proof, drawn in order by absorbing its messages. Public data only.

    Prover, verifier and contract all go through exactly these calls, in this order.

    Args:
        statement: what is proved.
        constants: the sums where the relation is plain, else none.
    """

    def __init__(self, statement: Statement, constants: Sequence[int] = ()) -> None:
        self.relation = statement.relation
        if len(constants) != (self.relation.sum_rows if self.relation.plain else 0):
            raise RelationInvalidError("sums stand in the statement of a plain relation, and only there")
        self.constants = tuple(constants)
        self.minimum = statement.minimum
        self._transcript = statement.transcript(constants)
        self._zero_forms, self._sum_forms = expanded_zero_forms(self.relation), expanded_sum_forms(self.relation)
        self._cells: list[int] = []
        self.challenges: dict[Challenge, int] = {Challenge.NONE: 1}
        self.alpha = self.delta = self.zeta = self.gamma = self.z = 0
        self.record_digest = b""
        """The transcript's state after round 6: what a ledger keeps of a proof. Empty before."""

    @property
    def digest(self) -> bytes:
        """The transcript's state after what was absorbed so far."""
        return self._transcript.digest

    def round1(self, points: Sequence[Point]) -> None:
        """Round 1: columns of round 1, then [s] unless sums are plain. Draws β, β_1, β_2 as far as they are needed."""
        self._transcript.absorb("round1", flatten(points))
        for challenge in challenges_of(self.relation):
            counter = int(challenge) - int(Challenge.LOOKUP)
            self.challenges[challenge] = self._transcript.challenge("beta", counter)

    def round2(self, points: Sequence[Point]) -> None:
        """Round 2: columns of round 2."""
        self._transcript.absorb("round2", flatten(points))
        self.alpha = self._transcript.challenge("alpha")

    def accumulator(self, point: Point) -> None:
        """Round 3: [A]."""
        self._transcript.absorb("accumulator", point)
        self.delta = self._transcript.challenge("delta")

    def quotient(self, point: Point) -> None:
        """Round 4: [t]."""
        self._transcript.absorb("quotient", point)
        self.zeta = self._transcript.challenge("zeta")

    def evaluations(self, values: Sequence[int], shifted: int) -> None:
        """Round 5: opened columns at ζ, A(ωζ)."""
        self._transcript.absorb("evaluations", [*values, shifted])
        self.gamma = self._transcript.challenge("gamma")

    def opening(self, release: int, rows: Sequence[int], point: Point) -> None:
        """Round 6: release word and opened rows (unless sums are plain), W. Leaves the transcript as before, so that
        the opening without rows and the final one start from the same γ."""
        fork = self._transcript.fork()
        head = [] if self.relation.plain else [release, *rows]
        fork.absorb("opening", [*head, *point])
        self.record_digest = fork.digest
        self.z = fork.challenge("z")

    @property
    def omega(self) -> int:
        """ω of the relation's domain."""
        return root_of_unity(self.relation.log_rows)

    def vanishing(self) -> int:
        """Z_H(ζ)."""
        return (pow(self.zeta, self.relation.rows, FR_MODULUS) - 1) % FR_MODULUS

    def group_denominators(self) -> list[int]:
        """β_c + code for every group column and code; one of them is 0 if β_c = −code, which is refused (M8)."""
        return [
            (self.challenges[challenge] + code) % FR_MODULUS
            for challenge, group in zip(GROUP_CHALLENGES, self.relation.groups)
            for code in group.codes
        ]

    def cell_weights(self) -> list[int]:
        """Π_c 1/(β_c + code_c) for every cell; 0 stands for the inverse of 0, which is refused (M8)."""
        if not self._cells:
            weights = [1]
            for challenge, group in zip(GROUP_CHALLENGES, self.relation.groups):
                beta = self.challenges[challenge]
                factors = [_inverse_or_zero(beta + code) for code in group.codes]
                weights = [weight * factor % FR_MODULUS for weight in weights for factor in factors]
            self._cells = weights
        return self._cells

    def row_weights(self) -> list[int]:
        """α^v·Π_c 1/(β_c + code_c) for every row v·cells + cell of s, and for a hidden guard the weight of its equation
        besides: the coefficients of e in the Lagrange basis."""
        cells = self.cell_weights()
        powers = [pow(self.alpha, v, FR_MODULUS) for v in range(len(self.relation.sum_forms))]
        weights = [power * cell % FR_MODULUS for power in powers for cell in cells]
        for row, weight in self.guard_weights().items():
            weights[row] = (weights[row] + weight) % FR_MODULUS
        return weights

    def guard_weights(self) -> dict[int, int]:
        """The weight of every hidden guard's equation, by its row of s: powers of α behind those of the sum-forms."""
        rows = self.relation.guard_rows if self.relation.hidden_guards else ()
        return {row: pow(self.alpha, v, FR_MODULUS) for v, row in enumerate(rows, start=len(self._sum_forms))}

    def constant(self) -> int:
        """S_α: what stands in the statement, weighted as E weighs it: plain sums, N − minimum for each hidden guard."""
        if self.minimum is not None:
            return (self.relation.rows - self.minimum) * sum(self.guard_weights().values()) % FR_MODULUS
        return sum(weight * value for weight, value in zip(self.row_weights(), self.constants)) % FR_MODULUS

    def constant_share(self) -> int:
        """S_α/N, what A's step carries on every row."""
        return self.constant() * pow(self.relation.rows, -1, FR_MODULUS) % FR_MODULUS

    def sums_weight(self) -> int:
        """e(ζ) = (Z_H(ζ)/N)·Σ_row weight·ω^row/(ζ − ω^row); 0 stands for an inverse only when ζ ∈ H, which is refused.
        0 where sums are plain."""
        if self.relation.plain:
            return 0
        total, point, omega = 0, 1, self.omega
        for weight in self.row_weights():
            total += weight * point * _inverse_or_zero(self.zeta - point)
            point = point * omega % FR_MODULUS
        return total * self.vanishing() * pow(self.relation.rows, -1, FR_MODULUS) % FR_MODULUS

    def column_weights(self, values: dict[int, int]) -> dict[int, int]:
        """Coefficient of every column in r(X): Σ over its terms of weight · coefficient · challenge · value of the left
        factor. Index 0 holds the constant."""
        weights: dict[int, int] = {}
        for weight, form in self.weighted_forms():
            for term in form:
                scalar = weight * term.coefficient * self.challenges[term.challenge]
                scalar *= values[term.left] if term.left != ONE else 1
                weights[term.right] = (weights.get(term.right, 0) + scalar) % FR_MODULUS
        if self.relation.hidden_guards:
            bits = self.relation.bits_index
            equations = equation_weight(self.relation, self.guard_weights(), self.zeta)
            weights[bits] = (weights[bits] - equations) % FR_MODULUS
        return weights

    def weighted_sums(self) -> list[tuple[int, Form]]:
        """(−α^v, sum-form v), the lookups' last."""
        return [(-pow(self.alpha, v, FR_MODULUS), form) for v, form in enumerate(self._sum_forms)]

    def weighted_forms(self) -> list[tuple[int, Form]]:
        """The weighted sum-forms, then (δ^(u+1), zero-form u): what stands in the numerator of t."""
        zeros = [(pow(self.delta, u + 1, FR_MODULUS), form) for u, form in enumerate(self._zero_forms)]
        return self.weighted_sums() + zeros


def _inverse_or_zero(value: int) -> int:
    value %= FR_MODULUS
    return pow(value, -1, FR_MODULUS) if value else 0
