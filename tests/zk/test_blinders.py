"""Every element anybody sees of three proofs over the same columns is independent and uniform, with no blinder to spare
but one of A's.

The real prover runs with fixed challenges, a τ the test knows (so that a commitment is one field element), and every
random scalar taken from a list. Its view is a function of those scalars of degree at most two in each, so that central
differences are its exact derivative; the rank of that matrix over Fr is the number of view elements the blinders make
independent and uniform. W, V and row openings are determined by the rest and must not raise the rank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest
from samples import DOMAIN, TAU, R, known_srs, masked_sum, random_columns, two_tables

from zk.builder import RelationBuilder
from zk.curve import decode_points, multiply_generator
from zk.field import FR, Field, Words
from zk.prover import Contributor, RegisteredSecret, commit_registered
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.srs import Srs
from zk.statement import Statement, opened_rows
from zk.transcript import Transcript

QUERIES = 3
HALF = pow(2, -1, R)


class RecordingSrs(Srs):
    """Commits as `Srs` does and notes the discrete logarithm of every commitment."""

    def commit(self, coefficients: Words) -> Words:
        value = FR.evaluate(coefficients, TAU)
        self.seen.append(value)  # type: ignore[attr-defined]
        return multiply_generator(FR.from_integers([value]))


def recording_srs(log_rows: int) -> RecordingSrs:
    srs = known_srs(log_rows)
    found = RecordingSrs(srs.log_rows, srs.powers, srs.tau_g2, True)
    object.__setattr__(found, "seen", [])
    return found


@dataclass
class Randomness:
    """Hands out the scalars of a list; `drawn` notes how many each call asked for."""

    scalars: list[int]
    forced: frozenset[int] = frozenset()
    drawn: list[int] = field(default_factory=list)
    at: int = 0

    def take(self, count: int) -> Words:
        self.drawn.append(count)
        places = range(self.at, self.at + count)
        self.at += count
        return FR.from_integers([0 if place in self.forced else self.scalars[place] for place in places])


@dataclass(frozen=True)
class Setting:
    """A relation, its columns and the fixed challenges of each query."""

    relation: Relation
    columns: dict[int, list[int]]
    challenges: list[dict[str, int]]
    release: int


def setting(relation: Relation, release: int, seed: int = 5) -> Setting:
    rng = Random(seed)
    names = ("beta", "alpha", "delta", "zeta", "gamma", "z")
    drawn = [{name: rng.randrange(R) for name in names} for _ in range(QUERIES)]
    return Setting(relation, random_columns(relation, rng), drawn, release)


def view(given: Setting, query: int, registered: list[int], randomness: Randomness, monkeypatch: pytest.MonkeyPatch,
         ) -> tuple[list[int], list[int]]:
    """(free, determined) elements of one query: commitments as exponents, opened values, A(ωζ); W, V, row openings."""
    relation = given.relation
    srs = recording_srs(relation.log_rows)
    secrets = {i: RegisteredSecret(FR.from_integers(rows), FR.from_integers([registered[i - 1]]))
               for i, rows in given.columns.items()}
    points = tuple(commit_registered(srs, secrets[i]) for i in sorted(secrets))
    srs.seen.clear()  # type: ignore[attr-defined]
    monkeypatch.setattr(Field, "random", lambda self, count: randomness.take(count))
    monkeypatch.setattr(Transcript, "challenge", lambda self, label, counter=0: given.challenges[query][label])
    statement = Statement(relation, DOMAIN, bytes([query]) * 32, points)
    owners = dict.fromkeys(range(1, relation.column_count + 1), 0)
    contributor = Contributor(statement, srs, 0, owners, secrets)
    none, count = FR.zeros(1), len(relation.sum_forms)
    sums = contributor.sum_parts()
    contributor.accept_sums(sums, randomness.take(1))
    contributor.absorb_witnesses(contributor.commit_witnesses(FR.zeros(relation.witness_count + 1)))
    contributor.absorb_accumulator(contributor.commit_accumulator(none))
    contributor.absorb_quotient(contributor.commit_quotient(none))
    free = list(srs.seen)  # type: ignore[attr-defined]
    assert len(free) == relation.witness_count + 3
    values = contributor.own_values()
    contributor.share_values()
    contributor.absorb_values(values)
    contributor.values_opening(1234, none)
    contributor.remainder_part()
    shifted = contributor.shifted_part(none)
    contributor.absorb_shifted(shifted)
    free += [*values.values(), *FR.to_integers(shifted)]
    opened = FR.to_integers(sums)
    for release in (0, given.release):
        rows = tuple(opened[v] for v in opened_rows(relation, release))
        contributor.absorb_opening(release, rows, contributor.opening_part(release, rows, none))
        contributor.finish(contributor.final_part(none))
    contributor.row_opening_parts(range(count), FR.zeros(count), FR.zeros(count))
    determined = srs.seen[relation.witness_count + 3 :]  # type: ignore[attr-defined]
    assert len(determined) == 5 + count  # the batch opening, W and V twice, the row openings
    return free, determined


def registered_exponents(given: Setting, blinders: list[int]) -> list[int]:
    srs = recording_srs(given.relation.log_rows)
    for i in sorted(given.columns):
        secret = RegisteredSecret(FR.from_integers(given.columns[i]), FR.from_integers([blinders[i - 1]]))
        assert decode_points(srs.commit(FR.zeros(1))) == [None]
        commit_registered(srs, secret)
    return srs.seen[1::2]  # type: ignore[attr-defined, no-any-return]


def draws(given: Setting) -> list[int]:
    """How many scalars each call of one query asks for."""
    spare, fresh = Randomness([1] * 999), pytest.MonkeyPatch()
    try:
        view(given, 0, [1] * len(given.columns), spare, fresh)
    finally:
        fresh.undo()
    return spare.drawn


def ranks(
    given: Setting, forced: frozenset[int] = frozenset(), registered_forced: bool = False
) -> tuple[int, int, int]:
    """(rank of the free elements, number of free elements, rank of everything) of three queries.

    Args:
        forced: random scalars of a query, by position, that are 0: blinders left out.
        registered_forced: registered columns have no blinder.
    """
    rng, columns = Random(11), len(given.columns)
    count = sum(draws(given))
    registered = [0 if registered_forced else rng.randrange(R) for _ in range(columns)]
    scalars = [[rng.randrange(R) for _ in range(count)] for _ in range(QUERIES)]
    patch = pytest.MonkeyPatch()

    def query_view(query: int, change: tuple[int, int] | None, b: list[int]) -> list[list[int]]:
        drawn = list(scalars[query])
        if change:
            drawn[change[0]] += change[1]
        return list(view(given, query, b, Randomness(drawn, forced), patch))

    def difference(plus: list[int], minus: list[int]) -> list[int]:
        return [(p - m) * HALF % R for p, m in zip(plus, minus)]

    try:
        shape = [len(part) for part in query_view(0, None, registered)]
        rows: list[tuple[list[int], list[int]]] = []
        for place in range(0 if registered_forced else columns):
            up, down = list(registered), list(registered)
            up[place] += 1
            down[place] -= 1
            free = difference(registered_exponents(given, up), registered_exponents(given, down))
            rest: list[int] = []
            for query in range(QUERIES):
                above, below = query_view(query, None, up), query_view(query, None, down)
                free += difference(above[0], below[0])
                rest += difference(above[1], below[1])
            rows.append((free, rest))
        for query in range(QUERIES):
            for place in set(range(count)) - forced:
                above, below = query_view(query, (place, 1), registered), query_view(query, (place, -1), registered)
                free, rest = [0] * (columns + shape[0] * QUERIES), [0] * (shape[1] * QUERIES)
                free[columns + shape[0] * query : columns + shape[0] * (query + 1)] = difference(above[0], below[0])
                rest[shape[1] * query : shape[1] * (query + 1)] = difference(above[1], below[1])
                rows.append((free, rest))
    finally:
        patch.undo()
    return rank(f for f, _ in rows), columns + shape[0] * QUERIES, rank(f + d for f, d in rows)


def rank(rows: Iterator[list[int]]) -> int:
    """Rank over Fr."""
    basis: list[tuple[int, list[int]]] = []
    for row in rows:
        left = list(row)
        for pivot, reduced in basis:
            if left[pivot]:
                factor = left[pivot]
                left = [(a - factor * b) % R for a, b in zip(left, reduced)]
        pivot = next((i for i, a in enumerate(left) if a), None)
        if pivot is not None:
            inverse = pow(left[pivot], -1, R)
            basis.append((pivot, [a * inverse % R for a in left]))
    return len(basis)


def every_kind() -> Relation:
    """A copy, an opened witness, an unopened witness, sums of all kinds."""
    builder = RelationBuilder(3)
    f = builder.registered(RegisteredColumn(1, 1, 0, ColumnKind.BOOLEAN))
    x = builder.registered(RegisteredColumn(1, 1, 1, ColumnKind.INTEGER))
    y = builder.registered(RegisteredColumn(1, 1, 2, ColumnKind.INTEGER))
    u = builder.product(f, x)
    guard = builder.sum([(1, 0, f)])
    builder.sum([(1, u, y)], guard)
    builder.sum([(1, 0, builder.product(f, y))], guard)
    return builder.build()


RELEASE = 0b111 | 0b010 << 64


@pytest.mark.parametrize("relation", [masked_sum(3), two_tables(3), every_kind()],
                         ids=["masked sum", "two tables", "every kind"])
def test_the_view_of_three_proofs_is_uniform(relation: Relation) -> None:
    found, elements, everything = ranks(setting(relation, RELEASE))
    assert found == elements
    assert everything == elements  # W, V and row openings of all sums tell nothing more


GIVEN = setting(every_kind(), RELEASE)
OPENED = [i - 4 for i in GIVEN.relation.opened]


WITNESSES = GIVEN.relation.witness_count
COUNTS = [*(2 if w in OPENED else 1 for w in range(WITNESSES)), 1, 1, 3]  # witnesses, s, A(1), A


def test_each_kind_has_the_number_of_blinders_the_protocol_names() -> None:
    relation = GIVEN.relation
    assert {relation.copied_column(i) is not None for i in relation.opened} == {True, False}  # a copy and a product
    assert len(relation.opened) < WITNESSES
    assert draws(GIVEN) == COUNTS


def positions(call: int) -> list[int]:
    """Positions, among a query's random scalars, of those that one call asks for."""
    start = sum(COUNTS[:call])
    return list(range(start, start + COUNTS[call]))


def left_out() -> dict[str, list[int]]:
    """Scalars to leave out, by name: one fewer of each kind, and two fewer for A, which has one to spare."""
    chosen = {}
    for w, index in enumerate(GIVEN.relation.witness_indices()):
        kind = "copy" if GIVEN.relation.copied_column(index) else "opened" if w in OPENED else "unopened"
        chosen[f"a blinder of a witness ({kind}, column {index})"] = positions(w)[-1:]
    chosen["the blinder of s"] = positions(WITNESSES)
    chosen["a blinder of A and A(1)"] = positions(WITNESSES + 1) + positions(WITNESSES + 2)[-1:]
    chosen["two blinders of A"] = positions(WITNESSES + 2)[-2:]
    return chosen


@pytest.mark.parametrize("what", list(left_out()))
def test_one_blinder_fewer_leaks(what: str) -> None:
    found, elements, _ = ranks(GIVEN, frozenset(left_out()[what]))
    assert found < elements


def test_a_registered_column_without_blinder_leaks() -> None:
    found, elements, _ = ranks(GIVEN, registered_forced=True)
    assert found < elements


@pytest.mark.parametrize("call", [WITNESSES + 1, WITNESSES + 2], ids=["A(1)", "A"])
def test_the_one_blinder_to_spare_is_one_of_the_accumulator(call: int) -> None:
    """PROTOCOL §4: three and a random A(1), one of them to spare; it stays."""
    found, elements, _ = ranks(GIVEN, frozenset(positions(call)[-1:]))
    assert found == elements
