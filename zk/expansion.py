"""The quadratic forms behind lookups and groups: what the prover proves and the verifier weighs (PROTOCOL §3 and §4).

    lookup ℓ      h·(β + f) − 1           on every row
    table         g·(β + T) − m           on every row
    lookups       Σ_ℓ h_ℓ − g             summed over all rows: 0, and in no row of s
    group c       k·(β_c + gid) − 1       on every row
    product       definition − q          on every row
    hidden guards b·b − b                 on every row

A product f·h stands with its opened factor on the left: h if it is opened, else every column of f is.
"""

from __future__ import annotations

from typing import Final

from zk.forms import ONE, Challenge, Form, Term, canonical_form
from zk.relation import Relation

GROUP_CHALLENGES: Final = (Challenge.FIRST_GROUP, Challenge.SECOND_GROUP)


def challenges_of(relation: Relation) -> tuple[Challenge, ...]:
    """The challenges drawn after round 1, in order."""
    lookup = (Challenge.LOOKUP,) if relation.lookups else ()
    return (*lookup, *GROUP_CHALLENGES[: len(relation.groups)])


def expanded_zero_forms(relation: Relation) -> tuple[Form, ...]:
    """All zero-forms in the order of their weights: the relation's own, products, lookups, table, groups,
    the bits of hidden guards."""
    opened = frozenset(relation.opened)
    forms = list(relation.zero_forms)
    for place, definition in enumerate(relation.products):
        forms.append(canonical_form([*definition, Term(-1, ONE, relation.product_index(place))], opened))
    for place, form in enumerate(relation.lookups):
        forms.append(inverse_form(form, relation.lookup_index(place), Challenge.LOOKUP, opened))
    if relation.lookups:
        side, table = relation.table_side_index, relation.table_index
        terms = [
            Term(1, ONE, side, Challenge.LOOKUP),
            Term(1, side, table),
            Term(-1, ONE, relation.multiplicity_index),
        ]
        forms.append(canonical_form(terms, opened))
    for place, group in enumerate(relation.groups):
        forms.append(inverse_form(group.form, relation.group_index(place), GROUP_CHALLENGES[place], opened))
    if relation.hidden_guards:
        bits = relation.bits_index
        forms.append(canonical_form([Term(1, bits, bits), Term(-1, ONE, bits)], opened))
    return tuple(forms)


def expanded_sum_forms(relation: Relation) -> tuple[Form, ...]:
    """All sum-forms in the order of their weights: the relation's own, then the one of the lookups."""
    if not relation.lookups:
        return relation.sum_forms
    terms = [Term(1, ONE, relation.lookup_index(place)) for place in range(len(relation.lookups))]
    return (*relation.sum_forms, canonical_form([*terms, Term(-1, ONE, relation.table_side_index)]))


def inverse_form(form: Form, inverse: int, challenge: Challenge, opened: frozenset[int]) -> Form:
    """``inverse·(challenge + form) − 1``."""
    terms = [Term(term.coefficient, inverse, term.right) for term in form]
    return canonical_form([*terms, Term(1, ONE, inverse, challenge), Term(-1, ONE, ONE)], opened)
