"""What an alignment gives away, and attacks on it: union-size oracle, multiplicity watermark, row order (M10, M11)."""

from __future__ import annotations

import random
import secrets
from collections import Counter

import numpy as np
import pytest
from align_scene import FEW, align_lists, plan_of

from mpc import align as align_module
from mpc.dummies import DummyPlan
from mpc.errors import DuplicateIdentifierError
from mpc.tag_group import classes_of
from zk.field import FR

TARGET = 999_999


@pytest.fixture
def run(parties):
    """One alignment in a session of its own."""

    def run_once(lists, plan):
        trio = parties(FR, session=secrets.token_bytes(32))
        return trio.run(lambda engine: align_lists(engine, lists, plan))

    return run_once


def test_the_union_does_not_tell_whether_one_person_is_in_it(run):
    """The oracle of d7: a list of persons known to be absent, and the target. Without noise it is right every time."""
    absent = [10**7 + i for i in range(6)]
    others = list(range(1, 7))
    worlds = ([*others, TARGET], [*others, 888_888])
    noisy, few = DummyPlan(epsilon=0.3, delta=0.01), 16
    pairs = [[[*absent, TARGET], world] for world in worlds]
    seen = [[run(lists, plan_of(lists, dummies=noisy))[0].multiplicities[1] for _ in range(few)] for lists in pairs]
    threshold = np.median([*seen[0], *seen[1]])
    right = sum(value > threshold for value in seen[0]) + sum(value <= threshold for value in seen[1])
    assert right / (2 * few) < 0.85, f"right in {right} of {2 * few}"
    spread = max(seen[0]) - min(seen[0])
    assert spread > 1, "one world must explain what the other shows"


def test_what_dummies_hide_is_as_promised():
    """One party's noise alone: the two worlds differ by one pair; the best guess is right for at most e^ε/(1 + e^ε)."""
    plan, draws = DummyPlan(epsilon=0.5), 4000
    pairs = Counter(sum(count == 2 for count in Counter(plan.draw(2)).values()) for _ in range(draws))
    best = sum(max(pairs[value], pairs[value - 1]) for value in range(-1, 2 * plan.bound(2) + 2)) / (2 * draws)
    assert 0.5 < best < np.exp(0.5) / (1 + np.exp(0.5)) + 0.03


def test_a_list_with_repetitions_marks_nobody(parties):
    """The watermark of d7 recovered 40 of 40 memberships; now the list is refused before it meets another."""
    targets = [5, 6, 7]
    marked = [target for place, target in enumerate(targets) for _ in range(2 * (place + 1) + 2)]
    trio = parties(FR)
    for outcome in trio.outcomes(lambda engine: align_lists(engine, [marked, [6, 9]], plan_of([marked, [6, 9]]))):
        assert isinstance(outcome, DuplicateIdentifierError) and outcome.owner == 0


@pytest.mark.parametrize("inside", [True, False])
def test_dummies_mark_nobody(run, monkeypatch, inside):
    """A party enters a target's identifier as every one of its dummies: they are nobody's all the same."""
    lists = [[1, 2, 3], [3, TARGET if inside else 4]]
    plan = plan_of(lists)
    slots = plan.dummies.slots(2)
    monkeypatch.setattr(DummyPlan, "draw", lambda self, owners: [TARGET] * slots)
    multiplicities = run(lists, plan)[0].multiplicities
    assert multiplicities[slots - 1] == 3 and len(multiplicities) == slots
    assert multiplicities[:2] == (3, 1)


def test_rows_tell_an_owner_nothing_of_the_other_lists(run, monkeypatch):
    """Party 0 is an owner, too: it has its rows and saw which tags were equal. It cannot join the two.

    With rows by order of tags, it could: the person in row p is in as many lists as tag p was seen.
    """
    common, alone = list(range(1, 13)), list(range(101, 113))
    lists = [common + alone, common + list(range(201, 213))]
    plan, seen = plan_of(lists), []

    def note(tags, size):
        found = classes_of(tags, size)
        seen.append(found)
        return found

    monkeypatch.setattr(align_module, "classes_of", note)
    guessed_right = by_order = total = 0
    ranks = []
    for _ in range(25):
        rows = run(lists, plan)[0].own
        sizes = np.bincount(seen[-1])
        many = np.zeros(plan.rows, bool)
        many[: len(sizes)] = sizes == 2
        truth = np.arange(24) < 12
        guessed_right += (many[rows] == truth).sum()
        total += 24
        ranks.append(np.mean([x < y for x in rows[:12] for y in rows[12:]]))
        by_order += (sizes[seen[-1]] == 2).sum() > 0
    assert 0.38 < np.mean(ranks) < 0.62, "rows of members come no earlier"
    assert guessed_right / total < 0.62
    assert by_order == 25  # the number of equal tags itself is seen


def test_the_order_of_tags_is_what_a_simulator_draws(run, monkeypatch):
    """Given only the multiplicities, a simulator arranges them at random; what a party sees is distributed alike.

    Compared: how many of the repeated tags stand in the first half, for two inputs of equal leakage and the simulator.
    """
    inputs = [[[1, 2, 3, 4], [1, 2, 7, 8]], [[1, 2, 3, 4], [9, 8, 3, 4]]]
    plan, seen = plan_of(inputs[0], dummies=FEW), []

    def note(tags, size):
        found = classes_of(tags, size)
        if len(found) == plan.entries:
            seen.append(found)
        return found

    monkeypatch.setattr(align_module, "classes_of", note)

    def fraction(classes):
        repeated = np.bincount(classes)[classes] == 2
        return repeated[: len(repeated) // 2].sum() / max(repeated.sum(), 1)

    real = []
    for lists in inputs:
        seen.clear()
        for _ in range(40):
            run(lists, plan)
        real.append([fraction(classes) for classes in seen])
    arrange = random.Random(7)
    simulated = []
    for classes in seen:
        again = classes.tolist()
        arrange.shuffle(again)
        simulated.append(fraction(np.array(again)))
    for sample in (*real, simulated):
        assert 0.36 < np.mean(sample) < 0.64
        assert np.std(sample) > 0.05
