"""Every ring obeys the laws the engine relies on; Z_2^64 refuses what would wrap."""

import hashlib

import numpy as np
import pytest

from mpc.errors import RingValueError
from mpc.ideal import Ideal
from mpc.prg import Stream
from mpc.rings import BITS, Z2_64

LENGTHS = (0, 1, 63, 64, 65)


@pytest.mark.parametrize("n", LENGTHS)
def test_operations_equal_integers(ring, n, draw, size_of):
    ideal = Ideal(size_of(ring))
    x, y = draw(ring, n, 1), draw(ring, n, 2)
    a, b = ring.from_integers(x), ring.from_integers(y)
    assert len(a) == n
    assert ring.to_integers(ring.add(a, b)) == ideal.add(x, y)
    assert ring.to_integers(ring.sub(a, b)) == ideal.sub(x, y)
    assert ring.to_integers(ring.neg(a)) == ideal.neg(x)
    assert ring.to_integers(ring.mul(a, b)) == ideal.multiply(x, y)
    assert ring.to_integers(ring.inner(a, b)) == ideal.inner(x, y)
    assert ring.to_integers(ring.total(a)) == ideal.total(x)
    assert ring.to_integers(ring.zeros(n)) == [0] * n


def test_length_one_broadcasts(ring, draw, size_of):
    ideal = Ideal(size_of(ring))
    x, y = draw(ring, 65, 1), draw(ring, 1, 2)
    a, b = ring.from_integers(x), ring.from_integers(y)
    assert ring.to_integers(ring.mul(a, b)) == ideal.multiply(x, y)
    assert ring.to_integers(ring.add(b, a)) == ideal.add(y, x)


@pytest.mark.parametrize("n", LENGTHS)
def test_encoding_round_trips(ring, n, draw):
    a = ring.from_integers(draw(ring, n, 3))
    data = ring.encode_bytes(a)
    assert len(data) == n * ring.element_bytes
    assert ring.to_integers(ring.decode_bytes(data)) == ring.to_integers(a)


def test_expand_is_a_function_of_the_stream(ring):
    key = hashlib.sha256(b"expand").digest()
    first = ring.expand(Stream(key), 100)
    again = ring.expand(Stream(key), 100)
    other = ring.expand(Stream(hashlib.sha256(b"another").digest()), 100)
    assert ring.to_integers(first) == ring.to_integers(again)
    assert not set(ring.to_integers(first)) & set(ring.to_integers(other))
    assert len(set(ring.to_integers(first))) == 100


def test_integers64_signed_and_arrays():
    values = [-1, -(1 << 63), (1 << 63) - 1, 0]
    array = Z2_64.from_integers(values)
    assert Z2_64.to_signed(array) == values
    assert Z2_64.to_integers(array) == [value % (1 << 64) for value in values]
    assert Z2_64.to_signed(Z2_64.from_integers(np.array([-5, 7], dtype=np.int16))) == [-5, 7]
    assert Z2_64.to_integers(Z2_64.from_integers(np.array([255], dtype=np.uint8))) == [255]
    assert Z2_64.to_integers(Z2_64.from_integers([1 << 63, 1, -1])) == [1 << 63, 1, (1 << 64) - 1]


@pytest.mark.parametrize(
    "values", [[1 << 64], [-(1 << 63) - 1], [1.0], ["1"], [None], np.array([1.0]), np.ones((2, 2), int)]
)
def test_integers64_refuses_what_would_wrap_or_is_no_integer(values):
    with pytest.raises(RingValueError):
        Z2_64.from_integers(values)


def test_integers64_refuses_a_cut_encoding():
    with pytest.raises(RingValueError, match="multiple of 8"):
        Z2_64.decode_bytes(bytes(15))


@pytest.mark.parametrize("words", [Z2_64, BITS])
@pytest.mark.parametrize("n", LENGTHS)
def test_inner_summands_skip_quiet_zeros_and_nothing_else(words, n):
    rng = np.random.default_rng(n)
    x = [rng.integers(0, 1 << 64, n, dtype=np.uint64) for _ in range(4)]
    for quiet in (set(), {0}, {1}, {2}, {3}, {0, 3}, {1, 2}, {0, 2}, {0, 1, 2, 3}):
        skipped = [words.quiet_zeros(n) if k in quiet else vector for k, vector in enumerate(x)]
        read = [words.zeros(n) if k in quiet else vector for k, vector in enumerate(x)]
        a_first, a_second, b_first, b_second = read
        expected = words.add(words.inner(a_first, words.add(b_first, b_second)), words.inner(a_second, b_first))
        for operands in (skipped, read):
            assert (words.inner_summand(operands[:2], operands[2:]) == expected).all()
    if n:
        assert (words.inner_summand(x[:2], x[2:]) != words.inner_summand(x[:2], [words.quiet_zeros(n), x[3]])).any()
