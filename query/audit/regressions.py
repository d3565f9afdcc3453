"""How large a group must be for the second moments let out about it: a regression needs residual degrees of freedom.

The moments of k numbers over n people are k + k·(k + 1)/2 sums. With n at most k + 1 or so they determine the people;
any linear model fitted from them has n − k residual degrees of freedom (k − 1 predictors, a constant, one outcome), of
which ten are demanded. What counts is the number of sums under one guard, whatever the statistics are called.
"""

from __future__ import annotations

from collections import Counter
from math import isqrt
from typing import Final

from zk.relation import Relation

RESIDUAL_DEGREES: Final = 10
SMALLEST_MODEL: Final = 3  # two predictors and an outcome; means, variances and correlations keep the minimum group


def smallest_group(relation: Relation, minimum: int) -> int:
    """The smallest count a guard of a relation may have: the minimum group or, with the moments of three or more
    numbers under one guard, ten more than there are numbers."""
    guarded = Counter(guard for number, guard in enumerate(relation.guards) if number != guard)
    numbers = max((_numbers(count) for count in guarded.values()), default=0)
    return max(minimum, numbers + RESIDUAL_DEGREES) if numbers >= SMALLEST_MODEL else minimum


def _numbers(sums: int) -> int:
    """The largest k with k·(k + 3)/2 sums or fewer."""
    return (isqrt(9 + 8 * sums) - 3) // 2
