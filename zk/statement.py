"""A statement: one relation over named commitments, for one subject on one chain; and its Fiat–Shamir replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zk.encoding import statement_hash
from zk.errors import NonCanonicalEncodingError, RelationInvalidError
from zk.ntt import root_of_unity
from zk.relation import Form, Relation
from zk.transcript import FR_MODULUS, Transcript

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a proof is about. Public.

    Args:
        relation: the forms.
        domain: 32 bytes, `zk.transcript.proof_domain`: chain, contract and SRS.
        subject: 32 bytes, query id or registration id.
        commitments: affine points of the relation's registered columns, in its order, from the directory.

    Raises:
        NonCanonicalEncodingError: domain or subject is not 32 bytes.
        RelationInvalidError: the number of commitments is wrong.
    """

    relation: Relation
    domain: bytes
    subject: bytes
    commitments: tuple[Point, ...]
    hash: bytes = field(init=False)

    def __post_init__(self) -> None:
        if len(self.domain) != 32 or len(self.subject) != 32:
            raise NonCanonicalEncodingError("domain and subject of a statement are 32 bytes each")
        if len(self.commitments) != len(self.relation.registered):
            raise RelationInvalidError("a statement needs one commitment for each registered column")
        object.__setattr__(self, "hash", statement_hash(self.relation, self.commitments))

    def transcript(self) -> Transcript:
        """A fresh transcript with the statement absorbed (round 0)."""
        return Transcript(self.domain, self.subject, self.hash)


def opened_rows(relation: Relation, release: int) -> tuple[int, ...]:
    """Rows of s that a release word opens: guards of released sums and public sums, increasing.

    Args:
        release: bit v for a released sum, bit 64 + v for a public one.

    Raises:
        RelationInvalidError: a bit stands for no sum, or a sum is public without being released.
    """
    sums = len(relation.sum_forms)
    released, public = release & (1 << 64) - 1, release >> 64
    if release < 0 or released >> sums or public & ~released:
        raise RelationInvalidError("the release word names sums that do not exist or are not released")
    rows = {relation.guards[v] for v in range(sums) if released >> v & 1}
    return tuple(sorted(rows | {v for v in range(sums) if public >> v & 1}))


def flatten(points: Sequence[Point]) -> list[int]:
    """Coordinates of points in order, as transcript words."""
    return [coordinate for point in points for coordinate in point]


class Rounds:
    """The challenges of one proof, drawn in order by absorbing its messages. Public data only.

    Prover, verifier and contract all go through exactly these calls, in this order.
    """

    def __init__(self, statement: Statement) -> None:
        self.relation = statement.relation
        self._transcript = statement.transcript()
        self.beta = self.alpha = self.delta = self.zeta = self.gamma = self.z = 0

    @property
    def digest(self) -> bytes:
        """The transcript's state after what was absorbed so far."""
        return self._transcript.digest

    def witnesses(self, points: Sequence[Point]) -> None:
        """Round 1 and the (empty) round 2: witness commitments, then [s]."""
        self._transcript.absorb("round1", flatten(points))
        self.beta = self._transcript.challenge("beta")
        self._transcript.absorb("round2", [])
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
        """Round 6: release word, opened rows, W. Leaves the transcript as before, so that the opening without rows
        and the final one start from the same γ."""
        fork = self._transcript.fork()
        fork.absorb("opening", [release, *rows, *point])
        self.z = fork.challenge("z")

    @property
    def omega(self) -> int:
        """ω of the relation's domain."""
        return root_of_unity(self.relation.log_rows)

    def vanishing(self) -> int:
        """Z_H(ζ)."""
        return (pow(self.zeta, self.relation.rows, FR_MODULUS) - 1) % FR_MODULUS

    def sums_weight(self) -> int:
        """e(ζ) = (Z_H(ζ)/N)·Σ_v α^v ω^v/(ζ − ω^v); 0 stands for an inverse only when ζ ∈ H, which is refused."""
        total, omega = 0, self.omega
        for v in range(len(self.relation.sum_forms)):
            row = pow(omega, v, FR_MODULUS)
            gap = (self.zeta - row) % FR_MODULUS
            total += pow(self.alpha, v, FR_MODULUS) * row * (pow(gap, -1, FR_MODULUS) if gap else 0)
        return total * self.vanishing() * pow(self.relation.rows, -1, FR_MODULUS) % FR_MODULUS

    def column_weights(self, values: dict[int, int]) -> dict[int, int]:
        """Coefficient of every column in r(X): Σ over its terms of weight · coefficient · value of the left factor."""
        weights: dict[int, int] = {}
        for weight, form in self.weighted_forms():
            for term in form:
                scalar = weight * term.coefficient * (values[term.left] if term.left else 1)
                weights[term.right] = (weights.get(term.right, 0) + scalar) % FR_MODULUS
        return weights

    def weighted_forms(self) -> list[tuple[int, Form]]:
        """(−α^v, sum-form v) and (δ^(u+1), zero-form u): what stands in the numerator of t."""
        sums = [(-pow(self.alpha, v, FR_MODULUS), form) for v, form in enumerate(self.relation.sum_forms)]
        zeros = [(pow(self.delta, u + 1, FR_MODULUS), form) for u, form in enumerate(self.relation.zero_forms)]
        return sums + zeros
