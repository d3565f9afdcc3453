"""A slow third ring, and seeds that repeat: what several files of these tests import."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from mpc.errors import RingValueError
from mpc.prg import Seed
from mpc.rings import RingArray
from mpc.seeds import PairwiseSeeds


class MersenneField:
    """A slow prime field of 2^127 - 1 elements on Python integers: a third ring, written for these tests."""

    name = "F_2^127-1"
    element_bytes = 16
    modulus = (1 << 127) - 1

    def _array(self, values: Sequence[int]) -> RingArray:
        array = np.empty(len(values), dtype=object)
        array[:] = [int(value) % self.modulus for value in values]
        return array

    def zeros(self, n: int) -> RingArray:
        return self._array([0] * n)

    def add(self, a: RingArray, b: RingArray) -> RingArray:
        return self._array(list(a + b))

    def sub(self, a: RingArray, b: RingArray) -> RingArray:
        return self._array(list(a - b))

    def neg(self, a: RingArray) -> RingArray:
        return self._array(list(-a))

    def mul(self, a: RingArray, b: RingArray) -> RingArray:
        return self._array(list(a * b))

    def inner(self, a: RingArray, b: RingArray) -> RingArray:
        return self._array([sum(a * b)])

    def total(self, a: RingArray) -> RingArray:
        return self._array([sum(a)])

    def from_integers(self, values: Sequence[int]) -> RingArray:
        return self._array(list(values))

    def to_integers(self, a: RingArray) -> list[int]:
        return [int(value) for value in a]

    def encode_bytes(self, a: RingArray) -> bytes:
        return b"".join(int(value).to_bytes(16, "big") for value in a)

    def decode_bytes(self, data: bytes) -> RingArray:
        values = [int.from_bytes(data[at : at + 16], "big") for at in range(0, len(data), 16)]
        if len(data) % 16 or any(value >= self.modulus for value in values):
            raise RingValueError("not a canonical encoding")
        return self._array(values)

    def expand(self, stream: Callable[[int], bytes], n: int) -> RingArray:
        return self._array([int.from_bytes(stream(32), "big") for _ in range(n)])


MERSENNE = MersenneField()


def fixed_seeds(party: int, secret: str = "fixed") -> PairwiseSeeds:
    """Seeds known to the tests, so that a failure repeats."""

    def seed(name: object) -> Seed:
        return Seed(hashlib.sha256(f"{secret}/{name}".encode()).digest())

    return PairwiseSeeds(party, seed(party), seed((party + 1) % 3), seed("common"))
