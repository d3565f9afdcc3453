"""Errors of the secret-sharing engine. Every public function of ``mpc`` raises one of these on bad input.

    MpcError
    ├── ChannelError                 the transport
    │   ├── ChannelClosedError       the channel was closed, by us or by the peer
    │   ├── DeadlineExceededError    a peer's message did not come in time
    │   └── MessageRejectedError     a message that does not belong here: replayed, reordered, foreign or malformed
    ├── ShareMismatchError           the two holders of one component disagree: abort, release nothing
    ├── ProductCheckError            a product of shared values is false: abort, release nothing
    ├── GroupTooSmallError           a group is below the minimum: nothing but that is known of it
    ├── InconsistentInputError       an owner's inputs contradict one another: abort, release nothing
    ├── ShuffleCheckError            shuffled rows are not the rows that went in: abort, release nothing
    ├── AlignmentError               an alignment cannot be finished
    │   ├── AlignmentAbortedError    a party deviated, or by rare chance a mask was zero: abort, release nothing
    │   ├── DuplicateIdentifierError an owner's list has an identifier twice
    │   └── CohortFullError          more persons than rows
    ├── ReconstructionError          shares of n parties do not determine a secret: nothing is returned
    │   ├── TooFewSharesError        more parties are gone than the threshold allows
    │   └── TooManyWrongSharesError  more shares are wrong than can be told from the right ones
    ├── DealingCheckError            a party dealt shares that lie on no polynomial of the degree: abort
    ├── SeedMismatchError            a peer broke its commitment, or the parties derived different seeds
    ├── RingValueError               a value, length or shape outside the ring, or a ring that does not serve
    ├── KernelPathError              TALLYSTICK_MPC_KERNELS asks for kernels this processor cannot run
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


class GroupTooSmallError(MpcError):
    """A group has fewer rows than the minimum. All three parties learn this and nothing else.

    Args:
        minimum: public.
    """

    def __init__(self, minimum: int) -> None:
        super().__init__(f"the group has fewer than {minimum} rows")
        self.minimum = minimum


class InconsistentInputError(MpcError):
    """An owner's inputs of several steps contradict one another. Nothing is released; the attempt is over."""


class ShuffleCheckError(MpcError):
    """A party changed, dropped or repeated a row while shuffling. Nothing is released; the attempt is over."""


class AlignmentError(MpcError):
    """An alignment cannot be finished."""


class AlignmentAbortedError(AlignmentError):
    """What a party sent does not fit what was shared. Nothing is released; the next attempt starts afresh.

    Args:
        phase: public name of the step.
        detail: public.
    """

    def __init__(self, phase: str, detail: str) -> None:
        super().__init__(f"alignment aborted at {phase!r}: {detail}")
        self.phase = phase


class DuplicateIdentifierError(AlignmentError):
    """An owner's list has an identifier twice. Nothing was compared with other lists.

    Args:
        owner: public number of the owner.
    """

    def __init__(self, owner: int) -> None:
        super().__init__(f"the list of owner {owner} has an identifier twice")
        self.owner = owner


class CohortFullError(AlignmentError):
    """More persons and dummies than rows.

    Args:
        persons, rows: public numbers.
    """

    def __init__(self, persons: int, rows: int) -> None:
        super().__init__(f"{persons} persons and dummies do not fit {rows} rows")


class ReconstructionError(MpcError):
    """The shares received do not determine the secret."""


class TooFewSharesError(ReconstructionError):
    """Too many parties are gone.

    Args:
        needed, received: public numbers of shares.
    """

    def __init__(self, needed: int, received: int) -> None:
        super().__init__(f"{needed} shares are needed, {received} were received")
        self.needed = needed
        self.received = received


class TooManyWrongSharesError(ReconstructionError):
    """More shares are wrong than can be told from the right ones.

    Args:
        allowed: public number of wrong shares that would have been corrected.
    """

    def __init__(self, allowed: int) -> None:
        super().__init__(f"more than {allowed} of the shares received are wrong")
        self.allowed = allowed


class DealingCheckError(MpcError):
    """Someone dealt shares that lie on no polynomial of the due degree, or a mask that is not zero. Abort."""


class SeedMismatchError(MpcError):
    """Seed agreement failed: a commitment was not honoured or the three parties hold different common seeds."""


class RingValueError(MpcError):
    """A value, length or shape does not fit the ring, or the ring does not serve the operation."""


class KernelPathError(MpcError):
    """The kernels asked for by the environment do not run on this processor."""


class ProtocolStateError(MpcError):
    """An operation was called out of order or with something of another party; nothing was sent."""


class SecretExportError(MpcError):
    """A secret object was about to leave memory by pickling or copying."""
