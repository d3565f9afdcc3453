"""Dominance rules: sound on rows, compiled for every total that needs them, absent where no policy asks for them."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_oracle import Twin, evaluate_plan
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, random_records, registered

from query.canonical import Fields
from query.directory import Directory
from query.dominance import (
    AmbiguityRule,
    DominanceChecks,
    DominanceClause,
    DominanceTest,
    LargestRule,
    Rule,
    clause_as_json,
    clause_from_json,
)
from query.errors import BoundExceededError, PolicyInvalidError, PolicyRefusedError, QuestionTooLargeError
from query.explain import explain_plan, policy_decisions
from query.kinds import BoundedInteger
from query.limits import Limits, check_limits
from query.plan import Plan, compile_question
from query.policy import Asker, Policy, encode_policy, parse_policy, policy_hash
from query.publication import Publication
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema
from query.statistics import finish_plan, result_rows
from zk.encoding import relation_hash

ONE, TWO, AMBIGUITY = LargestRule(1, 50), LargestRule(2, 67), AmbiguityRule(10)
CLAUSE = DominanceClause((ONE, TWO, AMBIGUITY))
J = "FROM hospital h JOIN laboratory l ON h.person = l.person"


def under(clause: DominanceClause | None) -> Policy:
    return Policy(limits=Limits(dominance=clause))


def directory(hospital: DominanceClause | None, laboratory: DominanceClause | None = None) -> Directory:
    return Directory([registered(HOSPITAL, 1, policy=under(hospital)),
                      registered(LABORATORY, 2, policy=under(laboratory))])  # fmt: skip


# --- the clause -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clause", [CLAUSE, DominanceClause((TWO,), ("age", "bmi")), DominanceClause((AMBIGUITY,))])
def test_canonical_text_round_trips(clause: DominanceClause) -> None:
    policy = under(clause)
    assert parse_policy(encode_policy(policy)) == policy
    assert policy_hash(policy) != policy_hash(Policy())


def test_policies_without_a_clause_keep_their_hash() -> None:
    assert b"dominance" not in encode_policy(Policy(limits=Limits(audited=False)))
    assert under(None) == Policy()
    assert policy_hash(under(None)).hex() == "332c3bd0dfcd21dce69bb5e6e105414bdbf15c7756282f3485dd71c8bf47fe0f"


@pytest.mark.parametrize(
    "value",
    [
        {"rules": []},
        {"rules": ["(0,50)"]},
        {"rules": ["(1,0)"]},
        {"rules": ["(1,100)"]},
        {"rules": ["(17,50)"]},
        {"rules": ["(1, 50)"]},
        {"rules": ["p0%"]},
        {"rules": ["p1000%"]},
        {"rules": ["p10"]},
        {"rules": ["(1,50)", "(1,50)"]},
        {"rules": ["(1,50)"], "columns": []},
        {"rules": ["(1,50)"], "columns": ["a", "a"]},
        {"rules": ["(1,50)"], "columns": ["A"]},
        {"rules": ["(1,50)"], "more": 1},
        {"columns": ["a"]},
    ],
)
def test_what_is_no_clause_is_refused(value: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(PolicyInvalidError):
        clause_from_json(Fields(value, "dominance", PolicyInvalidError))


def test_columns_that_hold_no_numbers_are_told() -> None:
    named = DominanceClause((ONE,), ("age", "ages", "bmi", "diabetic", "region", "person"))
    assert named.strangers(HOSPITAL) == ("ages", "diabetic", "region", "person")
    assert CLAUSE.strangers(HOSPITAL) == ()


def test_rules_amount_to_an_effective_number_of_contributors() -> None:
    assert [rule.effective for rule in CLAUSE.rules] == [4, Fraction(20000, 4489), Fraction(221, 100)]
    assert CLAUSE.effective == Fraction(20000, 4489)
    assert clause_as_json(CLAUSE) == {"rules": ["(1,50)", "(2,67)", "p10%"]}


# --- soundness --------------------------------------------------------------------------------------------------------

RULES = st.one_of(st.builds(LargestRule, st.integers(1, 16), st.integers(1, 99)),
                  st.builds(AmbiguityRule, st.integers(1, 999)))  # fmt: skip
ROWS = st.one_of(
    st.lists(st.integers(0, 1 << 40), max_size=40),
    st.lists(st.integers(-100, 100), max_size=12),
    st.lists(st.integers(90, 110), min_size=3, max_size=150),
)


def holds_on_rows(rule: Rule, rows: list[int]) -> bool:
    """The rule itself, on contributions by size, against the total as it is let out."""
    sizes, total = [*sorted(map(abs, rows), reverse=True), 0, 0], abs(sum(rows))
    if isinstance(rule, LargestRule):
        return 100 * sum(sizes[: rule.largest]) <= rule.percent * total
    return (100 + rule.percent) * sizes[0] + 100 * sizes[1] <= 100 * total


def certain(rule: Rule, rows: list[int]) -> bool:
    test = DominanceTest(((0, 1),), ((1, 1),), rule.effective, 252)
    return DominanceChecks((test,)).cells_at_risk([sum(rows), sum(x * x for x in rows)], 1) == [False]


@given(RULES, ROWS)
def test_what_is_let_out_obeys_the_rule_on_its_rows(rule: Rule, rows: list[int]) -> None:
    if certain(rule, rows):
        assert holds_on_rows(rule, rows)


@given(RULES, st.integers(1, 1 << 40), st.integers(0, 20))
def test_enough_equal_contributors_always_pass(rule: Rule, value: int, more: int) -> None:
    """And one fewer does not, so the bound is not stricter than the effective number that the page states."""
    least = -(-rule.effective.numerator // rule.effective.denominator)
    assert certain(rule, [value] * (least + more))
    assert not certain(rule, [value] * (least - 1))


@given(st.integers(1, 999), st.lists(st.integers(0, 1 << 20), min_size=3, max_size=30))
def test_with_the_squares_the_second_largest_still_estimates_no_better_than_by_p(p: int, rows: list[int]) -> None:
    """Total and squares together leave the largest between Q/S and √Q, once the second subtracted its own."""
    rule = AmbiguityRule(p)
    if certain(rule, rows):
        second = sorted(rows)[-2]
        s, q = sum(rows) - second, sum(x * x for x in rows) - second**2
        assert (100 * s) ** 2 >= (100 + p) ** 2 * q


# --- what is compiled -------------------------------------------------------------------------------------------------

AGE, BMI, BALANCE, CHOL = "h.age", "10 * h.bmi", "h.balance", "l.chol"
TOTALS: dict[str, tuple[str, list[str]]] = {
    "a sum": ("SELECT SUM(age) FROM hospital h", [AGE]),
    "a mean beside a count": ("SELECT COUNT(*), AVG(bmi), SUM(bmi) FROM hospital h", [BMI]),
    "a signed column": ("SELECT SUM(balance) FROM hospital h", [BALANCE]),
    "under a filter": ("SELECT SUM(age) FROM hospital h WHERE bmi > 20 AND diabetic", [AGE]),
    "arithmetic": ("SELECT SUM(age * bmi - 3) FROM hospital h", ["10 * (h.age * h.bmi - 3)"]),
    "a variance": ("SELECT VAR_SAMP(balance) FROM hospital h", [BALANCE, "h.balance * h.balance"]),
    "a conditional sum": ("SELECT SUM(CASE WHEN diabetic THEN age ELSE 0 END) FROM hospital h",
                          ["CASE WHEN h.diabetic THEN h.age ELSE 0 END"]),
    "rows where it is null": ("SELECT SUM(CASE WHEN smoker THEN age END) FROM hospital h",
                              ["CASE WHEN h.smoker THEN h.age END"]),
    "over a join": (f"SELECT SUM(h.age) {J} WHERE l.abnormal", [AGE]),
    "a pair": (f"SELECT COVAR_POP(h.age, h.bmi) {J}", ["CASE WHEN h.bmi IS NOT NULL THEN h.age END", BMI,
                                                       "10 * h.bmi * h.age"]),
    "a product over a join": (f"SELECT SUM(h.balance * l.chol) {J}", ["h.balance * l.chol"]),
    "a pair over a join": (f"SELECT REGR_SLOPE(l.chol, h.age) {J}", [AGE, "h.age * h.age", "h.age * l.chol"]),
    "beside a boolean": (f"SELECT COVAR_SAMP(h.age, CASE WHEN l.abnormal THEN 1 ELSE 0 END) {J}",
                         [AGE, "CASE WHEN l.abnormal THEN h.age ELSE 0 END",
                          "CASE WHEN l.abnormal THEN NULL ELSE h.age END"]),
    "moments": (f"SELECT MOMENTS(h.age, l.chol) {J}", [AGE, "h.age * h.age", "h.age * l.chol"]),
    "one part in another": ("SELECT SUM(age), SUM(CASE WHEN diabetic THEN age ELSE 0 END) FROM hospital h",
                            [AGE, "CASE WHEN h.diabetic THEN h.age END", "CASE WHEN NOT h.diabetic THEN h.age END"]),
    "the rest of it": ("SELECT SUM(age), SUM(CASE WHEN diabetic THEN 0 ELSE age END) FROM hospital h",
                       [AGE, "CASE WHEN NOT h.diabetic THEN h.age END", "CASE WHEN h.diabetic THEN h.age END"]),
    "in disguise": ("SELECT SUM(age), SUM(2 * age - CASE WHEN diabetic THEN age ELSE 0 END) FROM hospital h",
                    [AGE, "2 * h.age - CASE WHEN h.diabetic THEN h.age ELSE 0 END",
                     "CASE WHEN h.diabetic THEN h.age END", "CASE WHEN NOT h.diabetic THEN h.age END"]),
    "overlapping": ("SELECT SUM(CASE WHEN age < 60 THEN balance END), SUM(CASE WHEN diabetic THEN balance END) "
                    "FROM hospital h",
                    ["CASE WHEN h.age < 60 THEN h.balance END", "CASE WHEN h.diabetic THEN h.balance END",
                     "CASE WHEN (h.age < 60) <> h.diabetic THEN h.balance END"]),
    "where another is known": (f"SELECT SUM(h.age), COVAR_POP(h.age, l.hba1c) {J}",
                               [AGE, "CASE WHEN l.hba1c IS NOT NULL THEN h.age END",
                                "CASE WHEN l.hba1c IS NULL THEN h.age END", "100 * h.age * l.hba1c"]),
    "disjoint names": ("SELECT SUM(CASE WHEN region = 'north' THEN age ELSE 0 END), "
                       "SUM(CASE WHEN region = 'south' THEN age ELSE 0 END) FROM hospital h",
                       ["CASE WHEN h.region = 'north' THEN h.age END", "CASE WHEN h.region = 'south' THEN h.age END"]),
    "under a condition over two tables": (
        f"SELECT SUM(h.age), VAR_POP(h.bmi) {J} WHERE h.diabetic OR l.abnormal",
        [AGE, BMI, "100 * h.bmi * h.bmi"],
    ),
    "beside a left join": (
        "SELECT SUM(h.age), SUM(h.age * l.chol) FROM hospital h LEFT JOIN laboratory l ON h.person = l.person",
        [AGE, "h.age * l.chol"],
    ),
    "on the right of a left join": (
        "SELECT SUM(h.balance) FROM laboratory l LEFT JOIN hospital h ON l.person = h.person WHERE l.chol > 200",
        [BALANCE],
    ),
    "a branch each": ("SELECT SUM(CASE WHEN diabetic THEN age WHEN smoker THEN balance ELSE 0 END) FROM hospital h",
                      ["CASE WHEN h.diabetic THEN h.age WHEN h.smoker THEN h.balance ELSE 0 END"]),
    "counts": ("SELECT COUNT(*), COUNT(bmi), SUM(CASE WHEN age > 50 THEN 1 ELSE 0 END) FROM hospital h", []),
    "another owner's column": (f"SELECT SUM(l.chol), VAR_POP(l.hba1c) {J} WHERE h.age > 20", []),
}  # fmt: skip


def loaded() -> tuple[dict[str, object], Twin]:
    rng, twin, encoded = Random(77), Twin(), {}
    for schema in (HOSPITAL, LABORATORY):
        records = random_records(rng, schema, 60)
        encoded[schema.name] = encode_rows(schema, records, LOG_ROWS)
        twin.load(schema, records)
    return encoded, twin


ENCODED, TWIN = loaded()


def both_sums(plan: Plan, sums: list[int]) -> list[tuple[int, int]]:
    """Total and squares of every test."""
    return sorted((sum(c * sums[n] for n, c in test.total), sum(c * sums[n] for n, c in test.squares))
                  for test in plan.dominance.tests)


@pytest.mark.parametrize("name", list(TOTALS))
def test_every_total_is_tested_by_its_very_contributions(name: str) -> None:
    sql, contributions = TOTALS[name]
    plan = compile_question(sql, directory(CLAUSE))
    evaluation = evaluate_plan(plan, ENCODED)  # type: ignore[arg-type]
    assert evaluation.holds
    assert all(0 <= value <= spec.bound for value, spec in zip(evaluation.sums, plan.sums))
    rows = sql[sql.index("FROM") :]
    expected = []
    for value in contributions:
        (row,) = TWIN.ask_rows(f"SELECT SUM(z), SUM(z * z) FROM (SELECT CAST({value} AS HUGEINT) AS z {rows})")
        expected.append((int(str(row[0])), int(str(row[1]))))
    assert both_sums(plan, evaluation.sums) == sorted(expected)
    for test in plan.dominance.tests:
        value = sum(c * evaluation.sums[n] for n, c in test.total)
        squares = sum(c * evaluation.sums[n] for n, c in test.squares)
        side = test.effective.denominator * value**2 - test.effective.numerator * squares
        assert abs(side) < 1 << test.bits - 1
    # what is let out is what it was without rules, and answers as SQL does
    free = compile_question(sql, directory(None))
    closed = plan.dominance.closed
    assert sorted(closed) == list(range(len(free.sums), len(plan.sums)))
    assert plan.sums[: len(free.sums)] == free.sums
    assert all(spec.closed for spec in plan.sums[len(free.sums) :])
    assert plan.disclosures == free.disclosures
    shown = [None if number in closed else value for number, value in enumerate(evaluation.sums)]
    assert len(result_rows(plan, finish_plan(plan, shown))) == 1


def test_groups_are_tested_cell_by_cell() -> None:
    sql = "SELECT region, SUM(age) AS s FROM hospital GROUP BY region"
    plan = compile_question(sql, directory(CLAUSE))
    evaluation, cells = evaluate_plan(plan, ENCODED), len(plan.cells)  # type: ignore[arg-type]
    (test,) = plan.dominance.tests
    for place, (label,) in enumerate(plan.cells):
        where = "IS NULL" if label is None else f"= '{label}'"
        (row,) = TWIN.ask_rows(f"SELECT SUM(age), SUM(age * age) FROM hospital WHERE region {where}")
        found = [sum(c * evaluation.sums[n * cells + place] for n, c in form) for form in (test.total, test.squares)]
        assert found == [int(str(value)) for value in row]
    assert {row for row, spec in enumerate(plan.sums) if spec.closed} == {
        row for row in range(len(plan.sums)) if plan.dominance.is_closed(row, cells)
    }


def test_a_union_is_tested_over_the_rows_of_all_members() -> None:
    other = TableSchema("clinic", "st-paul", "patients", "person", "city", HOSPITAL.columns)
    tables = [registered(HOSPITAL, 1, rows=30), registered(other, 3, rows=30, policy=under(CLAUSE))]
    sql = "SELECT SUM(balance) FROM (SELECT * FROM hospital UNION ALL SELECT * FROM clinic) u"
    plan = compile_question(sql, Directory(tables))
    rng, twin, encoded = Random(5), Twin(), {}
    for schema in (HOSPITAL, other):
        records = random_records(rng, schema, 30)
        encoded[schema.name] = encode_rows(schema, records, LOG_ROWS)
        twin.load(schema, records)
    evaluation = evaluate_plan(plan, encoded)
    (row,) = twin.ask_rows("SELECT SUM(z), SUM(z * z) FROM (SELECT CAST(balance AS HUGEINT) AS z FROM hospital "
                           "UNION ALL SELECT balance FROM clinic)")  # fmt: skip
    assert both_sums(plan, evaluation.sums) == [(int(str(row[0])), int(str(row[1])))]


def test_the_strictest_rule_of_all_owners_decides() -> None:
    sql = f"SELECT SUM(h.age * l.chol), SUM(h.age), SUM(l.chol) {J}"
    plan = compile_question(sql, directory(DominanceClause((ONE,)), DominanceClause((LargestRule(1, 10),))))
    assert sorted(test.effective for test in plan.dominance.tests) == [4, 100, 100]


def test_only_columns_that_a_clause_names_are_covered() -> None:
    sql = "SELECT SUM(age), SUM(balance) FROM hospital"
    free, named = (compile_question(sql, directory(clause)) for clause in (None, DominanceClause((ONE,), ("balance",))))
    assert [test.words for test in named.dominance.tests] == ["the total of hospital.balance"]
    other = compile_question("SELECT SUM(age) FROM hospital", directory(DominanceClause((ONE,), ("balance",))))
    assert relation_hash(other.relation) == relation_hash(
        compile_question("SELECT SUM(age) FROM hospital", directory(None)).relation
    )
    assert len(free.sums) < len(named.sums)


def test_a_variance_needs_no_further_sum_for_its_total_but_one_for_its_squares() -> None:
    plan = compile_question("SELECT VAR_POP(age) FROM hospital", directory(CLAUSE))
    assert [spec.closed for spec in plan.sums] == [False, False, False, True]
    total, squares = plan.dominance.tests
    assert (total.total, total.squares) == (((1, 1),), ((2, 1),))
    assert (squares.total, squares.squares) == (((2, 1),), ((3, 1),))


def test_public_sums_of_one_owner_are_sealed_where_a_rule_needs_a_closed_sum() -> None:
    sql = "SELECT SUM(age) FROM hospital"
    assert compile_question(sql, directory(None), publication=Publication.PUBLIC).relation.plain
    plan = compile_question(sql, directory(CLAUSE), publication=Publication.PUBLIC)
    assert not plan.relation.plain
    assert plan.sole_owner == "st-anne"


def test_closed_sums_keep_the_guards_and_are_none_themselves() -> None:
    for sql, _ in TOTALS.values():
        free, plan = (compile_question(sql, directory(clause)) for clause in (None, CLAUSE))
        assert set(plan.relation.guards) == set(free.relation.guards)
        assert not set(plan.relation.guards) & plan.dominance.closed


def test_what_does_not_fit_is_refused() -> None:
    wide = TableSchema("wide", "st-anne", "rows", "person", "city",
                       (ColumnSchema("x", BoundedInteger(0, 1 << 60)), ColumnSchema("y", BoundedInteger(0, 1 << 60))))
    tables = Directory([registered(wide, 1, policy=under(CLAUSE))])
    compile_question("SELECT SUM(x) FROM wide", tables)
    with pytest.raises(BoundExceededError):
        compile_question("SELECT SUM(x * y) FROM wide", tables)
    with pytest.raises(BoundExceededError):
        compile_question("SELECT VAR_POP(x) FROM wide", tables)
    cases = ", ".join(f"SUM(CASE WHEN age < {age} THEN balance ELSE 0 END)" for age in range(10, 110, 15))
    compile_question(f"SELECT {cases} FROM hospital", directory(None))
    with pytest.raises(QuestionTooLargeError):
        compile_question(f"SELECT {cases} FROM hospital", directory(CLAUSE))


@pytest.mark.parametrize("statistic", ["MAX(age)", "MIN(age)", "MEDIAN(age)"])
def test_order_statistics_of_a_covered_column_are_refused(statistic: str) -> None:
    named = DominanceClause((ONE,), ("age",))
    for sql in (f"SELECT {statistic} FROM hospital", f"SELECT {statistic} FROM (SELECT * FROM clinic UNION ALL "
                "SELECT * FROM hospital) u"):  # fmt: skip
        clinic = TableSchema("clinic", "st-paul", "patients", "person", "city", HOSPITAL.columns)
        tables = Directory([registered(HOSPITAL, 1, rows=30), registered(clinic, 3, rows=30)])
        plan = compile_question(sql, tables)
        with pytest.raises(PolicyRefusedError) as refused:
            check_limits(plan, registered(HOSPITAL, 1), Limits(dominance=named), "why")
        assert refused.value.rule == "dominance"
        check_limits(plan, registered(HOSPITAL, 1), Limits(dominance=DominanceClause((ONE,), ("bmi",))), "why")
        check_limits(plan, registered(HOSPITAL, 1), Limits(), "why")


def test_explain_names_the_clause_and_what_it_adds() -> None:
    plan = compile_question("SELECT SUM(age) FROM hospital", directory(CLAUSE))
    text = explain_plan(plan)
    assert "sum 2      hospital.age*hospital.age, below 2^20, guarded by sum 0, never let out" in text
    assert "dominance  the total of hospital.age: at least 4.46 effective contributors; a comparison of 39 bits" in text
    decisions = policy_decisions(plan, directory(CLAUSE), Asker("agency", "agency"), 0)
    assert decisions[-1] == ("totals that too few rows make up stay closed: dominance of hospital: (1,50) and (2,67) "
                             "and p10%; it adds 1 sum that nobody sees")  # fmt: skip
    assert "dominance" not in explain_plan(compile_question("SELECT SUM(age) FROM hospital", directory(None)))
