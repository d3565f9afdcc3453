"""The sending half of a connection between two parties: one stream that is kept up as long as the process lives.

A `PeerLink` has a thread that connects, tries again with growing pauses while the peer is not there, and hands frames
to gRPC one by one. The queue before it is short, so that a sender waits for the network and not for memory. What was in
the queue when a stream broke is gone: whoever was using it must give up, and is told so.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import grpc

from mpc.errors import ChannelClosedError, DeadlineExceededError
from proto.v1 import mpc_pb2
from services.config import PartyEndpoint, TlsConfig
from services.identity import Identity, Role
from services.logging import get_logger
from services.status import remote_error
from services.transport import open_client
from services.wire import LINK_METHOD

_log = get_logger("services.link")

MAX_QUEUED_FRAMES: Final = 16
ACCEPT_TIMEOUT_S: Final = 5.0
JOIN_TIMEOUT_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0


SessionKey = tuple[bytes, int]
"""Session and attempt."""


class PeerLink:
    """An outgoing stream to one peer. Thread-safe.

    Args:
        peer: who and where.
        tls: our certificate files.
        on_change: called from the link's thread with the peer's number whenever the stream came up or went down.
    """

    def __init__(self, peer: PartyEndpoint, tls: TlsConfig, on_change: Callable[[int], None]) -> None:
        self._peer = peer
        self._tls = tls
        self._on_change = on_change
        self._queue: deque[tuple[SessionKey, bytes]] = deque()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stream_number = 0
        self._breaks = 0
        self._up = False
        self._stopping = False
        self._watchers = 0
        self._cancel: Callable[[], object] | None = None
        self._thread = threading.Thread(target=self._run, name=f"link-{peer.name}", daemon=True)

    @property
    def up(self) -> bool:
        """Whether the peer takes frames now."""
        return self._up

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self, flush_s: float = 0.0) -> None:
        """End the stream after waiting up to ``flush_s`` for the queue to empty; nothing is sent after that."""
        with self._lock:
            self._watch(lambda: not self._queue or not self._up, flush_s)
            self._stopping = True
            cancel = self._cancel
            self._changed.notify_all()
        if cancel is not None:
            cancel()
        if self._thread.ident is not None:
            self._thread.join(JOIN_TIMEOUT_S)

    def send(self, key: SessionKey, message: bytes, broken: Callable[[], bool], timeout_s: float) -> None:
        """Queue a message; waits while the queue is full. A message may wait in the queue for the stream to come up.

        Args:
            key: the session it belongs to.
            message: an encoded ``LinkFrame``.
            broken: whether the session has given this peer up meanwhile; see `discard`.
            timeout_s: how long to wait for room.

        Raises:
            DeadlineExceededError: the queue stayed full.
            ChannelClosedError: the link was stopped, its stream broke while waiting, or the session gave up.
        """
        with self._lock:
            if self._up and not self._stopping and len(self._queue) < MAX_QUEUED_FRAMES and not broken():
                self._queue.append((key, message))  # the usual case, without a closure
                if len(self._queue) == 1:  # with more in it the link's thread does not wait for any
                    self._changed.notify_all()
                return
            breaks = self._breaks

            def gone() -> bool:
                return self._stopping or breaks != self._breaks or broken()

            if not self._watch(lambda: gone() or len(self._queue) < MAX_QUEUED_FRAMES, timeout_s):
                raise DeadlineExceededError(f"party {self._peer.number} took no frame for {timeout_s:g} s")
            if gone():
                raise ChannelClosedError(f"the stream to party {self._peer.number} ended")
            self._queue.append((key, message))
            self._changed.notify_all()

    def discard(self, key: SessionKey) -> None:
        """Drop what one session has waiting and wake its senders."""
        with self._lock:
            self._queue = deque(item for item in self._queue if item[0] != key)
            self._changed.notify_all()

    def _watch(self, fulfilled: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for something that may come with the queue getting shorter; the lock is held."""
        self._watchers += 1
        try:
            return self._changed.wait_for(fulfilled, timeout_s)
        finally:
            self._watchers -= 1

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        identity = Identity(Role.PARTY, self._peer.name)
        while not self._stopping:
            with open_client(self._peer.address, self._tls, identity) as channel:
                was_up = self._stream(channel)
            pause_s = _FIRST_PAUSE_S if was_up else min(2 * pause_s, _LONGEST_PAUSE_S)
            with self._lock:
                self._changed.wait_for(lambda: self._stopping, pause_s)

    def _stream(self, channel: grpc.Channel) -> bool:
        """Run one stream to its end; returns whether the peer ever accepted it."""
        link: grpc.StreamStreamMultiCallable[bytes, mpc_pb2.LinkReply] = channel.stream_stream(
            LINK_METHOD, response_deserializer=mpc_pb2.LinkReply.FromString
        )
        call = link(self._messages(self._stream_number))
        with self._lock:
            self._cancel = call.cancel
            if self._stopping:
                call.cancel()
        # A frozen peer's kernel still accepts connections; without this the handshake would wait for long.
        late = threading.Timer(ACCEPT_TIMEOUT_S, call.cancel)
        late.daemon = True
        late.start()
        ended = threading.Event()
        try:
            reply = next(call, None)
            late.cancel()
            if reply is not None and reply.accepted:
                self._set_up()
            # There is one reply. A thread that waits for another would be woken for every message that is sent.
            if call.add_callback(ended.set):
                ended.wait()
            next(call, None)  # raises what it ended with
        except grpc.RpcError as error:
            if self._up and not self._stopping:
                _log.warning("link lost", peer=self._peer.name, reason=remote_error(error).code)
        finally:
            late.cancel()
            was_up = self._set_down()
        return was_up

    def _set_up(self) -> None:
        with self._lock:
            self._up = True
            self._changed.notify_all()
        _log.info("link up", peer=self._peer.name)
        self._on_change(self._peer.number)

    def _set_down(self) -> bool:
        with self._lock:
            was_up, self._up, self._cancel = self._up, False, None
            self._stream_number += 1
            if was_up:
                # What one stream began no other can go on with. Before the first stream the queue just waits.
                self._breaks += 1
                self._queue.clear()
            self._changed.notify_all()
        if was_up:
            self._on_change(self._peer.number)
        return was_up

    def _messages(self, stream_number: int) -> Iterator[bytes]:
        """What gRPC's sending thread draws from; it takes the next message only when the last is written."""

        while True:
            with self._lock:
                while not (self._up and self._queue):
                    if self._stopping or stream_number != self._stream_number:
                        return
                    self._changed.wait()
                if self._stopping or stream_number != self._stream_number:
                    return
                _, message = self._queue.popleft()
                if self._watchers:
                    self._changed.notify_all()
            yield message
