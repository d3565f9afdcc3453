"""Comparisons, tests for zero and ranges, written as hinted witnesses with the forms and lookups that pin them.

A number of several limbs f = Σ 2^(κj)·d_j commits its upper limbs d_1.. as digits; the lowest limb is the linear form
f − Σ 2^(κj)·d_j, so that L limbs cost L − 1 columns and L lookups, and no constant but powers of two. Where every limb
lies in [0, 2^κ), f is an integer in [0, 2^(κL)) by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from zk.errors import RelationInvalidError
from zk.forms import ONE, HintKind

if TYPE_CHECKING:
    from zk.builder import Handle, RelationBuilder

MAX_BITS: Final = 240  # of a compared number: limbs round it up, and a sign needs as much again below r/2


def not_negative(builder: RelationBuilder, linear: Mapping[Handle, int], bits: int) -> Handle:
    """Return a boolean column b that is 1 exactly where f ≥ 0.

    With w = bits rounded up to whole limbs, e = f + (1 − b)·2^w lies in [0, 2^w): for b = 1 that says f ≥ 0, for b = 0
    it says f < 0.

    Args:
        linear: f, with |f| < 2^bits on every row; whoever calls has proved that.
        bits: 1 to MAX_BITS.
    """
    if not 1 <= bits <= MAX_BITS:
        raise RelationInvalidError(f"compared numbers have 1 to {MAX_BITS} bits")
    limbs = -(-bits // builder.table_bits)
    weight = 1 << limbs * builder.table_bits
    sign = builder.boolean(builder.hinted(HintKind.NOT_NEGATIVE, linear))
    _look_up_limbs(builder, _plus(linear, {ONE: weight, sign: -weight}), limbs)
    return sign


def is_zero(builder: RelationBuilder, linear: Mapping[Handle, int]) -> Handle:
    """Return a column b that is 1 where f = 0 and 0 elsewhere: b·f = 0 and v·f = 1 − b for some column v."""
    flag = builder.hinted(HintKind.IS_ZERO, linear)
    inverse = builder.hinted(HintKind.INVERSE, linear)
    builder.vanish([(c, flag, handle) for handle, c in linear.items()])
    builder.vanish([*((c, inverse, handle) for handle, c in linear.items()), (1, ONE, flag), (-1, ONE, ONE)])
    return flag


def in_range(builder: RelationBuilder, linear: Mapping[Handle, int], bound: int) -> None:
    """Demand that f lies in [0, bound] on every row: by limbs of f, and of bound − f unless bound + 1 is 2^(κL).

    Args:
        bound: 0 to 2^MAX_BITS − 1.
    """
    if not 0 <= bound < 1 << MAX_BITS:
        raise RelationInvalidError(f"bounds lie in [0, 2^{MAX_BITS})")
    if bound == 0:
        builder.vanish([(c, ONE, handle) for handle, c in linear.items()])
        return
    limbs = -(-bound.bit_length() // builder.table_bits)
    _look_up_limbs(builder, linear, limbs)
    if bound + 1 != 1 << limbs * builder.table_bits:
        _look_up_limbs(builder, _plus({ONE: bound}, {handle: -c for handle, c in linear.items()}), limbs)


def _look_up_limbs(builder: RelationBuilder, linear: Mapping[Handle, int], limbs: int) -> None:
    """Demand that f lies in [0, 2^(κ·limbs))."""
    bits = builder.table_bits
    lowest = dict(linear)
    for place in range(1, limbs):
        digit = builder.hinted(HintKind.DIGITS, linear, place * bits, bits)
        builder.lookup({digit: 1})
        lowest = _plus(lowest, {digit: -(1 << place * bits)})
    builder.lookup(lowest)


def _plus(left: Mapping[Handle, int], right: Mapping[Handle, int]) -> dict[Handle, int]:
    return {handle: left.get(handle, 0) + right.get(handle, 0) for handle in {**left, **right}}
