"""Commitments to few rows from the table are those of the polynomials."""

from __future__ import annotations

from random import Random

import pytest
from samples import R, known_srs

from zk import lagrange
from zk.errors import SizeMismatchError
from zk.field import FR, Words
from zk.lagrange import FEW_ROWS, commit_row_quotients, commit_rows, row_table, serves
from zk.ntt import root_of_unity
from zk.polynomial import blind, divide_by_linear, resize

LOG_ROWS = 5
N = 1 << LOG_ROWS
OMEGA = root_of_unity(LOG_ROWS)


def column(count: int, seed: int) -> tuple[Words, Words, Words]:
    """Rows, blinder and polynomial of some s."""
    rng = Random(seed)
    rows = FR.from_integers([rng.randrange(R) for _ in range(count)])
    blinder = FR.from_integers([rng.randrange(R)])
    return rows, blinder, blind(resize(rows, N), blinder)


@pytest.mark.parametrize("served", [True, False])
@pytest.mark.parametrize("count", [1, 2, 7, 16, N])
def test_rows_and_quotients_are_those_of_the_polynomial(
    count: int, served: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not served:
        monkeypatch.setattr(lagrange, "serves", lambda log_rows, rows: False)
    srs = known_srs(LOG_ROWS)
    rows, blinder, polynomial = column(count, count)
    assert (commit_rows(srs, LOG_ROWS, rows, blinder) == srs.commit(polynomial)).all()
    choices: list[dict[int, int]] = [{row: weight} for row in {0, count // 2, count - 1} for weight in (1, R - 1)]
    for weights in (*choices, {row: 12345 * row + 7 for row in range(count)}):
        expected = FR.zeros(N)
        for row, weight in weights.items():
            expected = FR.add(expected, FR.scale(divide_by_linear(polynomial, pow(OMEGA, row, R)), weight))
        found = commit_row_quotients(srs, LOG_ROWS, rows, polynomial, weights)
        assert (found == srs.commit(expected)).all()
        assert not (found == srs.commit(FR.scale(expected, 2))).all()


def test_the_table_serves_many_rows_of_small_domains_and_few_of_large_ones() -> None:
    for log_rows, most in ((3, 8), (6, 64), (7, 128), (14, 128), (15, 64), (16, 32), (17, 16), (24, 16)):
        assert serves(log_rows, most)
        assert not serves(log_rows, most + 1)
    assert FEW_ROWS == 16


@pytest.mark.parametrize(("log_rows", "rows"), [(LOG_ROWS, N + 1), (3, 9), (LOG_ROWS, -1), (LOG_ROWS + 1, 1)])
def test_rows_that_the_table_does_not_serve_are_refused(log_rows: int, rows: int) -> None:
    with pytest.raises(SizeMismatchError):
        row_table(known_srs(LOG_ROWS), log_rows, rows)
