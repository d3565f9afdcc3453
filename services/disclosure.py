"""Which sums may be shown, decided in the clear by the one owner of all of them.

The rule is that of a joint proof (docs/adr/0005), where `mpc.compare.open_disclosure_risks` decides it on shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from query.audit.regressions import smallest_groups
from services.errors import DisclosureRefusedError
from zk.relation import Relation
from zk.statement import RELEASE_BITS


def cells_at_risk(relation: Relation, sums: Sequence[int], minimum: int) -> list[bool]:
    """For every cell whether a guard is below its minimum, or two guards differ by less than the smaller of theirs
    without being equal.

    Args:
        sums: all rows of s; secret, and so is the result.
        minimum: smallest count that may be shown; more beside many moments (`query.audit.regressions`).
    """
    found, least = [], smallest_groups(relation, minimum)
    for cell in range(relation.cells):
        counts = [sums[guard * relation.cells + cell] for guard in sorted(set(relation.guards))]
        small = any(count < bound for count, bound in zip(counts, least, strict=True))
        pairs = combinations(zip(counts, least, strict=True), 2)
        found.append(small or any(0 < abs(a - b) < min(first, second) for (a, first), (b, second) in pairs))
    return found


def public_release(relation: Relation, sums: Sequence[int], minimum: int) -> int:
    """The release word that makes every sum public whose cell may be shown; 0 where sums are plain, which shows all.

    Args:
        sums, minimum: as `cells_at_risk`.

    Raises:
        DisclosureRefusedError: no cell may be shown; where sums are plain, not every one.
    """
    risks = cells_at_risk(relation, sums, minimum)
    if all(risks) or (relation.plain and any(risks)):
        raise DisclosureRefusedError()
    return 0 if relation.plain else everywhere(sum(1 << row for row in range(relation.sum_rows)
                                                   if not risks[row % relation.cells]))


def everywhere(released: int) -> int:
    """The release word that makes every released row public."""
    return released | released << RELEASE_BITS
