"""Vectors of EIP-196 for addition and multiplication on G1 (provenance in the file), and inputs it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zk.curve import add_points, multiply_points, points_from_bytes, points_to_bytes
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError
from zk.field import FQ_MODULUS, FR
from zk.kernels import IFMA, chosen_path
from zk.msm import msm

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "eip196.json").read_text())


def padded(text: str, size: int) -> bytes:
    """EIP-196: input is cut to its size, or followed by zeros."""
    return bytes.fromhex(text)[:size].ljust(size, b"\0")


@pytest.mark.parametrize("vector", VECTORS["add"], ids=lambda vector: vector["name"])
def test_addition(vector: dict[str, str]) -> None:
    points = points_from_bytes(padded(vector["input"], 128))
    assert points_to_bytes(add_points(points[:1], points[1:])).hex() == vector["expected"]
    assert points_to_bytes(add_points(points[1:], points[:1])).hex() == vector["expected"]


@pytest.mark.parametrize("path", ["portable", "lanes"])
@pytest.mark.parametrize("vector", VECTORS["multiply"], ids=lambda vector: vector["name"])
def test_multiplication(vector: dict[str, str], path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if path == "lanes" and chosen_path() != IFMA:
        pytest.skip("needs a processor with AVX-512 IFMA")
    monkeypatch.setattr("zk.msm.LANES_FROM", 1 if path == "lanes" else 1 << 62)
    data = padded(vector["input"], 96)
    point, scalar = points_from_bytes(data[:64]), FR.from_integers([int.from_bytes(data[64:], "big")])
    product = multiply_points(point, scalar)
    assert points_to_bytes(product).hex() == vector["expected"]
    assert np.array_equal(msm(point, scalar), product)
    other = multiply_points(point, FR.add(scalar, FR.from_integers([1])))
    assert points_to_bytes(other).hex() != vector["expected"]


@pytest.mark.parametrize(
    ("point", "error"),
    [((1, 1), PointNotOnCurveError), ((0, 1), PointNotOnCurveError), ((FQ_MODULUS + 1, 2), NonCanonicalEncodingError),
     ((1, FQ_MODULUS + 2), NonCanonicalEncodingError), ((FQ_MODULUS, 0), NonCanonicalEncodingError)],
)  # fmt: skip
def test_inputs_the_precompiles_refuse(point: tuple[int, int], error: type[Exception]) -> None:
    with pytest.raises(error):
        points_from_bytes(b"".join(coordinate.to_bytes(32, "big") for coordinate in point))
