"""Statements about several owners' columns, with lookups, cells, and columns that nobody owns."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from samples import Sample, boolean, integer, sample

from zk.forms import Group, Term
from zk.relation import Relation, relation_of

LOG_ROWS = 5
ROWS = 1 << LOG_ROWS
CODES = (1, 2, 5)


def _terms(*terms: tuple[int, int, int]) -> list[Term]:
    return [Term(*term) for term in terms]


def _split(relation: Relation, parties: Sequence[int]) -> dict[int, int]:
    """Owner of each registered column; data set d belongs to parties[d - 1]."""
    return {place: parties[column.dataset - 1] for place, column in enumerate(relation.registered, start=1)}


def owners(given: Sample, parties: Sequence[int] = (0, 1, 2)) -> dict[int, int]:
    """Owner of each registered column of a sample."""
    return _split(given.relation, parties)


def bits(rng: Random, share: float = 0.8) -> list[int]:
    """A boolean column."""
    return [int(rng.random() < share) for _ in range(ROWS)]


def codes(rng: Random, inside: Sequence[int]) -> list[int]:
    """A group column whose code is 0 wherever the mask is."""
    return [rng.choice(CODES) if mask else 0 for mask in inside]


def lookups_sample(seed: int = 1, top: int = ROWS - 1) -> Sample:
    """Two owners look their own columns up in one table. 1 m, 2 x of A; 3 q, 4 y of B; 5 copy of m; 6 multiplicities,
    7 and 8 inverses, 9 the table's side, 10 T."""
    relation = relation_of(
        LOG_ROWS, (boolean(1, 0), integer(1, 1), boolean(2, 0), integer(2, 1)), 1, (5, 7, 8, 10),
        [_terms((1, 0, 1), (-1, 0, 5))],
        [_terms((1, 5, 3)), _terms((1, 5, 4)), _terms((3, 5, 4), (-1, 0, 2))],
        (0, 0, 0),
        table_bits=LOG_ROWS, lookups=[_terms((1, 0, 2)), _terms((1, 0, 4))],
    )  # fmt: skip
    rng = Random(seed)
    values = [[rng.randrange(ROWS) for _ in range(ROWS)] for _ in range(2)]
    values[1][3] = top
    return sample(relation, {1: bits(rng), 2: values[0], 3: bits(rng), 4: values[1]})


def one_group_sample(seed: int = 1) -> Sample:
    """A's rows in groups, B's numbers. 1 code, 2 mask of A; 3 q, 4 y of B; 5 k, 6 k·mask."""
    relation = relation_of(
        LOG_ROWS, (integer(1, 0), boolean(1, 1), boolean(2, 0), integer(2, 1)), 0, (5, 6), [],
        [_terms((1, 6, 3)), _terms((1, 6, 4)), _terms((1, 0, 6))], (0, 0, 2),
        groups=(Group(tuple(_terms((1, 0, 1))), CODES),), products=[_terms((1, 5, 2))],
    )  # fmt: skip
    rng = Random(seed)
    mask = bits(rng)
    return sample(relation, {1: codes(rng, mask), 2: mask, 3: [1] * ROWS, 4: [rng.randrange(900) for _ in range(ROWS)]})


def two_groups_sample(seed: int = 1) -> Sample:
    """A group column of A and one of B. 1 code, 2 mask of A; 3 code, 4 mask, 5 y of B; 6 and 7 inverses; 8 k1·mask,
    9 k2·mask, 10 k2·y."""
    relation = relation_of(
        LOG_ROWS, (integer(1, 0), boolean(1, 1), integer(2, 0), boolean(2, 1), integer(2, 2)), 0, (6, 7, 8), [],
        [_terms((1, 8, 9)), _terms((1, 8, 10))], (0, 0),
        groups=(Group(tuple(_terms((1, 0, 1))), CODES), Group(tuple(_terms((1, 0, 3))), CODES[:2])),
        products=[_terms((1, 6, 2)), _terms((1, 7, 4)), _terms((1, 7, 5))],
    )  # fmt: skip
    rng = Random(seed)
    mask, other = bits(rng), bits(rng)
    second = [rng.choice(CODES[:2]) if inside else 0 for inside in other]
    y = [rng.randrange(900) * inside for inside in other]
    return sample(relation, {1: codes(rng, mask), 2: mask, 3: second, 4: other, 5: y})


def mixed_sample(seed: int = 1) -> Sample:
    """Three owners, and a lookup of the third. 1 m of A; 2 m of B; 3 m, 4 y of C; 5 copy of 1; 6 = 1·2, which nobody
    owns; 7 multiplicities, 8 inverse, 9 the table's side, 10 T."""
    relation = relation_of(
        LOG_ROWS, (boolean(1, 0), boolean(2, 0), boolean(3, 0), integer(3, 1)), 2, (5, 6, 8, 10),
        [_terms((1, 0, 1), (-1, 0, 5)), _terms((1, 5, 2), (-1, 0, 6))],
        [_terms((1, 6, 3)), _terms((1, 6, 4)), _terms((1, 0, 6), (-2, 0, 4))], (0, 0, 0),
        table_bits=3, lookups=[_terms((1, 0, 4))],
    )  # fmt: skip
    rng = Random(seed)
    return sample(relation, {1: bits(rng), 2: bits(rng), 3: bits(rng), 4: [rng.randrange(8) for _ in range(ROWS)]})


def mixed_groups_sample(seed: int = 1) -> Sample:
    """Rows that A and B both know, in the groups of C. 1 m of A; 2 m of B; 3 code, 4 mask of C; 5 copy of 1; 6 = 1·2;
    7 k, 8 k·mask."""
    relation = relation_of(
        LOG_ROWS, (boolean(1, 0), boolean(2, 0), integer(3, 0), boolean(3, 1)), 2, (5, 6, 7),
        [_terms((1, 0, 1), (-1, 0, 5)), _terms((1, 5, 2), (-1, 0, 6))],
        [_terms((1, 6, 8))], (0,),
        groups=(Group(tuple(_terms((1, 0, 3))), CODES),), products=[_terms((1, 7, 4))],
    )  # fmt: skip
    rng = Random(seed)
    mask = bits(rng)
    return sample(relation, {1: bits(rng), 2: bits(rng), 3: codes(rng, mask), 4: mask})


SAMPLES = {
    "lookups at two owners": lookups_sample,
    "one group column": one_group_sample,
    "two group columns": two_groups_sample,
    "a column that nobody owns": mixed_sample,
    "groups of a column that nobody owns": mixed_groups_sample,
}
