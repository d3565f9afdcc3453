"""The bytes of ``LinkFrame`` without protobuf's copies: what `proto/v1/mpc.proto` says, for frames of up to 1 MiB.

A message that carries a frame is one field: key 0x0a, the length as a varint, the frame. It is written by putting
those few bytes before the frame, and read as a view. Everything else (session ends, and any other spelling protobuf
allows) goes through the generated class.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError

from mpc.errors import MessageRejectedError
from proto.v1 import mpc_pb2

LINK_METHOD: Final = "/tallystick.v1.MpcService/Link"
_FRAME_KEY: Final = b"\x0a"
_LONGEST_VARINT: Final = 5

Received = memoryview | mpc_pb2.SessionEnd
"""A frame, or the end of a session."""


def frame_prefix(n_bytes: int) -> bytes:
    """Return what stands before a frame of so many bytes in a ``LinkFrame``."""
    digits = bytearray(_FRAME_KEY)
    while n_bytes > 0x7F:
        digits.append(n_bytes & 0x7F | 0x80)
        n_bytes >>= 7
    digits.append(n_bytes)
    return bytes(digits)


def encode_end(session: bytes, attempt: int) -> bytes:
    """Return the ``LinkFrame`` that ends a session."""
    message = mpc_pb2.LinkFrame(end=mpc_pb2.SessionEnd(session=session, attempt=attempt))
    return bytes(message.SerializeToString())


def decode_link_frame(data: bytes) -> Received:
    """Return what a ``LinkFrame`` carries.

    Raises:
        MessageRejectedError: the bytes are no such message.
    """
    if data[:1] == _FRAME_KEY:
        length, shift = 0, 0
        for place in range(1, min(len(data), 1 + _LONGEST_VARINT)):
            length |= (data[place] & 0x7F) << shift
            shift += 7
            if data[place] < 0x80:
                if place + 1 + length == len(data):
                    return memoryview(data)[place + 1 :]
                break
    try:
        message = mpc_pb2.LinkFrame.FromString(data)
    except DecodeError as error:
        raise MessageRejectedError("frame", "no message of a link") from error
    return message.end if message.WhichOneof("kind") == "end" else memoryview(message.frame)
