"""Generated rows satisfy what registration proves, small groups stay closed, reports print and say MOCK."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from analyses_data import diabetes
from query_oracle import evaluate_relation
from query_tables import HOSPITAL, LABORATORY

from query.analyses.asking import Answer
from query.analyses.catalogue import CATALOGUE
from query.analyses.exact import inverse, root
from query.analyses.regression import LinearRegression
from query.analyses.report import Evidence, Table, show
from query.analyses.writing import Bins, axis_of, statement, tables_of
from query.errors import AnalysisInvalidError, DesignSingularError, QueryError, SchemaInvalidError, SumsInvalidError
from query.plan import compile_question
from query.registration import registration_relation
from query.rehearsal import mock_columns, mock_rehearsal
from query.schema import physical_columns

J = "FROM hospital JOIN laboratory ON hospital.person = laboratory.person"


@pytest.mark.parametrize("schema", [HOSPITAL, LABORATORY], ids=["hospital", "laboratory"])
def test_generated_rows_could_be_registered(schema: object) -> None:
    columns = mock_columns(schema, 60, 6, np.random.Generator(np.random.PCG64(1)))  # type: ignore[arg-type]
    relation = registration_relation(schema, 1, 1, 6)  # type: ignore[arg-type]
    evaluation = evaluate_relation(relation, [columns[c.name] for c in physical_columns(schema)])  # type: ignore[arg-type]
    assert evaluation.holds
    assert evaluation.sums[0] == columns["present"].sum() < 60
    columns["age" if "age" in columns else "chol"][int(columns["present"].argmax())] = 10**6
    assert not evaluate_relation(relation, [columns[c.name] for c in physical_columns(schema)]).holds  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_rows() -> None:
    sql = f"SELECT COUNT(*) AS n, SUM(hospital.age) AS a {J}"
    sums = [mock_rehearsal([HOSPITAL, LABORATORY], 500, seed).answer(sql).sums for seed in (1, 1, 2)]
    assert sums[0] == sums[1] != sums[2]
    assert sums[0][0] is not None
    assert 400 < sums[0][0] < 500


def test_a_dry_run_needs_schemas_and_rows() -> None:
    for schemas, rows in (([], 100), ([HOSPITAL], 0), ([HOSPITAL], (1 << 24) + 1)):
        with pytest.raises(SchemaInvalidError):
            mock_rehearsal(schemas, rows)
    with pytest.raises(QueryError):
        mock_rehearsal([HOSPITAL, HOSPITAL], 100)


def test_small_groups_stay_closed_and_mock_is_said_everywhere() -> None:
    rehearsal = mock_rehearsal([HOSPITAL, LABORATORY], 60)
    assert rehearsal.answer("SELECT COUNT(*) AS n FROM hospital WHERE age < 4").sums == (None,)
    report = mock_rehearsal([HOSPITAL, LABORATORY], 4000).run(
        LinearRegression("laboratory.chol", ("hospital.age", "hospital.region", "hospital.bmi"))
    )
    assert report.mock
    assert str(report).startswith("[MOCK] linear regression")
    assert "MOCK data, no proof" in str(report)
    document = json.loads(json.dumps(report.as_json()))
    assert document["mock"] is True
    assert document["evidence"][0]["sql"].startswith("SELECT hospital.region AS g0, MOMENTS(")
    real = Evidence("SELECT", "ab", "0x1", False)
    assert str(real) == "query ab in transaction 0x1"


def test_tables_line_up() -> None:
    text = str(Table("title", ("", "n"), (("a", 1), ("long name", 1000))))
    assert text.splitlines() == ["title", "                n", "  a             1", "  long name  1000"]
    assert (show(None), show(True), show(1 / 3), show(7)) == ("-", "true", "0.333333", "7")


def test_the_catalogue_names_every_analysis_once() -> None:
    assert len(CATALOGUE) == len(set(CATALOGUE.values())) == 20
    assert {"table1", "quantiles", "ols", "km", "ttest", "chi2", "logistic"} <= CATALOGUE.keys()


def test_questions_are_plain_sql_with_one_guard_per_cell() -> None:
    directory = diabetes().rehearsal.directory
    bins = axis_of(directory, Bins("exams.bmi", (20, "25.5")))
    assert bins.labels == ("below 20", "20 to below 25.5", "25.5 and above")
    axes = [bins, axis_of(directory, "serum.severe")]
    sql = statement(directory, ["COUNT(*) AS n"], axes=axes, where="exams.age > 30")
    assert sql.splitlines()[1:3] == ["FROM exams JOIN serum ON exams.patient = serum.patient", "WHERE (exams.age > 30)"]
    plan = compile_question(sql, directory)
    assert {spec.guard % len(plan.cells) for spec in plan.sums} == set(range(len(plan.cells)))
    assert len(plan.sums) == len(plan.cells) == 6
    assert tables_of(directory, ["exams.age", "'serum.x' = exams.ward"]) == ("exams",)


def test_conditions_cannot_change_the_question() -> None:
    directory = diabetes().rehearsal.directory
    for where in ("exams.age > 30) GROUP BY (exams.ward", "exams.age > 30 --", "exams.age > 30; SELECT 1",
                  "1 = 1) OR (1 = 1", "(exams.age > 30", "exams.age > 30 /* */", 'exams."age" > 30'):  # fmt: skip
        with pytest.raises(AnalysisInvalidError, match="in pairs"):
            statement(directory, ["COUNT(*) AS n"], values=["exams.age"], where=where)
    assert "((exams.ward = ')--'))" in statement(directory, ["COUNT(*) AS n"], where="(exams.ward = ')--')")
    grouped = diabetes().rehearsal.answer("SELECT COUNT(*) AS n FROM exams GROUP BY ward")
    with pytest.raises(SumsInvalidError, match="GROUP BY"):
        grouped.only()
    with pytest.raises(AnalysisInvalidError, match="no table"):
        statement(directory, ["COUNT(*) AS n"], where="nobody.x = 1")
    with pytest.raises(AnalysisInvalidError, match="no table"):
        statement(directory, ["COUNT(*) AS n"])


def test_an_answer_of_another_question_is_refused() -> None:
    answer = diabetes().rehearsal.answer("SELECT AVG(age) AS n, SUM(age) AS m FROM exams")
    assert isinstance(answer, Answer)
    with pytest.raises(SumsInvalidError):
        answer.counts("n")
    with pytest.raises(SumsInvalidError):
        answer.moments("m")


def test_exact_algebra() -> None:
    hilbert = [[Fraction(1, i + j + 1) for j in range(8)] for i in range(8)]
    found = inverse(hilbert, list("abcdefgh"))
    product = [[sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*found, strict=True)]
               for row in hilbert]  # fmt: skip
    assert product == [[int(i == j) for j in range(8)] for i in range(8)]
    with pytest.raises(DesignSingularError, match="b is a combination"):
        inverse([[Fraction(1), Fraction(2)], [Fraction(2), Fraction(4)]], ["a", "b"])
    assert root(Fraction(2)) == 2**0.5
    assert root(Fraction(0)) == 0.0
