"""Who computes what in a joint proof: the owner of every column and of every term.

A contributor's number from 0 owns a column it holds in plaintext. Besides these there are

* EVERYBODY: m, g and T. m and g are linear in the lookups, so every contributor holds the part of its own lookups; T is
  public. A term of such columns is computed by everybody on its own part.
* NOBODY: a witness defined by columns of several owners, and the bits of hidden guards unless one contributor
  proves alone. Such a column exists only as replicated shares.

A term of two owners' columns is computed from replicated shares by contributors 0, 1 and 2, who hold them. One with
a higher number holds what it owns and no shares. Public constants are added by contributor 0 alone, who also owns
witnesses defined by constants alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from zk.errors import RelationInvalidError
from zk.expansion import expanded_sum_forms, expanded_zero_forms
from zk.forms import ONE, Form, Term
from zk.relation import Relation

EVERYBODY: Final = -1
NOBODY: Final = -2
FIRST: Final = 0
HOLDERS: Final = 3
"""Contributors below this number hold replicated shares."""


def owner_of_term(term: Term, owners: Mapping[int, int]) -> int | None:
    """The contributor who computes a term alone, EVERYBODY, or None where it takes replicated shares."""
    if term.right == ONE:
        return FIRST
    right = owners[term.right]
    left = right if term.left == ONE else owners[term.left]
    return right if left == right and right != NOBODY else None


def lone_owners(form: Form, owners: Mapping[int, int]) -> set[int]:
    """The contributors who compute a term of a form alone."""
    return {owner for owner in (owner_of_term(term, owners) for term in form) if owner is not None and owner >= FIRST}


def holds_shares(contributor: int) -> bool:
    """Whether a contributor is one of the three who hold replicated shares."""
    return contributor in range(HOLDERS)


def column_owners(relation: Relation, registered: Mapping[int, int], alone: bool = False) -> dict[int, int]:
    """Extend the owners of registered columns to all columns.

    Args:
        registered: contributor number for each registered index 1..R.
        alone: whether contributor 0 owns everything and proves without others; the bits of hidden guards are then its.

    Raises:
        RelationInvalidError: a hint, a lookup, a group or a product of round 2 mixes the columns of several owners.
    """
    owners = dict(registered)
    for column in relation.witness_indices():
        if column in relation.hinted:
            owners[column] = _single(relation.hinted[column].form, owners, f"witness column {column}")
        else:
            found = _owners_of(relation.definition(column), owners)
            owners[column] = (found or {FIRST}).pop() if len(found) <= 1 else NOBODY
    for place, form in enumerate(relation.lookups):
        owners[relation.lookup_index(place)] = _single(form, owners, f"lookup {place}")
    for place, group in enumerate(relation.groups):
        owners[relation.group_index(place)] = _single(group.form, owners, f"group column {place}")
    for place, form in enumerate(relation.products):
        column = relation.product_index(place)
        owners[column] = _single(form, owners, f"column {column}")
    if relation.lookups:
        for column in (relation.multiplicity_index, relation.table_side_index, relation.table_index):
            owners[column] = EVERYBODY
    if relation.hidden_guards:
        owners[relation.bits_index] = FIRST if alone else NOBODY
    return owners


def crossing_columns(relation: Relation, owners: Mapping[int, int]) -> tuple[int, ...]:
    """Columns that are needed as replicated shares, increasing: those in a term with another owner's column, and those
    that nobody owns."""
    found = {column for column, owner in owners.items() if owner == NOBODY}
    for form in expanded_zero_forms(relation) + expanded_sum_forms(relation):
        for term in form:
            if owner_of_term(term, owners) is None:
                found |= {term.left, term.right} - {ONE}
    for column in relation.witness_indices():
        if owners[column] == NOBODY:
            found |= {index for term in relation.definition(column) for index in (term.left, term.right)} - {ONE}
    return tuple(sorted(found))


def _owners_of(form: Form, owners: Mapping[int, int]) -> set[int]:
    return {owners[index] for term in form for index in (term.left, term.right) if index != ONE}


def _single(form: Form, owners: Mapping[int, int], what: str) -> int:
    found = _owners_of(form, owners)
    if len(found) != 1 or found & {NOBODY, EVERYBODY}:
        raise RelationInvalidError(f"{what} mixes the columns of several owners")
    return found.pop()
