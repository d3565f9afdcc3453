"""Comparisons, tests for zero and ranges: honest witnesses hold, and no other witness does."""

from __future__ import annotations

from itertools import product

import pytest
from oracle import all_rows, form_rows, holds
from samples import R, Sample, boolean, integer, sample

from zk.builder import RelationBuilder
from zk.decoding import decode_relation
from zk.encoding import encode_relation
from zk.errors import RelationInvalidError, WitnessUnsatisfiedError
from zk.relation import ONE, HintKind, Relation

LOG_ROWS, BITS = 4, 2


def compared(bits: int, shift: int) -> Relation:
    """1 present, 2 x; b = [x + shift ≥ 0]."""
    builder = RelationBuilder(LOG_ROWS, BITS)
    present, x = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    sign = builder.not_negative({x: 1, ONE: shift}, bits)
    builder.sum([(1, ONE, present)])
    builder.sum([(1, ONE, sign)], None)
    return builder.build()


def zero_test(shift: int) -> Relation:
    """1 present, 2 x; b = [x + shift = 0], which also counts rows."""
    builder = RelationBuilder(LOG_ROWS, BITS)
    present, x = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    flag = builder.is_zero({x: 1, ONE: shift})
    builder.sum([(1, present, flag), (1, ONE, x)], builder.sum([(1, ONE, flag)]))
    return builder.build()


def ranged(bound: int, bits: int = BITS) -> Relation:
    """1 present, 2 x in [0, bound]."""
    builder = RelationBuilder(LOG_ROWS, bits)
    present, x = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    builder.in_range({x: 1}, bound)
    builder.sum([(1, ONE, present)])
    builder.sum([(1, ONE, x)], 0)
    return builder.build()


def row_holds(relation: Relation, values: dict[int, int]) -> bool:
    """Whether one row satisfies all forms and lookups, whoever chose the witnesses."""
    rows = {index: [value % R] for index, value in values.items()}
    rows[ONE] = [1]
    return not any(form_rows(form, rows, 1)[0] for form in relation.zero_forms) and all(
        form_rows(form, rows, 1)[0] < 1 << relation.table_bits for form in relation.lookups
    )


def possible_flags(relation: Relation, x: int) -> set[int]:
    """Values of the first hinted witness with which some choice of the others satisfies every form on a row."""
    first, *others = [hint for hint in relation.hints if hint.kind is not HintKind.INVERSE]
    inverses = [hint for hint in relation.hints if hint.kind is HintKind.INVERSE]
    found = set()
    for flag in (-1, 0, 1, 2, R // 2):
        for digits in product(range(-1, (1 << BITS) + 1), repeat=len(others)):
            for inverse in (0, 1, pow(x - 5, -1, R) if x != 5 else 7):
                values = {1: 1, 2: x, first.column: flag}
                values |= {hint.column: digit for hint, digit in zip(others, digits)}
                values |= {hint.column: inverse for hint in inverses}
                for index in relation.witness_indices():
                    if index not in relation.hinted:
                        rows = {ONE: [1]} | {i: [v] for i, v in values.items()}
                        values[index] = form_rows(relation.definition(index), rows, 1)[0]
                if row_holds(relation, values):
                    found.add(flag)
    return found


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_only_the_sign_satisfies_a_comparison(bits: int) -> None:
    size, shift = 1 << bits, -3
    relation = compared(bits, shift)
    for x in range(1 - size - shift, size - shift):
        assert possible_flags(relation, x) == {int(x + shift >= 0)}


def test_a_number_too_large_to_compare_has_no_witness() -> None:
    relation = compared(2, 0)
    assert possible_flags(relation, 3) == {1}
    assert possible_flags(relation, 4) == set()
    assert possible_flags(relation, -4) == {0}
    assert possible_flags(relation, -5) == set()


def test_only_the_truth_satisfies_a_test_for_zero() -> None:
    relation = zero_test(-5)
    for x in range(-3, 12):
        assert possible_flags(relation, x) == {int(x == 5)}


def range_has_witness(relation: Relation, x: int) -> bool:
    columns = [hint.column for hint in relation.hints]
    digits = product(range(1 << relation.table_bits), repeat=len(columns))
    return any(row_holds(relation, {1: 1, 2: x, **dict(zip(columns, chosen))}) for chosen in digits)


@pytest.mark.parametrize("bound", [0, 1, 2, 3, 4, 7, 10, 14, 15, 16, 20, 63])
def test_only_values_in_range_have_a_witness(bound: int) -> None:
    relation = ranged(bound)
    edge = 1 << 6
    for x in [-edge, -17, -16, -5, -4, -1, *range(min(bound, 70) + 6), edge - 1, edge, edge + 1, R // 2, 3 * edge]:
        assert range_has_witness(relation, x) == (0 <= x <= bound), x


SHAPES = {  # bound: (lookups, limb columns, zero-forms besides copies)
    0: (0, 0), 1: (2, 0), 2: (2, 0), 3: (1, 0), 4: (4, 2), 15: (2, 1), 16: (6, 4), 63: (3, 2),
}


@pytest.mark.parametrize(("bound", "shape"), SHAPES.items())
def test_ranges_cost_as_little_as_they_can(bound: int, shape: tuple[int, int]) -> None:
    relation = ranged(bound)
    assert (len(relation.lookups), len(relation.hints)) == shape
    assert relation.table_bits == (BITS if bound else 0)


def rows_of(values: list[int]) -> dict[int, list[int]]:
    count = 1 << LOG_ROWS
    return {1: [1] * count, 2: (values * count)[:count]}


CASES: dict[str, Sample] = {
    "comparison": sample(compared(4, -7), rows_of(list(range(16)))),
    "test for zero": sample(zero_test(-5), rows_of(list(range(16)))),
    "range of one limb": sample(ranged(2), rows_of([0, 1, 2])),
    "range of three limbs": sample(ranged(40), rows_of([0, 1, 39, 40, 17])),
}


@pytest.mark.parametrize("name", CASES)
def test_they_encode_and_prove(name: str) -> None:
    given = CASES[name]
    assert decode_relation(encode_relation(given.relation)) == given.relation
    assert holds(given.relation, given.columns)
    given.verify(given.prove())


@pytest.mark.parametrize("value", [-1, 41, 64, 1 << 20, R // 2])
def test_a_value_out_of_range_has_no_proof(value: int) -> None:
    columns = rows_of([0, 1, 40])
    columns[2][7] = value % R
    given = sample(ranged(40), columns)
    with pytest.raises(WitnessUnsatisfiedError):
        given.prove()


def test_signs_and_flags_are_what_they_are_of() -> None:
    relation = compared(4, -7)
    rows = all_rows(relation, rows_of(list(range(16))))
    sign = relation.hints[0].column
    assert rows[sign] == [int(x >= 7) for x in range(16)]
    assert sign in relation.boolean_columns()
    relation = zero_test(-5)
    flag = relation.hints[0].column
    assert all_rows(relation, rows_of(list(range(16))))[flag] == [int(x == 5) for x in range(16)]
    assert flag in relation.boolean_columns()  # because it counts rows


@pytest.mark.parametrize("bits", [0, -1, 241])
def test_bits_and_bounds_have_limits(bits: int) -> None:
    builder = RelationBuilder(LOG_ROWS)
    x = builder.registered(integer(1, 1))
    with pytest.raises(RelationInvalidError, match="bits"):
        builder.not_negative({x: 1}, bits)
    with pytest.raises(RelationInvalidError, match="bounds"):
        builder.in_range({x: 1}, -1 if bits < 1 else 1 << bits)


def test_the_same_comparison_is_made_once() -> None:
    builder = RelationBuilder(LOG_ROWS)
    x = builder.registered(integer(1, 1))
    assert builder.not_negative({x: 1, ONE: -3}, 5) == builder.not_negative({ONE: -3, x: 1}, 5)
    assert builder.is_zero({x: 2}) == builder.is_zero({x: 2, ONE: 0})
    assert builder.is_zero({x: 2}) != builder.is_zero({x: 3})
