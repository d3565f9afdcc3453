"""Small relations with every feature of the language, written down column by column, with columns that satisfy them."""

from __future__ import annotations

from random import Random

from samples import Sample, boolean, integer, sample

from zk.forms import Group, Hint, HintKind, Term
from zk.relation import Relation, relation_of

LOG_ROWS = 4


def t(coefficient: int, left: int, right: int) -> Term:
    return Term(coefficient, left, right)


def plain(log_rows: int = 3) -> Relation:
    """1 m, 2 x; 3 copy of m. Sums in the statement: Σ m, Σ m·x."""
    return relation_of(
        log_rows, (boolean(1, 0), integer(1, 1)), 1, (3,), [[t(1, 0, 1), t(-1, 0, 3)]],
        [[t(1, 0, 1)], [t(1, 3, 2)]], (0, 0), plain=True,
    )


def ranged(log_rows: int = LOG_ROWS, bits: int = 3, sealed: bool = True) -> Relation:
    """1 m, 2 x, 3 y (another owner's); 4 copy of m, 5 x's upper digits.

    Lookups x − 2^bits·digits, digits (its inverse opened), 2^bits − 1 − y. Columns 6 multiplicities, 7 8 9 inverses,
    10 the table's side, 11 the table. Sums Σ m, Σ m·x, Σ y.
    """
    size = 1 << bits
    forms = [[t(1, 0, 1), t(-1, 0, 4)], [t(1, 4, 4), t(-1, 0, 4)]]
    return relation_of(
        log_rows, (boolean(1, 0), integer(1, 1), integer(2, 1)), 2, (4, 7, 8, 9, 11), forms,
        [[t(1, 0, 1)], [t(1, 4, 2)], [t(1, 0, 3)]], (0, 0, 0),
        hints=(Hint(5, HintKind.DIGITS, (t(1, 0, 2),), bits, bits),), table_bits=bits,
        lookups=[[t(1, 0, 2), t(-size, 0, 5)], [t(1, 0, 5)], [t(size - 1, 0, 0), t(-1, 0, 3)]], plain=not sealed,
    )


def ranged_with_opened_form(log_rows: int = LOG_ROWS) -> Relation:
    """1 m, 2 x; 3 copy of x, opened. Lookup of x by its copy: the inverse 5 stays closed. Columns 4 multiplicities, 6
    the table's side, 7 the table. Sums Σ m, Σ x."""
    return relation_of(
        log_rows, (boolean(1, 0), integer(1, 1)), 1, (3, 7), [[t(1, 0, 2), t(-1, 0, 3)]],
        [[t(1, 0, 1)], [t(1, 0, 2)]], (0, 0), table_bits=3, lookups=[[t(1, 0, 3)]],
    )


def grouped(log_rows: int = LOG_ROWS, sealed: bool = True) -> Relation:
    """1 m, 2 code, 3 x; 4 copy of m; 5 the group inverse. Σ m and Σ x by the codes 1, 2, 5."""
    return relation_of(
        log_rows, (boolean(1, 0), integer(1, 1), integer(1, 2)), 1, (4, 5), [[t(1, 0, 1), t(-1, 0, 4)]],
        [[t(1, 4, 5)], [t(1, 5, 3)]], (0, 0), groups=(Group((t(1, 0, 2),), (1, 2, 5)),), plain=not sealed,
    )


def two_groups(log_rows: int = LOG_ROWS) -> Relation:
    """Owner 1: 1 m, 2 code, 3 x; owner 2: 4 p, 5 code. 6 copy of m; 7 8 group inverses; 9 m·k_1, 10 x·k_1, 11 p·k_2.
    Sums Σ m·p, Σ m·x·p, Σ m by the codes 1, 3 and 2, 7."""
    return relation_of(
        log_rows, (boolean(1, 0), integer(1, 1), integer(1, 2), boolean(2, 0), integer(2, 1)), 1, (6, 7, 8, 9, 10),
        [[t(1, 0, 1), t(-1, 0, 6)]],
        [[t(1, 9, 11)], [t(1, 10, 11)], [t(1, 9, 8)]], (0, 0, 0),
        groups=(Group((t(1, 0, 2),), (1, 3)), Group((t(1, 0, 5),), (2, 7))),
        products=[[t(1, 7, 6)], [t(1, 7, 3)], [t(1, 8, 4)]],
    )


def everything(log_rows: int = LOG_ROWS) -> Relation:
    """Hints of all kinds, lookups and a group at once. 1 m, 2 code, 3 x (below 8), 4 y.

    5 [x ≥ 3], 6 [x = 2], 7 its inverse, 8 copy of m, 9 m·[x ≥ 3]. Lookups x, x − 3 + 8·(1 − [x ≥ 3]). 10
    multiplicities, 11 12 inverses, 13 the table's side, 14 group inverse, 15 k·y, 16 the table. Σ m, Σ m·[x ≥ 3],
    Σ [x = 2], Σ y by code.
    """
    return relation_of(
        log_rows, (boolean(1, 0), integer(1, 1), integer(1, 2), integer(1, 3)), 5, (5, 6, 7, 8, 11, 12, 14, 16),
        [
            [t(1, 0, 1), t(-1, 0, 8)], [t(1, 5, 8), t(-1, 0, 9)],
            [t(1, 5, 5), t(-1, 0, 5)], [t(1, 6, 3), t(-2, 0, 6)],
            [t(1, 7, 3), t(-2, 0, 7), t(1, 0, 6), t(-1, 0, 0)],
        ],
        [[t(1, 8, 14)], [t(1, 14, 9)], [t(1, 6, 14)], [t(1, 0, 15)]], (0, 0, 0, 0),
        hints=(
            Hint(5, HintKind.NOT_NEGATIVE, (t(1, 0, 3), t(-3, 0, 0))),
            Hint(6, HintKind.IS_ZERO, (t(1, 0, 3), t(-2, 0, 0))),
            Hint(7, HintKind.INVERSE, (t(1, 0, 3), t(-2, 0, 0))),
        ),
        table_bits=3,
        lookups=[[t(1, 0, 3)], [t(1, 0, 3), t(5, 0, 0), t(-8, 0, 5)]],
        groups=(Group((t(1, 0, 2),), (1, 2)),),
        products=[[t(1, 14, 4)]],
    )


def hidden(log_rows: int = 6) -> Relation:
    """1 m, 2 q (boolean), 3 x; 4 copy of m, 5 the bits of hidden guards. Guards Σ m and Σ m·q in rows 0 and 1;
    Σ x, guarded by the first, and Σ m·x by the second."""
    return relation_of(
        log_rows, (boolean(1, 0), boolean(1, 1), integer(1, 2)), 1, (4, 5), [[t(1, 0, 1), t(-1, 0, 4)]],
        [[t(1, 0, 1)], [t(1, 4, 2)], [t(1, 0, 3)], [t(1, 4, 3)]], (0, 1, 0, 1), hidden_guards=True,
    )


def hidden_everything(log_rows: int = 6) -> Relation:
    """1 m, 2 code, 3 x (below 8), 4 y; 5 copy of m. Lookup x; 6 multiplicities, 7 the bits of hidden guards, 8 inverse,
    9 the table's side, 10 group inverse, 11 k·y, 12 the table. Guard Σ m in rows
    0 and 1, Σ m·x and Σ y by the codes 1, 2."""
    return relation_of(
        log_rows, (boolean(1, 0), integer(1, 1), integer(1, 2), integer(1, 3)), 1, (5, 7, 8, 10, 11, 12),
        [[t(1, 0, 1), t(-1, 0, 5)]],
        [[t(1, 5, 10)], [t(1, 10, 3)], [t(1, 11, 5)]], (0, 0, 0), table_bits=3, lookups=[[t(1, 0, 3)]],
        groups=(Group((t(1, 0, 2),), (1, 2)),), products=[[t(1, 10, 4)]], hidden_guards=True,
    )


def plain_sample(seed: int = 1) -> Sample:
    rng, relation = Random(seed), plain()
    return sample(relation, {1: [1, 1, 1, 1, *(rng.randrange(2) for _ in range(4))], 2: _numbers(rng, 8, 100)})


def ranged_sample(seed: int = 1, sealed: bool = True) -> Sample:
    rng, relation = Random(seed), ranged(sealed=sealed)
    n = relation.rows
    return sample(relation, {1: _mask(rng, n), 2: _numbers(rng, n, 64), 3: _numbers(rng, n, 8)})


def opened_form_sample(seed: int = 1) -> Sample:
    rng, relation = Random(seed), ranged_with_opened_form()
    return sample(relation, {1: _mask(rng, relation.rows), 2: _numbers(rng, relation.rows, 8)})


def grouped_sample(seed: int = 1, sealed: bool = True) -> Sample:
    rng, relation = Random(seed), grouped(sealed=sealed)
    mask = _mask(rng, relation.rows)
    columns = {1: mask, 2: [bit * rng.choice((1, 2, 5)) for bit in mask], 3: [bit * rng.randrange(100) for bit in mask]}
    return sample(relation, columns)


def two_groups_sample(seed: int = 1) -> Sample:
    rng, relation = Random(seed), two_groups()
    mask = _mask(rng, relation.rows)
    other = list(mask)  # the last sum counts m alone, so that both owners must know everybody it counts
    return sample(relation, {
        1: mask, 2: [bit * rng.choice((1, 3)) for bit in mask], 3: [bit * rng.randrange(50) for bit in mask],
        4: other, 5: [bit * rng.choice((2, 7)) for bit in other],
    })


def everything_sample(seed: int = 1) -> Sample:
    rng, relation = Random(seed), everything()
    mask = _mask(rng, relation.rows)
    return sample(relation, {
        1: mask, 2: [bit * rng.choice((1, 2)) for bit in mask],
        3: [rng.randrange(8) if bit else 0 for bit in mask], 4: [bit * rng.randrange(100) for bit in mask],
    })


def hidden_sample(seed: int = 1) -> Sample:
    rng, relation = Random(seed), hidden()
    mask = _mask(rng, relation.rows)
    return sample(relation, {1: mask, 2: _mask(rng, relation.rows), 3: _numbers(rng, relation.rows, 100)})


def hidden_everything_sample(seed: int = 1) -> Sample:
    rng, relation = Random(seed), hidden_everything()
    mask = _mask(rng, relation.rows)
    return sample(relation, {
        1: mask, 2: [bit * rng.choice((1, 2)) for bit in mask],
        3: [bit * rng.randrange(8) for bit in mask], 4: [bit * rng.randrange(100) for bit in mask],
    })


HIDDEN_KINDS = {"hidden guards": hidden_sample, "hidden guards, everything": hidden_everything_sample}

KINDS = {
    "plain": plain_sample, "ranged": ranged_sample, "ranged, form opened": opened_form_sample,
    "ranged, plain": lambda seed=1: ranged_sample(seed, sealed=False),
    "grouped": grouped_sample, "grouped, plain": lambda seed=1: grouped_sample(seed, sealed=False),
    "two groups": two_groups_sample, "everything": everything_sample,
}
ALL_KINDS = {**KINDS, **HIDDEN_KINDS}


def _mask(rng: Random, n: int) -> list[int]:
    return [1] * 5 + [rng.randrange(2) for _ in range(n - 5)]


def _numbers(rng: Random, n: int, limit: int) -> list[int]:
    return [rng.randrange(limit) for _ in range(n)]
