"""Dominance rules: no total may rest on too few contributors. The rules, and their decision from two sums alone.

The rows of a total are its contributors, with contributions x_1, x_2, … by falling size |x_i|.

    (n, k)   the n largest make up at most k % of the total:               |x_1| + … + |x_n| ≤ k/100·|S|
    p %      whoever is second estimates the largest no better than by p %:  (1 + p/100)·|x_1| + |x_2| ≤ |S|

Row by row nobody can look, but S = Σx and Q = Σx² can be proved. By Cauchy–Schwarz |x_1| + … + |x_n| ≤ √(n·Q) and
a·|x_1| + |x_2| ≤ √((a² + 1)·Q). Hence a rule certainly holds where the **effective number of contributors** S²/Q, the
inverse of the Herfindahl index, is at least

    (n, k)   n·(100/k)²           (1, 50): 4      (2, 67): 4.46
    p %      (1 + p/100)² + 1     10 %: 2.21

Several rules amount to the strictest of them: one number, one comparison of integers. Where it fails the rule may hold
all the same; then the total stays closed though the rule alone would let it out.

Source: Hundepool et al., Statistical Disclosure Control (Wiley 2012), chapter 4, for the rules; the bound is ours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from query.canonical import Fields, JsonValue
from query.errors import PolicyInvalidError
from query.kinds import BoundedInteger, ScaledDecimal
from query.schema import TableSchema

MAX_LARGEST: Final = 16
MAX_RULES: Final = 8
MAX_BITS: Final = 252
"""An integer below 2^252 is below a third of the field, which its decomposition into bits needs (`mpc.bits`)."""
_COLUMN: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LARGEST: Final = re.compile(r"\(([1-9][0-9]?),([1-9][0-9]?)\)")
_AMBIGUITY: Final = re.compile(r"p([1-9][0-9]{0,2})%")

Form = tuple[tuple[int, int], ...]
"""Σ coefficient · sum, as (number of the sum, coefficient), by number."""


@dataclass(frozen=True, slots=True)
class LargestRule:
    """(n, k): the n largest contributors make up at most k % of a total; n in [1, 16], k in [1, 99]. Public."""

    largest: int
    percent: int

    def __post_init__(self) -> None:
        if not (1 <= self.largest <= MAX_LARGEST and 1 <= self.percent <= 99):
            raise PolicyInvalidError(f"a rule (n,k) has n from 1 to {MAX_LARGEST} and k from 1 to 99")

    @property
    def effective(self) -> Fraction:
        """The effective number of contributors from which on the rule certainly holds."""
        return self.largest * Fraction(100, self.percent) ** 2

    def __str__(self) -> str:
        return f"({self.largest},{self.percent})"


@dataclass(frozen=True, slots=True)
class AmbiguityRule:
    """p %: a total less its two largest contributions is at least p % of the largest; p in [1, 999]. Public."""

    percent: int

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= 999:
            raise PolicyInvalidError("a rule p% has p from 1 to 999")

    @property
    def effective(self) -> Fraction:
        """The effective number of contributors from which on the rule certainly holds."""
        return Fraction(100 + self.percent, 100) ** 2 + 1

    def __str__(self) -> str:
        return f"p{self.percent}%"


Rule = LargestRule | AmbiguityRule


@dataclass(frozen=True, slots=True)
class DominanceClause:
    """A policy's clause. Public, signed with the policy.

    Args:
        rules: one or more; the strictest decides.
        columns: the columns whose totals they are for; None for all that hold numbers.
    """

    rules: tuple[Rule, ...]
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.rules) <= MAX_RULES or len(set(self.rules)) != len(self.rules):
            raise PolicyInvalidError(f"a clause of dominance has 1 to {MAX_RULES} different rules")
        columns = self.columns
        if columns is not None and not (columns and len(set(columns)) == len(columns)
                                        and all(map(_COLUMN.fullmatch, columns))):
            raise PolicyInvalidError("a clause of dominance names different columns, at least one")

    @property
    def effective(self) -> Fraction:
        """The effective number of contributors from which on every rule certainly holds."""
        return max(rule.effective for rule in self.rules)

    def covers(self, column: str) -> bool:
        """Whether the rules are for totals of a column of numbers."""
        return self.columns is None or column in self.columns

    def strangers(self, schema: TableSchema) -> tuple[str, ...]:
        """The columns it names that are no numbers of a table: a rule for them would protect nothing."""
        numbers = {column.name for column in schema.columns if isinstance(column.kind, BoundedInteger | ScaledDecimal)}
        return tuple(column for column in self.columns or () if column not in numbers)

    def __str__(self) -> str:
        return " and ".join(map(str, self.rules))


def clause_as_json(clause: DominanceClause) -> JsonValue:
    """The canonical JSON of a clause."""
    found: dict[str, JsonValue] = {"rules": [str(rule) for rule in clause.rules]}
    if clause.columns is not None:
        found["columns"] = [*clause.columns]
    return found


def clause_from_json(fields: Fields) -> DominanceClause:
    """Inverse of `clause_as_json`.

    Raises:
        PolicyInvalidError: the object is no clause.
    """
    rules = tuple(map(_parse_rule, fields.texts("rules")))
    columns = fields.texts("columns") if fields.has("columns") else None
    fields.end()
    return DominanceClause(rules, columns)


def _parse_rule(text: str) -> Rule:
    if found := _LARGEST.fullmatch(text):
        return LargestRule(int(found[1]), int(found[2]))
    if found := _AMBIGUITY.fullmatch(text):
        return AmbiguityRule(int(found[1]))
    raise PolicyInvalidError('a rule of dominance is written "(n,k)" or "p10%"')


@dataclass(frozen=True, slots=True)
class DominanceTest:
    """One total that must have enough contributors: S² ≥ effective·Q in every cell that is let out. Public.

    Args:
        total: S in the sums of the relation.
        squares: Q in them, the sum of the squares of the very contributions.
        effective: the least effective number of contributors.
        bits: S²·denominator − Q·numerator of `effective` lies in [−2^(bits − 1), 2^(bits − 1)), whatever the rows.
        words: which total it is.
    """

    total: Form
    squares: Form
    effective: Fraction
    bits: int
    words: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class DominanceChecks:
    """What dominance rules demand of an answer. Public; every party compiles it from the policies.

    Args:
        tests: what is tested, for each cell.
        closed: numbers of the sums that serve tests alone and are never let out.
    """

    tests: tuple[DominanceTest, ...] = ()
    closed: frozenset[int] = frozenset()

    @property
    def digest(self) -> bytes:
        """32 bytes that tell whether two parties test the same."""
        tests = [(test.total, test.squares, *test.effective.as_integer_ratio(), test.bits) for test in self.tests]
        return hashlib.sha256(repr(("tallystick.dominance.v1", tests, sorted(self.closed))).encode()).digest()

    def cells_at_risk(self, sums: Sequence[int], cells: int) -> list[bool]:
        """For every cell whether a total of it may have too few contributors.

        Args:
            sums: all sums, cell by cell; secret, and so is the result.
            cells: how many there are.
        """

        def value(form: Form, cell: int) -> int:
            return sum(coefficient * sums[number * cells + cell] for number, coefficient in form)

        return [any(value(test.total, cell) ** 2 < test.effective * value(test.squares, cell) for test in self.tests)
                for cell in range(cells)]

    def is_closed(self, row: int, cells: int) -> bool:
        """Whether a row of the sealed column is never let out."""
        return row // cells in self.closed
