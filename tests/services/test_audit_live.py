"""Real processes: answers audited against the history, budgets, purposes and weights, as an agency meets them."""

from __future__ import annotations

import random

import pytest
from study_samples import table_input

from query.aggregates import Statistic
from query.kinds import Boolean, BoundedInteger
from query.limits import Budget, Limits
from query.policy import Policy
from query.schema import ColumnSchema, TableSchema
from services.client import Tallystick
from services.deployment import LocalDeployment
from services.errors import DisclosureRefusedError, RefusedError

MINIMUM = 5
RNG = random.Random(31)
PEOPLE = [(40 + row % 20, RNG.random() < 0.5, RNG.randrange(100)) for row in range(60)]
JOIN = "FROM wards w JOIN savings s ON w.person = s.person"


def _table(name: str, owner: str, columns: tuple[ColumnSchema, ...]) -> TableSchema:
    return TableSchema(name, owner, "persons", "person", "audit-cohort", columns)


WARDS = _table("wards", "hospital", (ColumnSchema("age", BoundedInteger(0, 120)), ColumnSchema("smoker", Boolean())))
SAVINGS = _table("savings", "laboratory", (ColumnSchema("amount", BoundedInteger(0, 1000)),))


@pytest.fixture(scope="module")
def city(deployment: LocalDeployment, agency: Tallystick) -> Tallystick:
    wards = Limits(column_statistics=(("age", (Statistic.COUNT, Statistic.AVG)),), hidden_groups=("smoker",))
    savings = Limits(purposes=("research",), weights=(), budget=Budget(3, 1))
    deployment.register(table_input(0, WARDS, Policy(minimum_group=MINIMUM, limits=wards),
                               [(row, age, str(smoker).lower()) for row, (age, smoker, _) in enumerate(PEOPLE)]))
    deployment.register(table_input(1, SAVINGS, Policy(minimum_group=MINIMUM, limits=savings),
                               [(row, amount) for row, (_, _, amount) in enumerate(PEOPLE)]))
    return agency


def count(where: str) -> str:
    return f"SELECT COUNT(*) AS n FROM wards WHERE {where}"


def test_the_people_between_two_answers_are_counted_before_the_second_is_given(city: Tallystick) -> None:
    """Three people are 47: whoever had everybody and everybody but them, would have them."""
    assert sum(age == 47 for age, _, _ in PEOPLE) == 3
    assert city.query("SELECT COUNT(*) AS n FROM wards", purpose="all").values == {"n": 60}
    with pytest.raises(DisclosureRefusedError):
        city.query(count("age <> 47"), purpose="all but three")
    older = sum(age >= 50 for age, _, _ in PEOPLE)
    assert city.query(count("age >= 50"), purpose="enough people between").values == {"n": older}
    with pytest.raises(DisclosureRefusedError):
        city.query(count("age >= 51"), purpose="three people between")
    smokers = sum(smoker for _, smoker, _ in PEOPLE)
    assert city.query(count("smoker"), purpose="unrelated").values == {"n": smokers}
    assert city.query(count("age >= 50"), purpose="once more").values == {"n": older}


def test_finer_clauses_refuse_by_name(city: Tallystick) -> None:
    for sql, rule in (
        ("SELECT SUM(age) AS s FROM wards", "POLICY_COLUMN_STATISTIC"),
        ("SELECT smoker, COUNT(*) AS n FROM wards GROUP BY smoker", "POLICY_GROUP"),
    ):
        with pytest.raises(RefusedError) as refusal:
            city.query(sql, purpose="research")
        assert refusal.value.rule == rule


def test_a_budget_counts_refused_questions_too(city: Tallystick) -> None:
    with pytest.raises(RefusedError) as refusal:
        city.query("SELECT AVG(amount) AS a FROM savings", purpose="marketing: who has money?")
    assert refusal.value.rule == "POLICY_PURPOSE"
    with pytest.raises(RefusedError) as refusal:
        city.query(f"SELECT COVAR_POP(w.age, s.amount) AS c {JOIN}", purpose="Research")
    assert refusal.value.rule in ("POLICY_WEIGHT", "POLICY_COLUMN_STATISTIC")
    mean = sum(amount for _, _, amount in PEOPLE) / len(PEOPLE)
    answer = city.query("SELECT AVG(amount) AS a FROM savings", purpose="research: household reserves")
    assert answer.values["a"] == pytest.approx(mean)
    with pytest.raises(RefusedError) as refusal:
        city.query("SELECT COUNT(*) AS n FROM savings", purpose="research")
    assert refusal.value.rule == "POLICY_BUDGET"
