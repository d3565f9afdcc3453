"""Carries of masked bits: what `mpc.dealt_tree` computes from bits, masks and products of masks.

Arrays are rows of one width, a plane each. ``adds``, zeros or all ones, says whether the products of what both parties
see belong to this party's summand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.kernels import kernel

Planes = NDArray[Any]


@kernel("void(uint64[:,::1], int64, int64, int64)")
def digit_products(u: Planes, digits: int, middles: int, lows: int) -> None:
    """Put the products of the bits of every digit behind the bits: 2·1, then 2·0, 1·0 and 2·1·0.

    ``u`` begins with the digits' bits 2, 1 and 0 and one plane more. The first digits have no bit 0, or no bit 1:
    ``lows`` and ``middles``, digits - 1 or all of them, say how many have.
    """
    bit1, bit0 = digits, digits + middles
    pair = bit0 + lows + 1
    outer, inner, every = pair + middles, pair + middles + lows, pair + middles + 2 * lows
    for j in range(middles):
        for w in range(u.shape[1]):
            u[pair + j, w] = u[digits - middles + j, w] & u[bit1 + j, w]
    for j in range(lows):
        for w in range(u.shape[1]):
            high, middle, low = u[digits - lows + j, w], u[bit1 + middles - lows + j, w], u[bit0 + j, w]
            u[outer + j, w] = high & low
            u[inner + j, w] = middle & low
            u[every + j, w] = high & middle & low


@kernel("void(uint64[:,::1], uint64[:,::1], int64, int64, int64, uint64[:,::1], uint64, uint64[:,::1])")
def digit_terms(
    held: Planes, v: Planes, digits: int, middles: int, lows: int, mask: Planes, adds: np.uint64, out: Planes
) -> None:
    """Summands of what every digit generates, then of what all but the first pass on, each ⊕ its mask.

    ``held`` is one part of what `digit_products` made of u, ``v`` the other addend's bits in the same order.
    """
    bit1, bit0 = digits, digits + middles
    pair = bit0 + lows + 1
    outer, inner, every = pair + middles, pair + middles + lows, pair + middles + 2 * lows
    for d in range(digits):
        i, j = d - (digits - middles), d - (digits - lows)  # places of its middle and low bit, if it has them
        passing = digits - 1 + d
        if i < 0:
            for w in range(v.shape[1]):
                out[d, w] = mask[d, w] ^ (held[d, w] & v[d, w])
        elif j < 0:
            for w in range(v.shape[1]):
                high, middle = v[d, w], v[bit1 + i, w]
                generated = (held[d, w] & high) ^ (held[pair + i, w] & middle) ^ (held[bit1 + i, w] & high & middle)
                out[d, w] = mask[d, w] ^ generated
        elif d == 0:
            for w in range(v.shape[1]):
                high, middle, low = v[d, w], v[bit1 + i, w], v[bit0 + j, w]
                u1, u0 = held[bit1 + i, w], held[bit0 + j, w]
                u20, u10, u210 = held[outer + j, w], held[inner + j, w], held[every + j, w]
                carried = u210 ^ (u20 & middle) ^ (u10 & high) ^ (u0 & high & middle)
                generated = (held[d, w] & high) ^ (held[pair + i, w] & middle) ^ (u1 & high & middle) ^ (carried & low)
                out[d, w] = mask[d, w] ^ generated
        else:
            for w in range(v.shape[1]):
                high, middle, low = v[d, w], v[bit1 + i, w], v[bit0 + j, w]
                u2, u1, u0 = held[d, w], held[bit1 + i, w], held[bit0 + j, w]
                u21, u20, u10, u210 = held[pair + i, w], held[outer + j, w], held[inner + j, w], held[every + j, w]
                both = high & middle
                carried = u210 ^ (u20 & middle) ^ (u10 & high) ^ (u0 & both)
                out[d, w] = mask[d, w] ^ (u2 & high) ^ (u21 & middle) ^ (u1 & both) ^ (carried & low)
                rest = u21 ^ (u2 & middle) ^ (u1 & high) ^ (adds & both)
                out[passing, w] = mask[passing, w] ^ carried ^ (rest & low)


@kernel("void(uint64[:,::1], int64, uint64[:,::1])")
def merge_products(masks: Planes, groups: int, out: Planes) -> None:
    """Products of masks for merging groups by three: five planes for the lowest three, eight for each other three.

    ``masks`` are those of what groups generate, then of what all but the first pass on. Two groups left over take two
    planes, or one if they are all there are.
    """
    carry = groups - 1
    at = 0
    for a in range(0, groups // 3 * 3, 3):
        b, c = a + 1, a + 2
        for w in range(masks.shape[1]):
            generated, pb, pc = masks[a, w], masks[carry + b, w], masks[carry + c, w]
            out[at, w] = pc & masks[b, w]
            out[at + 1, w] = pc & pb
            out[at + 2, w] = pb & generated
            out[at + 3, w] = pc & generated
            out[at + 4, w] = pc & pb & generated
        at += 5
        if a > 0:
            for w in range(masks.shape[1]):
                pa, pb, pc = masks[carry + a, w], masks[carry + b, w], masks[carry + c, w]
                out[at, w] = pb & pa
                out[at + 1, w] = pc & pa
                out[at + 2, w] = pc & pb & pa
            at += 3
    if groups % 3 == 2:
        b, c = groups - 2, groups - 1
        for w in range(masks.shape[1]):
            out[at, w] = masks[carry + c, w] & masks[b, w]
        if b > 0:
            for w in range(masks.shape[1]):
                out[at + 1, w] = masks[carry + c, w] & masks[carry + b, w]


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1], int64, uint64[:,::1], uint64, uint64[:,::1])")
def merge_terms(
    held: Planes, products: Planes, seen: Planes, groups: int, mask: Planes, adds: np.uint64, out: Planes
) -> None:
    """Summands of what merged groups generate, then of what all but the lowest pass on, each ⊕ its mask.

    ``held`` and ``products`` are one part of the masks and of what `merge_products` made of them, ``seen`` the masked
    bits.
    """
    carry = groups - 1
    passing = (groups + 1) // 3 - 1
    at = 0
    for a in range(0, groups // 3 * 3, 3):
        b, c, d = a + 1, a + 2, a // 3
        for w in range(seen.shape[1]):
            ga, gb, gc, pb, pc = seen[a, w], seen[b, w], seen[c, w], seen[carry + b, w], seen[carry + c, w]
            of_pb, of_pc = held[carry + b, w], held[carry + c, w]
            two = products[at, w] ^ (pc & held[b, w]) ^ (gb & of_pc)
            through, both = pc & pb, products[at + 1, w] ^ (of_pc & pb) ^ (of_pb & pc)
            three = products[at + 4, w] ^ (products[at + 3, w] & pb) ^ (products[at + 2, w] & pc)
            three ^= (held[a, w] & through) ^ (both & ga)
            public = adds & (gc ^ (pc & gb) ^ (through & ga))
            out[d, w] = mask[d, w] ^ held[c, w] ^ two ^ three ^ public
            if a > 0:
                pa = seen[carry + a, w]
                passed = products[at + 7, w] ^ (products[at + 6, w] & pb) ^ (products[at + 5, w] & pc)
                passed ^= (held[carry + a, w] & through) ^ (both & pa) ^ (adds & through & pa)
                out[passing + d, w] = mask[passing + d, w] ^ passed
        at += 8 if a > 0 else 5
    if groups % 3 == 2:
        b, c, d = groups - 2, groups - 1, groups // 3
        for w in range(seen.shape[1]):
            gb, gc, pc = seen[b, w], seen[c, w], seen[carry + c, w]
            generated = held[c, w] ^ products[at, w] ^ (pc & held[b, w]) ^ (gb & held[carry + c, w])
            out[d, w] = mask[d, w] ^ generated ^ (adds & (gc ^ (pc & gb)))
        if b > 0:
            for w in range(seen.shape[1]):
                pb, pc = seen[carry + b, w], seen[carry + c, w]
                passed = products[at + 1, w] ^ (pc & held[carry + b, w]) ^ (pb & held[carry + c, w])
                out[passing + d, w] = mask[passing + d, w] ^ passed ^ (adds & pc & pb)
