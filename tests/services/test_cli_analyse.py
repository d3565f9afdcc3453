"""``tallystick analyse``: arguments of every analysis, dry runs as text and JSON, and errors on one line."""

from __future__ import annotations

import json
import runpy
from dataclasses import fields, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from query.analyses.catalogue import CATALOGUE
from query.analyses.means import TTest
from query.analyses.rates import StandardisedRate
from query.analyses.regression import LinearRegression
from query.analyses.survival import KaplanMeier
from query.analyses.writing import Bins
from query.errors import AnalysisInvalidError
from query.schema import encode_schema, parse_schema
from services.cli.analysis_arguments import READERS, read_analysis, usage
from services.cli.main import app

SCHEMAS = Path(__file__).resolve().parents[2] / "examples" / "schemas"
AGES = ["row=hospital.age@1", "column=hospital.smoker"]
CITY = [f"--dry-run={SCHEMAS / f'synthetic_city_{name}.json'}" for name in ("hospital", "laboratory", "credit")]


def test_every_argument_of_every_analysis_can_be_read() -> None:
    for name, analysis in CATALOGUE.items():
        for field in fields(analysis):  # type: ignore[arg-type]
            assert str(field.type) in READERS, (name, field.name, field.type)
            assert f"{field.name}=..." in usage(name)


def test_arguments() -> None:
    assert read_analysis("ols", ["response=a.y", "terms=a.x, b.z", "penalty=0.5", "drop_suppressed=yes"]) == (
        LinearRegression("a.y", ("a.x", "b.z"), penalty="0.5", drop_suppressed=True)
    )
    assert read_analysis("ttest", ["variable=a.x", "by=a.y@1:2.5", "groups=true,false", "confidence=0.9"]) == (
        TTest("a.x", Bins("a.y", ("1", "2.5")), (True, False), confidence=0.9)
    )
    assert read_analysis("km", ["time=a.t", "event=a.e", "grid=6,12"]) == KaplanMeier("a.t", "a.e", ("6", "12"))
    read = read_analysis("rates", ["event=a.e", "strata=a.s,a.t@5", "weights=x|below 5:1;x|5 and above:2"])
    weights = {("x", "below 5"): "1", ("x", "5 and above"): "2"}
    assert read == StandardisedRate("a.e", ("a.s", Bins("a.t", ("5",))), weights)


@pytest.mark.parametrize(("name", "arguments"), [
    ("mode", []), ("ols", ["response=a.y"]), ("ols", ["a.y"]), ("ols", ["response=a.y", "terms=a.x", "terms=a.z"]),
    ("ols", ["response=a.y", "terms=a.x", "penalty=much"]), ("ols", ["response=a.y", "terms=a.x", "speed=1"]),
    ("anova", ["variable=a.x", "by=a.y@low:high"]), ("anova", ["variable=a.x", "by=a.y", "equal_variances=maybe"]),
    ("ttest", ["variable=a.x", "by=a.y", "groups=one"]), ("calibration", ["predicted=a.p", "outcome=a.y"]),
    ("calibration", ["predicted=a.p@1", "outcome=a.y", "scale=0.5"]),
    ("rates", ["event=a.e", "strata=a.s", "weights=x"]),
])  # fmt: skip
def test_arguments_that_cannot_be_read(name: str, arguments: list[str]) -> None:
    with pytest.raises(AnalysisInvalidError):
        read_analysis(name, arguments)


def test_a_dry_run_prints_and_says_mock() -> None:
    asked = ["analyse", "ols", "response=credit.balance_cents", "terms=hospital.age,laboratory.hba1c", *CITY]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("[MOCK] linear regression of credit.balance_cents")
    assert "laboratory.hba1c" in shown.output
    assert "MOCK data, no proof" in shown.output
    document = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert document["mock"] is True
    assert [c["name"] for c in document["coefficients"]] == ["intercept", "hospital.age", "laboratory.hba1c"]


def test_a_question_on_generated_rows() -> None:
    sql = "SELECT fasting, COUNT(*) AS n, AVG(ldl) AS m FROM laboratory WHERE ldl >= :least GROUP BY fasting"
    schema = str(SCHEMAS / "synthetic_city_laboratory.json")
    asked = ["query", "dry-run", sql, "--schema", schema, "--param", "least=100"]
    lines = CliRunner().invoke(app, asked).output.splitlines()
    assert lines[0] == "MOCK data, no proof"
    assert len(lines) == 3
    assert lines[1].startswith("fasting = False  n = ")
    document = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert document["mock"] is True
    assert [row["fasting"] for row in document["rows"]] == ["False", "True"]
    assert CliRunner().invoke(app, [*asked[:-2]]).exit_code == 1


def test_stacked_tables(tmp_path: Path) -> None:
    north = parse_schema((SCHEMAS / "synthetic_city_laboratory.json").read_bytes())
    files = []
    for name in ("north", "south"):
        files.append(tmp_path / f"{name}.json")
        files[-1].write_bytes(encode_schema(replace(north, name=name, owner=name, cohort=name)))
    asked = ["analyse", "pearson", "variables=north.hba1c,north.ldl", *(f"--dry-run={file}" for file in files)]
    rows = [json.loads(CliRunner().invoke(app, [*asked, *more, "--json"]).output)["pairs"][0]["n"]
            for more in ([], ["--stack=north,south"])]  # fmt: skip
    assert 1.9 * rows[0] < rows[1] < 2.1 * rows[0]
    assert CliRunner().invoke(app, [*asked, "--stack=north,east"]).exit_code == 1


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(SCHEMAS.parent / "dry_run.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert shown.count("[MOCK]") == 3
    assert "refused: a test of the table needs cells" in shown


def test_the_catalogue_is_listed() -> None:
    shown = CliRunner().invoke(app, ["analyse", "list"])
    assert all(name in shown.output for name in CATALOGUE)
    assert json.loads(CliRunner().invoke(app, ["analyse", "list", "--json"]).output).keys() == CATALOGUE.keys()


def test_errors_are_one_line() -> None:
    refused = CliRunner().invoke(app, ["analyse", "chi2", *AGES, *CITY, "--rows=300"])
    assert refused.exit_code == 1
    assert "CELLS_SUPPRESSED" in refused.output
    for arguments in (["analyse", "mode", *CITY], ["analyse", "describe", "variables=hospital.age"],
                      ["analyse", "describe", "variables=hospital.age", "--dry-run=/nowhere.json"]):  # fmt: skip
        failed = CliRunner().invoke(app, arguments)
        assert failed.exit_code == 1
        assert len(failed.output.strip().splitlines()) == 1
