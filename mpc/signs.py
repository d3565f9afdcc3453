"""Signs of shared integers, as shares, with nothing opened.

For x in [−2^(w−1), 2^(w−1)) the top bit of x + 2^(w−1), of w bits, is 1 exactly if x is not negative; its bits follow
without an opening (`mpc.bits`).

Leakage and security: those of `mpc.bits.shared_bits`.
"""

from __future__ import annotations

from mpc.bits import shared_bits
from mpc.replicated import Engine
from mpc.shares import ReplicatedShare


def not_negative(engine: Engine, x: ReplicatedShare, width: int, label: str, *, index: int = 0) -> ReplicatedShare:
    """Return shares of 1 where a shared integer is 0 or more, and of 0 where it is below.

    Args:
        engine: over a prime field of more than 64 bits.
        x: m shared integers in [−2^(width−1), 2^(width−1)), secret.
        width: public, as `mpc.bits.shared_bits` takes it.
        label: public, unique in the round.

    Returns:
        m shared bits. For an x out of range they have no meaning.

    Raises:
        RingValueError, ProductCheckError, ProtocolStateError, ShareMismatchError, ChannelError: as `shared_bits`.
    """
    shift = engine.ring.from_integers([1 << max(width - 1, 0)])
    bits = shared_bits(engine, engine.add_public(x, shift), width, label, index=index)
    tops = list(range(width - 1, len(bits), width))
    return ReplicatedShare(bits.party, bits.first[tops], bits.second[tops])
