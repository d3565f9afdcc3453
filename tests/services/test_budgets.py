"""Budgets are charged durably and once; weighted sums are limited by rows and by policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from study_samples import HOSPITAL

from query.audit.columns import Variable
from query.directory import RegisteredTable
from query.errors import PolicyRefusedError
from query.limits import Budget, Limits
from query.policy import Policy, encode_policy
from query.schema import encode_schema
from services.errors import RefusedError
from services.party.budgets import charge_budgets, check_weighted
from services.party.store import PartyStore
from services.party.stored import StoredDataset

BUDGETED = Policy(limits=Limits(budget=Budget(2, 1)))


def dataset(number: int, policy: Policy) -> StoredDataset:
    return StoredDataset(number, 1, f"table{number}", encode_schema(HOSPITAL), encode_policy(policy), 6, 50)


def ask(store: PartyStore, query: int, member: str = "agency", *tables: StoredDataset) -> None:
    charge_budgets(store, tables or [dataset(1, BUDGETED)], bytes([query]) * 32, member)


def test_a_budget_is_used_up_by_different_questions_of_one_member(tmp_path: Path) -> None:
    store = PartyStore(tmp_path / "party.sqlite")
    ask(store, 1)
    ask(store, 1)
    ask(store, 2)
    with pytest.raises(RefusedError, match="2 questions in 1 days") as refusal:
        ask(store, 3)
    assert refusal.value.rule == "POLICY_BUDGET"
    ask(store, 4, "another")


def test_what_was_charged_survives_a_restart(tmp_path: Path) -> None:
    store = PartyStore(tmp_path / "party.sqlite")
    ask(store, 1)
    ask(store, 2)
    store.close()
    with pytest.raises(RefusedError):
        ask(PartyStore(tmp_path / "party.sqlite"), 3)


def test_every_table_is_charged_even_where_one_refuses(tmp_path: Path) -> None:
    store = PartyStore(tmp_path / "party.sqlite")
    tables = (dataset(1, Policy(limits=Limits(budget=Budget(1, 1)))), dataset(2, BUDGETED))
    ask(store, 1, "agency", *tables)
    with pytest.raises(RefusedError, match="table1"):
        ask(store, 2, "agency", *tables)
    with pytest.raises(RefusedError, match="table2"):
        ask(store, 3, "agency", tables[1])


def test_tables_without_a_budget_refuse_nothing(tmp_path: Path) -> None:
    store = PartyStore(tmp_path / "party.sqlite")
    for query in range(20):
        ask(store, query, "agency", dataset(3, Policy()))


def table(policy: Policy) -> RegisteredTable:
    return RegisteredTable(HOSPITAL, 7, 1, 6, 50, 5, replace(policy, minimum_group=5))


def test_reconstruction_from_weighted_sums_is_refused_before_there_are_as_many_as_rows() -> None:
    age = Variable(7, 1)
    check_weighted(table(Policy()), {age: 45, Variable(8, 1): 10_000})
    with pytest.raises(PolicyRefusedError, match="limited to 45") as refusal:
        check_weighted(table(Policy()), {age: 46})
    assert refusal.value.rule == "weighted"


def test_a_policy_may_limit_weighted_sums_further_but_not_lift_the_limit() -> None:
    age = Variable(7, 1)
    with pytest.raises(PolicyRefusedError, match="limited to 3 "):
        check_weighted(table(Policy(limits=Limits(maximum_weighted=3))), {age: 4})
    with pytest.raises(PolicyRefusedError, match="limited to 45"):
        check_weighted(table(Policy(limits=Limits(maximum_weighted=1000))), {age: 46})
