"""Sample persons: joint states of variables, chosen so that every test of the relations comes out both ways.

For each comparison, test for zero and group of a relation, resolved to registered columns, the values next to where it
turns are taken for each column that has a part in it, at every state of the booleans beside it. The grid of these
values, less what registration excludes (an absent row is 0 in every column, a null is 0), is the sample. A grid that is
too large is thinned by a fixed rule.

Whatever holds of all persons holds of a sample, so that a combination of guards that counts a definite set of people is
never overlooked for want of samples; a poor sample only makes more combinations look so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from fractions import Fraction
from itertools import product
from math import ceil, floor, prod
from typing import Final

from query.audit.columns import Domain, Domains, Variable, boolean_variables, variable_of
from zk.forms import ONE, Form, HintKind
from zk.relation import Relation

MAX_PERSONS: Final = 4096
MAX_VALUES: Final = 64
_MAX_SIDE_STATES: Final = 256

Person = Mapping[Variable, int]
Linear = dict[Variable | None, int]
"""Coefficients by variable; None is the constant."""


def sample_persons(relations: Sequence[Relation], domains: Domains) -> list[Person]:
    """Persons that the tests of some relations tell apart.

    Args:
        relations: public; repeated ones cost nothing.
        domains: what registration proved of their columns.

    Returns:
        At most MAX_PERSONS + 1 different persons in a fixed order, among them one who is nowhere.
    """
    distinct = list(dict.fromkeys(relations))
    values = _values(distinct, domains)
    variables = sorted(values)
    size = prod(len(values[variable]) for variable in variables)
    states = _grid(variables, values) if size <= MAX_PERSONS else _thinned(variables, values, domains)
    found: dict[tuple[int, ...], None] = {(0,) * len(variables): None}
    for state in states:
        person = dict(zip(variables, state, strict=True))
        if _possible(person, domains):
            found[state] = None
    return [dict(zip(variables, state, strict=True)) for state in found]


def _grid(variables: list[Variable], values: Mapping[Variable, list[int]]) -> Iterator[tuple[int, ...]]:
    yield from product(*(values[variable] for variable in variables))


def _thinned(
    variables: list[Variable], values: Mapping[Variable, list[int]], domains: Domains
) -> Iterator[tuple[int, ...]]:
    """Persons by a public hash, the same at every party: booleans first, so that most are possible."""
    for number in range(MAX_PERSONS):
        person: dict[Variable, int] = {}
        for place, variable in enumerate(variables):
            seed = hashlib.sha256(f"{number}/{place}".encode()).digest()
            person[variable] = values[variable][int.from_bytes(seed[:8], "big") % len(values[variable])]
        for variable in variables:
            if not _filled(variable, person, domains):
                person[variable] = 0
        yield tuple(person[variable] for variable in variables)


def _filled(variable: Variable, person: Person, domains: Domains) -> bool:
    """Whether a person's row is present and not null in a column."""
    domain = domains.get(variable)
    known = None if domain is None else domain.known
    return person.get(variable.presence, 1) != 0 and (known is None or person.get(known, 1) != 0)


def _possible(person: Person, domains: Domains) -> bool:
    """Whether registration allows such a row."""
    for variable, value in person.items():
        if variable == variable.presence:
            continue
        lowest = domains[variable].lowest if variable in domains else 0
        if value != 0 and not _filled(variable, person, domains):
            return False
        if value < lowest and _filled(variable, person, domains):
            return False
    return True


def _values(relations: Sequence[Relation], domains: Domains) -> dict[Variable, list[int]]:
    used = {variable_of(column) for relation in relations for column in relation.registered}
    used |= {domain.known for variable in used if (domain := domains.get(variable)) and domain.known is not None}
    used |= {variable.presence for variable in used}
    booleans = boolean_variables(relations) | {v for v in used if v in domains and domains[v].highest == 1}
    found: dict[Variable, set[int]] = {}
    for variable in used:
        domain = domains.get(variable, Domain(0, 1, None))
        found[variable] = {0, 1} if variable in booleans else {0, domain.lowest, domain.highest}
    for relation in relations:
        for linear, targets in _tests(relation):
            for variable, turns in _turns(linear, targets, booleans, found).items():
                highest = domains[variable].highest if variable in domains else None
                found[variable] |= {turn for turn in turns if highest is None or turn <= highest}
    return {variable: _limited(sorted(values)) for variable, values in found.items()}


def _limited(values: list[int]) -> list[int]:
    """At most MAX_VALUES of them, evenly spread, the ends kept."""
    if len(values) <= MAX_VALUES:
        return values
    step = (len(values) - 1) / (MAX_VALUES - 1)
    return sorted({values[round(place * step)] for place in range(MAX_VALUES)})


def _turns(
    linear: Linear, targets: Sequence[int], booleans: Set[Variable], known: Mapping[Variable, set[int]]
) -> dict[Variable, set[int]]:
    """For each number in a form: the values next to those at which the form is one of the targets."""
    found: dict[Variable, set[int]] = {}
    numbers = [v for v, c in linear.items() if v is not None and c and v not in booleans]
    for variable in numbers:
        others = [v for v in linear if v is not None and v != variable and linear[v]]
        sides = [[0, 1] if other in booleans else sorted(known.get(other, {0, 1})) for other in others]
        if prod(map(len, sides)) > _MAX_SIDE_STATES:
            sides = [[side[0], side[-1]] for side in sides]
        turns: set[int] = set()
        for count, state in enumerate(product(*sides)):
            if count == _MAX_SIDE_STATES:
                break
            rest = linear.get(None, 0) + sum(linear[v] * value for v, value in zip(others, state, strict=True))
            for target in targets:
                root = Fraction(target - rest, linear[variable])
                turns |= {floor(root) - 1, floor(root), ceil(root), ceil(root) + 1}
        found[variable] = {turn for turn in turns if turn >= 0}
    return found


def _tests(relation: Relation) -> Iterator[tuple[Linear, tuple[int, ...]]]:
    """What hints and groups test, resolved to registered columns, and the values at which they turn."""
    resolved: dict[int, Linear | None] = {ONE: {None: 1}}
    for index, column in enumerate(relation.registered, start=1):
        resolved[index] = {variable_of(column): 1}
    for index in relation.witness_indices():
        if index in relation.hinted:
            resolved[index] = None
        else:
            resolved[index] = _resolve(relation.definition(index), resolved)
    for hint in relation.hints:
        linear = _resolve(hint.form, resolved)
        if linear is not None and hint.kind in (HintKind.NOT_NEGATIVE, HintKind.IS_ZERO):
            yield linear, (0,)
    for group in relation.groups:
        linear = _resolve(group.form, resolved)
        if linear is not None:
            yield linear, group.codes


def _resolve(form: Form, resolved: Mapping[int, Linear | None]) -> Linear | None:
    """A form in registered columns, if it is linear in them."""
    found: Linear = {}
    for term in form:
        inner = resolved.get(term.right) if term.left == ONE else None
        if inner is None:
            return None
        for variable, coefficient in inner.items():
            found[variable] = found.get(variable, 0) + term.coefficient * coefficient
    return found
