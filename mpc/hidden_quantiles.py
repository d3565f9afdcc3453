"""Quantiles of a secret part of shared rows, as shares; nothing is opened, neither how many rows there are nor how any
two of them compare.

`mpc.group_quantiles` is for callers who may know the size of the group; this is for those who may not. The values come
as shared bits and are searched bit by bit, from the highest: candidates c are the rows that agree with the result so
far. With x the next bit, those of c ∧ ¬x are counted; if with the rows known to be below they reach the wanted rank,
the result's bit is 0 and they are the candidates, else it is 1 and they are known to be below. Whether they do is a
shared bit s, and c' = (c ∧ ¬x) ⊕ (s ∧ c) is one product of bits for each row; nobody learns s.

Costs for n rows, b bits and q quantiles: 3·b·q·n products of bits, that is 3·b·q·n/64 words of products and their
checks, about ten times as much; rounds: b times those of a count (`mpc.counting`) and of a comparison, about 35·b for
10^5 rows. Sorting would open a random order, and the rank at which to look; it needs fewer rounds and ten times the
bytes (docs/mpc-sharing.md).

The wanted quantiles are those of `mpc.split_quantiles.Quantile`: the smallest value with
q·(values up to it) >= p·(all values) + excess.

Source: radix selection (Knuth, vol. 3, 5.2.2); for shared data Aggarwal, Mishra, Pinkas (EUROCRYPT 2004) open the
path, here it stays shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.computation import Computation
from mpc.conversion import lane_words
from mpc.counting import PartialCounts, count_bits
from mpc.errors import RingValueError
from mpc.ordering import less_than, to_words
from mpc.shares import ReplicatedShare, concatenate_shares
from mpc.split_quantiles import MAX_VALUE_BITS, Quantile

MINIMUM: Final = Quantile(0, 1, 1)
MAXIMUM: Final = Quantile(1, 1)
MAX_KEY_BITS: Final = 61
"""Two of them may be added."""
MAX_COUNT_BITS: Final = 40
PENDING_WORDS: Final = 1 << 18
"""So many products are remembered before they are checked."""

Words = npt.NDArray[np.uint64]


def sliced_planes(values: npt.NDArray[np.int64], n: int, bits: int) -> Words:
    """Return the bits of a vector, the lowest plane first, each plane in whole words padded with zeros.

    Args:
        values: n integers in [0, 2^bits), secret.
        n: public.
        bits: public, 1 to MAX_KEY_BITS.

    Raises:
        RingValueError: values outside, of another length, or so many bits.
    """
    _require_bits(bits)
    if len(values) != n or (n and not 0 <= int(values.min()) <= int(values.max()) < 1 << bits):
        raise RingValueError(f"expected {n} values of {bits} bits")
    lanes = np.zeros((bits, lane_words(n) * 64), np.uint8)
    lanes[:, :n] = values[None, :] >> np.arange(bits)[:, None] & 1
    return np.packbits(lanes, axis=1, bitorder="little").reshape(-1).view("<u8").astype(np.uint64)


def _require_bits(bits: int) -> None:
    if not 1 <= bits <= MAX_KEY_BITS:
        raise RingValueError(f"values have 1 to {MAX_KEY_BITS} bits, got {bits}")


def share_planes(
    computation: Computation, owner: int, values: npt.NDArray[np.int64] | None, n: int, bits: int
) -> list[ReplicatedShare]:
    """Share the bits of a vector that one party owns, the lowest first: one plane each, padded with zeros.

    Args:
        computation: of all three parties.
        owner: 0, 1 or 2.
        values: the owner's n integers in [0, 2^bits), secret; None at the others.
        n: public.
        bits: public, 1 to MAX_KEY_BITS; 1 for truth values.

    Raises:
        RingValueError: values outside, of another length, or so many bits.
        ProtocolStateError: values at another party, or none at the owner.
    """
    _require_bits(bits)
    width = lane_words(n)
    sliced = None if values is None else sliced_planes(values, n, bits)
    held = computation.bits.share_input(owner, sliced, computation.label("planes"), bits * width)
    return [held[k * width : (k + 1) * width] for k in range(bits)]


def hidden_quantiles(
    computation: Computation, planes: Sequence[ReplicatedShare], members: ReplicatedShare, quantiles: Sequence[Quantile]
) -> tuple[PartialCounts, ReplicatedShare]:
    """Return the size of a group of rows and quantiles of its values, all as shares.

    Args:
        computation: of all three parties, in malicious mode wherever parties have reason to lie.
        planes: bits of the rows' values, the lowest first, 1 to MAX_KEY_BITS of them, secret.
        members: which rows belong to the group, as many words as a plane, secret; lanes beyond the rows are zero.
        quantiles: public, at least one; of an empty group they mean nothing.

    Returns:
        The size, and one shared integer over Z_2^64 for each quantile. Products of either are checked by
        `Computation.verify`, which the caller runs before it makes anything of them.

    Raises:
        RingValueError: planes or members of other lengths, no quantile, or more rows or bits than are counted.
        ProductCheckError, ShareMismatchError, ChannelError: somebody lied or is gone.
    """
    if not 1 <= len(planes) <= MAX_KEY_BITS or any(len(plane) != len(members) for plane in planes) or not quantiles:
        raise RingValueError(f"{len(planes)} planes and {len(quantiles)} quantiles do not fit {len(members)} words")
    if _width(members, quantiles) > MAX_VALUE_BITS:
        raise RingValueError("more rows than can be counted for such quantiles")
    size = count_bits(computation, members, 1)
    return size, _Search(computation, planes, members, quantiles, size.to_words()).run()


def _width(members: ReplicatedShare, quantiles: Sequence[Quantile]) -> int:
    """Bits of the largest of the numbers that are compared."""
    largest = max(quantile.denominator for quantile in quantiles)
    return (len(members) * 64 * largest + 1).bit_length()


class _Search:
    def __init__(
        self,
        computation: Computation,
        planes: Sequence[ReplicatedShare],
        members: ReplicatedShare,
        quantiles: Sequence[Quantile],
        size: ReplicatedShare,
    ) -> None:
        words = computation.words
        self._computation, self._planes, self._count = computation, planes, len(quantiles)
        self._width = _width(members, quantiles)
        self._scale = np.array([quantile.denominator for quantile in quantiles], np.uint64)
        wanted = words.mul_public(size, np.array([quantile.numerator for quantile in quantiles], np.uint64))
        self._wanted = words.add_public(wanted, np.array([quantile.excess for quantile in quantiles], np.uint64))
        self._candidates = concatenate_shares([members] * self._count)
        self._below = words.constant(words.ring.zeros(self._count))
        self._found = words.constant(words.ring.zeros(self._count))

    def run(self) -> ReplicatedShare:
        for bit in range(len(self._planes) - 1, -1, -1):
            self._step(bit)
            if self._computation.pending_words > PENDING_WORDS:
                self._computation.verify()
        return self._found

    def _step(self, bit: int) -> None:
        computation, words, bits = self._computation, self._computation.words, self._computation.bits
        zero_bit = bits.add_public(self._planes[bit], bits.ring.from_integers([-1]))
        lower = bits.multiply(
            self._candidates, concatenate_shares([zero_bit] * self._count), computation.label("lower")
        )
        counted = count_bits(computation, lower, self._count).to_words()
        reached = words.mul_public(words.add(self._below, counted), self._scale)
        higher = less_than(computation, reached, self._wanted, self._width)
        kept = bits.multiply(self._repeated(higher), self._candidates, computation.label("kept"))
        self._candidates = bits.add(lower, kept)
        chosen = to_words(computation, higher, self._count)
        self._found = words.add(self._found, words.scale_public(chosen, 1 << bit))
        passed = words.multiply(chosen, counted, computation.label("passed"))
        self._below = words.add(self._below, passed)

    def _repeated(self, plane: ReplicatedShare) -> ReplicatedShare:
        """Lane k of a plane in all lanes of the words of quantile k."""
        width = len(self._planes[0])

        def repeated(x: Words) -> Words:
            places = np.arange(self._count)
            lanes = x[places // 64] >> (places % 64).astype(np.uint64) & np.uint64(1)
            return np.repeat(np.negative(lanes), width)

        return ReplicatedShare(plane.party, repeated(plane.first), repeated(plane.second))
