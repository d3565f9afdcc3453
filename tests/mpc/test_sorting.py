"""Sorting and selecting shared rows against NumPy, for lengths, widths and ties; and what an observer sees."""

from itertools import permutations

import numpy as np
import pytest

from mpc.errors import ProductCheckError, RingValueError, ShareMismatchError, ShuffleCheckError
from mpc.ordering import less_than
from mpc.replicated import Engine
from mpc.rings import Z2_64
from mpc.shares import share
from mpc.sorting import largest_rows, nearest_ranks, open_flags, rows_of, select_ranks, sort_rows

MODES = ["semi-honest", "malicious"]


def deal(columns):
    dealt = [share(Z2_64, np.asarray(column).astype(np.int64).view(np.uint64)) for column in columns]
    return [[column[party] for column in dealt] for party in range(3)]


def opened(computation, columns):
    return [Z2_64.to_signed(computation.words.open(column, computation.label("test"))) for column in columns]


def draw(n, bits, seed, distinct=None):
    rng = np.random.default_rng(seed)
    low = -(1 << bits - 1)
    values = rng.integers(low, low + (1 << bits) - 1, n, dtype=np.int64, endpoint=True)
    if distinct:
        values = rng.choice(values[:distinct], n)
    values[: min(2, n)] = [low, low + (1 << bits) - 1][: min(2, n)]
    return values


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("n", [0, 1, 2, 63, 64, 65, 700])
@pytest.mark.parametrize("bits", [3, 32, 53])
def test_sorted_rows(computations, security, n, bits):
    values = draw(n, bits, n)
    row = np.arange(n)
    dealt = deal([row, values])
    results = computations(security).run(lambda c: opened(c, sort_rows(c, dealt[c.party], bits, key=1)))
    assert results == [results[0]] * 3
    rows, keys = results[0]
    assert keys == sorted(values.tolist())
    assert sorted(rows) == row.tolist() and values[rows].tolist() == keys


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("low", [0, 1 << 62, (1 << 63) - 2, -2])
def test_only_differences_count(computations, security, low):
    """Keys may lie anywhere, across the wrap of the ring too, as long as they lie within 2^bits of one another."""
    values = (np.arange(8, dtype=np.uint64)[::-1] + np.uint64(low % (1 << 64))).view(np.int64)
    dealt = deal([values])
    result = computations(security).run(lambda c: opened(c, sort_rows(c, dealt[c.party], 3)))[0][0]
    assert result == values[::-1].tolist()


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("n", [1, 2, 64, 501])
def test_selected_ranks(computations, security, n):
    values = draw(n, 20, n, distinct=max(n // 3, 1))
    ranks = [0, n - 1, n // 2, 0]
    dealt = deal([values, values * 3])

    def body(c):
        held = dealt[c.party]
        return opened(c, select_ranks(c, held, ranks, 20)), opened(c, largest_rows(c, held, min(n, 5), 20))

    chosen, largest = computations(security).run(body)[0]
    expected = sorted(values.tolist())
    assert chosen == [[expected[r] for r in ranks], [3 * expected[r] for r in ranks]]
    assert largest[0] == expected[::-1][:5]


@pytest.mark.parametrize("security", MODES)
def test_a_large_sort(computations, security):
    n = 20_000 if security == "semi-honest" else 2_000
    values = draw(n, 40, 3)
    dealt = deal([values])
    result = computations(security).run(lambda c: opened(c, sort_rows(c, dealt[c.party], 40)))[0][0]
    assert result == np.sort(values).tolist()


def test_equal_keys_keep_their_order(computations):
    dealt = deal([np.arange(60), np.arange(60) % 3])
    rows = computations().run(lambda c: opened(c, sort_rows(c, dealt[c.party], 2, key=1))[0])[0]
    assert rows == [*range(0, 60, 3), *range(1, 60, 3), *range(2, 60, 3)]


def test_the_opened_comparisons_are_those_of_a_random_order(computations, monkeypatch):
    """For equal rows and for different ones every order of the shuffled rows is seen about equally often.

    The answers determine the order; 6 orders, 5 degrees of freedom, 99.99 % at 25.7. Seeds are fixed.
    """
    import mpc.sorting

    honest, times = mpc.sorting.rank_rows, 90
    for values in ([7, 7, 7], [1, 2, 3], [5, 9, 5]):
        seen = []

        def watch(n, below, wanted=None, seen=seen):
            order = honest(n, below, wanted)
            seen.append(tuple(order.tolist()))
            return order

        monkeypatch.setattr(mpc.sorting, "rank_rows", watch)
        dealt = deal([values])

        def body(c, dealt=dealt):
            for _ in range(times):
                sort_rows(c, dealt[c.party], 4)

        computations().run(body)
        assert len(seen) == 3 * times
        counts = [seen.count(order) / 3 for order in permutations(range(3))]
        assert sum((count - times / 6) ** 2 / (times / 6) for count in counts) < 25.7


def test_nothing_but_flags_is_opened(computations, monkeypatch):
    labels, honest = [], Engine.open

    def watch(self, a, label, *, index=0):
        labels.append((self.ring.name, label.split("/")[0]))
        return honest(self, a, label, index=index)

    monkeypatch.setattr(Engine, "open", watch)
    dealt = deal([np.arange(300)])
    computations().run(lambda c: sort_rows(c, dealt[c.party], 16) and None)
    assert {label for _, label in labels} == {"flags"} and not {ring for ring, _ in labels} & {"Z_2^64"}


def test_ranks_of_quantiles():
    assert nearest_ranks(10, [(0, 1), (1, 10), (1, 2), (9, 10), (1, 1)]) == [0, 0, 4, 8, 9]
    assert nearest_ranks(1, [(0, 1), (1, 2), (1, 1)]) == [0, 0, 0]
    values = np.sort(np.random.default_rng(0).integers(0, 99, 37))
    quantiles = [(k, 100) for k in range(1, 101)]
    expected = [np.quantile(values, p / q, method="inverted_cdf") for p, q in quantiles if p not in (0,)]
    assert values[nearest_ranks(37, quantiles)].tolist() == expected
    for n, quantile in ((0, (1, 2)), (5, (3, 2)), (5, (-1, 2)), (5, (0, 0))):
        with pytest.raises(RingValueError):
            nearest_ranks(n, [quantile])


def test_misuse_is_refused(computations):
    dealt = deal([np.arange(5), np.arange(5)])

    def body(c):
        held = dealt[c.party]
        with pytest.raises(RingValueError, match="no column 2"):
            sort_rows(c, held, 8, key=2)
        with pytest.raises(RingValueError, match="no column"):
            sort_rows(c, [], 8)
        with pytest.raises(RingValueError, match="ranks lie in"):
            select_ranks(c, held, [5], 8)
        with pytest.raises(RingValueError, match="asked for"):
            largest_rows(c, held, 6, 8)
        with pytest.raises(RingValueError, match="5 rows"):
            sort_rows(c, [held[0], held[1][:4]], 8)
        with pytest.raises(RingValueError, match="1 to 60 bits wide"):
            sort_rows(c, held, 61)
        with pytest.raises(RingValueError, match="bits wide"):
            sort_rows(c, held, 0)

    computations().run(body)


def test_rows_and_flags(computations):
    dealt = deal([np.arange(130)])

    def body(c):
        picked = rows_of(dealt[c.party][0], np.array([129, 0, 5]))
        values = opened(c, [picked])[0]
        flags = open_flags(c, less_than(c, dealt[c.party][0], rows_of(dealt[c.party][0], np.full(130, 65)), 8), 130)
        return values, flags.tolist()

    values, flags = computations().run(body)[0]
    assert values == [129, 0, 5] and flags == [k < 65 for k in range(130)]


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("gate", ["generate", "carry/0", "carry/2"])
def test_a_bent_comparison_is_caught_before_it_is_opened(computations, monkeypatch, liar, gate):
    honest, labels, honest_open = Engine._replicate, [], Engine.open

    def replicate(self, first, tag):
        if self.party == liar and tag.endswith(gate):
            first = first ^ np.uint64(1)
        return honest(self, first, tag)

    def watch(self, a, label, *, index=0):
        labels.append(label.split("/")[0])
        return honest_open(self, a, label, index=index)

    monkeypatch.setattr(Engine, "_replicate", replicate)
    monkeypatch.setattr(Engine, "open", watch)
    dealt = deal([np.arange(40)])

    def body(c):
        with pytest.raises(ProductCheckError):
            sort_rows(c, dealt[c.party], 8)

    computations("malicious").run(body)
    assert "verify" in labels and "flags" not in labels


def test_a_bent_shuffle_is_caught_before_anything_is_compared(computations, monkeypatch):
    honest, labels, honest_open = Engine.transfer, [], Engine.open

    def transfer(self, sender, receiver, masked, n, label, *, index=0):
        if masked is not None and self.party == 1:
            masked = self.ring.add(masked, self.ring.from_integers([1]))
        return honest(self, sender, receiver, masked, n, label, index=index)

    def watch(self, a, label, *, index=0):
        labels.append(label.split("/")[0])
        return honest_open(self, a, label, index=index)

    monkeypatch.setattr(Engine, "transfer", transfer)
    monkeypatch.setattr(Engine, "open", watch)
    dealt = deal([np.arange(40)])
    outcomes = computations("malicious").outcomes(lambda c: select_ranks(c, dealt[c.party], [3], 8))
    assert all(isinstance(outcome, ShuffleCheckError | ShareMismatchError) for outcome in (outcomes[0], outcomes[2]))
    assert set(labels) == {"rows"}


@pytest.mark.slow
@pytest.mark.parametrize("security", MODES)
def test_many_rows(computations, security):
    """Shuffled and selected from; sorted where parties follow the protocol."""
    n = 1_000_000 if security == "semi-honest" else 200_000
    values = draw(n, 40, 9)
    dealt = deal([values])
    ordered = np.sort(values)

    def body(c):
        chosen = opened(c, select_ranks(c, dealt[c.party], [0, n // 2, n - 1], 40))[0]
        return chosen, opened(c, sort_rows(c, dealt[c.party], 40))[0] if c.trusting else None

    chosen, everything = computations(security, timeout_s=600.0).run(body)[0]
    assert chosen == ordered[[0, n // 2, n - 1]].tolist()
    assert everything is None or everything == ordered.tolist()
