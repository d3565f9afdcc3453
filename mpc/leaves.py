"""The first two levels of a carry tree at once, for semi-honest parties: two bits of an addition in one reshare.

Party 0 knows one addend u = x_0 + x_1, parties 1 and 2 know the other, v = x_2. Of every pair of bits party 0 also
shares w = u_1·u_0. Then what a pair generates and propagates,

    g = u_1·v_1 ⊕ w·v_0 ⊕ u_0·(v_1 v_0)          p = w ⊕ u_1·v_0 ⊕ u_0·v_1 ⊕ v_1 v_0,

is linear in what is shared, with factors that both holders know: each of parties 1 and 2 computes a summand, and one
reshare makes shares of it. That takes one round and a third of the words of a level fewer than bit by bit.

Source: the setting is that of Mohassel, Rindal, "ABY3" (CCS 2018), section 5.3; the pairing is ours (docs/adr/0017).
"""

from __future__ import annotations

import numpy as np

from mpc.circuits import tree_order
from mpc.conversion import lane_words, planes_of
from mpc.kernels.memory import Words, fresh
from mpc.kernels.planes import pair_products, pair_summands
from mpc.replicated import Engine
from mpc.rings import BITS
from mpc.shares import AdditiveShare, ReplicatedShare, concatenate_shares

_NONE, _ALL_ONES = np.uint64(0), np.uint64(2**64 - 1)


def pair_groups(
    words: Engine, bits: Engine, x: ReplicatedShare, planes: int, label: str
) -> tuple[ReplicatedShare, ReplicatedShare, ReplicatedShare]:
    """Return the top sum bit without carry, and what groups of two bits below it generate and propagate.

    Args:
        words: over ``Z2_64``.
        bits: over ``BITS``.
        x: n shared words, secret.
        planes: public, at least 3: the bits below ``planes - 1`` are grouped.
        label: public, unique in the round.

    Returns:
        One plane x_0 + x_1 ⊕ x_2 at bit ``planes - 1``; two bundles of ceil((planes - 1) / 2) planes in the order of
        `mpc.circuits.tree_order`, the second without the lowest group. One message of party 0, one round.
    """
    below = planes - 1
    half, odd = divmod(below, 2)
    width = lane_words(len(x))
    block = half * width
    order = [*tree_order(below), planes - 1]
    sent = None
    if words.party == 0:
        sent = planes_of(words.ring.add(x.first, x.second), planes, order, room=half)
        pair_products(sent, half, width)
    u = bits.share_input(0, sent, f"{label}/u", planes * width + block)
    n = planes * width
    rest, top = slice(2 * block, below * width), slice(below * width, n)
    if words.party == 0:
        summands = BITS.zeros((2 * half + odd - 1) * width)
        v_rest, v_top = BITS.quiet_zeros(odd * width), BITS.quiet_zeros(width)
    else:
        known, held = (x.second, u.first) if words.party == 1 else (x.first, u.second)
        v = planes_of(known, planes, order)
        summands = fresh((2 * half + odd - 1) * width)
        pair_summands(held, v, half, width, _ALL_ONES if words.party == 1 else _NONE, summands)
        v_rest, v_top = v[rest], v[top]
    shared = bits.reshare(AdditiveShare(words.party, summands), f"{label}/pairs")

    def with_second(part: slice, known: Words) -> ReplicatedShare:
        """u ⊕ v on some planes: v is component 2."""
        empty = BITS.quiet_zeros(len(known))
        first = known if words.party == 2 else empty
        second = known if words.party == 1 else empty
        return bits.add(u[part], ReplicatedShare(words.party, first, second))

    groups = (half + odd) * width
    generate, propagate = shared[:groups], shared[groups:]
    if odd:
        propagate = concatenate_shares([propagate, with_second(rest, v_rest)])
    return with_second(top, v_top), generate, propagate
