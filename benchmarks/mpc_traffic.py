"""What does each protocol of `mpc` send? Rounds and payload bytes of the busiest party, counted over a loopback.

    python -m benchmarks.mpc_traffic [--rows N]

docs/mpc.md quotes this beside what the protocols should cost.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mpc import ordering
from mpc.channel import LoopbackNetwork
from mpc.computation import Computation, Security
from mpc.endpoint import Traffic
from mpc.rings import Z2_64
from mpc.seeds import agree_seeds
from mpc.shares import ReplicatedShare, share
from mpc.sorting import sort_rows

Operation = Callable[[Computation, ReplicatedShare, ReplicatedShare], Any]

OPERATIONS: dict[str, Operation] = {
    "share_input, owner 0": lambda c, a, b: c.words.share_input(
        0, np.zeros(len(a), np.uint64) if c.party == 0 else None, c.label("in"), len(a)
    ),
    "multiply": lambda c, a, b: c.words.multiply(a, b, c.label("mul")),
    "inner": lambda c, a, b: c.words.inner(a, b, c.label("inner")),
    "matrix_product, 10 columns": lambda c, a, b: c.words.matrix_product(
        a[: len(a) // 10 * 10], b[:100], 10, c.label("m")
    ),
    "open": lambda c, a, b: c.words.open(a, c.label("open")),
    "open_additive": lambda c, a, b: c.words.open_additive(c.words.local_inner(a, b), c.label("sum")),
    "less_than, 32 bits": lambda c, a, b: ordering.less_than(c, a, b, 32),
    "less_than, 63 bits": lambda c, a, b: ordering.less_than(c, a, b, 63),
    "less_than, 64 bits": lambda c, a, b: ordering.less_than(c, a, b, 64),
    "equal, 64 bits": lambda c, a, b: ordering.equal(c, a, b, 64),
    "to_words": lambda c, a, b: ordering.to_words(c, _plane(a), len(a)),
    "select": lambda c, a, b: ordering.select(c, _plane(a), a, b),
    "maximum, 32 bits": lambda c, a, b: ordering.maximum(c, a, b, 32),
    "sort_rows, 32 bits": lambda c, a, b: sort_rows(c, [a], 32),
}
TRUSTING_ONLY = ("open_additive",)


def _plane(a: ReplicatedShare) -> ReplicatedShare:
    return a[: -(-len(a) // 64)]


def count(operation: Operation, rows: int, security: Security) -> list[Traffic]:
    """Return what the three parties sent in one operation on vectors of small integers, checks included."""
    session = secrets.token_bytes(32)
    network = LoopbackNetwork(3, session)
    values = np.arange(rows, dtype=np.uint64)
    a, b = share(Z2_64, values), share(Z2_64, values[::-1].copy())

    def party(number: int) -> Traffic:
        channel = network.channels[number]
        computation = Computation(channel, agree_seeds(channel, session), session, 0, security=security)
        operation(computation, a[number], b[number])
        computation.verify()
        return computation.traffic

    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(party, range(3)))


def main() -> None:
    """Print one line for each operation and mode."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mpc_traffic", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    modes: tuple[Security, ...] = ("semi-honest", "malicious")
    print(f"{'operation':28s}" + "".join(f"{mode:>12s}: rounds, bytes per row" for mode in modes))
    for name, operation in OPERATIONS.items():
        cells = []
        for mode in modes:
            if mode == "malicious" and name in TRUSTING_ONLY:
                cells.append(f"{'refused':>34s}")
                continue
            traffic = count(operation, options.rows, mode)
            most = max(one.payload_bytes for one in traffic) / options.rows
            cells.append(f"{max(one.rounds for one in traffic):>21d} {most:12.2f}")
        print(f"{name:28s}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
