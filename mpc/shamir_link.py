"""How a party of n sends and receives: rounds that need everybody, and rounds without those who are gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from mpc.channel import Channel
from mpc.endpoint import MAX_LABEL_BYTES, Traffic
from mpc.errors import ChannelError, MessageRejectedError, ProtocolStateError, RingValueError
from mpc.frames import check_session
from mpc.prg import Seed, Stream
from mpc.rings import Ring, RingArray


class ShamirLink:
    """One party's channel, seeds and labels; its arguments are those of `mpc.shamir.ShamirEngine`.

    Raises:
        ProtocolStateError: a seed is missing.
        RingValueError: session or attempt out of range.
    """

    def __init__(
        self,
        ring: Ring,
        channel: Channel,
        seeds: Mapping[int, Seed],
        session: bytes,
        attempt: int,
        timeout_s: float,
        decode_errors: tuple[type[Exception], ...],
    ) -> None:
        check_session(session, attempt)
        if set(seeds) != set(channel.peers):
            raise ProtocolStateError("an engine needs one seed for each peer")
        self.ring = ring
        self.party = channel.party
        self.parties = len(channel.peers) + 1
        self.traffic = Traffic()
        self.gone: set[int] = set()
        self.wrong: set[int] = set()
        self._channel = channel
        self._seeds = seeds
        self._session = session
        self._attempt = attempt
        self._timeout_s = timeout_s
        self._decode_errors: tuple[type[Exception], ...] = (*decode_errors, RingValueError)
        self._claimed: set[tuple[str, int]] = set()

    def claim(self, operation: str, label: str, index: int) -> str:
        """Use up a label; return the tag of this use."""
        if not label or len(label.encode()) > MAX_LABEL_BYTES:
            raise RingValueError(f"a label has 1 to {MAX_LABEL_BYTES} bytes")
        if (label, index) in self._claimed:
            raise ProtocolStateError(f"label {label!r}, index {index} was already used")
        self._claimed.add((label, index))
        return f"shamir/{self.ring.name}/{operation}/{index}/{label}"

    def pair_stream(self, dealer: int, peer: int, tag: str) -> Stream:
        """Return the stream of one dealing that this party and the other end of the dealing know."""
        other = peer if dealer == self.party else dealer
        return self._seeds[other].stream(self._session, self._attempt, 0, f"{tag}/{dealer}", 0)

    def own_first(self, parties: Iterable[int]) -> list[int]:
        """The parties with this one in front, so that nobody waits before it has sent."""
        return sorted(parties, key=lambda party: (party != self.party, party))

    def send(self, peer: int, tag: str, payload: bytes) -> None:
        """Send one message; raises ``ChannelError``."""
        self._channel.send(peer, tag, payload)
        self.traffic.messages += 1
        self.traffic.payload_bytes += len(payload)

    def receive(self, peer: int, tag: str, n: int) -> RingArray:
        """Return a peer's vector of n elements; raises ``ChannelError``."""
        return self.decode(peer, self._channel.receive(peer, tag, self._timeout_s), n)

    def exchange(self, tag: str, payload: bytes) -> dict[int, bytes]:
        """Send one payload to everybody and return what each sent. One round; everybody must be there."""
        for peer in self._channel.peers:
            self.send(peer, tag, payload)
        self.traffic.rounds += 1
        return {peer: self._channel.receive(peer, tag, self._timeout_s) for peer in self._channel.peers}

    def gather(self, tag: str, values: RingArray) -> dict[int, RingArray]:
        """Send one vector to everybody and return those that come in time, this party's own included. One round.

        A peer that cannot be sent to, or from whom nothing sensible comes, is gone from now on.
        """
        payload = self.ring.encode_bytes(values)
        for peer in self._channel.peers:
            if peer not in self.gone:
                try:
                    self.send(peer, tag, payload)
                except ChannelError:
                    self.gone.add(peer)
        self.traffic.rounds += 1
        received = {self.party: values}
        deadline = time.monotonic() + self._timeout_s
        for peer in self._channel.peers:
            if peer in self.gone or peer in self.wrong:
                continue
            try:
                answer = self._channel.receive(peer, tag, max(deadline - time.monotonic(), 0.0))
                received[peer] = self.decode(peer, answer, len(values))
            except ChannelError:
                self.gone.add(peer)
        return received

    def decode(self, peer: int, payload: bytes, n: int) -> RingArray:
        """Return the n elements of a message.

        Raises:
            MessageRejectedError: another length, or not canonical.
        """
        expected_bytes = n * self.ring.element_bytes
        if len(payload) != expected_bytes:
            raise MessageRejectedError("length", f"party {peer}: expected {expected_bytes} bytes, got {len(payload)}")
        try:
            return self.ring.decode_bytes(payload)
        except self._decode_errors as error:
            raise MessageRejectedError("encoding", f"party {peer}: not canonical in {self.ring.name}") from error
