"""Values that no proof covers, with their label: it goes wherever the value goes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from query.aggregates import Statistic
from query.sums import Operand


@dataclass(frozen=True, slots=True)
class Unproved:
    """UNPROVED: what the computing parties say. An owner may have entered other values than it registered.

    Args:
        value: int, Decimal for decimals, float for a median; None to who was given the proved sums alone.
    """

    value: int | Decimal | float | None

    @property
    def proved(self) -> bool:
        """Never."""
        return False

    def as_json(self) -> dict[str, object]:
        """The value as text, and that it is not proved."""
        return {"value": None if self.value is None else str(self.value), "proved": False}

    def __str__(self) -> str:
        return "UNPROVED, not part of what was proved" if self.value is None else f"{self.value} (UNPROVED)"


def unproved(statistic: Statistic, operand: Operand, found: int | None) -> tuple[Unproved, Fraction | None]:
    """An order statistic with its label, and its exact value.

    Args:
        statistic: which.
        operand: how stored values are read.
        found: sum of the stored values at its ranks; None where it is not known.
    """
    if found is None:
        return Unproved(None), None
    if statistic is Statistic.MEDIAN:
        exact = (Fraction(found, 2) + operand.offset) / 10**operand.scale
        return Unproved(float(exact)), exact
    stored = found + operand.offset
    exact = Fraction(stored, 10**operand.scale)
    return Unproved(Decimal(stored).scaleb(-operand.scale) if operand.scale else stored), exact
