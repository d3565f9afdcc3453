"""Eight elements of Fq or Fr side by side: arithmetic on 52-bit limbs with AVX-512 IFMA.

Eight elements are five registers, limb k of lane j in lane j of register k: value = sum of limb_k·2^(52k). Every
operation is one intrinsic that writes straight-line vector code, so elements stay in registers.

Three shapes of limbs occur. *Settled*: limbs 0..3 in [0, 2^52), limb 4 takes the rest. *Carried*: settled but for what
lies above the low 52 bits of limbs 0..3, which nothing may read. *Raw*: any signed limbs below 2^60 in magnitude.
``mul`` reads the low 52 bits of each limb, so its operands must be settled or carried, nonnegative and below
2^260 = 84.6·p; sums and differences may be raw, and take no carried operands. Write a value's bound as a multiple of p;
then

    mul   b1, b2   ->  1 + 0.0119·b1·b2      (2^-260·p = 0.0119 for both moduli; the 0.0119 also covers 2^-50)

Every line that depends on a bound states it. "Montgomery" here means a·b/2^260 mod p. Public arrays hold x·2^256: the
product of one such array, shifted left by four, and another is again one (a·2^260·b·2^256/2^260).

Timing: no branch and no address depends on values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import models, register_model

from zk.kernels.intrinsics import external, intrinsic
from zk.kernels.scalar import FQ_MODULUS, FR_MODULUS

LANES = 8
LIMBS = 5
LIMB_BITS = 52
LIMB_MASK = (1 << LIMB_BITS) - 1
RADIX_BITS = LIMBS * LIMB_BITS
_FOLDED = 3  # low limbs of a product folded in parallel; the other two take a Montgomery step each

WORD = ir.IntType(64)
VECTOR = ir.VectorType(WORD, LANES)

_base: Any = types.Type
_model: Any = models.PrimitiveModel


class _VectorType(_base):  # type: ignore[misc]
    """Numba's name for eight 64-bit integers in one register."""

    def __init__(self) -> None:
        super().__init__("eight_words")


vector = _VectorType()


@register_model(_VectorType)
class _VectorModel(_model):  # type: ignore[misc]
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, VECTOR)


_uniform: Any = types.UniTuple
ELEMENTS = _uniform(vector, LIMBS)
"""The Numba type of eight elements."""

Elements = tuple[Any, ...]

# --- vocabulary ----------------------------------------------------------------------------------------------------


def limbs52(value: int) -> list[int]:
    """Return the five settled limbs of an integer; the top one takes the sign and the rest."""
    return [(value >> (LIMB_BITS * k)) & LIMB_MASK for k in range(LIMBS - 1)] + [value >> (LIMB_BITS * (LIMBS - 1))]


def constant(*words: int) -> Any:
    """Return one word in all lanes, or eight words."""
    chosen = words * LANES if len(words) == 1 else words
    return ir.Constant(VECTOR, [word % (1 << 64) for word in chosen])


def splat(value: int) -> list[Any]:
    """Return an integer in all lanes, settled."""
    return [constant(limb) for limb in limbs52(value)]


def unpack(builder: Any, value: Any) -> list[Any]:
    """Return the registers of a tuple."""
    return [builder.extract_value(value, k) for k in range(len(value.type.elements))]


def pack(context: Any, builder: Any, numba_type: Any, parts: Sequence[Any]) -> Any:
    """Return the tuple of ``parts``."""
    value = ir.Constant(context.get_value_type(numba_type), ir.Undefined)
    for k, part in enumerate(parts):
        value = builder.insert_value(value, part, k)
    return value


def _call(builder: Any, name: str, *operands: Any) -> Any:
    signature = ir.FunctionType(VECTOR, [VECTOR] * len(operands))
    return builder.call(external(builder, signature, name), operands)


def _low(builder: Any, total: Any, a: Any, b: Any) -> Any:
    """total + the low 52 bits of a·b, of the low 52 bits of a and b."""
    return _call(builder, "llvm.x86.avx512.vpmadd52l.uq.512", total, a, b)


def _high(builder: Any, total: Any, a: Any, b: Any) -> Any:
    """total + a·b >> 52, of the low 52 bits of a and b."""
    return _call(builder, "llvm.x86.avx512.vpmadd52h.uq.512", total, a, b)


def _select_word(builder: Any, table: Any, index: Any) -> Any:
    """table[index] lane by lane, of the low three bits of index."""
    return _call(builder, "llvm.x86.avx512.permvar.di.512", table, index)


def shift_right(builder: Any, a: Any, bits: int) -> Any:
    """a >> bits, filled with zeros."""
    return builder.lshr(a, constant(bits))


def _carry(builder: Any, limbs: Sequence[Any]) -> list[Any]:
    """Raw -> carried, of one value: one chain of signed carries. Right for negative limbs too."""
    out = list(limbs)
    for k in range(LIMBS - 1):
        out[k + 1] = builder.add(out[k + 1], builder.ashr(out[k], constant(LIMB_BITS)))
    return out


def _settle(builder: Any, limbs: Sequence[Any]) -> list[Any]:
    """Raw -> settled, of one value."""
    *low, top = _carry(builder, limbs)
    return [*(builder.and_(limb, constant(LIMB_MASK)) for limb in low), top]


def _leave(builder: Any, limbs: Sequence[Any]) -> list[Any]:
    """Raw -> raw."""
    return list(limbs)


# --- multiplication ------------------------------------------------------------------------------------------------


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
        for multiply, offset in ((_low, i), (_high, i + 1)):
            for j in range(LIMBS):
                for t, (a, b) in zip(columns, pairs, strict=True):
                    t[offset + j] = multiply(builder, t[offset + j], a[i], b[j])
    return columns


def _square(builder: Any, a: Sequence[Any]) -> list[Any]:
    """The ten columns of a², below 10·2^52: mixed products once, doubled."""
    t = [constant(0)] * (2 * LIMBS)
    for i in range(LIMBS):
        for j in range(i + 1, LIMBS):
            t[i + j] = _low(builder, t[i + j], a[i], a[j])
            t[i + j + 1] = _high(builder, t[i + j + 1], a[i], a[j])
    for k in range(1, 2 * LIMBS - 1):
        t[k] = builder.add(t[k], t[k])
    for i in range(LIMBS):
        t[2 * i] = _low(builder, t[2 * i], a[i], a[i])
        t[2 * i + 1] = _high(builder, t[2 * i + 1], a[i], a[i])
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
        for multiply, offset in ((_low, _FOLDED), (_high, _FOLDED + 1)):
            for j in range(LIMBS):
                for t in columns:
                    t[offset + j] = multiply(builder, t[offset + j], t[k], modulus.folds[k][j])
    for k in range(_FOLDED, LIMBS):
        factors = [_low(builder, constant(0), t[k], modulus.negated_inverse) for t in columns]
        for multiply, offset in ((_low, k), (_high, k + 1)):
            for j in range(LIMBS):
                for t, factor in zip(columns, factors, strict=True):
                    t[offset + j] = multiply(builder, t[offset + j], factor, modulus.limbs[j])
        for t in columns:  # the low 52 bits of t[k] are zero now
            t[k + 1] = builder.add(t[k + 1], shift_right(builder, t[k], LIMB_BITS))
    return [t[LIMBS:] for t in columns]


# --- intrinsics ----------------------------------------------------------------------------------------------------

Emit = Callable[..., list[Any]]


def _operation(emit: Emit, count: int) -> Any:
    """An intrinsic from ``count`` times eight elements to eight elements."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return pack(context, builder, ELEMENTS, emit(builder, *(unpack(builder, value) for value in arguments)))

    if count == 1:

        @intrinsic
        def one(typing_context: Any, a: Any) -> Any:
            return ELEMENTS(ELEMENTS), generate

        return one

    @intrinsic
    def two(typing_context: Any, a: Any, b: Any) -> Any:
        return ELEMENTS(ELEMENTS, ELEMENTS), generate

    return two


def _mul(modulus: Modulus, finish: Emit = _settle) -> Any:
    def emit(builder: Any, a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        (limbs,) = _divide(builder, modulus, _products(builder, [(a, b)]))
        return finish(builder, limbs)

    return _operation(emit, 2)


def _mul_two(modulus: Modulus, finish: Emit = _settle) -> Any:
    result = _uniform(ELEMENTS, 2)

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


def _sqr(modulus: Modulus, finish: Emit = _settle) -> Any:
    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        (limbs,) = _divide(builder, modulus, [_square(builder, a)])
        return finish(builder, limbs)

    return _operation(emit, 1)


def _raised(modulus: Modulus, multiple: int, finish: Emit = _settle) -> Any:
    """a + multiple·p, of raw a."""
    extra = splat(multiple * modulus.p)

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        return finish(builder, [builder.add(x, y) for x, y in zip(a, extra, strict=True)] if multiple else a)

    return _operation(emit, 1)


def _reduced(modulus: Modulus, multiple: int, finish: Emit = _settle) -> Any:
    """a + multiple·p - q·p, of raw a, with 0 <= a + multiple·p < 10.5·p; the result is below 3.6·p.

    q = the value's bits from 2^254 = 1.3227·p on, at most 7; limbs not yet carried change it by at most one unit of
    2^-39, which leaves the difference nonnegative for q > 0 (q·2^254 - q·p > 0.32·p) and changes nothing for q = 0.
    A value below 1.3227·(q + 1)·p leaves less than (1.3227 + 0.3227·q)·p: 2.62·p for values below 7.6·p (at q = 4).
    Raw limbs of a value below 2^-30·p would be misread (a borrow not yet taken can make the top limb negative): callers
    keep raw values above that, or settle first.
    """
    top = limbs52(multiple * modulus.p)[LIMBS - 1]
    rows = [zip(limbs52(q * modulus.p), limbs52(multiple * modulus.p), strict=True) for q in range(LANES)]
    columns = [constant(*column) for column in zip(*([x - y for x, y in row] for row in rows), strict=True)]

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        raised = builder.add(a[LIMBS - 1], constant(top)) if multiple else a[LIMBS - 1]
        quotient = shift_right(builder, raised, 254 - LIMB_BITS * (LIMBS - 1))
        less = [_select_word(builder, column, quotient) for column in columns]
        return finish(builder, [builder.sub(x, y) for x, y in zip(a, less, strict=True)])

    return _operation(emit, 1)


def _lowered(modulus: Modulus, multiple: int, finish: Emit = _settle) -> Any:
    """a - multiple·p where raw a is above that, as far as its top limb tells, else a.

    The top limb decides with 2^20 to spare, more than carries not yet taken can change it by: what is left alone is
    below (multiple + 2^-25)·p, and what is lowered does not become negative.
    """
    less = splat(multiple * modulus.p)
    least = limbs52(multiple * modulus.p)[LIMBS - 1] + (1 << 20)

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        above = builder.icmp_signed(">=", a[LIMBS - 1], constant(least))
        lower = [builder.select(above, builder.sub(x, y), x) for x, y in zip(a, less, strict=True)]
        return finish(builder, lower)

    return _operation(emit, 1)


def _divided(modulus: Modulus) -> Any:
    """Raw a - q·p, below 1.63·p, of carried p <= a < 84·p.

    q = floor of a's top limb times 84/2^52: at most a/p, since 84 < 2^260/p = 84.63, and at least 0.9924·a/p - 1.0001.
    Minus q·p is plus q·(2^208 - p mod 2^208), minus q·(1 + p >> 208)·2^208; that factor is below 2^52.
    """
    top = 1 + (modulus.p >> LIMB_BITS * (LIMBS - 1))
    opposite = splat((top << LIMB_BITS * (LIMBS - 1)) - modulus.p)[:-1]

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        out = [*(builder.and_(limb, constant(LIMB_MASK)) for limb in a[:-1]), a[-1]]
        quotient = _high(builder, constant(0), a[LIMBS - 1], constant(84))
        for k, limb in enumerate(opposite):
            out[k] = _low(builder, out[k], quotient, limb)
            out[k + 1] = _high(builder, out[k + 1], quotient, limb)
        out[-1] = builder.sub(out[-1], _low(builder, constant(0), quotient, constant(top)))
        return out

    return _operation(emit, 1)


def _canonical_carried(modulus: Modulus) -> Any:
    """The value below p, carried, of raw 0 <= a < 2·p."""

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        same = _carry(builder, a)
        smaller = _carry(builder, [builder.sub(x, y) for x, y in zip(a, modulus.limbs, strict=True)])
        negative = builder.icmp_signed("<", smaller[LIMBS - 1], constant(0))
        return [builder.select(negative, x, y) for x, y in zip(same, smaller, strict=True)]

    return _operation(emit, 1)


def _canonical(modulus: Modulus, multiples: Sequence[int]) -> Any:
    """The value below p, of settled 0 <= a < 2·multiples[0]·p; multiples are powers of two down to 1."""

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        out = list(a)
        for multiple in multiples:
            pairs = zip(out, splat(multiple * modulus.p), strict=True)
            smaller = _settle(builder, [builder.sub(x, y) for x, y in pairs])
            negative = builder.icmp_signed("<", smaller[LIMBS - 1], constant(0))
            out = [builder.select(negative, x, y) for x, y in zip(out, smaller, strict=True)]
        return out

    return _operation(emit, 1)


def _folded(modulus: Modulus) -> Any:
    """min(a, p - a), of canonical a."""

    def emit(builder: Any, a: Sequence[Any]) -> list[Any]:
        upper, opposite = _is_upper(builder, modulus, a), []
        for x, limit in zip(a, modulus.limbs, strict=True):
            opposite.append(builder.sub(limit, x))
        return [builder.select(upper, y, x) for x, y in zip(a, _settle(builder, opposite), strict=True)]

    return _operation(emit, 1)


def _is_upper(builder: Any, modulus: Modulus, a: Sequence[Any]) -> Any:
    """Lane by lane: 2·a > p."""
    pairs = zip(a, modulus.limbs, strict=True)
    difference = _settle(builder, [builder.sub(limit, builder.add(x, x)) for x, limit in pairs])
    return builder.icmp_signed("<", difference[LIMBS - 1], constant(0))


def _uppers(modulus: Modulus) -> Any:
    """The lanes, as bits, of canonical a with 2·a > p."""

    @intrinsic
    def test(typing_context: Any, a: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            upper = _is_upper(builder, modulus, unpack(builder, arguments[0]))
            return builder.zext(builder.bitcast(upper, ir.IntType(LANES)), WORD)

        return types.int64(ELEMENTS), generate

    return test


def _limbwise(operation: str) -> Any:
    def emit(builder: Any, a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        return [getattr(builder, operation)(x, y) for x, y in zip(a, b, strict=True)]

    return _operation(emit, 2)


def _constant_elements(value: int) -> Any:
    @intrinsic
    def read(typing_context: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return pack(context, builder, ELEMENTS, splat(value))

        return ELEMENTS(), generate

    return read


def _times_four() -> Any:
    return _operation(lambda builder, a: [builder.shl(x, constant(2)) for x in a], 1)


_FQ = Modulus(FQ_MODULUS)
_FR = Modulus(FR_MODULUS)

add_raw = _limbwise("add")
sub_raw = _limbwise("sub")
union = _limbwise("or_")
four_raw = _times_four()

fq_mul = _mul(_FQ)
fq_mul_raw = _mul(_FQ, _leave)
fq_mul_carried = _mul(_FQ, _carry)
fq_mul_two = _mul_two(_FQ)
fq_mul_two_carried = _mul_two(_FQ, _carry)
fq_sqr = _sqr(_FQ)
fq_sqr_raw = _sqr(_FQ, _leave)
fq_settle_0 = _raised(_FQ, 0)
fq_settle_3 = _raised(_FQ, 3)
fq_carry_0 = _raised(_FQ, 0, _carry)
fq_carry_12 = _raised(_FQ, 12, _carry)
fq_reduce_9_raw = _reduced(_FQ, 9, _leave)
fq_lower_2_carried = _lowered(_FQ, 2, _carry)
fq_canonical = _canonical(_FQ, (2, 1))
fq_one = _constant_elements((1 << RADIX_BITS) % FQ_MODULUS)

fr_mul = _mul(_FR)
fr_mul_raw = _mul(_FR, _leave)
fr_mul_carried = _mul(_FR, _carry)
fr_mul_two = _mul_two(_FR)
fr_mul_two_raw = _mul_two(_FR, _leave)
fr_settle_0 = _raised(_FR, 0)
fr_carry_32 = _raised(_FR, 32, _carry)
fr_raise_1_raw = _raised(_FR, 1, _leave)
fr_lower_1_raw = _lowered(_FR, 1, _leave)
fr_divide_raw = _divided(_FR)
fr_reduce_0 = _reduced(_FR, 0)
fr_canonical = _canonical(_FR, (2, 1))
fr_canonical_2 = _canonical(_FR, (1,))  # of values below 2·p
fr_canonical_carried = _canonical_carried(_FR)
fr_folded = _folded(_FR)
fr_uppers = _uppers(_FR)
sixteen = _constant_elements(16)  # takes a public element x·2^256 to the integer x
fr_zero = _constant_elements(0)
fr_one = _constant_elements((1 << RADIX_BITS) % FR_MODULUS)
