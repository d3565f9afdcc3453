"""The shuffle in the clear and in a secret order: rows stay whole, go back, and the order is uniform to everyone."""

from itertools import permutations

import numpy as np
import pytest

from mpc.errors import ProtocolStateError, RingValueError
from mpc.frames import decode_frame
from mpc.ideal import Ideal
from mpc.rings import Z2_64
from mpc.shares import share
from mpc.shuffle import Shuffle
from zk.field import FR


def deal(ring, columns):
    """Per party its shares of the columns."""
    dealt = [share(ring, ring.from_integers(column)) for column in columns]
    return [[column[party] for column in dealt] for party in range(3)]


def opened(engine, columns, label):
    return [engine.ring.to_integers(engine.open(column, f"{label}/{at}")) for at, column in enumerate(columns)]


def shuffled_and_back(engine, dealt, n):
    shuffle = Shuffle(engine, n, "order")
    there = shuffle.apply(engine, dealt[engine.party], "there")
    back = shuffle.undo(engine, there, "back")
    return opened(engine, there, "opened"), opened(engine, back, "returned")


@pytest.mark.parametrize("n", [0, 1, 2, 3, 63, 64, 65, 300])
@pytest.mark.parametrize("width", [1, 3])
def test_rows_move_alike_and_return(ring, parties, draw, size_of, n, width):
    columns = [list(range(n)), *(draw(ring, n, seed) for seed in range(1, width))]
    dealt = deal(ring, columns)
    results = parties(ring).run(lambda engine: shuffled_and_back(engine, dealt, n))
    there, back = results[0]
    assert results == [results[0]] * 3
    order, ideal = there[0], Ideal(size_of(ring))
    assert sorted(order) == list(range(n))
    assert there == ideal.shuffle(columns, order)
    assert back == ideal.unshuffle(there, order) == [ideal.share_input(column) for column in columns]


def test_a_large_shuffle_moves_nearly_every_row(parties):
    n = 100_000
    dealt = deal(Z2_64, [range(n)])
    there, back = parties(Z2_64).run(lambda engine: shuffled_and_back(engine, dealt, n))[0]
    assert back == [list(range(n))]
    assert sorted(there[0]) == list(range(n))
    assert sum(at == value for at, value in enumerate(there[0])) < 20


def test_passes_of_one_shuffle_agree(parties):
    """Two calls move alike; another label is another order."""
    n = 200
    dealt = deal(Z2_64, [range(n)])

    def body(engine):
        shuffle, other = Shuffle(engine, n, "order"), Shuffle(engine, n, "other order")
        columns = [
            *shuffle.apply(engine, dealt[engine.party], "one"),
            *shuffle.apply(engine, dealt[engine.party], "two"),
            *other.apply(engine, dealt[engine.party], "three"),
        ]
        return opened(engine, columns, "opened")

    one, two, three = parties(Z2_64).run(body)[0]
    assert one == two != three


def test_one_shuffle_serves_two_rings(parties):
    n = 50
    narrow, wide = deal(Z2_64, [range(n)]), deal(FR, [range(n)])
    over_fr = parties(FR)

    def order_of(engine):
        return Shuffle(engine, n, "order")

    shuffles = parties(Z2_64).run(order_of)
    first = parties(Z2_64).run(
        lambda e: opened(e, shuffles[e.party].apply(e, narrow[e.party], "narrow"), "opened narrow")
    )
    second = over_fr.run(lambda e: opened(e, shuffles[e.party].apply(e, wide[e.party], "wide"), "opened wide"))
    assert first == second


def test_the_order_is_uniform(parties):
    """All 24 orders of four rows come equally often: chi-square with 23 degrees of freedom, 99.99 % at 58."""
    n, times = 4, 1200
    dealt = deal(Z2_64, [range(n)])

    def body(engine):
        orders = []
        for index in range(times):
            shuffle = Shuffle(engine, n, "order", index=index)
            orders += shuffle.apply(engine, dealt[engine.party], "pass", index=index)
        together = [tuple(Z2_64.to_integers(engine.open(order, "o", index=at))) for at, order in enumerate(orders)]
        return together

    orders = parties(Z2_64).run(body)[0]
    counts = [orders.count(order) for order in permutations(range(n))]
    assert sum(counts) == times
    assert sum((count - times / 24) ** 2 / (times / 24) for count in counts) < 58


def test_no_party_knows_all_three_permutations(parties):
    """Every party lacks one, and it is another one for each; a stream is known to the two holders alone."""
    trio = parties(Z2_64)
    known = [set(shuffle._permutations) for shuffle in trio.run(lambda engine: Shuffle(engine, 5, "order"))]
    assert known == [{0, 1}, {1, 2}, {2, 0}]
    streams = trio.run(lambda engine: [engine.component_stream(c, f"s{c}") for c in range(3)])
    drawn = [[stream and stream(16) for stream in of_party] for of_party in streams]
    for component in range(3):
        holders = [drawn[(component - 1) % 3][component], drawn[component][component]]
        assert holders[0] == holders[1] is not None
        assert drawn[(component + 1) % 3][component] is None


@pytest.mark.parametrize("value", [0, (1 << 64) - 1])
def test_received_messages_are_uniform_for_known_rows(parties, value):
    """Chi-square on bytes as in test_uniformity: 255 degrees of freedom, threshold 400, seeds fixed."""
    n, trio = 20_000, parties(Z2_64)
    seen = {0: b"", 1: b"", 2: b""}
    for channel in trio.network.channels:
        deliver = channel.mailbox.deliver

        def tap(data, sender, deliver=deliver, party=channel.party):
            seen[party] += decode_frame(data).payload
            deliver(data, sender)

        channel.mailbox.deliver = tap
    dealt = deal(Z2_64, [[value] * n])

    def body(engine):
        shuffle = Shuffle(engine, n, "order")
        return shuffle.undo(engine, shuffle.apply(engine, dealt[engine.party], "there"), "back")

    trio.run(body)
    assert sum(map(len, seen.values())) == 2 * 4 * n * 8
    for payload in seen.values():
        counts = np.bincount(np.frombuffer(payload, np.uint8), minlength=256)
        expected = len(payload) / 256
        assert ((counts - expected) ** 2 / expected).sum() < 400


def test_traffic_is_as_stated(parties):
    n, width = 1000, 3
    dealt = deal(Z2_64, [range(n)] * width)

    def body(engine):
        shuffle = Shuffle(engine, n, "order")
        assert engine.traffic.payload_bytes == 0
        shuffle.apply(engine, dealt[engine.party], "pass")
        return engine.traffic.payload_bytes, engine.traffic.rounds

    element_bytes = 8 * n * width
    assert parties(Z2_64).run(body) == [(2 * element_bytes, 3), (element_bytes, 3), (element_bytes, 3)]


def test_misuse_is_refused(parties):
    dealt = deal(Z2_64, [range(5)])

    def body(engine):
        shuffle = Shuffle(engine, 5, "order")
        with pytest.raises(RingValueError, match="no column"):
            shuffle.apply(engine, [], "a")
        with pytest.raises(RingValueError, match="5 rows"):
            shuffle.apply(engine, [dealt[engine.party][0][:4]], "b")
        with pytest.raises(ProtocolStateError, match="share of party"):
            shuffle.apply(engine, dealt[(engine.party + 1) % 3], "c")
        with pytest.raises(RingValueError):
            Shuffle(engine, -1, "negative")
        with pytest.raises(ProtocolStateError):
            Shuffle(engine, 5, "order")
        shuffle.apply(engine, dealt[engine.party], "d")
        with pytest.raises(ProtocolStateError, match="already used"):
            shuffle.apply(engine, dealt[engine.party], "d")
        with pytest.raises(ProtocolStateError, match="sender"):
            engine.transfer(engine.party, (engine.party + 1) % 3, None, 5, "t")
        assert "redacted" in repr(shuffle)

    parties(Z2_64).run(body)
