"""Every protocol equals the ideal functionality, over every ring, on extreme and random inputs of awkward lengths."""

import numpy as np
import pytest

from mpc.errors import ProtocolStateError, RingValueError
from mpc.ideal import Ideal
from mpc.replicated import Engine
from mpc.rings import Z2_64
from mpc.shares import AdditiveShare, reconstruct
from zk.field import FR

LENGTHS = (0, 1, 63, 64, 65, 1000)


def give(engine, owner, values, label):
    x = engine.ring.from_integers(values) if engine.party == owner else None
    return engine.share_input(owner, x, label, len(values))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("owner", [0, 1, 2])
def test_inputs_are_shared_and_opened(ring, owner, n, parties, draw):
    x = draw(ring, n, owner)
    trio = parties(ring)
    held = trio.run(lambda engine: give(engine, owner, x, "x"))
    assert ring.to_integers(reconstruct(ring, held)) == x
    opened = trio.run(lambda engine: engine.open(held[engine.party], "open"))
    assert [ring.to_integers(values) for values in opened] == [x] * 3


@pytest.mark.parametrize("n", LENGTHS)
def test_linear_operations(ring, n, parties, draw, size_of):
    ideal = Ideal(size_of(ring))
    x, y, public = draw(ring, n, 1), draw(ring, n, 2), draw(ring, n, 3)

    def body(engine):
        a, b, c = give(engine, 0, x, "x"), give(engine, 1, y, "y"), ring.from_integers(public)
        results = {
            "add": engine.add(a, b),
            "sub": engine.sub(a, b),
            "neg": engine.neg(a),
            "total": engine.total(a),
            "scale": engine.scale_public(a, 12345),
            "scale_negative": engine.scale_public(a, -3),
            "mul_public": engine.mul_public(a, c),
            "add_public": engine.add_public(a, c),
            "constant": engine.constant(c),
        }
        before = engine.traffic.messages
        opened = {name: ring.to_integers(engine.open(held, name)) for name, held in results.items()}
        assert engine.traffic.messages == before + 2 * len(results)
        return opened

    expected = {
        "add": ideal.add(x, y),
        "sub": ideal.sub(x, y),
        "neg": ideal.neg(x),
        "total": ideal.total(x),
        "scale": ideal.scale_public(x, 12345),
        "scale_negative": ideal.scale_public(x, -3),
        "mul_public": ideal.mul_public(x, public),
        "add_public": ideal.add_public(x, public),
        "constant": public,
    }
    for opened in parties(ring).run(body):
        assert opened == expected


@pytest.mark.parametrize("n", LENGTHS)
def test_products(ring, n, parties, draw, size_of):
    ideal = Ideal(size_of(ring))
    x, y = draw(ring, n, 1), draw(ring, n, 2)

    def body(engine):
        a, b = give(engine, 2, x, "x"), give(engine, 1, y, "y")
        square = engine.multiply(engine.multiply(a, b, "xy"), a, "xyx")
        sums = engine.inner_many([(a, b), (a, a), (square, b)], "sums")
        return [
            ring.to_integers(engine.open(square, "o1")),
            ring.to_integers(engine.open(sums, "o2")),
            ring.to_integers(engine.open(engine.inner(a, b, "inner"), "o3")),
            ring.to_integers(engine.open_additive(engine.local_product(a, b), "o4")),
            ring.to_integers(engine.open_additive(engine.local_inner(a, b), "o5")),
        ]

    cube = ideal.multiply(ideal.multiply(x, y), x)
    sums = ideal.inner_many([(x, y), (x, x), (cube, y)])
    product, inner = ideal.multiply(x, y), ideal.inner(x, y)
    assert parties(ring).run(body) == [[cube, sums, inner, product, inner]] * 3


def test_one_element_broadcasts(ring, parties, draw, size_of):
    ideal = Ideal(size_of(ring))
    x, y = draw(ring, 65, 1), draw(ring, 1, 2)

    def body(engine):
        a, b = give(engine, 0, x, "x"), give(engine, 1, y, "y")
        product, public = engine.multiply(a, b, "xy"), engine.add_public(a, ring.from_integers([9]))
        return [ring.to_integers(engine.open(held, label)) for label, held in (("p", product), ("s", public))]

    expected = [ideal.multiply(x, y), ideal.add_public(x, [9])]
    assert parties(ring).run(body) == [expected] * 3


def test_long_vectors_over_many_frames(parties):
    x = np.arange(300_000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)

    def body(engine):
        a = engine.share_input(0, x if engine.party == 0 else None, "x", len(x))
        return engine.open(engine.multiply(a, a, "xx"), "o")

    for opened in parties(Z2_64).run(body):
        assert np.array_equal(opened, x * x)


def test_randomness_is_shared_fresh_and_free(ring, parties):
    def body(engine):
        pair = engine.random(50, "r"), engine.random(50, "s")
        assert engine.traffic.messages == 0
        return [ring.to_integers(engine.open(held, label)) for label, held in zip("ab", pair, strict=True)]

    results = parties(ring).run(body)
    assert results[0] == results[1] == results[2]
    assert len({*results[0][0], *results[0][1]}) == 100


@pytest.mark.parametrize("n", LENGTHS)
def test_zero_shares_sum_to_zero(ring, n, parties):
    masks = parties(ring).run(lambda engine: engine.zero_share(n, "mask").values)
    total = ring.add(ring.add(masks[0], masks[1]), masks[2])
    assert ring.to_integers(total) == [0] * n
    if n > 1:
        assert all(len(set(ring.to_integers(mask))) == n for mask in masks)


def test_zero_shares_differ_by_label_index_round_attempt_session_and_ring(ring, parties):
    def masks(session=bytes(32), attempt=0):
        def body(engine):
            found = [engine.zero_share(4, "a"), engine.zero_share(4, "b"), engine.zero_share(4, "a", index=1)]
            engine.enter_round(1)
            return [*found, engine.zero_share(4, "a")]

        return parties(ring, session, attempt).run(body)[0]

    everything = [*masks(), *masks(attempt=1), *masks(session=b"\1" * 32)]
    seen = [value for mask in everything for value in ring.to_integers(mask.values)]
    assert len(set(seen)) == len(seen) == 48
    assert ring.encode_bytes(masks()[0].values) == ring.encode_bytes(everything[0].values)


def test_one_label_gives_every_operation_its_own_mask(ring, parties):
    """Equal labels in equal rounds of twin runs: a zero-share, a resharing and random shares still differ."""

    def masks(operation):
        return parties(ring).run(lambda engine: ring.to_integers(operation(engine)))[0]

    def zeros(engine):
        return AdditiveShare(engine.party, ring.zeros(4))

    everything = [
        *masks(lambda engine: engine.zero_share(4, "a").values),
        *masks(lambda engine: engine.reshare(zeros(engine), "a").first),
        *masks(lambda engine: engine.random(4, "a").first),
        *masks(lambda engine: engine.share_input(0, ring.zeros(4) if engine.party == 0 else None, "a", 4).second),
    ]
    assert len(set(everything)) == 16


def test_two_rings_share_one_channel(parties):
    trio = parties(Z2_64)
    field = [
        Engine(FR, channel, seeds, bytes(32), 0)
        for channel, seeds in zip(trio.network.channels, trio.seeds, strict=True)
    ]

    def body(engine):
        other = field[engine.party]
        a, b = give(engine, 0, [1 << 63, 2], "x"), give(other, 0, [1 << 63, 2], "x")
        low, high = engine.open(engine.multiply(a, a, "xx"), "o"), other.open(other.multiply(b, b, "xx"), "o")
        return Z2_64.to_integers(low), FR.to_integers(high)

    assert trio.run(body) == [([0, 4], [1 << 126, 4])] * 3


def test_costs_are_those_documented(ring, parties):
    n, size = 10, ring.element_bytes

    def body(engine):
        counts = []

        def note():
            counts.append((engine.traffic.messages, engine.traffic.payload_bytes, engine.traffic.rounds))
            engine.traffic.messages = engine.traffic.payload_bytes = engine.traffic.rounds = 0

        a = give(engine, 1, list(range(n)), "a")
        note()
        b = engine.multiply(a, a, "b")
        note()
        engine.inner(a, b, "c")
        note()
        engine.open(b, "d")
        note()
        engine.open_additive(engine.local_product(a, b), "e")
        note()
        return counts

    counts = parties(ring).run(body)
    for party, found in enumerate(counts):
        sent = (1, n * size, 1) if party == 1 else (0, 0, 1)
        assert found == [sent, (1, n * size, 1), (1, size, 1), (2, n * size + 32, 1), (2, 2 * n * size, 1)]


def test_labels_are_used_once(ring, parties):
    engine = parties(ring).engines[0]
    engine.zero_share(2, "mask")
    summand = AdditiveShare(0, ring.zeros(2))
    held = engine.random(2, "random")
    for again in (
        lambda: engine.zero_share(2, "mask"),
        lambda: engine.random(2, "mask"),
        lambda: engine.share_input(0, ring.zeros(2), "mask", 2),
        lambda: engine.reshare(summand, "mask"),
        lambda: engine.multiply(held, held, "mask"),
        lambda: engine.inner(held, held, "random"),
        lambda: engine.open(held, "mask"),
        lambda: engine.open_additive(summand, "mask"),
    ):
        with pytest.raises(ProtocolStateError, match="already used"):
            again()
    assert engine.traffic.messages == 0
    engine.zero_share(2, "mask", index=1)
    engine.enter_round(1)
    engine.zero_share(2, "mask")


def test_a_second_engine_cannot_repeat_a_mask(ring, parties):
    trio = parties(ring)
    trio.engines[0].zero_share(2, "mask")
    twin = Engine(ring, trio.network.channels[0], trio.seeds[0], bytes(32), 0)
    with pytest.raises(ProtocolStateError, match="already used"):
        twin.zero_share(2, "mask")
    Engine(ring, trio.network.channels[0], trio.seeds[0], bytes(32), 1).zero_share(2, "mask")


def test_rounds_only_go_forward(parties):
    engine = parties(Z2_64).engines[0]
    engine.enter_round(3)
    assert engine.round == 3
    for number in (3, 2, 0, -1):
        with pytest.raises(ProtocolStateError):
            engine.enter_round(number)


def test_misuse_is_refused_before_anything_is_sent(ring, parties):
    trio = parties(ring)
    engine, stranger = trio.engines[0], trio.engines[1].random(3, "r")
    held, longer = engine.random(3, "r"), engine.random(4, "longer")
    other_ring = np.zeros((3, 7), np.uint64)
    for error, misuse in [
        (ProtocolStateError, lambda: engine.open(stranger, "o")),
        (ProtocolStateError, lambda: engine.add(held, stranger)),
        (ProtocolStateError, lambda: engine.reshare(AdditiveShare(1, ring.zeros(3)), "o")),
        (ProtocolStateError, lambda: engine.open_additive(AdditiveShare(2, ring.zeros(3)), "o")),
        (ProtocolStateError, lambda: engine.share_input(0, None, "o", 3)),
        (ProtocolStateError, lambda: engine.share_input(1, ring.zeros(3), "o", 3)),
        (RingValueError, lambda: engine.share_input(3, None, "o", 3)),
        (RingValueError, lambda: engine.share_input(1, None, "o", -1)),
        (RingValueError, lambda: engine.share_input(0, ring.zeros(4), "o", 3)),
        (RingValueError, lambda: engine.share_input(0, other_ring, "o", 3)),
        (RingValueError, lambda: engine.share_input(0, ring.zeros(3).astype(np.float64), "o", 3)),
        (RingValueError, lambda: engine.add(held, longer)),
        (RingValueError, lambda: engine.multiply(held, longer, "o")),
        (RingValueError, lambda: engine.local_inner(held, longer)),
        (RingValueError, lambda: engine.inner_many([], "o")),
        (RingValueError, lambda: engine.mul_public(held, ring.zeros(4))),
        (RingValueError, lambda: engine.add_public(held, ring.zeros(4))),
        (RingValueError, lambda: engine.add_public(held[:1], ring.zeros(3))),
        (RingValueError, lambda: engine.add_public(held, other_ring)),
        (RingValueError, lambda: engine.zero_share(3, "")),
        (RingValueError, lambda: engine.zero_share(3, "l" * 257)),
    ]:
        with pytest.raises(error):
            misuse()
    assert engine.traffic.messages == 0


def test_an_engine_needs_the_channel_and_seeds_of_one_party(ring, parties, seeds_of):
    trio = parties(ring)
    with pytest.raises(ProtocolStateError):
        Engine(ring, trio.network.channels[0], seeds_of(1), bytes(32), 0)
    with pytest.raises(RingValueError):
        Engine(ring, trio.network.channels[0], seeds_of(0), b"short", 0)
