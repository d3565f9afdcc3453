"""M1: an owner must not read another's column out of a sum by feeding weights: no sum is opened before its inputs are
bound to the registered columns and the proof of it has verified."""

from __future__ import annotations

import dataclasses

import pytest
from joint_harness import run_session
from samples import R, Sample, two_tables_sample

from services.party.session import ContributionRejectedError, JointSession
from zk.field import FR, Words
from zk.polynomial import blind, resize
from zk.proof import Proof
from zk.prover import Contributor
from zk.relation import Relation
from zk.statement import Statement

SPLIT = {1: 0, 2: 0, 3: 1, 4: 1}
OPENING = ("guards/opened", "session/final")


def test_m1_the_language_has_no_plain_public_sums() -> None:
    """Every sum stands in a row of s; a statement has nothing else that a sum could be written into."""
    assert [f.name for f in dataclasses.fields(Statement)] == ["relation", "domain", "subject", "commitments", "hash"]
    assert [f.name for f in dataclasses.fields(Relation)] == [
        "log_rows", "registered", "witness_count", "opened", "zero_forms", "sum_forms", "guards",
    ]
    assert "sums" in {f.name for f in dataclasses.fields(Proof)}


@pytest.mark.parametrize("owners", [SPLIT, {1: 2, 2: 2, 3: 2, 4: 2}])
def test_m1_no_sum_leaves_before_the_proof_has_verified(owners: dict[int, int]) -> None:
    """Neither a sum, nor a plain column or its sum of values, stands in any message before the guards are opened."""
    sample = two_tables_sample(3)
    outcome = run_session(sample, owners)
    order = [(sender, tag) for sender, _, tag, _ in outcome.messages]
    numbers = {*sample.sums(), *(R - s for s in sample.sums()), *(v for c in sample.columns.values() for v in c)}
    words = {number.to_bytes(32, "big") for number in numbers if number > 9}
    for sender, _, tag, payload in outcome.messages:
        assert not any(word in payload for word in words), tag
        if any(mark in tag for mark in OPENING):
            mine = [name for party, name in order if party == sender]
            assert mine.index("session/first/final") < mine.index("session/bind") < mine.index(tag)


def weights(prover: Contributor, rows: int) -> dict[int, Words]:
    """Powers of two on the rows in place of the boolean f: the guard Σ f·q would spell out q."""
    found = dict(prover.shared_polynomials())
    evil = blind(FR.from_integers([1 << i for i in range(rows)]), FR.random(1))
    return {i: resize(evil, rows + 3) for i in found}


class Feeding:
    def __init__(self, prover: Contributor, rows: int) -> None:
        self._prover, self._rows = prover, rows

    def __getattr__(self, name: str) -> object:
        if name == "shared_polynomials":
            return lambda: weights(self._prover, self._rows)
        return getattr(self._prover, name)


def spelled(sample: Sample) -> int:
    return sum(q << i for i, q in enumerate(sample.columns[3]))


def test_m1_weights_in_place_of_a_registered_boolean_are_named_before_anything_is_opened() -> None:
    sample = two_tables_sample(3)
    outcome = run_session(sample, SPLIT, wrap=lambda p, c: Feeding(c, 8) if p == 0 else c)
    for party in (1, 2):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert 0 in error.suspects
    closed = (*OPENING, "values", "shifted", "remainder/opened", "masked")
    assert not any(mark in tag for tag in outcome.tags(1, 2) for mark in closed)


def test_m1_without_the_binding_the_guard_would_have_been_false_and_still_stays_closed() -> None:
    """Even parties that skip the comparison of uploads open nothing: the shares do not satisfy the committed forms."""

    class Trusting(JointSession):
        def _bind_uploads(self) -> None:
            for column in self._prover.cross_columns:
                self._replicated_points(f"upload/{column}", self._prover.commit_shares(column))

    sample = two_tables_sample(3)
    assert spelled(sample) >= 3
    outcome = run_session(sample, SPLIT, wrap=lambda p, c: Feeding(c, 8) if p == 0 else c, session=lambda p: Trusting)
    for party in (1, 2):
        assert isinstance(outcome.results[party], Exception)
    assert not any(mark in tag for tag in outcome.tags(1, 2) for mark in OPENING)
