"""The relation language refuses everything outside its rules, one rule at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from samples import boolean, integer, masked_sum, two_tables

from zk.errors import RelationInvalidError
from zk.relation import (
    MAX_LOG_ROWS,
    MAX_REGISTERED,
    MAX_SUMS,
    ONE,
    ColumnKind,
    RegisteredColumn,
    Relation,
    Term,
    relation_of,
)
from zk.transcript import FR_MODULUS

BASE = masked_sum(3)  # registered 1 m, 2 x, 3 y; witness 4 a copy of m, 5 u; both opened


def test_the_sample_is_what_its_text_says() -> None:
    assert BASE.rows == 8
    assert BASE.column_count == 5
    assert list(BASE.witness_indices()) == [4, 5]
    assert BASE.opened == (4, 5)
    assert BASE.definition(4) == (Term(1, ONE, 1),)
    assert BASE.copied_column(4) == 1
    assert BASE.copied_column(5) is None
    assert BASE.definition(5) == (Term(1, 4, 2),)
    assert BASE.boolean_columns() == {1, 4}
    assert BASE.sum_forms == ((Term(1, ONE, 1),), (Term(1, ONE, 5),), (Term(1, 5, 3),))
    assert BASE.guards == (0, 0, 0)


def with_form(kind: str, number: int, *terms: Term) -> Callable[[], Relation]:
    forms = list(getattr(BASE, kind))
    forms[number] = tuple(terms)
    return lambda: replace(BASE, **{kind: tuple(forms)})


def with_extra(*terms: Term) -> Callable[[], Relation]:
    return lambda: replace(BASE, zero_forms=(*BASE.zero_forms, tuple(terms)))


HALF = FR_MODULUS // 2
BROKEN: dict[str, Callable[[], Relation]] = {
    "too few rows": lambda: replace(BASE, log_rows=2),
    "too many rows": lambda: replace(BASE, log_rows=MAX_LOG_ROWS + 1),
    "no registered column": lambda: Relation(3, (), 0, (), (), ((Term(1, ONE, 1),),), (0,)),
    "a column twice": lambda: replace(BASE, registered=(BASE.registered[0], BASE.registered[0], BASE.registered[2])),
    "a column twice as two kinds": lambda: replace(
        BASE, registered=(boolean(1, 1), integer(1, 1), BASE.registered[2])
    ),
    "too many registered columns": lambda: relation_of(
        3, tuple(integer(1, i) for i in range(MAX_REGISTERED + 1)), 0, (), [],
        [[Term(1, ONE, i) for i in range(1, MAX_REGISTERED + 2)]], (0,)
    ),
    "a registered column opened": lambda: replace(BASE, opened=(1, 4, 5)),
    "opened out of order": lambda: replace(BASE, opened=(5, 4)),
    "opened twice": lambda: replace(BASE, opened=(4, 4, 5)),
    "opened and absent": lambda: replace(BASE, opened=(4, 5, 6)),
    "no sums": lambda: replace(BASE, sum_forms=(), guards=()),
    "more sums than rows": lambda: replace(BASE, sum_forms=BASE.sum_forms[:1] * 9, guards=(0,) * 9),
    "more sums than bits": lambda: replace(
        BASE, log_rows=8, sum_forms=BASE.sum_forms[:1] * (MAX_SUMS + 1), guards=(0,) * (MAX_SUMS + 1)
    ),
    "a guard missing": lambda: replace(BASE, guards=(0, 0)),
    "a guard too many": lambda: replace(BASE, guards=(0, 0, 0, 0)),
    "a guard that does not exist": lambda: replace(BASE, guards=(0, 0, 3)),
    "a negative guard": lambda: replace(BASE, guards=(0, 0, -1)),
    "a guard guarded by another": lambda: replace(BASE, guards=(1, 0, 0)),
    "a guard that is not boolean": lambda: replace(BASE, guards=(0, 1, 1)),
    "a guard of a product that is not boolean": lambda: replace(BASE, guards=(0, 0, 2)),
    "a witness without definition": lambda: replace(BASE, zero_forms=BASE.zero_forms[:1]),
    "a witness defined by itself": with_form("zero_forms", 1, Term(-1, ONE, 5), Term(1, 5, 5)),
    "a witness times minus two": with_form("zero_forms", 0, Term(1, ONE, 1), Term(-2, ONE, 4)),
    "a witness defined as nothing": with_form("zero_forms", 0, Term(-1, ONE, 4)),
    "a witness defined by a later one": with_form("zero_forms", 0, Term(-1, ONE, 4), Term(1, ONE, 5)),
    "definitions exchanged": lambda: replace(BASE, zero_forms=BASE.zero_forms[::-1]),
    "an empty form": with_extra(),
    "terms out of order": with_extra(Term(1, ONE, 2), Term(1, ONE, 1)),
    "a product twice": with_extra(Term(1, ONE, 1), Term(2, ONE, 1)),
    "a zero coefficient": with_extra(Term(0, ONE, 1)),
    "a coefficient too large": with_extra(Term(HALF + 1, ONE, 1)),
    "a coefficient too small": with_extra(Term(-HALF - 1, ONE, 1)),
    "a column that does not exist": with_extra(Term(1, ONE, 6)),
    "a negative column": with_extra(Term(1, ONE, -1)),
    "the constant alone": with_extra(Term(1, ONE, ONE)),
    "a left factor not opened": with_extra(Term(1, 1, 2)),
    "a negative left factor": with_extra(Term(1, -1, 2)),
    "opened factors in the wrong order": with_extra(Term(1, 5, 4)),
    "a column nobody uses": lambda: replace(BASE, registered=(*BASE.registered[:2], BASE.registered[2], integer(1, 9))),
}


@pytest.mark.parametrize("build", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_rule_is_refused(build: Callable[[], Relation]) -> None:
    with pytest.raises(RelationInvalidError):
        build()


@pytest.mark.parametrize("terms", [
    (Term(1, ONE, 1),), (Term(HALF, ONE, 1),), (Term(-HALF, ONE, 1),), (Term(1, 4, 5),), (Term(1, 4, 4),),
    (Term(1, ONE, 1), Term(1, 4, 1), Term(1, 5, 1)),
])
def test_the_neighbours_of_broken_forms_are_accepted(terms: tuple[Term, ...]) -> None:
    assert with_extra(*terms)().zero_forms[-1] == terms


@pytest.mark.parametrize(("name", "value"), [("dataset", 1 << 128), ("version", 1 << 32), ("column", 1 << 32),
                                             ("dataset", -1), ("version", -1), ("column", -1)])
def test_numbers_of_a_registered_column(name: str, value: int) -> None:
    numbers = {"dataset": 0, "version": 0, "column": 0, name: value}
    with pytest.raises(RelationInvalidError, match=name):
        RegisteredColumn(kind=ColumnKind.INTEGER, **numbers)


def test_definitions_are_of_witnesses_only() -> None:
    for column in (0, 1, 3, 6):
        with pytest.raises(RelationInvalidError):
            BASE.definition(column)


def test_booleans_pass_through_products_and_copies_and_nothing_else() -> None:
    registered = (boolean(1, 0), boolean(1, 1), integer(1, 2))
    zero = [
        [Term(1, ONE, 1), Term(-1, ONE, 4)],  # copy of a boolean
        [Term(1, 4, 2), Term(-1, ONE, 5)],  # product of booleans
        [Term(1, 4, 3), Term(-1, ONE, 6)],  # product with an integer
        [Term(1, ONE, 1), Term(1, ONE, 2), Term(-1, ONE, 7)],  # a sum of booleans
        [Term(-1, 4, 2), Term(-1, ONE, 8)],  # minus a boolean
        [Term(2, ONE, 1), Term(-1, ONE, 9)],  # twice a boolean
    ]
    sums = [[Term(1, ONE, i) for i in range(1, 10)], [Term(1, ONE, 5)]]
    relation = relation_of(3, registered, 6, (4,), zero, sums, (1, 1))
    assert relation.boolean_columns() == {1, 2, 4, 5}
    for guard in ([Term(1, ONE, 6)], [Term(1, ONE, 7)], [Term(1, ONE, 8)], [Term(2, ONE, 5)],
                  [Term(1, ONE, 1), Term(1, ONE, 2)]):
        with pytest.raises(RelationInvalidError, match="guard"):
            relation_of(3, registered, 6, (4,), zero, [sums[0], guard], (1, 1))


def test_relation_of_merges_and_orders() -> None:
    a = relation_of(3, BASE.registered, 2, (4, 5), [list(reversed(f)) for f in BASE.zero_forms],
                    [[*f, Term(3, 5, 4), Term(-3, 4, 5)] for f in BASE.sum_forms], BASE.guards)
    assert a == BASE


def test_a_whole_relation_of_two_tables() -> None:
    relation = two_tables(5)
    assert len(relation.registered) == 4
    assert all(index > 4 for index in relation.opened)  # registered columns are never opened
    assert {relation.copied_column(i) for i in relation.opened} - {None} <= {1, 2, 3, 4}
