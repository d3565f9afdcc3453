"""The disclosure rule in the clear is that of the parties: who proves alone shows no more than all would."""

from __future__ import annotations

import threading
from fractions import Fraction
from itertools import product
from random import Random

import pytest

from mpc.channel import LoopbackNetwork
from mpc.compare import open_disclosure_risks
from mpc.replicated import Engine
from mpc.seeds import agree_seeds
from mpc.shares import share
from query.audit.regressions import smallest_groups
from query.dominance import DominanceChecks, DominanceTest
from services.convert_dominance import dominance_from, dominance_messages
from services.disclosure import NO_RULES, cells_at_risk, everywhere, public_release
from services.errors import DisclosureRefusedError, RequestInvalidError
from services.party.dominance_factors import dominance_factors
from zk.builder import RelationBuilder
from zk.errors import RelationInvalidError, ZkError
from zk.field import FR
from zk.forms import ONE
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.statement import opened_rows
from zk.transcript import FR_MODULUS

MINIMUM = 5


def relation(codes: int = 0, plain: bool = False, squares: bool = False) -> Relation:
    """Two counts, a sum guarded by the first, and perhaps that of its squares, in each of so many cells."""
    builder = RelationBuilder(7)
    first, second = (builder.registered(RegisteredColumn(1, 1, k, ColumnKind.BOOLEAN)) for k in (0, 1))
    value, code = (builder.registered(RegisteredColumn(1, 1, k, ColumnKind.INTEGER)) for k in (2, 3))
    inverse = builder.group({code: 1}, range(1, codes + 1)) if codes else ONE
    if not codes:
        builder.vanish([(1, ONE, code)])
    guard = builder.sum([(1, first, inverse)] if codes else [(1, ONE, first)])
    builder.sum([(1, second, inverse)] if codes else [(1, ONE, second)])
    builder.sum([(1, value, inverse)] if codes else [(1, ONE, value)], guard)
    if squares:
        u = builder.product(value, value)
        builder.sum([(1, u, inverse)] if codes else [(1, ONE, u)], guard)
    return builder.build(plain)


def by_the_parties(found: Relation, sums: list[int], dominance: DominanceChecks = NO_RULES) -> list[bool]:
    """What three parties open about shares of the guards and of all sums."""
    network = LoopbackNetwork(3, b"d" * 32)
    numbers = sorted(set(found.guards))
    guards = [guard * found.cells + cell for guard in numbers for cell in range(found.cells)]
    dealt, everything = (share(FR, FR.from_integers(list(values))) for values in ([sums[row] for row in guards], sums))
    answers: list[list[bool]] = [[], [], []]

    def run(party: int) -> None:
        engine = Engine(FR, network.channels[party], agree_seeds(network.channels[party], b"d" * 32), b"d" * 32, 0)
        least = smallest_groups(found, MINIMUM)
        safe = dominance_factors(engine, everything[party], found.cells, dominance, "dominance")
        least = [MINIMUM] * len(numbers)
        risks = open_disclosure_risks(engine, dealt[party], found.cells, least, "guards", safe=safe)
        answers[party] = risks.tolist()

    threads = [threading.Thread(target=run, args=(party,)) for party in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


def test_as_the_parties_would_decide() -> None:
    counts = [(a, b) for a, b in product(range(12), repeat=2)]
    Random(3).shuffle(counts)
    for at in range(0, len(counts), 36):
        chosen = counts[at : at + 36]
        found = relation(len(chosen))
        sums = [a for a, _ in chosen] + [b for _, b in chosen] + [7] * len(chosen)
        assert cells_at_risk(found, sums, MINIMUM) == by_the_parties(found, sums)


CHECKS = DominanceChecks(
    (DominanceTest(((2, 1),), ((3, 1),), Fraction(20000, 4489), 100, "a"),
     DominanceTest(((0, -3), (2, 1)), ((0, 9), (2, -6), (3, 1)), Fraction(4), 100, "b")),
    frozenset({3}),
)  # fmt: skip


def contributions(rng: Random) -> list[int]:
    """Rows of one cell: alike, led by one, or of both signs."""
    rows = [rng.randint(0, 50) + rng.choice([0, 0, 1000]) for _ in range(rng.randint(0, 9))]
    return rows + rng.choice([[], [400], [5000, 4000], [-300], [max(rows, default=1)] * 3])


def test_dominance_is_decided_by_the_parties_as_in_the_clear() -> None:
    """Two totals in each of some cells, with squares on both sides of every rule and just at it."""
    rng, seen = Random(11), set[bool]()
    for _ in range(3):
        cells = [contributions(rng) for _ in range(20)] + [[7] * 4, [7] * 5, [0] * 6, [20] * 4 + [1]]
        found = relation(len(cells), squares=True)
        count = [max(len(rows), MINIMUM) for rows in cells]
        second = [2 * number for number in count]
        sums = [*count, *second, *map(sum, cells), *(sum(x * x for x in rows) for rows in cells)]
        risks = cells_at_risk(found, sums, MINIMUM, CHECKS)
        assert risks == by_the_parties(found, sums, CHECKS)
        expected = [
            any(s * s < test.effective * q for test, s, q in (
                (CHECKS.tests[0], sum(rows), sum(x * x for x in rows)),
                (CHECKS.tests[1], sum(rows) - 3 * n, sum(x * x for x in rows) - 6 * sum(rows) + 9 * n)))
            for rows, n in zip(cells, count)
        ]  # fmt: skip
        assert risks == expected
        seen |= set(risks)
    assert seen == {False, True}


def test_sums_of_a_dominance_rule_are_never_released() -> None:
    found = relation(2, squares=True)
    sums = [9, 9, 30, 30, 90, 900, 900, 800_000]
    release = public_release(found, sums, MINIMUM, CHECKS)
    assert release == everywhere(0b000_10101)  # the first cell, but for the squares in row 6
    with pytest.raises(DisclosureRefusedError):
        public_release(found, [9, 9, 30, 30, 900, 900, 800_000, 800_000], MINIMUM, CHECKS)
    with pytest.raises(RelationInvalidError, match="sealed"):
        public_release(relation(plain=True, squares=True), [9, 30, 90, 900], MINIMUM, CHECKS)


def test_safe_cells_alone_are_public() -> None:
    found = relation(3)
    release = public_release(found, [9, 4, 20, 9, 30, 12, 1, 2, 3], MINIMUM)
    safe = [0, 2, 3, 5, 6, 8]
    assert release == everywhere(sum(1 << row for row in safe))
    assert opened_rows(found, release) == tuple(safe)


@pytest.mark.parametrize("counts", [[4, 9], [9, 4], [9, 8], [0, 0]])
def test_nothing_is_shown_where_no_cell_may_be(counts: list[int]) -> None:
    for found in (relation(), relation(plain=True)):
        with pytest.raises(DisclosureRefusedError):
            public_release(found, [*counts, 7], MINIMUM)


def test_plain_sums_are_shown_all_or_none() -> None:
    assert public_release(relation(plain=True), [9, 9, 7], MINIMUM) == 0
    grouped = relation(2, plain=True)
    assert public_release(grouped, [9, 9, 9, 30, 1, 1], MINIMUM) == 0
    with pytest.raises(DisclosureRefusedError):
        public_release(grouped, [9, 9, 9, 3, 1, 1], MINIMUM)


def test_rules_reach_a_prover_as_they_were_compiled() -> None:
    tests, closed = dominance_messages(CHECKS)
    found = dominance_from(tests, closed, 4)
    assert (found, found.digest) == (CHECKS, CHECKS.digest)
    assert dominance_from([], [], 4) == NO_RULES


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("numerator", bytes(32)),
        ("denominator", bytes(31) + b"\1\1"),
        ("bits", 253),
        ("bits", 0),
        ("total", [(4, 1)]),
        ("total", [(1, 1), (1, 1)]),
        ("squares", [(2, 1), (0, 1)]),
        ("squares", [(2, FR_MODULUS)]),
    ],
)
def test_a_prover_refuses_malformed_rules(field: str, value: object) -> None:
    tests, closed = dominance_messages(CHECKS)
    if isinstance(value, list):
        getattr(tests[0], field).__delitem__(slice(None))
        for number, weight in value:
            getattr(tests[0], field).add(number=number, weight=weight.to_bytes(32, "big"))
    else:
        setattr(tests[0], field, value)
    with pytest.raises((RequestInvalidError, ZkError)):
        dominance_from(tests, closed, 4)


@pytest.mark.parametrize("closed", [[4], [1, 1], [3, 2]])
def test_a_prover_refuses_closed_sums_that_do_not_exist(closed: list[int]) -> None:
    with pytest.raises(RequestInvalidError):
        dominance_from([], closed, 4)
