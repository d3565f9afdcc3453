"""Which rows to compare: the public half of sorting and selecting by opened comparisons.

`rank_rows` asks an oracle "is row j below row i?" for many pairs at once and returns the rows in order, or only
the ranks that are wanted. Ties go to the lower row number, so the answers always fit one total order.

It is a quicksort with several pivots, all segments at once. A segment of m rows takes as pivots its first p rows, p the
largest 2^k - 1 at most √m, and compares them all with one another (at most m/2 questions, one round); the other rows
find their place among the pivots by k rounds of halving. Segments of up to five rows compare all their pairs.
About n·log2 n questions, 1.75 million in some 31 rounds for 10^5 rows (a plain quicksort: 2.3 million in 40).
For one wanted rank only the parts that contain it go on: about 2.5·n questions.

**Leakage.** Whoever sees the questions and answers learns how the rows lie to one another, and nothing else. If all
values differ and the rows stand in a uniform order that nobody knows, that is a uniform permutation: a simulator draws
one. (Ties would show: they always answer by row number.) Which questions are asked depends on earlier answers only.

Source: Hamada, Kikuchi, Ikarashi, Chida, Takahashi, "Practically Efficient Multi-party Sorting Protocols from
Comparison Sort Algorithms" (ICISC 2012), section 4 (shuffle, then open comparisons); Frazer, McKellar, "Samplesort"
(JACM 1970).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.errors import RingValueError
from mpc.kernels import halving

Rows = npt.NDArray[np.int64]
Below = Callable[[Rows, Rows], npt.NDArray[np.bool_]]
"""``below(j, i)``: for each pair of row numbers with i < j, whether row j is strictly below row i. One round."""

SMALL: Final = 5
"""Segments of up to so many rows compare all pairs."""
LAST_PAIRS: Final = 20_000
"""If all pairs of all segments are no more than these, they are compared at once: a round costs as much."""


@dataclass(slots=True)
class _Segments:
    """Disjoint sets of rows of which it is known that each lies wholly before the next.

    ``rows`` lists them segment after segment; segment s has ``sizes[s]`` rows from ``starts[s]`` on, and its lowest row
    has rank ``ranks[s]``.
    """

    rows: Rows
    sizes: Rows
    ranks: Rows

    @property
    def starts(self) -> Rows:
        return np.cumsum(self.sizes) - self.sizes


def rank_rows(n: int, below: Below, wanted: Rows | None = None) -> Rows:
    """Return which row has which rank, asking as few questions as it can.

    Args:
        n: number of rows, public.
        below: answers questions about pairs of different rows.
        wanted: the ranks to find, 0 for the lowest; all of them by default.

    Returns:
        Row numbers: element r is the row of rank r, or of rank ``wanted[r]``.

    Raises:
        RingValueError: a wanted rank outside [0, n).
    """
    if wanted is not None and len(wanted) and (wanted.min() < 0 or wanted.max() >= n):
        raise RingValueError(f"ranks lie in [0, {n})")
    ranked = np.full(n, -1, np.int64)
    needed = np.zeros(n + 1, np.int64)
    needed[1:] = np.cumsum(np.ones(n, np.int64) if wanted is None else np.bincount(wanted, minlength=n) > 0)
    segments = _Segments(np.arange(n), np.array([n]), np.array([0]))
    while len(segments.rows):
        segments = _only_needed(segments, needed)
        alone = segments.sizes == 1
        ranked[segments.ranks[alone]] = segments.rows[segments.starts[alone]]
        segments = _kept(segments, ~alone)
        if len(segments.rows):
            segments = _divide(segments, below, ranked, needed)
    return ranked if wanted is None else ranked[wanted]


def pivots_of(sizes: Rows) -> Rows:
    """Return how many pivots segments of these sizes take: all rows of small ones, else 2^k - 1."""
    if (sizes * (sizes - 1) // 2).sum() <= LAST_PAIRS:
        return sizes
    exponents = np.maximum(np.floor(np.log2(np.sqrt(sizes) + 1 + 1e-9)), 1).astype(np.int64)
    return np.where(sizes <= SMALL, sizes, (np.int64(1) << exponents) - 1)


def _divide(segments: _Segments, below: Below, ranked: Rows, needed: Rows) -> _Segments:
    """Place the pivots of every segment and return what lies between them."""
    pivots = pivots_of(segments.sizes)
    first = np.cumsum(pivots) - pivots
    ordered = _order_pivots(segments, pivots, first, below)
    # Slot s stands below the s-th pivot of its segment, the last slot above all of them.
    slots_before = first + np.arange(len(pivots))
    total = int(pivots.sum()) + len(pivots)
    owner = np.repeat(np.arange(len(pivots)), segments.sizes)
    place = np.arange(len(segments.rows)) - segments.starts[owner]
    inside = place >= pivots[owner]
    rows, owner = segments.rows[inside], owner[inside]
    slot = _find_slots(rows, owner, segments, pivots, first, ordered, slots_before, total, below, needed)
    counts = np.bincount(slot, minlength=total)
    slot_owner = np.repeat(np.arange(len(pivots)), pivots + 1)
    in_segment = np.arange(total) - slots_before[slot_owner]
    filled = np.cumsum(counts) - counts
    ranks = segments.ranks[slot_owner] + filled - filled[slots_before][slot_owner] + in_segment
    has_pivot = in_segment < pivots[slot_owner]
    ranked[(ranks + counts)[has_pivot]] = ordered
    grouped = np.empty_like(rows)
    halving.distribute(rows, slot, filled.copy(), grouped)
    return _Segments(grouped, counts, ranks)


def _order_pivots(segments: _Segments, pivots: Rows, first: Rows, below: Below) -> Rows:
    """Compare all pairs of pivots within each segment; return the pivots in order, segment after segment. One round."""
    starts = segments.starts
    groups = []
    for width in np.unique(pivots[pivots > 1]):
        chosen = np.flatnonzero(pivots == width)
        members = segments.rows[starts[chosen][:, None] + np.arange(width)]
        lower, upper = np.triu_indices(width, 1)
        groups.append((chosen, members, lower, upper))
    lefts = [members[:, lower].ravel() for _, members, lower, _ in groups]
    rights = [members[:, upper].ravel() for _, members, _, upper in groups]
    ordered = np.empty(int(pivots.sum()), np.int64)
    single = pivots == 1
    ordered[first[single]] = segments.rows[starts[single]]
    if not groups:
        return ordered
    left, right = np.concatenate(lefts), np.concatenate(rights)
    swapped = right < left
    answers = below(np.maximum(left, right), np.minimum(left, right)) ^ swapped
    position = 0
    for chosen, members, lower, upper in groups:
        n_pairs, width = len(chosen) * len(lower), members.shape[1]
        right_is_below = answers[position : position + n_pairs].reshape(len(chosen), -1)
        position += n_pairs
        losses = np.zeros((width, width, len(chosen)), np.int64)
        losses[lower, upper] = right_is_below.T
        losses[upper, lower] = ~right_is_below.T
        rank = losses.sum(axis=1).T  # how many of the others lie below
        ordered[first[chosen][:, None] + rank] = members
    return ordered


def _find_slots(
    rows: Rows,
    owner: Rows,
    segments: _Segments,
    pivots: Rows,
    first: Rows,
    ordered: Rows,
    slots_before: Rows,
    total: int,
    below: Below,
    needed: Rows,
) -> Rows:
    """Halve until every row knows between which pivots it lies; rows in parts without a wanted rank stop early."""
    low, high, own_first = np.zeros(len(rows), np.int64), pivots[owner], first[owner]
    active = np.flatnonzero(high > low)
    everything = needed[-1] == len(needed) - 1
    while len(active):
        later, earlier = np.empty_like(active), np.empty_like(active)
        halving.questions(active, rows, own_first, ordered, low, high, later, earlier)
        told = np.ascontiguousarray(below(later, earlier)).view(np.uint8)
        active = active[: halving.answers(active, rows, own_first, ordered, low, high, told)]
        if not everything and len(active):
            # A part counts its rows at its lowest slot, and its pivots are those between low and high.
            slot = slots_before[owner] + low
            counts = np.bincount(slot, minlength=total)
            filled = np.cumsum(counts) - counts
            from_rank = segments.ranks[owner] + filled[slot] - filled[slots_before[owner]] + low
            to_rank = from_rank + counts[slot] + high - low
            active = active[needed[to_rank[active]] > needed[from_rank[active]]]
    return slots_before[owner] + low


def _only_needed(segments: _Segments, needed: Rows) -> _Segments:
    return _kept(segments, needed[segments.ranks + segments.sizes] > needed[segments.ranks])


def _kept(segments: _Segments, keep: npt.NDArray[np.bool_]) -> _Segments:
    if keep.all():
        return segments
    return _Segments(segments.rows[np.repeat(keep, segments.sizes)], segments.sizes[keep], segments.ranks[keep])
