"""Quantiles of a secret part of shared rows, given out only if that part is large enough.

Who belongs to the group is a shared truth value, e.g. the product of several owners' filters. First one bit is
opened, whether the group is smaller than the minimum; if it is, nothing else ever is. Then its size is opened (it is
the count that guards every released statistic), rows outside it get a key above all others, and the rows of the
wanted ranks are found as in `mpc.sorting`. The quantiles stay shared: the caller decides who may open them.

The least and the largest value of a group are values of single persons, and so is every quantile: whether to give
them out at all is for a policy to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpc.computation import Computation
from mpc.errors import GroupTooSmallError, RingValueError
from mpc.sorting import check_key_bits, nearest_ranks, select_ranks
from mpc.vectors import SharedFlags, SharedVector


def group_quantiles(
    computation: Computation,
    values: SharedVector,
    members: SharedFlags,
    quantiles: Sequence[tuple[int, int]],
    minimum: int,
) -> tuple[int, SharedVector]:
    """Return the size of a group of rows, public, and shares of quantiles of its values.

    Args:
        computation: of all three parties; malicious wherever parties have reason to lie.
        values: n shared integers with public bounds, secret.
        members: n shared truth values: which rows belong to the group, secret.
        quantiles: numerators and denominators as in `mpc.sorting.nearest_ranks`: (0, 1) the minimum, (1, 2) the lower
            median, (1, 1) the maximum.
        minimum: public, least size of a group of which anything is released; at least 1.

    Raises:
        GroupTooSmallError: the group is smaller; only that became public.
        RingValueError: values without bounds or with bounds too wide to sort, another length, or no such quantile.
        ShareMismatchError, ProductCheckError, ShuffleCheckError, ChannelError: somebody lied or is gone.
    """
    n = len(values)
    if len(members) != n:
        raise RingValueError(f"{n} values and {len(members)} members")
    if values.bounds is None:
        raise RingValueError("quantiles need values with public bounds")
    if minimum < 1:
        raise RingValueError(f"a minimum group has at least 1 row, got {minimum}")
    low, high = values.bounds
    bits = (high + 1 - low).bit_length()
    check_key_bits(bits, n)
    nearest_ranks(1, quantiles)  # refuse before anything is opened
    size = members.to_integers().sum()
    if n < minimum or (size < minimum).open_flags()[0]:
        raise GroupTooSmallError(minimum)
    count = size.open_integers()[0]
    above = values * 0 + (high + 1)
    keys = members.select(values, above)
    chosen = select_ranks(computation, [keys.share], nearest_ranks(count, quantiles), bits)[0]
    return count, SharedVector(computation, chosen, values.bounds)
