"""Hidden guards: a sum is released only if its guard reaches the minimum, though nobody sees the guard."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from contract_machine import Reverted
from forger import Forger
from relations import hidden
from samples import R, Sample, known_srs, release_word, sample
from verifier_scene import SUBJECT, Question, VerifierScene

from zk.errors import ProofRejectedError, RelationInvalidError, WitnessUnsatisfiedError
from zk.guards import bit_row, equation_rows, guard_bits
from zk.proof import Proof, decode_proof, encode_proof, replay
from zk.statement import opened_rows
from zk.verifier import verify_guards, verify_proof

MINIMUM, LARGE, SMALL = 5, 40, 4
RELATION = hidden()
N, TOP = RELATION.rows, RELATION.log_rows
SCENE = VerifierScene(TOP, known_srs(TOP))
ALL, SAFE = 0b1111, 0b0101
"""Every sum; those that the large group guards."""


@pytest.fixture(scope="module")
def target() -> Sample:
    """Guards 40 and 4, minimum 5: sums 0 and 2 may be released, 1 and 3 not. The contract's own statement."""
    columns = {1: [1] * LARGE + [0] * (N - LARGE), 2: [1] * SMALL + [0] * (N - SMALL), 3: list(range(N))}
    found = sample(RELATION, columns, minimum=MINIMUM)
    return replace(found, statement=found.asked(domain=SCENE.domain, subject=SUBJECT))


def check(target: Sample, proof: Proof, minimum: int = MINIMUM) -> None:
    verify_proof(target.srs.tau_g2, target.statement, proof)
    verify_guards(target.statement, proof, minimum)


def accepted(target: Sample, proof: Proof, minimum: int = MINIMUM) -> bool:
    """Whether the contract accepts a proof with the hint that fits it."""
    arguments = SCENE.arguments(Question(target.statement, proof, ()), minimum)
    try:
        return SCENE.ask(arguments)
    except Reverted:
        return False


def rejected(target: Sample, proof: Proof, reason: str = "pairing") -> None:
    with pytest.raises(ProofRejectedError, match=reason):
        check(target, proof)
    if reason != "shape":  # such a proof has no arguments
        assert not accepted(target, proof)


class Bits(Forger):
    """Commits to other bits than those of its guards."""

    def changed(self, column: list[int]) -> list[int]:
        return column

    def bit_rows(self) -> list[int]:
        return self.changed(super().bit_rows())


def test_what_the_minimum_allows_is_released_and_nothing_is_opened(target: Sample) -> None:
    for proof in (target.prove(SAFE), Forger(target, SAFE).prove()):
        check(target, proof)
        assert accepted(target, proof)
        assert proof.rows == () and LARGE not in proof.words()
    public = target.prove(release_word(SAFE, 0b0001))
    check(target, public)
    assert accepted(target, public)
    assert public.rows == (LARGE,)


@pytest.mark.parametrize("release", [0b0010, 0b1000, ALL])
def test_a_top_bit_of_0_is_not_opened_as_1(target: Sample, release: int) -> None:
    """Whoever releases a small group with the true bits."""
    rejected(target, target.prove(release))
    rejected(target, Forger(target, release).prove())


@pytest.mark.parametrize("claimed", [MINIMUM, LARGE, N, N + MINIMUM])
def test_bits_of_a_larger_number_do_not_bind(target: Sample, claimed: int) -> None:
    class Larger(Bits):
        def changed(self, column: list[int]) -> list[int]:
            for j in range(16):
                column[bit_row(TOP, 1, j)] = claimed - MINIMUM + N >> j & 1
            return column

    rejected(target, Larger(target, ALL).prove())


class NotBoolean(Bits):
    """The top bit is 1, and the lowest makes up for it."""

    def changed(self, column: list[int]) -> list[int]:
        column[bit_row(TOP, 1, TOP)] = 1
        column[bit_row(TOP, 1, 0)] = (SMALL - MINIMUM - sum(column[bit_row(TOP, 1, j)] << j for j in range(1, TOP))) % R
        return column


class Halves(Bits):
    """The same over two rows, as fractions."""

    def changed(self, column: list[int]) -> list[int]:
        for j in range(TOP):
            column[bit_row(TOP, 1, j)] = 0
        column[bit_row(TOP, 1, TOP)] = 1
        column[bit_row(TOP, 1, 1)] = (SMALL - MINIMUM) * pow(2, -1, R) % R
        return column


@pytest.mark.parametrize("forger", [NotBoolean, Halves])
def test_bits_that_are_no_bits_are_refused(target: Sample, forger: type[Forger]) -> None:
    forged = forger(target, ALL)
    proof = forged.prove()
    # the equations hold and the opened row is 1: booleanness alone refuses it
    column, guards = forged.rows[RELATION.bits_index], forged.sums
    for row in RELATION.guard_rows:
        assert sum(column[place] * weight for place, weight in equation_rows(RELATION, {row: 1}).items()) % R == (
            guards[row] - MINIMUM + N
        ), row
        assert column[bit_row(TOP, row, TOP)] == 1
    rejected(target, proof)


class Borrowed(Bits):
    """The small group gets the large group's bits."""

    def changed(self, column: list[int]) -> list[int]:
        for j in range(16):
            column[bit_row(TOP, 1, j)] = column[bit_row(TOP, 0, j)]
        return column


class Swapped(Bits):
    """The two groups' bits change places."""

    def changed(self, column: list[int]) -> list[int]:
        for j in range(16):
            one, other = bit_row(TOP, 0, j), bit_row(TOP, 1, j)
            column[one], column[other] = column[other], column[one]
        return column


class OtherRow(Forger):
    """Opens the large group's top bit for the small one."""

    def shown_bits(self) -> list[int]:
        return [bit_row(TOP, 0, TOP)]


class OtherBit(Forger):
    """Opens another bit of the small group that is 1."""

    def shown_bits(self) -> list[int]:
        return [bit_row(TOP, 1, 0)]


class Nothing(Forger):
    """Opens no bit at all."""

    def shown_bits(self) -> list[int]:
        return []


class Sealed(Forger):
    """Seals a larger count, with the bits of that."""

    def sum_rows(self) -> list[int]:
        rows = super().sum_rows()
        return [rows[0], LARGE, *rows[2:]]


class Negative(Sealed):
    """Seals −1, whose bits would be those of N + minimum − 1 wrapped round."""

    def sum_rows(self) -> list[int]:
        rows = super().sum_rows()
        return [rows[0], R - 1, *rows[2:]]

    def bit_rows(self) -> list[int]:
        sealed, self.sums = self.sums, [self.sums[0], N - 1, *self.sums[2:]]
        column = super().bit_rows()
        self.sums = sealed
        return column


class TooMany(Sealed):
    """Seals 2^16 − 1 − N + minimum, the largest number that sixteen bits allow."""

    def sum_rows(self) -> list[int]:
        rows = super().sum_rows()
        return [rows[0], (1 << 16) - 1 - N + MINIMUM, *rows[2:]]


class Omitted(Forger):
    """Leaves the small group's equation out of the accumulator."""

    def bit_equations(self) -> dict[int, int]:
        first = RELATION.guard_rows[0]
        return equation_rows(RELATION, {first: self.rounds.guard_weights()[first]})


@pytest.mark.parametrize(
    "forger", [Borrowed, Swapped, OtherRow, OtherBit, Nothing, Sealed, Negative, TooMany, Omitted]
)
def test_another_row_or_number_does_not_serve(target: Sample, forger: type[Forger]) -> None:
    rejected(target, forger(target, 0b1010).prove())


class Revealing(Forger):
    """Opens the top bit of a group that is not released."""

    def shown_bits(self) -> list[int]:
        return [bit_row(TOP, 0, TOP), bit_row(TOP, 1, TOP)]


def test_the_bits_of_a_suppressed_guard_are_not_opened(target: Sample) -> None:
    """Though they would be 1: the rows follow from relation and release word."""
    safe = replace(target, statement=target.asked(minimum=SMALL))
    rejected(safe, Revealing(safe, SAFE).prove())
    assert opened_rows(RELATION, SAFE) == ()
    proof = target.prove(SAFE)
    for rows in ((LARGE,), (1,), (1, 1)):
        rejected(target, replace(proof, rows=rows), "shape")


def test_the_minimum_is_the_statements(target: Sample) -> None:
    """A proof for another minimum, larger or smaller, is none for this one; a smaller one than asked for is refused."""
    for minimum in (1, SMALL, MINIMUM + 1, LARGE):
        other = replace(target, statement=target.asked(minimum=minimum))
        proof = other.prove(SAFE)
        check(other, proof, minimum)
        assert accepted(other, proof, minimum)
        rejected(target, proof)
        with pytest.raises(ProofRejectedError, match="guard"):
            check(other, proof, minimum + 1)
    weaker = replace(target, statement=target.asked(minimum=SMALL))
    check(weaker, weaker.prove(ALL), SMALL)
    rejected(target, weaker.prove(ALL))
    for minimum in (None, 0, -1, N + 1):
        with pytest.raises(RelationInvalidError, match="minimum"):
            target.asked(minimum=minimum)


def test_every_challenge_comes_after_bits_and_minimum(target: Sample) -> None:
    """Bits chosen after α could be fitted to its powers: with many guards that is a knapsack with many solutions."""
    proof = target.prove(SAFE)
    place = RELATION.bits_index - len(RELATION.registered) - 1
    point = target.statement.commitments[0]
    changed = replace(proof, round1=(*proof.round1[:place], point, *proof.round1[place + 1 :]))
    honest = replay(target.statement, proof)
    for other in (replay(target.statement, changed), replay(target.asked(minimum=MINIMUM + 1), proof)):
        assert honest.alpha != other.alpha and honest.delta != other.delta and honest.zeta != other.zeta
    rejected(target, changed)


def test_bits_cannot_be_missing(target: Sample) -> None:
    proof = target.prove(SAFE)
    rejected(target, replace(proof, round1=proof.round1[:-1]), "shape")
    rejected(target, replace(proof, round1=(*proof.round1[:-1], (0, 0))), "infinity")
    encoded = encode_proof(proof)
    assert decode_proof(RELATION, encoded) == proof
    at = 64 * (len(proof.round1) - 1)
    with pytest.raises(ProofRejectedError):
        decode_proof(RELATION, encoded[:at] + encoded[at + 64 :])


def test_a_guard_that_is_no_count_has_no_bits(target: Sample) -> None:
    for value in (-1, N + 1, R - 1):
        with pytest.raises(WitnessUnsatisfiedError):
            guard_bits(RELATION, [LARGE, value], MINIMUM)


def test_guards_are_hidden_only_where_their_rows_fit() -> None:
    """Guard rows stand in the first N/32 rows of s, so that no two share a row of b."""
    with pytest.raises(RelationInvalidError, match="N/32"):
        hidden(5)
    with pytest.raises(RelationInvalidError, match="hidden"):
        replace(RELATION, plain=True)
    with pytest.raises(RelationInvalidError, match="opened"):
        replace(RELATION, opened=(4,))
