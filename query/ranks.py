"""Order statistics of a question: which rows, which values, which ranks. No proof covers them.

The parties compute them from shares (`mpc.hidden_quantiles`). Every owner enters, row by row, what follows from its own
columns alone: truth values (its part of the mask, or a leaf of a condition over several tables) and the value's stored
number. What it enters is written as the sum forms of a relation over its columns that nobody proves: it is the one
language in which conditions are compiled, and it is evaluated by its owner in the clear (`query.rank_inputs`).

How the rows of several owners make up the rows of a statistic is a small circuit over those truth values. Over a
UNION ALL the rows of all members stand one after another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from query.aggregates import Statistic
from query.arguments import ArgumentCompiler
from query.binding import BoundAggregate, BoundColumn, BoundQuestion
from query.errors import BoundExceededError, SqlUnsupportedError
from query.expressions import Condition, Junction, Negation, all_names
from query.masks import Product, TableProducts
from query.polynomial import UNIT, ZERO, Algebra, Polynomial
from query.sides import Side
from zk.builder import RelationBuilder
from zk.encoding import relation_hash
from zk.relation import ONE, Relation

MAX_KEY_BITS: Final = 61


@dataclass(frozen=True, slots=True)
class Rank:
    """The smallest value v with denominator · (values up to v) >= numerator · (all values) + excess."""

    numerator: int
    denominator: int
    excess: int = 0


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the owner of a table enters: form number `form` of its inputs."""

    table: int
    form: int


@dataclass(frozen=True, slots=True)
class Gate:
    """Where all parts hold or, if not `every`, where any does. Without parts it is a constant."""

    every: bool
    parts: tuple[Member, ...]


Member = Leaf | Gate


@dataclass(frozen=True, slots=True)
class TableInputs:
    """What the owner of one table enters.

    Args:
        table, owner: names.
        relation: over the table's columns; its sum forms, row by row, are what is entered. Never proved.
        names: physical columns in the relation's order.
        bits: how many each form's values have; 1 for truth values.
    """

    table: str
    owner: str
    relation: Relation
    names: tuple[str, ...]
    bits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows of a ranked column: joined rows, or those of one member of a UNION ALL.

    Args:
        value: what holds the stored values.
        member: which rows count.
    """

    value: Leaf
    member: Member


@dataclass(frozen=True, slots=True)
class RankedColumn:
    """A column whose order statistics are asked for.

    Args:
        title: the column's full name.
        segments: its rows.
        bound: largest stored value.
        count: number of the proved sum that counts the rows.
    """

    title: str
    segments: tuple[Segment, ...]
    bound: int
    count: int

    @property
    def bits(self) -> int:
        """How many bits a stored value has."""
        return max(self.bound.bit_length(), 1)


@dataclass(frozen=True, slots=True)
class RankOutput:
    """An order statistic: the sum of the values at some ranks of one column, over their number."""

    column: int
    ranks: tuple[Rank, ...]


@dataclass(frozen=True, slots=True)
class RankPlan:
    """All order statistics of a question. Public, and equal at every party.

    Args:
        log_rows: log2 of the number of rows of a segment.
        tables: what each table's owner enters; None where it enters nothing.
        columns: the ranked columns.
        outputs: the statistics.
    """

    log_rows: int
    tables: tuple[TableInputs | None, ...]
    columns: tuple[RankedColumn, ...]
    outputs: tuple[RankOutput, ...]

    @property
    def digest(self) -> bytes:
        """SHA-256 of everything that is computed."""
        entered = [t and (t.table, t.owner, relation_hash(t.relation).hex(), t.bits) for t in self.tables]
        text = repr((self.log_rows, entered, self.columns, self.outputs))
        return hashlib.sha256(b"tallystick.ranks.v1" + text.encode()).digest()

    @property
    def bounds(self) -> tuple[int, ...]:
        """The largest number each output can be."""
        return tuple(len(output.ranks) * self.columns[output.column].bound for output in self.outputs)


def ranks_of(statistic: Statistic, p: Fraction | None) -> tuple[Rank, ...]:
    """The ranks of an order statistic. MEDIAN is the mean of the two middle values, which are one of an odd number.

    Args:
        statistic: one that is `ranked`.
        p: of QUANTILE.
    """
    match statistic:
        case Statistic.MIN:
            return (Rank(0, 1, 1),)
        case Statistic.MAX:
            return (Rank(1, 1),)
        case Statistic.MEDIAN:
            return Rank(1, 2), Rank(1, 2, 1)
        case _:
            return (Rank(p.numerator, p.denominator),) if p else (Rank(0, 1, 1),)


class RankCompiler:
    """Compiles the order statistics of a question.

    Args:
        question: resolved names.
    """

    def __init__(self, question: BoundQuestion) -> None:
        self._question = question
        self._builders = [RelationBuilder(table.log_rows) for table in question.tables]
        self._algebras = [Algebra(builder) for builder in self._builders]
        self._sides = [Side(TableProducts(table, optional), algebra, question) for table, optional, algebra
                       in zip(question.tables, question.optional, self._algebras, strict=True)]
        self._arguments = ArgumentCompiler(self._sides, question)
        self._filters: list[list[int]] = [[*side.products.base] for side in self._sides]
        for table, conditions in enumerate(question.where):
            for condition in conditions:
                self._filters[table] += self._sides[table].condition_factor(condition)
        self._bits: list[list[int]] = [[] for _ in self._sides]
        self._leaves: dict[tuple[int, int], Leaf] = {}
        self._guards: dict[int, int] = {}  # a relation's numbers need a guard; the first truth value will do
        self._columns: dict[str, int] = {}
        self._found: list[RankedColumn] = []
        self._outputs: list[RankOutput] = []

    def output(self, aggregate: BoundAggregate, count: int) -> int:
        """Add an order statistic and return its number among them.

        Args:
            aggregate: of a column.
            count: number of the sum that counts its rows.

        Raises:
            BoundExceededError: the column's values are too wide.
        """
        argument = aggregate.arguments[0]
        if not isinstance(argument, BoundColumn):
            raise SqlUnsupportedError(f"{aggregate.statistic} of a computed value", aggregate.position)
        title = f"{self._question.tables[argument.table].schema.name}.{argument.column.name}"
        if title not in self._columns:
            self._columns[title] = len(self._found)
            self._found.append(self._column(argument, title, count))
        p = None if aggregate.quantile is None else Fraction(aggregate.quantile)
        self._outputs.append(RankOutput(self._columns[title], ranks_of(aggregate.statistic, p)))
        return len(self._outputs) - 1

    def plan(self) -> RankPlan | None:
        """Everything that was added; None if nothing was."""
        if not self._outputs:
            return None
        tables: list[TableInputs | None] = []
        for side, builder, bits in zip(self._sides, self._builders, self._bits, strict=True):
            if not bits:
                tables.append(None)
                continue
            relation, products = builder.build(), side.products
            names = tuple(products.physical[column.column].name for column in relation.registered)
            schema = products.table.schema
            tables.append(TableInputs(schema.name, schema.owner, relation, names, tuple(bits)))
        log_rows = self._question.tables[0].log_rows
        return RankPlan(log_rows, tuple(tables), tuple(self._found), tuple(self._outputs))

    def _column(self, argument: BoundColumn, title: str, count: int) -> RankedColumn:
        compiled, union = self._arguments.compile(argument), self._question.union
        masks = [[*filters, *compiled.masks.get(table, ())] for table, filters in enumerate(self._filters)]
        products = [side.products.simplify(mask) for side, mask in zip(self._sides, masks, strict=True)]
        parts = [self._mask(table, product) for table, product in enumerate(products)]
        segments, bound = [], 0
        for table, number in compiled.factors.items():
            bound = self._sides[table].products.factors[number].bound
            if bound.bit_length() > MAX_KEY_BITS:
                raise BoundExceededError(f"{title} needs more than {MAX_KEY_BITS} bits for an order statistic")
            joint = [self._condition(condition) for condition in self._question.joint]
            members = [parts[table]] if union else [*parts, *joint]
            member = Gate(True, tuple(member for member in members if member is not None))
            value = self._leaf(table, self._sides[table].values.polynomial(number), bound, guard=self._guards[table])
            segments.append(Segment(value, member.parts[0] if len(member.parts) == 1 else member))
        return RankedColumn(title, tuple(segments), bound, count)

    def _mask(self, table: int, product: Product) -> Member | None:
        """The rows of one table that count; None if all do."""
        part = self._sides[table].part(product)
        return None if part == UNIT else self._truth(table, part)

    def _condition(self, condition: Condition, wanted: bool = True) -> Member:
        """The rows on which a condition over several tables is true (or, if not `wanted`, false)."""
        tables = {self._question.columns[name].table for name in all_names(condition)}
        if len(tables) <= 1:
            table = tables.pop() if tables else 0
            return self._truth(table, self._sides[table].truth(condition, wanted).polynomial)
        if isinstance(condition, Negation):
            return self._condition(condition.operand, not wanted)
        operands: Sequence[Condition] = condition.operands if isinstance(condition, Junction) else ()
        every = (isinstance(condition, Junction) and condition.operator == "AND") == wanted
        return Gate(every, tuple(self._condition(operand, wanted) for operand in operands))

    def _truth(self, table: int, polynomial: Polynomial) -> Member:
        if polynomial in (ZERO, UNIT):
            return Gate(polynomial == UNIT, ())
        column = Polynomial.column(self._algebras[table].boolean_column(polynomial))
        return self._leaf(table, column, 1)

    def _leaf(self, table: int, polynomial: Polynomial, bound: int, guard: int | None = None) -> Leaf:
        """A form of what a table's owner enters; what is entered twice is one form."""
        column = self._algebras[table].column(polynomial)
        if (table, column) not in self._leaves:
            number = self._builders[table].sum([(1, ONE, column)], guard)
            self._bits[table].append(max(bound.bit_length(), 1))
            if guard is None:
                self._guards.setdefault(table, number)
            self._leaves[table, column] = Leaf(table, number)
        return self._leaves[table, column]
