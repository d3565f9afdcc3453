"""The sign of a sum in a carry tree whose masks party 0 deals, for semi-honest parties.

Party 0 knows one addend u = x_0 + x_1, parties 1 and 2 know the other, v = x_2. A group of neighbouring bits generates
a carry (g) or passes one on (p). Of three bits a, b, c, or of three groups, the highest last,

    g = g_c ⊕ p_c g_b ⊕ p_c p_b g_a          p = p_c p_b p_a,

where a bit has g = u v and p = u ⊕ v. Digits of three bits come first, then three groups become one until one is left;
two left over become one, and a single one, the highest, waits for the next level.

**Protocol.** What a group generates or passes on, t, exists as T = t ⊕ λ, which parties 1 and 2 both see, and a mask
λ = λ_0 ⊕ λ_1. λ_j is drawn from the seed of component j: parties 1 and 0 have λ_1, parties 2 and 0 have λ_0. So party
0 knows all masks in advance, and a product of such bits, e.g.

    (S ⊕ κ)(T ⊕ λ) = S T ⊕ S λ ⊕ T κ ⊕ κ λ,

is linear in masks and products of masks with factors that both others see. Party 0 shares all those products, and the
bits of u and their products within a digit, between parties 1 and 2: party 1's part is drawn from the seed of
component 1, the rest goes to party 2, in one message. A level is one exchange: of every new bit each of the two
computes its summand, adds its half of a fresh mask, and sends it to the other. The sum is the new masked bit.

**Privacy** against one semi-honest party. The streams are independent, and each word of them is used once.
*Party 0* receives nothing. *Party 1* receives, level by level, party 2's summand plus λ_0, which it does not have and
which no message before contained: each message is uniform given all earlier ones and everybody's inputs. *Party 2*
receives what party 0 shares plus words of a stream it does not have, then party 1's summands plus λ_1. The summands of
a level are fixed by the inputs, that stream and masks of lower levels, so what it receives is uniform for the same
reason. The result's missing component is the secret less the two held ones, as with every sharing here.

**Against a malicious party nothing is promised**: party 0 could deal anything. `mpc.ordering` takes another tree there.

Source: a product of several factors under masks that are known in advance, Patra, Schneider, Suresh, Yalame, "ABY2.0"
(USENIX Security 2021); two addends as in Mohassel, Rindal, "ABY3" (CCS 2018), section 5.3; docs/adr/0027.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.conversion import lane_words, planes_of
from mpc.errors import ProtocolStateError
from mpc.kernels.dealt import digit_products, digit_terms, merge_products, merge_terms
from mpc.kernels.memory import fresh
from mpc.prg import Stream
from mpc.replicated import Engine
from mpc.rings import BITS
from mpc.shares import ReplicatedShare

Planes = NDArray[Any]
"""Rows of words: a plane each."""

_NONE, _ALL_ONES = np.uint64(0), np.uint64(2**64 - 1)


@dataclass(frozen=True, slots=True)
class Digits:
    """How bits make digits of three: the lowest digit may lack its low bit, or its low and middle ones."""

    count: int
    middles: int
    lows: int

    @classmethod
    def of(cls, bits: int) -> Digits:
        """Return the digits of so many bits, at least one."""
        count = -(-bits // 3)
        lacking = 3 * count - bits
        return cls(count, count - (lacking == 2), count - (lacking > 0))

    @property
    def order(self) -> list[int]:
        """Which bit stands in which plane: the digits' high bits, their middle ones, their low ones."""
        lacking = 2 * self.count - self.middles - self.lows
        places = [3 * digit + bit - lacking for bit in (2, 1, 0) for digit in range(self.count)]
        return [place for place in places if place >= 0]

    @property
    def products(self) -> int:
        """How many planes of products of a digit's bits there are."""
        return self.middles + 3 * self.lows

    @property
    def opened(self) -> int:
        """How many planes are opened: what each generates, what all but the lowest pass on."""
        return 2 * self.count - 1


@dataclass(frozen=True, slots=True)
class Merge:
    """One level: so many groups before it, planes of products of masks, planes opened."""

    groups: int
    products: int
    opened: int


def merges_of(groups: int) -> list[Merge]:
    """Return the levels that leave one group."""
    found = []
    while groups > 1:
        triples, rest = divmod(groups, 3)
        pairs = rest // 2
        saved = 3 if triples else 1  # nobody asks what the lowest passes on
        found.append(Merge(groups, 8 * triples + 2 * pairs - saved, 2 * (triples + pairs) - 1))
        groups = triples + (rest > 0)
    return found


def dealt_planes(planes: int) -> int:
    """Return how many planes party 0 sends for a sign at bit ``planes - 1``, 2 to 64."""
    digits = Digits.of(planes - 1)
    return planes + digits.products + sum(merge.products for merge in merges_of(digits.count))


def opened_planes(planes: int) -> list[int]:
    """Return how many planes parties 1 and 2 send each other, exchange by exchange."""
    digits = Digits.of(planes - 1)
    return [digits.opened, *(merge.opened for merge in merges_of(digits.count))]


def dealt_sign(words: Engine, bits: Engine, x: ReplicatedShare, planes: int, label: str) -> ReplicatedShare:
    """Return bit ``planes - 1`` of every x, as one plane.

    Args:
        words: over ``Z2_64``.
        bits: over ``BITS``.
        x: n shared words, secret.
        planes: public, 2 to 64.
        label: public, unique in the round; the messages append to it.

    Returns:
        ceil(n / 64) words over ``BITS``; lanes beyond n are unspecified. One message of party 0, to party 2, then one
        exchange of parties 1 and 2 per level: 2 + ceil(log3 ceil((planes - 1) / 3)) rounds.

    Raises:
        ProtocolStateError, ChannelError: as every engine operation.
    """
    digits, width, dealt = Digits.of(planes - 1), lane_words(len(x)), dealt_planes(planes)
    masks = [bits.component_stream(component, f"{label}/mask", index=component) for component in (0, 1)]
    given = bits.component_stream(1, f"{label}/given")
    order, top = [*digits.order, planes - 1], slice((planes - 1) * width, planes * width)
    bits.traffic.rounds += 1

    def room(rows: int) -> Planes:
        return fresh(rows * width).reshape(rows, width)

    def drawn(component: int, rows: int) -> Planes:
        """The next planes of this half of the masks; a stream gives every word once."""
        return BITS.expand(_held(masks[component]), rows * width).reshape(rows, width)

    if words.party == 0:
        u = planes_of(words.ring.add(x.first, x.second), planes, order, room=dealt - planes)
        rows = u.reshape(dealt, width)
        digit_products(rows, digits.count, digits.middles, digits.lows)
        halves = [drawn(component, digits.opened) for component in (0, 1)]
        level, start = halves[0] ^ halves[1], planes + digits.products
        for merge in merges_of(digits.count):
            merge_products(level, merge.groups, rows[start : start + merge.products])
            halves = [drawn(component, merge.opened) for component in (0, 1)]
            level, start = _next_level(level, halves[0] ^ halves[1], merge.groups), start + merge.products
        rest, kept = BITS.split(u, _held(given))
        bits.transfer(0, 2, rest, len(rest), f"{label}/dealt")
        return ReplicatedShare(0, halves[0][0] ^ rest[top], halves[1][0] ^ kept[top])

    component, peer, adds = (1, 2, _ALL_ONES) if words.party == 1 else (0, 1, _NONE)
    v = planes_of(x.second if words.party == 1 else x.first, planes, order)
    received = bits.transfer(0, 2, None, dealt * width, f"{label}/dealt")
    held = (BITS.expand(_held(given), dealt * width) if received is None else received).reshape(dealt, width)

    def opened(summands: Planes, number: int) -> Planes:
        theirs = bits.swap(peer, summands.reshape(-1), f"{label}/open", index=number)
        return np.bitwise_xor(theirs, summands.reshape(-1), out=theirs).reshape(summands.shape)

    mask, summands = drawn(component, digits.opened), room(digits.opened)
    digit_terms(held, v.reshape(planes, width), digits.count, digits.middles, digits.lows, mask, adds, summands)
    level, seen, start = mask, opened(summands, 0), planes + digits.products
    for number, merge in enumerate(merges_of(digits.count), 1):
        mask, summands = drawn(component, merge.opened), room(merge.opened)
        merge_terms(level, held[start : start + merge.products], seen, merge.groups, mask, adds, summands)
        seen = _next_level(seen, opened(summands, number), merge.groups)
        level, start = _next_level(level, mask, merge.groups), start + merge.products
    own, public = mask[0] ^ held[planes - 1], seen[0] ^ v[top]
    return ReplicatedShare(1, own, public) if words.party == 1 else ReplicatedShare(2, public, own)


def _next_level(level: Planes, merged: Planes, groups: int) -> Planes:
    """What the merged groups generate and pass on, and a highest group that was left over."""
    if groups % 3 != 1:
        return merged
    generated = (len(merged) + 1) // 2
    return np.concatenate([merged[:generated], level[groups - 1 : groups], merged[generated:], level[2 * groups - 2 :]])


def _held(stream: Stream | None) -> Stream:
    if stream is None:
        raise ProtocolStateError("a stream of two other parties")
    return stream
