"""How eight elements meet memory: rows of 64-bit words, gathered points, and blocks of limbs.

Three layouts. A *row* is an element as the public arrays hold it, four 64-bit words. A *point* is 64 aligned bytes,
x's words then y's, both below 2^256; a *reference* to one is its row in a pool, with bit 31 set for its negative. A
*block* is eight elements as the registers hold them: five times eight limbs, 40 words. All offsets count words unless
a name says rows. Nothing here checks bounds: callers do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from zk.kernels.ifma_field import (
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
    splat,
    unpack,
)
from zk.kernels.scalar import FQ_MODULUS

BLOCK = LANES * LIMBS
POINT_WORDS = 8
NEGATIVE = 0x8000_0000
ROW_MASK = 0x7FFF_FFFF

_HALF_WORD = ir.IntType(32)
_ROW = ir.VectorType(WORD, 4)
_REFERENCES = ir.VectorType(_HALF_WORD, LANES)
_SIXTEEN = ir.VectorType(_HALF_WORD, 16)
_uniform: Any = types.UniTuple


def _data(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    """The pointer to an array's first item."""
    return context.make_array(array_type)(context, builder, array).data


def _at(builder: Any, pointer: Any, offset: Any, plus: int = 0, as_type: Any = VECTOR) -> Any:
    """The pointer to item offset + plus."""
    moved = builder.gep(pointer, [builder.add(offset, ir.Constant(WORD, plus)) if plus else offset])
    return builder.bitcast(moved, as_type.as_pointer())


def _shuffle(builder: Any, a: Any, b: Any, lanes: Sequence[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_HALF_WORD, len(lanes)), list(lanes)))


def _funnel(builder: Any, high: Any, low: Any, bits: int) -> Any:
    """The low word of (high·2^64 + low) >> bits."""
    signature = ir.FunctionType(VECTOR, [VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, signature, "llvm.fshr.v8i64")
    return builder.call(function, [high, low, constant(bits)])


def _words_to_limbs(builder: Any, words: Sequence[Any], shift: int = 0) -> list[Any]:
    """Settled limbs of 2^shift times a number below 2^256, shift 0 or 4."""
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
        out.append(builder.and_(limb, constant(LIMB_MASK)) if k < LIMBS - 1 else limb)
    return out


def _limbs_to_words(builder: Any, limbs: Sequence[Any]) -> list[Any]:
    """The four words of a settled number below 2^256."""

    def join(k: int, right: int, left: int) -> Any:
        low = shift_right(builder, limbs[k], right) if right else limbs[k]
        return builder.or_(low, builder.shl(limbs[k + 1], constant(left)))

    return [join(0, 0, 52), join(1, 12, 40), join(2, 24, 28), join(3, 36, 16)]


def _transpose_eight(builder: Any, rows: Sequence[Any]) -> list[Any]:
    """Item j of register i  ->  item i of register j: three rounds of exchanges at distances 1, 2, 4."""
    out = list(rows)
    for distance in (1, 2, 4):
        for i in range(LANES):
            if not i & distance:
                a, b = out[i], out[i | distance]
                first = [lane if not lane & distance else LANES + (lane ^ distance) for lane in range(LANES)]
                second = [lane | distance if not lane & distance else LANES + lane for lane in range(LANES)]
                out[i], out[i | distance] = _shuffle(builder, a, b, first), _shuffle(builder, a, b, second)
    return out


def _rows_to_words(builder: Any, pairs: Sequence[Any]) -> list[Any]:
    """Four registers, the k-th holding rows k and k + 4  ->  word w of all rows in register w."""
    even, odd = [0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15]
    low01, high01 = _shuffle(builder, pairs[0], pairs[1], even), _shuffle(builder, pairs[0], pairs[1], odd)
    low23, high23 = _shuffle(builder, pairs[2], pairs[3], even), _shuffle(builder, pairs[2], pairs[3], odd)
    first, second = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    return [
        _shuffle(builder, low01, low23, first),
        _shuffle(builder, high01, high23, first),
        _shuffle(builder, low01, low23, second),
        _shuffle(builder, high01, high23, second),
    ]


def _words_to_rows(builder: Any, words: Sequence[Any]) -> list[Any]:
    """Word w of eight rows in register w  ->  four registers, the k-th holding rows 2k and 2k + 1."""
    low = [_shuffle(builder, words[0], words[1], [0, 8, 1, 9, 2, 10, 3, 11])]
    high = [_shuffle(builder, words[2], words[3], [0, 8, 1, 9, 2, 10, 3, 11])]
    low.append(_shuffle(builder, words[0], words[1], [4, 12, 5, 13, 6, 14, 7, 15]))
    high.append(_shuffle(builder, words[2], words[3], [4, 12, 5, 13, 6, 14, 7, 15]))
    out = []
    for a, b in zip(low, high, strict=True):
        out.append(_shuffle(builder, a, b, [0, 1, 8, 9, 2, 3, 10, 11]))
        out.append(_shuffle(builder, a, b, [4, 5, 12, 13, 6, 7, 14, 15]))
    return out


# --- blocks --------------------------------------------------------------------------------------------------------


@intrinsic
def load_block(typing_context: Any, array: Any, offset: Any) -> Any:
    """Return the eight elements of the block at array[offset:offset + 40]."""
    signature = ELEMENTS(array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        limbs = [builder.load(_at(builder, data, arguments[1], LANES * k), align=8) for k in range(LIMBS)]
        return pack(context, builder, ELEMENTS, limbs)

    return signature, generate


@intrinsic
def store_block(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write eight elements to the block at array[offset:offset + 40]."""
    signature = types.void(array, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        for k, limb in enumerate(unpack(builder, arguments[2])):
            builder.store(limb, _at(builder, data, arguments[1], LANES * k), align=8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def broadcast(typing_context: Any, array: Any, offset: Any) -> Any:
    """Return the element with limbs array[offset:offset + 5] in all eight lanes."""
    signature = ELEMENTS(array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        limbs = []
        for k in range(LIMBS):
            limb = builder.load(_at(builder, data, arguments[1], k, WORD))
            lone = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), limb, ir.Constant(_HALF_WORD, 0))
            limbs.append(_shuffle(builder, lone, lone, [0] * LANES))
        return pack(context, builder, ELEMENTS, limbs)

    return signature, generate


@intrinsic
def transpose_blocks(typing_context: Any, out: Any, offset: Any, blocks: Any, start: Any) -> Any:
    """Lane i of block j at blocks[start:]  ->  lane j of block i at out[offset:], eight blocks each."""
    signature = types.void(out, types.int64, blocks, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = _data(context, builder, signature.args[0], arguments[0])
        data = _data(context, builder, signature.args[2], arguments[2])
        for limb in range(LIMBS):
            plus = [BLOCK * k + LANES * limb for k in range(LANES)]
            limbs = [builder.load(_at(builder, data, arguments[3], p), align=8) for p in plus]
            for p, value in zip(plus, _transpose_eight(builder, limbs), strict=True):
                builder.store(value, _at(builder, target, arguments[1], p), align=8)
        return context.get_dummy_value()

    return signature, generate


# --- rows ----------------------------------------------------------------------------------------------------------


def _row_loader(shift: int) -> Any:
    @intrinsic
    def load(typing_context: Any, array: Any, offset: Any, stride: Any) -> Any:
        """Return the eight elements of rows at offset, offset + stride, ..; settled, times 2^shift."""
        signature = ELEMENTS(array, types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = _data(context, builder, signature.args[0], arguments[0])
            rows = []
            for k in range(LANES):
                offset = builder.add(arguments[1], builder.mul(arguments[2], ir.Constant(WORD, k)))
                rows.append(builder.load(_at(builder, data, offset, 0, _ROW), align=8))
            pairs = [_shuffle(builder, rows[k], rows[k + 4], range(LANES)) for k in range(4)]
            limbs = _words_to_limbs(builder, _rows_to_words(builder, pairs), shift)
            return pack(context, builder, ELEMENTS, limbs)

        return signature, generate

    return load


load_rows = _row_loader(0)
load_rows_shifted = _row_loader(4)


@intrinsic
def store_rows(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write eight settled elements below 2^256 to array[offset:offset + 32] as consecutive rows."""
    signature = types.void(array, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        words = _limbs_to_words(builder, unpack(builder, arguments[2]))
        for k, pair in enumerate(_words_to_rows(builder, words)):
            builder.store(pair, _at(builder, data, arguments[1], 8 * k), align=8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_words(typing_context: Any, array: Any, offset: Any, stride: Any, value: Any) -> Any:
    """Write word w of eight settled elements below 2^256 to array[offset + w·stride:][:8]."""
    signature = types.void(array, types.int64, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        for w, word in enumerate(_limbs_to_words(builder, unpack(builder, arguments[3]))):
            offset = builder.add(arguments[1], builder.mul(arguments[2], ir.Constant(WORD, w)))
            builder.store(word, _at(builder, data, offset), align=8)
        return context.get_dummy_value()

    return signature, generate


# --- points --------------------------------------------------------------------------------------------------------


def _row_offsets(builder: Any, references: Any, start: Any, plus: int) -> list[Any]:
    """Word offsets of the coordinates ``plus`` words into the points that eight references name."""
    offsets = []
    for k in range(LANES):
        reference = builder.load(_at(builder, references, start, k, _HALF_WORD))
        row = builder.zext(builder.and_(reference, ir.Constant(_HALF_WORD, ROW_MASK)), WORD)
        offsets.append(builder.add(builder.shl(row, ir.Constant(WORD, 3)), ir.Constant(WORD, plus)))
    return offsets


def _gather(plus: int) -> Any:
    @intrinsic
    def gather(typing_context: Any, pool: Any, references: Any, start: Any) -> Any:
        """Return one coordinate of the eight points of references[start:start + 8], signs not applied."""
        signature = ELEMENTS(pool, references, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = _data(context, builder, signature.args[0], arguments[0])
            items = _data(context, builder, signature.args[1], arguments[1])
            offsets = _row_offsets(builder, items, arguments[2], plus)
            rows = [builder.load(_at(builder, data, offset, 0, _ROW), align=32) for offset in offsets]
            pairs = [_shuffle(builder, rows[k], rows[k + 4], range(LANES)) for k in range(4)]
            return pack(context, builder, ELEMENTS, _words_to_limbs(builder, _rows_to_words(builder, pairs)))

        return signature, generate

    return gather


gather_x = _gather(0)
gather_y = _gather(4)


@intrinsic
def signed(typing_context: Any, references: Any, start: Any, y: Any) -> Any:
    """Return 4q - y where the reference is negative, else y; raw, in (0, 4q] for 0 <= y < 4q."""
    signature = ELEMENTS(references, types.int64, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        items = _data(context, builder, signature.args[0], arguments[0])
        chosen = builder.load(_at(builder, items, arguments[1], 0, _REFERENCES), align=4)
        negative = builder.icmp_signed("<", chosen, ir.Constant(_REFERENCES, [0] * LANES))
        pairs = zip(unpack(builder, arguments[2]), splat(4 * FQ_MODULUS), strict=True)
        limbs = [builder.select(negative, builder.sub(limit, limb), limb) for limb, limit in pairs]
        return pack(context, builder, ELEMENTS, limbs)

    return signature, generate


@intrinsic
def scatter_points(typing_context: Any, pool: Any, rows: Any, start: Any, x: Any, y: Any) -> Any:
    """Write eight points, settled coordinates below 2^256, to the pool's rows rows[start:start + 8]."""
    signature = types.void(pool, rows, types.int64, ELEMENTS, ELEMENTS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        offsets = _row_offsets(builder, _data(context, builder, signature.args[1], arguments[1]), arguments[2], 0)
        words = [word for value in arguments[3:] for word in _limbs_to_words(builder, unpack(builder, value))]
        for offset, point in zip(offsets, _transpose_eight(builder, words), strict=True):
            builder.store(point, _at(builder, data, offset), align=64)
        return context.get_dummy_value()

    return signature, generate


def _prefetch(builder: Any, data: Any, reference: Any) -> None:
    row = builder.zext(builder.and_(reference, ir.Constant(_HALF_WORD, ROW_MASK)), WORD)
    address = _at(builder, data, builder.shl(row, ir.Constant(WORD, 3)), 0, WORD)
    hint = ir.FunctionType(ir.VoidType(), [WORD.as_pointer(), _HALF_WORD, _HALF_WORD, _HALF_WORD])
    function = cgutils.get_or_insert_function(builder.module, hint, "llvm.prefetch.p0")
    read, nearness, of_data = (ir.Constant(_HALF_WORD, value) for value in (0, 3, 1))
    builder.call(function, [address, read, nearness, of_data])


@intrinsic
def pair_up(
    typing_context: Any, pool: Any, pending: Any, a: Any, b: Any, keys: Any, m: Any, key: Any, reference: Any,
    empty: Any, lost: Any,
) -> Any:  # fmt: skip
    """Make pair m of the reference and the one pending under its key, or leave it pending; return the next m.

    a[m], b[m] and keys[m] are written either way. No pair is made under the key ``lost``. Written without a branch:
    whether a key is taken is a coin toss, and LLVM would make it a branch of plain Python code.
    """
    signature = types.int64(
        pool, pending, a, b, keys, types.int64, types.uint32, types.uint32, types.uint32, types.uint32
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, waiting, first, second, owners = (
            _data(context, builder, signature.args[k], arguments[k]) for k in range(5)
        )
        index, key, reference, empty, lost = arguments[5:]
        place = builder.gep(waiting, [builder.zext(key, WORD)])
        partner = builder.load(place)
        _prefetch(builder, data, partner)
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

    words[low:] and words[high:] hold the two words the window may straddle. window is (offset, mask, less, base, lost):
    a digit d is the bits from ``offset`` on, under ``mask``, minus ``less``; its key is base + |d| - 1, or lost for
    d = 0; its reference is i negated if exactly one of d and flips[i] is negative.
    """
    signature = types.void(
        keys, references, types.int64, words, types.int64, types.int64, flips, types.int64, _uniform(types.int64, 5)
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        key_data, reference_data, word_data, flip_data = (
            _data(context, builder, signature.args[k], arguments[k]) for k in (0, 1, 3, 6)
        )
        place, i = arguments[2], arguments[7]

        def everywhere(value: Any) -> Any:
            lone = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(_HALF_WORD, 0))
            return _shuffle(builder, lone, lone, [0] * LANES)

        offset, mask, less, base, lost = (everywhere(value) for value in unpack(builder, arguments[8]))
        lower = builder.load(_at(builder, word_data, arguments[4]), align=8)
        higher = builder.load(_at(builder, word_data, arguments[5]), align=8)
        rest = builder.sub(constant(63), offset)
        bits = builder.or_(builder.lshr(lower, offset), builder.shl(builder.shl(higher, constant(1)), rest))
        digit = builder.sub(builder.and_(bits, mask), less)
        negative = builder.icmp_signed("<", digit, constant(0))
        magnitude = builder.select(negative, builder.sub(constant(0), digit), digit)
        nothing = builder.icmp_signed("==", digit, constant(0))
        key = builder.select(nothing, lost, builder.add(magnitude, builder.sub(base, constant(1))))
        rows = builder.add(everywhere(i), constant(*range(LANES)))
        signed_rows = builder.or_(rows, builder.shl(builder.lshr(digit, constant(63)), constant(31)))
        flip = builder.load(_at(builder, flip_data, i, 0, _REFERENCES), align=4)
        reference = builder.xor(builder.trunc(signed_rows, _REFERENCES), flip)
        builder.store(builder.trunc(key, _REFERENCES), _at(builder, key_data, place, 0, _REFERENCES), align=4)
        builder.store(reference, _at(builder, reference_data, place, 0, _REFERENCES), align=4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_flips(typing_context: Any, flips: Any, i: Any, lanes: Any) -> Any:
    """flips[i + k] <- 2^31 for the lanes k whose bit is set, 0 for the others."""
    signature = types.void(flips, types.int64, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        chosen = builder.bitcast(builder.trunc(arguments[2], ir.IntType(8)), ir.VectorType(ir.IntType(1), LANES))
        yes, no = ir.Constant(_REFERENCES, [NEGATIVE] * LANES), ir.Constant(_REFERENCES, [0] * LANES)
        builder.store(
            builder.select(chosen, yes, no), _at(builder, data, arguments[1], 0, _REFERENCES), align=4
        )
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def append_from(typing_context: Any, out: Any, length: Any, references: Any, start: Any, first: Any) -> Any:
    """Append to out[length:] those rows of references[start:start + 16] at or above ``first``; return how many.

    Sixteen items of ``out`` from ``length`` on are written over.
    """
    signature = types.int64(out, types.int64, references, types.int64, types.uint32)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = _data(context, builder, signature.args[0], arguments[0])
        items = _data(context, builder, signature.args[2], arguments[2])
        chosen = builder.load(_at(builder, items, arguments[3], 0, _SIXTEEN), align=4)
        rows = builder.and_(chosen, ir.Constant(_SIXTEEN, [ROW_MASK] * 16))
        lone = builder.insert_element(ir.Constant(_SIXTEEN, ir.Undefined), arguments[4], ir.Constant(_HALF_WORD, 0))
        mask = builder.icmp_unsigned(">=", rows, _shuffle(builder, lone, lone, [0] * 16))
        signs = mask.type
        compress = ir.FunctionType(_SIXTEEN, [_SIXTEEN, signs, _SIXTEEN])
        function = cgutils.get_or_insert_function(
            builder.module, compress, "llvm.experimental.vector.compress.v16i32"
        )
        packed = builder.call(function, [rows, mask, ir.Constant(_SIXTEEN, ir.Undefined)])
        builder.store(packed, _at(builder, target, arguments[1], 0, _SIXTEEN), align=4)
        bits = builder.zext(builder.bitcast(mask, ir.IntType(16)), WORD)
        return builder.ctpop(bits)

    return signature, generate
