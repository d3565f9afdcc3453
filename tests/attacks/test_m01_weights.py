"""M1: an owner must not read another's column out of a sum by feeding weights: no sum is opened before its inputs are
bound to the registered columns and the proof of it has verified."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from joint_harness import no_history, run_session
from relations import plain_sample
from samples import R, Sample, two_tables_sample

from mpc.channel import LoopbackNetwork
from services.party.session import ContributionRejectedError, JointSession, SessionPlan
from services.party.session_columns import SessionColumns
from zk.errors import ProofRejectedError, RelationInvalidError
from zk.field import FR, Words
from zk.owners import column_owners
from zk.polynomial import blind, resize
from zk.prover import Contributor
from zk.statement import Rounds, Statement

SPLIT = {1: 0, 2: 0, 3: 1, 4: 1}
OPENING = ("guards/opened", "session/final")


def test_m1_sums_are_plain_only_where_the_relation_says_so() -> None:
    """Every other sum stands in a row of s; a statement has nothing else that a sum could be written into: the minimum
    is the policies' number, which the ledger's terms fix, and stands there only where guards are hidden."""
    names = ["relation", "domain", "subject", "commitments", "table", "minimum", "hash"]
    assert [f.name for f in dataclasses.fields(Statement)] == names
    sealed, plain = two_tables_sample(3), plain_sample()
    for given in (sealed, plain):
        with pytest.raises(RelationInvalidError, match="minimum"):
            dataclasses.replace(given.statement, minimum=3)
    assert (sealed.relation.plain, plain.relation.plain) == (False, True)
    with pytest.raises(RelationInvalidError):
        Rounds(sealed.statement, sealed.sums())
    with pytest.raises(RelationInvalidError):
        Rounds(plain.statement)
    with pytest.raises(ProofRejectedError, match="shape"):
        sealed.verify(dataclasses.replace(sealed.prove(), constants=tuple(sealed.sums())))


@pytest.mark.parametrize("split", [{1: 0, 2: 1}, {1: 1, 2: 0}, {1: 2, 2: 1}])
def test_m1_plain_sums_of_two_owners_are_proved_by_nobody(split: dict[int, int]) -> None:
    sample = plain_sample()
    owners = column_owners(sample.relation, split)
    for party in range(3):
        mine = {i: secret for i, secret in sample.secrets.items() if split[i] == party}
        with pytest.raises(RelationInvalidError, match="M1"):
            Contributor(sample.statement, sample.srs, party, owners, mine)


@pytest.mark.parametrize("party", [0, 1, 2])
def test_m1_a_session_does_not_prove_plain_sums_even_of_one_owner(party: int) -> None:
    """They would be in the statement before the proof of them has verified; their owner proves them alone."""
    sample = plain_sample()
    owners = column_owners(sample.relation, {1: 0, 2: 0})
    prover = Contributor(sample.statement, sample.srs, 0, owners, sample.secrets)
    network = LoopbackNetwork(3, b"\1" * 32, 1)
    plan = SessionPlan(sample.statement, owners, 3, b"\1" * 32, 1, sample.srs.tau_g2)
    with pytest.raises(RelationInvalidError, match="M1"):
        JointSession(plan, network.channels[party], prover, lambda: None, audit=no_history)


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


def weights(prover: Contributor, rows: int, stage: int) -> dict[int, Words]:
    """Powers of two on the rows in place of the boolean f: the guard Σ f·q would spell out q."""
    evil = blind(FR.from_integers([1 << i for i in range(rows)]), FR.random(1))
    return {number: resize(evil, rows + 3) for number in prover.own_uploads(stage)}


class Feeding:
    def __init__(self, prover: Contributor, rows: int) -> None:
        self._prover, self._rows = prover, rows

    def __getattr__(self, name: str) -> object:
        if name == "own_uploads":
            return lambda stage: weights(self._prover, self._rows, stage)
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


def test_m1_without_the_binding_the_guard_would_have_been_false_and_still_stays_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even parties that skip the comparison of uploads open nothing: the shares do not satisfy the committed forms."""

    class Trusting(SessionColumns):
        def _bind(self, tag: str, columns: Sequence[int], round_points: Words) -> None:
            mine = [self._prover.commit_shares(column) for column in columns]
            if mine:
                self._held.replicated_points(tag, mine, [f"column {column}" for column in columns])

    monkeypatch.setattr("services.party.session.SessionColumns", Trusting)
    sample = two_tables_sample(3)
    assert spelled(sample) >= 3
    outcome = run_session(sample, SPLIT, wrap=lambda p, c: Feeding(c, 8) if p == 0 else c)
    for party in (1, 2):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError | ProofRejectedError)
    assert not any(mark in tag for tag in outcome.tags(1, 2) for mark in OPENING)
