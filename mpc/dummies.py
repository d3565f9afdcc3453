"""Dummies: persons who do not exist, entered by the parties to make what an alignment shows of multiplicities noisy.

The parties see how many persons are in exactly c of m sets. From that a party that knows nearly everything else learns
whether one person is in another owner's set (the union-size oracle). So each party enters dummies of every multiplicity
2..m, as many as it draws, and fills up with single ones to a fixed number of slots. Nobody knows a dummy's identifier,
not even who entered it: it is a number of the party's choice plus a shared random shift. Thus a dummy is never a real
person's, whatever a party enters, and cannot mark a target.

One honest party's noise makes the counts (ε, δ)-differentially private for one person exchanged for another in one
owner's set: numbers are drawn from a discrete Laplace distribution cut off at ±b (ε by its scale, δ by the cut),
plus b. The sensitivity of the counts of multiplicities 2..m is 1 for m = 2 and at most 4 beyond (sizes of the sets are
public, so the number of single ones is determined by the others).

Source: Dwork, McSherry, Nissim, Smith (TCC 2006); Ghosh, Roughgarden, Sundararajan (STOC 2009) for the discrete form.
"""

from __future__ import annotations

import math
import secrets
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Final

from mpc.errors import RingValueError

DRAW_BITS: Final = 128


@dataclass(frozen=True, slots=True)
class DummyPlan:
    """How much noise each party adds. Public.

    Args:
        epsilon: of the privacy of the counts of multiplicities, per party; more is less noise. 0.01 to 20.
        delta: probability mass that the cut leaves out, 2^-64 to 0.01.

    Raises:
        RingValueError: out of range.
    """

    epsilon: float = 0.5
    delta: float = 2.0**-20

    def __post_init__(self) -> None:
        if not (0.01 <= self.epsilon <= 20 and 2.0**-64 <= self.delta <= 0.01):
            raise RingValueError("epsilon lies in [0.01, 20] and delta in [2^-64, 0.01]")

    def bound(self, owners: int) -> int:
        """b: the largest deviation drawn."""
        return math.ceil(_sensitivity(owners) / self.epsilon * math.log(1 / self.delta))

    def slots(self, owners: int) -> int:
        """Dummies each party enters, fixed and public."""
        bound = self.bound(owners)
        return sum(2 * bound * multiplicity for multiplicity in range(2, owners + 1))

    def draw(self, owners: int) -> list[int]:
        """Return one party's numbers for its slots, equal ones for one dummy. Secret, from the system's randomness."""
        bound, table = self.bound(owners), _cumulative(self.epsilon / _sensitivity(owners), self.bound(owners))
        numbers: list[int] = []
        fresh = 0
        for multiplicity in range(2, owners + 1):
            count = bisect_right(table, secrets.randbits(DRAW_BITS))  # deviation + bound, 0 .. 2·bound
            for _ in range(min(count, 2 * bound)):
                numbers += [fresh] * multiplicity
                fresh += 1
        single = self.slots(owners) - len(numbers)
        return numbers + list(range(fresh, fresh + single))


def _sensitivity(owners: int) -> int:
    if owners < 2:
        raise RingValueError(f"an alignment needs at least two owners, got {owners}")
    return 1 if owners == 2 else 4


@lru_cache(maxsize=64)
def _cumulative(rate: float, bound: int) -> tuple[int, ...]:
    """Cumulated weights exp(-rate·|d|), d = -bound .. bound, scaled to 2^128; the last is the whole."""
    with localcontext() as context:
        context.prec = 60
        weights = [(-Decimal(rate) * abs(d)).exp() for d in range(-bound, bound + 1)]
        total, running, table = sum(weights), Decimal(0), []
        for weight in weights:
            running += weight
            table.append(int(running / total * (1 << DRAW_BITS)))
    table[-1] = 1 << DRAW_BITS
    return tuple(table)
