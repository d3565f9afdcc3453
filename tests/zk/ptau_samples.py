"""Small `.ptau` files, honest and forged, and the points a forger needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

from zk.field import FQ_MODULUS, FR_MODULUS
from zk.kernels.pairing import TWIST_B, fq2_power, fq2_product, multiply
from zk.pairing import G2_GENERATOR, add_g2
from zk.ptau import begin_ptau, contribute_ptau
from zk.ptau_file import Layout, read_layout
from zk.ptau_twist import g2_rows

LEAST_COFACTOR_PRIME = 10069


def layout_of(path: Path) -> Layout:
    """Where a file's sections lie."""
    with open(path, "rb") as stream:
        return read_layout(stream)


@contextmanager
def known_factors(tau: int, alpha: int = 7, beta: int = 11) -> Iterator[None]:
    """Contributions inside the block multiply by these factors."""
    values = {b"ptau factor 0": tau, b"ptau factor 1": alpha, b"ptau factor 2": beta}

    class Known:
        def __init__(self, purpose: bytes, *_material: bytes) -> None:
            self._value = values.get(purpose, 1234567)

        def expose(self) -> int:
            return self._value

    with patch("zk.ptau.SecretScalar", Known):
        yield


def make_file(folder: Path, power: int, taus: Sequence[int]) -> Path:
    """A file whose contributors chose these factors of τ: valid in everything but perhaps the choice."""
    path = folder / "chosen.ptau"
    begin_ptau(path, power)
    for number, tau in enumerate(taus):
        with known_factors(tau):
            contribute_ptau(path, path, f"contributor {number}")
    return path


def point_outside_g2() -> np.ndarray:
    """The generator of G2 plus a point of order 10069: a row on the twist and outside the subgroup."""
    cofactor, x = 2 * FQ_MODULUS - FR_MODULUS, 0
    while True:
        x += 1
        y = _square_root(((x**3 + TWIST_B[0]) % FQ_MODULUS, TWIST_B[1]))
        if y is not None:
            point = multiply(multiply(((x, 0), y), FR_MODULUS), cofactor // LEAST_COFACTOR_PRIME)
            if point is not None:
                return g2_rows([add_g2(point, G2_GENERATOR)])[0]


def _square_root(a: tuple[int, int]) -> tuple[int, int] | None:
    """By Adj and Rodríguez-Henríquez (IACR ePrint 2012/685, algorithm 9), another way than the code under test."""
    start = fq2_power(a, (FQ_MODULUS - 3) // 4)
    alpha, root = fq2_product(fq2_product(start, start), a), fq2_product(start, a)
    if alpha == (FQ_MODULUS - 1, 0):
        root = fq2_product((0, 1), root)
    else:
        root = fq2_product(fq2_power(((alpha[0] + 1) % FQ_MODULUS, alpha[1]), (FQ_MODULUS - 1) // 2), root)
    return root if fq2_product(root, root) == a else None
