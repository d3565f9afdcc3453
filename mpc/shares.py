"""Shares of vectors: replicated ones that the parties keep, additive ones that a local product yields.

Parties are numbered 0, 1, 2 and indices are modulo 3. A secret vector is x = x_0 + x_1 + x_2, and party i holds
(x_i, x_{i+1}). Any two parties hold everything, one party holds two uniform components and learns nothing.

Source: Araki, Furukawa, Lindell, Nof, Ohara, "High-Throughput Semi-Honest Secure Three-Party Computation with an
Honest Majority" (CCS 2016), section 2, in the component numbering above.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from mpc.errors import ProtocolStateError, RingValueError, ShareMismatchError
from mpc.kernels.memory import joined
from mpc.rings import Ring, RingArray
from mpc.secret import Secret

PARTIES: Final = 3


class ReplicatedShare(Secret):
    """What one party holds of a shared vector of n elements.

    Args:
        party: 0, 1 or 2: the holder.
        first: component x_party, leading dimension n, secret.
        second: component x_{party+1}, same shape, secret.

    Raises:
        RingValueError: the components differ in shape, or there is no such party.
    """

    __slots__ = ("first", "party", "second")

    def __init__(self, party: int, first: RingArray, second: RingArray) -> None:
        _check_party(party)
        if first.ndim < 1 or first.shape != second.shape or first.dtype != second.dtype:
            raise RingValueError(f"components of one share must agree in shape, got {first.shape} and {second.shape}")
        self.party = party
        self.first = first
        self.second = second

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, rows: slice) -> ReplicatedShare:
        """Return the share of a range of rows (public positions)."""
        if not isinstance(rows, slice):
            raise RingValueError("a share is indexed by a slice")
        return ReplicatedShare(self.party, self.first[rows], self.second[rows])


class AdditiveShare(Secret):
    """One party's summand of a vector: the three parties' values add up to it.

    Args:
        party: 0, 1 or 2: the holder.
        values: leading dimension n, secret. Not uniform by itself: mask it with a zero-share before it leaves.

    Raises:
        RingValueError: there is no such party, or the array has no leading dimension.
    """

    __slots__ = ("party", "values")

    def __init__(self, party: int, values: RingArray) -> None:
        _check_party(party)
        if values.ndim < 1:
            raise RingValueError("an additive share is an array with a leading dimension")
        self.party = party
        self.values = values

    def __len__(self) -> int:
        return len(self.values)


def concatenate_shares(shares: Sequence[ReplicatedShare]) -> ReplicatedShare:
    """Join one party's shares of several vectors into the share of the concatenated vector.

    Raises:
        RingValueError: no shares.
        ProtocolStateError: shares of different parties.
    """
    if not shares:
        raise RingValueError("nothing to concatenate")
    party = shares[0].party
    if any(share.party != party for share in shares):
        raise ProtocolStateError("shares of different parties cannot be joined")
    return ReplicatedShare(party, joined([share.first for share in shares]), joined([share.second for share in shares]))


def stretched(x: ReplicatedShare, n: int) -> ReplicatedShare:
    """Return a share of n elements: x itself, or its one element n times."""
    return x if len(x) == n else ReplicatedShare(x.party, np.repeat(x.first, n, 0), np.repeat(x.second, n, 0))


def share(
    ring: Ring, x: RingArray, randomness: Callable[[int], bytes] = secrets.token_bytes
) -> tuple[ReplicatedShare, ReplicatedShare, ReplicatedShare]:
    """Split a secret vector into the three parties' shares, as a trusted dealer (or an owner outside the three) does.

    Args:
        ring: the ring of x.
        x: leading dimension n, secret.
        randomness: a source of uniform bytes; the operating system's by default.

    Returns:
        The shares of parties 0, 1 and 2. Any single one is uniform.
    """
    x_0 = ring.expand(randomness, len(x))
    x_1 = ring.expand(randomness, len(x))
    x_2 = ring.sub(ring.sub(x, x_0), x_1)
    return ReplicatedShare(0, x_0, x_1), ReplicatedShare(1, x_1, x_2), ReplicatedShare(2, x_2, x_0)


def reconstruct(ring: Ring, shares: Sequence[ReplicatedShare]) -> RingArray:
    """Combine two or three parties' shares into the vector they hide.

    Raises:
        ProtocolStateError: fewer than two different parties.
        RingValueError: shares of different lengths.
        ShareMismatchError: two holders of one component disagree.
    """
    components: dict[int, RingArray] = {}
    if len({held.party for held in shares}) < 2:
        raise ProtocolStateError("reconstruction needs the shares of two different parties")
    if len({held.first.shape for held in shares}) != 1:
        raise RingValueError("the shares have different lengths")
    for held in shares:
        for number, component in ((held.party, held.first), ((held.party + 1) % PARTIES, held.second)):
            if number in components and ring.encode_bytes(components[number]) != ring.encode_bytes(component):
                raise ShareMismatchError(f"the holders of component {number} disagree")
            components[number] = component
    return ring.add(ring.add(components[0], components[1]), components[2])


def _check_party(party: int) -> None:
    if party not in range(PARTIES):
        raise RingValueError(f"parties are 0, 1 and 2, got {party}")
