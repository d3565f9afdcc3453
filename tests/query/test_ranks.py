"""Order statistics in the language: what they mean (beside DuckDB), what is refused and where, what a policy says, and
the label they carry."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from query_oracle import evaluate_plan
from query_tables import HOSPITAL, LABORATORY, registered
from test_joins_and_unions import ALL, BOTH, DIRECTORY, ENCODED, LEFT, RECORDS, TABLES, THREE, TWO, Twin

from query.aggregates import Statistic
from query.analyses.quantiles import Quantiles
from query.clear import forms_in_clear
from query.directory import Directory
from query.disclosure import describe_rank
from query.errors import (
    AnalysisInvalidError,
    BoundExceededError,
    CellsSuppressedError,
    ColumnKindError,
    DuplicateNameError,
    PolicyInvalidError,
    PolicyRefusedError,
    QueryError,
    SqlSyntaxError,
    SqlUnsupportedError,
    SumsInvalidError,
)
from query.explain import explain_plan
from query.kinds import BoundedInteger
from query.limits import Limits, check_limits
from query.plan import Plan, compile_question
from query.policy import Asker, Policy, check_policy, encode_policy, parse_policy, policy_hash
from query.publication import Publication
from query.rank_cost import rank_cost
from query.rank_inputs import entered_values, ranks_in_clear
from query.ranks import Leaf, Rank, ranks_of
from query.rehearsal import Rehearsal
from query.schema import ColumnSchema
from query.statistics import finish_plan, result_rows
from query.unproved import Unproved
from zk.encoding import relation_hash

QUESTIONS = 200
RANKED = [statistic for statistic in Statistic if statistic.ranked]
SOURCES = {"FROM hospital h": "h", TWO: "hl", LEFT: "hl", THREE: "hlc",
           BOTH.replace("AS u", "AS h"): "h", ALL.replace(") u", ") h"): "h"}  # fmt: skip
NUMBERS = {"h": ["h.age", "h.bmi", "h.balance"], "l": ["l.hba1c", "l.chol"], "c": ["c.debt"]}
CONDITIONS = {
    "h": ["h.age > 40", "h.diabetic", "h.smoker", "h.region IN ('west', 'south')", "h.bmi IS NULL", "h.balance < 3"],
    "l": ["l.chol < 300", "l.abnormal", "l.hba1c IS NOT NULL"], "c": ["c.rated", "c.debt BETWEEN 100 AND 800000"],
}  # fmt: skip


@pytest.fixture(scope="module")
def twin() -> Twin:
    found = Twin()
    for schema in TABLES:
        found.load(schema, RECORDS[schema.name])
    return found


def condition(rng: Random, tables: str, depth: int) -> str:
    if depth and rng.random() < 0.6:
        parts = [condition(rng, tables, depth - 1) for _ in range(2)]
        text = f"({parts[0]} {rng.choice(['AND', 'OR'])} {parts[1]})"
        return f"NOT {text}" if rng.random() < 0.3 else text
    return rng.choice(CONDITIONS[rng.choice(tables)])


def question(rng: Random) -> str:
    source = rng.choice(list(SOURCES))
    tables = SOURCES[source]
    outputs = []
    for number in range(rng.choice([1, 2, 4])):
        column = rng.choice(NUMBERS[rng.choice(tables)])
        p = rng.choice(["0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.9999", "1"])
        outputs.append(rng.choice([
            f"MIN({column})", f"MAX({column})", f"MEDIAN({column})", f"QUANTILE({column}, {p})",
            f"PERCENTILE_DISC({p}) WITHIN GROUP (ORDER BY {column})", "COUNT(*)", f"SUM({column})",
        ]) + f" AS o{number}")  # fmt: skip
    where = f" WHERE {condition(rng, tables, 2)}" if rng.random() < 0.8 else ""
    return f"SELECT {', '.join(outputs)} {source}{where}"


def pooled(sql: str) -> str:
    """DuckDB's text: its quantile is called QUANTILE_DISC there, and its median of decimals is cut to their digits."""
    sql = re.sub(r"\bQUANTILE\(", "QUANTILE_DISC(", sql)
    return re.sub(r"MEDIAN\(([a-z0-9.]+)\)", r"MEDIAN(CAST(\1 AS DOUBLE))", sql)


def same(ours: object, theirs: object) -> bool:
    value = ours.value if isinstance(ours, Unproved) else ours
    if isinstance(value, float) and isinstance(theirs, float):
        return math.isclose(value, theirs, rel_tol=1e-15)
    return value == theirs


def answered(plan: Plan) -> list[dict[str, object]]:
    sums = evaluate_plan(plan, ENCODED).sums
    ranks = None if plan.ranks is None else ranks_in_clear(plan.ranks, ENCODED)
    return [dict(row) for row in result_rows(plan, finish_plan(plan, sums, ranks))]


def test_generated_questions_agree_with_duckdb(twin: Twin) -> None:
    rng, asked, empty, refused = Random(20261129), 0, 0, 0
    while asked < QUESTIONS:
        sql = question(rng)
        try:
            plan = compile_question(sql, DIRECTORY)
        except SqlUnsupportedError as refusal:
            refused += 1 if "never true" in str(refusal) else QUESTIONS
            continue
        (row,), theirs = answered(plan), twin.ask(pooled(sql))
        assert all(same(a, b) for a, b in zip(row.values(), theirs, strict=True)), (sql, row, theirs)
        asked += 1
        empty += None in theirs
    assert 0 < empty < QUESTIONS // 2
    assert refused < QUESTIONS


def test_a_changed_value_changes_the_answer() -> None:
    plan = compile_question("SELECT MAX(age) AS a FROM hospital WHERE diabetic", DIRECTORY)
    assert plan.ranks is not None
    before = ranks_in_clear(plan.ranks, ENCODED)[0]
    hospital = dict(ENCODED["hospital"])
    row = int(np.argmax(hospital["diabetic"] * (hospital["age"] + 1)))
    hospital["age"] = hospital["age"].copy()
    hospital["age"][row] = 0
    after = ranks_in_clear(plan.ranks, {**ENCODED, "hospital": hospital})[0]
    assert before is not None and after is not None and after <= before
    hospital["diabetic"] = hospital["diabetic"] * 0
    assert ranks_in_clear(plan.ranks, {**ENCODED, "hospital": hospital}) == (None,)


@pytest.mark.parametrize(("statistic", "p", "values", "expected"), [
    (Statistic.MIN, None, [5, 3, 9], 3), (Statistic.MAX, None, [5, 3, 9], 9), (Statistic.MEDIAN, None, [5, 3, 9], 10),
    (Statistic.MEDIAN, None, [5, 3, 9, 6], 11), (Statistic.MEDIAN, None, [7], 14),
    (Statistic.QUANTILE, Fraction(1, 2), [5, 3, 9, 6], 5), (Statistic.QUANTILE, Fraction(0), [5, 3], 3),
    (Statistic.QUANTILE, Fraction(3, 4), [5, 3, 9, 6], 6), (Statistic.QUANTILE, Fraction(1), [5, 3], 5),
])  # fmt: skip
def test_the_ranks_of_a_statistic(statistic: Statistic, p: Fraction | None, values: list[int], expected: int) -> None:
    """By the definition: the smallest value v with q·(values up to v) >= p·n + excess."""

    def at(rank: Rank) -> int:
        wanted = rank.numerator * len(values) + rank.excess
        return min(v for v in values if rank.denominator * sum(w <= v for w in values) >= wanted)

    assert sum(map(at, ranks_of(statistic, p))) == expected


REFUSED: list[tuple[str, type[QueryError], str]] = [
    ("SELECT region, MEDIAN(age) FROM hospital GROUP BY region", SqlUnsupportedError,
     "MEDIAN with GROUP BY is not supported at line 1, column 16"),
    ("SELECT MAX(age + 1) FROM hospital", SqlUnsupportedError,
     "MAX of a computed value is not supported at line 1, column 12"),
    ("SELECT MIN(CASE WHEN age = 97 THEN bmi ELSE 0 END) FROM hospital", SqlUnsupportedError,
     "MIN of a computed value"),
    ("SELECT MEDIAN(diabetic) FROM hospital", ColumnKindError, "diabetic is boolean at line 1, column 15"),
    ("SELECT MIN(region) FROM hospital", ColumnKindError, "region is a category at line 1, column 12"),
    ("SELECT MIN(person) FROM hospital", SqlUnsupportedError, "the key person outside ON and COUNT is not supported"),
    ("SELECT QUANTILE(age, 1.5) FROM hospital", SqlUnsupportedError,
     "the quantile 1.5 is not supported at line 1, column 8"),
    ("SELECT QUANTILE(age, 0.123457) FROM hospital", SqlUnsupportedError, "the quantile 0.123457 is not supported"),
    ("SELECT QUANTILE(age) FROM hospital", SqlSyntaxError, "line 1, column 20"),
    ("SELECT QUANTILE(age, bmi) FROM hospital", SqlUnsupportedError, "a bound that is not a number"),
    ("SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY age) FROM hospital", SqlUnsupportedError,
     "the function 'PERCENTILE_CONT' is not supported at line 1, column 8"),
    ("SELECT PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY age DESC) FROM hospital", SqlUnsupportedError, "desc of"),
    ("SELECT PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY age, bmi) FROM hospital", SqlUnsupportedError,
     "a quantile of other than one column"),
    ("SELECT PERCENTILE_DISC(0.5) FROM hospital", SqlUnsupportedError, "the function"),
    ("SELECT MIN(age, bmi) FROM hospital", SqlUnsupportedError, "more than one argument"),
    ("SELECT MAX(DISTINCT age) FROM hospital", SqlUnsupportedError, "DISTINCT"),
    ("SELECT MEDIAN(age) FROM hospital HAVING MEDIAN(bmi) > 3", SqlUnsupportedError,
     "this MEDIAN, which is not selected"),
    ("SELECT MEDIAN(age), MEDIAN(age) FROM hospital", DuplicateNameError, "two of the outputs"),
    ("SELECT COUNT(*), HISTOGRAM(age, 0, 9, 3), MIN(age) FROM hospital", SqlUnsupportedError, "HISTOGRAM"),
    (f"SELECT {', '.join(f'QUANTILE(age, 0.{k}) AS q{k}' for k in range(1, 10))} FROM hospital", SqlUnsupportedError,
     "a question of 9 order statistics is not supported at line 1"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "error", "message"), REFUSED)
def test_what_is_refused(sql: str, error: type[QueryError], message: str) -> None:
    with pytest.raises(error) as refusal:
        compile_question(sql, DIRECTORY)
    assert message in str(refusal.value)


def test_public_numbers_and_wide_columns_are_refused() -> None:
    sql = "SELECT COUNT(*), MIN(age) FROM hospital"
    with pytest.raises(SqlUnsupportedError, match="MIN in a public result is not supported at line 1, column 18"):
        compile_question(sql, DIRECTORY, publication=Publication.PUBLIC)
    assert compile_question(sql, DIRECTORY, publication=Publication.COUNTS).ranks
    wide = replace(HOSPITAL, columns=(ColumnSchema("age", BoundedInteger(0, (1 << 62) - 1)),))
    with pytest.raises(BoundExceededError, match="61 bits"):
        compile_question(sql, Directory([registered(wide, 1)]))
    fits = replace(HOSPITAL, columns=(ColumnSchema("age", BoundedInteger(1, 1 << 61)),))
    assert compile_question(sql, Directory([registered(fits, 1)])).ranks


# --- what is proved, and what is not ---------------------------------------------------------------------------------


def test_what_is_proved_is_the_count_of_the_rows() -> None:
    asked = compile_question("SELECT MEDIAN(bmi) AS m FROM hospital WHERE diabetic", DIRECTORY)
    counted = compile_question("SELECT COUNT(bmi) AS n FROM hospital WHERE diabetic", DIRECTORY)
    assert relation_hash(asked.relation) == relation_hash(counted.relation)
    assert asked.sums == counted.sums
    assert counted.ranks is None
    assert asked.ranks is not None and asked.ranks.columns[0].count == 0


def test_every_value_is_labelled() -> None:
    sql = "SELECT COUNT(*) AS n, MEDIAN(bmi) AS m, MAX(age) AS a, MIN(bmi) AS b FROM hospital"
    plan = compile_question(sql, DIRECTORY)
    sums = evaluate_plan(plan, ENCODED).sums
    assert plan.ranks is not None
    results = finish_plan(plan, sums, ranks_in_clear(plan.ranks, ENCODED))
    assert [result.proved for result in results] == [True, False, False, False]
    assert all(isinstance(result.value, Unproved) and "UNPROVED" in str(result.value) for result in results[1:])
    bmi = [record["bmi"] for record in RECORDS["hospital"] if record is not None and record["bmi"] is not None]
    assert results[3].value == Unproved(min(bmi))  # type: ignore[type-var]
    assert isinstance(results[3].value, Unproved)
    assert results[3].value.as_json() == {"value": str(min(bmi)), "proved": False}  # type: ignore[type-var]
    assert isinstance(min(bmi), Decimal)  # type: ignore[type-var]


def test_of_the_proved_sums_alone_nothing_follows() -> None:
    plan = compile_question("SELECT COUNT(*) AS n, MEDIAN(bmi) AS m FROM hospital", DIRECTORY)
    sums = evaluate_plan(plan, ENCODED).sums
    n, median = finish_plan(plan, sums)
    assert n.value == sums[0]
    assert median.value == Unproved(None) and not median.proved
    assert "not part" in str(median.value)
    closed = finish_plan(plan, [None] * len(sums), [0])
    assert [result.suppressed for result in closed] == [True, True]
    for wrong in ((), (1, 1), (-1,), (1401,)):
        with pytest.raises(SumsInvalidError):
            finish_plan(plan, sums, wrong)
    assert finish_plan(plan, sums, (1400,))[1].value == Unproved(80.0)


def test_explain_says_so_and_what_it_costs() -> None:
    sql = f"SELECT COUNT(*) AS n, MEDIAN(h.bmi) AS m, MAX(l.chol) AS c {TWO} WHERE h.diabetic"
    plan = compile_question(sql, DIRECTORY)
    text = explain_plan(plan)
    assert "output     m: MEDIAN, UNPROVED" in text and "output     n: COUNT\n" in text
    assert "order statistics of hospital.bmi, laboratory.chol" in text
    assert plan.ranks is not None
    assert f"{rank_cost(plan.ranks).bytes_sent} bytes sent by each party" in text
    line = next(line for line in plan.disclosures if "median" in line)
    assert line.startswith("the median of hospital.bmi over patients in hospital and in laboratory where")
    assert "to the agency alone, UNPROVED" in line and "two persons" in line
    proved = compile_question("SELECT COUNT(*) AS n FROM hospital", DIRECTORY)
    assert "UNPROVED" not in explain_plan(proved)
    assert "one person" in describe_rank(Statistic.MAX, "t.v", "the number of rows")


def test_having_and_order_by_take_the_exact_value() -> None:
    sql = "SELECT MEDIAN(age) AS m, COUNT(*) AS n FROM hospital HAVING m {} 1000 ORDER BY m"
    assert len(answered(compile_question(sql.format("<"), DIRECTORY))) == 1
    assert answered(compile_question(sql.format(">"), DIRECTORY)) == []


def test_a_dry_run_answers_with_the_label() -> None:
    found = Rehearsal(DIRECTORY, ENCODED).answer("SELECT MEDIAN(age) AS m, COUNT(*) AS n FROM hospital").rows()
    assert isinstance(found[0]["m"], Unproved) and found[0]["m"].value is not None


def test_quantiles_by_name() -> None:
    rehearsal = Rehearsal(DIRECTORY, ENCODED)
    report = rehearsal.run(Quantiles(("hospital.bmi", "hospital.age"), ("0", "0.3", "0.5", "1"), "hospital.diabetic"))
    bmi = sorted(r["bmi"] for r in RECORDS["hospital"] if r is not None and r["diabetic"] and r["bmi"] is not None)  # type: ignore[type-var]
    found = report.variable("hospital.bmi")
    assert found.n == len(bmi)
    middle = float(sum(map(Fraction, (bmi[(len(bmi) - 1) // 2], bmi[len(bmi) // 2])))) / 2  # type: ignore[arg-type]
    assert [value.value for value in found.values] == [bmi[0], bmi[-(-len(bmi) * 3 // 10) - 1], middle, bmi[-1]]
    assert "(UNPROVED)" in str(report) and "UNPROVED" in report.notes[0]
    assert report.as_json()["variables"][0]["values"][0] == {"value": str(bmi[0]), "proved": False}
    with pytest.raises(KeyError):
        report.variable("hospital.balance")
    for variables, points in (((), ("0.5",)), (("hospital.bmi",) * 2, ("0.5",)), (("hospital.bmi",), ()),
                              (("hospital.bmi",), ("0.5", "0.50")), (("hospital.region",), ("0.5",))):  # fmt: skip
        with pytest.raises(AnalysisInvalidError):
            Quantiles(variables, points).questions(DIRECTORY)
    with pytest.raises(CellsSuppressedError):
        rehearsal.run(Quantiles(("hospital.bmi",), where="hospital.age = 121 OR hospital.age = 0"))


# --- what owners enter -----------------------------------------------------------------------------------------------


def test_every_owner_enters_what_follows_from_its_own_columns() -> None:
    plan = compile_question(f"SELECT MIN(h.age) AS a {TWO} WHERE h.diabetic AND (l.abnormal OR h.smoker)", DIRECTORY)
    assert plan.ranks is not None
    hospital, laboratory = plan.ranks.tables
    assert hospital is not None and laboratory is not None
    assert set(hospital.names) <= {"present", "age", "diabetic", "smoker", "smoker__known"}
    assert set(laboratory.names) <= {"present", "abnormal"}
    assert hospital.bits.count(7) == 1 and set(laboratory.bits) == {1}
    value = plan.ranks.columns[0].segments[0].value
    assert value == Leaf(0, hospital.bits.index(7))
    columns = [ENCODED["hospital"][name] for name in hospital.names]
    entered = entered_values(hospital, columns)
    assert (entered[value.form] == ENCODED["hospital"]["age"]).all()
    with pytest.raises(SumsInvalidError, match="values of hospital do not fit"):
        entered_values(hospital, [column + 1000 for column in columns])
    with pytest.raises(SumsInvalidError, match="expected"):
        forms_in_clear(hospital.relation, columns[:-1])
    with pytest.raises(SumsInvalidError, match="expected"):
        forms_in_clear(hospital.relation, [column[:-1] for column in columns])


def test_the_digest_covers_everything_that_is_computed() -> None:
    questions = [
        "SELECT MIN(age) FROM hospital", "SELECT MAX(age) FROM hospital", "SELECT MIN(bmi) FROM hospital",
        "SELECT MIN(age) FROM hospital WHERE diabetic", "SELECT QUANTILE(age, 0.3) FROM hospital",
        "SELECT QUANTILE(age, 0.7) FROM hospital", f"SELECT MIN(h.age) {TWO}",
        "SELECT MIN(age), MAX(age) FROM hospital",
        f"SELECT MIN(h.age) {TWO} WHERE h.diabetic AND l.abnormal",
        f"SELECT MIN(h.age) {TWO} WHERE h.diabetic OR l.abnormal",
    ]  # fmt: skip
    digests = {compile_question(sql, DIRECTORY).ranks.digest for sql in questions}  # type: ignore[union-attr]
    assert len(digests) == len(questions)
    again = compile_question(questions[0], DIRECTORY).ranks
    assert again is not None and again.digest in digests


# --- policies --------------------------------------------------------------------------------------------------------


def check(sql: str, hospital: Policy, laboratory: Policy, table: str = "hospital") -> None:
    tables = [registered(HOSPITAL, 1, policy=hospital), registered(LABORATORY, 2, policy=laboratory)]
    directory = Directory(tables)
    plan, owned = compile_question(sql, directory), directory.table(table)
    check_policy(plan, owned, Asker("agency", "agency"), 0)
    check_limits(plan, owned, owned.policy.limits, "purpose")


@pytest.mark.parametrize("statistic", RANKED)
def test_a_policy_has_to_name_them(statistic: Statistic) -> None:
    call = f"{statistic}(age, 0.3)" if statistic is Statistic.QUANTILE else f"{statistic}(age)"
    sql = f"SELECT {call} FROM hospital"
    check(sql, Policy(statistics=(statistic,)), Policy())
    check("SELECT AVG(age) FROM hospital", Policy(), Policy())
    others = tuple(other for other in Statistic if other is not statistic)
    for policy in (Policy(), Policy(statistics=()), Policy(statistics=others)):
        with pytest.raises(PolicyRefusedError) as refusal:
            check(sql, policy, Policy())
        assert refusal.value.rule == "statistic"


def test_owners_of_values_and_of_filters_both_have_to_allow() -> None:
    sql = f"SELECT MEDIAN(h.age) {TWO} WHERE l.abnormal"
    allows = Policy(statistics=(Statistic.MEDIAN, Statistic.COUNT))
    for table in ("hospital", "laboratory"):
        check(sql, allows, allows, table)
    for hospital, laboratory, table in ((Policy(), allows, "hospital"), (allows, Policy(), "laboratory")):
        with pytest.raises(PolicyRefusedError, match="has to be allowed by name"):
            check(sql, hospital, laboratory, table)


def test_columns_can_be_kept_out() -> None:
    named = tuple(RANKED)
    by_column = Limits(column_statistics=(("age", (Statistic.AVG,)),))
    for policy, rule in ((Policy(statistics=named, hidden_values=("age",)), "value"),
                         (Policy(statistics=named, limits=by_column), "column_statistic")):  # fmt: skip
        with pytest.raises(PolicyRefusedError) as refusal:
            check("SELECT MIN(age) FROM hospital", policy, Policy())
        assert refusal.value.rule == rule
        check("SELECT MIN(bmi) FROM hospital", policy, Policy())
    no_age = Policy(statistics=named, hidden_filters=("age",))
    with pytest.raises(PolicyRefusedError, match="rule filter"):
        check("SELECT MIN(bmi) FROM hospital WHERE age > 3", no_age, Policy())


def test_policies_that_name_them_are_canonical_and_others_keep_their_hash() -> None:
    policy = Policy(statistics=(Statistic.MEDIAN, Statistic.COUNT))
    assert parse_policy(encode_policy(policy)) == policy
    assert b'"statistics":["MEDIAN","COUNT"]' in encode_policy(policy)
    assert policy_hash(Policy()).hex() == "332c3bd0dfcd21dce69bb5e6e105414bdbf15c7756282f3485dd71c8bf47fe0f"
    with pytest.raises(PolicyInvalidError):
        parse_policy(encode_policy(policy).replace(b"MEDIAN", b"MODE"))
