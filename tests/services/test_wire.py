"""The link's bytes are protobuf's, whichever way they were written; anything else is refused."""

import pytest

from mpc.errors import MessageRejectedError
from proto.v1 import mpc_pb2
from services.wire import decode_link_frame, encode_end, frame_prefix


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 16383, 16384, 1 << 20])
def test_a_prefixed_frame_is_the_message_protobuf_writes(length):
    frame = bytes(length)
    written = mpc_pb2.LinkFrame(frame=frame).SerializeToString()
    assert frame_prefix(length) + frame == written
    assert bytes(decode_link_frame(written)) == frame


def test_the_end_of_a_session_survives():
    found = decode_link_frame(encode_end(b"s" * 32, 7))
    assert isinstance(found, mpc_pb2.SessionEnd) and (found.session, found.attempt) == (b"s" * 32, 7)


def test_other_spellings_are_read_as_protobuf_reads_them():
    """A padded length, and a frame after which an end follows: the last of a oneof counts."""
    assert bytes(decode_link_frame(b"\x0a\x83\x00abc")) == b"abc"
    both = frame_prefix(3) + b"abc" + encode_end(b"s" * 32, 1)
    assert isinstance(decode_link_frame(both), mpc_pb2.SessionEnd)
    assert bytes(decode_link_frame(encode_end(b"s" * 32, 1) + frame_prefix(3) + b"abc")) == b"abc"
    assert bytes(decode_link_frame(b"")) == b""


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\x05abc", b"\x0a\xff\xff\xff\xff\xff\xff", b"\x07", b"\x0a\x03abc\x0a"]
)
def test_what_protobuf_refuses_is_refused(data):
    with pytest.raises(MessageRejectedError) as caught:
        decode_link_frame(data)
    assert caught.value.reason == "frame"
