"""The disclosure rule in the clear is that of the parties: who proves alone shows no more than all would."""

from __future__ import annotations

import threading
from itertools import product
from random import Random

import pytest

from mpc.channel import LoopbackNetwork
from mpc.compare import open_disclosure_risks
from mpc.replicated import Engine
from mpc.seeds import agree_seeds
from mpc.shares import share
from query.audit.regressions import smallest_groups
from services.disclosure import cells_at_risk, everywhere, public_release
from services.errors import DisclosureRefusedError
from zk.builder import RelationBuilder
from zk.field import FR
from zk.forms import ONE
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.statement import opened_rows

MINIMUM = 5


def relation(codes: int = 0, plain: bool = False) -> Relation:
    """Two counts, and a sum guarded by the first, in each of so many cells."""
    builder = RelationBuilder(7)
    first, second = (builder.registered(RegisteredColumn(1, 1, k, ColumnKind.BOOLEAN)) for k in (0, 1))
    value, code = (builder.registered(RegisteredColumn(1, 1, k, ColumnKind.INTEGER)) for k in (2, 3))
    inverse = builder.group({code: 1}, range(1, codes + 1)) if codes else ONE
    if not codes:
        builder.vanish([(1, ONE, code)])
    guard = builder.sum([(1, first, inverse)] if codes else [(1, ONE, first)])
    builder.sum([(1, second, inverse)] if codes else [(1, ONE, second)])
    builder.sum([(1, value, inverse)] if codes else [(1, ONE, value)], guard)
    return builder.build(plain)


def by_the_parties(found: Relation, sums: list[int]) -> list[bool]:
    """What three parties open about shares of the guards."""
    network = LoopbackNetwork(3, b"d" * 32)
    numbers = sorted(set(found.guards))
    guards = [guard * found.cells + cell for guard in numbers for cell in range(found.cells)]
    dealt = share(FR, FR.from_integers([sums[row] for row in guards]))
    answers: list[list[bool]] = [[], [], []]

    def run(party: int) -> None:
        engine = Engine(FR, network.channels[party], agree_seeds(network.channels[party], b"d" * 32), b"d" * 32, 0)
        least = smallest_groups(found, MINIMUM)
        answers[party] = open_disclosure_risks(engine, dealt[party], found.cells, least, "guards").tolist()

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
