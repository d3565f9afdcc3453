"""Counts of shared bits and quantiles of a secret group against NumPy, with nothing opened, and a bent product of each
kind."""

import numpy as np
import pytest

from mpc.checked import CheckedProducts
from mpc.counting import count_bits
from mpc.errors import MpcError, ProductCheckError, RingValueError
from mpc.hidden_quantiles import MAX_KEY_BITS, MAXIMUM, MINIMUM, hidden_quantiles, share_planes
from mpc.replicated import Engine
from mpc.split_quantiles import LOWER_MEDIAN, UPPER_MEDIAN, Quantile
from zk.field import FR

MODES = ["semi-honest", "malicious"]
QUANTILES = [MINIMUM, Quantile(1, 4), LOWER_MEDIAN, UPPER_MEDIAN, Quantile(9, 10), Quantile(999, 1000), MAXIMUM]


def enter(c, values, left, right, bits):
    """Values are party 0's; who belongs is the product of bits of parties 1 and 2."""
    n = len(values)
    planes = share_planes(c, 0, values if c.party == 0 else None, n, bits)
    (a,) = share_planes(c, 1, left if c.party == 1 else None, n, 1)
    (b,) = share_planes(c, 2, right if c.party == 2 else None, n, 1)
    return planes, c.bits.multiply(a, b, c.label("members"))


def draw(n, bits, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 1 << bits, n)
    values[:3] = [0, (1 << bits) - 1, 0]
    return values, rng.integers(0, 2, n), (rng.random(n) < 0.9).astype(np.int64)


def expected_of(group):
    ordered = np.sort(group).tolist()
    ranks = [max(-(-(q.numerator * len(ordered) + q.excess) // q.denominator), 1) for q in QUANTILES]
    return [ordered[rank - 1] for rank in ranks]


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize(("words", "groups"), [(1, 1), (2, 3), (5, 2), (40, 1), (67, 2), (300, 1)])
def test_ones_are_counted(computations, security, words, groups):
    rng = np.random.default_rng(words)
    bits = rng.integers(0, 1 << 63, words * groups, np.uint64) << np.uint64(1) | np.uint64(1)
    bits[:words] = (1 << 64) - 1  # the first group has every lane set
    bits[words : 2 * words] = 0

    def body(c):
        shares = c.bits.share_input(0, bits if c.party == 0 else None, "bits", words * groups)
        engine = c.words.over(FR)
        products = CheckedProducts(engine, "lifted")
        counted = count_bits(c, shares, groups)
        lifted = counted.lifted(engine, products)
        opened = c.words.open(counted.to_words(), "opened").tolist()
        products.verify()
        return opened, FR.to_integers(engine.open(lifted.value, "opened"))

    counts = [sum(int(w).bit_count() for w in bits[g * words : (g + 1) * words]) for g in range(groups)]
    assert computations(security).run(body) == [(counts, counts)] * 3


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize(("n", "bits"), [(3, 1), (64, 7), (65, 20), (300, MAX_KEY_BITS), (5000, 9)])
def test_quantiles_of_a_group(computations, security, n, bits):
    values, left, right = draw(n, bits, n)
    left[:2] = right[:2] = 1
    group = values[(left & right) == 1]

    def body(c):
        size, found = hidden_quantiles(c, *enter(c, values, left, right, bits), QUANTILES)
        return c.words.open(size.to_words(), "size").tolist(), c.words.open(found, "found").tolist()

    assert computations(security).run(body) == [([len(group)], expected_of(group))] * 3


def test_nothing_is_opened(computations, monkeypatch):
    """Every opening is one of the checks of products, whose openings are uniform."""
    labels, honest = [], Engine.open

    def watch(self, a, label, *, index=0):
        labels.append(label)
        return honest(self, a, label, index=index)

    monkeypatch.setattr(Engine, "open", watch)
    values, left, right = draw(200, 8, 1)

    def body(c):
        hidden_quantiles(c, *enter(c, values, left, right, 8), QUANTILES)
        c.verify()

    computations("malicious").run(body)
    assert labels and all(label.startswith("verify/") for label in labels)


def test_messages_do_not_depend_on_the_data(computations):
    def traffic(seed, low):
        values, left, right = draw(300, 8, seed)

        def body(c):
            hidden_quantiles(c, *enter(c, values // low, left, right, 8), QUANTILES)
            return c.traffic.messages, c.traffic.payload_bytes, c.traffic.rounds

        return computations("malicious").run(body)

    assert traffic(1, 1) == traffic(2, 200)


@pytest.mark.parametrize("step", ["lower", "kept", "count", "passed", "sign", "words"])
@pytest.mark.parametrize("liar", [0, 2])
def test_a_bent_product_is_caught_by_the_check(computations, monkeypatch, step, liar):
    values, left, right = draw(700, 8, 0)
    honest, bent = Engine._replicate, []

    def replicate(self, first, tag):
        if self.party == liar and f"/{step}/" in tag and not bent:
            bent.append(tag)
            first = first.copy()
            first[:1] = self.ring.add(first[:1], self.ring.from_integers([1]))
        return honest(self, first, tag)

    monkeypatch.setattr(Engine, "_replicate", replicate)

    def body(c):
        hidden_quantiles(c, *enter(c, values, left, right, 8), QUANTILES)
        c.verify()

    found = computations("malicious", 5.0).outcomes(body)
    assert bent
    assert all(isinstance(outcome, MpcError) for party, outcome in enumerate(found) if party != liar)
    assert any(isinstance(outcome, ProductCheckError) for party, outcome in enumerate(found) if party != liar)


def test_products_are_checked_on_the_way(computations, monkeypatch):
    """What waits to be checked stays small whatever the number of rows."""
    monkeypatch.setattr("mpc.hidden_quantiles.PENDING_WORDS", 100)
    values, left, right = draw(300, 8, 3)
    group = values[(left & right) == 1]

    def body(c):
        found = hidden_quantiles(c, *enter(c, values, left, right, 8), QUANTILES)[1]
        return c.pending_words < 2000, c.words.open(found, "found").tolist()

    assert computations("malicious").run(body) == [(True, expected_of(group))] * 3


def test_misuse_is_refused(computations):
    values, ones = np.arange(30), np.ones(30, np.int64)

    def body(c):
        planes, members = enter(c, values, ones, ones, 5)
        for asked in (
            (planes, members[:0], [MAXIMUM]),
            ([], members, [MAXIMUM]),
            (planes, members, []),
            ([planes[0]] * (MAX_KEY_BITS + 1), members, [MAXIMUM]),
        ):
            with pytest.raises(RingValueError):
                hidden_quantiles(c, *asked)
        for bits, given in ((4, values), (0, values), (MAX_KEY_BITS + 1, values), (5, values[:7]), (5, values - 1)):
            with pytest.raises(RingValueError):
                share_planes(c, c.party, given, 30, bits)
        with pytest.raises(RingValueError):
            count_bits(c, members, 2)

    computations().run(body)
