"""Reductions of eight elements: taking out multiples of the modulus p without a branch, as far as callers need.

Every line that depends on a bound states it, as a multiple of p; shapes of limbs are those of ``ifma_lanes``. Timing:
no branch and no address depends on values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types

from zk.kernels.ifma_lanes import (
    ELEMENTS,
    LANES,
    LIMB_BITS,
    LIMB_MASK,
    LIMBS,
    WORD,
    Emit,
    add_high,
    add_low,
    carry,
    constant,
    limbs52,
    operation,
    select_word,
    settle,
    shift_right,
    splat,
    unpack,
)
from zk.kernels.intrinsics import intrinsic


def raised(p: int, multiple: int, finish: Emit = settle) -> Any:
    """a + multiple·p, of raw a."""
    extra = splat(multiple * p)

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        return finish(builder, [builder.add(x, y) for x, y in zip(a, extra, strict=True)] if multiple else a)

    return operation(emit, 1)


def reduced(p: int, multiple: int, finish: Emit = settle) -> Any:
    """a + multiple·p - q·p, of raw a, with 0 <= a + multiple·p < 10.5·p; the result is below 3.6·p.

    q = the value's bits from 2^254 = 1.3227·p on, at most 7; limbs not yet carried change it by at most one unit of
    2^-39, which leaves the difference nonnegative for q > 0 (q·2^254 - q·p > 0.32·p) and changes nothing for q = 0.
    A value below 1.3227·(q + 1)·p leaves less than (1.3227 + 0.3227·q)·p: 2.62·p for values below 7.6·p (at q = 4).
    Raw limbs of a value below 2^-30·p would be misread (a borrow not yet taken can make the top limb negative): callers
    keep raw values above that, or settle first.
    """
    top = limbs52(multiple * p)[LIMBS - 1]
    rows = [zip(limbs52(q * p), limbs52(multiple * p), strict=True) for q in range(LANES)]
    columns = [constant(*column) for column in zip(*([x - y for x, y in row] for row in rows), strict=True)]

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        lifted = builder.add(a[LIMBS - 1], constant(top)) if multiple else a[LIMBS - 1]
        quotient = shift_right(builder, lifted, 254 - LIMB_BITS * (LIMBS - 1))
        less = [select_word(builder, column, quotient) for column in columns]
        return finish(builder, [builder.sub(x, y) for x, y in zip(a, less, strict=True)])

    return operation(emit, 1)


def lowered(p: int, multiple: int, finish: Emit = settle) -> Any:
    """a - multiple·p where raw a is above that, as far as its top limb tells, else a.

    The top limb decides with 2^20 to spare, more than carries not yet taken can change it by: what is left alone is
    below (multiple + 2^-25)·p, and what is lowered does not become negative.
    """
    less = splat(multiple * p)
    least = limbs52(multiple * p)[LIMBS - 1] + (1 << 20)

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        above = builder.icmp_signed(">=", a[LIMBS - 1], constant(least))
        lower = [builder.select(above, builder.sub(x, y), x) for x, y in zip(a, less, strict=True)]
        return finish(builder, lower)

    return operation(emit, 1)


def divided(p: int) -> Any:
    """Raw a - q·p, below 1.63·p, of carried p <= a < 84·p.

    q = floor of a's top limb times 84/2^52: at most a/p, since 84 < 2^260/p = 84.63, and at least 0.9924·a/p - 1.0001.
    Minus q·p is plus q·(2^208 - p mod 2^208), minus q·(1 + p >> 208)·2^208; that factor is below 2^52.
    """
    top = 1 + (p >> LIMB_BITS * (LIMBS - 1))
    opposite = splat((top << LIMB_BITS * (LIMBS - 1)) - p)[:-1]

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        out = [*(builder.and_(limb, constant(LIMB_MASK)) for limb in a[:-1]), a[-1]]
        quotient = add_high(builder, constant(0), a[LIMBS - 1], constant(84))
        for k, limb in enumerate(opposite):
            out[k] = add_low(builder, out[k], quotient, limb)
            out[k + 1] = add_high(builder, out[k + 1], quotient, limb)
        out[-1] = builder.sub(out[-1], add_low(builder, constant(0), quotient, constant(top)))
        return out

    return operation(emit, 1)


def canonical_carried(p: int) -> Any:
    """The value below p, carried, of raw 0 <= a < 2·p."""

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        same = carry(builder, a)
        smaller = carry(builder, [builder.sub(x, y) for x, y in zip(a, splat(p), strict=True)])
        negative = builder.icmp_signed("<", smaller[LIMBS - 1], constant(0))
        return [builder.select(negative, x, y) for x, y in zip(same, smaller, strict=True)]

    return operation(emit, 1)


def canonical(p: int, multiples: Sequence[int]) -> Any:
    """The value below p, of settled 0 <= a < 2·multiples[0]·p; multiples are powers of two down to 1."""

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        out = list(a)
        for multiple in multiples:
            pairs = zip(out, splat(multiple * p), strict=True)
            smaller = settle(builder, [builder.sub(x, y) for x, y in pairs])
            negative = builder.icmp_signed("<", smaller[LIMBS - 1], constant(0))
            out = [builder.select(negative, x, y) for x, y in zip(out, smaller, strict=True)]
        return out

    return operation(emit, 1)


def folded(p: int) -> Any:
    """min(a, p - a), of canonical a."""

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        upper, opposite = _is_upper(builder, p, a), []
        for x, limit in zip(a, splat(p), strict=True):
            opposite.append(builder.sub(limit, x))
        return [builder.select(upper, y, x) for x, y in zip(a, settle(builder, opposite), strict=True)]

    return operation(emit, 1)


def _is_upper(builder: Any, p: int, a: Sequence[Any]) -> Any:
    """Lane by lane: 2·a > p."""
    pairs = zip(a, splat(p), strict=True)
    difference = settle(builder, [builder.sub(limit, builder.add(x, x)) for x, limit in pairs])
    return builder.icmp_signed("<", difference[LIMBS - 1], constant(0))


def uppers(p: int) -> Any:
    """The lanes, as bits, of canonical a with 2·a > p."""

    @intrinsic
    def test(typing_context: Any, a: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            upper = _is_upper(builder, p, unpack(builder, arguments[0]))
            return builder.zext(builder.bitcast(upper, ir.IntType(LANES)), WORD)

        return types.int64(ELEMENTS), generate

    return test
