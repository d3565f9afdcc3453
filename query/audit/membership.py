"""How often each guard of a relation counts each sample person: the relation run on sample rows, exactly.

A guard's form is evaluated as it is proved: witnesses by their definitions and hints, and the inverse of a group as the
indicator of one of its codes, which is what a cell of a grouped sum is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from query.audit.columns import Variable, variable_of
from query.audit.persons import Person
from zk.forms import ONE, Form, Hint, HintKind
from zk.relation import Relation

Vector = tuple[int, ...]


def guard_rows(relation: Relation) -> tuple[int, ...]:
    """The rows of the sealed column that are guards, cell by cell."""
    guards = sorted(set(relation.guards))
    return tuple(guard * relation.cells + cell for guard in guards for cell in range(relation.cells))


def tested_variables(relation: Relation, row: int) -> frozenset[Variable]:
    """The variables that decide whom a guard counts, by what its form and the forms behind it name."""
    seen: set[int] = set()
    groups = {relation.group_index(place): group.form for place, group in enumerate(relation.groups)}
    todo = [index for term in relation.sum_forms[row // relation.cells] for index in (term.left, term.right)]
    while todo:
        index = todo.pop()
        if index == ONE or index in seen:
            continue
        seen.add(index)
        hint = relation.hinted.get(index)
        form = hint.form if hint is not None else groups.get(index) or relation.definitions.get(index, ())
        todo += [other for term in form for other in (term.left, term.right)]
    count = len(relation.registered)
    return frozenset(variable_of(relation.registered[index - 1]) for index in seen if index <= count)


def membership(relation: Relation, persons: Sequence[Person]) -> dict[int, Vector]:
    """For each guard row, how often it counts each person (once, or never; more often only in unions).

    Args:
        relation: public.
        persons: samples; a variable that one lacks is 0.

    Returns:
        By row of the sealed column, one whole number for each person.
    """
    columns = [_columns(relation, person) for person in persons]
    found: dict[int, list[int]] = {row: [] for row in guard_rows(relation)}
    for values in columns:
        codes = [_linear(group.form, values) for group in relation.groups]
        for cell in range(relation.cells):
            indicators = {
                relation.group_index(place): int(codes[place] == code)
                for place, code in enumerate(relation.cell_codes(cell))
            }
            known = dict(values) | indicators
            for place, definition in enumerate(relation.products):
                known[relation.product_index(place)] = _quadratic(definition, known)
            for guard in sorted(set(relation.guards)):
                found[guard * relation.cells + cell].append(_quadratic(relation.sum_forms[guard], known))
    return {row: tuple(vector) for row, vector in found.items()}


def _columns(relation: Relation, person: Person) -> dict[int, int]:
    """Values of a person's registered and witness columns."""
    values = {ONE: 1}
    for index, column in enumerate(relation.registered, start=1):
        values[index] = person.get(variable_of(column), 0)
    for index in relation.witness_indices():
        hint = relation.hinted.get(index)
        values[index] = _quadratic(relation.definition(index), values) if hint is None else _hinted(hint, values)
    return values


def _hinted(hint: Hint, values: Mapping[int, int]) -> int:
    """A hinted witness. An inverse is left 0: it stands in the forms that pin a test for zero and in no guard."""
    number = _linear(hint.form, values)
    match hint.kind:
        case HintKind.NOT_NEGATIVE:
            return int(number >= 0)
        case HintKind.IS_ZERO:
            return int(number == 0)
        case HintKind.DIGITS:
            return (max(number, 0) >> hint.shift) & ((1 << hint.width) - 1)
        case HintKind.INVERSE:
            return 0


def _linear(form: Form, values: Mapping[int, int]) -> int:
    return sum(term.coefficient * values[term.right] for term in form)


def _quadratic(form: Form, values: Mapping[int, int]) -> int:
    return sum(term.coefficient * values[term.left] * values[term.right] for term in form)
