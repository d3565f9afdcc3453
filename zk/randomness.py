"""Secret randomness from the operating system, with the continuous test that a generator is not stuck.

A blinder that answers two challenges gives a row away (PROTOCOL M4). Nothing here makes a bad generator good; a stuck
one, or one wound back within a process, is noticed before anything drawn from it is used. Two machines resumed from one
snapshot are not noticed here.
"""

from __future__ import annotations

import hashlib
import secrets
from threading import Lock
from typing import Final

import numpy as np

from zk.errors import RandomnessRepeatedError

BLOCK: Final = 64
REMEMBERED: Final = 1 << 14

_lock = Lock()
_seen: dict[bytes, None] = {}
"""Digests of the first blocks of the last draws, oldest first."""


def fresh_bytes(count: int) -> bytes:
    """Return random bytes. Secret.

    Args:
        count: how many; a multiple of BLOCK is compared block by block.

    Raises:
        RandomnessRepeatedError: two neighbouring blocks are equal, or the draw begins like one of the last REMEMBERED.
    """
    drawn = secrets.token_bytes(count)
    if count < BLOCK:
        return drawn
    first = np.frombuffer(drawn[: count - count % BLOCK], dtype=np.uint64)[:: BLOCK // 8]
    if (first[1:] == first[:-1]).any():
        raise RandomnessRepeatedError("the operating system returned the same random block twice")
    _remember(hashlib.sha256(drawn[:BLOCK]).digest())
    return drawn


def _remember(digest: bytes) -> None:
    with _lock:
        if digest in _seen:
            raise RandomnessRepeatedError("the operating system returned the same random bytes twice")
        _seen[digest] = None
        if len(_seen) > REMEMBERED:
            del _seen[next(iter(_seen))]
