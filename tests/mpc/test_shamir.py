"""The engine of n parties against the functionality in the clear, with parties that leave, lie, stall or garble."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mpc.channel import LoopbackNetwork
from mpc.errors import (
    ChannelError,
    DealingCheckError,
    MessageRejectedError,
    MpcError,
    ProtocolStateError,
    RingValueError,
    TooFewSharesError,
    TooManyWrongSharesError,
)
from mpc.ideal import Ideal
from mpc.pair_seeds import agree_pair_seeds
from mpc.rings import Z2_64
from mpc.shamir import ShamirEngine
from mpc.shamir_shares import ShamirShare, reconstruct_shamir, share_shamir
from zk.errors import NonCanonicalEncodingError
from zk.field import FR

SESSION = b"\7" * 32


class Everybody:
    """n engines over one loopback, a thread each."""

    def __init__(self, parties, threshold, ring=FR, timeout_s=5.0):
        self.network = LoopbackNetwork(parties, SESSION)
        self.ring, self.threshold, self.timeout_s = ring, threshold, timeout_s

    def outcomes(self, body):
        """Per party the result or the exception."""

        def run(channel):
            seeds = agree_pair_seeds(channel, SESSION)
            engine = ShamirEngine(
                self.ring,
                channel,
                seeds,
                SESSION,
                0,
                self.threshold,
                timeout_s=self.timeout_s,
                decode_errors=(NonCanonicalEncodingError,),
            )
            return body(engine)

        with ThreadPoolExecutor(len(self.network.channels)) as pool:
            futures = [pool.submit(run, channel) for channel in self.network.channels]
        return [future.exception() or future.result() for future in futures]

    def run(self, body):
        results = self.outcomes(body)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results


SIZES = [(3, 1), (4, 1), (5, 2), (7, 2), (9, 4)]


def enter(engine, values, owner, label):
    x = engine.ring.from_integers(values) if engine.party == owner else None
    return engine.share_input(owner, x, label, len(values))


@pytest.mark.parametrize(("parties", "threshold"), SIZES)
def test_every_operation_is_the_ideal_one(prime_field, parties, threshold, draw, size_of):
    ring, ideal = prime_field, Ideal(size_of(prime_field))
    a, b, c = draw(ring, 9, 0), draw(ring, 9, 1), draw(ring, 9, 2)

    def body(engine):
        x, y = enter(engine, a, 0, "a"), enter(engine, b, parties - 1, "b")
        masks = engine.prepare_masks(3, "masks")
        engine.verify_dealings("dealt")
        c_pub = ring.from_integers(c)
        products = engine.multiply(x, engine.multiply(x, y, "xy"), "xxy")
        shares = {
            "sum": engine.add(x, y),
            "difference": engine.sub(x, y),
            "total": engine.total(x),
            "scaled": engine.mul_public(x, c_pub),
            "shifted": engine.add_public(x, c_pub),
            "products": products,
        }
        opened = {name: ring.to_integers(engine.open(share, name)) for name, share in shares.items()}
        opened["inner"] = ring.to_integers(engine.open_inner_many([(x, y), (x, x)], masks, "inner"))
        assert len(masks) == 1
        return opened

    results = Everybody(parties, threshold, ring).run(body)
    assert results == [results[0]] * parties
    assert results[0] == {
        "sum": ideal.add(a, b),
        "difference": ideal.sub(a, b),
        "total": ideal.total(a),
        "scaled": ideal.mul_public(a, c),
        "shifted": ideal.add_public(a, c),
        "products": ideal.multiply(a, ideal.multiply(a, b)),
        "inner": ideal.inner_many([(a, b), (a, a)]),
    }


@pytest.mark.parametrize("n", [0, 1, 64])
def test_lengths(n):
    def body(engine):
        x = enter(engine, list(range(n)), 1, "x")
        return FR.to_integers(engine.open(x, "opened")), FR.to_integers(engine.open(engine.total(x), "total"))

    assert Everybody(4, 1).run(body) == [(list(range(n)), [n * (n - 1) // 2])] * 4


@pytest.mark.parametrize(("parties", "threshold", "gone"), [(3, 1, 0), (5, 1, 2), (7, 2, 2), (9, 2, 4)])
def test_inner_products_finish_without_all_but_2t_plus_1(parties, threshold, gone):
    """n - (2t + 1) parties leave after the preparation; one more and nobody opens anything."""
    values = [3, 1 << 60, 5]
    assert gone == parties - (2 * threshold + 1)

    def prepared(engine):
        x = enter(engine, values, 0, "x")
        masks = engine.prepare_masks(2, "masks")
        engine.verify_dealings("dealt")
        return x, masks

    def body(engine, leaving):
        x, masks = prepared(engine)
        if engine.party >= parties - leaving:
            return "left"
        inner = FR.to_integers(engine.open_inner_many([(x, x)], masks, "inner"))
        total = FR.to_integers(engine.open(engine.total(x), "total"))
        return inner, total, sorted(engine.gone)

    results = Everybody(parties, threshold, timeout_s=0.4).run(lambda engine: body(engine, gone))
    staying = parties - gone
    left = list(range(staying, parties))
    expected = ([sum(v * v for v in values)], [sum(values)], left)
    assert results == [expected] * staying + ["left"] * gone

    outcomes = Everybody(parties, threshold, timeout_s=0.4).outcomes(lambda engine: body(engine, gone + 1))
    assert all(isinstance(outcome, TooFewSharesError) for outcome in outcomes[: staying - 1])


def lying(engine, held):
    shifted = engine.ring.add(held.values, engine.ring.from_integers([1 + engine.party]))
    return ShamirShare(engine.party, held.degree, shifted)


@pytest.mark.parametrize(("parties", "threshold", "gone", "liars"), [(7, 2, 0, 2), (7, 1, 1, 2), (9, 2, 1, 2)])
def test_sums_are_corrected(parties, threshold, gone, liars):
    """(m - t - 1) / 2 of the m shares that come may be wrong; the liars are named."""
    assert liars == (parties - gone - threshold - 1) // 2

    def body(engine, lies):
        x = enter(engine, [10, 20, 30], 0, "x")
        if engine.party >= parties - gone:
            return None
        if engine.party < lies:
            x = lying(engine, x)
        opened = FR.to_integers(engine.open(engine.total(x), "total"))
        return opened, sorted(engine.wrong), sorted(engine.gone)

    results = Everybody(parties, threshold, timeout_s=0.4).run(lambda engine: body(engine, liars))
    left = list(range(parties - gone, parties))
    assert results[liars : parties - gone] == [([60], list(range(liars)), left)] * (parties - gone - liars)

    outcomes = Everybody(parties, threshold, timeout_s=0.4).outcomes(lambda engine: body(engine, liars + 1))
    assert all(isinstance(outcome, TooManyWrongSharesError) for outcome in outcomes[liars + 1 : parties - gone])


@pytest.mark.parametrize(("parties", "threshold", "gone", "liars"), [(5, 1, 0, 1), (8, 2, 1, 1), (9, 2, 0, 2)])
def test_inner_products_are_corrected(parties, threshold, gone, liars):
    """(n - 2t - 1) / 2 wrong shares beside dropped ones; a liar lies in what it sends."""
    assert liars == (parties - gone - 2 * threshold - 1) // 2

    def body(engine, lies):
        x = enter(engine, [10, 20], 0, "x")
        masks = engine.prepare_masks(1, "masks")
        if engine.party >= parties - gone:
            return None
        if engine.party < lies:
            x = lying(engine, x)
        return FR.to_integers(engine.open_inner_many([(x, x)], masks, "inner")), sorted(engine.wrong)

    results = Everybody(parties, threshold, timeout_s=0.4).run(lambda engine: body(engine, liars))
    assert results[liars : parties - gone] == [([500], list(range(liars)))] * (parties - gone - liars)
    outcomes = Everybody(parties, threshold, timeout_s=0.4).outcomes(lambda engine: body(engine, liars + 1))
    assert all(isinstance(outcome, TooManyWrongSharesError) for outcome in outcomes[liars + 1 : parties - gone])


@pytest.mark.parametrize("nonsense", [b"short", b"\xff" * 32])
def test_nonsense_counts_as_gone(nonsense):
    """Wrong lengths and non-canonical elements; the sum is opened without the sender."""

    def body(engine):
        x = enter(engine, [42], 0, "x")
        if engine.party == 3:
            for peer in range(3):
                engine._link.send(peer, "shamir/Fr/open/0/opened", nonsense)
            return None
        return FR.to_integers(engine.open(x, "opened")), sorted(engine.gone)

    assert Everybody(4, 1, timeout_s=1.0).run(body)[:3] == [([42], [3])] * 3


def test_a_party_found_gone_is_not_waited_for_again():
    import time

    def body(engine):
        x = enter(engine, [1], 0, "x")
        if engine.party == 3:
            return 0.0
        engine.open(x, "first")
        begun = time.monotonic()
        engine.open(x, "second")
        return time.monotonic() - begun

    assert max(Everybody(4, 1, timeout_s=1.0).run(body)) < 0.9


def test_dealings_and_products_need_everybody():
    """They raise a typed error instead of going on with different ideas of who is there."""

    def body(engine):
        x = enter(engine, [1], 0, "x")
        if engine.party == 2:
            return None
        return engine.multiply(x, x, "xx")

    outcomes = Everybody(3, 1, timeout_s=0.3).outcomes(body)
    assert isinstance(outcomes[0], ChannelError) or isinstance(outcomes[1], ChannelError)
    assert not any(isinstance(outcome, ShamirShare) for outcome in outcomes[1:])


@pytest.mark.parametrize("parties", [4, 7])
def test_a_false_dealing_is_caught(parties, monkeypatch):
    """A dealer who sends one peer something off the polynomial."""
    import mpc.shamir_link

    honest = mpc.shamir_link.ShamirLink.send

    def off(self, peer, tag, payload):
        if self.party == 0 and peer == parties - 1 and "/input/" in tag:
            payload = self.ring.encode_bytes(
                self.ring.add(self.ring.decode_bytes(payload), self.ring.from_integers([1]))
            )
        honest(self, peer, tag, payload)

    def body(engine):
        enter(engine, [5, 6], 0, "x")
        engine.verify_dealings("dealt")

    assert Everybody(parties, 1).run(body) == [None] * parties
    monkeypatch.setattr(mpc.shamir_link.ShamirLink, "send", off)
    outcomes = Everybody(parties, 1).outcomes(body)
    assert all(isinstance(outcome, DealingCheckError) for outcome in outcomes)


@pytest.mark.parametrize("parties", [3, 4])
def test_a_mask_that_is_not_zero_is_caught(parties, monkeypatch):
    """It would shift an inner product unseen."""
    import mpc.shamir

    honest = mpc.shamir.deal

    def shifted(link, dealer, x, n, degree, tag):
        if x is not None and link.party == 1 and "/masks/" in tag and tag.endswith("/m"):
            x = link.ring.from_integers([1] * n)
        return honest(link, dealer, x, n, degree, tag)

    def body(engine):
        engine.prepare_masks(2, "m")
        engine.verify_dealings("dealt")

    assert Everybody(parties, 1).run(body) == [None] * parties
    monkeypatch.setattr(mpc.shamir, "deal", shifted)
    outcomes = Everybody(parties, 1).outcomes(body)
    assert all(isinstance(outcome, DealingCheckError) for outcome in outcomes)


def test_masks_are_used_once():
    def body(engine):
        x = enter(engine, [1], 0, "x")
        masks = engine.prepare_masks(1, "masks")
        engine.open_inner_many([(x, x)], masks, "inner")
        with pytest.raises(ProtocolStateError, match="0 are left"):
            engine.open_inner_many([(x, x)], masks, "again")

    Everybody(3, 1).run(body)


def test_t_shares_are_uniform_for_known_inputs():
    """Chi-square on the low 16 of 32 bytes: 255 degrees of freedom, threshold 400; shares come from the seeds."""
    n = 4000
    held = Everybody(5, 2).run(lambda engine: enter(engine, [7] * n, 0, "x").values)
    for i in range(5):
        for j in range(i + 1, 5):
            both = np.frombuffer(FR.encode_bytes(FR.add(held[i], FR.scale(held[j], 3))), np.uint8).reshape(-1, 32)
            counts = np.bincount(both[:, 16:].reshape(-1), minlength=256)
            expected = 16 * n / 256
            assert ((counts - expected) ** 2 / expected).sum() < 400


def test_traffic_is_as_stated():
    n, t, length = 7, 2, 50

    def body(engine):
        spent = []

        def note():
            spent.append(engine.traffic.payload_bytes // 32)

        x = enter(engine, [1] * length, 0, "x")
        note()
        masks = engine.prepare_masks(10, "masks")
        note()
        product = engine.multiply(x, x, "xx")
        note()
        engine.open(product, "opened")
        note()
        engine.open_inner_many([(x, x)] * 3, masks, "inner")
        note()
        return [after - before for before, after in zip([0, *spent], spent)]

    dealt = n - 1 - t
    results = Everybody(n, t).run(body)
    assert results[0] == [dealt * length, (n - 1 - 2 * t) * 10, dealt * length, (n - 1) * length, (n - 1) * 3]
    assert results[6] == [0, 0, dealt * length, (n - 1) * length, (n - 1) * 3]


@pytest.mark.parametrize(("parties", "threshold"), [(3, 0), (4, 2), (3, 2)])
def test_thresholds_that_do_not_fit(parties, threshold):
    outcomes = Everybody(parties, threshold).outcomes(lambda engine: None)
    assert all(isinstance(outcome, RingValueError) for outcome in outcomes)


def test_rings_that_are_no_field_are_refused():
    outcomes = Everybody(3, 1, Z2_64).outcomes(lambda engine: None)
    assert all(isinstance(outcome, RingValueError) for outcome in outcomes)


def test_misuse_is_refused():
    def body(engine):
        x = enter(engine, [1, 2, 3], 0, "x")
        with pytest.raises(ProtocolStateError):
            enter(engine, [1, 2, 3], 0, "x")
        with pytest.raises(RingValueError):
            engine.share_input(5, None, "nobody", 1)
        with pytest.raises(ProtocolStateError):
            engine.share_input((engine.party + 1) % 3, FR.zeros(1), "not mine", 1)
        with pytest.raises(ProtocolStateError):
            engine.open(ShamirShare((engine.party + 1) % 3, 1, x.values), "foreign")
        with pytest.raises(RingValueError):
            engine.add(x, ShamirShare(engine.party, 1, x.values[:2]))
        with pytest.raises(RingValueError):
            engine.open_inner_many([], engine.prepare_masks(1, "m"), "none")
        assert "redacted" in repr(x)

    Everybody(3, 1).run(body)


def test_seeds_of_a_pair_are_common_and_of_nobody_else():
    network = LoopbackNetwork(4, SESSION)
    with ThreadPoolExecutor(4) as pool:
        seeds = list(pool.map(lambda channel: agree_pair_seeds(channel, SESSION), network.channels))
    drawn = {(i, j): seeds[i][j].stream(SESSION, 0, 0, "s", 0)(16) for i in range(4) for j in range(4) if i != j}
    assert all(drawn[i, j] == drawn[j, i] for i, j in drawn)
    assert len(set(drawn.values())) == 6


def test_a_seed_of_another_length_is_refused():
    network = LoopbackNetwork(3, SESSION)
    network.channels[1].send(0, "pair-seeds", b"short")
    with pytest.raises(MessageRejectedError, match="length"):
        agree_pair_seeds(network.channels[0], SESSION, timeout_s=0.5)


@pytest.mark.parametrize(("parties", "degree"), [(1, 0), (5, 2), (5, 4)])
def test_a_dealer_outside(prime_field, parties, degree, size_of, draw):
    values = draw(prime_field, 6, 3)
    shares = share_shamir(prime_field, prime_field.from_integers(values), parties, degree)
    modulus = size_of(prime_field)
    assert prime_field.to_integers(reconstruct_shamir(prime_field, modulus, shares)) == values
    few = shares[: degree + 1][::-1]
    assert prime_field.to_integers(reconstruct_shamir(prime_field, modulus, few)) == values
    if degree:
        with pytest.raises(TooFewSharesError):
            reconstruct_shamir(prime_field, modulus, shares[:degree])
    with pytest.raises(ProtocolStateError):
        reconstruct_shamir(prime_field, modulus, [shares[0], shares[0]])
    with pytest.raises(MpcError):
        share_shamir(prime_field, prime_field.zeros(1), parties, parties)
