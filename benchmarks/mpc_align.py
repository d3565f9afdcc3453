"""What does an alignment cost? Owners 0 and 1 with n identifiers each, half of them common, over three parties.

    python -m benchmarks.mpc_align [--sizes 10000 100000] [--semi-honest] [--json FILE]

Three threads of one process over an in-process loopback: processor time is that of all three parties together, without
TLS. Rows are held against the identifiers: a wrong alignment raises. Memory is the process's peak, all three parties.
"""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mpc.align import Alignment, AlignmentPlan
from mpc.align import align as run_alignment
from mpc.channel import LoopbackNetwork
from mpc.errors import AlignmentAbortedError
from mpc.replicated import Engine
from mpc.seeds import agree_seeds
from services.tag_group import CURVE_TAGS
from zk.field import FR


@dataclass(frozen=True, slots=True)
class AlignmentCost:
    """One run.

    Args:
        identifiers: of each of two owners.
        security: the mode.
        cpu_s: processor time of all three parties.
        wall_s: from the first message to the last.
        sent_bytes, rounds: largest of the parties.
        peak_bytes: resident peak of the process so far.
    """

    identifiers: int
    security: str
    cpu_s: float
    wall_s: float
    sent_bytes: int
    rounds: int
    peak_bytes: int


def align(identifiers: int, security: str = "malicious") -> AlignmentCost:
    """Align two lists of so many identifiers, half of them common, check the result and return what it took."""
    common = identifiers // 2
    ids = FR.random(2 * identifiers - common)
    lists = [ids[:identifiers], np.ascontiguousarray(ids[identifiers - common :])]
    probe = AlignmentPlan((identifiers, identifiers), (0, 1), 1 << 24)
    rows = 1 << (probe.entries - 1).bit_length()
    plan = AlignmentPlan((identifiers, identifiers), (0, 1), rows, probe.dummies, security)  # type: ignore[arg-type]
    session = secrets.token_bytes(32)
    network = LoopbackNetwork(3, session)

    def party(number: int) -> tuple[Alignment, Engine]:
        channel = network.channels[number]
        engine = Engine(FR, channel, agree_seeds(channel, session), session, 0, timeout_s=600)
        shares = []
        for owner in (0, 1):
            own = lists[owner] if number == owner else None
            shares.append(engine.share_input(owner, own, f"ids/{owner}", identifiers))
        return run_alignment(engine, CURVE_TAGS, plan, shares), engine

    cpu, wall = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(party, range(3)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    left, right = found[0][0].own, found[1][0].own
    if left is None or right is None:
        raise AlignmentAbortedError("benchmark", "an owner has no rows")
    if (left[identifiers - common :] != right[:common]).any() or len({*left.tolist(), *right.tolist()}) != len(ids):
        raise AlignmentAbortedError("benchmark", "rows do not follow the identifiers")
    traffic = [engine.traffic for _, engine in found]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return AlignmentCost(identifiers, security, cpu, wall, max(t.payload_bytes for t in traffic),
                         max(t.rounds for t in traffic), peak)


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mpc_align", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--semi-honest", action="store_true", help="also the mode without checks")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    align(100)
    results = []
    for size in options.sizes:
        for security in ("malicious", "semi-honest") if options.semi_honest else ("malicious",):
            cost = align(size, security)
            results.append({name: getattr(cost, name) for name in AlignmentCost.__slots__})
            print(f"{size:>9} + {size:<9} {security:12} {cost.cpu_s:8.2f} s CPU {cost.wall_s:8.2f} s wall "
                  f"{cost.sent_bytes / 2 / size:6.0f} B/id {cost.rounds:4} rounds {cost.peak_bytes / 2**30:5.2f} GiB")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
