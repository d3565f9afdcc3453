"""M5: what a suppressed sum was cannot be tested by guessing, because the blinder of s never leaves: [s], the openings
of released rows and the proof are the same for every value it might have had."""

from __future__ import annotations

import dataclasses

import pytest
from forger import Forger
from joint_harness import run_session
from relations import two_groups_sample
from samples import TAU, R, Sample, known_srs, masked_sum_sample, two_tables_sample

from services.errors import DisclosureRefusedError
from zk.curve import decode_points
from zk.errors import ProofRejectedError
from zk.field import FR
from zk.polynomial import blind, divide_by_linear
from zk.statement import opened_rows
from zk.verifier import verify_guards, verify_proof, verify_row_openings

OMEGA = pow(5, (R - 1) // 8, R)
RELEASED, SUPPRESSED = (0, 2), 1


def sealed(values: list[int], blinder: int) -> tuple[object, list[object]]:
    """[s] and the openings of the released rows."""
    srs = known_srs(3)
    s = blind(FR.from_integers(values + [0] * (8 - len(values))), [blinder])
    openings = [decode_points(srs.commit(divide_by_linear(s, pow(OMEGA, v, R))))[0] for v in RELEASED]
    return decode_points(srs.commit(s))[0], openings


def test_m5_every_value_of_a_suppressed_sum_fits_what_is_published() -> None:
    """For every other value there is a blinder with the same [s] and the same row openings."""
    base = sealed([120, 4, 388], 987654321)
    vanishing = pow(TAU, 8, R) - 1
    lagrange = vanishing * pow(OMEGA, SUPPRESSED, R) % R * pow(8 * (TAU - pow(OMEGA, SUPPRESSED, R)), -1, R) % R
    for other in (0, 1, 5, 1000, R - 1):
        blinder = 987654321 + (4 - other) * lagrange * pow(vanishing, -1, R)
        assert sealed([120, other, 388], blinder % R) == base
        assert sealed([120, other, 388], 987654321) != base or other == 4


def test_m5_with_the_blinder_a_guess_could_be_tested() -> None:
    """What releasing it would have meant: the suppressed count falls out of the ledger's commitment."""
    published, _ = sealed([120, 4, 388], 987654321)
    hits = [guess for guess in range(20) if sealed([120, guess, 388], 987654321)[0] == published]
    assert hits == [4]


def test_m5_a_proof_opens_neither_a_sum_left_out_nor_its_guard() -> None:
    target = masked_sum_sample()
    proof = target.prove(0b001)
    verify_proof(target.srs.tau_g2, target.statement, proof)
    assert proof.rows == tuple(target.sums()[:1])
    assert not {*target.sums()[1:]} & set(proof.words())


def test_m5_a_row_opening_cannot_be_derived_for_a_row_that_was_not_released() -> None:
    """Nor does the opening W of the proof serve as one."""
    target = masked_sum_sample()
    proof, sums = target.prove(0b001), target.sums()
    for point in (proof.opening, proof.final, proof.quotient, proof.accumulator, proof.sums):
        with pytest.raises(ProofRejectedError):
            verify_row_openings(target.srs.tau_g2, 3, proof.sums, [(1, sums[1], point)])


@pytest.mark.parametrize("rows", [(0, 1), (0, 1, 2), (1,), ()])
def test_m5_the_rows_opened_follow_from_the_release_word(rows: tuple[int, ...]) -> None:
    target = masked_sum_sample()
    proof = Forger(target, 0b001).prove()
    changed = dataclasses.replace(proof, rows=tuple(target.sums()[v] for v in rows))
    with pytest.raises(ProofRejectedError):
        verify_proof(target.srs.tau_g2, target.statement, changed)
    assert opened_rows(target.relation, 0b001) == (0,)


def test_m5_a_suppressed_guard_is_opened_to_nobody() -> None:
    sample: Sample = two_tables_sample(3)
    outcome = run_session(sample, {1: 0, 2: 0, 3: 1, 4: 1}, minimum=sample.sums()[0] + 1)
    assert all(isinstance(result, DisclosureRefusedError) for result in outcome.results)
    assert not any("guards/opened" in tag for tag in outcome.tags())


GROUPS = {1: 0, 2: 0, 3: 0, 4: 1, 5: 1}


def test_m5_a_suppressed_cell_stays_closed_with_all_its_sums() -> None:
    """One bit about each cell becomes known; neither sum nor guard of a small cell stands in the proof."""
    sample = two_groups_sample(4)
    cells, sums = sample.relation.cells, sample.sums()
    counts = sums[:cells]
    minimum = sorted(counts)[cells // 2]
    small = [cell for cell in range(cells) if counts[cell] < minimum]
    assert 0 < len(small) < cells
    proof = run_session(sample, GROUPS, minimum=minimum).proof()
    released = [row for row in range(sample.relation.sum_rows) if proof.release >> row & 1]
    assert {row % cells for row in released} == set(range(cells)) - set(small)
    assert len(released) == 3 * (cells - len(small))
    assert proof.rows == tuple(counts[cell] for cell in range(cells) if cell not in small)
    verify_guards(sample.statement, proof, minimum)
    for cell in small:
        with pytest.raises(ProofRejectedError):
            sample.verify(dataclasses.replace(proof, release=proof.release | 1 << cell))


def test_m5_a_query_all_of_whose_cells_are_small_is_refused() -> None:
    sample = two_groups_sample(4)
    outcome = run_session(sample, GROUPS, minimum=max(sample.sums()[: sample.relation.cells]) + 1)
    assert all(isinstance(result, DisclosureRefusedError) for result in outcome.results)
    assert not any("guards/opened" in tag or "session/final" in tag for tag in outcome.tags())


def test_m5_a_record_that_releases_nothing_is_none() -> None:
    target = masked_sum_sample()
    proof = Forger(target, 0).prove()
    verify_proof(target.srs.tau_g2, target.statement, proof)  # a valid proof, without any number
    with pytest.raises(ProofRejectedError, match="nothing released"):
        verify_guards(target.statement, proof, 0)
