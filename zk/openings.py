"""The linearised polynomial r and the opening W, V of one contributor (PROTOCOL §4, rounds 6 and 7). Secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zk.errors import SizeMismatchError
from zk.field import FR, Words
from zk.owners import FIRST, NOBODY
from zk.polynomial import divide_by_linear
from zk.statement import Rounds, opened_rows
from zk.transcript import FR_MODULUS
from zk.witness import HeldColumns


class Openings:
    """My parts of everything that is opened at ζ, ωζ and rows of s.

    Args:
        rounds: the transcript, γ drawn.
        contributor: my number.
        owners: owner of every column.
        columns: what I hold.
        sums: my part of s, empty where sums are plain.
        accumulator: my part of A.
        quotient: my part of t.
        values: the opened columns at ζ.
    """

    def __init__(
        self,
        rounds: Rounds,
        contributor: int,
        owners: Mapping[int, int],
        columns: HeldColumns,
        sums: Words,
        accumulator: Words,
        quotient: Words,
        values: Mapping[int, int],
    ) -> None:
        self._rounds, self._me, self._owners, self._columns = rounds, contributor, owners, columns
        self._sums, self._accumulator, self._quotient = sums, accumulator, quotient
        self._values = dict(values)
        self._linear: Words = FR.zeros(0)
        self._batched: Words = FR.zeros(0)
        self._opening: Words = FR.zeros(0)
        self._points: list[tuple[Words, int, int]] = []

    def __repr__(self) -> str:
        return "Openings(secrets redacted)"

    @property
    def shifted_point(self) -> int:
        """ωζ."""
        return self._rounds.omega * self._rounds.zeta % FR_MODULUS

    def part(self, index: int) -> Words | None:
        """My additive part of a column's polynomial, or None where I have none."""
        if index == 0:
            return FR.from_integers([1]) if self._me == FIRST else None
        owner = self._owners[index]
        if owner == NOBODY:
            return self._columns.shares(index)[0]
        relation = self._rounds.relation
        if relation.lookups and index == relation.table_index:
            return self._columns.plain(index) if self._me == FIRST else None
        return self._columns.plain(index) if self._columns.holds_part(index) else None

    def linearised(self) -> Words:
        """My part of r(X) without A(ωζ), the constant that is opened last. Computed once; do not change it."""
        if not len(self._linear):
            self._linear = self._linear_part()
        return self._linear

    def _linear_part(self) -> Words:
        rounds = self._rounds
        total = FR.zeros(max(len(self._quotient), rounds.relation.rows + 3))
        _add(total, self._accumulator, -1)
        _add(total, self._quotient, -rounds.vanishing())
        if len(self._sums):
            _add(total, self._sums, rounds.sums_weight())
        if self._me == FIRST:
            _add(total, FR.from_integers([1]), rounds.constant_share())
        for index, weight in rounds.column_weights(self._values).items():
            part = self.part(index)
            if part is not None:
                _add(total, part, weight)
        return total

    def opening(self, release: int, row_count: int) -> Words:
        """My part of W for a release word that opens row_count rows.

        Raises:
            SizeMismatchError: the release word opens another number of rows.
        """
        numbers = opened_rows(self._rounds.relation, release)
        if row_count != len(numbers):
            raise SizeMismatchError("one value for each opened row")
        gamma, power = self._rounds.gamma, 1
        self._batched = self.linearised().copy()
        for index in self._rounds.relation.opened:
            power = power * gamma % FR_MODULUS
            part = self.part(index)
            if part is not None:
                _add(self._batched, part, power)
        power = power * gamma % FR_MODULUS
        self._points = [(self._accumulator, power, self.shifted_point)]
        for row in numbers:
            power = power * gamma % FR_MODULUS
            self._points.append((self._sums, power, pow(self._rounds.omega, row, FR_MODULUS)))
        total = divide_by_linear(self._batched, self._rounds.zeta)
        for polynomial, weight, point in self._points:
            _add(total, divide_by_linear(polynomial, point), weight)
        self._opening = total
        return total

    def final(self) -> Words:
        """My part of V; z is drawn."""
        z, zeta = self._rounds.z, self._rounds.zeta
        total = self._batched
        scalars: dict[int, int] = {}
        for polynomial, weight, point in self._points:
            scalar = weight * (z - zeta) * pow(z - point, -1, FR_MODULUS)
            scalars[id(polynomial)] = (scalars.get(id(polynomial), 0) + scalar) % FR_MODULUS
        for polynomial in (self._accumulator, self._sums):
            if id(polynomial) in scalars:
                _add(total, polynomial, scalars[id(polynomial)])
        _add(total, self._opening, zeta - z)
        scale = pow(self._rounds.vanishing(), -1, FR_MODULUS)
        return FR.scale(divide_by_linear(total, z), scale)

    def batch(self, weight: int, indices: Sequence[int]) -> Words:
        """My part of the quotient Σ weight^(i+1)·o_i / (X − ζ) of some opened columns alone (M3)."""
        total = FR.zeros(self._rounds.relation.rows + 3)
        for place, index in enumerate(indices):
            part = self.part(index)
            if part is not None:
                _add(total, part, pow(weight, place + 1, FR_MODULUS))
        return divide_by_linear(total, self._rounds.zeta)


def _add(total: Words, polynomial: Words, factor: int) -> None:
    """total += factor·polynomial, in place; total is at least as long."""
    size = len(polynomial)
    total[:size] = FR.add(total[:size], FR.scale(polynomial, factor))
