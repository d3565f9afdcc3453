"""Provers: what they prove is what plain arithmetic says, in order, once, and without showing what they hold."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from random import Random
from typing import Any

import numpy as np
import pytest
from forger import Forger
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import holds
from relations import ALL_KINDS, everything_sample, plain_sample, ranged_sample
from samples import (
    R,
    Sample,
    boolean,
    integer,
    known_srs,
    masked_sum,
    masked_sum_sample,
    random_sample,
    release_word,
    sample,
    scalars,
    two_tables_sample,
)

from zk.builder import RelationBuilder
from zk.columns import Column
from zk.errors import (
    ProofRejectedError,
    ProtocolStateError,
    RelationInvalidError,
    SizeMismatchError,
    WitnessUnsatisfiedError,
)
from zk.field import FR
from zk.forms import Hint, HintKind, Term
from zk.owners import EVERYBODY, NOBODY, column_owners, crossing_columns
from zk.proof import Proof
from zk.prover import Contributor, RegisteredSecret
from zk.relation import ColumnKind, RegisteredColumn, relation_of
from zk.single import prove
from zk.statement import opened_rows
from zk.verifier import verify_proof

ALL_RELEASED = (1 << 6) - 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 5), st.integers(1, 3))
def test_random_statements_prove_what_plain_arithmetic_says(seed: int, log_rows: int, datasets: int) -> None:
    rng = Random(seed)
    target = random_sample(rng, log_rows, datasets)
    count = len(target.relation.sum_forms)
    public = rng.randrange(1 << count)
    release = release_word(1 | public | rng.randrange(1 << count), public)
    proof, sums = prove(target.srs, target.statement, target.secrets, release)
    expected = target.sums()
    assert sums == expected
    assert proof.rows == tuple(expected[row] for row in opened_rows(target.relation, release))
    target.verify(proof)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", list(ALL_KINDS))
def test_every_kind_of_relation_proves_what_plain_arithmetic_says(kind: str, seed: int) -> None:
    target = ALL_KINDS[kind](seed)
    assert holds(target.relation, target.columns)
    proof = target.prove_all()
    assert list(proof.constants or proof.rows) == target.sums()
    target.verify(proof)
    forged = Forger(target, proof.release).prove()
    target.verify(forged)
    assert (forged.constants, forged.rows) == (proof.constants, proof.rows)


@pytest.mark.parametrize("log_rows", [3, 4])
def test_it_agrees_with_an_independent_prover(log_rows: int) -> None:
    """Another prover's messages verify, and both show the same rows."""
    target = two_tables_sample(log_rows)
    release = release_word(0b111, 0b110)
    forged, real = Forger(target, release).prove(), target.prove(release)
    verify_proof(target.srs.tau_g2, target.statement, forged)
    assert forged.rows == real.rows


def test_statements_without_any_opened_column() -> None:
    builder = RelationBuilder(3)
    handle = builder.registered(RegisteredColumn(1, 1, 0, ColumnKind.BOOLEAN))
    builder.sum([(1, 0, handle)])
    target = sample(builder.build(), {1: [1, 0, 1, 1, 0, 0, 0, 0]})
    proof = target.prove()
    assert proof.rows == (3,)
    assert (proof.round1, proof.round2, proof.values) == ((), (), ())
    verify_proof(target.srs.tau_g2, target.statement, proof)


def test_a_larger_reference_string_serves_smaller_relations() -> None:
    relation = masked_sum(3)
    target = sample(relation, masked_sum_sample().columns, known_srs(5))
    verify_proof(target.srs.tau_g2, target.statement, target.prove())


def test_two_proofs_of_one_statement_share_no_element() -> None:
    target = masked_sum_sample()
    first, second = target.prove(), target.prove()
    public = {first.release, *first.rows}  # the released guard is the same number, and nothing else is
    ours, theirs = set(first.words()) - public, set(second.words()) - public
    assert len(ours) == len(first.words()) - 2
    assert not ours & theirs


def test_rows_that_break_the_relation_are_not_proved() -> None:
    builder = RelationBuilder(3)
    b = builder.registered(RegisteredColumn(1, 1, 0, ColumnKind.BOOLEAN))
    builder.sum([(1, 0, b)])
    builder.vanish([(1, b, b), (-1, 0, b)])
    relation = builder.build()
    sample(relation, {1: [0, 1] * 4}).prove()
    with pytest.raises(WitnessUnsatisfiedError) as caught:
        sample(relation, {1: [0, 1] * 3 + [0, 2]}).prove()
    assert str(caught.value) == "the columns do not satisfy the relation"


def test_a_column_other_than_the_registered_one_is_not_proved_to_a_verifier() -> None:
    target = masked_sum_sample()
    other = {**target.secrets, 2: scalars([5] * 8)}
    proof, _ = prove(target.srs, target.statement, other, 1)
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_proof(target.srs.tau_g2, target.statement, proof)


def test_arguments_that_do_not_fit() -> None:
    target = masked_sum_sample()
    with pytest.raises(SizeMismatchError, match="SRS"):
        prove(known_srs(2), target.statement, target.secrets, 1)
    with pytest.raises(RelationInvalidError, match="secrets"):
        prove(target.srs, target.statement, {1: target.secrets[1]}, 1)
    short = {**target.secrets, 2: RegisteredSecret(target.secrets[2].rows[:4], target.secrets[2].blinder)}
    with pytest.raises(SizeMismatchError):
        prove(target.srs, target.statement, short, 1)
    with pytest.raises(RelationInvalidError, match="release"):
        prove(target.srs, target.statement, target.secrets, 1 << 3)
    with pytest.raises(ProtocolStateError, match="nothing"):
        prove(target.srs, target.statement, target.secrets, 0)  # a proof that releases nothing is no record


def test_nothing_secret_is_shown_or_leaves_by_pickling() -> None:
    target = masked_sum_sample()
    secret = RegisteredSecret(FR.from_integers([987654321987654321] * 8), FR.from_integers([123123123]))
    contributor = lone(target)
    column = Column(secret.rows, (secret.rows, secret.rows))
    limbs = {str(word) for word in secret.rows.ravel().tolist()}
    for held in (secret, contributor, column, column.mapped(lambda rows: rows)):
        assert not any(limb in repr(held) for limb in limbs | {"987654321987654321", "123123123", "array"})
        for export in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(ProtocolStateError):
                export(held)


# --- order of steps (M4) -------------------------------------------------------------------------------------------


def lone(target: Sample) -> Contributor:
    owners = column_owners(target.relation, dict.fromkeys(range(1, len(target.relation.registered) + 1), 0))
    return Contributor(target.statement, target.srs, 0, owners, target.secrets)


NONE = FR.zeros(1)


def script(target: Sample, c: Contributor) -> list[tuple[str, Callable[[], Any]]]:
    """Every step of a proof by one contributor, in order; each uses what the ones before it left in `kept`."""
    relation = target.relation
    kept: dict[str, Any] = {}
    shown = (target.sums()[0],)

    def keep(name: str, call: Callable[[], Any]) -> Callable[[], Any]:
        def step() -> Any:
            kept[name] = call()
            return kept[name]

        return step

    return [
        ("sum_parts", keep("sums", c.sum_parts)),
        ("accept_sums", lambda: c.accept_sums(kept["sums"], FR.random(1))),
        ("commit_round1", keep("round1", lambda: c.commit_round1(FR.zeros(relation.round1_count + 1)))),
        ("absorb_round1", lambda: c.absorb_round1(kept["round1"])),
        ("commit_round2", keep("round2", lambda: c.commit_round2(FR.zeros(relation.round2_count)))),
        ("absorb_round2", lambda: c.absorb_round2(kept["round2"])),
        ("commit_accumulator", keep("accumulator", lambda: c.commit_accumulator(NONE))),
        ("absorb_accumulator", lambda: c.absorb_accumulator(kept["accumulator"])),
        ("commit_quotient", keep("quotient", lambda: c.commit_quotient(NONE))),
        ("absorb_quotient", lambda: c.absorb_quotient(kept["quotient"])),
        ("own_values", keep("values", c.own_values)),
        ("share_values", c.share_values),
        ("absorb_values", lambda: c.absorb_values(kept["values"])),
        ("values_opening", keep("batch", lambda: c.values_opening(5, NONE))),
        ("remainder_part", c.remainder_part),
        ("shifted_part", keep("shifted", lambda: c.shifted_part(NONE))),
        ("absorb_shifted", lambda: c.absorb_shifted(kept["shifted"])),
        ("opening_part", keep("w0", lambda: c.opening_part(0, (), NONE))),
        ("absorb_opening", lambda: c.absorb_opening(0, (), kept["w0"])),
        ("final_part", keep("v0", lambda: c.final_part(NONE))),
        ("finish", lambda: c.finish(kept["v0"])),
        ("opening_part", keep("w", lambda: c.opening_part(1, shown, NONE))),
        ("absorb_opening", lambda: c.absorb_opening(1, shown, kept["w"])),
        ("final_part", keep("v", lambda: c.final_part(NONE))),
        ("finish", keep("proof", lambda: c.finish(kept["v"]))),
        ("row_opening_parts", lambda: c.row_opening_parts([0], NONE, NONE)),
    ]


def untimely(target: Sample, c: Contributor) -> dict[str, Callable[[], Any]]:
    """Every step with well-formed arguments of its own, for calling at the wrong time."""
    relation = target.relation
    point = np.concatenate([target.srs.powers[1:2]] * (relation.round1_count + 1))
    second = np.concatenate([target.srs.powers[1:2]] * (relation.round2_count + 1))[1:]
    values = dict.fromkeys(relation.opened, 1)
    masks, few = FR.zeros(len(point)), FR.zeros(relation.round2_count)
    return {
        "sum_parts": c.sum_parts, "accept_sums": lambda: c.accept_sums(FR.zeros(relation.sum_rows), NONE),
        "publish_sums": lambda: c.publish_sums([0] * relation.sum_rows),
        "commit_round1": lambda: c.commit_round1(masks), "absorb_round1": lambda: c.absorb_round1(point),
        "commit_round2": lambda: c.commit_round2(few), "absorb_round2": lambda: c.absorb_round2(second),
        "commit_accumulator": lambda: c.commit_accumulator(NONE),
        "absorb_accumulator": lambda: c.absorb_accumulator(point[:1]),
        "commit_quotient": lambda: c.commit_quotient(NONE), "absorb_quotient": lambda: c.absorb_quotient(point[:1]),
        "own_values": c.own_values, "share_values": c.share_values, "absorb_values": lambda: c.absorb_values(values),
        "values_opening": lambda: c.values_opening(6, NONE), "remainder_part": c.remainder_part,
        "shifted_part": lambda: c.shifted_part(NONE), "absorb_shifted": lambda: c.absorb_shifted(NONE),
        "opening_part": lambda: c.opening_part(0, (), NONE),
        "absorb_opening": lambda: c.absorb_opening(0, (), point[:1]), "final_part": lambda: c.final_part(NONE),
        "finish": lambda: c.finish(point[:1]), "row_opening_parts": lambda: c.row_opening_parts([0], NONE, NONE),
    }


def following(steps: list[tuple[str, Callable[[], Any]]], place: int) -> str:
    return steps[place + 1][0] if place + 1 < len(steps) else ""


@pytest.mark.parametrize("make", [masked_sum_sample, everything_sample])
def test_m4_every_step_out_of_order_is_refused_and_changes_nothing(make: Callable[[], Sample]) -> None:
    target = make()
    contributor = lone(target)
    steps = script(target, contributor)
    wrong = untimely(target, contributor)
    proof: Proof | None = None
    for place, (name, step) in enumerate(steps):
        reopening = {"opening_part"} if place + 2 >= len(steps) else set()  # refused too: see the test after this one
        sums = {"accept_sums", "publish_sums"} if name == "accept_sums" else set()  # the other one ends it: see below
        for other in sorted(wrong.keys() - {name} - reopening - sums):
            with pytest.raises(ProtocolStateError):
                wrong[other]()
        result = step()
        proof = result if isinstance(result, Proof) else proof
        follows = following(steps, place)
        sums = {"publish_sums"} if follows == "accept_sums" else set()
        for other in sorted(wrong.keys() - {follows, "row_opening_parts"} - reopening - sums):
            with pytest.raises(ProtocolStateError):
                wrong[other]()
    assert proof is not None
    target.verify(proof)


def test_m1_sums_are_sealed_or_plain_as_the_relation_says() -> None:
    sealed, plain = lone(masked_sum_sample()), lone(plain_sample())
    sums = FR.to_integers(sealed.sum_parts())
    plain.sum_parts()
    with pytest.raises(ProtocolStateError, match="sealed"):
        sealed.publish_sums(sums)
    with pytest.raises(ProtocolStateError, match="plain"):
        plain.accept_sums(FR.zeros(2), NONE)
    for ended in (sealed, plain):
        with pytest.raises(ProtocolStateError):
            ended.commit_round1(FR.zeros(1))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_m1_plain_sums_of_another_number_are_refused(count: int) -> None:
    plain = lone(plain_sample())
    plain.sum_parts()
    with pytest.raises(RelationInvalidError):
        plain.publish_sums([1] * count)


def test_m1_plain_sums_need_every_column() -> None:
    """Whoever holds only some of the columns does not take part."""
    target = plain_sample()
    owners = column_owners(target.relation, {1: 0, 2: 1})
    for party in range(3):
        mine = {i: secret for i, secret in target.secrets.items() if owners[i] == party}
        with pytest.raises(RelationInvalidError, match="M1"):
            Contributor(target.statement, target.srs, party, owners, mine)


def test_m4_only_the_opening_is_made_twice_first_without_rows() -> None:
    target = masked_sum_sample()
    contributor = lone(target)
    steps = script(target, contributor)
    for _, step in steps[: [name for name, _ in steps].index("opening_part")]:
        step()
    with pytest.raises(ProtocolStateError, match="without rows first"):
        contributor.opening_part(1, (target.sums()[0],), NONE)
    finished = lone(target)
    for _, step in script(target, finished):
        step()
    with pytest.raises(ProtocolStateError):
        finished.opening_part(1, (target.sums()[0],), NONE)


def test_masks_of_the_wrong_number_are_refused() -> None:
    target = masked_sum_sample()
    contributor = lone(target)
    contributor.accept_sums(contributor.sum_parts(), FR.random(1))
    with pytest.raises(SizeMismatchError, match="masks"):
        contributor.commit_round1(FR.zeros(1))


# --- who owns what -------------------------------------------------------------------------------------------------


def test_cross_columns_are_those_that_meet_another_owner() -> None:
    target = two_tables_sample(3)
    relation = target.relation
    alone = column_owners(relation, dict.fromkeys(range(1, 5), 1))
    assert crossing_columns(relation, alone) == ()
    split = column_owners(relation, {1: 0, 2: 0, 3: 2, 4: 2})
    assert set(split.values()) == {0, 2}
    crossing = crossing_columns(relation, split)
    assert {3, 4} <= set(crossing)
    assert set(crossing) - {3, 4} <= set(relation.witness_indices())
    assert 2 not in crossing  # x meets only the hospital's own columns


@pytest.mark.parametrize(("kind", "owners", "fits"), [
    ("ranged", {1: 0, 2: 0, 3: 0}, True), ("ranged", {1: 0, 2: 1, 3: 2}, True),
    ("grouped", {1: 0, 2: 1, 3: 2}, True), ("two groups", {1: 0, 2: 0, 3: 1, 4: 2, 5: 2}, False),
    ("everything", {1: 0, 2: 0, 3: 1, 4: 0}, True), ("everything", {1: 0, 2: 0, 3: 1, 4: 2}, False),
])
def test_what_one_owner_must_hold_alone(kind: str, owners: dict[int, int], fits: bool) -> None:
    """A product of round 2 has one owner; other factors may be anybody's."""
    relation = ALL_KINDS[kind]().relation
    with nullcontext() if fits else pytest.raises(RelationInvalidError, match="mixes the columns of several owners"):
        column_owners(relation, owners)


def test_a_hint_or_a_lookup_over_columns_of_two_owners_is_refused() -> None:
    forms = [[Term(1, 0, 1), Term(-1, 0, 4)]]
    for hints, lookups in (
        ((Hint(5, HintKind.IS_ZERO, (Term(1, 0, 2), Term(1, 0, 3))),), [[Term(1, 0, 2)]]),
        ((Hint(5, HintKind.IS_ZERO, (Term(1, 0, 2),)),), [[Term(1, 0, 2), Term(1, 0, 3)]]),
    ):
        relation = relation_of(
            4, (boolean(1, 0), integer(1, 1), integer(2, 1)), 2, (4, 5, 7, 9), forms,
            [[Term(1, 0, 1)], [Term(1, 0, 3)], [Term(1, 0, 5)]], (0, 0, 0), hints=hints, table_bits=2, lookups=lookups,
        )
        column_owners(relation, {1: 0, 2: 0, 3: 0})
        with pytest.raises(RelationInvalidError, match="mixes"):
            column_owners(relation, {1: 0, 2: 0, 3: 1})


def test_a_witness_of_several_owners_is_nobodys() -> None:
    relation = two_tables_sample(3).relation
    owners = column_owners(relation, {1: 0, 2: 1, 3: 2, 4: 2})
    mixed = {column for column, owner in owners.items() if owner == NOBODY}
    assert mixed
    assert mixed <= set(crossing_columns(relation, owners))
    assert column_owners(ranged_sample().relation, {1: 0, 2: 1, 3: 2})[6] == EVERYBODY


def test_uploads_of_a_proof_nobody_joins_are_refused() -> None:
    contributor = lone(masked_sum_sample())
    assert contributor.uploads == ()
    assert contributor.own_uploads(1) == {}
    for number in (0, -1, 7):
        with pytest.raises(SizeMismatchError):
            contributor.accept_upload(number, FR.zeros(11), FR.zeros(11))
    with pytest.raises(SizeMismatchError):
        contributor.accept_mixed(4, (FR.zeros(8), FR.zeros(8)), (FR.zeros(2), FR.zeros(2)))
    for stage in (0, 2, 3):
        with pytest.raises(ProtocolStateError):
            contributor.own_uploads(stage)


def test_sums_of_extreme_values_wrap_nowhere_but_modulo_r() -> None:
    relation = masked_sum(3)
    target = sample(relation, {1: [1] * 8, 2: [R - 1] * 8, 3: [2**62] * 8})
    proof = target.prove(release_word(0b111, 0b111))
    assert proof.rows == (8, R - 8, R - 8 * 2**62)
    verify_proof(target.srs.tau_g2, target.statement, proof)
