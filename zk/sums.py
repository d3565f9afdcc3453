"""A contributor's additive parts of all sums, cell by cell, before anything is committed.

The inverse columns of groups exist only after round 1, and the sums are sealed in round 1. So here a group inverse
1/(β_c + gid) is replaced by what it stands for, the indicator of the cell's code: the sum over a cell is the sum-form
over indicators. For terms of one owner that is a sum of rows sorted by cell. Terms across owners take replicated shares
of the factors, restricted to a cell: *cell columns*. Those are not committed. A wrong one makes a wrong sum, for which
there is no proof; but whether the proof fails may depend on another owner's data, so whoever runs a joint proof must
hold the cell columns against the column they are restrictions of before anything is opened
(`services/party/session_columns.py`, docs/protocol.md §6).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product as combinations

import numpy as np
from numpy.typing import NDArray

from zk.columns import ProductSum, Weighted
from zk.errors import ProtocolStateError, SizeMismatchError
from zk.field import FR, Words
from zk.forms import ONE, Term
from zk.hints import canonical_limbs, linear_values
from zk.owners import holds_shares, owner_of_term
from zk.relation import Relation
from zk.relation_rules import group_weights
from zk.witness import HeldColumns

CellKey = tuple[int, tuple[int, ...]]
"""A column of round 2 and the codes it is restricted to, one for each of its groups in order."""


def cell_keys(relation: Relation, owners: Mapping[int, int]) -> tuple[CellKey, ...]:
    """All cell columns that must be shared for the sums, in order."""
    weights = group_weights(relation)
    columns = {
        index
        for form in relation.sum_forms
        for term in form
        if owner_of_term(term, owners) is None
        for index in (term.left, term.right)
        if weights[index]
    }
    return tuple(
        (column, codes)
        for column in sorted(columns)
        for codes in combinations(*(relation.groups[place].codes for place in sorted(weights[column])))
    )


class SumParts:
    """See the module text. Secret.

    Args:
        relation: the relation proved.
        contributor: this contributor's number.
        owners: owner of every column.
        columns: what this contributor holds.
    """

    def __init__(self, relation: Relation, contributor: int, owners: Mapping[int, int], columns: HeldColumns) -> None:
        self._relation, self._me, self._owners, self._columns = relation, contributor, owners, columns
        self._weights = group_weights(relation)
        self._keys = cell_keys(relation, owners)
        self._bases: dict[int, Words] = {}
        self._codes: dict[int, NDArray[np.uint64]] = {}
        self._shares: dict[CellKey, tuple[Words, Words]] = {}

    def __repr__(self) -> str:
        return "SumParts(values redacted)"

    @property
    def keys(self) -> tuple[CellKey, ...]:
        """The cell columns that must be shared."""
        return self._keys

    def own_cells(self) -> dict[CellKey, Words]:
        """My cell columns, (N, 4) rows each; secret, to be shared replicated."""
        found = {}
        for column, codes in self._keys:
            if self._owners[column] == self._me:
                rows = self._base(column).copy()
                for place, code in zip(sorted(self._weights[column]), codes):
                    rows[self._group_codes(place) != code] = 0
                found[column, codes] = rows
        return found

    def accept(self, key: CellKey, first: Words, second: Words) -> None:
        """Take my replicated components of a cell column, once.

        Raises:
            SizeMismatchError: not a cell column, or not N rows.
            ProtocolStateError: it is there already.
        """
        if key not in self._keys or len(first) != self._relation.rows or len(second) != self._relation.rows:
            raise SizeMismatchError("unexpected shares for a cell column")
        if key in self._shares:
            raise ProtocolStateError("the shares of a cell column were accepted before")
        self._shares[key] = (first, second)

    def parts(self) -> Words:
        """My additive part of every row of s, (sums · cells, 4). Once: cell columns are dropped."""
        if not self._relation.groups:
            return np.concatenate([FR.total(self._ungrouped(form)) for form in self._relation.sum_forms])
        rows = []
        for form in self._relation.sum_forms:
            total = FR.zeros(self._relation.cells)
            for term in form:
                owner = owner_of_term(term, self._owners)
                if owner == self._me:
                    total = FR.add(total, FR.scale(self._local(term), term.coefficient))
                elif owner is None and holds_shares(self._me):
                    total = FR.add(total, FR.scale(self._crossed(term), term.coefficient))
            rows.append(total)
        self._shares, self._bases, self._codes = {}, {}, {}
        return np.concatenate(rows)

    def _ungrouped(self, form: tuple[Term, ...]) -> Words:
        product = ProductSum(self._me, self._owners, self._columns.rows_view, self._relation.rows)
        return product([Weighted(term.coefficient, term) for term in form])

    def _base(self, column: int) -> Words:
        """Rows of a column with every group inverse replaced by 1."""
        if not self._weights[column]:
            return FR.from_integers([1]) if column == ONE else self._columns.row_values(column)
        if column not in self._bases:
            rows = FR.from_integers([1])
            if column not in {self._relation.group_index(place) for place in range(len(self._relation.groups))}:
                rows = FR.zeros(1)
                for term in self._relation.definition(column):
                    factor = FR.mul(self._base(term.left), self._base(term.right))
                    rows = FR.add(FR.scale(factor, term.coefficient), rows)
            self._bases[column] = rows if len(rows) > 1 else np.repeat(rows, self._relation.rows, axis=0)
        return self._bases[column]

    def _group_codes(self, place: int) -> NDArray[np.uint64]:
        """Code of every row in a group column of mine; values beyond 64 bits count as none."""
        if place not in self._codes:
            form = self._relation.groups[place].form
            limbs = canonical_limbs(linear_values(form, self._columns.row_values, self._relation.rows))
            self._codes[place] = np.where(limbs[:, 1:].any(axis=1), np.uint64(0), limbs[:, 0])
        return self._codes[place]

    def _local(self, term: Term) -> Words:
        """Sums of a term of mine over every cell, (cells, 4)."""
        values = FR.mul(self._base(term.right), self._base(term.left))
        cells = np.zeros(self._relation.rows, dtype=np.int64)
        inside = np.ones(self._relation.rows, dtype=np.bool_)
        for place, group in enumerate(self._relation.groups):
            codes, known = self._group_codes(place), np.array(group.codes, dtype=np.uint64)
            position = np.minimum(np.searchsorted(known, codes), len(known) - 1)
            inside &= known[position] == codes
            cells = cells * len(known) + position
        out = FR.zeros(self._relation.cells)
        chosen = np.flatnonzero(inside)
        chosen = chosen[np.argsort(cells[chosen], kind="stable")]
        sorted_values, sorted_cells = values[chosen], cells[chosen]
        edges = np.searchsorted(sorted_cells, np.arange(self._relation.cells + 1))
        for cell in range(self._relation.cells):
            if edges[cell] < edges[cell + 1]:
                out[cell] = FR.total(np.ascontiguousarray(sorted_values[edges[cell] : edges[cell + 1]]))[0]
        return out

    def _crossed(self, term: Term) -> Words:
        """My additive part of a term across owners over every cell, (cells, 4)."""
        parts = []
        for cell in range(self._relation.cells):
            codes = self._relation.cell_codes(cell)
            first, second = self._restricted(term.right, codes)
            if term.left == ONE:
                parts.append(FR.total(first))
                continue
            left_first, left_second = self._restricted(term.left, codes)
            one = FR.inner(left_first, FR.add(first, second))
            parts.append(FR.add(one, FR.inner(left_second, first)))
        return np.concatenate(parts)

    def _restricted(self, column: int, codes: tuple[int, ...]) -> tuple[Words, Words]:
        if not self._weights[column]:
            return self._plain_shares(column)
        key = (column, tuple(codes[place] for place in sorted(self._weights[column])))
        if key not in self._shares:
            raise ProtocolStateError("the shares of a cell column have not been accepted")
        return self._shares[key]

    def _plain_shares(self, column: int) -> tuple[Words, Words]:
        view = self._columns.rows_view(column)
        if view.shares is None:
            raise ProtocolStateError(f"the shares of column {column} have not been accepted")
        return view.shares
