"""What owners enter into a joint session, wherever they are: one of the three parties, or an owner outside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mpc.outside import OutsideInputs
from mpc.replicated import Engine
from mpc.shares import PARTIES, AdditiveShare, ReplicatedShare
from zk.field import FR, Words
from zk.owners import lone_owners
from zk.relation import Relation


class SessionInputs:
    """One computing party's end.

    Args:
        engine: this party's, over Fr.
        outside: this party's end for each outside owner, by number.
    """

    def __init__(self, engine: Engine, outside: Mapping[int, OutsideInputs]) -> None:
        self._engine, self._outside = engine, dict(outside)

    def share(self, owner: int, mine: Words | None, label: str, n: int) -> ReplicatedShare:
        """Return this party's share of a vector that one owner enters.

        Args:
            owner: number of a party, or of an outside owner of the session.
            mine: the vector where this party is the owner, secret; else None.
            label: public, the same at all contributors.
            n: public length.

        Raises:
            MpcError: the owner is gone, or sent what does not belong here.
        """
        if owner in range(PARTIES):
            return self._engine.share_input(owner, mine, label, n)
        return self._outside[owner].share(n, label)

    def with_outside(self, mine: Words, owners: Sequence[int], label: str) -> AdditiveShare:
        """Return this party's part of a sum to which outside owners add theirs.

        Args:
            mine: this party's own part, (n, 4), secret.
            owners: outside owners that have a part, public.
            label: public, the same at all contributors.
        """
        total = mine
        for owner in owners:
            total = FR.add(total, self._outside[owner].share(len(mine), label).first)
        return AdditiveShare(self._engine.party, total)

    def confirm(self, label: str) -> None:
        """Compare all that outside owners have entered so far between its holders; before anything is opened.

        Raises:
            ShareMismatchError: an owner, or a holder, lies.
        """
        for owner, inputs in self._outside.items():
            inputs.confirm(f"{label} of owner {owner}")


def outside_parts(relation: Relation, owners: Mapping[int, int], column: int) -> tuple[int, ...]:
    """The outside owners that compute a term of a mixed column alone, increasing: they add a part of theirs."""
    return tuple(sorted(lone_owners(relation.definition(column), owners) - set(range(PARTIES))))
