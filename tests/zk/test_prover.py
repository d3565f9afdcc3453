"""Provers: what they prove is what plain arithmetic says, in order, once, and without showing what they hold."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from forger import Forger
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import (
    R,
    Sample,
    known_srs,
    masked_sum,
    masked_sum_sample,
    random_sample,
    sample,
    scalars,
    two_tables_sample,
)

from zk.builder import RelationBuilder
from zk.columns import Column, cross_columns, witness_owners
from zk.errors import (
    ProofRejectedError,
    ProtocolStateError,
    RelationInvalidError,
    SizeMismatchError,
    WitnessUnsatisfiedError,
)
from zk.field import FR
from zk.proof import Proof
from zk.prover import Contributor, RegisteredSecret
from zk.relation import ColumnKind, RegisteredColumn
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
    release = 1 | public | rng.randrange(1 << count) | public << 64
    proof, sums = prove(target.srs, target.statement, target.secrets, release)
    expected = target.sums()
    assert sums == expected
    assert proof.rows == tuple(expected[row] for row in opened_rows(target.relation, release))
    verify_proof(target.srs.tau_g2, target.statement, proof)


@pytest.mark.parametrize("log_rows", [3, 4])
def test_it_agrees_with_an_independent_prover(log_rows: int) -> None:
    """Another prover's messages verify, and both show the same rows."""
    target = two_tables_sample(log_rows)
    release = 0b111 | 0b110 << 64
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
    assert (proof.witnesses, proof.values) == ((), ())
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
    with pytest.raises(ProtocolStateError, match="rows"):
        prove(target.srs, target.statement, target.secrets, 0)  # a proof that releases nothing is no record


def test_nothing_secret_is_shown_or_leaves_by_pickling() -> None:
    target = masked_sum_sample()
    secret = RegisteredSecret(FR.from_integers([987654321987654321] * 8), FR.from_integers([123123123]))
    contributor = lone(target)
    column = Column(secret.rows, (secret.rows, secret.rows))
    limbs = {str(word) for word in secret.rows.ravel().tolist()}
    for held in (secret, contributor, column):
        assert not any(limb in repr(held) for limb in limbs | {"987654321987654321", "123123123", "array"})
        for export in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(ProtocolStateError):
                export(held)


# --- order of steps (M4) -------------------------------------------------------------------------------------------


def lone(target: Sample) -> Contributor:
    owners = dict.fromkeys(range(1, target.relation.column_count + 1), 0)
    return Contributor(target.statement, target.srs, 0, owners, target.secrets)


NONE = FR.zeros(1)


def script(target: Sample, c: Contributor) -> list[tuple[str, Callable[[], Any]]]:
    """Every step of a proof by one contributor, in order; each uses what the ones before it left in `kept`."""
    kept: dict[str, Any] = {"masks": FR.zeros(target.relation.witness_count + 1)}
    shown = (target.sums()[0],)

    def keep(name: str, call: Callable[[], Any]) -> Callable[[], Any]:
        def step() -> Any:
            kept[name] = call()
            return kept[name]

        return step

    return [
        ("sum_parts", keep("sums", c.sum_parts)),
        ("accept_sums", lambda: c.accept_sums(kept["sums"], FR.random(1))),
        ("commit_witnesses", keep("witnesses", lambda: c.commit_witnesses(kept["masks"]))),
        ("absorb_witnesses", lambda: c.absorb_witnesses(kept["witnesses"])),
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
    point = np.concatenate([target.srs.powers[1:2]] * (target.relation.witness_count + 1))
    values = dict.fromkeys(target.relation.opened, 1)
    masks = FR.zeros(len(point))
    return {
        "sum_parts": c.sum_parts, "accept_sums": lambda: c.accept_sums(FR.zeros(3), NONE),
        "commit_witnesses": lambda: c.commit_witnesses(masks), "absorb_witnesses": lambda: c.absorb_witnesses(point),
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


def test_m4_every_step_out_of_order_is_refused_and_changes_nothing() -> None:
    target = masked_sum_sample()
    contributor = lone(target)
    steps = script(target, contributor)
    wrong = untimely(target, contributor)
    proof: Proof | None = None
    for place, (name, step) in enumerate(steps):
        reopening = {"opening_part"} if place + 2 >= len(steps) else set()  # refused too: see the test after this one
        for other in sorted(wrong.keys() - {name} - reopening):
            with pytest.raises(ProtocolStateError):
                wrong[other]()
        result = step()
        proof = result if isinstance(result, Proof) else proof
        for other in sorted(wrong.keys() - {following(steps, place), "row_opening_parts"} - reopening):
            with pytest.raises(ProtocolStateError):
                wrong[other]()
    assert proof is not None
    verify_proof(target.srs.tau_g2, target.statement, proof)


def test_m4_only_the_opening_is_made_twice_first_without_rows() -> None:
    target = masked_sum_sample()
    contributor = lone(target)
    steps = script(target, contributor)
    for _, step in steps[:15]:
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
        contributor.commit_witnesses(FR.zeros(1))


# --- who owns what -------------------------------------------------------------------------------------------------


def test_cross_columns_are_those_that_meet_another_owner() -> None:
    target = two_tables_sample(3)
    relation = target.relation
    alone = witness_owners(relation, dict.fromkeys(range(1, 5), 1))
    assert cross_columns(relation, alone) == ()
    split = witness_owners(relation, {1: 0, 2: 0, 3: 2, 4: 2})
    assert set(split.values()) == {0, 2}
    crossing = cross_columns(relation, split)
    assert {3, 4} <= set(crossing)
    assert set(crossing) - {3, 4} <= set(relation.witness_indices())
    assert 2 not in crossing  # x meets only the hospital's own columns


def test_a_witness_of_several_owners_is_refused() -> None:
    relation = two_tables_sample(3).relation
    with pytest.raises(RelationInvalidError, match="mixes"):
        witness_owners(relation, {1: 0, 2: 1, 3: 2, 4: 2})


def test_shares_of_a_column_that_is_not_shared_are_refused() -> None:
    contributor = lone(masked_sum_sample())
    with pytest.raises(SizeMismatchError):
        contributor.accept_shares(1, FR.zeros(11), FR.zeros(11))


def test_sums_of_extreme_values_wrap_nowhere_but_modulo_r() -> None:
    relation = masked_sum(3)
    target = sample(relation, {1: [1] * 8, 2: [R - 1] * 8, 3: [2**62] * 8})
    proof = target.prove(0b111 | 0b111 << 64)
    assert proof.rows == (8, R - 8, R - 8 * 2**62)
    verify_proof(target.srs.tau_g2, target.statement, proof)
