"""Polynomials over Fr as (n, 4) coefficient vectors, constant term first. May be secret; timing as in `zk.field`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zk.errors import SizeMismatchError
from zk.field import FR, LANES_FROM, Words
from zk.kernels import IFMA, chosen_path
from zk.kernels import polynomials as kernels
from zk.kernels.leases import fresh
from zk.ntt import intt, ntt

if chosen_path() == IFMA:
    from zk.kernels import ifma_polynomials


def resize(coefficients: Words, n: int) -> Words:
    """Return the first n coefficients, zero-filled where there are fewer."""
    out = fresh(n)
    kept = min(n, len(coefficients))
    out[:kept] = coefficients[:kept]
    out[kept:] = 0
    return out


def add_scaled(total: Words, polynomial: Words, factor: int) -> Words:
    """Return total + factor·polynomial, as long as the longer of the two."""
    n = min(len(total), len(polynomial))
    both = FR.add_scaled(total[:n], polynomial[:n], factor)
    if len(total) == len(polynomial):
        return both
    out = fresh(max(len(total), len(polynomial)))
    out[:n], out[n:] = both, total[n:] if len(total) > n else FR.scale(polynomial[n:], factor)
    return out


def running_total(values: Words) -> Words:
    """Return the prefix sums v_0, v_0 + v_1, …"""
    out = FR.zeros(len(values))
    kernels.running_total(out, np.ascontiguousarray(values))
    return out


def divide_by_linear(coefficients: Words, point: int) -> Words:
    """Return the quotient of a polynomial by X − point; the remainder, its value at the point, is dropped.

    Raises:
        SizeMismatchError: the polynomial is empty.
    """
    if not len(coefficients):
        raise SizeMismatchError("an empty polynomial has no quotient")
    out = fresh(len(coefficients) - 1)
    lanes = chosen_path() == IFMA and len(coefficients) >= LANES_FROM
    divide = ifma_polynomials.divide_by_linear if lanes else kernels.divide_by_linear
    divide(out, FR.checked(coefficients), FR.from_integers([point]))
    return out


def blind(rows: Words, blinders: Sequence[int] | Words) -> Words:
    """Return the polynomial through the rows plus Σ blinder_i·X^i·(X^N − 1); coefficients N + number of blinders.

    Args:
        rows: (N, 4), values on the domain, secret.
        blinders: scalars or a (b, 4) vector, secret.
    """
    hidden = blinders if isinstance(blinders, np.ndarray) else FR.from_integers(list(blinders))
    n, b = len(rows), len(hidden)
    out = fresh(n + b)
    out[:n] = intt(rows)
    out[:b] = FR.sub(out[:b], hidden)
    out[n:] = hidden
    return out


def rows_of(polynomial: Words, n: int) -> Words:
    """Return the values on the domain of n points of a polynomial with at most 2n coefficients."""
    folded = resize(polynomial, n)
    extra = len(polynomial) - n
    if extra > n:
        raise SizeMismatchError("a column polynomial has at most 2N coefficients")
    if extra > 0:
        folded[:extra] = FR.add(folded[:extra], polynomial[n:])
    return ntt(folded)
