"""What a relation costs: counts and bytes exact, gas and seconds estimated. Public.

Gas is a linear fit of whole transactions (docs/gas.md; `tests/ledger/test_gas.py` holds it to within 2 %), with every
guard opened unless hidden. Seconds are processor time of one prover on one core of the machine of docs/performance.md,
whose three measured questions they meet within 30 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zk.encoding import encode_relation
from zk.expansion import expanded_sum_forms, expanded_zero_forms
from zk.forms import HintKind
from zk.relation import Relation

GAS_BASE: Final = 198_200  # a transaction with its pairing, then one more of each
GAS_REGISTERED: Final = 8_650
GAS_COMMITMENT: Final = 9_350
GAS_OPENING: Final = 1_110
GAS_TERM: Final = 150
GAS_CELL: Final = 600
GAS_GUARD: Final = 800
GAS_HIDDEN: Final = 3_490  # the equations of hidden guards, then one more guard
GAS_HIDDEN_GUARD: Final = 840

SECONDS_OF_A_COLUMN: Final = 0.6  # of 2^20 rows: its commitment, transforms and shares of the quotient and openings
COLUMNS_OF_THE_ARGUMENT: Final = 4  # [A], [t], [W], [V]


@dataclass(frozen=True, slots=True)
class RelationCost:
    """Counts of a relation.

    Args:
        registered: commitments taken from the directory.
        commitments: commitments in the proof, without those of the argument itself: witnesses, multiplicities, bits of
            hidden guards, s and round 2.
        openings: columns opened at a random point.
        lookups: linear forms looked up in the range table.
        limbs: witnesses that hold a limb of a larger number.
        zero_forms: forms that vanish on every row, those of lookups and groups included.
        sums: sums, before cells.
        cells: cells of each sum.
        terms: terms of all forms.
        words: 32-byte words of its encoding.
        gas: estimated gas of a transaction that publishes it.
        proof_bytes: size of a proof with every guard opened, unless they are hidden.
        seconds: estimated processor seconds of a single prover.
    """

    registered: int
    commitments: int
    openings: int
    lookups: int
    limbs: int
    zero_forms: int
    sums: int
    cells: int
    terms: int
    words: int
    gas: int
    proof_bytes: int
    seconds: float


def relation_cost(relation: Relation) -> RelationCost:
    """Count what a relation costs.

    Raises:
        RelationInvalidError: it does not fit the limits of its encoding.
    """
    zeros, sums = expanded_zero_forms(relation), expanded_sum_forms(relation)
    terms = sum(len(form) for form in zeros + sums)
    commitments = relation.round1_count + relation.round2_count + (0 if relation.plain else 1)
    guards = len(set(relation.guards)) * relation.cells
    gas = (
        GAS_BASE
        + GAS_REGISTERED * len(relation.registered)
        + GAS_COMMITMENT * (commitments + relation.multiplicities)
        + GAS_OPENING * len(relation.opened)
        + GAS_TERM * terms
        + GAS_CELL * relation.sum_rows
        + GAS_GUARD * guards
        + (GAS_HIDDEN + GAS_HIDDEN_GUARD * guards) * relation.bit_columns
    )
    points = relation.round1_count + relation.round2_count + (4 if relation.plain else 5)
    shown = 0 if relation.hidden_guards else guards
    values = len(relation.opened) + (1 + relation.sum_rows if relation.plain else 2 + shown)
    return RelationCost(
        registered=len(relation.registered),
        commitments=commitments,
        openings=len(relation.opened),
        lookups=len(relation.lookups),
        limbs=sum(hint.kind is HintKind.DIGITS for hint in relation.hints),
        zero_forms=len(zeros),
        sums=len(relation.sum_forms),
        cells=relation.cells,
        terms=terms,
        words=len(encode_relation(relation)),
        gas=gas,
        proof_bytes=64 * points + 32 * values,
        seconds=SECONDS_OF_A_COLUMN * (commitments + COLUMNS_OF_THE_ARGUMENT) * relation.rows / (1 << 20),
    )
