"""Arithmetic modulo a 254-bit prime on four 64-bit limbs, in portable 64 x 64 -> 128-bit multiplications.

One description of a field serves both fields of BN254: ``FQ_CONSTANTS`` and ``FR_CONSTANTS`` hold the numbers, and the
same emitter writes the LLVM code whether the modulus is a constant (``fq_*``, ``fr_*``) or arrives at run time
(``mod_*``, so that one compiled vector kernel serves both fields).

An element inside kernels is a tuple of four uint64, least significant first: the canonical representative (below p) of
x·2^256 mod p. Multiplication is the coarsely integrated operand scanning of Koç, Acar and Kaliski (IEEE Micro 1996)
without its carry word, which a modulus below 2^255 never needs. It is one out-of-line LLVM function per module, since
inlining sixteen copies into a point addition costs seconds of compilation and gains six per cent.

Timing: no branch on values; conditional subtractions are selects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from zk.kernels import inner

Words = NDArray[np.uint64]
Element = tuple[Any, ...]

FR_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617
FQ_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583
RADIX = 1 << 256

_WORD = ir.IntType(64)
_DOUBLE = ir.IntType(128)
_WIDE = ir.IntType(256)
_QUAD = ir.LiteralStructType([_WORD] * 4)
_uniform: Any = types.UniTuple
_ELEMENT = _uniform(types.uint64, 4)
_MODULUS = _uniform(types.uint64, 5)


def limbs(value: int) -> list[int]:
    """Return the four 64-bit limbs of ``value`` < 2^256, least significant first."""
    return [(value >> (64 * i)) & 0xFFFF_FFFF_FFFF_FFFF for i in range(4)]


def _negated_inverse(modulus: int) -> int:
    """Return -1/modulus mod 2^64."""
    return -pow(modulus, -1, 1 << 64) % (1 << 64)


def field_constants(modulus: int) -> Words:
    """Return the (5, 4) table kernels take: p; (-1/p mod 2^64, 0, 0, 0); R mod p; R^2 mod p; R^3 mod p."""
    rows = [limbs(modulus), [_negated_inverse(modulus), 0, 0, 0]]
    rows += [limbs(pow(RADIX, power, modulus)) for power in (1, 2, 3)]
    return np.array(rows, dtype=np.uint64)


FR_CONSTANTS = field_constants(FR_MODULUS)
FQ_CONSTANTS = field_constants(FQ_MODULUS)


# --- LLVM emitters -------------------------------------------------------------------------------------------------


def _unpack(builder: Any, value: Any, count: int = 4) -> list[Any]:
    return [builder.extract_value(value, i) for i in range(count)]


def _pack(builder: Any, llvm_type: Any, words: Sequence[Any]) -> Any:
    value = ir.Constant(llvm_type, ir.Undefined)
    for i, word in enumerate(words):
        value = builder.insert_value(value, word, i)
    return value


def _join(builder: Any, words: Sequence[Any]) -> Any:
    value = builder.zext(words[0], _WIDE)
    for i in range(1, 4):
        value = builder.or_(value, builder.shl(builder.zext(words[i], _WIDE), ir.Constant(_WIDE, 64 * i)))
    return value


def _split(builder: Any, value: Any) -> list[Any]:
    return [builder.trunc(builder.lshr(value, ir.Constant(_WIDE, 64 * i)), _WORD) for i in range(4)]


def _reduce_once(builder: Any, value: Any, modulus: Any) -> list[Any]:
    """value < 2p < 2^255  ->  value mod p."""
    difference = builder.sub(value, modulus)
    borrowed = builder.icmp_signed("<", difference, ir.Constant(_WIDE, 0))
    return _split(builder, builder.select(borrowed, value, difference))


def _emit_multiply(builder: Any, a: Sequence[Any], b: Sequence[Any], modulus: Sequence[Any]) -> list[Any]:
    """a < p, b < 2^256  ->  a·b/2^256 mod p. The running sum stays below a + p < 2^255, so no carry word is needed."""

    def accumulate(x: Any, y: Any, *addends: Any) -> tuple[Any, Any]:
        total = builder.mul(builder.zext(x, _DOUBLE), builder.zext(y, _DOUBLE))  # + two words still fits 128 bits
        for addend in addends:
            total = builder.add(total, builder.zext(addend, _DOUBLE))
        return builder.trunc(total, _WORD), builder.trunc(builder.lshr(total, ir.Constant(_DOUBLE, 64)), _WORD)

    t = [ir.Constant(_WORD, 0)] * 4
    for i in range(4):
        low, carry_product = accumulate(a[0], b[i], t[0])
        factor = builder.mul(low, modulus[4])
        _, carry_reduction = accumulate(factor, modulus[0], low)
        for j in range(1, 4):
            low, carry_product = accumulate(a[j], b[i], t[j], carry_product)
            t[j - 1], carry_reduction = accumulate(factor, modulus[j], low, carry_reduction)
        t[3] = builder.add(carry_product, carry_reduction)
    return _reduce_once(builder, _join(builder, t), _join(builder, modulus))


def _emit_add(builder: Any, a: Sequence[Any], b: Sequence[Any], modulus: Sequence[Any]) -> list[Any]:
    """a, b < p  ->  a + b mod p."""
    return _reduce_once(builder, builder.add(_join(builder, a), _join(builder, b)), _join(builder, modulus))


def _emit_subtract(builder: Any, a: Sequence[Any], b: Sequence[Any], modulus: Sequence[Any]) -> list[Any]:
    """a, b < p  ->  a - b mod p."""
    difference = builder.sub(_join(builder, a), _join(builder, b))  # in (-p, p): the sign bit is the borrow
    borrowed = builder.icmp_signed("<", difference, ir.Constant(_WIDE, 0))
    correction = builder.select(borrowed, _join(builder, modulus), ir.Constant(_WIDE, 0))
    return _split(builder, builder.add(difference, correction))


def _constant_words(modulus: int) -> list[Any]:
    """p's limbs and -1/p mod 2^64 as LLVM constants."""
    return [ir.Constant(_WORD, word) for word in [*limbs(modulus), _negated_inverse(modulus)]]


# --- the modulus as a constant -------------------------------------------------------------------------------------


def _multiplication_function(module: Any, name: str, modulus: int) -> Any:
    """Return this module's out-of-line multiplication, adding it on first use."""
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(_QUAD, [_WORD] * 8), name)
    function.linkage = "internal"
    for attribute in ("noinline", "nounwind"):
        function.attributes.add(attribute)
    builder = ir.IRBuilder(function.append_basic_block())
    product = _emit_multiply(builder, function.args[:4], function.args[4:], _constant_words(modulus))
    builder.ret(_pack(builder, _QUAD, product))
    return function


def _multiplication(name: str, modulus: int) -> Any:
    @intrinsic
    def multiply(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            function = _multiplication_function(builder.module, f"tallystick_{name}_mul", modulus)
            product = builder.call(function, _unpack(builder, arguments[0]) + _unpack(builder, arguments[1]))
            return _pack(builder, context.get_value_type(_ELEMENT), _unpack(builder, product))

        return _ELEMENT(_ELEMENT, _ELEMENT), generate

    return multiply


def _inlined(emit: Any, modulus: int) -> Any:
    @intrinsic
    def combine(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            words = emit(builder, *(_unpack(builder, value) for value in arguments), _constant_words(modulus))
            return _pack(builder, context.get_value_type(_ELEMENT), words)

        return _ELEMENT(_ELEMENT, _ELEMENT), generate

    return combine


fq_mul = _multiplication("fq", FQ_MODULUS)
fq_add = _inlined(_emit_add, FQ_MODULUS)
fq_sub = _inlined(_emit_subtract, FQ_MODULUS)
fr_mul = _multiplication("fr", FR_MODULUS)
fr_add = _inlined(_emit_add, FR_MODULUS)
fr_sub = _inlined(_emit_subtract, FR_MODULUS)


# --- the modulus as an argument ------------------------------------------------------------------------------------


def _at_run_time(emit: Any) -> Any:
    @intrinsic
    def combine(typing_context: Any, a: Any, b: Any, modulus: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a_words, b_words, words = arguments
            operands = _unpack(builder, a_words), _unpack(builder, b_words), _unpack(builder, words, 5)
            return _pack(builder, context.get_value_type(_ELEMENT), emit(builder, *operands))

        return _ELEMENT(_ELEMENT, _ELEMENT, _MODULUS), generate

    return combine


mod_mul = _at_run_time(_emit_multiply)
mod_add = _at_run_time(_emit_add)
mod_sub = _at_run_time(_emit_subtract)


# --- elements in arrays --------------------------------------------------------------------------------------------


@inner
def load(a: Words, row: int, column: int) -> Element:
    """Return the element in a[row, column:column + 4]."""
    return a[row, column], a[row, column + 1], a[row, column + 2], a[row, column + 3]


@inner
def store(a: Words, row: int, column: int, value: Element) -> None:
    """Write the element to a[row, column:column + 4]."""
    a[row, column], a[row, column + 1], a[row, column + 2], a[row, column + 3] = value


@inner
def load_modulus(constants: Words) -> tuple[Any, Any, Any, Any, Any]:
    """Return p's limbs and -1/p mod 2^64 from a table of ``field_constants``."""
    return constants[0, 0], constants[0, 1], constants[0, 2], constants[0, 3], constants[1, 0]


@inner
def is_zero(a: Element) -> Any:
    """True if the canonical element is zero."""
    return (a[0] | a[1] | a[2] | a[3]) == np.uint64(0)


@inner
def is_equal(a: Element, b: Element) -> Any:
    """True if two canonical elements are the same."""
    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == np.uint64(0)


_FQ_ONE = tuple(np.uint64(word) for word in FQ_CONSTANTS[2])
_FQ_EXPONENT = tuple(np.uint64(word) for word in limbs(FQ_MODULUS - 2))


@inner
def fq_inverse(a: Element) -> Any:
    """1/a in Fq as a^(q-2), in Montgomery form; 0 -> 0."""
    result = _FQ_ONE
    for k in range(256):
        bit = 255 - k
        result = fq_mul(result, result)
        if (_FQ_EXPONENT[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):
            result = fq_mul(result, a)
    return result
