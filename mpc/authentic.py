"""Linear checks over a prime field that bind everything a batch computed from shared values to one secret key.

Every value x that is shuffled or multiplied travels with its tag k·x, k random, shared and never opened. A party that
makes others believe in x + e must change the tag by k·e, which it does not know. Three things are held against tags:

* vectors that should carry right tags, whatever was done to them: Σ w_i·(tag_i − k·x_i) = 0;
* public products y_i = r_i·z_i, where z carries tags: Σ w_i·r_i·tag(z_i) − k·Σ w_i·y_i = 0, one inner product instead
  of a second product for each element. An error in a tag, which its maker knows, meets the unknown r_i and does not
  vanish.

All of it is one weighted sum with weights drawn when everything is fixed; it is multiplied by a random factor and
opened: zero, or a uniform element that tells nothing. A false batch passes with probability below 4/|F|.

Source: Chida, Genkin, Hamada, Ikarashi, Kikuchi, Lindell, Nof, "Fast Large-Scale Honest-Majority MPC for Malicious
Adversaries" (CRYPTO 2018), protocol 5.3, with public products checked by an inner product.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpc.checked import CheckedShare
from mpc.coin import toss_coin
from mpc.errors import AlignmentAbortedError
from mpc.prg import Seed
from mpc.replicated import Engine
from mpc.rings import RingArray
from mpc.shares import AdditiveShare, ReplicatedShare


class Authentication:
    """One key, never opened, and what is to be checked under it.

    Args:
        engine: over a prime field of more than 64 bits.
        label: public, unique in the round.
    """

    def __init__(self, engine: Engine, label: str) -> None:
        self._engine, self._label = engine, label
        self._key = engine.random(1, f"{label}/key")
        self._vectors: list[CheckedShare] = []
        self._products: list[tuple[ReplicatedShare, ReplicatedShare, RingArray]] = []
        self._checks = 0

    def enter(self, value: ReplicatedShare, label: str) -> CheckedShare:
        """Tag a shared vector. One round, one element each."""
        return CheckedShare(value, self._engine.multiply(self._key, value, f"{self._label}/enter/{label}"))

    def enter_public(self, values_pub: RingArray) -> CheckedShare:
        """Tag a public vector: its value as a constant, its tag by scaling the key. Local."""
        return CheckedShare(self._engine.constant(values_pub), self._engine.mul_public(self._key, values_pub))

    def expect(self, vector: CheckedShare) -> None:
        """Have a vector's tags checked against its values."""
        self._vectors.append(vector)

    def expect_products(self, r: ReplicatedShare, z_tag: ReplicatedShare, y_pub: RingArray) -> None:
        """Have y = r·z checked against the tags of z, r random and known to nobody, y opened."""
        self._products.append((r, z_tag, y_pub))

    def verify(self) -> None:
        """Check everything since the last time: a coin, a reshare, a product and an opening of one element each.

        Raises:
            AlignmentAbortedError: something is false. Open nothing that depends on it.
            ShareMismatchError, ChannelError: as openings and receptions raise them.
        """
        engine, ring, label = self._engine, self._engine.ring, f"{self._label}/{self._checks}"
        self._checks += 1
        stream = Seed(toss_coin(engine, f"{label}/coin")).stream(bytes(32), 0, 0, "weights")
        claimed, tagged = engine.constant(ring.zeros(1)), engine.constant(ring.zeros(1))
        summand = ring.zeros(1)
        for vector in self._vectors:
            weights = ring.expand(stream, len(vector))
            claimed = engine.add(claimed, self._weighted(vector.value, weights))
            tagged = engine.add(tagged, self._weighted(vector.tag, weights))
        for r, z_tag, y_pub in self._products:
            weights = ring.expand(stream, len(y_pub))
            claimed = engine.add_public(claimed, ring.inner(weights, y_pub))
            summand = ring.add(summand, engine.local_inner(engine.mul_public(r, weights), z_tag).values)
        self._vectors, self._products = [], []
        summand = ring.sub(summand, engine.local_product(self._key, claimed).values)
        difference = engine.add(engine.reshare(AdditiveShare(engine.party, summand), f"{label}/difference"), tagged)
        factor = engine.random(1, f"{label}/factor")
        masked = engine.multiply(factor, difference, f"{label}/masked")
        if ring.to_integers(engine.open(masked, f"{label}/opened")) != [0]:
            raise AlignmentAbortedError(label, "what was computed is not what was shared")

    def _weighted(self, x: ReplicatedShare, weights: RingArray) -> ReplicatedShare:
        inner = self._engine.ring.inner
        return ReplicatedShare(x.party, inner(x.first, weights), inner(x.second, weights))


def columns_of(checked: CheckedShare) -> Sequence[ReplicatedShare]:
    """Value and tag as two columns that move together."""
    return [checked.value, checked.tag]
