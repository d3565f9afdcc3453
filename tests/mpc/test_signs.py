"""Signs of shared integers: equal to plain comparison up to the last integer in range, nothing opened, lies caught."""

import pytest

from mpc.bits import MAX_WIDTH
from mpc.compare import field_modulus
from mpc.errors import MpcError, RingValueError
from mpc.replicated import Engine
from mpc.shares import AdditiveShare, share
from mpc.signs import not_negative


def widest(ring):
    return min(MAX_WIDTH, (field_modulus(ring) // 3).bit_length() - 1)


def signs(parties, ring, values, width):
    dealt = share(ring, ring.from_integers(values))

    def run(engine):
        return ring.to_integers(engine.open(not_negative(engine, dealt[engine.party], width, "signs"), "result"))

    return parties(ring).run(run)


@pytest.mark.parametrize("width", [1, 2, 9, 64, None])
def test_equals_plain_comparison_at_every_edge(prime_field, width, parties):
    width = width or widest(prime_field)
    half = 1 << width - 1
    edges = {-half, 1 - half, -half // 2, -1, 0, 1, half // 2, half - 1}
    values = sorted(value for value in edges if -half <= value < half)
    assert signs(parties, prime_field, values, width) == [[int(value >= 0) for value in values]] * 3


def test_no_integers_and_no_width(prime_field, parties):
    assert signs(parties, prime_field, [], 8) == [[]] * 3
    engine = parties(prime_field).engines[0]
    for width in (0, widest(prime_field) + 1):
        with pytest.raises(RingValueError):
            not_negative(engine, share(prime_field, prime_field.from_integers([1]))[0], width, "signs")
    assert engine.traffic.messages == 0


def test_nothing_that_depends_on_the_integers_is_opened(prime_field, parties):
    trio, opened = parties(prime_field), []
    for engine in trio.engines:
        original = engine.open

        def tap(held, label, *, index=0, original=original):
            found = original(held, label, index=index)
            opened.append((label, prime_field.to_integers(found)))
            return found

        engine.open = tap
    dealt = share(prime_field, prime_field.from_integers([-5, 200]))
    trio.run(lambda engine: not_negative(engine, dealt[engine.party], 16, "signs"))
    assert {label for label, _ in opened} == {"signs/check/key/opened", "signs/check/difference"}
    assert all(found == [0] for label, found in opened if label == "signs/check/difference")


def test_a_bent_product_is_caught(prime_field, parties, monkeypatch):
    honest, bent = Engine.reshare, []

    def bend(self, additive, label, *, index=0):
        if self.party == 2 and label.endswith("product/7"):
            additive = AdditiveShare(2, self.ring.add(additive.values, self.ring.from_integers([1])))
            bent.append(label)
        return honest(self, additive, label, index=index)

    monkeypatch.setattr(Engine, "reshare", bend)
    dealt = share(prime_field, prime_field.from_integers([-5, 200]))
    outcomes = parties(prime_field).outcomes(lambda engine: not_negative(engine, dealt[engine.party], 16, "signs"))
    assert bent and all(isinstance(outcomes[party], MpcError) for party in (0, 1))
