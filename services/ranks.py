"""Order statistics as the agency gets them: put together from the parties' shares. No proof covers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mpc.errors import MpcError
from mpc.rings import Z2_64
from mpc.shares import PARTIES, ReplicatedShare, reconstruct
from query.plan import Plan
from services.client_errors import ResultRejectedError
from services.party.client import ReleasedParts

ELEMENT_BYTES: Final = 8


def combine_ranks(plan: Plan, parts: Sequence[ReleasedParts]) -> tuple[int, ...] | None:
    """Reconstruct the order statistics of a question from what all three computing parties told.

    Args:
        plan: the question's meaning.
        parts: of parties 0, 1 and 2, in that order.

    Returns:
        One number for each order statistic of the plan; None if it has none.

    Raises:
        ResultRejectedError: a party told too little or too much, the two holders of a component disagree, or a number
            is not one that the column can have.
    """
    count = 0 if plan.ranks is None else len(plan.ranks.outputs)
    if len(parts) != PARTIES or any(len(part.ranks) != 2 * count * ELEMENT_BYTES for part in parts):
        raise ResultRejectedError("a party told other order statistics than the question asks for")
    if plan.ranks is None:
        return None
    held = []
    for party, part in enumerate(parts):
        first, second = part.ranks[: count * ELEMENT_BYTES], part.ranks[count * ELEMENT_BYTES :]
        held.append(ReplicatedShare(party, Z2_64.decode_bytes(first), Z2_64.decode_bytes(second)))
    try:
        found = Z2_64.to_integers(reconstruct(Z2_64, held))
    except MpcError as error:
        raise ResultRejectedError(f"the parties disagree about an order statistic: {error}") from error
    if any(value > bound for value, bound in zip(found, plan.ranks.bounds, strict=True)):
        raise ResultRejectedError("an order statistic is none of the values its column can have")
    return tuple(found)
