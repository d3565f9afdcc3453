"""M12: what a registration proof shows on real columns: booleans are boolean, absent rows are empty, the declared rows
are the present ones, and the prover knows every column: somebody else's commitment cannot be registered again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from forger import Forger, commit
from samples import R, Sample, boolean, integer, sample

from query.kinds import Boolean, BoundedInteger, Category
from query.registration import registration_relation
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema, physical_columns
from zk.builder import RelationBuilder
from zk.curve import add_points, decode_points, encode_points
from zk.errors import ProofRejectedError, WitnessUnsatisfiedError
from zk.field import Words
from zk.forms import Challenge
from zk.statement import Rounds
from zk.transcript import FR_MODULUS
from zk.verifier import verify_guards, verify_proof

SCHEMA = TableSchema("patients", "clinic", "patients", "person", "cohort", (
    ColumnSchema("age", BoundedInteger(0, 120)), ColumnSchema("smoker", Boolean(), nullable=True),
    ColumnSchema("region", Category(("north", "south"))),
))
NAMES = [column.name for column in physical_columns(SCHEMA)]
LOG_ROWS = 4
RELATION = registration_relation(SCHEMA, 7, 1, LOG_ROWS)
RECORDS: list[Mapping[str, object] | None] = [
    {"age": 30, "smoker": True, "region": "north"}, {"age": 41, "smoker": None, "region": "south"}, None,
    {"age": 52, "smoker": False, "region": "south"},
]


def registration(changes: Mapping[tuple[str, int], int] | None = None) -> Sample:
    encoded = encode_rows(SCHEMA, RECORDS, LOG_ROWS)
    columns = {i: [int(v) for v in encoded[name]] for i, name in enumerate(NAMES, start=1)}
    for (name, row), value in (changes or {}).items():
        columns[1 + NAMES.index(name)][row] = value
    return sample(RELATION, columns)


def test_m12_an_honest_registration_shows_the_number_of_rows_and_nothing_else() -> None:
    target = registration()
    proof = target.prove(0b1)
    target.verify(proof)
    verify_guards(target.statement, proof, 3)
    assert proof.rows == (3,)


CHEATS: dict[str, dict[tuple[str, int], int]] = {
    "present is a weight": {("present", 0): 1000}, "present is minus one": {("present", 0): R - 1},
    "a boolean is two": {("smoker", 0): 2}, "a value in an absent row": {("age", 2): 5},
    "a category in an absent row": {("region", 2): 1}, "known in an absent row": {("smoker__known", 2): 1},
    "a value that is not known": {("smoker", 1): 1}, "a value behind the end": {("age", 7): 9},
    "a value above its bound": {("age", 0): 121}, "a value far above its bound": {("age", 1): 2**40},
    "a negative value": {("age", 3): R - 1}, "a half": {("age", 0): (R + 1) // 2},
    "a category that is none": {("region", 0): 3}, "no category though present": {("region", 0): 0},
    "a negative category": {("region", 1): R - 2},
}


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=list(CHEATS))
def test_m12_columns_that_break_a_rule_are_not_registered(cheat: dict[tuple[str, int], int]) -> None:
    target = registration(cheat)
    with pytest.raises(WitnessUnsatisfiedError):
        target.prove(0b1)
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(Forger(target).prove())


@pytest.mark.parametrize("age", [0, 1, 119, 120])
def test_m12_values_up_to_their_bounds_are_registered(age: int) -> None:
    target = registration({("age", 0): age})
    target.verify(target.prove(0b1))


class DeclaresMore(Forger):
    def sum_rows(self) -> list[int]:
        rows = super().sum_rows()
        return [rows[0] + 5, *rows[1:]]


def test_m12_the_declared_rows_are_the_present_ones() -> None:
    target = registration()
    proof = DeclaresMore(target).prove()
    assert proof.rows == (8,)
    with pytest.raises(ProofRejectedError, match="pairing"):
        target.verify(proof)


def test_m12_a_registration_of_another_dataset_version_or_owner_is_none() -> None:
    target = registration()
    proof = target.prove(0b1)
    for dataset, version in ((8, 1), (7, 2)):
        relation = registration_relation(SCHEMA, dataset, version, LOG_ROWS)
        with pytest.raises(ProofRejectedError, match="pairing"):
            target.verify(proof, target.asked(relation=relation))
    with pytest.raises(ProofRejectedError, match="pairing"):  # the subject hashes owner, name and schema
        target.verify(proof, target.asked(subject=b"\x09" * 32))


def moved(point: tuple[int, int]) -> tuple[int, int]:
    """C + G: somebody else's column plus the constant 1, registered nowhere yet."""
    found = decode_points(add_points(encode_points([point]), encode_points([(1, 2)])))[0]
    assert found is not None
    return found


def test_m12_a_shifted_copy_of_another_owners_column_is_not_registered() -> None:
    """Neither with the victim's proof nor with one over a guess of the column."""
    victim = registration()
    age = NAMES.index("age")
    points = list(victim.statement.commitments)
    points[age] = moved(points[age])
    stolen = victim.asked(commitments=tuple(points))
    with pytest.raises(ProofRejectedError, match="pairing"):
        victim.verify(victim.prove(0b1), stolen)
    guess = registration({("age", 0): 31})
    thief = Sample(guess.srs, replace(guess.statement, commitments=tuple(points)), guess.secrets, guess.columns)
    with pytest.raises(ProofRejectedError, match="pairing"):
        victim.verify(Forger(thief).prove(), stolen)


def test_m12_every_column_enters_the_identity_whatever_is_opened() -> None:
    """Its own sum gives it the coefficient −α^v even where every opened value is zero: a proof of knowledge."""
    rounds = Rounds(registration().statement)
    rounds.alpha, rounds.delta, rounds.challenges[Challenge.LOOKUP] = 3, 0, 5
    weights = rounds.column_weights(dict.fromkeys(RELATION.opened, 0))
    assert sorted(-weights[i] % FR_MODULUS for i in range(1, len(NAMES) + 1)) == [3**v for v in range(len(NAMES))]


class Unblinded(Forger):
    """Opened witnesses that are zero on every row, without blinders, are zero at ζ: what they multiply is not used."""

    registering = True

    def blind(self, values: Sequence[int], blinders: Sequence[int]) -> list[int]:
        return super().blind(values, blinders if self.registering or any(values) else [0] * len(blinders))

    def commit_round1(self) -> None:
        self.registering = False
        super().commit_round1()


def allow_infinity(points: Sequence[tuple[int, int]], reason: str) -> Words:
    """What a verifier would do that took infinity for a commitment."""
    return encode_points([None if point == (0, 0) else point for point in points])


@pytest.mark.parametrize("summed", [False, True])
def test_m12_infinity_would_let_a_column_pass_that_nobody_knows(summed: bool) -> None:
    """Σ u·y with u = 0 is true of any y. Were [u] allowed at infinity, u(ζ) = 0 would take y out of the identity and an
    unknown column would be proved about, unless it stands in a sum of its own, as in every registration."""
    builder = RelationBuilder(3)
    m = builder.registered(boolean(1, 0))
    x, y = builder.registered(integer(1, 1)), builder.registered(integer(1, 2))
    guard = builder.sum([(1, 0, m)])
    builder.sum([(1, builder.product(m, x), y)], guard)
    if summed:
        builder.sum([(1, 0, y)], guard)
    known = sample(builder.build(), {1: [0] * 8, 2: [5] * 8, 3: list(range(8))})
    unknown = known.asked(commitments=(*known.statement.commitments[:2], commit([17, 4, 2, 9, 1, 1, 1, 1, 3])))
    proof = Unblinded(Sample(known.srs, unknown, known.secrets, known.columns)).prove()
    assert (0, 0) in proof.round1
    with pytest.raises(ProofRejectedError, match="infinity"):
        verify_proof(known.srs.tau_g2, unknown, proof)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zk.verifier.decode_nonzero_points", allow_infinity)
        if summed:
            with pytest.raises(ProofRejectedError, match="pairing"):
                verify_proof(known.srs.tau_g2, unknown, proof)
        else:
            verify_proof(known.srs.tau_g2, unknown, proof)


def test_m12_a_column_nobody_knows_is_refused_with_honest_blinders() -> None:
    known = registration()
    unknown = known.asked(commitments=(*known.statement.commitments[:-1], commit([17, 4, 2, 9, 1, 1, 1, 1, 3])))
    proof = Forger(Sample(known.srs, unknown, known.secrets, known.columns)).prove()
    with pytest.raises(ProofRejectedError, match="pairing"):
        known.verify(proof, unknown)
