"""Shared vectors behave like NumPy arrays of exact integers, and nothing but ``open_*`` lets a value out."""

import operator
import pickle
from fractions import Fraction

import numpy as np
import pytest

from mpc.errors import ProtocolStateError, RingValueError, SecretExportError
from mpc.vectors import SharedFlags, SharedVector, concatenate_vectors, open_quotients, share_vector

MODES = ["semi-honest", "malicious"]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def shared(c, owner, x, bounds=None):
    return share_vector(c, owner, x if c.party == owner else None, len(x), bounds)


def ages_and_costs(n=130):
    rng = np.random.default_rng(5)
    ages, costs = rng.integers(0, 120, n), rng.integers(-(10**6), 10**6, n)
    ages[:2], costs[:2] = [0, 119], [-(10**6), 10**6 - 1]
    return ages, costs


@pytest.mark.parametrize("security", MODES)
def test_arithmetic(security, computations):
    ages, costs = ages_and_costs()

    def body(c):
        a, b = shared(c, 0, ages, (0, 119)), shared(c, 1, costs, (-(10**6), 10**6 - 1))
        found = [
            a + b,
            a - b,
            3 - a,
            -b,
            a * b,
            a * 7,
            costs * a,
            a @ b,
            (a * b).sum(),
            a[2:5],
            a[-1],
            b[np.array([9, 0])],
        ]
        return [vector.open_integers() for vector in found]

    expected = [ages + costs, ages - costs, 3 - ages, -costs, ages * costs, ages * 7, costs * ages]
    expected += [[ages @ costs], [ages @ costs], ages[2:5], ages[-1:], costs[[9, 0]]]
    for found in computations(security).run(body):
        assert found == [list(values) for values in expected]


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_comparisons(security, compare, computations):
    ages, costs = ages_and_costs()
    costs[::3] = ages[::3]

    def body(c):
        a, b = shared(c, 0, ages, (0, 119)), shared(c, 1, costs, (-(10**6), 10**6 - 1))
        return [compare(a, b).open_flags(), compare(b, 40).open_flags(), compare(a, costs).open_flags()]

    for mine, constant, public in computations(security).run(body):
        assert (mine == compare(ages, costs)).all() and (public == mine).all()
        assert (constant == compare(costs, 40)).all()


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_words_without_bounds_wrap_and_compare_unsigned(compare, computations):
    x = np.array([0, 1, 1 << 63, (1 << 64) - 1, 5], np.uint64)
    y = np.array([(1 << 64) - 1, 1, (1 << 63) - 1, (1 << 64) - 1, 1 << 63], np.uint64)

    def body(c):
        a, b = shared(c, 0, x), shared(c, 2, y)
        return compare(a, b).open_flags(), (a * b + a).open_integers()

    for flags, values in computations().run(body):
        assert (flags == compare(x, y)).all()
        assert values == (x * y + x).tolist()


@pytest.mark.parametrize("security", MODES)
def test_flags(security, computations):
    ages, costs = ages_and_costs(70)

    def body(c):
        a, b = shared(c, 0, ages, (0, 119)), shared(c, 1, costs, (-(10**6), 10**6 - 1))
        old, dear = a > 60, b > 0
        found = [old & dear, old | dear, old ^ dear, ~old]
        chosen, count = old.select(a, b), dear.to_integers().sum()
        return [flags.open_flags() for flags in found], chosen.open_integers(), count.open_integers()

    old, dear = ages > 60, costs > 0
    for flags, chosen, count in computations(security).run(body):
        assert all((f == e).all() for f, e in zip(flags, [old & dear, old | dear, old ^ dear, ~old], strict=True))
        assert chosen == np.where(old, ages, costs).tolist() and count == [dear.sum()]


def test_quotients_are_exact(computations):
    def body(c):
        sums = shared(c, 0, np.array([7, -9, 4]), (-100, 100))
        counts = shared(c, 1, np.array([3, 6, 0]), (0, 10))
        return open_quotients(sums, counts), concatenate_vectors([sums, counts]).open_integers()

    assert computations().run(body) == [([Fraction(7, 3), Fraction(-3, 2), None], [7, -9, 4, 3, 6, 0])] * 3


def test_bounds_follow_the_arithmetic(computations):
    part = computations().parts[0]

    def vector(low, high, n=10):
        return SharedVector(part, part.words.random(n, part.label("r")), (low, high))

    a, b = vector(0, 119), vector(-10, 20)
    assert (a + b).bounds == (-10, 139) and (a - b).bounds == (-20, 129) and (a * 3).bounds == (0, 357)
    assert (-a).bounds == (-119, 0) and a.sum().bounds == (0, 1190) and (b * -2).bounds == (-40, 20)
    assert (a + SharedVector(part, a.share)).bounds is None


@pytest.mark.parametrize(
    "operation",
    [
        lambda a: a * (1 << 40),
        lambda a: a - (1 << 63),
        lambda a: (a * (1 << 20)).sum(),
        lambda a: a - (1 << 64),
    ],
)
def test_what_could_wrap_is_refused_before_anything_is_sent(operation, computations):
    part = computations().parts[0]
    held = SharedVector(part, part.words.random(1 << 15, "r"), (-(1 << 31), 1 << 31))
    with pytest.raises(RingValueError, match="64 bits"):
        operation(held)
    assert part.traffic.messages == 0


def test_values_outside_their_bounds_and_bad_comparisons_are_refused(computations):
    part = computations().parts[0]
    with pytest.raises(RingValueError, match="outside"):
        share_vector(part, 0, np.array([120]), 1, (0, 119))
    small = SharedVector(part, part.words.random(3, "r"), (-5, 5))
    with pytest.raises(RingValueError, match="2\\^63"):
        _ = small < SharedVector(part, part.words.random(3, "s"))
    with pytest.raises(RingValueError, match="compared"):
        _ = small < SharedVector(part, part.words.random(2, "t"), (0, 5))
    with pytest.raises(RingValueError, match="shared or public"):
        _ = small == "five"
    with pytest.raises(RingValueError, match="no element"):
        _ = small[3]
    with pytest.raises(ProtocolStateError, match="different computations"):
        _ = small + SharedVector(computations().parts[0], small.share, (0, 1))


def test_nothing_leaves_by_accident(computations):
    part = computations().parts[0]
    vector = SharedVector(part, part.words.random(3, "r"), (0, 7))
    flags = SharedFlags(part, part.bits.random(1, "b"), 3)
    for leak in (lambda: bool(vector), lambda: list(vector), lambda: np.asarray(vector), lambda: bool(flags)):
        with pytest.raises(ProtocolStateError):
            leak()
    for secret in (vector, flags):
        assert "redacted" in repr(secret)
        with pytest.raises(SecretExportError):
            pickle.dumps(secret)


def test_a_comparison_is_cut_to_the_width_of_its_values(computations):
    def body(c, high):
        x = np.zeros(6400, np.int64)
        a, b = shared(c, 0, x, (0, high)), shared(c, 1, x, (0, high))
        before = c.traffic.payload_bytes
        _ = a < b
        return c.traffic.payload_bytes - before

    narrow = computations().run(lambda c: body(c, 119))
    wide = computations().run(lambda c: body(c, (1 << 62) - 1))
    assert all(7 * small < large for small, large in zip(narrow, wide))
