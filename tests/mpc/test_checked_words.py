"""Checked products of words: right ones pass, and a party that bends products, triples or both is caught."""

from itertools import permutations
from math import comb

import numpy as np
import pytest

import mpc.checked_words
from mpc.checked_words import SOUNDNESS_BITS, triples_per_product
from mpc.errors import MpcError, ProductCheckError, ShareMismatchError
from mpc.prg import Seed
from mpc.replicated import Engine
from mpc.rings import BITS, Z2_64
from mpc.shares import ReplicatedShare, share


@pytest.fixture(params=["words", "bits"])
def kind(request):
    return request.param


def ring_of(kind):
    return {"words": Z2_64, "bits": BITS}[kind]


def draw(n, seed):
    return np.random.default_rng(seed).integers(0, 1 << 64, n, dtype=np.uint64)


def expected(kind, x, y):
    return x * y if kind == "words" else x & y


def product(c, kind, dealt):
    """(x·y)·x, and one product with a single word."""
    engine = getattr(c, kind)
    x, y, one = (values[c.party] for values in dealt)
    xy = engine.multiply(x, y, "xy")
    xyx, scaled = engine.multiply_many([(xy, x), (one, y)], "more")
    c.verify()
    return engine.open(xyx, "xyx"), engine.open(scaled, "scaled")


def deal(kind, n):
    values = [draw(n, 1), draw(n, 2), draw(1, 3)]
    return values, [share(ring_of(kind), value) for value in values]


@pytest.mark.parametrize("n", [0, 1, 2, 65, 3000])
def test_right_products_pass(kind, computations, n):
    (x, y, one), dealt = deal(kind, n)
    for xyx, scaled in computations("malicious").run(lambda c: product(c, kind, dealt)):
        assert (xyx == expected(kind, expected(kind, x, y), x)).all()
        assert (scaled == expected(kind, np.repeat(one, n), y)).all()


def bend(monkeypatch, party, ends, change):
    """The party changes what it sends of the products whose label ends so, and keeps what it sent."""
    honest, bent = Engine._replicate, []

    def replicate(self, first, tag):
        if self.party == party and tag.endswith(ends):
            first = change(first.copy())
            bent.append(tag)
        return honest(self, first, tag)

    monkeypatch.setattr(Engine, "_replicate", replicate)
    return bent


def flip(*places):
    def change(first):
        for place in places:
            first[place] ^= np.uint64(1 << 63)
        return first

    return change


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("ends", ["/xy", "/more", "/c"])
@pytest.mark.parametrize("place", [0, -1])
def test_a_bent_product_or_triple_is_caught(kind, computations, monkeypatch, liar, ends, place):
    _, dealt = deal(kind, 65)
    bent = bend(monkeypatch, liar, ends, flip(place))
    opened = []

    def body(c):
        with pytest.raises(ProductCheckError):
            opened.append(product(c, kind, dealt))

    computations("malicious").run(body)
    assert opened == [] and len(bent) == 1


def test_neighbour_without_the_check_a_bent_product_is_opened(kind, computations, monkeypatch):
    (_, y, one), dealt = deal(kind, 65)
    bend(monkeypatch, 1, "/more", flip(-1))
    scaled = computations().run(lambda c: product(c, kind, dealt))[0][1]
    right = expected(kind, np.repeat(one, 65), y)
    assert (scaled[:-1] == right[:-1]).all() and scaled[-1] == right[-1] ^ np.uint64(1 << 63)


def test_bending_everything_alike_is_caught_by_the_opened_triples(kind, computations, monkeypatch):
    """Products and triples all carry one error, so that no triple contradicts its product."""
    _, dealt = deal(kind, 20)
    bend(monkeypatch, 1, ("/xy", "/more", "/c"), lambda first: first ^ np.uint64(1 << 63))

    def body(c):
        with pytest.raises(ProductCheckError):
            product(c, kind, dealt)

    computations("malicious").run(body)


def test_the_chance_of_a_liar_is_as_computed(kind, computations, monkeypatch):
    """One product and two triples each, two opened: a liar bends two of four and passes in 1 of binomial(4, 2) = 6."""
    monkeypatch.setattr(mpc.checked_words, "triples_per_product", lambda n: 2)
    dealt = share(ring_of(kind), draw(1, 0))
    bend(
        monkeypatch,
        2,
        ("/z", "/c"),
        lambda first: first ^ np.where(np.arange(len(first)) < 2, 1 << 63, 0).astype(np.uint64),
    )
    times = 240

    def body(c):
        passed = 0
        for index in range(times):
            engine = getattr(c, kind)
            x = dealt[c.party]
            engine.multiply(x, x, "z", index=index)
            try:
                c.verify()
                passed += 1
            except ProductCheckError:
                pass
        return passed

    passed = computations("malicious").run(body)
    assert passed[0] == passed[1] and abs(passed[0] - times / 6) < 4 * (times * 5 / 36) ** 0.5


@pytest.mark.parametrize("opening", ["opened", "zero"])
def test_a_lie_in_the_check_is_caught(kind, computations, monkeypatch, opening):
    _, dealt = deal(kind, 20)
    honest_open, honest_exchange = Engine.open, Engine.exchange_bytes

    def open_falsely(self, a, label, *, index=0):
        if self.party == 1 and label.endswith("opened") and opening == "opened":
            a = ReplicatedShare(1, a.first + np.uint64(1), a.second)
        return honest_open(self, a, label, index=index)

    def exchange_falsely(self, label, payload, *, index=0):
        if self.party == 1 and label.endswith("zero") and opening == "zero":
            payload = bytes(len(payload))
        return honest_exchange(self, label, payload, index=index)

    monkeypatch.setattr(Engine, "open", open_falsely)
    monkeypatch.setattr(Engine, "exchange_bytes", exchange_falsely)
    outcomes = computations("malicious", timeout_s=1.0).outcomes(lambda c: product(c, kind, dealt))
    honest = [outcomes[0], outcomes[2]]
    assert all(isinstance(outcome, MpcError) for outcome in honest)
    assert any(isinstance(outcome, ShareMismatchError | ProductCheckError) for outcome in honest)


def test_nothing_is_sent_for_no_products(computations):
    def body(c):
        c.verify()
        c.verify()
        return c.traffic.messages

    assert computations("malicious").run(body) == [0, 0, 0]


def test_products_are_checked_once(computations):
    _, dealt = deal("bits", 10)

    def body(c):
        product(c, "bits", dealt)
        before = c.traffic.messages
        c.verify()
        return c.traffic.messages - before

    assert computations("malicious").run(body) == [0, 0, 0]


@pytest.mark.parametrize("n", [1, 2, 10, 50, 1599, 1700, 24_000, 26_000, 10**6, 10**7])
def test_the_number_of_triples(n):
    count = triples_per_product(n)
    assert comb((n + 1) * count, count) >= 1 << SOUNDNESS_BITS
    assert count == 2 or comb((n + 1) * (count - 1), count - 1) < 1 << SOUNDNESS_BITS
    worst = min(comb((n + 1) * count, g * count) for g in range(1, min(n, 50) + 1))
    assert worst >= 1 << SOUNDNESS_BITS


def test_orders_are_uniform():
    counts = dict.fromkeys(permutations(range(4)), 0)
    for k in range(2400):
        counts[tuple(mpc.checked_words._order(Seed(k.to_bytes(32, "big")), 4).tolist())] += 1
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 58
