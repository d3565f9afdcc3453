"""M15: which rows are opened follows from relation and release word; guards of released sums, and only those, are shown
and must lie between the minimum and N."""

from __future__ import annotations

from dataclasses import replace

import pytest
from forger import Forger
from samples import R, Sample, boolean, integer, release_word, sample

from zk.builder import RelationBuilder
from zk.errors import ProofRejectedError, RelationInvalidError
from zk.proof import Proof
from zk.statement import opened_rows
from zk.verifier import verify_guards, verify_proof

MINIMUM = 3


def two_groups() -> Sample:
    """Groups a (5 rows) and b (2 rows) with a guard and a sum of x each: sums 0 #a, 1 Σ a·x, 2 #b, 3 Σ b·x."""
    builder = RelationBuilder(3)
    a, b = builder.registered(boolean(1, 0)), builder.registered(boolean(1, 1))
    x = builder.registered(integer(1, 2))
    for group in (a, b):
        guard = builder.sum([(1, 0, group)])
        builder.sum([(1, group, x)], guard)
    columns = {1: [1] * 5 + [0] * 3, 2: [0] * 5 + [1, 1, 0], 3: [11, 22, 33, 44, 55, 66, 77, 88]}
    return sample(builder.build(), columns)


@pytest.fixture(scope="module")
def target() -> Sample:
    return two_groups()


def check(target: Sample, proof: Proof) -> None:
    verify_proof(target.srs.tau_g2, target.statement, proof)
    verify_guards(target.statement, proof, MINIMUM)


def test_m15_the_large_group_is_released_with_its_guard_alone(target: Sample) -> None:
    proof = target.prove(0b0010)
    check(target, proof)
    assert proof.rows == (5,)


@pytest.mark.parametrize("release", [0b0100, 0b1000, 0b1010, 0b1111])
def test_m15_a_small_group_is_not_released(target: Sample, release: int) -> None:
    proof = target.prove(release)
    verify_proof(target.srs.tau_g2, target.statement, proof)
    with pytest.raises(ProofRejectedError, match="guard"):
        check(target, proof)


@pytest.mark.parametrize("release", [0b0010, 0b0001, 0b0011])
def test_m15_the_guard_of_a_suppressed_sum_is_not_shown(target: Sample, release: int) -> None:
    """Neither in place of the released one's nor beside it."""
    proof = target.prove(release)
    assert opened_rows(target.relation, release) == (0,)
    for rows in ((2,), (5, 2), (2, 5), ()):
        with pytest.raises(ProofRejectedError):
            check(target, replace(proof, rows=rows))


class Borrowed(Forger):
    """Shows the large group's guard for the small group."""

    def shown_rows(self) -> list[int]:
        return [self.sums[0]]


class Sealed(Forger):
    """Seals a larger count of the small group."""

    def sum_rows(self) -> list[int]:
        rows = super().sum_rows()
        return [*rows[:2], 5, rows[3]]


@pytest.mark.parametrize("forger", [Borrowed, Sealed])
def test_m15_another_guards_value_does_not_serve(target: Sample, forger: type[Forger]) -> None:
    proof = forger(target, 0b1000).prove()
    verify_guards(target.statement, proof, MINIMUM)  # the number shown is large enough, and false
    with pytest.raises(ProofRejectedError, match="pairing"):
        check(target, proof)


def test_m15_the_release_word_cannot_be_changed_afterwards(target: Sample) -> None:
    """Not even to one that opens the same rows."""
    proof = target.prove(0b0010)
    for release in (0b0001, 0b0011):
        assert opened_rows(target.relation, release) == opened_rows(target.relation, 0b0010)
        with pytest.raises(ProofRejectedError, match="pairing"):
            check(target, replace(proof, release=release))
    for release in (0b0010 | 1 << 4, release_word(0b0010, 0b0001), 1 << 200, 0):
        with pytest.raises(ProofRejectedError):
            check(target, replace(proof, release=release))


def test_m15_a_public_sum_is_a_released_one(target: Sample) -> None:
    check(target, target.prove(release_word(0b0010, 0b0010)))
    with pytest.raises(RelationInvalidError, match="release"):
        target.prove(release_word(0b0001, 0b0010))


def test_m15_a_guard_that_is_no_count_is_no_relation() -> None:
    """Σ −a would be a huge guard, Σ 2a a doubled one, Σ x any."""
    for coefficient, squared, which in ((-1, False, 0), (2, False, 0), (1, False, 1), (1, True, 1)):
        builder = RelationBuilder(3)
        handles = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
        chosen = handles[which]
        builder.sum([(coefficient, chosen if squared else 0, chosen)])
        builder.sum([(1, 0, handles[1 - which])], 0)
        with pytest.raises(RelationInvalidError, match="guard"):
            builder.build()


def test_m15_a_guard_above_the_rows_is_refused(target: Sample) -> None:
    """N + 1 and −1 cannot be counts of rows."""
    proof = target.prove(0b0010)
    for value in (9, R - 1):
        with pytest.raises(ProofRejectedError, match="guard"):
            verify_guards(target.statement, replace(proof, rows=(value,)), MINIMUM)
    verify_guards(target.statement, replace(proof, rows=(8,)), MINIMUM)


def test_m15_one_proof_serves_one_query(target: Sample) -> None:
    """Query, chain, contract and reference string are in the transcript: a proof bought once is not replayed."""
    proof = target.prove(0b0010)
    for changes in ({"subject": b"\x05" * 32}, {"domain": b"\x05" * 32}):
        with pytest.raises(ProofRejectedError, match="pairing"):
            verify_proof(target.srs.tau_g2, target.asked(**changes), proof)
