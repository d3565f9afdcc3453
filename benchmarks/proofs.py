"""What does proving together cost beside proving alone, and verifying here beside py_ecc's pairing?

Three contributors run in three threads over loopback, so that a joint proof does the work of three machines on this
one; its ratio to a single proof is the total work, not the latency of three machines.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from py_ecc.optimized_bn128 import G1, G2, pairing

from mpc.channel import LoopbackNetwork
from services.party.session import JointSession, SessionPlan, SessionResult, session_id
from zk.builder import RelationBuilder
from zk.columns import witness_owners
from zk.field import FR
from zk.proof import Proof
from zk.prover import Contributor, RegisteredSecret, commit_registered
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.single import prove
from zk.srs import Srs, development_srs
from zk.statement import Statement
from zk.verifier import verify_proof


@dataclass(frozen=True)
class Row:
    """One measured line: ours and the peer's median seconds, and peer over ours."""

    name: str
    ours_s: float
    peer: str
    peer_s: float
    ratio: float


def _median(work: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def covariance_relation(log_rows: int) -> Relation:
    """Count, Σx, Σy and Σxy of two owners' columns where a flag of the first is set: three registered columns and one
    more, four sums, one guard."""
    builder = RelationBuilder(log_rows)
    flag = builder.registered(RegisteredColumn(1, 1, 1, ColumnKind.BOOLEAN))
    x = builder.registered(RegisteredColumn(1, 1, 2, ColumnKind.INTEGER))
    present = builder.registered(RegisteredColumn(2, 1, 0, ColumnKind.BOOLEAN))
    y = builder.registered(RegisteredColumn(2, 1, 1, ColumnKind.INTEGER))
    kept = builder.product(flag, x)
    guard = builder.sum([(1, flag, present)])
    for left, right in ((kept, present), (flag, y), (kept, y)):
        builder.sum([(1, left, right)], guard)
    return builder.build()


class Instance:
    """One covariance question over random columns of N = 2^log_rows rows."""

    def __init__(self, log_rows: int) -> None:
        rng = np.random.default_rng(7)
        n = 1 << log_rows
        present = rng.integers(0, 2, n)
        columns = [rng.integers(0, 2, n), rng.integers(0, 1 << 16, n), present, rng.integers(0, 1 << 32, n) * present]
        self.srs: Srs = development_srs(log_rows)
        self.relation = covariance_relation(log_rows)
        self.secrets = {
            index: RegisteredSecret(FR.from_int64(values.astype(np.int64)), FR.random(1))
            for index, values in enumerate(columns, start=1)
        }
        commitments = tuple(commit_registered(self.srs, self.secrets[index]) for index in range(1, 5))
        self.statement = Statement(self.relation, bytes(32), bytes(32), commitments)
        self.attempt = 0

    def single(self) -> Proof:
        """Prove alone."""
        return prove(self.srs, self.statement, self.secrets, 1)[0]

    def joint(self) -> Proof:
        """Prove with three contributors: the first owns columns 1 and 2, the second 3 and 4, the third none."""
        self.attempt += 1
        owners = witness_owners(self.relation, {1: 0, 2: 0, 3: 1, 4: 1})
        session = session_id(bytes(32), self.attempt)
        network = LoopbackNetwork(3, session, self.attempt)
        plan = SessionPlan(self.statement, owners, 10, session, self.attempt, self.srs.tau_g2)
        results: list[SessionResult | None] = [None] * 3

        def work(party: int) -> None:
            mine = {index: secret for index, secret in self.secrets.items() if owners[index] == party}
            contributor = Contributor(self.statement, self.srs, party, owners, mine)
            results[party] = JointSession(plan, network.channels[party], contributor, lambda: None).run()

        threads = [threading.Thread(target=work, args=(party,)) for party in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if results[0] is None:
            raise RuntimeError("the joint proof failed")
        return results[0].proof


def measure(log_rows: int, runs: int) -> list[dict[str, object]]:
    """Return the rows for one size."""
    instance = Instance(log_rows)
    proof = instance.single()
    instance.joint()
    single = _median(instance.single, runs)
    joint = _median(instance.joint, runs)
    verify = _median(lambda: verify_proof(instance.srs.tau_g2, instance.statement, proof), 5 * runs)
    oracle = _median(lambda: pairing(G2, G1), 1) * 2
    return [
        asdict(Row(f"prove_joint_2e{log_rows}", joint, "one prover alone", single, single / joint)),
        asdict(Row(f"verify_2e{log_rows}", verify, "py_ecc, its two pairings only", oracle, oracle / verify)),
    ]
