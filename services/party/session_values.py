"""The values that opened columns take at ζ, as contributors tell them to one another: own ones, and both components of
shared ones, which only the three parties have and their two holders must tell alike."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from mpc.shares import PARTIES
from services.errors import ContributionRejectedError
from services.prover.steps import committed_openings
from zk.owners import holds_shares
from zk.relation import Relation
from zk.transcript import FR_MODULUS

ITEM_BYTES = 36


@dataclass(frozen=True, slots=True)
class ValueShares:
    """What one contributor tells. Public once the proof is.

    Args:
        own: values of its opened columns that are not shared.
        shared: its two components of the value of every shared one.
    """

    own: Mapping[int, int]
    shared: Mapping[int, tuple[int, int]]

    def encode(self) -> bytes:
        """Own values, then components, each with the number of its column, in the order of the columns."""
        items = [(column, value) for column, value in sorted(self.own.items())]
        items += [(column, value) for column, pair in sorted(self.shared.items()) for value in pair]
        return b"".join(struct.pack(">I", column) + value.to_bytes(32, "big") for column, value in items)


def decode_values(
    relation: Relation, owners: Mapping[int, int], crossing: tuple[int, ...], peer: int, data: bytes
) -> ValueShares:
    """Read what a peer tells: exactly its own opened columns, then, if it holds shares, both components of every shared
    one.

    Raises:
        ContributionRejectedError: it tells something else.
    """
    opened = committed_openings(relation)
    own = [column for column in opened if column not in crossing and owners[column] == peer]
    shared = [column for column in opened if column in crossing and holds_shares(peer)]
    order = [*own, *(column for column in shared for _ in range(2))]
    items = [data[at : at + ITEM_BYTES] for at in range(0, len(data), ITEM_BYTES)]
    numbers = [int.from_bytes(item[4:], "big") for item in items]
    named = [int.from_bytes(item[:4], "big") for item in items]
    if len(data) % ITEM_BYTES or named != order or any(number >= FR_MODULUS for number in numbers):
        raise ContributionRejectedError("reading opened values", (peer,))
    pairs = numbers[len(own) :]
    return ValueShares(dict(zip(own, numbers)), {i: (pairs[2 * k], pairs[2 * k + 1]) for k, i in enumerate(shared)})


def combine_values(told: Mapping[int, ValueShares]) -> dict[int, int]:
    """The opened columns' values from what all contributors tell.

    Raises:
        ContributionRejectedError: the holders of a component disagree.
    """
    values: dict[int, int] = {}
    for shares in told.values():
        values |= shares.own
    for column in told[0].shared:
        for holder in range(PARTIES):
            following = (holder + 1) % PARTIES
            if told[holder].shared[column][1] != told[following].shared[column][0]:
                raise ContributionRejectedError(f"comparing share values of column {column}", (holder, following))
        values[column] = sum(told[party].shared[column][0] for party in range(PARTIES)) % FR_MODULUS
    return values
