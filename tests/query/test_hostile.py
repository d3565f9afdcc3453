"""Hostile questions: every one ends in a typed error, in less than a second of the processor."""

from __future__ import annotations

import time

import pytest
from query_questions import DIRECTORY

from query.errors import QueryError
from query.parameters import question_text
from query.plan import compile_question

F, W = "FROM hospital h", "SELECT COUNT(*) FROM hospital h WHERE"

NUMBERS = [
    "9" * 26, "9" * 1000, "9" * 15000, "1e30", "1e-30", "1e999999999", "1e-999999999", "0x41", "0b11", "1_000",
    "1.2.3",
    ".", "1e", "00" * 40, "NaN", "'NaN'", "Infinity", "-Infinity", "1/0", "1//2", "2^63", "1::bigint", "$1", "@x",
    "?",
    "#1", "1%2", "1 2", "1;2", "0.1" + "0" * 30, "99999999999999999999999999", "1e26", "- - - - - 1", "+ + + + + 1",
]
EXPRESSIONS = [
    "h", "h.*", "*", "hospital.age", "h.h.age", "x.y.z.w", "age.age", "(age, bmi)", "ROW(age)", "ARRAY[age]",
    "age[1]", "age.*",
    "age IS DISTINCT FROM 3", "age COLLATE \"C\"", "age AT TIME ZONE 'x'", "INTERVAL '1 day'", "DATE '2020-01-01'",
    "CURRENT_USER", "CURRENT_DATE", "NOW()", "RANDOM()", "VERSION()", "pg_sleep(10)", "pg_read_file('/etc/passwd')",
    "lo_import('/etc/passwd')", "dblink('host=evil', 'x')", "query_to_xml('SELECT 1', true, true, '')",
    "nextval('s')",
    "set_config('a', 'b', false)", "current_setting('a')", "xpath('/', 'x')", "generate_series(1, 1000000000)",
    "REPEAT('x', 1000000000)", "age || 'x'", "CAST(age AS INT)", "TRY_CAST(age AS INT)", "age::int", "ABS(age)",
    "EXP(age)",
    "POWER(age, 100)", "FACTORIAL(1000000)", "age ! 3", "~age", "age & 1", "age << 60", "age # 1", "age @> 1",
    "age ?| 1",
    "GREATEST(age, bmi)", "COALESCE(age, 0)", "NULLIF(age, 0)", "IIF(age, 1, 2)", "EXTRACT(YEAR FROM age)",
    "AVG(SUM(age))", "COUNT(*) + 1", "MEDIAN(age * 2)", "MIN(age, 1)", "MAX(DISTINCT age)", "MODE(age)", "LISTAGG(age)",
    "STRING_AGG(region, ',')",
    "ARRAY_AGG(age)", "JSON_AGG(age)", "FIRST(age)", "ANY_VALUE(age)", "BIT_AND(age)", "EVERY(diabetic)", "region",
    "region + 1",
    "'west'", "NULL", "TRUE + 1", "(SELECT age FROM hospital)", "EXISTS (SELECT 1)", "age = ANY (SELECT 1)",
    "CASE END",
    "CASE WHEN 1 THEN 2 END", "CASE WHEN diabetic THEN 'x' END", "age OVER ()", "LAG(age) OVER ()",
    "WIDTH_BUCKET(age, 0, 10, 1e9)",
    "WIDTH_BUCKET(age, 0, 10, -1)", "WIDTH_BUCKET(age, 5, 5, 2)", "WIDTH_BUCKET(age, bmi, 10, 2)",
    "WIDTH_BUCKET(region, 0, 1, 2)",
]
STATEMENTS = [
    "INSERT INTO hospital VALUES (1)", "UPDATE hospital SET age = 1", "DELETE FROM hospital", "TRUNCATE hospital",
    "DROP TABLE hospital", "CREATE TABLE x (a INT)", "CREATE VIEW v AS SELECT 1", "ALTER TABLE hospital ADD x INT",
    "COPY hospital TO '/tmp/x'",
    "COPY hospital FROM PROGRAM 'id'", "EXPLAIN SELECT COUNT(*) FROM hospital", "PRAGMA database_list",
    "ATTACH 'x.db'",
    "CALL f()", "DO $$ BEGIN END $$", "SET role x", "RESET ALL", "SHOW ALL", "GRANT ALL ON hospital TO x",
    "REVOKE ALL ON hospital FROM x",
    "VACUUM", "ANALYZE", "MERGE INTO hospital USING x ON TRUE", "LOCK hospital", "LISTEN x", "NOTIFY x",
    "PREPARE p AS SELECT 1",
    "EXECUTE p", "DEALLOCATE p", "DECLARE c CURSOR FOR SELECT 1", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s",
    "VALUES (1)",
    "TABLE hospital", "WITH x AS (SELECT 1) SELECT * FROM x", "SELECT 1", "SELECT", "", " ", ";", "--", "/* */", "/*",
    "'", '"',
    "$$", "\\", "\x00", "SELECT\x00COUNT(*) FROM hospital", "\ufeffSELECT COUNT(*) FROM hospital;\u202eDROP",
    "ſELECT COUNT(*) FROM hospital",
    "SELECT COUNT(*) FROM ｈospital", "\ud800", "SELECT COUNT(*) FROM hospital\ud800", "🙂", "SELECT 🙂 FROM hospital",
    "SELECT COUNT(*) FROM hospital; SELECT COUNT(*) FROM hospital", "SELECT COUNT(*) FROM hospital;;x",
    "SELECT COUNT(*) FROM hospital UNION ALL SELECT COUNT(*) FROM hospital", "SELECT ALL COUNT(*) FROM hospital",
    "(SELECT COUNT(*) FROM hospital)", "SELECT COUNT(*) INTO OUTFILE '/tmp/x' FROM hospital",
    "SELECT TOP 1 COUNT(*) FROM hospital",
]
SOURCES = [
    "", "FROM", "FROM x", "FROM 'hospital'", "FROM hospital.hospital", "FROM a.b.hospital", "FROM '/etc/passwd'",
    "FROM \"/etc/passwd\"", "FROM read_csv('/etc/passwd')", "FROM hospital, laboratory", "FROM ONLY hospital",
    "FROM hospital TABLESAMPLE (1)",
    "FROM hospital h, LATERAL (SELECT 1) x", "FROM (hospital)x y", "FROM (SELECT * FROM hospital) x",
    "FROM (VALUES (1)) x",
    "FROM generate_series(1, 10) x", "FROM hospital h JOIN laboratory l ON TRUE",
    "FROM hospital h JOIN laboratory l ON h.person < l.person",
    "FROM hospital h JOIN laboratory l ON h.person = l.chol", "FROM hospital h JOIN laboratory l ON h.age = l.chol",
    "FROM hospital h JOIN laboratory h ON h.person = h.person",
    "FROM hospital h JOIN hospital g ON h.person = g.person",
    "FROM hospital h LEFT JOIN laboratory l ON l.person = l.person", "FROM hospital h NATURAL JOIN laboratory",
    "FROM hospital h CROSS JOIN laboratory", "FROM hospital h FULL JOIN laboratory l ON h.person = l.person",
    "FROM hospital h ASOF JOIN laboratory l ON h.person = l.person", "FROM hospital WINDOW w AS ()",
    "FROM hospital FOR UPDATE",
    "FROM (SELECT * FROM hospital UNION SELECT * FROM hospital) x",
    "FROM (SELECT * FROM hospital EXCEPT SELECT * FROM x) x",
    "FROM (SELECT * FROM x UNION ALL SELECT * FROM y) z", "FROM (SELECT age FROM hospital UNION ALL SELECT 1) z",
    "FROM (SELECT * FROM hospital h UNION ALL SELECT * FROM clinic) z", "FROM (((SELECT * FROM hospital))) z",
    "FROM (" + " UNION ALL ".join(["SELECT * FROM hospital"] * 300) + ") z",
    "FROM hospital" + " JOIN laboratory ON a = b" * 200,
]
CLAUSES = [
    "GROUP BY", "GROUP BY 1", "GROUP BY balance", "GROUP BY bmi", "GROUP BY person", "GROUP BY ()",
    "GROUP BY ROLLUP (region)",
    "GROUP BY CUBE (region)", "GROUP BY GROUPING SETS ((region))", "GROUP BY ALL", "GROUP BY region, region",
    "GROUP BY age * balance",
    "HAVING", "HAVING 1", "HAVING region = 'x'", "HAVING COUNT(*) > (SELECT 1)", "HAVING SUM(age) > 1",
    "HAVING n > 'x'", "HAVING n = NULL",
    "ORDER BY", "ORDER BY x", "ORDER BY 0", "ORDER BY 99", "ORDER BY 'n'", "ORDER BY n USING <", "ORDER BY n NULLS",
    "ORDER BY RANDOM()",
    "ORDER BY n COLLATE \"C\"", "LIMIT", "LIMIT -1", "LIMIT 1.5", "LIMIT 'x'", "LIMIT NULL", "LIMIT ALL", "LIMIT 1e9",
    f"LIMIT {'9' * 40}",
    "LIMIT (SELECT 1)", "LIMIT n", "LIMIT 5 PERCENT", "LIMIT 1, 2", "OFFSET -1",
    "OFFSET 2 ROWS FETCH NEXT 1 ROWS ONLY", "FETCH FIRST ROW ONLY",
    "QUALIFY n > 1", "WINDOW w AS ()", "FOR SHARE", "OPTION (x)", "SETTINGS a = 1", "INTO x", "WHERE", "WHERE age",
    "WHERE 1",
    "WHERE age = :x", "WHERE :x", "WHERE age = : x", "WHERE age IN ()", "WHERE age IN (SELECT 1)",
    "WHERE age BETWEEN 1", "WHERE age = 'x'",
    "WHERE region = 3", "WHERE region < 'west'", "WHERE region = 'nowhere'", "WHERE region LIKE '%'",
    "WHERE region SIMILAR TO 'x'", "WHERE age IS TRUE",
    "WHERE diabetic = 'true'", "WHERE age = NULL", "WHERE NOT age", "WHERE age > 1 XOR age < 2",
    "WHERE age > 1 && age < 2", "WHERE age > ALL (SELECT 1)",
    "WHERE FALSE", "WHERE age > 500", "WHERE balance * balance * balance * balance * balance > 1", "WHERE age > 1 OR",
    "WHERE (age > 1", "WHERE age > 1)",
]
NESTED = {
    "parentheses": W + " " + "(" * 3000 + "diabetic" + ")" * 3000, "open": W + " " + "(" * 12000,
    "case": f"SELECT SUM({'CASE WHEN diabetic THEN ' * 400}1",
    "nots": W + " " + "NOT " * 3000 + "diabetic", "functions": "SELECT " + "SUM(" * 900 + "age" + ")" * 900 + f" {F}",
    "selects": "SELECT COUNT(*) FROM (" * 500 + "hospital" + ")" * 500, "minus": f"SELECT SUM({'-' * 6000}age) {F}",
    "comments": "SELECT COUNT(*) /*" + "/*" * 4000, "strings": W + " region = '" + "''" * 7000,
    "dots": "SELECT COUNT(" + "h." * 4000 + "age)",
    "brackets": "SELECT COUNT(age" + "[" * 3000, "ors": W + " " + " OR ".join(f"age * bmi > {k}" for k in range(400)),
    "ins": W + " age IN (" + ", ".join(str(k) for k in range(1500)) + ")",
    "aliases": "SELECT " + ", ".join(["COUNT(*) AS n"] * 900) + f" {F}",
    "moments": f"SELECT MOMENTS({', '.join(['age'] * 600)}) {F}",
    "products": f"SELECT SUM({' * '.join(['balance'] * 400)}) {F}",
    "keys": f"SELECT COUNT(*) {F} GROUP BY {', '.join(f'age + {k}' for k in range(300))}",
    "too long": W + " age > 1 -- " + "x" * 17000,
    "parameters": question_text(W + " age > 1", {f"a{k}": k for k in range(32)}), "colons": W + " " + ":" * 3000,
    "quotes": '"' * 9999,
    "orders": f"SELECT COUNT(*) AS n {F} ORDER BY {', '.join(['n + n'] * 400)}",
    "havings": f"SELECT COUNT(*) AS n {F} HAVING {'(' * 2000}n > 1",
    "buckets": f"SELECT COUNT(*) {F} GROUP BY {'WIDTH_BUCKET(' * 40}age{', 0, 9, 3)' * 40}",
    "unions": "SELECT 1" + " UNION ALL SELECT 1" * 900,
}
HOSTILE = [
    *(f"SELECT SUM({number}) + SUM(age) {F}" for number in NUMBERS),
    *(f"{W} age > {number} AND" for number in NUMBERS),
    *(f"SELECT SUM(VARIANCE({expression})) {F}" for expression in EXPRESSIONS),
    *(f"SELECT {e}, COUNT(*) {F}" for e in EXPRESSIONS),
    *STATEMENTS, *(f"SELECT COUNT(*) {source}" for source in SOURCES),
    *(f"SELECT COUNT(*) AS n {F} {clause}" for clause in CLAUSES),
    *NESTED.values(),
]


def test_there_are_enough_and_they_differ() -> None:
    assert len(set(HOSTILE)) >= 300


@pytest.mark.parametrize("sql", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_question_ends_in_a_typed_error(sql: str) -> None:
    began = time.process_time()
    with pytest.raises(QueryError):
        compile_question(sql, DIRECTORY)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("value", ["' OR TRUE --", "west'; DROP TABLE hospital", "\\'", "${x}", "{{x}}", "%s", ":y",
    "x" * 256])
def test_a_parameter_never_becomes_syntax(value: str) -> None:
    with pytest.raises(QueryError, match="no value"):
        compile_question(question_text(W + " region = :r", {"r": value}), DIRECTORY)
