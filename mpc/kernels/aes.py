"""AES-256 in counter mode with VAES: 32 blocks at a time, the bytes OpenSSL gives for a counter that starts at zero.

Only ``mpc.prg`` calls these, and only on the path ``vaes``.

Source: FIPS 197 (key expansion), NIST SP 800-38A (counter mode). SubWord is an AES round without a key on a state of
four equal columns, where ShiftRows changes nothing; no table is indexed by a secret.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from mpc.kernels import kernel
from mpc.kernels.intrinsics import WORD, external, intrinsic
from mpc.kernels.memory import Words

BLOCK_BYTES = 16
GROUP_BLOCKS = 32
"""Blocks of one pass: eight registers of four."""
KEY_WORDS = 120
"""64-bit words of a prepared key: fifteen round keys, each four times."""

_INDEX: Any = ir.IntType(32)
_LANES: Any = ir.VectorType(WORD, 8)
_STATE: Any = ir.VectorType(WORD, 2)
_ROUNDS = 14


@intrinsic
def _sub_word(context: Any, word: Any) -> Any:
    """Return the AES S-box applied to each of the low four bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        low = builder.and_(arguments[0], ir.Constant(WORD, 0xFFFFFFFF))
        doubled = builder.or_(low, builder.shl(low, ir.Constant(WORD, 32)))
        state: Any = ir.Constant(_STATE, ir.Undefined)
        for lane in range(2):
            state = builder.insert_element(state, doubled, ir.Constant(_INDEX, lane))
        last = external(builder, ir.FunctionType(_STATE, [_STATE, _STATE]), "llvm.x86.aesni.aesenclast")
        substituted = builder.call(last, [state, ir.Constant(_STATE, [0, 0])])
        return builder.and_(builder.extract_element(substituted, ir.Constant(_INDEX, 0)), ir.Constant(WORD, 0xFFFFFFFF))

    return types.uint64(types.uint64), generate


@intrinsic
def _group(context: Any, out: Any, key: Any, counter: Any) -> Any:
    """Write the 512 bytes of keystream blocks counter .. counter + 31 at the address ``out``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, key, counter = arguments
        two = ir.FunctionType(_LANES, [_LANES, _LANES])
        encrypt = external(builder, two, "llvm.x86.aesni.aesenc.512")
        last = external(builder, two, "llvm.x86.aesni.aesenclast.512")
        swap = external(builder, ir.FunctionType(_LANES, [_LANES]), "llvm.bswap.v8i64")
        target = builder.inttoptr(out, _LANES.as_pointer())
        source = builder.inttoptr(key, _LANES.as_pointer())
        keys = []
        for number in range(_ROUNDS + 1):
            loaded = builder.load(builder.gep(source, [ir.Constant(WORD, number)]))
            loaded.align = 1
            keys.append(loaded)
        base: Any = ir.Constant(_LANES, [0] * 8)
        for lane in (1, 3, 5, 7):  # the counter is big-endian: its low half is the block's second word
            base = builder.insert_element(base, counter, ir.Constant(_INDEX, lane))
        states = []
        for register in range(8):
            steps = ir.Constant(_LANES, [4 * register + lane // 2 if lane % 2 else 0 for lane in range(8)])
            states.append(builder.xor(builder.call(swap, [builder.add(base, steps)]), keys[0]))
        for number in range(1, _ROUNDS):
            states = [builder.call(encrypt, [state, keys[number]]) for state in states]
        for register, state in enumerate(states):
            encrypted = builder.call(last, [state, keys[_ROUNDS]])
            stored = builder.store(encrypted, builder.gep(target, [ir.Constant(WORD, register)]))
            stored.align = 1
        return context.get_dummy_value()

    return types.void(types.uintp, types.uintp, types.uint64), generate


@kernel("void(uint64[::1], uint64[::1])")
def prepare_key(key: Words, prepared: Words) -> None:
    """Expand a 256-bit key (4 words, little-endian) into ``KEY_WORDS`` words, each round key in all four lanes."""
    schedule = np.empty(60, np.uint64)  # 32-bit words in 64-bit cells
    mask = np.uint64(0xFFFFFFFF)
    for k in range(4):
        schedule[2 * k] = key[k] & mask
        schedule[2 * k + 1] = key[k] >> np.uint64(32)
    constant = np.uint64(1)
    for k in range(8, 60):
        word = schedule[k - 1]
        if k % 8 == 0:
            rotated = ((word >> np.uint64(8)) | (word << np.uint64(24))) & mask
            word = _sub_word(rotated) ^ constant
            constant = constant << np.uint64(1)  # seven times at most: 1 .. 64, no reduction
        elif k % 8 == 4:
            word = _sub_word(word)
        schedule[k] = schedule[k - 8] ^ word
    for number in range(15):
        low = schedule[4 * number] | (schedule[4 * number + 1] << np.uint64(32))
        high = schedule[4 * number + 2] | (schedule[4 * number + 3] << np.uint64(32))
        for lane in range(4):
            prepared[8 * number + 2 * lane] = low
            prepared[8 * number + 2 * lane + 1] = high


@kernel("void(uint64[::1], uint64[::1], uint64)")
def keystream(prepared: Words, out: Words, counter: np.uint64) -> None:
    """Fill ``out``, an even number of words, with the blocks that begin at ``counter`` (below 2^63)."""
    words = out.size
    groups = words // 64
    address = out.ctypes.data
    key = prepared.ctypes.data
    for k in range(groups):
        _group(np.uint64(address) + np.uint64(512 * k), np.uint64(key), counter + np.uint64(GROUP_BLOCKS * k))
    done = 64 * groups
    if done < words:
        rest = np.empty(64, np.uint64)
        _group(np.uint64(rest.ctypes.data), np.uint64(key), counter + np.uint64(GROUP_BLOCKS * groups))
        for k in range(words - done):
            out[done + k] = rest[k]
