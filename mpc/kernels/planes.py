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


@kernel("void(uint64[::1], uint64[::1], int64, int64, uint64, uint64[::1])")
def pair_summands(held: Words, v: Words, pairs: int, width: int, adds: np.uint64, out: Words) -> None:
    """What `mpc.leaves` computes from a component of u and from v, plane by plane of ``width`` words.

    Lower planes of all pairs stand at 0, upper ones at pairs·width, then those without a partner, then one more and, in
    ``held`` alone, the pairs' products. ``out`` gets what groups generate, then what all but the first propagate;
    ``adds``, zeros or all ones, says whether v's own products belong to this summand.
    """
    block = pairs * width
    groups = v.size - width - block
    products = held.size - block
    for k in range(block):
        low, high, product = held[k], held[block + k], held[products + k]
        both = v[k] & v[block + k]
        out[k] = (high & v[block + k]) ^ (product & v[k]) ^ (low & both)
        if k >= width:
            out[groups + k - width] = product ^ (high & v[k]) ^ (low & v[block + k]) ^ (both & adds)
    for k in range(2 * block, v.size - width):
        out[k - block] = held[k] & v[k]


@kernel("void(uint64[::1], int64, int64)")
def pair_products(u: Words, pairs: int, width: int) -> None:
    """Fill the last pairs·width words of u with the products of its lower and upper planes, placed as above."""
    block = pairs * width
    products = u.size - block
    for k in range(block):
        u[products + k] = u[k] & u[block + k]
