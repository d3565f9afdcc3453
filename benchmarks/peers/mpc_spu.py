"""One party of SPU (ABY3 over Z_2^64, semi-honest): three real processes, SPU's own links over loopback, mutual TLS.

Runs in `.venv-peers-mpc`. Inputs are shared by the owner with SPU's ``Io`` and travel over SPU's link; the program is
what JAX compiles for integers. The intersection of lists is `benchmarks.peers.mpc_spu_psi`. Started with one JSON
argument: rank, ports, two ports for the intersection, and certificate files.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from spu import api, libspu
from spu.utils import frontend

from benchmarks.mpc_data import ALIGN, SETTLE_S, Workload, describe_fault
from benchmarks.peers.mpc_spu_psi import Intersection

jax.config.update("jax_enable_x64", True)

PROGRAMS = {
    "inner": lambda x, y: jnp.dot(x, y),
    "product": lambda x, y: x * y,
    "less": lambda x, y: x < y,
    "moments": lambda x, y: jnp.stack([jnp.sum(x), jnp.dot(x, x), jnp.sum(y), jnp.dot(y, y), jnp.dot(x, y)]),
    "sort": lambda x, y: jnp.sort(x),
    "median": lambda x, y: jnp.sort(x)[(x.shape[0] - 1) // 2],
}
END_TO_END = ("inner", "moments")
SECRET = libspu.Visibility.VIS_SECRET


def connect(rank: int, ports: list[int], tls: dict[str, str] | None) -> Any:
    """Return a link among as many parties as there are ports."""
    description = libspu.link.Desc()
    description.recv_timeout_ms = description.http_timeout_ms = 600_000
    description.connect_retry_times, description.connect_retry_interval_ms = 120, 500
    for number, port in enumerate(ports):
        description.add_party(f"party{number}", f"127.0.0.1:{port}")
    if tls is not None:
        description.enable_ssl = True
        for options in (description.client_ssl_opts, description.server_ssl_opts):
            options.cert.certificate_path = tls["certificate"]
            options.cert.private_key_path = tls["private_key"]
            options.verify.ca_file_path = tls["authority"]
            options.verify.verify_depth = 1
    return libspu.link.create_brpc(description, rank)


class Party:
    """One SPU runtime, its link and its inputs and outputs."""

    def __init__(self, rank: int, ports: list[int], tls: dict[str, str] | None) -> None:
        self.rank = rank
        self.link = connect(rank, ports, tls)
        config = libspu.RuntimeConfig(protocol=libspu.ProtocolKind.ABY3, field=libspu.FieldType.FM64)
        self.io, self.runtime = api.Io(3, config), api.Runtime(self.link, config)

    def _send(self, peer: int, held: Any) -> None:
        self.link.send(peer, held.meta)
        self.link.send(peer, len(held.share_chunks).to_bytes(4, "big"))
        for chunk in held.share_chunks:
            self.link.send(peer, chunk)

    def _receive(self, peer: int) -> Any:
        held = libspu.Share()
        held.meta = self.link.recv(peer)
        chunks = int.from_bytes(self.link.recv(peer), "big")
        held.share_chunks = [self.link.recv(peer) for _ in range(chunks)]
        return held

    def enter(self, name: str, owner: int, x: Any) -> None:
        """Share a vector of the owner's."""
        if self.rank == owner:
            shares = self.io.make_shares(x, SECRET)
            for peer in range(3):
                if peer != owner:
                    self._send(peer, shares[peer])
            self.runtime.set_var(name, shares[owner])
        else:
            self.runtime.set_var(name, self._receive(owner))

    def reveal(self, name: str) -> Any:
        """Open a result to all."""
        own = self.runtime.get_var(name)
        for peer in range(3):
            if peer != self.rank:
                self._send(peer, own)
        return self.io.reconstruct([own if peer == self.rank else self._receive(peer) for peer in range(3)])


def measure(party: Party, work: Workload, runs: int) -> dict[str, Any]:
    """Run a workload after one repetition to warm up, as `benchmarks.mpc_party` does."""
    x, y = work.inputs()
    executable, _ = frontend.compile(
        frontend.Kind.JAX,
        PROGRAMS[work.kind],
        (x, y),
        {},
        ["in0", "in1"],
        [SECRET, SECRET],
        lambda found: [f"out{k}" for k in range(len(found))],
    )

    def enter() -> None:
        party.enter("in0", 0, x)
        party.enter("in1", 1, y)

    enter()
    walls, processor, result = [], [], None
    for _ in range(runs + 1):
        time.sleep(SETTLE_S)
        gc.collect()
        party.link.barrier()
        cpu, wall = time.process_time(), time.perf_counter()
        if work.kind in END_TO_END:
            enter()
        party.runtime.run(executable)
        if work.kind in END_TO_END:
            result = party.reveal("out0")
        party.link.barrier()
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
    if work.kind not in END_TO_END:
        result = party.reveal("out0")
    return {"wall_s": walls[1:], "cpu_s": processor[1:], "fault": describe_fault(np.asarray(result), work.expected())}


def main() -> None:
    """Answer requests until stdin ends."""
    given = json.loads(sys.argv[1])
    party = Party(given["rank"], given["ports"], given.get("tls"))
    pair = given["pair_ports"]
    apart = Intersection(party.rank, connect(party.rank, pair, given.get("tls")) if party.rank < len(pair) else None)
    print(json.dumps({"ready": party.rank}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        runs = request.pop("runs")
        work = Workload(**request)
        answer = apart.measure(work, runs, party.link.barrier) if work.kind == ALIGN else measure(party, work, runs)
        print(json.dumps(answer), flush=True)
    sys.stdout.flush()
    os._exit(0)  # its link's threads outlive the interpreter otherwise


if __name__ == "__main__":
    main()
