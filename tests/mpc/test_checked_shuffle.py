"""Checked shuffles: equal to plain ones, and a party that bends any message makes the honest ones raise."""

import pytest

import mpc.shuffle
from mpc.checked_shuffle import apply_checked, undo_checked
from mpc.errors import MpcError, RingValueError, ShareMismatchError, ShuffleCheckError
from mpc.ideal import Ideal
from mpc.replicated import Engine
from mpc.rings import Z2_64
from mpc.rings_wide import Z2_128
from mpc.shares import AdditiveShare, share
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


def test_a_checked_shuffle_is_a_shuffle(checkable, parties, size_of):
    dealt = deal(checkable, COLUMNS)
    results = parties(checkable).run(lambda engine: there_and_back(engine, dealt))
    there, back = results[0]
    assert results == [results[0]] * 3
    assert there == Ideal(size_of(checkable)).shuffle(COLUMNS, there[0])
    assert back == COLUMNS


@pytest.mark.parametrize("n", [0, 1])
def test_short_columns(checkable, parties, n):
    dealt = deal(checkable, [range(n)])

    def body(engine):
        moved = apply_checked(engine, Shuffle(engine, n, "order"), dealt[engine.party], "pass")
        return engine.ring.to_integers(engine.open(moved[0], "opened"))

    assert parties(checkable).run(body) == [list(range(n))] * 3


def bent_transfer(monkeypatch, liar, step, change):
    """The liar applies ``change`` to what it sends in one step, and in the last one keeps what it sent."""
    honest, honest_end = Engine.transfer, mpc.shuffle._three_components
    bent = []

    def transfer(self, sender, receiver, masked, n, label, *, index=0):
        if masked is not None and self.party == liar and label.endswith(step):
            masked = change(self.ring, masked)
            bent.append(step)
        return honest(self, sender, receiver, masked, n, label, index=index)

    def three_components(engine, held, n, component, label, index):
        if held is not None and engine.party == liar:
            held = change(engine.ring, held)
            bent.append(step)
        return honest_end(engine, held, n, component, label, index)

    if step.endswith("last"):
        monkeypatch.setattr(mpc.shuffle, "_three_components", three_components)
    else:
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


STEPS = [(0, "rows/step/0"), (1, "rows/step/1"), (2, "last"), (0, "last")]


@pytest.mark.parametrize(
    "change", [add_one(0), add_one(9), add_one(19), swap_rows, repeat_a_row], ids=["first", "mid", "tag", "swap", "rep"]
)
@pytest.mark.parametrize(("liar", "step"), STEPS)
def test_a_bent_row_is_caught(checkable, parties, monkeypatch, liar, step, change):
    dealt, opened = deal(checkable, COLUMNS), []
    bent = bent_transfer(monkeypatch, liar, step, change)

    def body(engine):
        with pytest.raises(ShuffleCheckError) as caught:
            opened.append(there_and_back(engine, dealt))
        assert str(1 << 60) not in str(caught.value)

    parties(checkable).run(body)
    assert opened == [] and bent == [step]


@pytest.mark.parametrize(("liar", "step"), [(1, "back/rows/step/0"), (1, "back/rows/right"), (0, "back/rows/left")])
def test_a_bent_return_is_caught(checkable, parties, monkeypatch, liar, step):
    """Undoing passes the pairs backwards; the senders are others."""
    dealt, bent = deal(checkable, COLUMNS), []
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

    parties(checkable).run(body)
    assert len(bent) == 1


@pytest.mark.parametrize(("liar", "step"), [(2, "rows/left"), (0, "rows/right")])
def test_a_liar_who_forgets_what_it_sent_is_caught(checkable, parties, monkeypatch, liar, step):
    """It holds another component than the party it sent it to: the opening of the check tells."""
    dealt, bent = deal(checkable, COLUMNS), bent_transfer(monkeypatch, liar, step, add_one(0))
    trio = parties(checkable, timeout_s=1.0)
    outcomes = trio.outcomes(lambda engine: there_and_back(engine, dealt))
    honest = [outcome for party, outcome in enumerate(outcomes) if party != liar]
    assert any(isinstance(outcome, ShareMismatchError) for outcome in honest) and bent == [step]
    assert all(isinstance(outcome, MpcError) for outcome in honest)


def test_errors_that_cancel_in_the_sum_and_in_the_set_are_caught(checkable, parties, monkeypatch):
    """The attack on set equality: +2 on one row and -2 on another of a column whose rows differ by 2 may swap them.

    The set check would pass for some orders and fail for others, which tells where the rows are; the tags always fail.
    """
    dealt = deal(checkable, [[10, 12]])

    def change(ring, masked):
        changed = masked.copy()
        changed[:2] = ring.add(masked[:2], ring.from_integers([2, -2]))
        return changed

    bent = bent_transfer(monkeypatch, 2, "last", change)
    caught = []

    def body(engine):
        for index in range(8):
            shuffle = Shuffle(engine, 2, "order", index=index)
            with pytest.raises(ShuffleCheckError):
                apply_checked(engine, shuffle, dealt[engine.party], "pass", index=index)
            if engine.party == 0:
                caught.append(index)

    parties(checkable).run(body)
    assert caught == list(range(8)) and len(bent) == 8


def test_another_order_by_one_party_is_caught(checkable, parties):
    """A party that permutes by an order of its own choice."""
    dealt = deal(checkable, COLUMNS)

    def body(engine):
        shuffle = Shuffle(engine, 5, "order")
        if engine.party == 1:
            shuffle._permutations[2] = shuffle._permutations[2][::-1].copy()
        return apply_checked(engine, shuffle, dealt[engine.party], "pass")

    outcomes = parties(checkable).outcomes(body)
    assert isinstance(outcomes[0], ShuffleCheckError) and isinstance(outcomes[2], ShuffleCheckError)


def test_a_bent_tag_is_caught(checkable, parties, monkeypatch):
    dealt, honest = deal(checkable, COLUMNS), Engine.reshare

    def reshare(self, additive, label, *, index=0):
        if self.party == 1 and label.endswith("/tags"):
            additive = AdditiveShare(1, add_one(0)(self.ring, additive.values))
        return honest(self, additive, label, index=index)

    monkeypatch.setattr(Engine, "reshare", reshare)
    outcomes = parties(checkable).outcomes(lambda engine: there_and_back(engine, dealt))
    assert all(isinstance(outcome, ShuffleCheckError) for outcome in outcomes)


@pytest.mark.parametrize("opening", ["keys/opened", "difference"])
def test_a_lie_in_the_check_is_caught(checkable, parties, monkeypatch, opening):
    dealt, honest = deal(checkable, COLUMNS), Engine.open

    def lying(self, a, label, *, index=0):
        if self.party == 0 and label.endswith(opening):
            a = self.add_public(a, self.ring.from_integers([1]))
        return honest(self, a, label, index=index)

    monkeypatch.setattr(Engine, "open", lying)
    trio = parties(checkable, timeout_s=1.0)
    outcomes = trio.outcomes(lambda engine: there_and_back(engine, dealt))
    assert isinstance(outcomes[1], ShareMismatchError) and isinstance(outcomes[2], MpcError)


def test_rings_that_cannot_check_are_refused(parties):
    dealt = deal(Z2_128, COLUMNS)

    def body(engine):
        shuffle = Shuffle(engine, 5, "order")
        with pytest.raises(RingValueError, match="prime field"):
            apply_checked(engine, shuffle, dealt[engine.party], "pass")

    parties(Z2_128).run(body)


def test_an_error_that_an_even_key_would_hide_is_caught(parties, monkeypatch):
    """2^63 vanishes times an even number modulo 2^64: the lift to Z_2^128 is what catches it, every time."""
    dealt = deal(Z2_64, COLUMNS)

    def change(ring, masked):
        changed = masked.copy()
        changed[3:4] = ring.add(masked[3:4], ring.from_integers([1 << 63]))
        return changed

    bent = bent_transfer(monkeypatch, 1, "rows/step/1", change)

    def body(engine):
        for index in range(20):
            shuffle = Shuffle(engine, 5, "order", index=index)
            with pytest.raises(ShuffleCheckError):
                apply_checked(engine, shuffle, dealt[engine.party], "pass", index=index)

    parties(Z2_64).run(body)
    assert len(bent) == 20


def test_an_error_in_the_upper_word_alone_changes_nothing(parties, monkeypatch):
    """Neighbour: a multiple of 2^64 is no error of the rows; it passes or aborts, and the rows are right."""
    dealt = deal(Z2_64, COLUMNS)

    def change(ring, masked):
        changed = masked.copy()
        changed[3:4] = ring.add(masked[3:4], ring.from_integers([1 << 127]))
        return changed

    bent_transfer(monkeypatch, 1, "rows/step/1", change)
    results = set()
    for attempt in range(6):
        for outcome in parties(Z2_64, attempt=attempt).outcomes(lambda engine: there_and_back(engine, dealt)[1]):
            results.add("aborted" if isinstance(outcome, ShuffleCheckError) else str(outcome))
    assert results <= {"aborted", str(COLUMNS)}


def test_no_column_is_refused(checkable, parties):
    def body(engine):
        with pytest.raises(RingValueError, match="no column"):
            apply_checked(engine, Shuffle(engine, 5, "order"), [], "pass")

    parties(checkable).run(body)
