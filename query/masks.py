"""Products of one table's factors, simplified by what registration proved and what conditions say.

A *factor* is a physical column, a condition (1 on the rows where it is true, else 0) or a computed value. A product is
written, per table, as numbers of factors: first those that are 0 or 1, each once, then the others, repeated where
squared. A factor implies the booleans that are 1 wherever it is not 0: registration proved x·present = x, x·known = x
and known·present = known; a condition is written so that it is 0 where it is unknown and where the row is absent. So

    a boolean drops out beside a factor that implies it;

two products that are equal by these rules get one key, and so one sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from query.directory import RegisteredTable
from query.polynomial import Polynomial
from query.schema import KNOWN_SUFFIX, PRESENT_INDEX, PhysicalColumn, physical_columns
from zk.relation import ColumnKind

Product = tuple[int, ...]
Key = tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of products.

    Args:
        name: unique within its table, without the table's name for a column.
        words: a condition or value in words; empty for a column.
        bound: its largest value; the smallest is 0.
        boolean: whether it is 0 or 1.
        implies: physical booleans that are 1 on every row where it is not 0.
        polynomial: what it is computed by; None for a physical column.
    """

    name: str
    words: str
    bound: int
    boolean: bool
    implies: frozenset[int]
    polynomial: Polynomial | None


class TableProducts:
    """The factors of one table, and products of them. Physical columns have their own numbers, others follow.

    The *base* of products is ``present``, or nothing for a table on the right of a LEFT JOIN: there an absent row
    counts, with nulls, so that ``present`` is what makes its other columns known.

    Args:
        table: the registered table.
        optional: whether rows count where it is absent.
    """

    def __init__(self, table: RegisteredTable, optional: bool = False) -> None:
        self.table = table
        self.optional = optional
        self.base: Product = () if optional else (PRESENT_INDEX,)
        self.physical = physical_columns(table.schema)
        self._numbers = {column.name: column.index for column in self.physical}
        self._known = {column.index: (self._numbers[column.name + KNOWN_SUFFIX],) for column in self.physical
                       if column.name + KNOWN_SUFFIX in self._numbers}
        self.factors = [self._physical_factor(column) for column in self.physical]

    def _physical_factor(self, column: PhysicalColumn) -> Factor:
        implied = {PRESENT_INDEX, *self._known.get(column.index, ())} - {column.index}
        boolean = column.kind is ColumnKind.BOOLEAN
        return Factor(column.name, "", column.bound, boolean, frozenset(implied), None)

    @property
    def person(self) -> Product:
        """What says that a row is there, where the base does not."""
        return (PRESENT_INDEX,) if self.optional else ()

    def number(self, name: str) -> int:
        """The number of a physical column that exists."""
        return self._numbers[name]

    def add(self, factor: Factor) -> int:
        """The number of a computed factor, added on first use; factors of one name are one factor."""
        if factor.name not in self._numbers:
            self._numbers[factor.name] = len(self.factors)
            self.factors.append(factor)
        return self._numbers[factor.name]

    def known(self, column: int) -> tuple[int, ...]:
        """What says that a physical column is not null, where the base does not."""
        return self._known.get(column, (PRESENT_INDEX,) if self.optional and column != PRESENT_INDEX else ())

    def is_boolean(self, number: int) -> bool:
        """Whether a factor is 0 or 1 on every row."""
        return self.factors[number].boolean

    def simplify(self, factors: Iterable[int]) -> Product:
        """The canonical product equal to the product of the factors on every row; at least the base."""
        given = list(factors)
        booleans = {number for number in given if self.is_boolean(number)}
        values = sorted(number for number in given if not self.is_boolean(number))
        implied = frozenset[int]().union(*(self.factors[number].implies for number in given))
        return (*sorted(booleans - implied), *values) or self.base

    def counted(self, product: Product) -> Product:
        """The product of booleans that is 1 exactly on the rows a product is summed over."""
        kept = [number for number in product if self.is_boolean(number)]
        return self.simplify([*self.base, *kept, *(n for number in product for n in self.factors[number].implies)])

    def bound(self, product: Product) -> int:
        """The largest value of a product on a row."""
        return prod(self.factors[number].bound for number in product)

    def title(self, number: int) -> str:
        """A factor's name with its table's."""
        return f"{self.table.schema.name}.{self.factors[number].name}"
