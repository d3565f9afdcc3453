"""The tree under dealt masks: its kernels, what it computes, what it sends, and what a party can see of it."""

import math

import numpy as np
import pytest

import mpc.computation
from mpc import ordering
from mpc.dealt_tree import Digits, dealt_planes, dealt_sign, merges_of, opened_planes
from mpc.errors import ProtocolStateError
from mpc.frames import decode_frame
from mpc.ideal import Ideal
from mpc.kernels import dealt
from mpc.prg import Seed, Stream
from mpc.rings import Z2_64
from mpc.seeds import PairwiseSeeds
from mpc.shares import share

ALL_ONES = np.uint64(2**64 - 1)
KNOWN = {"zero": 0, "quarter": 1 << 62, "ones": (1 << 64) - 1}
LENGTHS = [1, 63, 64, 65, 1000]
THRESHOLD = 400.0  # chi-square with 255 degrees of freedom; tests/mpc/test_uniformity.py


def words(rng, rows, width):
    return rng.integers(0, 1 << 64, (rows, width), dtype=np.uint64)


def lanes(plane, n):
    return np.unpackbits(plane.astype("<u8").view(np.uint8), bitorder="little")[:n].astype(bool)


def chi_square(data):
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    expected = len(data) / 256
    return float(((counts - expected) ** 2 / expected).sum())


# Kernels against the formulas, bit by bit


def carries(u, v):
    """What bits of two addends, the lowest first, generate and pass on together."""
    generated, passed = np.zeros_like(u[0]), np.full_like(u[0], ALL_ONES)
    for a, b in zip(u, v):
        generated, passed = (a & b) ^ ((a ^ b) & generated), passed & (a ^ b)
    return generated, passed


def merged(groups):
    """The same of groups, each what it generates and what it passes on, the lowest first."""
    generated, passed = np.zeros_like(groups[0][0]), np.full_like(groups[0][0], ALL_ONES)
    for g, p in groups:
        generated, passed = g ^ (p & generated), passed & p
    return generated, passed


@pytest.mark.parametrize("bits", range(1, 20))
def test_digits_generate_and_pass_on(bits):
    rng, width, digits = np.random.default_rng(bits), 5, Digits.of(bits)
    assert sorted(digits.order) == list(range(bits))
    u, v = words(rng, bits, width), words(rng, bits + 1, width)
    room = np.zeros((1 + digits.products, width), np.uint64)
    dealt_u = np.concatenate([u[digits.order], room])
    before = dealt_u[: bits + 1].copy()
    dealt.digit_products(dealt_u, digits.count, digits.middles, digits.lows)
    assert (dealt_u[: bits + 1] == before).all()
    part = words(rng, len(dealt_u), width)
    masks = [words(rng, digits.opened, width) for _ in range(2)]
    placed = np.concatenate([v[digits.order], v[bits:]])

    def summand(held, mask, adds):
        out = np.empty((digits.opened, width), np.uint64)
        dealt.digit_terms(held, placed, digits.count, digits.middles, digits.lows, mask, np.uint64(adds), out)
        return out

    found = summand(part, masks[0], ALL_ONES) ^ summand(dealt_u ^ part, masks[1], 0) ^ masks[0] ^ masks[1]
    ends = [bits - 3 * k for k in range(digits.count)][::-1]
    expected = [carries(u[max(end - 3, 0) : end], v[max(end - 3, 0) : end]) for end in ends]
    assert (found == [g for g, _ in expected] + [p for _, p in expected[1:]]).all()
    if digits.count > 1:  # neighbour: without what v's bits pass on by themselves it is wrong
        wrong = summand(part, masks[0], 0) ^ summand(dealt_u ^ part, masks[1], 0) ^ masks[0] ^ masks[1]
        assert (wrong[: digits.count] == found[: digits.count]).all() and (wrong[-1] != found[-1]).any()


@pytest.mark.parametrize("groups", range(2, 23))
def test_groups_merge_by_three(groups):
    rng, width = np.random.default_rng(groups), 4
    merge = merges_of(groups)[0]
    level, mask = words(rng, 2 * groups - 1, width), words(rng, 2 * groups - 1, width)
    products = np.empty((merge.products, width), np.uint64)
    dealt.merge_products(mask, groups, products)
    of_mask, of_products = words(rng, *mask.shape), words(rng, *products.shape)
    fresh = [words(rng, merge.opened, width) for _ in range(2)]

    def summand(held, of, mine, adds):
        out = np.empty((merge.opened, width), np.uint64)
        dealt.merge_terms(held, of, level ^ mask, groups, mine, np.uint64(adds), out)
        return out

    first = summand(of_mask, of_products, fresh[0], ALL_ONES)
    second = summand(mask ^ of_mask, products ^ of_products, fresh[1], 0)
    found = first ^ second ^ fresh[0] ^ fresh[1]
    nothing = np.zeros(width, np.uint64)
    pairs = [(level[k], level[groups - 1 + k] if k else nothing) for k in range(groups)]
    whole = [merged(pairs[k : k + 3]) for k in range(0, groups - (groups % 3 == 1), 3)]
    assert (found == [g for g, _ in whole] + [p for _, p in whole[1:]]).all()
    assert (summand(of_mask, of_products, fresh[0], 0) != first).any()


# The whole tree against the sum in the clear


@pytest.mark.parametrize("planes", range(2, 65))
def test_the_sign_is_a_bit_of_the_sum(planes, computations):
    rng = np.random.default_rng(planes)
    values = [0, 1, 1 << 62, (1 << 64) - 1, (1 << planes - 1) - 1, 1 << planes - 1]
    x = np.concatenate([np.array(values, np.uint64), rng.integers(0, 1 << 64, 70, dtype=np.uint64)])
    parts = share(Z2_64, x)

    def body(c):
        return c.bits.open(dealt_sign(c.words, c.bits, parts[c.party], planes, "s"), "o")

    expected = (x >> np.uint64(planes - 1)) & np.uint64(1) == 1
    assert all((lanes(plane, len(x)) == expected).all() for plane in computations().run(body))


@pytest.mark.parametrize("component", [0, 1, 2])
def test_trivial_shares_have_the_same_sign(component, computations):
    """One component is the value and the others zero, so that one addend is all, or none, of the sum."""
    x = np.array([0, 1, 1 << 62, 1 << 63, (1 << 64) - 1, 12345], np.uint64)
    zeros = np.zeros(len(x), np.uint64)
    shares = [x if component == j else zeros for j in range(3)]

    def body(c):
        mine = type(share(Z2_64, x)[0])(c.party, shares[c.party], shares[(c.party + 1) % 3])
        return c.bits.open(dealt_sign(c.words, c.bits, mine, 64, "s"), "o")

    assert all((lanes(plane, len(x)) == (x >> np.uint64(63) == 1)).all() for plane in computations().run(body))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("value", KNOWN.values(), ids=KNOWN)
def test_comparisons_agree_with_the_ideal_functionality(n, value, computations):
    """Extremes against random values, every width from 1 to 64 once, in one computation."""
    rng, ideal = np.random.default_rng(n), Ideal(1 << 64)
    widths = range(1, 65) if n == 65 else [1, 7, 32, 62, 63, 64]
    cases = []
    for bits in widths:
        top = (1 << bits) - 1
        a = np.full(n, value & top, np.uint64)
        b = rng.integers(0, top, n, dtype=np.uint64, endpoint=True)
        b[::4], b[1::4], b[2::16] = value & top, 0, top
        cases.append((bits, a, b, share(Z2_64, a), share(Z2_64, b)))

    def body(c):
        return [
            c.bits.open(ordering.less_than(c, x[c.party], y[c.party], bits), f"o{bits}") for bits, _, _, x, y in cases
        ]

    for planes in computations().run(body):
        for plane, (_, a, b, _, _) in zip(planes, cases):
            assert lanes(plane, n).tolist() == ideal.less_than(a.tolist(), b.tolist())


# What is sent


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 9, 10, 27, 28, 31, 32, 62, 63])
def test_rounds_messages_and_bytes(bits, computations):
    n, planes = 640, bits + 1
    x = share(Z2_64, np.zeros(n, np.uint64))
    trio = computations()
    trio.run(lambda c: ordering.less_than(c, x[c.party], x[c.party], bits))
    dealer, *others = (part.traffic for part in trio.parts)
    levels = 1 + math.ceil(round(math.log(-(-bits // 3), 3), 9))
    plane_bytes = n // 8
    assert (dealer.rounds, dealer.messages) == (1, 1)
    assert dealer.payload_bytes == dealt_planes(planes) * plane_bytes
    assert dealer.payload_bytes <= 3.6 * planes * plane_bytes
    for traffic in others:
        assert (traffic.rounds, traffic.messages) == (1 + levels, levels)
        assert traffic.payload_bytes == sum(opened_planes(planes)) * plane_bytes <= 0.95 * planes * plane_bytes


@pytest.mark.parametrize(("planes", "dealt_count", "opened"), [(33, 103, [21, 7, 1, 1]), (64, 219, [41, 13, 3, 1])])
def test_the_planes_of_the_documented_widths(planes, dealt_count, opened):
    """By hand, 64 planes: 64 + 21·4 of the digits, then 7·8 - 3, 2·8 - 3 and 8 - 3; 33: 33 + 11 + 10·3, 23, 5, 1."""
    assert opened_planes(planes) == opened
    assert dealt_planes(planes) == dealt_count


def test_an_empty_vector_has_an_empty_sign(computations):
    x = share(Z2_64, np.zeros(0, np.uint64))
    found = computations().run(lambda c: len(dealt_sign(c.words, c.bits, x[c.party], 33, "s")))
    assert found == [0, 0, 0]


def test_a_dealer_waits_until_it_was_taken(computations, monkeypatch):
    """Party 0 hears nothing in a comparison: after so many words it asks. Without a limit it gets no message."""
    x = share(Z2_64, np.arange(64, dtype=np.uint64))

    def messages_of_party_two(limit):
        monkeypatch.setattr(mpc.computation, "MAX_DEALT_WORDS", limit)
        trio = computations()
        trio.run(lambda c: [ordering.less_than(c, x[c.party], x[c.party], 8) for _ in range(6)])
        return trio.parts[2].traffic.messages, trio.parts[0].traffic.rounds

    levels = len(opened_planes(9))
    assert messages_of_party_two(1 << 25) == (6 * levels, 6)
    assert messages_of_party_two(2 * dealt_planes(9)) == (6 * levels + 2, 8)


# What a party sees


def received_by(trio):
    """Record the payloads that reach each party."""
    seen = {0: [], 1: [], 2: []}
    for channel in trio.network.channels:
        deliver = channel.mailbox.deliver

        def tap(data, sender, deliver=deliver, party=channel.party):
            seen[party].append(bytes(decode_frame(data).payload))
            deliver(data, sender)

        channel.mailbox.deliver = tap
    return seen


@pytest.mark.parametrize("planes", [33, 64])
@pytest.mark.parametrize("value", KNOWN.values(), ids=KNOWN)
def test_messages_are_uniform_for_known_inputs(value, planes, computations):
    n, trio = 20_000, computations()
    x = share(Z2_64, np.full(n, value, np.uint64))
    seen = received_by(trio)
    shares = trio.run(lambda c: dealt_sign(c.words, c.bits, x[c.party], planes, "s"))
    assert seen[0] == []
    assert [len(message) for message in seen[1]] == [count * 8 * 313 for count in opened_planes(planes)]
    assert len(seen[2]) == 1 + len(seen[1])
    for party in (1, 2):
        everything = np.frombuffer(b"".join(seen[party]), np.uint64).reshape(-1, 313)
        assert chi_square(everything.tobytes()) < THRESHOLD
        # nor does any plane's difference from another show anything: no two have a mask in common
        assert chi_square((everything[1:] ^ everything[:-1]).tobytes()) < THRESHOLD
        assert chi_square((everything ^ everything[::-1])[: len(everything) // 2].tobytes()) < THRESHOLD
    for party in range(3):
        for component in (shares[party].first, shares[party].second):
            assert chi_square(component[: n // 64].tobytes()) < THRESHOLD
        missing = shares[(party + 1) % 3].second
        assert chi_square(missing[: n // 64].tobytes()) < THRESHOLD


def test_the_statistic_sees_what_is_not_masked(computations):
    """Neighbour: the bits of a known addend and their products, as party 0 has them before it shares them."""
    digits = Digits.of(32)
    u = np.zeros((dealt_planes(33), 313), np.uint64)
    u[:32] = ALL_ONES
    dealt.digit_products(u, digits.count, digits.middles, digits.lows)
    assert chi_square(u.tobytes()) > 10 * THRESHOLD


class CountingStream(Stream):
    """A stream that counts what was taken of it."""

    __slots__ = ("taken",)

    def __init__(self, key):
        super().__init__(key)
        self.taken = 0

    def fill(self, out):
        self.taken += len(out)
        super().fill(out)


class CountingSeed(Seed):
    """A seed that remembers its streams by label."""

    __slots__ = ("streams",)

    def __init__(self, secret):
        super().__init__(secret)
        self.streams = {}

    def stream(self, session, attempt, round_number, label, index=0):
        super().stream(session, attempt, round_number, label, index)  # refuses what was asked before
        assert (round_number, label, index) not in self.streams
        found = CountingStream(bytes(31) + bytes([len(self.streams)]))
        self.streams[round_number, label, index] = found
        return found


def test_no_mask_is_used_twice(computations):
    """Every comparison has streams of its own, and takes each word of them once: as many as there are masked planes."""
    trio, n, planes = computations(), 640, 33
    for part in trio.parts:
        three = [CountingSeed(bytes([j] * 32)) for j in (part.party, (part.party + 1) % 3, 9)]
        part.bits._seeds = PairwiseSeeds(part.party, *three)
    x = share(Z2_64, np.arange(n, dtype=np.uint64))
    trio.run(lambda c: [ordering.less_than(c, x[c.party], x[c.party], planes - 1) for _ in range(3)])
    masks, given = sum(opened_planes(planes)) * n // 64, dealt_planes(planes) * n // 64
    for part in trio.parts:
        held = {part.party: part.bits._seeds.previous, (part.party + 1) % 3: part.bits._seeds.following}
        taken = {j: sorted(stream.taken for stream in seed.streams.values()) for j, seed in held.items()}
        of_component = {0: [masks] * 3, 1: sorted([masks, given] * 3), 2: []}
        assert taken == {j: of_component[j] for j in held}
    repeated = computations().outcomes(lambda c: [dealt_sign(c.words, c.bits, x[c.party], 9, "s") for _ in range(2)])
    assert all(isinstance(outcome, ProtocolStateError) for outcome in repeated)
