"""Whatever is asked, only errors of `query` come out, and quickly."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query_tables import HOSPITAL, LABORATORY, registered

from query.directory import Directory
from query.errors import QueryError
from query.plan import compile_question

TABLES = Directory([registered(HOSPITAL, 1), registered(LABORATORY, 2)])

TEXT = """
    SELECT COUNT SUM AVG CORR COVAR_POP VAR_POP STDDEV MAX MEDIAN ( ) ( ) * , , . = ; AS FROM JOIN INNER LEFT
    ON WHERE AND OR NOT hospital laboratory h l age bmi chol diabetic abnormal smoker region person "age" date
    row count 1 'x' NULL - + < IN BETWEEN IS CASE WHEN END GROUP BY HAVING ORDER LIMIT DISTINCT UNION ALL
    EXISTS OVER FILTER CAST INTERVAL ARRAY [ ] :: $1 ? @ { } -- /* */ \\ ; VALUES WITH LATERAL UNNEST EXTRACT
    POSITION TRIM XMLTABLE JSON_TABLE PIVOT MATCH_RECOGNIZE TABLE ONLY ROWS WINDOW FETCH FIRST USING NATURAL %
"""
WORDS = [*TEXT.split(), "'west'", "<>", "<=", ">", "=", "40", "balance", "IS NULL", "GROUP BY region", "+", "*"]

SOUP = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
NEAR = st.tuples(SOUP, SOUP, SOUP).map(lambda p: f"SELECT COUNT(*) {p[0]} FROM hospital h {p[1]} WHERE diabetic {p[2]}")
CLOSE = st.lists(
    st.sampled_from(["COUNT(*)", "AVG(age)", "SUM(h.bmi)", "CORR(age, bmi)", "region", "MAX(age)"]), max_size=4
).map(lambda a: f"SELECT {', '.join(a)} FROM hospital AS h WHERE h.diabetic AND smoker")


@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(max_size=80), SOUP, SOUP.map("SELECT ".__add__), NEAR, CLOSE))
def test_only_query_errors_escape(sql: str) -> None:
    try:
        plan = compile_question(sql, TABLES)
    except QueryError:
        return
    assert plan.outputs
    assert plan == compile_question(sql, TABLES)


DEEP = {
    "parentheses": "SELECT " + "(" * 8000,
    "closed parentheses": "SELECT COUNT(*) FROM hospital WHERE " + "(" * 1000 + "diabetic" + ")" * 1000,
    "not": "SELECT COUNT(*) FROM hospital WHERE " + "NOT " * 2000 + "diabetic",
    "minus": "SELECT SUM(" + "- " * 4000 + "age) FROM hospital",
    "subqueries": "SELECT COUNT(*) FROM " + "(SELECT COUNT(*) FROM " * 300 + "hospital" + ")" * 300,
    "joins": "SELECT COUNT(*) FROM hospital" + " JOIN laboratory ON person = person" * 300,
    "commas": "SELECT COUNT(*) FROM hospital" + ", hospital" * 900,
    "dots": "SELECT COUNT(" + "a." * 1000 + "a) FROM hospital",
    "and": "SELECT COUNT(*) FROM hospital WHERE diabetic" + " AND diabetic" * 900,
    "functions": "SELECT " + "AVG(" * 15 + "age" + ")" * 15 + " FROM hospital",
    "many outputs": "SELECT " + ", ".join(f"SUM(age) AS a{i}" for i in range(250)) + " FROM hospital",
    "comments": "SELECT " + "/* " * 4000,
    "or": "SELECT COUNT(*) FROM hospital WHERE " + " OR ".join(f"age > {i} AND bmi < {i}" for i in range(20, 120)),
    "or of sums": "SELECT COUNT(*) FROM hospital WHERE " + " OR ".join(f"age + balance > {i}" for i in range(250)),
    "sums": "SELECT SUM(age" + " + age" * 900 + ") FROM hospital",
    "products": "SELECT SUM(age" + " * age" * 900 + ") FROM hospital",
    "equalities": "SELECT COUNT(*) FROM hospital WHERE age" + " = age" * 900,
    "is null": "SELECT COUNT(*) FROM hospital WHERE age" + " IS NULL" * 900,
    "in": f"SELECT COUNT(*) FROM hospital WHERE age IN ({', '.join(str(i) for i in range(900))})",
    "ins": "SELECT COUNT(*) FROM hospital WHERE " + " AND ".join(
        f"age NOT IN ({', '.join(str(2 * i + k) for i in range(40))})" for k in range(20)),
    "nested case": "SELECT SUM(" + "CASE WHEN age > 3 THEN " * 15 + "age" + " ELSE bmi END" * 15 + ") FROM hospital",
    "many cases": "SELECT " + ", ".join(f"SUM(CASE WHEN age > {i} THEN bmi END) AS a{i}" for i in range(100))
    + " FROM hospital",
    "branches": "SELECT SUM(CASE "
    + "".join(f"WHEN age > {i} THEN bmi + {i} " for i in range(200))
    + "END) FROM hospital",
    "groups": "SELECT COUNT(*) FROM hospital GROUP BY " + ", ".join(["region"] * 900),
    "case": "SELECT " + "CASE WHEN diabetic THEN " * 500,
    "brackets": "SELECT " + "[" * 5000,
    "huge literal": "SELECT " + "9" * 16000,
    "too long": "SELECT COUNT(*) FROM hospital -- " + "x" * 10**6,
}


@pytest.mark.parametrize("sql", DEEP.values(), ids=list(DEEP))
def test_deep_and_long_text_ends_quickly(sql: str) -> None:
    started = time.monotonic()
    with suppress(QueryError):
        compile_question(sql, TABLES)
    assert time.monotonic() - started < 5
