"""Products of words that one malicious party cannot bend unnoticed, over Z_2^64 and over packed bits alike.

The engine remembers every product z = x·y. `verify` makes N·B + B random triples (a, b, c) for the N products so far,
in the same unchecked way, then tosses a coin that assigns them in a random order: B triples to each product, and B
left over, which are opened and looked at. A triple checks its product by opening x - a and y - b, which are uniform:
z - c - (x - a)·b - (y - b)·a - (x - a)(y - b) must be zero. What a party bends adds an error to z or to c, and the
difference of the two errors is what this yields: zero, or a value that party chose, nothing about x and y.

**Soundness.** A product with an error e passes only if all its triples have that very error, a right product only if
all its triples are right, and the opened ones must be right. So a liar who wants g products false has to make exactly
g·B triples false, before the coin, and to meet exactly these places: probability 1 / binomial(N·B + B, g·B), at most
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
from collections.abc import Sequence
from math import comb
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mpc.coin import toss_coin
from mpc.errors import ProductCheckError
from mpc.kernels.assignment import exchange_places
from mpc.prg import Seed
from mpc.replicated import Engine
from mpc.shares import ReplicatedShare, concatenate_shares

SOUNDNESS_BITS: Final = 46


def triples_per_product(n: int) -> int:
    """Return the least B with binomial(n·B + B, B) >= 2^46, for at least one product."""
    count = 2
    while comb((n + 1) * count, count) < 1 << SOUNDNESS_BITS:
        count += 1
    return count


class CheckedWords(Engine):
    """An engine over a ring of words whose products can be checked; arguments are those of `mpc.replicated.Engine`.

    Nothing that depends on a product may be opened before `verify` has returned.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._factors: list[tuple[ReplicatedShare, ReplicatedShare]] = []
        self._products: list[ReplicatedShare] = []
        self._verifications = 0

    def multiply_many(
        self, pairs: Sequence[tuple[ReplicatedShare, ReplicatedShare]], label: str, *, index: int = 0
    ) -> list[ReplicatedShare]:
        """Return shares of several elementwise products, to be checked by `verify`. One round."""
        products = super().multiply_many(pairs, label, index=index)
        self._factors += pairs
        self._products += products
        return products

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
        a, b, c = (_taken(vector, order) for vector in (a, b, c))
        x = concatenate_shares([_stretched(x, len(z)) for (x, _), z in zip(factors, products)] * count)
        y = concatenate_shares([_stretched(y, len(z)) for (_, y), z in zip(factors, products)] * count)
        z = concatenate_shares(products * count)
        checking, rest = slice(0, n * count), slice(n * count, total)
        masked = [self.sub(x, a[checking]), self.sub(y, b[checking]), a[rest], b[rest], c[rest]]
        opened = self.open(concatenate_shares(masked), f"{label}/opened")
        d, e = opened[: n * count], opened[n * count : 2 * n * count]
        a_pub, b_pub, c_pub = opened[2 * n * count :].reshape(3, count)
        difference = self.sub(self.sub(z, c[checking]), self.mul_public(b[checking], d))
        difference = self.sub(difference, self.mul_public(a[checking], e))
        difference = self.add_public(difference, ring.neg(ring.mul(d, e)))
        honest = self._is_zero(difference, f"{label}/zero")
        if not honest or (ring.mul(a_pub, b_pub) != c_pub).any():
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
    return ReplicatedShare(x.party, np.take(x.first, order), np.take(x.second, order))


def _stretched(x: ReplicatedShare, n: int) -> ReplicatedShare:
    """A factor of one element stands for as many as the other has."""
    return x if len(x) == n else ReplicatedShare(x.party, np.repeat(x.first, n), np.repeat(x.second, n))
