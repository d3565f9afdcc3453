"""Where the bits of hidden guards stand, and the closed form of their equations against Lagrange polynomials."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from oracle import guard_bits as oracle_bits
from relations import hidden, hidden_everything
from samples import R

from zk.errors import WitnessUnsatisfiedError
from zk.guards import (
    bit_row,
    bit_rows,
    equation_denominators,
    equation_rows,
    equation_weight,
    guard_bits,
    shown_bit_rows,
)
from zk.ntt import root_of_unity
from zk.relation import MAX_LOG_ROWS, Relation


def lagrange(log_rows: int, row: int, x: int) -> int:
    n = 1 << log_rows
    point = pow(root_of_unity(log_rows), row, R)
    return point * (pow(x, n, R) - 1) * pow(n * (x - point), -1, R) % R


@pytest.mark.parametrize("log_rows", [6, 7, 8, 15, 16, 17, MAX_LOG_ROWS])
def test_the_closed_form_is_the_sum_of_lagrange_polynomials(log_rows: int) -> None:
    rng = Random(log_rows)
    for relation in (hidden(log_rows), hidden_everything(log_rows)):
        zeta = rng.randrange(R)
        weights = {row: rng.randrange(R) for row in relation.guard_rows}
        one_by_one = sum(w * lagrange(log_rows, row, zeta) for row, w in equation_rows(relation, weights).items()) % R
        assert equation_weight(relation, weights, zeta) == one_by_one
        assert len(equation_denominators(relation, zeta)) == len(weights) * (2 + (log_rows > 15))


@pytest.mark.parametrize("log_rows", [6, 8, 15, 16, MAX_LOG_ROWS])
def test_every_bit_has_a_row_of_its_own(log_rows: int) -> None:
    rows = [bit_row(log_rows, v, bit) for v in (0, 1, (1 << log_rows - 5) - 1) for bit in range(32)]
    distinct = 3 if log_rows > 6 else 2
    assert len(set(rows)) == 32 * distinct and max(rows) < 1 << log_rows
    assert len(bit_rows(hidden(log_rows))) == 2 * (log_rows + 1)


@pytest.mark.parametrize("minimum", [1, 3, 64])
def test_the_top_bit_says_whether_the_minimum_is_reached(minimum: int) -> None:
    relation = hidden()
    for guard in range(relation.rows + 1):
        bits = guard_bits(relation, [guard, relation.rows], minimum)
        rows = dict(zip(bit_rows(relation), bits, strict=True))
        assert [v for row, v in sorted(rows.items()) if v] == [1] * sum(bits)
        assert {row: v for row, v in enumerate(oracle_bits(relation, [guard, relation.rows], minimum)) if v} == {
            row: v for row, v in rows.items() if v
        }
        assert rows[bit_row(relation.log_rows, 0, relation.log_rows)] == int(guard >= minimum)
        weights = equation_rows(relation, {0: 1})
        assert sum(rows.get(row, 0) * weight for row, weight in weights.items()) == guard - minimum + relation.rows
    with pytest.raises(WitnessUnsatisfiedError):
        guard_bits(relation, [relation.rows + 1, 0], minimum)


def test_top_bits_are_opened_for_the_guards_of_released_rows_alone() -> None:
    relation: Relation = hidden()
    top = [bit_row(relation.log_rows, row, relation.log_rows) for row in (0, 1)]
    for release, expected in ((0, []), (0b0001, [0]), (0b0100, [0]), (0b1000, [1]), (0b1001, [0, 1]), (0b1111, [0, 1])):
        assert list(shown_bit_rows(relation, release)) == [top[row] for row in expected]
    opened = replace(relation, hidden_guards=False, opened=(4,))
    assert shown_bit_rows(opened, 0b1111) == () and equation_denominators(opened, 5) == []
