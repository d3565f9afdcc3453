"""The builder writes relations that mean what was asked, with as few opened columns as a cover allows."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import form_rows
from samples import R, boolean, integer, random_columns, random_relation, two_tables

from zk.builder import RelationBuilder
from zk.cover import COPY_WEIGHT, small_cover
from zk.errors import RelationInvalidError
from zk.forms import HintKind
from zk.relation import ONE, Hint, Term


def test_a_column_and_a_product_are_added_once() -> None:
    builder = RelationBuilder(3)
    a, b = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    assert builder.registered(boolean(1, 0)) == a
    product = builder.product(a, b)
    assert builder.product(b, a) == product
    assert builder.product(0, a) == a == builder.product(a, 0)
    assert builder.product(a, a) not in (a, product)


def test_sums_are_numbered_and_guard_themselves_by_default() -> None:
    builder = RelationBuilder(3)
    a, b = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    assert builder.sum([(1, 0, a)]) == 0
    assert builder.sum([(1, 0, b)], 0) == 1
    relation = builder.build()
    assert relation.guards == (0, 0)
    assert relation.witness_count == 0
    assert relation.opened == ()


def test_the_same_calls_give_the_same_relation() -> None:
    assert two_tables(4) == two_tables(4)
    assert two_tables(4) != two_tables(5)


def test_a_registered_column_that_must_be_opened_gets_a_copy() -> None:
    builder = RelationBuilder(3)
    a, b = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    builder.sum([(1, 0, a)])
    builder.sum([(1, a, b)], 0)
    relation = builder.build()
    assert relation.witness_count == 1
    assert relation.opened == (3,)
    assert relation.copied_column(3) in (1, 2)


def test_a_witness_is_opened_rather_than_a_copy_made() -> None:
    builder = RelationBuilder(3)
    a, b, c = (builder.registered(kind(1, i)) for i, kind in enumerate((boolean, integer, integer)))
    u = builder.product(a, b)
    builder.sum([(1, 0, a)])
    builder.sum([(1, u, c)], 0)
    relation = builder.build()
    assert relation.witness_count == 2  # one copy for a·b, and u itself
    assert [relation.copied_column(i) for i in relation.opened] in ([1, None], [2, None])


def test_constants_stand_in_vanishing_forms_and_definitions_but_not_in_sums() -> None:
    builder = RelationBuilder(3)
    a = builder.registered(boolean(1, 0))
    b = builder.define([(1, ONE, ONE), (-1, ONE, a)])
    builder.vanish([(1, a, b), (0, ONE, ONE)])
    builder.vanish([(1, ONE, a), (1, ONE, b), (-1, ONE, ONE)])
    builder.sum([(1, ONE, a)])
    assert builder.build().definition(2) == (Term(1, ONE, ONE), Term(-1, ONE, 1))
    builder.sum([(1, ONE, a), (-5, ONE, ONE)], 0)
    with pytest.raises(RelationInvalidError, match="constant"):
        builder.build()


def test_definitions_are_merged_and_added_once() -> None:
    builder = RelationBuilder(3)
    a, b = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    u = builder.define([(2, a, b), (3, ONE, b), (-1, b, a)])
    assert builder.define([(3, b, ONE), (1, a, b), (1, a, a), (-1, a, a)]) == u
    assert builder.define([(1, a, b)]) == builder.product(b, a)
    assert builder.define([(1, ONE, b)]) == b
    with pytest.raises(RelationInvalidError, match="as 0"):
        builder.define([(1, a, b), (-1, b, a)])
    with pytest.raises(RelationInvalidError, match="is 0"):
        builder.vanish([(1, a, b), (-1, b, a)])


def test_a_form_written_twice_stands_once() -> None:
    builder = RelationBuilder(4)
    a, b = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    for _ in range(2):
        builder.vanish([(1, a, b), (-1, ONE, b)])
        builder.lookup({b: 1})
        builder.boolean(a)
        builder.in_range({b: 1}, 9)
    builder.sum([(1, ONE, a)])
    relation = builder.build()
    assert len(relation.zero_forms) == 2  # the copy of a and the form; a is boolean by registration
    assert len(relation.lookups) == 2  # b, and 9 − b


def test_a_column_is_boolean_once() -> None:
    builder = RelationBuilder(4)
    a, b = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    both = builder.define([(1, ONE, a), (1, ONE, b)])
    builder.boolean(both)
    builder.boolean(both)
    builder.sum([(1, ONE, both)])
    relation = builder.build()
    assert len(relation.zero_forms) == 2
    assert relation.boolean_columns() == {1, 3}


def test_hints_stand_where_their_column_stands() -> None:
    builder = RelationBuilder(4)
    a, b = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    digit = builder.hinted(HintKind.DIGITS, {b: 1, ONE: 3}, 2, 4)
    assert builder.hinted(HintKind.DIGITS, {ONE: 3, b: 1}, 2, 4) == digit
    product = builder.product(digit, a)
    builder.lookup({digit: 1})
    builder.sum([(1, ONE, a)])
    builder.sum([(1, ONE, product), (1, ONE, b)], 0)
    relation = builder.build()
    assert relation.hints == (Hint(3, HintKind.DIGITS, (Term(3, ONE, ONE), Term(1, ONE, 2)), 2, 4),)
    assert relation.definition(4) == (Term(1, 3, 1),)  # the digit is opened, not a copy of a


def test_a_long_hint_gets_a_column_of_its_own() -> None:
    builder = RelationBuilder(5)
    handles = [builder.registered(integer(1, i)) for i in range(14)]
    present = builder.registered(boolean(1, 14))
    builder.boolean(builder.hinted(HintKind.NOT_NEGATIVE, dict.fromkeys(handles, 1)))
    builder.sum([(1, ONE, present)])
    relation = builder.build()
    assert len(relation.definition(16)) == 14
    assert relation.hinted[17].form == (Term(1, ONE, 16),)


def test_optional_columns_are_left_out_where_no_form_names_them() -> None:
    builder = RelationBuilder(3)
    a = builder.registered(boolean(1, 0))
    builder.registered(integer(1, 1), optional=True)
    builder.sum([(1, ONE, a)])
    assert builder.build().registered == (boolean(1, 0),)
    builder.sum([(1, ONE, builder.registered(integer(1, 1)))], 0)
    assert builder.build().registered == (boolean(1, 0), integer(1, 1))


def test_groups_and_their_products() -> None:
    builder = RelationBuilder(4)
    a, x = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    b, y = builder.registered(boolean(2, 0)), builder.registered(integer(2, 1))
    first, second = builder.group({x: 1}, (1, 2)), builder.group({y: 1, b: 2}, (3, 5, 7))
    assert builder.group({x: 1}, (1, 2)) == first
    left, right = builder.product(a, first), builder.product(second, b)
    assert builder.product(first, a) == left
    builder.sum([(1, left, right)])
    relation = builder.build()
    assert (relation.cells, relation.round2_count, relation.witness_count) == (6, 4, 0)
    assert relation.products == ((Term(1, 5, 1),), (Term(1, 6, 3),))  # the inverses are opened, no column is copied
    with pytest.raises(RelationInvalidError, match="at most 2 group"):
        builder.group({x: 1}, (1, 3))
    with pytest.raises(RelationInvalidError, match="round 2"):
        builder.define([(1, a, first), (1, ONE, x)])


def test_lookups_open_their_inverses_rather_than_copies() -> None:
    builder = RelationBuilder(4)
    a, x = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    builder.lookup({x: 1})
    builder.sum([(1, ONE, a)])
    relation = builder.build()
    assert relation.opened == (relation.lookup_index(0), relation.table_index)
    assert relation.witness_count == 0


def test_a_lookup_of_opened_columns_leaves_its_inverse_closed() -> None:
    builder = RelationBuilder(4)
    a, x = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    u = builder.product(a, x)
    builder.vanish([(1, u, u), (-1, ONE, u)])
    builder.lookup({u: 3})
    builder.sum([(1, ONE, a)])
    relation = builder.build()
    assert relation.lookup_index(0) not in relation.opened


@pytest.mark.parametrize("linear", [{}, {ONE: 5}, {1: 0, ONE: 1}])
def test_a_linear_form_needs_a_column(linear: dict[int, int]) -> None:
    builder = RelationBuilder(4)
    builder.registered(integer(1, 1))
    calls = [builder.lookup, builder.is_zero, lambda f: builder.not_negative(f, 4), lambda f: builder.in_range(f, 4),
             lambda f: builder.group(f, (1,)), lambda f: builder.hinted(HintKind.IS_ZERO, f)]
    for call in calls:
        with pytest.raises(RelationInvalidError, match="constant"):
            call(linear)


@pytest.mark.parametrize("handle", [-1, 2, 99])
def test_foreign_handles_are_refused(handle: int) -> None:
    builder = RelationBuilder(3)
    a = builder.registered(boolean(1, 0))
    for call in (lambda: builder.product(a, handle), lambda: builder.sum([(1, a, handle)]),
                 lambda: builder.vanish([(1, handle, a)])):
        with pytest.raises(RelationInvalidError, match="handle"):
            call()


def test_an_unused_column_is_refused() -> None:
    builder = RelationBuilder(3)
    builder.sum([(1, 0, builder.registered(boolean(1, 0)))])
    builder.registered(integer(1, 1))
    with pytest.raises(RelationInvalidError, match="used"):
        builder.build()


def lightest(edges: list[tuple[int, int]], weights: dict[int, int]) -> int:
    vertices = sorted({v for edge in edges for v in edge})
    covers = (set(chosen) for size in range(len(vertices) + 1) for chosen in combinations(vertices, size))
    return min(sum(weights.get(v, 1) for v in cover) for cover in covers if all(cover & set(e) for e in edges))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), max_size=12), st.sets(st.integers(1, 7)))
def test_small_covers_are_lightest(pairs: list[tuple[int, int]], costly: set[int]) -> None:
    edges = sorted({(min(e), max(e)) for e in pairs})
    weights = dict.fromkeys(costly, COPY_WEIGHT)
    cover = small_cover(edges, weights)
    assert all(cover & set(edge) for edge in edges)
    assert all(a in cover for a, b in edges if a == b)
    assert sum(weights.get(v, 1) for v in cover) == lightest(edges, weights)
    assert small_cover(edges, weights) == cover


def test_large_graphs_are_covered_too(rng: Random) -> None:
    edges = sorted({tuple(sorted(rng.sample(range(1, 60), 2))) for _ in range(400)})
    cover = small_cover(edges, {})
    assert all(cover & set(edge) for edge in edges)
    assert small_cover(edges, {}) == cover


def test_many_small_components_are_covered_exactly() -> None:
    edges = [(3 * i, 3 * i + 1) for i in range(60)] + [(3 * i + 1, 3 * i + 2) for i in range(60)]
    assert small_cover(edges, {}) == {3 * i + 1 for i in range(60)}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_what_is_built_means_what_was_written(seed: int, datasets: int) -> None:
    """Copies and products hold by definition; every term's left factor is 1 or opened; registered stay closed."""
    rng = Random(seed)
    relation = random_relation(rng, 3, datasets)
    rows: dict[int, list[int]] = {0: [1] * 8, **random_columns(relation, rng)}
    for index in relation.witness_indices():
        rows[index] = form_rows(relation.definition(index), rows, 8)
    assert all(not any(form_rows(form, rows, 8)) for form in relation.zero_forms)
    assert min(relation.opened, default=99) > len(relation.registered)
    assert all(t.left in (0, *relation.opened) for f in relation.zero_forms + relation.sum_forms for t in f)
    assert sum(form_rows(relation.sum_forms[0], rows, 8)) % R == sum(rows[relation.sum_forms[0][0].right])
    assert isinstance(relation.sum_forms[0][0], Term)
