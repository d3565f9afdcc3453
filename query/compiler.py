"""The sums of a question, written into a relation.

A row mask is the set of factors that must hold: ``present`` of each table, the conditions of WHERE, and what an
aggregate's arguments need to be known (those of both, for a pair). Per table all factors of a product multiply into one
*part* column, which its owner computes alone; a sum over a join of two tables is Σ part · part, so no product of three
crosses owners. Of three tables, two parts multiply into one column that exists only as shares; so does a condition over
several tables (`query.joint`), which then stands for all masks.

With GROUP BY, the part of a grouped table is multiplied by the column's inverse 1/(β + code), and every sum is taken
per cell. Each sum's guard counts exactly the rows the sum is over; a sum that counts rows itself is its own guard, so
that the number of true values of a boolean, too, is subject to the minimum group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from itertools import product as cartesian
from math import prod
from typing import Final

from query.aggregates import Statistic
from query.binding import Argument, BoundAggregate, BoundColumn, BoundQuestion
from query.disclosure import describe_sum
from query.errors import BoundExceededError, QuestionTooLargeError, SqlUnsupportedError
from query.expressions import ColumnName, Condition, Junction, all_names, text_of
from query.groups import group_form, table_form
from query.joint import Joint, JointConditions
from query.kinds import stored_offset, stored_scale
from query.masks import Factor, Key, Product, TableProducts
from query.moment_sums import MaskedSums
from query.polynomial import UNIT, Algebra, Polynomial
from query.schema import PRESENT_INDEX
from query.sides import Side
from query.sums import Cell, GroupSpec, Moments, MomentTable, Operand, OutputSpec, SumSpec
from zk.builder import RelationBuilder
from zk.limits import require_publishable
from zk.relation import MAX_CELLS, MAX_SUMS, Relation
from zk.transcript import FR_MODULUS

SUM_LIMIT: Final = FR_MODULUS // 2
MOMENTS_HINT: Final = "MOMENTS of k numbers takes 1 + k + k·(k + 1)/2 sums"

Writer = Callable[[Key, bool], Polynomial]


@dataclass(frozen=True, slots=True)
class _Argument:
    """A bound argument: its table, its factor (None for the constant 1), the masks it needs, and how to read it."""

    table: int
    factor: int | None
    masks: tuple[int, ...]
    operand: Operand


class SumCompiler:
    """Collects the sums of a question; each distinct product is one sum.

    Args:
        question: resolved names.

    Raises:
        QueryError: a condition, value or group column does not fit.
    """

    def __init__(self, question: BoundQuestion) -> None:
        self._builder = RelationBuilder(question.tables[0].log_rows)
        self._algebra = Algebra(self._builder)
        self._sides = [Side(TableProducts(table), self._algebra, question) for table in question.tables]
        self.sides = [side.products for side in self._sides]
        self._sums: list[SumSpec] = []
        self._moments = False
        self._rows = 1 << question.tables[0].log_rows
        self._numbers: dict[Key, int] = {}
        self._filters: list[list[int]] = [[PRESENT_INDEX] for _ in self._sides]
        for table, conditions in enumerate(question.where):
            self._filters[table] += [self._sides[table].condition_factor(condition) for condition in conditions]
        self._joint_words, self._joint = self._joint_condition(question)
        self.groups: list[GroupSpec] = []
        self._inverses: dict[int, int] = {}
        self._tables_of_groups = [bound.table for bound in question.groups]
        for table in dict.fromkeys(self._tables_of_groups):
            side = self._sides[table]
            mine = [bound for bound in question.groups if bound.table == table]
            form, codes = table_form([group_form(bound, side.products, side.values) for bound in mine], side.values)
            self._inverses[table] = self._builder.group(dict(self._algebra.flat(form).linear()), codes)
        for bound in question.groups:
            side = self._sides[bound.table]
            self.groups.append(group_form(bound, side.products, side.values)[1])

    def _joint_condition(self, question: BoundQuestion) -> tuple[list[str], Joint | None]:
        """The conditions over several tables, in words, and their conjunction."""

        def table_of(condition: Condition) -> int | None:
            tables = {question.columns[name].table for name in all_names(condition)}
            return None if len(tables) > 1 else tables.pop() if tables else 0

        def name_of(name: ColumnName) -> str:
            bound = question.columns[name]
            return f"{question.tables[bound.table].schema.name}.{bound.column.name}"

        if not question.joint:
            return [], None
        self._conditions = JointConditions(
            len(self._sides), self._algebra, lambda table, c, wanted: self._sides[table].truth(c, wanted), table_of
        )
        whole = question.joint[0] if len(question.joint) == 1 else Junction("AND", question.joint, None)
        joint = self._conditions.truth(whole)
        if not joint:
            raise SqlUnsupportedError("a condition that is never true", question.joint[0].position)
        return [text_of(condition, name_of) for condition in question.joint], joint

    # --- results --------------------------------------------------------------------------------------------------

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The labels of every cell; one empty cell without GROUP BY. The groups of the first table vary slowest."""
        order = sorted(range(len(self.groups)), key=lambda g: self._tables_of_groups.index(self._tables_of_groups[g]))
        found = []
        for labels in cartesian(*(self.groups[group].labels for group in order)):
            by_group = dict(zip(order, labels, strict=True))
            found.append(tuple(by_group[group] for group in range(len(order))))
        return tuple(found)

    @property
    def counts(self) -> list[tuple[str, bool]]:
        """Words of every sum, before cells, and whether it is a guard."""
        guards = {spec.guard for spec in self._sums}
        return [(spec.words, number in guards) for number, spec in enumerate(self._sums)]

    def sums(self) -> tuple[SumSpec, ...]:
        """All sums, cell by cell."""
        cells = self.cells
        if not self.groups:
            return tuple(self._sums)
        names = [f"{group.table}.{group.column}" for group in self.groups]
        found = []
        for spec in self._sums:
            for place, cell in enumerate(cells):
                where = " and ".join(f"{name} is {label_text(label)}" for name, label in zip(names, cell, strict=True))
                keys = ",".join(f"{name}={label_text(label)}" for name, label in zip(names, cell, strict=True))
                found.append(SumSpec(f"{spec.name}|{keys}", f"{spec.words}, where {where}", spec.bound,
                                     spec.guard * len(cells) + place))
        return tuple(found)

    def relation(self, plain: bool) -> Relation:
        """The finished relation.

        Raises:
            QuestionTooLargeError, RelationTooLargeError: it exceeds the limits of proof and contract.
        """
        sums, cells, hint = len(self._sums), len(self.cells), MOMENTS_HINT if self._moments else ""
        if sums > MAX_SUMS:
            raise QuestionTooLargeError("sums", sums, MAX_SUMS, hint)
        if sums * cells > MAX_CELLS:
            raise QuestionTooLargeError(f"cells of sums, {sums} sums in {cells} cells", sums * cells, MAX_CELLS, hint)
        relation = self._builder.build(plain)
        require_publishable(relation)
        return relation

    def output(self, aggregate: BoundAggregate) -> OutputSpec:
        """Add an aggregate's sums and return how it is finished from them."""
        statistic = aggregate.statistic
        self._moments |= statistic is Statistic.MOMENTS
        arguments = [self._argument(argument) for argument in aggregate.arguments]
        mask = [list(factors) for factors in self._filters]
        for argument in arguments:
            mask[argument.table] += argument.masks

        write = self._masked_writer(mask) if statistic is Statistic.MOMENTS else self._terms

        def moment(*values: _Argument) -> int:
            factors = [list(side) for side in mask]
            for value in values:
                factors[value.table] += [] if value.factor is None else [value.factor]
            return self._sum(tuple(side.simplify(f) for side, f in zip(self.sides, factors, strict=True)), write)

        count, table = moment(), None
        if statistic is Statistic.MOMENTS:
            moments = Moments(count)
            pairs = combinations_with_replacement(arguments, 2)
            table = MomentTable(tuple(moment(x) for x in arguments), tuple(moment(x, y) for x, y in pairs))
        elif not statistic.needs_total:
            moments = Moments(count)
        elif len(arguments) == 1:
            (x,) = arguments
            moments = Moments(count, moment(x), left_left=moment(x, x) if statistic.needs_squares else None)
        else:
            x, y = arguments
            squares = statistic.needs_squares
            moments = Moments(count, moment(x), moment(y), moment(x, x) if squares else None,
                              moment(y, y) if squares else None, moment(x, y))
        return OutputSpec(aggregate.name, statistic, tuple(a.operand for a in arguments), moments, table)

    def _masked_writer(self, mask: list[list[int]]) -> Writer:
        """How the sums of MOMENTS are written: all under one mask, unless a group column of several tables is in the
        way (a column of round 2 has one owner)."""
        if self._inverses and len(self._sides) > 1:
            return self._terms
        whole = tuple(side.simplify(factors) for side, factors in zip(self.sides, mask, strict=True))
        joint = None if self._joint is None else self._joint_mask(whole, self._joint)
        return MaskedSums(self._sides, self._algebra, whole, joint, self._inverses.get(0)).terms

    # --- arguments ------------------------------------------------------------------------------------------------

    def _argument(self, argument: Argument) -> _Argument:
        side = self._sides[argument.table]
        products, table = side.products, side.products.table.schema.name
        if isinstance(argument, BoundColumn):
            kind, number = argument.column.kind, products.number(argument.column.name)
            operand = Operand(table, argument.column.name, stored_offset(kind), stored_scale(kind))
            return _Argument(argument.table, number, products.known(number), operand)
        value, text = side.values.value(argument.expression), side.values.text(argument.expression)
        if value.lo == value.hi:
            return _Argument(argument.table, None, value.masks, Operand(table, text, value.lo - 1, value.scale))
        stored = value.shifted(-value.lo)
        factor = Factor(f"({text})", text, stored.hi, stored.hi == 1, frozenset(), stored.polynomial)
        return _Argument(argument.table, products.add(factor), value.masks, Operand(table, text, value.lo, value.scale))

    # --- sums -----------------------------------------------------------------------------------------------------

    def _sum(self, key: Key, write: Writer) -> int:
        if key in self._numbers:
            return self._numbers[key]
        rows = tuple(side.counted(product) for side, product in zip(self.sides, key, strict=True))
        guard = None if rows == key else self._sum(rows, write)
        bound = self._rows * prod(side.bound(product) for side, product in zip(self.sides, key, strict=True))
        name = "*".join(side.title(number) for side, product in zip(self.sides, key, strict=True) for number in product)
        name = "*".join([name, *(f"[{text}]" for text in self._joint_words)])
        check_bound(name, bound)
        terms = write(key, guard is None)
        number = self._builder.sum(terms.drafts(), guard)
        self._numbers[key] = number
        words = describe_sum(self.sides, key, rows, self._joint_words)
        self._sums.append(SumSpec(name, words, bound, number if guard is None else guard))
        return number

    def _joint_mask(self, rows: Key, joint: Joint) -> int:
        """The column that is 1 where a condition over several tables and a mask of every table hold."""
        masks = [self._part_column(side.part(product), product, table)
                 for table, (side, product) in enumerate(zip(self._sides, rows, strict=True))]
        return self._conditions.masked(joint, masks, [product == (PRESENT_INDEX,) for product in rows])

    def _joint_terms(self, key: Key, joint: Joint) -> Polynomial:
        """The form of a sum under a condition over several tables: its column, times values, times a group inverse."""
        rows = tuple(side.counted(product) for side, product in zip(self.sides, key, strict=True))
        found = Polynomial.column(self._joint_mask(rows, joint))
        grouped = next(iter(self._inverses), None)
        for table, (side, product) in enumerate(zip(self._sides, key, strict=True)):
            values = side.part(tuple(number for number in product if not self.sides[table].is_boolean(number)))
            if values != UNIT:
                found = self._algebra.multiply(found, Polynomial.column(self._algebra.column(values)))
        if grouped is None:
            return found
        return self._algebra.multiply(self._algebra.flat(found), Polynomial.column(self._inverses[grouped]))

    def _terms(self, key: Key, counts: bool) -> Polynomial:
        """The form of a sum: its parts, each times its group inverse, multiplied."""
        if self._joint is not None:
            return self._joint_terms(key, self._joint)
        parts = [side.part(product) for side, product in zip(self._sides, key, strict=True)]
        if len(parts) == 1 and not counts and len(parts[0].terms) > 0:
            if not self._inverses:
                return parts[0]
            return self._algebra.multiply(self._algebra.flat(parts[0]), self._inverse(0))
        columns = [self._part_column(part, product, table)
                   for table, (part, product) in enumerate(zip(parts, key, strict=True))]
        if len(columns) == 1:
            single = parts[0].single()
            if not self._inverses and single is not None and single[0] != 0:
                return parts[0]
            return self._with_inverse(columns[0], 0)
        if len(columns) == 3:
            first, second = self._fused(key)
            third = 3 - first - second
            joint = self._builder.product(columns[first], columns[second])
            return self._join(joint, self._grouped(columns[third], third))
        return self._join(*(self._grouped(column, table) for table, column in enumerate(columns)))

    def _part_column(self, part: Polynomial, product: Product, table: int) -> int:
        """A part as one column, seen to be 0 or 1 where all its factors are."""
        if all(self.sides[table].is_boolean(number) for number in product):
            return self._algebra.boolean_column(part)
        return self._algebra.column(part)

    def _grouped(self, column: int, table: int) -> int:
        """A part times the group inverse of its table, if there is one."""
        return self._builder.product(column, self._inverses[table]) if table in self._inverses else column

    def _inverse(self, table: int) -> Polynomial:
        return Polynomial.column(self._inverses[table])

    def _with_inverse(self, column: int, table: int) -> Polynomial:
        if table in self._inverses:
            return self._join(column, self._inverses[table])
        return Polynomial.column(column)

    def _join(self, left: int, right: int) -> Polynomial:
        return self._algebra.multiply(Polynomial.column(left), Polynomial.column(right))

    def _fused(self, key: Key) -> tuple[int, int]:
        """Which two of three parts multiply into one column: not a grouped table's; rather two of one owner, or two
        that only count, so that many sums share the column."""
        pairs = [(a, b) for a, b in ((0, 1), (0, 2), (1, 2)) if not {a, b} & set(self._inverses)]
        owners = [side.table.owner for side in self.sides]
        counting = [all(side.is_boolean(number) for number in product)
                    for side, product in zip(self.sides, key, strict=True)]
        return max(pairs, key=lambda p: (owners[p[0]] == owners[p[1]], counting[p[0]] and counting[p[1]]))


def label_text(label: object) -> str:
    """A group's value as text."""
    return "null" if label is None else str(label).lower() if isinstance(label, bool) else str(label)


def check_bound(name: str, bound: int) -> None:
    """Refuse a sum that could leave (−r/2, r/2).

    Args:
        name: the sum's name, for the message.
        bound: the largest absolute value it can take.

    Raises:
        BoundExceededError: the bound does not fit.
    """
    if bound >= SUM_LIMIT:
        raise BoundExceededError(f"the sum {name} could reach {bound.bit_length()} bits, beyond the field of the proof")
