"""Eight elements of Fq or Fr side by side: arithmetic on 52-bit limbs with AVX-512 IFMA.

Shapes of limbs (settled, carried, raw) are those of ``ifma_lanes``; ``ifma_reductions`` takes out multiples of p.
``mul`` reads the low 52 bits of each limb, so its operands must be settled or carried, nonnegative and below
2^260 = 84.6·p; sums and differences may be raw, and take no carried operands. Write a value's bound as a multiple of p;
then

    mul   b1, b2   ->  1 + 0.0119·b1·b2      (2^-260·p = 0.0119 for both moduli; the 0.0119 also covers 2^-50)

Every line that depends on a bound states it. "Montgomery" here means a·b/2^260 mod p. Public arrays hold x·2^256: the
product of one such array, shifted left by four, and another is again one (a·2^260·b·2^256/2^260).

Timing: no branch and no address depends on values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zk.kernels import ifma_reductions as reductions
from zk.kernels.ifma_lanes import (
    ELEMENTS,
    LIMB_BITS,
    LIMBS,
    RADIX_BITS,
    Emit,
    add_high,
    add_low,
    carry,
    constant,
    leave,
    operation,
    pack,
    settle,
    shift_right,
    splat,
    uniform,
    unpack,
)
from zk.kernels.intrinsics import intrinsic
from zk.kernels.scalar import FQ_MODULUS, FR_MODULUS

_FOLDED = 3  # low limbs of a product folded in parallel; the other two take a Montgomery step each


class Modulus:
    """What the emitters need of a prime between 2^253 and 2^254."""

    def __init__(self, p: int) -> None:
        self.p = p
        self.limbs = splat(p)
        self.negated_inverse = constant(-pow(p, -1, 1 << LIMB_BITS))  # its low 52 bits are read
        self.folds = [splat(pow(2, LIMB_BITS * (k - _FOLDED), p)) for k in range(_FOLDED)]


Pair = tuple[Sequence[Any], Sequence[Any]]


def _products(builder: Any, pairs: Sequence[Pair]) -> list[list[Any]]:
    """The ten columns of each a·b, below 10·2^52: instructions of the products alternate, to hide their latency."""
    columns = [[constant(0)] * (2 * LIMBS) for _ in pairs]
    for i in range(LIMBS):
        for multiply, offset in ((add_low, i), (add_high, i + 1)):
            for j in range(LIMBS):
                for t, (a, b) in zip(columns, pairs, strict=True):
                    t[offset + j] = multiply(builder, t[offset + j], a[i], b[j])
    return columns


def _square(builder: Any, a: Sequence[Any]) -> list[Any]:
    """The ten columns of a², below 10·2^52: mixed products once, doubled."""
    t = [constant(0)] * (2 * LIMBS)
    for i in range(LIMBS):
        for j in range(i + 1, LIMBS):
            t[i + j] = add_low(builder, t[i + j], a[i], a[j])
            t[i + j + 1] = add_high(builder, t[i + j + 1], a[i], a[j])
    for k in range(1, 2 * LIMBS - 1):
        t[k] = builder.add(t[k], t[k])
    for i in range(LIMBS):
        t[2 * i] = add_low(builder, t[2 * i], a[i], a[i])
        t[2 * i + 1] = add_high(builder, t[2 * i + 1], a[i], a[i])
    return t


def _divide(builder: Any, modulus: Modulus, columns: Sequence[list[Any]]) -> list[list[Any]]:
    """Each product T -> raw limbs of a number congruent to T/2^260, below T/2^260 + (1 + 2^-50)·p.

    With T = t0 + t1·2^52 + t2·2^104 + U·2^156, T/2^156 is congruent to U + t0·f0 + t1·f1 + t2·f2, where
    f_k = 2^(52k-156) mod p; that adds less than 3·2^52·p. Two Montgomery steps divide by 2^104 and add less than p.
    Columns stay below 2^57: ten, six and four terms below 2^52, and carries below 2^6.
    """
    for k in range(_FOLDED):
        for t in columns:  # the bits above 52 move up; what stays is read modulo 2^52, so no mask
            t[k + 1] = builder.add(t[k + 1], shift_right(builder, t[k], LIMB_BITS))
    for k in range(_FOLDED):
        for multiply, offset in ((add_low, _FOLDED), (add_high, _FOLDED + 1)):
            for j in range(LIMBS):
                for t in columns:
                    t[offset + j] = multiply(builder, t[offset + j], t[k], modulus.folds[k][j])
    for k in range(_FOLDED, LIMBS):
        factors = [add_low(builder, constant(0), t[k], modulus.negated_inverse) for t in columns]
        for multiply, offset in ((add_low, k), (add_high, k + 1)):
            for j in range(LIMBS):
                for t, factor in zip(columns, factors, strict=True):
                    t[offset + j] = multiply(builder, t[offset + j], factor, modulus.limbs[j])
        for t in columns:  # the low 52 bits of t[k] are zero now
            t[k + 1] = builder.add(t[k + 1], shift_right(builder, t[k], LIMB_BITS))
    return [t[LIMBS:] for t in columns]


def _mul(modulus: Modulus, finish: Emit = settle) -> Any:
    def emit(builder: Any, a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        (limbs,) = _divide(builder, modulus, _products(builder, [(a, b)]))
        return finish(builder, limbs)

    return operation(emit, 2)


def _mul_two(modulus: Modulus, finish: Emit = settle) -> Any:
    result = uniform(ELEMENTS, 2)

    @intrinsic
    def multiply(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            operands = [unpack(builder, value) for value in arguments]
            columns = _products(builder, [(operands[0], operands[1]), (operands[2], operands[3])])
            both = _divide(builder, modulus, columns)
            parts = [pack(context, builder, ELEMENTS, finish(builder, limbs)) for limbs in both]
            return pack(context, builder, result, parts)

        return result(ELEMENTS, ELEMENTS, ELEMENTS, ELEMENTS), generate

    return multiply


def _sqr(modulus: Modulus, finish: Emit = settle) -> Any:
    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        (limbs,) = _divide(builder, modulus, [_square(builder, a)])
        return finish(builder, limbs)

    return operation(emit, 1)


def _limbwise(name: str) -> Any:
    def emit(builder: Any, a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        return [getattr(builder, name)(x, y) for x, y in zip(a, b, strict=True)]

    return operation(emit, 2)


def _constant_elements(value: int) -> Any:
    @intrinsic
    def read(typing_context: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return pack(context, builder, ELEMENTS, splat(value))

        return ELEMENTS(), generate

    return read


def _times_four() -> Any:
    return operation(lambda builder, a: [builder.shl(x, constant(2)) for x in a], 1)


_FQ = Modulus(FQ_MODULUS)
_FR = Modulus(FR_MODULUS)

add_raw = _limbwise("add")
sub_raw = _limbwise("sub")
union = _limbwise("or_")
four_raw = _times_four()

fq_mul = _mul(_FQ)
fq_mul_raw = _mul(_FQ, leave)
fq_mul_carried = _mul(_FQ, carry)
fq_mul_two = _mul_two(_FQ)
fq_mul_two_carried = _mul_two(_FQ, carry)
fq_sqr = _sqr(_FQ)
fq_sqr_raw = _sqr(_FQ, leave)
fq_settle_0 = reductions.raised(FQ_MODULUS, 0)
fq_settle_3 = reductions.raised(FQ_MODULUS, 3)
fq_carry_0 = reductions.raised(FQ_MODULUS, 0, carry)
fq_carry_12 = reductions.raised(FQ_MODULUS, 12, carry)
fq_reduce_9_raw = reductions.reduced(FQ_MODULUS, 9, leave)
fq_lower_2_carried = reductions.lowered(FQ_MODULUS, 2, carry)
fq_canonical = reductions.canonical(FQ_MODULUS, (2, 1))
fq_one = _constant_elements((1 << RADIX_BITS) % FQ_MODULUS)

fr_mul = _mul(_FR)
fr_mul_raw = _mul(_FR, leave)
fr_mul_carried = _mul(_FR, carry)
fr_mul_two = _mul_two(_FR)
fr_mul_two_raw = _mul_two(_FR, leave)
fr_settle_0 = reductions.raised(FR_MODULUS, 0)
fr_carry_32 = reductions.raised(FR_MODULUS, 32, carry)
fr_raise_1_raw = reductions.raised(FR_MODULUS, 1, leave)
fr_lower_1_raw = reductions.lowered(FR_MODULUS, 1, leave)
fr_divide_raw = reductions.divided(FR_MODULUS)
fr_reduce_0 = reductions.reduced(FR_MODULUS, 0)
fr_canonical = reductions.canonical(FR_MODULUS, (2, 1))
fr_canonical_2 = reductions.canonical(FR_MODULUS, (1,))  # of values below 2·p
fr_canonical_carried = reductions.canonical_carried(FR_MODULUS)
fr_folded = reductions.folded(FR_MODULUS)
fr_uppers = reductions.uppers(FR_MODULUS)
sixteen = _constant_elements(16)  # takes a public element x·2^256 to the integer x
fr_zero = _constant_elements(0)
fr_one = _constant_elements((1 << RADIX_BITS) % FR_MODULUS)
