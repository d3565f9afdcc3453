"""How fast are the kernels beside other implementations? `python -m benchmarks.kernels [--peers PYTHON] [--json FILE]`.

Ours and the peer run in one session on one core (processor affinity), medians of several runs in process time, so that
other work on the machine counts little. ``--peers`` names a Python interpreter that has zksnake (arkworks behind
Python) installed; rows without a peer compare with our own portable kernels or with one core.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numba
import numpy as np

from benchmarks.machine import describe
from zk.curve import multiply_generator
from zk.field import FR, Words
from zk.kernels import IFMA, chosen_path, vectors, warm_up
from zk.kernels.scalar import fr_mul, load, store
from zk.msm import msm
from zk.ntt import ntt
from zk.srs import development_srs

if chosen_path() == IFMA:
    from zk.kernels import ifma_field, ifma_layout, ifma_vectors

PEER = """
import json, random, sys, time
from zksnake.ecc import EllipticCurve
from zksnake.polynomial import fft
runs, curve, rng = int(sys.argv[1]), EllipticCurve("BN254"), random.Random(1)
some = curve.batch_mul(curve.G1(), [rng.randrange(curve.order) for _ in range(4096)])
def median(work):
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return sorted(times)[runs // 2]
seconds = {}
for log_n in (16, 20):
    n = 1 << log_n
    points, scalars = (some * (n // 4096))[:n], [rng.randrange(curve.order) for _ in range(n)]
    seconds[f"msm_2e{log_n}"] = median(lambda: curve.multiexp(points, scalars))
seconds["ntt_2e20"] = median(lambda: fft(scalars, curve.order, n))
print(json.dumps(seconds))
"""

START = "import time; t = time.perf_counter(); import zk.kernels; zk.kernels.warm_up(); print(time.perf_counter() - t)"


@dataclass(frozen=True)
class Row:
    """One measured line: ours and the peer's median seconds, and peer over ours."""

    name: str
    ours_s: float
    peer: str
    peer_s: float
    ratio: float


def _median(work: Callable[[], object], runs: int, clock: Callable[[], float] = time.process_time) -> float:
    times = []
    for _ in range(runs):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)


def _row(name: str, ours_s: float, peer: str, peer_s: float) -> Row:
    return Row(name, ours_s, peer, peer_s, peer_s / ours_s)


def _points(log_n: int) -> Words:
    """Points with known structure are as good as any: powers of a development string's secret."""
    return np.ascontiguousarray(development_srs(log_n).powers[: 1 << log_n])


def _peer_seconds(interpreter: str, runs: int) -> dict[str, float]:
    done = subprocess.run(
        [interpreter, "-c", PEER, str(runs)],
        env={**os.environ, "RAYON_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def _start_seconds(cache: str) -> float:
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _multiplications(runs: int) -> Row:
    """Seconds per product of elements that stay in registers: four independent chains, as in an inner loop."""
    steps = 20_000

    @numba.njit
    def portable(a: Words) -> None:
        x0, x1, x2, x3, y = load(a, 0, 0), load(a, 1, 0), load(a, 2, 0), load(a, 3, 0), load(a, 4, 0)
        for _ in range(steps):
            x0, x1, x2, x3 = fr_mul(x0, y), fr_mul(x1, y), fr_mul(x2, y), fr_mul(x3, y)
        store(a, 0, 0, fr_mul(fr_mul(x0, x1), fr_mul(x2, x3)))

    a = FR.random(16)
    portable(a)
    portable_s = _median(lambda: portable(a), 3 * runs) / (4 * steps)
    if chosen_path() != IFMA:
        return _row("mul", portable_s, "the 25 ns allowed", 25e-9)
    load8, mul8, store8 = ifma_layout.load_rows, ifma_field.fr_mul, ifma_layout.store_rows

    @numba.njit
    def lanes(a: Words) -> None:
        x0, y = load8(a, 0, 4), load8(a, 32, 4)
        x1, x2, x3 = mul8(x0, y), mul8(x0, x0), mul8(y, y)
        for _ in range(steps):
            x0, x1, x2, x3 = mul8(x0, y), mul8(x1, y), mul8(x2, y), mul8(x3, y)
        store8(a, 0, mul8(mul8(x0, x1), mul8(x2, x3)))

    flat = a.reshape(-1)
    lanes(flat)
    lanes_s = _median(lambda: lanes(flat), 3 * runs) / (32 * steps)
    return _row("mul", lanes_s, "our portable kernel", portable_s)


def _vector_products(a: Words, b: Words, runs: int) -> Row:
    """Seconds per element of a product of two public arrays in the first-level cache, written over and over."""
    out, times = np.empty_like(a), 200

    def portable() -> None:
        for _ in range(times):
            vectors.multiply(out, a, b, FR.constants)

    def chosen() -> None:
        for _ in range(times):
            if chosen_path() == IFMA:
                ifma_vectors.multiply(out, a, b)
            else:
                vectors.multiply(out, a, b, FR.constants)

    count = times * len(a)
    return _row("vector_mul", _median(chosen, runs) / count, "our portable kernel", _median(portable, runs) / count)


def measure(runs: int, peers: str | None) -> list[Row]:
    """Return every row; ``peers`` is an interpreter with zksnake, or None to leave its rows out."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(everywhere)})
    n = 1 << 20
    rng = np.random.default_rng(7)
    points, scalars, other = _points(20), FR.random(n), FR.random(n)
    small = FR.from_int64(rng.integers(0, 1 << 32, n, dtype=np.int64))
    ours = {
        "msm_2e14": _median(lambda: msm(points[: 1 << 14], scalars[: 1 << 14]), runs),
        "msm_2e16": _median(lambda: msm(points[: 1 << 16], scalars[: 1 << 16]), runs),
        "msm_2e20": _median(lambda: msm(points, scalars), runs),
        "ntt_2e20": _median(lambda: ntt(scalars), runs),
    }
    rows = []
    if peers is not None:
        for name, seconds in _peer_seconds(peers, runs).items():
            rows.append(_row(name, ours[name], "zksnake", seconds))
    small_s = _median(lambda: msm(points, small), runs)
    rows.append(_row("msm_2e20_32bit", small_s, "ours with 254-bit scalars", ours["msm_2e20"]))

    part = slice(0, 1 << 14)
    rows.append(_multiplications(runs))
    rows.append(_vector_products(scalars[:1024], other[:1024], runs))
    fixed = _median(lambda: multiply_generator(scalars[part]), runs)
    rows.append(_row("fixed_base", fixed / (1 << 14), "msm_2e14 per point", ours["msm_2e14"] / (1 << 14)))

    os.sched_setaffinity(0, everywhere)
    if len(everywhere) > 1:
        for name, work in (("msm_2e20", lambda: msm(points, scalars)), ("ntt_2e20", lambda: ntt(scalars))):
            wall = _median(work, runs, time.perf_counter)
            rows.append(_row(f"{name}_{len(everywhere)}_cores", wall, "one core", ours[name]))
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = _start_seconds(cache), _start_seconds(cache)
    rows.append(_row("cold_start", cold, "the 30 s allowed", 30.0))
    rows.append(_row("warm_start", warm, "the 1.5 s allowed", 1.5))
    return rows


def main() -> None:
    """Measure, print a table of ratios, and write them where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each; the median counts")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has zksnake installed")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    warm_up()
    machine = {**describe(), "path": chosen_path()}
    print(machine)
    rows = [asdict(row) for row in measure(options.runs, options.peers)]
    for row in rows:
        print("{name:20s} {ours_s:12.3e} s   {peer}: {peer_s:12.3e} s   ratio {ratio:.2f}".format(**row))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
