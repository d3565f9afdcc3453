"""Errors of the proof system. Every public function of ``zk`` raises one of these on bad input; nothing else escapes.

ZkError
├── NonCanonicalEncodingError   bytes or integers outside the canonical range
├── PointNotOnCurveError        a point off its curve or outside its subgroup
├── ZeroInverseError            an inverse of zero was asked for
├── SizeMismatchError           arrays whose shapes do not fit together
├── SrsInvalidError             a structured reference string that must not be used
├── CeremonyInvalidError        a ceremony transcript that does not verify
├── RelationInvalidError        a relation outside the language or its limits
│   └── RelationTooLargeError   more of something than language, encoding or contract take
├── WitnessUnsatisfiedError     columns that do not satisfy the relation they should be proved for
├── ProtocolStateError          a prover step called out of order, or a second time
├── RandomnessRepeatedError     the operating system's generator returned the same bytes twice
├── KernelPathUnsupportedError  kernels were asked for that this processor cannot run
└── ProofRejectedError          a proof that does not verify; `reason` names the failed check
"""

from __future__ import annotations


class ZkError(Exception):
    """Root of every error raised by ``zk``."""


class NonCanonicalEncodingError(ZkError):
    """An encoding is not the canonical one (a scalar or coordinate at or above its modulus, or a wrong length)."""


class PointNotOnCurveError(ZkError):
    """A point does not satisfy its curve equation or lies outside the prime-order subgroup."""


class ZeroInverseError(ZkError):
    """Zero has no inverse."""


class SizeMismatchError(ZkError):
    """Array shapes do not fit together, or a size is not supported."""


class SrsInvalidError(ZkError):
    """A structured reference string is malformed, too small, inconsistent or not allowed here."""


class CeremonyInvalidError(ZkError):
    """A ceremony transcript does not verify."""


class RelationInvalidError(ZkError):
    """A relation is outside the language, its limits or its canonical form."""


class RelationTooLargeError(RelationInvalidError):
    """A relation has more of something than there may be.

    Args:
        limit: what there is too much of, in words.
        needed: how much the relation has.
        allowed: the most there may be.
    """

    def __init__(self, limit: str, needed: int, allowed: int) -> None:
        super().__init__(f"{needed} {limit}, at most {allowed}")
        self.limit, self.needed, self.allowed = limit, needed, allowed


class WitnessUnsatisfiedError(ZkError):
    """The given columns do not satisfy the relation. Carries no values."""


class ProtocolStateError(ZkError):
    """A prover step was called out of order or twice; nothing was computed."""


class RandomnessRepeatedError(ZkError):
    """The operating system's generator repeats itself; nothing drawn from it may be used."""


class KernelPathUnsupportedError(ZkError):
    """``TALLYSTICK_KERNELS`` asks for kernels that do not exist or that this processor cannot run."""


class ProofRejectedError(ZkError):
    """A proof does not verify.

    Args:
        reason: short public name of the failed check, e.g. ``"pairing"`` or ``"shape"``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"proof rejected: {reason}")
        self.reason = reason
