"""M9: whoever registers a range table first can choose nothing about it: a wrong table, a table of another size, of
another degree or with a constant, and values or openings of another are refused. The registry refuses a second one
besides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from forger import Forger, commit
from oracle import form_rows
from relations import ranged, ranged_sample
from samples import R, known_srs, release_word, sample

from zk.curve import add_points, decode_points, encode_points
from zk.errors import ProofRejectedError, SizeMismatchError
from zk.field import FR, Words
from zk.ntt import intt, root_of_unity
from zk.polynomial import divide_by_linear, resize
from zk.range_table import (
    TableProof,
    prove_table,
    table_challenge,
    table_commitment,
    table_polynomial,
    table_values,
    verify_table,
)
from zk.verifier import verify_proof

LOG_ROWS, BITS = 5, 3
SRS = known_srs(LOG_ROWS)
N = 1 << LOG_ROWS
Point = tuple[int, int]


def point(polynomial: Words) -> Point:
    return decode_points(SRS.commit(polynomial))[0] or (0, 0)


def opened(polynomial: Words, bits: int = BITS) -> TableProof:
    """What an honest prover would send for any polynomial."""
    commitment = point(polynomial)
    z = table_challenge(LOG_ROWS, bits, commitment)
    places = (1, 0, z, z * root_of_unity(LOG_ROWS) % R)
    a, b, c, d = (point(divide_by_linear(polynomial, place)) for place in places)
    return TableProof(LOG_ROWS, bits, commitment, FR.evaluate(polynomial, z), (a, b, c, d))


def rows(values: list[int]) -> Words:
    return intt(FR.from_integers(values))


def plus(*changes: tuple[int, int]) -> Words:
    """The right table with coefficients added."""
    found = resize(table_polynomial(LOG_ROWS, BITS), N + 4)
    for place, value in changes:
        found[place : place + 1] = FR.add(found[place : place + 1], FR.from_integers([value]))
    return found


SIZE = 1 << BITS
WRONG: dict[str, Callable[[], Words]] = {
    "a larger last value": lambda: rows([(i % SIZE) + 100 * (i % SIZE == SIZE - 1) for i in range(N)]),
    "one row": lambda: rows([i % SIZE if i != 9 else 1000 for i in range(N)]),
    "the first row": lambda: rows([i % SIZE if i else 77 for i in range(N)]),
    "the last row": lambda: rows([i % SIZE if i != N - 1 else 77 for i in range(N)]),
    "not periodic": lambda: rows(list(range(N))),
    "steps of two": lambda: rows([2 * (i % SIZE) for i in range(N)]),
    "downwards": lambda: rows([-(i % SIZE) % R for i in range(N)]),
    "shifted": lambda: rows([(i + 1) % SIZE for i in range(N)]),
    "from one": lambda: rows([i % SIZE + 1 for i in range(N)]),
    "half the period": lambda: rows([i % (SIZE // 2) for i in range(N)]),
    "twice the period": lambda: rows([i % (2 * SIZE) for i in range(N)]),
    "zero": lambda: rows([0] * N),
    "plus a constant": lambda: plus((0, 5)),
    "plus a multiple of the vanishing polynomial": lambda: plus((0, -5), (N, 5)),
    "plus X^N": lambda: plus((N, 5)),
    "plus X^N X − X": lambda: plus((N + 1, 3), (1, -3)),
    "blinded": lambda: plus((0, -5), (N, 5), (1, -7), (N + 1, 7)),
    "noise": lambda: FR.random(N),
}


@lru_cache
def honest() -> TableProof:
    return prove_table(SRS, LOG_ROWS, BITS)


def refused(proof: TableProof, reason: str = "table") -> None:
    with pytest.raises(ProofRejectedError) as caught:
        verify_table(SRS.tau_g2, proof)
    assert reason in caught.value.reason


@pytest.mark.parametrize(("log_rows", "bits"), [(4, 1), (4, 4), (5, 1), (5, 3), (5, 5)])
def test_m9_tables_that_exist_are_accepted_and_one_for_all(log_rows: int, bits: int) -> None:
    srs = known_srs(5)
    proof = prove_table(srs, log_rows, bits)
    verify_table(srs.tau_g2, proof)
    assert proof == prove_table(srs, log_rows, bits)
    assert proof.commitment == table_commitment(srs, log_rows, bits)
    table = FR.to_integers(table_polynomial(log_rows, bits))
    omega = root_of_unity(log_rows)
    for row in (0, 1, (1 << bits) - 1, (1 << log_rows) - 1):
        at = pow(omega, row, R)
        assert sum(c * pow(at, k, R) for k, c in enumerate(table)) % R == row % (1 << bits)


@pytest.mark.parametrize("name", list(WRONG))
def test_m9_a_wrong_table_is_refused(name: str) -> None:
    proof = opened(WRONG[name]())
    assert proof.commitment != honest().commitment
    refused(proof)


@pytest.mark.parametrize("bits", [1, 2, 4, 5])
def test_m9_a_table_of_another_size_is_refused(bits: int) -> None:
    refused(replace(honest(), bits=bits))
    refused(opened(table_polynomial(LOG_ROWS, BITS), bits))


def test_m9_a_table_over_other_rows_is_refused() -> None:
    refused(replace(honest(), log_rows=4))
    refused(replace(prove_table(SRS, 4, BITS), log_rows=5))


@pytest.mark.parametrize(("log_rows", "bits"), [
    (3, 2), (5, 0), (5, 6), (5, -1), (25, 3), (17, 17), (-1, 1), (64, 3), (4, 5),
])
def test_m9_sizes_outside_the_limits_are_refused(log_rows: int, bits: int) -> None:
    """Below 2^4 rows X^2N would fit the reference string, and a table would not be unique."""
    refused(replace(honest(), log_rows=log_rows, bits=bits), "size")
    with pytest.raises(SizeMismatchError):
        table_polynomial(log_rows, bits)


def test_m9_every_part_of_the_proof_is_bound() -> None:
    proof = honest()
    for value in (proof.value + 1, 0, proof.value + R, -1):
        refused(replace(proof, value=value))
    for place in range(4):
        moved = decode_points(add_points(encode_points([proof.quotients[place]]), encode_points([(1, 2)])))[0]
        for other in (moved, (0, 0), (1, 3), proof.quotients[place - 1], (proof.quotients[place][0], 0)):
            quotients = [*proof.quotients[:place], other, *proof.quotients[place + 1 :]]
            refused(replace(proof, quotients=tuple(quotients)))
    for other in ((0, 0), (1, 2), (1, 3), proof.quotients[0]):
        refused(replace(proof, commitment=other))
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_table(known_srs(LOG_ROWS, 424242).tau_g2, proof)


def without(patch: pytest.MonkeyPatch, *checks: int) -> None:
    """A verifier that leaves checks out: it takes the value the prover has there."""

    def lax(proof: TableProof) -> tuple[int, int, int, int]:
        found = list(real(proof))
        for check in checks:
            found[check] = SHOWN[proof.commitment][check]
        return found[0], found[1], found[2], found[3]

    real = table_values
    patch.setattr("zk.range_table.table_values", lax)


SHOWN: dict[Point, tuple[int, int, int, int]] = {}


@pytest.mark.parametrize(("name", "checks"), [
    ("plus a constant", (0, 1)), ("plus a multiple of the vanishing polynomial", (1,)), ("plus X^N", (0,)),
    ("twice the period", (1, 3)), ("one row", (1, 3)), ("downwards", (1, 3)),
])
def test_m9_each_check_is_needed(name: str, checks: tuple[int, ...]) -> None:
    """T(1) = 0, T(0) = (K − 1)/2 and T(ωz) − T(z): a wrong table passes where one is left out."""
    polynomial = WRONG[name]()
    proof = opened(polynomial)
    z = table_challenge(LOG_ROWS, BITS, proof.commitment)
    a, b, c, d = (FR.evaluate(polynomial, x) for x in (1, 0, z, z * root_of_unity(LOG_ROWS) % R))
    SHOWN[proof.commitment] = a, b, c, d
    refused(proof, "pairing")
    with pytest.MonkeyPatch.context() as patch:
        without(patch, *checks)
        verify_table(SRS.tau_g2, proof)


def test_m9_the_challenge_is_drawn_from_the_table() -> None:
    """With z known beforehand a table that fits at one point passes."""
    z = 123456789
    right = table_polynomial(LOG_ROWS, BITS)
    zw = z * root_of_unity(LOG_ROWS) % R
    factor = resize(FR.from_integers([0, zw * z % R, (-zw - z) % R, 1]), N)  # X(X − z)(X − ωz), and (X − 1)
    shifted = np.concatenate([FR.zeros(1), factor[:-1]])
    wrong = FR.add(right, FR.sub(shifted, factor))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zk.range_table.table_challenge", lambda *_: z)
        patch.setitem(globals(), "table_challenge", lambda *_: z)
        verify_table(SRS.tau_g2, opened(wrong))
    refused(opened(wrong), "pairing")


class WithAnotherTable(Forger):
    """Looks values up in a table whose last value is 1000."""

    def table_rows(self) -> list[int]:
        return [1000 if row == SIZE - 1 else row for row in (i % SIZE for i in range(self.n))]

    def multiplicity_rows(self) -> list[int]:
        table = self.table_rows()[:SIZE]
        looked_up = [v for form in self.relation.lookups for v in form_rows(form, self.rows, self.n)]
        return [*(looked_up.count(value) for value in table), *[0] * (self.n - SIZE)]


def test_m9_what_a_wrong_table_would_be_worth() -> None:
    """A value far outside its range is proved inside to whoever believes the table."""
    rows = {i: list(column) for i, column in ranged_sample().columns.items()}
    rows[3] = [7 - 1000 if value == 0 else value for value in rows[3]]
    rows[2] = [value if value % SIZE != SIZE - 1 and value // SIZE != SIZE - 1 else 0 for value in rows[2]]
    assert 7 - 1000 in rows[3]
    target = sample(ranged(), {i: [v % R for v in column] for i, column in rows.items()})
    forger = WithAnotherTable(target, release_word(0b111, 0b111))
    proof = forger.prove()
    wrong = commit(forger.poly[target.relation.table_index])
    verify_proof(target.srs.tau_g2, target.statement, proof, wrong)
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(proof)
