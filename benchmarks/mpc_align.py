"""How does the cost of an alignment grow? Owners 0 and 1 with n identifiers each, half of them common, three parties.

    python -m benchmarks.mpc_align [--sizes 10000 100000] [--modes semi-honest malicious] [--json FILE]

Every size and mode has three fresh processes with TLS on one processor: processor time is that of all three, memory the
largest process's peak, interpreter and libraries included. Rows are held against the identifiers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.mpc_data import ALIGN, Workload
from benchmarks.mpc_rows import certificates, ours, summary
from mpc.computation import MALICIOUS, SEMI_HONEST


@dataclass(frozen=True, slots=True)
class AlignmentCost:
    """One run.

    Args:
        identifiers: of each of two owners.
        security: the mode.
        cpu_s: processor time of all three parties.
        wall_s: from the first message to the last, on one processor.
        sent_bytes, rounds, peak_bytes: largest of the parties.
        wrong: what is wrong with the rows, empty if nothing is.
    """

    identifiers: int
    security: str
    cpu_s: float
    wall_s: float
    sent_bytes: int
    rounds: int
    peak_bytes: int
    wrong: str


def align(identifiers: int, security: str = MALICIOUS) -> AlignmentCost:
    """Align two lists of so many identifiers and return what it took."""
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as folder, ours(certificates(Path(folder)), 1) as trio:
        found = summary(trio.measure(Workload(ALIGN, identifiers, security=security), 1))
    return AlignmentCost(
        identifiers,
        security,
        found["cpu_s"],
        found["wall_s"],
        max(found["bytes_per_party"]),
        found["rounds"],
        found["peak_bytes"],
        found["wrong"],
    )


def main() -> int:
    """Command line; returns the exit status, 1 if a result was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mpc_align", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--modes", nargs="+", choices=(SEMI_HONEST, MALICIOUS), default=[SEMI_HONEST, MALICIOUS])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    costs = []
    for size in options.sizes:
        for security in options.modes:
            cost = align(size, security)
            costs.append(cost)
            print(
                f"{size:>9} + {size:<9} {security:12} {cost.cpu_s:8.2f} s CPU, {cost.cpu_s / 2 / size * 1e6:6.1f} µs/id"
                f" {cost.wall_s:8.2f} s wall {cost.sent_bytes / 2 / size:6.0f} B/id {cost.rounds:4} rounds"
                f" {cost.peak_bytes / 2**30:5.2f} GiB a party" + (f"   WRONG: {cost.wrong}" if cost.wrong else ""),
                flush=True,
            )
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n")
    return int(any(cost.wrong for cost in costs))


if __name__ == "__main__":
    sys.exit(main())
