"""Proves one question over 2^k rows in this process and writes what it cost as one line of JSON.

    python -m benchmarks.proof_worker '{"question": "sums", "log_rows": 12, "provers": "single", "runs": 3}'

``provers`` is ``single`` (one owner, sums in the statement where the contract allows it), ``sealed`` (one prover, sums
in s) or ``joint`` (three contributors in turn). A process measures one thing, so that its peak memory is that thing's.
The first proof is reported apart: it makes tables that are kept, and loads what the later ones find in caches.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from benchmarks.peers.worker import Cost, timed
from benchmarks.proof_clock import Clock, Watched
from benchmarks.proof_joint import JointProof
from benchmarks.proof_questions import QUESTIONS, Question
from zk import single
from zk.field import FR
from zk.kernels import warm_up
from zk.msm import msm
from zk.proof import Proof, encode_proof
from zk.prover import Contributor, RegisteredSecret, commit_registered
from zk.range_table import relation_table
from zk.srs import development_srs
from zk.statement import Statement
from zk.verifier import verify_proof

PROVERS: Final = ("single", "sealed", "joint")
VERIFICATIONS: Final = 15
_SEED: Final = b"benchmark"


@dataclass(frozen=True)
class Measured:
    """One proof: what it cost by stage at each contributor, and itself."""

    clocks: list[Clock]
    wall_s: float
    proof: Proof


class Instance:
    """A question over a development reference string, its columns registered."""

    def __init__(self, question: Question) -> None:
        self.question, self.relation = question, question.relation
        self.srs = development_srs(self.relation.log_rows, _SEED.ljust(32, b"\0"))
        self.secrets = {
            index: RegisteredSecret(FR.from_int64(rows), FR.random(1))
            for index, rows in enumerate(question.columns, start=1)
        }
        commitments = tuple(commit_registered(self.srs, secret) for secret in self.secrets.values())
        self.statement = Statement(self.relation, bytes(32), bytes(32), commitments)
        self.table: tuple[int, int] | None = None
        self._proofs = 0

    def commit_table(self) -> None:
        """[T], once."""
        self.table = relation_table(self.srs, self.relation)

    def single(self) -> Measured:
        """Prove alone, by `zk.single.prove`."""
        clock = Clock()

        def watched(*arguments: Any) -> Any:
            with clock.measure("columns"):
                contributor = Contributor(*arguments)
            return Watched(contributor, clock)

        start = time.perf_counter()
        with patch.object(single, "Contributor", watched):
            proof, _ = single.prove(self.srs, self.statement, self.secrets, self.question.release)
        return Measured([clock], time.perf_counter() - start, proof)

    def joint(self) -> Measured:
        """Prove with three contributors in turn."""
        self._proofs += 1
        owners = dict(enumerate(self.question.owners, start=1))
        start = time.perf_counter()
        joint = JointProof(self.srs, self.statement, self.secrets, owners, self.table, self._proofs)
        proof = joint.prove(self.question.release)
        return Measured(joint.clocks, time.perf_counter() - start, proof)

    def verify(self, proof: Proof) -> None:
        """Check a proof."""
        verify_proof(self.srs.tau_g2, self.statement, proof, self.table)


def peak_bytes() -> int:
    """Return the largest resident size of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(question: str, log_rows: int, provers: str, runs: int) -> dict[str, Any]:
    """Return medians over ``runs`` proofs; each is preceded by one multi-scalar multiplication over as many points."""
    ready_s = warm_up()
    instance = Instance(QUESTIONS[question](log_rows, provers == "single" and question != "ranges"))
    scalars = FR.random(1 << log_rows)
    prove = instance.joint if provers == "joint" else instance.single
    before, table = peak_bytes(), timed(instance.commit_table)
    cold = prove()
    peak = peak_bytes()  # of the first proof: later ones share the heap with what the measurement keeps
    instance.verify(cold.proof)
    products, proofs = [], []
    for _ in range(runs):
        products.append(timed(lambda: msm(instance.srs.powers[: len(scalars)], scalars)))
        proofs.append(prove())
    checks = [timed(lambda: instance.verify(proofs[-1].proof)) for _ in range(VERIFICATIONS)]
    totals = [[clock.total.cpu_s for clock in one.clocks] for one in proofs]
    walls = [[clock.total.wall_s for clock in one.clocks] for one in proofs]
    return {
        "question": question,
        "log_rows": log_rows,
        "provers": provers,
        "ready_s": ready_s,
        "table_s": table.wall_s,
        "cold_s": cold.wall_s,
        "wall_s": statistics.median(one.wall_s for one in proofs),
        "contributor_cpu_s": _medians(totals),
        "contributor_wall_s": _medians(walls),
        "stages_cpu_s": _stages(proofs),
        "msm_s": _median(products, lambda cost: cost.wall_s),
        "msm_cpu_s": _median(products, lambda cost: cost.cpu_s),
        "verify_s": _median(checks, lambda cost: cost.wall_s),
        "proof_bytes": len(encode_proof(proofs[-1].proof)),
        "peak_bytes": peak,
        "peak_before_bytes": before,
    }


def _median(costs: Iterable[Cost], part: Callable[[Cost], float]) -> float:
    return statistics.median(map(part, costs))


def _medians(rows: list[list[float]]) -> list[float]:
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def _stages(proofs: list[Measured]) -> Mapping[str, list[float]]:
    """Processor seconds of each stage at each contributor."""
    names = dict.fromkeys(stage for one in proofs for clock in one.clocks for stage in clock.stages)
    return {
        stage: _medians([[clock.seconds().get(stage, 0.0) for clock in one.clocks] for one in proofs])
        for stage in names
    }


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
