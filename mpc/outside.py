"""Owners outside the three: how one enters vectors, and how it has a share of zero among all contributors.

At the start of a session an owner draws three seeds and deals seed c to the holders of component c, parties c - 1 and
c. Party i therefore has seeds i and i + 1, never all three. Then, under a label of its own each,

    input   x = x_0 + x_1 + x_2 with x_1 and x_2 from seeds 1 and 2; x_0 is sent to both of its holders
    zero    the owner's share is F_0 + F_1 + F_2 with F_c from seed c, party c's is -F_c

An input is uniform to each party alone, as its third component is; so is whatever the owner masks. An owner may deal
its two holders different seeds or components: `OutsideInputs.confirm` compares what they were given, and until then
nothing that depends on an input may be opened. (A false share of zero shows in the sum it masks.)

Source: Araki et al., CCS 2016, section 2; the seeds of an owner are ours (docs/adr/0026).
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from mpc.channel import Channel
from mpc.errors import MessageRejectedError, ProtocolStateError, RingValueError
from mpc.frames import check_session
from mpc.prg import SEED_BYTES, Seed
from mpc.replicated import Engine
from mpc.rings import Ring, RingArray
from mpc.shares import PARTIES, AdditiveShare, ReplicatedShare

_DEAL: Final = "outside/seeds"


class OutsideOwner:
    """An owner's end, for one session and attempt. Used by one thread.

    Args:
        ring: where the values live.
        channel: authenticated channel to the parties 0, 1 and 2, made for this session and attempt.
        session: 32 bytes, public.
        attempt: public.

    Raises:
        ProtocolStateError: the channel lacks a party, or this end is one of the three.
        RingValueError: session or attempt out of range.
    """

    def __init__(self, ring: Ring, channel: Channel, session: bytes, attempt: int) -> None:
        check_session(session, attempt)
        if channel.party in range(PARTIES) or not set(range(PARTIES)) <= set(channel.peers):
            raise ProtocolStateError("an outside owner needs a channel to all three parties, and is none of them")
        self._ring, self._channel, self._session, self._attempt = ring, channel, session, attempt
        self._seeds: tuple[Seed, ...] = ()

    def over(self, ring: Ring) -> OutsideOwner:
        """Return this end over another ring, with the same seeds, which were dealt; labels are the ring's own."""
        other = OutsideOwner(ring, self._channel, self._session, self._attempt)
        other._seeds = self._seeds
        return other

    def deal(self) -> None:
        """Draw the seeds and deal them. Once, before everything else; one message to each party.

        Raises:
            ProtocolStateError: they were dealt.
            ChannelError: a party is gone.
        """
        if self._seeds:
            raise ProtocolStateError("the seeds were dealt before")
        drawn = [secrets.token_bytes(SEED_BYTES) for _ in range(PARTIES)]
        for party in range(PARTIES):
            self._channel.send(party, _DEAL, drawn[party] + drawn[(party + 1) % PARTIES])
        self._seeds = tuple(map(Seed, drawn))

    def share(self, x: RingArray, label: str) -> None:
        """Enter a vector. One message of its length to two parties.

        Args:
            x: n elements, secret.
            label: public, unique among the inputs of the session.

        Raises:
            ProtocolStateError: no seeds were dealt, or the label was used.
            ChannelError: a party is gone.
        """
        tag = _tag(self._ring, "input", label)
        rest = x
        for component in (1, 2):
            rest = self._ring.sub(rest, self._expand(component, tag, len(x)))
        payload = self._ring.encode_bytes(rest)
        for holder in (0, PARTIES - 1):
            self._channel.send(holder, tag, payload)

    def zero_share(self, n: int, label: str) -> RingArray:
        """Return this owner's share of n zeros, uniform to every single party. No message.

        Raises:
            ProtocolStateError: no seeds were dealt, or the label was used.
        """
        tag = _tag(self._ring, "zero", label)
        total = self._expand(0, tag, n)
        for component in (1, 2):
            total = self._ring.add(total, self._expand(component, tag, n))
        return total

    def _expand(self, component: int, tag: str, n: int) -> RingArray:
        if not self._seeds:
            raise ProtocolStateError("the seeds were not dealt yet")
        return self._ring.expand(self._seeds[component].stream(self._session, self._attempt, 0, tag), n)


class OutsideInputs:
    """One party's end for one outside owner; all three parties call the same, in the same order.

    Args:
        engine: this party's, over the ring of the inputs.
        channel: also joins the owner.
        owner: the owner's number.
        session, attempt: those of the engine.
        timeout_s: seconds to wait for each message.
        decode_errors: as `mpc.endpoint.Endpoint`.

    Raises:
        ProtocolStateError: the channel does not join the owner, or the owner is one of the three.
    """

    def __init__(
        self,
        engine: Engine,
        channel: Channel,
        owner: int,
        session: bytes,
        attempt: int,
        *,
        timeout_s: float = 60.0,
        decode_errors: tuple[type[Exception], ...] = (),
    ) -> None:
        check_session(session, attempt)
        if owner in range(PARTIES) or owner not in channel.peers:
            raise ProtocolStateError(f"party {owner} is no outside owner that the channel joins")
        self._engine, self._channel, self._owner = engine, channel, owner
        self._session, self._attempt, self._timeout_s = session, attempt, timeout_s
        self._decode_errors: tuple[type[Exception], ...] = (*decode_errors, RingValueError)
        self._seeds: tuple[Seed, Seed] | None = None
        self._given = (hashlib.sha256(), hashlib.sha256())

    def over(self, engine: Engine) -> OutsideInputs:
        """Return this end over another engine of the same party, session and attempt, with the same seeds, which were
        received; `confirm` of either covers both."""
        other = OutsideInputs(engine, self._channel, self._owner, self._session, self._attempt,
                              timeout_s=self._timeout_s, decode_errors=self._decode_errors)
        other._seeds, other._given = self._seeds, self._given
        return other

    def receive_seeds(self) -> None:
        """Take the owner's seeds of my two components. Once, before everything else.

        Raises:
            ProtocolStateError: they were taken.
            ChannelError: the owner is gone, or sent what does not belong here.
        """
        if self._seeds is not None:
            raise ProtocolStateError("the seeds were received before")
        dealt = self._channel.receive(self._owner, _DEAL, self._timeout_s)
        if len(dealt) != 2 * SEED_BYTES:
            raise MessageRejectedError("length", f"owner {self._owner} deals two seeds of {SEED_BYTES} bytes")
        first, second = dealt[:SEED_BYTES], dealt[SEED_BYTES:]
        for given, seed in zip(self._given, (first, second)):
            given.update(seed)
        self._seeds = Seed(first), Seed(second)

    def share(self, n: int, label: str) -> ReplicatedShare:
        """Return this party's share of a vector that the owner enters.

        Args:
            n: public length.
            label: as the owner's.

        Raises:
            ProtocolStateError: there are no seeds, or the label was used.
            ChannelError: the owner's message is missing or does not belong here.
        """
        tag, party = _tag(self._engine.ring, "input", label), self._engine.party
        if party == 0:
            second = self._expand(1, tag, n)
            return ReplicatedShare(party, self._received(tag, n), second)
        first = self._expand(0, tag, n)
        second = self._received(tag, n) if party == PARTIES - 1 else self._expand(1, tag, n)
        return ReplicatedShare(party, first, second)

    def zero_share(self, n: int, label: str) -> AdditiveShare:
        """Return this party's share of the n zeros under the owner's label. No message.

        Raises:
            ProtocolStateError: there are no seeds, or the label was used.
        """
        ring = self._engine.ring
        return AdditiveShare(self._engine.party, ring.neg(self._expand(0, _tag(ring, "zero", label), n)))

    def confirm(self, label: str) -> None:
        """Compare everything the owner has dealt so far between the holders of each component. One round.

        Raises:
            ShareMismatchError: the owner, or a holder, lies.
            ProtocolStateError: the label was used.
            ChannelError: a party is gone.
        """
        first, second = (given.digest() for given in self._given)
        self._engine.confirm_digests(first, second, label, index=self._owner)

    def _received(self, tag: str, n: int) -> RingArray:
        """Component 0, as its holders are given it."""
        ring, payload = self._engine.ring, self._channel.receive(self._owner, tag, self._timeout_s)
        if len(payload) != n * ring.element_bytes:
            detail = f"owner {self._owner}: expected {n * ring.element_bytes} bytes, got {len(payload)}"
            raise MessageRejectedError("length", detail)
        try:
            found = ring.decode_bytes(payload)
        except self._decode_errors as error:
            raise MessageRejectedError("encoding", f"owner {self._owner}: not canonical in {ring.name}") from error
        self._given[0 if self._engine.party == 0 else 1].update(payload)
        return found

    def _expand(self, place: int, tag: str, n: int) -> RingArray:
        if self._seeds is None:
            raise ProtocolStateError("the owner's seeds were not received yet")
        return self._engine.ring.expand(self._seeds[place].stream(self._session, self._attempt, 0, tag), n)


def _tag(ring: Ring, operation: str, label: str) -> str:
    return f"outside/{ring.name}/{operation}/{label}"
