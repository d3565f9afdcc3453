"""Commitments to polynomials with few non-zero rows, such as s, from commitments of the Lagrange basis.

For a reference string and N, [L_v]_1 and [D_v]_1 with D_v = (L_v − 1)/(X − ω^v) are computed when row v is first needed
(two multi-scalar multiplications over N points) and kept. With them, for s = Σ S_w·L_w + b·Z_H,

    [s] = Σ S_w·[L_w] + b·[Z_H]
    [(s − S_v)/(X − ω^v)] = Σ_{w≠v} S_w/(ω^w − ω^v)·([L_w] − ω^(w−v)·[L_v]) + S_v·[D_v] + b·N·ω^(−v)·[L_v]

are sums of a few points instead of N. Public tables; the scalars may be secret, timing as in `zk.msm`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

import numpy as np

from zk.errors import SizeMismatchError
from zk.field import FR, FR_MODULUS, Words
from zk.msm import msm
from zk.ntt import root_of_unity
from zk.polynomial import blind, divide_by_linear, resize
from zk.srs import Srs

FEW_ROWS: Final = 16
"""Up to as many rows the table is worth its price: a joint proof commits to s or its quotients about ten times."""
MOST_ROWS: Final = 128
TABLE_WORK: Final = MOST_ROWS << 14
"""Up to as many rows times N more rows are served. A row costs two multi-scalar multiplications once, and without the
table one in every joint proof that releases it: the second proof has them back, and the first waits a second or two."""

_LOCK = threading.Lock()
_TABLES: dict[tuple[bytes, int], tuple[Words, Words]] = {}


def serves(log_rows: int, rows: int) -> bool:
    """Whether commitments to so many rows come from the table."""
    return 0 <= rows <= min(max(FEW_ROWS, min(MOST_ROWS, TABLE_WORK >> log_rows)), 1 << log_rows)


def row_table(srs: Srs, log_rows: int, rows: int) -> tuple[Words, Words]:
    """Return [L_v] and [D_v] for v < rows, (rows, 8) each; computed once for each reference string and N.

    Raises:
        SizeMismatchError: rows that are not served, or a reference string that is too small.
    """
    if not serves(log_rows, rows) or log_rows > srs.log_rows:
        raise SizeMismatchError(
            f"the table does not serve {rows} rows of 2^{log_rows}, or the string ends at 2^{srs.log_rows}"
        )
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
    """Commit to s = Σ rows_v·L_v + blinder·Z_H.

    Args:
        rows: (k, 4), k ≤ N; secret.
        blinder: (1, 4); secret.

    Returns:
        (1, 8) point.
    """
    if not serves(log_rows, len(rows)):
        return srs.commit(blind(resize(rows, 1 << log_rows), blinder))
    basis, _ = row_table(srs, log_rows, len(rows))
    points = np.concatenate([basis, srs.vanishing(1 << log_rows)])
    return msm(points, np.concatenate([rows, blinder]))


def commit_row_quotients(srs: Srs, log_rows: int, rows: Words, polynomial: Words, weights: Mapping[int, int]) -> Words:
    """Commit to Σ weight_v·(s − S_v)/(X − ω^v) over some rows v.

    Args:
        rows: (k, 4) rows of s, k ≤ N; secret.
        polynomial: (N + 1, 4) coefficients of s; secret.
        weights: public, by row; rows < k, at least one.

    Returns:
        (1, 8) point.
    """
    omega, n = root_of_unity(log_rows), 1 << log_rows
    if not serves(log_rows, len(rows)):
        total = FR.zeros(n)
        for row, weight in weights.items():
            total = FR.add_scaled(total, divide_by_linear(polynomial, pow(omega, row, FR_MODULUS)), weight)
        return srs.commit(total)
    basis, quotients = row_table(srs, log_rows, len(rows))
    places, scalars = FR.powers(omega, len(rows)), FR.zeros(len(rows))
    for row, weight in weights.items():
        back = pow(omega, -row, FR_MODULUS)
        own = FR.scale(polynomial[n:], weight * n * back)
        others = [v for v in range(len(rows)) if v != row]
        if others:
            gaps = FR.inverse(FR.sub(places[others], places[row : row + 1]))
            scaled = FR.scale(FR.mul(rows[others], gaps), weight)
            scalars[others] = FR.add(scalars[others], scaled)
            own = FR.sub(own, FR.scale(FR.inner(scaled, places[others]), back))
        scalars[row : row + 1] = FR.add(scalars[row : row + 1], own)
    chosen = list(weights)
    weighted = FR.mul(rows[chosen], FR.from_integers([weights[row] for row in chosen]))
    return msm(np.concatenate([basis, quotients[chosen]]), np.concatenate([scalars, weighted]))
