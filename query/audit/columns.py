"""The registered columns of several relations as one set of variables.

A variable is a column of a dataset, whatever the dataset's version and the cohort's: the auditor protects persons, not
versions. Merging variables only takes sample persons away, and with fewer of them more combinations look as if they
counted a definite set: merging errs on the side of testing too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from query.kinds import Category
from query.schema import KNOWN_SUFFIX, PRESENT_INDEX, TableSchema, physical_columns
from zk.relation import ColumnKind, RegisteredColumn, Relation


@dataclass(frozen=True, slots=True, order=True)
class Variable:
    """A column of a dataset, by the dataset's directory id and the column's place. Public."""

    dataset: int
    column: int

    @property
    def presence(self) -> Variable:
        """The ``present`` column of the same dataset."""
        return Variable(self.dataset, PRESENT_INDEX)


@dataclass(frozen=True, slots=True)
class Domain:
    """What registration proved of a column: on a present row it lies in [lowest, highest], unless it is null.

    Args:
        lowest: 1 for a category, whose code 0 means null or absent; else 0.
        highest: the largest stored value.
        known: the companion that is 0 where the column is null; None where it cannot be.
    """

    lowest: int
    highest: int
    known: Variable | None


Domains = Mapping[Variable, Domain]


def variable_of(column: RegisteredColumn) -> Variable:
    """The variable a registered column is."""
    return Variable(column.dataset, column.column)


def boolean_variables(relations: Iterable[Relation]) -> frozenset[Variable]:
    """The variables that are 0 or 1, as registration proved, and every ``present``."""
    columns = [column for relation in relations for column in relation.registered]
    found = {variable_of(column) for column in columns if column.kind is ColumnKind.BOOLEAN}
    return frozenset(found | {variable_of(column).presence for column in columns})


def domains_of(dataset: int, schema: TableSchema) -> dict[Variable, Domain]:
    """What registration proved of a dataset's columns."""
    places = {column.name: column.index for column in physical_columns(schema)}
    kinds = {column.name: column.kind for column in schema.columns}
    found = {}
    for column in physical_columns(schema):
        companion = places.get(column.name + KNOWN_SUFFIX)
        known = None if companion is None else Variable(dataset, companion)
        lowest = int(isinstance(kinds.get(column.name), Category))
        found[Variable(dataset, column.index)] = Domain(lowest, column.bound, known)
    return found
