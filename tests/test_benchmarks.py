"""The benchmarks on tiny sizes, without peers: their rows, their names, and that a wrong result ends them."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import benchmarks.__main__ as command
from benchmarks import kernel_rows as rows
from benchmarks import proof_rows
from benchmarks.circuit_files import CircuitFiles
from benchmarks.kernel_inputs import KernelInputs
from benchmarks.peers.ours_prover import prove
from benchmarks.peers.process import OURS, Contestant, ContestantFailedError, PeersMissingError, check_installed
from benchmarks.proof_questions import QUESTIONS
from benchmarks.proof_worker import Instance, measure
from zk.errors import WitnessUnsatisfiedError


def test_kernels_write_the_documented_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "kernels.json"
    names = ["mul", "msm_2e6", "ntt_2e6"]
    arguments = ["kernels", "--sizes", "6", "--cores", "1", "--runs", "1", "--json", str(written), "--only", *names]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    command.main()
    report = json.loads(written.read_text())
    assert {"processor", "cores", "ifma", "kernels", "python", "numba"} <= report["machine"].keys()
    measured = {row["name"] for row in report["rows"]}
    assert measured == {"mul", "mul_cached_2e9", "msm_2e6", "msm_2e6_32bit", "ntt_2e6"}
    for row in report["rows"]:
        assert {"name", "ours_s", "peer", "peer_s", "ratio"} <= row.keys()
        assert row["ours_s"] > 0
        assert row["peer_s"] > 0
        assert math.isclose(row["ratio"], row["peer_s"] / row["ours_s"])


def test_the_default_plan_names_every_documented_row(tmp_path: Path) -> None:
    plan = rows.Plan(peers=True, log_sizes=(16, 20), cores=(1, 2), runs=3)
    jobs = list(rows.speed_jobs(plan, KernelInputs(tmp_path)))
    documented = {
        "mul",
        "mul_cached_2e9",
        "horner_2e16",
        "msm_2e16",
        "msm_2e20",
        "msm_2e20_32bit",
        "ntt_2e20",
        "pairing_check",
        "fixed_base",
    }
    assert documented <= {job.name for job in jobs}
    assert all(job.ours.cores == 1 for job in jobs if job.name in documented)
    assert not list(tmp_path.iterdir()), "inputs are made only for what is measured"


def test_different_results_end_the_benchmark(tmp_path: Path) -> None:
    files = KernelInputs(tmp_path)
    ours, other = (rows.Side(OURS, lambda n=n: files.ntt(n)) for n in (8, 16))
    assert rows.measure_job(rows.Job("agree", "ntt", ours, [ours], must_agree=True), 1)
    with pytest.raises(rows.ResultsDifferError):
        rows.measure_job(rows.Job("agree", "ntt", ours, [other], must_agree=True), 1)


def test_our_contestant_proves_what_verifies() -> None:
    prepared = prove({"log_n": 6})
    told = json.loads(prepared.encode(prepared.run()))
    assert told["verified"] is True
    assert told["proof_bytes"] == 512


def test_a_contestant_that_ends_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContestantFailedError), Contestant(OURS, 1) as contestant:
        contestant.prepare("ntt", {"scalars": str(tmp_path / "missing")})


def test_missing_peers_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.peers.process.PEER_PYTHON", tmp_path / "missing")
    with pytest.raises(PeersMissingError, match="bench-peers"):
        check_installed()


def test_without_a_command_proofs_are_measured() -> None:
    assert command._options([]).command == "prove"
    assert command._options(["--sizes", "4"]).sizes == [4]
    with pytest.raises(SystemExit):
        command._options(["kernels", "--unknown"])


def test_proofs_write_the_documented_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, gas = tmp_path / "proofs.json", tmp_path / "gas.json"
    gas.write_text(json.dumps({"sums": {"single": 240_000}}))
    arguments = ["prove", "--sizes", "5", "6", "--questions", "sums", "--joint-limit", "5", "--cores", "1"]
    arguments += ["--runs", "1", "--gas", str(gas), "--json", str(written)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    command.main()
    found = {row["name"]: row for row in json.loads(written.read_text())["rows"]}
    assert set(found) == {"sums_2e5", "sums_verify_2e5", "sums_joint_2e5", "sums_2e6", "sums_verify_2e6"}
    alone, joint = found["sums_2e5"], found["sums_joint_2e5"]
    assert (alone["proof_bytes"], alone["gas"], joint["gas"]) == (512, 240_000, None)
    assert alone["growth_per_doubling"] is None
    assert found["sums_2e6"]["growth_per_doubling"] > 0
    assert len(joint["contributor_cpu_s"]) == 3
    assert math.isclose(joint["alone_ratio"], max(joint["contributor_cpu_s"]) / alone["contributor_cpu_s"][0])
    for row in found.values():
        assert math.isclose(row["ratio"], row["peer_s"] / row["ours_s"])
        if "stages_cpu_s" in row:
            assert {"columns", "round1", "round2", "accumulator", "quotient", "opening"} <= row["stages_cpu_s"].keys()
            assert row["peak_bytes"] > 0
            assert row["cold_s"] > 0


@pytest.mark.parametrize(("question", "provers"), [("sums", "sealed"), ("groups", "joint"), ("ranges", "joint")])
def test_every_question_is_proved(question: str, provers: str) -> None:
    measured = measure(question, 6, provers, 1)
    assert measured["proof_bytes"] % 32 == 0
    assert len(measured["contributor_cpu_s"]) == (3 if provers == "joint" else 1)


def test_columns_that_do_not_satisfy_a_question_are_no_measurement() -> None:
    question = QUESTIONS["ranges"](6, False)
    question.columns[0][:] = 2  # the first dataset's column ``present``
    instance = Instance(question)
    instance.commit_table()
    with pytest.raises(WitnessUnsatisfiedError):
        instance.single()


def test_a_worker_that_fails_ends_the_benchmark() -> None:
    with pytest.raises(proof_rows.WorkerFailedError):
        list(proof_rows.measure_proofs(proof_rows.ProofPlan((6,), questions=("none",), cores=(1,))))


def test_the_peers_circuit_is_satisfied(tmp_path: Path) -> None:
    paths = CircuitFiles(tmp_path).inner_product(3)
    wires = np.frombuffer(Path(paths["wtns"]).read_bytes()[76:], dtype="<u8").reshape(-1, 4)
    assert not wires[:, 2:].any()
    values = [int(low) + (int(high) << 64) for low, high in wires[:, :2]]
    assert values[0] == 1
    assert values[1] == sum(a * b for a, b in zip(values[2:10], values[10:18], strict=True))
    assert len(values) == 3 * 8 + 1
