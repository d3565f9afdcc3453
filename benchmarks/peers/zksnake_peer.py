"""zksnake: arkworks' BN254 behind Python.

Its functions take lists of Python integers and of point objects and convert them at every call. What that costs is
measured by calls that convert as much and compute nothing: a multi-scalar multiplication whose lengths do not fit is
refused after converting, a transform of size one reads all its coefficients, and the roots of unity are as many
integers to return for one multiplication each. Points are made with z = 1, or each would cost an inversion per call.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zksnake._algebra import ec_bn254, polynomial_bn254

from benchmarks.peers.worker import FQ_MODULUS, Cost, Inputs, Prepared, read_integers, read_points, serve, timed


def _points(coordinates: list[tuple[int, int]]) -> list[Any]:
    """Point objects with z = 1; one that is minus the point half a list before is made by negation, which is fast."""
    points: list[Any] = []
    half = len(coordinates) // 2
    for index, (x, y) in enumerate(coordinates):
        mirrored = index >= half and coordinates[index - half] == (x, FQ_MODULUS - y)
        points.append(-points[index - half] if mirrored else ec_bn254.PointG1(x, y))
    return points


def _encoded(point: Any) -> bytes:
    return b"".join(int(c).to_bytes(32, "big") for c in (point.x, point.y))


def msm(inputs: Inputs) -> Prepared:
    """The sum of scalars[i]·points[i]."""
    points, scalars = _points(read_points(inputs["points"])), read_integers(inputs["scalars"])
    points = points[: len(scalars)]

    def refused() -> None:
        with suppress(ValueError):
            ec_bn254.multiscalar_mul_g1(points, scalars[:-1])

    return Prepared(
        lambda: ec_bn254.multiscalar_mul_g1(points, scalars),
        lambda total: _encoded(total).hex(),
        convert=lambda: timed(refused),
    )


def ntt(inputs: Inputs) -> Prepared:
    """The values on the subgroup of as many elements."""
    scalars = read_integers(inputs["scalars"])
    n = len(scalars)

    def convert() -> Cost:
        read = timed(lambda: polynomial_bn254.fft(scalars, 1))
        return read + timed(lambda: polynomial_bn254.get_all_root_of_unity(n))

    def digest(values: list[int]) -> str:
        return hashlib.sha256(b"".join(int(value).to_bytes(32, "big") for value in values)).hexdigest()

    return Prepared(lambda: polynomial_bn254.fft(scalars, n), digest, convert=convert)


def fixed_base(inputs: Inputs) -> Prepared:
    """Each scalar times the generator; zksnake has no table, it multiplies point by point."""
    scalars = read_integers(inputs["scalars"])
    bases, zeros = [ec_bn254.g1()] * len(scalars), [0] * len(scalars)
    return Prepared(
        lambda: ec_bn254.batch_multi_scalar_g1(bases, scalars),
        lambda points: hashlib.sha256(b"".join(map(_encoded, points))).hexdigest(),
        units=len(scalars),
        convert=lambda: timed(lambda: ec_bn254.batch_multi_scalar_g1(bases, zeros)),
    )


def pairing_check(inputs: Inputs) -> Prepared:
    """Whether the product of two pairings is one, for each set of points."""
    one = ec_bn254.multi_pairing([ec_bn254.g1(), -ec_bn254.g1()], [ec_bn254.g2(), ec_bn254.g2()])
    checks = []
    for check in json.loads(Path(inputs["checks"]).read_text()):
        left = [ec_bn254.PointG1(*point) for point in check["g1"]]
        right = [ec_bn254.PointG2(*x, *y) for x, y in check["g2"]]
        checks.append((left, right))
    repeats = inputs["repeats"]

    def run() -> list[bool]:
        return [ec_bn254.multi_pairing(*check) == one for _ in range(repeats) for check in checks]

    def verdicts(answers: list[bool]) -> str:
        left, right = checks[0]
        return json.dumps([all(answers), ec_bn254.multi_pairing([left[0], left[0]], right) == one])

    return Prepared(run, verdicts, units=repeats * len(checks))


if __name__ == "__main__":
    serve(
        "zksnake",
        version("zksnake"),
        {"msm": msm, "ntt": ntt, "fixed_base": fixed_base, "pairing_check": pairing_check},
    )
