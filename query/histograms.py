"""HISTOGRAM and QUANTILE_INTERVAL: counts per bin, and what they say of a quantile.

A quantile is no sum, and cannot be proved as such. The counts of bins are sums, so that they are proved; what they
leave open is in which place of a bin the quantile stands. The answer is therefore an interval, and is called one.

With n known values the p-quantile lies between those of rank ⌊p·(n − 1)⌋ + 1 and ⌈p·(n − 1)⌉ + 1 (that of
PERCENTILE_DISC is one of them, that of PERCENTILE_CONT between them). A closed bin has 0 to minimum group − 1 values;
every bin that could hold one of the ranks for some such number belongs to the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from query.errors import SumsInvalidError


@dataclass(frozen=True, slots=True)
class Bins:
    """Equal bins.

    Args:
        lo, hi: where the first begins and the last ends.
        count: how many there are.
        least, greatest: no value is outside these, by the schema.
        quantile: p, where a quantile is asked for instead of the counts.
    """

    lo: Fraction
    hi: Fraction
    count: int
    least: Fraction
    greatest: Fraction
    quantile: Fraction | None = None

    def edge(self, number: int) -> Fraction:
        """Where bin `number` begins, from 0; the last one ends at edge `count`."""
        return self.lo + (self.hi - self.lo) * number / self.count


@dataclass(frozen=True, slots=True)
class Interval:
    """INTERVAL: a value lies in [lo, hi]. Whether it is closed above does not matter to who reads it."""

    lo: Fraction
    hi: Fraction

    def as_json(self) -> dict[str, object]:
        """The bounds as text, exactly."""
        return {"interval": [str(self.lo), str(self.hi)]}

    def __str__(self) -> str:
        return f"interval [{float(self.lo):g}, {float(self.hi):g}]"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values per bin; None where the count is closed, which means 0 to `minimum_group` − 1.

    Args:
        bins: their edges.
        below: values below the first bin.
        counts: values in [edge k, edge k + 1).
        above: values from the last edge.
        nulls: rows without a value; 0 where there can be none.
        minimum_group: smallest count that is let out.
    """

    bins: Bins
    below: int | None
    counts: tuple[int | None, ...]
    above: int | None
    nulls: int | None
    minimum_group: int

    def quantile(self, p: Fraction) -> Interval | None:
        """The interval that the p-quantile lies in; None where no value is known to exist.

        Args:
            p: 0 to 1.

        Raises:
            SumsInvalidError: p is outside.
        """
        if not 0 <= p <= 1:
            raise SumsInvalidError("a quantile is of a number from 0 to 1")
        counts = [self.below, *self.counts, self.above]
        known = [0 if count is None else count for count in counts]
        slack = [self.minimum_group - 1 if count is None else 0 for count in counts]
        if not sum(known):
            return None
        found = [place for place in range(len(counts)) if _may_hold(p, known, slack, place)]
        return Interval(self._start(found[0]), self._end(found[-1])) if found else None

    def _start(self, place: int) -> Fraction:
        return self.bins.least if place == 0 else max(self.bins.edge(place - 1), self.bins.least)

    def _end(self, place: int) -> Fraction:
        last = place == len(self.counts) + 1
        return self.bins.greatest if last else min(self.bins.edge(place), self.bins.greatest)

    def as_json(self) -> dict[str, object]:
        """The fields as JSON has them."""
        edges = [str(self.bins.edge(number)) for number in range(self.bins.count + 1)]
        return {"edges": edges, "below": self.below, "counts": list(self.counts), "above": self.above,
                "nulls": self.nulls}

    def __str__(self) -> str:
        shown = ["closed" if count is None else str(count) for count in (self.below, *self.counts, self.above)]
        edges = [f"{float(self.bins.edge(number)):g}" for number in range(self.bins.count + 1)]
        parts = [f"below {edges[0]}: {shown[0]}"]
        parts += [f"[{edges[k]}, {edges[k + 1]}): {shown[k + 1]}" for k in range(self.bins.count)]
        parts += [f"from {edges[-1]}: {shown[-1]}", f"null: {'closed' if self.nulls is None else self.nulls}"]
        return "; ".join(parts)


def _may_hold(p: Fraction, known: Sequence[int], slack: Sequence[int], place: int) -> bool:
    """Whether a bin could hold one of the ranks, whatever the closed counts are (or more bins than that)."""
    before, here = sum(known[:place]), known[place] + slack[place]
    if not here:
        return False
    most = sum(known) + sum(slack[place:])  # of all values, with nothing closed before
    most_before = before + sum(slack[:place])
    least = sum(known) + sum(slack[:place]) + slack[place]  # with nothing closed behind
    return before < ceil(p * (most - 1)) + 1 and most_before + here >= floor(p * (least - 1)) + 1
