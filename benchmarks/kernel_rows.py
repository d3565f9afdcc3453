"""How fast are our kernels beside the libraries people use, on the same inputs, processor and run?

A job names one operation, us, and those beside us. Its contestants run in turns, one repetition each, so that what
disturbs the machine disturbs all; a row's seconds are medians. A peer's seconds leave out the conversions its own
interface forces (``peer_call_s`` has them; where they are most of a call, as in zksnake's transform, the difference is
the noisier figure), and processor time stands beside time on the wall, for shared machines.
Rows named ``agree_..`` compare results on 2^10 elements; a difference ends the benchmark.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from benchmarks.kernel_inputs import KernelInputs
from benchmarks.peers.process import OURS, OURS_SCALAR, Contestant
from benchmarks.peers.worker import Cost

AGREE_LOG_N = 10
MUL_N = 1 << 12
CACHED_LOG_N = 9
"""Three vectors of so many elements are 48 KiB, a first-level cache."""
HORNER_LOG_N = 16
FIXED_BASE_N = 1 << 14
SLOW_ABOVE_LOG_N = {("msm", "ffjavascript"): 16}
"""Peers that would take minutes beyond this size."""


class ResultsDifferError(Exception):
    """Two contestants computed different results from the same inputs."""


@dataclass(frozen=True)
class Row:
    """One line of the report: seconds per operation, medians; ``ratio`` is the peer's over ours."""

    name: str
    ours_s: float
    peer: str
    peer_s: float
    ratio: float
    cores: int = 1
    ours_cpu_s: float = 0.0
    peer_cpu_s: float = 0.0
    peer_call_s: float = 0.0


@dataclass(frozen=True)
class Side:
    """Who computes: a contestant, what it is given, on how many processors, and what a row calls it."""

    contestant: str
    inputs: Callable[[], Mapping[str, Any]]
    cores: int = 1
    label: str = ""


@dataclass(frozen=True)
class Job:
    """One operation to measure: ``rivals`` beside ``ours``."""

    name: str
    task: str
    ours: Side
    rivals: Sequence[Side] = field(default=())
    must_agree: bool = False


def _median(costs: Iterable[Cost]) -> Cost:
    listed = list(costs)
    return Cost(statistics.median(c.wall_s for c in listed), statistics.median(c.cpu_s for c in listed))


def measure_job(job: Job, runs: int) -> list[Row]:
    """Return one row per rival.

    Raises:
        ResultsDifferError: results had to agree and did not.
        ContestantFailedError: a process ended.
    """
    sides = [job.ours, *job.rivals]
    with ExitStack() as stack:
        contestants = [stack.enter_context(Contestant(side.contestant, side.cores)) for side in sides]
        for contestant, side in zip(contestants, sides, strict=True):
            contestant.prepare(job.task, side.inputs())
        costs = [[contestant.run() for contestant in contestants] for _ in range(runs + 1)][1:]  # the first warms up
        results = [contestant.result() for contestant in contestants] if job.must_agree else []
    for side, result in zip(sides, results, strict=False):
        if result != results[0]:
            raise ResultsDifferError(f"{job.name}: {side.contestant} and ours differ on the same inputs")
    calls = [_median(run[index].call for run in costs) for index in range(len(sides))]
    nets = [_median(run[index].call - run[index].convert for run in costs) for index in range(len(sides))]
    return [
        Row(
            job.name,
            calls[0].wall_s,
            side.label or side.contestant,
            net.wall_s,
            net.wall_s / calls[0].wall_s,
            job.ours.cores,
            calls[0].cpu_s,
            net.cpu_s,
            call.wall_s,
        )
        for side, net, call in zip(job.rivals, nets[1:], calls[1:], strict=True)
    ]


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        peers: whether to measure beside other libraries; otherwise beside our own scalar path only.
        log_sizes: log2 of the sizes of multi-scalar multiplications and transforms.
        cores: how many processors, each in turn.
        runs: repetitions of each; one more comes first and is not counted.
    """

    peers: bool
    log_sizes: tuple[int, ...]
    cores: tuple[int, ...]
    runs: int

    def rivals(self, task: str, log_n: int = 0) -> list[str]:
        """Return the contestants beside us in ``task``."""
        if not self.peers:
            return [OURS_SCALAR]
        known = {
            "mul": [OURS_SCALAR, "galois"],
            "horner": [OURS_SCALAR],
            "msm": ["zksnake", "ffjavascript"],
            "ntt": ["zksnake", "ffjavascript"],
            "pairing_check": ["py_ecc", "zksnake"],
            "fixed_base": ["zksnake"],
        }
        return [name for name in known[task] if log_n <= SLOW_ABOVE_LOG_N.get((task, name), 64)]


def agreement_jobs(plan: Plan, files: KernelInputs) -> Iterator[Job]:
    """Yield the jobs whose results are compared, on 2^10 elements."""
    n = 1 << AGREE_LOG_N
    given = {
        "mul": partial(files.mul, n, 1),
        "horner": partial(files.horner, n, 1),
        "msm": partial(files.msm, n),
        "ntt": partial(files.ntt, n),
        "fixed_base": partial(files.fixed_base, n),
        "pairing_check": partial(files.pairing_check, 1, 1),
    }
    for task, inputs in given.items():
        name = f"agree_{task}" if task == "pairing_check" else f"agree_{task}_2e{AGREE_LOG_N}"
        rivals = [Side(rival, inputs) for rival in plan.rivals(task)]
        yield Job(name, task, Side(OURS, inputs), rivals, must_agree=True)


def speed_jobs(plan: Plan, files: KernelInputs) -> Iterator[Job]:
    """Yield the jobs that measure speed, smallest first."""
    often, once = partial(files.mul, MUL_N, 64), partial(files.mul, MUL_N, 1)
    rivals = [Side(rival, once if rival == "galois" else often) for rival in plan.rivals("mul")]
    yield Job("mul", "mul", Side(OURS, often), rivals)
    cached, long = partial(files.mul, 1 << CACHED_LOG_N, 512), partial(files.horner, 1 << HORNER_LOG_N, 4)
    yield Job(f"mul_cached_2e{CACHED_LOG_N}", "mul", Side(OURS, cached), [Side(OURS_SCALAR, cached)])
    yield Job(f"horner_2e{HORNER_LOG_N}", "horner", Side(OURS, long), [Side(OURS_SCALAR, long)])
    yield from _pairing_jobs(plan, files)
    for cores in plan.cores:
        yield _job(plan, "fixed_base", partial(files.fixed_base, FIXED_BASE_N), cores)
    for log_n in plan.log_sizes:
        n = 1 << log_n
        for cores in plan.cores:
            yield _job(plan, "ntt", partial(files.ntt, n), cores, log_n)
        for cores in plan.cores:
            yield _job(plan, "msm", partial(files.msm, n), cores, log_n)
        long = Side(OURS, partial(files.msm, n), label="ours, 254-bit scalars")
        yield Job(f"msm_2e{log_n}_32bit", "msm", Side(OURS, partial(files.msm, n, 32)), [long])


def _job(plan: Plan, task: str, inputs: Callable[[], Mapping[str, Any]], cores: int, log_n: int = 0) -> Job:
    """Everyone on as many processors; with several, also we on one."""
    name = (f"{task}_2e{log_n}" if log_n else task) + ("" if cores == 1 else f"_{cores}cores")
    rivals = [Side(rival, inputs, cores) for rival in plan.rivals(task, log_n)]
    if cores > 1:
        rivals.append(Side(OURS, inputs, 1, "ours, one core"))
    return Job(name, task, Side(OURS, inputs, cores), rivals)


def _pairing_jobs(plan: Plan, files: KernelInputs) -> Iterator[Job]:
    """A verifier meets the same two points of G2 again and again; ``_fresh`` has 64 checks of points never met."""
    name, rivals = "pairing_check", plan.rivals("pairing_check")
    again, fresh = partial(files.pairing_check, 1, 64), partial(files.pairing_check, 64, 1)
    yield Job(name, name, Side(OURS, again), [Side(rival, again) for rival in rivals])
    quick = [rival for rival in rivals if rival != "py_ecc"]
    yield Job(f"{name}_fresh", name, Side(OURS, fresh), [Side(rival, fresh) for rival in quick])


def as_json(row: Row) -> dict[str, Any]:
    """Return the row's fields by name, and the ratio of processor times, None where they were not measured.

    On one core the two ratios are the same measurement; where they differ, others used the processor meanwhile, and
    the ratio of processor times is the one to believe.
    """
    measured = row.ours_cpu_s > 0 and row.peer_cpu_s > 0
    return {**asdict(row), "cpu_ratio": row.peer_cpu_s / row.ours_cpu_s if measured else None}
