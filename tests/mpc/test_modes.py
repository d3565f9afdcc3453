"""What the modes promise: nothing is opened before products were checked, and what cannot be checked is refused."""

import numpy as np
import pytest

from mpc import ordering
from mpc.errors import MpcError, ProductCheckError, ProtocolStateError, RingValueError
from mpc.ideal import Ideal
from mpc.replicated import Engine
from mpc.rings import BITS, Z2_64
from mpc.shares import share

MODES = ["semi-honest", "malicious"]
EXTREMES = [0, 1, 1 << 63, (1 << 64) - 1]


def draw(n, seed):
    values = np.random.default_rng(seed).integers(0, 1 << 64, n, dtype=np.uint64)
    values[: min(n, 4)] = EXTREMES[: min(n, 4)]
    return values


def bend(monkeypatch, liar, ends):
    honest = Engine._replicate

    def replicate(self, first, tag):
        if self.party == liar and tag.endswith(ends):
            first = first.copy()
            first[0] += np.uint64(1)
        return honest(self, first, tag)

    monkeypatch.setattr(Engine, "_replicate", replicate)


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("n", [1, 63, 64, 65, 5000])
def test_inner_products(security, n, computations):
    x, y = draw(n, 1), draw(n, 2)
    a, b = share(Z2_64, x), share(Z2_64, y)

    def body(c):
        held = c.words.inner_many([(a[c.party], b[c.party]), (b[c.party], b[c.party])], "inner")
        return c.words.open(held, "o").tolist()

    ideal = Ideal(1 << 64)
    pairs = [(x.tolist(), y.tolist()), (y.tolist(), y.tolist())]
    assert computations(security).run(body) == [ideal.inner_many(pairs)] * 3


@pytest.mark.parametrize("security", MODES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 2), (2, 70, 5), (0, 3, 2)])
def test_matrix_products(security, shape, computations):
    rows, depth, columns = shape
    x, y = draw(rows * depth, 1), draw(depth * columns, 2)
    a, b = share(Z2_64, x), share(Z2_64, y)

    def body(c):
        return c.words.open(c.words.matrix_product(a[c.party], b[c.party], depth, "matrix"), "o")

    expected = (x.reshape(rows, depth) @ y.reshape(depth, columns)).reshape(-1)
    for found in computations(security).run(body):
        assert (found == expected).all()


def test_matrix_products_over_every_ring(ring, parties, draw):
    rows, depth, columns = 2, 3, 2
    x, y = draw(ring, rows * depth, 1), draw(ring, depth * columns, 2)
    a, b = share(ring, ring.from_integers(x)), share(ring, ring.from_integers(y))
    ideal = Ideal(ring.to_integers(ring.neg(ring.from_integers([1])))[0] + 1)
    expected = ideal.matrix_product(x, y, depth)

    def body(engine):
        held = engine.matrix_product(a[engine.party], b[engine.party], depth, "matrix")
        return ring.to_integers(engine.open(held, "o"))

    assert parties(ring).run(body) == [expected] * 3


@pytest.mark.parametrize("depth", [0, 4])
def test_matrices_that_do_not_fit_are_refused(depth, parties):
    engine = parties(Z2_64).engines[0]
    held = engine.random(6, "r")
    with pytest.raises(RingValueError):
        engine.matrix_product(held, held, depth, "m")


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("kind", ["words", "bits"])
def test_an_opening_checks_the_products_of_every_engine_first(liar, kind, computations, monkeypatch):
    """The bent product is of one engine and the opening of the other; still nothing comes out."""
    bend(monkeypatch, liar, "bent")
    ring, other = (Z2_64, "bits") if kind == "words" else (BITS, "words")
    x, opened = share(ring, draw(10, 1)), []

    def body(c):
        getattr(c, kind).multiply(x[c.party], x[c.party], "bent")
        opened.append(getattr(c, other).open(getattr(c, other).random(1, "r"), "o"))

    outcomes = computations("malicious").outcomes(body)
    assert any(isinstance(outcome, ProductCheckError) for outcome in outcomes)
    assert all(isinstance(outcome, MpcError) for outcome in outcomes) and opened == []


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_a_bent_comparison_is_caught(liar, computations, monkeypatch):
    bend(monkeypatch, liar, "carry/1")
    x, y = share(Z2_64, draw(100, 1) >> np.uint64(32)), share(Z2_64, draw(100, 2) >> np.uint64(32))
    opened = []

    def body(c):
        plane = ordering.less_than(c, x[c.party], y[c.party], 32)
        opened.append(c.bits.open(plane, "o"))

    outcomes = computations("malicious").outcomes(body)
    assert all(isinstance(outcome, MpcError) for outcome in outcomes) and opened == []


def test_a_bent_comparison_of_trusting_parties_is_not(computations, monkeypatch):
    """Neighbour: semi-honest parties do not look; that is what the mode means."""
    bend(monkeypatch, 1, "carry/1")
    x, y = share(Z2_64, draw(100, 1) >> np.uint64(32)), share(Z2_64, draw(100, 2) >> np.uint64(32))

    def body(c):
        return c.bits.open(ordering.less_than(c, x[c.party], y[c.party], 32), "o")

    assert all(isinstance(outcome, np.ndarray) for outcome in computations().outcomes(body))


def test_what_cannot_be_checked_is_refused(computations):
    part = computations("malicious").parts[0]
    held = part.words.random(3, "r")
    summand = part.words.local_product(held, held)
    for operation in (part.words.reshare, part.words.open_additive):
        with pytest.raises(ProtocolStateError, match="cannot be checked"):
            operation(summand, "x")
    assert part.traffic.messages == 0
