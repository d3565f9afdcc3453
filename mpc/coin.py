"""A coin that no party can bend: commit, then reveal, then hash.

A party that does not like the outcome can refuse to reveal, which aborts; it cannot choose. The last to reveal has
already committed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final, Protocol

from mpc.errors import MessageRejectedError
from mpc.prg import encode_fields

COIN_BYTES: Final = 32
_DOMAIN: Final = b"tallystick.mpc.coin.v1"


class Exchanging(Protocol):
    """What a coin needs of an engine, whatever its sharing and its number of parties (at most 256)."""

    @property
    def party(self) -> int:
        """The party that runs it."""

    def exchange_bytes(self, label: str, payload: bytes, *, index: int = 0) -> dict[int, bytes]:
        """Send public bytes to all peers and return theirs."""


def toss_coin(engine: Exchanging, label: str, *, index: int = 0) -> bytes:
    """Return 32 bytes that are the same at all parties and uniform unless all of them collude. Two rounds.

    Different reveals to different peers give different coins; whatever the coin then weighs does not match between
    holders, and its opening raises.

    Raises:
        MessageRejectedError: a peer revealed something it had not committed to.
        ChannelError: a peer is silent or gone.
    """
    own = secrets.token_bytes(COIN_BYTES)
    commitments = engine.exchange_bytes(f"{label}/commit", _commitment(engine.party, label, own), index=index)
    revealed = engine.exchange_bytes(f"{label}/reveal", own, index=index)
    for peer, contribution in revealed.items():
        expected = _commitment(peer, label, contribution)
        if len(contribution) != COIN_BYTES or not hmac.compare_digest(commitments[peer], expected):
            raise MessageRejectedError("coin", f"party {peer} revealed a contribution it had not committed to")
    contributions = {engine.party: own, **revealed}
    fields = [contributions[party] for party in sorted(contributions)]
    return hashlib.sha256(encode_fields(_DOMAIN, label.encode(), *fields)).digest()


def _commitment(party: int, label: str, contribution: bytes) -> bytes:
    return hashlib.sha256(encode_fields(_DOMAIN, b"commit", label.encode(), bytes((party,)), contribution)).digest()
