"""Owners outside the three: what they enter is shared, masks cancel, their lies are noticed before anything opens."""

import functools
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_uniformity import THRESHOLD, chi_square, uniform_bytes

from mpc.channel import LoopbackNetwork, SelectedChannel
from mpc.errors import MessageRejectedError, ProtocolStateError, RingValueError, ShareMismatchError
from mpc.outside import OutsideInputs, OutsideOwner
from mpc.replicated import Engine
from mpc.rings import BITS, Z2_64
from mpc.seeds import agree_seeds
from mpc.shares import reconstruct
from zk.errors import NonCanonicalEncodingError
from zk.field import FR

SESSION, OWNERS = bytes(32), (3, 4)
DECODE = (NonCanonicalEncodingError,)


class Scene:
    """Three parties and two outside owners over one loopback."""

    def __init__(self, ring, tamper=None):
        self.ring, self.network = ring, LoopbackNetwork(5, SESSION)
        if tamper is not None:
            for channel in self.network.channels:
                channel.send = functools.partial(self._send, channel.send, channel.party, tamper)

    @staticmethod
    def _send(send, party, tamper, peer, tag, payload):
        send(peer, tag, tamper(party, peer, tag, bytes(payload)))

    def run(self, party_body, owner_body):
        """Results of the parties, then of the owners; exceptions as results."""

        def party(number):
            channel = self.network.channels[number]
            three = SelectedChannel(channel, range(3))
            seeds = agree_seeds(three, SESSION, 1.0)
            engine = Engine(self.ring, three, seeds, SESSION, 0, timeout_s=1.0, decode_errors=DECODE)
            ends = [OutsideInputs(engine, channel, owner, SESSION, 0, timeout_s=1.0, decode_errors=DECODE)
                    for owner in OWNERS]
            return party_body(engine, ends)

        def owner(number):
            return owner_body(OutsideOwner(self.ring, self.network.channels[number], SESSION, 0), number)

        with ThreadPoolExecutor(5) as pool:
            futures = [pool.submit(party, number) for number in range(3)]
            futures += [pool.submit(owner, number) for number in OWNERS]
        return [future.exception() or future.result() for future in futures]


def entered(ring, n, draw, tamper=None, party=None):
    """Both owners enter n elements each; the parties take, confirm and do something with them."""
    values = {owner: draw(ring, n, owner) for owner in OWNERS}

    def take(engine, ends):
        for end in ends:
            end.receive_seeds()
        held = [end.share(n, "x") for end in ends]
        for end in ends:
            end.confirm("inputs")
        return party(engine, held) if party else held

    def give(owner, number):
        owner.deal()
        owner.share(ring.from_integers(values[number]), "x")

    return values, Scene(ring, tamper).run(take, give)


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
def test_what_owners_enter_is_shared(ring, n, draw):
    values, results = entered(ring, n, draw)
    for place, owner in enumerate(OWNERS):
        assert ring.to_integers(reconstruct(ring, [held[place] for held in results[:3]])) == values[owner]


def test_inputs_of_two_outside_owners_meet(ring, draw, size_of):
    """Products of what different outside owners entered are the products of their values."""
    values, results = entered(ring, 65, draw, party=lambda engine, held: engine.ring.to_integers(
        engine.open(engine.multiply(*held, "xy"), "opened")))
    expected = [x * y % size_of(ring) for x, y in zip(values[3], values[4])]
    assert results[:3] == [expected] * 3


@pytest.mark.parametrize("n", [0, 1, 64, 1000])
def test_shares_of_zero_cancel_among_all_contributors(ring, n):
    def mask(engine, ends):
        total = engine.zero_share(n, "m").values
        for end in ends:
            end.receive_seeds()
            total = ring.add(total, end.zero_share(n, "m").values)
        return total

    def own(owner, number):
        owner.deal()
        return owner.zero_share(n, "m")

    parts = Scene(ring).run(mask, own)
    assert ring.to_integers(functools.reduce(ring.add, parts)) == [0] * n
    assert n == 0 or all(any(ring.to_integers(part)) for part in parts)


@pytest.mark.parametrize("ring", [Z2_64, FR], ids=lambda ring: ring.name)
@pytest.mark.parametrize("value", [0, 1 << 63, (1 << 64) - 1])
def test_one_party_sees_nothing_of_an_input_or_a_mask(ring, value):
    """Both components of every party, the pairs' differences, and the owner's mask less what a party knows of it."""
    n = 20_000

    def take(engine, ends):
        ends[0].receive_seeds()
        return ends[0].share(n, "x"), ends[0].zero_share(n, "m").values

    def give(owner, number):
        owner.deal()
        if number == OWNERS[0]:
            owner.share(ring.from_integers([value] * n), "x")
        return owner.zero_share(n, "m")

    results = Scene(ring).run(take, give)
    mask = results[3]
    for party in range(3):
        held, _ = results[party]
        known = [results[party][1], results[(party + 1) % 3][1]]  # a party has two of the three seeds
        rest = functools.reduce(ring.add, known, mask)
        for seen in (held.first, held.second, ring.sub(held.first, held.second), mask, rest):
            assert chi_square(uniform_bytes(ring, ring.encode_bytes(seen))) < THRESHOLD


@pytest.mark.parametrize("what", ["seeds", "input"])
@pytest.mark.parametrize("victim", [0, 2])
def test_an_owner_that_deals_two_things_is_noticed(what, victim, draw):
    """The holders of a component were given different seeds, or different components."""

    def tamper(sender, peer, tag, payload):
        chosen = (sender, peer) == (3, victim) and tag.startswith("outside") and what in tag
        return payload[:-1] + bytes([payload[-1] ^ 1]) if chosen else payload

    _, results = entered(Z2_64, 10, draw, tamper, party=lambda engine, held: pytest.fail("went on"))
    assert all(isinstance(result, Exception) for result in results[:3])
    assert any(isinstance(result, ShareMismatchError) for result in results[:3])


def test_an_owner_that_deals_one_seed_to_one_party_is_noticed(draw):
    def tamper(sender, peer, tag, payload):
        return bytes(len(payload)) if (sender, peer, tag) == (4, 1, "outside/seeds") else payload

    _, results = entered(FR, 10, draw, tamper, party=lambda engine, held: pytest.fail("went on"))
    assert any(isinstance(result, ShareMismatchError) for result in results[:3])


@pytest.mark.parametrize(("payload", "reason"), [(b"\xff" * 320, "encoding"), (b"\x00" * 319, "length")])
def test_an_input_that_is_no_vector_is_refused(payload, reason, draw):
    def tamper(sender, peer, tag, sent):
        return payload if sender == 3 and "/input/" in tag else sent

    _, results = entered(FR, 10, draw, tamper)
    found = [result for result in results[:3] if isinstance(result, MessageRejectedError)]
    assert found and {error.reason for error in found} == {reason}


def test_seeds_of_another_length_are_refused(draw):
    def tamper(sender, peer, tag, sent):
        return sent[:-1] if tag == "outside/seeds" else sent

    _, results = entered(Z2_64, 1, draw, tamper)
    assert [getattr(result, "reason", "") for result in results[:3]] == ["length"] * 3


def test_order_and_labels_are_held(seeds_of):
    """Nothing before the seeds, seeds once, a label once, and nobody deals who computes."""
    network = LoopbackNetwork(4, SESSION)
    owner = OutsideOwner(Z2_64, network.channels[3], SESSION, 0)
    engine = Engine(Z2_64, SelectedChannel(network.channels[0], range(3)), seeds_of(0), SESSION, 0)
    end = OutsideInputs(engine, network.channels[0], 3, SESSION, 0, timeout_s=1.0)
    x = Z2_64.from_integers([1])
    for early in (lambda: owner.share(x, "x"), lambda: owner.zero_share(1, "m"), lambda: end.zero_share(1, "m")):
        with pytest.raises(ProtocolStateError, match=r"not dealt|not received"):
            early()
    owner.deal()
    end.receive_seeds()
    owner.share(x, "x")
    end.share(1, "x")
    for again in (owner.deal, end.receive_seeds, lambda: owner.share(x, "x"), lambda: end.share(1, "x")):
        with pytest.raises((ProtocolStateError, MessageRejectedError)):
            again()
    with pytest.raises(ProtocolStateError):
        OutsideOwner(Z2_64, network.channels[0], SESSION, 0)
    for no_owner in (1, 9):
        with pytest.raises(ProtocolStateError):
            OutsideInputs(engine, network.channels[0], no_owner, SESSION, 0)
    with pytest.raises(RingValueError):
        OutsideOwner(Z2_64, network.channels[3], b"short", 0)


def test_an_owner_enters_over_several_rings():
    """One dealing of seeds, inputs over words and over bits, confirmed together; a lie over either is noticed."""
    words, lanes = [5, (1 << 64) - 1, 1 << 63], [0b1011, 1 << 40]

    def scene(tamper=None):
        def take(engine, ends):
            bits = engine.over(BITS)
            for end in ends:
                end.receive_seeds()
            held = [(end.share(3, "x"), end.over(bits).share(2, "x")) for end in ends]
            ends[0].confirm("inputs")
            ends[1].confirm("inputs")
            both = bits.multiply(held[0][1], held[1][1], "both")
            return [Z2_64.to_integers(engine.open(held[0][0], "o")), BITS.to_integers(bits.open(both, "o"))]

        def give(owner, number):
            owner.deal()
            owner.share(Z2_64.from_integers(words), "x")
            owner.over(BITS).share(BITS.from_integers(lanes), "x")

        return Scene(Z2_64, tamper).run(take, give)[:3]

    assert scene() == [[words, lanes]] * 3

    def tamper(sender, peer, tag, payload):
        return bytes(len(payload)) if (sender, peer) == (3, 2) and BITS.name in tag else payload

    assert any(isinstance(result, ShareMismatchError) for result in scene(tamper))


def test_a_selected_channel_joins_those_selected_only():
    network = LoopbackNetwork(4, SESSION)
    some = SelectedChannel(network.channels[0], (0, 2))
    assert (some.party, some.peers) == (0, (2,))
    SelectedChannel(network.channels[2], (0, 2)).send(0, "a", b"from 2")
    assert some.receive(2, "a", 1.0) == b"from 2"
    for peer in (1, 3):
        with pytest.raises(ProtocolStateError, match="not among"):
            some.send(peer, "a", b"")
        with pytest.raises(ProtocolStateError, match="not among"):
            some.receive(peer, "a", 0.1)
        with pytest.raises(ProtocolStateError, match="not among"):
            some.receive_parts(peer, "a", 0.1)
    with pytest.raises(ProtocolStateError, match="does not join"):
        SelectedChannel(network.channels[0], (0, 4))
