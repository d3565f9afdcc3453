"""How long from starting Python to being ready to prove: on a fresh machine, and with a filled cache of kernels?"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.kernel_rows import Row
from benchmarks.peers.process import PEER_PYTHON, ROOT, environment, pinned

START_UP_ROWS = ("cold_start", "warm_start")
COLD_LIMIT_S = 30.0
WARM_LIMIT_S = 1.5

_READY = "import zk.prover, zk.verifier; from zk.kernels import warm_up; warm_up()"
_PEER_READY = "from zksnake._algebra import ec_bn254, polynomial_bn254; from zksnake import ecc, polynomial"


def _start(command: list[str], cache: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        command, check=True, cwd=ROOT, env=environment(1, NUMBA_CACHE_DIR=cache), preexec_fn=pinned(1), timeout=400
    )
    return time.perf_counter() - start


def measure_start_up(runs: int, peers: bool) -> list[Row]:
    """Return cold start (once) and warm start (median) beside the limits we set ourselves, and zksnake's import."""
    with tempfile.TemporaryDirectory(prefix="tallystick-cache-") as cache:
        ours = [sys.executable, "-c", _READY]
        cold_s = _start(ours, cache)
        warm_s = statistics.median(_start(ours, cache) for _ in range(runs))
        rows = [
            Row("cold_start", cold_s, "our limit", COLD_LIMIT_S, COLD_LIMIT_S / cold_s, peer_call_s=COLD_LIMIT_S),
            Row("warm_start", warm_s, "our limit", WARM_LIMIT_S, WARM_LIMIT_S / warm_s, peer_call_s=WARM_LIMIT_S),
        ]
        if peers:
            theirs_s = statistics.median(_start([str(PEER_PYTHON), "-c", _PEER_READY], cache) for _ in range(runs))
            rows.append(Row("warm_start", warm_s, "zksnake", theirs_s, theirs_s / warm_s, peer_call_s=theirs_s))
    return rows
