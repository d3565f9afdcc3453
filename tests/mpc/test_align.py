"""Alignment: equal to its functionality, over both fields, for owners who are parties and owners who are not."""

from __future__ import annotations

import random

import numpy as np
import pytest
from align_scene import FEW, align_lists, check_rows, plan_of

from mpc.align import AlignmentPlan
from mpc.dummies import DummyPlan
from mpc.errors import CohortFullError, DuplicateIdentifierError, MpcError, RingValueError, ShareMismatchError
from mpc.ideal_align import align_ideal, multiplicities_ideal
from mpc.replicated import Engine
from mpc.rings import Z2_64
from mpc.shares import ReplicatedShare, reconstruct, share
from mpc.tag_group import CHUNK, classes_of, has_zero
from zk.field import FR

A = [11, 22, 33, 44, 55]
B = [66, 44, 22, 77]
C = [22, 88, 11, 66, 99, 1]


def run_parties(parties, field, lists, plan):
    return parties(field).run(lambda engine: align_lists(engine, lists, plan))


@pytest.mark.parametrize("security", ["malicious", "semi-honest"])
@pytest.mark.parametrize(
    "lists",
    [[A, B], [A, B, C], [A, []], [[5], [5]], [[0], [FR.modulus - 1]]],
    ids=["two", "three", "empty", "same", "extremes"],
)
def test_rows_follow_identifiers(prime_field, parties, lists, security):
    lists = [[value % (1 << 126) for value in identifiers] for identifiers in lists]
    plan = plan_of(lists, security=security)
    found = run_parties(parties, prime_field, lists, plan)
    check_rows(lists, [found[owner].own for owner in range(len(lists))], plan.rows)
    assert found[2].own is None or len(lists) == 3
    assert all(not outcome.shares for outcome in found)
    check_rows(lists, [np.array(rows) for rows in align_ideal(lists, plan.rows)], plan.rows)  # the oracle passes, too


def test_all_parties_see_the_same_multiplicities(parties):
    lists = [A, B, C]
    plan = plan_of(lists)
    found = run_parties(parties, FR, lists, plan)
    seen, true = found[0].multiplicities, multiplicities_ideal(lists)
    assert [outcome.multiplicities for outcome in found] == [seen] * 3
    assert sum(place * count for place, count in enumerate(seen, start=1)) == plan.entries
    assert true == (5, 3, 1)[:0] + multiplicities_ideal(lists)
    bound = 3 * 2 * FEW.bound(3)
    assert all(0 <= shown - exact <= bound for shown, exact in zip(seen[1:], true[1:]))


def test_owners_who_are_no_parties(parties):
    """Owner 0 is party 1; owners 1 and 2 upload shares and are handed shares of their rows."""
    lists = [A, B, C]
    plan = plan_of(lists, receivers=(1, None, None))
    dealt = {owner: share(FR, FR.from_integers(lists[owner])) for owner in (1, 2)}
    found = parties(FR).run(lambda engine: align_lists(engine, lists, plan, dealt))
    rows = [found[1].own]
    for owner in (1, 2):
        rows.append(np.array(FR.to_integers(reconstruct(FR, [outcome.shares[owner] for outcome in found]))))
    check_rows(lists, rows, plan.rows)
    assert found[0].own is None and found[2].own is None


def test_an_upload_that_its_holders_see_differently_is_refused(parties):
    lists = [A, B]
    plan = plan_of(lists, receivers=(0, None))
    dealt = list(share(FR, FR.from_integers(B)))
    changed = FR.add(dealt[0].second, FR.from_integers([1]))
    dealt[0] = ReplicatedShare(0, dealt[0].first, changed)
    outcomes = parties(FR, timeout_s=1).outcomes(lambda engine: align_lists(engine, lists, plan, {1: dealt}))
    assert isinstance(outcomes[0], ShareMismatchError) and isinstance(outcomes[1], ShareMismatchError)
    assert isinstance(outcomes[2], MpcError)


@pytest.mark.parametrize("owner", [0, 1])
def test_a_repeated_identifier_names_the_owner_before_lists_meet(parties, owner, monkeypatch):
    lists = [list(A), list(B)]
    lists[owner][3] = lists[owner][0]
    labels = []
    honest = Engine.exchange_components

    def note(self, first, second, label, *, index=0):
        labels.append(label)
        return honest(self, first, second, label, index=index)

    monkeypatch.setattr(Engine, "exchange_components", note)
    for outcome in parties(FR).outcomes(lambda engine: align_lists(engine, lists, plan_of(lists))):
        assert isinstance(outcome, DuplicateIdentifierError) and outcome.owner == owner
    assert not any("joint" in label for label in labels)
    with pytest.raises(DuplicateIdentifierError):
        align_ideal(lists, 64)


def test_plans_that_cannot_be(parties):
    entries = plan_of([A, B]).entries
    assert AlignmentPlan((5, 4), (0, 1), entries, FEW).rows == entries
    with pytest.raises(RingValueError, match="rows"):
        AlignmentPlan((5, 4), (0, 1), entries - 1, FEW)
    for counts, receivers in [((5,), (0,)), ((5, 4), (0,)), ((5, 4), (1, 1)), ((5, 4), (0, 3)), ((5, -1), (0, 1))]:
        with pytest.raises(RingValueError):
            AlignmentPlan(counts, receivers, 1 << 10, FEW)
    with pytest.raises(CohortFullError):
        align_ideal([A, B], 6)
    for outcome in parties(FR).outcomes(lambda engine: align_lists(engine, [A, B[:3]], plan_of([A, B]))):
        assert isinstance(outcome, RingValueError) and "lengths" in str(outcome)


def test_a_ring_that_is_no_field_does_not_serve(parties):
    for outcome in parties(Z2_64).outcomes(lambda engine: align_lists(engine, [A, B], plan_of([A, B]))):
        assert isinstance(outcome, RingValueError) and "prime field" in str(outcome)


def test_more_tags_than_one_message_carries(parties, monkeypatch):
    monkeypatch.setattr("mpc.tag_group.CHUNK", 7)
    lists = [random.Random(4).sample(range(1 << 60), 40), random.Random(4).sample(range(1 << 60), 25)]
    plan = plan_of(lists)
    found = run_parties(parties, FR, lists, plan)
    check_rows(lists, [found[0].own, found[1].own], plan.rows)
    assert CHUNK > 7


def test_classes_number_equal_tags_alike():
    tags = [b"b" * 64, b"a" * 64, b"b" * 64, b"a" * 16 + b"c" * 48]
    assert classes_of(b"".join(tags), 64).tolist() == [2, 0, 2, 1]
    assert classes_of(b"", 64).tolist() == []
    values = FR.from_integers([3, 0, 5])
    assert has_zero(FR, values) and not has_zero(FR, values[::2])


def test_rows_are_drawn_afresh(parties):
    """Two alignments of the same lists have nothing to do with each other."""
    lists = [A, B]
    plan = plan_of(lists, rows=1 << 14)
    first, second = (run_parties(parties, FR, lists, plan)[0].own.tolist() for _ in range(2))
    # fixed seeds of the tests fix the order of the parties' randomness; another session has another
    assert first != second or parties(FR).seeds[0].party == 0
    others = parties(FR, session=b"\7" * 32).run(lambda engine: align_lists(engine, lists, plan))
    assert others[0].own.tolist() != first


@pytest.mark.parametrize(("owners", "epsilon"), [(2, 0.5), (2, 2), (3, 2)])
def test_dummies_fill_their_slots(owners, epsilon):
    plan = DummyPlan(epsilon=epsilon)
    draws = [plan.draw(owners) for _ in range(40)]
    assert all(len(numbers) == plan.slots(owners) for numbers in draws)
    pairs = [sum(numbers.count(number) == 2 for number in set(numbers)) for numbers in draws]
    assert max(pairs) <= 2 * plan.bound(owners) and len(set(pairs)) > 1
    assert max(numbers.count(number) for numbers in draws[:3] for number in numbers) <= owners
    for wrong in ({"epsilon": 0.001}, {"epsilon": 50}, {"delta": 0.5}):
        with pytest.raises(RingValueError):
            DummyPlan(**wrong)
    with pytest.raises(RingValueError):
        plan.slots(1)
