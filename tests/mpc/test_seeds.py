"""Seed agreement: pairs share, outsiders do not, and whoever breaks a commitment or tells two stories is caught."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from mpc.channel import LoopbackNetwork
from mpc.errors import (
    DeadlineExceededError,
    MessageRejectedError,
    ProtocolStateError,
    RingValueError,
    SeedMismatchError,
)
from mpc.seeds import _commitment, _digest, agree_seeds

SESSION = bytes(range(32))
LABEL = (SESSION, 0, 0, "probe")


class TamperingChannel:
    """A real channel whose owner changes some of its own outgoing messages."""

    def __init__(self, channel, tag, peers, change):
        self._channel, self._tag, self._tampered, self._change = channel, tag, peers, change
        self.party, self.peers = channel.party, channel.peers
        self.receive, self.exchange = channel.receive, channel.exchange

    def send(self, peer, tag, payload):
        if tag == self._tag and peer in self._tampered:
            payload = self._change(payload)
        self._channel.send(peer, tag, payload)


def agree(channels, session=SESSION):
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(agree_seeds, channel, session, 0.5) for channel in channels]
    return [future.exception() or future.result() for future in futures]


def probe(seed):
    return seed.stream(*LABEL)(32)


def test_pairs_share_and_the_third_party_has_neither():
    seeds = agree(LoopbackNetwork(3, SESSION).channels)
    previous = [probe(held.previous) for held in seeds]
    following = [probe(held.following) for held in seeds]
    common = [probe(held.common) for held in seeds]
    assert [held.party for held in seeds] == [0, 1, 2]
    assert all(following[party] == previous[(party + 1) % 3] for party in range(3))
    assert len(set(previous)) == 3 and len(set(common)) == 1 and common[0] not in previous


def test_every_agreement_gives_fresh_seeds():
    runs = [agree(LoopbackNetwork(3, SESSION).channels)[0] for _ in range(3)]
    outputs = [probe(seed) for held in runs for seed in (held.previous, held.following, held.common)]
    assert len(set(outputs)) == len(outputs)


def flip(payload):
    return bytes([payload[0] ^ 1]) + payload[1:]


def flip_last(payload):
    return payload[:-1] + bytes([payload[-1] ^ 1])


@pytest.mark.parametrize("cheat", [0, 1, 2])
def test_a_broken_commitment_is_named(cheat):
    channels = list(LoopbackNetwork(3, SESSION).channels)
    channels[cheat] = TamperingChannel(channels[cheat], "seeds/reveal", {(cheat + 1) % 3, (cheat + 2) % 3}, flip)
    outcomes = agree(channels)
    for honest in {0, 1, 2} - {cheat}:
        assert isinstance(outcomes[honest], SeedMismatchError)
        assert f"party {cheat}" in str(outcomes[honest])


def test_two_stories_are_noticed():
    """Party 0 commits and reveals one contribution to party 1 and another, equally consistent, to party 2."""
    network = LoopbackNetwork(3, SESSION)
    with ThreadPoolExecutor(3) as pool:
        honest = [pool.submit(agree_seeds, network.channels[party], SESSION, 2) for party in (1, 2)]
        cheat = pool.submit(_tell_two_stories, network.channels[0])
        cheat.result(10)
        outcomes = [future.exception(10) for future in honest]
    assert all(isinstance(outcome, SeedMismatchError) for outcome in outcomes)
    # the honest two notice it between themselves: each passes party 0 and stumbles over the other
    assert "party 2 holds" in str(outcomes[0]) and "party 1 holds" in str(outcomes[1])


def _tell_two_stories(channel):
    stories = {1: b"\1" * 32, 2: b"\2" * 32}
    for peer, story in stories.items():
        channel.send(peer, "seeds/commit", bytes(32) + _commitment(SESSION, 0, story))
    revealed = {}
    for peer, story in stories.items():
        channel.receive(peer, "seeds/commit", 2)
        channel.send(peer, "seeds/reveal", story)
    for peer in stories:
        revealed[peer] = channel.receive(peer, "seeds/reveal", 2)
    for peer, story in stories.items():
        common = _digest(b"common", SESSION, story, revealed[1], revealed[2])
        channel.send(peer, "seeds/check", _digest(b"check", SESSION, common))


def test_a_short_message_is_refused():
    channels = list(LoopbackNetwork(3, SESSION).channels)
    channels[2] = TamperingChannel(channels[2], "seeds/commit", {0, 1}, lambda payload: payload[:-1])
    assert all(isinstance(outcome, MessageRejectedError) for outcome in agree(channels)[:2])


def test_another_session_does_not_agree():
    channels = LoopbackNetwork(3, SESSION).channels
    with ThreadPoolExecutor(3) as pool:
        sessions = [SESSION, SESSION, bytes(32)]
        futures = [pool.submit(agree_seeds, *pair, 0.5) for pair in zip(channels, sessions, strict=True)]
    outcomes = [future.exception() for future in futures]
    assert all(isinstance(outcome, SeedMismatchError | DeadlineExceededError) for outcome in outcomes)
    assert any(isinstance(outcome, SeedMismatchError) for outcome in outcomes)


def test_a_silent_party_costs_one_timeout():
    outcomes = agree(LoopbackNetwork(3, SESSION).channels[:2])
    assert all(isinstance(outcome, DeadlineExceededError) for outcome in outcomes)


def test_only_three_parties_agree():
    with pytest.raises(ProtocolStateError):
        agree_seeds(LoopbackNetwork(2, SESSION).channels[0], SESSION)
    with pytest.raises(RingValueError):
        agree_seeds(LoopbackNetwork(3, SESSION).channels[0], b"short")


def test_commitments_differ_by_party_and_session():
    cases = itertools.product((SESSION, bytes(32)), (0, 1), (b"\1" * 32, b"\2" * 32))
    values = [_commitment(*case) for case in cases]
    assert len(set(values)) == len(values)
