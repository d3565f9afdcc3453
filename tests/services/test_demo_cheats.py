"""When an attempt to cheat counts as rejected, and how the demonstration ends when something is wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from ledger.errors import LedgerUnreachableError, TransactionRevertedError
from services.client_errors import ResultRejectedError
from services.demo.cheats import Attempt, make_attempts
from services.demo.errors import DemoFailedError
from services.demo.lying_party import with_one_more
from services.demo.main import CHEATS, run_demo
from services.demo.studies import STUDIES, Output, Study
from zk.errors import ProofRejectedError
from zk.field import FR


def raising(error: Exception) -> Attempt:
    def run() -> None:
        raise error

    return Attempt("judge", "pairing", run)


@pytest.mark.parametrize(
    "error",
    [TransactionRevertedError("pairing", tx_hash="0x" + "ab" * 32), ProofRejectedError("pairing"),
     ResultRejectedError("proof rejected: pairing")],
)
def test_refusal_for_the_forgery_counts(error: Exception) -> None:
    found = make_attempts("a lie", [raising(error), raising(error)])
    assert found.rejected
    assert found.reason.count("judge: ") == 2


def test_one_judge_who_accepts_is_enough_to_fail() -> None:
    found = make_attempts("a lie", [raising(ProofRejectedError("pairing")), Attempt("judge", "pairing", lambda: None)])
    assert not found.rejected
    assert "ACCEPTED" in found.reason


def test_refusal_for_another_reason_proves_nothing() -> None:
    with pytest.raises(DemoFailedError, match="another reason"):
        make_attempts("a lie", [raising(TransactionRevertedError("state"))])


def test_judge_who_could_not_be_asked_is_no_refusal() -> None:
    with pytest.raises(LedgerUnreachableError):
        make_attempts("a lie", [raising(LedgerUnreachableError("no node"))])


def test_the_lie_is_one_more_in_the_first_sum() -> None:
    assert FR.to_integers(with_one_more(FR.from_integers([5, 6, 7]))) == [6, 6, 7]


def test_demo_of_a_city_too_small_ends_with_one_error_and_a_report(tmp_path: Path) -> None:
    path, text = tmp_path / "report.json", io.StringIO()
    path.write_text("{}")
    assert run_demo(Console(file=text), path, persons=50) == 1
    assert "minimum" in text.getvalue()
    assert json.loads(path.read_text())["queries"] == []


def children() -> set[str]:
    """Process ids of this process's children."""
    return {child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()}


@pytest.mark.slow
def test_demo_passes_and_leaves_nothing_running(tmp_path: Path) -> None:
    path, text, before = tmp_path / "report.json", io.StringIO(), children()
    assert run_demo(Console(file=text), path, persons=2000, studies=STUDIES[:1]) == 0, text.getvalue()
    found = json.loads(path.read_text())
    assert len(found["cheats"]) == CHEATS
    assert all(cheat["rejected"] for cheat in found["cheats"])
    assert [query["result"] for query in found["queries"]] == [query["plaintext"] for query in found["queries"]]
    assert children() == before


@pytest.mark.slow
def test_demo_fails_where_a_result_is_not_the_pooled_one(tmp_path: Path) -> None:
    other = Study("", "SELECT VAR_POP(age) AS v FROM exams", ("exams",), (Output("v", "VAR_POP", (("exams", "bp"),)),))
    path, text, before = tmp_path / "report.json", io.StringIO(), children()
    assert run_demo(Console(file=text, width=200), path, persons=2000, studies=[other]) == 1
    assert "pooled it is" in " ".join(text.getvalue().split())
    assert json.loads(path.read_text())["queries"] == []
    assert children() == before
