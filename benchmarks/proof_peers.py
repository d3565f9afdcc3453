"""How long do other provers take for less than we prove over as many rows?

We prove four sums over three committed columns, two of them inner products of 2^k elements; a peer proves one inner
product of 2^k elements. Witnesses and setups are at hand on both sides and not counted; a peer's setup is reported.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from benchmarks.circuit_files import CircuitFiles
from benchmarks.kernel_rows import Row
from benchmarks.peers.process import OURS_PROVER, ZKSNAKE_PROVER, Contestant, Run

RIVALS: Final = (
    (ZKSNAKE_PROVER, "prove_groth16", "zksnake Groth16"),
    (ZKSNAKE_PROVER, "prove_plonk", "zksnake PLONK"),
    ("snarkjs", "prove_plonk", "snarkjs PLONK"),
)


class ProofFalseError(Exception):
    """A peer made a proof that it does not accept itself."""


def measure_peers(log_sizes: tuple[int, ...], cores: int, runs: int, files: CircuitFiles) -> Iterator[dict[str, Any]]:
    """Yield one row per size and peer; we and the peer prove in turns, in processes on as many processors.

    Raises:
        ProofFalseError: what was measured made no valid proof.
        ContestantFailedError: a process ended.
    """
    for log_n in log_sizes:
        for contestant, task, label in RIVALS:
            yield _measure(log_n, contestant, task, label, cores, runs, files)


def _measure(
    log_n: int, contestant: str, task: str, label: str, cores: int, runs: int, files: CircuitFiles
) -> dict[str, Any]:
    with Contestant(OURS_PROVER, cores) as ours, Contestant(contestant, cores) as peer:
        ours.prepare("prove", {"log_n": log_n})
        version = peer.prepare(task, files.inner_product(log_n))
        ours.run()  # makes the tables that are kept
        pairs = [(ours.run(), peer.run()) for _ in range(runs)]
        mine, about = json.loads(ours.result()), json.loads(peer.result())
    if not about["verified"]:
        raise ProofFalseError(f"{label} does not accept its own proof")
    our_s, their_s = (statistics.median(run.call.wall_s for run in side) for side in zip(*pairs, strict=True))
    our_cpu, their_cpu = (_cpu(side) for side in zip(*pairs, strict=True))
    row = Row(
        f"prove_2e{log_n}" + ("" if cores == 1 else f"_{cores}cores"),
        our_s,
        label,
        their_s,
        their_s / our_s,
        cores,
        our_cpu,
        their_cpu,
        their_s,
    )
    return {**asdict(row), "cpu_ratio": their_cpu / our_cpu, "peer_version": version, "ours": mine, "peer_about": about}


def _cpu(runs: tuple[Run, ...]) -> float:
    return statistics.median(run.call.cpu_s for run in runs)
