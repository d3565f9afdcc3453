"""The benchmark of a plan in the clear, on few rows: its keys, and that both sides agree."""

from __future__ import annotations

import json

import pytest

from benchmarks.plan_rows import main


def test_plan_of_eight_predictors(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rows", "3000", "--runs", "1"])
    row = json.loads(capsys.readouterr().out)
    assert row["sums"] == 54  # the square of a boolean is the boolean
    assert row["largest_difference"] < 1e-6
    assert row["ratio"] == pytest.approx(row["peer_s"] / row["ours_s"])
