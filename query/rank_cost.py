"""What the parties' computation of order statistics costs, roughly: as measured, for EXPLAIN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from query.ranks import RankPlan

WORD_BYTES: Final = 85  # a word of 64 products of bits, with its check
STEP_BYTES: Final = 75_000  # what the end of a count, and a comparison, take for each bit and rank
WORD_S: Final = 2e-6
ROUND_S: Final = 1.3e-3  # three processes of one machine; add the network's round trip


@dataclass(frozen=True, slots=True)
class RankCost:
    """Each party's part: bytes sent, messages waited for, and seconds on one machine."""

    bytes_sent: int
    rounds: int
    seconds: float


def rank_cost(plan: RankPlan) -> RankCost:
    """The cost of a question's order statistics (docs/mpc-sharing.md)."""
    rows, total, words, rounds, steps = 1 << plan.log_rows, 0, 0, 0, 0
    for number, column in enumerate(plan.columns):
        ranks = sum(len(output.ranks) for output in plan.outputs if output.column == number)
        n = rows * len(column.segments)
        words += 3 * column.bits * ranks * -(-n // 64)
        steps += column.bits * ranks
        rounds += column.bits * (5 + 2 * n.bit_length())
        total += n * column.bits // 8
    return RankCost(total + WORD_BYTES * words + STEP_BYTES * steps, rounds, WORD_S * words + ROUND_S * rounds)
