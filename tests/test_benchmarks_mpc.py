"""The MPC benchmark on tiny sizes, without peers: its rows, and that a wrong result is reported as wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import mpc_rows
from benchmarks.mpc_align_party import count_rows
from benchmarks.mpc_data import WORKLOADS, Workload, describe_fault
from benchmarks.peers.process import PeersMissingError

KEYS = {"name", "ours_s", "peer", "peer_s", "ratio", "bytes_per_party", "rounds"}


def test_three_processes_answer_every_workload_rightly() -> None:
    quick = [work for work in WORKLOADS if work.kind not in ("sort", "median")]  # those have tests of their own
    works = list({work.kind: replace(work, n=200) for work in quick}.values())
    rows = list(mpc_rows.measure_rows(works, 1, {}))
    assert [row["name"] for row in rows] == [work.name for work in works]
    for row in rows:
        assert row.keys() >= KEYS
        assert row["ours_wrong"] == ""
        assert row["ours_s"] > 0
        assert row["rounds"] > 0
        assert row["peak_bytes"] > 1 << 20
    by_kind = {work.kind: row for work, row in zip(works, rows)}
    assert by_kind["inner"]["bytes_per_party"] == [1616, 1616, 16]  # a column each, then one element to both peers
    assert by_kind["product"]["bytes_per_party"] == [1600] * 3


def test_wrong_results_are_described() -> None:
    work = Workload("inner", 10)
    right = work.expected()
    assert describe_fault(right, right) == ""
    assert describe_fault(right + 1, right) == "1 of 1 values wrong"
    assert describe_fault(right.astype(np.float64) * 1.0016, right) == "1 of 1 values wrong"
    assert describe_fault(np.zeros(2, np.int64), right) == "2 values instead of 1"


def test_rows_of_an_alignment_are_counted() -> None:
    work = Workload("align", 100, security="malicious")
    lists = work.inputs()
    place = {person: row for row, person in enumerate(np.union1d(*lists).tolist())}
    left, right = (np.array([place[person] for person in persons.tolist()]) for persons in lists)
    assert describe_fault(count_rows(lists, left, right), work.expected()) == ""
    missed, shared = left.copy(), left.copy()
    missed[np.isin(lists[0], lists[1]).argmax()] = 1000  # somebody in both lists has a row of their own in one
    shared[np.isin(lists[0], lists[1]).argmin()] = right[0]  # somebody in one list is taken for somebody else
    for wrong in (missed, shared):
        assert "values wrong" in describe_fault(count_rows(lists, wrong, right), work.expected())


def test_missing_peers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpc_rows, "PEER_PYTHON", mpc_rows.ROOT / "nowhere" / "python")
    with pytest.raises(PeersMissingError, match="bench-peers-mpc"):
        mpc_rows.check_peers()
