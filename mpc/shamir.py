"""The engine of one party among n: Shamir sharing with threshold t < n/2, sums and inner products that survive losses.

Party i holds f(i + 1). All parties call the same operations with the same labels in the same order, each on its own
engine. Linear operations are free. Costs of the others, per party and element sent (E = encoded element, d = t for
values and 2t for masks):

    share_input       owner sends E to n - 1 - t peers                1 round
    random            t + 1 parties send (n - 1 - t)·E each           1 round
    prepare_masks     t + 1 parties send (n - 1 - 2t)·E each          1 round; n = 2t + 1: nothing
    verify_dealings   a coin and two opened elements                  4 rounds
    multiply          everybody sends (n - 1 - t)·E                   1 round
    open              everybody sends (n - 1)·E                       1 round
    open_inner_many   everybody sends (n - 1)·E for each output       1 round, and a mask for each output

**What is promised.** An opening (`open` with d = t, `open_inner_many` with d = 2t) returns the right value if of the
m > d shares that come at most (m - d - 1) / 2 are wrong: parties may be gone and others lie. Up to m - d - 1 wrong ones
raise; more can falsify. So t liars are corrected in sums if n > 3t and in inner products if n > 4t.

Privacy against t parties that follow the protocol: what they receive is uniform given their inputs and the opened
values. Against t parties that do not, the same for linear operations and inner products if `verify_dealings` has
passed before anything is opened: it catches a false dealing but for probability 2/|F| (of a mask, if the
honest parties are more than 2t, as with inner products above). `multiply` is for parties that follow the protocol: its
dealings are not checked, and false ones can make a later opening tell too much.

A party that sends nothing, or nothing that belongs there, within the time allowed is `gone` for this engine; one whose
share was wrong is `wrong`; neither is waited for again. Openings go on without them. Dealings and products do not:
they raise, because the parties would have to agree on who is gone.

Source: Ben-Or, Goldwasser, Wigderson (STOC 1988) and Gennaro, Rabin, Rabin (PODC 1998), section 3.1, for products;
dealing from pairwise seeds as in Cramer, Damgård, Ishai (TCC 2005), section 1, with one seed for each pair.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

import numpy as np

from mpc.channel import Channel
from mpc.coin import toss_coin
from mpc.compare import field_modulus
from mpc.endpoint import Traffic
from mpc.errors import DealingCheckError, ProtocolStateError, ReconstructionError, RingValueError
from mpc.prg import Seed
from mpc.reed_solomon import combine, decode_vectors, lagrange
from mpc.rings import Ring, RingArray
from mpc.shamir_dealing import deal
from mpc.shamir_link import ShamirLink
from mpc.shamir_shares import ShamirShare, ZeroMasks


class ShamirEngine:
    """One party's end of the protocols, for one session and attempt. Not thread-safe: one thread calls it.

    Args:
        ring: a prime field of more than 64 bits.
        channel: authenticated channel among the parties 0 to n - 1, made for this session and attempt.
        seeds: by peer, agreed in this session (`mpc.pair_seeds`).
        session: 32 bytes, public.
        attempt: public; a repeated attempt has another number, so that no mask is used twice.
        threshold: t, at least 1, with 2t < n.
        timeout_s: seconds to wait for each round.
        decode_errors: what ``ring.decode_bytes`` raises for a non-canonical encoding, if the ring is not ours.

    Raises:
        RingValueError: the ring is no such field, or the threshold does not fit the number of parties.
        ProtocolStateError: a seed is missing.
    """

    def __init__(
        self,
        ring: Ring,
        channel: Channel,
        seeds: Mapping[int, Seed],
        session: bytes,
        attempt: int,
        threshold: int,
        *,
        timeout_s: float = 60.0,
        decode_errors: tuple[type[Exception], ...] = (),
    ) -> None:
        self.parties = len(channel.peers) + 1
        if threshold < 1 or 2 * threshold >= self.parties:
            raise RingValueError(f"a threshold t has 1 <= t and 2t < n = {self.parties}, got {threshold}")
        self.ring = ring
        self.modulus = field_modulus(ring)
        self.party = channel.party
        self.threshold = threshold
        self._link = ShamirLink(ring, channel, seeds, session, attempt, timeout_s, decode_errors)
        self._dealt: list[RingArray] = []
        self._dealt_zeros: list[RingArray] = []

    @property
    def traffic(self) -> Traffic:
        """What this engine has sent."""
        return self._link.traffic

    @property
    def gone(self) -> frozenset[int]:
        """Parties that some opening did not hear from in time, or heard nonsense from."""
        return frozenset(self._link.gone)

    @property
    def wrong(self) -> frozenset[int]:
        """Parties whose share some opening found to be wrong."""
        return frozenset(self._link.wrong)

    # Dealing

    def share_input(self, owner: int, x: RingArray | None, label: str, n: int, *, index: int = 0) -> ShamirShare:
        """Share a vector that one party owns.

        Args:
            owner: any party.
            x: the owner's vector of n elements, secret; None at the others.
            label: public, unique in the attempt.
            n: public length, the same at all parties.

        Raises:
            RingValueError: no such owner, or a wrong length.
            ProtocolStateError: a repeated label; x at another party, or no x at the owner.
            ChannelError: the owner's message is missing or does not belong here.
        """
        if owner not in range(self.parties) or n < 0:
            raise RingValueError(f"no owner {owner} or no length {n}")
        if (x is not None) != (owner == self.party):
            raise ProtocolStateError("the owner of an input, and nobody else, gives it")
        if x is not None and len(x) != n:
            raise RingValueError(f"expected an input of {n} elements, got {len(x)}")
        tag = self._link.claim("input", label, index)
        self.traffic.rounds += 1
        values = deal(self._link, owner, x, n, self.threshold, tag)
        self._dealt.append(values)
        return self._make(values)

    def random(self, n: int, label: str, *, index: int = 0) -> ShamirShare:
        """Share n uniform elements that no t parties know: the sum of t + 1 parties' dealings. One round."""
        values = self._dealt_together(n, self.threshold, "random", label, index)
        self._dealt.append(values)
        return self._make(values)

    def prepare_masks(self, n: int, label: str, *, index: int = 0) -> ZeroMasks:
        """Share n zeros of degree 2t: one for each inner product that will be opened. One round.

        Everybody must be there; the openings later do without those who are gone by then.
        """
        values = self._dealt_together(n, 2 * self.threshold, "masks", label, index)
        self._dealt_zeros.append(values)
        return ZeroMasks(self.party, values)

    def verify_dealings(self, label: str, *, index: int = 0) -> None:
        """Check everything dealt since the last call: values have degree t, masks degree 2t and the value zero.

        One random combination of the values, and one of the masks, is opened under a mask of its own. A dealing that
        is wrong in any row passes with probability 2/|F|. Everybody must be there.

        Raises:
            DealingCheckError: a dealing is wrong, or somebody opened a wrong share. Use nothing of it.
            MessageRejectedError, ChannelError: as the coin and receptions raise them.
        """
        ring, link, t = self.ring, self._link, self.threshold
        value = self._dealt_together(1, t, "random", f"{label}/blinder", index)
        zero = self._dealt_together(1, 2 * t, "masks", f"{label}/blinder/zero", index)
        dealt, dealt_zeros = self._dealt, self._dealt_zeros
        self._dealt, self._dealt_zeros = [], []
        # Tossed when all dealings have arrived: an error cannot depend on the weights.
        coin = Seed(toss_coin(self, f"{label}/coin", index=index))
        for at, values in enumerate(dealt):
            value = ring.add(value, self._weighted(values, coin, f"value/{at}"))
        for at, values in enumerate(dealt_zeros):
            zero = ring.add(zero, self._weighted(values, coin, f"zero/{at}"))
        tag = link.claim("check", label, index)
        own = ring.encode_bytes(value) + ring.encode_bytes(zero)
        received = link.exchange(tag, own)
        vectors = {
            party + 1: link.decode(party, payload, 2) for party, payload in {**received, self.party: own}.items()
        }
        try:
            _, wrong_values = decode_vectors(ring, self.modulus, {x: v[:1] for x, v in vectors.items()}, t)
            opened, wrong_zeros = decode_vectors(ring, self.modulus, {x: v[1:] for x, v in vectors.items()}, 2 * t)
        except ReconstructionError as error:
            raise DealingCheckError(f"a dealing before {label!r} has too high a degree; nothing was opened") from error
        if wrong_values or wrong_zeros or ring.to_integers(opened) != [0]:
            raise DealingCheckError(f"a dealing before {label!r} is false; nothing was opened")

    # Linear operations: local

    def add(self, a: ShamirShare, b: ShamirShare) -> ShamirShare:
        """Return shares of a + b."""
        self._check(a, b)
        return self._make(self.ring.add(a.values, b.values))

    def sub(self, a: ShamirShare, b: ShamirShare) -> ShamirShare:
        """Return shares of a - b."""
        self._check(a, b)
        return self._make(self.ring.sub(a.values, b.values))

    def total(self, a: ShamirShare) -> ShamirShare:
        """Return the share of the sum of all elements, one element."""
        self._check(a)
        return self._make(self.ring.total(a.values))

    def mul_public(self, a: ShamirShare, b_pub: RingArray) -> ShamirShare:
        """Return shares of the elementwise product with a public vector (or one public element)."""
        self._check(a)
        self._check_lengths(len(a), len(b_pub))
        return self._make(self.ring.mul(a.values, b_pub))

    def add_public(self, a: ShamirShare, b_pub: RingArray) -> ShamirShare:
        """Return shares of a + b for a public vector, or one public element."""
        self._check(a)
        self._check_lengths(len(a), len(b_pub))
        return self._make(self.ring.add(a.values, b_pub))

    # Products

    def multiply(self, a: ShamirShare, b: ShamirShare, label: str, *, index: int = 0) -> ShamirShare:
        """Return shares of the elementwise product, of degree t again. One round; everybody must be there.

        Every party deals its local product, a value of a polynomial of degree 2t, with degree t; the dealings of all n
        parties are added up with the weights that interpolate at zero.

        Raises:
            ChannelError: a peer's message is missing or does not belong here.
        """
        self._check(a, b)
        tag = self._link.claim("product", label, index)
        local = self.ring.mul(a.values, b.values)
        self.traffic.rounds += 1
        dealers = self._link.own_first(range(self.parties))
        dealings = [
            deal(self._link, dealer, local if dealer == self.party else None, len(local), self.threshold, tag)
            for dealer in dealers
        ]
        weights = lagrange([dealer + 1 for dealer in dealers], 0, self.modulus)
        return self._make(combine(self.ring, weights, dealings))

    # Opening: the only way out

    def open(self, a: ShamirShare, label: str, *, index: int = 0) -> RingArray:
        """Open a shared vector to everybody who is there. One round.

        Raises:
            TooFewSharesError: fewer than t + 1 shares came.
            TooManyWrongSharesError: more than (m - t - 1) / 2 of the m shares that came are wrong.
            ProtocolStateError: a repeated label, or a share of another party.
        """
        self._check(a)
        return self._open_vector(a.values, self.threshold, self._link.claim("open", label, index))

    def open_inner_many(
        self, pairs: Sequence[tuple[ShamirShare, ShamirShare]], masks: ZeroMasks, label: str, *, index: int = 0
    ) -> RingArray:
        """Open inner products to everybody who is there, one element per pair. One round, one mask per pair.

        The local inner products have degree 2t and are not random; the mask makes them so.

        Raises:
            TooFewSharesError: fewer than 2t + 1 shares came.
            TooManyWrongSharesError: more than (m - 2t - 1) / 2 of the m shares that came are wrong.
            ProtocolStateError: a repeated label, a share of another party, or too few masks.
            RingValueError: no pair, or two vectors of different lengths.
        """
        if not pairs:
            raise RingValueError("no inner products asked for")
        local: list[RingArray] = []
        for a, b in pairs:
            self._check(a, b)
            if len(a) != len(b):
                raise RingValueError(f"inner product of {len(a)} and {len(b)} elements")
            local.append(self.ring.inner(a.values, b.values))
        if masks.party != self.party:
            raise ProtocolStateError(f"party {self.party} was given masks of party {masks.party}")
        tag = self._link.claim("inner", label, index)
        products: RingArray = np.concatenate(local)
        return self._open_vector(self.ring.add(products, masks.take(len(pairs))), 2 * self.threshold, tag)

    def exchange_bytes(self, label: str, payload: bytes, *, index: int = 0) -> dict[int, bytes]:
        """Send public bytes to all peers and return theirs, by party. One round; everybody must be there."""
        return self._link.exchange(self._link.claim("bytes", label, index), payload)

    # Inside

    def _open_vector(self, values: RingArray, degree: int, tag: str) -> RingArray:
        """Send a vector of shares to everybody and decode what comes in time."""
        received = self._link.gather(tag, values)
        opened, wrong = decode_vectors(
            self.ring, self.modulus, {party + 1: shares for party, shares in received.items()}, degree
        )
        self._link.wrong.update(point - 1 for point in wrong)
        return opened

    def _dealt_together(self, n: int, degree: int, operation: str, label: str, index: int) -> RingArray:
        """The sum of what the first t + 1 parties deal: random values, or zeros if the degree is 2t."""
        tag = self._link.claim(operation, label, index)
        self.traffic.rounds += 1
        total = self.ring.zeros(n)
        for dealer in self._link.own_first(range(self.threshold + 1)):
            x = None
            if dealer == self.party:
                x = self.ring.zeros(n) if operation == "masks" else self.ring.expand(secrets.token_bytes, n)
            total = self.ring.add(total, deal(self._link, dealer, x, n, degree, tag))
        return total

    def _weighted(self, values: RingArray, coin: Seed, name: str) -> RingArray:
        weights = self.ring.expand(coin.stream(bytes(32), 0, 0, name, 0), len(values))
        return self.ring.inner(values, weights)

    def _make(self, values: RingArray) -> ShamirShare:
        return ShamirShare(self.party, self.threshold, values)

    def _check(self, *shares: ShamirShare) -> None:
        for share in shares:
            if share.party != self.party or share.degree != self.threshold:
                raise ProtocolStateError(f"party {self.party} was given a share of another party or degree")
        self._check_lengths(*(len(share) for share in shares))

    def _check_lengths(self, *lengths: int) -> None:
        if len({length for length in lengths if length != 1}) > 1:
            raise RingValueError(f"vectors of lengths {lengths} do not fit together")
