"""Every element anybody sees of three proofs over the same columns is independent and uniform, with no blinder to spare
but one of A's.

The real prover runs with fixed challenges, a τ the test knows (so that a commitment is one field element), and every
random scalar taken from a list. Its view is a function of those scalars of degree at most two in each, so that central
differences are its exact derivative; the rank of that matrix over Fr is the number of view elements the blinders make
independent and uniform. W, V and row openings are determined by the rest and must not raise the rank. A blinder left
out is a row of the matrix left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

import pytest
from relations import ALL_KINDS, t
from samples import (
    DOMAIN,
    TAU,
    R,
    Sample,
    boolean,
    integer,
    masked_sum,
    random_columns,
    release_word,
    sample,
    two_tables,
)

from zk.curve import decode_points, multiply_generator
from zk.field import FR, Field, Words
from zk.owners import column_owners
from zk.prover import Contributor, RegisteredSecret, commit_registered
from zk.relation import Relation, relation_of
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

    @classmethod
    def of(cls, srs: Srs) -> RecordingSrs:
        found = cls(srs.log_rows, srs.powers, srs.tau_g2, True)
        object.__setattr__(found, "seen", [])
        return found


@dataclass
class Randomness:
    """Hands out the scalars of a list; `drawn` notes how many each call asked for."""

    scalars: list[int]
    drawn: list[int] = field(default_factory=list)

    def take(self, count: int) -> Words:
        at = sum(self.drawn)
        self.drawn.append(count)
        return FR.from_integers(self.scalars[at : at + count])


View = tuple[list[int], list[int]]
"""(free, determined) elements of one proof, commitments as exponents."""
Stated = tuple[RecordingSrs, Statement, dict[int, RegisteredSecret]]


class Views:
    """One relation, its columns, and the fixed challenges of every query."""

    def __init__(self, target: Sample, seed: int = 5) -> None:
        rng = Random(seed)
        self.target, self.relation = target, target.relation
        self.drawn = [{(name, k): rng.randrange(R) for name in NAMES for k in range(3)} for _ in range(QUERIES)]
        count = self.relation.sum_rows
        self.release = 0 if self.relation.plain else release_word((1 << count) - 1, 0b010)

    def statement(self, query: int, registered: list[int]) -> Stated:
        srs = RecordingSrs.of(self.target.srs)
        secrets = {
            i: RegisteredSecret(FR.from_integers(list(rows)), FR.from_integers([registered[i - 1]]))
            for i, rows in self.target.columns.items()
        }
        points = tuple(commit_registered(srs, secrets[i]) for i in sorted(secrets))
        asked = self.target.statement.minimum
        return srs, Statement(self.relation, DOMAIN, bytes([query]) * 32, points, self.target.table, asked), secrets

    def registered(self, blinders: list[int]) -> list[int]:
        """Commitments in the directory."""
        srs, _, _ = self.statement(0, blinders)
        return list(srs.seen)  # type: ignore[attr-defined]

    def view(self, query: int, registered: list[int], randomness: Randomness) -> View:
        """Run one proof."""
        srs, statement, secrets = self.statement(query, registered)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Field, "random", lambda _, count: randomness.take(count))
            challenges = self.drawn[query]
            patch.setattr(Transcript, "challenge", lambda _, label, counter=0: challenges[label, counter])
            return self.run(srs, statement, secrets, randomness)

    def run(
        self, srs: RecordingSrs, statement: Statement, secrets: dict[int, RegisteredSecret], randomness: Randomness
    ) -> View:
        relation, none = self.relation, FR.zeros(1)
        owners = column_owners(relation, dict.fromkeys(range(1, len(relation.registered) + 1), 0), alone=True)
        prover = Contributor(statement, srs, 0, owners, secrets)
        sealed = 0 if relation.plain else 1
        sums = prover.sum_parts()
        if relation.plain:
            prover.publish_sums(FR.to_integers(sums))
        else:
            prover.accept_sums(sums, randomness.take(1))
        if relation.hidden_guards:
            prover.derive_bits([FR.to_integers(sums)[row] for row in relation.guard_rows])
        round1 = prover.commit_round1(FR.zeros(relation.round1_count + sealed))
        prover.absorb_round1(round1)
        round2 = prover.commit_round2(FR.zeros(relation.round2_count))
        prover.absorb_round2(round2)
        held = prover._columns
        free = [FR.evaluate(held.plain(i), TAU) for i in relation.round1_indices()]
        free += [FR.evaluate(prover._sums, TAU)] * sealed
        free += [FR.evaluate(held.plain(i), TAU) for i in relation.round2_indices()]
        points = [*decode_points(round1), *decode_points(round2)]
        assert decode_points(multiply_generator(FR.from_integers(free))) == points
        srs.seen.clear()  # type: ignore[attr-defined]
        prover.absorb_accumulator(prover.commit_accumulator(none))
        prover.absorb_quotient(prover.commit_quotient(none))
        free += srs.seen[:2]  # type: ignore[attr-defined]
        values = prover.own_values()
        prover.share_values()
        prover.absorb_values(values)
        prover.values_opening(1234, none)
        assert FR.to_integers(prover.remainder_part()) == [0]
        shifted = prover.shifted_part(none)
        prover.absorb_shifted(shifted)
        free += [*values.values(), *FR.to_integers(shifted)]
        opened = FR.to_integers(sums)
        determined: list[int] = []
        for release in (0, self.release):
            rows = tuple(opened[v] for v in opened_rows(relation, release))
            point = prover.opening_part(release, rows, none)
            determined.append(FR.evaluate(prover._openings._opening, TAU))
            assert decode_points(multiply_generator(FR.from_integers(determined[-1:]))) == decode_points(point)
            prover.absorb_opening(release, rows, point)
            prover.finish(prover.final_part(none))
        if not relation.plain:
            count = relation.sum_rows
            prover.row_opening_parts(range(count), FR.zeros(count), FR.zeros(count))
        return free, determined + srs.seen[2:]  # type: ignore[attr-defined]

    def draws(self) -> list[int]:
        """How many scalars each call of one query asks for."""
        spare = Randomness([1] * 999)
        self.view(0, [1] * len(self.target.columns), spare)
        return spare.drawn


NAMES = ("beta", "alpha", "delta", "zeta", "gamma", "z")
Scalar = tuple[int, int]
"""(query, position) of a random scalar; query −1 for the blinders of registered columns."""


@dataclass(frozen=True)
class Matrix:
    """Derivatives of the free and of the determined elements by every random scalar.

    Args:
        draws: how many scalars each call of one query asks for.
    """

    rows: dict[Scalar, tuple[list[int], list[int]]]
    elements: int
    draws: tuple[int, ...]

    def rank(self, without: Collection[Scalar] = (), determined: bool = False) -> int:
        kept = (row for scalar, row in self.rows.items() if scalar not in without)
        return rank([*free, *rest] if determined else free for free, rest in kept)

    def calls(self) -> list[list[int]]:
        """Positions within a query, call by call."""
        starts = [sum(self.draws[:k]) for k in range(len(self.draws))]
        return [list(range(start, start + count)) for start, count in zip(starts, self.draws)]


def differences(plus: list[int], minus: list[int]) -> list[int]:
    return [(p - m) * HALF % R for p, m in zip(plus, minus)]


def matrix_of(views: Views) -> Matrix:
    rng, columns = Random(11), len(views.target.columns)
    draws = views.draws()
    base = [[rng.randrange(R) for _ in range(sum(draws))] for _ in range(QUERIES)]
    blinders = [rng.randrange(R) for _ in range(columns)]

    def view(query: int, registered: list[int], position: int | None = None, step: int = 0) -> View:
        scalars = list(base[query])
        if position is not None:
            scalars[position] += step
        return views.view(query, registered, Randomness(scalars))

    sizes = [len(part) for part in view(0, blinders)]
    rows: dict[Scalar, tuple[list[int], list[int]]] = {}
    for place in range(columns):
        up, down = ([*blinders[:place], blinders[place] + step, *blinders[place + 1 :]] for step in (1, -1))
        free = differences(views.registered(up), views.registered(down))
        rest: list[int] = []
        for query in range(QUERIES):
            above, below = view(query, up), view(query, down)
            free += differences(above[0], below[0])
            rest += differences(above[1], below[1])
        rows[-1, place] = free, rest
    for query in range(QUERIES):
        for position in range(sum(draws)):
            above, below = (view(query, blinders, position, step) for step in (1, -1))
            free, rest = [0] * (columns + sizes[0] * QUERIES), [0] * (sizes[1] * QUERIES)
            free[columns + sizes[0] * query : columns + sizes[0] * (query + 1)] = differences(above[0], below[0])
            rest[sizes[1] * query : sizes[1] * (query + 1)] = differences(above[1], below[1])
            rows[query, position] = free, rest
    return Matrix(rows, columns + sizes[0] * QUERIES, tuple(draws))


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


def built_by_hand() -> Sample:
    """A copy, an opened witness, an unopened witness, a registered column that is only linear."""
    relation = relation_of(
        3, (boolean(1, 0), integer(1, 1), integer(1, 2), integer(1, 3)), 3, (5, 6),
        [[t(1, 0, 1), t(-1, 0, 5)], [t(1, 5, 2), t(-1, 0, 6)], [t(1, 5, 3), t(-1, 0, 7)]],
        [[t(1, 0, 1)], [t(1, 6, 3)], [t(1, 0, 7)], [t(1, 0, 4)]], (0, 0, 0, 0),
    )
    return sample(relation, random_columns(relation, Random(3)))


RELATIONS: dict[str, Callable[[], Sample]] = {
    "masked sum": lambda: sample(masked_sum(3), random_columns(masked_sum(3), Random(5))),
    "two tables": lambda: sample(two_tables(3), random_columns(two_tables(3), Random(5))),
    "by hand": built_by_hand,
    **ALL_KINDS,
}


@lru_cache(maxsize=16)
def matrix(name: str) -> Matrix:
    return matrix_of(Views(RELATIONS[name]()))


def names_of_blinders(relation: Relation) -> list[tuple[str, int]]:
    """(name, number of blinders) of everything that draws, in order."""
    found = [(f"witness {i}", 2 if i in relation.opened else 1) for i in relation.witness_indices()]
    found += [("m", 1)] * relation.multiplicities
    found += [] if relation.plain else [("s", 1)]
    found += [("bits of hidden guards", 2)] * relation.bit_columns
    found += [(f"round 2, column {i}", 2 if i in relation.opened else 1) for i in relation.round2_indices()]
    return [*found, ("A(1)", 1), ("A", 3)]


@pytest.mark.parametrize("name", list(RELATIONS))
def test_the_view_of_three_proofs_is_uniform(name: str) -> None:
    found = matrix(name)
    assert found.rank() == found.elements
    assert found.rank(determined=True) == found.elements  # W, V and row openings of all sums tell nothing more


@pytest.mark.parametrize("name", list(RELATIONS))
def test_each_kind_has_the_number_of_blinders_the_protocol_names(name: str) -> None:
    assert list(matrix(name).draws) == [count for _, count in names_of_blinders(RELATIONS[name]().relation)]


@pytest.mark.parametrize("name", list(RELATIONS))
def test_one_blinder_fewer_leaks(name: str) -> None:
    """All-but-one: whichever it is, of whichever column, in one of three proofs, or in the directory."""
    found = matrix(name)
    calls = found.calls()
    for position in (p for call in calls[:-2] for p in call):
        assert found.rank({(1, position)}) < found.elements, f"blinder {position}"
    for place in range(len(RELATIONS[name]().columns)):
        assert found.rank({(-1, place)}) < found.elements, f"registered column {place + 1}"


@pytest.mark.parametrize("name", ["by hand", "everything"])
def test_the_one_blinder_to_spare_is_one_of_the_accumulator(name: str) -> None:
    """PROTOCOL §4: three and a random A(1), one of them to spare; it stays."""
    found = matrix(name)
    spare = [p for call in found.calls()[-2:] for p in call]
    for position in spare:
        assert found.rank({(1, position)}) == found.elements
    for first in spare:
        for second in spare:
            if first < second:
                assert found.rank({(1, first), (1, second)}) < found.elements


def test_the_hand_made_relation_has_a_column_of_every_kind() -> None:
    relation = built_by_hand().relation
    assert {relation.copied_column(i) is not None for i in relation.opened} == {True, False}
    assert len(relation.opened) < relation.witness_count
