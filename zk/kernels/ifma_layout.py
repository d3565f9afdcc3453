"""How eight elements meet memory: rows of 64-bit words and blocks of limbs.

A *row* is an element as the public arrays hold it, four 64-bit words. A *block* is eight elements as the registers hold
them: five times eight limbs, 40 words. All offsets count words. Nothing here checks bounds: callers do.
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
    VECTOR,
    WORD,
    constant,
    pack,
    shift_right,
    unpack,
)
from zk.kernels.intrinsics import external, intrinsic

BLOCK = LANES * LIMBS


HALF_WORD = ir.IntType(32)
ROW = ir.VectorType(WORD, 4)


def data_of(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    """The pointer to an array's first item."""
    return context.make_array(array_type)(context, builder, array).data


def at(builder: Any, pointer: Any, offset: Any, plus: int = 0, as_type: Any = VECTOR) -> Any:
    """The pointer to item offset + plus."""
    moved = builder.gep(pointer, [builder.add(offset, ir.Constant(WORD, plus)) if plus else offset])
    return builder.bitcast(moved, as_type.as_pointer())


def shuffle(builder: Any, a: Any, b: Any, lanes: Sequence[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(HALF_WORD, len(lanes)), list(lanes)))


def _funnel(builder: Any, high: Any, low: Any, bits: int) -> Any:
    """The low word of (high·2^64 + low) >> bits."""
    signature = ir.FunctionType(VECTOR, [VECTOR] * 3)
    function = external(builder, signature, "llvm.fshr.v8i64")
    return builder.call(function, [high, low, constant(bits)])


def words_to_limbs(builder: Any, words: Sequence[Any], shift: int = 0, settled: bool = True) -> list[Any]:
    """Settled, or else carried, limbs of 2^shift times a number below 2^256, shift 0 or 4."""
    out = []
    for k in range(LIMBS):
        bit = LIMB_BITS * k - shift
        word, offset = max(bit, 0) >> 6, max(bit, 0) & 63
        if bit < 0:
            limb = builder.shl(words[0], constant(-bit))
        elif offset == 0:
            limb = words[word]
        elif offset + LIMB_BITS > 64 and word < 3:
            limb = _funnel(builder, words[word + 1], words[word], offset)
        else:
            limb = shift_right(builder, words[word], offset)
        out.append(builder.and_(limb, constant(LIMB_MASK)) if settled and k < LIMBS - 1 else limb)
    return out


def limbs_to_words(builder: Any, limbs: Sequence[Any]) -> list[Any]:
    """The four words of a settled or carried number below 2^256: what lies above 52 bits is shifted out."""
    unused = 64 - LIMB_BITS
    raised = [builder.shl(limb, constant(unused)) for limb in limbs[:-1]]
    return [_funnel(builder, limbs[k + 1], raised[k], unused * (k + 1)) for k in range(LIMBS - 1)]


def transpose_eight(builder: Any, rows: Sequence[Any]) -> list[Any]:
    """Item j of register i  ->  item i of register j: three rounds of exchanges at distances 1, 2, 4."""
    out = list(rows)
    for distance in (1, 2, 4):
        for i in range(LANES):
            if not i & distance:
                a, b = out[i], out[i | distance]
                first = [lane if not lane & distance else LANES + (lane ^ distance) for lane in range(LANES)]
                second = [lane | distance if not lane & distance else LANES + lane for lane in range(LANES)]
                out[i], out[i | distance] = shuffle(builder, a, b, first), shuffle(builder, a, b, second)
    return out


def rows_to_words(builder: Any, pairs: Sequence[Any]) -> list[Any]:
    """Four registers, the k-th holding rows k and k + 4  ->  word w of all rows in register w."""
    even, odd = [0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15]
    low01, high01 = shuffle(builder, pairs[0], pairs[1], even), shuffle(builder, pairs[0], pairs[1], odd)
    low23, high23 = shuffle(builder, pairs[2], pairs[3], even), shuffle(builder, pairs[2], pairs[3], odd)
    first, second = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    return [
        shuffle(builder, low01, low23, first),
        shuffle(builder, high01, high23, first),
        shuffle(builder, low01, low23, second),
        shuffle(builder, high01, high23, second),
    ]


def _words_to_rows(builder: Any, words: Sequence[Any]) -> list[Any]:
    """Word w of eight rows in register w  ->  four registers, the k-th holding rows 2k and 2k + 1."""
    low = [shuffle(builder, words[0], words[1], [0, 8, 1, 9, 2, 10, 3, 11])]
    high = [shuffle(builder, words[2], words[3], [0, 8, 1, 9, 2, 10, 3, 11])]
    low.append(shuffle(builder, words[0], words[1], [4, 12, 5, 13, 6, 14, 7, 15]))
    high.append(shuffle(builder, words[2], words[3], [4, 12, 5, 13, 6, 14, 7, 15]))
    out = []
    for a, b in zip(low, high, strict=True):
        out.append(shuffle(builder, a, b, [0, 1, 8, 9, 2, 3, 10, 11]))
        out.append(shuffle(builder, a, b, [4, 5, 12, 13, 6, 7, 14, 15]))
    return out


# --- blocks --------------------------------------------------------------------------------------------------------


@intrinsic
def load_block(typing_context: Any, array: Any, offset: Any) -> Any:
    """Return the eight elements of the block at array[offset:offset + 40]."""
    signature = ELEMENTS(array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        limbs = [builder.load(at(builder, data, arguments[1], LANES * k), align=8) for k in range(LIMBS)]
        return pack(context, builder, ELEMENTS, limbs)

    return signature, generate


@intrinsic
def store_block(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write eight elements to the block at array[offset:offset + 40]."""
    signature = types.void(array, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        for k, limb in enumerate(unpack(builder, arguments[2])):
            builder.store(limb, at(builder, data, arguments[1], LANES * k), align=8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def broadcast(typing_context: Any, array: Any, offset: Any) -> Any:
    """Return the element with limbs array[offset:offset + 5] in all eight lanes."""
    signature = ELEMENTS(array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        limbs = []
        for k in range(LIMBS):
            limb = builder.load(at(builder, data, arguments[1], k, WORD))
            lone = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), limb, ir.Constant(HALF_WORD, 0))
            limbs.append(shuffle(builder, lone, lone, [0] * LANES))
        return pack(context, builder, ELEMENTS, limbs)

    return signature, generate


@intrinsic
def transpose_blocks(typing_context: Any, out: Any, offset: Any, blocks: Any, start: Any) -> Any:
    """Lane i of block j at blocks[start:]  ->  lane j of block i at out[offset:], eight blocks each."""
    signature = types.void(out, types.int64, blocks, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = data_of(context, builder, signature.args[0], arguments[0])
        data = data_of(context, builder, signature.args[2], arguments[2])
        for limb in range(LIMBS):
            plus = [BLOCK * k + LANES * limb for k in range(LANES)]
            limbs = [builder.load(at(builder, data, arguments[3], p), align=8) for p in plus]
            for p, value in zip(plus, transpose_eight(builder, limbs), strict=True):
                builder.store(value, at(builder, target, arguments[1], p), align=8)
        return context.get_dummy_value()

    return signature, generate


def _fetcher(lines: int, to_write: bool) -> Any:
    @intrinsic
    def fetch(typing_context: Any, array: Any, offset: Any) -> Any:
        """Ask for so many lines of 64 bytes from array[offset:] on, which need not exist."""
        signature = types.void(array, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = data_of(context, builder, signature.args[0], arguments[0])
            for line in range(lines):
                prefetch(builder, at(builder, data, arguments[1], 8 * line, WORD), to_write)
            return context.get_dummy_value()

        return signature, generate

    return fetch


def prefetch(builder: Any, address: Any, to_write: bool) -> None:
    """Ask for a line: into the second-level cache to read it; as near as possible to write it."""
    hint = ir.FunctionType(ir.VoidType(), [WORD.as_pointer(), HALF_WORD, HALF_WORD, HALF_WORD])
    function = external(builder, hint, "llvm.prefetch.p0")
    flags = (ir.Constant(HALF_WORD, value) for value in ((1, 3, 1) if to_write else (0, 2, 1)))
    builder.call(function, [address, *flags])


fetch_rows = _fetcher(4, to_write=False)  # eight of them, consecutive
fetch_rows_to_write = _fetcher(4, to_write=True)
fetch_block = _fetcher(5, to_write=False)
fetch_block_to_write = _fetcher(5, to_write=True)


# --- rows ----------------------------------------------------------------------------------------------------------


def _row_loader(shift: int, settled: bool) -> Any:
    @intrinsic
    def load(typing_context: Any, array: Any, offset: Any, stride: Any) -> Any:
        """Return the eight elements of rows at offset, offset + stride, ..; settled or carried, times 2^shift."""
        signature = ELEMENTS(array, types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = data_of(context, builder, signature.args[0], arguments[0])
            rows = []
            for k in range(LANES):
                offset = builder.add(arguments[1], builder.mul(arguments[2], ir.Constant(WORD, k)))
                rows.append(builder.load(at(builder, data, offset, 0, ROW), align=8))
            pairs = [shuffle(builder, rows[k], rows[k + 4], range(LANES)) for k in range(4)]
            limbs = words_to_limbs(builder, rows_to_words(builder, pairs), shift, settled)
            return pack(context, builder, ELEMENTS, limbs)

        return signature, generate

    return load


load_rows = _row_loader(0, settled=True)
load_rows_carried = _row_loader(0, settled=False)
load_rows_shifted = _row_loader(4, settled=False)


@intrinsic
def store_rows(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write eight settled or carried elements below 2^256 to array[offset:offset + 32] as consecutive rows."""
    signature = types.void(array, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        words = limbs_to_words(builder, unpack(builder, arguments[2]))
        for k, pair in enumerate(_words_to_rows(builder, words)):
            builder.store(pair, at(builder, data, arguments[1], 8 * k), align=8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_rows_apart(typing_context: Any, array: Any, offset: Any, stride: Any, value: Any) -> Any:
    """Write eight settled or carried elements below 2^256 to the rows at offset, offset + stride, .."""
    signature = types.void(array, types.int64, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        words = limbs_to_words(builder, unpack(builder, arguments[3]))
        for k, pair in enumerate(_words_to_rows(builder, words)):
            for half in range(2):
                offset = builder.add(arguments[1], builder.mul(arguments[2], ir.Constant(WORD, 2 * k + half)))
                row = shuffle(builder, pair, pair, range(4 * half, 4 * half + 4))
                builder.store(row, at(builder, data, offset, 0, ROW), align=8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_low_limbs(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write the lowest limb of eight elements to array[offset:offset + 8]."""
    signature = types.void(array, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        builder.store(unpack(builder, arguments[2])[0], at(builder, data, arguments[1]), align=8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_words(typing_context: Any, array: Any, offset: Any, stride: Any, value: Any) -> Any:
    """Write word w of eight settled or carried elements below 2^256 to array[offset + w·stride:][:8]."""
    signature = types.void(array, types.int64, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        for w, word in enumerate(limbs_to_words(builder, unpack(builder, arguments[3]))):
            offset = builder.add(arguments[1], builder.mul(arguments[2], ir.Constant(WORD, w)))
            builder.store(word, at(builder, data, offset), align=8)
        return context.get_dummy_value()

    return signature, generate
