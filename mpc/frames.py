"""One message on the wire. Every transport sends these bytes, so that a message means the same over all of them.

    magic "TSM1" | session (32) | attempt (4) | sequence (8) | sender (2) | last part (1) | tag length (2) | tag |
    payload

Numbers are big-endian. Sequence numbers start at 0 in each direction between two parties and grow by one per frame; a
long payload is cut into parts of at most ``CHUNK_BYTES``, which carry one tag and consecutive sequence numbers. The
transport authenticates and encrypts (mutual TLS); the frame binds a message to its place in the protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mpc.errors import MessageRejectedError, RingValueError

SESSION_BYTES: Final = 32
MAX_TAG_BYTES: Final = 1024
CHUNK_BYTES: Final = (1 << 20) - 2048
"""Payload bytes per frame: a frame stays below 1 MiB."""

_MAGIC: Final = b"TSM1"
_HEADER: Final = struct.Struct(">4s32sIQHBH")
_BEGINNING: Final = struct.Struct(">4s32sI")  # the part of the header that is the same for a whole session
_REST: Final = struct.Struct(">QHBH")

Parts = tuple[bytes, int, int, int, bool, str, memoryview]
"""The fields of a `Frame`, in order."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame. The payload may be secret and stays out of the repr."""

    session: bytes
    attempt: int
    sequence: int
    sender: int
    last: bool
    tag: str
    payload: bytes | memoryview = field(repr=False)


def check_session(session: bytes, attempt: int) -> None:
    """Refuse a session id or attempt number that a frame cannot carry.

    Raises:
        RingValueError: the id is not 32 bytes, or the attempt does not fit 32 bits.
    """
    if len(session) != SESSION_BYTES:
        raise RingValueError(f"a session id has {SESSION_BYTES} bytes, got {len(session)}")
    if not 0 <= attempt < 1 << 32:
        raise RingValueError("an attempt number lies in [0, 2^32)")


def encode_frame(frame: Frame, envelope: Callable[[int], bytes] | None = None) -> bytes:
    """Return the bytes of a frame.

    Args:
        frame: what to encode.
        envelope: given the frame's length, what a transport wants before it; nothing by default.

    Raises:
        RingValueError: a field does not fit (session, attempt, sender, or a tag over ``MAX_TAG_BYTES``).
    """
    check_session(frame.session, frame.attempt)
    tag = frame.tag.encode()
    if len(tag) > MAX_TAG_BYTES:
        raise RingValueError(f"a tag has at most {MAX_TAG_BYTES} bytes, got {len(tag)}")
    if not (0 <= frame.sender < 1 << 16 and 0 <= frame.sequence < 1 << 64):
        raise RingValueError("sender or sequence number of a frame out of range")
    header = _HEADER.pack(_MAGIC, frame.session, frame.attempt, frame.sequence, frame.sender, int(frame.last), len(tag))
    before = b"" if envelope is None else envelope(len(header) + len(tag) + len(frame.payload))
    return b"".join((before, header, tag, frame.payload))


def decode_frame(data: bytes | memoryview) -> Frame:
    """Parse the bytes of a frame. The payload is a view of them, not a copy.

    Raises:
        MessageRejectedError: not a frame of this version, truncated, or over a limit.
    """
    return Frame(*split_frame(data))


def split_frame(data: bytes | memoryview) -> Parts:
    """Return the fields of a frame; raises as `decode_frame`."""
    if len(data) < _HEADER.size:
        raise MessageRejectedError("frame", f"{len(data)} bytes are no frame")
    magic, session, attempt, sequence, sender, last, tag_length = _HEADER.unpack_from(data)
    body = _HEADER.size + tag_length
    view = memoryview(data)
    if magic != _MAGIC or last > 1 or tag_length > MAX_TAG_BYTES or body > len(data):
        raise MessageRejectedError("frame", "bad magic, flag or length")
    if len(data) - body > CHUNK_BYTES:
        raise MessageRejectedError("frame", f"payload over {CHUNK_BYTES} bytes")
    try:
        tag = str(view[_HEADER.size : body], "utf-8")
    except UnicodeDecodeError as error:
        raise MessageRejectedError("frame", "the tag is not UTF-8") from error
    return session, attempt, sequence, sender, last == 1, tag, view[body:]


def frame_address(data: bytes | memoryview) -> tuple[bytes, int, int]:
    """Return session, attempt and sender of a frame, for a transport that carries several sessions.

    Nothing else is checked: `decode_frame` does that where the frame is delivered.

    Raises:
        MessageRejectedError: too short for a frame, or not one of this version.
    """
    if len(data) < _HEADER.size or data[:4] != _MAGIC:
        raise MessageRejectedError("frame", f"{len(data)} bytes are no frame")
    _, session, attempt, _, sender, _, _ = _HEADER.unpack_from(data)
    return session, attempt, sender


class Outbox:
    """Numbers the frames of one direction, from one party to one peer. Not thread-safe: hold a lock around a message.

    Args:
        session: 32 bytes, public.
        attempt: public; every attempt has outboxes and mailboxes of its own.
        sender: the party that sends.
        envelope: as `encode_frame` takes it.
    """

    __slots__ = ("_beginning", "_envelope", "_sender", "_sequence")

    def __init__(
        self, session: bytes, attempt: int, sender: int, envelope: Callable[[int], bytes] | None = None
    ) -> None:
        check_session(session, attempt)
        if not 0 <= sender < 1 << 16:
            raise RingValueError("sender of a frame out of range")
        self._beginning = _BEGINNING.pack(_MAGIC, session, attempt)
        self._envelope = envelope
        self._sender = sender
        self._sequence = 0

    def frames(self, tag: str, payload: bytes | memoryview) -> Iterator[bytes]:
        """Yield the encoded frames of one message, in the order in which they must be delivered: `encode_frame`'s.

        Raises:
            RingValueError: a tag over ``MAX_TAG_BYTES``.
        """
        label = tag.encode()
        if len(label) > MAX_TAG_BYTES:
            raise RingValueError(f"a tag has at most {MAX_TAG_BYTES} bytes, got {len(label)}")
        envelope, head, n = self._envelope, _HEADER.size + len(label), len(payload)
        if n <= CHUNK_BYTES:
            rest = _REST.pack(self._sequence, self._sender, 1, len(label))
            self._sequence += 1
            before = b"" if envelope is None else envelope(head + n)
            yield b"".join((before, self._beginning, rest, label, payload))
            return
        view = memoryview(payload)
        for start in range(0, n, CHUNK_BYTES):
            part = view[start : start + CHUNK_BYTES]
            rest = _REST.pack(self._sequence, self._sender, int(start + CHUNK_BYTES >= n), len(label))
            self._sequence += 1
            before = b"" if envelope is None else envelope(head + len(part))
            yield b"".join((before, self._beginning, rest, label, part))
