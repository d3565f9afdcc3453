"""BLAKE2b whose state can be stored half way and taken up again, as `.ptau` files do with every contribution's hash.

A stored state is 216 bytes: the block being filled (128, unused bytes zero here) ‖ chaining value (8 words) ‖ bytes
compressed so far (u64) ‖ bytes in the block (u64) ‖ 8 zero bytes; all little-endian.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from zk.errors import NonCanonicalEncodingError
from zk.kernels.blake2b import IV, compress

BLOCK_BYTES: Final = 128
STATE_BYTES: Final = 216
DIGEST_BYTES: Final = 64

_PARAMETERS: Final = 0x01010040  # 64 bytes of digest, no key, sequential
_COUNTS: Final = struct.Struct("<QQQ")


class Blake2b:
    """BLAKE2b-512 without key. Public data only."""

    def __init__(self) -> None:
        self._chain = np.array([IV[0] ^ _PARAMETERS, *IV[1:]], dtype=np.uint64)
        self._pending = b""
        self._compressed = 0

    def update(self, data: bytes) -> None:
        """Absorb bytes."""
        pending = self._pending + data
        blocks = max(0, len(pending) - 1) // BLOCK_BYTES  # the last block waits: it may be the final one
        if blocks:
            self._compress(pending[: blocks * BLOCK_BYTES], -1)
        self._pending = pending[blocks * BLOCK_BYTES :]

    def digest(self) -> bytes:
        """Return the 64-byte digest of what was absorbed; the state stays as it is."""
        chain, compressed = self._chain.copy(), self._compressed
        self._compress(self._pending.ljust(BLOCK_BYTES, b"\0"), len(self._pending))
        digest = self._chain.astype("<u8").tobytes()
        self._chain, self._compressed = chain, compressed
        return digest

    def encode_state(self) -> bytes:
        """Return the 216 bytes of the state."""
        chain = self._chain.astype("<u8").tobytes()
        counts = _COUNTS.pack(self._compressed, len(self._pending), 0)
        return self._pending.ljust(BLOCK_BYTES, b"\0") + chain + counts

    @classmethod
    def decode_state(cls, data: bytes) -> Blake2b:
        """Take up a stored state; bytes of the block that are not in use are ignored.

        Raises:
            NonCanonicalEncodingError: not 216 bytes, or counts that no state can have.
        """
        if len(data) != STATE_BYTES:
            raise NonCanonicalEncodingError(f"a stored hash state takes {STATE_BYTES} bytes")
        compressed, pending, _ = _COUNTS.unpack(data[-_COUNTS.size :])
        if pending > BLOCK_BYTES or compressed >= 1 << 62:
            raise NonCanonicalEncodingError("a stored hash state has impossible counts")
        state = cls()
        state._chain = np.frombuffer(data[BLOCK_BYTES : BLOCK_BYTES + 64], dtype="<u8").astype(np.uint64)
        state._pending = data[:pending]
        state._compressed = compressed
        return state

    def _compress(self, data: bytes, last_bytes: int) -> None:
        blocks = np.frombuffer(data, dtype="<u8").reshape(-1, 16).astype(np.uint64)
        compress(self._chain, blocks, self._compressed, last_bytes)
        self._compressed += len(data)
