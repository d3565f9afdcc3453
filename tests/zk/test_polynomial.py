"""Polynomials over Fr against arithmetic on Python integers."""

from __future__ import annotations

from random import Random

import pytest
from forger import evaluate, mul
from samples import R

from zk.errors import SizeMismatchError
from zk.field import FR
from zk.kernels import IFMA, chosen_path
from zk.ntt import root_of_unity
from zk.polynomial import add_scaled, blind, divide_by_linear, resize, rows_of, running_total

EDGES = [0, 1, R - 1, 2**64 - 1, 2**128, R // 2]


def vector(rng: Random, n: int) -> list[int]:
    return [rng.choice(EDGES) if rng.random() < 0.4 else rng.randrange(R) for _ in range(n)]


@pytest.mark.parametrize("n", [0, 1, 2, 7, 64])
def test_running_total(rng: Random, n: int) -> None:
    values = vector(rng, n)
    totals = FR.to_integers(running_total(FR.from_integers(values)))
    assert totals == [sum(values[: i + 1]) % R for i in range(n)]


@pytest.fixture(params=["portable", "lanes"])
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "portable":
        monkeypatch.setattr("zk.polynomial.LANES_FROM", 1 << 62)
        monkeypatch.setattr("zk.field.LANES_FROM", 1 << 62)
    elif chosen_path() != IFMA:
        pytest.skip("needs a processor with AVX-512 IFMA")


@pytest.mark.usefixtures("chosen")
@pytest.mark.parametrize("n", [1, 2, 3, 33, 64, 65, 80, 81, 97, 4161, 4162, 8400])
def test_divide_by_linear_drops_exactly_the_remainder(rng: Random, n: int) -> None:
    p = vector(rng, n)
    for point in (0, 1, R - 1, rng.randrange(R)):
        quotient = FR.to_integers(divide_by_linear(FR.from_integers(p), point))
        assert len(quotient) == n - 1
        again = mul(quotient or [0], [-point % R, 1])
        again[0] = (again[0] + evaluate(p, point)) % R
        assert again[:n] == [c % R for c in p]


def test_an_empty_polynomial_is_not_divided() -> None:
    with pytest.raises(SizeMismatchError):
        divide_by_linear(FR.zeros(0), 1)


def test_add_scaled_keeps_the_longer(rng: Random) -> None:
    a, b, c = vector(rng, 3), vector(rng, 5), rng.randrange(R)
    padded = [*a, 0, 0]
    expected = [(padded[i] + c * b[i]) % R for i in range(5)]
    assert FR.to_integers(add_scaled(FR.from_integers(a), FR.from_integers(b), c)) == expected
    swapped = [(b[i] + c * padded[i]) % R for i in range(5)]
    assert FR.to_integers(add_scaled(FR.from_integers(b), FR.from_integers(a), c)) == swapped


def test_resize_fills_and_cuts() -> None:
    p = FR.from_integers([1, 2, 3])
    assert FR.to_integers(resize(p, 5)) == [1, 2, 3, 0, 0]
    assert FR.to_integers(resize(p, 2)) == [1, 2]
    resize(p, 3)[0] = 0
    assert FR.to_integers(p) == [1, 2, 3]  # a copy


@pytest.mark.parametrize("blinders", [0, 1, 2, 3])
def test_blinding_changes_no_row(rng: Random, blinders: int) -> None:
    rows, hidden = vector(rng, 8), vector(rng, blinders)
    p = blind(FR.from_integers(rows), hidden)
    assert len(p) == 8 + blinders
    omega = root_of_unity(3)
    values = [FR.evaluate(p, pow(omega, i, R)) for i in range(8)]
    assert values == [v % R for v in rows] == FR.to_integers(rows_of(p, 8))
    x = rng.randrange(R)
    plain = FR.evaluate(blind(FR.from_integers(rows), []), x)
    assert FR.evaluate(p, x) == (plain + evaluate(hidden or [0], x) * (pow(x, 8, R) - 1)) % R
    assert FR.to_integers(blind(FR.from_integers(rows), FR.from_integers(hidden))) == FR.to_integers(p)


def test_rows_of_a_polynomial_that_is_too_long() -> None:
    with pytest.raises(SizeMismatchError):
        rows_of(FR.zeros(17), 8)
