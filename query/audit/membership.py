"""How often each guard of a relation counts each sample person: the relation run on sample rows, exactly.

A guard's form is evaluated as it is proved: witnesses by their definitions and hints, and the inverse of a group as the
indicator of one of its codes, which is what a cell of a grouped sum is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from query.audit.columns import Variable, variable_of
from query.audit.persons import Person
from zk.forms import ONE, Form, Hint, HintKind
from zk.relation import Relation

Vector = tuple[int, ...]
Integers = npt.NDArray[np.object_]


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
    values = _columns(relation, persons)
    codes = [_value(group.form, values) for group in relation.groups]
    found: dict[int, Vector] = {}
    for cell in range(relation.cells):
        known = dict(values)
        for place, code in enumerate(relation.cell_codes(cell)):
            known[relation.group_index(place)] = _flags(codes[place] == code)
        for place, definition in enumerate(relation.products):
            known[relation.product_index(place)] = _value(definition, known)
        for guard in sorted(set(relation.guards)):
            counted = _value(relation.sum_forms[guard], known)
            found[guard * relation.cells + cell] = tuple(map(int, counted))
    return found


def _columns(relation: Relation, persons: Sequence[Person]) -> dict[int, Integers]:
    """Registered and witness columns over all persons."""
    values = {ONE: np.array([1] * len(persons), dtype=object)}
    for index, column in enumerate(relation.registered, start=1):
        variable = variable_of(column)
        values[index] = np.array([person.get(variable, 0) for person in persons], dtype=object)
    for index in relation.witness_indices():
        hint = relation.hinted.get(index)
        values[index] = _value(relation.definition(index), values) if hint is None else _hinted(hint, values)
    return values


def _hinted(hint: Hint, values: Mapping[int, Integers]) -> Integers:
    """A hinted witness. An inverse is left 0: it stands in the forms that pin a test for zero and in no guard."""
    numbers = _value(hint.form, values)
    match hint.kind:
        case HintKind.NOT_NEGATIVE:
            return _flags(numbers >= 0)
        case HintKind.IS_ZERO:
            return _flags(numbers == 0)
        case HintKind.DIGITS:
            mask = (1 << hint.width) - 1
            return np.array([(max(number, 0) >> hint.shift) & mask for number in numbers], dtype=object)
        case HintKind.INVERSE:
            return np.zeros(len(numbers), dtype=object)


def _flags(truths: npt.NDArray[Any]) -> Integers:
    return np.array([int(truth) for truth in truths], dtype=object)


def _value(form: Form, values: Mapping[int, Integers]) -> Integers:
    """A quadratic form on every person, in Python's integers: values of 62 bits are multiplied."""
    total: Integers = np.zeros(len(values[ONE]), dtype=object)
    for term in form:
        total = total + term.coefficient * values[term.left] * values[term.right]
    return total
