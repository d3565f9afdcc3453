"""A proof's bytes: lengths come from the relation and the release word, never from the prover."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relations import ALL_KINDS, everything_sample, plain_sample, two_groups_sample
from samples import R, masked_sum, masked_sum_sample, random_relation, release_word, two_tables

from zk.errors import NonCanonicalEncodingError, ProofRejectedError, RelationInvalidError
from zk.forms import Challenge
from zk.proof import Proof, decode_proof, denominators, encode_proof, inverse_hint, release_rows, replay
from zk.relation import Relation
from zk.statement import opened_rows


def noise(relation: Relation, release: int, rng: Random) -> Proof:
    """A proof-shaped thing of random words."""

    def scalars(count: int) -> tuple[int, ...]:
        return tuple(rng.randrange(1 << 256) for _ in range(count))

    def point() -> tuple[int, int]:
        return rng.randrange(1 << 256), rng.randrange(1 << 256)

    def points(count: int) -> tuple[tuple[int, int], ...]:
        return tuple(point() for _ in range(count))

    return Proof(scalars(relation.sum_rows if relation.plain else 0), points(relation.round1_count),
                 None if relation.plain else point(), points(relation.round2_count), point(), point(),
                 scalars(len(relation.opened)), *scalars(1), release, scalars(len(opened_rows(relation, release))),
                 point(), point())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_round_trip(seed: int) -> None:
    rng = Random(seed)
    relation = random_relation(rng, rng.randrange(3, 8), rng.randrange(1, 4))
    count = len(relation.sum_forms)
    public = rng.randrange(1 << count)
    proof = noise(relation, release_word(public | rng.randrange(1 << count), public), rng)
    encoded = encode_proof(proof)
    assert len(encoded) == 32 * len(proof.words())
    assert decode_proof(relation, encoded) == proof


def test_the_order_of_words_is_that_of_the_page() -> None:
    relation = masked_sum(3)
    proof = noise(relation, release_word(0b111, 0b110), Random(1))
    a, b = proof.round1
    assert proof.words() == [
        *a, *b, *proof.sums, *proof.accumulator, *proof.quotient, *proof.values, proof.shifted_value, proof.release,
        *proof.rows, *proof.opening, *proof.final,
    ]
    assert len(proof.words()) == 2 * 2 + 6 + 2 + 1 + 1 + 3 + 4


@pytest.mark.parametrize("kind", list(ALL_KINDS))
def test_round_trip_of_every_kind(kind: str) -> None:
    relation = ALL_KINDS[kind]().relation
    rows = (1 << relation.sum_rows) - 1
    proof = noise(relation, 0 if relation.plain else release_word(rows, rows & 0b101), Random(6))
    encoded = encode_proof(proof)
    assert decode_proof(relation, encoded) == proof
    for length in range(0, len(encoded), 32):
        with pytest.raises(ProofRejectedError, match=r"length|release"):
            decode_proof(relation, encoded[:length])


def test_the_order_of_words_with_two_rounds() -> None:
    relation = everything_sample().relation
    proof = noise(relation, release_word(0b11, 0b10), Random(1))
    assert proof.words() == [
        *(x for point in proof.round1 for x in point), *proof.sealed[0], *(x for point in proof.round2 for x in point),
        *proof.accumulator, *proof.quotient, *proof.values, proof.shifted_value, proof.release, *proof.rows,
        *proof.opening, *proof.final,
    ]
    assert (len(proof.round1), len(proof.round2)) == (6, 5)


def test_the_order_of_words_where_sums_are_plain() -> None:
    relation = plain_sample().relation
    proof = noise(relation, 0, Random(1))
    assert proof.words() == [
        *proof.constants, *proof.round1[0], *proof.accumulator, *proof.quotient, *proof.values, proof.shifted_value,
        *proof.opening, *proof.final,
    ]
    assert (len(proof.constants), proof.sums, proof.round2, proof.rows) == (2, None, (), ())


def test_truncated_and_extended_bytes_are_refused() -> None:
    relation = masked_sum(3)
    encoded = encode_proof(noise(relation, 0b011, Random(2)))
    for length in (0, 1, 32, len(encoded) - 64, len(encoded) - 32, len(encoded) - 1):
        with pytest.raises(ProofRejectedError, match="length"):
            decode_proof(relation, encoded[:length])
    for tail in (b"\0", b"\0" * 32, b"\0" * 64):
        with pytest.raises(ProofRejectedError, match="length"):
            decode_proof(relation, encoded + tail)
        with pytest.raises(ProofRejectedError, match=r"length|release"):
            decode_proof(relation, tail + encoded)


def test_shape_a_proof_of_another_relation_has_another_length() -> None:
    small, large = masked_sum(3), two_tables(3)
    for mine, other in ((small, large), (large, small)):
        encoded = encode_proof(noise(mine, 1, Random(3)))
        with pytest.raises(ProofRejectedError):
            decode_proof(other, encoded)


def test_the_number_of_rows_comes_from_the_release_word() -> None:
    relation = masked_sum(3)
    proof = noise(relation, release_word(0b111, 0b111), Random(4))
    words = proof.words()
    release_at = words.index(proof.release)
    for release in (0, 0b001, release_word(0b111, 0b001), release_word(0b111, 0b011)):
        changed = [*words[:release_at], release, *words[release_at + 1 :]]
        data = b"".join(word.to_bytes(32, "big") for word in changed)
        with pytest.raises(ProofRejectedError, match="length"):
            decode_proof(relation, data)


@pytest.mark.parametrize(("release", "rows"), [
    (0, ()), (0b001, (0,)), (0b110, (0,)), (release_word(0b110, 0b010), (0, 1)),
    (release_word(0b111, 0b111), (0, 1, 2)),
])
def test_opened_rows_are_guards_and_public_sums(release: int, rows: tuple[int, ...]) -> None:
    assert opened_rows(masked_sum(3), release) == rows == release_rows(masked_sum(3), release)


@pytest.mark.parametrize("release", [
    1 << 3, 1 << 63, 1 << 64, 1 << 127, 1 << 128, release_word(0b001, 0b010), 1 << 131, 1 << 255, 1 << 256, -1,
])
def test_m15_release_words_outside_the_sums_are_refused(release: int) -> None:
    with pytest.raises(RelationInvalidError):
        opened_rows(masked_sum(3), release)
    with pytest.raises(ProofRejectedError, match="release"):
        release_rows(masked_sum(3), release)


def test_words_that_do_not_fit_are_not_encoded() -> None:
    proof = noise(masked_sum(3), 1, Random(5))
    for value in (-1, 1 << 256):
        broken = Proof(**{**{n: getattr(proof, n) for n in proof.__slots__}, "shifted_value": value})
        with pytest.raises(NonCanonicalEncodingError):
            encode_proof(broken)


def test_the_inverse_hint_inverts_everything_the_verifier_divides_by() -> None:
    target = masked_sum_sample()
    proof = target.prove(release_word(0b111, 0b010))
    rounds = replay(target.statement, proof)
    product = (pow(rounds.zeta, 8, R) - 1) * (rounds.z - rounds.zeta) * (rounds.z - rounds.omega * rounds.zeta)
    for row in (0, 1):
        product *= rounds.z - pow(rounds.omega, row, R)
    for v in range(3):
        product *= rounds.zeta - pow(rounds.omega, v, R)
    assert denominators(target.statement, proof, rounds) == product % R
    assert inverse_hint(target.statement, proof) * product % R == 1


def test_the_inverse_hint_with_groups() -> None:
    """Π(β_c + code) over both groups' codes, and ζ off all rows of s that mean something."""
    target = two_groups_sample()
    proof = target.prove(release_word(0b1, 0))
    rounds = replay(target.statement, proof)
    n = target.relation.rows
    product = (pow(rounds.zeta, n, R) - 1) * (rounds.z - rounds.zeta) * (rounds.z - rounds.omega * rounds.zeta)
    product *= rounds.z - 1
    for row in range(12):
        product *= rounds.zeta - pow(rounds.omega, row, R)
    first, second = rounds.challenges[Challenge.FIRST_GROUP], rounds.challenges[Challenge.SECOND_GROUP]
    for denominator in (first + 1, first + 3, second + 2, second + 7):
        product *= denominator
    assert inverse_hint(target.statement, proof) * product % R == 1


def test_the_inverse_hint_where_sums_are_plain() -> None:
    target = plain_sample()
    proof = target.prove()
    rounds = replay(target.statement, proof)
    product = (pow(rounds.zeta, 8, R) - 1) * (rounds.z - rounds.zeta) * (rounds.z - rounds.omega * rounds.zeta)
    assert inverse_hint(target.statement, proof) * product % R == 1


@pytest.mark.parametrize("where", ["zeta on row 0", "zeta on row 7", "z is zeta", "z is omega zeta", "z on a row"])
def test_m8_challenges_on_a_denominator_are_refused(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """ζ ∈ H, z ∈ {ζ, ωζ} and z on an opened row cannot happen by chance; force them."""
    from zk.statement import Rounds
    from zk.verifier import verify_proof

    target = masked_sum_sample()
    proof = target.prove(release_word(0b011, 0b010))
    real = Rounds.opening

    def opening(self: Rounds, release: int, rows: tuple[int, ...], point: tuple[int, int]) -> None:
        real(self, release, rows, point)
        if where.startswith("zeta"):
            self.zeta = pow(self.omega, int(where[-1]), R)
        else:
            self.z = {"z is zeta": self.zeta, "z is omega zeta": self.omega * self.zeta % R,
                      "z on a row": self.omega}[where]

    monkeypatch.setattr(Rounds, "opening", opening)
    with pytest.raises(ProofRejectedError, match="denominator"):
        verify_proof(target.srs.tau_g2, target.statement, proof)
    with pytest.raises(ProofRejectedError, match="denominator"):
        inverse_hint(target.statement, proof)
