"""Field, polynomials, hashing and a reference string with a known τ, for `tiny_prover`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from py_ecc.optimized_bn128 import G1, G2, curve_order, multiply, normalize

R = curve_order
Point = tuple[int, int]
Polynomial = list[int]


def word(value: int | bytes) -> bytes:
    """A 32-byte word: an integer, or a label padded on the right."""
    return value.ljust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")


def sha(*parts: bytes) -> bytes:
    """SHA-256 of the concatenation."""
    return hashlib.sha256(b"".join(parts)).digest()


def add(*terms: Polynomial) -> Polynomial:
    total = [0] * max(map(len, terms))
    for term in terms:
        for i, c in enumerate(term):
            total[i] = (total[i] + c) % R
    return total


def scale(p: Polynomial, c: int) -> Polynomial:
    return [x * c % R for x in p]


def mul(a: Polynomial, b: Polynomial) -> Polynomial:
    product = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] = (product[i + j] + x * y) % R
    return product


def evaluate(p: Polynomial, x: int) -> int:
    total = 0
    for c in reversed(p):
        total = (total * x + c) % R
    return total


def divide_linear(p: Polynomial, root: int) -> Polynomial:
    """(p − p(root)) / (X − root)."""
    quotient, carry = [0] * (len(p) - 1), 0
    for i in range(len(p) - 1, 0, -1):
        carry = (p[i] + carry * root) % R
        quotient[i - 1] = carry
    return quotient


class TinySrs:
    """Powers of a τ that this object knows. Args: log_rows; rng: source of τ and of every blinder."""

    def __init__(self, log_rows: int, rng: Random) -> None:
        self.rng, self.log_rows, self.rows = rng, log_rows, 1 << log_rows
        self.tau = rng.randrange(2, R)
        self.omega = pow(5, (R - 1) // self.rows, R)
        self.id = sha(b"tiny", word(self.tau))
        (x, y) = normalize(multiply(G2, self.tau))
        self.tau_g2_words = [int(c) for c in (x.coeffs[1], x.coeffs[0], y.coeffs[1], y.coeffs[0])]

    def commit(self, p: Polynomial) -> Point:
        x, y = normalize(multiply(G1, evaluate(p, self.tau)))
        return int(x), int(y)

    def interpolate(self, values: Sequence[int]) -> Polynomial:
        n, inverse = self.rows, pow(self.rows, -1, R)
        return [sum(v * pow(self.omega, -i * j, R) for j, v in enumerate(values)) * inverse % R for i in range(n)]

    def blind(self, values: Sequence[int], blinders: int) -> Polynomial:
        """Interpolate and add a random polynomial of `blinders` coefficients times Z_H."""
        p = self.interpolate(values) + [0] * blinders
        for i in range(blinders):
            x = self.rng.randrange(R)
            p[i], p[self.rows + i] = (p[i] - x) % R, (p[self.rows + i] + x) % R
        return p

    def divide_vanishing(self, p: Polynomial) -> Polynomial:
        """Quotient by X^N − 1 without its remainder, which is 0 for an honest prover."""
        rest, quotient = list(p), [0] * max(len(p) - self.rows, 1)
        for i in range(len(p) - 1, self.rows - 1, -1):
            quotient[i - self.rows] = rest[i]
            rest[i - self.rows] = (rest[i - self.rows] + rest[i]) % R
        return quotient


@dataclass(frozen=True)
class Committed:
    """A registered column: rows, blinded polynomial, commitment."""

    values: Sequence[int]
    polynomial: Polynomial
    point: Point


def register_column(srs: TinySrs, values: Sequence[int]) -> Committed:
    p = srs.blind([v % R for v in values], 1)
    return Committed(values, p, srs.commit(p))
