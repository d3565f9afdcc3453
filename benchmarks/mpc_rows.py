"""Rows of the MPC engine: three processes of ours beside three of every peer, in turn, all on one processor."""

from __future__ import annotations

import json
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.mpc_data import ALIGN, LONG, Workload
from benchmarks.peers.mpyc_certificates import store_certificates
from benchmarks.peers.process import ROOT, ContestantFailedError, PeersMissingError, environment, pinned
from mpc.computation import Security
from services.config import PartyEndpoint, TlsConfig
from services.identity import DemoAuthority, Role

NAMES = ("north", "south", "west")
PEER_PYTHON = ROOT / ".venv-peers-mpc" / "bin" / "python"
SPU, MPYC = "spu", "mpyc"
DESCRIPTIONS = {SPU: "SPU ABY3 FM64, TLS", MPYC: "MPyC SecInt, TLS"}
ALIGN_PEER = "SPU RR22 PSI of two parties, TLS"
ALIGN_NOTE = "RR22 shows who is in both lists, ours shows nobody"
MPYC_SIZES = {"less": 1000, "sort": 64, "median": 64}
"""MPyC would take minutes to hours on the others' sizes; its time is scaled up in proportion to the rows."""
ONCE = ("sort", "median")
"""Peers take tens of seconds: one repetition."""


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
    """Three processes that answer the same requests; a context manager that ends them.

    Args:
        commands: one for each.
        cores: how many processors all of them share.
        folder: where they run.
    """

    def __init__(self, commands: Sequence[list[str]], cores: int, folder: Path = ROOT) -> None:
        self._processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=folder,
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
        request = {**asdict(work), "runs": runs}
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


def certificates(folder: Path) -> list[dict[str, Any]]:
    """Return certificate files of three parties, of one authority made for this run."""
    authority = DemoAuthority.create()
    issued = [authority.issue_files(folder, Role.PARTY, name) for name in NAMES]
    return [TlsConfig.of(files).model_dump(mode="json") for files in issued]


def ours(tls: Sequence[dict[str, Any]], cores: int, security: Security = "semi-honest") -> Trio:
    """Start three parties of ours."""
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
        "peak_bytes": max(answer.get("peak_bytes") or 0 for answer in answers),
        "rounds": max(answer.get("rounds") or 0 for answer in answers),
        "wrong": faults[0] if faults else "",
    }


def peer(name: str, tls: Sequence[dict[str, Any]], cores: int, folder: Path) -> Trio:
    """Start three parties of a peer: SPU with our certificates, MPyC with its own in a folder."""
    ports, commands = free_ports(5), []  # SPU's intersection has two parties and a link of its own
    if name == MPYC:
        store_certificates(folder, 3)
    for rank in range(3):
        given: dict[str, Any] = {"rank": rank, "ports": ports[:3]}
        if name == SPU:
            given |= {"tls": tls[rank], "pair_ports": ports[3:]}
        commands.append([str(PEER_PYTHON), "-m", f"benchmarks.peers.mpc_{name}", json.dumps(given)])
    return Trio(commands, cores, folder if name == MPYC else ROOT)


def check_peers() -> dict[str, str]:
    """Return the peers' versions.

    Raises:
        PeersMissingError: they are not installed.
    """
    if not PEER_PYTHON.exists():
        raise PeersMissingError("the peers' Python environment is missing: run `make bench-peers-mpc`")
    names = [SPU, MPYC]
    ask = f"import json; from importlib.metadata import version; print(json.dumps({{n: version(n) for n in {names}}}))"
    answer = subprocess.run([str(PEER_PYTHON), "-c", ask], check=True, capture_output=True, text=True, timeout=60)
    versions: dict[str, str] = json.loads(answer.stdout)
    return versions


def measure_rows(
    works: Sequence[Workload], runs: int, peers: Mapping[str, str], security: Security = "semi-honest"
) -> Iterator[dict[str, Any]]:
    """Yield one row for each workload and peer; ours is measured before and after every peer, its faster median counts.

    Args:
        works: what to measure.
        runs: repetitions of ours.
        peers: names and versions; empty for ours alone.
        security: our mode.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tallystick-bench-"))
        tls = certificates(Path(folder))
        trio = stack.enter_context(ours(tls, 1, security))
        others = {name: stack.enter_context(peer(name, tls, 1, Path(folder))) for name in peers}
        for work in works:
            measured = summary(trio.measure(work, 1 if work.kind in LONG else runs))
            beside = {SPU: others[SPU]} if work.kind == ALIGN and others else others
            for name, contestant in beside.items():
                size = MPYC_SIZES.get(work.kind, work.n) if name == MPYC else work.n
                repeated = 1 if work.kind in ONCE or size != work.n else min(runs, 3)
                theirs = summary(contestant.measure(replace(work, n=size), repeated))
                scale = work.n / size
                again = measured if work.kind in LONG else summary(trio.measure(work, runs))
                yield _row(
                    work, min(measured, again, key=lambda found: found["wall_s"]), name, peers[name], theirs, scale
                )
            if not others:
                yield _row(work, measured, "", "", None, 1.0)


def _row(
    work: Workload, measured: dict[str, Any], name: str, version: str, theirs: dict[str, Any] | None, scale: float
) -> dict[str, Any]:
    row = {
        "name": work.name,
        "ours_s": measured["wall_s"],
        "ours_best_s": measured["best_s"],
        "ours_cpu_s": measured["cpu_s"],
        "bytes_per_party": measured["bytes_per_party"],
        "rounds": measured["rounds"],
        "peak_bytes": measured["peak_bytes"],
        "ours_wrong": measured["wrong"],
        "peer": "",
        "peer_s": 0.0,
        "ratio": 0.0,
    }
    if theirs is not None:
        row |= {
            "peer": f"{ALIGN_PEER if work.kind == ALIGN else DESCRIPTIONS[name]} {version}",
            "note": ALIGN_NOTE if work.kind == ALIGN else "",
            "peer_s": theirs["wall_s"] * scale,
            "peer_cpu_s": theirs["cpu_s"] * scale,
            "peer_scaled_by": scale,
            "peer_wrong": theirs["wrong"],
            "ratio": theirs["wall_s"] * scale / measured["wall_s"],
            "cpu_ratio": theirs["cpu_s"] * scale / measured["cpu_s"],
        }
    return row


def print_row(row: dict[str, Any]) -> None:
    """Print one row."""
    line = f"{row['name']:18s} {row['ours_s'] * 1e3:9.2f} ms (cpu {row['ours_cpu_s'] * 1e3:8.2f})"
    if row["peer"]:
        line += f"   {row['peer']:34s} {row['peer_s'] * 1e3:11.1f} ms (cpu {row['peer_cpu_s'] * 1e3:10.1f})"
        line += f"   ratio {row['ratio']:8.1f}, by cpu {row['cpu_ratio']:8.1f}"
        if row["peer_scaled_by"] != 1:
            line += f"   (peer's time scaled by {row['peer_scaled_by']:g})"
    line += f"   {row['rounds']} rounds, bytes {row['bytes_per_party']}"
    if row.get("note"):
        line += f"   {row['note']}"
    for who in ("ours", "peer"):
        if row.get(f"{who}_wrong"):
            line += f"   {who.upper()} WRONG: {row[f'{who}_wrong']}"
    print(line, flush=True)
