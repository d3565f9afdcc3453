"""Tags of shared values in a group where discrete logarithms are hard: g^(1/(k + x)), equal exactly if the x are.

The exponent itself must never become public: from two field elements 1/(k + x) and 1/(k + y) anybody computes x - y,
so that one known identifier would give all of them. In the exponent they are pseudo-random under the q-DDHI
assumption as long as k is secret and nothing else depends on it (Dodis and Yampolskiy, "A Verifiable Random Function
with Short Proofs and Keys", PKC 2005; all x are fixed before k is drawn, so that the selective notion suffices). In a
group with a pairing the values stay in one of the two source groups, and g_2^k must never be published: with it
anybody tests any guess of x.

The inverse under MPC: open y = r·(k + x) for a random shared r; then r/y are shares of 1/(k + x). In the exponent:
every party raises g to both components it holds and gives one of them away, and the other's digest; the sum of
exponents is the product of points. Both holders of a component must agree.

Source: Bar-Ilan and Beaver, "Non-cryptographic Fault-tolerant Computing in Constant Rounds" (PODC 1989), for the
inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from mpc.errors import AlignmentAbortedError, MessageRejectedError
from mpc.replicated import Engine
from mpc.rings import Ring, RingArray
from mpc.shares import ReplicatedShare

CHUNK: Final = 1 << 15
"""Tags opened with one message, so that memory holds few of them twice."""

GroupArray = npt.NDArray[Any]


class TagGroup(Protocol):
    """A cyclic group whose order is the size of the ring, with a fixed generator g. Handed in by the caller."""

    @property
    def element_bytes(self) -> int:
        """Bytes of one encoded element, a multiple of eight."""

    @property
    def decode_errors(self) -> tuple[type[Exception], ...]:
        """What `decode_bytes` raises for anything that is no canonical encoding of a group element."""

    def exponentiate(self, exponents: RingArray) -> GroupArray:
        """Return g^x for every x of a ring vector."""

    def multiply(self, a: GroupArray, b: GroupArray) -> GroupArray:
        """Return the elementwise product."""

    def encode_bytes(self, a: GroupArray) -> bytes:
        """Return the canonical encoding of every element."""

    def decode_bytes(self, data: bytes) -> GroupArray:
        """Read what `encode_bytes` writes, checking that every element is in the group."""

    def invert(self, exponents: RingArray) -> RingArray:
        """Return 1/x in the field of exponents for every x, none of which is zero; public."""


def inverse_shares(engine: Engine, group: TagGroup, r: ReplicatedShare, y_pub: RingArray) -> ReplicatedShare:
    """Return shares of r/y for public y = r·z: shares of 1/z. Local.

    Raises:
        AlignmentAbortedError: a y is zero, which has probability n/|F| or is a lie.
    """
    ring = engine.ring
    if has_zero(ring, y_pub):
        raise AlignmentAbortedError("masking", "a masked identifier is zero")
    return engine.mul_public(r, group.invert(y_pub))


def open_tags(engine: Engine, group: TagGroup, exponents: ReplicatedShare, label: str) -> bytes:
    """Open g^t for shared exponents t to all parties; the exponents stay secret. A round for each chunk.

    Returns:
        The canonical encodings, one after the other.

    Raises:
        ShareMismatchError: the holders of a component disagree.
        MessageRejectedError: what arrived are no group elements.
        ChannelError, ProtocolStateError: as openings raise them.
    """
    pieces = []
    for number, start in enumerate(range(0, len(exponents), CHUNK)):
        part = exponents[start : start + CHUNK]
        first, second = group.exponentiate(part.first), group.exponentiate(part.second)
        given, confirmed = group.encode_bytes(first), group.encode_bytes(second)
        data = engine.exchange_components(given, confirmed, label, index=number)
        try:
            missing = group.decode_bytes(data)
        except group.decode_errors as error:
            raise MessageRejectedError("encoding", "no canonical group elements") from error
        pieces.append(group.encode_bytes(group.multiply(group.multiply(first, second), missing)))
    return b"".join(pieces)


def classes_of(tags: bytes, element_bytes: int) -> npt.NDArray[np.int64]:
    """Number the distinct tags in increasing order of their encoding, by words; return every tag's number.

    Args:
        tags: encodings of ``element_bytes`` each, a multiple of eight.
    """
    words = np.frombuffer(tags, ">u8").reshape(-1, element_bytes // 8)
    if not len(words):
        return np.zeros(0, np.int64)
    order = _sorted(words, (1, 0) if words.shape[1] > 1 else (0,))
    ordered = words[order]
    changes = (ordered[1:] != ordered[:-1]).any(axis=1)
    leading = (ordered[1:, :2] != ordered[:-1, :2]).any(axis=1)
    if (changes & ~leading).any():  # equal leading words of different tags: every word decides
        order = _sorted(words, range(words.shape[1] - 1, -1, -1))
        ordered = words[order]
        changes = (ordered[1:] != ordered[:-1]).any(axis=1)
    numbers = np.empty(len(words), np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(changes)])
    return numbers


def has_zero(ring: Ring, values: RingArray) -> bool:
    """Whether a public vector has a zero."""
    zero = ring.encode_bytes(ring.zeros(1))
    size = ring.element_bytes
    encoded = np.frombuffer(ring.encode_bytes(values), np.uint8).reshape(-1, size)
    return bool((encoded == np.frombuffer(zero, np.uint8)).all(axis=1).any())


def _sorted(words: npt.NDArray[Any], columns: Sequence[int]) -> npt.NDArray[np.int64]:
    keys = [np.ascontiguousarray(words[:, column], dtype=np.uint64) for column in columns]
    return np.lexsort(keys).astype(np.int64, copy=False)
