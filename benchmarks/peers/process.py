"""The asking side: starts contestants on chosen processors and passes requests to them."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.peers.worker import Cost

ROOT = Path(__file__).parents[2]
PEER_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
NODE_MODULES = Path(__file__).parent / "node_modules"

OURS = "ours"
OURS_SCALAR = "ours, scalar path"
OURS_PROVER = "ours, proving"
ZKSNAKE_PROVER = "zksnake_prover"
LIBRARIES = ("zksnake", "ffjavascript", "snarkjs", "py_ecc", "galois")
JAVASCRIPT = ("ffjavascript", "snarkjs")

_THREAD_SETTINGS = tuple(f"{prefix}_NUM_THREADS" for prefix in ("RAYON", "OMP", "NUMBA", "OPENBLAS", "MKL"))


class ContestantFailedError(Exception):
    """A contestant's process ended, or never started."""


class PeersMissingError(Exception):
    """A peer is not installed."""


@dataclass(frozen=True)
class Run:
    """What one repetition cost, and how much of that were conversions the library's interface forces."""

    call: Cost
    convert: Cost


def allowed_processors() -> list[int]:
    """Return the numbers of the processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _busy_ticks() -> dict[int, int]:
    """Processor number -> ticks it was not idle so far; empty where the system does not say."""
    stat, ticks = Path("/proc/stat"), {}
    for line in stat.read_text().splitlines() if stat.exists() else ():
        name, *counts = line.split()
        if name.startswith("cpu") and name[3:].isdigit():
            user, nice, system, _, _, *more = map(int, counts[:8])
            ticks[int(name[3:])] = user + nice + system + sum(more)
    return ticks


@functools.lru_cache(maxsize=1)
def quietest_processors() -> tuple[int, ...]:
    """Return the processors this process may use, the least busy first; one order for the whole run."""
    before = _busy_ticks()
    time.sleep(0.5)
    after = _busy_ticks()
    return tuple(sorted(allowed_processors(), key=lambda number: after.get(number, 0) - before.get(number, 0)))


def check_installed() -> None:
    """Raise PeersMissingError unless every peer is installed."""
    if not PEER_PYTHON.exists():
        raise PeersMissingError("the peers' Python environment is missing: run `make bench-peers`")
    for name in JAVASCRIPT:
        if not (shutil.which("node") and (NODE_MODULES / name).exists()):
            raise PeersMissingError(f"{name} is missing: install Node.js and run `make bench-peers`")


def installed_versions() -> dict[str, str]:
    """Return the version of every installed peer, by name."""
    names = [name for name in LIBRARIES if name not in JAVASCRIPT]
    ask = f"import json; from importlib.metadata import version; print(json.dumps({{n: version(n) for n in {names}}}))"
    answer = subprocess.run([str(PEER_PYTHON), "-c", ask], check=True, capture_output=True, text=True, timeout=60)
    manifests = {name: json.loads((NODE_MODULES / name / "package.json").read_text()) for name in JAVASCRIPT}
    return {**json.loads(answer.stdout), **{name: manifest["version"] for name, manifest in manifests.items()}}


def pinned(cores: int) -> Callable[[], None]:
    """Return what a child calls before it starts, to stay on the ``cores`` quietest processors."""
    chosen = quietest_processors()[:cores]

    def pin() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, chosen)

    return pin


def environment(cores: int, **more: str) -> dict[str, str]:
    """Return the environment of a process that may use ``cores`` threads."""
    settings = dict.fromkeys(_THREAD_SETTINGS, str(cores))
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, **settings, "CONTESTANT_CORES": str(cores), "PYTHONPATH": path, **more}


def _command(name: str) -> tuple[list[str], dict[str, str]]:
    if name == OURS:
        return [sys.executable, "-m", "benchmarks.peers.ours"], {}
    if name == OURS_SCALAR:
        return [sys.executable, "-m", "benchmarks.peers.ours"], {"TALLYSTICK_KERNELS": "scalar"}
    if name == OURS_PROVER:
        return [sys.executable, "-m", "benchmarks.peers.ours_prover"], {}
    if name in JAVASCRIPT:
        return ["node", str(Path(__file__).with_name(f"{name}.mjs"))], {}
    return [str(PEER_PYTHON), "-m", f"benchmarks.peers.{name}_peer"], {}


class Contestant:
    """One library in a process of its own, on ``cores`` processors; a context manager that ends it."""

    def __init__(self, name: str, cores: int) -> None:
        self.name, self.cores = name, cores
        command, settings = _command(name)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(cores, **settings),
            preexec_fn=pinned(cores),
        )

    def __enter__(self) -> Contestant:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise ContestantFailedError(f"{self.name} has no pipes")
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError as fault:
            raise ContestantFailedError(f"{self.name} ended; its message is above") from fault
        if not line:
            raise ContestantFailedError(f"{self.name} ended; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def prepare(self, task: str, inputs: Mapping[str, Any]) -> str:
        """Have the inputs of ``task`` read and converted, untimed; return the library's name and version."""
        about = self._ask(do="prepare", task=task, inputs=dict(inputs))
        return f"{about['library']} {about['version']}".strip()

    def run(self) -> Run:
        """Return what one repetition cost per operation."""
        cost = self._ask(do="run")
        return Run(Cost(cost["wall_s"], cost["cpu_s"]), Cost(cost["convert_wall_s"], cost["convert_cpu_s"]))

    def result(self) -> str:
        """Return the result of the last repetition, in the neutral form."""
        return str(self._ask(do="result")["result"])
