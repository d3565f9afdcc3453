"""Decoding against two oracles: trying every choice of points, and galois for small fields and interpolation."""

from itertools import combinations

import galois
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.compare import field_modulus
from mpc.errors import TooFewSharesError, TooManyWrongSharesError
from mpc.reed_solomon import decode_vectors, decode_word, lagrange
from zk.field import FR

SMALL = 101


def evaluate(coefficients, x, modulus):
    return sum(c * pow(x, power, modulus) for power, c in enumerate(coefficients)) % modulus


def exhaustive(points, values, degree, modulus):
    """Every polynomial through degree + 1 of the points; the positions missed by the one that is close enough."""
    best = None
    for base in combinations(range(len(points)), degree + 1):
        weights = {x: lagrange([points[at] for at in base], x, modulus) for x in points}
        missed = [
            at
            for at, x in enumerate(points)
            if sum(w * values[b] for w, b in zip(weights[x], base)) % modulus != values[at] % modulus
        ]
        if best is None or len(missed) < len(best):
            best = missed
    return best if 2 * len(best) <= len(points) - degree - 1 else None


@given(data=st.data(), m=st.integers(1, 9), degree=st.integers(0, 5))
@settings(max_examples=300, deadline=None)
def test_decoding_equals_trying_everything(data, m, degree):
    """Over a small field random words are often close to no polynomial: both must say so."""
    degree = min(degree, m - 1)
    points = list(range(1, m + 1))
    coefficients = data.draw(st.lists(st.integers(0, SMALL - 1), min_size=degree + 1, max_size=degree + 1))
    wrong = data.draw(st.sets(st.integers(0, m - 1), max_size=m))
    values = [
        (evaluate(coefficients, x, SMALL) + (data.draw(st.integers(1, SMALL - 1)) if at in wrong else 0)) % SMALL
        for at, x in enumerate(points)
    ]
    expected = exhaustive(points, values, degree, SMALL)
    if 2 * len(wrong) <= m - degree - 1:
        assert expected == sorted(wrong)
    if expected is None:
        with pytest.raises(TooManyWrongSharesError):
            decode_word(points, values, degree, SMALL)
    else:
        assert decode_word(points, values, degree, SMALL) == expected


def test_weights_are_those_of_galois():
    field = galois.GF(FR.modulus, primitive_element=5, verify=False)
    points = [1, 2, 5, 9]
    values = [3, FR.modulus - 1, 77, 1 << 200]
    polynomial = galois.lagrange_poly(field(points), field(values))
    for at in (0, 4, 1 << 100):
        weights = lagrange(points, at, FR.modulus)
        assert sum(w * v for w, v in zip(weights, values)) % FR.modulus == int(polynomial(field(at)))


def test_values_of_a_galois_polynomial_are_decoded_up_to_the_radius():
    field = galois.GF(31)
    points = list(range(1, 16))
    polynomial = galois.Poly.Random(8, field=field, seed=7)
    word = [int(polynomial(field(x))) for x in points]
    for at in (2, 7, 14):
        word[at] = (word[at] + 1) % 31
    assert decode_word(points, word, 8, 31) == [2, 7, 14]
    word[3] = (word[3] + 5) % 31
    with pytest.raises(TooManyWrongSharesError):
        decode_word(points, word, 8, 31)


def test_too_few_values():
    with pytest.raises(TooFewSharesError) as caught:
        decode_word([1, 2], [5, 6], 2, SMALL)
    assert (caught.value.needed, caught.value.received) == (3, 2)


def shares_of(rng, secrets, points, degree):
    p = FR.modulus
    rows = [[secret, *(int.from_bytes(rng.bytes(31), "big") for _ in range(degree))] for secret in secrets]
    return {x: FR.from_integers([evaluate(row, x, p) for row in rows]) for x in points}


def spoil(vector, rows):
    spoilt = vector.copy()
    for row in rows:
        spoilt[row : row + 1] = FR.add(vector[row : row + 1], FR.from_integers([row + 1]))
    return spoilt


@pytest.mark.parametrize("n", [0, 1, 65])
def test_vectors_with_liars_in_different_rows(n):
    secrets, points = list(range(n)), [1, 2, 3, 5, 6, 8, 9]
    received = shares_of(np.random.default_rng(n), secrets, points, 2)
    if n:
        received[2] = spoil(received[2], [n - 1])
        received[9] = spoil(received[9], range(n // 2 + 1))
    opened, wrong = decode_vectors(FR, field_modulus(FR), received, 2)
    assert FR.to_integers(opened) == secrets
    assert wrong == ([2, 9] if n else [])


def test_liars_beyond_the_radius_are_noticed_and_not_believed():
    received = shares_of(np.random.default_rng(1), [4, 5, 6], [1, 2, 3, 4, 5, 6], 2)
    received[1], received[4] = spoil(received[1], [0]), spoil(received[4], [0])
    with pytest.raises(TooManyWrongSharesError) as caught:
        decode_vectors(FR, FR.modulus, received, 2)
    assert caught.value.allowed == 1


def test_liars_in_different_rows_do_not_add_up_beyond_the_radius():
    """Each row alone could be mended; together there are more liars than were allowed for."""
    received = shares_of(np.random.default_rng(2), [4, 5, 6], [1, 2, 3, 4, 5], 2)
    received[2], received[3] = spoil(received[2], [0]), spoil(received[3], [1])
    with pytest.raises((TooManyWrongSharesError, TooFewSharesError)):
        decode_vectors(FR, FR.modulus, received, 2)


def test_no_redundancy_notices_nothing():
    """Neighbour: with degree + 1 vectors every value is on some polynomial; the engine's page says so."""
    received = shares_of(np.random.default_rng(3), [4], [1, 2, 3], 2)
    received[2] = spoil(received[2], [0])
    opened, wrong = decode_vectors(FR, FR.modulus, received, 2)
    assert wrong == [] and FR.to_integers(opened) != [4]
