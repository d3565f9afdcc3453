"""Opening a shared vector to an owner outside the three, and to nobody else.

Party c sends component c, and a digest of component c + 1, which party c + 1 sends: the owner has every component from
one of its holders and demands that the other has the same. It learns the vector; which components it is the sum of
tells no more, as one party alone knows two of them and the third is the difference.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from mpc.channel import Channel
from mpc.errors import MessageRejectedError, RingValueError, ShareMismatchError
from mpc.rings import Ring, RingArray
from mpc.shares import PARTIES, ReplicatedShare

_DIGEST_BYTES: Final = 32


def open_to_outside(ring: Ring, channel: Channel, owner: int, a: ReplicatedShare, label: str) -> None:
    """Send this party's share of a vector to an outside owner, who opens it. Two messages; all three parties call it.

    Args:
        ring: where the values live.
        channel: joins the owner.
        owner: its number.
        a: this party's share, secret.
        label: public.

    Raises:
        ChannelError: the owner is gone.
    """
    channel.send(owner, _tag(label), ring.encode_bytes(a.first))
    channel.send(owner, _tag(label), hashlib.sha256(ring.encode_bytes(a.second)).digest())


def receive_opening(
    ring: Ring,
    channel: Channel,
    n: int,
    label: str,
    *,
    timeout_s: float = 60.0,
    decode_errors: tuple[type[Exception], ...] = (),
) -> RingArray:
    """Return the vector that all three parties open to this owner.

    Args:
        ring: where the values live.
        channel: joins the parties 0, 1 and 2.
        n: public length.
        label: as the parties'.
        timeout_s: seconds to wait for each message.
        decode_errors: what ``ring.decode_bytes`` raises for a non-canonical encoding, if the ring is not ours.

    Raises:
        ShareMismatchError: the two holders of a component disagree; nothing is returned.
        ChannelError: a party is gone, or its message does not belong here.
    """
    tag, total, digests = _tag(label), ring.zeros(n), []
    refused: tuple[type[Exception], ...] = (*decode_errors, RingValueError)
    for party in range(PARTIES):
        payload = _receive(channel, party, tag, n * ring.element_bytes, timeout_s)
        digests.append((hashlib.sha256(payload).digest(), _receive(channel, party, tag, _DIGEST_BYTES, timeout_s)))
        try:
            total = ring.add(total, ring.decode_bytes(payload))
        except refused as error:
            raise MessageRejectedError("encoding", f"party {party}: not canonical in {ring.name}") from error
    for party in range(PARTIES):
        if not hmac.compare_digest(digests[party][0], digests[(party - 1) % PARTIES][1]):
            raise ShareMismatchError(f"the holders of component {party} of {label!r} disagree")
    return total


def _receive(channel: Channel, party: int, tag: str, n_bytes: int, timeout_s: float) -> bytes:
    payload = channel.receive(party, tag, timeout_s)
    if len(payload) != n_bytes:
        raise MessageRejectedError("length", f"party {party}: expected {n_bytes} bytes, got {len(payload)}")
    return payload


def _tag(label: str) -> str:
    return f"outside/open/{label}"
