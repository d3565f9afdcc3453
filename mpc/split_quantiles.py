"""Quantiles of values that lie with several owners, by halving the range of values; nobody shares a row.

For a threshold v every owner counts its own values up to v and shares the count. The parties open one bit, whether the
counts together reach the wanted rank, and halve the range. After ``bits`` steps the range is one value. What is opened
is a function of the result alone: the bits of the path to it. The number of values stays hidden, too, and so do the
owners' numbers of values.

The quantile p/q is the smallest value v with q·(values up to v) >= p·(all values): the minimum for a small p > 0, the
maximum for p = q. An ``excess`` turns rank ceil(N·p/q) into the one above: (1, 2) with excess 1 is the upper median.

Costs: ``bits`` steps of one shared count per owner and quantile, and a comparison of them; whatever the number of
rows. All quantiles are searched at once.

An owner could change its values from step to step. In malicious mode its counts are compared with its earlier ones:
they must grow with the threshold and lie between 0 and its number of values, so that they are the counts of *some*
values. That those are its true ones nobody can check.

Source: Aggarwal, Mishra, Pinkas, "Secure Computation of the kth-Ranked Element" (EUROCRYPT 2004), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.computation import Computation
from mpc.errors import InconsistentInputError, RingValueError
from mpc.ordering import less_than
from mpc.shares import PARTIES, ReplicatedShare, concatenate_shares
from mpc.sorting import open_flags

MAX_VALUE_BITS: Final = 62
COUNT_BITS: Final = 40
"""No owner has more than 2^40 values."""
MAX_DENOMINATOR: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Quantile:
    """A wanted quantile p/q, public.

    Args:
        numerator: 0 <= p <= q.
        denominator: at least 1.
        excess: added to p·(all values); 0 or 1.

    Raises:
        RingValueError: no such quantile.
    """

    numerator: int
    denominator: int
    excess: int = 0

    def __post_init__(self) -> None:
        p, q = self.numerator, self.denominator
        if not (0 <= p <= q <= MAX_DENOMINATOR and q >= 1 and self.excess in (0, 1)):
            raise RingValueError(f"a quantile is p/q with 0 <= p <= q <= {MAX_DENOMINATOR}, excess 0 or 1")


LOWER_MEDIAN: Final = Quantile(1, 2)
UPPER_MEDIAN: Final = Quantile(1, 2, 1)


def split_quantiles(
    computation: Computation, values: npt.NDArray[np.int64], quantiles: Sequence[Quantile], low: int, bits: int
) -> list[int]:
    """Return quantiles of the values of all three parties together, public.

    Args:
        computation: of all three parties.
        values: this party's own values, secret, in any number, each in [low, low + 2^bits).
        quantiles: public, the same at all parties.
        low: public, the least possible value.
        bits: public width of the range, 1 to 62.

    Returns:
        One value for each quantile. Without a single value at any party it is the largest of the range.

    Raises:
        RingValueError: a value outside the range, or a range that does not fit 64-bit integers.
        InconsistentInputError: in malicious mode, an owner's counts are those of no values.
        ShareMismatchError, ProductCheckError, ChannelError: somebody lied or is gone.

    Timing: local counting depends on the own values through a sort; messages do not.
    """
    if not 1 <= bits <= MAX_VALUE_BITS or not -(1 << 63) <= low < (1 << 63) - (1 << bits):
        raise RingValueError(f"a range has 1 to {MAX_VALUE_BITS} bits within 64-bit integers, got {bits} from {low}")
    own = np.sort(np.asarray(values, np.int64))
    if len(own) and (int(own[0]) < low or int(own[-1]) >= low + (1 << bits)):
        raise RingValueError("a value lies outside the stated range")
    if len(own) >= 1 << COUNT_BITS:
        raise RingValueError(f"an owner has fewer than 2^{COUNT_BITS} values")
    if not quantiles:
        return []
    return _Search(computation, own, quantiles, low, bits).run()


class _Search:
    """The state of one search: per quantile the range left, and per owner the counts at its ends."""

    def __init__(
        self,
        computation: Computation,
        own: npt.NDArray[np.int64],
        quantiles: Sequence[Quantile],
        low: int,
        bits: int,
    ) -> None:
        self._computation, self._own, self._bits = computation, own, bits
        self._low = np.full(len(quantiles), low, np.int64)
        self._p = np.array([quantile.numerator for quantile in quantiles], np.uint64)
        self._q = np.array([quantile.denominator for quantile in quantiles], np.uint64)
        self._excess = np.array([quantile.excess for quantile in quantiles], np.uint64)

    def run(self) -> list[int]:
        words, k = self._computation.words, len(self._low)
        everything = self._shared_counts(np.full(k, len(self._own)))
        nothing = [words.constant(words.ring.zeros(k)) for _ in range(PARTIES)]
        self._expect_ascending([(nothing[owner], everything[owner]) for owner in range(PARTIES)])
        target = words.add_public(words.mul_public(self._together(everything), self._p), self._excess)
        below, above = nothing, everything
        for step in range(self._bits - 1, -1, -1):
            middle = self._low + ((1 << step) - 1)
            counts = self._shared_counts(np.searchsorted(self._own, middle, side="right"))
            self._expect_ascending(
                [(below[owner], counts[owner]) for owner in range(PARTIES)]
                + [(counts[owner], above[owner]) for owner in range(PARTIES)]
            )
            reached = words.mul_public(self._together(counts), self._q)
            short = self._open_less(reached, target)
            self._low[short] += 1 << step
            below = [self._chosen(short, counts[owner], below[owner]) for owner in range(PARTIES)]
            above = [self._chosen(short, above[owner], counts[owner]) for owner in range(PARTIES)]
        return [int(value) for value in self._low]

    def _shared_counts(self, own_counts: npt.NDArray[np.int64]) -> list[ReplicatedShare]:
        """Every owner's counts, shared. One message from each."""
        computation, words = self._computation, self._computation.words
        label, n = computation.label("counts"), len(own_counts)
        mine = words.share_input(
            computation.party, words.ring.from_integers(own_counts.tolist()), f"{label}/{computation.party}", n
        )
        return [
            mine if owner == computation.party else words.share_input(owner, None, f"{label}/{owner}", n)
            for owner in range(PARTIES)
        ]

    def _together(self, counts: Sequence[ReplicatedShare]) -> ReplicatedShare:
        total = counts[0]
        for other in counts[1:]:
            total = self._computation.words.add(total, other)
        return total

    def _open_less(self, a: ReplicatedShare, b: ReplicatedShare) -> npt.NDArray[np.bool_]:
        """Whether a < b for numbers of up to 60 bits; public."""
        computation = self._computation
        return open_flags(computation, less_than(computation, a, b, MAX_VALUE_BITS), len(a))

    def _expect_ascending(self, pairs: Sequence[tuple[ReplicatedShare, ReplicatedShare]]) -> None:
        """In malicious mode, abort unless the first of every pair is at most the second."""
        if self._computation.trusting:
            return
        lower = concatenate_shares([pair[0] for pair in pairs])
        upper = concatenate_shares([pair[1] for pair in pairs])
        if self._open_less(upper, lower).any():
            raise InconsistentInputError("an owner's counts are those of no values; nothing was opened")

    def _chosen(self, flags: npt.NDArray[np.bool_], a: ReplicatedShare, b: ReplicatedShare) -> ReplicatedShare:
        """a where the public flag is set, b elsewhere."""
        return ReplicatedShare(a.party, np.where(flags, a.first, b.first), np.where(flags, a.second, b.second))
