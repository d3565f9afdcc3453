"""Released sums handed on one by one: what is true is believed, and nothing else, and nothing else is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from study_samples import make_samples
from typer.testing import CliRunner

from services.cli.main import app
from services.client import Tallystick
from services.deployment import LocalDeployment
from services.opening import (
    Opening,
    OpeningInvalidError,
    encode_opening,
    load_opening,
    opening_of,
    parse_opening,
    store_opening,
    verify_opening,
)
from services.results import Result
from zk.errors import ProofRejectedError, ZkError
from zk.transcript import FR_MODULUS

SAMPLES = make_samples()
SQL = "SELECT COUNT(*) AS n, SUM(age) AS a FROM hospital"
AGES = sum(row[0] for row in SAMPLES.hospital.values())


@pytest.fixture(scope="module")
def result(agency: Tallystick) -> Result:
    return agency.query(SQL, purpose="to be opened later")


@pytest.fixture(scope="module")
def opening(agency: Tallystick, result: Result) -> Opening:
    return opening_of(agency.ledger, result.query_id, result.opening)


def test_a_regulator_checks_one_sum(deployment: LocalDeployment, opening: Opening, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    store_opening(opening.only([1]), path)
    assert str(AGES).encode() in path.read_bytes()
    assert f'"value":"{len(SAMPLES.hospital)}"'.encode() not in path.read_bytes(), "the other sum is not in it"
    found = load_opening(path)
    assert [(row.row, row.value) for row in found.rows] == [(1, AGES)]
    verified = verify_opening(deployment.ledger_access(), found)
    assert verified.query.query_id == found.query_id
    with pytest.raises(OpeningInvalidError, match="cannot write"):
        store_opening(opening, path)
    with pytest.raises(OpeningInvalidError, match="no others"):
        opening.only([2])
    with pytest.raises(OpeningInvalidError, match="cannot read"):
        load_opening(tmp_path / "missing.json")


def test_another_value_row_query_or_chain_is_refused(
    agency: Tallystick, deployment: LocalDeployment, opening: Opening
) -> None:
    ledger = deployment.ledger_access()
    guard, ages = opening.rows
    lies = [
        replace(opening, rows=(replace(ages, value=AGES + 1),)),
        replace(opening, rows=(replace(guard, value=guard.value + 1),)),
        replace(opening, rows=(replace(ages, point=guard.point),)),
        replace(opening, rows=(replace(guard, row=1),)),
        replace(opening, rows=(replace(ages, point=(1, 3)),)),
    ]
    for lie in lies:
        with pytest.raises(ZkError):
            verify_opening(ledger, lie)
    other = agency.query(SQL, purpose="the same sums, sealed apart")
    with pytest.raises(ProofRejectedError):
        verify_opening(ledger, replace(opening, query_id=other.query_id))
    for wrong in (replace(opening, chain_id=opening.chain_id + 1), replace(opening, studies=ledger.registry.address)):
        with pytest.raises(OpeningInvalidError, match="another chain or contract"):
            verify_opening(ledger, wrong)
    with pytest.raises(OpeningInvalidError, match="not released"):
        verify_opening(ledger, replace(opening, rows=(replace(ages, row=5),)))


def test_the_text_is_canonical_and_everything_else_is_refused(opening: Opening) -> None:
    text = encode_opening(opening)
    assert encode_opening(parse_opening(json.dumps(json.loads(text), indent=2))) == text

    def changed(**fields: object) -> str:
        return json.dumps({**json.loads(text), **fields})

    def row(**fields: object) -> str:
        return changed(rows=[{**json.loads(text)["rows"][0], **fields}])

    for wrong in (
        "", "[]", text.decode()[:-2], changed(format="tallystick.opening/2"), changed(query="00"),
        changed(query="é" * 64), changed(rows=[]), changed(rows=json.loads(text)["rows"][::-1]), changed(more=1),
        changed(chain_id="1"),
        row(value="-1"), row(value="01"), row(value=str(FR_MODULUS)), row(value=3), row(row=-1), row(row=128),
        row(x="0x1"), row(y="g" * 64), row(more=""), row(value="٣"),
    ):  # fmt: skip
        with pytest.raises(OpeningInvalidError):
            parse_opening(wrong)


def test_from_the_command_line(deployment: LocalDeployment, tmp_path: Path) -> None:
    def run(*arguments: object, fails: bool = False) -> str:
        done = CliRunner().invoke(app, list(map(str, arguments)))
        assert bool(done.exit_code) is fails, done.output
        return done.output if fails else done.stdout

    kept, bundle, one, shown = (tmp_path / name for name in ("kept.json", "answer.tally", "one.json", "shown.tally"))
    config = ["--config", deployment.agency_config_path]
    pinned = ["--deployment", deployment.folder / "deployment.json", "--url", deployment.ledger_url]
    run("query", "run", SQL, "--purpose", "kept", *config, "--opening", kept, "--bundle", bundle)
    assert f"sum 1 = {AGES}: sealed in the record" in run("opening", "verify", kept, *pinned)
    assert "1 of 2 released sums" in run("opening", "export", bundle, one, "--row", "1")
    found = json.loads(run("opening", "verify", one, *pinned, "--json"))
    assert found["sums"] == {"1": AGES}
    run("bundle", "export", found["query"], shown, *pinned, "--opening", one)
    seen = json.loads(run("verify", shown, "--srs", deployment.srs_path, "--json"))
    assert (seen["released"], seen["sql"]) == ({"1": AGES}, None)
    assert "exists already" in run("query", "run", SQL, "--purpose", "x", *config, "--opening", kept, fails=True)
    one.write_text(one.read_text().replace(str(AGES), str(AGES - 1)))
    assert "[PROOF_REJECTED]" in run("opening", "verify", one, *pinned, fails=True)
    assert "[PROOF_REJECTED]" in run("bundle", "export", found["query"], tmp_path / "x", *pinned, "--opening", one,
                                     fails=True)  # fmt: skip
