"""The disclosure check: equal to the ideal functionality, opens one bit per count, only over large prime fields."""

import numpy as np
import pytest

from mpc.compare import (
    MAX_BOUND,
    MAX_FORBIDDEN,
    field_modulus,
    open_any_forbidden,
    open_below,
    open_disclosure_risks,
)
from mpc.errors import ProtocolStateError, RingValueError, ShareMismatchError
from mpc.ideal import Ideal
from mpc.rings import Z2_64
from mpc.shares import ReplicatedShare, share

COUNTS = [0, 1, 2, 9, 10, 11, 12, 63, 64, 65, 999, 1000, 1001, 1 << 20, (1 << 40) - 1]


def below(parties, ring, counts, bound):
    dealt = share(ring, ring.from_integers(counts))
    return parties(ring).run(lambda engine: open_below(engine, dealt[engine.party], bound, "minimum").tolist())


@pytest.mark.parametrize("bound", [1, 2, 3, 7, 8, 10, 11, 64])
def test_equals_the_ideal_functionality(prime_field, bound, parties):
    ideal = Ideal(field_modulus(prime_field))
    assert below(parties, prime_field, COUNTS, bound) == [ideal.open_below(COUNTS, bound)] * 3


def test_every_count_around_a_bound(prime_field, parties):
    counts = list(range(30))
    assert below(parties, prime_field, counts, 11) == [[count < 11 for count in counts]] * 3


def test_the_largest_bound(parties, prime_field):
    assert below(parties, prime_field, [MAX_BOUND - 1, MAX_BOUND], MAX_BOUND) == [[True, False]] * 3


@pytest.mark.parametrize("bound", [0, -1, -(1 << 70)])
def test_a_bound_of_nothing_sends_nothing(prime_field, bound, parties):
    trio = parties(prime_field)
    dealt = share(prime_field, prime_field.from_integers(COUNTS))
    for engine in trio.engines:
        assert not open_below(engine, dealt[engine.party], bound, "minimum").any()
        assert engine.traffic.messages == 0


def test_no_counts(prime_field, parties):
    assert below(parties, prime_field, [], 10) == [[]] * 3


def test_costs_are_those_documented(prime_field, parties):
    trio, bound = parties(prime_field), 11
    dealt = share(prime_field, prime_field.from_integers([5, 500]))
    trio.run(lambda engine: open_below(engine, dealt[engine.party], bound, "minimum"))
    for engine in trio.engines:
        leaves, products, coin, check = (bound + 1) * 2, bound * 2, 2 * 2 * 32, 3
        # tags of the leaves, two elements a product, masked difference; openings of key, difference and result
        elements = leaves + 2 * products + 1 + (check - 1) + 2
        assert engine.traffic.rounds == 1 + 4 + 2 + 3 + 1
        assert engine.traffic.payload_bytes == elements * prime_field.element_bytes + coin + check * 32


def test_only_the_bit_is_opened(prime_field, parties):
    """Equal counts open to unrelated non-zero values, all counts below the bound to zero."""
    trio = parties(prime_field)
    opened, checks = [], []
    for engine in trio.engines:
        original = engine.open

        def tap(held, label, *, index=0, original=original):
            values = original(held, label, index=index)
            (opened if label == "minimum/masked" else checks).append(prime_field.to_integers(values))
            return values

        engine.open = tap
    counts = [50, 50, 50, 3, 4, 0]
    dealt = share(prime_field, prime_field.from_integers(counts))
    trio.run(lambda engine: open_below(engine, dealt[engine.party], 10, "minimum"))
    assert len(opened) == 3
    assert len(checks) == 6  # the uniform key, then the masked difference of the tags
    assert sum(values == [0] for values in checks) == 3
    for values in opened:
        assert values[3:] == [0, 0, 0] and len({0, *values[:3]}) == 4
        assert min(values[:3]) > 1 << 80


class CompositeRing:
    """Just enough of a ring of odd, composite size to be told from a field."""

    name = "Z_composite"
    size = ((1 << 61) - 1) * ((1 << 31) - 1)

    def from_integers(self, values):
        return np.array(values, dtype=object)

    def neg(self, a):
        return -a

    def to_integers(self, a):
        return [int(value) % self.size for value in a]


class SmallField(CompositeRing):
    name = "F_2^61-1"
    size = (1 << 61) - 1


def test_rings_that_are_no_large_prime_fields_are_refused(parties):
    trio = parties(Z2_64)
    dealt = share(Z2_64, Z2_64.from_integers([5]))
    with pytest.raises(RingValueError, match=r"Z_2\^64 is not a prime field"):
        open_below(trio.engines[0], dealt[0], 10, "minimum")
    for ring in (CompositeRing(), SmallField(), Z2_64):
        with pytest.raises(RingValueError, match="not a prime field"):
            field_modulus(ring)
    assert trio.engines[0].traffic.messages == 0


def test_large_prime_fields_are_recognised(prime_field):
    assert field_modulus(prime_field) == prime_field.modulus


def test_misuse_is_refused(prime_field, parties):
    trio = parties(prime_field)
    dealt = share(prime_field, prime_field.from_integers([5]))
    with pytest.raises(RingValueError, match="at most 4096"):
        open_below(trio.engines[0], dealt[0], MAX_BOUND + 1, "minimum")
    with pytest.raises(ProtocolStateError):
        open_below(trio.engines[0], dealt[1], 10, "minimum")


def test_a_liar_in_the_opening_is_caught(prime_field, parties):
    dealt = share(prime_field, prime_field.from_integers([5, 50]))

    def body(engine):
        if engine.party == 1:
            original = engine.open

            def lie(held, label, *, index=0):
                one = prime_field.from_integers([1])
                return original(ReplicatedShare(1, prime_field.add(held.first, one), held.second), label, index=index)

            engine.open = lie
        return open_below(engine, dealt[engine.party], 10, "minimum")

    outcomes = parties(prime_field, timeout_s=3.0).outcomes(body)
    assert isinstance(outcomes[2], ShareMismatchError)


@pytest.mark.parametrize(
    ("counts", "risky"),
    [
        ([10], False),
        ([9], True),
        ([0], True),
        ([500, 500], False),
        ([500, 499], True),
        ([491, 500], True),
        ([490, 500], False),
        ([500, 300, 291, 300], True),
        ([500, 300, 290, 300], False),
        ([500, 300, 3], True),
        ([], False),
    ],
)
def test_disclosure_risk_of_counts_and_their_differences(prime_field, parties, counts, risky):
    assert risks(parties, prime_field, counts, 1, 10) == [[risky]] * 3


def risks(parties, ring, counts, cells, minimum):
    """What is told with one minimum, or one for each guard."""
    minimums = minimum if isinstance(minimum, list) else [minimum] * (len(counts) // cells)
    dealt = share(ring, ring.from_integers(counts))
    return parties(ring).run(
        lambda engine: open_disclosure_risks(engine, dealt[engine.party], cells, minimums, "guards").tolist()
    )


@pytest.mark.parametrize(
    ("guards", "risky"),
    [
        ([[10, 9, 500, 0]], [False, True, False, True]),
        ([[10, 11, 12, 13]], [False] * 4),  # counts of different cells are not compared
        ([[500, 500, 500], [500, 499, 10]], [False, True, False]),
        ([[500, 500, 500], [490, 491, 9]], [False, True, True]),
        ([[50, 50], [30, 50], [30, 41]], [False, True]),
        ([[5], [500]], [True]),
    ],
)
def test_disclosure_risk_cell_by_cell(prime_field, parties, guards, risky):
    counts = [count for row in guards for count in row]
    assert risks(parties, prime_field, counts, len(guards[0]), 10) == [risky] * 3


@pytest.mark.parametrize(
    ("counts", "risky"),
    [
        ([20, 10], False),
        ([19, 10], True),  # below its own minimum, though not below the other's
        ([20, 9], True),
        ([29, 20], True),  # a difference needs the smaller of the two minimums
        ([30, 20], False),
        ([20, 20], False),
    ],
)
def test_disclosure_risk_by_each_guards_minimum(prime_field, parties, counts, risky):
    assert risks(parties, prime_field, counts, 1, [20, 10]) == [[risky]] * 3


def test_disclosure_risk_equals_plain_comparison(prime_field, parties):
    """Random counts around the minimum, three guards and seven cells."""
    rng, minimum, cells = np.random.default_rng(7), 4, 7
    for _ in range(3):
        rows = rng.integers(0, 14, size=(3, cells))
        expected = [
            bool(
                (rows[:, c] < minimum).any()
                or any(0 < abs(int(a) - int(b)) < minimum for a in rows[:, c] for b in rows[:, c])
            )
            for c in range(cells)
        ]
        assert risks(parties, prime_field, rows.ravel().tolist(), cells, minimum) == [expected] * 3


@pytest.mark.parametrize("minimum", [1, 10])
def test_further_factors_close_cells(prime_field, parties, minimum):
    """Two more rules over three cells: one closes the first, the other the last; a small count closes the middle."""
    counts = share(prime_field, prime_field.from_integers([500, 9, 500]))
    factors = share(prime_field, prime_field.from_integers([0, 1, 1, 5, 1, 0]))
    for safe, expected in ((factors, [True, minimum == 10, True]), (None, [False, minimum == 10, False])):
        found = parties(prime_field).run(
            lambda engine, safe=safe: open_disclosure_risks(
                engine, counts[engine.party], 3, [minimum], "guards", safe=safe and safe[engine.party]
            ).tolist()
        )
        assert found == [expected] * 3


def test_disclosure_risk_opens_one_bit(prime_field, parties):
    trio = parties(prime_field)
    opened = []
    for engine in trio.engines:
        original = engine.open

        def tap(held, label, *, index=0, original=original):
            values = original(held, label, index=index)
            opened.append((label, prime_field.to_integers(values)))
            return values

        engine.open = tap
    dealt = share(prime_field, prime_field.from_integers([500, 300, 299]))
    trio.run(lambda engine: open_disclosure_risks(engine, dealt[engine.party], 1, [10, 10, 10], "guards"))
    assert [len(values) for _, values in opened] == [1] * 9
    assert [values for label, values in opened if label == "guards/masked"] == [[0]] * 3


def test_disclosure_risk_opens_one_bit_a_cell(prime_field, parties):
    """The unrisky cells open to unrelated uniform elements, the risky ones to zero; one element each."""
    trio = parties(prime_field)
    opened = []
    for engine in trio.engines:
        original = engine.open

        def tap(held, label, *, index=0, original=original):
            values = original(held, label, index=index)
            opened.append((label, prime_field.to_integers(values)))
            return values

        engine.open = tap
    dealt = share(prime_field, prime_field.from_integers([500, 500, 3, 300, 300, 300]))
    trio.run(lambda engine: open_disclosure_risks(engine, dealt[engine.party], 3, [10, 10], "guards"))
    masked = [values for label, values in opened if label == "guards/masked"]
    assert len(opened) == 9
    for values in masked:
        assert values[2] == 0
        assert values[0] != values[1]
        assert min(values[:2]) > 1 << 80


def test_disclosure_risk_refuses_what_it_cannot_check(parties, prime_field):
    trio = parties(prime_field)
    dealt = share(prime_field, prime_field.from_integers([5]))
    assert open_disclosure_risks(trio.engines[0], dealt[0], 1, [1], "guards").tolist() == [False]
    assert trio.engines[0].traffic.messages == 0
    with pytest.raises(RingValueError, match="at most 4096"):
        open_disclosure_risks(trio.engines[0], dealt[0], 1, [MAX_BOUND + 1], "guards")
    for cells, minimums in ((0, [10]), (-1, [10]), (2, [10]), (1, [10, 10]), (1, [])):
        with pytest.raises(RingValueError, match="not those of"):
            open_disclosure_risks(trio.engines[0], dealt[0], cells, minimums, "guards")


@pytest.mark.parametrize(
    ("values", "forbidden", "found"),
    [
        ([10, 0], [[1, 2, 9], [1]], False),
        ([10, 0], [[1, 2, 9], [0]], True),
        ([-3], [[-1, -2, -3]], True),
        ([-3], [[1, 2, 3]], False),
        ([7, 8, 9], [[], [], []], False),
        ([], [], False),
    ],
)
def test_whether_any_value_is_forbidden(prime_field, parties, values, forbidden, found):
    dealt = share(prime_field, prime_field.from_integers(values))
    told = parties(prime_field).run(lambda engine: open_any_forbidden(engine, dealt[engine.party], forbidden, "gaps"))
    assert told == [found] * 3


def test_forbidden_numbers_have_to_fit(prime_field, parties):
    trio = parties(prime_field)
    dealt = share(prime_field, prime_field.from_integers([5]))
    with pytest.raises(RingValueError, match="do not fit"):
        open_any_forbidden(trio.engines[0], dealt[0], [[1], [2]], "gaps")
    with pytest.raises(RingValueError, match="do not fit"):
        open_any_forbidden(trio.engines[0], dealt[0], [range(MAX_FORBIDDEN + 1)], "gaps")
