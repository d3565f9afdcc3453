"""Bundles written from a running ledger, by the agency with its result and by anybody without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from study_samples import make_samples, small_deployment, table_inputs
from typer.testing import CliRunner

from ledger.bundle_codec import load_bundle
from services.cli.main import app
from services.deployment import LocalDeployment

SAMPLES = make_samples()
SQL = "SELECT COUNT(*) AS n, SUM(age) AS s FROM hospital"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDeployment]:
    with small_deployment(tmp_path_factory.mktemp("deployment")) as running:
        running.register(table_inputs(SAMPLES)[0])
        yield running


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_bundle_is_written_with_the_result_and_again_by_anybody(deployment: LocalDeployment, tmp_path: Path) -> None:
    config = ["--config", deployment.agency_config_path]
    pinned = ["--deployment", deployment.folder / "deployment.json"]
    full, public = tmp_path / "full.tally", tmp_path / "public.tally"
    asked = ["query", "run", SQL, "--purpose", "audit", "--json", *config]
    answer = json.loads(run(*asked, "--bundle", full))
    string = ["--srs", deployment.srs_path]
    found = json.loads(run("verify", full, *string, *pinned, "--json"))
    assert found["verified"]
    assert (found["sql"], found["sql_recompiled"]) == (SQL, True)
    assert found["result"] == answer["rows"]
    assert found["released"] == {"0": len(SAMPLES.hospital), "1": sum(row[0] for row in SAMPLES.hospital.values())}

    exported = ["bundle", "export", answer["query"], public, *pinned, "--url", deployment.ledger_url]
    written = json.loads(run(*exported, *config, "--json"))
    assert written["digest"] == load_bundle(public)[1].hex()
    seen = json.loads(run("verify", public, *string, "--json"))
    assert (seen["sql"], seen["released"], seen["query"]) == (None, {}, answer["query"])
    assert seen["datasets"][0]["as_schema_demands"]
    assert load_bundle(public)[0].publication == load_bundle(full)[0].publication

    again = CliRunner().invoke(app, [*map(str, asked), "--bundle", str(full)])
    assert again.exit_code == 1
    assert "exists already" in again.output
    twice = CliRunner().invoke(app, list(map(str, exported)))
    assert twice.exit_code == 1
    assert "[BUNDLE_NOT_CANONICAL]" in twice.stderr
