"""Dominance rules decided on shares of the proved sums: one factor for each total and cell, 0 where the rule closes it.

Total and squares are linear in the sums. One checked product squares the totals; numerator and denominator of the
effective number of contributors weigh the two sides; the sign of what is left is the factor, as a shared bit. Nothing
is opened here: the factors go into the product that `mpc.compare.open_disclosure_risks` opens one bit of for each cell.
"""

from __future__ import annotations

from mpc.checked import CheckedProducts
from mpc.replicated import Engine
from mpc.shares import ReplicatedShare, concatenate_shares
from mpc.signs import not_negative
from query.dominance import DominanceChecks, Form


def dominance_factors(
    engine: Engine, sums: ReplicatedShare, cells: int, checks: DominanceChecks, label: str
) -> ReplicatedShare | None:
    """Return shares of 1 where a total has enough contributors and of 0 where it may not, total by total.

    Args:
        engine: over the scalar field.
        sums: shares of all sums, cell by cell, bound to the proof.
        cells: how many there are.
        checks: public, the same at all parties.
        label: public, unique in the round.

    Returns:
        tests · cells shared bits; None, and nothing is sent, where there are no tests.

    Raises:
        MpcError: as products and openings raise it.
    """
    if not checks.tests:
        return None
    products = CheckedProducts(engine, label)
    totals = concatenate_shares([_linear(engine, sums, cells, test.total) for test in checks.tests])
    entered = products.enter(totals)
    squared = products.multiply(entered, entered)
    products.verify()
    sides = []
    for place, test in enumerate(checks.tests):
        high = engine.scale_public(squared.value[place * cells : (place + 1) * cells], test.effective.denominator)
        low = engine.scale_public(_linear(engine, sums, cells, test.squares), test.effective.numerator)
        sides.append(engine.sub(high, low))
    width = max(test.bits for test in checks.tests)
    return not_negative(engine, concatenate_shares(sides), width, f"{label}/sign")


def _linear(engine: Engine, sums: ReplicatedShare, cells: int, form: Form) -> ReplicatedShare:
    """Σ coefficient · sum in every cell. Squares of a total are never 0 by form, so that there is a term."""
    total: ReplicatedShare | None = None
    for number, coefficient in form:
        part = engine.scale_public(sums[number * cells : (number + 1) * cells], coefficient)
        total = part if total is None else engine.add(total, part)
    return engine.constant(engine.ring.zeros(cells)) if total is None else total
