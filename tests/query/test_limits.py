"""Finer clauses of a policy: canonical text, and each refuses what it should and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from query_tables import HOSPITAL, LABORATORY, registered

from query.aggregates import Statistic
from query.audit.columns import Variable
from query.audit.weights import count_weighted, value_partners
from query.directory import Directory
from query.errors import PolicyInvalidError, PolicyRefusedError
from query.limits import Budget, Limits, check_limits
from query.plan import Plan, compile_question
from query.policy import Policy, encode_policy, parse_policy, policy_hash

JOINED = "FROM hospital h JOIN laboratory l ON h.person = l.person"
FULL = Limits(("research", "audit 7"), ("region",), 8, (("age", (Statistic.AVG,)),), ("laboratory.chol",), 40,
              Budget(10, 30), False)


def plan(sql: str, version: int = 1) -> Plan:
    tables = [registered(HOSPITAL, 1, version=version), registered(LABORATORY, 2)]
    return compile_question(sql, Directory(tables))


def check(sql: str, limits: Limits, purpose: str = "research: why") -> None:
    check_limits(plan(sql), registered(HOSPITAL, 1), limits, purpose)


@pytest.mark.parametrize("limits", [Limits(), FULL, replace(FULL, purposes=(), weights=())])
def test_canonical_text_round_trips(limits: Limits) -> None:
    policy = Policy(limits=limits)
    assert parse_policy(encode_policy(policy)) == policy
    assert policy_hash(parse_policy(json.dumps(json.loads(encode_policy(policy)), indent=2))) == policy_hash(policy)


def test_policies_from_before_limits_keep_their_hash() -> None:
    assert b"limits" not in encode_policy(Policy())
    assert policy_hash(Policy()).hex() == "332c3bd0dfcd21dce69bb5e6e105414bdbf15c7756282f3485dd71c8bf47fe0f"


@pytest.mark.parametrize(
    ("sql", "changes", "rule"),
    [
        ("SELECT COUNT(*) FROM hospital", {"purposes": ("audit",)}, "purpose"),
        ("SELECT region, COUNT(*) FROM hospital GROUP BY region", {"hidden_groups": ("region",)}, "group"),
        ("SELECT region, COUNT(*) FROM hospital GROUP BY region", {"maximum_groups": 3}, "maximum_groups"),
        ("SELECT SUM(age) FROM hospital", {"column_statistics": (("age", (Statistic.AVG,)),)}, "column_statistic"),
        ("SELECT SUM(age + 1) FROM hospital", {"column_statistics": (("age", (Statistic.AVG,)),)}, "column_statistic"),
        (f"SELECT COVAR_POP(h.age, l.chol) {JOINED}", {"weights": ()}, "weight"),
        (f"SELECT CORR(h.age, l.chol) {JOINED}", {"weights": ("laboratory.hba1c",)}, "weight"),
    ],
)
def test_each_clause_refuses_by_name(sql: str, changes: dict, rule: str) -> None:
    with pytest.raises(PolicyRefusedError) as refusal:
        check(sql, replace(Limits(), **changes))
    assert (refusal.value.rule, refusal.value.table) == (rule, "hospital")


@pytest.mark.parametrize(
    ("sql", "limits"),
    [
        ("SELECT COUNT(*) FROM hospital", Limits(purposes=("research",), maximum_groups=0)),
        ("SELECT region, COUNT(*) FROM hospital GROUP BY region", Limits(hidden_groups=("smoker",), maximum_groups=4)),
        ("SELECT AVG(age), SUM(bmi) FROM hospital", Limits(column_statistics=(("age", (Statistic.AVG,)),))),
        (f"SELECT COVAR_POP(h.age, l.chol) {JOINED}", Limits(weights=("laboratory.chol",))),
        (f"SELECT AVG(h.age) {JOINED} WHERE l.chol > 100", Limits(weights=())),
        (f"SELECT SUM(h.age), SUM(l.chol) {JOINED}", Limits(weights=())),
    ],
)
def test_what_is_within_the_limits_passes(sql: str, limits: Limits) -> None:
    check(sql, limits)


@pytest.mark.parametrize(
    "text",
    ['{"budget":{"questions":0,"days":1}}', '{"budget":{"questions":1,"days":99999}}', '{"budget":{"questions":1}}',
     '{"weights":["chol"]}', '{"hidden_groups":["a","a"]}', '{"maximum_groups":-1}', '{"audited":1}', '{"other":1}',
     '{"column_statistics":{"age":["MODE"]}}', '{"purposes":["Research!"]}'],
)
def test_limits_that_make_no_sense_are_refused(text: str) -> None:
    policy = json.loads(encode_policy(Policy())) | {"limits": json.loads(text)}
    with pytest.raises(PolicyInvalidError):
        parse_policy(json.dumps(policy))


def test_values_are_partners_and_tests_of_values_are_not() -> None:
    chol = Variable(2, 3)
    assert value_partners(plan(f"SELECT COVAR_POP(h.age, l.chol) {JOINED}").relation, 1) == {chol}
    assert value_partners(plan(f"SELECT AVG(h.age) {JOINED} WHERE l.chol > 60").relation, 1) == frozenset()
    assert value_partners(plan("SELECT VAR_POP(age) FROM hospital").relation, 1) == frozenset()


def test_weighted_sums_are_counted_once_for_each_form_and_version() -> None:
    covariance, other = f"SELECT COVAR_POP(h.age, l.chol) {JOINED}", f"SELECT COVAR_POP(h.age, l.hba1c) {JOINED}"
    age = Variable(1, 1)

    def count(*plans: Plan) -> int:
        return count_weighted(p.relation for p in plans).get(age, 0)

    assert count(plan("SELECT SUM(age) FROM hospital")) == 0
    assert count(plan(covariance)) == 1
    assert count(plan(covariance), plan(covariance), plan(f"SELECT CORR(h.age, l.chol) {JOINED}")) == 1
    assert count(plan(covariance), plan(other)) == 2
    assert count(plan(covariance), plan(f"{covariance} WHERE h.diabetic")) == 2
    assert count(plan(covariance), plan(covariance, version=2)) == 2
