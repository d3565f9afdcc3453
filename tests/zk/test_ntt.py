"""Transforms against galois, polynomial evaluation, and each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zk import reference
from zk.errors import SizeMismatchError
from zk.field import FR, FR_MODULUS
from zk.kernels import IFMA, chosen_path
from zk.ntt import COSET_SHIFT, coset_intt, coset_ntt, intt, ntt, root_of_unity


@pytest.fixture(autouse=True, params=["portable", "lanes"])
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on each path this processor has."""
    if request.param == "portable":
        monkeypatch.setattr("zk.ntt._in_lanes", lambda log_n: False)
    elif chosen_path() != IFMA:
        pytest.skip("needs a processor with AVX-512 IFMA")


@pytest.mark.parametrize("log_n", [0, 1, 5, 24, 28])
def test_roots_have_exact_order_and_are_the_oracle_s(log_n: int) -> None:
    root = root_of_unity(log_n)
    assert root == reference.root_of_unity(log_n)
    assert pow(root, 1 << log_n, FR_MODULUS) == 1
    assert log_n == 0 or pow(root, 1 << (log_n - 1), FR_MODULUS) == FR_MODULUS - 1


@pytest.mark.parametrize("log_n", [1, 2, 3, 6, 7])
def test_transforms_equal_the_oracle(log_n: int) -> None:
    a = FR.random(1 << log_n)
    assert np.array_equal(ntt(a), reference.ntt(a))
    assert np.array_equal(intt(a), reference.intt(a))
    assert np.array_equal(coset_ntt(a, log_n), reference.coset_ntt(a, log_n))
    assert np.array_equal(coset_intt(a), reference.coset_intt(a))
    assert np.array_equal(coset_ntt(a, log_n, -5), reference.coset_ntt(a, log_n, -5))
    assert np.array_equal(coset_intt(a, 11), reference.coset_intt(a, 11))


@pytest.mark.parametrize("value", [0, 1, FR_MODULUS - 1])
def test_constant_vectors(value: int) -> None:
    a = FR.from_integers([value] * 64)
    assert FR.to_integers(ntt(a)) == [64 * value % FR_MODULUS] + [0] * 63
    assert np.array_equal(ntt(a), reference.ntt(a))


def test_linearity_and_convolution() -> None:
    a, b = FR.random(32), FR.random(32)
    assert np.array_equal(ntt(FR.add(a, b)), FR.add(ntt(a), ntt(b)))
    product = coset_intt(FR.mul(coset_ntt(a, 6), coset_ntt(b, 6)))
    x = 0xABCDEF
    assert FR.evaluate(product, x) == FR.evaluate(a, x) * FR.evaluate(b, x) % FR_MODULUS
    assert not product[63].any()


@pytest.mark.parametrize("log_n", [13, 14])
def test_large_transforms_are_evaluations_and_round_trip(log_n: int) -> None:
    n = 1 << log_n
    a = FR.random(n)
    values, shifted = ntt(a), coset_ntt(a[: n - 5], log_n)
    root = root_of_unity(log_n)
    for i in (0, 1, 2, n // 2 - 1, n // 2, n - 1, 4097):
        power = pow(root, i, FR_MODULUS)
        assert FR.to_integers(values[i : i + 1]) == [FR.evaluate(a, power)]
        assert FR.to_integers(shifted[i : i + 1]) == [FR.evaluate(a[: n - 5], COSET_SHIFT * power)]
    assert np.array_equal(intt(values), a)
    back = coset_intt(shifted)
    assert np.array_equal(back[: n - 5], a[: n - 5])
    assert not back[n - 5 :].any()


@pytest.mark.parametrize("log_n", range(7, 17))
def test_every_shape_and_extreme_values_equal_the_portable_path(log_n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 1 << log_n
    inputs = [FR.random(n), np.repeat(FR.from_integers([-1]), n, axis=0)]
    for period in (1, 2, 3):  # runs of zeros and of r - 1, as every stage of a transform meets them
        inputs.append(inputs[1] * (np.arange(n)[:, None] >> (log_n - period) & 1).astype(np.uint64))
        inputs.append(inputs[1] * (np.arange(n)[:, None] >> period & 1).astype(np.uint64))
    transforms = [ntt, intt, coset_intt, lambda a: coset_ntt(a, log_n)]
    chosen_results = [[transform(a) for transform in transforms] for a in inputs]
    monkeypatch.setattr("zk.ntt._in_lanes", lambda log_n: False)
    for a, results in zip(inputs, chosen_results, strict=True):
        for transform, result in zip(transforms, results, strict=True):
            assert np.array_equal(transform(a), result)


@pytest.mark.parametrize("length", [0, 1, 2, 5, 8])
def test_missing_coefficients_are_zero(length: int) -> None:
    a = FR.random(length)
    padded = np.concatenate([a, FR.zeros(8 - length)])
    assert np.array_equal(coset_ntt(a, 3), coset_ntt(padded, 3))
    assert np.array_equal(coset_ntt(padded, 3, 1), ntt(padded))


def test_inputs_are_left_alone_and_may_be_read_only() -> None:
    a = FR.random(16)
    kept = a.copy()
    a.flags.writeable = False
    for transform in (ntt, intt, coset_intt, lambda x: coset_ntt(x, 5)):
        transform(a)
    assert np.array_equal(a, kept)


def test_the_coset_shift_avoids_every_subgroup() -> None:
    assert pow(COSET_SHIFT, 1 << 28, FR_MODULUS) != 1
    assert pow(COSET_SHIFT, (FR_MODULUS - 1) // 2, FR_MODULUS) == FR_MODULUS - 1


MISFITS: list[tuple[str, Callable[[], Any]]] = [
    ("no elements", lambda: ntt(FR.zeros(0))),
    ("one element", lambda: ntt(FR.zeros(1))),
    ("three elements", lambda: ntt(FR.zeros(3))),
    ("inverse of 24", lambda: intt(FR.zeros(24))),
    ("coset inverse of 12", lambda: coset_intt(FR.zeros(12))),
    ("too many coefficients", lambda: coset_ntt(FR.zeros(9), 3)),
    ("size zero", lambda: coset_ntt(FR.zeros(1), 0)),
    ("size too large", lambda: coset_ntt(FR.zeros(1), 25)),
    ("zero shift", lambda: coset_ntt(FR.zeros(2), 3, 0)),
    ("zero shift modulo r", lambda: coset_intt(FR.zeros(2), FR_MODULUS)),
    ("points", lambda: ntt(np.zeros((4, 8), dtype=np.uint64))),
    ("signed limbs", lambda: coset_ntt(np.zeros((4, 4), dtype=np.int64), 3)),
    ("root of negative order", lambda: root_of_unity(-1)),
    ("root of order 2^29", lambda: root_of_unity(29)),
]


@pytest.mark.parametrize("misuse", [pytest.param(call, id=name) for name, call in MISFITS])
def test_misuse_is_refused(misuse: Callable[[], Any]) -> None:
    with pytest.raises(SizeMismatchError):
        misuse()
