"""Alignment in the clear: what a trusted third party would do, and what it would tell. The oracle of the tests."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence

from mpc.errors import CohortFullError, DuplicateIdentifierError


def align_ideal(lists: Sequence[Sequence[int]], rows: int) -> list[list[int]]:
    """Place every person on a row of its own, uniformly at random, and tell every owner the rows of its list.

    Args:
        lists: identifiers of every owner.
        rows: number of rows.

    Raises:
        DuplicateIdentifierError: a list has an identifier twice.
        CohortFullError: more persons than rows.
    """
    for owner, identifiers in enumerate(lists):
        if len(set(identifiers)) != len(identifiers):
            raise DuplicateIdentifierError(owner)
    persons = list(dict.fromkeys(identifier for identifiers in lists for identifier in identifiers))
    if len(persons) > rows:
        raise CohortFullError(len(persons), rows)
    places = secrets.SystemRandom().sample(range(rows), len(persons))
    row_of = dict(zip(persons, places, strict=True))
    return [[row_of[identifier] for identifier in identifiers] for identifiers in lists]


def multiplicities_ideal(lists: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """How many persons are in 1, 2, .. m lists, without dummies: what the parties learn of it is this plus noise."""
    found = Counter(Counter(identifier for identifiers in lists for identifier in set(identifiers)).values())
    return tuple(found[number] for number in range(1, len(lists) + 1))
