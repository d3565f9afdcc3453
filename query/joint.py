"""Conditions over several tables: OR and NOT between conditions that each concern one table.

Such a condition is Σ coefficient · Π_t τ_t, where τ_t is a column of table t that its owner computes alone, or 1. Under
a mask m_t of every table it becomes one column w = Σ coefficient · Π_t (m_t·τ_t), which exists only as shares; it is
proved to be 0 or 1, and every sum of the question is then over the rows where w is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from query.expressions import Condition, Junction, Negation
from query.polynomial import Algebra
from query.values import Truth
from zk.relation import ONE

Handle = int
Joint = dict[tuple[Handle, ...], int]
TruthOf = Callable[[int, Condition, bool], Truth]
TableOf = Callable[[Condition], int | None]


class JointConditions:
    """Compiles conditions over several tables.

    Args:
        tables: how many tables there are.
        algebra: products over the relation's builder.
        truth_of: compiles a condition of one table, given the table's number.
        table_of: the one table a condition concerns, or None.
    """

    def __init__(self, tables: int, algebra: Algebra, truth_of: TruthOf, table_of: TableOf) -> None:
        self._tables = tables
        self._algebra = algebra
        self._truth_of = truth_of
        self._table_of = table_of

    def truth(self, condition: Condition, wanted: bool = True) -> Joint:
        """The rows on which a condition is true (or, if not `wanted`, false). Its leaves concern one table each."""
        table = self._table_of(condition)
        if table is not None:
            return self._leaf(table, self._truth_of(table, condition, wanted))
        if isinstance(condition, Negation):
            return self.truth(condition.operand, not wanted)
        operands = condition.operands if isinstance(condition, Junction) else ()
        every = (isinstance(condition, Junction) and condition.operator == "AND") == wanted
        parts = [self.truth(operand, wanted) for operand in operands]
        found = parts[0]
        for part in parts[1:]:
            both = self._product(found, part)
            found = both if every else _sum(_sum(found, part), both, -1)
        return found

    def masked(self, joint: Joint, masks: Sequence[Handle], trivial: Sequence[bool]) -> Handle:
        """The column that is 1 where a condition and the masks of all tables hold.

        Args:
            masks: a boolean column of every table.
            trivial: whether a table's mask is ``present`` alone, which every condition of the table implies.
        """
        builder, terms = self._algebra.builder, []
        for factors, coefficient in joint.items():
            columns = []
            for mask, factor, skip in zip(masks, factors, trivial, strict=True):
                columns.append(factor if skip and factor != ONE else builder.product(mask, factor))
            first = columns[0]
            for column in columns[1:-1]:
                first = builder.product(first, column)
            terms.append((coefficient, first, columns[-1]))
        return builder.boolean(builder.define(terms))

    def _leaf(self, table: int, truth: Truth) -> Joint:
        if not truth.polynomial.terms:
            return {}
        factors = [ONE] * self._tables
        factors[table] = self._algebra.boolean_column(truth.polynomial)
        return {tuple(factors): 1}

    def _product(self, left: Joint, right: Joint) -> Joint:
        found: Joint = {}
        for a, c in left.items():
            for b, d in right.items():
                factors = tuple(
                    x if x == y else self._algebra.builder.product(x, y) for x, y in zip(a, b, strict=True)
                )
                found = _sum(found, {factors: c * d})
        return found


def _sum(left: Joint, right: Joint, factor: int = 1) -> Joint:
    found = dict(left)
    for factors, coefficient in right.items():
        found[factors] = found.get(factors, 0) + factor * coefficient
    return {factors: coefficient for factors, coefficient in found.items() if coefficient}
