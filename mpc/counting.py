"""How many of some shared bits are one, as shares; nothing is opened.

Counting by words would turn every bit into a word first. Here full adders work on 64 bits at a time: three words of one
weight become a word of sums of that weight and a word of carries of twice the weight, all weights at once; where few
words of a weight are left they are folded in halves. What is left in the end, LAST lanes of known weights, is small
enough to be turned into integers one by one.

Costs for n bits: about n products of bits, a round per layer and log_1.5(n / LAST) layers, then 2·LAST products of
words in two rounds. Everything is a product that `mpc.checked_words` checks.

Source: full adders over bit-sliced words (carry-save, Wallace 1964); Boyar, Peralta, "Tight bounds for the
multiplicative complexity of symmetric functions" (TCS 2008): n − (ones in n) products, which this meets but for LAST.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.checked import CheckedProducts, CheckedShare
from mpc.computation import Computation
from mpc.errors import RingValueError
from mpc.ordering import to_words
from mpc.replicated import Engine
from mpc.secret import Secret
from mpc.shares import PARTIES, ReplicatedShare, concatenate_shares

LAST: Final = 256
"""So few lanes of one group are turned into integers as they are."""
WORTH: Final = 8
"""A layer that saves less than one word of so many waits until words were folded: carries would trickle upwards."""
_WORD: Final = 64

Words = npt.NDArray[np.uint64]


class PartialCounts(Secret):
    """Counts of several groups as a few shared bits of known weights.

    Args:
        computation: of all three parties.
        lanes: share of 0s and 1s over ``BITS``, one to a word, secret: for every weight the bits of all groups.
        weights: public, one for each lane of a group.
        groups: public.
    """

    __slots__ = ("_computation", "_groups", "_lanes", "_weights")

    def __init__(self, computation: Computation, lanes: ReplicatedShare, weights: list[int], groups: int) -> None:
        self._computation, self._lanes, self._weights, self._groups = computation, lanes, weights, groups

    def to_words(self) -> ReplicatedShare:
        """Return the counts as shared integers over Z_2^64. Two rounds."""
        computation = self._computation
        n, groups = len(self._lanes), self._groups
        plane = _mapped(self._lanes, _packed)
        lanes = to_words(computation, plane, n)
        scale = np.array(self._weights, np.uint64).reshape(-1, 1)
        return _mapped(lanes, lambda x: np.asarray((x.reshape(-1, groups) * scale).sum(0, np.uint64)))

    def lifted(self, engine: Engine, products: CheckedProducts) -> CheckedShare:
        """Return the counts as shared elements of a prime field. Three rounds; nothing here is checked until both
        `Computation.verify` and the caller's ``products.verify`` have succeeded.

        Args:
            engine: over a prime field of more than 64 bits.
            products: the batch that the products are of.
        """
        n, groups = len(self._lanes), self._groups
        parts = [_component(engine, self._lanes, j) for j in range(PARTIES)]
        entered = products.enter(concatenate_shares(parts))
        bits = entered[:n]
        for j in range(1, PARTIES):
            other = entered[j * n : (j + 1) * n]
            both = products.multiply(bits, other)
            bits = products.linear([(1, bits), (1, other), (-2, both)])
        return products.linear([
            (weight, bits[place * groups : (place + 1) * groups]) for place, weight in enumerate(self._weights)
        ])


def count_bits(computation: Computation, bits: ReplicatedShare, groups: int) -> PartialCounts:
    """Count the ones of each of several groups of shared bits.

    Args:
        computation: of all three parties.
        bits: groups · w words over ``BITS``, group by group, secret; every one of the 64 lanes counts.
        groups: public, at least 1.

    Raises:
        RingValueError: the words are not those of so many groups.
        ProtocolStateError, ChannelError: as every engine operation.
    """
    if groups < 1 or len(bits) % groups:
        raise RingValueError(f"{len(bits)} words are not those of {groups} groups")
    levels, lanes = [bits], _WORD
    while lanes > 1 and (words := sum(len(level) for level in levels) // groups) * lanes > LAST:
        if sum(len(level) // groups // 3 for level in levels) * WORTH >= words:
            levels = _add(computation, levels, groups)
            continue
        lanes //= 2
        levels = [_mapped(level, partial(_folded, groups=groups, half=lanes)) for level in levels]
    found = [_mapped(level, partial(_spread, groups=groups, lanes=lanes)) for level in levels if len(level)]
    weights = [1 << j for j, level in enumerate(levels) for _ in range(len(level) // groups * lanes)]
    if not weights:
        zero = computation.bits.constant(computation.bits.ring.zeros(groups))
        return PartialCounts(computation, zero, [0], groups)
    return PartialCounts(computation, concatenate_shares(found), weights, groups)


def _add(computation: Computation, levels: list[ReplicatedShare], groups: int) -> list[ReplicatedShare]:
    """One layer of full adders over all weights. One round."""
    engine, pairs, kept = computation.bits, [], []
    for level in levels:
        third = len(level) // groups // 3
        a, b, c = (_columns(level, groups, k * third, (k + 1) * third) for k in range(3))
        kept.append((a, engine.add(engine.add(a, b), c), _columns(level, groups, 3 * third, None)))
        pairs.append((engine.add(a, b), engine.add(a, c)))
    products = engine.multiply_many(pairs, computation.label("count"))
    parts: list[list[ReplicatedShare]] = [[] for _ in range(len(levels) + 1)]
    for weight, ((a, sums, rest), product) in enumerate(zip(kept, products, strict=True)):
        parts[weight] += [rest, sums]
        parts[weight + 1].append(engine.add(product, a))
    found = [_side_by_side(shares, groups) for shares in parts]
    return found if len(found[-1]) else found[:-1]


def _mapped(share: ReplicatedShare, change: Callable[[Words], Words]) -> ReplicatedShare:
    """A linear map of a shared vector."""
    return ReplicatedShare(share.party, change(share.first), change(share.second))


def _columns(share: ReplicatedShare, groups: int, start: int, stop: int | None) -> ReplicatedShare:
    return _mapped(share, lambda x: np.ascontiguousarray(x.reshape(groups, -1)[:, start:stop]).reshape(-1))


def _side_by_side(shares: list[ReplicatedShare], groups: int) -> ReplicatedShare:
    """Words of the same groups in one vector."""
    first, second = (
        np.concatenate([x.reshape(groups, -1) for x in components], axis=1).reshape(-1)
        for components in ([share.first for share in shares], [share.second for share in shares])
    )
    return ReplicatedShare(shares[0].party, first, second)


def _folded(x: Words, groups: int, half: int) -> Words:
    """Every word as two of half as many lanes."""
    rows = x.reshape(groups, -1)
    low = rows & np.uint64((1 << half) - 1)
    return np.concatenate([low, rows >> np.uint64(half)], axis=1).reshape(-1)


def _spread(x: Words, groups: int, lanes: int) -> Words:
    """The lowest lanes of all words, one to a word: lane by lane, the groups' words beside one another."""
    shifted = x.reshape(groups, -1, 1) >> np.arange(lanes, dtype=np.uint64)
    return np.ascontiguousarray((shifted & np.uint64(1)).reshape(groups, -1).T).reshape(-1)


def _packed(x: Words) -> Words:
    """Bits, one to a word, as lanes of words."""
    lanes = np.zeros(-(-len(x) // _WORD) * _WORD, np.uint8)
    lanes[: len(x)] = x
    return np.packbits(lanes, bitorder="little").view("<u8").astype(np.uint64)


def _component(engine: Engine, lanes: ReplicatedShare, component: int) -> ReplicatedShare:
    """Shares in a field of one component of shared bits: it holds them, the others hold zero."""
    ring = engine.ring
    held = {lanes.party: lanes.first, (lanes.party + 1) % PARTIES: lanes.second}

    def part(j: int) -> npt.NDArray[np.generic]:
        values = held[j] if j == component else np.zeros(len(lanes), np.uint64)
        return ring.from_integers([int(value) for value in values.tolist()])

    return ReplicatedShare(lanes.party, part(lanes.party), part((lanes.party + 1) % PARTIES))


__all__ = ["LAST", "PartialCounts", "count_bits"]
