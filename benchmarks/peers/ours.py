"""This repository as a contestant, through its public functions, on the path ``TALLYSTICK_KERNELS`` names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from benchmarks.peers.worker import Inputs, Prepared, serve
from zk import kernels
from zk.curve import encode_points, multiply_generator, points_from_bytes, points_to_bytes
from zk.field import FR, Words
from zk.kernels import warm_up
from zk.msm import FixedPoints
from zk.msm import msm as multiply_and_sum
from zk.ntt import ntt as transform
from zk.pairing import pairing_product_is_one


def path_name() -> str:
    """Return which kernels this process runs, ``scalar`` or ``ifma``."""
    chosen = getattr(kernels, "chosen_path", None)
    return str(chosen()) if chosen else "scalar"


def _scalars(path: str) -> Words:
    return FR.decode_bytes(Path(path).read_bytes())


def _digest(encoded: bytes) -> str:
    return hashlib.sha256(encoded).hexdigest()


def mul(inputs: Inputs) -> Prepared:
    """Products, element by element, from arrays to an array."""
    a, b, repeats = _scalars(inputs["scalars"]), _scalars(inputs["others"]), inputs["repeats"]

    def run() -> Words:
        for _ in range(repeats - 1):
            FR.mul(a, b)
        return FR.mul(a, b)

    return Prepared(run, lambda product: _digest(FR.encode_bytes(product)), units=len(a) * repeats)


def horner(inputs: Inputs) -> Prepared:
    """The value of a polynomial at one point: a product and a sum per coefficient, in the kernels' own form."""
    a, x, repeats = _scalars(inputs["scalars"]), inputs["point"], inputs["repeats"]

    def run() -> int:
        for _ in range(repeats - 1):
            FR.evaluate(a, x)
        return FR.evaluate(a, x)

    return Prepared(run, str, units=len(a) * repeats)


def msm(inputs: Inputs) -> Prepared:
    """The sum of scalars[i]·points[i], the points laid out once, as a reference string keeps them."""
    points = FixedPoints(points_from_bytes(Path(inputs["points"]).read_bytes()))
    scalars = _scalars(inputs["scalars"])
    return Prepared(lambda: multiply_and_sum(points, scalars), lambda total: points_to_bytes(total).hex())


def ntt(inputs: Inputs) -> Prepared:
    """The values on the subgroup of as many elements."""
    scalars = _scalars(inputs["scalars"])
    transform(scalars)  # the table of roots is made once per size, as the peers' are
    return Prepared(lambda: transform(scalars), lambda values: _digest(FR.encode_bytes(values)))


def fixed_base(inputs: Inputs) -> Prepared:
    """Each scalar times the generator."""
    scalars = _scalars(inputs["scalars"])
    multiply_generator(scalars[:1])  # makes the generator's table
    return Prepared(
        lambda: multiply_generator(scalars), lambda points: _digest(points_to_bytes(points)), units=len(scalars)
    )


def pairing_check(inputs: Inputs) -> Prepared:
    """Whether the product of two pairings is one, for each set of points."""
    checks = [
        (encode_points([(x, y) for x, y in check["g1"]]), [((*x,), (*y,)) for x, y in check["g2"]])
        for check in json.loads(Path(inputs["checks"]).read_text())
    ]
    repeats = inputs["repeats"]

    def run() -> list[bool]:
        return [pairing_product_is_one(left, right) for _ in range(repeats) for left, right in checks]

    def verdicts(answers: list[bool]) -> str:
        left, right = checks[0]
        return json.dumps([all(answers), pairing_product_is_one(left[[0, 0]], right)])

    return Prepared(run, verdicts, units=repeats * len(checks))


if __name__ == "__main__":
    warm_up()
    tasks = {
        "mul": mul,
        "horner": horner,
        "msm": msm,
        "ntt": ntt,
        "fixed_base": fixed_base,
        "pairing_check": pairing_check,
    }
    serve("ours", f"{path_name()} kernels", tasks)
