"""What a policy allows over time: questions of one member, and sums of products with others' columns.

A question is charged before anything is decided about it, refused ones included, and once however often it is asked.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from query.audit.columns import Variable
from query.directory import RegisteredTable
from query.errors import PolicyRefusedError
from query.policy import parse_policy
from services.errors import RefusedError
from services.party.store import PartyStore
from services.party.stored import StoredDataset

DAY_MS: Final = 86_400_000


def charge_budgets(store: PartyStore, mine: Sequence[StoredDataset], query_id: bytes, member: str) -> None:
    """Charge a question to a member's budgets of this party's tables, durably.

    Raises:
        RefusedError: a budget is exceeded; every table has been charged all the same.
    """
    now_ms = time.time_ns() // 1_000_000
    exceeded = []
    for found in mine:
        budget = parse_policy(found.policy).limits.budget
        since_ms = 0 if budget is None else now_ms - budget.days * DAY_MS
        charged = store.charge(found.dataset, query_id, member, since_ms)
        if budget is not None and charged > budget.questions:
            exceeded.append(PolicyRefusedError(
                "budget", found.name, f"{budget.questions} questions in {budget.days} days are used up"
            ))
    if exceeded:
        raise RefusedError("POLICY_BUDGET", str(exceeded[0])) from exceeded[0]


def check_weighted(table: RegisteredTable, weighted: Mapping[Variable, int]) -> None:
    """Check how many sums of products with others' columns a table's columns went into, the new question's included.

    Raises:
        PolicyRefusedError: more than the policy allows, or than rows less the minimum group (Huth et al. 2023).
    """
    limits = table.policy.limits
    rows = max(table.rows - max(table.minimum_group, table.policy.minimum_group), 0)
    allowed = rows if limits.maximum_weighted is None else min(rows, limits.maximum_weighted)
    for variable, count in weighted.items():
        if variable.dataset == table.dataset and count > allowed:
            detail = f"sums of products with others' columns are limited to {allowed} for each column"
            raise PolicyRefusedError("weighted", table.schema.name, detail)
