"""Attacks on proofs in the contract. Every changed message gets the inverse hint that fits it, or it would fail there
and test nothing. A proof that is wrong by algebra must die in the pairing, a malformed one before it, with little gas.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from contract_machine import CHAIN_ID, Reverted
from contract_scene import LOG_ROWS, OWNER_A, STRANGER, ApprovedQuery, refused
from study_cases import joint_relation, table
from tiny_prover import Lie, Message, domain_of, points_bytes, statement_bytes
from tiny_string import TinySrs, register_column, word

from zk.relation import Relation, Term, relation_of
from zk.transcript import FR_MODULUS

P = 21888242871839275222246405745257275088696311157297823662689037894645226208583

# a proof is cut by the relation's counts: what is missing or added makes the next part read as something it is not
MISSHAPEN = ("length", "calldata length", "release word", "guard value", "scalar", "point")

Change = Callable[[Message], Message]


@pytest.fixture(scope="module")
def ready() -> ApprovedQuery:
    return ApprovedQuery(seed=11)


@pytest.fixture
def scene(ready: ApprovedQuery) -> Iterator[ApprovedQuery]:
    with ready.trial():
        yield ready


def patch(data: bytes, word_number: int, change: Callable[[int], int]) -> bytes:
    """Replace one word; negative numbers count from the end."""
    words = [data[i : i + 32] for i in range(0, len(data), 32)]
    words[word_number] = (change(int.from_bytes(words[word_number], "big")) % 2**256).to_bytes(32, "big")
    return b"".join(words)


def random_point() -> tuple[int, int]:
    return TinySrs(3, Random(99)).commit([5])


def test_the_honest_proof_is_accepted(scene: ApprovedQuery) -> None:
    scene.publish(scene.query, scene.statement, scene.message)
    assert scene.state(scene.query) == 3



def test_changed_value_of_an_opened_row(scene: ApprovedQuery) -> None:
    for number in (1, 2):  # the guard and a public sum
        refused(scene, replace(scene.message, opening=patch(scene.message.opening, number, lambda x: x - 1)), "pairing")


def test_prover_who_insists_on_a_false_sum(scene: ApprovedQuery) -> None:
    for lie in ({1: 12345}, {0: 4}):
        refused(scene, scene.message_for(scene.prove(scene.relation, scene.query, lie=Lie(sums=lie))), "pairing")


def test_proof_for_another_query(scene: ApprovedQuery) -> None:
    other, _ = scene.ask(scene.relation, nonce=8)
    refused(scene, scene.message, "pairing", query=other)


@pytest.mark.parametrize("changed", ["chain", "contract", "srs"])
def test_proof_for_another_domain(scene: ApprovedQuery, changed: str) -> None:
    here = {"chain": CHAIN_ID, "contract": int(scene.studies.address, 16), "srs": int.from_bytes(scene.srs.id, "big")}
    here[changed] ^= 1
    domain = domain_of(here["chain"], here["contract"], word(here["srs"]))
    refused(scene, scene.message_for(scene.prove(scene.relation, scene.query, domain=domain)), "pairing")


def test_proof_under_another_string(scene: ApprovedQuery) -> None:
    other = TinySrs(LOG_ROWS, Random(5))
    columns = [register_column(other, column.values) for column in scene.committed]
    forged = scene.prove(scene.relation, scene.query, srs=other, registered=columns)
    refused(scene, scene.message_for(forged), "pairing")


def other_relation(scene: ApprovedQuery) -> Relation:
    """Same shape, another question: sum 3 is doubled."""
    forms = list(scene.relation.sum_forms)
    forms[3] = tuple(Term(2 * t.coefficient, t.left, t.right) for t in forms[3])
    return replace(scene.relation, sum_forms=tuple(forms))


def test_proof_of_another_relation(scene: ApprovedQuery) -> None:
    relation = other_relation(scene)
    query, statement = scene.ask(relation, nonce=7)
    refused(scene, scene.message, "pairing", query=query, statement=statement)
    refused(scene, scene.message, "statement", statement=statement)
    honest = scene.message_for(scene.prove(relation, query), query, statement)
    scene.publish(query, statement, honest)


def test_changed_order_of_commitments(scene: ApprovedQuery) -> None:
    swapped = [scene.committed[1], scene.committed[0], scene.committed[2]]
    statement = statement_bytes(scene.relation, [c.point for c in swapped])
    forged = scene.message_for(scene.prove(scene.relation, scene.query, registered=swapped), statement=statement)
    refused(scene, forged, "statement", statement=statement)
    refused(scene, forged, "pairing")


def test_commitment_that_is_not_the_directorys(scene: ApprovedQuery) -> None:
    mine = [register_column(scene.srs, [1] * 8), *scene.committed[1:]]
    statement = statement_bytes(scene.relation, [c.point for c in mine])
    forged = scene.message_for(scene.prove(scene.relation, scene.query, registered=mine), statement=statement)
    refused(scene, forged, "statement", statement=statement)
    refused(scene, forged, "pairing")


def test_relation_version_of_another_language(scene: ApprovedQuery) -> None:
    words = scene.words()
    words[0] += 1
    with pytest.raises(Reverted, match="relation version"):
        scene.propose(words, nonce=1)



POINTS: dict[str, Callable[[Message, Callable[[int, int], tuple[int, int]]], Message]] = {
    "witness": lambda m, f: replace(m, round1=points_bytes(f(*_point(m.round1, 0))) + m.round1[64:]),
    "sums": lambda m, f: replace(m, round1=m.round1[:-64] + points_bytes(f(*_point(m.round1, -64)))),
    "accumulator": lambda m, f: replace(m, accumulator=f(*m.accumulator)),
    "quotient": lambda m, f: replace(m, quotient=f(*m.quotient)),
    "opening": lambda m, f: replace(m, opening=m.opening[:-64] + points_bytes(f(*_point(m.opening, -64)))),
    "final": lambda m, f: replace(m, final=f(*m.final)),
}


def _point(data: bytes, at: int) -> tuple[int, int]:
    at %= len(data)
    return int.from_bytes(data[at : at + 32], "big"), int.from_bytes(data[at + 32 : at + 64], "big")


@pytest.mark.parametrize("place", POINTS)
def test_replaced_point(scene: ApprovedQuery, place: str) -> None:
    refused(scene, POINTS[place](scene.message, lambda x, y: random_point()), "pairing")
    refused(scene, POINTS[place](scene.message, lambda x, y: (x, P - y)), "pairing")


@pytest.mark.parametrize("place", POINTS)
def test_malformed_point_costs_little_gas(scene: ApprovedQuery, place: str) -> None:
    for malformed in (
        lambda x, y: (x, y + 1), lambda x, y: (0, 0), lambda x, y: (x + P, y), lambda x, y: (x, y + P),
        lambda x, y: (2**256 - 1, y), lambda x, y: (0, y),
    ):
        refused(scene, POINTS[place](scene.message, malformed), "point")


def test_scalar_that_is_not_canonical(scene: ApprovedQuery) -> None:
    evaluations, opening = scene.message.evaluations, scene.message.opening
    for number in range(len(evaluations) // 32):
        changed = patch(evaluations, number, lambda x: x + FR_MODULUS)
        refused(scene, replace(scene.message, evaluations=changed), "scalar")
    for number in (1, 2):
        changed = patch(opening, number, lambda x: x + FR_MODULUS)
        refused(scene, replace(scene.message, opening=changed), "guard value" if number == 1 else "scalar")


def test_changed_evaluation(scene: ApprovedQuery) -> None:
    for number in range(len(scene.message.evaluations) // 32):
        changed = patch(scene.message.evaluations, number, lambda x: (x + 1) % FR_MODULUS)
        refused(scene, replace(scene.message, evaluations=changed), "pairing")


def test_wrong_inverse_hint(scene: ApprovedQuery) -> None:
    """ζ ∈ H, z = ζ, z = ωζ and z on an opened row have no inverse: whatever such a proof sends fails the same check."""
    hint = scene.message.hint
    for wrong in (0, 1, hint + 1, FR_MODULUS - hint, hint + FR_MODULUS):
        refused(scene, replace(scene.message, hint=wrong), "hint", hint=False)



def test_swapped_missing_and_added_witnesses(scene: ApprovedQuery) -> None:
    first, second, rest = scene.message.round1[:64], scene.message.round1[64:128], scene.message.round1[128:]
    refused(scene, replace(scene.message, round1=second + first + rest), "pairing")
    refused(scene, replace(scene.message, round1=first + first + rest), "pairing")
    for changed in (second + rest, first + first + second + rest, scene.message.round1[:-1]):
        refused(scene, replace(scene.message, round1=changed), *MISSHAPEN)


def test_copy_of_another_column(scene: ApprovedQuery) -> None:
    """A witness that opens another registered column than the relation says is no copy of it."""
    cheat = [scene.committed[1], scene.committed[0], scene.committed[2]]
    forged = scene.prove(scene.relation, scene.query, registered=cheat)
    refused(scene, scene.message_for(forged), "pairing")


def test_missing_and_added_evaluations_and_rows(scene: ApprovedQuery) -> None:
    message = scene.message
    for changed in (
        replace(message, evaluations=message.evaluations[32:]),
        replace(message, evaluations=message.evaluations + word(0)),
        replace(message, opening=message.opening[:32] + message.opening[64:]),
        replace(message, opening=message.opening[:64] + word(1) + message.opening[64:]),
        replace(message, opening=message.opening + word(0)),
        replace(message, table=bytes(64)),
    ):
        refused(scene, changed, *MISSHAPEN)


def test_truncated_and_extended_calldata(scene: ApprovedQuery) -> None:
    honest = scene.studies.calldata("publish", *scene.publication(scene.query, scene.statement, scene.message))
    for data in (honest[:-1], honest[:-32], honest + b"\0", honest + bytes(32), honest[:36]):
        with pytest.raises(Reverted):
            scene.machine.execute(STRANGER, scene.studies.address, data)
        assert scene.state(scene.query) == 2
    trailing_zero = replace(scene.message, evaluations=scene.message.evaluations[:-32] + bytes(32))
    data = scene.studies.calldata("publish", *scene.publication(scene.query, scene.statement, trailing_zero))
    with pytest.raises(Reverted):
        scene.machine.execute(STRANGER, scene.studies.address, data[:-32])



def test_release_words_outside_the_relation(scene: ApprovedQuery) -> None:
    for release in (0, 1 << 128, 1 << 4, 0b1111 | 1 << 132, 0b1101 | 0b0010 << 128, 1 << 127 | 1, 1 << 255 | 1):
        opening = word(release) + scene.message.opening[32:]
        refused(scene, replace(scene.message, opening=opening), "release word")


def two_guards(scene: ApprovedQuery) -> Relation:
    """Sums 0, 1 guarded by 0 and sums 2, 3 by 2, where sum 2 counts present_A and sum 0 the join."""
    r = scene.relation
    forms = [list(form) for form in r.sum_forms]
    forms[2] = [Term(1, 0, 1)]
    zeros = [list(form) for form in r.zero_forms]
    return relation_of(r.log_rows, r.registered, r.witness_count, r.opened, zeros, forms, (0, 0, 2, 2))


def test_guard_of_a_suppressed_sum_stays_closed(scene: ApprovedQuery) -> None:
    relation = two_guards(scene)
    query, statement = scene.ask(relation, nonce=1)
    for rows, reasons in (
        ([0, 2], MISSHAPEN), ([2], ["pairing"]), ([0, 1], MISSHAPEN), ([], MISSHAPEN),
    ):
        forged = scene.prove(relation, query, release=0b0011, lie=Lie(release_only=rows))
        refused(scene, scene.message_for(forged, query, statement), *reasons, query=query, statement=statement)
    scene.publish(query, statement, scene.message_for(scene.prove(relation, query, release=0b0011), query, statement))


def test_guard_below_the_minimum_or_above_the_rows(scene: ApprovedQuery) -> None:
    few = table(1, 2, LOG_ROWS, 3)
    few = replace(few, name_hash=b"f" * 32, columns=[[1, 1, 0, 0, 0, 0, 0, 0], [9, 9, 0, 0, 0, 0, 0, 0]])
    small = scene.register(OWNER_A, few)
    relation = joint_relation(LOG_ROWS, [small.columns[0], scene.b.columns[0], small.columns[1]])
    committed = [small.committed[0], scene.b.committed[0], small.committed[1]]
    query = scene.propose(relation, nonce=2)
    scene.approve(query, relation, [small, scene.b])
    statement = statement_bytes(relation, [c.point for c in committed])
    proof = scene.prove(relation, query, registered=committed)
    assert proof.rows[0] == 2
    refused(scene, scene.message_for(proof, query, statement), "guard value", query=query, statement=statement)
    for lie in (9, 2, 0, FR_MODULUS - 1):
        forged = scene.message_for(scene.prove(scene.relation, scene.query, lie=Lie(sums={0: lie})))
        refused(scene, forged, "guard value")
