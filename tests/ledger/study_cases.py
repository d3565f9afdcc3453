"""Small datasets and relations for the contract tests, and the steps that bring a query to publication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiny_string import Committed, TinySrs, register_column

from zk.builder import RelationBuilder
from zk.relation import ColumnKind, RegisteredColumn, Relation, Term, relation_of

SCHEMA_HASH, POLICY_HASH, SQL_HASH, PURPOSE_HASH = (bytes([k]) * 32 for k in (3, 4, 5, 6))
CERTIFICATE_HASH, DID_HASH = bytes([7]) * 32, bytes([8]) * 32


@dataclass(frozen=True)
class Table:
    """A dataset in the clear: columns with `present` first, one kind bit a column."""

    name_hash: bytes
    columns: Sequence[Sequence[int]]
    kinds: int

    @property
    def rows(self) -> int:
        return sum(self.columns[0])

    def registered(self, dataset: int, version: int = 1) -> list[RegisteredColumn]:
        kinds = [ColumnKind(self.kinds >> j & 1) for j in range(len(self.columns))]
        return [RegisteredColumn(dataset, version, j, kind) for j, kind in enumerate(kinds)]


def table(name: int, count: int, log_rows: int, seed: int) -> Table:
    """A table of `count` columns over 2^log_rows rows, of which the last is absent; column 0 is `present`."""
    n = 1 << log_rows
    present = [1] * (n - 1) + [0]
    values = [[(seed + 7 * i * j + i * i) % 50 * p for i, p in enumerate(present)] for j in range(1, count)]
    return Table(bytes([name]) * 32, [present, *values], 1)


def registration_relation(log_rows: int, columns: Sequence[RegisteredColumn]) -> Relation:
    """Absent rows are 0, booleans are boolean, sum 0 is Σ present."""
    builder = RelationBuilder(log_rows)
    handles = [builder.registered(column) for column in columns]
    for column, handle in zip(columns, handles):
        if handle != handles[0]:
            builder.vanish([(1, handle, handles[0]), (-1, 0, handle)])
        if column.kind is ColumnKind.BOOLEAN:
            builder.vanish([(1, handle, handle), (-1, 0, handle)])
    builder.sum([(1, 0, handles[0])])
    return builder.build()


def joint_relation(log_rows: int, columns: Sequence[RegisteredColumn], extra_sums: int = 0) -> Relation:
    """Two `present` columns and values: W = copy of the first, product with the second; four sums guarded by sum 0.

    Columns: present_A, present_B, x, and more, each of which gets one more sum.
    """
    copy = len(columns) + 1
    both = copy + 1
    zero = [[Term(1, 0, 1), Term(-1, 0, copy)], [Term(1, copy, 2), Term(-1, 0, both)]]
    sums = [[Term(1, 0, both)], [Term(1, both, 3)], [Term(1, copy, 3)], [Term(1, both, 1)]]
    sums += [[Term(1, both, 4 + i)] for i in range(len(columns) - 3)]
    sums += [[Term(1, copy, 2), Term(1 + i, both, 2)] for i in range(extra_sums)]
    return relation_of(log_rows, tuple(columns), 2, (copy, both), zero, sums, (0,) * len(sums))


def commit_table(srs: TinySrs, data: Table) -> list[Committed]:
    return [register_column(srs, column) for column in data.columns]


def wide_relation(log_rows: int, columns: Sequence[RegisteredColumn]) -> Relation:
    """From 32 columns of two tables: 24 witnesses of which 20 are opened, 40 sums, 48 zero-forms."""
    count = len(columns)
    half = count // 2
    sources = [1, half + 1, *range(2, 8), *range(half + 2, half + 6)]  # both `present` and ten values
    copies = [count + 1 + i for i in range(len(sources))]
    products = [copies[-1] + 1 + i for i in range(12)]
    opened = (*copies, *products[:8])
    zero = [[Term(1, 0, source), Term(-1, 0, copy)] for source, copy in zip(sources, copies)]
    zero.append([Term(1, copies[0], half + 1), Term(-1, 0, products[0])])
    zero += [[Term(1, products[0], 2 + i), Term(-1, 0, products[i])] for i in range(1, 12)]
    zero += [[Term(1, copies[0], i), Term(-1, 0, i)] for i in range(2, 14)]
    zero += [[Term(1, copies[1], half + i), Term(-1, 0, half + i)] for i in range(2, 14)]
    sums = [[Term(1, 0, products[0])]]
    sums += [[Term(1, opened[i % 20], 1 + i % 32), Term(2 + i % 3, opened[(i + 1) % 20], products[11 - i % 4]),
              Term(-1, opened[i % 20], 1 + (i + 5) % 32)] for i in range(31)]
    sums += [[Term(-3, 0, 1 + i), Term(1, 0, 9 + i)] for i in range(7)]
    sums.append([Term(1, copies[0], half + 1)])
    used = {i for form in zero + sums for t in form for i in (t.left, t.right)}
    sums[-2] += [Term(1, 0, i) for i in range(1, products[-1] + 1) if i not in used]
    guards = (0,) * 39 + (39,)
    return relation_of(log_rows, tuple(columns), 24, opened, zero, sums, guards)
