"""Sorting and selecting shared rows: shuffle them, then open how they compare.

`sort_rows` returns all rows in order, `select_ranks` those of given ranks (minimum, maximum, median, quantiles, the k
largest), with every column moved alike. What becomes public is how the rows compare *after* a shuffle whose order
nobody knows: a uniform permutation, whatever the values (`mpc.ranking`). Neither the values nor which row of the input
stands where is opened.

Equal keys would show: among the shuffled rows "not less, either way" tells that two are equal. So keys are made
different before the shuffle: key·2^k + row number, k = ceil(log2 n). That is what is compared, bits + k <= 63.

Costs for n rows: one shuffle of the columns and one more, and about n·log2 n comparisons of bits + k bits, or 2.5·n
for a few ranks; rounds are those of the shuffle and 20 to 40 times those of a comparison. docs/mpc-sharing.md has
figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.checked_shuffle import apply_checked
from mpc.computation import Computation
from mpc.errors import RingValueError
from mpc.kernels.halving import difference_of_rows
from mpc.kernels.memory import Words, fresh, taken
from mpc.ordering import sign_of
from mpc.ranking import Rows, rank_rows
from mpc.shares import ReplicatedShare
from mpc.shuffle import Shuffle

MAX_SORT_BITS: Final = 63


def sort_rows(
    computation: Computation, columns: Sequence[ReplicatedShare], bits: int, *, key: int = 0
) -> list[ReplicatedShare]:
    """Return shared rows in ascending order of one column; rows with equal keys keep their order.

    Args:
        computation: of all three parties.
        columns: at least one shared vector of n integers over Z_2^64, secret.
        bits: public width of the keys: all lie in [c, c + 2^bits) for one c, as in `mpc.ordering.less_than`. At least
            1; with ceil(log2 n) at most 63.
        key: public, which column is compared.

    Raises:
        RingValueError: no such column or width, or columns of different lengths.
        ShareMismatchError, ProductCheckError, ShuffleCheckError, ChannelError: somebody lied or is gone; what was
            opened until then is how some rows compared after the shuffle.

    Timing: on n, the number of columns and the opened comparisons.
    """
    return _ranked(computation, columns, None, bits, key)


def select_ranks(
    computation: Computation,
    columns: Sequence[ReplicatedShare],
    ranks: Sequence[int],
    bits: int,
    *,
    key: int = 0,
) -> list[ReplicatedShare]:
    """Return the rows of given ranks by one column: element r of every result is of the row of rank ``ranks[r]``.

    Args:
        ranks: public, 0 for the smallest key, n - 1 for the largest; in any order.

    Other arguments, errors and timing are those of `sort_rows`.
    """
    return _ranked(computation, columns, np.asarray(ranks, np.int64).reshape(-1), bits, key)


def largest_rows(
    computation: Computation,
    columns: Sequence[ReplicatedShare],
    count: int,
    bits: int,
    *,
    key: int = 0,
) -> list[ReplicatedShare]:
    """Return the rows with the largest keys, the largest first; arguments as `sort_rows`.

    Raises:
        RingValueError: more rows than there are, or as `sort_rows`.
    """
    n = len(columns[0]) if columns else 0
    if not 0 <= count <= n:
        raise RingValueError(f"there are {n} rows, {count} were asked for")
    return select_ranks(computation, columns, range(n - 1, n - 1 - count, -1), bits, key=key)


def nearest_ranks(n: int, quantiles: Sequence[tuple[int, int]]) -> list[int]:
    """Return the rank, from 0, of each quantile p/q: of the smallest value that at least n·p/q values do not exceed.

    Args:
        n: how many values, public, at least 1.
        quantiles: numerators and denominators, 0 <= p <= q; 0 gives the minimum and 1 the maximum.

    Raises:
        RingValueError: no values, or no such quantile.
    """
    if n < 1 or any(not (0 <= p <= q and q > 0) for p, q in quantiles):
        raise RingValueError("quantiles are p/q with 0 <= p <= q, of at least one value")
    return [max(-(-n * p // q) - 1, 0) for p, q in quantiles]


def check_key_bits(bits: int, n: int) -> int:
    """Return how many bits make the keys of n rows different.

    Raises:
        RingValueError: keys of ``bits`` bits leave no room for them.
    """
    tie_bits = max(n - 1, 0).bit_length()
    if not 1 <= bits <= MAX_SORT_BITS - tie_bits:
        raise RingValueError(f"keys of {n} rows are 1 to {MAX_SORT_BITS - tie_bits} bits wide, got {bits}")
    return tie_bits


def _ranked(
    computation: Computation,
    columns: Sequence[ReplicatedShare],
    wanted: Rows | None,
    bits: int,
    key: int,
) -> list[ReplicatedShare]:
    if not 0 <= key < len(columns):
        raise RingValueError(f"no column {key} among {len(columns)}")
    n = len(columns[key])
    tie_bits = check_key_bits(bits, n)
    if wanted is not None and ((wanted < 0) | (wanted >= n)).any():
        raise RingValueError(f"ranks lie in [0, {n})")
    engine = computation.words
    distinct = engine.add_public(engine.scale_public(columns[key], 1 << tie_bits), np.arange(n, dtype=np.uint64))
    shuffle = Shuffle(engine, n, computation.label("shuffle"))
    moved, label = [*columns, distinct], computation.label("rows")
    if computation.trusting:
        *shuffled, keys = shuffle.apply(engine, moved, label)
    else:
        *shuffled, keys = apply_checked(engine, shuffle, moved, label)

    def below(rows: Rows, others: Rows) -> npt.NDArray[np.bool_]:
        plane = sign_of(computation, _differences(keys, rows, others), bits + tie_bits + 1)
        return open_flags(computation, plane, len(rows))

    order = rank_rows(n, below, wanted)
    return [rows_of(column, order) for column in shuffled]


def rows_of(x: ReplicatedShare, rows: Rows) -> ReplicatedShare:
    """Return the share of given rows, public positions."""
    return ReplicatedShare(x.party, taken(x.first, rows), taken(x.second, rows))


def _differences(x: ReplicatedShare, minuend: Rows, subtrahend: Rows) -> ReplicatedShare:
    components = []
    for component in (x.first, x.second):
        out = fresh(len(minuend))
        difference_of_rows(np.ascontiguousarray(component), minuend, subtrahend, out)
        components.append(out)
    return ReplicatedShare(x.party, *components)


def open_flags(computation: Computation, plane: ReplicatedShare, n: int) -> npt.NDArray[np.bool_]:
    """Open the n lanes of a plane of shared bits, after the products behind it were checked. One round."""
    if n == 0:
        return np.zeros(0, np.bool_)
    computation.verify()
    opened: Words = computation.bits.open(plane, computation.label("flags"))
    return np.unpackbits(opened.astype("<u8", copy=False).view(np.uint8), count=n, bitorder="little").view(np.bool_)
