"""A relation's sums in the clear: exact, vectorised, over rows one may see (mock rows, or one's own).

Columns are computed only where a sum needs them. A column is int64 with a bound on its absolute values; what could
leave 63 bits is split into limbs where it is summed, and held as Python integers where it is a column. Group inverses
count as 1: cells are told apart by codes. Hints and lookups, which only proofs need, are never evaluated.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from query.errors import SumsInvalidError
from query.plan import Plan
from zk.forms import ONE, Form, HintKind, Term
from zk.relation import Relation

WORD: Final = 1 << 63
LIMB_BITS: Final = 31  # a product of two limbs has at most 62 bits
HALF_BITS: Final = 32
FLOAT_BITS: Final = 53

Integers = npt.NDArray[np.int64]
Columns = Mapping[str, Integers]


@dataclass(frozen=True, slots=True)
class _Column:
    """Values, int64 or (where the bound is 2^63 or more) Python integers, and a bound on their absolute values."""

    values: npt.NDArray[Any]
    bound: int


def evaluate_in_clear(plan: Plan, tables: Mapping[str, Columns]) -> tuple[int, ...]:
    """Compute a plan's sums over physical columns that the caller may see.

    Args:
        plan: the compiled question.
        tables: by table name, physical columns as `query.rows.encode_rows` makes them: int64, (2^log_rows,).

    Returns:
        One integer for each sum of the plan, cell by cell.

    Raises:
        SumsInvalidError: a column is missing or has another length.
    """
    columns = []
    for column in plan.columns:
        values = tables.get(column.table, {}).get(column.name)
        if values is None or values.dtype != np.int64 or values.shape != (plan.relation.rows,):
            raise SumsInvalidError(f"{column.table}.{column.name} must be int64 of {plan.relation.rows} rows")
        columns.append(values)
    return _Evaluator(plan.relation, columns).sums()


def released_in_clear(plan: Plan, sums: Sequence[int]) -> tuple[int | None, ...]:
    """What the parties' first rules would let out: None where a cell's guards are too small or too close (ADR 0005), or
    a total rests on too few rows; and for sums that serve dominance rules alone (ADR 0024).

    Args:
        plan: the compiled question.
        sums: from `evaluate_in_clear`.
    """
    cells, least = len(plan.cells), plan.minimum_group
    found: list[int | None] = [None] * len(sums)
    dominated = plan.dominance.cells_at_risk(sums, cells)
    for cell in range(cells):
        mine = [row for row in range(cell, len(sums), cells) if not plan.sums[row].closed]
        guards = sorted({sums[plan.sums[row].guard] for row in mine})
        close = any(high - low < least for low, high in itertools.pairwise(guards))
        if guards[0] >= least and not close and not dominated[cell]:
            for row in mine:
                found[row] = sums[row]
    return tuple(found)


def forms_in_clear(relation: Relation, registered: Sequence[Integers]) -> list[Integers]:
    """The sum forms of a relation without groups, row by row.

    Args:
        relation: over columns the caller may see.
        registered: its registered columns in its order: int64, (rows,).

    Raises:
        SumsInvalidError: another number of columns or rows, groups, or values beyond 63 bits.
    """
    fitting = all(values.dtype == np.int64 and values.shape == (relation.rows,) for values in registered)
    if relation.groups or len(registered) != len(relation.registered) or not fitting:
        raise SumsInvalidError(f"expected {len(relation.registered)} columns of {relation.rows} rows, and no groups")
    evaluator = _Evaluator(relation, registered)
    found = [evaluator.rows(form) for form in relation.sum_forms]
    if any(values.dtype != np.int64 for values in found):
        raise SumsInvalidError("a form has values beyond 63 bits")
    return found


class _Evaluator:
    def __init__(self, relation: Relation, registered: Sequence[Integers]) -> None:
        self._relation = relation
        self._rows = relation.rows
        self._columns: dict[int, _Column] = {}
        for index, values in enumerate(registered, start=1):
            self._columns[index] = _Column(values, int(np.abs(values).max(initial=0)))
        self._ones = frozenset({ONE, *(relation.group_index(place) for place in range(len(relation.groups)))})
        self._cells = self._row_cells()

    def sums(self) -> tuple[int, ...]:
        """Every sum, cell by cell."""
        found = []
        for form in self._relation.sum_forms:
            totals = [0] * self._relation.cells
            for term in form:
                for cell, total in enumerate(self._term_sums(term)):
                    totals[cell] += term.coefficient * total
            found += totals
        return tuple(found)

    def rows(self, form: Form) -> npt.NDArray[Any]:
        """A form on every row."""
        return self._value(form).values

    # --- sums -----------------------------------------------------------------------------------------------------

    def _term_sums(self, term: Term) -> list[int]:
        """Σ left · right over the rows of each cell."""
        factors = [self._column(index) for index in (term.left, term.right) if index not in self._ones]
        if not factors:
            return self._cell_sums(np.ones(self._rows, np.int64), 1)
        if any(factor.bound >= WORD for factor in factors):
            product = factors[0].values.astype(object)
            for factor in factors[1:]:
                product = product * factor.values
            return self._object_sums(product)
        if len(factors) == 1:
            return self._cell_sums(factors[0].values, factors[0].bound)
        left, right = factors
        if left.bound * right.bound * self._rows < WORD and self._cells is None:
            return [int(np.dot(left.values, right.values))]
        if left.bound * right.bound < WORD:
            return self._cell_sums(left.values * right.values, left.bound * right.bound)
        totals = [0] * self._relation.cells
        for shift, low in _limbs(left):
            for other, high in _limbs(right):
                part = self._cell_sums(low.values * high.values, low.bound * high.bound)
                totals = [total + (value << shift + other) for total, value in zip(totals, part, strict=True)]
        return totals

    def _cell_sums(self, values: Integers, bound: int) -> list[int]:
        """Σ of int64 values over the rows of each cell, exactly."""
        if self._cells is None:
            if bound * self._rows < WORD:
                return [int(values.sum())]
            high = int((values >> HALF_BITS).sum())
            return [(high << HALF_BITS) + int((values & (1 << HALF_BITS) - 1).sum())]
        cells, width = self._relation.cells, FLOAT_BITS - 1 - self._relation.log_rows
        totals, shift = [0] * cells, 0
        while True:  # limbs so narrow that doubles add them up exactly
            last = bound >> shift < 1 << width
            limb = values >> shift if last else values >> shift & (1 << width) - 1
            part = np.bincount(self._cells, weights=limb, minlength=cells + 1)[1:].tolist()
            totals = [total + (int(value) << shift) for total, value in zip(totals, part, strict=True)]
            if last:
                return totals
            shift += width

    def _object_sums(self, values: npt.NDArray[Any]) -> list[int]:
        if self._cells is None:
            return [int(values.sum())]
        return [int(values[self._cells == cell + 1].sum()) for cell in range(self._relation.cells)]

    def _row_cells(self) -> Integers | None:
        """1 + the cell of every row, 0 for none; None without groups."""
        if not self._relation.groups:
            return None
        cells, inside = np.zeros(self._rows, np.int64), np.ones(self._rows, np.bool_)
        for group in self._relation.groups:
            codes = self._value(group.form).values.astype(np.int64)
            known = np.array(group.codes, np.int64)
            place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
            inside &= known[place] == codes
            cells = cells * len(known) + place
        return np.where(inside, cells + 1, 0)

    # --- columns --------------------------------------------------------------------------------------------------

    def _column(self, index: int) -> _Column:
        if index not in self._columns:
            hint = self._relation.hinted.get(index)
            if hint is None:
                self._columns[index] = self._value(self._relation.definition(index))
            elif hint.kind is HintKind.NOT_NEGATIVE:
                self._columns[index] = _Column((self._value(hint.form).values >= 0).astype(np.int64), 1)
            elif hint.kind is HintKind.IS_ZERO:
                self._columns[index] = _Column((self._value(hint.form).values == 0).astype(np.int64), 1)
            else:
                raise SumsInvalidError("a sum over limbs or inverses of comparisons has no meaning in the clear")
        return self._columns[index]

    def _value(self, form: Form) -> _Column:
        """Σ coefficient · left · right on every row."""
        parts = [[self._column(i) for i in (t.left, t.right) if i not in self._ones] for t in form]
        bound = 0
        for term, factors in zip(form, parts, strict=True):
            size = abs(term.coefficient)
            for factor in factors:
                size *= max(factor.bound, 1)
            bound += size
        wide = bound >= WORD
        total = np.zeros(self._rows, object if wide else np.int64)
        for term, factors in zip(form, parts, strict=True):
            value: npt.NDArray[Any] | None = None
            for factor in factors:
                column = factor.values.astype(object) if wide else factor.values
                value = column if value is None else value * column
            total += term.coefficient if value is None else value * term.coefficient if term.coefficient != 1 else value
        if wide:
            largest = int(np.abs(total).max())
            return _Column(total, max(largest, WORD)) if largest >= WORD else _Column(total.astype(np.int64), largest)
        return _Column(total, int(np.abs(total).max(initial=0)))


def _limbs(column: _Column) -> list[tuple[int, _Column]]:
    """(shift, limb) with Σ limb · 2^shift = the column; all but the highest are not negative."""
    found, shift = [], 0
    while column.bound >> shift >= 1 << LIMB_BITS:
        found.append((shift, _Column(column.values >> shift & (1 << LIMB_BITS) - 1, (1 << LIMB_BITS) - 1)))
        shift += LIMB_BITS
    rest = column.values >> shift
    return [*found, (shift, _Column(rest, int(np.abs(rest).max(initial=0))))]
