"""``tallystick ceremony`` on real files: the whole journey, and one clear line for each way it can go wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.ceremony import app
from zk.ceremony import load_ceremony
from zk.srs import development_srs, load_srs, store_srs, verify_srs


def call(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=text)


def refused(result: Result, what: str) -> None:
    """Exit code 1, nothing on standard output, and one line that says what is wrong."""
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len([line for line in lines if line.startswith("error: ")]) == 1
    assert re.search(what, lines[-1]), result.stderr
    assert "Traceback" not in result.output


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """A ceremony of three parties whose file travels, its exported string, and the receipts."""
    folder = tmp_path_factory.mktemp("ceremony")
    state, srs, receipts = folder / "state", folder / "srs", []
    assert call("begin", state, "--log-rows", "4", "--label", "three parties").exit_code == 0
    for name in ("hospital", "laboratory", "regulator"):
        following = folder / f"after-{name}"
        result = call("contribute", state, "--name", name, "--out", following)
        assert result.exit_code == 0, result.output
        receipts += re.findall(r"receipt ([0-9a-f]{64})", result.stdout)
        state = following
    result = call("finish", state, "--out", srs)
    assert result.exit_code == 0, result.output
    assert load_srs(srs).id.hex() in result.stdout
    return state, srs, receipts


def test_three_parties_make_a_production_string(finished: tuple[Path, Path, list[str]]) -> None:
    _, path, receipts = finished
    srs = load_srs(path)
    verify_srs(srs)
    assert not srs.development
    assert len(set(receipts)) == 3


def test_verify_explains_each_contribution_and_finds_receipts(finished: tuple[Path, Path, list[str]]) -> None:
    state, srs, receipts = finished
    result = call("verify", state, "--receipt", receipts[0], "--receipt", receipts[2], "--srs", srs)
    assert result.exit_code == 0, result.output
    for name, receipt in zip(("hospital", "laboratory", "regulator"), receipts, strict=True):
        assert re.search(rf"checked: contribution \d \({name}\): .*{receipt}", result.stdout)
    assert "3 contributions. Correctness of proofs needs one honest" in result.stdout


def test_verify_refuses_an_unknown_receipt_or_another_string(
    finished: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    state, _, receipts = finished
    refused(call("verify", state, "--receipt", receipts[0][::-1]), "not in the chain")
    store_srs(development_srs(4), tmp_path / "srs")
    refused(call("verify", state, "--srs", tmp_path / "srs"), "not the result")


def test_contribute_in_place_with_entropy_from_standard_input(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert call("begin", state, "--log-rows", "2").exit_code == 0
    result = call("contribute", state, "--name", "a", "--entropy", "-", text="dice 3 5 1")
    assert result.exit_code == 0, result.output
    assert "dice" not in result.output
    assert [record.name for record in load_ceremony(state).contributions] == ["a"]
    refused(call("contribute", state, "--name", "a"), "a has contributed already")
    assert len(load_ceremony(state).contributions) == 1


def test_oversized_entropy_is_refused(tmp_path: Path) -> None:
    state, entropy = tmp_path / "state", tmp_path / "entropy"
    entropy.write_bytes(bytes((1 << 20) + 1))
    assert call("begin", state, "--log-rows", "2").exit_code == 0
    refused(call("contribute", state, "--name", "a", "--entropy", entropy), "larger than")


def test_empty_ceremony_says_so_and_cannot_be_finished(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert call("begin", state, "--log-rows", "2").exit_code == 0
    result = call("verify", state)
    assert result.exit_code == 0
    assert "nobody has contributed" in result.stdout
    refused(call("finish", state, "--out", tmp_path / "srs"), "nobody has contributed")
    assert not (tmp_path / "srs").exists()


def test_existing_files_are_kept_unless_forced(finished: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    state, srs, _ = finished
    refused(call("begin", state), "exists already")
    refused(call("finish", state, "--out", srs), "exists already")
    refused(call("contribute", state, "--name", "d", "--out", srs), "exists already")
    copy = tmp_path / "copy"
    copy.write_bytes(state.read_bytes())
    assert call("begin", copy, "--log-rows", "2", "--force").exit_code == 0
    assert load_ceremony(copy).contributions == ()


def test_tampered_truncated_and_missing_files_are_refused(
    finished: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    state, srs, _ = finished
    bad = tmp_path / "bad"
    data = bytearray(state.read_bytes())
    data[25] ^= 1
    bad.write_bytes(data)
    refused(call("verify", bad), "checksum")
    bad.write_bytes(state.read_bytes()[:-1])
    refused(call("verify", bad), "truncated")
    refused(call("contribute", bad, "--name", "d"), "truncated")
    refused(call("finish", bad, "--out", tmp_path / "srs"), "truncated")
    refused(call("verify", srs), "not a ceremony state")
    refused(call("verify", tmp_path / "none"), "cannot read")


def test_names_are_not_read_as_markup(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert call("begin", state, "--log-rows", "2").exit_code == 0
    assert call("contribute", state, "--name", "[red]x[/red] :smile:").exit_code == 0
    assert "([red]x[/red] :smile:)" in call("verify", state).stdout
    refused(call("contribute", state, "--name", "\x1b[2J"), "printable")
