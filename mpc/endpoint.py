"""One party's end of a protocol: labels that are used once, streams, messages, and the checks of what arrives.

`mpc.replicated.Engine` builds on it; nothing here knows what is shared how.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from mpc.channel import Channel
from mpc.errors import MessageRejectedError, ProtocolStateError, RingValueError, ShareMismatchError
from mpc.frames import check_session
from mpc.prg import Seed, Stream
from mpc.rings import FusedRing, Ring, RingArray
from mpc.seeds import PairwiseSeeds
from mpc.shares import PARTIES, AdditiveShare, ReplicatedShare

MAX_LABEL_BYTES = 256


@dataclass(slots=True)
class Traffic:
    """What one engine has sent: messages, payload bytes, and rounds (waits for a peer)."""

    messages: int = 0
    payload_bytes: int = 0
    rounds: int = 0


class Endpoint:
    """One party's end, for one session and attempt. Not thread-safe: one thread calls it.

    Args:
        ring: where the values live.
        channel: authenticated channel among parties 0, 1, 2, made for this session and attempt.
        seeds: this party's seeds, agreed in this session.
        session: 32 bytes, public.
        attempt: public; a repeated attempt after a failure has another number, so that no mask is used twice.
        timeout_s: seconds to wait for each message.
        decode_errors: what ``ring.decode_bytes`` raises for a non-canonical encoding, if the ring is not ours.

    Raises:
        ProtocolStateError: channel and seeds belong to different parties.
        RingValueError: session or attempt out of range.
    """

    def __init__(
        self,
        ring: Ring,
        channel: Channel,
        seeds: PairwiseSeeds,
        session: bytes,
        attempt: int,
        *,
        timeout_s: float = 60.0,
        decode_errors: tuple[type[Exception], ...] = (),
    ) -> None:
        check_session(session, attempt)
        if sorted((channel.party, *channel.peers)) != list(range(PARTIES)) or seeds.party != channel.party:
            raise ProtocolStateError("an engine needs the channel and the seeds of one party of three")
        self.ring = ring
        self.party = channel.party
        self.traffic = Traffic()
        self._channel = channel
        self._seeds = seeds
        self._session = session
        self._attempt = attempt
        self._timeout_s = timeout_s
        self._fused = ring if isinstance(ring, FusedRing) else None
        self._decode_errors: tuple[type[Exception], ...] = (*decode_errors, RingValueError)
        self._next = (self.party + 1) % PARTIES
        self._previous = (self.party - 1) % PARTIES
        self._template = ring.zeros(0)
        self._round = 0
        self._claimed: set[tuple[str, int]] = set()

    # Rounds and labels

    @property
    def round(self) -> int:
        """The current round: part of every label."""
        return self._round

    def enter_round(self, number: int) -> None:
        """Go to a later round of the surrounding protocol; labels may then be used again.

        Raises:
            ProtocolStateError: the round does not lie ahead.
        """
        if number <= self._round:
            raise ProtocolStateError(f"round {number} does not follow round {self._round}")
        self._round = number
        self._claimed.clear()

    def exchange_bytes(self, label: str, payload: bytes, *, index: int = 0) -> dict[int, bytes]:
        """Send public bytes to both peers and return theirs, by party. One round; nothing is secret or confirmed.

        Raises:
            ProtocolStateError: a repeated label.
            ChannelError: a peer's message is missing or does not belong here.
        """
        tag = self._claim("bytes", label, index)
        for peer in (self._next, self._previous):
            self._send(peer, tag, payload)
        self.traffic.rounds += 1
        return {peer: self._channel.receive(peer, tag, self._timeout_s) for peer in (self._next, self._previous)}

    # For protocols in files of their own

    def exchange_components(self, first: bytes, second: bytes, label: str, *, index: int = 0) -> bytes:
        """Give a function of both components of a share away and return that of the missing one. One round.

        Args:
            first, second: encodings of the same public function of either component; the bytes of ``first`` go to the
                next party, the SHA-256 digest of ``second`` to the previous one. The opened value becomes public.
                They have one length.

        Raises:
            ShareMismatchError: the two holders of the missing component disagree.
            ProtocolStateError: a repeated label.
            ChannelError: a peer's message is missing or does not belong here.
        """
        tag = self._claim("open", label, index)
        self._send(self._next, tag, first)
        self._send(self._previous, tag, hashlib.sha256(second).digest())
        self.traffic.rounds += 1
        return b"".join(self._confirmed(tag, label, len(first)))

    def confirm(self, a: ReplicatedShare, label: str, *, index: int = 0) -> None:
        """Compare digests of a share that came from outside between the holders of each component. One round.

        A component has to be uniform: its digest goes to the other holder, who has it.

        Raises:
            ShareMismatchError: a holder was given something else.
            ProtocolStateError, ChannelError: as `open`.
        """
        self._check(a)
        first, second = (hashlib.sha256(self._encode(x)).digest() for x in (a.first, a.second))
        self.confirm_digests(first, second, label, index=index)

    def confirm_digests(self, first: bytes, second: bytes, label: str, *, index: int = 0) -> None:
        """Compare a digest for either of my components with the component's other holder. One round.

        Args:
            first, second: SHA-256 of something uniform that only the holders of that component have; secret to the
                third party, to whom neither is sent.

        Raises:
            ShareMismatchError: a holder has something else.
            ProtocolStateError, ChannelError: as `open`.
        """
        tag = self._claim("confirm", label, index)
        self._send(self._previous, tag, first)
        self._send(self._next, tag, second)
        self.traffic.rounds += 1
        for peer, own in ((self._next, second), (self._previous, first)):
            if not hmac.compare_digest(own, self._channel.receive(peer, tag, self._timeout_s)):
                raise ShareMismatchError(f"the holders of a component of {label!r} were given different values")

    def component_stream(self, component: int, label: str, *, index: int = 0) -> Stream | None:
        """Return a stream that the two holders of a component know and the third party does not. No message.

        All three parties call it, so that they use up the same labels.

        Args:
            component: 0, 1 or 2, held by parties component - 1 and component.

        Returns:
            The stream; None at the party that does not hold the component.

        Raises:
            ProtocolStateError: a repeated label.
        """
        tag = self._claim("pair", label, index)
        if component == (self.party + 2) % PARTIES:
            return None
        seed = self._seeds.previous if component == self.party else self._seeds.following
        return self._stream(seed, tag, index)

    def transfer(
        self, sender: int, receiver: int, masked: RingArray | None, n: int, label: str, *, index: int = 0
    ) -> RingArray | None:
        """Move a vector from one party to another. One message, n elements; nobody confirms it.

        A protocol counts the rounds of its transfers itself.

        Args:
            masked: at the sender, n elements that are uniform to the receiver; None at the others.

        Returns:
            The vector at the receiver, None at the others.

        Raises:
            ProtocolStateError: a repeated label; a vector at another party, or none at the sender.
            ChannelError: the message is missing or does not belong here.
        """
        if (masked is not None) != (sender == self.party):
            raise ProtocolStateError("the sender of a transfer, and nobody else, gives the vector")
        tag = self._claim("transfer", label, index)
        if masked is not None:
            self._check_array(masked)
            self._send(receiver, tag, self._encode(masked))
        if receiver != self.party:
            return None
        return self._receive(sender, tag, n)

    def swap(self, peer: int, masked: RingArray, label: str, *, index: int = 0) -> RingArray:
        """Send a vector to one peer and return the one of equal length that it sends; nobody confirms them. One round.

        Args:
            masked: elements that are uniform to the peer.

        Raises:
            ProtocolStateError: a repeated label; there is no such peer.
            ChannelError: the peer's message is missing or does not belong here.
        """
        self._check_array(masked)
        tag = self._claim("swap", label, index)
        self._send(peer, tag, self._encode(masked))
        self.traffic.rounds += 1
        return self._receive(peer, tag, len(masked))

    # Inside

    def _claim(self, operation: str, label: str, index: int) -> str:
        """Use up a label; return the tag and stream label of this use."""
        if not label or len(label.encode()) > MAX_LABEL_BYTES:
            raise RingValueError(f"a label has 1 to {MAX_LABEL_BYTES} bytes")
        if (label, index) in self._claimed:
            raise ProtocolStateError(f"label {label!r}, index {index} was already used in round {self._round}")
        self._claimed.add((label, index))
        return f"{self.ring.name}/{self._round}/{operation}/{index}/{label}"

    def _stream(self, seed: Seed, tag: str, index: int) -> Stream:
        return seed.stream(self._session, self._attempt, self._round, tag, index)

    def _expand(self, seed: Seed, tag: str, index: int, n: int) -> RingArray:
        return self.ring.expand(self._stream(seed, tag, index), n)

    def _zero(self, n: int, tag: str, index: int) -> RingArray:
        own = self._expand(self._seeds.previous, tag, index, n)
        return self.ring.sub(own, self._expand(self._seeds.following, tag, index, n))

    def _encode(self, values: RingArray) -> bytes | memoryview:
        return self.ring.encode_bytes(values) if self._fused is None else self._fused.view_bytes(values)

    def _send(self, peer: int, tag: str, payload: bytes | memoryview) -> None:
        self._channel.send(peer, tag, payload)
        self.traffic.messages += 1
        self.traffic.payload_bytes += len(payload)

    def _receive(self, peer: int, tag: str, n: int) -> RingArray:
        return self._decode(peer, self._channel.receive_parts(peer, tag, self._timeout_s), n)

    def _decode(self, peer: int, parts: Sequence[bytes | memoryview], n: int) -> RingArray:
        expected_bytes, got = n * self.ring.element_bytes, sum(map(len, parts))
        if got != expected_bytes:
            raise MessageRejectedError("length", f"party {peer}: expected {expected_bytes} bytes, got {got}")
        if self._fused is not None:
            return self._fused.from_parts(parts, n)
        try:
            return self.ring.decode_bytes(b"".join(parts))
        except self._decode_errors as error:
            raise MessageRejectedError("encoding", f"party {peer}: not canonical in {self.ring.name}") from error

    def _confirmed(self, tag: str, label: str, n_bytes: int) -> Sequence[bytes | memoryview]:
        """What the previous party says of the component this party misses, if the next one says the same."""
        parts = self._channel.receive_parts(self._previous, tag, self._timeout_s)
        if sum(map(len, parts)) != n_bytes:
            detail = f"party {self._previous}: expected {n_bytes} bytes, got {sum(map(len, parts))}"
            raise MessageRejectedError("length", detail)
        digest, received = self._channel.receive(self._next, tag, self._timeout_s), hashlib.sha256()
        for part in parts:
            received.update(part)
        if not hmac.compare_digest(digest, received.digest()):
            raise ShareMismatchError(f"the holders of component {self._previous} of {label!r} disagree")
        return parts

    def _make(self, first: RingArray, second: RingArray) -> ReplicatedShare:
        return ReplicatedShare(self.party, first, second)

    def _check_array(self, values: RingArray) -> None:
        fits = values.ndim == self._template.ndim and values.shape[1:] == self._template.shape[1:]
        if not fits or values.dtype != self._template.dtype:
            raise RingValueError(f"an array of shape {values.shape}, {values.dtype} is not one of {self.ring.name}")

    def _check_additive(self, additive: AdditiveShare) -> None:
        if additive.party != self.party:
            raise ProtocolStateError(f"party {self.party} was given a summand of party {additive.party}")
        self._check_array(additive.values)

    def _check(self, *shares: ReplicatedShare) -> None:
        for share in shares:
            if share.party != self.party:
                raise ProtocolStateError(f"party {self.party} was given a share of party {share.party}")
            self._check_array(share.first)
        self._check_lengths(*(len(share) for share in shares))

    def _check_lengths(self, *lengths: int) -> None:
        if len({length for length in lengths if length != 1}) > 1:
            raise RingValueError(f"vectors of lengths {lengths} do not fit together")
