"""The relation language refuses everything outside its rules, one rule at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from relations import everything, grouped, plain, ranged, two_groups
from samples import boolean, integer, masked_sum, two_tables

from zk.errors import RelationInvalidError, RelationTooLargeError
from zk.relation import (
    MAX_LOG_ROWS,
    MAX_REGISTERED,
    MAX_SUMS,
    ONE,
    Challenge,
    ColumnKind,
    Group,
    Hint,
    HintKind,
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
    (Term(1, ONE, 1), Term(1, 4, 1), Term(1, 5, 1)), (Term(-5, ONE, ONE), Term(1, ONE, 1)),
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


def test_a_guard_may_count_the_rows_of_several_datasets_but_none_twice() -> None:
    registered = (boolean(1, 0), boolean(1, 1), boolean(2, 0), integer(2, 1))
    zero = [[Term(1, ONE, 1), Term(-1, ONE, 5)], [Term(1, 5, 3), Term(-1, ONE, 6)]]  # a copy, and a product of both
    sums = [[Term(1, ONE, i) for i in range(1, 7)]]
    for guard in ([Term(1, ONE, 1), Term(1, ONE, 3)], [Term(1, 5, 2), Term(1, ONE, 3)]):
        assert relation_of(3, registered, 2, (5,), zero, [sums[0], guard], (1, 1)).guards == (1, 1)
    for guard in ([Term(1, ONE, 1), Term(1, ONE, 2)], [Term(1, ONE, 5), Term(1, ONE, 1)],
                  [Term(1, ONE, 6), Term(1, ONE, 3)], [Term(2, ONE, 1), Term(1, ONE, 3)],
                  [Term(1, ONE, 1), Term(-1, ONE, 3)], [Term(1, ONE, 1), Term(1, ONE, 4)]):
        with pytest.raises(RelationInvalidError, match="guard"):
            relation_of(3, registered, 2, (5,), zero, [sums[0], guard], (1, 1))


def test_relation_of_merges_and_orders() -> None:
    a = relation_of(3, BASE.registered, 2, (4, 5), [list(reversed(f)) for f in BASE.zero_forms],
                    [[*f, Term(3, 5, 4), Term(-3, 4, 5)] for f in BASE.sum_forms], BASE.guards)
    assert a == BASE


def test_a_whole_relation_of_two_tables() -> None:
    relation = two_tables(5)
    assert len(relation.registered) == 4
    assert all(index > 4 for index in relation.opened)  # registered columns are never opened
    assert {relation.copied_column(i) for i in relation.opened} - {None} <= {1, 2, 3, 4}


ALL, RANGED, GROUPED, TWO = everything(), ranged(), grouped(), two_groups()


def hint(**changes: object) -> Callable[[], Relation]:
    return lambda: replace(RANGED, hints=(replace(RANGED.hints[0], **changes),))


def lookup(*terms: Term) -> Callable[[], Relation]:
    return lambda: replace(RANGED, lookups=(tuple(terms), *RANGED.lookups[1:]))


def group(*terms: Term, codes: tuple[int, ...] = (1, 2, 5)) -> Callable[[], Relation]:
    return lambda: replace(GROUPED, groups=(Group(tuple(terms) or GROUPED.groups[0].form, codes),))


def sums(base: Relation, *forms: tuple[Term, ...]) -> Callable[[], Relation]:
    return lambda: replace(base, sum_forms=forms, guards=(0,) * len(forms))


OUTSIDE: dict[str, Callable[[], Relation]] = {
    "a hint without its column": hint(column=4),
    "a hint of a registered column": hint(column=2),
    "a hint of no column": hint(column=12),
    "a hint twice": lambda: replace(RANGED, hints=RANGED.hints * 2),
    "hints out of order": lambda: replace(ALL, hints=ALL.hints[::-1]),
    "digits without width": hint(width=0),
    "digits too wide": hint(width=33),
    "digits too far up": hint(shift=249),
    "a sign with digits": hint(kind=HintKind.NOT_NEGATIVE),
    "a hint from itself": hint(form=(Term(1, ONE, 5),)),
    "a hint from nothing": hint(form=()),
    "a hint from a constant": hint(form=(Term(1, ONE, ONE),)),
    "a quadratic hint": hint(form=(Term(1, 4, 2),)),
    "a hint of too many terms": hint(form=tuple(Term(1, ONE, i) for i in range(14))),
    "a lookup out of order": lookup(Term(1, ONE, 5), Term(1, ONE, 2)),
    "a lookup of a constant": lookup(Term(1, ONE, ONE)),
    "an empty lookup": lookup(),
    "a quadratic lookup": lookup(Term(1, 4, 2)),
    "a lookup of round 2": lookup(Term(1, ONE, 7)),
    "a lookup of the multiplicities": lookup(Term(1, ONE, 6)),
    "a lookup under a challenge": lookup(Term(1, ONE, 2, Challenge.LOOKUP)),
    "a lookup with neither side opened": lambda: replace(RANGED, opened=(4, 8, 9, 11)),
    "a table that is not opened": lambda: replace(RANGED, opened=RANGED.opened[:-1]),
    "a table's side opened": lambda: replace(RANGED, opened=(*RANGED.opened[:-1], 10, 11)),
    "multiplicities opened": lambda: replace(RANGED, opened=(4, 6, *RANGED.opened[1:])),
    "a table larger than N": lambda: replace(RANGED, table_bits=5),
    "a table of no bits": lambda: replace(RANGED, table_bits=0),
    "a table without lookups": lambda: replace(BASE, table_bits=3),
    "lookups over too few rows": lambda: replace(RANGED, log_rows=3),
    "a zero-form of round 2": lambda: replace(RANGED, zero_forms=(*RANGED.zero_forms, (Term(1, ONE, 7),))),
    "a zero-form under a challenge": lambda: replace(
        RANGED, zero_forms=(*RANGED.zero_forms, (Term(1, ONE, 1, Challenge.LOOKUP),))
    ),
    "a sum of a lookup's inverse": sums(RANGED, (Term(1, ONE, 1),), (Term(1, ONE, 7),)),
    "a sum of the table": sums(RANGED, (Term(1, ONE, 1),), (Term(1, ONE, 11),)),
    "a sum with a constant": sums(RANGED, (Term(1, ONE, 1),), (Term(1, ONE, ONE), Term(1, ONE, 2))),
    "the reserved code": group(codes=(0, 1, 2)),
    "codes that fall": group(codes=(2, 1)),
    "a code twice": group(codes=(1, 1, 2)),
    "a code too large": group(codes=(1, 1 << 16)),
    "no codes": group(codes=()),
    "too many codes": group(codes=tuple(range(1, 130))),
    "a group of a constant": group(Term(1, ONE, ONE)),
    "a quadratic group": group(Term(1, 4, 2)),
    "three groups": lambda: replace(TWO, groups=(*TWO.groups, TWO.groups[0])),
    "products without groups": lambda: replace(BASE, products=((Term(1, 4, 2),),)),
    "a product without an inverse": lambda: replace(TWO, products=((Term(1, 6, 3),), *TWO.products[1:])),
    "a product of an inverse with itself": lambda: replace(TWO, products=((Term(1, 7, 7),), *TWO.products[1:])),
    "a product of a later one": lambda: replace(TWO, products=((Term(1, 7, 11),), *TWO.products[1:])),
    "a sum without its group": sums(GROUPED, GROUPED.sum_forms[0], (Term(1, ONE, 3),)),
    "a sum over one of two groups": sums(TWO, TWO.sum_forms[0], (Term(1, ONE, 10),), (Term(1, ONE, 11),)),
    "a sum over one group twice": sums(TWO, TWO.sum_forms[0], (Term(1, 9, 10),), (Term(1, ONE, 11),)),
    "a guard that counts no boolean": sums(GROUPED, (Term(1, ONE, 5),), (Term(1, 4, 5),), (Term(1, 5, 3),)),
    "a guard of a number": sums(GROUPED, (Term(1, 5, 3),), (Term(1, 4, 5),)),
    "more cells than rows": lambda: replace(GROUPED, groups=(replace(GROUPED.groups[0], codes=tuple(range(1, 10))),)),
}


@pytest.mark.parametrize("build", OUTSIDE.values(), ids=list(OUTSIDE))
def test_a_broken_rule_of_lookups_or_groups_is_refused(build: Callable[[], Relation]) -> None:
    with pytest.raises(RelationInvalidError):
        build()


INSIDE: dict[str, Callable[[], Relation]] = {
    "wide digits": hint(shift=248, width=32),
    "a hint with a constant": hint(form=(Term(-7, ONE, ONE), Term(1, ONE, 2))),
    "a lookup with a constant": lookup(Term(3, ONE, ONE), Term(1, ONE, 2), Term(-8, ONE, 5)),
    "another code": group(codes=(1, 2, 65535)),
    "one code": group(codes=(7,)),
    "eight cells": group(codes=tuple(range(1, 9))),
    "plain sums": lambda: replace(GROUPED, plain=True),
    "a larger table": lambda: replace(RANGED, table_bits=4),
}


@pytest.mark.parametrize("build", INSIDE.values(), ids=list(INSIDE))
def test_the_neighbours_are_accepted(build: Callable[[], Relation]) -> None:
    assert build() is not None


def test_columns_stand_where_their_text_says() -> None:
    assert (ALL.multiplicity_index, ALL.table_side_index, ALL.table_index) == (10, 13, 16)
    assert [ALL.lookup_index(0), ALL.group_index(0), ALL.product_index(0)] == [11, 14, 15]
    assert (ALL.round1_count, ALL.round2_count, ALL.column_count) == (6, 5, 16)
    assert list(ALL.round1_indices()) == list(range(5, 11))
    assert list(ALL.round2_indices()) == list(range(11, 16))
    assert plain().column_count == 3


def test_cells_and_guards_of_two_groups() -> None:
    assert (TWO.cells, TWO.sum_rows) == (4, 12)
    assert [TWO.cell_codes(cell) for cell in range(4)] == [(1, 2), (1, 7), (3, 2), (3, 7)]
    assert [TWO.guard_row(row) for row in range(12)] == [0, 1, 2, 3] * 3
    assert BASE.cell_codes(0) == ()


def test_definitions_leave_hinted_witnesses_out() -> None:
    assert ALL.definition(8) == (Term(1, ONE, 1),)
    assert ALL.definition(15) == (Term(1, 14, 4),)
    for column in (5, 6, 7, 10, 11, 14):
        with pytest.raises(RelationInvalidError, match="not defined"):
            ALL.definition(column)
    assert isinstance(ALL.hinted[5], Hint)


def test_a_limit_says_how_much_there_is() -> None:
    with pytest.raises(RelationTooLargeError, match="65 sums, at most 64") as caught:
        BROKEN["more sums than bits"]()
    assert (caught.value.limit, caught.value.needed, caught.value.allowed) == ("sums", MAX_SUMS + 1, MAX_SUMS)
