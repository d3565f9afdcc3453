"""Errors of the secret-sharing engine. Every public function of ``mpc`` raises one of these on bad input.

    MpcError
    ├── ChannelError                 the transport
    │   ├── ChannelClosedError       the channel was closed, by us or by the peer
    │   ├── DeadlineExceededError    a peer's message did not come in time
    │   └── MessageRejectedError     a message that does not belong here: replayed, reordered, foreign or malformed
    ├── ShareMismatchError           the two holders of one component disagree: abort, release nothing
    ├── ProductCheckError            a product of shared values is false: abort, release nothing
    ├── ShuffleCheckError            shuffled rows are not the rows that went in: abort, release nothing
    ├── SeedMismatchError            a peer broke its commitment, or the parties derived different seeds
    ├── RingValueError               a value, length or shape outside the ring, or a ring that does not serve
    ├── ProtocolStateError           an operation out of order: a repeated label, a share of another party
    └── SecretExportError            a secret was about to be pickled or copied

No error carries a share, a seed or a value.
"""

from __future__ import annotations


class MpcError(Exception):
    """Root of every error raised by ``mpc``."""


class ChannelError(MpcError):
    """A message could not be sent or received."""


class ChannelClosedError(ChannelError):
    """The channel is closed. Whoever waits on it is woken with this error."""


class DeadlineExceededError(ChannelError):
    """A peer's message did not arrive within the time allowed."""


class MessageRejectedError(ChannelError):
    """A message was refused; what was received before it stands.

    Args:
        reason: short public name of the failed check, e.g. ``"sequence"`` or ``"session"``.
        detail: expected and got, without payload.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"message rejected: {reason}" + (f" ({detail})" if detail else ""))
        self.reason = reason


class ShareMismatchError(MpcError):
    """The two holders of a component sent different values. Nothing is released; the attempt is over."""


class ProductCheckError(MpcError):
    """A party bent a product of shared values. Nothing is released; the attempt is over."""


class ShuffleCheckError(MpcError):
    """A party changed, dropped or repeated a row while shuffling. Nothing is released; the attempt is over."""


class SeedMismatchError(MpcError):
    """Seed agreement failed: a commitment was not honoured or the three parties hold different common seeds."""


class RingValueError(MpcError):
    """A value, length or shape does not fit the ring, or the ring does not serve the operation."""


class ProtocolStateError(MpcError):
    """An operation was called out of order or with something of another party; nothing was sent."""


class SecretExportError(MpcError):
    """A secret object was about to leave memory by pickling or copying."""
