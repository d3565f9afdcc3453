"""The contestant's side in Python: answers requests line by line, and times what it runs. Standard library only."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FR_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617
FQ_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583

Inputs = Mapping[str, Any]
"""Paths of files, and small values."""


@dataclass(frozen=True)
class Cost:
    """Seconds on the wall and of processor time, all threads together."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s)


@dataclass
class Prepared:
    """Work in the library's own form.

    Attributes:
        run: one repetition; returns the library's own result.
        encode: that result in the neutral form.
        units: how many operations a repetition does; costs are divided by it.
        convert: the cost of the conversions inside one repetition that the library's interface forces.
    """

    run: Callable[[], Any]
    encode: Callable[[Any], str]
    units: int = 1
    convert: Callable[[], Cost] = field(default=Cost)


Task = Callable[[Inputs], Prepared]


def timed(work: Callable[[], Any]) -> Cost:
    """Return what one call of ``work`` costs, garbage collected beforehand and not meanwhile."""
    gc.collect()
    gc.disable()
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        kept = work()
        cost = Cost(time.perf_counter() - wall, time.process_time() - cpu)
    finally:
        gc.enable()
    del kept  # what the work returned is freed outside the timing
    return cost


def read_integers(path: str) -> list[int]:
    """Return the scalars of a file: 32 bytes each, big-endian."""
    encoded = Path(path).read_bytes()
    return [int.from_bytes(encoded[i : i + 32], "big") for i in range(0, len(encoded), 32)]


def read_points(path: str) -> list[tuple[int, int]]:
    """Return the affine points of a file: 64 bytes each, x then y, big-endian."""
    coordinates = read_integers(path)
    return list(zip(coordinates[::2], coordinates[1::2], strict=True))


class _Server:
    def __init__(self, library: str, version: str, tasks: Mapping[str, Task]) -> None:
        self.about = {"library": library, "version": version}
        self.tasks = tasks
        self.prepared: Prepared | None = None
        self.last: Any = None

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request["do"] == "prepare":
            self.prepared = self.tasks[request["task"]](request["inputs"])
            return dict(self.about)
        if self.prepared is None:
            raise RuntimeError("asked to run before anything was prepared")
        if request["do"] == "result":
            return {"result": self.prepared.encode(self.prepared.run() if self.last is None else self.last)}
        return self._run(self.prepared)

    def _run(self, prepared: Prepared) -> dict[str, Any]:
        def work() -> None:
            self.last = prepared.run()

        self.last = None
        cost, forced = timed(work), prepared.convert()
        return {
            "wall_s": cost.wall_s / prepared.units,
            "cpu_s": cost.cpu_s / prepared.units,
            "convert_wall_s": forced.wall_s / prepared.units,
            "convert_cpu_s": forced.cpu_s / prepared.units,
        }


def serve(library: str, version: str, tasks: Mapping[str, Task]) -> None:
    """Answer every line of standard input on standard output until it ends."""
    server = _Server(library, version, tasks)
    for line in sys.stdin:
        print(json.dumps(server.answer(json.loads(line))), flush=True)
