"""The result of MOMENTS: the count, all sums and all sums of products of some values, as exact integers with scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement

from query.errors import SumsInvalidError
from query.sums import Operand


@dataclass(frozen=True, slots=True)
class MomentMatrix:
    """First and second moments of k values over the rows where all of them are known.

    Args:
        names: the values, as the question has them.
        scales: digits after the point of each.
        count: n, the number of rows.
        first: Σ v_i · 10^scale_i.
        second: Σ v_i·v_j · 10^(scale_i + scale_j), k rows of k; symmetric.
    """

    names: tuple[str, ...]
    scales: tuple[int, ...]
    count: int
    first: tuple[int, ...]
    second: tuple[tuple[int, ...], ...]

    def total(self, i: int) -> Fraction:
        """Σ v_i."""
        return Fraction(self.first[i], 10 ** self.scales[i])

    def product(self, i: int, j: int) -> Fraction:
        """Σ v_i·v_j."""
        return Fraction(self.second[i][j], 10 ** (self.scales[i] + self.scales[j]))

    def mean(self, i: int) -> Fraction:
        """Mean of v_i.

        Raises:
            SumsInvalidError: there are no rows.
        """
        if self.count == 0:
            raise SumsInvalidError("there is no mean of no rows")
        return self.total(i) / self.count

    def centred(self, i: int, j: int) -> Fraction:
        """Σ (v_i − mean_i)·(v_j − mean_j), exactly; 0 without rows."""
        if self.count == 0:
            return Fraction(0)
        joint = self.count * self.second[i][j] - self.first[i] * self.first[j]
        return Fraction(joint, self.count * 10 ** (self.scales[i] + self.scales[j]))

    def as_json(self) -> dict[str, object]:
        """The fields as JSON has them; integers as text, for they can exceed what a reader's numbers hold."""
        return {"names": list(self.names), "scales": list(self.scales), "count": self.count,
                "first": [str(value) for value in self.first],
                "second": [[str(value) for value in row] for row in self.second]}

    def __str__(self) -> str:
        totals = ", ".join(f"{name}: {self.total(i)}" for i, name in enumerate(self.names))
        size = len(self.names)
        rows = ", ".join(f"[{', '.join(str(self.product(i, j)) for j in range(size))}]" for i in range(size))
        return f"n = {self.count}; sums {{{totals}}}; sums of products [{rows}]"


def moment_matrix(
    operands: Sequence[Operand], count: int, first: Sequence[int], second: Sequence[int]
) -> MomentMatrix:
    """Sums of stored values to sums of the values themselves.

    Args:
        operands: how to read the values.
        count: number of rows.
        first: sums of stored values.
        second: sums of products of two, row by row of the upper triangle.

    Raises:
        SumsInvalidError: no real values have these sums.
    """
    size = len(operands)
    stored: dict[tuple[int, int], int] = {}
    for (i, j), value in zip(combinations_with_replacement(range(size), 2), second, strict=True):
        stored[i, j] = stored[j, i] = value
    for i, j in stored:
        left, right = (count * stored[k, k] - first[k] ** 2 for k in (i, j))
        joint = count * stored[i, j] - first[i] * first[j]
        if left < 0 or right < 0 or joint**2 > left * right:
            raise SumsInvalidError("sums of products are not those of real values")
    offsets = [operand.offset for operand in operands]
    return MomentMatrix(
        tuple(operand.column for operand in operands),
        tuple(operand.scale for operand in operands),
        count,
        tuple(x + o * count for x, o in zip(first, offsets, strict=True)),
        tuple(
            tuple(
                stored[i, j] + offsets[i] * first[j] + offsets[j] * first[i] + offsets[i] * offsets[j] * count
                for j in range(size)
            )
            for i in range(size)
        ),
    )
