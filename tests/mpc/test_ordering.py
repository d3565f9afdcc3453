"""Comparison, equality, selection, minimum and maximum agree with NumPy for every width, length and mode."""

import numpy as np
import pytest

from mpc import ordering
from mpc.circuits import tree_order
from mpc.computation import Computation
from mpc.errors import RingValueError
from mpc.rings import Z2_64
from mpc.shares import share

MODES = ["semi-honest", "malicious"]
EXTREMES = [0, 1, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, (1 << 64) - 1]


def lanes(plane, n):
    return np.unpackbits(plane.astype("<u8").view(np.uint8), bitorder="little")[:n].astype(bool)


def draw(rng, n, bits, offset=0):
    values = rng.integers(0, 1 << bits, n, dtype=np.uint64) if bits < 64 else rng.integers(0, 1 << 64, n, np.uint64)
    values[: min(n, 2)] = [0, (1 << bits) - 1][: min(n, 2)]
    return values + np.uint64(offset % (1 << 64))


def opened(computation, kind, value, label="opened"):
    return getattr(computation, kind).open(value, label)


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 1000])
@pytest.mark.parametrize("bits", [1, 2, 3, 8, 31, 32, 33, 62, 63, 64])  # every width: test_dealt_tree.py
def test_less_than(security, n, bits, computations):
    rng = np.random.default_rng(bits * 1000 + n)
    a, b = draw(rng, n, bits), draw(rng, n, bits)[::-1].copy()
    b[::5] = a[::5]
    x, y = share(Z2_64, a), share(Z2_64, b)

    def body(c):
        return opened(c, "bits", ordering.less_than(c, x[c.party], y[c.party], bits))

    for plane in computations(security).run(body):
        assert (lanes(plane, n) == (a < b)).all()


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("bits", [8, 32, 63])
def test_less_than_of_signed_values(security, bits, computations):
    """The same width serves [-2^(bits-1), 2^(bits-1)): only differences count."""
    rng = np.random.default_rng(bits)
    a, b = draw(rng, 200, bits, -(1 << bits - 1)), draw(rng, 200, bits, -(1 << bits - 1))
    x, y = share(Z2_64, a), share(Z2_64, b)
    expected = a.view(np.int64) < b.view(np.int64)

    def body(c):
        return opened(c, "bits", ordering.less_than(c, x[c.party], y[c.party], bits))

    assert all((lanes(plane, 200) == expected).all() for plane in computations(security).run(body))


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("signed", [False, True])
def test_whole_words_at_their_extremes(security, signed, computations):
    a = np.repeat(np.array(EXTREMES, np.uint64), len(EXTREMES))
    b = np.tile(np.array(EXTREMES, np.uint64), len(EXTREMES))
    x, y = share(Z2_64, a), share(Z2_64, b)
    expected = a.view(np.int64) < b.view(np.int64) if signed else a < b

    def body(c):
        plane = ordering.less_than(c, x[c.party], y[c.party], 64, signed=signed)
        return opened(c, "bits", plane)

    assert all((lanes(plane, len(a)) == expected).all() for plane in computations(security).run(body))


def test_values_wider_than_stated_are_compared_wrongly(computations):
    """Neighbour: the width is a promise; 2^40 against 0 at 8 bits has no sign at bit 8."""
    x, y = share(Z2_64, np.zeros(1, np.uint64)), share(Z2_64, np.array([1 << 40], np.uint64))

    def body(c):
        return opened(c, "bits", ordering.less_than(c, x[c.party], y[c.party], 8))

    assert not lanes(computations().run(body)[0], 1)[0]


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("bits", [1, 5, 32, 64])
def test_equal(security, bits, computations):
    rng = np.random.default_rng(bits)
    a, b = draw(rng, 130, bits), draw(rng, 130, bits)
    b[::3] = a[::3]
    x, y = share(Z2_64, a), share(Z2_64, b)

    def body(c):
        return opened(c, "bits", ordering.equal(c, x[c.party], y[c.party], bits))

    for plane in computations(security).run(body):
        assert (lanes(plane, 130) == (a == b)).all()


@pytest.mark.parametrize("security", MODES)
def test_select_minimum_and_maximum(security, computations):
    rng = np.random.default_rng(7)
    a, b = draw(rng, 99, 40), draw(rng, 99, 40)
    x, y = share(Z2_64, a), share(Z2_64, b)

    def body(c):
        mine = x[c.party], y[c.party]
        low, high = ordering.minimum(c, *mine, 40), ordering.maximum(c, *mine, 40)
        flags = ordering.to_words(c, ordering.less_than(c, *mine, 40), 99)
        return [opened(c, "words", value, f"o{k}") for k, value in enumerate((low, high, flags))]

    for low, high, flags in computations(security).run(body):
        assert (low == np.minimum(a, b)).all()
        assert (high == np.maximum(a, b)).all()
        assert (flags == (a < b)).all()


def test_empty_vectors_cost_nothing(computations):
    trio = computations()
    empty = share(Z2_64, np.zeros(0, np.uint64))
    found = trio.run(lambda c: len(ordering.less_than(c, empty[c.party], empty[c.party], 32)))
    assert found == [0, 0, 0] and trio.parts[0].traffic.messages == 0


@pytest.mark.parametrize(("bits", "length"), [(0, 3), (65, 3), (32, 2)])
def test_bad_widths_and_lengths_are_refused(bits, length, computations):
    trio = computations()
    x, y = share(Z2_64, np.zeros(3, np.uint64)), share(Z2_64, np.zeros(length, np.uint64))
    with pytest.raises(RingValueError):
        ordering.less_than(trio.parts[0], x[0], y[0], bits)


def test_an_unknown_mode_is_refused(computations):
    part = computations().parts[0]
    with pytest.raises(RingValueError, match="security"):
        Computation(part.words._channel, part.words._seeds, bytes(32), 0, security="honest")


@pytest.mark.parametrize("planes", range(1, 70))
def test_tree_order_keeps_pairs_of_every_level_in_two_blocks(planes):
    order = tree_order(planes)
    assert sorted(order) == list(range(planes)) and order[0] == 0 and order[-1] == planes - 1
    groups = [(k, k) for k in order]  # from lowest to highest bit
    while len(groups) > 1:
        half = len(groups) // 2
        low, high, rest = groups[:half], groups[half : 2 * half], groups[2 * half :]
        assert all(a[1] + 1 == b[0] for a, b in zip(low, high))
        groups = [(a[0], b[1]) for a, b in zip(low, high)] + rest


def test_the_traffic_of_a_malicious_comparison_before_its_checks(computations):
    n, bits = 6400, 63
    x = share(Z2_64, np.zeros(n, np.uint64))
    trio = computations("malicious")
    trio.run(lambda c: ordering.less_than(c, x[c.party], x[c.party], bits))
    for part in trio.parts:
        assert part.traffic.rounds == 1 + 1 + 6 and part.traffic.payload_bytes <= 4 * 64 * (n // 64) * 8
