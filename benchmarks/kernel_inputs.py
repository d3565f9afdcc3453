"""The inputs of the kernel benchmark, written once as files that every contestant reads.

Each task of ``benchmarks.peers`` has a method that returns its inputs, paths and small values, by name.
Scalars are uniform below the group order, points are distinct multiples of the generator, and the second half of the
points is the first negated (a peer takes 80 µs to build a point object, and nothing to negate one). Seeds are fixed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from zk.curve import add_points, decode_points, multiply_generator, neg_points, points_to_bytes
from zk.field import FR, FR_MODULUS
from zk.pairing import G2_GENERATOR, multiply_g2

SEED = 20_254


class KernelInputs:
    """Files in ``directory``, made when first asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def mul(self, n: int, repeats: int) -> dict[str, Any]:
        """Two vectors of ``n`` elements, multiplied ``repeats`` times."""
        return {"scalars": self._scalars(n), "others": self._scalars(n, seed=1), "repeats": repeats}

    def horner(self, n: int, repeats: int) -> dict[str, Any]:
        """``n`` coefficients and a point, evaluated ``repeats`` times."""
        return {"scalars": self._scalars(n), "point": FR_MODULUS // 3, "repeats": repeats}

    def msm(self, n: int, bits: int | None = None) -> dict[str, Any]:
        """As many points as scalars, which are uniform below r or of ``bits`` bits."""
        return {"scalars": self._scalars(n, bits=bits), "points": self._points(n)}

    def ntt(self, n: int) -> dict[str, Any]:
        """The ``n`` coefficients."""
        return {"scalars": self._scalars(n)}

    def fixed_base(self, n: int) -> dict[str, Any]:
        """The ``n`` scalars."""
        return {"scalars": self._scalars(n)}

    def pairing_check(self, count: int, repeats: int) -> dict[str, Any]:
        """``count`` checks, gone through ``repeats`` times."""
        return {"checks": self._checks(count), "repeats": repeats}

    def _scalars(self, n: int, seed: int = 0, bits: int | None = None) -> str:
        """The file of ``n`` scalars: uniform below r, or of ``bits`` bits."""
        path = self.directory / f"scalars-{n}-{seed}-{bits}"
        if not path.exists():
            generator = np.random.default_rng([SEED, seed])
            if bits is None:
                values = FR.expand(generator.bytes, n)
            else:
                values = FR.from_int64(generator.integers(0, 1 << bits, n, dtype=np.int64))
            path.write_bytes(FR.encode_bytes(values))
        return str(path)

    def _points(self, n: int) -> str:
        """The file of ``n`` points, n a power of two and at least 4."""
        path = self.directory / f"points-{n}"
        if not path.exists():
            half = n // 2
            columns = 1 << (half.bit_length() // 2)
            generator = np.random.default_rng([SEED, n])
            across = multiply_generator(FR.expand(generator.bytes, columns))
            down = multiply_generator(FR.expand(generator.bytes, half // columns))
            points = np.concatenate([add_points(across, down[i : i + 1]) for i in range(half // columns)])
            path.write_bytes(points_to_bytes(np.concatenate([points, neg_points(points)])))
        return str(path)

    def _checks(self, count: int) -> str:
        """The file of ``count`` true pairing checks e(P, aQ)·e(-acP, c⁻¹Q) = 1, all points different."""
        path = self.directory / f"checks-{count}"
        if not path.exists():
            generator = np.random.default_rng([SEED, count])
            scalars = iter(FR.to_integers(FR.expand(generator.bytes, 3 * count)))
            checks = []
            for _ in range(count):
                p, a, c = next(scalars), next(scalars), next(scalars)
                g1 = multiply_generator(FR.from_integers([p, -p * a * c]))
                g2 = [multiply_g2(G2_GENERATOR, k) for k in (a, pow(c, -1, FR_MODULUS))]
                checks.append({"g1": decode_points(g1), "g2": g2})
            path.write_text(json.dumps(checks))
        return str(path)
