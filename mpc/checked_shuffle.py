"""A shuffle that one malicious party cannot bend unnoticed.

Whatever a party does in a shuffle (send other values, move its summand in another order, leave rows out) amounts to
adding to the result a vector of its choice. So every row x with columns x_1, ..., x_c carries a tag
t = k_1·x_1 + ... + k_c·x_c under shared random keys that nobody knows, the tags move with the rows, and afterwards the
parties draw public random weights w, open the keys and open D = Σ_i w_i (t_i - k_1·x_i1 - ... - k_c·x_ic). An error e
in the columns and e' in the tags gives D = Σ w_i e'_i - Σ_j k_j Σ_i w_i e_ij: zero if nobody erred, and a function of
errors, keys and weights alone, never of the rows, so that D and the abort tell nothing about them.

**Soundness**, the probability that changed rows pass:

* over a prime field F of more than 64 bits 2/|F|: Σ_i w_i e_ij = 0 for an e_j that is not zero, or one key hits;
* over Z_2^64 below 2^-59: the rows are lifted to Z_2^128 for the shuffle, each component as an integer (a sharing of
  some integer congruent modulo 2^64, which is all that counts; the upper words are never opened). For an error that
  is not 0 modulo 2^64, Σ_i w_i e_ij is a multiple of 2^(63+s) only with probability 2^-s, and then the key hits with
  probability 2^-(65-s): 65 cases, 2^-66 each.

**Why tags and not set equality.** Comparing Π (X - row) before and after shows that the rows are the same set. But a
party that adds d to one row and -d to another passes if these rows happen to differ by d, so whether the parties abort
tells it something about the rows.

Cost beside `mpc.shuffle` for n rows of c columns: one more column through the shuffle, one reshare of n elements for
the tags (one round), a coin (two rounds), two openings of c and 1 elements; over Z_2^64 every element is twice as long.
The check is done when the call returns; nothing computed from the rows is opened before.

Source: the tags of Chida et al., "Fast Large-Scale Honest-Majority MPC for Malicious Adversaries" (CRYPTO 2018), in the
form for records of Asharov, Hamada, Ikarashi, Kikuchi, Nof, Pinkas, Takahashi, Tomida, "Efficient Secure Three-Party
Sorting with Applications to Data Analysis and Heavy Hitters" (CCS 2022), section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpc.coin import toss_coin
from mpc.compare import field_modulus
from mpc.errors import RingValueError, ShuffleCheckError
from mpc.prg import Seed
from mpc.replicated import Engine
from mpc.rings import Z2_64, RingArray
from mpc.rings_wide import Z2_128, low_words, zero_extended
from mpc.shares import AdditiveShare, ReplicatedShare
from mpc.shuffle import Shuffle

_Pass = Callable[..., list[ReplicatedShare]]


def apply_checked(
    engine: Engine, shuffle: Shuffle, columns: Sequence[ReplicatedShare], label: str, *, index: int = 0
) -> list[ReplicatedShare]:
    """Return the rows in the secret order of a shuffle, or abort.

    Args:
        engine: over a prime field of more than 64 bits, or over Z_2^64.
        shuffle: this party's part of the order.
        columns: at least one shared vector of n elements, secret.
        label: public, unique in the round.

    Raises:
        ShuffleCheckError: a party bent the shuffle. Nothing was opened.
        ShareMismatchError, MessageRejectedError, ChannelError: as openings, coins and receptions raise them.
        RingValueError: the ring is none of these; no column, or one of another length.
        ProtocolStateError: a repeated label, or a share of another party.

    Timing: on n and the number of columns, and on memory effects of the secret order.
    """
    return _checked(engine, shuffle.apply, columns, label, index)


def undo_checked(
    engine: Engine, shuffle: Shuffle, columns: Sequence[ReplicatedShare], label: str, *, index: int = 0
) -> list[ReplicatedShare]:
    """Return rows that are in the secret order to the order they had before, or abort; as `apply_checked`."""
    return _checked(engine, shuffle.undo, columns, label, index)


def _checked(
    engine: Engine, move: _Pass, columns: Sequence[ReplicatedShare], label: str, index: int
) -> list[ReplicatedShare]:
    if not columns:
        raise RingValueError("no column to shuffle")
    if engine.ring is Z2_64:
        lifted = [_componentwise(zero_extended, column) for column in columns]
        moved = _moved_with_tags(engine.over(Z2_128), move, lifted, label, index)
        return [_componentwise(low_words, column) for column in moved]
    field_modulus(engine.ring)
    return _moved_with_tags(engine, move, columns, label, index)


def _moved_with_tags(
    engine: Engine, move: _Pass, columns: Sequence[ReplicatedShare], label: str, index: int
) -> list[ReplicatedShare]:
    keys = engine.random(len(columns), f"{label}/keys", index=index)
    tags = _tags(engine, keys, columns, label, index)
    *moved, moved_tags = move(engine, [*columns, tags], f"{label}/rows", index=index)
    _verify(engine, keys, moved, moved_tags, label, index)
    return moved


def _componentwise(change: Callable[[RingArray], RingArray], x: ReplicatedShare) -> ReplicatedShare:
    return ReplicatedShare(x.party, change(x.first), change(x.second))


def _tags(
    engine: Engine, keys: ReplicatedShare, columns: Sequence[ReplicatedShare], label: str, index: int
) -> ReplicatedShare:
    """One tag per row: the columns weighted by their keys. One reshare of n elements."""
    summand = engine.ring.zeros(len(columns[0]))
    for at, column in enumerate(columns):
        summand = engine.ring.add(summand, engine.local_product(keys[at : at + 1], column).values)
    return engine.reshare(AdditiveShare(engine.party, summand), f"{label}/tags", index=index)


def _verify(
    engine: Engine,
    keys: ReplicatedShare,
    columns: Sequence[ReplicatedShare],
    tags: ReplicatedShare,
    label: str,
    index: int,
) -> None:
    ring = engine.ring
    # Tossed when every message of the shuffle has arrived: an error cannot depend on the weights.
    coin = Seed(toss_coin(engine, f"{label}/coin", index=index))
    weights = ring.expand(coin.stream(bytes(32), 0, 0, "weights", 0), len(tags))
    keys_pub = engine.open(keys, f"{label}/keys/opened", index=index)
    difference = _weighted(engine, tags, weights)
    for at, column in enumerate(columns):
        due = engine.mul_public(_weighted(engine, column, weights), keys_pub[at : at + 1])
        difference = engine.sub(difference, due)
    if ring.to_integers(engine.open(difference, f"{label}/difference", index=index)) != [0]:
        raise ShuffleCheckError(f"the rows of {label!r} were changed while they were shuffled; nothing was opened")


def _weighted(engine: Engine, column: ReplicatedShare, weights: RingArray) -> ReplicatedShare:
    """The sum of a column under public weights, one element. Local."""
    ring = engine.ring
    return ReplicatedShare(engine.party, ring.inner(column.first, weights), ring.inner(column.second, weights))
