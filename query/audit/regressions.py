"""How large a group must be for the second moments let out about it: a regression needs residual degrees of freedom.

The moments of k numbers over n people are k + k·(k + 1)/2 sums. With n at most k + 1 or so they determine the people;
any linear model fitted from them has n − k residual degrees of freedom (k − 1 predictors, a constant, one outcome), of
which ten are demanded. What counts is the number of sums under one guard, whatever the statistics are called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from math import isqrt
from typing import Final

from zk.relation import Relation

RESIDUAL_DEGREES: Final = 10
SMALLEST_MODEL: Final = 3  # two predictors and an outcome; means, variances and correlations keep the minimum group


def smallest_groups(relation: Relation, minimum: int, closed: Set[int] = frozenset()) -> tuple[int, ...]:
    """The smallest count of every guard of a relation, in the order of their rows: the minimum group or, with the
    moments of three or more numbers under that guard, ten more than there are numbers.

    The people between two guards are known by what stands under both, so that a difference of two counts needs the
    smaller of their two numbers.

    Args:
        minimum: the minimum group.
        closed: numbers of sums that are never let out.
    """
    guarded = Counter(guard for number, guard in enumerate(relation.guards) if number != guard and number not in closed)
    return tuple(_smallest(guarded[guard], minimum) for guard in sorted(set(relation.guards)))


def _smallest(sums: int, minimum: int) -> int:
    numbers = _numbers(sums)
    return max(minimum, numbers + RESIDUAL_DEGREES) if numbers >= SMALLEST_MODEL else minimum


def _numbers(sums: int) -> int:
    """The largest k with k·(k + 3)/2 sums or fewer."""
    return (isqrt(9 + 8 * sums) - 3) // 2
