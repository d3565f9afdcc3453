"""An owner outside the three that deals one party another seed. Run as a module by the tests."""

from __future__ import annotations

import sys

from mpc.channel import Channel
from mpc.outside import OutsideOwner
from services.party.main import main

_honest = OutsideOwner.deal


class _Crooked:
    """A channel on which party 1 is told something else."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> object:
        return getattr(self._channel, name)

    def send(self, peer: int, tag: str, payload: bytes) -> None:
        """Change the first byte for party 1."""
        self._channel.send(peer, tag, bytes([payload[0] ^ 1]) + payload[1:] if peer == 1 else payload)


def deal(self: OutsideOwner) -> None:
    """In place of dealing honestly."""
    channel = self._channel
    self._channel = _Crooked(channel)  # type: ignore[assignment]
    try:
        _honest(self)
    finally:
        self._channel = channel


OutsideOwner.deal = deal  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
