"""The gaps between a new answer and earlier ones: sets of people that combinations of released guards count.

Every sum of an answer is taken over the people its guard counts, so that whoever combines guards combines sums. Looked
at are, for each guard of the new answer and each other guard let out: who is in both, and who is in one alone; each
class of people that no guard tells apart; and the sets in the echelon form of all guards. Each of them that a
combination with a new guard counts becomes a gap, unless it contains a whole group that was let out and is large enough
for that reason. Two groups that overlap without one containing the other and are told by the same columns (a range that
slides) become a *slide*: how many people they do not share no count tells, so that the counts themselves must be apart.

Not looked at: sets outside this family (to look at all of them is to search a lattice). Source: the audit of sums by
elimination, Chin and Özsoyoğlu 1982; trackers, Denning, Denning and Schwartz 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from query.audit.columns import Domains, Variable
from query.audit.membership import Vector, membership, tested_variables
from query.audit.persons import Person, sample_persons
from query.audit.span import Integers, Span, as_matrix
from zk.relation import Relation


@dataclass(frozen=True, slots=True)
class Released:
    """An answer as far as the auditor is concerned. Public.

    Args:
        query_id: 32 bytes.
        relation: what was asked.
        guards: the guard rows of the cells that were let out, or are about to be.
    """

    query_id: bytes
    relation: Relation
    guards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GuardRow:
    """A guard: row `row` of the sealed column of a query."""

    query_id: bytes
    row: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A combination of guards that counts a definite set of people: Σ coefficient·guard = scale·(their number).

    The set must be empty or as large as the minimum group. Versions of a dataset differ by people, too, so that a
    combination over several versions may come out negative.

    Args:
        terms: coefficients and guards.
        scale: positive.
        may_vanish: False for a slide, where 0 is as bad as 1.
    """

    terms: tuple[tuple[int, GuardRow], ...]
    scale: int
    may_vanish: bool = True

    def closed_by(self, value: int, minimum: int) -> bool:
        """Whether a value of the combination forbids the new answer."""
        return abs(value) < self.scale * minimum and (value != 0 or not self.may_vanish)


@dataclass(frozen=True, slots=True)
class _Group:
    guard: GuardRow
    vector: Vector
    versions: frozenset[tuple[int, int]]
    variables: frozenset[Variable]
    new: bool


def find_gaps(history: Sequence[Released], asked: Released, domains: Domains) -> tuple[Gap, ...]:
    """The gaps that a new answer opens beside earlier ones, and within itself.

    Args:
        history: earlier answers, oldest first.
        asked: the new one.
        domains: what registration proved of columns.

    Returns:
        In a fixed order, the same at every party.
    """
    answers = [*history, asked]
    persons = sample_persons([answer.relation for answer in answers], domains)
    groups = [group for answer in answers for group in _groups(answer, persons, answer is asked)]
    different: dict[Vector, _Group] = {}
    for group in groups:
        different.setdefault(group.vector, group)
    if not any(group.new for group in groups):
        return ()
    gaps = dict.fromkeys(_across_versions(groups))
    gaps |= dict.fromkeys(_slides(list(different.values())))
    gaps |= dict.fromkeys(_combined(list(different.values())))
    return tuple(gaps)


def _groups(answer: Released, persons: Sequence[Person], new: bool) -> list[_Group]:
    versions = frozenset((column.dataset, column.version) for column in answer.relation.registered)
    vectors = membership(answer.relation, persons)
    return [
        _Group(GuardRow(answer.query_id, row), vectors[row], versions, tested_variables(answer.relation, row), new)
        for row in answer.guards
    ]


def _across_versions(groups: Sequence[_Group]) -> list[Gap]:
    """One question about two versions of a table: its answers differ by the people that came or went."""
    found = []
    for new in (group for group in groups if group.new):
        for old in (group for group in groups if not group.new and group.vector == new.vector):
            if old.versions != new.versions:
                found.append(Gap(((1, new.guard), (-1, old.guard)), 1))
    return found


def _slides(groups: Sequence[_Group]) -> list[Gap]:
    """Groups told by the same columns that overlap without one containing the other."""
    found = []
    for place, new in enumerate(groups):
        for old in groups[:place] if new.new else ():
            if old.variables == new.variables:
                both = [(a > 0, b > 0) for a, b in zip(new.vector, old.vector, strict=True)]
                if {(True, True), (True, False), (False, True)} <= set(both):
                    found.append(Gap(((1, new.guard), (-1, old.guard)), 1, may_vanish=False))
    return found


def _combined(groups: list[_Group]) -> list[Gap]:
    vectors = as_matrix([group.vector for group in groups])
    _, classes = np.unique(vectors, axis=1, return_index=True)
    vectors = vectors[:, np.sort(classes)]
    span = Span(vectors)
    targets = _targets(vectors, np.asarray([group.new for group in groups]), span)
    if not len(targets):
        return []
    found = []
    for combination in span.combinations(targets):
        if combination is None:
            continue
        numbers, scale = combination
        terms = tuple((number, group.guard) for number, group in zip(numbers, groups, strict=True) if number)
        if any(number and group.new for number, group in zip(numbers, groups, strict=True)):
            found.append(Gap(terms, scale))
    return found


def _targets(vectors: Integers, new: Integers, span: Span) -> Integers:
    """The sets that are looked at, as rows of zeros and ones; none is empty or contains a group that was let out."""
    inside = vectors > 0
    sets = [np.eye(vectors.shape[1], dtype=np.bool_)]
    for number in np.flatnonzero(new):
        mine, others = inside[number], np.delete(inside, number, axis=0)
        sets += [mine & others, mine & ~others, ~mine & others]
    sets += [row[None, :].astype(np.bool_) for row in span.reduced()]
    found = np.unique(np.concatenate(sets), axis=0)
    found = found[found.any(axis=1)]
    groups = inside[inside.any(axis=1)].astype(np.int64)
    covered = groups @ found.T.astype(np.int64) == groups.sum(axis=1)[:, None]
    kept: Integers = found[~covered.any(axis=0)].astype(np.int64)
    return kept
