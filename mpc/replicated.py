"""The engine of one party: replicated secret sharing among three, written once over any ``Ring``.

Parties are 0, 1, 2; x = x_0 + x_1 + x_2; party i holds (x_i, x_{i+1}), indices modulo 3. All three parties call the
same operations with the same labels in the same order, each on its own engine; a call returns when the party's own
part is done. Linear operations are free. Costs of the others, per party and element (E = encoded element):

    share_input      owner sends E to one peer            1 message
    zero_share       nothing                              0
    random           nothing                              0
    reshare          E to the previous party              1 round
    multiply         as reshare                           1 round
    inner            as reshare, one element per output   1 round
    open             E to the next, a digest to the previous   1 round
    open_additive    E to both                            1 round

**What is promised.** Against one semi-honest party, privacy: everything a party receives is uniform given its own
input and the opened values. Against one malicious party, ``open`` either returns the shared value or raises: the two
holders of each component must agree. Products are not checked here: a malicious party can shift a product by a value
of its choice, and an additive opening has no second holder. Callers bind such values by a proof or use
``mpc.checked``.

Source: Araki et al., CCS 2016, section 2 (products, zero-shares); docs/protocol.md, section 5.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.channel import Channel
from mpc.errors import MessageRejectedError, ProtocolStateError, RingValueError, ShareMismatchError
from mpc.frames import check_session
from mpc.prg import Seed, Stream
from mpc.rings import Ring, RingArray
from mpc.seeds import PairwiseSeeds
from mpc.shares import PARTIES, AdditiveShare, ReplicatedShare

MAX_LABEL_BYTES = 256


@dataclass(slots=True)
class Traffic:
    """What one engine has sent: messages, payload bytes, and rounds (waits for a peer)."""

    messages: int = 0
    payload_bytes: int = 0
    rounds: int = 0


class Engine:
    """One party's end of the protocols, for one session and attempt. Not thread-safe: one thread calls it.

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

    # Input and randomness

    def share_input(self, owner: int, x: RingArray | None, label: str, n: int, *, index: int = 0) -> ReplicatedShare:
        """Share a vector that one party owns. One message, n elements, from the owner to one peer.

        With owner p: component p+1 comes from the seed of p and p+1, component p+2 from the common seed, and
        component p = x - both goes to p+2. Party p+1 misses component p, party p+2 misses component p+1, and each
        misses a value that is uniform to it.

        Args:
            owner: 0, 1 or 2.
            x: the owner's vector of n elements, secret; None at the other parties.
            label: public, unique in the round.
            n: public length, the same at all parties.

        Raises:
            RingValueError: no such owner, wrong length or shape.
            ProtocolStateError: a repeated label; x at another party, or no x at the owner.
        """
        if owner not in range(PARTIES) or n < 0:
            raise RingValueError(f"no owner {owner} or no length {n}")
        if (x is not None) != (owner == self.party):
            raise ProtocolStateError("the owner of an input, and nobody else, gives it")
        if x is not None:
            self._check_array(x)
            if len(x) != n:
                raise RingValueError(f"expected an input of {n} elements, got {len(x)}")
        tag = self._claim("input", label, index)
        self.traffic.rounds += 1
        if x is not None:
            after = self._expand(self._seeds.following, tag, index, n)
            last = self._expand(self._seeds.common, tag, index, n)
            own = self.ring.sub(self.ring.sub(x, after), last)
            self._send(self._previous, tag, self.ring.encode_bytes(own))
            return ReplicatedShare(self.party, own, after)
        last = self._expand(self._seeds.common, tag, index, n)
        if owner == self._previous:
            return ReplicatedShare(self.party, self._expand(self._seeds.previous, tag, index, n), last)
        return ReplicatedShare(self.party, last, self._receive(owner, tag, n))

    def random(self, n: int, label: str, *, index: int = 0) -> ReplicatedShare:
        """Share n uniform elements that nobody knows. No message.

        Raises:
            ProtocolStateError: a repeated label.
        """
        tag = self._claim("random", label, index)
        first = self._expand(self._seeds.previous, tag, index, n)
        return ReplicatedShare(self.party, first, self._expand(self._seeds.following, tag, index, n))

    def zero_share(self, n: int, label: str, *, index: int = 0) -> AdditiveShare:
        """Return this party's summand of n zeros: uniform to any one other party. No message.

        The three summands are F_i - F_{i+1} with F_j drawn from the seed of component j under
        session, attempt, round, label and index, so that no mask answers twice.

        Raises:
            ProtocolStateError: a repeated label.
        """
        tag = self._claim("zero", label, index)
        return AdditiveShare(self.party, self._zero(n, tag, index))

    # Linear operations: local

    def add(self, a: ReplicatedShare, b: ReplicatedShare) -> ReplicatedShare:
        """Return shares of a + b."""
        self._check(a, b)
        return self._make(self.ring.add(a.first, b.first), self.ring.add(a.second, b.second))

    def sub(self, a: ReplicatedShare, b: ReplicatedShare) -> ReplicatedShare:
        """Return shares of a - b."""
        self._check(a, b)
        return self._make(self.ring.sub(a.first, b.first), self.ring.sub(a.second, b.second))

    def neg(self, a: ReplicatedShare) -> ReplicatedShare:
        """Return shares of -a."""
        self._check(a)
        return self._make(self.ring.neg(a.first), self.ring.neg(a.second))

    def total(self, a: ReplicatedShare) -> ReplicatedShare:
        """Return the share of the sum of all elements, one element."""
        self._check(a)
        return self._make(self.ring.total(a.first), self.ring.total(a.second))

    def scale_public(self, a: ReplicatedShare, factor: int) -> ReplicatedShare:
        """Return shares of factor · a for a public integer."""
        return self.mul_public(a, self.ring.from_integers([factor]))

    def mul_public(self, a: ReplicatedShare, b_pub: RingArray) -> ReplicatedShare:
        """Return shares of the elementwise product with a public vector (or one public element)."""
        self._check(a)
        self._check_array(b_pub)
        self._check_lengths(len(a), len(b_pub))
        return self._make(self.ring.mul(a.first, b_pub), self.ring.mul(a.second, b_pub))

    def add_public(self, a: ReplicatedShare, b_pub: RingArray) -> ReplicatedShare:
        """Return shares of a + b for a public vector of the same length, or one element. Component 0 takes it."""
        self._check(a)
        self._check_array(b_pub)
        if len(b_pub) not in (1, len(a)):
            raise RingValueError(f"cannot add {len(b_pub)} public elements to {len(a)} shared ones")
        if self.party == 0:
            return self._make(self.ring.add(a.first, b_pub), a.second)
        if self._next == 0:
            return self._make(a.first, self.ring.add(a.second, b_pub))
        return a

    def constant(self, values_pub: RingArray) -> ReplicatedShare:
        """Return shares of a public vector: component 0 is the vector, the others are zero."""
        self._check_array(values_pub)
        zeros = self.ring.zeros(len(values_pub))
        return self.add_public(self._make(zeros, zeros), values_pub)

    # Products

    def local_product(self, a: ReplicatedShare, b: ReplicatedShare) -> AdditiveShare:
        """Return this party's summand of the elementwise product: a_i (b_i + b_{i+1}) + a_{i+1} b_i. No message.

        The summand is a function of the party's own shares: mask it before it leaves (``reshare`` and
        ``open_additive`` do).
        """
        self._check(a, b)
        ring = self.ring
        both = ring.add(b.first, b.second)
        return AdditiveShare(self.party, ring.add(ring.mul(a.first, both), ring.mul(a.second, b.first)))

    def local_inner(self, a: ReplicatedShare, b: ReplicatedShare) -> AdditiveShare:
        """Return this party's summand of the inner product, one element. No message."""
        self._check(a, b)
        if len(a) != len(b):
            raise RingValueError(f"inner product of {len(a)} and {len(b)} elements")
        ring = self.ring
        both = ring.add(b.first, b.second)
        return AdditiveShare(self.party, ring.add(ring.inner(a.first, both), ring.inner(a.second, b.first)))

    def reshare(self, additive: AdditiveShare, label: str, *, index: int = 0) -> ReplicatedShare:
        """Turn additive shares into replicated ones: mask with a zero-share, send to the previous party. One round.

        Raises:
            ProtocolStateError: a repeated label, or the summand of another party.
            ChannelError: the next party's message is missing or does not belong here.
        """
        self._check_additive(additive)
        tag = self._claim("reshare", label, index)
        first = self.ring.add(additive.values, self._zero(len(additive), tag, index))
        self._send(self._previous, tag, self.ring.encode_bytes(first))
        self.traffic.rounds += 1
        return self._make(first, self._receive(self._next, tag, len(additive)))

    def multiply(self, a: ReplicatedShare, b: ReplicatedShare, label: str, *, index: int = 0) -> ReplicatedShare:
        """Return shares of the elementwise product. One round, one element per product."""
        return self.reshare(self.local_product(a, b), label, index=index)

    def inner(self, a: ReplicatedShare, b: ReplicatedShare, label: str, *, index: int = 0) -> ReplicatedShare:
        """Return the share of the inner product. One round, one element whatever the length."""
        return self.inner_many([(a, b)], label, index=index)

    def inner_many(
        self, pairs: Sequence[tuple[ReplicatedShare, ReplicatedShare]], label: str, *, index: int = 0
    ) -> ReplicatedShare:
        """Return shares of several inner products as one vector. One round, one element per pair."""
        if not pairs:
            raise RingValueError("no inner products asked for")
        summands = np.concatenate([self.local_inner(a, b).values for a, b in pairs])
        return self.reshare(AdditiveShare(self.party, summands), label, index=index)

    # Opening: the only way out

    def open(self, a: ReplicatedShare, label: str, *, index: int = 0) -> RingArray:
        """Open a shared vector to all three parties. One round.

        Every party receives the component it misses from one holder and its SHA-256 digest from the other.

        Returns:
            The public vector.

        Raises:
            ShareMismatchError: the two holders disagree; nothing is returned.
            ProtocolStateError: a repeated label, or a share of another party.
            ChannelError: a peer's message is missing or does not belong here.
        """
        self._check(a)
        tag = self._claim("open", label, index)
        ring = self.ring
        self._send(self._next, tag, ring.encode_bytes(a.first))
        self._send(self._previous, tag, hashlib.sha256(ring.encode_bytes(a.second)).digest())
        payload = self._channel.receive(self._previous, tag, self._timeout_s)
        missing = self._decode(self._previous, payload, len(a))
        digest = self._channel.receive(self._next, tag, self._timeout_s)
        self.traffic.rounds += 1
        if not hmac.compare_digest(digest, hashlib.sha256(payload).digest()):
            raise ShareMismatchError(f"the holders of component {self._previous} of {label!r} disagree")
        return ring.add(ring.add(a.first, a.second), missing)

    def open_additive(self, additive: AdditiveShare, label: str, *, index: int = 0) -> RingArray:
        """Open the sum of the three parties' summands to all of them, each masked by a fresh zero-share. One round.

        Only the sum becomes public. No second holder can contradict a summand: bind the result by other means.

        Raises:
            ProtocolStateError: a repeated label, or the summand of another party.
            ChannelError: a peer's message is missing or does not belong here.
        """
        self._check_additive(additive)
        tag = self._claim("sum", label, index)
        masked = self.ring.add(additive.values, self._zero(len(additive), tag, index))
        payload = self.ring.encode_bytes(masked)
        for peer in (self._next, self._previous):
            self._send(peer, tag, payload)
        self.traffic.rounds += 1
        from_next = self._receive(self._next, tag, len(additive))
        return self.ring.add(self.ring.add(masked, from_next), self._receive(self._previous, tag, len(additive)))

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
        return seed.stream(self._session, self._attempt, self._round, tag, index)

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
            self._send(receiver, tag, self.ring.encode_bytes(masked))
        if receiver != self.party:
            return None
        return self._receive(sender, tag, n)

    # Inside

    def _claim(self, operation: str, label: str, index: int) -> str:
        """Use up a label; return the tag and stream label of this use."""
        if not label or len(label.encode()) > MAX_LABEL_BYTES:
            raise RingValueError(f"a label has 1 to {MAX_LABEL_BYTES} bytes")
        if (label, index) in self._claimed:
            raise ProtocolStateError(f"label {label!r}, index {index} was already used in round {self._round}")
        self._claimed.add((label, index))
        return f"{self.ring.name}/{self._round}/{operation}/{index}/{label}"

    def _expand(self, seed: Seed, tag: str, index: int, n: int) -> RingArray:
        return self.ring.expand(seed.stream(self._session, self._attempt, self._round, tag, index), n)

    def _zero(self, n: int, tag: str, index: int) -> RingArray:
        own = self._expand(self._seeds.previous, tag, index, n)
        return self.ring.sub(own, self._expand(self._seeds.following, tag, index, n))

    def _send(self, peer: int, tag: str, payload: bytes) -> None:
        self._channel.send(peer, tag, payload)
        self.traffic.messages += 1
        self.traffic.payload_bytes += len(payload)

    def _receive(self, peer: int, tag: str, n: int) -> RingArray:
        payload = self._channel.receive(peer, tag, self._timeout_s)
        return self._decode(peer, payload, n)

    def _decode(self, peer: int, payload: bytes, n: int) -> RingArray:
        expected_bytes = n * self.ring.element_bytes
        if len(payload) != expected_bytes:
            raise MessageRejectedError("length", f"party {peer}: expected {expected_bytes} bytes, got {len(payload)}")
        try:
            return self.ring.decode_bytes(payload)
        except self._decode_errors as error:
            raise MessageRejectedError("encoding", f"party {peer}: not canonical in {self.ring.name}") from error

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
