"""What one contributor sees of a joint proof beyond its own columns is uniform: the blinders of the others suffice.

As in test_blinders.py, but with three contributors, and for each of them with everything it drew itself taken for
known: the columns it owns, their commitments and values are left out of the view, its scalars out of the matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

import joint
import pytest
from joint import Joint, Pair
from relations import (
    everything_sample,
    grouped_sample,
    hidden_everything_sample,
    hidden_sample,
    ranged_sample,
    two_groups_sample,
)
from samples import DOMAIN, TAU, R, Sample, release_word, two_tables_sample
from samples import sample as make_sample
from test_blinders import NAMES, differences, rank
from test_joint import three_way

from zk.curve import decode_points, multiply_generator
from zk.field import FR, Field, Words
from zk.owners import EVERYBODY, NOBODY
from zk.prover import Contributor, RegisteredSecret, commit_registered
from zk.statement import Statement
from zk.transcript import Transcript

QUERIES = 1  # several over the same registered columns: test_blinders.py
NOT_MINE = -1
"""Randomness that no contributor knows alone."""


class Source:
    """Scalars from a list, each with who drew it."""

    def __init__(self, scalars: list[int]) -> None:
        self.scalars, self.drawn_by, self.current = scalars, list[int](), NOT_MINE

    def take(self, count: int) -> Words:
        at = len(self.drawn_by)
        self.drawn_by += [self.current] * count
        return FR.from_integers([self.scalars[k % len(self.scalars)] for k in range(at, at + count)])


def contributor_class(source: Source) -> type[Contributor]:
    """Contributors whose draws are noted as theirs."""

    class Named(Contributor):
        def __init__(self, statement: Statement, srs: object, me: int, *rest: object) -> None:
            source.current = me
            super().__init__(statement, srs, me, *rest)  # type: ignore[arg-type]
            source.current = NOT_MINE

        def absorb_round1(self, points: Words) -> None:
            source.current = self._me
            super().absorb_round1(points)
            source.current = NOT_MINE

        def commit_accumulator(self, mask: Words) -> Words:
            source.current = self._me
            found = super().commit_accumulator(mask)
            source.current = NOT_MINE
            return found

    return Named


def dealer(seed: int) -> tuple[Callable[[Words], list[Pair]], Callable[[int], list[Words]]]:
    """Sharing and masking by randomness that is none of the proof's."""
    rng = Random(seed)

    def parts(values: Words) -> list[Words]:
        first, second = (FR.from_integers([rng.randrange(R) for _ in range(len(values))]) for _ in range(2))
        return [first, second, FR.sub(values, FR.add(first, second))]

    def shared(values: Words) -> list[Pair]:
        found = parts(values)
        return [(found[i], found[(i + 1) % 3]) for i in range(3)]

    return shared, lambda count: parts(FR.zeros(count))


class JointViews:
    """One relation and its owners, with fixed challenges."""

    def __init__(self, target: Sample, registered: dict[int, int]) -> None:
        rng = Random(9)
        self.target, self.relation, self.registered = target, target.relation, registered
        self.challenges = [{(name, k): rng.randrange(R) for name in NAMES for k in range(3)} for _ in range(QUERIES)]
        self.labels: list[tuple[int, int]] = []

    def view(self, query: int, blinders: list[int], source: Source) -> list[int]:
        """Elements of one proof; `labels` then says (query, owner of the element or NOT_MINE)."""
        target, relation = self.target, self.relation
        secrets = {
            i: RegisteredSecret(FR.from_integers(list(rows)), FR.from_integers([blinders[i - 1]]))
            for i, rows in target.columns.items()
        }
        points = tuple(commit_registered(target.srs, secrets[i]) for i in sorted(secrets))
        statement = Statement(relation, DOMAIN, bytes([query]) * 32, points, target.table, target.statement.minimum)
        run = Sample(target.srs, statement, secrets, target.columns)
        shared, zero_masks = dealer(query)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(joint, "shared", shared)
            patch.setattr(joint, "zero_masks", zero_masks)
            patch.setattr(joint, "Contributor", contributor_class(source))
            patch.setattr(Field, "random", lambda _, count: source.take(count))
            patch.setattr(Transcript, "challenge", lambda _, label, k=0: self.challenges[query][label, k])
            found = Joint(run, self.registered)
            proof, _ = found.prove(release_word((1 << relation.sum_rows) - 1))
        elements = [self.exponent(found, i) for i in (*relation.round1_indices(), *relation.round2_indices())]
        parties = found.parties
        sealed, accumulator, quotient = (
            sum(FR.evaluate(getattr(party, name), TAU) for party in parties) % R
            for name in ("_sums", "_accumulator", "_quotient")
        )
        points = (*proof.round1, *proof.round2, *proof.sealed, proof.accumulator, proof.quotient)
        elements += [sealed, accumulator, quotient]
        assert decode_points(multiply_generator(FR.from_integers(elements))) == list(points)
        opened = [i for i in relation.opened if i != (relation.table_index if relation.lookups else 0)]
        values = dict(zip(relation.opened, proof.values))
        owners = [found.owners[i] for i in (*relation.round1_indices(), *relation.round2_indices())]
        owners += [NOT_MINE] * 3 + [found.owners[i] for i in opened] + [NOT_MINE]
        self.labels = [(query, NOT_MINE if owner in (NOBODY, EVERYBODY) else owner) for owner in owners]
        return [*elements, *(values[i] for i in opened), proof.shifted_value]

    @staticmethod
    def exponent(found: Joint, column: int) -> int:
        owner = found.owners[column]
        if owner == NOBODY:
            return sum(FR.evaluate(party._columns.shares(column)[0], TAU) for party in found.holders) % R
        holders = found.parties if owner == EVERYBODY else [found.parties[owner]]
        return sum(FR.evaluate(party._columns.plain(column), TAU) for party in holders) % R


Row = tuple[int, list[int]]


def matrix_of(views: JointViews) -> tuple[list[Row], list[int]]:
    """Derivatives with who drew the scalar, and the owner of every element."""
    rng, columns = Random(11), len(views.target.columns)
    blinders = [rng.randrange(R) for _ in range(columns)]
    probe = Source([1])
    size = len(views.view(0, blinders, probe))
    drawn_by = probe.drawn_by
    base = [[rng.randrange(R) for _ in drawn_by] for _ in range(QUERIES)]
    owners = [views.registered[i] for i in sorted(views.registered)]
    element_owners = owners + [owner for _, owner in views.labels] * QUERIES
    rows: list[Row] = []
    vanishing = pow(TAU, views.relation.rows, R) - 1
    for place in range(columns):
        free = [vanishing if k == place else 0 for k in range(columns)]
        for query in range(QUERIES):
            up, down = ([*blinders[:place], blinders[place] + d, *blinders[place + 1 :]] for d in (1, -1))
            free += differences(*(views.view(query, b, Source(base[query])) for b in (up, down)))
        rows.append((owners[place], free))
    for query in range(QUERIES):
        for position, who in enumerate(drawn_by):
            above, below = (
                views.view(query, blinders, Source([v + d * (k == position) for k, v in enumerate(base[query])]))
                for d in (1, -1)
            )
            free = [0] * (columns + size * QUERIES)
            free[columns + size * query : columns + size * (query + 1)] = differences(above, below)
            rows.append((who, free))
    return rows, element_owners


CASES: dict[str, tuple[Callable[[], Sample], dict[int, int]]] = {
    "lookups of two owners": (ranged_sample, {1: 0, 2: 0, 3: 1}),
    "group, mask and sums of three owners": (grouped_sample, {1: 0, 2: 1, 3: 2}),
    "groups of two owners": (two_groups_sample, {1: 0, 2: 0, 3: 0, 4: 1, 5: 1}),
    "a product of three owners": (
        lambda: make_sample(three_way(), {i: [1, 0, 1, 1, 0, 1, 1, 1] for i in range(1, 5)}), {1: 0, 2: 1, 3: 2, 4: 2},
    ),
    "everything": (everything_sample, {1: 0, 2: 1, 3: 2, 4: 1}),
    "hidden guards": (hidden_sample, {1: 0, 2: 1, 3: 2}),
    "two owners outside": (lambda: two_tables_sample(3), {1: 3, 2: 3, 3: 4, 4: 4}),
    "hidden guards, outside and inside": (hidden_sample, {1: 3, 2: 1, 3: 3}),
    "hidden guards, everything": (hidden_everything_sample, {1: 0, 2: 1, 3: 2, 4: 1}),
}


@lru_cache(maxsize=16)
def matrix(name: str) -> tuple[list[Row], list[int]]:
    make, owners = CASES[name]
    return matrix_of(JointViews(make(), owners))


def together(name: str, *more: int) -> Any:
    """A case's tests run in one process, which makes its matrix once."""
    return pytest.param(name, *more, marks=pytest.mark.xdist_group(f"blinders of {name}"))


@pytest.mark.parametrize("name", [together(name) for name in CASES])
def test_an_outsider_sees_uniform_elements(name: str) -> None:
    rows, owners = matrix(name)
    assert rank(free for _, free in rows) == len(owners)


@pytest.mark.parametrize(
    ("name", "party"),
    [together(name, p) for name, (_, owners) in CASES.items() for p in sorted({0, 1, 2, *owners.values()})],
)
def test_a_contributor_sees_uniform_elements_beyond_its_own(name: str, party: int) -> None:
    rows, owners = matrix(name)
    kept = [k for k, owner in enumerate(owners) if owner != party]
    unknown = [[free[k] for k in kept] for who, free in rows if who != party]
    assert rank(iter(unknown)) == len(kept)
