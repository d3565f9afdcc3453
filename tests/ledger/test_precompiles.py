"""The BN254 precompiles of the embedded chain against py_ecc: outputs, refusals and gas."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ledger_signing import signed, word
from py_ecc import optimized_bn128 as curve

from ledger.chain import EmbeddedChain
from ledger.errors import ExecutionFailedError
from ledger.simulate import CallRequest


def point_bytes(point: Any) -> bytes:
    if curve.is_inf(point):
        return bytes(64)
    x, y = curve.normalize(point)
    return word(int(x)) + word(int(y))


def g2_bytes(point: Any) -> bytes:
    x, y = curve.normalize(point)
    return b"".join(word(int(c)) for c in (x.coeffs[1], x.coeffs[0], y.coeffs[1], y.coeffs[0]))


def run_precompile(chain: EmbeddedChain, number: int, data: bytes) -> bytes:
    return chain.call(CallRequest(to=bytes(19) + bytes([number]), data=data))


def test_point_precompiles_equal_py_ecc(chain: EmbeddedChain) -> None:
    generator = random.Random(20260)
    order = curve.curve_order
    scalars = [0, 1, 2, order - 1, order, 2**256 - 1, generator.randrange(order)]
    for left in scalars:
        p = curve.multiply(curve.G1, left % order)
        q = curve.multiply(curve.G1, generator.randrange(order))
        assert run_precompile(chain, 7, point_bytes(q) + word(left)) == point_bytes(curve.multiply(q, left % order))
        assert run_precompile(chain, 6, point_bytes(p) + point_bytes(q)) == point_bytes(curve.add(p, q))
        assert run_precompile(chain, 6, point_bytes(p) + point_bytes(curve.neg(p))) == bytes(64)
        assert run_precompile(chain, 6, point_bytes(p) * 2) == point_bytes(curve.double(p))


def test_pairing_precompile_equals_py_ecc(chain: EmbeddedChain) -> None:
    p, q = curve.multiply(curve.G1, 6), curve.multiply(curve.G2, 7)
    good = point_bytes(p) + g2_bytes(q) + point_bytes(curve.neg(curve.multiply(curve.G1, 42))) + g2_bytes(curve.G2)
    bad = point_bytes(p) + g2_bytes(q) + point_bytes(curve.neg(curve.multiply(curve.G1, 41))) + g2_bytes(curve.G2)
    assert curve.pairing(q, p) == curve.pairing(curve.G2, curve.multiply(curve.G1, 42))
    assert run_precompile(chain, 8, good) == word(1)
    assert run_precompile(chain, 8, bad) == word(0)
    assert run_precompile(chain, 8, b"") == word(1)


OFF_CURVE = word(1) + word(1)
MALFORMED = {
    "addition off the curve": (6, OFF_CURVE + bytes(64)),
    "addition with a coordinate not reduced": (6, word(curve.field_modulus) + word(0) + bytes(64)),
    "multiplication off the curve": (7, OFF_CURVE + word(2)),
    "pairing of a wrong length": (8, bytes(191)),
    "pairing off the curve": (8, OFF_CURVE + bytes(128)),
    "pairing with G2 outside the curve": (8, word(1) + word(2) + word(1) * 4),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_precompile_input_burns_the_gas(chain: EmbeddedChain, name: str) -> None:
    number, data = MALFORMED[name]
    with pytest.raises(ExecutionFailedError, match="invalid input of precompile"):
        run_precompile(chain, number, data)


def test_precompiles_cost_what_london_charges(chain: EmbeddedChain) -> None:
    for nonce, (number, data, gas) in enumerate(
        [(6, b"", 150), (7, b"", 6000), (8, b"", 45_000), (8, bytes(384), 113_000)]
    ):
        raw = signed(nonce, bytes(19) + bytes([number]), data)
        receipt = chain.receipt(chain.send_raw_transaction(raw))
        assert receipt is not None
        assert receipt.status == 1
        assert receipt.gas_used == 21_000 + 4 * len(data) + gas
