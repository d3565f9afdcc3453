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
import itertools
from collections.abc import Sequence

import numpy as np

from mpc.endpoint import Endpoint
from mpc.errors import ProtocolStateError, RingValueError
from mpc.prg import Stream
from mpc.rings import Ring, RingArray
from mpc.shares import PARTIES, AdditiveShare, ReplicatedShare, stretched


class Engine(Endpoint):
    """One party's end of the protocols; arguments and limits are those of `mpc.endpoint.Endpoint`."""

    def over(self, ring: Ring) -> Engine:
        """Return an engine over another ring of ``mpc``: same channel, seeds, round and traffic, own labels.

        Its products are checked by its caller, whatever this engine does about its own.
        """
        other = Engine(ring, self._channel, self._seeds, self._session, self._attempt, timeout_s=self._timeout_s)
        other.traffic, other._round = self.traffic, self._round
        return other

    # Input and randomness

    def share_input(self, owner: int, x: RingArray | None, label: str, n: int, *, index: int = 0) -> ReplicatedShare:
        """Share a vector that one party owns. One message, n elements, from the owner to one peer.

        With owner p: component p+1 comes from the seed of p and p+1, component p+2 is public (from the common seed,
        or zero over rings of words), and component p = x - both goes to p+2. Party p+1 misses component p, party p+2
        misses component p+1, and each misses a value that is uniform to it.

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
        if self._fused is None:
            known = self._expand(self._seeds.common, tag, index, n)
        else:
            known = self._fused.quiet_zeros(n)
        if x is not None:
            if self._fused is None:
                after = self._expand(self._seeds.following, tag, index, n)
                own = self.ring.sub(self.ring.sub(x, after), known)
            else:
                own, after = self._fused.split(x, self._stream(self._seeds.following, tag, index))
            self._send(self._previous, tag, self._encode(own))
            return self._make(own, after)
        if owner == self._previous:
            return self._make(self._expand(self._seeds.previous, tag, index, n), known)
        return self._make(known, self._receive(owner, tag, n))

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
        if self._fused is not None:
            return AdditiveShare(self.party, self._fused.inner_summand((a.first, a.second), (b.first, b.second)))
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
        return self._replicate(self._masked(additive.values, tag, index), tag)

    def multiply(self, a: ReplicatedShare, b: ReplicatedShare, label: str, *, index: int = 0) -> ReplicatedShare:
        """Return shares of the elementwise product. One round, one element per product."""
        return self.multiply_many([(a, b)], label, index=index)[0]

    def multiply_many(
        self, pairs: Sequence[tuple[ReplicatedShare, ReplicatedShare]], label: str, *, index: int = 0
    ) -> list[ReplicatedShare]:
        """Return shares of several elementwise products. One round and one message for all of them."""
        if not pairs:
            raise RingValueError("no products asked for")
        for a, b in pairs:
            self._check(a, b)
        lengths = [max(len(a), len(b)) if len(a) and len(b) else 0 for a, b in pairs]
        if self._fused is None:
            summands = np.concatenate([self.local_product(a, b).values for a, b in pairs])
            products = self.reshare(AdditiveShare(self.party, summands), label, index=index)
        else:
            tag = self._claim("reshare", label, index)
            equal = [(stretched(a, n), stretched(b, n)) for (a, b), n in zip(pairs, lengths)]
            operands = [(a.first, a.second, b.first, b.second) for a, b in equal]
            products = self._replicate(self._fused.masked_products(operands, *self._mask_streams(tag, index)), tag)
        ends = list(itertools.accumulate(lengths))
        return [products[end - length : end] for length, end in zip(lengths, ends)]

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

    def local_matrix(self, a: ReplicatedShare, b: ReplicatedShare, depth: int) -> AdditiveShare:
        """Return this party's summand of a matrix product, row by row. No message.

        Args:
            a: rows · depth elements, row by row.
            b: depth · columns elements, row by row.
            depth: public, at least 1.

        Raises:
            RingValueError: the lengths are no multiples of the depth.
        """
        for share in (a, b):
            self._check(share)
        if depth < 1 or len(a) % depth or len(b) % depth:
            raise RingValueError(f"{len(a)} and {len(b)} elements are no matrices of depth {depth}")
        if self._fused is not None:
            return AdditiveShare(self.party, self._fused.matrix_summand((a.first, a.second, b.first, b.second), depth))
        rows, columns = len(a) // depth, len(b) // depth
        if not rows * columns:
            return AdditiveShare(self.party, self.ring.zeros(0))
        across = [ReplicatedShare(b.party, b.first[j::columns], b.second[j::columns]) for j in range(columns)]
        down = [a[i * depth : (i + 1) * depth] for i in range(rows)]
        return AdditiveShare(
            self.party, np.concatenate([self.local_inner(row, column).values for row in down for column in across])
        )

    def matrix_product(
        self, a: ReplicatedShare, b: ReplicatedShare, depth: int, label: str, *, index: int = 0
    ) -> ReplicatedShare:
        """Return shares of a matrix product, row by row; arguments as `local_matrix`.

        One round, one element per output.
        """
        return self.reshare(self.local_matrix(a, b, depth), label, index=index)

    def _mask_streams(self, tag: str, index: int) -> tuple[Stream, Stream]:
        return self._stream(self._seeds.previous, tag, index), self._stream(self._seeds.following, tag, index)

    def _masked(self, values: RingArray, tag: str, index: int) -> RingArray:
        """Add this party's summand of zero."""
        if self._fused is not None:
            return self._fused.masked(values, *self._mask_streams(tag, index))
        return self.ring.add(values, self._zero(len(values), tag, index))

    def _replicate(self, first: RingArray, tag: str) -> ReplicatedShare:
        """Send a masked summand to the previous party and receive the next one's. One round."""
        self._send(self._previous, tag, self._encode(first))
        self.traffic.rounds += 1
        return self._make(first, self._receive(self._next, tag, len(first)))

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
        ring = self.ring
        tag = self._claim("open", label, index)
        self._send(self._next, tag, self._encode(a.first))
        self._send(self._previous, tag, hashlib.sha256(self._encode(a.second)).digest())
        self.traffic.rounds += 1
        missing = self._decode(self._previous, self._confirmed(tag, label, len(a) * ring.element_bytes), len(a))
        return ring.add(ring.add(a.first, a.second), missing)

    def open_to(self, receiver: int, a: ReplicatedShare, label: str, *, index: int = 0) -> RingArray | None:
        """Open a shared vector to one party. Both holders of the component it misses must agree. One round.

        Returns:
            The vector at the receiver, None at the others.

        Raises:
            RingValueError: there is no such party.
            ShareMismatchError, ProtocolStateError, ChannelError: as `open`.
        """
        if receiver not in range(PARTIES):
            raise RingValueError(f"parties are 0, 1 and 2, got {receiver}")
        self._check(a)
        tag = self._claim("open-to", label, index)
        ring = self.ring
        self.traffic.rounds += 1
        if receiver == self._next:
            self._send(receiver, tag, self._encode(a.first))
        elif receiver == self._previous:
            self._send(receiver, tag, hashlib.sha256(self._encode(a.second)).digest())
        else:
            payload = self._confirmed(tag, label, len(a) * ring.element_bytes)
            return ring.add(ring.add(a.first, a.second), self._decode(self._previous, payload, len(a)))
        return None

    def open_additive(self, additive: AdditiveShare, label: str, *, index: int = 0) -> RingArray:
        """Open the sum of the three parties' summands to all of them, each masked by a fresh zero-share. One round.

        Only the sum becomes public. No second holder can contradict a summand: bind the result by other means.

        Raises:
            ProtocolStateError: a repeated label, or the summand of another party.
            ChannelError: a peer's message is missing or does not belong here.
        """
        self._check_additive(additive)
        tag = self._claim("sum", label, index)
        masked = self._masked(additive.values, tag, index)
        payload = self._encode(masked)
        for peer in (self._next, self._previous):
            self._send(peer, tag, payload)
        self.traffic.rounds += 1
        from_next = self._receive(self._next, tag, len(additive))
        return self.ring.add(self.ring.add(masked, from_next), self._receive(self._previous, tag, len(additive)))
