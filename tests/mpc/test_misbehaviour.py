"""What a party that lies, stalls or garbles meets: the right error at the honest parties, and nothing opened."""

import pytest

from mpc.channel import FramedChannel
from mpc.errors import (
    ChannelClosedError,
    DeadlineExceededError,
    MessageRejectedError,
    RingValueError,
    ShareMismatchError,
)
from mpc.frames import Outbox, decode_frame
from mpc.replicated import Engine
from mpc.rings import Z2_64
from mpc.shares import ReplicatedShare
from zk.errors import NonCanonicalEncodingError
from zk.field import FR

SECRET = 424242


def lying(engine, held, liar, component):
    """The liar adds one to the first or second component of its share."""
    if engine.party != liar:
        return held
    one = engine.ring.from_integers([1])
    if component == "first":
        return ReplicatedShare(liar, engine.ring.add(held.first, one), held.second)
    return ReplicatedShare(liar, held.first, engine.ring.add(held.second, one))


@pytest.mark.parametrize("component", ["first", "second"])
@pytest.mark.parametrize("liar", [0, 1, 2])
def test_holders_who_disagree_open_nothing(ring, liar, component, parties):
    def body(engine):
        x = engine.ring.from_integers([SECRET] * 5) if engine.party == 0 else None
        held = engine.share_input(0, x, "x", 5)
        return engine.open(lying(engine, held, liar, component), "x opened")

    outcomes = parties(ring).outcomes(body)
    victim = (liar + 1) % 3 if component == "first" else (liar - 1) % 3
    assert isinstance(outcomes[victim], ShareMismatchError)
    assert str(SECRET) not in str(outcomes[victim])


def test_an_honest_opening_raises_nothing(ring, parties):
    def body(engine):
        x = engine.ring.from_integers([SECRET] * 5) if engine.party == 0 else None
        return engine.ring.to_integers(engine.open(engine.share_input(0, x, "x", 5), "x opened"))

    assert parties(ring).outcomes(body) == [[SECRET] * 5] * 3


def test_a_silent_peer_meets_the_deadline(parties):
    trio = parties(Z2_64, timeout_s=0.2)

    def body(engine):
        return None if engine.party == 2 else engine.open(engine.random(3, "r"), "o")

    outcomes = trio.outcomes(body)
    assert isinstance(outcomes[0], DeadlineExceededError) and isinstance(outcomes[1], DeadlineExceededError)


def test_a_peer_at_another_step_is_refused(parties):
    def body(engine):
        label = "other" if engine.party == 2 else "o"
        return engine.open(engine.random(3, "r"), label)

    outcomes = parties(Z2_64).outcomes(body)
    assert all(isinstance(outcome, MessageRejectedError) and outcome.reason == "tag" for outcome in outcomes)


def test_another_length_is_refused(parties):
    def body(engine):
        held = engine.random(3, "r")
        return engine.open(held[:2] if engine.party == 2 else held, "o")

    outcomes = parties(Z2_64).outcomes(body)
    assert isinstance(outcomes[0], MessageRejectedError) and outcomes[0].reason == "length"


@pytest.mark.parametrize(("ring", "errors"), [(FR, (NonCanonicalEncodingError,))], ids=["Fr"])
def test_a_non_canonical_element_is_refused(ring, errors, parties):
    trio = parties(ring)
    engine = Engine(ring, trio.network.channels[0], trio.seeds[0], bytes(32), 0, timeout_s=5, decode_errors=errors)
    tag = "/".join((ring.name, "0", "reshare", "0", "z"))
    trio.network.channels[1].send(0, tag, b"\xff" * 32)
    held = engine.random(1, "r")
    with pytest.raises(MessageRejectedError) as caught:
        engine.multiply(held, held, "z")
    assert caught.value.reason == "encoding"


def test_a_closed_network_ends_every_wait(parties):
    trio = parties(Z2_64)

    def body(engine):
        if engine.party == 2:
            raise RingValueError("this party fails first")
        return engine.open(engine.random(3, "r"), "o")

    with pytest.raises((RingValueError, ChannelClosedError)):
        trio.run(body)


@pytest.mark.parametrize(
    ("session", "attempt", "sender", "reason"),
    [(b"\1" * 32, 0, 1, "session"), (bytes(32), 1, 1, "attempt"), (bytes(32), 0, 2, "sender")],
)
def test_frames_of_other_runs_do_not_enter(session, attempt, sender, reason, parties):
    trio = parties(Z2_64)
    frame = next(Outbox(session, attempt, sender).frames("x", bytes(8)))
    with pytest.raises(MessageRejectedError) as caught:
        trio.network.channels[0].mailbox.deliver(frame, 1)
    assert caught.value.reason == reason


def test_a_recorded_run_cannot_be_replayed(parties):
    """Frames recorded in one run are refused in the same run and in the next attempt."""
    trio, again = parties(Z2_64), parties(Z2_64, attempt=1)
    recorded: list[tuple[int, bytes]] = []
    honest = trio.network.channels[1]

    def record(peer, frame):
        recorded.append((peer, frame))
        trio.network.channels[peer].mailbox.deliver(frame, 1)

    tapped = FramedChannel(1, 3, bytes(32), 0, record)
    tapped.mailbox = honest.mailbox
    trio.engines[1] = Engine(Z2_64, tapped, trio.seeds[1], bytes(32), 0)
    trio.run(lambda engine: engine.open(engine.random(3, "r"), "o"))
    assert {peer for peer, _ in recorded} == {0, 2} and decode_frame(recorded[0][1]).sender == 1
    for peer, frame in recorded:
        with pytest.raises(MessageRejectedError, match="sequence"):
            trio.network.channels[peer].mailbox.deliver(frame, 1)
        with pytest.raises(MessageRejectedError, match="attempt"):
            again.network.channels[peer].mailbox.deliver(frame, 1)
