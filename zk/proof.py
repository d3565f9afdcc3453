"""A proof, its canonical bytes, and the inverse the contract wants beside it."""

from __future__ import annotations

from dataclasses import dataclass

from zk.errors import ProofRejectedError, RelationInvalidError
from zk.guards import equation_denominators, shown_bit_rows
from zk.relation import Relation
from zk.statement import RELEASE_BITS, Point, Rounds, Statement, flatten, opened_rows
from zk.transcript import FR_MODULUS, encode_words

MAX_RELEASE = 1 << 2 * RELEASE_BITS


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof; public. Points are affine integers, scalars canonical; nothing is checked here (see the verifier).

    Args:
        constants: the sums, row by row, where they are plain; else none.
        round1: commitments of the columns of round 1.
        sums: [s], the commitment that seals the sums; none where they are plain.
        round2: commitments of the columns of round 2.
        accumulator: [A].
        quotient: [t].
        values: opened columns at ζ.
        shifted_value: A(ωζ).
        release: release word; 0 where sums are plain.
        rows: values of the opened rows of s, in increasing row order. Opened rows of b are 1 and not written.
        opening: [W].
        final: [V].
    """

    constants: tuple[int, ...]
    round1: tuple[Point, ...]
    sums: Point | None
    round2: tuple[Point, ...]
    accumulator: Point
    quotient: Point
    values: tuple[int, ...]
    shifted_value: int
    release: int
    rows: tuple[int, ...]
    opening: Point
    final: Point

    @property
    def sealed(self) -> tuple[Point, ...]:
        """[s], if there is one."""
        return () if self.sums is None else (self.sums,)

    def words(self) -> list[int]:
        """The proof in canonical order (docs/protocol.md §4)."""
        head = [] if self.sums is None else [self.release]
        return [
            *self.constants,
            *flatten([*self.round1, *self.sealed, *self.round2, self.accumulator, self.quotient]),
            *self.values,
            self.shifted_value,
            *head,
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


class _Reader:
    def __init__(self, words: list[int]) -> None:
        self._words, self._at = words, 0

    def take(self, count: int) -> tuple[int, ...]:
        if self._at + count > len(self._words):
            raise ProofRejectedError("length")
        self._at += count
        return tuple(self._words[self._at - count : self._at])

    def points(self, count: int) -> tuple[Point, ...]:
        flat = self.take(2 * count)
        return tuple(zip(flat[::2], flat[1::2]))

    @property
    def done(self) -> bool:
        return self._at == len(self._words)


def decode_proof(relation: Relation, encoded: bytes) -> Proof:
    """Read a proof of a relation. Lengths come from the relation and the release word alone.

    Raises:
        ProofRejectedError: ``"length"`` or ``"release"``; ranges of scalars and points are the verifier's.
    """
    if len(encoded) % 32:
        raise ProofRejectedError("length")
    reader = _Reader([int.from_bytes(encoded[i : i + 32], "big") for i in range(0, len(encoded), 32)])
    constants = reader.take(relation.sum_rows if relation.plain else 0)
    round1 = reader.points(relation.round1_count)
    sums = None if relation.plain else reader.points(1)[0]
    round2 = reader.points(relation.round2_count)
    accumulator, quotient = reader.points(2)
    values = reader.take(len(relation.opened))
    (shifted,) = reader.take(1)
    release = 0 if relation.plain else reader.take(1)[0]
    rows = reader.take(len(release_rows(relation, release)))
    opening, final = reader.points(2)
    if not reader.done:
        raise ProofRejectedError("length")
    return Proof(constants, round1, sums, round2, accumulator, quotient, values, shifted, release, rows, opening, final)


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
    """Draw every challenge of a proof.

    Raises:
        ProofRejectedError: ``"shape"``: constants where there must be none, or the other way round.
    """
    try:
        rounds = Rounds(statement, proof.constants)
    except RelationInvalidError as error:
        raise ProofRejectedError("shape") from error
    rounds.round1([*proof.round1, *proof.sealed])
    rounds.round2(proof.round2)
    rounds.accumulator(proof.accumulator)
    rounds.quotient(proof.quotient)
    rounds.evaluations(proof.values, proof.shifted_value)
    rounds.opening(proof.release, proof.rows, proof.opening)
    return rounds


def denominators(statement: Statement, proof: Proof, rounds: Rounds) -> int:
    """Product of everything the verifier divides by: Z_H(ζ)(z−ζ)(z−ωζ)·Π(z−ω^row)·Π(ζ−ω^v)·Π(β_c+code), ω^row over the
    opened rows of s and of b, ω^v over all rows of s that mean something (none where sums are plain); and those of
    hidden guards (`zk.guards.equation_denominators`)."""
    omega, z, zeta = rounds.omega, rounds.z, rounds.zeta
    product = rounds.vanishing() * (z - zeta) * (z - omega * zeta)
    relation = statement.relation
    for row in (*opened_rows(relation, proof.release), *shown_bit_rows(relation, proof.release)):
        product = product * (z - pow(omega, row, FR_MODULUS)) % FR_MODULUS
    if not relation.plain:
        point = 1
        for _ in range(relation.sum_rows):
            product = product * (zeta - point) % FR_MODULUS
            point = point * omega % FR_MODULUS
    for denominator in [*rounds.group_denominators(), *equation_denominators(relation, zeta)]:
        product = product * denominator % FR_MODULUS
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
