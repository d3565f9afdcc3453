"""The kernel benchmark on tiny sizes, without peers: its rows, its names, and that a wrong result ends it."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

import benchmarks.__main__ as command
from benchmarks import kernel_rows as rows
from benchmarks.kernel_inputs import KernelInputs
from benchmarks.peers.process import OURS, Contestant, ContestantFailedError, PeersMissingError, check_installed


def test_kernels_write_the_documented_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "kernels.json"
    names = ["mul", "msm_2e6", "ntt_2e6"]
    arguments = ["kernels", "--sizes", "6", "--cores", "1", "--runs", "1", "--json", str(written), "--only", *names]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    command.main()
    report = json.loads(written.read_text())
    assert {"processor", "cores", "ifma", "kernels", "python", "numba"} <= report["machine"].keys()
    measured = {row["name"] for row in report["rows"]}
    assert measured == {"mul", "msm_2e6", "msm_2e6_32bit", "ntt_2e6"}
    for row in report["rows"]:
        assert {"name", "ours_s", "peer", "peer_s", "ratio"} <= row.keys()
        assert row["ours_s"] > 0
        assert row["peer_s"] > 0
        assert math.isclose(row["ratio"], row["peer_s"] / row["ours_s"])


def test_the_default_plan_names_every_documented_row(tmp_path: Path) -> None:
    plan = rows.Plan(peers=True, log_sizes=(16, 20), cores=(1, 2), runs=3)
    jobs = list(rows.speed_jobs(plan, KernelInputs(tmp_path)))
    documented = {"mul", "msm_2e16", "msm_2e20", "msm_2e20_32bit", "ntt_2e20", "pairing_check", "fixed_base"}
    assert documented <= {job.name for job in jobs}
    assert all(job.ours.cores == 1 for job in jobs if job.name in documented)
    assert not list(tmp_path.iterdir()), "inputs are made only for what is measured"


def test_different_results_end_the_benchmark(tmp_path: Path) -> None:
    files = KernelInputs(tmp_path)
    ours, other = (rows.Side(OURS, lambda n=n: files.ntt(n)) for n in (8, 16))
    assert rows.measure_job(rows.Job("agree", "ntt", ours, [ours], must_agree=True), 1)
    with pytest.raises(rows.ResultsDifferError):
        rows.measure_job(rows.Job("agree", "ntt", ours, [other], must_agree=True), 1)


def test_a_contestant_that_ends_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContestantFailedError), Contestant(OURS, 1) as contestant:
        contestant.prepare("ntt", {"scalars": str(tmp_path / "missing")})


def test_missing_peers_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.peers.process.PEER_PYTHON", tmp_path / "missing")
    with pytest.raises(PeersMissingError, match="bench-peers"):
        check_installed()


def test_without_a_command_proofs_are_measured() -> None:
    assert command._options([]).command == "proofs"
    assert command._options(["--log-rows", "4"]).log_rows == [4]
    with pytest.raises(SystemExit):
        command._options(["kernels", "--unknown"])
