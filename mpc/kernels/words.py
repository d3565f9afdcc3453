"""Vectors over Z_2^64 (+, ·) and over words of bits (⊕, ∧), one pass each. All arithmetic wraps.

Arguments are C-contiguous vectors of one length unless a line says otherwise. ``*_first``/``*_second`` are the two
components a party holds; a party's summand of a product is a_first·(b_first + b_second) + a_second·b_first.
"""

from __future__ import annotations

import numpy as np

from mpc.kernels import kernel
from mpc.kernels.memory import Words


@kernel("void(uint64[::1], uint64[::1], uint64[::1], uint64[::1], uint64[::1], uint64[::1], uint64[::1])")
def product_words(
    a_first: Words, a_second: Words, b_first: Words, b_second: Words, plus: Words, minus: Words, out: Words
) -> None:
    """Summand of the product, plus one mask, minus another."""
    for k in range(out.size):
        both = b_first[k] + b_second[k]
        out[k] = a_first[k] * both + a_second[k] * b_first[k] + plus[k] - minus[k]


@kernel("void(uint64[::1], uint64[::1], uint64[::1], uint64[::1], uint64[::1], uint64[::1], uint64[::1])")
def product_bits(
    a_first: Words, a_second: Words, b_first: Words, b_second: Words, plus: Words, minus: Words, out: Words
) -> None:
    """The same over bits."""
    for k in range(out.size):
        both = b_first[k] ^ b_second[k]
        out[k] = (a_first[k] & both) ^ (a_second[k] & b_first[k]) ^ plus[k] ^ minus[k]


@kernel("uint64(uint64[::1], uint64[::1], uint64[::1], uint64[::1])")
def inner_words(a_first: Words, a_second: Words, b_first: Words, b_second: Words) -> np.uint64:
    """Summand of the inner product."""
    total = np.uint64(0)
    for k in range(a_first.size):
        total += a_first[k] * (b_first[k] + b_second[k]) + a_second[k] * b_first[k]
    return total


@kernel("uint64(uint64[::1], uint64[::1], uint64[::1], uint64[::1])")
def inner_bits(a_first: Words, a_second: Words, b_first: Words, b_second: Words) -> np.uint64:
    """The same over bits."""
    total = np.uint64(0)
    for k in range(a_first.size):
        total ^= (a_first[k] & (b_first[k] ^ b_second[k])) ^ (a_second[k] & b_first[k])
    return total


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def matrix_words(a_first: Words, a_second: Words, b_first: Words, b_second: Words, out: Words) -> None:
    """Summand of the matrix product, (rows, depth) by (depth, columns)."""
    rows, depth = a_first.shape
    columns = b_first.shape[1]
    for i in range(rows):
        for j in range(columns):
            out[i, j] = np.uint64(0)
        for k in range(depth):
            left, right = a_first[i, k], a_second[i, k]
            for j in range(columns):
                out[i, j] += left * (b_first[k, j] + b_second[k, j]) + right * b_first[k, j]


@kernel("void(uint64[:,::1], uint64[:,::1], uint64[:,::1], uint64[:,::1], uint64[:,::1])")
def matrix_bits(a_first: Words, a_second: Words, b_first: Words, b_second: Words, out: Words) -> None:
    """The same over bits."""
    rows, depth = a_first.shape
    columns = b_first.shape[1]
    for i in range(rows):
        for j in range(columns):
            out[i, j] = np.uint64(0)
        for k in range(depth):
            left, right = a_first[i, k], a_second[i, k]
            for j in range(columns):
                out[i, j] ^= (left & (b_first[k, j] ^ b_second[k, j])) ^ (right & b_first[k, j])


@kernel("void(uint64[::1], uint64[::1], uint64[::1], uint64[::1])")
def mask_words(x: Words, plus: Words, minus: Words, out: Words) -> None:
    """x + plus − minus; ``out`` may be ``x``."""
    for k in range(out.size):
        out[k] = x[k] + plus[k] - minus[k]


@kernel("void(uint64[::1], uint64[::1], uint64[::1], uint64[::1])")
def mask_bits(x: Words, plus: Words, minus: Words, out: Words) -> None:
    """x ⊕ plus ⊕ minus; ``out`` may be ``x``."""
    for k in range(out.size):
        out[k] = x[k] ^ plus[k] ^ minus[k]


@kernel("void(uint64[::1], uint64[::1], uint64[::1])")
def subtract_words(x: Words, mask: Words, out: Words) -> None:
    """x − mask; ``out`` may be either."""
    for k in range(out.size):
        out[k] = x[k] - mask[k]


@kernel("void(uint64[::1], uint64[::1], uint64[::1])")
def subtract_bits(x: Words, mask: Words, out: Words) -> None:
    """x ⊕ mask; ``out`` may be either."""
    for k in range(out.size):
        out[k] = x[k] ^ mask[k]
