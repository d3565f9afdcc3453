"""A proof, its canonical bytes, and the inverse the contract wants beside it."""

from __future__ import annotations

from dataclasses import dataclass

from zk.errors import ProofRejectedError, RelationInvalidError
from zk.relation import Relation
from zk.statement import Point, Rounds, Statement, flatten, opened_rows
from zk.transcript import FR_MODULUS, encode_words

MAX_RELEASE = 1 << 128


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof; public. Points are affine integers, scalars canonical; nothing is checked here (see the verifier).

    Args:
        witnesses: commitments of the witness columns.
        sums: [s], the commitment that seals the sums.
        accumulator: [A].
        quotient: [t].
        values: opened columns at ζ.
        shifted_value: A(ωζ).
        release: release word.
        rows: values of the opened rows of s, in increasing row order.
        opening: [W].
        final: [V].
    """

    witnesses: tuple[Point, ...]
    sums: Point
    accumulator: Point
    quotient: Point
    values: tuple[int, ...]
    shifted_value: int
    release: int
    rows: tuple[int, ...]
    opening: Point
    final: Point

    def words(self) -> list[int]:
        """The proof in canonical order (docs/protocol.md §4)."""
        return [
            *flatten(self.witnesses),
            *self.sums,
            *self.accumulator,
            *self.quotient,
            *self.values,
            self.shifted_value,
            self.release,
            *self.rows,
            *self.opening,
            *self.final,
        ]


def encode_proof(proof: Proof) -> bytes:
    """Return the proof's canonical bytes.

    Raises:
        NonCanonicalEncodingError: a word does not fit 256 bits.
    """
    return encode_words(proof.words())


def decode_proof(relation: Relation, encoded: bytes) -> Proof:
    """Read a proof of a relation. Lengths come from the relation and the release word alone.

    Raises:
        ProofRejectedError: ``"length"`` or ``"release"``; ranges of scalars and points are the verifier's.
    """
    fixed = 2 * relation.witness_count + 6 + len(relation.opened) + 2
    if len(encoded) % 32 or len(encoded) < 32 * (fixed + 4):
        raise ProofRejectedError("length")
    words = [int.from_bytes(encoded[i : i + 32], "big") for i in range(0, len(encoded), 32)]
    release = words[fixed - 1]
    rows = release_rows(relation, release)
    if len(words) != fixed + len(rows) + 4:
        raise ProofRejectedError("length")
    points = [(words[i], words[i + 1]) for i in range(0, 2 * relation.witness_count + 6, 2)]
    values_at = 2 * relation.witness_count + 6
    values = tuple(words[values_at : values_at + len(relation.opened)])
    opened = tuple(words[fixed : fixed + len(rows)])
    tail = words[fixed + len(rows) :]
    return Proof(
        tuple(points[:-3]),
        points[-3],
        points[-2],
        points[-1],
        values,
        words[fixed - 2],
        release,
        opened,
        (tail[0], tail[1]),
        (tail[2], tail[3]),
    )


def release_rows(relation: Relation, release: int) -> tuple[int, ...]:
    """Opened rows of a release word that came from outside.

    Raises:
        ProofRejectedError: ``"release"``.
    """
    try:
        return opened_rows(relation, release)
    except RelationInvalidError as error:
        raise ProofRejectedError("release") from error


def replay(statement: Statement, proof: Proof) -> Rounds:
    """Draw every challenge of a proof."""
    rounds = Rounds(statement)
    rounds.witnesses([*proof.witnesses, proof.sums])
    rounds.accumulator(proof.accumulator)
    rounds.quotient(proof.quotient)
    rounds.evaluations(proof.values, proof.shifted_value)
    rounds.opening(proof.release, proof.rows, proof.opening)
    return rounds


def denominators(statement: Statement, proof: Proof, rounds: Rounds) -> int:
    """Product of everything the verifier divides by: Z_H(ζ)(z−ζ)(z−ωζ)·Π(z−ω^row)·Π(ζ−ω^v)."""
    omega, z, zeta = rounds.omega, rounds.z, rounds.zeta
    product = rounds.vanishing() * (z - zeta) * (z - omega * zeta)
    for row in opened_rows(statement.relation, proof.release):
        product = product * (z - pow(omega, row, FR_MODULUS)) % FR_MODULUS
    for v in range(len(statement.relation.sum_forms)):
        product = product * (zeta - pow(omega, v, FR_MODULUS)) % FR_MODULUS
    return product % FR_MODULUS


def inverse_hint(statement: Statement, proof: Proof) -> int:
    """The inverse of `denominators`, which the contract checks instead of computing.

    Raises:
        ProofRejectedError: ``"denominator"``: a challenge hit the domain; such a proof cannot be verified.
    """
    product = denominators(statement, proof, replay(statement, proof))
    if product == 0:
        raise ProofRejectedError("denominator")
    return pow(product, -1, FR_MODULUS)
