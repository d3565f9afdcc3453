"""The accepted subset parses; everything else is refused by name and place."""

from __future__ import annotations

from collections.abc import Callable
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
    QuestionTooLargeError,
    SqlSyntaxError,
    SqlUnsupportedError,
    UnknownColumnError,
    UnknownTableError,
)
from query.expressions import text_of
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
    assert question.where is not None
    assert text_of(question.where, str) == "h.diabetic and l.abnormal and smoker"
    assert [(table.name, table.alias) for table in question.tables] == [("hospital", "h"), ("laboratory", "l")]


def test_names_fold_to_lower_case_unless_quoted(directory: Directory) -> None:
    assert compile_question("select Avg(AGE) from HOSPITAL", directory).outputs[0].operands[0].column == "age"
    with pytest.raises(UnknownColumnError, match="'AGE'"):
        compile_question('select avg("AGE") from hospital', directory)


REFUSED = {
    "diabetic, which is not selected,": "SELECT COUNT(*) FROM hospital HAVING diabetic",
    "age, which is not selected,": "SELECT COUNT(*) FROM hospital ORDER BY age",
    "this AVG, which is not selected,": "SELECT COUNT(*) FROM hospital HAVING AVG(age) > 3",
    "ORDER BY 2": "SELECT COUNT(*) FROM hospital ORDER BY 2",
    "ORDER BY of other than an output": "SELECT COUNT(*) AS n FROM hospital ORDER BY n + 1",
    "LIMIT of other than a number": "SELECT COUNT(*) FROM hospital LIMIT 2.5",
    "FETCH": "SELECT COUNT(*) FROM hospital FETCH FIRST 2 ROWS ONLY",
    "CASE in HAVING": "SELECT COUNT(*) AS n FROM hospital HAVING CASE WHEN n > 2 THEN 1 ELSE 2 END > 1",
    "COUNT(DISTINCT) of other than a key": "SELECT COUNT(DISTINCT age) FROM hospital",
    "DISTINCT": "SELECT DISTINCT COUNT(*) FROM hospital",
    "UNION": "SELECT COUNT(*) FROM hospital UNION SELECT COUNT(*) FROM laboratory",
    "ISNULL": "SELECT COUNT(*) FROM hospital WHERE smoker ISNULL",
    "IS other than IS NULL": "SELECT COUNT(*) FROM hospital WHERE smoker IS NOT TRUE",
    "pattern matching": "SELECT COUNT(*) FROM hospital WHERE region LIKE 'w%'",
    "arithmetic": "SELECT SUM(age / 2) FROM hospital",
    "CASE outside an aggregate": "SELECT CASE WHEN diabetic THEN age END FROM hospital",
    "comparison with NULL": "SELECT COUNT(*) FROM hospital WHERE age = NULL",
    "NULL in arithmetic": "SELECT SUM(age + NULL) FROM hospital",
    "CASE that is always null": "SELECT SUM(CASE WHEN diabetic THEN NULL END) FROM hospital",
    "IN of other than values": "SELECT COUNT(*) FROM hospital WHERE age IN (1, bmi)",
    "BETWEEN SYMMETRIC": "SELECT COUNT(*) FROM hospital WHERE age BETWEEN SYMMETRIC 1 AND 2",
    "a condition that is never true": "SELECT COUNT(*) FROM hospital WHERE age > 120",
    "literal": "SELECT 1 FROM hospital",
    "this number": f"SELECT SUM(age + {'9' * 30}) FROM hospital",
    "so many negations": f"SELECT COUNT(*) FROM hospital WHERE {'NOT ' * 65} diabetic",
    "a comparison over two tables": f"SELECT COUNT(*) {J} WHERE diabetic OR NOT age < chol",
    "grouping by two tables' columns under a condition over two tables":
        f"SELECT COUNT(*) {J} WHERE diabetic OR abnormal GROUP BY region, abnormal",
    "arithmetic over two tables": f"SELECT COUNT(*) {J} GROUP BY diabetic + abnormal",
    "CASE over two tables": f"SELECT SUM(CASE WHEN abnormal THEN age END) {J}",
    "GROUP BY of a literal": "SELECT COUNT(*) FROM hospital GROUP BY 1",
    "age + 1, neither grouped nor aggregated,": "SELECT age + 1, COUNT(*) FROM hospital GROUP BY age",
    "age, neither grouped nor aggregated,": "SELECT age, COUNT(*) FROM hospital GROUP BY region",
    "the key person outside ON and COUNT": "SELECT COUNT(*) FROM hospital GROUP BY person",
    "cast": "SELECT SUM(age::int) FROM hospital",
    "parameter": "SELECT COUNT(*) FROM hospital WHERE $1",
    "subscript": "SELECT SUM(age[1]) FROM hospital",
    "template": "SELECT COUNT(*) FROM {% hospital %}",
    "window function": "SELECT AVG(age) OVER () FROM hospital",
    "FILTER": "SELECT COUNT(*) FILTER (WHERE diabetic) FROM hospital",
    "INTO": "SELECT COUNT(*) INTO x FROM hospital",
    "FOR": "SELECT COUNT(*) FROM hospital FOR UPDATE",
    "TABLESAMPLE": "SELECT COUNT(*) FROM hospital TABLESAMPLE (1)",
    "USING": "SELECT COUNT(*) FROM hospital JOIN laboratory USING (person)",
    "RIGHT JOIN": "SELECT COUNT(*) FROM hospital RIGHT JOIN laboratory ON hospital.person = laboratory.person",
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
    "the function 'MODE'": "SELECT MODE() WITHIN GROUP (ORDER BY age) FROM hospital",
    "the function 'PG_SLEEP'": "SELECT pg_sleep(age) FROM hospital",
    "the function 'AVG'": "SELECT SUM(AVG(age)) FROM hospital",
    "more than one argument": "SELECT COUNT(age, bmi) FROM hospital",
    "COUNT of 0 arguments": "SELECT COUNT() FROM hospital",
    "a name qualified with a schema": "SELECT COUNT(*) FROM public.hospital",
    "an alias with columns": "SELECT COUNT(*) FROM hospital AS h(x)",
    "a join without ON": "SELECT COUNT(*) FROM hospital, laboratory",
    "this join condition": "SELECT COUNT(*) FROM hospital h JOIN laboratory l ON h.person = l.person AND h.diabetic",
    "a join of more than 3 tables": f"SELECT COUNT(*) {J} JOIN a ON a.k = h.person JOIN b ON b.k = h.person",
    "a table joined with itself": "SELECT COUNT(*) FROM hospital h JOIN hospital g ON h.person = g.person",
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


ACCEPTED = [
    "age = 40", "age <> 40", "age < 40", "age <= 40", "age > 40", "age >= 40", "age BETWEEN 20 AND 40",
    "age NOT BETWEEN 20 AND 40", "age IN (1, 2)", "region = 'west'", "region NOT IN ('west', 'north')",
    "smoker IS NULL", "smoker IS NOT NULL", "NOT diabetic", "diabetic OR smoker", "diabetic = TRUE", "smoker <> FALSE",
    "age > bmi",
    "balance < -1000", "bmi <= 30.5", "age + 2 * bmi > 40", "NOT (diabetic AND (age < 3 OR region = 'west'))", "TRUE",
    "CASE WHEN diabetic THEN age ELSE bmi END > 40", "40 < age",
]


@pytest.mark.parametrize("condition", ACCEPTED)
def test_conditions_are_accepted(condition: str, directory: Directory) -> None:
    plan = compile_question(f"SELECT COUNT(*) FROM hospital WHERE {condition}", directory)
    assert len(plan.sums) == 1
    assert plan.uses[0].values == ()


def test_position_is_exact() -> None:
    with pytest.raises(SqlUnsupportedError) as refusal:
        parse_question("SELECT COUNT(*)\n  FROM hospital\n  FETCH FIRST 2 ROWS ONLY")
    assert refusal.value.position == Position(3, 3)
    with pytest.raises(SqlUnsupportedError) as refusal:
        parse_question("SELECT COUNT(*),\n   pg_sleep(age) FROM hospital")
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
    (ColumnKindError, "SELECT COUNT(*) FROM hospital WHERE region = 'east'", Position(1, 46)),
    (ColumnKindError, "SELECT COUNT(*) FROM hospital WHERE region = 1", Position(1, 46)),
    (ColumnKindError, "SELECT COUNT(*) FROM hospital WHERE region < 'west'", Position(1, 37)),
    (ColumnKindError, "SELECT COUNT(*) FROM hospital WHERE age = 'west'", Position(1, 43)),
    (ColumnKindError, "SELECT COUNT(*) FROM hospital WHERE diabetic = 1", Position(1, 48)),
    (ColumnKindError, "SELECT SUM(region + 1) FROM hospital", Position(1, 12)),
    (ColumnKindError, "SELECT COUNT(*) FROM hospital GROUP BY bmi", Position(1, 40)),
    (ColumnKindError, "SELECT COUNT(*) FROM hospital GROUP BY bmi + 1", Position(1, 40)),
    (DuplicateNameError, "SELECT COUNT(*) FROM hospital GROUP BY age, age", Position(1, 45)),
    (UnknownColumnError, "SELECT COUNT(*) FROM hospital WHERE height > 1", Position(1, 37)),
    (UnknownColumnError, "SELECT COUNT(*) FROM hospital GROUP BY height", Position(1, 40)),
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


def corr(count: int) -> str:
    names = ("age", "bmi", "balance", "smoker", "diabetic")
    pairs = [f"CORR({a}, {b})" for a in names for b in (*names, "chol", "hba1c")]
    return f"SELECT {', '.join(pairs[:count])} {J}"


def tiers(count: int) -> str:
    sums = [f"SUM(CASE WHEN age > {10 + i} THEN age ELSE 0 END) AS s{i}" for i in range(count)]
    return f"SELECT COUNT(*), {', '.join(sums)} FROM hospital GROUP BY region"


def weighted(count: int) -> str:
    sums = [f"SUM(age + {i + 2} * balance) AS s{i}" for i in range(count)]
    return f"SELECT COUNT(*), {', '.join(sums)} FROM hospital GROUP BY region"


def mixtures(count: int) -> str:
    value = "{} * age + {} * bmi + {} * balance"
    sums = [f"SUM({value.format(2 + i, 100 + i, 300 + i)}) AS s{i}" for i in range(count)]
    return f"SELECT COUNT(*), {', '.join(sums)} FROM hospital"


@pytest.mark.parametrize(
    ("question", "fits", "large", "limit"),
    [
        (corr, 15, 21, ("sums", 69, 64)),
        (tiers, 9, 10, ("words of a proof with every sum opened", 234, 224)),
        (mixtures, 35, 36, ("scalars of the verifier's table", 258, 256)),
        (weighted, 30, 31, ("cells of sums, 33 sums in 4 cells", 132, 128)),
    ],
    ids=["sums", "proof", "table", "cells"],
)
def test_a_question_too_large_says_which_limit_and_by_how_much(
    question: Callable[[int], str], fits: int, large: int, limit: tuple[str, int, int]
) -> None:
    directory = Directory([registered(table, k, log_rows=10) for k, table in enumerate((HOSPITAL, LABORATORY), 1)])
    compile_question(question(fits), directory)
    with pytest.raises(QuestionTooLargeError, match="too large for one proof") as caught:
        compile_question(question(large), directory)
    assert (caught.value.limit, caught.value.needed, caught.value.allowed) == limit


@pytest.mark.parametrize("value", [" * ".join(["balance"] * 5), " * ".join(["bmi"] * 19)], ids=["bits", "decimals"])
def test_a_value_that_does_not_fit(value: str, directory: Directory) -> None:
    with pytest.raises(BoundExceededError, match="more than"):
        compile_question(f"SELECT SUM({value}) FROM hospital", directory)
