"""Statements that the proof tests share, over reference strings whose τ the tests know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

import oracle
from oracle import form_rows as form_rows

from zk.builder import RelationBuilder
from zk.curve import multiply_generator
from zk.field import FR
from zk.pairing import G2_GENERATOR, multiply_g2
from zk.proof import Proof
from zk.prover import RegisteredSecret, commit_registered
from zk.range_table import relation_table
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.single import prove
from zk.srs import EXTRA_POWERS, Srs
from zk.statement import RELEASE_BITS, Point, Statement
from zk.verifier import verify_proof

R = FR.modulus
TAU = pow(5, 0xC0FFEE, R)
DOMAIN, SUBJECT = b"\x01" * 32, b"\x02" * 32
HOSPITAL_COLUMNS, BUREAU_COLUMNS = (1, 2), (3, 4)


@lru_cache(maxsize=8)
def known_srs(log_rows: int, tau: int = TAU) -> Srs:
    """A reference string with a τ that the caller knows."""
    powers = multiply_generator(FR.powers(tau, (1 << log_rows) + EXTRA_POWERS))
    return Srs(log_rows, powers, multiply_g2(G2_GENERATOR, tau), development=True)


def integer(dataset: int, column: int) -> RegisteredColumn:
    return RegisteredColumn(dataset, 1, column, ColumnKind.INTEGER)


def boolean(dataset: int, column: int) -> RegisteredColumn:
    return RegisteredColumn(dataset, 1, column, ColumnKind.BOOLEAN)


def release_word(released: int, public: int = 0) -> int:
    """Bits of the rows of s that are released, and of those that are public."""
    return released | public << RELEASE_BITS


def scalars(values: Sequence[int]) -> RegisteredSecret:
    """A column to register, with a fresh blinder."""
    return RegisteredSecret(FR.from_integers(list(values)), FR.random(1))


@dataclass(frozen=True)
class Sample:
    """A statement with everything its prover knows.

    Args:
        columns: plaintext rows of the registered columns, by index.
    """

    srs: Srs
    statement: Statement
    secrets: Mapping[int, RegisteredSecret]
    columns: Mapping[int, Sequence[int]]

    @property
    def relation(self) -> Relation:
        return self.statement.relation

    @property
    def table(self) -> Point | None:
        """[T], if the relation has lookups."""
        return self.statement.table

    def rows(self) -> dict[int, list[int]]:
        """Rows of every column up to the witnesses, in plain integers modulo r."""
        return oracle.all_rows(self.relation, self.columns)

    def sums(self) -> list[int]:
        """What the rows of s are, in plain integers modulo r."""
        return oracle.sums(self.relation, self.rows())

    def verify(self, proof: Proof, statement: Statement | None = None) -> None:
        verify_proof(self.srs.tau_g2, statement or self.statement, proof)

    def prove(self, release: int | None = None) -> Proof:
        """A proof that releases row 0, or whatever is given; sums that are plain are always shown."""
        word = int(not self.relation.plain) if release is None else release
        return prove(self.srs, self.statement, self.secrets, word)[0]

    def prove_all(self) -> Proof:
        """A proof that shows every row of s."""
        rows = (1 << self.relation.sum_rows) - 1
        return self.prove(0 if self.relation.plain else release_word(rows, rows))

    def asked(self, **changes: object) -> Statement:
        """The statement with other public words; another relation comes with its own range table."""
        relation = changes.get("relation")
        if isinstance(relation, Relation) and "table" not in changes:
            changes["table"] = relation_table(self.srs, relation)
        return replace(self.statement, **changes)


MINIMUM = 3


def sample(
    relation: Relation, columns: Mapping[int, Sequence[int]], srs: Srs | None = None, minimum: int = MINIMUM
) -> Sample:
    """Register columns and state a relation about them; the minimum is that of hidden guards."""
    srs = srs or known_srs(relation.log_rows)
    secrets = {i: scalars(values) for i, values in columns.items()}
    commitments = tuple(commit_registered(srs, secrets[i]) for i in sorted(secrets))
    asked = minimum if relation.hidden_guards else None
    statement = Statement(relation, DOMAIN, SUBJECT, commitments, relation_table(srs, relation), asked)
    return Sample(srs, statement, secrets, columns)


def two_tables(log_rows: int) -> Relation:
    """Columns 1 f (boolean) and 2 x of a hospital, 3 q (boolean) and 4 y of a bureau; six sums, guard Σ f·q."""
    builder = RelationBuilder(log_rows)
    f, x = builder.registered(boolean(1, 1)), builder.registered(integer(1, 2))
    q, y = builder.registered(boolean(2, 1)), builder.registered(integer(2, 2))
    m = builder.product(f, x)
    guard = builder.sum([(1, f, q)])
    builder.sum([(1, m, q)], guard)
    builder.sum([(1, f, y)], guard)
    builder.sum([(1, m, y)], guard)
    builder.sum([(1, builder.product(m, x), q)], guard)
    builder.sum([(7, m, y), (-1, f, y), (-3, 0, x)], guard)
    return builder.build()


def masked_sum(log_rows: int) -> Relation:
    """Columns 1 m (boolean), 2 x, 3 y; u = m·x; sums 0 Σ m (guard), 1 Σ u, 2 Σ u·y. The smallest with every feature."""
    builder = RelationBuilder(log_rows)
    m = builder.registered(boolean(1, 1))
    x, y = builder.registered(integer(1, 2)), builder.registered(integer(1, 3))
    u = builder.product(m, x)
    guard = builder.sum([(1, 0, m)])
    builder.sum([(1, 0, u)], guard)
    builder.sum([(1, u, y)], guard)
    return builder.build()


def random_columns(relation: Relation, rng: Random, limit: int = 1000) -> dict[int, list[int]]:
    """Random rows that fit the columns' kinds."""
    return {
        i: [rng.randrange(2 if column.kind is ColumnKind.BOOLEAN else limit) for _ in range(relation.rows)]
        for i, column in enumerate(relation.registered, start=1)
    }


def two_tables_sample(log_rows: int = 4, seed: int = 1) -> Sample:
    relation = two_tables(log_rows)
    columns = random_columns(relation, Random(seed))
    for row in range(5):  # five persons that both tables know, so that the guard stands above small minima
        columns[1][row] = columns[3][row] = 1
    return sample(relation, columns)


def masked_sum_sample(log_rows: int = 3, seed: int = 1) -> Sample:
    relation = masked_sum(log_rows)
    columns = random_columns(relation, Random(seed))
    columns[1][:4] = [1, 1, 1, 1]
    return sample(relation, columns)


def random_relation(rng: Random, log_rows: int, datasets: int = 1) -> Relation:
    """A random relation: sum 0 counts a boolean column, products stay within a dataset, sums mix all of them."""
    builder = RelationBuilder(log_rows)
    handles: list[list[int]] = []
    booleans: list[int] = []
    for dataset in range(1, datasets + 1):
        kinds = [ColumnKind.BOOLEAN, *(ColumnKind(rng.randrange(2)) for _ in range(rng.randrange(3)))]
        columns = [builder.registered(RegisteredColumn(dataset, 1, c, kind)) for c, kind in enumerate(kinds)]
        booleans += [h for h, kind in zip(columns, kinds) if kind is ColumnKind.BOOLEAN]
        for _ in range(rng.randrange(3)):
            columns.append(builder.product(rng.choice(columns), rng.choice(columns)))
        handles.append(columns)
    flat = [h for columns in handles for h in columns]
    builder.sum([(1, 0, booleans[0])])
    for b in booleans:
        if rng.random() < 0.3:
            builder.vanish([(1, b, b), (-1, 0, b)])
    builder.sum([(rng.choice([1, -1, 5]), 0, h) for h in sorted(set(flat))], 0)
    if datasets > 1:
        builder.sum([(1, rng.choice(handles[0]), rng.choice(handles[1]))], 0)
    for _ in range(rng.randrange(4)):
        terms = {}
        for _ in range(rng.randrange(1, 4)):
            pair = tuple(sorted((rng.choice([0, *flat]), rng.choice(flat))))
            terms[pair] = rng.choice([1, -1, 2, -7, 10**6, R // 2, -(R // 2)])
        builder.sum([(coefficient, a, b) for (a, b), coefficient in terms.items()], 0)
    return builder.build()


def random_sample(rng: Random, log_rows: int, datasets: int = 1) -> Sample:
    relation = random_relation(rng, log_rows, datasets)
    return sample(relation, random_columns(relation, rng, limit=rng.choice([2, 1000, 2**62])))
