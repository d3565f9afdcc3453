"""Pseudo-random streams for shares and masks: AES-256 in counter mode, one key per label, no label twice.

The key of a stream is HMAC-SHA-256(seed, session ‖ attempt ‖ round ‖ label ‖ index), every field with its length
before it, so that no two requests share a key unless they are equal; and a ``Seed`` refuses an equal request. That is
what keeps a mask from answering two challenges.

Source: NIST SP 800-38A (counter mode), RFC 2104 (HMAC as a PRF); the fields are those of docs/protocol.md, section 5.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpc.errors import ProtocolStateError, RingValueError
from mpc.secret import Secret

SEED_BYTES: Final = 32
_DOMAIN: Final = b"tallystick.mpc.prg.v1"


def encode_fields(*fields: bytes) -> bytes:
    """Concatenate fields, each after its length as eight big-endian bytes: an injective encoding."""
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


class Stream(Secret):
    """A stream of uniform bytes: calling it with a number of bytes returns the next ones.

    Args:
        key: 32 bytes, secret, used for this stream alone (the counter starts at zero).

    Timing: depends on the number of bytes only.
    """

    __slots__ = ("_encryptor",)

    def __init__(self, key: bytes) -> None:
        self._encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()

    def __call__(self, n_bytes: int) -> bytes:
        return self._encryptor.update(bytes(n_bytes))


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
