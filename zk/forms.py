"""Terms, quadratic forms, and hints: the vocabulary of relations (`zk.relation`). Public data only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from zk.errors import RelationInvalidError, RelationTooLargeError
from zk.transcript import FR_MODULUS

ONE: Final = 0
MAX_HINT_TERMS: Final = 13


class Challenge(IntEnum):
    """A factor of a term that is drawn after round 1."""

    NONE = 0
    LOOKUP = 1
    FIRST_GROUP = 2
    SECOND_GROUP = 3


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """``coefficient · challenge · left · right``.

    Args:
        coefficient: in (−r/2, r/2), not 0.
        left: 1 (index 0) or an opened column.
        right: any column, or 1 for a constant (then left is 1, too).
        challenge: only in the forms of lookups and groups, which `zk.expansion` writes.
    """

    coefficient: int
    left: int
    right: int
    challenge: Challenge = Challenge.NONE


Form = tuple[Term, ...]


class HintKind(IntEnum):
    """How a prover computes a witness that no quadratic form defines, from a linear form f over earlier columns.

    f is read as the integer in (−r/2, r/2).
    """

    NOT_NEGATIVE = 1
    """1 where f ≥ 0, else 0."""
    IS_ZERO = 2
    """1 where f = 0, else 0."""
    INVERSE = 3
    """1/f, and 0 where f = 0."""
    DIGITS = 4
    """Bits [shift, shift + width) of f, which is not negative."""


@dataclass(frozen=True, slots=True)
class Hint:
    """How to compute one witness column. Hints prove nothing: forms and lookups must pin the column.

    Args:
        column: index of the witness.
        kind: see `HintKind`.
        form: linear form over earlier columns and 1, at most MAX_HINT_TERMS terms.
        shift: first bit, for DIGITS; else 0.
        width: number of bits, 1 to 32 for DIGITS; else 0.
    """

    column: int
    kind: HintKind
    form: Form
    shift: int = 0
    width: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """One GROUP BY column: rows belong to the group whose code is the value of a linear form.

    Args:
        form: linear form over registered and witness columns and 1; 0 on rows that are in no group.
        codes: strictly increasing, in [1, 2^16).
    """

    form: Form
    codes: tuple[int, ...]


def term_order(term: Term) -> tuple[int, int, int]:
    """Canonical order of terms within a form."""
    return term.right, term.left, int(term.challenge)


def canonical_form(terms: Iterable[Term], opened: frozenset[int] = frozenset()) -> Form:
    """Merge equal products, turn products the way round that canonical form wants, and sort.

    The left factor is the opened one; of two opened factors, the one of smaller index.
    """
    merged: dict[tuple[int, int, Challenge], int] = {}
    for term in terms:
        left, right = term.left, term.right
        if right == ONE or (right in opened and left != ONE and (left not in opened or left > right)):
            left, right = right, left
        key = (left, right, term.challenge)
        merged[key] = merged.get(key, 0) + term.coefficient
    return tuple(sorted((Term(c, a, b, x) for (a, b, x), c in merged.items() if c), key=term_order))


def centred(value: int) -> int:
    """The representative in (−r/2, r/2) of a scalar."""
    value %= FR_MODULUS
    return value if value <= FR_MODULUS // 2 else value - FR_MODULUS


def require(condition: bool, message: str) -> None:
    """Raise RelationInvalidError with the message unless the condition holds."""
    if not condition:
        raise RelationInvalidError(message)


def require_at_most(limit: str, needed: int, allowed: int) -> None:
    """Raise RelationTooLargeError if more is needed than allowed; ``limit`` says of what, in words."""
    if needed > allowed:
        raise RelationTooLargeError(limit, needed, allowed)
