"""``tallystick ceremony`` on `.ptau` files: the same journey, import and export, and one clear line per refusal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.ceremony import app
from zk.ptau import verify_ptau
from zk.srs import development_srs, load_srs, store_srs, verify_srs

VECTORS = Path(__file__).parent.parent / "vectors"


def call(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=text)


def refused(result: Result, what: str) -> None:
    """Exit code 1, nothing on standard output, and one line that says what is wrong."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len([line for line in lines if line.startswith("error: ")]) == 1
    assert re.search(what, lines[-1]), result.stderr


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """A ceremony of two parties on one file, the string imported from it, and the receipts."""
    folder = tmp_path_factory.mktemp("ptau")
    state, srs, receipts = folder / "study.ptau", folder / "srs", []
    assert "power 4" in call("begin", state, "--log-rows", "3").stdout
    for name, entropy in (("hospital", "dice 3 5 1"), ("regulator", "coins hhth")):
        result = call("contribute", state, "--name", name, "--entropy", "-", text=entropy)
        assert result.exit_code == 0, result.output
        assert entropy not in result.output
        receipts += re.findall(r"receipt ([0-9a-f]{128})", result.stdout)
    result = call("import", state, "--log-rows", "3", "--out", srs)
    assert result.exit_code == 0, result.output
    assert load_srs(srs).id.hex() in result.stdout
    return state, srs, receipts


def test_two_parties_make_a_production_string(journey: tuple[Path, Path, list[str]]) -> None:
    state, path, receipts = journey
    verify_srs(load_srs(path))
    assert not load_srs(path).development
    assert verify_ptau(state).receipts == receipts


def test_verify_explains_in_plain_words_what_it_checked_and_what_not(journey: tuple[Path, Path, list[str]]) -> None:
    state, srs, receipts = journey
    result = call("verify", state, "--receipt", receipts[1].upper(), "--srs", srs)
    assert result.exit_code == 0, result.output
    for name, receipt in zip(("hospital", "regulator"), receipts, strict=True):
        assert re.search(rf"checked: contribution \d \({name}\): .*proves knowledge.*{receipt}", result.stdout)
    for words in ("no evaluation domain", "needs one honest ceremony contributor", "not shown: ", "is the result of"):
        assert words in result.stdout


def test_verify_refuses_an_unknown_receipt_and_another_string(
    journey: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    state, _, receipts = journey
    refused(call("verify", state, "--receipt", receipts[0][::-1]), "not in the chain")
    store_srs(development_srs(3), tmp_path / "srs")
    refused(call("verify", state, "--srs", tmp_path / "srs"), "not the result")
    store_srs(development_srs(6), tmp_path / "larger")
    refused(call("verify", state, "--srs", tmp_path / "larger"), "too few powers")


def test_file_of_snarkjs_imports(tmp_path: Path) -> None:
    result = call("import", VECTORS / "snarkjs_power4.ptau", "--log-rows", "4", "--out", tmp_path / "srs")
    assert result.exit_code == 0, result.output
    assert "3 contributions" in result.stdout
    verify_srs(load_srs(tmp_path / "srs"))


def test_export_cuts_and_says_for_how_many_rows(journey: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    state, _, receipts = journey
    result = call("export", state, "--out", tmp_path / "cut.ptau", "--log-rows", "2")
    assert result.exit_code == 0, result.output
    assert "power 3, 2 contributions" in result.stdout
    assert "up to 2^2 rows" in result.stdout
    assert verify_ptau(tmp_path / "cut.ptau").receipts == receipts
    refused(call("contribute", tmp_path / "cut.ptau", "--name", "late"), "takes no more contributions")
    assert call("export", state, "--out", tmp_path / "all.ptau").exit_code == 0
    assert (tmp_path / "all.ptau").read_bytes() == state.read_bytes()


def test_wrong_uses_are_explained(journey: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    state, srs, _ = journey
    refused(call("begin", tmp_path / "a.ptau", "--label", "x"), "holds no label")
    refused(call("begin", state), "exists already")
    refused(call("import", state, "--log-rows", "3", "--out", srs), "exists already")
    refused(call("import", state, "--log-rows", "5", "--out", tmp_path / "srs"), "too few powers")
    refused(call("finish", state, "--out", tmp_path / "srs"), "ceremony import")
    refused(call("import", srs, "--out", tmp_path / "srs"), "not a .ptau file")
    refused(call("export", srs, "--out", tmp_path / "out.ptau"), "cannot be computed")
    refused(call("export", tmp_path / "none", "--out", tmp_path / "out.ptau"), "cannot read")
    assert not (tmp_path / "srs").exists()


def test_empty_and_damaged_files_are_refused(journey: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    empty, bad = tmp_path / "empty.ptau", tmp_path / "bad.ptau"
    assert call("begin", empty, "--log-rows", "1").exit_code == 0
    refused(call("verify", empty), "nobody has contributed")
    refused(call("import", empty, "--log-rows", "1", "--out", tmp_path / "srs"), "nobody has contributed")
    bad.write_bytes(journey[0].read_bytes()[:-1])
    for command in (("verify", bad), ("contribute", bad, "--name", "a"), ("import", bad, "--out", tmp_path / "srs")):
        refused(call(*command), "truncated")
