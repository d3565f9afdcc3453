"""What a relation costs on the chain: counts exact, gas estimated. Public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zk.encoding import encode_relation
from zk.expansion import expanded_sum_forms, expanded_zero_forms
from zk.forms import HintKind
from zk.relation import Relation

# Linear fit of the contract's gas (docs/protocol.md §6): a transaction with its pairing, then one more of each.
GAS_BASE: Final = 195_000
GAS_REGISTERED: Final = 8_400
GAS_COMMITMENT: Final = 9_000
GAS_OPENING: Final = 1_000
GAS_TERM: Final = 130
GAS_CELL: Final = 400


@dataclass(frozen=True, slots=True)
class RelationCost:
    """Counts of a relation.

    Args:
        registered: commitments taken from the directory.
        commitments: commitments in the proof, without those of the argument itself: witnesses, multiplicities, s and
            round 2.
        openings: columns opened at a random point.
        lookups: linear forms looked up in the range table.
        limbs: witnesses that hold a limb of a larger number.
        zero_forms: forms that vanish on every row, those of lookups and groups included.
        sums: sums, before cells.
        cells: cells of each sum.
        terms: terms of all forms.
        words: 32-byte words of its encoding.
        gas: estimated gas of a transaction that publishes it.
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


def relation_cost(relation: Relation) -> RelationCost:
    """Count what a relation costs.

    Raises:
        RelationInvalidError: it does not fit the limits of its encoding.
    """
    zeros, sums = expanded_zero_forms(relation), expanded_sum_forms(relation)
    terms = sum(len(form) for form in zeros + sums)
    commitments = relation.round1_count + relation.round2_count + (0 if relation.plain else 1)
    gas = (
        GAS_BASE
        + GAS_REGISTERED * len(relation.registered)
        + GAS_COMMITMENT * (commitments + relation.multiplicities)
        + GAS_OPENING * len(relation.opened)
        + GAS_TERM * terms
        + GAS_CELL * relation.sum_rows
    )
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
    )
