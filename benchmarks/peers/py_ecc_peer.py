"""py_ecc: the pairing of Ethereum's executable specification, in plain Python."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from py_ecc.fields import optimized_bn128_FQ as Fq
from py_ecc.fields import optimized_bn128_FQ2 as Fq2
from py_ecc.fields import optimized_bn128_FQ12 as Fq12
from py_ecc.optimized_bn128 import final_exponentiate, pairing

from benchmarks.peers.worker import Inputs, Prepared, serve


def pairing_check(inputs: Inputs) -> Prepared:
    """Whether the product of two pairings is one: two Miller loops and one final exponentiation."""
    check = json.loads(Path(inputs["checks"]).read_text())[0]
    left = [(Fq(x), Fq(y), Fq(1)) for x, y in check["g1"]]
    right = [(Fq2(x), Fq2(y), Fq2((1, 0))) for x, y in check["g2"]]

    def product_is_one(points: list[tuple[Fq, Fq, Fq]]) -> bool:
        product = Fq12.one()
        for p, q in zip(points, right, strict=True):
            product = product * pairing(q, p, final_exponentiate=False)
        return bool(final_exponentiate(product) == Fq12.one())

    return Prepared(
        lambda: [product_is_one(left)],
        lambda answers: json.dumps([all(answers), product_is_one([left[0], left[0]])]),
    )


if __name__ == "__main__":
    serve("py_ecc", version("py_ecc"), {"pairing_check": pairing_check})
