"""Quantiles of a secret group against NumPy, and what happens where the group is too small."""

import numpy as np
import pytest

from mpc.errors import GroupTooSmallError, ProductCheckError, RingValueError
from mpc.group_quantiles import group_quantiles
from mpc.replicated import Engine
from mpc.vectors import share_vector

MODES = ["semi-honest", "malicious"]
QUANTILES = [(0, 1), (1, 4), (1, 2), (9, 10), (1, 1)]
BOUNDS = (-50, 40)


def enter(c, values, left, right, bounds=BOUNDS):
    """Values are party 0's; who belongs is the product of filters of parties 1 and 2."""
    n = len(values)
    x = share_vector(c, 0, values if c.party == 0 else None, n, bounds)
    a = share_vector(c, 1, left if c.party == 1 else None, n, (0, 1))
    b = share_vector(c, 2, right if c.party == 2 else None, n, (0, 1))
    return x, (a > 0) & (b > 0)


def draw(n, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(BOUNDS[0], BOUNDS[1], n, endpoint=True)
    values[:2] = BOUNDS
    return values, rng.integers(0, 2, n), (rng.random(n) < 0.8).astype(np.int64)


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("n", [40, 65, 300])
def test_quantiles_of_a_group(computations, security, n):
    values, left, right = draw(n, n)
    group = np.sort(values[(left & right) == 1])

    def body(c):
        count, chosen = group_quantiles(c, *enter(c, values, left, right), QUANTILES, 5)
        assert chosen.bounds == BOUNDS
        return count, chosen.open_integers()

    expected = [int(np.quantile(group, p / q, method="inverted_cdf")) for p, q in QUANTILES]
    assert computations(security).run(body) == [(len(group), expected)] * 3
    assert expected[0] == group.min() and expected[-1] == group.max()


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize(("inside", "minimum"), [(5, 5), (4, 5), (0, 1), (1, 1), (30, 31)])
def test_the_minimum_group(computations, security, inside, minimum, monkeypatch):
    """At the minimum it is answered, below it nothing is opened but that."""
    values = np.arange(30)
    left, right = (np.arange(30) < inside).astype(np.int64), np.ones(30, np.int64)
    labels, honest = [], Engine.open

    def watch(self, a, label, *, index=0):
        if self.party == 0:
            labels.append(label.split("/")[0])
        return honest(self, a, label, index=index)

    monkeypatch.setattr(Engine, "open", watch)

    def body(c):
        return group_quantiles(c, *enter(c, values, left, right), [(1, 2)], minimum)[0]

    outcomes = computations(security).outcomes(body)
    if inside >= minimum:
        assert outcomes == [inside] * 3
    else:
        assert all(isinstance(outcome, GroupTooSmallError) and outcome.minimum == minimum for outcome in outcomes)
        assert [label for label in labels if label != "verify"] == ["open"] * (minimum <= 30)


def test_a_bent_filter_is_caught_before_the_size_is_compared(computations, monkeypatch):
    values, left, right = draw(40, 0)
    honest = Engine._replicate

    def replicate(self, first, tag):
        if self.party == 2 and "/and/" in tag:
            first = first ^ np.uint64(1)
        return honest(self, first, tag)

    monkeypatch.setattr(Engine, "_replicate", replicate)

    def body(c):
        with pytest.raises(ProductCheckError):
            group_quantiles(c, *enter(c, values, left, right), [(1, 2)], 5)

    computations("malicious").run(body)


def test_misuse_is_refused(computations):
    values, ones = np.arange(30), np.ones(30, np.int64)

    def body(c):
        x, members = enter(c, values, ones, ones)
        unbounded, _ = enter(c, values, ones, ones, None)
        wide, _ = enter(c, values, ones, ones, (0, 1 << 60))
        for vector, group, quantiles, minimum in (
            (x[:5], members, [(1, 2)], 5),
            (unbounded, members, [(1, 2)], 5),
            (wide, members, [(1, 2)], 5),
            (x, members, [(3, 2)], 5),
            (x, members, [(1, 2)], 0),
        ):
            with pytest.raises(RingValueError):
                group_quantiles(c, vector, group, quantiles, minimum)

    computations().run(body)
