"""The seeds of a session: one for every pair of parties, one for all three.

The seed of component j is shared by the parties that hold component j, which are j - 1 and j. Party i therefore has
the seeds of components i (with party i - 1) and i + 1 (with party i + 1), never that of component i + 2.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from mpc.channel import Channel
from mpc.errors import MessageRejectedError, ProtocolStateError, SeedMismatchError
from mpc.frames import check_session
from mpc.prg import SEED_BYTES, Seed, encode_fields
from mpc.secret import Secret
from mpc.shares import PARTIES

_DOMAIN: Final = b"tallystick.mpc.seeds.v1"


class PairwiseSeeds(Secret):
    """One party's seeds.

    Args:
        party: 0, 1 or 2.
        previous: seed of component ``party``, shared with the previous party.
        following: seed of component ``party + 1``, shared with the next party.
        common: seed that all three parties hold.
    """

    __slots__ = ("common", "following", "party", "previous")

    def __init__(self, party: int, previous: Seed, following: Seed, common: Seed) -> None:
        self.party = party
        self.previous = previous
        self.following = following
        self.common = common


def agree_seeds(channel: Channel, session: bytes, timeout_s: float = 60.0) -> PairwiseSeeds:
    """Agree on fresh seeds with the two peers, in three rounds.

    Each pair hashes 32 random bytes of either side with the session id. The common seed hashes three contributions
    that were committed to before any was revealed, so that no party chooses it; at the end all compare its digest.

    Args:
        channel: authenticated and encrypted channel among the three parties.
        session: 32 bytes, public, never used before.
        timeout_s: seconds to wait for each message.

    Raises:
        SeedMismatchError: a peer revealed something it had not committed to, or told the peers different things.
        ChannelError: a peer is silent, gone, or sent what does not belong here.
        ProtocolStateError: the channel does not join three parties.
    """
    if sorted((channel.party, *channel.peers)) != list(range(PARTIES)):
        raise ProtocolStateError("seeds are agreed among the parties 0, 1 and 2")
    check_session(session, 0)
    own = channel.party
    contribution = secrets.token_bytes(SEED_BYTES)
    sent = {peer: secrets.token_bytes(SEED_BYTES) for peer in channel.peers}
    for peer in channel.peers:
        channel.send(peer, "seeds/commit", sent[peer] + _commitment(session, own, contribution))
    commits = {peer: _receive(channel, peer, "seeds/commit", 2 * SEED_BYTES, timeout_s) for peer in channel.peers}

    contributions = {own: contribution}
    for peer in channel.peers:
        channel.send(peer, "seeds/reveal", contribution)
    for peer in channel.peers:
        revealed = _receive(channel, peer, "seeds/reveal", SEED_BYTES, timeout_s)
        if not hmac.compare_digest(commits[peer][SEED_BYTES:], _commitment(session, peer, revealed)):
            raise SeedMismatchError(f"party {peer} revealed a contribution it had not committed to")
        contributions[peer] = revealed
    common = _digest(b"common", session, *(contributions[party] for party in range(PARTIES)))

    check = _digest(b"check", session, common)
    for peer in channel.peers:
        channel.send(peer, "seeds/check", check)
    for peer in channel.peers:
        if not hmac.compare_digest(check, _receive(channel, peer, "seeds/check", SEED_BYTES, timeout_s)):
            raise SeedMismatchError(f"party {peer} holds another common seed")

    pairs: dict[int, Seed] = {}
    for peer in channel.peers:
        by_party = {own: sent[peer], peer: commits[peer][:SEED_BYTES]}
        low, high = min(own, peer), max(own, peer)
        pair = _digest(b"pair", session, bytes((low, high)), by_party[low], by_party[high])
        pairs[peer] = Seed(pair)
    return PairwiseSeeds(own, pairs[(own - 1) % PARTIES], pairs[(own + 1) % PARTIES], Seed(common))


def _digest(label: bytes, *fields: bytes) -> bytes:
    return hashlib.sha256(encode_fields(_DOMAIN, label, *fields)).digest()


def _commitment(session: bytes, party: int, contribution: bytes) -> bytes:
    return _digest(b"commit", session, bytes((party,)), contribution)


def _receive(channel: Channel, peer: int, tag: str, n_bytes: int, timeout_s: float) -> bytes:
    payload = channel.receive(peer, tag, timeout_s)
    if len(payload) != n_bytes:
        raise MessageRejectedError("length", f"party {peer}, {tag}: expected {n_bytes} bytes, got {len(payload)}")
    return payload
