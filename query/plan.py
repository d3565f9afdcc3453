"""The compiler: SQL to a relation, the meaning of its sums, and what is disclosed.

A row mask is the set of booleans that must hold: ``present`` of each table, the columns of WHERE, and the ``__known``
companions of an aggregate's arguments (of both, for a pair). Per table all factors of a product multiply into one
*part* column, which its owner computes alone; a sum over a join is Σ part · part, so no product of three crosses
owners. Each sum's guard counts exactly the rows the sum is over; a sum that counts rows itself is its own guard, so
that the number of true values of a boolean, too, is subject to the minimum group.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final

from query.aggregates import Statistic
from query.binding import BoundAggregate, BoundColumn, BoundQuestion, bind_question
from query.directory import Directory
from query.disclosure import describe_sum, disclosure_lines
from query.errors import BoundExceededError
from query.kinds import stored_offset, stored_scale
from query.masks import Key, TableProducts
from query.registration import registered_column
from query.schema import PRESENT_INDEX
from query.sql import parse_question
from zk.builder import RelationBuilder
from zk.encoding import encode_relation
from zk.errors import RelationInvalidError
from zk.relation import ONE, RegisteredColumn, Relation
from zk.transcript import FR_MODULUS

SUM_LIMIT: Final = FR_MODULUS // 2


@dataclass(frozen=True, slots=True)
class SumSpec:
    """A proved sum; its number is its place in `Plan.sums` and in the relation.

    Args:
        name: unique and canonical: the factors, e.g. ``"hospital.bmi*laboratory.present"``.
        words: what it is, in plain words.
        bound: largest possible value; the smallest is 0.
        guard: number of the sum that counts its rows; its own number for a count.
    """

    name: str
    words: str
    bound: int
    guard: int


@dataclass(frozen=True, slots=True)
class Operand:
    """A column of an output: value = (stored + offset) / 10^scale."""

    table: str
    column: str
    offset: int
    scale: int


@dataclass(frozen=True, slots=True)
class Moments:
    """Numbers of the sums an output is finished from, all under its joint mask; None where it does not need one."""

    count: int
    left: int | None = None
    right: int | None = None
    left_left: int | None = None
    right_right: int | None = None
    left_right: int | None = None


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """A result column: which statistic of which columns, from which sums."""

    name: str
    statistic: Statistic
    operands: tuple[Operand, ...]
    moments: Moments


@dataclass(frozen=True, slots=True)
class PlanColumn:
    """A registered column of the relation, in its order: the owner's physical column `name` of `table`."""

    registered: RegisteredColumn
    table: str
    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class TableUse:
    """What a question does with one table; what its policy is checked against.

    Args:
        values: aggregated columns.
        filters: columns in WHERE.
        partners: other owners in the join.
    """

    table: str
    owner: str
    dataset: int
    version: int
    values: tuple[str, ...]
    filters: tuple[str, ...]
    partners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled question; public, and equal at every party that compiles the same text against the same directory.

    Args:
        sql: the question as asked.
        relation: what is proved; its hash is the question's identity.
        columns: the registered columns in the relation's order.
        sums: the sums in the relation's order.
        outputs: the result columns.
        disclosures: what is disclosed, in plain words, one line for each sum.
        uses: the tables, for their policies.
        minimum_group: smallest guard that may be released: the largest demanded by anyone.
    """

    sql: str
    relation: Relation
    columns: tuple[PlanColumn, ...]
    sums: tuple[SumSpec, ...]
    outputs: tuple[OutputSpec, ...]
    disclosures: tuple[str, ...]
    uses: tuple[TableUse, ...]
    minimum_group: int

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The statistics asked for."""
        return tuple(output.statistic for output in self.outputs)


def compile_question(sql: str, directory: Directory, minimum_group: int = 2) -> Plan:
    """Compile a question.

    Args:
        sql: text in the subset of `query.sql`.
        directory: the registered tables.
        minimum_group: smallest count the caller lets out; the tables' own minima are at least respected.

    Raises:
        QueryError: one of the errors of `query.errors`; the text, a name or a kind is wrong, or a limit is exceeded.
    """
    question = bind_question(parse_question(sql), directory)
    smallest = max(minimum_group, *(max(t.minimum_group, t.policy.minimum_group) for t in question.tables))
    compiler = _Compiler(question)
    outputs = tuple(compiler.output(aggregate) for aggregate in question.aggregates)
    relation = compiler.relation()
    guards = {spec.guard for spec in compiler.sums}
    lines = disclosure_lines([(spec.words, number in guards) for number, spec in enumerate(compiler.sums)], smallest)
    return Plan(sql, relation, _plan_columns(relation, compiler.sides), tuple(compiler.sums), outputs, lines,
                _uses(question), smallest)


class _Compiler:
    """Collects the sums of a question; each distinct product is one sum."""

    def __init__(self, question: BoundQuestion) -> None:
        self.sides = [TableProducts(table) for table in question.tables]
        self.sums: list[SumSpec] = []
        self._rows = 1 << question.tables[0].log_rows
        self._builder = RelationBuilder(question.tables[0].log_rows)
        self._numbers: dict[Key, int] = {}
        self._filters: list[list[int]] = [[PRESENT_INDEX] for _ in self.sides]
        for bound in question.where:
            self._filters[bound.table].append(self._number(bound))

    def output(self, aggregate: BoundAggregate) -> OutputSpec:
        """Add an aggregate's sums and return how it is finished from them."""
        statistic, arguments = aggregate.statistic, aggregate.arguments
        mask = [list(factors) for factors in self._filters]
        for bound in arguments:
            mask[bound.table] += self.sides[bound.table].known(self._number(bound))

        def moment(*values: BoundColumn) -> int:
            factors = [list(side) for side in mask]
            for value in values:
                factors[value.table].append(self._number(value))
            return self._sum(tuple(side.simplify(f) for side, f in zip(self.sides, factors, strict=True)))

        count = moment()
        if not statistic.needs_total:
            moments = Moments(count)
        elif statistic.arguments == 1:
            (x,) = arguments
            moments = Moments(count, moment(x), left_left=moment(x, x) if statistic.needs_squares else None)
        else:
            x, y = arguments
            squares = statistic.needs_squares
            moments = Moments(count, moment(x), moment(y), moment(x, x) if squares else None,
                              moment(y, y) if squares else None, moment(x, y))
        return OutputSpec(aggregate.name, statistic, tuple(self._operand(bound) for bound in arguments), moments)

    def relation(self) -> Relation:
        """The finished relation, checked against the limits of proof and contract."""
        try:
            relation = self._builder.build()
            encode_relation(relation)
        except RelationInvalidError as fault:
            raise BoundExceededError(f"the question is too large for one proof: {fault}") from fault
        return relation

    def _number(self, bound: BoundColumn) -> int:
        return self.sides[bound.table].number(bound.column.name)

    def _operand(self, bound: BoundColumn) -> Operand:
        kind = bound.column.kind
        table = self.sides[bound.table].table.schema.name
        return Operand(table, bound.column.name, stored_offset(kind), stored_scale(kind))

    def _sum(self, key: Key) -> int:
        if key in self._numbers:
            return self._numbers[key]
        rows = tuple(side.counted(product) for side, product in zip(self.sides, key, strict=True))
        guard = None if rows == key else self._sum(rows)
        bound = self._rows * prod(side.bound(product) for side, product in zip(self.sides, key, strict=True))
        name = "*".join(f"{side.table.schema.name}.{side.physical[column].name}"
                        for side, product in zip(self.sides, key, strict=True) for column in product)
        check_bound(name, bound)
        number = self._builder.sum([(1, *self._factors(key))], guard)
        self._numbers[key] = number
        words = describe_sum(self.sides, key, rows)
        self.sums.append(SumSpec(name, words, bound, number if guard is None else guard))
        return number

    def _factors(self, key: Key) -> tuple[int, int]:
        """The factors of a sum's one term: the parts of two tables, or one table's product split before its last."""
        handles = [[self._handle(side, column) for column in product]
                   for side, product in zip(self.sides, key, strict=True)]
        if len(handles) == 1:
            *first, last = handles[0]
            return self._part(first), last
        left, right = handles
        return self._part(left), self._part(right)

    def _part(self, handles: list[int]) -> int:
        part = ONE
        for handle in handles:
            part = self._builder.product(part, handle)
        return part

    def _handle(self, side: TableProducts, column: int) -> int:
        table = side.table
        return self._builder.registered(registered_column(side.physical[column], table.dataset, table.version))


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


def _plan_columns(relation: Relation, sides: list[TableProducts]) -> tuple[PlanColumn, ...]:
    by_dataset = {side.table.dataset: side for side in sides}
    found = []
    for column in relation.registered:
        side = by_dataset[column.dataset]
        schema = side.table.schema
        found.append(PlanColumn(column, schema.name, schema.owner, side.physical[column.column].name))
    return tuple(found)


def _uses(question: BoundQuestion) -> tuple[TableUse, ...]:
    uses = []
    for number, table in enumerate(question.tables):
        values = {bound.column.name for aggregate in question.aggregates
                  for bound in aggregate.arguments if bound.table == number}
        filters = {bound.column.name for bound in question.where if bound.table == number}
        partners = {other.owner for other in question.tables} - {table.owner}
        uses.append(TableUse(table.schema.name, table.owner, table.dataset, table.version, tuple(sorted(values)),
                             tuple(sorted(filters)), tuple(sorted(partners))))
    return tuple(uses)
