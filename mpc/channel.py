"""How a party sends to and receives from the others: a protocol, what all transports share, and a loopback.

A transport has two duties: carry frames in order from each authenticated peer to ``Mailbox.deliver``, and carry what
``FramedChannel`` hands to its ``transmit`` callable. Everything else is here and is the same for all of them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

from mpc.errors import ChannelClosedError, DeadlineExceededError, MessageRejectedError, ProtocolStateError
from mpc.frames import Outbox, check_session, split_frame

MAX_PENDING_BYTES: Final = 1 << 30
"""Bytes one peer may have delivered that nobody has taken yet."""


class Channel(Protocol):
    """A party's authenticated, encrypted and ordered channel to its peers, for one session and attempt."""

    @property
    def party(self) -> int:
        """The party at this end."""

    @property
    def peers(self) -> tuple[int, ...]:
        """The other parties, in increasing order."""

    def send(self, peer: int, tag: str, payload: bytes | memoryview) -> None:
        """Send one message. Returns once the transport has taken it; raises ``ChannelError``."""

    def receive(self, peer: int, tag: str, timeout_s: float) -> bytes:
        """Return the next message of a peer, which must bear this tag; raises ``ChannelError``."""

    def receive_parts(self, peer: int, tag: str, timeout_s: float) -> Sequence[bytes | memoryview]:
        """Return the same message in the pieces it came in, without joining them."""

    def exchange(self, tag: str, payload: bytes, timeout_s: float) -> dict[int, bytes]:
        """Send one payload to every peer and return what each of them sent under the same tag."""


class _Inbox:
    """What one peer sent, and whoever waits for it."""

    __slots__ = ("changed", "closed", "lock", "next_sequence", "parts", "parts_bytes", "pending_bytes", "ready", "tag")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.ready: deque[tuple[str, list[memoryview], int]] = deque()
        self.tag = ""
        self.parts: list[memoryview] = []
        self.parts_bytes = 0
        self.pending_bytes = 0
        self.next_sequence = 0
        self.closed = False


class Mailbox:
    """Messages that arrived for one party in one session and attempt, waiting to be taken in order. Thread-safe.

    A message wakes who waits for its sender, and nobody else.

    Args:
        party: the party that receives.
        parties: how many parties there are; peers are 0 to parties - 1.
        session: 32 bytes, public.
        attempt: public.
        max_pending_bytes: limit per peer on what is delivered and not taken.
        peers: those of them that take part; all by default.
    """

    def __init__(
        self,
        party: int,
        parties: int,
        session: bytes,
        attempt: int,
        *,
        max_pending_bytes: int = MAX_PENDING_BYTES,
        peers: Collection[int] | None = None,
    ) -> None:
        check_session(session, attempt)
        self._party = party
        self._session = session
        self._attempt = attempt
        self._max_pending_bytes = max_pending_bytes
        self._inboxes = {peer: _Inbox() for peer in _peers_of(party, parties, peers)}
        self._closed = False

    def deliver(self, data: bytes | memoryview, sender: int) -> None:
        """Accept one frame from a sender whom the transport has authenticated.

        Args:
            data: the frame's bytes, untrusted.
            sender: who the transport says sent it.

        Raises:
            MessageRejectedError: the frame is malformed, of another session, attempt or sender, a duplicate, out of
                order, in the middle of another message, or over the limit. What was delivered before it stands;
                a transport that wants the waiting party to know at once closes this peer.
            ChannelClosedError: the mailbox, or this peer's direction, is closed.
        """
        session, attempt, sequence, claimed, last, tag, payload = split_frame(data)
        if session != self._session:
            raise MessageRejectedError("session", "a frame of another session")
        if attempt != self._attempt:
            raise MessageRejectedError("attempt", f"expected {self._attempt}, got {attempt}")
        inbox = self._inboxes.get(sender)
        if claimed != sender or inbox is None:
            raise MessageRejectedError("sender", f"frame of party {claimed} from party {sender}")
        n_bytes = len(data)
        with inbox.lock:
            if self._closed or inbox.closed:
                raise ChannelClosedError(f"the channel from party {sender} is closed")
            if sequence != inbox.next_sequence:
                raise MessageRejectedError(
                    "sequence", f"party {sender}: expected {inbox.next_sequence}, got {sequence}"
                )
            if inbox.parts and inbox.tag != tag:
                raise MessageRejectedError("tag", f"{tag!r} in the middle of {inbox.tag!r}")
            if inbox.pending_bytes + n_bytes > self._max_pending_bytes:
                raise MessageRejectedError("pending", f"party {sender}: over {self._max_pending_bytes} bytes untaken")
            inbox.next_sequence += 1
            inbox.pending_bytes += n_bytes
            inbox.parts_bytes += n_bytes
            inbox.parts.append(payload)
            inbox.tag = tag
            if last:
                inbox.ready.append((tag, inbox.parts, inbox.parts_bytes))
                inbox.parts, inbox.parts_bytes = [], 0
                inbox.changed.notify_all()

    def take(self, peer: int, tag: str, timeout_s: float) -> bytes:
        """Wait for the next message of a peer and return its payload; raises as ``take_parts`` does."""
        return b"".join(self.take_parts(peer, tag, timeout_s))

    def take_parts(self, peer: int, tag: str, timeout_s: float) -> Sequence[bytes | memoryview]:
        """Wait for the next message of a peer and return its payload in pieces.

        Raises:
            MessageRejectedError: the next message bears another tag; it stays where it is.
            DeadlineExceededError: nothing came within ``timeout_s`` seconds.
            ChannelClosedError: the mailbox was closed, or the peer's direction was and is drained.
            ProtocolStateError: there is no such peer.
        """
        inbox = self._inboxes.get(peer)
        if inbox is None:
            raise ProtocolStateError(f"party {self._party} has no peer {peer}")
        with inbox.lock:
            if not inbox.ready:
                self._wait(inbox, peer, tag, timeout_s)
            if self._closed or not inbox.ready:
                raise ChannelClosedError(f"the channel from party {peer} closed while waiting for {tag!r}")
            found, payloads, n_bytes = inbox.ready[0]
            if found != tag:
                raise MessageRejectedError("tag", f"party {peer}: expected {tag!r}, got {found!r}")
            inbox.ready.popleft()
            inbox.pending_bytes -= n_bytes
            return payloads

    def _wait(self, inbox: _Inbox, peer: int, tag: str, timeout_s: float) -> None:
        """Return when there is a message or none will come."""
        deadline = time.monotonic() + timeout_s
        while not (inbox.ready or self._closed or inbox.closed):
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise DeadlineExceededError(f"party {peer} sent no {tag!r} within {timeout_s:g} s")
            inbox.changed.wait(remaining_s)

    def close(self, peer: int | None = None) -> None:
        """Close one peer's direction (what it sent before can still be taken) or everything; wakes all waiters."""
        if peer is None:
            self._closed = True  # before the waiters are woken: whoever holds a lock now looks again afterwards
        for number, inbox in self._inboxes.items():
            if peer is None or number == peer:
                with inbox.lock:
                    inbox.closed = inbox.closed or number == peer
                    inbox.changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether everything is closed."""
        return self._closed


class FramedChannel:
    """A ``Channel`` over any transport that carries frames.

    Args:
        party: the party at this end.
        parties: how many parties there are.
        session: 32 bytes, public.
        attempt: public.
        transmit: ``transmit(peer, frame)`` hands one frame to the transport, in order; raises ``ChannelError``.
        envelope: given a frame's length, what the transport wants before it; nothing by default.
        among: the peers that take part; all by default.

    Raises:
        ProtocolStateError: one that takes part is none of the parties.

    The transport delivers arriving frames to ``mailbox``. Sending is thread-safe.
    """

    def __init__(
        self,
        party: int,
        parties: int,
        session: bytes,
        attempt: int,
        transmit: Callable[[int, bytes], None],
        envelope: Callable[[int], bytes] | None = None,
        among: Collection[int] | None = None,
    ) -> None:
        self._party = party
        self._peers = _peers_of(party, parties, among)
        self._transmit = transmit
        self._outboxes = {peer: Outbox(session, attempt, party, envelope) for peer in self._peers}
        self._locks = {peer: threading.Lock() for peer in self._peers}
        self.mailbox = Mailbox(party, parties, session, attempt, peers=self._peers)

    @property
    def party(self) -> int:
        """The party at this end."""
        return self._party

    @property
    def peers(self) -> tuple[int, ...]:
        """The other parties, in increasing order."""
        return self._peers

    def send(self, peer: int, tag: str, payload: bytes | memoryview) -> None:
        """Send one message. Its bytes are copied into frames before this returns.

        Raises:
            ChannelClosedError: this end is closed.
            ProtocolStateError: there is no such peer.
            ChannelError: whatever the transport raises.
        """
        if peer not in self._outboxes:
            raise ProtocolStateError(f"party {self._party} has no peer {peer}")
        if self.mailbox.closed:
            raise ChannelClosedError(f"the channel of party {self._party} is closed")
        with self._locks[peer]:
            for frame in self._outboxes[peer].frames(tag, payload):
                self._transmit(peer, frame)

    def receive(self, peer: int, tag: str, timeout_s: float) -> bytes:
        """Return the next message of a peer; raises as ``Mailbox.take`` does."""
        return self.mailbox.take(peer, tag, timeout_s)

    def receive_parts(self, peer: int, tag: str, timeout_s: float) -> Sequence[bytes | memoryview]:
        """Return the next message of a peer in pieces; raises as ``Mailbox.take_parts`` does."""
        return self.mailbox.take_parts(peer, tag, timeout_s)

    def exchange(self, tag: str, payload: bytes, timeout_s: float) -> dict[int, bytes]:
        """Send one payload to every peer and return what each sent under the same tag."""
        for peer in self._peers:
            self.send(peer, tag, payload)
        return {peer: self.receive(peer, tag, timeout_s) for peer in self._peers}

    def close(self) -> None:
        """Close this end and wake whoever waits on it."""
        self.mailbox.close()


class SelectedChannel:
    """A channel as if only some of its parties were there.

    Args:
        channel: the whole; its tags and order of messages are shared.
        parties: the parties to keep; the one at this end may be among them.

    Raises:
        ProtocolStateError: the channel does not join one of them.
    """

    def __init__(self, channel: Channel, parties: Collection[int]) -> None:
        if not set(parties) <= {channel.party, *channel.peers}:
            raise ProtocolStateError(f"the channel does not join parties {sorted(parties)}")
        self._channel = channel
        self._peers = tuple(peer for peer in channel.peers if peer in parties)

    @property
    def party(self) -> int:
        """The party at this end."""
        return self._channel.party

    @property
    def peers(self) -> tuple[int, ...]:
        """The other parties that were kept, in increasing order."""
        return self._peers

    def send(self, peer: int, tag: str, payload: bytes | memoryview) -> None:
        """Send one message; raises as the whole channel does."""
        self._require(peer)
        self._channel.send(peer, tag, payload)

    def receive(self, peer: int, tag: str, timeout_s: float) -> bytes:
        """Return the next message of a peer; raises as the whole channel does."""
        self._require(peer)
        return self._channel.receive(peer, tag, timeout_s)

    def receive_parts(self, peer: int, tag: str, timeout_s: float) -> Sequence[bytes | memoryview]:
        """Return the next message of a peer in pieces; raises as the whole channel does."""
        self._require(peer)
        return self._channel.receive_parts(peer, tag, timeout_s)

    def exchange(self, tag: str, payload: bytes, timeout_s: float) -> dict[int, bytes]:
        """Send one payload to every peer that was kept and return what each sent under the same tag."""
        for peer in self._peers:
            self.send(peer, tag, payload)
        return {peer: self.receive(peer, tag, timeout_s) for peer in self._peers}

    def _require(self, peer: int) -> None:
        if peer not in self._peers:
            raise ProtocolStateError(f"party {peer} is not among those selected")


class LoopbackNetwork:
    """Channels between parties of one process, for tests and for a single machine.

    Args:
        parties: how many.
        session: 32 bytes, public.
        attempt: public.
    """

    def __init__(self, parties: int, session: bytes, attempt: int = 0) -> None:
        self.channels: tuple[FramedChannel, ...] = tuple(
            FramedChannel(party, parties, session, attempt, self._transmitter(party)) for party in range(parties)
        )

    def _transmitter(self, sender: int) -> Callable[[int, bytes], None]:
        return lambda peer, frame: self.channels[peer].mailbox.deliver(frame, sender)

    def close(self) -> None:
        """Close every end and wake whoever waits."""
        for channel in self.channels:
            channel.close()


def _peers_of(party: int, parties: int, among: Collection[int] | None) -> tuple[int, ...]:
    """The other parties, or those of them that take part, in increasing order."""
    peers = tuple(peer for peer in range(parties) if peer != party and (among is None or peer in among))
    if among is not None and not set(among) <= {party, *peers}:
        raise ProtocolStateError(f"of {parties} parties no others than these can take part: {sorted(among)}")
    return peers
