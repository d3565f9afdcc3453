"""Eight elements of a field side by side in registers of AVX-512, and what writes operations on them.

Eight elements are five registers, limb k of lane j in lane j of register k: value = sum of limb_k·2^(52k). Every
operation is one intrinsic that writes straight-line vector code, so elements stay in registers.

Three shapes of limbs occur. *Settled*: limbs 0..3 in [0, 2^52), limb 4 takes the rest. *Carried*: settled but for what
lies above the low 52 bits of limbs 0..3, which nothing may read. *Raw*: any signed limbs below 2^60 in magnitude.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import models, register_model

from zk.kernels.intrinsics import external, intrinsic

LANES = 8
LIMBS = 5
LIMB_BITS = 52
LIMB_MASK = (1 << LIMB_BITS) - 1
RADIX_BITS = LIMBS * LIMB_BITS

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


uniform: Any = types.UniTuple
ELEMENTS = uniform(vector, LIMBS)
"""The Numba type of eight elements."""

Elements = tuple[Any, ...]

Emit = Callable[..., list[Any]]
"""Writes one operation: a builder and operands' registers to the result's."""


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


def add_low(builder: Any, total: Any, a: Any, b: Any) -> Any:
    """total + the low 52 bits of a·b, of the low 52 bits of a and b."""
    return _call(builder, "llvm.x86.avx512.vpmadd52l.uq.512", total, a, b)


def add_high(builder: Any, total: Any, a: Any, b: Any) -> Any:
    """total + a·b >> 52, of the low 52 bits of a and b."""
    return _call(builder, "llvm.x86.avx512.vpmadd52h.uq.512", total, a, b)


def select_word(builder: Any, table: Any, index: Any) -> Any:
    """table[index] lane by lane, of the low three bits of index."""
    return _call(builder, "llvm.x86.avx512.permvar.di.512", table, index)


def shift_right(builder: Any, a: Any, bits: int) -> Any:
    """a >> bits, filled with zeros."""
    return builder.lshr(a, constant(bits))


def carry(builder: Any, limbs: Sequence[Any]) -> list[Any]:
    """Raw -> carried, of one value: one chain of signed carries. Right for negative limbs too."""
    out = list(limbs)
    for k in range(LIMBS - 1):
        out[k + 1] = builder.add(out[k + 1], builder.ashr(out[k], constant(LIMB_BITS)))
    return out


def settle(builder: Any, limbs: Sequence[Any]) -> list[Any]:
    """Raw -> settled, of one value."""
    *low, top = carry(builder, limbs)
    return [*(builder.and_(limb, constant(LIMB_MASK)) for limb in low), top]


def leave(builder: Any, limbs: Sequence[Any]) -> list[Any]:
    """Raw -> raw."""
    return list(limbs)


def operation(emit: Emit, count: int) -> Any:
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
