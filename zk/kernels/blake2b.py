"""The compression function of BLAKE2b (RFC 7693), over many blocks at once.

hashlib has the hash but hides its chaining value, which the `.ptau` format stores half way through a hash; hence this
kernel. Bounds: any words. Timing: depends on the number of blocks only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zk.kernels import inner, kernel

_SIGMA = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    dtype=np.int64,
)

IV = (
    0x6A09E667F3BCC908,
    0xBB67AE8584CAA73B,
    0x3C6EF372FE94F82B,
    0xA54FF53A5F1D36F1,
    0x510E527FADE682D1,
    0x9B05688C2B3E6C1F,
    0x1F83D9ABFB41BD6B,
    0x5BE0CD19137E2179,
)
_IV = tuple(np.uint64(word) for word in IV)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)


@inner
def _rotate(x: Any, bits: Any) -> Any:
    return (x >> bits) | (x << (np.uint64(64) - bits))


@inner
def _mix(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    a = a + b + x
    d = _rotate(d ^ a, np.uint64(32))
    c = c + d
    b = _rotate(b ^ c, np.uint64(24))
    a = a + b + y
    d = _rotate(d ^ a, np.uint64(16))
    c = c + d
    b = _rotate(b ^ c, np.uint64(63))
    return a, b, c, d


@kernel("void(uint64[::1], uint64[:,::1], int64, int64)")
def compress(state: Any, blocks: Any, before: int, last_bytes: int) -> None:
    """Absorb (n, 16) blocks into the chaining value of eight words.

    ``before`` bytes were absorbed already. ``last_bytes`` is -1, or how many bytes of the last block count where it
    ends the message.
    """
    h0, h1, h2, h3 = state[0], state[1], state[2], state[3]
    h4, h5, h6, h7 = state[4], state[5], state[6], state[7]
    counter = np.uint64(before)
    for i in range(blocks.shape[0]):
        final = last_bytes >= 0 and i == blocks.shape[0] - 1
        counter = counter + (np.uint64(last_bytes) if final else np.uint64(128))
        v0, v1, v2, v3, v4, v5, v6, v7 = h0, h1, h2, h3, h4, h5, h6, h7
        v8, v9, v10, v11, v12, v13, v14, v15 = _IV
        v12 = v12 ^ counter
        if final:
            v14 = v14 ^ _ONES
        for turn in range(12):
            s = _SIGMA[turn]
            v0, v4, v8, v12 = _mix(v0, v4, v8, v12, blocks[i, s[0]], blocks[i, s[1]])
            v1, v5, v9, v13 = _mix(v1, v5, v9, v13, blocks[i, s[2]], blocks[i, s[3]])
            v2, v6, v10, v14 = _mix(v2, v6, v10, v14, blocks[i, s[4]], blocks[i, s[5]])
            v3, v7, v11, v15 = _mix(v3, v7, v11, v15, blocks[i, s[6]], blocks[i, s[7]])
            v0, v5, v10, v15 = _mix(v0, v5, v10, v15, blocks[i, s[8]], blocks[i, s[9]])
            v1, v6, v11, v12 = _mix(v1, v6, v11, v12, blocks[i, s[10]], blocks[i, s[11]])
            v2, v7, v8, v13 = _mix(v2, v7, v8, v13, blocks[i, s[12]], blocks[i, s[13]])
            v3, v4, v9, v14 = _mix(v3, v4, v9, v14, blocks[i, s[14]], blocks[i, s[15]])
        h0, h1, h2, h3 = h0 ^ v0 ^ v8, h1 ^ v1 ^ v9, h2 ^ v2 ^ v10, h3 ^ v3 ^ v11
        h4, h5, h6, h7 = h4 ^ v4 ^ v12, h5 ^ v5 ^ v13, h6 ^ v6 ^ v14, h7 ^ v7 ^ v15
    state[0], state[1], state[2], state[3] = h0, h1, h2, h3
    state[4], state[5], state[6], state[7] = h4, h5, h6, h7
