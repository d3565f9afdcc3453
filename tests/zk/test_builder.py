"""The builder writes relations that mean what was asked, with as few opened columns as a cover allows."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import R, boolean, form_rows, integer, random_columns, random_relation, two_tables

from zk.builder import COPY_WEIGHT, EXACT_COVER_EDGES, RelationBuilder, small_cover
from zk.errors import RelationInvalidError
from zk.relation import Term


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


@pytest.mark.parametrize("call", ["sum", "vanish"])
def test_a_constant_term_is_refused(call: str) -> None:
    builder = RelationBuilder(3)
    a = builder.registered(boolean(1, 0))
    builder.sum([(1, 0, a)])
    getattr(builder, call)([(1, 0, a), (-5, 0, 0)])
    with pytest.raises(RelationInvalidError, match="constant"):
        builder.build()


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
    edges = sorted({tuple(sorted(rng.sample(range(1, 40), 2))) for _ in range(4 * EXACT_COVER_EDGES)})
    cover = small_cover(edges, {})
    assert all(cover & set(edge) for edge in edges)


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
