"""A result as the agency gets it, and how it is put together from the parties' parts and checked against the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from query.plan import Plan
from query.publication import Publication
from query.statistics import Result as Output
from query.statistics import Value, finish_plan, result_rows
from query.sums import Label
from services.client_errors import ResultRejectedError
from services.convert import decode_elements, decode_points_array, released_rows
from services.party.client import ReleasedParts
from services.verify import VerifiedQuery
from zk.curve import decode_points, sum_points
from zk.errors import ZkError
from zk.field import FR
from zk.pairing import G2
from zk.proof import Proof
from zk.statement import Point
from zk.verifier import verify_row_openings


@dataclass(frozen=True, slots=True)
class RowOpening:
    """A released row of the sealed column (a sum, or with GROUP BY one cell of it) and the point that shows it stands
    there; anyone given it can check it."""

    row: int
    value: int
    point: Point


@dataclass(frozen=True, slots=True)
class Result:
    """A verified result.

    What it shows: each sum is exactly the agreed one over exactly the registered data, if one contributor to the setup
    ceremony was honest. What it does not show: that the registered data is true; and anything about `unproved` outputs,
    which the parties computed on shares.

    Args:
        sql: the question.
        query_id: 32 bytes.
        plan: its meaning.
        outputs: the statistics in order, cell by cell.
        sums: the proved sums in the plan's order, None where not released.
        opening: one for each released row; none where the sums are public, which everybody reads from the ledger.
        proof: as published.
        proof_bytes: its size.
        guards: counts opened on the ledger, by row of the sums.
        tx: transaction that published it.
        gas: what that cost; of a transaction that published several results, an equal share.
        block_number: where it stands.
        stages_s: seconds by stage.
        ranks: order statistics in the plan's order, as stored numbers; None where none were asked for. Not proved.
    """

    sql: str
    query_id: bytes
    plan: Plan = field(repr=False)
    outputs: tuple[Output, ...]
    sums: tuple[int | None, ...]
    opening: tuple[RowOpening, ...] = field(repr=False)
    proof: Proof = field(repr=False)
    proof_bytes: int
    guards: Mapping[int, int]
    tx: str
    gas: int
    block_number: int
    stages_s: Mapping[str, float] = field(repr=False)
    ranks: tuple[int, ...] | None = field(default=None, repr=False)

    @property
    def publication(self) -> Publication:
        """Who sees the sums."""
        return self.plan.publication

    @property
    def unproved(self) -> tuple[str, ...]:
        """Names of the outputs that no proof covers."""
        return tuple(output.name for output in self.outputs if not output.proved)

    @property
    def values(self) -> dict[str, Value]:
        """Value of every output by its name; empty with GROUP BY, see `rows`."""
        several = self.plan.groups and not self.plan.collected
        return {} if several else {output.name: output.value for output in self.outputs}

    def rows(self) -> list[dict[str, Value | Label]]:
        """The result table: one row, or with GROUP BY one for each group, suppressed ones with None."""
        return list(result_rows(self.plan, self.outputs))


def combine_parts(tau_g2: G2, verified: VerifiedQuery, parts: Sequence[ReleasedParts]) -> tuple[RowOpening, ...]:
    """Sum the parties' parts and check them against the ledger's [s].

    Args:
        tau_g2: [τ]_2 of the pinned string.
        verified: the published query.
        parts: one from every computing party.

    Raises:
        ResultRejectedError: a part is malformed, or the sum of all does not open the record.
    """
    relation = verified.query.relation
    released = released_rows(verified.published.release)
    if any(part.rows != released for part in parts):
        raise ResultRejectedError("a party released other rows than the ledger's record names")
    try:
        values = [decode_elements("values", part.values, len(released)) for part in parts]
        points = [decode_points_array("points", part.points, len(released)) for part in parts]
        total = values[0]
        for more in values[1:]:
            total = FR.add(total, more)
        openings = []
        for place, (number, value) in enumerate(zip(released, FR.to_integers(total))):
            (point,) = decode_points(sum_points(np.concatenate([array[place : place + 1] for array in points])))
            openings.append(RowOpening(number, value, (0, 0) if point is None else point))
        if verified.published.sums is None:
            raise ResultRejectedError("the record holds its sums in the open; there is nothing to release")
        verify_row_openings(
            tau_g2, relation.log_rows, verified.published.sums, [(o.row, o.value, o.point) for o in openings]
        )
    except ZkError as error:
        raise ResultRejectedError(f"the released result is not what the ledger's record seals: {error}") from error
    for opening in openings:
        if verified.guards.get(opening.row, opening.value) != opening.value:
            raise ResultRejectedError("a released count is not the one opened on the ledger")
    return tuple(openings)


def finish(
    plan: Plan, values: Mapping[int, int], ranks: Sequence[int] | None = None
) -> tuple[tuple[int | None, ...], tuple[Output, ...]]:
    """Return the sums in the plan's order and the statistics finished from them.

    Args:
        values: released sums by row.
        ranks: order statistics, which the parties computed besides (`services.ranks`).

    Raises:
        SumsInvalidError: the sums cannot be this plan's.
    """
    sums = tuple(values.get(number) for number in range(len(plan.sums)))
    return sums, finish_plan(plan, sums, ranks)
