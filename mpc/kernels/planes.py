"""Bit-sliced vectors: n words become K planes of n bits, 64 lanes to a word; lane l of word w is element 64·w + l."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.kernels import inner, kernel
from mpc.kernels.memory import Words


@inner
def _transpose(block: Words) -> None:
    """Transpose a 64×64 bit matrix in place: bit j of row i goes to bit i of row j (bit 0 is the lowest)."""
    half = 32
    mask = np.uint64(0x00000000FFFFFFFF)
    while half != 0:
        k = 0
        while k < 64:
            swapped = ((block[k] >> np.uint64(half)) ^ block[k + half]) & mask
            block[k] ^= swapped << np.uint64(half)
            block[k + half] ^= swapped
            k = ((k | half) + 1) & ~half
        half >>= 1
        mask ^= mask << np.uint64(half)


@kernel("void(uint64[::1], uint64[:,::1], int64[::1])")
def slice_words(x: Words, planes: Words, places: NDArray[np.int64]) -> None:
    """Row places[k] of ``planes`` gets bit k of x[i] in lane i, for the rows there are; further lanes are zero."""
    kept, words = planes.shape
    block = np.empty(64, np.uint64)
    for word in range(words):
        for k in range(64):
            place = 64 * word + k
            block[k] = x[place] if place < x.size else np.uint64(0)
        _transpose(block)
        for k in range(kept):
            planes[places[k], word] = block[k]


@kernel("void(uint64[:,::1], uint64[::1])")
def join_planes(planes: Words, x: Words) -> None:
    """The inverse: x[i] has bit k from plane k, zeros above the planes there are."""
    kept, words = planes.shape
    block = np.empty(64, np.uint64)
    for word in range(words):
        for k in range(64):
            block[k] = planes[k, word] if k < kept else np.uint64(0)
        _transpose(block)
        for k in range(64):
            place = 64 * word + k
            if place < x.size:
                x[place] = block[k]
