"""Checked shuffles: equal to plain ones, and a party that bends any message makes the honest ones raise."""

import pytest

from mpc.checked_shuffle import apply_checked, undo_checked
from mpc.errors import MpcError, RingValueError, ShareMismatchError, ShuffleCheckError
from mpc.ideal import Ideal
from mpc.replicated import Engine
from mpc.rings import Z2_64
from mpc.shares import share
from mpc.shuffle import Shuffle

COLUMNS = [[0, 1, 2, 3, 4], [7, 7, 9, 9, 1 << 60], [5, 0, 0, 0, 5]]


def deal(ring, columns):
    dealt = [share(ring, ring.from_integers(column)) for column in columns]
    return [[column[party] for column in dealt] for party in range(3)]


def there_and_back(engine, dealt):
    shuffle = Shuffle(engine, 5, "order")
    there = apply_checked(engine, shuffle, dealt[engine.party], "there")
    back = undo_checked(engine, shuffle, there, "back")
    return [
        [engine.ring.to_integers(engine.open(column, f"{name}/{at}")) for at, column in enumerate(columns)]
        for name, columns in (("there", there), ("back", back))
    ]


def test_a_checked_shuffle_is_a_shuffle(prime_field, parties, size_of):
    dealt = deal(prime_field, COLUMNS)
    results = parties(prime_field).run(lambda engine: there_and_back(engine, dealt))
    there, back = results[0]
    assert results == [results[0]] * 3
    assert there == Ideal(size_of(prime_field)).shuffle(COLUMNS, there[0])
    assert back == COLUMNS


@pytest.mark.parametrize("n", [0, 1])
def test_short_columns(prime_field, parties, n):
    dealt = deal(prime_field, [range(n)])

    def body(engine):
        moved = apply_checked(engine, Shuffle(engine, n, "order"), dealt[engine.party], "pass")
        return engine.ring.to_integers(engine.open(moved[0], "opened"))

    assert parties(prime_field).run(body) == [list(range(n))] * 3


def bent_transfer(monkeypatch, liar, step, change):
    """The liar applies ``change`` to what it sends in one step."""
    honest = Engine.transfer
    bent = []

    def transfer(self, sender, receiver, masked, n, label, *, index=0):
        if masked is not None and self.party == liar and label.endswith(step):
            masked = change(self.ring, masked)
            bent.append(step)
        return honest(self, sender, receiver, masked, n, label, index=index)

    monkeypatch.setattr(Engine, "transfer", transfer)
    return bent


def add_one(at):
    def change(ring, masked):
        changed = masked.copy()
        changed[at : at + 1] = ring.add(masked[at : at + 1], ring.from_integers([1]))
        return changed

    return change


def swap_rows(ring, masked):
    changed = masked.copy()
    changed[[0, 1]] = masked[[1, 0]]
    return changed


def repeat_a_row(ring, masked):
    changed = masked.copy()
    changed[::5] = masked[1::5]
    return changed


STEPS = [(0, "rows/step/0"), (1, "rows/step/1"), (2, "rows/left"), (0, "rows/right")]


@pytest.mark.parametrize(
    "change", [add_one(0), add_one(9), add_one(19), swap_rows, repeat_a_row], ids=["first", "mid", "tag", "swap", "rep"]
)
@pytest.mark.parametrize(("liar", "step"), STEPS)
def test_a_bent_row_is_caught(prime_field, parties, monkeypatch, liar, step, change):
    dealt, opened = deal(prime_field, COLUMNS), []
    bent = bent_transfer(monkeypatch, liar, step, change)

    def body(engine):
        with pytest.raises(ShuffleCheckError) as caught:
            opened.append(there_and_back(engine, dealt))
        assert str(1 << 60) not in str(caught.value)

    parties(prime_field).run(body)
    assert opened == [] and bent == [step]


@pytest.mark.parametrize(("liar", "step"), [(1, "back/rows/step/0"), (1, "back/rows/right"), (0, "back/rows/left")])
def test_a_bent_return_is_caught(prime_field, parties, monkeypatch, liar, step):
    """Undoing passes the pairs backwards; the senders are others."""
    dealt, bent = deal(prime_field, COLUMNS), []
    honest = Engine.transfer

    def transfer(self, sender, receiver, masked, n, label, *, index=0):
        if masked is not None and "back/rows" in label and not bent:
            masked = add_one(3)(self.ring, masked)
            bent.append(label)
        return honest(self, sender, receiver, masked, n, label, index=index)

    monkeypatch.setattr(Engine, "transfer", transfer)

    def body(engine):
        with pytest.raises(ShuffleCheckError):
            there_and_back(engine, dealt)

    parties(prime_field).run(body)
    assert len(bent) == 1


def test_errors_that_cancel_in_the_sum_and_in_the_set_are_caught(prime_field, parties, monkeypatch):
    """The attack on set equality: +2 on one row and -2 on another of a column whose rows differ by 2 may swap them.

    The set check would pass for some orders and fail for others, which tells where the rows are; the tags always fail.
    """
    dealt = deal(prime_field, [[10, 12]])

    def change(ring, masked):
        changed = masked.copy()
        changed[:2] = ring.add(masked[:2], ring.from_integers([2, -2]))
        return changed

    bent = bent_transfer(monkeypatch, 2, "rows/left", change)
    caught = []

    def body(engine):
        for index in range(8):
            shuffle = Shuffle(engine, 2, "order", index=index)
            with pytest.raises(ShuffleCheckError):
                apply_checked(engine, shuffle, dealt[engine.party], "pass", index=index)
            if engine.party == 0:
                caught.append(index)

    parties(prime_field).run(body)
    assert caught == list(range(8)) and len(bent) == 8


def test_another_order_by_one_party_is_caught(prime_field, parties):
    """A party that permutes by an order of its own choice."""
    dealt = deal(prime_field, COLUMNS)

    def body(engine):
        shuffle = Shuffle(engine, 5, "order")
        if engine.party == 1:
            shuffle._permutations[2] = shuffle._permutations[2][::-1].copy()
        return apply_checked(engine, shuffle, dealt[engine.party], "pass")

    outcomes = parties(prime_field).outcomes(body)
    assert isinstance(outcomes[0], ShuffleCheckError) and isinstance(outcomes[2], ShuffleCheckError)


@pytest.mark.parametrize("step", ["tags", "masked"])
def test_a_bent_tag_or_check_is_caught(prime_field, parties, monkeypatch, step):
    from mpc.shares import AdditiveShare

    dealt, honest = deal(prime_field, COLUMNS), Engine.reshare

    def reshare(self, additive, label, *, index=0):
        if self.party == 1 and label.endswith(step):
            additive = AdditiveShare(1, add_one(0)(self.ring, additive.values))
        return honest(self, additive, label, index=index)

    monkeypatch.setattr(Engine, "reshare", reshare)
    outcomes = parties(prime_field).outcomes(lambda engine: there_and_back(engine, dealt))
    assert all(isinstance(outcome, ShuffleCheckError) for outcome in outcomes)


def test_a_lie_about_the_keys_is_caught(prime_field, parties, monkeypatch):
    dealt, honest = deal(prime_field, COLUMNS), Engine.open

    def lying(self, a, label, *, index=0):
        if self.party == 0 and label.endswith("keys/opened"):
            a = self.add_public(a, self.ring.from_integers([1]))
        return honest(self, a, label, index=index)

    monkeypatch.setattr(Engine, "open", lying)
    trio = parties(prime_field, timeout_s=1.0)
    outcomes = trio.outcomes(lambda engine: there_and_back(engine, dealt))
    assert isinstance(outcomes[1], ShareMismatchError) and isinstance(outcomes[2], MpcError)


def test_rings_that_cannot_check_are_refused(parties):
    dealt = deal(Z2_64, COLUMNS)

    def body(engine):
        shuffle = Shuffle(engine, 5, "order")
        with pytest.raises(RingValueError, match="prime field"):
            apply_checked(engine, shuffle, dealt[engine.party], "pass")

    parties(Z2_64).run(body)


def test_no_column_is_refused(prime_field, parties):
    def body(engine):
        with pytest.raises(RingValueError, match="no column"):
            apply_checked(engine, Shuffle(engine, 5, "order"), [], "pass")

    parties(prime_field).run(body)
