"""Number-theoretic transforms over Fr: between coefficients and values on a subgroup of order 2^k or a coset of it.

``ntt`` of (c_0, .., c_{n-1}) is (p(1), p(w), .., p(w^{n-1})) for p(X) = sum c_i X^i and w = ``root_of_unity(log2 n)``.
Natural order in and out; inputs are left alone. Timing: no branch on values.
"""

from __future__ import annotations

import functools

import numpy as np

from zk.errors import SizeMismatchError
from zk.field import FR, FR_MODULUS, Words
from zk.kernels import IFMA, chosen_path
from zk.kernels import ntt as kernels
from zk.kernels.leases import fresh
from zk.kernels.workers import processors

if chosen_path() == IFMA:
    from zk.kernels import ifma_transform

COSET_SHIFT = 7
"""A generator of no subgroup of order 2^k (7 is a non-residue modulo r), so 7·H is disjoint from H."""

MAX_LOG_N = 24


@functools.lru_cache(maxsize=64)
def root_of_unity(log_n: int) -> int:
    """Return 5^((r-1)/2^log_n), of order exactly 2^log_n. Raises SizeMismatchError outside 0 <= log_n <= 28."""
    if not 0 <= log_n <= 28:
        raise SizeMismatchError(f"Fr has no subgroup of order 2^{log_n}")
    return pow(5, (FR_MODULUS - 1) >> log_n, FR_MODULUS)


def ntt(coefficients: Words) -> Words:
    """Return the values on the subgroup of as many points. Raises SizeMismatchError unless 2^1 <= n <= 2^24."""
    return coset_ntt(coefficients, _log_size(len(coefficients)), 1)


def intt(values: Words) -> Words:
    """Return the coefficients whose ``ntt`` is ``values``. Raises SizeMismatchError as ``ntt`` does."""
    return coset_intt(values, 1)


def coset_ntt(coefficients: Words, log_n: int, shift: int = COSET_SHIFT) -> Words:
    """Return the values on shift·H, H of order 2^log_n.

    Args:
        coefficients: at most 2^log_n of them; missing ones are zero.
        log_n: 1 to 24.
        shift: not zero modulo r.

    Raises:
        SizeMismatchError: too many coefficients, a size out of range, or a zero shift.
    """
    shift = _nonzero(shift)
    if _in_lanes(log_n):
        root = root_of_unity(log_n)
        return ifma_transform.transform(_filled(coefficients, log_n), root, shift, 1, 1, _threads(log_n))
    values = _copied(coefficients, log_n)
    if shift != 1:
        kernels.scale_by_powers(values[: len(coefficients)], _element(1), _element(shift))
    kernels.transform(values, _twiddles(log_n))
    return values


def coset_intt(values: Words, shift: int = COSET_SHIFT) -> Words:
    """Return the coefficients whose values on shift·H are ``values``. Raises as ``coset_ntt`` does."""
    n, log_n = len(values), _log_size(len(values))
    scale, inverse = _inverse(n), _inverse(_nonzero(shift))
    if _in_lanes(log_n):
        root = _inverse(root_of_unity(log_n))
        return ifma_transform.transform(_filled(values, log_n), root, 1, inverse, scale, _threads(log_n))
    coefficients = _copied(values, log_n)
    kernels.transform(coefficients, _twiddles(log_n))
    coefficients[1:] = coefficients[:0:-1].copy()  # index -i in place of i: the inverse transform, times n
    kernels.scale_by_powers(coefficients, _element(scale), _element(inverse))
    return coefficients


@functools.lru_cache(maxsize=64)
def _inverse(x: int) -> int:
    return pow(x, -1, FR_MODULUS)


def _in_lanes(log_n: int) -> bool:
    return chosen_path() == IFMA and ifma_transform.LEAST_LOG_N <= log_n <= MAX_LOG_N


def _threads(log_n: int) -> int:
    return processors() if 1 << log_n >= ifma_transform.PARALLEL_FROM else 1


def _element(value: int) -> Words:
    return FR.from_integers([value])


def _nonzero(shift: int) -> int:
    if shift % FR_MODULUS == 0:
        raise SizeMismatchError("a coset needs a shift that is not zero")
    return shift % FR_MODULUS


def _log_size(n: int) -> int:
    log_n = n.bit_length() - 1
    if n != 1 << max(log_n, 0) or not 1 <= log_n <= MAX_LOG_N:
        raise SizeMismatchError(f"a transform needs 2^1 to 2^{MAX_LOG_N} elements, got {n}")
    return log_n


def _filled(a: Words, log_n: int) -> Words:
    """``a`` itself where it has 2^log_n elements that kernels can take, else a copy filled with zeros."""
    if isinstance(a, np.ndarray) and a.shape == (1 << log_n, 4) and a.dtype == np.uint64:
        return FR.checked(a)
    return _copied(a, log_n)


def _copied(a: Words, log_n: int) -> Words:
    """A fresh array of 2^log_n elements that starts with ``a``."""
    if not 1 <= log_n <= MAX_LOG_N:
        raise SizeMismatchError(f"a transform needs 2^1 to 2^{MAX_LOG_N} elements, got 2^{log_n}")
    if not isinstance(a, np.ndarray) or a.dtype != np.uint64 or a.ndim != 2 or a.shape[1] != 4:
        raise SizeMismatchError("a transform needs an (n, 4) uint64 array")
    if len(a) > 1 << log_n:
        raise SizeMismatchError(f"{len(a)} coefficients do not fit a transform of 2^{log_n}")
    out = fresh(1 << log_n)
    out[: len(a)] = a
    out[len(a) :] = 0
    return out


@functools.lru_cache(maxsize=8)
def _twiddles(log_n: int) -> Words:
    table = np.zeros((1 << log_n, 4), dtype=np.uint64)
    kernels.fill_twiddles(table, _element(root_of_unity(log_n)), _element(1))
    return table
