"""The proofs of knowledge inside a `.ptau` file: one key per contribution and secret factor.

For a secret factor x (of τ, of α, of β) the contributor publishes s and x·s in G1 and x·S in G2, where S is hashed
from the digest the contribution started from, s and x·s. e(s, x·S) = e(x·s, S) shows that x is one number; the
knowledge-of-exponent assumption says that whoever made it knew x (Bowe, Gabizon, Miers, "Scalable Multi-party
Computation for zk-SNARK Parameters in the Random Beacon Model", IACR ePrint 2017/1050, sections 2 and 3).

S is drawn as the format's other implementations draw it: BLAKE2b of number of the factor ‖ digest ‖ s ‖ x·s, its first
32 bytes as the key of ChaCha20, from which come 254-bit candidates, x1 after x0, each taken to be in Montgomery form,
and the sign of y; then the cofactor. A beacon is a contribution whose factors are drawn the same way from a public
value, and so shows that the contributors before it could not foresee the end.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from zk.curve import multiply_generator, multiply_points, neg_points
from zk.errors import CeremonyInvalidError
from zk.field import FQ, FQ_MODULUS, FR, FR_MODULUS, Words
from zk.kernels import pairing as twist
from zk.kernels.pairing import TWIST_B, Fq2, fq2_product
from zk.pairing import G2, multiply_g2, pairing_product_is_one
from zk.ptau_points import hash_form

TAU, ALPHA, BETA = range(3)
MAX_BEACON_LOG_ITERATIONS: Final = 24

_COFACTOR: Final = 2 * FQ_MODULUS - FR_MODULUS
_CANDIDATE_MASK: Final = (1 << 254) - 1
_FROM_MONTGOMERY_Q: Final = pow(1 << 256, -1, FQ_MODULUS)
_FROM_MONTGOMERY_R: Final = pow(1 << 256, -1, FR_MODULUS)
_CHACHA_CONSTANTS: Final = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
_WORD: Final = 0xFFFFFFFF
_COLUMNS: Final = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
_DIAGONALS: Final = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


@dataclass(frozen=True, eq=False)
class FactorKey:
    """The public key of one secret factor x. Public.

    Args:
        base: s, (1, 8).
        product: x·s, (1, 8).
        product_g2: x·S.
    """

    base: Words
    product: Words
    product_g2: G2


def challenge_point(factor: int, digest: bytes, base: Words, product: Words) -> G2:
    """Return S, the point of G2 that a key answers to.

    Args:
        factor: `TAU`, `ALPHA` or `BETA`.
        digest: 64 bytes, where the contribution started.
        base: s, (1, 8).
        product: x·s, (1, 8).
    """
    seed = hashlib.blake2b(bytes([factor]) + digest + hash_form(base) + hash_form(product)).digest()
    return _Candidates(seed).g2()


def make_key(factor: int, digest: bytes, secret: int, base_secret: int) -> FactorKey:
    """Make the key of a secret factor.

    Args:
        factor: `TAU`, `ALPHA` or `BETA`.
        digest: 64 bytes, where the contribution starts.
        secret: x in 1..r-1. Secret.
        base_secret: any other scalar in 1..r-1, of which s is the multiple of the generator. Secret.

    Timing: variable, depends on the secrets.
    """
    base = multiply_generator(FR.from_integers([base_secret]))
    return _key(factor, digest, secret, base)


def same_ratio(base: Words, product: Words, base_g2: G2, product_g2: G2) -> bool:
    """Whether product = x·base and product_g2 = x·base_g2 for one x ≠ 0, all four points being finite.

    Args:
        base: (1, 8), and so is product.

    Raises:
        PointNotOnCurveError: a point off its curve or outside its subgroup.
    """
    if not (base.any() and product.any()) or base_g2 is None or product_g2 is None:
        return False
    return pairing_product_is_one(np.concatenate([base, neg_points(product)]), [product_g2, base_g2])


def beacon_keys(
    digest: bytes, beacon: bytes, log_iterations: int, progress: Callable[[float], None] | None = None
) -> tuple[FactorKey, FactorKey, FactorKey]:
    """Return the keys of τ, α and β that a beacon determines.

    Args:
        digest: 64 bytes, where the contribution starts.
        beacon: the public value.
        log_iterations: SHA-256 is applied 2^log_iterations times.

    Raises:
        CeremonyInvalidError: more than 2^24 iterations, which are not repeated here.
    """
    if log_iterations > MAX_BEACON_LOG_ITERATIONS:
        raise CeremonyInvalidError(f"its beacon takes 2^{log_iterations} iterations; at most 2^24 are repeated here")
    value, total = beacon, 1 << log_iterations
    for start in range(0, total, 1 << 18):
        for _ in range(min(1 << 18, total - start)):
            value = hashlib.sha256(value).digest()
        if progress is not None:
            progress(start / total)
    candidates = _Candidates(value)
    secrets = [candidates.scalar() for _ in range(3)]
    tau, alpha, beta = (_key(factor, digest, secrets[factor], candidates.g1()) for factor in (TAU, ALPHA, BETA))
    return tau, alpha, beta


def same_keys(left: FactorKey, right: FactorKey) -> bool:
    """Whether two public keys are the same."""
    parts = ((left.base, right.base), (left.product, right.product))
    return all((a == b).all() for a, b in parts) and left.product_g2 == right.product_g2


def _key(factor: int, digest: bytes, secret: int, base: Words) -> FactorKey:
    product = multiply_points(base, FR.from_integers([secret]))
    return FactorKey(base, product, multiply_g2(challenge_point(factor, digest, base, product), secret))


class _Candidates:
    """Numbers and points from the ChaCha20 stream of a seed of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = struct.unpack(">8I", seed[:32])
        self._counter = 0
        self._words: list[int] = []

    def word(self) -> int:
        """Return the next 32 bits."""
        if not self._words:
            start = [*_CHACHA_CONSTANTS, *self._key, self._counter, 0, 0, 0]
            self._counter += 1
            self._words = [(a + b) & _WORD for a, b in zip(_chacha_rounds(start), start, strict=True)][::-1]
        return self._words.pop()

    def below(self, modulus: int) -> int:
        """Return a number below the modulus, by rejection: four times 64 bits, the high half of each first."""
        while True:
            value = 0
            for position in range(4):
                high = self.word()
                value |= ((high << 32) | self.word()) << (64 * position)
            if value & _CANDIDATE_MASK < modulus:
                return value & _CANDIDATE_MASK

    def scalar(self) -> int:
        """Return an element of Fr."""
        return self.below(FR_MODULUS) * _FROM_MONTGOMERY_R % FR_MODULUS

    def coordinate(self) -> int:
        """Return an element of Fq."""
        return self.below(FQ_MODULUS) * _FROM_MONTGOMERY_Q % FQ_MODULUS

    def g1(self) -> Words:
        """Return a point of G1, (1, 8)."""
        while True:
            x, larger = self.coordinate(), self.word() & 1 == 1
            y = _root(x * x * x + 3)
            if y is not None:
                y = y if _is_larger(y) == larger else -y % FQ_MODULUS
                return FQ.from_integers([x, y]).reshape(1, 8)

    def g2(self) -> G2:
        """Return a point of G2."""
        while True:
            x, larger = (self.coordinate(), self.coordinate()), self.word() & 1 == 1
            cube = fq2_product(fq2_product(x, x), x)
            y = _root2(((cube[0] + TWIST_B[0]) % FQ_MODULUS, (cube[1] + TWIST_B[1]) % FQ_MODULUS))
            if y is not None:
                if _is_larger(y[1] or y[0]) != larger:
                    y = (-y[0] % FQ_MODULUS, -y[1] % FQ_MODULUS)
                return twist.multiply((x, y), _COFACTOR)


def _chacha_rounds(state: list[int]) -> list[int]:
    words = list(state)
    for _ in range(10):
        for a, b, c, d in (*_COLUMNS, *_DIAGONALS):
            for target, source, mixed, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                words[target] = (words[target] + words[source]) & _WORD
                turned = words[mixed] ^ words[target]
                words[mixed] = ((turned << bits) | (turned >> (32 - bits))) & _WORD
    return words


def _is_larger(y: int) -> bool:
    return y > (FQ_MODULUS - 1) // 2


def _root(a: int) -> int | None:
    """A square root modulo q (q = 3 mod 4), or None."""
    root = pow(a, (FQ_MODULUS + 1) // 4, FQ_MODULUS)
    return root if (root * root - a) % FQ_MODULUS == 0 else None


def _root2(a: Fq2) -> Fq2 | None:
    """A square root in Fq2 by way of the norm, or None."""
    norm = _root(a[0] * a[0] + a[1] * a[1])
    if norm is None:
        return None
    half = pow(2, -1, FQ_MODULUS)
    for sign in (1, -1):
        real = _root((a[0] + sign * norm) * half)
        if real:
            return real, a[1] * pow(2 * real, -1, FQ_MODULUS) % FQ_MODULUS
    imaginary = _root(-a[0])
    return (0, imaginary) if a[1] == 0 and imaginary is not None else None
