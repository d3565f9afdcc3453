"""Pseudo-random streams for shares and masks: AES-256 in counter mode, one key per label, no label twice.

The key of a stream is HMAC-SHA-256(seed, session ‖ attempt ‖ round ‖ label ‖ index), every field with its length
before it, so that no two requests share a key unless they are equal; and a ``Seed`` refuses an equal request. That is
what keeps a mask from answering two challenges. The bytes come from VAES kernels where the processor has them and
from OpenSSL elsewhere; they are the same.

Source: NIST SP 800-38A (counter mode), RFC 2104 (HMAC as a PRF); the fields are those of docs/protocol.md, section 5.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpc.errors import ProtocolStateError, RingValueError
from mpc.kernels import VAES, chosen_path
from mpc.kernels.memory import Words
from mpc.secret import Secret

SEED_BYTES: Final = 32
BLOCK_BYTES: Final = 16
_PIECE_BYTES: Final = 1 << 17
_ZEROS: Final = memoryview(bytes(_PIECE_BYTES))
_DOMAIN: Final = b"tallystick.mpc.prg.v1"


if chosen_path() == VAES:
    from mpc.kernels.aes import KEY_WORDS, keystream, prepare_key

    _fill_blocks: Any = keystream

    def _prepared_key(key: bytes) -> Words:
        prepared = np.empty(KEY_WORDS, np.uint64)
        prepare_key(np.frombuffer(key, "<u8").astype(np.uint64), prepared)
        return prepared


def encode_fields(*fields: bytes) -> bytes:
    """Concatenate fields, each after its length as eight big-endian bytes: an injective encoding."""
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


class Stream(Secret):
    """A stream of uniform bytes, taken in pieces of any length; the pieces' lengths do not change the bytes.

    Args:
        key: 32 bytes, secret, used for this stream alone (the counter starts at zero).

    Timing: depends on the number of bytes only.
    """

    __slots__ = ("_blocks", "_encryptor", "_key", "_rest")

    def __init__(self, key: bytes) -> None:
        if chosen_path() == VAES:
            self._key: Words | None = _prepared_key(key)
        else:
            self._key = None
            self._encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(BLOCK_BYTES))).encryptor()
        self._blocks = 0
        self._rest = np.empty(0, np.uint8)

    def __call__(self, n_bytes: int) -> bytes:
        """Return the next bytes."""
        out = np.empty(n_bytes, np.uint8)
        self._fill_bytes(out)
        return out.tobytes()

    def fill(self, out: Words) -> None:
        """Write the next eight bytes of the stream for each word, little-endian, into a contiguous vector."""
        self._fill_bytes(out.view(np.uint8))
        if sys.byteorder == "big":
            out.byteswap(inplace=True)

    def _fill_bytes(self, out: npt.NDArray[np.uint8]) -> None:
        if self._key is None:
            self._encrypt(out)
            return
        taken = min(len(self._rest), len(out))
        out[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        whole = (len(out) - taken) // BLOCK_BYTES * BLOCK_BYTES
        if whole:
            target = out[taken : taken + whole].view(np.uint64)
            if target.flags.aligned:
                self._keystream(target)
            else:
                target[:] = self._keystream(np.empty(len(target), np.uint64))
        left = len(out) - taken - whole
        if left:
            block = self._keystream(np.empty(BLOCK_BYTES // 8, np.uint64)).view(np.uint8)
            out[taken + whole :] = block[:left]
            self._rest = block[left:]

    def _keystream(self, out: Words) -> Words:
        _fill_blocks(self._key, out, np.uint64(self._blocks))
        self._blocks += out.nbytes // BLOCK_BYTES
        return out

    def _encrypt(self, out: npt.NDArray[np.uint8]) -> None:
        scratch = np.empty(min(len(out), _PIECE_BYTES) + BLOCK_BYTES, np.uint8)  # OpenSSL asks for a block of room
        for start in range(0, len(out), _PIECE_BYTES):
            piece = min(_PIECE_BYTES, len(out) - start)
            self._encryptor.update_into(_ZEROS[:piece], scratch.data)
            out[start : start + piece] = scratch[:piece]


class Seed(Secret):
    """A secret seed that gives each labelled stream once.

    Args:
        secret: 32 bytes, uniform, known to exactly the parties of this seed.

    Raises:
        RingValueError: the seed is not 32 bytes long.
    """

    __slots__ = ("_secret", "_used")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SEED_BYTES:
            raise RingValueError(f"a seed has {SEED_BYTES} bytes, got {len(secret)}")
        self._secret = secret
        self._used: set[bytes] = set()

    def stream(self, session: bytes, attempt: int, round_number: int, label: str, index: int = 0) -> Stream:
        """Return the stream of one label.

        Args:
            session, attempt, round_number, label, index: public; together they name the use of the randomness.

        Raises:
            ProtocolStateError: these very fields were asked for before.
            RingValueError: a negative number.
        """
        numbers = (attempt, round_number, index)
        if any(not 0 <= number < 1 << 64 for number in numbers):
            raise RingValueError("attempt, round and index of a stream lie in [0, 2^64)")
        attempt_field, round_field, index_field = (number.to_bytes(8, "big") for number in numbers)
        fields = encode_fields(_DOMAIN, session, attempt_field, round_field, label.encode(), index_field)
        name = hashlib.sha256(fields).digest()
        if name in self._used:
            raise ProtocolStateError(f"randomness of label {label!r}, index {index} was already used in this attempt")
        self._used.add(name)
        return Stream(hmac.digest(self._secret, fields, "sha256"))
