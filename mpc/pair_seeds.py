"""A secret seed for every pair of n parties."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from mpc.channel import Channel
from mpc.errors import MessageRejectedError
from mpc.frames import check_session
from mpc.prg import SEED_BYTES, Seed, encode_fields

_DOMAIN: Final = b"tallystick.mpc.pair-seeds.v1"


def agree_pair_seeds(channel: Channel, session: bytes, timeout_s: float = 60.0) -> dict[int, Seed]:
    """Agree with every peer on a seed that nobody else knows, in one round.

    Each pair hashes 32 random bytes of either side with the session id and both numbers. The later of the two chooses
    with knowledge of the other's bytes, which gains nothing: what the seed hides, it hides from third parties.

    Args:
        channel: authenticated and encrypted channel among the parties.
        session: 32 bytes, public, never used before.
        timeout_s: seconds to wait for each message.

    Returns:
        The seeds, by peer.

    Raises:
        ChannelError: a peer is silent, gone, or sent what does not belong here.
        RingValueError: the session id is malformed.
    """
    check_session(session, 0)
    own = channel.party
    sent = {peer: secrets.token_bytes(SEED_BYTES) for peer in channel.peers}
    for peer, contribution in sent.items():
        channel.send(peer, "pair-seeds", contribution)
    seeds: dict[int, Seed] = {}
    for peer in channel.peers:
        received = channel.receive(peer, "pair-seeds", timeout_s)
        if len(received) != SEED_BYTES:
            raise MessageRejectedError("length", f"party {peer}, seeds: expected {SEED_BYTES}, got {len(received)}")
        low, high = (sent[peer], received) if own < peer else (received, sent[peer])
        numbers = [number.to_bytes(2, "big") for number in (min(own, peer), max(own, peer))]
        seeds[peer] = Seed(hashlib.sha256(encode_fields(_DOMAIN, session, *numbers, low, high)).digest())
    return seeds
