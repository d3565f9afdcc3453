"""The accepted subset parses; everything else is refused by name and place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from query_tables import HOSPITAL, LABORATORY, registered

from query.aggregates import Statistic
from query.directory import Directory
from query.errors import (
    AmbiguousColumnError,
    BoundExceededError,
    CohortMismatchError,
    ColumnKindError,
    DuplicateNameError,
    PlacedError,
    Position,
    SqlSyntaxError,
    SqlUnsupportedError,
    UnknownColumnError,
    UnknownTableError,
)
from query.plan import compile_question
from query.sql import parse_question

J = "FROM hospital h JOIN laboratory l ON h.person = l.person"


def test_every_aggregate_join_and_filter_parses() -> None:
    question = parse_question(f"""SELECT COUNT(*), count(h.age) AS n, SUM(age), AVG((bmi)), VAR_POP(age),
        VARIANCE(age) v,
        VAR_SAMP(age), STDDEV_POP(age), STDDEV(age) s, STDDEV_SAMP(age), COVAR_POP(age, chol), COVAR_SAMP(age, chol),
        (CORR(age, chol)) -- a comment
        {J} WHERE h.diabetic AND (l.abnormal AND "smoker"); /* the end */""")
    assert [a.statistic for a in question.aggregates] == [
        Statistic.COUNT,
        Statistic.COUNT,
        Statistic.SUM,
        Statistic.AVG,
        Statistic.VAR_POP,
        Statistic.VAR_SAMP,
        Statistic.VAR_SAMP,
        Statistic.STDDEV_POP,
        Statistic.STDDEV_SAMP,
        Statistic.STDDEV_SAMP,
        Statistic.COVAR_POP,
        Statistic.COVAR_SAMP,
        Statistic.CORR,
    ]
    assert [a.name for a in question.aggregates][:4] == ["count(*)", "n", "sum(age)", "avg(bmi)"]
    assert [str(name) for name in question.where] == ["h.diabetic", "l.abnormal", "smoker"]
    assert [(table.name, table.alias) for table in question.tables] == [("hospital", "h"), ("laboratory", "l")]


def test_names_fold_to_lower_case_unless_quoted(directory: Directory) -> None:
    assert compile_question("select Avg(AGE) from HOSPITAL", directory).outputs[0].operands[0].column == "age"
    with pytest.raises(UnknownColumnError, match="'AGE'"):
        compile_question('select avg("AGE") from hospital', directory)


REFUSED = {
    "GROUP BY": "SELECT COUNT(*) FROM hospital GROUP BY region",
    "HAVING": "SELECT COUNT(*) FROM hospital HAVING diabetic",
    "ORDER BY": "SELECT COUNT(*) FROM hospital ORDER BY age",
    "LIMIT": "SELECT COUNT(*) FROM hospital LIMIT 5",
    "DISTINCT": "SELECT COUNT(DISTINCT age) FROM hospital",
    "UNION": "SELECT COUNT(*) FROM hospital UNION SELECT COUNT(*) FROM laboratory",
    "OR": "SELECT COUNT(*) FROM hospital WHERE diabetic OR smoker",
    "NOT": "SELECT COUNT(*) FROM hospital WHERE NOT diabetic",
    "IS": "SELECT COUNT(*) FROM hospital WHERE smoker IS NULL",
    "CASE": "SELECT SUM(CASE WHEN diabetic THEN age END) FROM hospital",
    "arithmetic": "SELECT SUM(age + age) FROM hospital",
    "cast": "SELECT SUM(age::int) FROM hospital",
    "literal": "SELECT SUM(1) FROM hospital",
    "parameter": "SELECT COUNT(*) FROM hospital WHERE $1",
    "subscript": "SELECT SUM(age[1]) FROM hospital",
    "template": "SELECT COUNT(*) FROM {% hospital %}",
    "window function": "SELECT AVG(age) OVER () FROM hospital",
    "FILTER": "SELECT COUNT(*) FILTER (WHERE diabetic) FROM hospital",
    "INTO": "SELECT COUNT(*) INTO x FROM hospital",
    "FOR": "SELECT COUNT(*) FROM hospital FOR UPDATE",
    "TABLESAMPLE": "SELECT COUNT(*) FROM hospital TABLESAMPLE (1)",
    "USING": "SELECT COUNT(*) FROM hospital JOIN laboratory USING (person)",
    "LEFT JOIN": "SELECT COUNT(*) FROM hospital LEFT JOIN laboratory ON hospital.person = laboratory.person",
    "FULL JOIN": "SELECT COUNT(*) FROM hospital FULL OUTER JOIN laboratory ON hospital.person = laboratory.person",
    "CROSS JOIN": "SELECT COUNT(*) FROM hospital CROSS JOIN laboratory",
    "NATURAL JOIN": "SELECT COUNT(*) FROM hospital NATURAL JOIN laboratory",
    "EXISTS": "SELECT COUNT(*) FROM hospital WHERE EXISTS (SELECT age FROM hospital)",
    "WITH": "SELECT COUNT(*) FROM hospital WITH x",
    "more than one statement": "SELECT COUNT(*) FROM hospital; SELECT COUNT(*) FROM hospital",
    "subquery": "SELECT COUNT(*) FROM (SELECT age FROM hospital)",
    "a statement other than SELECT": "DROP TABLE hospital",
    "SELECT *": "SELECT * FROM hospital",
    "a column without an aggregate": "SELECT age FROM hospital",
    "the function 'MAX'": "SELECT MAX(age) FROM hospital",
    "the function 'PG_SLEEP'": "SELECT pg_sleep(age) FROM hospital",
    "the function 'AVG'": "SELECT SUM(AVG(age)) FROM hospital",
    "more than one argument": "SELECT COUNT(age, bmi) FROM hospital",
    "COUNT of 0 arguments": "SELECT COUNT() FROM hospital",
    "a name qualified with a schema": "SELECT COUNT(*) FROM public.hospital",
    "an alias with columns": "SELECT COUNT(*) FROM hospital AS h(x)",
    "a join without ON": "SELECT COUNT(*) FROM hospital, laboratory",
    "this join condition": "SELECT COUNT(*) FROM hospital h JOIN laboratory l ON h.person = l.person AND h.diabetic",
    "a join of more than two tables": f"SELECT COUNT(*) {J} JOIN laboratory m ON m.person = h.person",
    "a table joined with itself": "SELECT COUNT(*) FROM hospital h JOIN hospital g ON h.person = g.person",
    "the key person outside ON": "SELECT COUNT(person) FROM hospital",
    "SELECT without FROM": "SELECT COUNT(*)",
    "nesting deeper than 16": f"SELECT SUM({'(' * 20}age{')' * 20}) FROM hospital",
}


@pytest.mark.parametrize(("construct", "sql"), REFUSED.items(), ids=list(REFUSED))
def test_unsupported_construct_is_named(construct: str, sql: str, directory: Directory) -> None:
    with pytest.raises(SqlUnsupportedError) as refusal:
        compile_question(sql, directory)
    assert refusal.value.construct == construct
    assert refusal.value.position is not None or "FROM" not in sql
    assert str(refusal.value).startswith(f"{construct} is not supported")


@pytest.mark.parametrize("sign", ["=", "<", ">", "<=", ">=", "<>", "LIKE", "IN"])
def test_comparison_is_named(sign: str, directory: Directory) -> None:
    with pytest.raises(SqlUnsupportedError, match="comparison is not supported at line 2, column"):
        compile_question(f"SELECT COUNT(*) FROM hospital\n WHERE age {sign} bmi", directory)


def test_position_is_exact() -> None:
    with pytest.raises(SqlUnsupportedError) as refusal:
        parse_question("SELECT COUNT(*)\n  FROM hospital\n  GROUP BY x")
    assert refusal.value.position == Position(3, 3)
    with pytest.raises(SqlUnsupportedError) as refusal:
        parse_question("SELECT COUNT(*),\n   median(age) FROM hospital")
    assert refusal.value.position == Position(2, 4)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "  ",
        ";",
        "-- nothing",
        "SELECT",
        "SELECT FROM hospital",
        "SELECT COUNT(* FROM hospital",
        "SELECT COUNT(*) FROM",
        "SELECT 'open",
        "SELECT /* open",
        "SELECT COUNT(*) FROM hospital WHERE",
        "SELECT COUNT(*) FROM hospital" + " " * 17000,
        "SELECT \ud800",
        "SELECT CORR(age) FROM hospital",
        "SELECT COUNT(*) FROM hospital WHERE diabetic" + " AND diabetic" * 1200,
    ],
)
def test_text_that_is_not_sql(sql: str) -> None:
    with pytest.raises((SqlSyntaxError, SqlUnsupportedError)):
        parse_question(sql)


WRONG_NAMES: list[tuple[type[PlacedError], str, Position]] = [
    (UnknownTableError, "SELECT COUNT(*) FROM clinic", Position(1, 22)),
    (UnknownTableError, "SELECT COUNT(*) FROM hospital h JOIN clinic c ON h.person = c.person", Position(1, 38)),
    (UnknownColumnError, "SELECT SUM(height) FROM hospital", Position(1, 12)),
    (UnknownColumnError, "SELECT SUM(x.age) FROM hospital", Position(1, 12)),
    (UnknownColumnError, "SELECT SUM(hospital.age) FROM hospital h", Position(1, 12)),
    (UnknownColumnError, "SELECT SUM(present) FROM hospital", Position(1, 12)),
    (UnknownColumnError, "SELECT SUM(bmi__known) FROM hospital", Position(1, 12)),
    (ColumnKindError, "SELECT SUM(region) FROM hospital", Position(1, 12)),
    (ColumnKindError, "SELECT COUNT(*) FROM hospital WHERE age", Position(1, 37)),
    (DuplicateNameError, "SELECT SUM(age), SUM(age) FROM hospital", Position(1, 18)),
    (DuplicateNameError, "SELECT COUNT(*) FROM hospital x JOIN laboratory x ON x.person = x.person", Position(1, 38)),
    (AmbiguousColumnError, "SELECT COUNT(*) FROM hospital h JOIN laboratory l ON person = l.person", Position(1, 54)),
    (CohortMismatchError, "SELECT COUNT(*) FROM hospital h JOIN laboratory l ON h.age = l.person", Position(1, 54)),
    (CohortMismatchError, "SELECT COUNT(*) FROM hospital h JOIN laboratory l ON h.person = h.person", Position(1, 54)),
]


@pytest.mark.parametrize(("error", "sql", "position"), WRONG_NAMES, ids=[sql for _, sql, _ in WRONG_NAMES])
def test_wrong_name(error: type[PlacedError], sql: str, position: Position, directory: Directory) -> None:
    with pytest.raises(error) as refusal:
        compile_question(sql, directory)
    assert refusal.value.position == position


def test_a_column_of_both_tables_needs_its_table() -> None:
    both = replace(LABORATORY, columns=(*LABORATORY.columns, HOSPITAL.columns[0]))
    directory = Directory([registered(HOSPITAL, 1), registered(both, 2)])
    with pytest.raises(AmbiguousColumnError, match=r"write table\.column"):
        compile_question(f"SELECT SUM(age) {J}", directory)
    assert len(compile_question(f"SELECT SUM(h.age), SUM(l.age) {J}", directory).outputs) == 2


@pytest.mark.parametrize(
    "other",
    [registered(replace(LABORATORY, cohort="village"), 2), registered(LABORATORY, 2, log_rows=7)],
    ids=["cohort", "log_rows"],
)
def test_tables_that_are_not_aligned(other: object) -> None:
    with pytest.raises(CohortMismatchError):
        compile_question(f"SELECT COUNT(*) {J}", Directory([registered(HOSPITAL, 1), other]))  # type: ignore[list-item]


def test_a_question_beyond_one_proof(directory: Directory) -> None:
    pairs = [f"CORR({a}, {b})" for a in ("age", "bmi", "balance", "smoker") for b in ("age", "bmi", "balance", "chol")]
    with pytest.raises(BoundExceededError, match="too large for one proof"):
        compile_question(f"SELECT {', '.join(pairs)} {J} WHERE diabetic AND l.abnormal", directory)
