"""Pairings against two independent implementations: py_ecc (reference) and revm's precompile 0x08.

Vectors: go-ethereum, core/vm/testdata/precompiles/bn256Pairing.json (names kept), from the tests of EIP-197.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyrevm
import pytest
from py_ecc import optimized_bn128

from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, SizeMismatchError, ZkError
from zk.kernels import pairing as kernel
from zk.kernels import tower
from zk.kernels.scalar import limbs
from zk.pairing import G2, G2_GENERATOR, add_g2, check_g2, multiply_g2, neg_g2, pairing_product_is_one

reference: Any = optimized_bn128
Q = reference.field_modulus
R = reference.curve_order
COFACTOR = 2 * Q - R
SMALL_ORDER = 10069  # the least prime factor of the cofactor of G2
SEED = 20240611
G1Point = tuple[int, int] | None
assert G2_GENERATOR is not None
X, Y = G2_GENERATOR


def rows(*points: G1Point) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Encode points of G1 in internal form, without any check."""
    return np.array([tower.fq2_row(*(point or (0, 0))) for point in points], dtype=np.uint64).reshape(-1, 8)


def g1(scalar: int) -> G1Point:
    point = reference.multiply(reference.G1, scalar % R)
    if reference.is_inf(point):
        return None
    x, y = reference.normalize(point)
    return int(x), int(y)


def g2_to_reference(point: G2) -> Any:
    if point is None:
        return reference.Z2
    return reference.FQ2(point[0]), reference.FQ2(point[1]), reference.FQ2.one()


def g2_from_reference(point: Any) -> G2:
    if reference.is_inf(point):
        return None
    (x0, x1), (y0, y1) = (c.coeffs for c in reference.normalize(point))
    return (int(x0), int(x1)), (int(y0), int(y1))


def g2(scalar: int) -> G2:
    return g2_from_reference(reference.multiply(reference.G2, scalar % R))


def fq2_square_root(value: Any) -> Any:
    """Return a square root in Fq2 or None (q = 3 mod 4; Adj, Rodriguez-Henriquez 2012)."""
    first = value ** ((Q - 3) // 4)
    alpha, root = first * first * value, first * value
    u = reference.FQ2([0, 1])
    root = u * root if alpha == reference.FQ2([Q - 1, 0]) else (alpha + reference.FQ2.one()) ** ((Q - 1) // 2) * root
    return root if root * root == value else None


def twist_point(x0: int) -> Any:
    """Return a point of the whole twist with the first usable x from x0 + u on."""
    while True:
        x = reference.FQ2([x0, 1])
        y = fq2_square_root(x**3 + reference.b2)
        if y is not None:
            return x, y, reference.FQ2.one()
        x0 += 1


def to_fq12(coefficients: list[tuple[int, int]]) -> Any:
    """Map our basis (Fq2 over 1, w, ..., w^5) to py_ecc's (1, w, ..., w^11), where u = w^6 - 9."""
    out = [0] * 12
    for k, (c0, c1) in enumerate(coefficients):
        out[k] += c0 - 9 * c1
        out[k + 6] += c1
    return reference.FQ12([c % Q for c in out])


def revm_pairing(pairs: list[tuple[G1Point, G2]]) -> bool | None:
    """Return what precompile 0x08 says, None where it rejects the input."""
    data = b""
    for point, other in pairs:
        px, py = point or (0, 0)
        (x0, x1), (y0, y1) = other or ((0, 0), (0, 0))
        data += b"".join(c.to_bytes(32, "big") for c in (px, py, x1, x0, y1, y0))
    machine = pyrevm.EVM(spec_id="London")
    try:
        output = machine.message_call(
            caller="0x" + "00" * 19 + "ff", to="0x" + "00" * 19 + "08", calldata=data, gas=10**9, is_static=True
        )
    except RuntimeError:
        return None
    return bool(bytes(output)[-1])


def product_is_one(pairs: list[tuple[G1Point, G2]]) -> bool:
    return pairing_product_is_one(rows(*(point for point, _ in pairs)), [other for _, other in pairs])


def test_value_matches_reference_to_a_power_coprime_to_r() -> None:
    x = kernel.CURVE_PARAMETER
    assert 36 * x**4 + 36 * x**3 + 24 * x**2 + 6 * x + 1 == Q
    power = 2 * x * (6 * x * x + 3 * x + 1)
    assert math.gcd(power, R) == 1  # so the power is one exactly when the pairing product is
    generator = random.Random(SEED)
    a, b = generator.randrange(1, R), generator.randrange(1, R)
    p, q = reference.multiply(reference.G1, a), reference.multiply(reference.G2, b)
    point, other = g1(a), g2(b)
    assert point is not None
    assert other is not None
    got = kernel.pairing_product([point], [kernel.line_table(other)])
    assert to_fq12(got) == reference.pairing(q, p) ** power
    two = kernel.pairing_product([point, (1, 2)], [kernel.line_table(other), kernel.line_table((X, Y))])
    assert to_fq12(two) == (reference.pairing(q, p) * reference.pairing(reference.G2, reference.G1)) ** power


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_products_match_revm(count: int) -> None:
    """A random product that is one by construction, and the same with one scalar off by one."""
    generator = random.Random(SEED + count)
    a, b = ([generator.randrange(1, R) for _ in range(count)] for _ in range(2))
    a[-1] = -sum(x * y for x, y in zip(a[:-1], b[:-1], strict=True)) * pow(b[-1], -1, R) % R
    pairs = [(g1(x), g2(y)) for x, y in zip(a, b, strict=True)]
    assert product_is_one(pairs)
    assert revm_pairing(pairs) is True
    pairs[0] = (g1(a[0] + 1), pairs[0][1])
    assert not product_is_one(pairs)
    assert revm_pairing(pairs) is False


def test_bilinear() -> None:
    generator = random.Random(SEED)
    a, b = generator.randrange(R), generator.randrange(R)
    minus_p = g1(-1)
    both = multiply_g2(G2_GENERATOR, a * b)
    assert product_is_one([(g1(a), multiply_g2(G2_GENERATOR, b)), (minus_p, both)])
    assert product_is_one([(g1(a * b), G2_GENERATOR), (minus_p, both)])
    assert product_is_one([(g1(1), multiply_g2(G2_GENERATOR, a)), (g1(b), G2_GENERATOR), (minus_p, g2(a + b))])
    assert not product_is_one([(g1(a), multiply_g2(G2_GENERATOR, b)), (minus_p, add_g2(both, G2_GENERATOR))])


def test_infinity_on_either_side_counts_as_one() -> None:
    assert pairing_product_is_one(rows(), [])
    assert product_is_one([(None, G2_GENERATOR)])
    assert product_is_one([(g1(5), None)])
    assert product_is_one([(None, None)])
    assert not product_is_one([(None, G2_GENERATOR), (g1(5), G2_GENERATOR)])
    assert product_is_one([(g1(5), G2_GENERATOR), (None, g2(7)), (g1(-5), G2_GENERATOR), (g1(3), None)])


def test_threads_do_not_share_state() -> None:
    good, bad = [(g1(6), g2(5)), (g1(-10), g2(3))], [(g1(6), g2(5)), (g1(-10), g2(4))]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(product_is_one, [good, bad] * 10)) == [True, False] * 10


_JEFF1 = """
1c76476f4def4bb94541d57ebba1193381ffa7aa76ada664dd31c16024c43f59
3034dd2920f673e204fee2811c678745fc819b55d3e9d294e45c9b03a76aef41
209dd15ebff5d46c4bd888e51a93cf99a7329636c63514396b4a452003a35bf7
04bf11ca01483bfa8b34b43561848d28905960114c8ac04049af4b6315a41678
2bb8324af6cfc93537a2ad1a445cfd0ca2a71acd7ac41fadbf933c2a51be344d
120a2a4cf30c1bf9845f20c6fe39e07ea2cce61f0c9bb048165fe5e4de877550
111e129f1cf1097710d41c4ac70fcdfa5ba2023c6ff1cbeac322de49d1b6df7c
2032c61a830e3c17286de9462bf242fca2883585b93870a73853face6a6bf411
198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2
1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed
090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b
12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa
"""
VECTORS = {
    "jeff1": (True, _JEFF1),
    "jeff6": (
        False,
        _JEFF1.replace(
            "2032c61a830e3c17286de9462bf242fca2883585b93870a73853face6a6bf411",
            "103188585e2364128fe25c70558f1560f4f9350baf3959e603cc91486e110936",
        ),
    ),
    "one_point": (False, f"{1:064x} {2:064x} " + " ".join(_JEFF1.split()[-4:])),
    "jeff4": (
        True,
        """
2f2ea0b3da1e8ef11914acf8b2e1b32d99df51f5f4f206fc6b947eae860eddb6
068134ddb33dc888ef446b648d72338684d678d2eb2371c61a50734d78da4b72
25f83c8b6ab9de74e7da488ef02645c5a16a6652c3c71a15dc37fe3a5dcb7cb1
22acdedd6308e3bb230d226d16a105295f523a8a02bfc5e8bd2da135ac4c245d
065bbad92e7c4e31bf3757f1fe7362a63fbfee50e7dc68da116e67d600d9bf68
06d302580dc0661002994e7cd3a7f224e7ddc27802777486bf80f40e4ca3cfdb
186bac5188a98c45e6016873d107f5cd131f3a3e339d0375e58bd6219347b008
122ae2b09e539e152ec5364e7e2204b03d11d3caa038bfc7cd499f8176aacbee
1f39e4e4afc4bc74790a4a028aff2c3d2538731fb755edefd8cb48d6ea589b5e
283f150794b6736f670d6a1033f9b46c6f5204f50813eb85c8dc4b59db1c5d39
140d97ee4d2b36d99bc49974d18ecca3e7ad51011956051b464d9e27d46cc25e
0764bb98575bd466d32db7b15f582b2d5c452b36aa394b789366e5e3ca5aabd4
15794ab061441e51d01e94640b7e3084a07e02c78cf3103c542bc5b298669f21
1b88da1679b0b64a63b7e0e7bfe52aae524f73a55be7fe70c7e9bfc94b4cf0da
1213d2149b006137fcfb23036606f848d638d576a120ca981b5b1a5f9300b3ee
2276cf730cf493cd95d64677bbb75fc42db72513a4c1e387b476d056f80aa75f
21ee6226d31426322afcda621464d0611d226783262e21bb3bc86b537e986237
096df1f82dff337dd5972e32a8ad43e28a78a96a823ef1cd4debe12b6552ea5f
""",
    ),
    "two_point_match_4": (
        True,
        """
105456a333e6d636854f987ea7bb713dfd0ae8371a72aea313ae0c32c0bf1016
0cf031d41b41557f3e7e3ba0c51bebe5da8e6ecd855ec50fc87efcdeac168bcc
0476be093a6d2b4bbf907172049874af11e1b6267606e00804d3ff0037ec57fd
3010c68cb50161b7d1d96bb71edfec9880171954e56871abf3d93cc94d745fa1
14c059d74e5b6c4ec14ae5864ebe23a71781d86c29fb8fb6cce94f70d3de7a21
01b33461f39d9e887dbb100f170a2345dde3c07e256d1dfa2b657ba5cd030427
0000000000000000000000000000000000000000000000000000000000000001
0000000000000000000000000000000000000000000000000000000000000002
1a2c3013d2ea92e13c800cde68ef56a294b883f6ac35d25f587c09b1b3c635f7
290158a80cd3d66530f74dc94c94adb88f5cdb481acca997b6e60071f08a115f
2f997f3dbd66a7afe07fe7862ce239edba9e05c5afff7f8a1259c9733b2dfbb9
29d1691530ca701b4a106054688728c9972c8512e9789e9567aae23e302ccd75
""",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_eip197_vectors(name: str) -> None:
    expected, text = VECTORS[name]
    words = [int(word, 16) for word in text.split()]
    pairs: list[tuple[G1Point, G2]] = []
    for px, py, x1, x0, y1, y0 in zip(*(words[i::6] for i in range(6)), strict=True):  # EIP-197: u's coefficient first
        pairs.append(((px, py), ((x0, x1), (y0, y1))))
    assert product_is_one(pairs) is expected
    assert revm_pairing(pairs) is expected


# --- G2 ------------------------------------------------------------------------------------------------------------


def test_g2_arithmetic_matches_reference() -> None:
    generator = random.Random(SEED)
    scalars = [0, 1, 2, 3, R - 1, R, R + 1, -1, 1 << 253, generator.randrange(R), generator.randrange(R)]
    for scalar in scalars:
        assert multiply_g2(G2_GENERATOR, scalar) == g2(scalar), scalar
    for a, b in [(0, 0), (0, 5), (5, 0), (5, 5), (5, -5), (1, -2), (scalars[-1], scalars[-2])]:
        assert add_g2(g2(a), g2(b)) == g2(a + b), (a, b)
        assert neg_g2(g2(a)) == g2(-a)
    assert multiply_g2(None, 7) is None
    assert multiply_g2(g2(11), 13) == g2(143) != multiply_g2(g2(11), 14)


def test_addition_is_complete_outside_the_subgroup() -> None:
    point = twist_point(3)
    small = reference.multiply(point, COFACTOR * R // SMALL_ORDER)
    assert not reference.is_inf(small)
    assert reference.is_inf(reference.multiply(small, SMALL_ORDER))
    for left, right in [(point, point), (point, small), (small, reference.neg(small)), (small, reference.G2)]:
        got = add_g2(g2_from_reference(left), g2_from_reference(right))
        assert got == g2_from_reference(reference.add(left, right))


def test_check_g2_accepts_the_subgroup() -> None:
    for scalar in (0, 1, 2, R - 1, 123456789):
        check_g2(g2(scalar))


def test_points_outside_the_subgroup_are_rejected() -> None:
    point = twist_point(3)
    small = reference.multiply(point, COFACTOR * R // SMALL_ORDER)
    inside = reference.multiply(point, COFACTOR)
    check_g2(g2_from_reference(inside))
    for outside in (point, small, reference.add(reference.G2, small), reference.multiply(point, R)):
        wrong = g2_from_reference(outside)
        assert revm_pairing([(g1(1), wrong)]) is None
        for call in (check_g2, lambda p: multiply_g2(p, 2), lambda p: product_is_one([(g1(1), p)])):
            with pytest.raises(PointNotOnCurveError):
                call(wrong)
        with pytest.raises(PointNotOnCurveError):  # even beside infinity
            product_is_one([(None, wrong)])


@pytest.mark.parametrize(
    ("point", "error"),
    [
        ((X, (Y[0], Y[1] + 1)), PointNotOnCurveError),
        ((Y, X), PointNotOnCurveError),
        (((X[1], X[0]), (Y[1], Y[0])), PointNotOnCurveError),  # EIP-197's order of coefficients
        (((0, 0), (0, 0)), PointNotOnCurveError),
        (((X[0] + Q, X[1]), Y), NonCanonicalEncodingError),
        ((X, (Y[0], Y[1] - Q)), NonCanonicalEncodingError),
        ((X, (Y[0], Q)), NonCanonicalEncodingError),
        ((X, (Y[0], Y[1], 0)), NonCanonicalEncodingError),
        ((X,), NonCanonicalEncodingError),
        (7, NonCanonicalEncodingError),
        ((X, (float(Y[0]), Y[1])), NonCanonicalEncodingError),
        (("ab", "cd"), NonCanonicalEncodingError),
    ],
)
def test_malformed_g2_points_are_rejected(point: Any, error: type[ZkError]) -> None:
    calls: list[Callable[[], object]] = [
        lambda: check_g2(point),
        lambda: neg_g2(point),
        lambda: add_g2(G2_GENERATOR, point),
        lambda: add_g2(point, None),
        lambda: multiply_g2(point, 0),
        lambda: pairing_product_is_one(rows((1, 2)), [point]),
        lambda: pairing_product_is_one(rows(None), [point]),
    ]
    for call in calls:
        with pytest.raises(error):
            call()


def test_malformed_g1_points_are_rejected() -> None:
    off_curve, unreduced = rows((1, 3)), rows((1, 2))
    unreduced[0, :4] = limbs(int.from_bytes(unreduced[0, :4].tobytes(), "little") + Q)
    for point, error in [
        (off_curve, PointNotOnCurveError),
        (rows((0, 1)), PointNotOnCurveError),
        (unreduced, NonCanonicalEncodingError),
    ]:
        for other in (G2_GENERATOR, None):
            with pytest.raises(error):
                pairing_product_is_one(point, [other])


@pytest.mark.parametrize(
    ("points", "count"),
    [
        (rows((1, 2)), 2),
        (rows((1, 2)), 0),
        (rows((1, 2))[0], 8),
        (rows((1, 2))[:, :7], 1),
        (rows((1, 2)).astype(np.int64), 1),
        ([[0] * 8], 1),
    ],
)
def test_shapes_that_do_not_fit_are_rejected(points: Any, count: int) -> None:
    with pytest.raises(SizeMismatchError):
        pairing_product_is_one(points, [G2_GENERATOR] * count)


def test_strided_and_read_only_points_are_accepted() -> None:
    wide = np.zeros((4, 8), dtype=np.uint64)
    wide[::2] = rows((1, 2), g1(-1))
    wide.flags.writeable = False
    assert pairing_product_is_one(wide[::2], [G2_GENERATOR, G2_GENERATOR])
