"""What the parties test about the gaps between a new answer and earlier ones (`query.audit`), on shares of the counts.

A guard that stands open on the ledger is a number; one that was only proved large enough is a share that each party
kept when the answer was proved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.compare import open_any_forbidden
from mpc.replicated import Engine
from mpc.shares import ReplicatedShare, concatenate_shares
from query.audit.differencing import Gap, GuardRow
from services.errors import HistoryIncompleteError
from zk.field import FR


@dataclass(frozen=True, slots=True)
class EarlierGuards:
    """Guards of earlier answers, by row.

    Args:
        opened: public values.
        shared: this party's shares of one element, secret.
    """

    opened: Mapping[GuardRow, int]
    shared: Mapping[GuardRow, ReplicatedShare]


@dataclass(frozen=True, slots=True)
class GapTests:
    """All gaps of a new answer, and what is known of the earlier guards in them."""

    query_id: bytes
    gaps: tuple[Gap, ...]
    earlier: EarlierGuards

    @property
    def digest(self) -> bytes:
        """Hash of everything public; parties with different histories have different ones."""
        text = repr([(gap.scale, gap.may_vanish, gap.terms) for gap in self.gaps])
        opened = repr(sorted((guard.query_id, guard.row, value) for guard, value in self.earlier.opened.items()))
        return hashlib.sha256(f"{text}|{opened}".encode()).digest()

    def open_risk(self, engine: Engine, sums: ReplicatedShare, minimum: int) -> bool:
        """Whether any gap counts too few people; opens this one bit (docs/disclosure.md).

        Args:
            engine: over Fr, in a session in malicious mode.
            sums: shares of all rows of the new answer's sealed column, bound to its proof.
            minimum: largest minimum group of the datasets.

        Raises:
            HistoryIncompleteError: this party lacks its share of an earlier guard.
            MpcError: a peer lies or is gone; nothing else was opened.
        """
        if not self.gaps:
            return False
        guards = [guard for gap in self.gaps for _, guard in gap.terms if self._is_shared(guard)]
        kept = [self._share(guard) for guard in dict.fromkeys(guards)]
        if kept:
            engine.confirm(concatenate_shares(kept), "gaps/earlier")
        values = concatenate_shares([self._value(engine, gap, sums) for gap in self.gaps])
        forbidden = [forbidden_numbers(gap, minimum) for gap in self.gaps]
        return open_any_forbidden(engine, values, forbidden, "gaps")

    def risk(self, values: Mapping[int, int], minimum: int) -> bool:
        """The same for an answer that one owner proves alone: it knows the new counts, by row.

        Raises:
            HistoryIncompleteError: an earlier count in a gap stands open nowhere; the question has to be asked jointly.
        """
        for gap in self.gaps:
            if any(self._is_shared(guard) for _, guard in gap.terms):
                raise HistoryIncompleteError("an earlier count is not open: ask without a public release")
            total = sum(
                c * (values[g.row] if g.query_id == self.query_id else self.earlier.opened[g]) for c, g in gap.terms
            )
            if gap.closed_by(total, minimum):
                return True
        return False

    def _is_shared(self, guard: GuardRow) -> bool:
        return guard.query_id != self.query_id and guard not in self.earlier.opened

    def _share(self, guard: GuardRow) -> ReplicatedShare:
        if guard not in self.earlier.shared:
            raise HistoryIncompleteError(f"no share of a count of query {guard.query_id.hex()} is kept here")
        return self.earlier.shared[guard]

    def _value(self, engine: Engine, gap: Gap, sums: ReplicatedShare) -> ReplicatedShare:
        known = sum(c * self.earlier.opened.get(guard, 0) for c, guard in gap.terms if guard.query_id != self.query_id)
        total = engine.constant(FR.from_integers([known]))
        for coefficient, guard in gap.terms:
            if guard.query_id == self.query_id:
                total = engine.add(total, engine.scale_public(_row(sums, guard.row), coefficient))
            elif self._is_shared(guard):
                total = engine.add(total, engine.scale_public(self._share(guard), coefficient))
        return total


def forbidden_numbers(gap: Gap, minimum: int) -> Sequence[int]:
    """What the combination of a gap may not be."""
    near = [gap.scale * people for people in range(1, minimum)]
    return [*near, *(-value for value in near), *([] if gap.may_vanish else [0])]


def _row(sums: ReplicatedShare, row: int) -> ReplicatedShare:
    at = slice(row, row + 1)
    return ReplicatedShare(sums.party, np.ascontiguousarray(sums.first[at]), np.ascontiguousarray(sums.second[at]))
