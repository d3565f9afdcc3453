"""Products of words that one malicious party cannot bend unnoticed, over Z_2^64 and over packed bits alike.

The engine remembers every product z = x·y. `verify` makes N·B + B random triples (a, b, c) for the N products so far,
in the same unchecked way, then tosses a coin that assigns them in a random order: B triples to each product, and B to
the public product 0 = 0·0. A triple checks its product by opening x - a and y - b, which are uniform:
z - c - (x - a)·b - (y - b)·a - (x - a)(y - b) must be zero. What a party bends adds an error to z or to c, and the
difference of the two errors is what this yields: zero, or a value that party chose, nothing about x and y.

**Soundness.** A product with an error e passes only if all its triples have that very error, a right product only if
all its triples are right, and 0 = 0·0 is right. So a liar who wants g products false has to make exactly g·B triples
false, before the coin, and to meet exactly these places: probability 1 / binomial(N·B + B, g·B), at most
1 / binomial(N·B + B, B) for every g from 1 to N. B is the least number for which that is at most 2^-46; 46 bits leave
40 for a computation that verifies 64 times.

An error may sit in any bits of a word; a word counts as one product.

Cost for N products: 3·B words per word of product, in a multiplication, a coin (two rounds), one opening and one
exchange of digests. B is 3 from N = 25 000 on, 4 from 1 600, 7 for N = 50.

Source: Furukawa, Lindell, Nof, Weinstein, "High-Throughput Secure Three-Party Computation for Malicious Adversaries and
an Honest Majority" (EUROCRYPT 2017), sections 4 and 5, here with every triple checking the product itself, as products
are checked after they were computed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from math import comb
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mpc.coin import toss_coin
from mpc.errors import ProductCheckError, ProtocolStateError, RingValueError
from mpc.kernels.assignment import exchange_places
from mpc.kernels.memory import taken
from mpc.prg import Seed
from mpc.replicated import Engine
from mpc.rings import RingArray
from mpc.shares import AdditiveShare, ReplicatedShare, concatenate_shares, stretched

SOUNDNESS_BITS: Final = 46


def triples_per_product(n: int) -> int:
    """Return the least B with binomial(n·B + B, B) >= 2^46, for at least one product."""
    count = 2
    while comb((n + 1) * count, count) < 1 << SOUNDNESS_BITS:
        count += 1
    return count


class CheckedWords(Engine):
    """An engine over a ring of words whose products can be checked; arguments are those of `mpc.replicated.Engine`.

    Nothing is opened before every product was checked: `open` and `open_to` see to it. What cannot be checked, sums
    of local products and openings without a second holder, is refused.

    Attributes:
        before_opening: called before anything is opened. A computation of several engines checks all of them there.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.before_opening: Callable[[], None] = self.verify
        self._factors: list[tuple[ReplicatedShare, ReplicatedShare]] = []
        self._products: list[ReplicatedShare] = []
        self._verifications = 0

    @property
    def pending_words(self) -> int:
        """How many products `verify` has still to check."""
        return sum(len(product) for product in self._products)

    def multiply_many(
        self, pairs: Sequence[tuple[ReplicatedShare, ReplicatedShare]], label: str, *, index: int = 0
    ) -> list[ReplicatedShare]:
        """Return shares of several elementwise products, to be checked by `verify`. One round."""
        products = super().multiply_many(pairs, label, index=index)
        self._factors += pairs
        self._products += products
        return products

    def inner_many(
        self, pairs: Sequence[tuple[ReplicatedShare, ReplicatedShare]], label: str, *, index: int = 0
    ) -> ReplicatedShare:
        """Return shares of several inner products, each a sum of products to be checked, all of which travel."""
        if any(len(a) != len(b) for a, b in pairs):
            raise RingValueError("inner products take vectors of equal lengths")
        products = self.multiply_many(pairs, label, index=index)
        return concatenate_shares([self.total(product) for product in products])

    def matrix_product(
        self, a: ReplicatedShare, b: ReplicatedShare, depth: int, label: str, *, index: int = 0
    ) -> ReplicatedShare:
        """Return shares of a matrix product from rows · depth · columns products to be checked. One round."""
        if depth < 1 or len(a) % depth or len(b) % depth:
            raise RingValueError(f"{len(a)} and {len(b)} elements are no matrices of depth {depth}")
        rows, columns = len(a) // depth, len(b) // depth
        i, j, k = (place.reshape(-1) for place in np.indices((rows, columns, depth)))
        left, right = _taken(a, i * depth + k), _taken(b, k * columns + j)
        products = self.multiply_many([(left, right)], label, index=index)[0]
        sums = [self.ring.total(products.first[at : at + depth]) for at in range(0, len(products), depth)]
        more = [self.ring.total(products.second[at : at + depth]) for at in range(0, len(products), depth)]
        empty = [self.ring.zeros(0)]
        return ReplicatedShare(self.party, np.concatenate(sums or empty), np.concatenate(more or empty))

    def reshare(self, additive: AdditiveShare, label: str, *, index: int = 0) -> ReplicatedShare:
        """Refused: nobody could tell whether a summand is right.

        Raises:
            ProtocolStateError: always.
        """
        raise ProtocolStateError(f"{label!r}: additive shares cannot be checked; use products")

    def open_additive(self, additive: AdditiveShare, label: str, *, index: int = 0) -> RingArray:
        """Refused: a summand has no second holder.

        Raises:
            ProtocolStateError: always.
        """
        raise ProtocolStateError(f"{label!r}: additive shares cannot be checked; use products")

    def open(self, a: ReplicatedShare, label: str, *, index: int = 0) -> RingArray:
        """Open a shared vector to all three parties once every product was checked; raises as `verify`, too."""
        self.before_opening()
        return super().open(a, label, index=index)

    def open_to(self, receiver: int, a: ReplicatedShare, label: str, *, index: int = 0) -> RingArray | None:
        """Open a shared vector to one party once every product was checked; raises as `verify`, too."""
        self.before_opening()
        return super().open_to(receiver, a, label, index=index)

    def verify(self) -> None:
        """Check every product since the last time.

        Raises:
            ProductCheckError: a product was bent. Open nothing that depends on any of them.
            ShareMismatchError, MessageRejectedError, ChannelError: as openings, coins and receptions raise them.
        """
        factors, products = self._factors, self._products
        self._factors, self._products = [], []
        n = sum(len(product) for product in products)
        if n == 0:
            return
        label = f"verify/{self._verifications}"
        self._verifications += 1
        ring, count = self.ring, triples_per_product(n)
        total = n * count + count
        a, b = self.random(total, f"{label}/a"), self.random(total, f"{label}/b")
        c = super().multiply_many([(a, b)], f"{label}/c")[0]
        # Tossed when every product and triple has arrived: no error can depend on the order.
        order = _order(Seed(toss_coin(self, f"{label}/coin")), total)
        which = np.where(order < n * count, order % n, n)  # the product of each triple; n stands for 0·0 = 0
        zero = self.constant(ring.zeros(1))
        x, y, z = (
            _taken(concatenate_shares([*vectors, zero]), which)
            for vectors in (
                [stretched(x, len(z)) for (x, _), z in zip(factors, products)],
                [stretched(y, len(z)) for (_, y), z in zip(factors, products)],
                products,
            )
        )
        opened = super().open(concatenate_shares([self.sub(x, a), self.sub(y, b)]), f"{label}/opened")
        d, e = opened[:total], opened[total:]
        difference = self.sub(self.sub(z, c), self.add(self.mul_public(b, d), self.mul_public(a, e)))
        difference = self.add_public(difference, ring.neg(ring.mul(d, e)))
        if not self._is_zero(difference, f"{label}/zero"):
            raise ProductCheckError("a product of shared words is false; nothing was opened")

    def _is_zero(self, x: ReplicatedShare, label: str) -> bool:
        """Whether a vector is zero, learnt without opening it: two components give away the third one's negative."""
        expected = self.ring.neg(self.ring.add(x.first, x.second))
        digests = self.exchange_bytes(label, hashlib.sha256(self._encode(expected)).digest())
        own = {self._previous: x.second, self._next: x.first}
        return all(
            hmac.compare_digest(digests[peer], hashlib.sha256(self._encode(component)).digest())
            for peer, component in own.items()
        )


def _order(coin: Seed, n: int) -> npt.NDArray[np.int64]:
    """Return an order of n places that the coin decides.

    Every single draw misses uniformity by a factor of at most 1 + n/2^64; of n below 2^24 places the probability of
    any set of orders is at most 1 + 2^-15 times its uniform one.
    """
    drawn = np.frombuffer(coin.stream(bytes(32), 0, 0, "order", 0)(8 * n), "<u8").astype(np.uint64)
    order = np.arange(n, dtype=np.int64)
    exchange_places(drawn, order)
    return order


def _taken(x: ReplicatedShare, order: Any) -> ReplicatedShare:
    return ReplicatedShare(x.party, taken(x.first, order), taken(x.second, order))
