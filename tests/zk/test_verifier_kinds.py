"""Lookups, groups and plain sums: every element of a proof and of its statement is bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
from oracle import cell_codes
from relations import ALL_KINDS, everything_sample, grouped_sample, plain_sample, ranged_sample, t, two_groups_sample
from samples import R, Sample, known_srs, release_word

from zk.curve import add_points, decode_points, encode_points
from zk.encoding import relation_hash
from zk.errors import ProofRejectedError, RelationInvalidError
from zk.forms import Group, Hint, HintKind
from zk.proof import Proof, encode_proof
from zk.range_table import table_commitment
from zk.relation import Relation
from zk.statement import Point
from zk.verifier import verify_guards, verify_proof


@lru_cache
def proved(kind: str) -> tuple[Sample, Proof]:
    target = ALL_KINDS[kind]()
    proof = target.prove_all()
    target.verify(proof)
    return target, proof


def rejected(target: Sample, proof: Proof, reason: str, **changes: Any) -> None:
    with pytest.raises(ProofRejectedError) as caught:
        target.verify(proof, target.asked(**changes))
    assert reason in caught.value.reason


def moved(point: Point) -> Point:
    found = decode_points(add_points(encode_points([point]), encode_points([(1, 2)])))[0]
    assert found is not None
    return found


def each_changed(values: tuple[Any, ...], other: Any) -> Iterator[tuple[Any, ...]]:
    for place, value in enumerate(values):
        yield (*values[:place], other(value), *values[place + 1 :])


@pytest.mark.parametrize("kind", list(ALL_KINDS))
def test_every_element_is_bound(kind: str) -> None:
    target, proof = proved(kind)
    for name in ("round1", "round2"):
        points = getattr(proof, name)
        for changed in each_changed(points, moved):
            rejected(target, replace(proof, **{name: changed}), "pairing")
        for changed in each_changed(points, lambda _: (0, 0)):
            rejected(target, replace(proof, **{name: changed}), "infinity")
        for changed in each_changed(points, lambda point: (point[0], point[1] ^ 1)):
            rejected(target, replace(proof, **{name: changed}), "canonical")
        for first in range(len(points) - 1):
            swapped = list(points)
            swapped[first], swapped[first + 1] = points[first + 1], points[first]
            rejected(target, replace(proof, **{name: tuple(swapped)}), "pairing")
    for name in ("constants", "values", "rows"):
        numbers = getattr(proof, name)
        for changed in each_changed(numbers, lambda value: (value + 1) % R):
            rejected(target, replace(proof, **{name: changed}), "pairing")
        for changed in each_changed(numbers, lambda value: value + R):
            rejected(target, replace(proof, **{name: changed}), "canonical")
    for name in ("accumulator", "quotient", "opening", "final"):
        rejected(target, replace(proof, **{name: moved(getattr(proof, name))}), "pairing")
    if proof.sums is not None:
        rejected(target, replace(proof, sums=moved(proof.sums)), "pairing")


@pytest.mark.parametrize("kind", list(ALL_KINDS))
def test_the_shape_comes_from_the_relation(kind: str) -> None:
    target, proof = proved(kind)
    for name in ("constants", "round1", "round2", "values", "rows"):
        found = getattr(proof, name)
        extra = (1, 2) if name.startswith("round") else 0
        for changed in (found[:-1], (*found, extra)):
            if changed != found:
                rejected(target, replace(proof, **{name: changed}), "shape")
    rejected(target, replace(proof, sums=(1, 2) if proof.sums is None else None), "shape")
    late = replace(proof, round1=proof.round1[:-1], round2=(proof.round1[-1], *proof.round2))
    rejected(target, late, "shape")
    if proof.round2:
        rejected(target, replace(proof, round1=(*proof.round1, proof.round2[0]), round2=proof.round2[1:]), "shape")


@pytest.mark.parametrize("kind", list(ALL_KINDS))
def test_every_public_input_is_bound(kind: str) -> None:
    target, proof = proved(kind)
    points = target.statement.commitments
    for changed in each_changed(points, moved):
        rejected(target, proof, "pairing", commitments=changed)
    rejected(target, proof, "pairing", commitments=points[::-1])
    rejected(target, proof, "pairing", subject=b"\x03" * 32)
    rejected(target, proof, "pairing", domain=b"\x03" * 32)
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_proof(known_srs(target.relation.log_rows, 987654321).tau_g2, target.statement, proof)


@pytest.mark.parametrize("kind", list(ALL_KINDS))
def test_two_proofs_of_one_statement_share_no_element(kind: str) -> None:
    target, proof = proved(kind)
    again = target.prove_all()
    public = {proof.release, *proof.rows, *proof.constants}
    ours, theirs = ([word for word in p.words() if word not in public] for p in (proof, again))
    assert len(set(ours)) == len(ours)
    assert not set(ours) & set(theirs)


def other_relations(relation: Relation) -> dict[str, Relation]:
    """Relations of the same shape that mean something else."""
    found = {}
    if relation.lookups:
        twice = tuple(replace(term, coefficient=2 * term.coefficient) for term in relation.lookups[-1])
        found["another lookup"] = replace(relation, lookups=(*relation.lookups[:-1], twice))
        if len(relation.lookups) > 1:
            found["lookups exchanged"] = replace(relation, lookups=relation.lookups[::-1])
        found["a smaller table"] = replace(relation, table_bits=relation.table_bits - 1)
        found["a larger table"] = replace(relation, table_bits=relation.table_bits + 1)
    if relation.groups:
        group, *rest = relation.groups
        found["another code"] = replace(relation, groups=(Group(group.form, (*group.codes[:-1], 9)), *rest))
        found["another group column"] = replace(relation, groups=(Group((t(1, 0, 2), t(1, 0, 3)), group.codes), *rest))
    if len(relation.groups) == 2 and len({len(g.codes) for g in relation.groups}) == 1:
        found["groups exchanged"] = replace(relation, groups=relation.groups[::-1])
    return found


@pytest.mark.parametrize("kind", [kind for kind in ALL_KINDS if other_relations(ALL_KINDS[kind]().relation)])
def test_lookups_groups_and_codes_are_bound(kind: str) -> None:
    target, proof = proved(kind)
    for name, other in other_relations(target.relation).items():
        assert relation_hash(other) != relation_hash(target.relation)
        with pytest.raises(ProofRejectedError) as caught:
            verify_proof(target.srs.tau_g2, target.asked(relation=other), proof)
        assert caught.value.reason == "pairing", name


def test_another_or_no_range_table() -> None:
    target, proof = proved("ranged")
    for table in (table_commitment(target.srs, 4, 2), table_commitment(target.srs, 4, 4), moved(target.table)):
        rejected(target, proof, "pairing", table=table)
    for table in ((0, 0), (1, 3)):
        rejected(target, proof, "point", table=table)
    with pytest.raises(RelationInvalidError, match="range table"):
        target.asked(table=None)


def test_a_table_beside_a_relation_without_lookups_is_refused() -> None:
    target, _ = proved("grouped")
    with pytest.raises(RelationInvalidError, match="range table"):
        target.asked(table=table_commitment(target.srs, 4, 2))


def test_hints_prove_nothing_but_are_part_of_the_question() -> None:
    """Other hints with the same forms: the same equation, another identity, hence another transcript."""
    target, proof = proved("everything")
    relation = target.relation
    form = relation.hints[0].form
    others = [
        replace(relation, hints=(Hint(5, HintKind.IS_ZERO, form), *relation.hints[1:])),
        replace(relation, hints=(Hint(5, HintKind.NOT_NEGATIVE, form[1:]), *relation.hints[1:])),
    ]
    hashes = {relation_hash(other) for other in (relation, *others)}
    assert len(hashes) == 3
    for other in others:
        rejected(target, proof, "pairing", relation=other)


def test_a_sealed_proof_is_no_plain_one_and_the_other_way_round() -> None:
    sealed, plain = proved("grouped"), proved("grouped, plain")
    for (target, _), (_, other) in ((sealed, plain), (plain, sealed)):
        rejected(target, other, "")
    relation = sealed[0].relation
    assert relation_hash(replace(relation, plain=True)) != relation_hash(relation)


@pytest.mark.parametrize(("kind", "release"), [
    ("plain", 1), ("grouped, plain", 1 << 128), ("ranged, plain", release_word(1, 1)), ("plain", -1),
])
def test_a_plain_proof_has_no_release_word(kind: str, release: int) -> None:
    target, proof = proved(kind)
    rejected(target, replace(proof, release=release), "release")


def test_release_words_name_rows_of_all_cells() -> None:
    target = two_groups_sample()
    rows = target.relation.sum_rows
    assert rows == 3 * len(cell_codes(target.relation)) == 12
    proof = target.prove(release_word(1 << 7, 1 << 7))  # the sum 1 of cell 3; its guard is row 3
    assert proof.rows == (target.sums()[3], target.sums()[7])
    target.verify(proof)
    rejected(target, replace(proof, release=release_word(1 << 7, 1 << 12)), "release")


@pytest.mark.parametrize("make", [plain_sample, lambda: grouped_sample(sealed=False)], ids=["plain", "cells"])
def test_all_guards_of_plain_sums_are_checked(make: Any) -> None:
    target = make()
    proof = target.prove()
    guards = {target.relation.guard_row(row) for row in range(target.relation.sum_rows)}
    smallest = min(proof.constants[row] for row in guards)
    verify_guards(target.statement, proof, smallest)
    with pytest.raises(ProofRejectedError, match="guard"):
        verify_guards(target.statement, proof, smallest + 1)
    for row in guards:
        for value in (target.relation.rows + 1, R - 1):
            changed = (*proof.constants[:row], value, *proof.constants[row + 1 :])
            with pytest.raises(ProofRejectedError, match="guard"):
                verify_guards(target.statement, replace(proof, constants=changed), 0)


def test_guards_are_checked_cell_by_cell() -> None:
    target = everything_sample()
    sums, cells = target.sums(), target.relation.cells
    smallest = min(sums[:cells])
    large = max(range(cells), key=lambda cell: sums[cell])
    proof = target.prove(release_word(1 << cells + large))
    assert proof.rows == (sums[large],)
    verify_guards(target.statement, proof, smallest + 1)
    everything = target.prove_all()
    verify_guards(target.statement, everything, smallest)
    with pytest.raises(ProofRejectedError, match="guard"):
        verify_guards(target.statement, everything, smallest + 1)


@pytest.mark.parametrize("kind", ["ranged", "two groups", "plain"])
def test_every_flipped_word_of_a_proof_is_rejected(kind: str) -> None:
    from zk.proof import decode_proof

    target, proof = proved(kind)
    encoded = encode_proof(proof)
    for place in range(31, len(encoded), 32):
        flipped = bytearray(encoded)
        flipped[place] ^= 1
        with pytest.raises(ProofRejectedError):
            target.verify(decode_proof(target.relation, bytes(flipped)))


def test_proofs_of_a_range_are_bound_to_their_subject() -> None:
    first, second = ranged_sample(1), ranged_sample(2)
    with pytest.raises(ProofRejectedError, match="pairing"):
        second.verify(first.prove())
