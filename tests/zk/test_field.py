"""Field kernels against galois: boundaries, carry and borrow chains, random and searched inputs, and every refusal."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zk import reference
from zk.errors import NonCanonicalEncodingError, SizeMismatchError, ZeroInverseError, ZkError
from zk.field import FQ, FR, Field, Words
from zk.kernels import IFMA, chosen_path, scalar, vectors
from zk.reference import ReferenceField

SEED = 20251122
FIELDS = [pytest.param(FR, reference.FR, id="Fr"), pytest.param(FQ, reference.FQ, id="Fq")]
both_fields = pytest.mark.parametrize(("field", "oracle"), FIELDS)
searched = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def edges(p: int) -> list[int]:
    """Values whose limbs, in plain or in Montgomery form, make carries and borrows run."""
    plain = [0, 1, 2, p - 1, p - 2, p // 2, p // 2 + 1, p >> 64 << 64, (p >> 64 << 64) - 1, (p >> 192 << 192) - 1]
    plain += [(1 << k) + d for k in (32, 64, 128, 192, 253) for d in (-1, 0, 1)]
    inverse_radix = pow(2, -256, p)
    return plain + [value * inverse_radix % p for value in plain if value < p]


def raw(rows: list[int]) -> Words:
    """The integers' limbs as they are, outside any field."""
    return np.array([scalar.limbs(row) for row in rows], dtype=np.uint64).reshape(-1, 4)


def integers(a: Words) -> list[int]:
    return [sum(int(word) << (64 * i) for i, word in enumerate(row)) for row in a]


def sample(p: int, n: int) -> list[int]:
    rng = random.Random(SEED)
    return [rng.randrange(p) for _ in range(n)]


BINARY: list[str] = ["add", "sub", "mul"]


@pytest.fixture(autouse=True, params=["portable", "lanes"])
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on each path this processor has."""
    if request.param == "portable":
        monkeypatch.setattr("zk.field._LANES", {})
        monkeypatch.setattr("zk.field.LANES_FROM", 1 << 62)
    elif chosen_path() != IFMA:
        pytest.skip("needs a processor with AVX-512 IFMA")


@both_fields
@pytest.mark.parametrize("name", BINARY)
def test_binary_operations_on_all_pairs_of_edges(field: Field, oracle: ReferenceField, name: str) -> None:
    values = edges(field.modulus)
    a = oracle.from_integers([x for x in values for _ in values])
    b = oracle.from_integers([y for _ in values for y in values])
    assert np.array_equal(getattr(field, name)(a, b), getattr(oracle, name)(a, b))


@both_fields
@pytest.mark.parametrize("name", BINARY)
def test_binary_operations_on_random_elements_and_broadcasting(field: Field, oracle: ReferenceField, name: str) -> None:
    a, b = field.random(50), field.random(50)
    fast, slow = getattr(field, name), getattr(oracle, name)
    assert np.array_equal(fast(a, b), slow(a, b))
    assert np.array_equal(fast(a, b[:1]), slow(a, np.repeat(b[:1], 50, axis=0)))
    assert np.array_equal(fast(a[:1], b), slow(np.repeat(a[:1], 50, axis=0), b))
    assert fast(a[:0], b[:1]).shape == fast(a[:1], b[:0]).shape == (0, 4)


@both_fields
@searched
@given(data=st.data())
def test_arithmetic_on_searched_limbs(field: Field, oracle: ReferenceField, data: st.DataObject) -> None:
    p = field.modulus
    words = st.sampled_from([0, 1, 2, (1 << 63) - 1, 1 << 63, (1 << 64) - 2, (1 << 64) - 1]) | st.integers(0, 2**64 - 1)
    limbs = st.tuples(words, words, words, words | st.integers(0, p >> 192))
    x, y = (sum(w << (64 * i) for i, w in enumerate(data.draw(limbs))) % p for _ in range(2))
    a, b = raw([x]), raw([y])  # any canonical limbs are some element's Montgomery form
    inverse_radix = pow(2, -256, p)
    assert integers(field.add(a, b)) == [(x + y) % p]
    assert integers(field.sub(a, b)) == [(x - y) % p]
    assert integers(field.neg(a)) == [-x % p]
    assert integers(field.mul(a, b)) == [x * y * inverse_radix % p]
    if x:
        assert np.array_equal(field.inverse(a), oracle.inverse(a))


@both_fields
def test_multiplication_takes_any_256_bit_second_operand(field: Field, oracle: ReferenceField) -> None:
    p = field.modulus
    xs, ys = [p - 1, p - 1, 1, p - 2], [2**256 - 1, 2**256 - 2**192, 2**256 - 1, p]
    out = np.empty((4, 4), dtype=np.uint64)
    vectors.multiply(out, raw(xs), raw(ys), field.constants)
    assert integers(out) == [x * y * pow(2, -256, p) % p for x, y in zip(xs, ys, strict=True)]


@both_fields
def test_unary_operations_sums_and_polynomials(field: Field, oracle: ReferenceField) -> None:
    values = edges(field.modulus) + sample(field.modulus, 40)
    a = oracle.from_integers(values)
    b = a[::-1].copy()
    assert np.array_equal(field.from_integers(values), a)
    assert field.to_integers(a) == oracle.to_integers(a) == [value % field.modulus for value in values]
    assert np.array_equal(field.neg(a), oracle.neg(a))
    assert np.array_equal(field.inner(a, b), oracle.inner(a, b))
    assert np.array_equal(field.total(a), oracle.total(a))
    nonzero = a[a.any(axis=1)]
    assert np.array_equal(field.inverse(nonzero), oracle.inverse(nonzero))
    for x in (0, 1, field.modulus - 1, values[-1], -3):
        assert field.evaluate(a, x) == oracle.evaluate(a, x)
        assert np.array_equal(field.powers(x, 20), oracle.powers(x, 20))
        assert np.array_equal(field.scale(a, x), oracle.scale(a, x))


@both_fields
@pytest.mark.parametrize("n", [64, 65, 80, 4159, 4160, 4161, 9000])
def test_long_polynomials(field: Field, oracle: ReferenceField, n: int) -> None:
    """Lengths around whole segments of the kernels with lanes; the largest elements make the longest carries."""
    values = sample(field.modulus, n)
    values[n // 2 :: 3] = [field.modulus - 1] * len(values[n // 2 :: 3])
    a = oracle.from_integers(values)
    largest = oracle.from_integers([field.modulus - 1] * n)
    for x in (0, 1, field.modulus - 1, values[0]):
        assert field.evaluate(a, x) == oracle.evaluate(a, x)
        assert field.evaluate(largest, x) == oracle.evaluate(largest, x)
        assert np.array_equal(field.powers(x, n), oracle.powers(x, n))
        expected = [(value + x * (field.modulus - 1)) % field.modulus for value in values]
        assert np.array_equal(field.add_scaled(a, largest, x), oracle.from_integers(expected))


@both_fields
def test_empty_vectors(field: Field, oracle: ReferenceField) -> None:
    empty = field.zeros(0)
    assert field.to_integers(field.inner(empty, empty)) == field.to_integers(field.total(empty)) == [0]
    assert field.evaluate(empty, 5) == oracle.evaluate(empty, 5) == 0
    assert field.inverse(empty).shape == field.from_integers([]).shape == field.decode_bytes(b"").shape == (0, 4)
    assert field.encode_bytes(empty) == b""


@both_fields
def test_integers_beyond_the_field_are_reduced(field: Field, oracle: ReferenceField) -> None:
    values = [-1, field.modulus, -field.modulus, field.modulus**2 + 5, -(2**300), 2**512]
    assert np.array_equal(field.from_integers(values), oracle.from_integers(values))


@both_fields
def test_machine_integers(field: Field, oracle: ReferenceField) -> None:
    signed = np.array([0, 1, -1, 2**63 - 1, -(2**63), 1 - 2**63, 2**32, -(2**32)], dtype=np.int64)
    unsigned = np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64)
    for values in (signed, unsigned, signed[::2], signed[:0], np.frombuffer(signed.tobytes(), dtype=np.int64)):
        assert np.array_equal(field.from_int64(values), oracle.from_int64(values))


@both_fields
def test_bytes_round_trip_and_are_big_endian(field: Field, oracle: ReferenceField) -> None:
    a = oracle.from_integers(edges(field.modulus) + sample(field.modulus, 30))
    encoded = field.encode_bytes(a)
    assert encoded == oracle.encode_bytes(a)
    assert field.encode_bytes(field.from_integers([258])) == bytes(30) + b"\x01\x02"
    assert np.array_equal(field.decode_bytes(encoded), a)


@both_fields
def test_expand_reduces_512_bits(field: Field, oracle: ReferenceField) -> None:
    rng = random.Random(SEED)
    drawn = bytes(64) + b"\xff" * 64 + (field.modulus << 256).to_bytes(64, "big") + rng.randbytes(64 * 29)
    asked: list[int] = []

    def stream(size: int) -> bytes:
        asked.append(size)
        return drawn[:size]

    assert np.array_equal(field.expand(stream, 32), oracle.expand(stream, 32))
    assert asked == [2048, 2048]
    assert field.expand(lambda size: b"", 0).shape == (0, 4)


@both_fields
def test_random_elements_are_canonical_and_differ(field: Field, oracle: ReferenceField) -> None:
    drawn = field.random(200)
    assert all(row < field.modulus for row in integers(drawn))
    assert len(set(integers(drawn))) == 200


@both_fields
def test_inputs_are_left_alone_and_may_be_read_only_or_strided(field: Field, oracle: ReferenceField) -> None:
    a = field.random(12)
    kept = a.copy()
    frozen = a.copy()
    frozen.flags.writeable = False
    assert np.array_equal(field.mul(frozen, frozen), field.mul(a, a))
    assert np.array_equal(field.neg(a[::-2]), field.neg(a)[::-2])
    assert np.array_equal(a, kept)


@both_fields
@pytest.mark.parametrize("position", [0, 3, 6])
def test_inverse_of_zero_is_refused(field: Field, oracle: ReferenceField, position: int) -> None:
    a = field.random(7)
    a[position] = 0
    with pytest.raises(ZeroInverseError, match=f"element {position} of 7"):
        field.inverse(a)
    with pytest.raises(ZeroDivisionError):
        oracle.inverse(a)


@both_fields
@pytest.mark.parametrize("excess", [0, 1, 1 << 64, 1 << 192])
def test_bytes_at_or_above_the_modulus_are_refused(field: Field, oracle: ReferenceField, excess: int) -> None:
    encoded = field.encode_bytes(field.random(2)) + (field.modulus + excess).to_bytes(32, "big")
    with pytest.raises(NonCanonicalEncodingError, match="element 2"):
        field.decode_bytes(encoded)
    with pytest.raises(ValueError, match="must have elements"):
        oracle.decode_bytes(encoded)


@both_fields
@pytest.mark.parametrize("length", [1, 31, 33, 63])
def test_bytes_of_another_length_are_refused(field: Field, oracle: ReferenceField, length: int) -> None:
    with pytest.raises(NonCanonicalEncodingError):
        field.decode_bytes(bytes(length))


MISFITS: list[tuple[str, Callable[[Field], Any]]] = [
    ("add", lambda f: f.add(f.zeros(2), f.zeros(3))),
    ("sub", lambda f: f.sub(f.zeros(0), f.zeros(3))),
    ("mul", lambda f: f.mul(f.zeros(4), f.zeros(3))),
    ("inner", lambda f: f.inner(f.zeros(1), f.zeros(3))),
    ("points", lambda f: f.add(np.zeros((2, 8), dtype=np.uint64), f.zeros(2))),
    ("flat", lambda f: f.total(np.zeros(4, dtype=np.uint64))),
    ("signed limbs", lambda f: f.neg(np.zeros((2, 4), dtype=np.int64))),
    ("a list", lambda f: f.inverse([[1, 0, 0, 0]])),  # type: ignore[arg-type]
    ("float values", lambda f: f.from_int64(np.zeros(3))),
    ("32-bit values", lambda f: f.from_int64(np.zeros(3, dtype=np.int32))),
    ("a matrix of values", lambda f: f.from_int64(np.zeros((3, 1), dtype=np.int64))),
    ("a short stream", lambda f: f.expand(lambda size: bytes(size - 1), 2)),
    ("a long stream", lambda f: f.expand(lambda size: bytes(size + 1), 2)),
    ("lengths of a sum with a factor", lambda f: f.add_scaled(f.zeros(1), f.zeros(3), 2)),
    ("fewer than none", lambda f: f.zeros(-1)),
    ("fewer powers than none", lambda f: f.powers(2, -1)),
]


@pytest.mark.parametrize("misuse", [pytest.param(call, id=name) for name, call in MISFITS])
def test_shapes_that_do_not_fit_are_refused(misuse: Callable[[Field], Any]) -> None:
    with pytest.raises(SizeMismatchError) as caught:
        misuse(FR)
    assert isinstance(caught.value, ZkError)


def test_a_field_is_frozen_and_its_repr_is_short() -> None:
    assert repr(FR) == f"Field(name='Fr', modulus={FR.modulus}, element_bytes=32)"
    with pytest.raises(AttributeError):
        FR.modulus = 7  # type: ignore[misc]
