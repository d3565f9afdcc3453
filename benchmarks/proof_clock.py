"""Seconds by stage: watches a contributor's steps from outside, so that what is measured is the prover as it is."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.peers.worker import Cost

STAGES: Final = {
    "columns": ("sum_parts", "accept_sums", "publish_sums", "own_uploads", "mixed_part", "accept_upload"),
    "round1": ("commit_round1",),
    "round2": ("absorb_round1", "commit_round2", "absorb_round2"),
    "bound uploads": ("commit_share_combination", "commit_shares", "commit_sums"),
    "accumulator": ("commit_accumulator", "absorb_accumulator"),
    "quotient": ("commit_quotient", "absorb_quotient"),
    "evaluations": (
        *("own_values", "share_values", "absorb_values", "values_opening", "verify_values_opening"),
        *("prove_alone", "skip_values_opening", "remainder_part", "shifted_part", "absorb_shifted"),
    ),
    "opening": ("opening_part", "absorb_opening"),
    "final": ("final_part", "finish"),
    "released rows": ("row_opening_parts",),
}
"""The steps of `zk.prover.Contributor` by stage; the columns of round 2 are computed when round 1 is absorbed."""

_STAGE_OF: Final = {step: stage for stage, steps in STAGES.items() for step in steps}


class Clock:
    """What each stage has cost so far."""

    def __init__(self) -> None:
        self.stages: defaultdict[str, Cost] = defaultdict(Cost)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add what the block costs to a stage."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.stages[stage] += Cost(time.perf_counter() - wall, time.process_time() - cpu)

    @property
    def total(self) -> Cost:
        """All stages together."""
        return sum(self.stages.values(), Cost())

    def seconds(self) -> Mapping[str, float]:
        """Processor seconds of each stage."""
        return {stage: cost.cpu_s for stage, cost in self.stages.items()}


class Watched:
    """A contributor whose steps run on a clock."""

    def __init__(self, contributor: Any, clock: Clock) -> None:
        self._contributor, self._clock = contributor, clock

    def __getattr__(self, name: str) -> Any:
        attribute, stage = getattr(self._contributor, name), _STAGE_OF.get(name)
        if stage is None:
            return attribute

        @functools.wraps(attribute)
        def step(*arguments: Any) -> Any:
            with self._clock.measure(stage):
                return attribute(*arguments)

        return step
