"""Alignment is proved, too: a row that joins two persons fails the joint proof before anything is opened (d11)."""

from __future__ import annotations

import pytest
from joint_harness import check_success, nothing_released, run_session
from samples import Sample, sample

from mpc.errors import MpcError
from query.layout import MAX_OWNERS, joint_relation, layout_relation, parse_cohort_question, person_number
from services.errors import ContributionRejectedError
from zk.errors import RelationInvalidError, WitnessUnsatisfiedError

N = 16
SALT = b"\7" * 32
A = [0, 1, 2, 3, 4, 5, None, None, 8, 9, None, None, None, None, None, None]
B = [None, 1, None, 3, 4, None, 6, 7, 8, 9, 10, 11, None, None, None, None]
C = [0, 1, None, None, None, None, 6, None, 8, None, None, None, 12, None, None, None]


def swapped(rows: list[int | None], i: int, j: int) -> list[int | None]:
    """A corrupt party swapped two row numbers that it sent to an owner."""
    out = list(rows)
    out[i], out[j] = rows[j], rows[i]
    return out


def layout(rows: list[int | None]) -> list[list[int]]:
    persons = [0 if row is None else person_number(SALT, bytes([row]) * 32) for row in rows]
    return [[int(row is not None) for row in rows], persons]


def joined(*owners: list[int | None]) -> Sample:
    relation = joint_relation([(place + 1, 1) for place in range(len(owners))], 4)
    columns = [column for rows in owners for column in layout(rows)]
    return sample(relation, dict(enumerate(columns, start=1)))


def split(owners: int) -> dict[int, int]:
    return {2 * owner + offset: owner for owner in range(owners) for offset in (1, 2)}


@pytest.mark.parametrize("owners", [(A, B), (A, B, C)], ids=["two", "three"])
def test_an_aligned_cohort_is_proved(owners: tuple[list[int | None], ...]) -> None:
    found = joined(*owners)
    outcome = run_session(found, split(len(owners)))
    check_success(found, outcome, 3)
    assert outcome.proof().rows == (sum(row is not None for row in A),)


@pytest.mark.parametrize(
    "owners",
    [(A, swapped(B, 3, 4)), (swapped(A, 8, 9), B), (A, B, swapped(C, 1, 12)), (A, swapped(B, 6, 5), C)],
    ids=["two rows swapped", "at the first owner", "a person put elsewhere", "beside an absent one"],
)
def test_two_persons_in_one_row_fail_before_anything_is_opened(owners: tuple[list[int | None], ...]) -> None:
    outcome = run_session(joined(*owners), split(len(owners)))
    assert all(isinstance(result, ContributionRejectedError) for result in outcome.results)
    assert all("r(zeta)" in str(result) for result in outcome.results)
    nothing_released(outcome, {0, 1, 2})
    assert "shifted" not in {tag.rsplit("/", 1)[-1] for tag in outcome.tags()}


OUTSIDE = {"one inside, two outside": (0, 3, 4), "two outside": (4, 3), "one inside, one outside": (3, 1)}


def held_by(numbers: tuple[int, ...]) -> dict[int, int]:
    """Owner of every column, by the owners' numbers."""
    return {2 * place + offset: number for place, number in enumerate(numbers) for offset in (1, 2)}


@pytest.mark.parametrize("who", OUTSIDE)
def test_it_is_the_same_for_owners_outside_the_three(who: str) -> None:
    numbers = OUTSIDE[who]
    found = joined(*(A, B, C)[: len(numbers)])
    outcome = run_session(found, held_by(numbers))
    check_success(found, outcome, 3)
    wrong = run_session(joined(*(A, swapped(B, 3, 4), C)[: len(numbers)]), held_by(numbers))
    everybody = [*wrong.results, *wrong.outside.values()]
    assert len(everybody) == 3 + sum(number > 2 for number in numbers)
    assert all(isinstance(result, ContributionRejectedError | MpcError) for result in everybody)
    assert any("r(zeta)" in str(result) for result in everybody)
    nothing_released(wrong, {0, 1, 2})
    # an outside owner's masked part is nothing without those of the parties, who keep theirs back
    assert "shifted" not in {tag.rsplit("/", 1)[-1] for tag in wrong.tags(0, 1, 2)}


def test_as_many_owners_as_a_proof_takes() -> None:
    relation = joint_relation([(place + 1, 1) for place in range(MAX_OWNERS)], 10)
    assert len(relation.registered) == 2 * MAX_OWNERS
    with pytest.raises(RelationInvalidError):
        joint_relation([(place + 1, 1) for place in range(MAX_OWNERS + 1)], 10)


def test_a_single_prover_cannot_show_it_either() -> None:
    with pytest.raises(WitnessUnsatisfiedError):
        joined(A, swapped(B, 3, 4)).prove(1)
    found = joined(A, B)
    found.verify(found.prove(1))


def test_a_layout_shows_its_presence_and_nothing_more() -> None:
    relation = layout_relation(1, 1, 4)
    honest = sample(relation, {1: layout(A)[0], 2: layout(A)[1]})
    honest.verify(honest.prove(1))
    ghost = [list(column) for column in layout(A)]
    ghost[1][15] = 5  # a person where nobody is present
    with pytest.raises(WitnessUnsatisfiedError):
        sample(relation, {1: ghost[0], 2: ghost[1]}).prove(1)
    assert len(relation.registered) == 2 and relation.sum_rows == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("PROVE COHORT people VERSION 1", ("people", 1)),
        ("  prove cohort Peo_ple-2 version 17 ;", ("Peo_ple-2", 17)),
        ("PROVE COHORT people VERSION 0", None),
        ("PROVE COHORT people", None),
        ("SELECT COUNT(*) FROM people", None),
        ("PROVE COHORT a.b VERSION 1", None),
    ],
)
def test_the_question(text: str, found: tuple[str, int] | None) -> None:
    assert parse_cohort_question(text) == found


def test_numbers_of_persons() -> None:
    numbers = {person_number(SALT, bytes([place]) * 32) for place in range(200)}
    assert len(numbers) == 200 and all(0 < number < 1 << 63 for number in numbers)
    assert person_number(bytes(32), bytes(32)) != person_number(SALT, bytes(32))
