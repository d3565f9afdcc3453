"""Sums of products with other owners' columns: who multiplies whose values, and how many such sums were let out.

Whoever knows the other factor (its owner, and whom it tells) learns a linear equation about the values from each such
sum; with as many equations as rows the values follow, with cleverly chosen factors much sooner. Source: the
reconstruction from means and covariances with known columns, Huth et al. 2023 (docs/disclosure.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from query.audit.columns import Variable, variable_of
from zk.forms import ONE, Form
from zk.relation import ColumnKind, Relation

Values = frozenset[int]


def value_partners(relation: Relation, dataset: int) -> frozenset[Variable]:
    """The numbers of other datasets by which numbers of a dataset are multiplied in some sum."""
    found: set[Variable] = set()
    for values in _multiplied(relation):
        named = {variable_of(relation.registered[index - 1]) for index in values}
        if any(variable.dataset == dataset for variable in named):
            found |= {variable for variable in named if variable.dataset != dataset}
    return frozenset(found)


def weighted_sums(relation: Relation) -> dict[Variable, frozenset[bytes]]:
    """For each number that is multiplied by another owner's: digests of the sums of such products, one for each form
    and version of the columns in it, however the relation around it looks."""
    found: dict[Variable, set[bytes]] = {}
    taint = _taints(relation)
    for form in relation.sum_forms:
        groups = [_values_of_term(taint, term.left, term.right) for term in form]
        crossing = {index for values in groups if _datasets(relation, values) > 1 for index in values}
        for cell in range(relation.cells) if crossing else ():
            text = f"{_expanded(relation, form)}|{relation.cell_codes(cell)}"
            digest = hashlib.sha256(text.encode()).digest()
            for index in crossing:
                found.setdefault(variable_of(relation.registered[index - 1]), set()).add(digest)
    return {variable: frozenset(digests) for variable, digests in found.items()}


def count_weighted(relations: Iterable[Relation]) -> dict[Variable, int]:
    """How many different such sums the answers to some questions let out together, for each number."""
    found: dict[Variable, set[bytes]] = {}
    for relation in relations:
        for variable, digests in weighted_sums(relation).items():
            found.setdefault(variable, set()).update(digests)
    return {variable: len(digests) for variable, digests in found.items()}


def _multiplied(relation: Relation) -> list[Values]:
    taint = _taints(relation)
    return [_values_of_term(taint, term.left, term.right) for form in relation.sum_forms for term in form]


def _taints(relation: Relation) -> dict[int, Values]:
    """For each column the registered numbers whose values are factors of it. Tests of a number do not count."""
    found: dict[int, Values] = {ONE: frozenset()}
    for index, column in enumerate(relation.registered, start=1):
        found[index] = frozenset() if column.kind is ColumnKind.BOOLEAN else frozenset({index})
    for index in relation.witness_indices():
        form = () if index in relation.hinted else relation.definition(index)
        found[index] = _values_of_form(found, form)
    for place in range(len(relation.groups)):
        found[relation.group_index(place)] = frozenset()
    for place, form in enumerate(relation.products):
        found[relation.product_index(place)] = _values_of_form(found, form)
    return found


def _values_of_form(found: dict[int, Values], form: Form) -> Values:
    return frozenset().union(*(_values_of_term(found, term.left, term.right) for term in form))


def _values_of_term(found: dict[int, Values], left: int, right: int) -> Values:
    return found.get(left, frozenset()) | found.get(right, frozenset())


def _datasets(relation: Relation, values: Values) -> int:
    return len({relation.registered[index - 1].dataset for index in values})


def _expanded(relation: Relation, form: Form) -> str:
    """A form in registered columns with their versions, so that equal sums of different relations are written alike."""
    parts = [f"{t.coefficient}*{_column(relation, t.left)}*{_column(relation, t.right)}" for t in form]
    return "+".join(sorted(parts))


def _column(relation: Relation, index: int) -> str:
    if index == ONE:
        return "1"
    if index <= len(relation.registered):
        column = relation.registered[index - 1]
        return f"[{column.dataset:x}.{column.version}.{column.column}]"
    hint = relation.hinted.get(index)
    if hint is not None:
        return f"{hint.kind.name}({_expanded(relation, hint.form)})"
    for place, group in enumerate(relation.groups):
        if index == relation.group_index(place):
            return f"GROUP({_expanded(relation, group.form)})"
    return f"({_expanded(relation, relation.definition(index))})"
