"""A shuffle that one malicious party cannot bend unnoticed.

Whatever a party does in a shuffle (send other values, move its summand in another order, leave rows out) amounts to
adding to the result a vector of its choice. So every row x with columns x_1, ..., x_c carries a tag
t = k_1·x_1 + ... + k_c·x_c under shared random keys that nobody knows, the tags move with the rows, and afterwards the
parties open rho · Σ_i w_i (t_i - k_1·x_i1 - ... - k_c·x_ic) for public random weights w and a shared random rho. An
error e in the columns and e' in the tags goes unnoticed only if Σ w_i e'_i = Σ_j k_j Σ_i w_i e_ij.

**Soundness over a prime field F of more than 64 bits**: 3/|F|. (Σ_i w_i e_ij = 0 for an e_j that is not zero: 1/|F|;
else the keys hit one value: 1/|F|; a bent product with rho does: 1/|F|.)

**Why tags and not set equality.** Comparing Π (X - row) before and after shows that the rows are the same set. But a
party that adds d to one row and -d to another passes if these rows happen to differ by d, so whether the parties abort
tells it something about the rows. With tags the outcome depends on the errors and the keys, never on the rows.

Cost beside `mpc.shuffle` for n rows of c columns: one more column through the shuffle, one reshare of n elements for
the tags (one round), a coin (two rounds), an opening of the keys, one product and one opening. The check is done when
the call returns; nothing computed from the rows is opened before.

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
from mpc.rings import RingArray
from mpc.shares import AdditiveShare, ReplicatedShare
from mpc.shuffle import Shuffle

_Pass = Callable[[Sequence[ReplicatedShare]], list[ReplicatedShare]]


def apply_checked(
    engine: Engine, shuffle: Shuffle, columns: Sequence[ReplicatedShare], label: str, *, index: int = 0
) -> list[ReplicatedShare]:
    """Return the rows in the secret order of a shuffle, or abort.

    Args:
        engine: over a prime field of more than 64 bits.
        shuffle: this party's part of the order.
        columns: at least one shared vector of n elements, secret.
        label: public, unique in the round.

    Raises:
        ShuffleCheckError: a party bent the shuffle. Nothing was opened.
        ShareMismatchError, MessageRejectedError, ChannelError: as openings, coins and receptions raise them.
        RingValueError: the ring is no such field; no column, or one of another length.
        ProtocolStateError: a repeated label, or a share of another party.

    Timing: on n and the number of columns, and on memory effects of the secret order.
    """
    return _checked(
        engine, columns, label, index, lambda moved: shuffle.apply(engine, moved, f"{label}/rows", index=index)
    )


def undo_checked(
    engine: Engine, shuffle: Shuffle, columns: Sequence[ReplicatedShare], label: str, *, index: int = 0
) -> list[ReplicatedShare]:
    """Return rows that are in the secret order to the order they had before, or abort; as `apply_checked`."""
    return _checked(
        engine, columns, label, index, lambda moved: shuffle.undo(engine, moved, f"{label}/rows", index=index)
    )


def _checked(
    engine: Engine, columns: Sequence[ReplicatedShare], label: str, index: int, move: _Pass
) -> list[ReplicatedShare]:
    field_modulus(engine.ring)
    if not columns:
        raise RingValueError("no column to shuffle")
    keys = engine.random(len(columns), f"{label}/keys", index=index)
    tags = _tags(engine, keys, columns, label, index)
    *moved, moved_tags = move([*columns, tags])
    _verify(engine, keys, moved, moved_tags, label, index)
    return moved


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
    rho = engine.random(1, f"{label}/rho", index=index)
    masked = engine.multiply(rho, difference, f"{label}/masked", index=index)
    if ring.to_integers(engine.open(masked, f"{label}/difference", index=index)) != [0]:
        raise ShuffleCheckError(f"the rows of {label!r} were changed while they were shuffled; nothing was opened")


def _weighted(engine: Engine, column: ReplicatedShare, weights: RingArray) -> ReplicatedShare:
    """The sum of a column under public weights, one element. Local."""
    ring = engine.ring
    return ReplicatedShare(engine.party, ring.inner(column.first, weights), ring.inner(column.second, weights))
