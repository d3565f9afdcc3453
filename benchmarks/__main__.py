"""`python -m benchmarks [prove | kernels | mpc | machine]`; each measures both sides of its ratios in one run.

prove    [--peers] [--sizes K ...] [--peer-sizes K ...] [--joint-limit K] [--questions NAME ...]
         [--provers NAME ...] [--cores C ...] [--runs R] [--gas FILE] [--json FILE]       whole proofs (the default)
kernels  [--peers] [--sizes K ...] [--cores C ...] [--only NAME ...] [--runs R] [--json FILE]
mpc      [--peers] [--only NAME ...] [--runs R] [--malicious] [--json FILE]      three parties on one processor, TLS
machine                                                   what machine this is, and which kernels it runs
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.circuit_files import CircuitFiles
from benchmarks.kernel_inputs import KernelInputs
from benchmarks.kernel_rows import Plan, Row, agreement_jobs, as_json, measure_job, speed_jobs
from benchmarks.machine import describe
from benchmarks.mpc_data import WORKLOADS
from benchmarks.mpc_rows import check_peers, measure_rows, print_row
from benchmarks.peers.ours import path_name
from benchmarks.peers.process import allowed_processors, check_installed, installed_versions
from benchmarks.proof_peers import measure_peers
from benchmarks.proof_questions import QUESTIONS
from benchmarks.proof_rows import ProofPlan, describe_proof, measure_proofs, read_gas
from benchmarks.proof_worker import PROVERS
from benchmarks.start_up import START_UP_ROWS, measure_start_up
from mpc.computation import MALICIOUS, SEMI_HONEST
from zk.kernels import warm_up

COMMANDS = ("prove", "kernels", "mpc", "machine")


def machine() -> dict[str, Any]:
    """Return the machine's description with the kernels it runs and how busy it is."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0
    return {**describe(), "kernels": path_name(), "load_1min": load}


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    prove = commands.add_parser("prove", help="proofs by stage, alone and by three, beside other provers")
    prove.add_argument("--peers", action="store_true", help="beside what `make bench-peers` installed")
    prove.add_argument("--sizes", type=int, nargs="+", default=list(range(12, 23)), help="log2 of the numbers of rows")
    prove.add_argument("--peer-sizes", type=int, nargs="+", default=[12, 14, 16], help="sizes beside other provers")
    prove.add_argument("--joint-limit", type=int, default=20, help="the largest size that three provers prove")
    prove.add_argument("--questions", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    prove.add_argument("--provers", nargs="+", choices=PROVERS, default=["single", "joint"])
    prove.add_argument("--gas", type=Path, help="JSON: question -> prover -> gas of its transaction")
    kernels = commands.add_parser("kernels", help="field, MSM, NTT, pairing and start-up beside other libraries")
    kernels.add_argument("--peers", action="store_true", help="beside what `make bench-peers` installed")
    kernels.add_argument("--sizes", type=int, nargs="+", default=[16, 20], help="log2 of MSM and NTT sizes")
    kernels.add_argument("--only", nargs="+", default=[], help="rows whose names start so, e.g. msm_2e16 agree_")
    for measuring in (prove, kernels):
        measuring.add_argument("--cores", type=int, nargs="+", default=[1, 2], help="on so many processors, in turn")
        measuring.add_argument("--runs", type=int, default=3, help="runs of each; the median counts")
        measuring.add_argument("--json", type=Path, help="write the rows here")
    joint = commands.add_parser("mpc", help="three parties' statistics beside SPU and MPyC")
    joint.add_argument("--peers", action="store_true", help="beside what `make bench-peers-mpc` installed")
    joint.add_argument("--only", nargs="+", default=[], help="rows whose names start so, e.g. inner less_1e5")
    joint.add_argument("--runs", type=int, default=9, help="repetitions; the median counts")
    joint.add_argument("--malicious", action="store_true", help="our malicious mode, where it has the workload")
    joint.add_argument("--json", type=Path, help="write the rows here")
    commands.add_parser("machine", help="what machine this is")
    named = arguments and (arguments[0] in COMMANDS or arguments[0] in ("-h", "--help"))
    return parser.parse_args(arguments if named else ["prove", *arguments])


def _seconds(value: float) -> str:
    unit, factor = next(((u, f) for u, f in (("s ", 1.0), ("ms", 1e3), ("µs", 1e6)) if value * f >= 1), ("ns", 1e9))
    return f"{value * factor:8.3f} {unit}"


def _print_row(row: dict[str, Any]) -> None:
    ours, theirs = _seconds(row["ours_s"]), _seconds(row["peer_s"])
    by_cpu = f"   by processor time {row['cpu_ratio']:8.2f}" if row.get("cpu_ratio") else ""
    print(f"{row['name']:24s} {ours}   {row['peer']:28s} {theirs}   ratio {row['ratio']:8.2f}{by_cpu}", flush=True)
    if details := describe_proof(row):
        print(details, flush=True)


def proof_rows(options: argparse.Namespace, cores: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Yield the rows of whole proofs as they are measured, those beside other provers last."""
    plan = ProofPlan(
        tuple(sorted(options.sizes)),
        options.joint_limit,
        tuple(options.questions),
        tuple(options.provers),
        cores,
        options.runs,
        read_gas(options.gas),
    )
    yield from measure_proofs(plan)
    if options.peers:
        with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as directory:
            files = CircuitFiles(Path(directory))
            for count in cores:
                yield from measure_peers(tuple(options.peer_sizes), count, options.runs, files)


def kernel_rows(plan: Plan, only: tuple[str, ...] = ()) -> Iterator[Row]:
    """Yield the rows of the plan as they are measured, those alone whose names start with one of ``only`` if any."""
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as directory:
        files = KernelInputs(Path(directory))
        for job in chain(agreement_jobs(plan, files), speed_jobs(plan, files)):
            if not only or job.name.startswith(only):
                yield from measure_job(job, 1 if job.must_agree else plan.runs)
    if not only or any(name.startswith(only) for name in START_UP_ROWS):
        yield from measure_start_up(plan.runs, plan.peers)


def joint_rows(options: argparse.Namespace, peers: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of three parties as they are measured."""
    chosen = [work for work in WORKLOADS if not options.only or work.name.startswith(tuple(options.only))]
    if options.malicious:  # inner and moments open sums of local products, which only trusting parties do
        chosen = [work for work in chosen if work.kind not in ("inner", "moments") and work.security != SEMI_HONEST]
    yield from measure_rows(chosen, options.runs, peers, MALICIOUS if options.malicious else SEMI_HONEST)


def main() -> None:
    """Measure, print a table of ratios, and write them where asked."""
    options = _options(sys.argv[1:])
    about = machine()
    print(json.dumps(about))
    if options.command == "machine":
        return
    if options.command == "mpc":
        about["peers"] = check_peers() if options.peers else {}
        joint = []
        for row in joint_rows(options, about["peers"]):
            print_row(row)
            joint.append(row)
        if options.json:
            options.json.write_text(json.dumps({"machine": about, "rows": joint}, indent=2) + "\n")
        return
    if options.peers:
        check_installed()
        about["peers"] = installed_versions()
    processors = len(allowed_processors())
    cores = tuple(count for count in options.cores if count <= processors)
    warm_up()
    if options.command == "prove":
        measured = proof_rows(options, cores)
    else:
        plan = Plan(options.peers, tuple(options.sizes), cores, options.runs)
        measured = map(as_json, kernel_rows(plan, tuple(options.only)))
    rows = []
    for row in measured:
        _print_row(row)
        rows.append(row)
    if options.json:
        options.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
