"""What a column may hold. Every kind is a range of integers: stored value = value · 10^scale − offset, in [0, bound].

A category stores its codes 1..K as they are; 0 is reserved for rows that are absent or null (PROTOCOL §2, M8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from query.canonical import Fields, JsonValue
from query.errors import SchemaInvalidError

MAX_SPAN_BITS: Final = 62  # stored values fit a signed 64-bit word and a product of two stays far below r/2
MAX_SCALE: Final = 18
MAX_CATEGORIES: Final = 4096
MAX_NAME: Final = 64


def _check_range(lo: int, hi: int) -> None:
    if lo > hi:
        raise SchemaInvalidError("the lower bound lies above the upper bound")
    if hi - lo >= 1 << MAX_SPAN_BITS:
        raise SchemaInvalidError(f"upper minus lower bound must lie below 2^{MAX_SPAN_BITS}")
    if max(abs(lo), abs(hi)) >= 1 << 63:
        raise SchemaInvalidError("bounds must lie within 64 bits")


@dataclass(frozen=True, slots=True)
class BoundedInteger:
    """Integers in [lo, hi]."""

    lo: int
    hi: int

    def __post_init__(self) -> None:
        _check_range(self.lo, self.hi)


@dataclass(frozen=True, slots=True)
class ScaledDecimal:
    """Decimals with at most `scale` digits after the point.

    Args:
        scale: digits after the point, 0 to 18.
        lo: lower bound in units of 10^−scale.
        hi: upper bound in units of 10^−scale.
    """

    scale: int
    lo: int
    hi: int

    def __post_init__(self) -> None:
        if not 0 <= self.scale <= MAX_SCALE:
            raise SchemaInvalidError(f"a decimal has 0 to {MAX_SCALE} digits after the point")
        _check_range(self.lo, self.hi)


@dataclass(frozen=True, slots=True)
class Category:
    """One of K names; name number i (from 0) has code i + 1."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= MAX_CATEGORIES:
            raise SchemaInvalidError(f"a category has 1 to {MAX_CATEGORIES} names")
        if len(set(self.names)) != len(self.names):
            raise SchemaInvalidError("a category names a code twice")
        if not all(0 < len(name) <= MAX_NAME and name.isprintable() for name in self.names):
            raise SchemaInvalidError(f"names of a category are printable and have 1 to {MAX_NAME} characters")


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false, stored as 1 or 0."""


Kind = BoundedInteger | ScaledDecimal | Category | Boolean


def stored_offset(kind: Kind) -> int:
    """What is taken off a scaled value to store it."""
    return kind.lo if isinstance(kind, BoundedInteger | ScaledDecimal) else 0


def stored_scale(kind: Kind) -> int:
    """Digits after the point that are stored."""
    return kind.scale if isinstance(kind, ScaledDecimal) else 0


def stored_bound(kind: Kind) -> int:
    """The largest stored value; the smallest is 0."""
    match kind:
        case BoundedInteger() | ScaledDecimal():
            return kind.hi - kind.lo
        case Category():
            return len(kind.names)
        case Boolean():
            return 1


def kind_as_json(kind: Kind) -> JsonValue:
    """The kind in canonical form."""
    match kind:
        case BoundedInteger():
            return {"type": "integer", "lo": kind.lo, "hi": kind.hi}
        case ScaledDecimal():
            return {"type": "decimal", "scale": kind.scale, "lo": kind.lo, "hi": kind.hi}
        case Category():
            return {"type": "category", "names": [*kind.names]}
        case Boolean():
            return {"type": "boolean"}


def kind_from_json(fields: Fields) -> Kind:
    """Inverse of `kind_as_json`.

    Raises:
        SchemaInvalidError: the object is not a kind.
    """
    found: Kind
    match fields.text("type"):
        case "integer":
            found = BoundedInteger(fields.integer("lo"), fields.integer("hi"))
        case "decimal":
            found = ScaledDecimal(fields.integer("scale"), fields.integer("lo"), fields.integer("hi"))
        case "category":
            found = Category(fields.texts("names"))
        case "boolean":
            found = Boolean()
        case _:
            raise SchemaInvalidError("a column's type is integer, decimal, category or boolean")
    fields.end()
    return found
