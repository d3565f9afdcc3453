"""From shares of integers to shares of their bits, and back.

A shared word is the sum of three components, each known to two parties. Its bits are those of that sum, so a boolean
sharing of the *addends* is enough for a circuit that adds them:

* against a semi-honest party two addends do: party 0 shares the bits of x_0 + x_1, which it knows, and x_2 is known to
  the other two, which is a sharing already;
* against a malicious one party 0 could share what it likes, so all three components are taken as sharings of
  themselves (nobody sends anything, nobody can lie) and one level of full adders makes two addends of the three.

Bits come back as integers through b_0 ⊕ b_1 ⊕ b_2 with u ⊕ v = u + v − 2uv.

Source: Mohassel, Rindal, "ABY3" (CCS 2018), sections 5.3 and 5.4.
"""

from __future__ import annotations

import numpy as np

from mpc.circuits import majority
from mpc.kernels.memory import Words, fresh
from mpc.kernels.planes import join_planes, slice_words
from mpc.replicated import Engine
from mpc.rings import BITS, Z2_64
from mpc.shares import PARTIES, ReplicatedShare


def lane_words(lanes: int) -> int:
    """Return how many words hold so many lanes."""
    return -(-lanes // 64)


def planes_of(x: Words, planes: int, order: list[int] | None = None, room: int = 0) -> Words:
    """Return the lowest bits of every word, bit-sliced: ``planes`` times ``lane_words(len(x))`` words.

    Args:
        x: n words, secret.
        planes: how many bits, 1 to 64.
        order: which bit stands at which place; ascending by default.
        room: so many planes more, unfilled, at the end.
    """
    width = lane_words(len(x))
    sliced = fresh((planes + room) * width)
    places = np.argsort(order or range(planes)).astype(np.int64)
    slice_words(np.ascontiguousarray(x), sliced[: planes * width].reshape(planes, width), places)
    return sliced


def share_two_addends(
    words: Engine, bits: Engine, x: ReplicatedShare, planes: int, order: list[int], label: str
) -> tuple[ReplicatedShare, ReplicatedShare]:
    """Return two bundles that add up to x modulo 2^planes. One message, from party 0; semi-honest parties only."""
    n = planes * lane_words(len(x))
    mine = planes_of(words.ring.add(x.first, x.second), planes, order) if words.party == 0 else None
    u = bits.share_input(0, mine, f"{label}/u", n)
    if words.party == 0:
        v = ReplicatedShare(0, BITS.quiet_zeros(n), BITS.quiet_zeros(n))
    elif words.party == 1:
        v = ReplicatedShare(1, BITS.quiet_zeros(n), planes_of(x.second, planes, order))
    else:
        v = ReplicatedShare(2, planes_of(x.first, planes, order), BITS.quiet_zeros(n))
    return u, v


def carry_save_addends(
    bits: Engine, x: ReplicatedShare, planes: int, order: list[int], label: str
) -> tuple[ReplicatedShare, ReplicatedShare]:
    """Return two bundles that add up to x modulo 2^planes; no party can bend them. One round."""
    width = lane_words(len(x))
    n = planes * width
    first, second = planes_of(x.first, planes), planes_of(x.second, planes)
    held = {x.party: first, (x.party + 1) % PARTIES: second}
    zeros = BITS.quiet_zeros(n)
    components = [
        ReplicatedShare(x.party, held[j] if j == x.party else zeros, held[j] if j == (x.party + 1) % PARTIES else zeros)
        for j in range(PARTIES)
    ]
    carries = majority(bits, components, label)
    sums = ReplicatedShare(x.party, first, second)

    def placed(component: Words, shift: int) -> Words:
        rows = component.reshape(planes, width)
        shifted = np.zeros_like(rows)
        shifted[shift:] = rows[: planes - shift]
        return shifted[order].reshape(-1)

    return (
        ReplicatedShare(x.party, placed(sums.first, 0), placed(sums.second, 0)),
        ReplicatedShare(x.party, placed(carries.first, 1), placed(carries.second, 1)),
    )


def unpack(lanes: Words, n: int) -> Words:
    """Return lane l of a plane as word l, 0 or 1."""
    out = fresh(n)
    join_planes(np.ascontiguousarray(lanes).reshape(1, -1), out)
    return out


def pack(flags: Words) -> Words:
    """Return the lowest bit of word l as lane l of a plane."""
    return planes_of(flags, 1)


def bits_to_words(words: Engine, plane: ReplicatedShare, n: int, label: str, *, trusting: bool) -> ReplicatedShare:
    """Return shared bits as shared integers 0 and 1. Two rounds.

    Args:
        words: over ``Z2_64``.
        plane: one plane of n lanes.
        n: public.
        label: public, unique in the round.
        trusting: whether party 0 may share b_0 ⊕ b_1 by itself, which only semi-honest parties do.
    """
    party, zeros = plane.party, Z2_64.quiet_zeros(n)
    own, following = unpack(plane.first, n), unpack(plane.second, n)

    def component(j: int) -> ReplicatedShare:
        first = own if j == party else zeros
        return ReplicatedShare(party, first, following if j == (party + 1) % PARTIES else zeros)

    if trusting:
        mine = np.bitwise_xor(own, following) if party == 0 else None
        left = words.share_input(0, mine, f"{label}/input", n)
    else:
        left = _exclusive_or(words, component(0), component(1), f"{label}/first")
    return _exclusive_or(words, left, component(2), f"{label}/second")


def _exclusive_or(words: Engine, u: ReplicatedShare, v: ReplicatedShare, label: str) -> ReplicatedShare:
    both = words.multiply(u, v, label)
    return words.sub(words.add(u, v), words.add(both, both))
