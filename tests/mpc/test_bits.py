"""Bits of shared integers: equal to the ideal functionality however they are split, nothing opened, lies caught."""

import pytest

from mpc.bits import MAX_WIDTH, shared_bits
from mpc.compare import field_modulus
from mpc.errors import MpcError, ProductCheckError, ProtocolStateError, RingValueError
from mpc.ideal import Ideal
from mpc.replicated import Engine
from mpc.rings import Z2_64
from mpc.shares import AdditiveShare, ReplicatedShare, share

VALUES = [0, 1, 2, 3, 127, 128, 129, 254, 255]


def dealt_as(ring, components):
    """Shares of all parties from rows of three components."""
    parts = [ring.from_integers([row[k] for row in components]) for k in range(3)]
    return [ReplicatedShare(party, parts[party], parts[(party + 1) % 3]) for party in range(3)]


def bits_of(parties, ring, dealt, width):
    """The bits, opened only here."""

    def run(engine):
        bits = shared_bits(engine, dealt[engine.party], width, "bits")
        return engine.ring.to_integers(engine.open(bits, "result"))

    return parties(ring).run(run)


def widest(ring):
    """The largest width that a field takes: an integer is below a third of it."""
    return min(MAX_WIDTH, (field_modulus(ring) // 3).bit_length() - 1)


@pytest.mark.parametrize("width", [8, 9, 16, 25, 48, None])
def test_equals_the_ideal_functionality(prime_field, width, parties):
    width = width or widest(prime_field)
    values = [*VALUES, (1 << width) - 1, 1 << width - 1]
    ideal = Ideal(field_modulus(prime_field))
    dealt = share(prime_field, prime_field.from_integers(values))
    assert bits_of(parties, prime_field, dealt, width) == [ideal.shared_bits(values, width)] * 3


@pytest.mark.parametrize("width", [1, 2, 3])
def test_every_number_of_few_bits(prime_field, width, parties):
    values = list(range(1 << width))
    dealt = share(prime_field, prime_field.from_integers(values))
    assert bits_of(parties, prime_field, dealt, width) == [[
        v >> bit & 1 for v in values for bit in range(width)
    ]] * 3


def test_every_excess_and_every_edge_of_a_third(prime_field, parties):
    """Components that add up to x, x + p and x + 2p, on both sides of every multiple of p/3."""
    p = field_modulus(prime_field)
    edges = [0, p // 3, p // 3 + 1, 2 * p // 3, 2 * p // 3 + 1, p - 1]
    rows, values, seen = [], [], set()
    for a in edges:
        for b in edges:
            for x in (0, 7):
                rows.append((a, b, (x - a - b) % p))
                values.append(x)
                seen.add(sum(rows[-1]) // p)
    assert seen == {0, 1, 2}
    expected = [v >> bit & 1 for v in values for bit in range(3)]
    for turn in range(3):
        turned = [row[turn:] + row[:turn] for row in rows]
        assert bits_of(parties, prime_field, dealt_as(prime_field, turned), 3) == [expected] * 3


def test_no_integers(prime_field, parties):
    dealt = share(prime_field, prime_field.from_integers([]))
    assert bits_of(parties, prime_field, dealt, 8) == [[]] * 3


@pytest.mark.parametrize("values", [[5, 200], [1 << 100, (1 << 120) + 3]])
def test_nothing_that_depends_on_the_integers_is_opened(prime_field, values, parties):
    """Neither for integers in range nor for others: the key of the check is uniform, its difference 0."""
    trio = parties(prime_field)
    opened = []
    for engine in trio.engines:
        original = engine.open

        def tap(held, label, *, index=0, original=original):
            found = original(held, label, index=index)
            opened.append((label, prime_field.to_integers(found)))
            return found

        engine.open = tap
    dealt = share(prime_field, prime_field.from_integers(values))
    trio.run(lambda engine: shared_bits(engine, dealt[engine.party], 8, "bits"))
    assert {label for label, _ in opened} == {"bits/check/key/opened", "bits/check/difference"}
    assert all(found == [0] for label, found in opened if label == "bits/check/difference")


def test_costs_are_those_documented(prime_field, parties):
    trio, width, m = parties(prime_field), 16, 3
    dealt = share(prime_field, prime_field.from_integers([5, 500, 50000]))
    trio.run(lambda engine: shared_bits(engine, dealt[engine.party], width, "bits"))
    steps = 4  # log2(16)
    passing = sum(width - (1 << k) for k in range(steps))
    products = m * (5 + 4 * width + width + 2 * passing + width)
    assert products <= (2 * steps + 6) * width * m + 5 * m
    for engine in trio.engines:
        assert engine.traffic.rounds == 1 + (3 + 4 + 1 + steps + 1) + (2 + 3)
        elements = m * (1 + 3 * width) + 2 * products + 1 + 2
        assert engine.traffic.payload_bytes == elements * prime_field.element_bytes + 2 * 2 * 32 + 2 * 32


@pytest.mark.parametrize("step", ["enter/1", *(f"product/{k}" for k in range(2, 13))])
@pytest.mark.parametrize("position", [0, -1])
def test_a_bent_product_is_caught(prime_field, parties, monkeypatch, step, position):
    dealt = share(prime_field, prime_field.from_integers([5, 200]))
    honest, bent = Engine.reshare, []

    def bend(self, additive, label, *, index=0):
        if self.party == 1 and label.endswith(step):
            values = additive.values.copy()
            place = slice(position, position + 1 or None)
            values[place] = self.ring.add(values[place], self.ring.from_integers([1]))
            additive = AdditiveShare(additive.party, values)
            bent.append(label)
        return honest(self, additive, label, index=index)

    def run(engine):
        with pytest.raises(ProductCheckError):
            shared_bits(engine, dealt[engine.party], 8, "bits")

    monkeypatch.setattr(Engine, "reshare", bend)
    parties(prime_field).run(run)
    assert len(bent) == 1


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_a_party_with_false_components_is_caught(prime_field, parties, liar):
    """Its honest fellow holders define what is shared; what it computes from other components is a bent product."""
    p = field_modulus(prime_field)
    dealt = dealt_as(prime_field, [(p // 2, p // 3, (5 - p // 2 - p // 3) % p)])
    one = prime_field.from_integers([1])
    held = dealt[liar]
    dealt[liar] = ReplicatedShare(liar, prime_field.add(held.first, one), held.second)
    outcomes = parties(prime_field, timeout_s=3.0).outcomes(
        lambda engine: shared_bits(engine, dealt[engine.party], 8, "bits")
    )
    assert all(isinstance(outcome, MpcError) for party, outcome in enumerate(outcomes) if party != liar)


def test_only_over_prime_fields_and_in_range(parties, prime_field):
    for ring, width in ((Z2_64, 8), (prime_field, 0), (prime_field, widest(prime_field) + 1)):
        engine = parties(ring).engines[0]
        with pytest.raises(RingValueError):
            shared_bits(engine, share(ring, ring.from_integers([1]))[0], width, "bits")
        assert engine.traffic.messages == 0


def test_a_label_serves_once(parties, prime_field):
    dealt = share(prime_field, prime_field.from_integers([5]))

    def run(engine):
        shared_bits(engine, dealt[engine.party], 4, "bits")
        with pytest.raises(ProtocolStateError):
            shared_bits(engine, dealt[engine.party], 4, "bits")

    parties(prime_field).run(run)
