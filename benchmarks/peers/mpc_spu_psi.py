"""SPU's private set intersection RR22 between parties 0 and 1, both of whom learn who is in both lists.

Its interface takes and leaves files of comma-separated values; reading and writing them is part of what it costs.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from spu import psi

from benchmarks.mpc_data import SETTLE_S, WARM_UP_ROWS, Workload, describe_fault, identifier_texts

COLUMN = "id"


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what the library's tracer writes to stderr; faults are raised, not written."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Intersection:
    """One party of two, or a third that only waits.

    Args:
        rank: this party's number.
        link: between parties 0 and 1; None at the third.
    """

    def __init__(self, rank: int, link: Any) -> None:
        self._rank, self._link = rank, link

    def measure(self, work: Workload, runs: int, barrier: Callable[[], Any]) -> dict[str, Any]:
        """Intersect a small pair of lists to warm up, then the workload's, as `benchmarks.mpc_party` does."""
        with tempfile.TemporaryDirectory(prefix="tallystick-psi-") as folder:
            self._intersect(Path(folder), self._written(Path(folder), replace(work, n=min(work.n, WARM_UP_ROWS))))
            walls, processor, fault = [], [], ""
            for _ in range(runs):
                given = self._written(Path(folder), work)
                time.sleep(SETTLE_S)
                gc.collect()
                barrier()
                cpu, wall = time.process_time(), time.perf_counter()
                found = self._intersect(Path(folder), given)
                barrier()
                walls.append(time.perf_counter() - wall)
                processor.append(time.process_time() - cpu)
                fault = fault or self._fault(found, work)
        return {"wall_s": walls, "cpu_s": processor, "fault": fault}

    def _written(self, folder: Path, work: Workload) -> Path:
        path = folder / "given.csv"
        if self._link is not None:
            path.write_text("\n".join([COLUMN, *identifier_texts(work.inputs()[self._rank])]) + "\n")
        return path

    def _intersect(self, folder: Path, given: Path) -> Path:
        found = folder / "found.csv"
        if self._link is not None:
            protocol = psi.PsiProtocolConfig(
                protocol=psi.PsiProtocol.PROTOCOL_RR22, receiver_rank=0, broadcast_result=True
            )
            entered = psi.InputParams(path=os.fspath(given), selected_keys=[COLUMN], keys_unique=True)
            left = psi.OutputParams(path=os.fspath(found), disable_alignment=True)
            with _quiet():
                psi.psi_execute(psi.PsiExecuteConfig(protocol, entered, left), self._link)
        return found

    def _fault(self, path: Path, work: Workload) -> str:
        if self._link is None:
            return ""
        found = {line.strip('"') for line in path.read_text().splitlines()[1:]}
        lists = [set(identifier_texts(persons)) for persons in work.inputs()]
        right = found & lists[0] & lists[1]
        together = len(lists[0] | lists[1]) if right == found else -1  # somebody in the result who is not in both
        return describe_fault(np.array([len(right), together]), work.expected())
