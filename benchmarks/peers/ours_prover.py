"""This repository as a contestant that proves: four sums over three committed columns, two of them inner products."""

from __future__ import annotations

import json
import time

from benchmarks.peers.ours import path_name
from benchmarks.peers.worker import Inputs, Prepared, serve
from benchmarks.proof_questions import sums
from benchmarks.proof_worker import Instance, Measured, peak_bytes
from zk.kernels import warm_up
from zk.proof import encode_proof


def prove(inputs: Inputs) -> Prepared:
    """Proofs over 2^log_n rows, the sums public; the setup is a reference string and registered columns."""
    start = time.perf_counter()
    instance = Instance(sums(inputs["log_n"], plain=True))
    instance.commit_table()
    setup_s = time.perf_counter() - start

    def encode(measured: Measured) -> str:
        instance.verify(measured.proof)
        proof_bytes = len(encode_proof(measured.proof))
        return json.dumps(
            {"verified": True, "setup_s": setup_s, "proof_bytes": proof_bytes, "peak_bytes": peak_bytes()}
        )

    return Prepared(instance.single, encode)


if __name__ == "__main__":
    warm_up()
    serve("ours", f"{path_name()} kernels", {"prove": prove})
