"""Products over a prime field that one malicious party cannot bend unnoticed.

Every value x carries a tag k·x under one shared random key k. A product is computed twice, once for the value and once
for the tag; a party that adds an error e to the value and e' to the tag leaves Σ α_i (tag_i − k·value_i) =
Σ α_i (e'_i − k·e_i) + …, which is zero for random α and unknown k only with probability below 3/|F|. Nothing computed
this way may be opened before `verify`.

Source: Chida, Genkin, Hamada, Ikarashi, Kikuchi, Lindell, Nof, "Fast Large-Scale Honest-Majority MPC for Malicious
Adversaries" (CRYPTO 2018), protocol 5.3. What it needs of the engine: a reshare lets a corrupted party add an error of
its choice and nothing else, and an opening is confirmed by both holders.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.coin import toss_coin
from mpc.errors import ProductCheckError, ProtocolStateError
from mpc.prg import Seed
from mpc.replicated import Engine
from mpc.shares import ReplicatedShare, concatenate_shares


class CheckedShare:
    """A shared vector with its tag; made by `CheckedProducts` only."""

    __slots__ = ("tag", "value")

    def __init__(self, value: ReplicatedShare, tag: ReplicatedShare) -> None:
        self.value = value
        self.tag = tag

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, rows: slice) -> CheckedShare:
        return CheckedShare(self.value[rows], self.tag[rows])

    def followed_by(self, other: CheckedShare) -> CheckedShare:
        """Return this vector with another after it."""
        value = concatenate_shares([self.value, other.value])
        return CheckedShare(value, concatenate_shares([self.tag, other.tag]))

    def __repr__(self) -> str:
        return f"CheckedShare(n={len(self)}, redacted)"


class CheckedProducts:
    """One batch of products and its check. Two elements travel per product, and the check costs a constant.

    Args:
        engine: over a prime field of more than 64 bits (`mpc.compare.field_modulus` tells).
        label: public, unique in the round.
    """

    def __init__(self, engine: Engine, label: str, *, index: int = 0) -> None:
        self._engine, self._label, self._index = engine, f"{label}/check", index
        self._key: ReplicatedShare | None = engine.random(1, f"{label}/check/key", index=index)
        self._seen: list[CheckedShare] = []
        self._steps = 0

    def enter(self, value: ReplicatedShare) -> CheckedShare:
        """Tag a shared vector. One round."""
        key = self._require_key()
        keys = ReplicatedShare(key.party, np.repeat(key.first, len(value), 0), np.repeat(key.second, len(value), 0))
        tag = self._engine.multiply(keys, value, self._next_label("enter"), index=self._index)
        return self._remember(CheckedShare(value, tag))

    def multiply(self, a: CheckedShare, b: CheckedShare) -> CheckedShare:
        """Return the elementwise product. One round."""
        self._require_key()
        left = concatenate_shares([a.value, a.tag])
        right = concatenate_shares([b.value, b.value])
        both = self._engine.multiply(left, right, self._next_label("product"), index=self._index)
        return self._remember(CheckedShare(both[: len(a)], both[len(a) :]))

    def linear(self, terms: Sequence[tuple[int, CheckedShare]]) -> CheckedShare:
        """Return Σ coefficient·share for at least one share, all of one length. No message, and nothing more to check:
        what is linear in tagged shares has the tag it must have."""
        self._require_key()
        engine = self._engine
        (coefficient, share), *rest = terms
        value, tag = engine.scale_public(share.value, coefficient), engine.scale_public(share.tag, coefficient)
        for coefficient, share in rest:
            value = engine.add(value, engine.scale_public(share.value, coefficient))
            tag = engine.add(tag, engine.scale_public(share.tag, coefficient))
        return CheckedShare(value, tag)

    def verify(self) -> None:
        """Check every product so far and end the batch: a coin toss, then two openings.

        Raises:
            ProductCheckError: a product was bent. Open nothing.
            ShareMismatchError, ChannelError: as openings and receptions raise them.
        """
        key = self._require_key()
        engine, ring = self._engine, self._engine.ring
        self._key = None
        values = concatenate_shares([share.value for share in self._seen])
        tags = concatenate_shares([share.tag for share in self._seen])
        coin = Seed(toss_coin(engine, f"{self._label}/coin", index=self._index))
        weights = ring.expand(coin.stream(bytes(32), 0, 0, "weights", 0), len(values))
        opened_key = engine.open(key, f"{self._label}/key/opened", index=self._index)
        combined_tag = engine.total(engine.mul_public(tags, weights))
        combined_value = engine.total(engine.mul_public(values, weights))
        difference = engine.sub(combined_tag, engine.mul_public(combined_value, opened_key))
        mask = engine.random(1, f"{self._label}/mask", index=self._index)
        masked = engine.multiply(mask, difference, f"{self._label}/masked", index=self._index)
        if ring.to_integers(engine.open(masked, f"{self._label}/difference", index=self._index)) != [0]:
            raise ProductCheckError(f"a product of {self._label!r} is false; nothing was opened")

    def _remember(self, share: CheckedShare) -> CheckedShare:
        self._seen.append(share)
        return share

    def _require_key(self) -> ReplicatedShare:
        if self._key is None:
            raise ProtocolStateError("this batch of products was checked and is closed")
        return self._key

    def _next_label(self, step: str) -> str:
        self._steps += 1
        return f"{self._label}/{step}/{self._steps}"
