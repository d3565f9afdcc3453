"""Rows of the MPC engine: three processes of ours beside three of every peer, in turn, all on one processor."""

from __future__ import annotations

import json
import secrets
import socket
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.mpc_data import Workload
from benchmarks.peers.process import ROOT, ContestantFailedError, environment, pinned
from services.config import PartyEndpoint, TlsConfig
from services.identity import DemoAuthority, Role

NAMES = ("north", "south", "west")


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Trio:
    """Three processes that answer the same requests; a context manager that ends them."""

    def __init__(self, commands: Sequence[list[str]], cores: int) -> None:
        self._processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=environment(cores),
                preexec_fn=pinned(cores),
            )
            for command in commands
        ]

    def __enter__(self) -> Trio:
        for number in range(3):
            self._answer(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
            if kind is not None:
                process.kill()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def measure(self, work: Workload, runs: int) -> list[dict[str, Any]]:
        """Return what each party measured."""
        request = {"kind": work.kind, "n": work.n, "value_bits": work.value_bits, "runs": runs}
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
        return [self._answer(number) for number in range(3)]

    def _answer(self, number: int) -> dict[str, Any]:
        stdout = self._processes[number].stdout
        for line in stdout or ():
            if line.startswith("{"):  # libraries log to stdout, too
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise ContestantFailedError(f"party {number} ended; its message is above")


def ours(folder: Path, cores: int, security: str = "semi-honest") -> Trio:
    """Start three parties of ours with certificates of their own."""
    authority = DemoAuthority.create()
    tls = [TlsConfig.of(authority.issue_files(folder, Role.PARTY, name)).model_dump(mode="json") for name in NAMES]
    parties = [
        PartyEndpoint(name=name, number=number, address=f"127.0.0.1:{port}").model_dump(mode="json")
        for number, (name, port) in enumerate(zip(NAMES, free_ports(3)))
    ]
    session = secrets.token_hex(32)
    commands = []
    for number in range(3):
        given = {"number": number, "parties": parties, "tls": tls[number], "session": session, "security": security}
        commands.append([sys.executable, "-m", "benchmarks.mpc_party", json.dumps(given)])
    return Trio(commands, cores)


def summary(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the median wall time of the slowest party, the processor time of all, and the traffic."""
    faults = [answer["fault"] for answer in answers if answer["fault"]]
    return {
        "wall_s": max(statistics.median(answer["wall_s"]) for answer in answers),
        "best_s": max(min(answer["wall_s"]) for answer in answers),
        "cpu_s": sum(statistics.median(answer["cpu_s"]) for answer in answers),
        "bytes_per_party": [answer.get("bytes") for answer in answers],
        "rounds": max(answer.get("rounds") or 0 for answer in answers),
        "wrong": faults[0] if faults else "",
    }
