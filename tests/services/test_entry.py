"""What the processes' command lines say and return."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.coordinator.main import main as coordinator
from services.party.main import main as party
from services.prover.main import main as prover

MAINS = {"coordinator": coordinator, "party": party, "prover": prover}


@pytest.mark.parametrize("name", MAINS)
def test_a_configuration_that_cannot_be_used_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, text in ((tmp_path / "missing.toml", None), (tmp_path / "bad.toml", "name = 3\nmore = 1\n")):
        if text is not None:
            path.write_text(text)
        assert MAINS[name](["--config", str(path)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{name}: ")
        assert str(path) in line


@pytest.mark.parametrize("name", MAINS)
def test_help_names_the_configuration(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        MAINS[name](["--help"])
    assert ended.value.code == 0
    assert f"services.{name}" in (shown := capsys.readouterr().out)
    assert f"{name.capitalize()}Config" in shown
    with pytest.raises(SystemExit) as ended:
        MAINS[name]([])
    assert ended.value.code == 2
