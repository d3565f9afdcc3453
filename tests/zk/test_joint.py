"""Three contributors together prove exactly what one prover proves, whoever owns which column."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint import Joint
from oracle import holds
from relations import (
    everything_sample,
    grouped_sample,
    hidden_everything_sample,
    hidden_sample,
    ranged_sample,
    t,
    two_groups_sample,
)
from samples import R, Sample, boolean, integer, release_word, sample, two_tables_sample

from zk.curve import add_points, decode_points, encode_points, multiply_generator
from zk.errors import ProofRejectedError, ProtocolStateError, RelationInvalidError, SizeMismatchError, ZkError
from zk.field import FR, Words
from zk.forms import Group, Hint, HintKind, Term
from zk.msm import msm
from zk.owners import NOBODY, column_owners
from zk.relation import Relation, relation_of
from zk.statement import opened_rows
from zk.verifier import verify_row_openings


def proved(target: Sample, owners: Mapping[int, int], release: int | None = None) -> Joint:
    joint = Joint(target, owners)
    rows = (1 << target.relation.sum_rows) - 1
    word = release_word(rows, rows) if release is None else release
    proof, sums = joint.prove(word)
    assert sums == target.sums()
    assert list(proof.rows) == [sums[row] for row in opened_rows(target.relation, word)]
    target.verify(proof)
    return joint


SPLITS: dict[str, tuple[Sample, dict[int, int]]] = {
    "two owners": (two_tables_sample(3), {1: 0, 2: 0, 3: 2, 4: 2}),
    "a product of two owners' columns": (two_tables_sample(3), {1: 0, 2: 1, 3: 2, 4: 2}),
    "one owner who is not the first": (everything_sample(), dict.fromkeys(range(1, 5), 2)),
    "lookups of two owners": (ranged_sample(), {1: 0, 2: 0, 3: 1}),
    "lookups of two owners, mask of a third": (ranged_sample(2), {1: 2, 2: 0, 3: 1}),
    "group of one owner, sums of another": (grouped_sample(), {1: 0, 2: 0, 3: 1}),
    "group, mask and sums of three owners": (grouped_sample(2), {1: 0, 2: 1, 3: 2}),
    "groups of two owners": (two_groups_sample(), {1: 0, 2: 0, 3: 0, 4: 1, 5: 1}),
    "groups of two owners, the first last": (two_groups_sample(2), {1: 2, 2: 2, 3: 2, 4: 1, 5: 1}),
    "hints, lookups, group, a mixed witness": (everything_sample(), {1: 0, 2: 1, 3: 2, 4: 1}),
    "hidden guards of two owners": (hidden_sample(), {1: 0, 2: 1, 3: 1}),
    "hidden guards of one owner who is not the first": (hidden_sample(2), dict.fromkeys(range(1, 4), 1)),
    "hidden guards, everything": (hidden_everything_sample(), {1: 0, 2: 1, 3: 2, 4: 1}),
    "an owner outside": (two_tables_sample(3), {1: 0, 2: 0, 3: 3, 4: 3}),
    "two owners outside": (two_tables_sample(3), {1: 4, 2: 4, 3: 3, 4: 3}),
    "one owner outside, nobody else": (everything_sample(), dict.fromkeys(range(1, 5), 3)),
    "lookups of three owners, two outside": (ranged_sample(2), {1: 3, 2: 0, 3: 4}),
    "group, mask and sums of three owners outside": (grouped_sample(2), {1: 3, 2: 4, 3: 5}),
    "groups of two owners, one outside": (two_groups_sample(), {1: 3, 2: 3, 3: 3, 4: 1, 5: 1}),
    "hidden guards of two owners outside": (hidden_sample(), {1: 3, 2: 4, 3: 4}),
    "hidden guards, everything, outside and inside": (hidden_everything_sample(), {1: 3, 2: 1, 3: 4, 4: 1}),
    "everything of two owners": (everything_sample(2), {1: 0, 2: 1, 3: 0, 4: 1}),
}


@pytest.mark.parametrize("name", list(SPLITS))
def test_a_joint_proof_shows_what_plain_arithmetic_says(name: str) -> None:
    proved(*SPLITS[name])


def three_way(log_rows: int = 3) -> Relation:
    """A join of three tables: 1 a, 2 b, 3 c, 4 y of the third; 5 copy of a, 6 a·b, 7 a·b·c. Σ a·b·c, Σ a·b·c·y."""
    return relation_of(
        log_rows, (boolean(1, 0), boolean(2, 0), boolean(3, 0), integer(3, 1)), 3, (5, 6, 7),
        [[t(1, 0, 1), t(-1, 0, 5)], [t(1, 5, 2), t(-1, 0, 6)], [t(1, 6, 3), t(-1, 0, 7)]],
        [[t(1, 0, 7)], [t(1, 7, 4)], [t(1, 6, 4)]], (0, 0, 0),
    )


def test_a_product_of_three_owners_is_reshared() -> None:
    rng = Random(4)
    columns = {i: [1, 1, 1, *(rng.randrange(2) for _ in range(5))] for i in (1, 2, 3)}
    target = sample(three_way(), {**columns, 4: [rng.randrange(1000) for _ in range(8)]})
    joint = proved(target, {1: 0, 2: 1, 3: 2, 4: 2})
    assert joint.parties[0].mixed == (6, 7)
    assert {joint.owners[c] for c in (6, 7)} == {NOBODY}


def test_public_rows_only_where_they_are_asked_for() -> None:
    target = two_groups_sample()
    proved(target, {1: 0, 2: 0, 3: 0, 4: 1, 5: 1}, release_word(0b1111_0000_1111, 0b0001_0000_0000))


def test_row_openings_are_those_of_the_sealed_sums() -> None:
    target = two_groups_sample()
    joint = Joint(target, {1: 0, 2: 0, 3: 0, 4: 1, 5: 1})
    proof, sums = joint.prove(release_word(0b11))
    values, points = joint.row_openings([0, 5])
    assert FR.to_integers(values) == [sums[0], sums[5]]
    openings = list(zip([0, 5], FR.to_integers(values), decode_points(points)))
    verify_row_openings(target.srs.tau_g2, 4, proof.sums, openings)  # type: ignore[arg-type]


def test_bound_uploads_sum_to_the_commitments() -> None:
    """M13: what both holders of a component publish sums to the directory's and the proof's commitments."""
    target = grouped_sample()
    joint = Joint(target, {1: 0, 2: 1, 3: 2})
    proof, _ = joint.prove(1)
    registered = len(target.relation.registered)
    committed = dict(enumerate([*target.statement.commitments, *proof.round1, *proof.round2], start=1))
    crossing = joint.parties[0].crossing
    assert {c for c in crossing if c <= registered}
    for column in crossing:
        held = [party.commit_shares(column) for party in joint.parties]
        for i in range(3):
            assert decode_points(held[i][1:]) == decode_points(held[(i + 1) % 3][:1])
        total = add_points(add_points(held[0][:1], held[1][:1]), held[2][:1])
        assert decode_points(total) == [committed[column]]
    weight, expected = 2**200 + 7, [committed[column] for column in crossing]
    powers = FR.powers(weight, len(crossing))
    combined = [party.commit_share_combination(crossing, weight) for party in joint.parties]
    for i in range(3):
        assert decode_points(combined[i][1:]) == decode_points(combined[(i + 1) % 3][:1])
    total = add_points(add_points(combined[0][:1], combined[1][:1]), combined[2][:1])
    assert (total == msm(encode_points(expected), powers)).all()
    assert not (total == msm(encode_points(expected), FR.powers(weight + 1, len(crossing)))).all()
    with pytest.raises(SizeMismatchError):
        joint.parties[0].commit_share_combination((), weight)
    with pytest.raises(ProtocolStateError):
        joint.parties[0].commit_share_combination((*crossing, 99), weight)
    parts = [p.commit_sums(rows[0], b[0]) for p, rows, b in zip(joint.parties, *joint.components)]
    assert decode_points(add_points(add_points(parts[0], parts[1]), parts[2])) == [proof.sums]


@pytest.mark.parametrize(("owners", "shared"), [({1: 0, 2: 0, 3: 1, 4: 1}, True), ({1: 0, 2: 0, 3: 0, 4: 1}, False)])
def test_m3_only_shared_values_go_without_their_opening(owners: dict[int, int], shared: bool) -> None:
    joint = Joint(two_tables_sample(3), owners)
    joint.sums()
    joint.commit()
    values = joint.values()
    for party in joint.parties:
        with pytest.raises(ProtocolStateError):
            party.skip_values_opening()
        party.absorb_values(values)
        if shared:
            party.skip_values_opening()
            assert len(party.remainder_part()) == 1
            continue
        with pytest.raises(ProtocolStateError, match="not shared"):
            party.skip_values_opening()
        with pytest.raises(ProtocolStateError):
            party.remainder_part()


@pytest.mark.parametrize("name", list(SPLITS))
def test_no_part_of_a_message_shows_what_it_hides(name: str) -> None:
    """Two runs over the same columns share no part: everything is masked, also what a contributor has no part of."""
    target, owners = SPLITS[name]
    traces = []
    for _ in range(2):
        joint = Joint(target, owners)
        joint.prove(1)
        traces.append({tuple(row) for parts in joint.trace.parts.values() for part in parts for row in part.tolist()})
    assert not traces[0] & traces[1]
    nothing = {tuple(row) for row in multiply_generator(FR.zeros(1)).tolist()}
    assert not nothing & (traces[0] | traces[1])


def bumped(place: int) -> object:
    def change(_: int, rows: Words) -> Words:
        out = rows.copy()
        out[place : place + 1] = FR.add(out[place : place + 1], FR.from_integers([1]))
        return out

    return change


@pytest.mark.parametrize("number", range(12))
def test_a_wrong_upload_proves_nothing(number: int) -> None:
    """Of a column, of a cell, before and after round 1."""
    target = two_groups_sample()
    honest = Joint(target, {1: 0, 2: 0, 3: 0, 4: 1, 5: 1})
    uploads = honest.parties[0].uploads
    assert len(uploads) == 12
    assert {upload.stage for upload in uploads} == {1, 2}
    assert {upload.codes is None for upload in uploads} == {True, False}

    def change(which: int, rows: Words) -> Words:
        return FR.add(rows, FR.from_integers([1])) if which == number else rows

    joint = Joint(target, {1: 0, 2: 0, 3: 0, 4: 1, 5: 1}, change)
    with pytest.raises(ZkError):
        joint.prove(1)
    assert not any("opening" in name for name in joint.trace.parts)


def test_a_wrong_mixed_column_proves_nothing() -> None:
    target = sample(three_way(), {i: [1] * 8 for i in (1, 2, 3, 4)})
    joint = Joint(target, {1: 0, 2: 1, 3: 2, 4: 2})
    party = joint.parties[1]
    real = party.mixed_part

    def lying(column: int) -> Words:
        return FR.add(real(column), FR.from_integers([1]))

    party.mixed_part = lying  # type: ignore[method-assign]
    with pytest.raises(ZkError):
        joint.prove(1)
    assert not any("opening" in name for name in joint.trace.parts)


def test_uploads_are_taken_once_at_their_stage_and_in_their_length() -> None:
    target = two_groups_sample()
    joint = Joint(target, {1: 0, 2: 0, 3: 0, 4: 1, 5: 1})
    party = joint.parties[2]
    first = next(upload for upload in party.uploads if upload.stage == 1)
    second = next(upload for upload in party.uploads if upload.stage == 2)
    rows = FR.zeros(first.length)
    for wrong in (FR.zeros(first.length - 1), FR.zeros(first.length + 1), FR.zeros(0)):
        with pytest.raises(SizeMismatchError):
            party.accept_upload(first.number, wrong, rows)
        with pytest.raises(SizeMismatchError):
            party.accept_upload(first.number, rows, wrong)
    for number in (-1, len(party.uploads)):
        with pytest.raises(SizeMismatchError):
            party.accept_upload(number, rows, rows)
    with pytest.raises(ProtocolStateError):
        party.accept_upload(second.number, FR.zeros(second.length), FR.zeros(second.length))
    with pytest.raises(ProtocolStateError):
        party.own_uploads(2)
    party.accept_upload(first.number, rows, rows)
    with pytest.raises(ProtocolStateError, match="before"):
        party.accept_upload(first.number, rows, rows)


def test_sums_without_their_uploads_are_refused() -> None:
    joint = Joint(two_groups_sample(), {1: 0, 2: 0, 3: 0, 4: 1, 5: 1})
    with pytest.raises(ProtocolStateError):
        joint.parties[0].sum_parts()


def random_joint(rng: Random, outside: int = 0) -> tuple[Sample, dict[int, int]]:
    """Two to four tables with a mask, values, sometimes ranges, hints, and a group; owners at random."""
    log_rows, tables = rng.choice((4, 5)), rng.randrange(2, 4)
    n = 1 << log_rows
    mask = [1] * 3 + [rng.randrange(2) for _ in range(n - 3)]
    registered, columns, owners, masks, values = [], {}, {}, [], []
    for table in range(tables):
        owner = rng.randrange(outside + 3)
        for kind, rows in (("mask", mask), ("value", [bit * rng.randrange(16) for bit in mask])):
            registered.append(boolean(table, 0) if kind == "mask" else integer(table, 1))
            index = len(registered)
            columns[index], owners[index] = rows, owner
            (masks if kind == "mask" else values).append(index)
    group = len(registered) + 1 if rng.random() < 0.6 else 0
    if group:
        registered.append(integer(0, 2))
        columns[group], owners[group] = [bit * rng.choice((1, 4)) for bit in mask], owners[1]
    width = len(registered)
    copies = {index: width + 1 + place for place, index in enumerate([*masks, *values])}
    forms = [[t(1, 0, index), t(-1, 0, copy)] for index, copy in copies.items()]
    witnesses = len(copies)
    product = width + witnesses + 1
    forms.append([t(rng.choice((1, 3)), copies[masks[0]], values[1]), t(2, 0, values[-1]), t(-1, 0, product)])
    witnesses += 1
    hints: tuple[Hint, ...] = ()
    lookups: list[list[Term]] = []
    if rng.random() < 0.6:
        lookups = [[t(1, 0, copies[index])] for index in values if rng.random() < 0.7] or [[t(1, 0, copies[values[0]])]]
        hints = (Hint(width + witnesses + 1, HintKind.NOT_NEGATIVE, (t(1, 0, values[0]), t(-5, 0, 0))),)
        witnesses += 1
        forms.append([t(1, width + witnesses, width + witnesses), t(-1, 0, width + witnesses)])
    one = 1 if lookups else 0
    inverse = width + witnesses + one + len(lookups) + one + 1
    opened = [*copies.values(), product, *(hint.column for hint in hints)]
    opened += [inverse] if group else []
    opened += [inverse + (1 if group else 0)] if lookups else []
    weight = inverse if group else 0
    sums = [[t(1, weight, masks[0])]]
    pairs = [(weight, index) for index in [*values, *masks[1:], product]] if group else [
        (copies[rng.choice(masks)], rng.choice(values)) for _ in range(3)
    ] + [(0, product), (copies[values[0]], values[-1])]
    sums += [[t(rng.choice((1, -1, 7)), *pair)] for pair in pairs]
    if group:
        sums.append([t(2, *pair) for pair in dict.fromkeys(pairs)])
    else:
        sums.append([t(k + 1, *pair) for k, pair in enumerate(dict.fromkeys(pairs))])
    sums = sums[: n // (2 if group else 1)]
    relation = relation_of(
        log_rows, tuple(registered), witnesses, tuple(sorted(opened)), forms, sums, (0,) * len(sums),
        hints=hints, table_bits=4 * one, lookups=lookups,
        groups=(Group((t(1, 0, group),), (1, 4)),) if group else (),
    )
    return sample(relation, columns), owners


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3))
def test_random_relations_of_random_owners(seed: int, outside: int) -> None:
    rng = Random(seed)
    target, owners = random_joint(rng, outside)
    assert holds(target.relation, target.columns)
    joint = proved(target, owners)
    alone = target.prove_all()
    assert list(alone.rows) == target.sums()
    target.verify(alone)
    assert len(joint.trace.parts) == 9


def test_plain_sums_are_no_joint_matter() -> None:
    from relations import plain_sample

    with pytest.raises(RelationInvalidError, match="M1"):
        Joint(plain_sample(), {1: 0, 2: 1})
    with pytest.raises(RelationInvalidError):
        Joint(plain_sample(), {1: 1, 2: 1})


def test_a_joint_proof_of_another_sample_does_not_verify() -> None:
    first, second = grouped_sample(1), grouped_sample(2)
    proof, _ = Joint(first, {1: 0, 2: 1, 3: 2}).prove(1)
    with pytest.raises(ProofRejectedError):
        second.verify(proof)


def test_a_constant_witness_belongs_to_somebody() -> None:
    """Defined by constants alone, it has no column to inherit an owner from."""
    relation = relation_of(
        3, (boolean(1, 0), boolean(2, 0)), 2, (3, 4), [[t(1, 0, 1), t(-1, 0, 3)], [t(5, 0, 0), t(-1, 0, 4)]],
        [[t(1, 0, 1)], [t(1, 4, 2)], [t(1, 3, 2)]], (0, 0, 0),
    )
    target = sample(relation, {1: [1] * 8, 2: [1, 0] * 4})
    assert target.sums() == [8, 20, 4]
    target.verify(target.prove_all())
    proved(target, {1: 1, 2: 2})
    assert column_owners(relation, {1: 1, 2: 2})[4] in (0, 1, 2)


def test_the_field_is_the_one_the_oracle_uses() -> None:
    assert FR.modulus == R
