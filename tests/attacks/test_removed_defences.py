"""Every attack's test fails when its defence is removed: shown on a copy of the repository, one defence at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from defences import DEFENCES, Defence

ROOT = Path(__file__).parents[2]
PACKAGES = ("zk", "mpc", "query", "ledger", "proto", "services", "benchmarks", "tests", "pyproject.toml")
TEST_FAILED = 1
"""pytest's exit code where tests ran and one failed; errors of collection or of usage have others."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, with nothing taken away yet."""
    target = tmp_path_factory.mktemp("copy")
    for name in PACKAGES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy; its packages come first."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=600, check=False)


def attack(copy: Path, defence: Defence) -> subprocess.CompletedProcess[str]:
    """Run a defence's tests in the copy."""
    chosen = ["-k", defence.chosen] if defence.chosen else []
    files = [str(copy / "tests" / name) for name in defence.tests]
    return run(copy, "-m", "pytest", "-q", "-x", "-rf", "-p", "no:cacheprovider", "-m", "not slow", *chosen, *files)


def compile_contracts(copy: Path) -> None:
    """Make the copy's artifacts those of its sources."""
    compiled = run(copy, "-m", "ledger.compile")
    assert compiled.returncode == 0, compiled.stderr[-2000:]


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: f"{Path(defence.file).stem}: {defence.name}")
def test_without_its_defence_an_attack_succeeds(copy: Path, defence: Defence) -> None:
    source = copy / defence.file
    text = source.read_text()
    assert text.count(defence.old) == 1, "the defence moved: say in defences.py where it stands"
    artifacts = copy / "ledger" / "artifacts"
    kept = shutil.copytree(artifacts, copy / "kept") if defence.in_contract else None
    source.write_text(text.replace(defence.old, defence.new))
    try:
        if defence.in_contract:
            compile_contracts(copy)
        without = attack(copy, defence)
    finally:
        source.write_text(text)
        if kept is not None:
            shutil.rmtree(artifacts)
            shutil.move(kept, artifacts)
    assert without.returncode == TEST_FAILED, without.stdout[-2000:] + without.stderr[-2000:]
    assert " failed" in without.stdout.splitlines()[-1]


@pytest.mark.parametrize("tests", sorted({defence.tests for defence in DEFENCES}), ids=lambda tests: tests[0])
def test_with_every_defence_the_attacks_fail(copy: Path, tests: tuple[str, ...]) -> None:
    whole = Defence("none", "", "", "", tests)
    assert attack(copy, whole).returncode == 0
