"""The compiler: SQL to a relation, the meaning of its sums, and what is disclosed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from query.aggregates import Statistic
from query.arranging import Arrangement, OutputKind, check_arrangement
from query.binding import BoundAggregate, BoundColumn, BoundPerson, BoundQuestion, bind_question
from query.compiler import SumCompiler
from query.directory import Directory
from query.disclosure import describe_rank, disclosure_lines
from query.dominance import DominanceChecks
from query.errors import BoundExceededError, QuestionTooLargeError, SqlUnsupportedError
from query.expressions import all_names, condition_names, value_names
from query.masks import TableProducts
from query.publication import Publication
from query.ranks import RankCompiler, RankPlan
from query.sql import parse_question
from query.sums import (
    SUM_LIMIT,
    Cell,
    GroupSpec,
    KeySpec,
    Label,
    Moments,
    Operand,
    OutputSpec,
    SumSpec,
    check_bound,
)
from zk.errors import RelationInvalidError, RelationTooLargeError
from zk.relation import RegisteredColumn, Relation

__all__ = [
    "SUM_LIMIT",
    "Cell",
    "GroupSpec",
    "KeySpec",
    "Moments",
    "Operand",
    "OutputSpec",
    "Plan",
    "PlanColumn",
    "SumSpec",
    "TableUse",
    "check_bound",
    "compile_question",
]


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
        filters: columns in WHERE, in conditions of CASE and in GROUP BY.
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
        sums: the rows of the sealed column in order: every sum, cell by cell.
        outputs: the result columns.
        disclosures: what is disclosed, in plain words, one line for each sum (for all its cells together).
        uses: the tables, for their policies.
        minimum_group: smallest guard that may be released: the largest demanded by anyone.
        groups: the columns and values of GROUP BY.
        keys: those of them that stand among the results.
        cells: the labels of every cell, in order; one empty cell without GROUP BY.
        arrangement: HAVING, ORDER BY, LIMIT and OFFSET, applied to the rows of the result.
        publication: who sees the sums.
        ranks: order statistics, which the parties compute besides; no proof covers them.
        dominance: what the tables' dominance rules demand of the sums, and which of them serve that alone.
    """

    sql: str
    relation: Relation
    columns: tuple[PlanColumn, ...]
    sums: tuple[SumSpec, ...]
    outputs: tuple[OutputSpec, ...]
    disclosures: tuple[str, ...]
    uses: tuple[TableUse, ...]
    minimum_group: int
    groups: tuple[GroupSpec, ...] = ()
    keys: tuple[KeySpec, ...] = ()
    cells: tuple[Cell, ...] = ((),)
    arrangement: Arrangement = field(default_factory=Arrangement)
    publication: Publication = Publication.AGENCY
    ranks: RankPlan | None = None
    dominance: DominanceChecks = field(default_factory=DominanceChecks)

    @property
    def collected(self) -> bool:
        """Whether all cells together are one row: of a statistic that is finished from counts per bin."""
        return any(output.bins is not None for output in self.outputs)

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The statistics asked for."""
        return tuple(output.statistic for output in self.outputs)

    @property
    def sole_owner(self) -> str | None:
        """The owner who proves alone: that of all tables, if the sums are public (docs/adr/0016); else None."""
        owners = {use.owner for use in self.uses}
        return owners.pop() if self.publication is Publication.PUBLIC and len(owners) == 1 else None


def compile_question(
    sql: str, directory: Directory, minimum_group: int = 2, publication: Publication = Publication.AGENCY
) -> Plan:
    """Compile a question.

    Args:
        sql: text in the subset of `query.sql`, with its parameters as `query.parameters.question_text` adds them.
        directory: the registered tables.
        minimum_group: smallest count the caller lets out; the tables' own minima are at least respected.
        publication: who sees the sums. Public sums of one owner's tables stand in the statement, unless there are
            groups, of which small ones must stay closed, or dominance rules, which need sums that do.

    Raises:
        QueryError: one of the errors of `query.errors`; the text, a name or a kind is wrong, or a limit is exceeded.
    """
    parsed = parse_question(sql)
    question = bind_question(parsed, directory)
    public = publication is Publication.PUBLIC
    plain = public and len({table.owner for table in question.tables}) == 1 and not question.groups
    smallest = max(minimum_group, *(max(t.minimum_group, t.policy.minimum_group) for t in question.tables))
    _check_ranked(question, public)
    try:
        compiler, ranks = SumCompiler(question), None
        if any(aggregate.statistic.ranked for aggregate in question.aggregates):
            ranks = RankCompiler(question)
        outputs = tuple(_output(aggregate, compiler, ranks) for aggregate in question.aggregates)
        ranked = None if ranks is None else ranks.plan()
        dominance = compiler.dominance()
        plain = plain and not dominance.tests
        hidden = publication.hides_guards and smallest <= 1 << question.tables[0].log_rows
        relation = compiler.relation(plain, hidden)
    except RelationTooLargeError as fault:
        raise QuestionTooLargeError(fault.limit, fault.needed, fault.allowed) from fault
    except RelationInvalidError as fault:
        raise BoundExceededError(f"the question is too large for one proof: {fault}") from fault
    groups = [(f"{group.table}.{group.column}", len(group.labels)) for group in compiler.groups]
    arrangement = parsed.arrangement
    kinds = {output.name: OutputKind.OTHER if output.table or output.bins else OutputKind.NUMBER for output in outputs}
    kinds |= {key.name: _label_kind(compiler.groups[key.group].labels) for key in question.keys}
    check_arrangement(arrangement, kinds)
    return Plan(
        sql,
        relation,
        _plan_columns(relation, compiler.sides),
        compiler.sums(),
        outputs,
        (*disclosure_lines(compiler.counts, smallest, groups, public, relation.hidden_guards),
         *_rank_lines(outputs, ranked, compiler.sums())),
        _uses(question),
        smallest,
        tuple(compiler.groups),
        tuple(KeySpec(key.name, key.group, key.place) for key in question.keys),
        compiler.cells,
        arrangement,
        publication,
        ranked,
        dominance,
    )


def _check_ranked(question: BoundQuestion, public: bool) -> None:
    """Refuse order statistics among public numbers: they are given to the agency by the parties, not by the ledger."""
    for aggregate in question.aggregates:
        if aggregate.statistic.ranked and public:
            hint = "it is unproved, so it does not go to the ledger; ask for it without"
            raise SqlUnsupportedError(f"{aggregate.statistic} in a public result", aggregate.position, hint)


def _output(aggregate: BoundAggregate, compiler: SumCompiler, ranks: RankCompiler | None) -> OutputSpec:
    output = compiler.output(aggregate)
    if ranks is None or not aggregate.statistic.ranked:
        return output
    return replace(output, rank=ranks.output(aggregate, output.moments.count))


def _rank_lines(outputs: Sequence[OutputSpec], ranked: RankPlan | None, sums: Sequence[SumSpec]) -> list[str]:
    found = []
    for output in outputs:
        if ranked is not None and output.rank is not None:
            counted = ranked.columns[ranked.outputs[output.rank].column]
            found.append(describe_rank(output.statistic, counted.title, sums[counted.count].words))
    return found


def _label_kind(labels: Sequence[Label]) -> OutputKind:
    """What a group column's values are."""
    known = next((label for label in labels if label is not None), None)
    if isinstance(known, bool):
        return OutputKind.TRUTH
    return OutputKind.TEXT if isinstance(known, str) else OutputKind.NUMBER


def _plan_columns(relation: Relation, sides: list[TableProducts]) -> tuple[PlanColumn, ...]:
    by_dataset = {side.table.dataset: side for side in sides}
    found = []
    for column in relation.registered:
        side = by_dataset[column.dataset]
        schema = side.table.schema
        found.append(PlanColumn(column, schema.name, schema.owner, side.physical[column.column].name))
    return tuple(found)


def _uses(question: BoundQuestion) -> tuple[TableUse, ...]:
    values: list[set[str]] = [set() for _ in question.tables]
    filters: list[set[str]] = [set() for _ in question.tables]

    def use(found: list[set[str]], bounds: Iterable[BoundColumn]) -> None:
        for bound in bounds:
            for place in range(len(found)) if question.union else (bound.table,):
                found[place].add(bound.column.name)

    for argument in (argument for aggregate in question.aggregates for argument in aggregate.arguments):
        if isinstance(argument, BoundPerson):
            continue
        if isinstance(argument, BoundColumn):
            use(values, [argument])
            continue
        use(values, (question.columns[name] for name in value_names(argument.expression)))
        use(filters, (question.columns[name] for name in condition_names(argument.expression)))
    for condition in (condition for conditions in (*question.where, question.joint) for condition in conditions):
        use(filters, (question.columns[name] for name in condition_names(condition, True)))
    for group in question.groups:
        names = [group] if isinstance(group, BoundColumn) else [
            question.columns[name] for name in all_names(group.expression)]
        use(filters, names)
    uses = []
    for number, table in enumerate(question.tables):
        partners = {other.owner for other in question.tables} - {table.owner}
        uses.append(TableUse(table.schema.name, table.owner, table.dataset, table.version,
                             tuple(sorted(values[number])), tuple(sorted(filters[number])), tuple(sorted(partners))))
    return tuple(uses)
