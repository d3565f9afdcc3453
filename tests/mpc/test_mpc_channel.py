"""Frames and mailboxes: what belongs is delivered once and in order, everything else is refused by name."""

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mpc.channel import FramedChannel, LoopbackNetwork, Mailbox
from mpc.errors import (
    ChannelClosedError,
    DeadlineExceededError,
    MessageRejectedError,
    ProtocolStateError,
    RingValueError,
)
from mpc.frames import CHUNK_BYTES, Frame, Outbox, decode_frame, encode_frame, frame_address

SESSION = bytes(range(32))
FRAME = Frame(SESSION, 3, 0, 1, True, "open/count", b"payload")


def mailbox(**options) -> Mailbox:
    return Mailbox(0, 3, SESSION, 3, **options)


def test_frames_round_trip():
    for payload in (b"", b"x", bytes(CHUNK_BYTES)):
        frame = dataclasses.replace(FRAME, payload=payload)
        assert decode_frame(encode_frame(frame)) == frame
    assert frame_address(encode_frame(FRAME)) == (SESSION, 3, FRAME.sender)
    assert "payload" not in repr(FRAME)


def test_malformed_frames_are_refused():
    data = encode_frame(FRAME)
    no_utf8 = data.replace(b"open/count", b"\xff" * 10)
    bad_flag = data[:50] + b"\x02" + data[51:]
    oversized = encode_frame(dataclasses.replace(FRAME, payload=bytes(CHUNK_BYTES + 1)))
    for broken in (b"", data[:20], b"XXXX" + data[4:], data[:55], no_utf8, bad_flag, oversized):
        with pytest.raises(MessageRejectedError) as caught:
            decode_frame(broken)
        assert caught.value.reason == "frame"
    for broken in (b"", data[:20], b"XXXX" + data[4:]):
        with pytest.raises(MessageRejectedError):
            frame_address(broken)


@pytest.mark.parametrize(
    "change", [{"session": b"short"}, {"attempt": -1}, {"sender": 1 << 16}, {"tag": "t" * 1025}, {"sequence": -1}]
)
def test_frames_that_do_not_fit_are_not_encoded(change):
    with pytest.raises(RingValueError):
        encode_frame(dataclasses.replace(FRAME, **change))


def test_a_frame_is_delivered_and_taken_once():
    box = mailbox()
    box.deliver(encode_frame(FRAME), 1)
    assert box.take(1, "open/count", 1) == b"payload"
    with pytest.raises(DeadlineExceededError):
        box.take(1, "open/count", 0.01)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"session": bytes(32)}, "session"),
        ({"attempt": 2}, "attempt"),
        ({"sender": 2}, "sender"),
        ({"sender": 0}, "sender"),
        ({"sequence": 1}, "sequence"),
        ({"sequence": (1 << 64) - 1}, "sequence"),
    ],
)
def test_frames_from_elsewhere_are_refused_and_change_nothing(change, reason):
    box = mailbox()
    with pytest.raises(MessageRejectedError) as caught:
        box.deliver(encode_frame(dataclasses.replace(FRAME, **change)), 1)
    assert caught.value.reason == reason
    box.deliver(encode_frame(FRAME), 1)
    assert box.take(1, FRAME.tag, 1) == b"payload"


def test_a_receiver_is_not_its_own_peer():
    with pytest.raises(MessageRejectedError):
        mailbox().deliver(encode_frame(dataclasses.replace(FRAME, sender=0)), 0)
    with pytest.raises(ProtocolStateError):
        mailbox().take(0, FRAME.tag, 0.01)


def test_replays_and_reordering_are_refused():
    box = mailbox()
    first, second, third = Outbox(SESSION, 3, 1), Outbox(SESSION, 3, 1), Outbox(SESSION, 3, 1)
    frames = [next(first.frames(f"tag{number}", b"")) for number in range(3)]
    assert frames[0] == next(second.frames("tag0", b"")) == next(third.frames("tag0", b""))
    box.deliver(frames[0], 1)
    for refused in (frames[0], frames[2]):
        with pytest.raises(MessageRejectedError, match="sequence"):
            box.deliver(refused, 1)
    box.deliver(frames[1], 1)
    with pytest.raises(MessageRejectedError, match="sequence"):
        box.deliver(frames[0], 1)
    assert box.take(1, "tag0", 1) == b"" and box.take(1, "tag1", 1) == b""


def test_another_tag_than_expected_is_refused_and_stays():
    box = mailbox()
    box.deliver(encode_frame(FRAME), 1)
    with pytest.raises(MessageRejectedError, match="expected 'reshare/z'"):
        box.take(1, "reshare/z", 1)
    assert box.take(1, "open/count", 1) == b"payload"


def test_long_messages_travel_in_parts():
    payload = bytes(range(256)) * 10_000
    frames = list(Outbox(SESSION, 3, 1).frames("long", payload))
    assert len(frames) == 3 and max(map(len, frames)) <= 1 << 20
    box = mailbox()
    for frame in frames[:-1]:
        box.deliver(frame, 1)
    with pytest.raises(DeadlineExceededError):
        box.take(1, "long", 0.01)
    box.deliver(frames[-1], 1)
    assert box.take(1, "long", 1) == payload


def test_a_message_cannot_start_inside_another():
    box = mailbox()
    box.deliver(encode_frame(dataclasses.replace(FRAME, last=False)), 1)
    with pytest.raises(MessageRejectedError, match="in the middle"):
        box.deliver(encode_frame(dataclasses.replace(FRAME, sequence=1, tag="other")), 1)


def test_untaken_messages_are_bounded():
    box = mailbox(max_pending_bytes=300)
    frames = [encode_frame(dataclasses.replace(FRAME, sequence=number, payload=bytes(100))) for number in range(3)]
    box.deliver(frames[0], 1)
    with pytest.raises(MessageRejectedError, match="pending"):
        box.deliver(frames[1], 1)
    box.take(1, FRAME.tag, 1)
    box.deliver(frames[1], 1)


def test_close_wakes_waiters_in_time():
    network = LoopbackNetwork(3, SESSION)
    caught = []

    def wait() -> None:
        with pytest.raises(ChannelClosedError):
            network.channels[0].receive(1, "never", 60)
        caught.append(time.monotonic())

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.05)
    closed_at = time.monotonic()
    network.close()
    waiter.join(5)
    assert len(caught) == 1 and caught[0] - closed_at < 2
    with pytest.raises(ChannelClosedError):
        network.channels[1].send(0, "late", b"")
    with pytest.raises(ChannelClosedError):
        network.channels[1].mailbox.deliver(next(Outbox(SESSION, 0, 0).frames("late", b"")), 0)


def test_a_closed_peer_is_drained_first():
    box = mailbox()
    box.deliver(encode_frame(FRAME), 1)
    box.close(1)
    assert box.take(1, FRAME.tag, 1) == b"payload"
    with pytest.raises(ChannelClosedError):
        box.take(1, FRAME.tag, 1)
    with pytest.raises(DeadlineExceededError):
        box.take(2, FRAME.tag, 0.01)
    with pytest.raises(ChannelClosedError):
        box.deliver(encode_frame(dataclasses.replace(FRAME, sequence=1)), 1)


def test_exchange_reaches_everyone():
    network = LoopbackNetwork(3, SESSION)
    results: dict[int, dict[int, bytes]] = {}

    def body(channel: FramedChannel) -> None:
        results[channel.party] = channel.exchange("hello", bytes([channel.party]), 10)

    threads = [threading.Thread(target=body, args=(channel,)) for channel in network.channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == {0: {1: b"\1", 2: b"\2"}, 1: {0: b"\0", 2: b"\2"}, 2: {0: b"\0", 1: b"\1"}}


def test_many_senders_interleave_whole_messages():
    network = LoopbackNetwork(2, SESSION)
    payload = bytes(3 * CHUNK_BYTES)
    senders = [threading.Thread(target=network.channels[0].send, args=(1, "bulk", payload)) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(10)
    assert [network.channels[1].receive(0, "bulk", 5) == payload for _ in senders] == [True] * 4


def test_sending_to_nobody_is_refused():
    with pytest.raises(ProtocolStateError):
        LoopbackNetwork(3, SESSION).channels[0].send(3, "tag", b"")
    with pytest.raises(RingValueError):
        LoopbackNetwork(3, b"short")


@pytest.mark.parametrize("n", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 7])
@pytest.mark.parametrize("envelope", [None, lambda n_bytes: b"<%d>" % n_bytes])
def test_an_outbox_writes_what_encode_frame_writes(n, envelope):
    payload, outbox = bytes(range(251)) * (n // 251 + 1), Outbox(SESSION, 3, 1, envelope)
    for number in range(2):
        sequence = number * max(1, -(-n // CHUNK_BYTES))
        for k, data in enumerate(outbox.frames("täg", memoryview(payload)[:n])):
            part = payload[:n][k * CHUNK_BYTES : (k + 1) * CHUNK_BYTES]
            last = (k + 1) * CHUNK_BYTES >= n
            assert data == encode_frame(Frame(SESSION, 3, sequence + k, 1, last, "täg", part), envelope)


def test_an_outbox_refuses_what_does_not_fit():
    outbox = Outbox(SESSION, 3, 1)
    with pytest.raises(RingValueError, match="tag"):
        next(outbox.frames("t" * 1025, b""))
    assert decode_frame(next(outbox.frames("t" * 1024, b""))).sequence == 0
    for session, attempt, sender in ((b"short", 3, 1), (SESSION, 1 << 32, 1), (SESSION, 3, 1 << 16)):
        with pytest.raises(RingValueError):
            Outbox(session, attempt, sender)


def test_waiters_of_two_peers_get_their_own_messages_and_end_together():
    """Each peer's waiters are woken by that peer alone; closing one direction leaves the other open."""
    box = mailbox()
    frames = {peer: encode_frame(dataclasses.replace(FRAME, sender=peer, payload=b"%d" % peer)) for peer in (1, 2)}
    with ThreadPoolExecutor(2) as pool:
        waiting = {peer: pool.submit(box.take, peer, FRAME.tag, 20) for peer in (1, 2)}
        box.deliver(frames[2], 2)
        assert waiting[2].result(20) == b"2" and not waiting[1].done()
        box.close(2)
        assert not waiting[1].done()
        box.deliver(frames[1], 1)
        assert waiting[1].result(20) == b"1"
        last = [pool.submit(box.take, 1, FRAME.tag, 20) for _ in range(2)]
        box.close()
        for future in last:
            with pytest.raises(ChannelClosedError):
                future.result(20)
    with pytest.raises(ChannelClosedError):
        box.deliver(frames[2], 2)
