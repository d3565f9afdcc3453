"""What an alignment with owners outside the three gives away: to parties no more than before, to these owners their
rows and the multiplicities (M10). Two owners outside, one inside; worlds that differ in who is in whose list."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from align_scene import FEW, check_rows, plan_of
from known_inputs import MERSENNE
from outside_align_scene import run_alignment
from test_uniformity import THRESHOLD, chi_square

from mpc import align as align_module
from mpc.dummies import DummyPlan
from mpc.ideal_align import align_ideal, multiplicities_ideal
from mpc.tag_group import classes_of
from zk.field import FR

NUMBERS = (3, 1, 4)
LITTLE = DummyPlan(epsilon=20, delta=0.01)

EQUAL = [
    [[1, 2, 3, 4], [1, 2, 7, 8], [1, 9, 10, 7]],
    [[1, 2, 3, 4], [5, 3, 4, 8], [5, 3, 10, 11]],
]
"""Two worlds of the same multiplicities, in which other persons are in other lists."""
OTHER = [[1, 2, 3, 4], [5, 3, 7, 8], [5, 2, 10, 7]]
"""Lists of the same lengths and other multiplicities."""


def plan_for(lists, numbers=NUMBERS, dummies=LITTLE, rows=None):
    receivers = tuple(number if number < 3 else None for number in numbers)
    return plan_of(lists, receivers=receivers, dummies=dummies, rows=rows)


def test_the_worlds_are_what_they_are_said_to_be():
    assert [multiplicities_ideal(lists) for lists in (*EQUAL, OTHER)] == [(5, 2, 1), (5, 2, 1), (4, 4, 0)]


@pytest.mark.parametrize(
    "numbers", [(3, 4), (4, 0), NUMBERS, (3, 0, 5, 2), (7, 3, 4, 6, 5), (5, 2, 4, 0, 3, 1)], ids=str
)
def test_rows_are_those_of_the_functionality(prime_field, numbers):
    many = len(numbers)
    lists = [[7, *range(100 * at, 100 * at + 3), 100 * ((at + 1) % many)] for at in range(many)]
    plan = plan_for(lists, numbers)
    found = run_alignment(prime_field, lists, numbers, plan)
    check_rows(lists, [np.array(found.rows(number)) for number in numbers], plan.rows)
    check_rows(lists, [np.array(rows) for rows in align_ideal(lists, plan.rows)], plan.rows)
    seen = {found.outcomes[party].multiplicities for party in range(3)}
    assert len(seen) == 1
    assert all(found.outcomes[party].own is None for party in range(3) if party not in numbers)


def test_what_reaches_whom_has_a_shape_that_public_numbers_decide():
    """Sender, tag and length of every message are the same whoever is in whose list; only the counts change them."""
    shapes = []
    for lists in (*EQUAL, OTHER, [[1, 2, 3], [1, 2, 7, 8], [1, 9, 10, 7]]):
        views = run_alignment(MERSENNE, lists, NUMBERS, plan_for(lists)).views
        shapes.append({number: view.shape() for number, view in views.items()})
    assert shapes[0] == shapes[1] == shapes[2]
    assert shapes[0] != shapes[3]
    for owner in (3, 4):
        assert {sender for sender, _, _ in shapes[0][owner]} == {0, 1, 2}
        assert {tag for _, tag, _ in shapes[0][owner]} == {"outside/open/rows"}


def test_whatever_reaches_a_party_is_uniform():
    """Long lists of known identifiers, two worlds: every message but the joint tags, of which one sees equality."""
    many = 400
    for shift in (0, 10**6):
        lists = [list(range(1, many)), list(range(shift + 2, shift + many)), list(range(3, many))]
        views = run_alignment(MERSENNE, lists, NUMBERS, plan_for(lists)).views
        for party in range(3):
            by_step: dict[str, list[bytes]] = {}
            for _, tag, payload in views[party].messages:
                if not tag.endswith("joint/tags"):
                    by_step.setdefault(tag, []).append(payload)
            joined = {tag: b"".join(payloads) for tag, payloads in by_step.items()}
            long = {tag: payload for tag, payload in joined.items() if len(payload) >= 15 * many}
            assert any("masked" in tag for tag in long) and any("return" in tag for tag in long)
            assert any("outside" in tag for tag in long) == (party != 1)  # party 1 derives both components
            for tag, payload in long.items():
                cells = np.frombuffer(payload[: len(payload) // 16 * 16], np.uint8).reshape(-1, 16)[:, 1:]
                assert chi_square(cells) < THRESHOLD, tag
    known = np.frombuffer(MERSENNE.encode_bytes(MERSENNE.from_integers(range(many))), np.uint8)
    assert chi_square(known) > 10 * THRESHOLD  # the statistic has power


def test_the_order_of_tags_is_what_a_simulator_draws(monkeypatch):
    """Given the multiplicities only, a simulator arranges them at random; two worlds of equal leakage look alike."""
    seen, runs = [], 20
    plan = plan_for(EQUAL[0], dummies=FEW)

    def note(tags, size):
        found = classes_of(tags, size)
        if len(found) == plan.entries:
            seen.append(found)
        return found

    monkeypatch.setattr(align_module, "classes_of", note)

    def fraction(classes):
        repeated = np.bincount(classes)[classes] >= 2
        return repeated[: len(repeated) // 2].sum() / max(repeated.sum(), 1)

    samples, last = [], []
    for lists in EQUAL:
        seen.clear()
        for _ in range(runs):
            run_alignment(MERSENNE, lists, NUMBERS, plan)
        assert len(seen) == 3 * runs
        samples.append([fraction(classes) for classes in seen[::3]])
        last = list(seen[::3])
    arrange, simulated = random.Random(7), []
    for classes in last:
        again = classes.tolist()
        arrange.shuffle(again)
        simulated.append(fraction(np.array(again)))
    for sample in (*samples, simulated):
        assert 0.42 < np.mean(sample) < 0.58


def test_an_outside_owner_with_a_party_cannot_tell_who_is_in_another_list(monkeypatch):
    """It has its rows, the party saw which tags were equal: rows are in another order, and the two do not meet."""
    common, alone = list(range(1, 13)), list(range(101, 113))
    lists = [common + alone, list(range(301, 313)), common + list(range(201, 213))]
    plan, seen = plan_for(lists), []

    def note(tags, size):
        found = classes_of(tags, size)
        if len(found) == plan.entries:
            seen.append(found)
        return found

    monkeypatch.setattr(align_module, "classes_of", note)
    right, ranks, runs = 0, [], 25
    for _ in range(runs):
        rows = np.array(run_alignment(MERSENNE, lists, NUMBERS, plan).rows(3))
        sizes = np.bincount(seen[-1])
        many = np.zeros(plan.rows, bool)
        many[: len(sizes)] = sizes >= 2
        right += (many[rows] == (np.arange(24) < 12)).sum()
        ranks.append(np.mean([x < y for x in rows[:12] for y in rows[12:]]))
    assert 0.38 < np.mean(ranks) < 0.62, "rows of members come no earlier"
    assert right / (24 * runs) < 0.62


def test_rows_of_an_outside_owner_are_a_uniform_injection():
    """As the functionality's: every row equally often, and no two persons tied; the components say no more."""
    lists = [[1, 2, 3, 4, 5, 6], [1, 2], [2, 3, 9]]
    plan, runs = plan_for(lists), 40
    buckets, pairs, components = Counter(), [], []
    for _ in range(runs):
        run = run_alignment(MERSENNE, lists, NUMBERS, plan)
        rows = run.rows(3)
        buckets.update(row * 8 // plan.rows for row in rows)
        pairs.append(rows[0] < rows[1])
        components.append([payload for _, _, payload in run.views[3].messages if len(payload) > 32])
    expected = len(lists[0]) * runs / 8
    assert sum((buckets[place] - expected) ** 2 / expected for place in range(8)) < 30  # 7 degrees of freedom
    assert 0.2 < np.mean(pairs) < 0.8
    for place in range(3):
        data = np.frombuffer(b"".join(three[place] for three in components), np.uint8).reshape(-1, 16)[:, 1:]
        assert chi_square(data) < THRESHOLD
        both = data ^ np.frombuffer(b"".join(t[(place + 1) % 3] for t in components), np.uint8).reshape(-1, 16)[:, 1:]
        assert chi_square(both) < THRESHOLD


def test_tags_in_the_real_group_show_equal_persons_only():
    """The same alignment over the curve: multiplicities as in the clear plus dummies, rows as they should be."""
    lists = EQUAL[0]
    plan = plan_for(lists)
    found = run_alignment(FR, lists, NUMBERS, plan)
    seen, true = found.outcomes[0].multiplicities, multiplicities_ideal(lists)
    assert sum(place * count for place, count in enumerate(seen, start=1)) == plan.entries
    assert all(shown >= exact for shown, exact in zip(seen[1:], true[1:]))
    check_rows(lists, [np.array(found.rows(number)) for number in NUMBERS], plan.rows)
