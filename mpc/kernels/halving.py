"""Rows find their place among ordered pivots by halving: which pairs to compare, and what the answers mean.

All numbers are public. The parts of a row k: it lies among the pivots ``ordered[first[k]] ...``, above the ``low[k]``
lowest of them and not above number ``high[k]``; it is done when both are equal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.kernels import kernel
from mpc.kernels.memory import Words

Rows = NDArray[np.int64]


@kernel(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])",
)
def questions(
    active: Rows, rows: Rows, first: Rows, ordered: Rows, low: Rows, high: Rows, later: Rows, earlier: Rows
) -> None:
    """For each active row and its middle pivot: the higher row number into ``later``, the lower into ``earlier``."""
    for a in range(active.size):
        k = active[a]
        row, pivot = rows[k], ordered[first[k] + (low[k] + high[k]) // 2]
        later[a], earlier[a] = max(row, pivot), min(row, pivot)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], uint8[::1])")
def answers(
    active: Rows, rows: Rows, first: Rows, ordered: Rows, low: Rows, high: Rows, later_is_below: NDArray[np.uint8]
) -> int:
    """Narrow low and high by the answers; leave in front of ``active`` the rows not done and return how many."""
    kept = 0
    for a in range(active.size):
        k = active[a]
        lowest, highest = low[k], high[k]
        middle = (lowest + highest) // 2
        below = (later_is_below[a] != 0) == (rows[k] > ordered[first[k] + middle])
        # Selections instead of branches: the answers of a shuffled vector cannot be predicted.
        lowest, highest = (lowest if below else middle + 1), (middle if below else highest)
        low[k], high[k] = lowest, highest
        active[kept] = k
        kept += 1 if lowest < highest else 0
    return kept


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1])")
def distribute(rows: Rows, slot: Rows, position: Rows, out: Rows) -> None:
    """Put every row where the next of its slot goes; ``position[s]`` starts as the place of the first of slot s."""
    for k in range(rows.size):
        s = slot[k]
        out[position[s]] = rows[k]
        position[s] += 1


@kernel("void(uint64[::1], int64[::1], int64[::1], uint64[::1])")
def difference_of_rows(x: Words, minuend: Rows, subtrahend: Rows, out: Words) -> None:
    """x[minuend] − x[subtrahend], elementwise, modulo 2^64."""
    for k in range(out.size):
        out[k] = x[minuend[k]] - x[subtrahend[k]]
