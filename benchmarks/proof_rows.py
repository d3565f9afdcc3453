"""What does a proof cost, for three questions, from 2^12 to 2^22 rows, alone and among three, on one core and on two?

Every figure comes from a process of its own (`benchmarks.proof_worker`), on the quietest processors. A row's time is
processor time: on one core it is what a quiet machine would take, whatever else this one does. Beside a proof alone
stands one multi-scalar multiplication of as many full scalars, made in turns with the proofs; beside a proof of three
stands one alone, and the contributor that works most counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.process import ROOT, environment, pinned
from benchmarks.proof_questions import QUESTIONS

VERIFICATION_LIMIT_S: Final = 0.010
Key = tuple[str, str, int]


class WorkerFailedError(Exception):
    """A measuring process ended without a result."""


@dataclass(frozen=True)
class ProofPlan:
    """What to measure.

    Attributes:
        log_sizes: log2 of the numbers of rows, increasing.
        joint_limit: the largest of them that three contributors prove.
        questions: names in `benchmarks.proof_questions`.
        provers: some of ``single``, ``sealed``, ``joint``.
        cores: how many processors, each in turn.
        runs: proofs that count; the first, which does not, is reported as cold.
        gas: a transaction's gas by question and prover (``{"sums": {"single": 239000}}``), where it was measured.
    """

    log_sizes: tuple[int, ...]
    joint_limit: int = 22
    questions: tuple[str, ...] = tuple(QUESTIONS)
    provers: tuple[str, ...] = ("single", "joint")
    cores: tuple[int, ...] = (1, 2)
    runs: int = 3
    gas: Mapping[str, Mapping[str, int]] | None = None

    def jobs(self) -> Iterator[tuple[str, str, int, int]]:
        """Question, prover, log2 of the rows, cores, in the order of measurement."""
        for log_rows in self.log_sizes:
            for question in self.questions:
                for cores in self.cores:
                    for provers in self.provers:
                        if provers != "joint" or log_rows <= self.joint_limit:
                            yield question, provers, log_rows, cores


def read_gas(path: Path | None) -> dict[str, dict[str, int]]:
    """Return the table of a file, or an empty one."""
    found: dict[str, dict[str, int]] = json.loads(path.read_text()) if path else {}
    return found


def _measured(question: str, provers: str, log_rows: int, cores: int, runs: int) -> dict[str, Any]:
    request = {"question": question, "log_rows": log_rows, "provers": provers, "runs": runs}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.proof_worker", json.dumps(request)],
        cwd=ROOT,
        env=environment(cores),
        preexec_fn=pinned(cores),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WorkerFailedError(f"{question} of 2^{log_rows} rows, {provers}: exit {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure_proofs(plan: ProofPlan) -> Iterator[dict[str, Any]]:
    """Yield rows as they are measured.

    Raises:
        WorkerFailedError: a process failed; its message is on standard error.
    """
    known: dict[tuple[Key, int], dict[str, Any]] = {}
    for question, provers, log_rows, cores in plan.jobs():
        found = _measured(question, provers, log_rows, cores, plan.runs)
        gas = ((plan.gas or {}).get(question) or {}).get(provers)
        known[(question, provers, cores), log_rows] = found
        earlier = known.get(((question, provers, cores), _before(plan.log_sizes, log_rows)))
        alone = known.get(((question, "single", cores), log_rows))
        yield from _rows(found, cores, gas, earlier, alone)


def _before(sizes: Iterable[int], log_rows: int) -> int:
    return max((size for size in sizes if size < log_rows), default=0)


def _rows(
    found: dict[str, Any], cores: int, gas: int | None, earlier: dict[str, Any] | None, alone: dict[str, Any] | None
) -> Iterator[dict[str, Any]]:
    suffix = f"2e{found['log_rows']}" + ("" if cores == 1 else f"_{cores}cores")
    named = found["question"] if found["provers"] == "single" else f"{found['question']}_{found['provers']}"
    joint = found["provers"] == "joint"
    timed = "cpu_s" if cores == 1 or joint else "wall_s"
    ours_s = max(found[f"contributor_{timed}"])
    peer, peer_s = "one MSM of as many scalars", found["msm_cpu_s" if timed == "cpu_s" else "msm_s"]
    if joint and alone:
        peer, peer_s = "one prover alone", alone["contributor_cpu_s"][0]
    yield {
        "name": f"{named}_{suffix}",
        "ours_s": ours_s,
        "peer": peer,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "cores": cores,
        **found,
        "msm_ratio": ours_s / found["msm_cpu_s" if timed == "cpu_s" else "msm_s"],
        "alone_ratio": ours_s / peer_s if joint and alone else None,
        "growth_per_doubling": _growth(found, earlier, timed),
        "gas": gas,
    }
    if not joint and cores == 1:
        verify_s = found["verify_s"]
        yield {
            "name": f"{named}_verify_{suffix}",
            "ours_s": verify_s,
            "peer": "our limit",
            "peer_s": VERIFICATION_LIMIT_S,
            "ratio": VERIFICATION_LIMIT_S / verify_s,
            "cores": cores,
        }


def _growth(found: Mapping[str, Any], earlier: Mapping[str, Any] | None, timed: str) -> float | None:
    if earlier is None:
        return None
    part = f"contributor_{timed}"
    ratio: float = max(found[part]) / max(earlier[part])
    return float(ratio ** (1 / (found["log_rows"] - earlier["log_rows"])))


def describe_proof(row: Mapping[str, Any]) -> str:
    """Return a row's stages, memory and size in one line, or nothing for other rows."""
    if "stages_cpu_s" not in row:
        return ""
    stages = "  ".join(f"{stage} {max(parts):.3g}" for stage, parts in row["stages_cpu_s"].items())
    facts = [f"{row['msm_ratio']:.2f} MSM", f"{row['proof_bytes']} bytes", f"peak {row['peak_bytes'] / 2**30:.2f} GiB"]
    facts.append(f"cold {row['cold_s']:.2f} s")
    if row["growth_per_doubling"]:
        facts.append(f"{row['growth_per_doubling']:.2f}x per doubling")
    if row["alone_ratio"]:
        facts.append(f"{row['alone_ratio']:.2f}x one prover alone")
    return f"    {', '.join(facts)}; seconds by stage: {stages}"
