"""Oblivious shuffle: shared rows come out in a secret order that no party knows, and go back to the first one.

The order is π_1, then π_2, then π_0, where π_j is drawn from the seed of component j: parties j - 1 and j know it,
party j + 1 does not. Whatever one party knows, one of the three is uniform to it, and so is the whole.

Rows are held by two parties at a time, x = u + v. Party j - 1 and party j apply π_j to their summands and shift them by
a common mask; then the one who does not know the next permutation sends its summand to the party who does, to whom it
is uniform. The last pair shares its two summands into three components. n rows of c columns cost 4·c·n elements in all
(two by one party, one by each of the others) in three rounds; undoing costs the same, with the inverses backwards.

**What is promised.** Against one semi-honest party: what it receives is uniform whatever the rows and the order.
Against one malicious party, privacy likewise, since nothing is opened; but it can add to any row a vector of its
choice, which ``mpc.checked_shuffle`` detects.

Source: Laur, Willemson, Zhang, "Round-Efficient Oblivious Database Manipulation" (ISC 2011), section 3 (shuffling by
resharing); two summands instead of three between the steps as in Araki, Furukawa, Ohara, Pinkas, Rosemarin, Tsuchida,
"Secure Graph Analysis at Scale" (CCS 2021), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.errors import ProtocolStateError, RingValueError
from mpc.kernels.memory import taken
from mpc.prg import Stream
from mpc.replicated import Engine
from mpc.rings import RingArray
from mpc.secret import Secret
from mpc.shares import PARTIES, ReplicatedShare, concatenate_shares

_ORDER: Final = (1, 2, 0)
"""The components whose seeds give the permutations, in the order in which rows pass through them."""

Permutation = npt.NDArray[np.int64]


class Shuffle(Secret):
    """One secret order of n rows, as far as one party knows it: two permutations of three.

    All three parties make it with the same arguments. It can be applied and undone any number of times; every pass
    takes a label of its own.

    Args:
        engine: this party's engine. A shuffle drawn on one engine serves engines over other rings, too.
        n: public number of rows.
        label: public, unique in the round.

    Raises:
        RingValueError: a negative number of rows.
        ProtocolStateError: a repeated label.
    """

    __slots__ = ("_permutations", "n")

    def __init__(self, engine: Engine, n: int, label: str, *, index: int = 0) -> None:
        if n < 0:
            raise RingValueError(f"cannot shuffle {n} rows")
        self.n = n
        self._permutations: dict[int, Permutation] = {}
        for component in _ORDER:
            stream = engine.component_stream(component, f"{label}/order/{component}", index=index)
            if stream is not None:
                self._permutations[component] = draw_permutation(stream, n)

    def apply(
        self, engine: Engine, columns: Sequence[ReplicatedShare], label: str, *, index: int = 0
    ) -> list[ReplicatedShare]:
        """Return the rows in the secret order; columns of one call, and of several calls, move alike.

        Args:
            engine: of the party that made the shuffle.
            columns: at least one shared vector of n elements, secret.
            label: public, unique in the round.

        Raises:
            RingValueError: no column, or one of another length.
            ProtocolStateError: a repeated label, or a share of another party.
            ChannelError: a peer's message is missing or does not belong here.

        Timing: on n and the number of columns, and on memory effects of the secret order.
        """
        return self._pass(engine, columns, _ORDER, self._permutations, label, index)

    def undo(
        self, engine: Engine, columns: Sequence[ReplicatedShare], label: str, *, index: int = 0
    ) -> list[ReplicatedShare]:
        """Return rows that are in the secret order to the order they had before `apply`; otherwise as `apply`."""
        inverses = {component: _inverse(order) for component, order in self._permutations.items()}
        return self._pass(engine, columns, _ORDER[::-1], inverses, label, index)

    def _pass(
        self,
        engine: Engine,
        columns: Sequence[ReplicatedShare],
        components: Sequence[int],
        permutations: dict[int, Permutation],
        label: str,
        index: int,
    ) -> list[ReplicatedShare]:
        joined = _joined(engine, columns, self.n)
        width, party = len(columns), engine.party
        held = _two_summands(engine, joined, components[0])
        for step, component in enumerate(components[:-1]):
            stream = engine.component_stream(component, f"{label}/mask/{step}", index=index)
            leaver, newcomer = _change_of_pair(component, components[step + 1])
            if stream is not None and held is not None:
                held = _permuted(held, permutations[component], width)
                mask = engine.ring.expand(stream, len(joined))
                held = engine.ring.sub(held, mask) if party == leaver else engine.ring.add(held, mask)
            given = held if party == leaver else None
            received = engine.transfer(leaver, newcomer, given, len(joined), f"{label}/step/{step}", index=index)
            held = received if party == newcomer else None if party == leaver else held
            engine.traffic.rounds += 1
        last = components[-1]
        if held is not None:
            held = _permuted(held, permutations[last], width)
        shared = _three_components(engine, held, len(joined), last, label, index)
        return [shared[at * self.n : (at + 1) * self.n] for at in range(width)]


def draw_permutation(stream: Stream, n: int) -> Permutation:
    """Return a uniform permutation of n rows, a function of the stream alone.

    The order of n distinct uniform 64-bit keys is uniform; equal keys (probability n²/2^65) are drawn again.
    """
    while True:
        keys = np.frombuffer(stream(8 * n), "<u8")
        order = np.argsort(keys)
        ordered = keys[order]
        if not (ordered[1:] == ordered[:-1]).any():
            return order.astype(np.int64, copy=False)


def _inverse(order: Permutation) -> Permutation:
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return inverse


def _joined(engine: Engine, columns: Sequence[ReplicatedShare], n: int) -> ReplicatedShare:
    if not columns:
        raise RingValueError("no column to shuffle")
    for column in columns:
        if column.party != engine.party:
            raise ProtocolStateError(f"party {engine.party} was given a share of party {column.party}")
        if len(column) != n:
            raise RingValueError(f"a shuffle of {n} rows was given a column of {len(column)}")
    return concatenate_shares(columns)


def _permuted(joined: RingArray, order: Permutation, width: int) -> RingArray:
    """Move the rows of every column alike; row i of the result is row order[i]."""
    n = len(order)
    return taken(joined, order if width == 1 else (np.arange(width)[:, None] * n + order).reshape(-1))


def _two_summands(engine: Engine, x: ReplicatedShare, component: int) -> RingArray | None:
    """This party's summand of x between the holders of a component; None at the third party."""
    if engine.party == component:
        return x.second
    return engine.ring.add(x.first, x.second) if engine.party == (component - 1) % PARTIES else None


def _change_of_pair(component: int, following: int) -> tuple[int, int]:
    """Who holds this component and not the following one, and the other way round."""
    now, then = _holders(component), _holders(following)
    return next(iter(now - then)), next(iter(then - now))


def _holders(component: int) -> set[int]:
    return {(component - 1) % PARTIES, component}


def _three_components(
    engine: Engine, held: RingArray | None, n: int, component: int, label: str, index: int
) -> ReplicatedShare:
    """Share the two summands of a component's holders among all three; the third party receives two vectors.

    With summands u of party j - 1 and v of party j: component j is drawn, component j - 1 is u - mask, component j + 1
    is v + mask - (component j). Both are uniform to the third party.
    """
    ring, party = engine.ring, engine.party
    left, right, third = (component - 1) % PARTIES, component, (component + 1) % PARTIES
    mask_stream = engine.component_stream(component, f"{label}/mask/last", index=index)
    drawn_stream = engine.component_stream(component, f"{label}/component", index=index)
    own: RingArray | None = None
    drawn: RingArray | None = None
    if held is not None and mask_stream is not None and drawn_stream is not None:
        mask, drawn = ring.expand(mask_stream, n), ring.expand(drawn_stream, n)
        own = ring.sub(held, mask) if party == left else ring.sub(ring.add(held, mask), drawn)
    engine.traffic.rounds += 1
    from_left = engine.transfer(left, third, own if party == left else None, n, f"{label}/left", index=index)
    from_right = engine.transfer(right, third, own if party == right else None, n, f"{label}/right", index=index)
    if from_left is not None and from_right is not None:
        return ReplicatedShare(party, from_right, from_left)
    if own is None or drawn is None:
        raise ProtocolStateError("a party holds nothing at the end of a shuffle")
    return ReplicatedShare(party, own, drawn) if party == left else ReplicatedShare(party, drawn, own)
