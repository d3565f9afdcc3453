"""The inner product of two committed vectors as other provers take it: ``.r1cs``, ``.wtns`` and ``.ptau`` files.

One constraint per element, a_i·b_i = s_i − s_{i−1}, with s_n the public result. A prover of R1CS has n of them. One of
PLONK gates, which join three wires, needs two gates for each but the first, and one for the result: 2n, so that n a
power of two fills its domain exactly. The reference string's secret is fixed and its file holds no contributions; it
serves a measurement of time and nothing else.

Formats: https://github.com/iden3/r1csfile (r1cs), snarkjs' ``wtns`` version 2 and ``ptau`` version 1, little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from zk.curve import multiply_generator
from zk.field import FQ, FQ_MODULUS, FR, FR_MODULUS, Words
from zk.ntt import root_of_unity
from zk.pairing import G2, G2_GENERATOR, multiply_g2

SEED: Final = 20_254
TAU: Final = pow(5, 0xC0FFEE, FR_MODULUS)
EXTRA_POWERS: Final = 6
RESULT_WIRE: Final = 1
_ELEMENT: Final = 32
_PRIME: Final = FR_MODULUS.to_bytes(_ELEMENT, "little")
_ONE: Final = (1).to_bytes(_ELEMENT, "little")
_MINUS_ONE: Final = (FR_MODULUS - 1).to_bytes(_ELEMENT, "little")


class CircuitFiles:
    """Files about inner products of 2^k elements in ``directory``, made when first asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def inner_product(self, log_n: int) -> dict[str, Any]:
        """Paths of the circuit, a satisfying witness, a reference string for PLONK, and where to put a proving key."""
        paths = {name: self.directory / f"inner-{log_n}.{name}" for name in ("r1cs", "wtns", "ptau", "zkey")}
        if not paths["wtns"].exists():
            _write_circuit(paths["r1cs"], 1 << log_n)
            _write_witness(paths["wtns"], 1 << log_n)
            _write_powers(paths["ptau"], log_n + 1)
        return {name: str(path) for name, path in paths.items()}


def _section(number: int, content: bytes) -> bytes:
    return struct.pack("<IQ", number, len(content)) + content


def _write_circuit(path: Path, n: int) -> None:
    """Wires: 1, the result, the a_i, the b_i, then s_1..s_{n−1}."""
    wires, first = 3 * n + 1, 2 * n + 2
    factor = f"V{_ELEMENT}"
    names = [("one_a", "<u4"), ("a", "<u4"), ("fa", factor), ("one_b", "<u4"), ("b", "<u4"), ("fb", factor)]
    names += [("two_c", "<u4"), ("c", "<u4"), ("fc", factor), ("d", "<u4"), ("fd", factor)]
    rows: NDArray[Any] = np.zeros(n - 1, dtype=names)
    places = np.arange(1, n, dtype=np.uint32)
    rows["one_a"], rows["one_b"], rows["two_c"] = 1, 1, 2
    rows["a"], rows["b"] = 2 + places, n + 2 + places
    rows["c"], rows["d"] = first + places - 1, first + places
    rows["fa"] = rows["fb"] = rows["fd"] = np.void(_ONE)
    rows["fc"] = np.void(_MINUS_ONE)
    rows["d"][-1] = RESULT_WIRE
    start = b"".join(struct.pack("<II", 1, wire) + _ONE for wire in (2, n + 2, first))
    header = struct.pack("<I", _ELEMENT) + _PRIME + struct.pack("<IIIIQI", wires, 1, 0, 2 * n, wires, n)
    labels = np.arange(wires, dtype="<u8").tobytes()
    with path.open("wb") as file:
        file.write(b"r1cs" + struct.pack("<II", 1, 3) + _section(1, header))
        file.write(_section(2, start + rows.tobytes()) + _section(3, labels))


def _write_witness(path: Path, n: int) -> None:
    rng = np.random.default_rng([SEED, n])
    a, b = (rng.integers(0, 1 << 32, n, dtype=np.int64) for _ in range(2))
    totals, total = [], 0
    for left, right in zip(a.tolist(), b.tolist(), strict=True):
        total += left * right
        totals.append(total)
    values = [1, total, *a.tolist(), *b.tolist(), *totals[:-1]]
    encoded = b"".join(value.to_bytes(_ELEMENT, "little") for value in values)
    header = struct.pack("<I", _ELEMENT) + _PRIME + struct.pack("<I", len(values))
    path.write_bytes(b"wtns" + struct.pack("<II", 2, 2) + _section(1, header) + _section(2, encoded))


def _write_powers(path: Path, log_domain: int) -> None:
    """What a PLONK setup reads of a prepared file: [τ^i]_1, [τ]_2, and the Lagrange basis of one domain."""
    n = 1 << log_domain
    header = struct.pack("<I", _ELEMENT) + FQ_MODULUS.to_bytes(_ELEMENT, "little")
    with path.open("wb") as file:
        file.write(b"ptau" + struct.pack("<II", 1, 4))
        file.write(_section(1, header + struct.pack("<II", log_domain, log_domain)))
        file.write(_section(2, _points(multiply_generator(FR.powers(TAU, n + EXTRA_POWERS)))))
        file.write(_section(3, _g2_points([G2_GENERATOR, multiply_g2(G2_GENERATOR, TAU)])))
        _write_basis(file, log_domain)


def _write_basis(file: BinaryIO, log_domain: int) -> None:
    """Section 12: the bases of all domains up to this one, of which only this one is filled."""
    n = 1 << log_domain
    size = 64 * (2 * n - 1)
    file.write(struct.pack("<IQ", 12, size))
    file.seek(64 * (n - 1), 1)
    points = FR.powers(root_of_unity(log_domain), n)
    inverses = FR.inverse(FR.sub(FR.from_integers([TAU]), points))
    factor = (pow(TAU, n, FR_MODULUS) - 1) * pow(n, -1, FR_MODULUS)
    file.write(_points(multiply_generator(FR.scale(FR.mul(points, inverses), factor))))


def _points(points: Words) -> bytes:
    """Coordinates in Montgomery form, as both sides hold them."""
    return points.astype("<u8").tobytes()


def _g2_points(points: Sequence[G2]) -> bytes:
    coordinates = [c for point in points if point is not None for pair in point for c in pair]
    return FQ.from_integers(coordinates).astype("<u8").tobytes()
