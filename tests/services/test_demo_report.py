"""Pooled answers against the compiler's, and when the demonstration counts as passed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "query"))

from query_oracle import evaluate_plan

from query.directory import Directory, RegisteredTable
from query.plan import Plan, compile_question
from query.rows import encode_rows
from query.statistics import finish_plan
from services.demo.city import make_city
from services.demo.comparison import compare_answers, pooled_sums
from services.demo.diabetes import load_tables
from services.demo.errors import DemoFailedError, DemoFileError
from services.demo.housing import make_housing
from services.demo.pooled import answer_pooled
from services.demo.report import CheatReport, DemoReport, QueryReport, store_report
from services.demo.studies import STUDIES, Output, Study
from services.demo.tables import DemoTable

SEED = 11


@pytest.fixture(scope="module")
def tables() -> dict[str, DemoTable]:
    print(f"city seed {SEED}")
    city = make_city(3000, SEED)
    return {table.name: table for table in (*city.tables, make_housing(city), *load_tables())}


@pytest.fixture(scope="module")
def directory(tables: dict[str, DemoTable]) -> Directory:
    return Directory(RegisteredTable(table.schema, number, 1, table.log_rows, table.rows, 3)
                     for number, table in enumerate(tables.values(), start=1))


def true_sums(plan: Plan, tables: dict[str, DemoTable]) -> list[int]:
    """The rows of the sealed column, from the relation itself over encoded rows."""
    encoded = {name: encode_rows(tables[name].schema, tables[name].records(), tables[name].log_rows)
               for name in {column.table for column in plan.columns}}
    found = evaluate_plan(plan, encoded)
    assert found.holds
    return found.sums


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.outputs[-1].name)
def test_every_study_compiles_and_equals_the_pooled_answer(
    study: Study, tables: dict[str, DemoTable], directory: Directory
) -> None:
    plan = compile_question(study.sql, directory)
    pooled = answer_pooled(study, tables)
    sums = true_sums(plan, tables)
    compare_answers(plan, sums, finish_plan(plan, sums), pooled)
    changed = [*sums]
    changed[-1] += 1
    with pytest.raises(DemoFailedError, match="pooled it is"):
        compare_answers(plan, changed, finish_plan(plan, sums), pooled)
    hidden = [None if number % len(plan.cells) == 0 else value for number, value in enumerate(sums)]
    with pytest.raises(DemoFailedError, match="large enough"):
        compare_answers(plan, hidden, finish_plan(plan, hidden), pooled)


def test_small_group_may_be_left_out(tables: dict[str, DemoTable], directory: Directory) -> None:
    study = next(study for study in STUDIES if study.groups)
    plan = compile_question(study.sql, directory)
    pooled, sums = answer_pooled(study, tables), true_sums(plan, tables)
    smallest = min(range(len(plan.cells)), key=lambda cell: sums[cell])
    hidden = [None if number % len(plan.cells) == smallest else value for number, value in enumerate(sums)]
    larger = replace(plan, minimum_group=sums[smallest] + 1)
    compare_answers(larger, hidden, finish_plan(larger, hidden), pooled)
    with pytest.raises(DemoFailedError, match="other groups"):
        compare_answers(replace(plan, cells=plan.cells[::-1]), sums, finish_plan(plan, sums), pooled)


def test_pooled_answer_agrees_with_numpy(tables: dict[str, DemoTable]) -> None:
    exams, serum = tables["exams"], tables["serum"]
    bmi, outcome = exams.values["bmi"] / 10, serum.values["progression"]
    study = next(s for s in STUDIES if "e.bmi" in s.sql)
    pooled = answer_pooled(study, tables)
    assert pooled[()]["mean_bmi"].value == pytest.approx(bmi.mean(), rel=1e-13)
    assert pooled[()]["correlation"].value == pytest.approx(np.corrcoef(bmi, outcome)[0, 1], rel=1e-12)


def test_pooled_answer_knows_null(tables: dict[str, DemoTable]) -> None:
    hospital = tables["hospital"]
    nobody = DemoTable(hospital.schema, 0, hospital.log_rows, np.zeros_like(hospital.present), hospital.values,
                       hospital.known)
    outputs = (Output("n", "COUNT"), Output("mean", "AVG", (("hospital", "age"),)))
    pooled = answer_pooled(Study("", "", ("hospital",), outputs), {"hospital": nobody})
    assert (pooled[()]["n"].value, pooled[()]["mean"].value) == (0, None)


def test_sum_that_no_output_needs_is_noticed(tables: dict[str, DemoTable], directory: Directory) -> None:
    plan = compile_question(STUDIES[0].sql, directory)
    pooled = answer_pooled(STUDIES[0], tables)
    with pytest.raises(DemoFailedError, match="no output needs"):
        pooled_sums(replace(plan, outputs=plan.outputs[:1]), pooled)


QUERY = QueryReport("SELECT COUNT(*) FROM t", 8, {"n": 3, "half": 0.5}, {"n": 3, "half": 0.5}, 640, 280_000, "0xab",
                    True, True, True, {"shares": 0.1})
CHEAT = CheatReport("a changed sum", True, "refused: pairing")


def test_report_passes_only_when_everything_came_out() -> None:
    assert DemoReport(1.0, [QUERY], [CHEAT]).passed(1, 1)


@pytest.mark.parametrize(
    "report",
    [
        DemoReport(1.0, [], [CHEAT]),
        DemoReport(1.0, [QUERY], []),
        DemoReport(1.0, [replace(QUERY, result={"n": 4, "half": 0.5})], [CHEAT]),
        DemoReport(1.0, [replace(QUERY, verified_on_chain=False)], [CHEAT]),
        DemoReport(1.0, [replace(QUERY, verified_offline=False)], [CHEAT]),
        DemoReport(1.0, [replace(QUERY, opening_ok=False)], [CHEAT]),
        DemoReport(1.0, [QUERY], [replace(CHEAT, rejected=False)]),
    ],
    ids=["no query", "no cheat", "wrong result", "contract", "regulator", "opening", "cheat accepted"],
)
def test_report_fails_on_any_fault(report: DemoReport) -> None:
    assert not report.passed(1, 1)


def test_report_file_has_exactly_the_agreed_fields(tmp_path: Path) -> None:
    path = tmp_path / "build" / "demo-report.json"
    store_report(DemoReport(1.5, [QUERY], [CHEAT]), path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert list(found) == ["elapsed_s", "queries", "cheats"]
    assert list(found["queries"][0]) == ["sql", "rows", "result", "plaintext", "proof_bytes", "gas", "tx",
                                         "verified_on_chain", "verified_offline", "opening_ok", "stages_s"]
    assert list(found["cheats"][0]) == ["what", "rejected", "reason"]
    assert [entry.name for entry in path.parent.iterdir()] == ["demo-report.json"]


def test_report_file_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("")
    with pytest.raises(DemoFileError):
        store_report(DemoReport(), tmp_path / "build" / "demo-report.json")
