"""Points that references name, and the stream of pairs to add: what multi-scalar multiplication reads and writes.

A *point* is 64 aligned bytes of a pool, x's words then y's, both below 2^256. A *reference* to one is its row in the
pool, with bit 31 set for its negative. Nothing here checks bounds: callers do.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba import types

from zk.kernels.ifma_lanes import (
    ELEMENTS,
    LANES,
    VECTOR,
    WORD,
    constant,
    pack,
    splat,
    unpack,
)
from zk.kernels.ifma_layout import (
    HALF_WORD,
    ROW,
    at,
    data_of,
    limbs_to_words,
    prefetch,
    rows_to_words,
    shuffle,
    transpose_eight,
    words_to_limbs,
)
from zk.kernels.intrinsics import external, intrinsic
from zk.kernels.scalar import FQ_MODULUS

POINT_WORDS = 8
NEGATIVE = 0x8000_0000
ROW_MASK = 0x7FFF_FFFF

_REFERENCES = ir.VectorType(HALF_WORD, LANES)
_SIXTEEN = ir.VectorType(HALF_WORD, 16)
_uniform: Any = types.UniTuple


def _row_offsets(builder: Any, references: Any, start: Any, plus: int) -> list[Any]:
    """Word offsets of the coordinates ``plus`` words into the points that eight references name."""
    offsets = []
    for k in range(LANES):
        reference = builder.load(at(builder, references, start, k, HALF_WORD))
        row = builder.zext(builder.and_(reference, ir.Constant(HALF_WORD, ROW_MASK)), WORD)
        offsets.append(builder.add(builder.shl(row, ir.Constant(WORD, 3)), ir.Constant(WORD, plus)))
    return offsets


def _gather(plus: int) -> Any:
    @intrinsic
    def gather(typing_context: Any, pool: Any, references: Any, start: Any) -> Any:
        """Return one coordinate of the eight points of references[start:start + 8], signs not applied."""
        signature = ELEMENTS(pool, references, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = data_of(context, builder, signature.args[0], arguments[0])
            items = data_of(context, builder, signature.args[1], arguments[1])
            offsets = _row_offsets(builder, items, arguments[2], plus)
            rows = [builder.load(at(builder, data, offset, 0, ROW), align=32) for offset in offsets]
            pairs = [shuffle(builder, rows[k], rows[k + 4], range(LANES)) for k in range(4)]
            return pack(context, builder, ELEMENTS, words_to_limbs(builder, rows_to_words(builder, pairs)))

        return signature, generate

    return gather


gather_x = _gather(0)
gather_y = _gather(4)


@intrinsic
def opposed(typing_context: Any, a: Any, b: Any, start: Any, y: Any) -> Any:
    """Return 3q - y where the references a and b have the same sign, else y; raw, in (0, 3q] for 0 <= y < 3q.

    Of y of a's point: minus a's own y, if b is the one that counts as positive.
    """
    signature = ELEMENTS(a, b, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second = (_eight(context, builder, signature, arguments, k, arguments[2]) for k in range(2))
        alike = builder.icmp_signed(">=", builder.xor(first, second), ir.Constant(_REFERENCES, [0] * LANES))
        pairs = zip(unpack(builder, arguments[3]), splat(3 * FQ_MODULUS), strict=True)
        limbs = [builder.select(alike, builder.sub(limit, limb), limb) for limb, limit in pairs]
        return pack(context, builder, ELEMENTS, limbs)

    return signature, generate


@intrinsic
def take_signs(typing_context: Any, rows: Any, references: Any, start: Any) -> Any:
    """Give rows[start:start + 8] the signs of references[start:start + 8]."""
    signature = types.void(rows, references, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        plain, signs = (_eight(context, builder, signature, arguments, k, arguments[2]) for k in range(2))
        signs = builder.and_(signs, ir.Constant(_REFERENCES, [NEGATIVE] * LANES))
        target = at(builder, data_of(context, builder, signature.args[0], arguments[0]), arguments[2], 0, _REFERENCES)
        builder.store(builder.or_(plain, signs), target, align=4)
        return context.get_dummy_value()

    return signature, generate


def _eight(context: Any, builder: Any, signature: Any, arguments: Any, k: int, start: Any) -> Any:
    """Eight references of argument k."""
    items = data_of(context, builder, signature.args[k], arguments[k])
    return builder.load(at(builder, items, start, 0, _REFERENCES), align=4)


@intrinsic
def scatter_points(typing_context: Any, pool: Any, rows: Any, start: Any, x: Any, y: Any) -> Any:
    """Write eight points, settled or carried coordinates below 2^256, to the pool's rows rows[start:start + 8]."""
    signature = types.void(pool, rows, types.int64, ELEMENTS, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        offsets = _row_offsets(builder, data_of(context, builder, signature.args[1], arguments[1]), arguments[2], 0)
        words = [word for value in arguments[3:] for word in limbs_to_words(builder, unpack(builder, value))]
        for offset, point in zip(offsets, transpose_eight(builder, words), strict=True):
            builder.store(point, at(builder, data, offset), align=64)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def fetch_points(typing_context: Any, pool: Any, references: Any, start: Any) -> Any:
    """Ask for the points of references[start:start + 8], which need not exist, in the second-level cache."""
    signature = types.void(pool, references, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        items = data_of(context, builder, signature.args[1], arguments[1])
        for offset in _row_offsets(builder, items, arguments[2], 0):
            prefetch(builder, at(builder, data, offset, 0, WORD), to_write=False)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def pair_up(
    typing_context: Any, pending: Any, a: Any, b: Any, keys: Any, m: Any, entry_keys: Any, references: Any, k: Any,
    empty: Any, lost: Any,
) -> Any:  # fmt: skip
    """Make pair m of entry k and the reference pending under its key, or leave it pending; return the next m.

    Entry k is references[k] under entry_keys[k]. a[m], b[m] and keys[m] are written either way, after the entry
    was read. No pair is made under the key ``lost``. Written without a branch: whether a key is taken is a coin
    toss, and LLVM would make it a branch of plain Python code.
    """
    signature = types.int64(
        pending, a, b, keys, types.int64, entry_keys, references, types.int64, types.uint32, types.uint32
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        waiting, first, second, owners, all_keys, all_references = (
            data_of(context, builder, signature.args[k], arguments[k]) for k in (0, 1, 2, 3, 5, 6)
        )
        index, entry, empty, lost = (arguments[k] for k in (4, 7, 8, 9))
        key, reference = (builder.load(builder.gep(items, [entry])) for items in (all_keys, all_references))
        place = builder.gep(waiting, [builder.zext(key, WORD)])
        partner = builder.load(place)
        for target, value in ((first, partner), (second, reference), (owners, key)):
            builder.store(value, builder.gep(target, [index]))
        alone = builder.icmp_unsigned("==", partner, empty)
        left = builder.select(alone, reference, empty)
        left.set_metadata("unpredictable", builder.module.add_metadata([]))
        builder.store(left, place)
        made = builder.and_(builder.not_(alone), builder.icmp_unsigned("!=", key, lost))
        return builder.add(index, builder.zext(made, WORD))

    return signature, generate


@intrinsic
def take_eight_digits(
    typing_context: Any, keys: Any, references: Any, k: Any, words: Any, low: Any, high: Any, flips: Any, i: Any,
    window: Any,
) -> Any:  # fmt: skip
    """Write the stream's entries k to k + 7: one window of the scalars i to i + 7.

    words[low:] and words[high:] hold the two words the window may straddle. window is (offset, mask, less, base, lost,
    plus): once ``plus`` is added to the first word, a digit d is the bits from ``offset`` on, under ``mask``, minus
    ``less``; its key is base + |d| - 1, or lost for d = 0; its reference is i negated if exactly one of d and flips[i]
    is negative.
    """
    signature = types.void(
        keys, references, types.int64, words, types.int64, types.int64, flips, types.int64, _uniform(types.int64, 6)
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        key_data, reference_data, word_data, flip_data = (
            data_of(context, builder, signature.args[k], arguments[k]) for k in (0, 1, 3, 6)
        )
        place, i = arguments[2], arguments[7]

        def everywhere(value: Any) -> Any:
            lone = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(HALF_WORD, 0))
            return shuffle(builder, lone, lone, [0] * LANES)

        offset, mask, less, base, lost, plus = (everywhere(value) for value in unpack(builder, arguments[8]))
        lower = builder.add(builder.load(at(builder, word_data, arguments[4]), align=8), plus)
        higher = builder.load(at(builder, word_data, arguments[5]), align=8)
        rest = builder.sub(constant(63), offset)
        bits = builder.or_(builder.lshr(lower, offset), builder.shl(builder.shl(higher, constant(1)), rest))
        digit = builder.sub(builder.and_(bits, mask), less)
        negative = builder.icmp_signed("<", digit, constant(0))
        magnitude = builder.select(negative, builder.sub(constant(0), digit), digit)
        nothing = builder.icmp_signed("==", digit, constant(0))
        key = builder.select(nothing, lost, builder.add(magnitude, builder.sub(base, constant(1))))
        rows = builder.add(everywhere(i), constant(*range(LANES)))
        signed_rows = builder.or_(rows, builder.shl(builder.lshr(digit, constant(63)), constant(31)))
        flip = builder.load(at(builder, flip_data, i, 0, _REFERENCES), align=4)
        reference = builder.xor(builder.trunc(signed_rows, _REFERENCES), flip)
        builder.store(builder.trunc(key, _REFERENCES), at(builder, key_data, place, 0, _REFERENCES), align=4)
        builder.store(reference, at(builder, reference_data, place, 0, _REFERENCES), align=4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def beyond_one_limb(typing_context: Any, a: Any) -> Any:
    """The lanes, as bits, of settled a at or above 2^52."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        upper = functools.reduce(builder.or_, unpack(builder, arguments[0])[1:])
        lanes = builder.icmp_unsigned("!=", upper, constant(0))
        return builder.zext(builder.bitcast(lanes, ir.IntType(LANES)), WORD)

    return types.int64(ELEMENTS), generate


@intrinsic
def store_flips(typing_context: Any, flips: Any, i: Any, lanes: Any) -> Any:
    """flips[i + k] <- 2^31 for the lanes k whose bit is set, 0 for the others."""
    signature = types.void(flips, types.int64, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        chosen = builder.bitcast(builder.trunc(arguments[2], ir.IntType(8)), ir.VectorType(ir.IntType(1), LANES))
        yes, no = ir.Constant(_REFERENCES, [NEGATIVE] * LANES), ir.Constant(_REFERENCES, [0] * LANES)
        builder.store(builder.select(chosen, yes, no), at(builder, data, arguments[1], 0, _REFERENCES), align=4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def append_from(typing_context: Any, out: Any, length: Any, references: Any, start: Any, first: Any) -> Any:
    """Append to out[length:] those rows of references[start:start + 16] at or above ``first``; return how many.

    Sixteen items of ``out`` from ``length`` on are written over.
    """
    signature = types.int64(out, types.int64, references, types.int64, types.uint32)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = data_of(context, builder, signature.args[0], arguments[0])
        items = data_of(context, builder, signature.args[2], arguments[2])
        chosen = builder.load(at(builder, items, arguments[3], 0, _SIXTEEN), align=4)
        rows = builder.and_(chosen, ir.Constant(_SIXTEEN, [ROW_MASK] * 16))
        lone = builder.insert_element(ir.Constant(_SIXTEEN, ir.Undefined), arguments[4], ir.Constant(HALF_WORD, 0))
        mask = builder.icmp_unsigned(">=", rows, shuffle(builder, lone, lone, [0] * 16))
        signs = mask.type
        compress = ir.FunctionType(_SIXTEEN, [_SIXTEEN, signs, _SIXTEEN])
        function = external(builder, compress, "llvm.experimental.vector.compress.v16i32")
        packed = builder.call(function, [rows, mask, ir.Constant(_SIXTEEN, ir.Undefined)])
        builder.store(packed, at(builder, target, arguments[1], 0, _SIXTEEN), align=4)
        bits = builder.zext(builder.bitcast(mask, ir.IntType(16)), WORD)
        return builder.ctpop(bits)

    return signature, generate
