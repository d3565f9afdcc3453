"""The finer clauses of a policy: purposes, groups, statistics by column, weights, budgets, audits against history, and
dominance rules (`query.dominance`).

They are absent from a policy's canonical text where they are at their defaults, so that policies written before they
existed keep their hashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from query.aggregates import Statistic
from query.audit.weights import value_partners
from query.canonical import Fields, JsonValue, as_json_texts
from query.dominance import DominanceClause, clause_as_json, clause_from_json
from query.errors import PolicyInvalidError, PolicyRefusedError

if TYPE_CHECKING:
    from query.directory import RegisteredTable
    from query.plan import Plan

MAX_DAYS: Final = 3660
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_COLUMN: Final = re.compile(r"[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}")
_PURPOSE: Final = re.compile(r"[a-z0-9][a-z0-9 ._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Budget:
    """So many questions of one member in so many days, refused ones included."""

    questions: int
    days: int

    def __post_init__(self) -> None:
        if not 1 <= self.questions < 1 << 31 or not 1 <= self.days <= MAX_DAYS:
            raise PolicyInvalidError(f"a budget has at least one question and 1 to {MAX_DAYS} days")


@dataclass(frozen=True, slots=True)
class Limits:
    """Finer clauses. Public; None means no restriction.

    Args:
        purposes: what a purpose may begin with, up to a colon or its end, in lower case.
        hidden_groups: columns that may not stand in GROUP BY.
        maximum_groups: how many cells an answer may have.
        column_statistics: for some columns the statistics they may be used in.
        weights: columns ``table.column`` of others by which values may be multiplied; a co-owner who registers 1 for
            one person and 0 for all others reads that person's value out of a sum of products.
        maximum_weighted: how many different sums of products with others' columns may be let out for each column, over
            all time; None means the number of rows less the minimum group (Huth et al. 2023).
        budget: questions of one member.
        audited: whether answers are audited against the history (`query.audit`); False suits registers of things
            whose differences concern nobody.
    """

    purposes: tuple[str, ...] | None = None
    hidden_groups: tuple[str, ...] = ()
    maximum_groups: int | None = None
    column_statistics: tuple[tuple[str, tuple[Statistic, ...]], ...] = ()
    weights: tuple[str, ...] | None = None
    maximum_weighted: int | None = None
    budget: Budget | None = None
    audited: bool = True
    dominance: DominanceClause | None = None

    def __post_init__(self) -> None:
        for pattern, texts in (
            (_PURPOSE, self.purposes or ()),
            (_NAME, self.hidden_groups),
            (_COLUMN, self.weights or ()),
            (_NAME, tuple(column for column, _ in self.column_statistics)),
        ):
            if len(set(texts)) != len(texts) or not all(map(pattern.fullmatch, texts)):
                raise PolicyInvalidError("names in the limits of a policy differ and are names of columns or purposes")
        if any(len(set(allowed)) != len(allowed) for _, allowed in self.column_statistics):
            raise PolicyInvalidError("the limits of a policy name a statistic twice")
        for number in (self.maximum_groups, self.maximum_weighted):
            if number is not None and not 0 <= number < 1 << 31:
                raise PolicyInvalidError("numbers in the limits of a policy lie in [0, 2^31)")


def limits_as_json(limits: Limits) -> JsonValue:
    """The canonical JSON of limits: only what differs from the defaults."""
    found: dict[str, JsonValue] = {}
    default = Limits()
    if limits.purposes is not None:
        found["purposes"] = as_json_texts(limits.purposes)
    if limits.hidden_groups:
        found["hidden_groups"] = [*limits.hidden_groups]
    if limits.maximum_groups is not None:
        found["maximum_groups"] = limits.maximum_groups
    if limits.column_statistics:
        found["column_statistics"] = {name: [str(s) for s in allowed] for name, allowed in limits.column_statistics}
    if limits.weights is not None:
        found["weights"] = as_json_texts(limits.weights)
    if limits.maximum_weighted is not None:
        found["maximum_weighted"] = limits.maximum_weighted
    if limits.budget is not None:
        found["budget"] = {"questions": limits.budget.questions, "days": limits.budget.days}
    if limits.audited != default.audited:
        found["audited"] = limits.audited
    if limits.dominance is not None:
        found["dominance"] = clause_as_json(limits.dominance)
    return found


def limits_from_json(fields: Fields) -> Limits:
    """Inverse of `limits_as_json`.

    Raises:
        PolicyInvalidError: the object is not that of limits.
    """
    purposes = fields.texts("purposes") if fields.has("purposes") else None
    groups = fields.texts("hidden_groups") if fields.has("hidden_groups") else ()
    maximum = fields.integer("maximum_groups") if fields.has("maximum_groups") else None
    columns = _column_statistics(fields.nested("column_statistics")) if fields.has("column_statistics") else ()
    weights = fields.texts("weights") if fields.has("weights") else None
    weighted = fields.integer("maximum_weighted") if fields.has("maximum_weighted") else None
    budget = None
    if fields.has("budget"):
        inner = fields.nested("budget")
        budget = Budget(inner.integer("questions"), inner.integer("days"))
        inner.end()
    audited = fields.boolean("audited") if fields.has("audited") else True
    dominance = clause_from_json(fields.nested("dominance")) if fields.has("dominance") else None
    fields.end()
    return Limits(purposes, groups, maximum, columns, weights, weighted, budget, audited, dominance)


def _column_statistics(fields: Fields) -> tuple[tuple[str, tuple[Statistic, ...]], ...]:
    known = {str(statistic): statistic for statistic in Statistic}
    found = []
    for name in fields.names():
        allowed = fields.texts(name)
        if not known.keys() >= set(allowed):
            raise PolicyInvalidError("a policy names a statistic that does not exist")
        found.append((name, tuple(known[text] for text in allowed)))
    return tuple(found)


def check_limits(plan: Plan, table: RegisteredTable, limits: Limits, purpose: str) -> None:
    """Check a plan against the finer clauses of one of its tables.

    Args:
        plan: the plan this party compiled itself.
        table: one of the plan's tables.
        limits: of its policy.
        purpose: as the agency states it; its hash stands on the ledger.

    Raises:
        PolicyRefusedError: a clause refuses; `rule` names the first that does.
    """
    name = table.schema.name

    def refuse_if(condition: bool, rule: str, detail: str) -> None:
        if condition:
            raise PolicyRefusedError(rule, name, detail)

    stated = purpose.partition(":")[0].strip().lower()
    refuse_if(limits.purposes is not None and stated not in limits.purposes, "purpose",
              f"the purpose has to begin with one of {', '.join(map(repr, limits.purposes or ()))}")
    refuse_if(limits.maximum_groups is not None and bool(plan.groups) and len(plan.cells) > limits.maximum_groups,
              "maximum_groups", f"an answer has at most {limits.maximum_groups} groups")
    for group in plan.groups:
        refuse_if(group.table == name and group.column in limits.hidden_groups, "group",
                  f"{group.column} may not be grouped by")
    allowed = dict(limits.column_statistics)
    values = {column for use in plan.uses if use.table == name for column in use.values}
    for output in plan.outputs:
        for operand in output.operands:
            for column, statistics in allowed.items():
                named = operand.table == name and re.search(rf"(?<![a-z0-9_]){column}(?![a-z0-9_])", operand.column)
                refuse_if(bool(named) and output.statistic not in statistics, "column_statistic",
                          f"{output.statistic} of {column} is not allowed")
        for operand in output.operands if output.statistic.ranked else ():
            covered = limits.dominance is not None and limits.dominance.covers(operand.column)
            refuse_if(covered and operand.column in values, "dominance",
                      f"{output.statistic} of {operand.column} shows one contribution to its totals")
    if limits.weights is not None:
        names = {(c.registered.dataset, c.registered.column): f"{c.table}.{c.name}" for c in plan.columns}
        for partner in value_partners(plan.relation, table.dataset):
            shown = names[partner.dataset, partner.column]
            refuse_if(shown not in limits.weights, "weight", f"its values may not be multiplied by {shown}")
