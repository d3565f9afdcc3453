"""The accumulator A and the quotient t of one contributor (PROTOCOL §4, rounds 3 and 4). Secret; local to its owner.

t has N + 3 coefficients, but only a coset of N points is needed. On gH, X^N is the constant g^N, so Z_H is one too, and
N values there give t modulo X^N − g^N. The three coefficients that overlap, t_N..t_(N+2), are those of the numerator at
2N..2N+2, to which only products of two columns contribute, and of each column only the coefficients N−1..N+1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import numpy as np

from zk.columns import Column, Mapped, ProductSum, Weighted
from zk.field import FR, Words
from zk.forms import ONE, Form
from zk.guards import equation_rows
from zk.ntt import COSET_SHIFT, coset_intt, coset_ntt, intt, ntt, root_of_unity
from zk.owners import FIRST, NOBODY
from zk.polynomial import resize, running_total
from zk.statement import Rounds
from zk.transcript import FR_MODULUS
from zk.witness import HeldColumns

ACCUMULATOR_BLINDERS: Final = 3  # [A], A(ωζ) and, through r(ζ) = 0, A(ζ) are shown; with the random A(1) one to spare
OVERLAP: Final = 3
FEW_ROWS: Final = 8  # a rotation costs a fifth of a transform
_OVERLAP_LOG: Final = 3  # products of two polynomials of three coefficients have five: eight points


def _weighted(rounds: Rounds, forms: list[tuple[int, Form]]) -> list[Weighted]:
    return [
        Weighted(weight * term.coefficient * rounds.challenges[term.challenge], term)
        for weight, form in forms
        for term in form
    ]


def accumulator_rows(
    rounds: Rounds, contributor: int, owners: Mapping[int, int], columns: HeldColumns, sums: Words
) -> Words:
    """My part of A's rows, (N, 4), with a random first one.

    Args:
        sums: (rows of s, 4) my additive part of the sealed sums; empty where sums are plain.
    """
    n = rounds.relation.rows
    weighted = [Weighted(-w.scalar, w.term) for w in _weighted(rounds, rounds.weighted_sums())]
    steps = ProductSum(contributor, owners, columns.rows_view, n)(weighted)
    if len(sums):
        steps[: len(sums)] = FR.sub(steps[: len(sums)], FR.mul(FR.from_integers(rounds.row_weights()), sums))
    if rounds.relation.hidden_guards:
        bits = _bits(rounds, owners, columns.rows_view)
        for row, weight in equation_rows(rounds.relation, rounds.guard_weights()).items() if len(bits) else ():
            steps[row : row + 1] = FR.add(steps[row : row + 1], FR.scale(bits[row : row + 1], weight))
    if rounds.constant() and contributor == FIRST:
        steps = FR.sub(steps, FR.from_integers([rounds.constant_share()]))
    return FR.add(running_total(np.concatenate([FR.zeros(1), steps[:-1]])), FR.random(1))


def quotient_polynomial(
    rounds: Rounds,
    contributor: int,
    owners: Mapping[int, int],
    columns: HeldColumns,
    sums: Words,
    accumulator: Words,
) -> Words:
    """My part of t, (N + 3, 4) coefficients.

    Args:
        sums: my part of s as a polynomial; empty where sums are plain.
        accumulator: my part of A as a polynomial.
    """
    relation = rounds.relation
    n, log_rows = relation.rows, relation.log_rows
    power = FR.from_integers([pow(COSET_SHIFT, n, FR_MODULUS)])

    def folded(polynomial: Words) -> Words:
        """Coefficients modulo X^N − g^N."""
        low = resize(polynomial, n)
        extra = len(polynomial) - n
        if extra > 0:
            low[:extra] = FR.add(low[:extra], FR.mul(polynomial[n:], power))
        return low

    def spread(polynomial: Words) -> Words:
        return coset_ntt(folded(polynomial), log_rows)

    weighted = _weighted(rounds, rounds.weighted_forms())
    linear = [w for w in weighted if w.term.left == ONE and w.term.right != ONE]
    rest = [w for w in weighted if w.term.left != ONE or w.term.right == ONE]
    numerator = ProductSum(contributor, owners, lambda i: columns.polynomial(i).mapped(spread), n)(rest)
    if len(sums):
        numerator = FR.add(numerator, FR.mul(_weights_on_coset(rounds), spread(sums)))
    bits = _bits(rounds, owners, columns.polynomial) if relation.hidden_guards else FR.zeros(0)
    if len(bits):
        equations = _equations(rounds)
        numerator = FR.sub(numerator, FR.mul(coset_ntt(equations, log_rows), spread(bits)))
    if rounds.constant() and contributor == FIRST:
        numerator = FR.add(numerator, FR.from_integers([rounds.constant_share()]))
    low = coset_intt(numerator)
    # what is linear need not be evaluated: it is added coefficient by coefficient
    low = FR.add(low, ProductSum(contributor, owners, lambda i: columns.polynomial(i).mapped(folded), n)(linear))
    rotated = FR.mul(accumulator, _rotation(log_rows, len(accumulator) - n))
    low = FR.add(low, folded(FR.sub(rotated, accumulator)))
    low = FR.scale(low, pow(pow(COSET_SHIFT, n, FR_MODULUS) - 1, -1, FR_MODULUS))
    high = _highest(weighted, contributor, owners, columns, n)
    if len(bits):  # b has N + 2 coefficients, their weights N: the product has one at 2N
        high[:1] = FR.sub(high[:1], FR.mul(equations[n - 1 :], resize(bits, n + 2)[n + 1 :]))
    quotient = resize(low, n + OVERLAP)
    quotient[:OVERLAP] = FR.sub(quotient[:OVERLAP], FR.mul(high, power))
    quotient[n:] = high
    return quotient


def _bits(rounds: Rounds, owners: Mapping[int, int], view: Callable[[int], Column]) -> Words:
    """My additive part of b, empty where I have none."""
    column = view(rounds.relation.bits_index)
    if owners[rounds.relation.bits_index] == NOBODY and column.shares is not None:
        return column.shares[0]
    return FR.zeros(0) if column.plain is None else column.plain


def _equations(rounds: Rounds) -> Words:
    """The polynomial that b has as a factor in E, (N, 4) coefficients."""
    rows = FR.zeros(rounds.relation.rows)
    for row, weight in equation_rows(rounds.relation, rounds.guard_weights()).items():
        rows[row : row + 1] = FR.from_integers([weight])
    return intt(rows)


@lru_cache(maxsize=2)
def _rotation(log_rows: int, extra: int) -> Words:
    """ω^j for the coefficients of A."""
    return FR.powers(root_of_unity(log_rows), (1 << log_rows) + extra)


def _weights_on_coset(rounds: Rounds) -> Words:
    """e on the coset, (N, 4). With few rows, L_v(g·ω^i) = (g^N − 1)/N · 1/(g·ω^(i−v) − 1) is a rotated constant."""
    relation, weights = rounds.relation, rounds.row_weights()
    n = relation.rows
    if len(weights) > FEW_ROWS:
        return coset_ntt(intt(resize(FR.from_integers(weights), n)), relation.log_rows)
    kernel = _lagrange_on_coset(relation.log_rows)
    total = FR.zeros(1)
    for row, weight in enumerate(weights):
        total = FR.add(FR.scale(np.roll(kernel, row, axis=0), weight), total)
    return total


@lru_cache(maxsize=2)
def _lagrange_on_coset(log_rows: int) -> Words:
    """L_0 on the coset."""
    n = 1 << log_rows
    points = FR.scale(FR.powers(root_of_unity(log_rows), n), COSET_SHIFT)
    factor = (pow(COSET_SHIFT, n, FR_MODULUS) - 1) * pow(n, -1, FR_MODULUS)
    return FR.scale(FR.inverse(FR.sub(points, FR.from_integers([1]))), factor)


def _highest(
    weighted: list[Weighted], contributor: int, owners: Mapping[int, int], columns: HeldColumns, n: int
) -> Words:
    """Coefficients 2N..2N+2 of the numerator, (3, 4)."""

    def top(polynomial: Words) -> Words:
        return ntt(resize(resize(polynomial, n + 2)[n - 1 :], 1 << _OVERLAP_LOG))

    def view(index: int) -> Mapped:
        return columns.polynomial(index).mapped(top)

    products = [w for w in weighted if w.term.left != ONE]
    if not products:
        return FR.zeros(OVERLAP)
    return intt(ProductSum(contributor, owners, view, 1 << _OVERLAP_LOG)(products))[2:5]
