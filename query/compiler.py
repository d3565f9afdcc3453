"""The sums of a question, written into a relation.

A row mask is the set of factors that must hold: ``present`` of each table, the conditions of WHERE, and what an
aggregate's arguments need to be known (those of both, for a pair). Per table all factors of a product multiply into one
*part* column, which its owner computes alone; a sum over a join of two tables is Σ part · part, so no product of three
crosses owners. Of three tables, two parts multiply into one column that exists only as shares; so does a condition over
several tables (`query.joint`), which then stands for all masks. A sum over a UNION ALL is the members' sums, added.

With GROUP BY, the part of a grouped table is multiplied by the column's inverse 1/(β + code), and every sum is taken
per cell. Each sum's guard counts exactly the rows the sum is over; a sum that counts rows itself is its own guard, so
that the number of true values of a boolean, too, is subject to the minimum group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import combinations_with_replacement
from itertools import product as cartesian
from math import prod
from typing import Final

from query.aggregates import Moment, Statistic
from query.arguments import ArgumentCompiler, CompiledArgument
from query.binding import Argument, BoundAggregate, BoundColumn, BoundQuestion
from query.disclosure import describe_persons, describe_sum
from query.dominance import DominanceChecks
from query.dominance_sums import Asked, DominanceSums, Mask, Places
from query.errors import Position, QuestionTooLargeError, SqlUnsupportedError
from query.expressions import Bucket, ColumnName, Condition, Junction, all_names, text_of
from query.groups import group_form, table_form
from query.histograms import Bins
from query.joint import Joint, JointConditions
from query.masks import Key, Product, TableProducts
from query.moment_sums import MaskedSums
from query.polynomial import UNIT, ZERO, Algebra, Polynomial
from query.sides import Side
from query.sums import Cell, GroupSpec, Moments, MomentTable, Operand, OutputSpec, SumSpec, check_bound
from zk.builder import RelationBuilder
from zk.errors import RelationTooLargeError
from zk.limits import require_publishable
from zk.relation import MAX_CELLS, MAX_SUMS, ONE, Relation

MOMENTS_HINT: Final = "MOMENTS of k numbers takes 1 + k + k·(k + 1)/2 sums"

Writer = Callable[[Key, bool], Polynomial]

_PLACES: Final = {Moment.LEFT: (0,), Moment.RIGHT: (1,), Moment.LEFT_LEFT: (0, 0), Moment.RIGHT_RIGHT: (1, 1),
                  Moment.LEFT_RIGHT: (0, 1)}


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
        self._sides = [Side(TableProducts(table, optional), self._algebra, question)
                       for table, optional in zip(question.tables, question.optional, strict=True)]
        self._union, self._question = question.union, question
        self._asked: list[Asked] = []
        self._arguments = ArgumentCompiler(self._sides, question)
        self.sides = [side.products for side in self._sides]
        self._sums: list[SumSpec] = []
        self._moments = False
        self._rows = 1 << question.tables[0].log_rows
        self._numbers: dict[Key, int] = {}
        self._person_sums: dict[Key, int] = {}
        self._filters: list[list[int]] = [[*side.base] for side in self.sides]
        for table, conditions in enumerate(question.where):
            for condition in conditions:
                self._filters[table] += self._sides[table].condition_factor(condition)
        self._joint_words, self._joint = self._joint_condition(question)
        self.groups: list[GroupSpec] = []
        self._inverses: dict[int, int] = {}
        self._tables_of_groups = [bound.table for bound in question.groups]
        for table in dict.fromkeys(self._tables_of_groups):
            side = self._sides[table]
            mine = [bound for bound in question.groups if bound.table == table]
            form, codes = table_form([group_form(bound, side.products, side.values) for bound in mine], side.values)
            if not form.handles():
                place = group_position(mine[0])
                raise SqlUnsupportedError("a group that is the same on every row", place, "leave it out")
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
        """Words of every sum that may be let out, before cells, and whether it is a guard."""
        guards = {spec.guard for spec in self._sums}
        return [(spec.words, number in guards) for number, spec in enumerate(self._sums) if not spec.closed]

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
                                     spec.guard * len(cells) + place, spec.closed))
        return tuple(found)

    def relation(self, plain: bool, hidden: bool = False) -> Relation:
        """The finished relation.

        Args:
            plain: whether the sums stand in the statement.
            hidden: whether guards are hidden, if they fit.

        Raises:
            QuestionTooLargeError, RelationTooLargeError: it exceeds the limits of proof and contract.
        """
        sums, cells, hint = len(self._sums), len(self.cells), MOMENTS_HINT if self._moments else ""
        if sums > MAX_SUMS:
            raise QuestionTooLargeError("sums", sums, MAX_SUMS, hint)
        if sums * cells > MAX_CELLS:
            raise QuestionTooLargeError(f"cells of sums, {sums} sums in {cells} cells", sums * cells, MAX_CELLS, hint)
        if hidden and self._builder.hides_guards():
            try:
                return self._publishable(hidden_guards=True)
            except RelationTooLargeError:
                pass  # one column too many: with its guards opened it may fit
        return self._publishable(plain)

    def _publishable(self, plain: bool = False, hidden_guards: bool = False) -> Relation:
        relation = self._builder.build(plain, hidden_guards)
        require_publishable(relation)
        return relation

    def output(self, aggregate: BoundAggregate) -> OutputSpec:
        """Add an aggregate's sums and return how it is finished from them."""
        statistic = aggregate.statistic
        if aggregate.bins is not None:
            return self._binned(aggregate, *aggregate.bins)
        if aggregate.persons:
            return self._persons(aggregate)
        self._moments |= statistic is Statistic.MOMENTS
        arguments = [self._arguments.compile(argument) for argument in aggregate.arguments]
        mask = [list(factors) for factors in self._filters]
        for argument in arguments:
            for place, needed in argument.masks.items():
                mask[place] += needed
        write = self._writer(mask, statistic is Statistic.MOMENTS, any(argument.crossing for argument in arguments))

        def moment(*values: CompiledArgument) -> int:
            return self._sum(self._key(mask, values), write)

        count, table = moment(), None
        if statistic is Statistic.MOMENTS:
            moments = Moments(count)
            first = tuple(moment(x) for x in arguments)
            pairs = combinations_with_replacement(arguments, 2)
            table = MomentTable(first, tuple(None if x.excludes(y) else moment(x, y) for x, y in pairs))
        else:
            sums = {name: moment(*(arguments[place] for place in _PLACES[name])) for name in statistic.moments}
            moments = Moments(count, **{name.value: number for name, number in sums.items()})
        places: list[tuple[int, ...]] = [_PLACES[name] for name in statistic.moments]
        if table is not None:
            both = combinations_with_replacement(range(len(arguments)), 2)
            places = [(place,) for place in range(len(arguments))]
            places += [(i, j) for i, j in both if not arguments[i].excludes(arguments[j])]
        for chosen in places:
            for tests in self._arguments.counted_parts([aggregate.arguments[place] for place in chosen]):
                moment(*tests)
        self._asked.append(Asked(aggregate.arguments, tuple(arguments), tuple(map(tuple, mask)), moments, table))
        return OutputSpec(aggregate.name, statistic, tuple(a.operand for a in arguments), moments, table)

    def dominance(self) -> DominanceChecks:
        """Add the closed sums that the tables' dominance rules need, after all outputs, and return what is tested.

        Raises:
            BoundExceededError: a comparison does not fit the field.
        """
        places = Places(self._closed_sum, lambda number: self._sums[number].bound, lambda: len(self._sums))
        return DominanceSums(self._question, self._arguments, places).checks(self._asked)

    def _closed_sum(self, mask: Mask, values: Sequence[CompiledArgument], guard: int, moments: bool) -> int:
        write = self._writer(mask, moments, any(value.crossing for value in values))
        return self._sum(self._key(mask, values), write, guard)

    def _key(self, mask: Sequence[Sequence[int]], values: Sequence[CompiledArgument]) -> Key:
        """The product of some arguments on the rows of a mask."""
        factors = [list(side) for side in mask]
        for value in values:
            for place, number in value.factors.items():
                factors[place].append(number)
        return tuple(side.simplify(f) for side, f in zip(self.sides, factors, strict=True))

    def _binned(self, aggregate: BoundAggregate, bucket: Bucket, quantile: Decimal | None) -> OutputSpec:
        """A statistic finished from the counts of rows per bin; the bins are the groups."""
        rows = tuple(side.simplify(factors) for side, factors in zip(self.sides, self._filters, strict=True))
        count, side = self._sum(rows, self._terms), self._sides[aggregate.arguments[0].table]
        value, p = side.values.value(bucket.operand), None if quantile is None else Fraction(quantile)
        least, greatest = (Fraction(end, 10**value.scale) for end in (value.lo, value.hi))
        bins = Bins(Fraction(bucket.lo), Fraction(bucket.hi), bucket.count, least, greatest, p)
        operand = Operand(side.products.table.schema.name, side.values.text(bucket.operand), value.lo, value.scale)
        return OutputSpec(aggregate.name, aggregate.statistic, (operand,), Moments(count), bins=bins)

    def _persons(self, aggregate: BoundAggregate) -> OutputSpec:
        """How many persons are in any of several tables of one cohort: Σ of 1 − Π (1 − mask), as a column."""
        rows = tuple(side.simplify(factors) for side, factors in zip(self.sides, self._filters, strict=True))
        if rows not in self._person_sums:
            found = ZERO
            for table, product in enumerate(rows):
                mask = Polynomial.column(self._part_column(self._sides[table].part(product), product, table))
                found = found + mask - self._algebra.multiply(found, mask)
            column = Polynomial.column(self._algebra.boolean_column(found))
            names = [self._sides[table].products.table.schema.name for table in range(len(rows))]
            number = self._builder.sum(column.drafts(), None)
            words = describe_persons(self.sides, rows)
            self._sums.append(SumSpec(f"persons({','.join(names)})", words, self._rows, number))
            self._person_sums[rows] = number
        operand = self._arguments.compile(aggregate.arguments[0]).operand
        return OutputSpec(aggregate.name, aggregate.statistic, (operand,), Moments(self._person_sums[rows]))

    def _writer(self, mask: Sequence[Sequence[int]], moments: bool, crossing: bool) -> Writer:
        """How an aggregate's sums are written: those of MOMENTS and of values over several tables all under one mask.
        MOMENTS by group over several tables is not: a column of round 2 has one owner."""
        whole = tuple(side.simplify(factors) for side, factors in zip(self.sides, mask, strict=True))
        if self._union:
            return self._union_writer(whole) if moments else self._union_terms
        if not crossing and not (moments and (len(self._sides) == 1 or not self._inverses)):
            return self._terms
        joint = None if self._joint is None else self._joint_mask(whole, self._joint)
        inverse = next(iter(self._inverses.values()), None)
        return MaskedSums(self._sides, self._algebra, whole, joint, inverse).terms

    def _union_writer(self, whole: Key) -> Writer:
        """How the sums of MOMENTS over a UNION ALL are written: those of its members, added."""
        members = [MaskedSums([side], self._algebra, (mask,), None, None)
                   for side, mask in zip(self._sides, whole, strict=True)]

        def write(key: Key, counts: bool) -> Polynomial:
            found = ZERO
            for member, product in zip(members, key, strict=True):
                found = found + member.terms((product,), counts)
            return found

        return write

    # --- sums -----------------------------------------------------------------------------------------------------

    def _sum(self, key: Key, write: Writer, closed_under: int | None = None) -> int:
        """The number of a sum; made on first use, as a closed one if a guard is given for that."""
        if key in self._numbers:
            return self._numbers[key]
        rows = tuple(side.counted(product) for side, product in zip(self.sides, key, strict=True))
        guard = closed_under
        if guard is None and rows != key:
            guard = self._sum(rows, write)
        bounds = [side.bound(product) for side, product in zip(self.sides, key, strict=True)]
        bound = self._rows * (sum(bounds) if self._union else prod(bounds))
        parts = ["*".join(map(side.title, product)) for side, product in zip(self.sides, key, strict=True) if product]
        name = ("+" if self._union else "*").join([*parts, *(f"[{text}]" for text in self._joint_words)])
        check_bound(name, bound)
        terms = write(key, guard is None)
        number = self._builder.sum(terms.drafts(), guard)
        self._numbers[key] = number
        words = describe_sum(self.sides, key, rows, self._joint_words, self._union)
        self._sums.append(SumSpec(name, words, bound, number if guard is None else guard, closed_under is not None))
        return number

    def _joint_mask(self, rows: Key, joint: Joint) -> int:
        """The column that is 1 where a condition over several tables and a mask of every table hold."""
        masks = [self._part_column(side.part(product), product, table)
                 for table, (side, product) in enumerate(zip(self._sides, rows, strict=True))]
        trivial = [product == side.base for side, product in zip(self.sides, rows, strict=True)]
        return self._conditions.masked(joint, masks, trivial)

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
        tables = [table for table, product in enumerate(key) if product or table in self._inverses]
        if len(tables) == 1:
            return self._alone(tables[0], key[tables[0]], counts)
        columns = {table: self._part_column(self._sides[table].part(key[table]), key[table], table)
                   for table in tables}
        if len(tables) == 3:
            first, second = self._fused(key)
            third = 3 - first - second
            joint = self._builder.product(columns[first], columns[second])
            return self._join(joint, self._grouped(columns[third], third))
        return self._join(*(self._grouped(columns[table], table) for table in tables))

    def _union_terms(self, key: Key, counts: bool) -> Polynomial:
        """The form of a sum over a UNION ALL: those over its members, added. Every term is of one owner."""
        found = ZERO
        for table, product in enumerate(key):
            found = found + self._alone(table, product, counts)
        return found

    def _alone(self, table: int, product: Product, counts: bool) -> Polynomial:
        """The form of a sum that concerns one table."""
        part = self._sides[table].part(product)
        if not counts:
            if table not in self._inverses:
                return part
            return self._algebra.multiply(self._algebra.flat(part), self._inverse(table))
        single = part.single()
        if table not in self._inverses and single is not None and single[0] != 0:
            return part
        return self._with_inverse(self._part_column(part, product, table), table)

    def _part_column(self, part: Polynomial, product: Product, table: int) -> int:
        """A part as one column, seen to be 0 or 1 where all its factors are; ONE if it has none."""
        if not product:
            return ONE
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


def group_position(group: Argument) -> Position | None:
    """Where a computed value of GROUP BY stands."""
    return None if isinstance(group, BoundColumn) else group.expression.position


def label_text(label: object) -> str:
    """A group's value as text."""
    return "null" if label is None else str(label).lower() if isinstance(label, bool) else str(label)
