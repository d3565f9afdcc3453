"""The linearised polynomial r and the opening W, V of one contributor (PROTOCOL §4, rounds 6 and 7). Secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from zk.errors import ProtocolStateError, SizeMismatchError
from zk.field import FR, Words
from zk.guards import shown_bit_rows
from zk.owners import FIRST, NOBODY, holds_shares
from zk.polynomial import add_scaled, divide_by_linear
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
        self._row_weights: dict[int, int] = {}
        self._bit_points: list[int] = []
        self._bits_weight = 0
        self._shifted_weight = self._next_weight = 0

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
            return self._columns.shares(index)[0] if holds_shares(self._me) else None
        relation = self._rounds.relation
        if relation.lookups and index == relation.table_index:
            return self._columns.plain(index) if self._me == FIRST else None
        return self._columns.plain(index) if self._columns.holds_part(index) else None

    def linearised(self) -> Words:
        """My part of r(X) without A(ωζ), the constant that is opened last. Kept until W is made; do not change it."""
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

    @property
    def row_weights(self) -> Mapping[int, int]:
        """The power of γ of every row that W opens."""
        return self._row_weights

    def opening(self, release: int, row_count: int) -> Words:
        """My part of W for a release word that opens row_count rows; after one without rows, one with rows.

        Raises:
            SizeMismatchError: the release word opens another number of rows.
            ProtocolStateError: rows were opened before.
        """
        numbers = opened_rows(self._rounds.relation, release)
        if row_count != len(numbers):
            raise SizeMismatchError("one value for each opened row")
        if self._row_weights or self._bit_points:
            raise ProtocolStateError("rows are opened once")
        if not len(self._opening):
            self._open_without_rows()
        # the opening with rows is the one without and their quotients: γ is older than the release word
        gamma, power, omega = self._rounds.gamma, self._next_weight, self._rounds.omega
        for row in numbers:
            self._row_weights[row] = power
            _add(self._opening, divide_by_linear(self._sums, pow(omega, row, FR_MODULUS)), power)
            power = power * gamma % FR_MODULUS
        self._bit_points = [pow(omega, row, FR_MODULUS) for row in shown_bit_rows(self._rounds.relation, release)]
        if self._bit_points:
            # one quotient for all: b − 1 vanishes on every opened row; of a part the remainder drops out
            self._bits_weight, quotient = power, self._bits()
            for point in self._bit_points:
                quotient = divide_by_linear(quotient, point)
            _add(self._opening, quotient, power)
        return self._opening

    def _bits(self) -> Words:
        part = self.part(self._rounds.relation.bits_index)
        return FR.zeros(self._rounds.relation.rows) if part is None else part

    def _open_without_rows(self) -> None:
        gamma, power = self._rounds.gamma, 1
        self._batched, self._linear = self.linearised(), FR.zeros(0)
        for index in self._rounds.relation.opened:
            power = power * gamma % FR_MODULUS
            part = self.part(index)
            if part is not None:
                _add(self._batched, part, power)
        self._shifted_weight = power * gamma % FR_MODULUS
        self._next_weight = self._shifted_weight * gamma % FR_MODULUS
        self._opening = divide_by_linear(self._batched, self._rounds.zeta)
        _add(self._opening, divide_by_linear(self._accumulator, self.shifted_point), self._shifted_weight)

    def final(self) -> Words:
        """My part of V; z is drawn."""
        z, zeta, omega = self._rounds.z, self._rounds.zeta, self._rounds.omega

        def scalar(weight: int, point: int) -> int:
            return weight * (z - zeta) * pow(z - point, -1, FR_MODULUS) % FR_MODULUS

        total = add_scaled(self._batched, self._opening, zeta - z)
        _add(total, self._accumulator, scalar(self._shifted_weight, self.shifted_point))
        weights = [scalar(weight, pow(omega, row, FR_MODULUS)) for row, weight in self._row_weights.items()]
        if weights:
            _add(total, self._sums, sum(weights) % FR_MODULUS)
        if self._bit_points:
            below = prod(z - point for point in self._bit_points)
            _add(total, self._bits(), self._bits_weight * (z - zeta) * pow(below, -1, FR_MODULUS) % FR_MODULUS)
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
    total[:size] = FR.add_scaled(total[:size], polynomial, factor)
