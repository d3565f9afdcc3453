"""Commitments to polynomials with few non-zero rows, such as s, from commitments of the Lagrange basis.

For a reference string and N, [L_v]_1 and [D_v]_1 with D_v = (L_v − 1)/(X − ω^v) are computed when row v is first needed
(two multi-scalar multiplications over N points) and kept. With them, for s = Σ S_w·L_w + b·Z_H,

    [s] = Σ S_w·[L_w] + b·[Z_H]
    [(s − S_v)/(X − ω^v)] = Σ_{w≠v} S_w/(ω^w − ω^v)·([L_w] − ω^(w−v)·[L_v]) + S_v·[D_v] + b·N·ω^(−v)·[L_v]

are sums of a few points instead of N. Public tables; the scalars may be secret, timing as in `zk.msm`.
"""

from __future__ import annotations

import threading
from typing import Final

import numpy as np

from zk.errors import SizeMismatchError
from zk.field import FR, FR_MODULUS, Words
from zk.msm import msm
from zk.ntt import root_of_unity
from zk.polynomial import divide_by_linear
from zk.srs import Srs

FEW_ROWS: Final = 16
"""Up to as many rows the table is worth its price: a joint proof commits to s or its quotients about ten times."""

_LOCK = threading.Lock()
_TABLES: dict[tuple[bytes, int], tuple[Words, Words]] = {}


def row_table(srs: Srs, log_rows: int, rows: int) -> tuple[Words, Words]:
    """Return [L_v] and [D_v] for v < rows, (rows, 8) each; computed once for each reference string and N.

    Raises:
        SizeMismatchError: more rows than FEW_ROWS or than N, or a reference string that is too small.
    """
    if not 0 <= rows <= min(FEW_ROWS, 1 << log_rows) or log_rows > srs.log_rows:
        raise SizeMismatchError(f"the table serves up to {FEW_ROWS} rows of at most 2^{srs.log_rows}")
    with _LOCK:
        empty = np.zeros((0, 8), dtype=np.uint64)
        basis, quotients = _TABLES.get((srs.id, log_rows), (empty, empty))
        for row in range(len(basis), rows):
            polynomial = _basis_polynomial(log_rows, row)
            basis = np.concatenate([basis, srs.commit(polynomial)])
            point = pow(root_of_unity(log_rows), row, FR_MODULUS)
            quotients = np.concatenate([quotients, srs.commit(divide_by_linear(polynomial, point))])
        _TABLES[srs.id, log_rows] = (basis, quotients)
    return basis[:rows], quotients[:rows]


def _basis_polynomial(log_rows: int, row: int) -> Words:
    """L_row: coefficients ω^(−row·j)/N."""
    n = 1 << log_rows
    step = pow(root_of_unity(log_rows), -row, FR_MODULUS)
    return FR.scale(FR.powers(step, n), pow(n, -1, FR_MODULUS))


def commit_rows(srs: Srs, log_rows: int, rows: Words, blinder: Words) -> Words:
    """Commit to Σ rows_v·L_v + blinder·Z_H.

    Args:
        rows: (k, 4), k ≤ FEW_ROWS; secret.
        blinder: (1, 4); secret.

    Returns:
        (1, 8) point.
    """
    basis, _ = row_table(srs, log_rows, len(rows))
    points = np.concatenate([basis, srs.vanishing(1 << log_rows)])
    return msm(points, np.concatenate([rows, blinder]))


def commit_row_quotient(srs: Srs, log_rows: int, rows: Words, blinder: Words, row: int) -> Words:
    """Commit to (s − S_row)/(X − ω^row) for s = Σ rows_v·L_v + blinder·Z_H; arguments as in `commit_rows`."""
    basis, quotients = row_table(srs, log_rows, len(rows))
    omega = root_of_unity(log_rows)
    here = pow(omega, row, FR_MODULUS)
    others = [v for v in range(len(rows)) if v != row]
    gaps = [pow(pow(omega, v, FR_MODULUS) - here, -1, FR_MODULUS) for v in others]
    scaled = FR.mul(rows[others], FR.from_integers(gaps)) if others else FR.zeros(0)
    ratios = [pow(omega, v - row, FR_MODULUS) for v in others]
    own = FR.scale(blinder, (1 << log_rows) * pow(here, -1, FR_MODULUS))
    if others:
        own = FR.sub(own, FR.inner(scaled, FR.from_integers(ratios)))
    points = np.concatenate([basis[others], quotients[row : row + 1], basis[row : row + 1]])
    return msm(points, np.concatenate([scaled, rows[row : row + 1], own]))
