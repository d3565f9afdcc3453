"""Hidden guards: the layout of their bits in column b, and the weights of the equation that binds them to s.

A guard g counts rows, so 0 ≤ g ≤ N. With a minimum group from 1 to N, x = g − minimum + N lies in [0, 2N), and its
highest bit, log2 N, is 1 exactly if g ≥ minimum. Bit j = 16c + a of the guard in row v of s stands in row
v + c·N/32 + a·N/16 of b, which is boolean on every row, and the accumulator shows for every guard row v, with a weight
of its own,

    Σ_j 2^j·b[row of bit j] − s[v] = N − minimum,       j < 16, or j < 32 where log2 N > 15.

Where a sum is released, the top bit of its guard is opened and must be 1; nothing else of b is. x is determined as an
integer below 2^32, far from wrapping round r: a guard below the minimum has no bits with that row 1, whatever stands in
the other rows. Guard rows are below N/32, so that no two guards share a row of b.

The rows of half a guard are a coset of the 16th roots of unity, hence Σ_a 2^a·L_(u + a·N/16)(ζ) has a closed form: with
y = ζ·ω^(−u) and ν of order 16 it is Z_H(ζ)/N · Σ_i c_i·y^i / (y^16 − 1), c_i = (2^16 − 1)/(2·ν^(−i) − 1).

Public data, variable time, but for `guard_bits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from zk.errors import WitnessUnsatisfiedError
from zk.ntt import root_of_unity
from zk.relation import GUARD_BITS_LOG, Relation
from zk.transcript import FR_MODULUS

HALF: Final = 16
"""Bits of half a guard."""


def _interpolation() -> tuple[int, ...]:
    inverse = pow(root_of_unity(4), -1, FR_MODULUS)
    powers = (pow(inverse, i, FR_MODULUS) for i in range(HALF))
    return tuple(((1 << HALF) - 1) * pow(2 * power - 1, -1, FR_MODULUS) % FR_MODULUS for power in powers)


HALF_COEFFICIENTS: Final = _interpolation()
"""c_i: Σ_a 2^a·ν^a/(y − ν^a) = Σ_i c_i·y^i / (y^16 − 1)."""


def halves(log_rows: int) -> int:
    """Halves that hold the log2(N) + 1 bits of g − minimum + N: 1 or 2."""
    return log_rows // HALF + 1


def half_row(log_rows: int, guard_row: int, half: int) -> int:
    """The row of b that holds the lowest bit of half the guard in a row of s."""
    return guard_row + (half << log_rows >> GUARD_BITS_LOG)


def bit_row(log_rows: int, guard_row: int, bit: int) -> int:
    """The row of b that holds a bit of the guard in a row of s."""
    return half_row(log_rows, guard_row, bit // HALF) + (bit % HALF << log_rows - 4)


def bit_rows(relation: Relation) -> list[int]:
    """The rows of b that mean something: guard by guard, bit by bit from the lowest to log2 N."""
    return [
        bit_row(relation.log_rows, row, bit) for row in relation.guard_rows for bit in range(relation.log_rows + 1)
    ]


def shown_bit_rows(relation: Relation, release: int) -> tuple[int, ...]:
    """Rows of b that a release word opens, each to 1: the top bits of the guards of released rows, by guard row.

    Args:
        release: a valid release word (`zk.statement.opened_rows`).
    """
    if not relation.hidden_guards:
        return ()
    guards = {relation.guard_row(row) for row in range(relation.sum_rows) if release >> row & 1}
    return tuple(bit_row(relation.log_rows, row, relation.log_rows) for row in sorted(guards))


def guard_bits(relation: Relation, guards: Sequence[int], minimum: int) -> list[int]:
    """Bits of the guards in the order of `bit_rows`, for a prover who knows them; secret.

    Args:
        guards: values of the guard rows, in their order.

    Raises:
        WitnessUnsatisfiedError: a value counts no rows of the relation.
    """
    if not all(0 <= guard <= relation.rows for guard in guards):
        raise WitnessUnsatisfiedError("a guard does not count rows")
    shifted = [guard - minimum + relation.rows for guard in guards]
    return [value >> bit & 1 for value in shifted for bit in range(relation.log_rows + 1)]


def equation_rows(relation: Relation, weights: Mapping[int, int]) -> dict[int, int]:
    """The weight that rows of b have in the equations, 16 for each half of a guard."""
    log_rows = relation.log_rows
    return {
        bit_row(log_rows, row, bit): (weight << bit) % FR_MODULUS
        for row, weight in weights.items()
        for bit in range(HALF * halves(log_rows))
    }


def equation_weight(relation: Relation, weights: Mapping[int, int], zeta: int) -> int:
    """Σ_row weight_row·L_row(ζ) over `equation_rows`, by the closed form; for ζ ∈ H, which is refused, anything."""
    vanishing = pow(zeta, relation.rows, FR_MODULUS) - 1
    total = 0
    for row, weight in weights.items():
        for half, y in enumerate(_arguments(relation, row, zeta)):
            numerator = 0
            for coefficient in reversed(HALF_COEFFICIENTS):
                numerator = (numerator * y + coefficient) % FR_MODULUS
            denominator = (pow(y, HALF, FR_MODULUS) - 1) % FR_MODULUS
            if denominator:
                total += (weight << HALF * half) * numerator * pow(denominator, -1, FR_MODULUS)
    return total * vanishing * pow(relation.rows, -1, FR_MODULUS) % FR_MODULUS


def equation_denominators(relation: Relation, zeta: int) -> list[int]:
    """y − 1 for every guard row and y^16 − 1 for each half: what the contract divides by for the equations."""
    found = []
    for row in relation.guard_rows if relation.hidden_guards else ():
        arguments = _arguments(relation, row, zeta)
        found += [(arguments[0] - 1) % FR_MODULUS, *((pow(y, HALF, FR_MODULUS) - 1) % FR_MODULUS for y in arguments)]
    return found


def _arguments(relation: Relation, guard_row: int, zeta: int) -> list[int]:
    """ζ/ω^row for the lowest bit of each half."""
    backwards, log_rows = pow(root_of_unity(relation.log_rows), -1, FR_MODULUS), relation.log_rows
    rows = (half_row(log_rows, guard_row, half) for half in range(halves(log_rows)))
    return [zeta * pow(backwards, row, FR_MODULUS) % FR_MODULUS for row in rows]
