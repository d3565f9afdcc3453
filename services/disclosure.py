"""Which sums may be shown, decided in the clear by the one owner of all of them.

The rule is that of a joint proof (docs/adr/0005), where `mpc.compare.open_disclosure_risks` decides it on shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

from query.audit.regressions import smallest_groups
from query.dominance import DominanceChecks
from services.errors import DisclosureRefusedError
from zk.errors import RelationInvalidError
from zk.relation import Relation
from zk.statement import RELEASE_BITS

NO_RULES: Final = DominanceChecks()


def cells_at_risk(
    relation: Relation, sums: Sequence[int], minimum: int, dominance: DominanceChecks = NO_RULES
) -> list[bool]:
    """For every cell whether a guard is below its minimum, or two guards differ by less than the smaller of theirs
    without being equal, or a total may rest on too few contributors.

    Args:
        sums: all rows of s; secret, and so is the result.
        minimum: smallest count that may be shown; more beside many moments (`query.audit.regressions`).
        dominance: what dominance rules demand.
    """
    found, least = [], smallest_groups(relation, minimum, dominance.closed)
    dominated = dominance.cells_at_risk(sums, relation.cells)
    for cell in range(relation.cells):
        counts = [sums[guard * relation.cells + cell] for guard in sorted(set(relation.guards))]
        small = any(count < bound for count, bound in zip(counts, least, strict=True))
        pairs = combinations(zip(counts, least, strict=True), 2)
        near = any(0 < abs(a - b) < min(first, second) for (a, first), (b, second) in pairs)
        found.append(small or near or dominated[cell])
    return found


def public_release(
    relation: Relation, sums: Sequence[int], minimum: int, dominance: DominanceChecks = NO_RULES
) -> int:
    """The release word that makes every sum public whose cell may be shown; 0 where sums are plain, which shows all.

    Args:
        sums, minimum, dominance: as `cells_at_risk`.

    Raises:
        DisclosureRefusedError: no cell may be shown; where sums are plain, not every one.
        RelationInvalidError: sums that are never let out are plain.
    """
    if relation.plain and dominance.closed:
        raise RelationInvalidError("plain sums are shown all or none: a sum of a dominance rule must be sealed")
    risks = cells_at_risk(relation, sums, minimum, dominance)
    if all(risks) or (relation.plain and any(risks)):
        raise DisclosureRefusedError()
    return 0 if relation.plain else release_word(relation, risks, dominance, True)


def release_word(relation: Relation, risks: Sequence[bool], dominance: DominanceChecks, public: bool) -> int:
    """The release word of the cells that may be shown, without the sums that are never let out.

    Args:
        risks: for every cell whether it stays closed.
        dominance: names those sums.
        public: whether what is released is public.
    """
    cells = relation.cells
    released = sum(1 << row for row in range(relation.sum_rows)
                   if not risks[row % cells] and not dominance.is_closed(row, cells))
    return everywhere(released) if public else released


def everywhere(released: int) -> int:
    """The release word that makes every released row public."""
    return released | released << RELEASE_BITS
