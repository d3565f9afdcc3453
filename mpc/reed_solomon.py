"""Reed-Solomon decoding over a prime field: which of the received shares are wrong, and what the right ones say.

Shares of one secret are the values f(x_i) of a polynomial of degree at most d. From m values, of which at most
(m - d - 1) / 2 are wrong, f is determined. A missing value is no error, it only lowers m.

A vector of secrets is one word per row, and a lying party may lie in any row. `decode_vectors` checks all rows by
linear algebra on whole vectors and decodes single words only where that fails; a party once found wrong is left out of
every row, so there are at most as many words to decode as lying parties.

Everything here is public: what was opened, and who sent it. Timing: variable.

Source: Gao, "A New Algorithm for Decoding Reed-Solomon Codes" (2003), algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mpc.errors import TooFewSharesError, TooManyWrongSharesError
from mpc.rings import Ring, RingArray

Polynomial = list[int]
"""Coefficients from the constant upwards, without leading zeros; zero is the empty list."""


def lagrange(points: Sequence[int], at: int, modulus: int) -> list[int]:
    """Return the weights with which values at distinct points add up to the value at another point."""
    weights = []
    for x in points:
        numerator = denominator = 1
        for other in points:
            if other != x:
                numerator = numerator * (at - other) % modulus
                denominator = denominator * (x - other) % modulus
        weights.append(numerator * pow(denominator, -1, modulus) % modulus)
    return weights


def combine(ring: Ring, weights: Sequence[int], vectors: Sequence[RingArray]) -> RingArray:
    """Return the sum of vectors under public weights."""
    total = ring.mul(vectors[0], ring.from_integers([weights[0]]))
    for weight, vector in zip(weights[1:], vectors[1:], strict=True):
        total = ring.add(total, ring.mul(vector, ring.from_integers([weight])))
    return total


def decode_word(points: Sequence[int], values: Sequence[int], degree: int, modulus: int) -> list[int]:
    """Return the positions that do not lie on the one polynomial which at most (m - degree - 1) / 2 positions miss.

    Args:
        points: m distinct elements.
        values: m received elements, some wrong.
        degree: of the polynomial, at most.
        modulus: prime.

    Raises:
        TooFewSharesError: no more than ``degree`` values.
        TooManyWrongSharesError: no polynomial is that close.
    """
    m = len(points)
    if m <= degree:
        raise TooFewSharesError(degree + 1, m)
    vanishing: Polynomial = [1]
    for x in points:
        vanishing = _multiply(vanishing, [-x % modulus, 1], modulus)
    remainder, following = vanishing, _interpolate(points, values, modulus)
    cofactor: Polynomial = []
    next_cofactor: Polynomial = [1]
    while 2 * (len(following) - 1) >= m + degree + 1:
        quotient, rest = _divide(remainder, following, modulus)
        remainder, following = following, rest
        cofactor, next_cofactor = (
            next_cofactor,
            _subtract(cofactor, _multiply(quotient, next_cofactor, modulus), modulus),
        )
    decoded, rest = _divide(following, next_cofactor, modulus)
    if not rest and len(decoded) <= degree + 1:
        wrong = [at for at in range(m) if _evaluate(decoded, points[at], modulus) != values[at] % modulus]
        if 2 * len(wrong) <= m - degree - 1:
            return wrong
    raise TooManyWrongSharesError((m - degree - 1) // 2)


def decode_vectors(
    ring: Ring, modulus: int, received: Mapping[int, RingArray], degree: int
) -> tuple[RingArray, list[int]]:
    """Return the secrets that vectors of shares hide, and whose vectors are wrong somewhere.

    Args:
        ring: the prime field of ``modulus`` elements.
        received: a vector of n elements for each of m points.
        degree: of the sharing polynomials, at most.

    Returns:
        n secrets, and at most (m - degree - 1) / 2 points.

    Raises:
        TooFewSharesError: no more than ``degree`` vectors.
        TooManyWrongSharesError: more of them are wrong than can be told apart.
    """
    allowed, left = (len(received) - degree - 1) // 2, dict(received)
    while True:
        points = sorted(left)
        if len(points) <= degree:
            raise TooFewSharesError(degree + 1, len(points))
        row = _first_bad_row(ring, modulus, left, points, degree)
        if row is None:
            base = points[: degree + 1]
            secrets = combine(ring, lagrange(base, 0, modulus), [left[x] for x in base])
            return secrets, sorted(set(received) - set(left))
        word = [ring.to_integers(left[x][row : row + 1])[0] for x in points]
        for at in decode_word(points, word, degree, modulus):
            del left[points[at]]
        if len(received) - len(left) > allowed:
            raise TooManyWrongSharesError(allowed)


def _first_bad_row(
    ring: Ring, modulus: int, vectors: Mapping[int, RingArray], points: Sequence[int], degree: int
) -> int | None:
    """The first row whose values lie on no polynomial of the degree."""
    base = points[: degree + 1]
    for x in points[degree + 1 :]:
        expected = combine(ring, lagrange(base, x, modulus), [vectors[other] for other in base])
        if ring.encode_bytes(expected) != ring.encode_bytes(vectors[x]):
            rows = [
                np.frombuffer(ring.encode_bytes(side), np.uint8).reshape(-1, ring.element_bytes)
                for side in (expected, vectors[x])
            ]
            return int(np.argmax((rows[0] != rows[1]).any(axis=1)))
    return None


def _interpolate(points: Sequence[int], values: Sequence[int], modulus: int) -> Polynomial:
    """Newton's divided differences."""
    differences = [value % modulus for value in values]
    for order in range(1, len(points)):
        for at in range(len(points) - 1, order - 1, -1):
            step = pow(points[at] - points[at - order], -1, modulus)
            differences[at] = (differences[at] - differences[at - 1]) * step % modulus
    result: Polynomial = []
    for x, difference in zip(reversed(points), reversed(differences), strict=True):
        result = _trimmed(_add(_multiply(result, [-x % modulus, 1], modulus), [difference], modulus))
    return result


def _evaluate(polynomial: Polynomial, x: int, modulus: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = (value * x + coefficient) % modulus
    return value


def _trimmed(polynomial: Polynomial) -> Polynomial:
    while polynomial and polynomial[-1] == 0:
        polynomial.pop()
    return polynomial


def _add(a: Polynomial, b: Polynomial, modulus: int) -> Polynomial:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    total = list(longer)
    for at, coefficient in enumerate(shorter):
        total[at] = (total[at] + coefficient) % modulus
    return _trimmed(total)


def _subtract(a: Polynomial, b: Polynomial, modulus: int) -> Polynomial:
    return _add(a, [-coefficient % modulus for coefficient in b], modulus)


def _multiply(a: Polynomial, b: Polynomial, modulus: int) -> Polynomial:
    if not a or not b:
        return []
    product = [0] * (len(a) + len(b) - 1)
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            product[i + j] = (product[i + j] + left * right) % modulus
    return _trimmed(product)


def _divide(a: Polynomial, b: Polynomial, modulus: int) -> tuple[Polynomial, Polynomial]:
    """Quotient and remainder; b is not zero."""
    rest, quotient = list(a), [0] * max(len(a) - len(b) + 1, 0)
    inverse = pow(b[-1], -1, modulus)
    while len(rest) >= len(b):
        factor, shift = rest[-1] * inverse % modulus, len(rest) - len(b)
        quotient[shift] = factor
        for at, coefficient in enumerate(b):
            rest[shift + at] = (rest[shift + at] - factor * coefficient) % modulus
        _trimmed(rest)
    return _trimmed(quotient), rest
