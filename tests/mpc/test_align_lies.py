"""One lying party in an alignment: whatever message it changes, nobody honest ends up with a wrong row."""

from __future__ import annotations

import pytest
from align_scene import align_lists, check_rows, group_of, plan_of

from mpc.align import Alignment
from mpc.authentic import Authentication
from mpc.checked import CheckedShare
from mpc.dummies import DummyPlan
from mpc.errors import AlignmentAbortedError, MpcError, ShareMismatchError
from mpc.replicated import Engine
from mpc.shares import AdditiveShare, share
from mpc.tag_group import open_tags
from zk.field import FR

LISTS = [[11, 22, 33, 44, 55], [66, 44, 22, 77]]
PLAN = plan_of(LISTS, dummies=DummyPlan(epsilon=20, delta=0.01))
SHARED_BY_ONE = ("ids/", "/dummies/")


def messages_of(parties, liar):
    """The messages the liar sends in an honest run: peer and number of each, with its tag."""
    trio, sent = parties(FR), []
    channel = trio.network.channels[liar]
    honest = channel.send

    def note(peer, tag, payload):
        sent.append((peer, tag))
        honest(peer, tag, payload)

    channel.send = note
    trio.run(lambda engine: align_lists(engine, LISTS, PLAN))
    return sent


def run_with_lie(parties, liar, place, change):
    trio, number = parties(FR), iter(range(1 << 20))
    channel = trio.network.channels[liar]
    honest = channel.send

    def bend(peer, tag, payload):
        honest(peer, tag, change(payload) if next(number) == place else payload)

    def body(engine):
        try:
            return align_lists(engine, LISTS, PLAN)
        except MpcError:
            trio.network.close()  # who gives up hangs up
            raise

    channel.send = bend
    return trio.outcomes(body)


def another_element(payload):
    """The first element plus one where elements travel; else other bytes."""
    if len(payload) % 32 == 0 and len(payload) != 32:
        try:
            return FR.encode_bytes(FR.add(FR.decode_bytes(payload[:32]), FR.from_integers([1]))) + payload[32:]
        except Exception:
            return payload[:-1] + bytes([payload[-1] ^ 1])
    return payload[:-1] + bytes([payload[-1] ^ 1])


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_no_changed_message_makes_a_wrong_row(parties, liar):
    """Every message of a run, one by one: the honest abort, or it was the liar's own input and their rows are right."""
    sent = messages_of(parties, liar)
    assert len(sent) > 50
    harmless = []
    for place, (_, tag) in enumerate(sent):
        outcomes = run_with_lie(parties, liar, place, another_element)
        honest = [outcomes[party] for party in range(3) if party != liar]
        if all(isinstance(outcome, Alignment) for outcome in honest):
            harmless.append(tag)
            rows = {party: outcomes[party].own for party in range(3) if isinstance(outcomes[party], Alignment)}
            for owner in (0, 1):
                if owner != liar and not any(part in tag for part in SHARED_BY_ONE):
                    check_rows([LISTS[owner]], [rows[owner]], PLAN.rows)
        else:
            assert any(isinstance(outcome, MpcError) for outcome in honest)
    # its own input; and what only the liar's victim at the very end would have noticed
    allowed = (*SHARED_BY_ONE, "/owner/")
    assert all(any(part in tag for part in allowed) for tag in harmless), harmless


@pytest.mark.parametrize("step", ["enter/entries", "distinct/0/masked", "joint/masked"])
@pytest.mark.parametrize("liar", [0, 2])
def test_a_bent_product_opens_no_joint_tag(parties, monkeypatch, step, liar):
    honest, opened = Engine.reshare, []
    honest_tags = Engine.exchange_components

    def bend(self, additive, label, *, index=0):
        if self.party == liar and label.endswith(step):
            values = additive.values.copy()
            values[:1] = FR.add(values[:1], FR.from_integers([1]))
            additive = AdditiveShare(additive.party, values)
        return honest(self, additive, label, index=index)

    def note(self, first, second, label, *, index=0):
        opened.append(label)
        return honest_tags(self, first, second, label, index=index)

    monkeypatch.setattr(Engine, "reshare", bend)
    monkeypatch.setattr(Engine, "exchange_components", note)
    outcomes = parties(FR).outcomes(lambda engine: align_lists(engine, LISTS, PLAN))
    assert all(isinstance(outcome, AlignmentAbortedError) for outcome in outcomes)
    assert not any(label.endswith("joint/tags") for label in opened)


def test_rows_bent_on_their_way_back_reach_nobody(parties, monkeypatch):
    """A party that adds 1 to a row while the shuffle is undone is caught before any owner sees a row."""
    honest, given = Engine.transfer, []
    honest_open = Engine.open_to

    def bend(self, sender, receiver, masked, n, label, *, index=0):
        if masked is not None and self.party == 1 and "/return/" in label:
            masked = masked.copy()
            masked[:1] = FR.add(masked[:1], FR.from_integers([1]))
        return honest(self, sender, receiver, masked, n, label, index=index)

    def note(self, receiver, a, label, *, index=0):
        given.append(label)
        return honest_open(self, receiver, a, label, index=index)

    monkeypatch.setattr(Engine, "transfer", bend)
    monkeypatch.setattr(Engine, "open_to", note)
    for outcome in parties(FR).outcomes(lambda engine: align_lists(engine, LISTS, PLAN)):
        assert isinstance(outcome, AlignmentAbortedError) and "rows" in outcome.phase
    assert given == []


def test_tags_need_both_holders(parties, monkeypatch):
    honest = Engine.exchange_components

    def lie(self, first, second, label, *, index=0):
        if self.party == 2 and label == "tags":
            first = honest_encoding
        return honest(self, first, second, label, index=index)

    honest_encoding = group_of(FR).encode_bytes(group_of(FR).exponentiate(FR.from_integers([5, 6])))
    dealt = share(FR, FR.from_integers([1, 2]))
    monkeypatch.setattr(Engine, "exchange_components", lie)
    outcomes = parties(FR, timeout_s=1).outcomes(
        lambda engine: open_tags(engine, group_of(FR), dealt[engine.party], "tags")
    )
    assert isinstance(outcomes[0], ShareMismatchError) and isinstance(outcomes[1], bytes)


@pytest.mark.parametrize("wrong", ["value", "tag", "y", None])
def test_checks_find_what_is_false(prime_field, parties, wrong):
    """The batch on its own: a value, a tag or a public product that is off by one."""
    dealt = share(prime_field, prime_field.from_integers([3, 4, 5]))
    one = prime_field.from_integers([1, 0, 0])

    def run(engine):
        batch = Authentication(engine, "batch")
        x = batch.enter(dealt[engine.party], "x")
        r = engine.random(3, "r")
        y = engine.open(engine.multiply(r, x.value, "rx"), "y")
        batch.expect_products(r, x.tag, engine.ring.add(y, one) if wrong == "y" else y)
        value = engine.add_public(x.value, one) if wrong == "value" else x.value
        tag = engine.add_public(x.tag, one) if wrong == "tag" else x.tag
        batch.expect(CheckedShare(value, tag))
        batch.verify()
        batch.verify()  # an empty batch is true
        return True

    outcomes = parties(prime_field).outcomes(run)
    if wrong is None:
        assert outcomes == [True] * 3
    else:
        assert all(isinstance(outcome, AlignmentAbortedError) for outcome in outcomes)
