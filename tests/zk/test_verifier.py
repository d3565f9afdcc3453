"""The verifier refuses every changed word of a proof and of its statement, and says which check failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from forger import commit
from samples import (
    R,
    Sample,
    boolean,
    known_srs,
    masked_sum,
    masked_sum_sample,
    release_word,
    sample,
    scalars,
    two_tables_sample,
)

from zk.curve import add_points, decode_points, encode_points, multiply_points
from zk.decoding import decode_relation
from zk.errors import NonCanonicalEncodingError, ProofRejectedError, RelationInvalidError, SizeMismatchError
from zk.field import FQ, FR
from zk.forms import Challenge
from zk.polynomial import blind, divide_by_linear
from zk.proof import Proof, decode_proof, encode_proof, inverse_hint, replay
from zk.prover import commit_registered
from zk.range_table import relation_table
from zk.statement import Point, Statement, opened_rows
from zk.transcript import proof_domain
from zk.verifier import verify_guards, verify_proof, verify_row_openings, verify_values

VECTORS = Path(__file__).parents[1] / "vectors"
P = FQ.modulus
RELEASE = release_word(0b111, 0b010)


@pytest.fixture(scope="module")
def target() -> Sample:
    return masked_sum_sample()


@pytest.fixture(scope="module")
def proof(target: Sample) -> Proof:
    found = target.prove(RELEASE)
    verify_proof(target.srs.tau_g2, target.statement, found)
    return found


def rejected(target: Sample, proof: Proof, reason: str = "", statement: Statement | None = None) -> None:
    with pytest.raises(ProofRejectedError) as caught:
        verify_proof(target.srs.tau_g2, statement or target.statement, proof)
    assert reason in caught.value.reason


@pytest.mark.parametrize("name", ["proof", "proof_everything", "proof_plain"])
def test_fixed_vector(name: str) -> None:
    vector = json.loads((VECTORS / f"{name}.json").read_text())
    words = [int(word, 16) for word in vector["relation"]]
    points = tuple((int(x, 16), int(y, 16)) for x, y in vector["commitments"])
    srs = known_srs(vector["log_rows"], int(vector["tau"], 16))
    assert srs.id.hex() == vector["srs_id"]
    domain = proof_domain(int(vector["chain_id"], 16), int(vector["contract"], 16), srs.id)
    assert domain.hex() == vector["domain"]
    table = tuple(int(x, 16) for x in vector["table"]) if vector["table"] else None
    statement = Statement(decode_relation(words), domain, bytes.fromhex(vector["subject"]), points, table)
    assert statement.hash.hex() == vector["statement_hash"]
    proof = decode_proof(statement.relation, bytes.fromhex(vector["proof"]))
    assert table == relation_table(srs, statement.relation)
    verify_proof(srs.tau_g2, statement, proof)
    assert f"{proof.release:064x}" == vector["release"]
    shown = opened_rows(statement.relation, proof.release)
    assert list(proof.constants or proof.rows) == [vector["sums"][row] for row in shown or range(len(vector["sums"]))]
    rounds = replay(statement, proof)
    drawn = {c.name.lower(): f"{value:064x}" for c, value in rounds.challenges.items() if c is not Challenge.NONE}
    assert drawn == vector["betas"]
    assert {key: f"{getattr(rounds, key):064x}" for key in vector["challenges"]} == vector["challenges"]
    assert f"{inverse_hint(statement, proof):064x}" == vector["inverse_hint"]


def changed_points(point: Point) -> list[tuple[Point, str]]:
    x, y = point
    other = decode_points(add_points(encode_points([point]), encode_points([(1, 2)])))[0]
    assert other is not None
    return [
        (other, "pairing"), ((x, P - y), "pairing"), ((1, 2), "pairing"), ((x, y ^ 1), "canonical"),
        ((0, 0), "infinity"), ((x + P, y), "canonical"), ((x, y + P), "canonical"), ((-x, y), "canonical"),
        ((x, 0), "canonical"),
    ]


@pytest.mark.parametrize("name", ["sums", "accumulator", "quotient", "opening", "final"])
def test_every_point_changed(target: Sample, proof: Proof, name: str) -> None:
    for point, reason in changed_points(getattr(proof, name)):
        rejected(target, replace(proof, **{name: point}), reason)


def test_every_witness_commitment_changed(target: Sample, proof: Proof) -> None:
    for place in range(len(proof.round1)):
        for point, reason in changed_points(proof.round1[place]):
            changed = (*proof.round1[:place], point, *proof.round1[place + 1 :])
            rejected(target, replace(proof, round1=changed), reason)
    rejected(target, replace(proof, round1=proof.round1[::-1]), "pairing")


@pytest.mark.parametrize("name", ["values", "rows"])
def test_every_value_changed(target: Sample, proof: Proof, name: str) -> None:
    numbers = getattr(proof, name)
    for place, value in enumerate(numbers):
        for other, reason in (((value + 1) % R, "pairing"), (0, "pairing"), (value + R, "canonical"), (-1, "canonical"),
                              (2**256 - 1, "canonical"), (R, "canonical")):
            rejected(target, replace(proof, **{name: (*numbers[:place], other, *numbers[place + 1 :])}), reason)
    rejected(target, replace(proof, **{name: numbers[::-1]}), "pairing")


def test_the_shifted_value_changed(target: Sample, proof: Proof) -> None:
    for other, reason in ((proof.shifted_value ^ 1, "pairing"), (0, "pairing"), (proof.shifted_value + R, "canonical")):
        rejected(target, replace(proof, shifted_value=other), reason)


def test_the_release_word_changed(target: Sample, proof: Proof) -> None:
    """Also where the rows it opens stay the same: the word itself is bound."""
    for bit in range(256):
        reason = {0: "pairing", 2: "pairing", 128: "pairing"}.get(bit, "")
        rejected(target, replace(proof, release=proof.release ^ 1 << bit), reason)
    rejected(target, replace(proof, release=-1), "release")


def test_the_shape_comes_from_the_relation(target: Sample, proof: Proof) -> None:
    for changed in (
        replace(proof, round1=proof.round1[:1]), replace(proof, round1=(*proof.round1, (1, 2))),
        replace(proof, round2=((1, 2),)), replace(proof, constants=(1,)), replace(proof, sums=None),
        replace(proof, values=proof.values[:1]), replace(proof, values=(*proof.values, 0)),
        replace(proof, rows=proof.rows[:1]), replace(proof, rows=(*proof.rows, 0)), replace(proof, rows=()),
    ):
        rejected(target, changed, "shape")


def test_every_public_input_changed(target: Sample, proof: Proof) -> None:
    statement, relation = target.statement, target.relation
    first, second, third = statement.commitments
    moved = decode_points(add_points(encode_points([first]), encode_points([(1, 2)])))[0]
    assert moved is not None
    columns = relation.registered
    other_relations = [
        replace(relation, log_rows=4), replace(relation, registered=(replace(columns[0], version=2), *columns[1:])),
        replace(relation, registered=(replace(columns[0], dataset=9), *columns[1:])),
        replace(relation, registered=(*columns[:2], replace(columns[2], kind=boolean(1, 1).kind))),
        replace(relation, sum_forms=(relation.sum_forms[0], relation.sum_forms[2], relation.sum_forms[1])),
        replace(relation, sum_forms=(*relation.sum_forms[:2], (replace(relation.sum_forms[2][0], coefficient=-1),))),
    ]
    changed = [
        target.asked(subject=b"\x03" * 32), target.asked(domain=b"\x03" * 32),
        target.asked(commitments=(second, first, third)), target.asked(commitments=(moved, second, third)),
        *(target.asked(relation=other) for other in other_relations),
    ]
    for other in changed:
        rejected(target, proof, "pairing", other)
    for point in ((0, 0), (1, 3), (1 + P, 2)):
        rejected(target, proof, "commitment", target.asked(commitments=(point, second, third)))
    for bit in range(0, 256, 5):
        subject = bytearray(statement.subject)
        subject[bit // 8] ^= 1 << bit % 8
        assert target.asked(subject=bytes(subject)).transcript().digest != statement.transcript().digest


def test_another_reference_string(target: Sample, proof: Proof) -> None:
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_proof(known_srs(3, 123456789).tau_g2, target.statement, proof)


def test_a_proof_of_another_statement_or_from_parts_of_two(target: Sample, proof: Proof) -> None:
    other = masked_sum_sample(seed=2)
    rejected(other, proof, "pairing")
    again = target.prove(RELEASE)
    for name in ("round1", "sums", "accumulator", "quotient", "values", "shifted_value", "opening", "final"):
        rejected(target, replace(proof, **{name: getattr(again, name)}), "pairing")


def test_statements_are_well_formed(target: Sample) -> None:
    for changes in ({"domain": b"\1" * 31}, {"subject": b"\1" * 33}):
        with pytest.raises(NonCanonicalEncodingError):
            target.asked(**changes)
    with pytest.raises(RelationInvalidError):
        target.asked(commitments=target.statement.commitments[:2])


# --- guards --------------------------------------------------------------------------------------------------------


def test_guards_lie_between_minimum_and_rows() -> None:
    for count, fits in ((0, False), (2, False), (3, True), (8, True)):
        columns = {1: [1] * count + [0] * (8 - count), 2: list(range(8)), 3: [5] * 8}
        target = sample(masked_sum(3), columns)
        found = target.prove(0b111)
        if fits:
            verify_guards(target.statement, found, 3)
        else:
            with pytest.raises(ProofRejectedError, match="guard"):
                verify_guards(target.statement, found, 3)


def test_a_guard_above_the_rows_or_nothing_released(target: Sample, proof: Proof) -> None:
    statement = target.statement
    verify_guards(statement, proof, 1)
    for value in (9, R - 1, 2**64):
        with pytest.raises(ProofRejectedError, match="guard"):
            verify_guards(statement, replace(proof, rows=(value, *proof.rows[1:])), 3)
    with pytest.raises(ProofRejectedError, match="nothing released"):
        verify_guards(statement, replace(proof, release=0, rows=()), 0)
    with pytest.raises(ProofRejectedError, match="release"):
        verify_guards(statement, replace(proof, release=1 << 3), 3)


# --- row openings --------------------------------------------------------------------------------------------------


def sealed(values: list[int], blinder: int = 987654321) -> tuple[Point, dict[int, tuple[int, int, Point]]]:
    """[s] and an opening (row, value, [Q]) of every row of s over 8 rows."""
    srs = known_srs(3)
    s = blind(FR.from_integers(values + [0] * (8 - len(values))), [blinder])
    omega = pow(5, (R - 1) // 8, R)
    points = {v: decode_points(srs.commit(divide_by_linear(s, pow(omega, v, R))))[0] for v in range(8)}
    found = decode_points(srs.commit(s))[0]
    padded = values + [0] * 8
    return found, {v: (v, padded[v], point) for v, point in points.items()}  # type: ignore[return-value, misc]


def check_rows(sums: Point, openings: list[tuple[int, int, Point]]) -> None:
    verify_row_openings(known_srs(3).tau_g2, 3, sums, openings)


def test_row_openings_hold_one_by_one_and_together() -> None:
    sums, openings = sealed([120, 45, 7])
    check_rows(sums, [openings[0]])
    check_rows(sums, [openings[v] for v in (2, 0, 1)])


ROW_LIES: dict[str, Callable[[dict[int, tuple[int, int, Point]]], list[tuple[int, int, Point]]]] = {
    "a wrong value": lambda o: [o[0], (1, 46, o[1][2])],
    "the value of another row": lambda o: [(0, o[1][1], o[0][2])],
    "another row number": lambda o: [(2, o[0][1], o[0][2])],
    "values exchanged": lambda o: [(0, o[1][1], o[0][2]), (1, o[0][1], o[1][2])],
    "quotients exchanged": lambda o: [(0, o[0][1], o[1][2]), (1, o[1][1], o[0][2])],
    "errors that cancel": lambda o: [(0, o[0][1] + 1, o[0][2]), (1, o[1][1] - 1, o[1][2])],
    "a row twice": lambda o: [o[0], o[0]],
    "no row": lambda o: [],
    "a negative row": lambda o: [(-1, o[7][1], o[7][2])],
    "a row outside the domain": lambda o: [(8, o[0][1], o[0][2])],
    "a value that is not canonical": lambda o: [(0, o[0][1] + R, o[0][2])],
    "a negative value": lambda o: [(0, o[0][1] - R, o[0][2])],
    "infinity": lambda o: [(0, o[0][1], (0, 0))],
    "a point off the curve": lambda o: [(0, o[0][1], (1, 3))],
}


@pytest.mark.parametrize("lie", ROW_LIES.values(), ids=list(ROW_LIES))
def test_false_row_openings_are_refused(lie: Callable[..., list[tuple[int, int, Point]]]) -> None:
    sums, openings = sealed([120, 45, 7])
    with pytest.raises(ProofRejectedError):
        check_rows(sums, lie(openings))


def test_row_openings_of_another_query_are_refused() -> None:
    """The same values sealed with another blinder."""
    sums, _ = sealed([120, 45, 7])
    _, others = sealed([120, 45, 7], 5)
    with pytest.raises(ProofRejectedError):
        check_rows(sums, [others[0]])
    with pytest.raises(ProofRejectedError, match="sums"):
        check_rows((0, 0), [others[0]])


def test_two_row_openings_do_not_combine_into_a_third() -> None:
    """Q_0 and Q_1 give every combination of themselves, and none is an opening of row 2."""
    sums, openings = sealed([120, 45, 7])
    points = encode_points([openings[0][2], openings[1][2]])
    omega = pow(5, (R - 1) // 8, R)
    gap = pow(1 - omega, -1, R)
    for a, b in ((1, 1), (1, R - 1), (gap, -gap), (2, R - 1), (omega, 1)):
        scaled = multiply_points(points, FR.from_integers([a, b]))
        combined = decode_points(add_points(scaled[:1], scaled[1:]))[0]
        assert combined is not None
        for value in (7, 0, 120, 45, 165):
            with pytest.raises(ProofRejectedError):
                check_rows(sums, [(2, value, combined)])


# --- opened values among contributors (M3) -------------------------------------------------------------------------


def test_m3_a_batch_of_values_is_checked_before_anything_else_is_opened() -> None:
    srs, zeta, weight = known_srs(3), 777, 31337
    polynomials = [blind(FR.from_integers(list(range(k, k + 8))), [k + 5, k + 6]) for k in range(3)]
    values = [FR.evaluate(p, zeta) for p in polynomials]
    commitments = encode_points([decode_points(srs.commit(p))[0] for p in polynomials])
    total = FR.zeros(10)
    for k, p in enumerate(polynomials):
        total = FR.add(total, FR.scale(p, pow(weight, k + 1, R)))
    quotient = srs.commit(divide_by_linear(total, zeta))
    verify_values(srs.tau_g2, commitments, values, zeta, weight, quotient)
    lies = [[values[0] + 1, *values[1:]], values[::-1], [values[0] + weight, values[1] - 1, values[2]]]
    for lie in lies[:2]:
        with pytest.raises(ProofRejectedError, match="opened values"):
            verify_values(srs.tau_g2, commitments, lie, zeta, weight, quotient)
    # errors that cancel under a weight known beforehand: why it is drawn from the values
    verify_values(srs.tau_g2, commitments, lies[2], zeta, weight, quotient)
    with pytest.raises(ProofRejectedError):
        verify_values(srs.tau_g2, commitments, lies[2], zeta, weight + 1, quotient)
    with pytest.raises(SizeMismatchError):
        verify_values(srs.tau_g2, commitments, values[:2], zeta, weight, quotient)


# --- bytes ---------------------------------------------------------------------------------------------------------


def test_every_flipped_byte_of_a_proof_is_rejected(target: Sample, proof: Proof) -> None:
    encoded = encode_proof(proof)
    for place in range(len(encoded)):
        flipped = bytearray(encoded)
        flipped[place] ^= 1 << place % 8
        with pytest.raises(ProofRejectedError):
            verify_proof(target.srs.tau_g2, target.statement, decode_proof(target.relation, bytes(flipped)))


def test_a_constant_column_is_registered_without_showing_it() -> None:
    """The blinder keeps the commitment of an all-zero column from infinity, and of equal columns from being equal."""
    srs = known_srs(3)
    zero, again = (commit_registered(srs, scalars([0] * 8)) for _ in range(2))
    assert zero not in ((0, 0), again)
    assert commit([0] * 7 + [1]) != zero


def test_joint_sized_statements_verify_with_public_rows() -> None:
    found = two_tables_sample(3)
    release = release_word(0b111111, 0b111111)
    verify_proof(found.srs.tau_g2, found.statement, found.prove(release))
