"""The alignment among the MPC workloads, at one party: identifiers as text in, every owner's row numbers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.mpc_data import Vector, Workload, identifier_texts
from mpc.align import Alignment, AlignmentPlan, align
from mpc.channel import Channel
from mpc.computation import Computation
from services.identifiers import identifier_column
from services.tag_group import CURVE_TAGS
from zk.field import FR

OWNERS = (0, 1)
REVEAL_TIMEOUT_S = 60.0


def plan_of(work: Workload) -> AlignmentPlan:
    """Return the plan of a workload: two owners that are parties, as many rows as the next power of two."""
    counts = (work.n, work.n)
    least = AlignmentPlan(counts, OWNERS, 1 << 24)
    rows = 1 << (least.entries - 1).bit_length()
    return AlignmentPlan(counts, OWNERS, rows, least.dummies, work.security)  # type: ignore[arg-type]


def prepare_alignment(
    computation: Computation, channel: Channel, work: Workload
) -> tuple[Callable[[], Alignment], Callable[[Any], Vector]]:
    """Return one repetition, and what shows the owners' rows to all and counts them: shared ones, distinct ones."""
    party, plan, lists = computation.party, plan_of(work), work.inputs()
    texts = identifier_texts(lists[party]) if party in OWNERS else []

    def run() -> Alignment:
        label, engine = computation.label("align"), computation.words.over(FR)
        own = FR.decode_bytes(b"".join(identifier_column(texts, "refuse"))) if party in OWNERS else None
        entered = [
            engine.share_input(owner, own if owner == party else None, f"{label}/{owner}", work.n) for owner in OWNERS
        ]
        return align(engine, CURVE_TAGS, plan, entered, label)

    def counted(found: Alignment) -> Vector:
        own = b"" if found.own is None else found.own.tobytes()
        shown = {party: own, **channel.exchange(computation.label("rows"), own, REVEAL_TIMEOUT_S)}
        left, right = (np.frombuffer(shown[owner], np.int64) for owner in OWNERS)
        return count_rows(lists, left, right)

    return run, counted


def count_rows(lists: tuple[Vector, Vector], left: Vector, right: Vector) -> Vector:
    """Return how many persons of both lists have one row in both, and how many rows there are in all.

    Only the right rows give half and three halves of n: a missed person lowers the first number and raises the second,
    two persons on one row lower the second.
    """
    _, in_left, in_right = np.intersect1d(*lists, return_indices=True)
    return np.array([(left[in_left] == right[in_right]).sum(), len(np.union1d(left, right))], np.int64)
