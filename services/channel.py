"""Channels between computing parties over gRPC: many sessions over one stream for each ordered pair of parties.

`PeerNetwork` is both ends: it serves ``MpcService`` for what the peers send and keeps a `services.link.PeerLink` to
each of them. A session and attempt gets an `mpc` channel with `PeerNetwork.channel`; who sent a frame is taken from
the certificate of the stream it came by, never from the frame.

What can go wrong, and what a waiting receiver sees:

* A peer dies: its streams break at once and every open session gets ``ChannelClosedError`` from it.
* A peer freezes: keepalive breaks its streams within about 6 s, then the same.
* A peer is not there when a session opens: it has ``grace_s`` to appear, then the same.
* A peer ends its side of a session: what it sent before can still be received, then the same.
* A peer sends what does not belong: that session, or for a forged frame the whole stream, is closed.

A broken session is never mended: the next attempt is another session. Frames that arrive before a session is opened
here wait for it, within limits.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Final

import grpc

from mpc.channel import FramedChannel
from mpc.errors import ChannelClosedError, ChannelError, MessageRejectedError, ProtocolStateError
from mpc.frames import check_session, frame_address
from proto.v1 import mpc_pb2
from services.config import PartyEndpoint, TlsConfig
from services.errors import CallerRefusedError, PeerUnavailableError, StateConflictError
from services.identity import Role
from services.link import PeerLink, SessionKey
from services.logging import get_logger
from services.server import Rule, allow, caller_of, service_rules
from services.wire import LINK_METHOD, Received, decode_link_frame, encode_end, frame_prefix

_log = get_logger("services.channel")

GRACE_S: Final = 8.0
SEND_TIMEOUT_S: Final = 60.0
MAX_EARLY_BYTES: Final = 64 << 20
"""Bytes one peer may send for sessions that are not open here yet."""
MAX_EARLY_SESSIONS: Final = 64
EARLY_LIFETIME_S: Final = 120.0
_REMEMBERED_ENDS: Final = 1024
_WATCH_INTERVAL_S: Final = 0.25
_FLUSH_S: Final = 1.0


@dataclass(slots=True)
class _Early:
    """What one peer sent for a session that is not open here."""

    since: float
    frames: list[memoryview] = field(default_factory=list, repr=False)
    bytes_held: int = 0
    ended: bool = False


class PeerChannel(FramedChannel):
    """The `mpc` channel of one session and attempt. Close it, or use it as a context manager."""

    def __init__(
        self, parties: int, number: int, key: SessionKey, network: PeerNetwork, among: Collection[int] | None
    ) -> None:
        super().__init__(number, parties, key[0], key[1], self._carry, frame_prefix, among)
        self.key = key
        self.opened_at = time.monotonic()
        self._network = network
        self._broken: set[int] = set()
        self._carriers = {peer: network.carrier(self, peer) for peer in self.peers}

    def __enter__(self) -> PeerChannel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close this end, wake whoever waits on it and tell the peers that nothing more comes."""
        if not self.mailbox.closed:
            super().close()
            self._network.end(self)

    def break_peer(self, peer: int) -> None:
        """Give up one peer; what it sent before can still be received."""
        self._broken.add(peer)
        self.mailbox.close(peer)

    def is_broken(self, peer: int) -> bool:
        """Whether this session has given up the peer."""
        return peer in self._broken or self.mailbox.closed

    def _carry(self, peer: int, frame: bytes) -> None:
        if peer in self._broken:
            raise ChannelClosedError(f"the channel to party {peer} is closed")
        self._carriers[peer](frame)


class PeerNetwork:
    """A party's connections to the other parties. Thread-safe.

    Args:
        number: this party's number.
        peers: the others; with this party their numbers are 0, 1, 2, ... without gaps.
        tls: our certificate files.
        grace_s: how long a session waits for a peer that is not there when the session opens.
        send_timeout_s: how long a send waits for a peer that takes nothing.
    """

    def __init__(
        self,
        number: int,
        peers: Sequence[PartyEndpoint],
        tls: TlsConfig,
        *,
        grace_s: float = GRACE_S,
        send_timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        self._number = number
        self._parties = len(peers) + 1
        self._numbers = {peer.name: peer.number for peer in peers}
        self._grace_s = grace_s
        self._send_timeout_s = send_timeout_s
        self._links = {peer.number: PeerLink(peer, tls, self._outgoing_changed) for peer in peers}
        self._incoming: dict[int, grpc.ServicerContext] = {}
        self._sessions: dict[SessionKey, PeerChannel] = {}
        self._ended: OrderedDict[SessionKey, None] = OrderedDict()
        self._early: dict[int, OrderedDict[SessionKey, _Early]] = {peer: OrderedDict() for peer in self._links}
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_sessions, name="network-watch", daemon=True)

    def rules(self) -> dict[str, Rule]:
        """Who may call ``MpcService``: the peers."""
        return service_rules("MpcService", {"Link": allow(Role.PARTY, names=self._numbers)})

    def add_to(self, server: grpc.Server) -> None:
        """Serve ``MpcService`` on a server."""
        link = grpc.stream_stream_rpc_method_handler(
            self.Link, request_deserializer=decode_link_frame, response_serializer=mpc_pb2.LinkReply.SerializeToString
        )
        _, service, method = LINK_METHOD.split("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: link}),))

    def start(self) -> None:
        """Begin to connect to the peers."""
        for link in self._links.values():
            link.start()
        self._watch.start()

    def stop(self) -> None:
        """Close every session and every stream."""
        with self._lock:
            sessions = list(self._sessions.values())
        for channel in sessions:
            channel.close()
        self._stopping.set()
        for link in self._links.values():
            link.stop(_FLUSH_S)
        with self._lock:
            incoming = list(self._incoming.values())
        for context in incoming:
            context.cancel()
        if self._watch.ident is not None:
            self._watch.join()

    def missing(self) -> tuple[int, ...]:
        """Numbers of the peers that are not connected in both directions."""
        with self._lock:
            return tuple(peer for peer, link in sorted(self._links.items()) if not self._connected(peer, link))

    def wait_connected(self, timeout_s: float) -> None:
        """Wait until every peer is connected in both directions.

        Raises:
            PeerUnavailableError: names those that are not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self.missing(), timeout_s):
                raise PeerUnavailableError(f"not connected after {timeout_s:g} s: party {self.missing()}")

    def channel(self, session: bytes, attempt: int, among: Collection[int] | None = None) -> PeerChannel:
        """Open the channel of a session and attempt, with what the peers have already sent for it.

        Args:
            session: 32 bytes, public.
            attempt: public.
            among: numbers of the peers that take part, all by default; the others need not be there, and what they
                send for this session breaks nothing but their own direction.

        Raises:
            ProtocolStateError: it is or was open: an attempt is never resumed; or there is no such peer.
            RingValueError: session or attempt does not fit a frame.
        """
        check_session(session, attempt)
        key = (session, attempt)
        with self._lock:
            if key in self._sessions or key in self._ended or self._stopping.is_set():
                raise ProtocolStateError(f"attempt {attempt} of this session was opened before")
            channel = PeerChannel(self._parties, self._number, key, self, among)
            for peer, early in self._early.items():
                waiting = early.pop(key, None)
                if peer not in channel.peers:
                    continue
                for frame in waiting.frames if waiting is not None else ():
                    self._deliver_to(channel, peer, frame)
                if waiting is not None and waiting.ended:
                    channel.break_peer(peer)
            self._sessions[key] = channel
        return channel

    def carrier(self, channel: PeerChannel, peer: int) -> Callable[[bytes], None]:
        """Return what hands a message of a session to the link; it raises ``ChannelError``."""
        send, key, broken = self._links[peer].send, channel.key, partial(channel.is_broken, peer)
        return lambda message: send(key, message, broken, self._send_timeout_s)

    def end(self, channel: PeerChannel) -> None:
        """Forget a session and tell the peers."""
        with self._lock:
            self._sessions.pop(channel.key, None)
            self._remember_end(channel.key)
        message = encode_end(*channel.key)
        for peer in channel.peers:
            link = self._links[peer]
            if not link.up:
                link.discard(channel.key)
                continue
            try:
                link.send(channel.key, message, lambda: False, _FLUSH_S)
            except ChannelError:
                _log.debug("session end not sent", attempt=channel.key[1])

    def Link(self, request_iterator: Iterator[Received], context: grpc.ServicerContext) -> Iterator[mpc_pb2.LinkReply]:
        """Take a peer's frames for as long as its stream lasts."""
        identity = caller_of(context).identity
        peer = self._numbers.get(identity.name)
        if peer is None or identity.role is not Role.PARTY:
            raise CallerRefusedError(f"{identity.role.value} {identity.name} is no peer")
        if self._stopping.is_set():
            raise StateConflictError("this party is stopping")
        with self._changed:
            replaced = self._incoming.get(peer)
            self._incoming[peer] = context
            self._changed.notify_all()
        if replaced is not None:
            replaced.cancel()
            self._break_sessions(peer)
        try:
            yield mpc_pb2.LinkReply(accepted=True)
            for message in request_iterator:
                if self._incoming.get(peer) is not context:
                    return
                self._take(peer, message)
        finally:
            with self._changed:
                current = self._incoming.get(peer) is context
                if current:
                    del self._incoming[peer]
                self._changed.notify_all()
            if current:
                self._break_sessions(peer)

    def _take(self, peer: int, message: Received) -> None:
        if not isinstance(message, memoryview):
            self._take_end(peer, (message.session, message.attempt))
            return
        session, attempt, sender = frame_address(message)
        if sender != peer:
            _log.warning("forged frame", peer=peer, claimed=sender)
            raise MessageRejectedError("sender", f"frame of party {sender} from party {peer}")
        key = (session, attempt)
        channel = self._sessions.get(key)
        if channel is None:
            with self._lock:
                channel = self._sessions.get(key)
                if channel is None and key not in self._ended:
                    self._hold(peer, key, message)
        if channel is not None:
            self._deliver_to(channel, peer, message)

    def _deliver_to(self, channel: PeerChannel, peer: int, frame: memoryview) -> None:
        try:
            channel.mailbox.deliver(frame, peer)
        except MessageRejectedError as error:
            _log.warning("frame rejected", peer=peer, reason=error.reason)
            channel.break_peer(peer)
        except ChannelClosedError:
            _log.debug("frame after the end", peer=peer)

    def _hold(self, peer: int, key: SessionKey, frame: memoryview) -> None:
        early = self._early[peer]
        waiting = early.setdefault(key, _Early(time.monotonic()))
        total = sum(other.bytes_held for other in early.values()) + len(frame)
        if waiting.ended or total > MAX_EARLY_BYTES or len(early) > MAX_EARLY_SESSIONS:
            _log.warning("early frames dropped", peer=peer, held=total)
            # Its beginning is lost, so the session must not open as if it were whole.
            waiting.frames.clear()
            waiting.bytes_held, waiting.ended = 0, True
        else:
            waiting.frames.append(frame)
            waiting.bytes_held += len(frame)
        while len(early) > 2 * MAX_EARLY_SESSIONS:
            early.popitem(last=False)

    def _take_end(self, peer: int, key: SessionKey) -> None:
        with self._lock:
            channel = self._sessions.get(key)
            waiting = self._early[peer].get(key)
            if waiting is not None:
                waiting.ended = True
        if channel is not None:
            channel.break_peer(peer)

    def _connected(self, peer: int, link: PeerLink) -> bool:
        return link.up and peer in self._incoming

    def _outgoing_changed(self, peer: int) -> None:
        with self._changed:
            self._changed.notify_all()
        if not self._links[peer].up:
            self._break_sessions(peer)

    def _break_sessions(self, peer: int, concerned: Callable[[PeerChannel], bool] = lambda channel: True) -> None:
        """Give up a peer in every session that is open; what it sent for later ones is incomplete too."""
        with self._lock:
            broken = [channel for channel in self._sessions.values() if concerned(channel)]
            for waiting in self._early[peer].values():
                waiting.ended = True
        for channel in broken:
            channel.break_peer(peer)
            self._links[peer].discard(channel.key)

    def _remember_end(self, key: SessionKey) -> None:
        self._ended[key] = None
        while len(self._ended) > _REMEMBERED_ENDS:
            self._ended.popitem(last=False)
        for early in self._early.values():
            early.pop(key, None)

    def _watch_sessions(self) -> None:
        while not self._stopping.wait(_WATCH_INTERVAL_S):
            now = time.monotonic()
            with self._lock:
                absent = [peer for peer, link in self._links.items() if not self._connected(peer, link)]
                for early in self._early.values():
                    for key in [key for key, waiting in early.items() if now - waiting.since > EARLY_LIFETIME_S]:
                        del early[key]
                late = [
                    (channel, peer)
                    for channel in self._sessions.values()
                    for peer in absent
                    if peer in channel.peers
                    and now - channel.opened_at > self._grace_s
                    and not channel.is_broken(peer)
                ]
            for channel, peer in late:
                _log.warning("peer did not appear", peer=peer, waited_s=self._grace_s)
                channel.break_peer(peer)
                self._links[peer].discard(channel.key)
