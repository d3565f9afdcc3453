"""Checked products: equal to plain products, and one party that bends any of them is caught before anything opens."""

import pytest

from mpc.checked import CheckedProducts
from mpc.coin import toss_coin
from mpc.errors import MessageRejectedError, ProductCheckError, ProtocolStateError
from mpc.replicated import Engine
from mpc.shares import AdditiveShare, share


def _products(engine, dealt):
    """(a·b)·a, opened after the check."""
    batch = CheckedProducts(engine, "batch")
    a, b = (batch.enter(values[engine.party]) for values in dealt)
    result = batch.multiply(batch.multiply(a, b), a)
    batch.verify()
    return engine.ring.to_integers(engine.open(result.value, "result"))


def _deal(ring):
    return [share(ring, ring.from_integers(values)) for values in ([3, 0, 5], [7, 2, 1 << 60])]


def test_products_are_exact(prime_field, parties):
    dealt = _deal(prime_field)
    assert parties(prime_field).run(lambda engine: _products(engine, dealt)) == [[63, 0, 25 << 60]] * 3


@pytest.mark.parametrize("step", ["enter/1", "enter/2", "product/3", "product/4"])
@pytest.mark.parametrize("position", [0, -1])
@pytest.mark.parametrize("liar", [0, 2])
def test_a_bent_product_is_caught(prime_field, parties, monkeypatch, step, position, liar):
    dealt = _deal(prime_field)
    honest = Engine.reshare
    opened = []

    def bend(self, additive, label, *, index=0):
        if self.party == liar and label.endswith(step):
            values = additive.values.copy()
            values[position : position + 1 or None] = self.ring.add(
                values[position : position + 1 or None], self.ring.from_integers([1])
            )
            additive = AdditiveShare(additive.party, values)
        return honest(self, additive, label, index=index)

    def run(engine):
        with pytest.raises(ProductCheckError):
            opened.append(_products(engine, dealt))

    monkeypatch.setattr(Engine, "reshare", bend)
    parties(prime_field).run(run)
    assert opened == []


def test_a_checked_batch_is_closed(prime_field, parties):
    dealt = _deal(prime_field)

    def run(engine):
        batch = CheckedProducts(engine, "batch")
        a = batch.enter(dealt[0][engine.party])
        batch.verify()
        with pytest.raises(ProtocolStateError):
            batch.multiply(a, a)
        with pytest.raises(ProtocolStateError):
            batch.verify()

    parties(prime_field).run(run)


def test_the_coin_is_common_and_fresh(prime_field, parties):
    coins = parties(prime_field).run(lambda engine: (toss_coin(engine, "one"), toss_coin(engine, "two")))
    assert len(set(coins)) == 1
    assert coins[0][0] != coins[0][1]


def test_a_coin_revealed_otherwise_than_committed_is_refused(prime_field, parties, monkeypatch):
    honest = Engine.exchange_bytes

    def cheat(self, label, payload, *, index=0):
        if self.party == 1 and label.endswith("reveal"):
            payload = bytes(len(payload))
        return honest(self, label, payload, index=index)

    def run(engine):
        if engine.party == 1:
            toss_coin(engine, "coin")
            return
        with pytest.raises(MessageRejectedError):
            toss_coin(engine, "coin")

    monkeypatch.setattr(Engine, "exchange_bytes", cheat)
    parties(prime_field).run(run)
