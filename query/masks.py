"""Products of physical columns, simplified by what registration proved.

A product is written, per table, as column numbers: first booleans, each once, then values, repeated where squared.
Registration proved b·b = b, x·present = x, x·known = x and known·present = known, so

    present drops out beside any other column, and x__known beside x;

two products that are equal by these rules get one key, and so one sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from query.directory import RegisteredTable
from query.schema import KNOWN_SUFFIX, PRESENT_INDEX, physical_columns
from zk.relation import ColumnKind

Product = tuple[int, ...]
Key = tuple[Product, ...]


class TableProducts:
    """Simplifies products of one table's columns.

    Args:
        table: the registered table.
    """

    def __init__(self, table: RegisteredTable) -> None:
        self.table = table
        self.physical = physical_columns(table.schema)
        numbers = {column.name: column.index for column in self.physical}
        self._numbers = numbers
        self._known = {column.index: numbers[column.name + KNOWN_SUFFIX] for column in self.physical
                       if column.name + KNOWN_SUFFIX in numbers}

    def number(self, name: str) -> int:
        """The number of a physical column that exists."""
        return self._numbers[name]

    def known(self, column: int) -> tuple[int, ...]:
        """The companion of a nullable column, else nothing."""
        return (self._known[column],) if column in self._known else ()

    def is_boolean(self, column: int) -> bool:
        """Whether registration proved the column boolean."""
        return self.physical[column].kind is ColumnKind.BOOLEAN

    def simplify(self, factors: Iterable[int]) -> Product:
        """The canonical product equal to the product of the factors on every row; never empty."""
        given = list(factors)
        booleans = {column for column in given if self.is_boolean(column)}
        values = sorted(column for column in given if not self.is_boolean(column))
        booleans -= {known for column in given for known in self.known(column)}
        if len(booleans) + len(values) > 1:
            booleans.discard(PRESENT_INDEX)
        return (*sorted(booleans), *values) or (PRESENT_INDEX,)

    def counted(self, product: Product) -> Product:
        """The product of booleans that is 1 exactly on the rows a product is summed over."""
        kept = [column for column in product if self.is_boolean(column)]
        return self.simplify([PRESENT_INDEX, *kept, *(known for column in product for known in self.known(column))])

    def bound(self, product: Product) -> int:
        """The largest value of a product on a row."""
        return prod(self.physical[column].bound for column in product)
