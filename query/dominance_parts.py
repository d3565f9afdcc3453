"""Values as sums of parts v·a, where a is 0 or 1: what the totals of an answer may have in common.

    x                                 x
    CASE WHEN c THEN x ELSE 0 END     x·[c]
    2·x − CASE WHEN c THEN x END      x, and x·[c]
    x·CASE WHEN c THEN y ELSE 1 END   x·y·[c], and x·[not c]

Numbers before a part do not matter: whoever has Σ 2·x has Σ x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from query.expressions import Arithmetic, Case, Expression, Literal

Text = Callable[[Expression], str]

ONE: Final = Literal(Decimal(1), None)
ZERO: Final = Literal(Decimal(0), None)


@dataclass(frozen=True, slots=True)
class Part:
    """v·a.

    Args:
        value: v; no sum, no CASE, factors in the order of their texts.
        rows: a, which is 0 or 1 on every row; None where it is 1.
        whole: whether it is the value it is a part of, without a number before it.
        written: v·a as an expression.
    """

    value: Expression
    rows: Expression | None
    whole: bool
    written: Expression


def parts_of(value: Expression, text: Text) -> tuple[Part, ...]:
    """The different parts of a value, in order; none of 0.

    Args:
        value: with its names resolved by `text`.
        text: canonical text of a value.
    """
    found = _parts(value, text)
    alone = len(found) == 1 and not found[0].scaled
    parts: dict[tuple[str, str], Part] = {}
    for term in found:
        v, a = _multiplied(term.factors), _multiplied(term.tests)
        written = value if alone else v if a is None else product(v, a) if v is not None else a
        parts.setdefault((text(v or ONE), text(a or ONE)), Part(v or ONE, a, alone, written or ONE))
    return tuple(parts.values())


def product(left: Expression, right: Expression) -> Expression:
    """left · right."""
    return Arithmetic("*", left, right, None)


@dataclass(frozen=True, slots=True)
class _Term:
    """Π factors · Π tests, perhaps with a number before it."""

    factors: tuple[Expression, ...]
    tests: tuple[Expression, ...] = ()
    scaled: bool = False


def _parts(value: Expression, text: Text) -> list[_Term]:
    match value:
        case Literal(value=Decimal() as number):
            return [_Term((), (), number != 1)] if number else []
        case Literal():
            return []  # null, which a sum leaves out
        case Arithmetic(operator="*", left=left, right=right):
            return [_Term(tuple(sorted(a.factors + b.factors, key=text)), a.tests + b.tests, a.scaled or b.scaled)
                    for a in _parts(left, text) for b in _parts(right, text)]
        case Arithmetic(operator=operator, left=left, right=right):
            negative = [_Term(term.factors, term.tests, term.scaled or operator == "-") for term in _parts(right, text)]
            return _parts(left, text) + negative
        case Case(branches=branches, otherwise=otherwise):
            chosen = [*(inner for _, inner in branches), otherwise]
            terms = [[] if inner is None else _parts(inner, text) for inner in chosen]
            found = {_key(term, text): term for here in terms for term in here}
            parts = []
            for key, term in found.items():
                tests = [_multiplied(term.tests) or ONE if key in {_key(other, text) for other in here} else ZERO
                         for here in terms]
                conditions = tuple((condition, test) for (condition, _), test in zip(branches, tests))
                parts.append(_Term(term.factors, (Case(conditions, tests[-1], None),), term.scaled))
            return parts
        case _:
            return [_Term((value,))]


def _key(term: _Term, text: Text) -> tuple[str, str, str]:
    return "·".join(map(text, term.factors)), "·".join(map(text, term.tests)), str(term.scaled)


def _multiplied(factors: Sequence[Expression]) -> Expression | None:
    found = None
    for factor in factors:
        found = factor if found is None else product(found, factor)
    return found
