"""One party of ours in a process of its own: gRPC with mutual TLS to the other two, requests line by line on stdin.

Started by `benchmarks.mpc_rows` with one JSON argument: number, addresses, certificate files, session.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mpc_align_party import prepare_alignment
from benchmarks.mpc_data import ALIGN, LONG, SETTLE_S, WARM_UP_ROWS, Workload, describe_fault
from mpc import ordering
from mpc.computation import Computation
from mpc.endpoint import Traffic
from mpc.kernels import warm_up
from mpc.kernels.memory import keep_freed_memory
from mpc.rings import RingArray
from mpc.seeds import agree_seeds
from mpc.shares import AdditiveShare, ReplicatedShare
from mpc.sorting import select_ranks, sort_rows
from services.channel import PeerNetwork
from services.config import PartyEndpoint, TlsConfig
from services.server import build_server

WAIT_S = 600.0
FAREWELL_S = 0.5
Run = Callable[[], Any]
"""One repetition; what it returns is opened, untimed, unless it is public already."""


class Party:
    """A connected party and its computation."""

    def __init__(self, given: dict[str, Any]) -> None:
        endpoints = [PartyEndpoint(**endpoint) for endpoint in given["parties"]]
        self.number = int(given["number"])
        tls = TlsConfig(**{name: Path(path) for name, path in given["tls"].items()})
        self.network = PeerNetwork(self.number, [e for e in endpoints if e.number != self.number], tls)
        own = endpoints[self.number].address
        self.server = build_server(own, tls, [self.network.add_to], self.network.rules(), workers=8)
        self.server.start()
        self.network.start()
        self.network.wait_connected(60.0)
        session = bytes.fromhex(given["session"])
        self.channel = self.network.channel(session, 0)
        seeds = agree_seeds(self.channel, session)
        security = given.get("security", "semi-honest")
        self.computation = Computation(self.channel, seeds, session, 0, security=security, timeout_s=WAIT_S)
        self._rounds = 0

    def barrier(self) -> None:
        """Return when all three are here."""
        self._rounds += 1
        self.channel.exchange(f"barrier/{self._rounds}", b"", WAIT_S)

    def stop(self) -> None:
        """Leave in step with the others, after what was sent has been read."""
        self.barrier()
        time.sleep(FAREWELL_S)
        self.channel.close()
        self.network.stop()
        self.server.stop()


def prepare(party: Party, work: Workload) -> tuple[Run, Callable[[Any], Any]]:
    """Return one repetition of any workload, and what opens its result."""
    if work.kind == ALIGN:
        return prepare_alignment(party.computation, party.channel, work)
    return prepare_statistic(party.computation, work)


def prepare_statistic(computation: Computation, work: Workload) -> tuple[Run, Callable[[Any], Any]]:
    """Return one repetition of a workload over integers, and what opens its result.

    ``inner`` and ``moments`` begin with plain columns at their owners and end with a public result; the others begin
    and end with shares.
    """
    party, words = computation.party, computation.words
    x, y = (values.view(np.uint64) for values in work.inputs())
    owned = [x if party == 0 else None, y if party == 1 else None]

    def enter() -> list[ReplicatedShare]:
        return [words.share_input(owner, owned[owner], computation.label("in"), work.n) for owner in (0, 1)]

    def inner() -> RingArray:
        return words.open_additive(words.local_inner(*enter()), computation.label("out"))

    def moments() -> RingArray:
        summands = words.ring.zeros(5)
        if party < 2:
            mine = (x, y)[party]
            summands[2 * party : 2 * party + 2] = [np.add.reduce(mine), np.dot(mine, mine)]
        summands[4:] = words.local_inner(*enter()).values
        return words.open_additive(AdditiveShare(party, summands), computation.label("out"))

    if work.kind in ("inner", "moments"):
        return (inner if work.kind == "inner" else moments), lambda result: result
    # Uniform in all three components, as an earlier computation would leave them.
    fresh = [words.reshare(AdditiveShare(party, words.ring.zeros(work.n)), computation.label("r")) for _ in range(2)]
    a, b = (words.add(held, zero) for held, zero in zip(enter(), fresh))

    def opened(held: ReplicatedShare) -> RingArray:
        return words.open(held, computation.label("out"))

    def flags(plane: ReplicatedShare) -> RingArray:
        lanes = computation.bits.open(plane, computation.label("out")).view(np.uint8)
        return np.unpackbits(lanes, bitorder="little")[: work.n]

    if work.kind == "product":
        return lambda: words.multiply(a, b, computation.label("mul")), opened
    if work.kind == "less":
        return lambda: ordering.less_than(computation, a, b, work.value_bits), flags
    if work.kind == "sort":
        return lambda: sort_rows(computation, [a], work.value_bits)[0], opened
    if work.kind == "median":
        return lambda: select_ranks(computation, [a], [(work.n - 1) // 2], work.value_bits)[0], opened
    raise ValueError(f"no workload {work.kind!r}")


def measure(party: Party, work: Workload, runs: int) -> dict[str, Any]:
    """Run a workload ``runs`` times after one to warm up; times between barriers, traffic of one repetition."""
    if work.kind in LONG:
        prepare(party, replace(work, n=min(work.n, WARM_UP_ROWS)))[0]()
    run, reveal = prepare(party, work)
    walls, processor, result = [], [], None
    before = after = Traffic()
    unmeasured = 0 if work.kind in LONG else 1
    for _ in range(runs + unmeasured):
        del result
        time.sleep(SETTLE_S)
        gc.collect()
        party.barrier()
        before = party.computation.traffic
        cpu, wall = time.process_time(), time.perf_counter()
        result = run()
        after = party.computation.traffic
        party.barrier()
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
    found = np.asarray(reveal(result)).astype(np.uint64).view(np.int64)
    return {
        "wall_s": walls[unmeasured:],
        "cpu_s": processor[unmeasured:],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "bytes": after.payload_bytes - before.payload_bytes,
        "rounds": after.rounds - before.rounds,
        "fault": describe_fault(found, work.expected()),
    }


def main() -> None:
    """Answer requests until stdin ends."""
    keep_freed_memory()
    warm_up()
    party = Party(json.loads(sys.argv[1]))
    print(json.dumps({"ready": party.number}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        runs = request.pop("runs")
        answer = measure(party, Workload(**request), runs)
        print(json.dumps(answer), flush=True)
    party.stop()


if __name__ == "__main__":
    main()
