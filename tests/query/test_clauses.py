"""HAVING, ORDER BY and LIMIT on the result, COUNT of persons, and parameters, mean what SQL says they mean."""

from __future__ import annotations

from decimal import Decimal

import pytest
from query_oracle import evaluate_plan
from query_questions import DIRECTORY, ENCODED, TWIN, J, same

from query.errors import ColumnKindError, ParameterInvalidError, QueryError, SqlUnsupportedError
from query.parameters import MAX_PARAMETERS, parse_parameter, question_text, split_question
from query.plan import Plan, compile_question
from query.statistics import arranged_rows, finish_plan, result_rows

LEFT = J.replace("JOIN", "LEFT JOIN")


def released(plan: Plan, least: int = 1) -> list[int | None]:
    """The sums that are let out: none of a group whose counts are below `least`."""
    sums, cells = evaluate_plan(plan, ENCODED).sums, len(plan.cells)
    small = {row % cells for row, spec in enumerate(plan.sums) if sums[spec.guard] < least}
    return [None if row % cells in small else value for row, value in enumerate(sums)]


ASKED = [
    "SELECT region, COUNT(*) AS n FROM hospital GROUP BY region HAVING COUNT(*) > 8",
    "SELECT region, COUNT(*) AS n FROM hospital GROUP BY region HAVING n > 8 AND region <> 'west' ORDER BY n DESC",
    "SELECT region AS r, AVG(bmi) AS b FROM hospital GROUP BY region HAVING r IN ('west') OR b > 100 ORDER BY 1",
    "SELECT smoker, SUM(age) AS s FROM hospital GROUP BY smoker ORDER BY smoker",
    "SELECT smoker, SUM(age) AS s FROM hospital GROUP BY smoker ORDER BY smoker DESC",
    "SELECT smoker, SUM(age) AS s FROM hospital GROUP BY smoker ORDER BY smoker NULLS FIRST, s",
    "SELECT smoker, SUM(age) AS s FROM hospital GROUP BY smoker ORDER BY smoker DESC NULLS LAST LIMIT 2",
    "SELECT region, diabetic, COUNT(*) FROM hospital GROUP BY region, diabetic "
    "ORDER BY COUNT(*), region, diabetic LIMIT 3 OFFSET 2",
    "SELECT region, VAR_SAMP(age) AS v FROM hospital GROUP BY region HAVING NOT (VAR_SAMP(age) < 500) ORDER BY v DESC",
    "SELECT region, SUM(balance) AS s FROM hospital GROUP BY region HAVING s - 2 * s < 0 OR s IS NULL ORDER BY s",
    "SELECT region, COUNT(bmi) AS n FROM hospital GROUP BY region HAVING region IS NOT NULL ORDER BY 2 DESC, 1 LIMIT 1",
    f"SELECT abnormal, CORR(age, chol) AS r {J} GROUP BY abnormal HAVING abnormal ORDER BY r",
    "SELECT COUNT(*) AS n FROM hospital HAVING COUNT(*) > 1000", "SELECT COUNT(*) AS n FROM hospital LIMIT 0",
    "SELECT COUNT(*) AS n FROM hospital HAVING n BETWEEN 3 AND 60 ORDER BY n LIMIT 5",
]


@pytest.mark.parametrize("sql", ASKED)
def test_rows_are_those_of_duckdb_in_its_order(sql: str) -> None:
    TWIN.ask_rows("SELECT COUNT(*) FROM hospital")
    plan = compile_question(sql, DIRECTORY)
    rows = result_rows(plan, finish_plan(plan, released(plan)))
    theirs = TWIN.ask_rows(with_postgres_nulls(sql))
    ours = [tuple(row.values()) for row in rows if any(value is not None for value in row.values())]
    if "ORDER BY" not in sql:
        theirs = sorted(theirs, key=str)
        ours = sorted(ours, key=str)
    assert len(ours) == len(theirs)
    assert all(same(a, b) for a, b in zip(ours, theirs))


def with_postgres_nulls(sql: str) -> str:
    """The same for DuckDB, whose nulls stand last by default."""
    before, order, keys = sql.partition(" ORDER BY ")
    keys, limit, rest = keys.partition(" LIMIT ")
    parts = [key if "NULLS" in key else f"{key} NULLS FIRST" if key.endswith("DESC") else f"{key} NULLS LAST"
             for key in keys.split(", ")] if order else []
    return before + order + ", ".join(parts) + limit + rest


def test_clauses_change_neither_relation_nor_disclosure() -> None:
    sql = "SELECT region, COUNT(*) AS n FROM hospital GROUP BY region"
    plain = compile_question(sql, DIRECTORY)
    more = compile_question(f"{sql} HAVING n > 5 ORDER BY n LIMIT 2", DIRECTORY)
    assert (more.relation, more.disclosures, more.uses) == (plain.relation, plain.disclosures, plain.uses)


def test_closed_groups_stand_last_or_are_left_out() -> None:
    sql = "SELECT region, COUNT(*) AS n FROM hospital GROUP BY region"
    plan = compile_question(f"{sql} ORDER BY region", DIRECTORY)
    sums = evaluate_plan(plan, ENCODED).sums
    results = finish_plan(plan, [None if row == 0 else value for row, value in enumerate(sums)])
    rows = arranged_rows(plan, results)
    assert [(row.columns["region"], row.closed) for row in rows] == [
        ("south", False), ("west", False), (None, False), ("north", True)]
    for clause in ("HAVING n >= 0", "LIMIT 9", "OFFSET 0 LIMIT 4"):
        plan = compile_question(f"{sql} {clause}", DIRECTORY)
        shown = [row["region"] for row in result_rows(plan, results)]
        assert shown == ["south", "west", None]


WRONG: list[tuple[str, type[QueryError]]] = [
    ("HAVING region > 3", ColumnKindError), ("HAVING n = 'west'", ColumnKindError), ("HAVING n", ColumnKindError),
    ("HAVING m > 3", ColumnKindError), ("ORDER BY m", ColumnKindError), ("HAVING n = NULL", SqlUnsupportedError),
    ("HAVING SUM(age) > 3", SqlUnsupportedError), ("HAVING COUNT(bmi) > 3", SqlUnsupportedError),
    ("ORDER BY h.n", SqlUnsupportedError), ("LIMIT -1", SqlUnsupportedError), ("LIMIT 10000000", SqlUnsupportedError),
    ("ORDER BY n LIMIT n", SqlUnsupportedError), ("HAVING region + 1 = 2", ColumnKindError),
    ("ORDER BY 0", SqlUnsupportedError), ("HAVING n IN (1, 'x')", ColumnKindError),
]


@pytest.mark.parametrize(("clause", "error"), WRONG)
def test_what_cannot_be_compared_is_refused_before_anything_is_proved(clause: str, error: type[QueryError]) -> None:
    sql = f"SELECT region, COUNT(*) AS n, MOMENTS(age) AS m FROM hospital h GROUP BY region {clause}"
    with pytest.raises(error):
        compile_question(sql, DIRECTORY)


PERSONS = [
    "SELECT COUNT(DISTINCT person) AS p, COUNT(person) AS q, COUNT(*) AS n FROM hospital WHERE diabetic",
    f"SELECT COUNT(DISTINCT h.person) AS p, COUNT(DISTINCT l.person) AS q {J}",
    f"SELECT COUNT(DISTINCT h.person) AS p, COUNT(DISTINCT l.person) AS q, COUNT(l.person) AS r {LEFT}",
    f"SELECT region, COUNT(DISTINCT l.person) AS q {LEFT} GROUP BY region ORDER BY region",
]


@pytest.mark.parametrize("sql", PERSONS)
def test_persons_are_counted(sql: str) -> None:
    plan = compile_question(sql, DIRECTORY)
    rows = [tuple(row.values()) for row in result_rows(plan, finish_plan(plan, evaluate_plan(plan, ENCODED).sums))]
    assert rows == TWIN.ask_rows(sql)


def test_a_parameter_is_a_literal() -> None:
    sql = ("SELECT COUNT(*) AS n FROM hospital WHERE age BETWEEN :low AND -:high AND bmi < :bmi AND region = :place "
           "AND smoker = :s")
    values = {"low": 3, "high": -90, "bmi": Decimal("70.5"), "place": "it's", "s": True}
    with pytest.raises(ColumnKindError, match="it's"):
        compile_question(question_text(sql, values), DIRECTORY)
    text = question_text(sql, values | {"place": "west"})
    written = ("SELECT COUNT(*) AS n FROM hospital WHERE age BETWEEN 3 AND 90 AND bmi < 70.5 AND region = 'west' "
               "AND smoker = TRUE")
    plan = compile_question(text, DIRECTORY)
    assert plan.relation == compile_question(written, DIRECTORY).relation
    assert plan.sql == text
    grouped = "SELECT region, COUNT(*) AS n FROM hospital GROUP BY region HAVING n > :m LIMIT :k"
    assert compile_question(question_text(grouped, {"m": 2, "k": 3}), DIRECTORY).arrangement.limit == 3


def test_a_text_cannot_become_sql() -> None:
    sql = "SELECT COUNT(*) AS n FROM hospital WHERE region = :r"
    for hostile in ("west' OR '1'='1", "west'; DROP TABLE hospital; --", "x\\' OR TRUE --", ":r", '"}'):
        with pytest.raises(ColumnKindError, match="no value"):
            compile_question(question_text(sql, {"r": hostile}), DIRECTORY)


def test_texts_go_there_and_back() -> None:
    values = {"a": Decimal("1.50"), "b": "x\"y ü", "c": False, "d": Decimal(-7), "e": Decimal("0.1")}
    text = question_text("SELECT 1\n", values | {"e": 0.1})
    assert split_question(text) == ("SELECT 1", values)
    assert split_question("SELECT 1\nFROM t") == ("SELECT 1\nFROM t", {})
    assert question_text("SELECT 1", {}) == "SELECT 1"
    assert [parse_parameter(t) for t in ("a=3", "b=-2.50", "c=true", "d=west", "e='3'", "f=1e5", "g=")] == [
        ("a", Decimal(3)), ("b", Decimal("-2.50")), ("c", True), ("d", "west"), ("e", "3"), ("f", "1e5"), ("g", "")]


NOT_PARAMETERS = [
    {"A": 1}, {"1a": 1}, {"": 1}, {"a b": 1}, {"a": None}, {"a": [1]}, {"a": 10**25}, {"a": float("nan")},
    {"a": float("inf")}, {"a": Decimal("1e30")}, {"a": "x" * 257}, {"a": "line\nbreak"}, {"a": b"x"},
    {f"a{k}": 1 for k in range(MAX_PARAMETERS + 1)},
]


@pytest.mark.parametrize("values", NOT_PARAMETERS, ids=lambda v: repr(v)[:24])
def test_what_is_no_parameter_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ParameterInvalidError):
        question_text("SELECT COUNT(*) FROM hospital", values)


LINES = [
    "PARAMETERS ", "PARAMETERS x", "PARAMETERS []", 'PARAMETERS {"a": 1,}', 'PARAMETERS {"a":1}',
    'PARAMETERS {"b": 1, "a": 2}', 'PARAMETERS {"a": 1, "a": 2}', 'PARAMETERS {"a": null}', 'PARAMETERS {"a": NaN}',
    'PARAMETERS {"a": 1} ', "PARAMETERS " + "[" * 5000, 'PARAMETERS {"a": ' + "9" * 5000 + "}",
    'PARAMETERS {"a": {"b": 1}}', 'PARAMETERS {"a": 1.0e1}',
    'PARAMETERS {"a": 1e999999999}', 'PARAMETERS {"a": -0}',
]


@pytest.mark.parametrize("line", LINES, ids=lambda v: v[:24])
def test_only_the_canonical_line_is_read(line: str) -> None:
    with pytest.raises(ParameterInvalidError):
        compile_question(f"SELECT COUNT(*) FROM hospital WHERE age > :a\n{line}", DIRECTORY)


def test_parameters_are_all_given_and_all_used() -> None:
    with pytest.raises(ParameterInvalidError, match=r"no value is given for :least at line 1, column 43"):
        compile_question("SELECT COUNT(*) FROM hospital WHERE age > :least", DIRECTORY)
    with pytest.raises(ParameterInvalidError, match="does not use the parameter b"):
        compile_question(question_text("SELECT COUNT(*) FROM hospital WHERE age > :a", {"a": 1, "b": 2}), DIRECTORY)
    for sql in ("SELECT COUNT(*) FROM :t", "SELECT COUNT(*) FROM hospital WHERE age > $a", "SELECT :a FROM hospital",
                "SELECT COUNT(*) FROM hospital WHERE age > : a", "SELECT COUNT(*) FROM hospital WHERE age > ?",
                "SELECT COUNT(*) FROM hospital GROUP BY :a", "SELECT SUM(age:a) FROM hospital"):
        with pytest.raises(QueryError):
            compile_question(question_text(sql, {"a": 1, "t": "hospital"}), DIRECTORY)
