"""The command line over a running deployment: answers, explanations, and one line for every error."""

from __future__ import annotations

import json

import pytest
from study_samples import LOG_ROWS, MINIMUM, make_samples
from typer.testing import CliRunner

from services.cli.main import app
from services.deployment import LocalDeployment

SAMPLES = make_samples()
COUNT = "SELECT COUNT(*) AS n FROM hospital"
JOIN = "FROM hospital h JOIN laboratory l ON h.person = l.person"


def test_the_command_line_asks_verifies_and_explains(deployment: LocalDeployment) -> None:
    runner, config = CliRunner(), ["--config", str(deployment.agency_config_path)]
    asked = runner.invoke(app, ["query", "run", COUNT, "--purpose", "cli", "--json", *config])
    assert asked.exit_code == 0, asked.output
    answer = json.loads(asked.stdout)
    assert answer["rows"] == [{"n": str(len(SAMPLES.hospital))}]
    pinned = ["--deployment", str(deployment.folder / "deployment.json"), "--url", deployment.ledger_url]
    string = ["--srs", str(deployment.srs_path)]
    verified = runner.invoke(app, ["verify", answer["query"], *pinned, *string, "--json", *config])
    assert verified.exit_code == 0, verified.output
    assert (json.loads(verified.stdout)["hidden_guards"], json.loads(verified.stdout)["guards"]) == (True, {})
    told = runner.invoke(app, ["verify", answer["query"], *pinned])
    assert f"every released sum rests on at least {MINIMUM} rows: proved, the counts stay closed" in told.stdout
    counted = runner.invoke(app, ["query", "run", COUNT, "--counts", "--purpose", "cli", "--json", *config])
    shown = runner.invoke(app, ["verify", json.loads(counted.stdout)["query"], *pinned, "--json"])
    assert json.loads(shown.stdout)["guards"] == {"0": len(SAMPLES.hospital)}
    explained = runner.invoke(app, ["query", "explain", f"SELECT AVG(l.hba1c) AS x {JOIN}", *config])
    assert f"only if at least {MINIMUM}" in explained.stdout
    assert f"2^{LOG_ROWS}" in explained.stdout
    tables = runner.invoke(app, ["query", "tables", *config])
    assert "hospital of hospital: 50 patients by person" in tables.stdout
    doctor = runner.invoke(app, ["doctor", *config])
    assert doctor.exit_code == 0, doctor.output
    operator = ["--config", str(deployment.folder / "operator.toml"), "--party", "bureau"]
    pending = runner.invoke(app, ["party", "pending", *operator])
    assert pending.exit_code == 0, pending.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["query", "run", "SELECT COUNT(*) FROM nowhere", "--purpose", "x"], "UNKNOWN_TABLE"),
        (["query", "run", "DROP TABLE hospital", "--purpose", "x"], "SQL_UNSUPPORTED"),
        (["query", "watch", "12"], "REQUEST_INVALID"),
        (["query", "watch", "00" * 32], "RECORD_UNKNOWN"),
    ],
)
def test_the_command_line_has_one_line_per_error(deployment: LocalDeployment, arguments: list[str], code: str) -> None:
    result = CliRunner().invoke(app, [*arguments, "--config", str(deployment.agency_config_path)])
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert line.endswith(f"[{code}]")


def test_groups_are_printed_line_by_line_and_small_ones_are_counted(deployment: LocalDeployment) -> None:
    sql = "SELECT rare, COUNT(*) AS n, SUM(age) AS s FROM hospital GROUP BY rare"
    config = ["--config", str(deployment.agency_config_path)]
    shown = CliRunner().invoke(app, ["query", "run", sql, "--purpose", "groups", *config])
    assert shown.exit_code == 0, shown.output
    ages = [age for age, _, rare, _ in SAMPLES.hospital.values() if not rare]
    assert f"rare = False  n = {len(ages)}  s = {sum(ages)}" in shown.stdout
    assert f"not shown: 1 of 2 groups, with fewer than {MINIMUM} rows" in shown.stdout
