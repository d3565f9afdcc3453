"""Quantiles of values split over three owners against NumPy and the functionality in the clear."""

import numpy as np
import pytest

from mpc.errors import InconsistentInputError, RingValueError
from mpc.ideal import Ideal
from mpc.replicated import Engine
from mpc.split_quantiles import LOWER_MEDIAN, UPPER_MEDIAN, Quantile, split_quantiles

MODES = ["semi-honest", "malicious"]
MINIMUM, MAXIMUM = Quantile(0, 1, 1), Quantile(1, 1)
SEVERAL = [MINIMUM, Quantile(1, 4), LOWER_MEDIAN, UPPER_MEDIAN, Quantile(9, 10), MAXIMUM]


def split(rng, values, empty=()):
    owners = [owner for owner in range(3) if owner not in empty]
    where = rng.choice(owners, len(values))
    return [values[where == owner] for owner in range(3)]


def expected(values, quantiles):
    ideal = Ideal(1 << 64)
    return [ideal.quantile(values.tolist(), q.numerator, q.denominator, q.excess) for q in quantiles]


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize(
    ("n", "low", "bits"), [(1, 0, 1), (2, -5, 4), (3, -5, 4), (10, -(1 << 31), 32), (101, 0, 7), (1000, -(1 << 63), 62)]
)
def test_quantiles(computations, security, n, low, bits):
    rng = np.random.default_rng(n * bits)
    values = low + rng.integers(0, (1 << bits) - 1, n, dtype=np.int64, endpoint=True)
    shares = split(rng, values)
    results = computations(security).run(lambda c: split_quantiles(c, shares[c.party], SEVERAL, low, bits))
    assert results == [expected(values, SEVERAL)] * 3
    assert results[0][0] == values.min() and results[0][-1] == values.max()
    medians = results[0][2:4]
    assert sum(medians) / 2 == np.median(np.sort(values)[[(n - 1) // 2, n // 2]].astype(object))


@pytest.mark.parametrize("security", MODES)
def test_owners_without_values(computations, security):
    values = np.array([5, 5, 9, -3], np.int64)
    for empty in ((0,), (1, 2)):
        shares = split(np.random.default_rng(0), values, empty)
        results = computations(security).run(lambda c, s=shares: split_quantiles(c, s[c.party], SEVERAL, -4, 5))
        assert results == [expected(values, SEVERAL)] * 3


def test_no_value_at_all(computations):
    none = np.zeros(0, np.int64)
    assert computations().run(lambda c: split_quantiles(c, none, [MINIMUM], 0, 4)) == [[15]] * 3
    assert computations().run(lambda c: split_quantiles(c, none, [], 0, 4)) == [[]] * 3


def test_what_is_opened_is_the_path_to_the_result(computations, monkeypatch):
    """Two data sets with one median, of other sizes and other spreads, show the same bits and the same traffic."""
    seen, honest = [], Engine.open

    def watch(self, a, label, *, index=0):
        opened = honest(self, a, label, index=index)
        if self.party == 0:
            seen[-1].append((self.ring.name, opened.tolist()[0] & 1))
        return opened

    monkeypatch.setattr(Engine, "open", watch)
    traffic = []
    for values in ([11, 11, 11], [0, 3, 9, 11, 12, 13, 14, 11, 11]):
        seen.append([])
        array = np.array(values, np.int64)
        shares = [array[:2], array[2:], array[:0]]

        def body(c, shares=shares):
            found = split_quantiles(c, shares[c.party], [LOWER_MEDIAN], 0, 4)
            return found, c.traffic.payload_bytes, c.traffic.rounds

        results = computations().run(body)
        assert results[0][0] == [11]
        traffic.append(results[0][1:])
    assert seen[0] == seen[1] and len(seen[0]) == 4
    assert [1 - bit for _, bit in seen[0]] == [0, 1, 0, 0]
    assert traffic[0] == traffic[1]


def test_misuse_is_refused(computations):
    values = np.array([3], np.int64)

    def body(c):
        for low, bits in ((0, 0), (0, 63), ((1 << 63) - 4, 3), (-(1 << 63) - 1, 3)):
            with pytest.raises(RingValueError, match="range"):
                split_quantiles(c, values, [LOWER_MEDIAN], low, bits)
        for low, bits in ((4, 3), (0, 1)):
            with pytest.raises(RingValueError, match="outside"):
                split_quantiles(c, values, [LOWER_MEDIAN], low, bits)

    computations().run(body)
    for arguments in ((2, 1), (-1, 2), (1, 0), (0, 1 << 17), (1, 2, 2)):
        with pytest.raises(RingValueError):
            Quantile(*arguments)


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("lie", ["decreasing", "negative", "too many"])
def test_counts_of_no_values_are_caught(computations, monkeypatch, liar, lie):
    honest, steps = Engine.share_input, []

    def share_input(self, owner, x, label, n, *, index=0):
        if x is not None and self.party == liar and label.startswith("counts"):
            steps.append(x)
            if lie == "negative" and len(steps) == 2:
                x = self.ring.from_integers([-1] * n)
            if lie == "too many" and len(steps) == 3:
                x = self.ring.from_integers([50] * n)
            if lie == "decreasing" and len(steps) > 2:
                x = self.ring.from_integers([(37 * len(steps)) % 20] * n)
        return honest(self, owner, x, label, n, index=index)

    monkeypatch.setattr(Engine, "share_input", share_input)

    def body(c):
        with pytest.raises(InconsistentInputError):
            split_quantiles(c, np.arange(20) * 3, [LOWER_MEDIAN], 0, 8)

    computations("malicious").run(body)
    assert len(steps) >= 2


def test_neighbour_other_values_are_not_noticed(computations):
    """An owner who counts other values consistently is believed: its data are its own."""
    shares = [np.arange(20), np.arange(20) + 100, np.zeros(0, np.int64)]
    assert (
        computations("malicious").run(lambda c: split_quantiles(c, shares[c.party], [LOWER_MEDIAN], 0, 8)) == [[19]] * 3
    )
