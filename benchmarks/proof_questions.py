"""The three questions whose proofs are measured, with random columns that satisfy them. Seeds are fixed.

    sums     four sums over three registered columns, one of them a copy: Σ m, Σ m·x, Σ m·y, Σ (x + 3y)
    groups   count and sum of y by 20 codes where x ≥ c, by a sign that lookups pin
    ranges   registration of ten 32-bit columns of three datasets: bounds, booleans, absent rows zero, row counts

Numbers have two limbs of the range table, so 32 bits from 2^16 rows on, and 2κ bits in smaller tables.

One prover who owns every column proves ``sums`` and ``groups`` with the sums in the statement, as the contract takes
them from one owner; three provers seal them and open the guards. A registration is sealed either way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zk.builder import RelationBuilder
from zk.forms import ONE
from zk.relation import ColumnKind, RegisteredColumn, Relation

Column = NDArray[np.int64]

GROUPS: Final = 20
LARGEST_LIMB: Final = 16
DATASET_WIDTHS: Final = (4, 3, 3)
SEED: Final = 20_254


@dataclass(frozen=True)
class Question:
    """What is proved.

    Attributes:
        relation: the statement's shape.
        columns: rows of the registered columns, in order.
        owners: which of three contributors owns each, in order.
    """

    relation: Relation
    columns: tuple[Column, ...]
    owners: tuple[int, ...]

    @property
    def release(self) -> int:
        """Every sum, which opens its guard."""
        return 0 if self.relation.plain else (1 << self.relation.sum_rows) - 1


def column_bits(log_rows: int) -> int:
    """Bits of a number in a table of 2^log_rows rows."""
    return 2 * min(LARGEST_LIMB, log_rows)


def sums(log_rows: int, plain: bool) -> Question:
    """Four sums over three columns of three owners."""
    rng, n, bits = np.random.default_rng([SEED, log_rows]), 1 << log_rows, column_bits(log_rows)
    builder = RelationBuilder(log_rows)
    mask = builder.registered(_column(1, 0, ColumnKind.BOOLEAN))
    x, y = (builder.registered(_column(dataset, 1)) for dataset in (2, 3))
    guard = builder.sum([(1, ONE, mask)])
    builder.sum([(1, mask, x)], guard)
    builder.sum([(1, mask, y)], guard)
    builder.sum([(1, ONE, x), (3, ONE, y)], guard)
    return Question(builder.build(plain), (_numbers(rng, n, 1), _numbers(rng, n, bits), _numbers(rng, n, bits)), (0, 1, 2))


def groups(log_rows: int, plain: bool) -> Question:
    """Count and sum by group under a comparison: x and y are the first owner's, the codes the second's."""
    rng, n, bits = np.random.default_rng([SEED, log_rows, 1]), 1 << log_rows, column_bits(log_rows)
    builder = RelationBuilder(log_rows)
    x, y = (builder.registered(_column(1, place)) for place in (1, 2))
    code = builder.registered(_column(2, 1))
    kept = builder.not_negative({x: 1, ONE: -(1 << bits - 1)}, bits)
    counted = builder.product(kept, y)
    inverse = builder.group({code: 1}, range(1, GROUPS + 1))
    guard = builder.sum([(1, kept, inverse)])
    builder.sum([(1, counted, inverse)], guard)
    codes = rng.integers(1, GROUPS + 1, n, dtype=np.int64)  # a row in no group may not be counted anywhere
    return Question(builder.build(plain), (_numbers(rng, n, bits), _numbers(rng, n, bits), codes), (0, 0, 1))


def ranges(log_rows: int, plain: bool = False) -> Question:
    """What a registration proves, for three datasets of 4, 3 and 3 columns; each has a column ``present``."""
    rng, n, bits = np.random.default_rng([SEED, log_rows, 2]), 1 << log_rows, column_bits(log_rows)
    builder = RelationBuilder(log_rows)
    columns: list[Column] = []
    owners: list[int] = []
    for owner, width in enumerate(DATASET_WIDTHS):
        present = builder.registered(_column(owner + 1, 0, ColumnKind.BOOLEAN))
        columns.append(_numbers(rng, n, 1))
        guard = builder.sum([(1, ONE, present)])
        builder.vanish([(1, present, present), (-1, ONE, present)])
        here = columns[-1]
        for place in range(1, width + 1):
            value = builder.registered(_column(owner + 1, place))
            columns.append(_numbers(rng, n, bits) * here)
            builder.vanish([(1, ONE, value), (-1, present, value)])
            builder.sum([(1, ONE, value)], guard)
            builder.in_range({value: 1}, (1 << bits) - 1)
        owners += [owner] * (width + 1)
    return Question(builder.build(plain), tuple(columns), tuple(owners))


QUESTIONS: Final[dict[str, Callable[[int, bool], Question]]] = {"sums": sums, "groups": groups, "ranges": ranges}


def _column(dataset: int, place: int, kind: ColumnKind = ColumnKind.INTEGER) -> RegisteredColumn:
    return RegisteredColumn(dataset, 1, place, kind)


def _numbers(rng: np.random.Generator, n: int, bits: int) -> Column:
    drawn: NDArray[Any] = rng.integers(0, 1 << bits, n, dtype=np.int64)
    return drawn
