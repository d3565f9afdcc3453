"""galois: field arrays over NumPy, which hold 254-bit elements as Python integers."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any

import galois
import numpy as np

from benchmarks.peers.worker import FR_MODULUS, Inputs, Prepared, read_integers, serve


def mul(inputs: Inputs) -> Prepared:
    """Products, element by element."""
    field = galois.GF(FR_MODULUS, primitive_element=5, verify=False)
    a, b = (field(np.array(read_integers(inputs[key]), dtype=object)) for key in ("scalars", "others"))

    def digest(product: Any) -> str:
        return hashlib.sha256(b"".join(int(value).to_bytes(32, "big") for value in product)).hexdigest()

    return Prepared(lambda: a * b, digest, units=len(a))


if __name__ == "__main__":
    serve("galois", version("galois"), {"mul": mul})
