"""M15 and batches: one pairing for several publications is as good as one for each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from contract_machine import Reverted
from contract_scene import STRANGER, ApprovedQuery
from py_ecc.optimized_bn128 import G1, add, multiply, normalize
from tiny_prover import Challenges, Header, Message, points_bytes, statement_bytes
from tiny_string import R, register_column, sha, word


@pytest.fixture(scope="module")
def ready() -> ApprovedQuery:
    return ApprovedQuery(seed=31)


@pytest.fixture
def scene(ready: ApprovedQuery) -> Iterator[ApprovedQuery]:
    with ready.trial():
        yield ready


def another(scene: ApprovedQuery, nonce: int) -> tuple[bytes, bytes, Message]:
    query, statement = scene.ask(scene.relation, nonce)
    return query, statement, scene.message_for(scene.prove(scene.relation, query), query, statement)


def call(scene: ApprovedQuery, query: bytes, statement: bytes, message: Message) -> bytes:
    return scene.studies.calldata("publish", *scene.publication(query, statement, message))


def publish(scene: ApprovedQuery, *calls: bytes) -> None:
    scene.studies.send("publishBatch", list(calls), sender=STRANGER)


def test_a_batch_is_its_publications(scene: ApprovedQuery) -> None:
    made = [(scene.query, scene.statement, scene.message), *(another(scene, nonce) for nonce in (20, 21))]
    alone = []
    for query, statement, message in made:
        with scene.trial():
            scene.publish(query, statement, message)
            alone.append(scene.studies.send("query", query, sender=STRANGER))
    publish(scene, *(call(scene, *one) for one in made))
    assert [scene.studies.send("query", query, sender=STRANGER) for query, _, _ in made] == alone
    assert all(scene.state(query) == 3 for query, _, _ in made)


def test_one_false_proof_stops_the_batch(scene: ApprovedQuery) -> None:
    good, bad = another(scene, 22), another(scene, 23)
    for false in (
        replace(bad[2], final=bad[2].accumulator),
        scene.message_for(scene.prove(scene.relation, scene.query), bad[0], bad[1]),
    ):
        calls = [call(scene, *good), call(scene, bad[0], bad[1], false)]
        for order in (calls, calls[::-1]):
            with pytest.raises(Reverted, match="pairing"):
                publish(scene, *order)
    assert scene.state(good[0]) == scene.state(bad[0]) == 2
    publish(scene, call(scene, *good))
    assert scene.state(good[0]) == 3


def z_of(scene: ApprovedQuery, query: bytes, statement: bytes, message: Message) -> int:
    """The last challenge of a message."""
    transcript = Challenges(scene.studies_domain, query, statement)
    for label, data in (
        (b"round1", message.round1), (b"round2", message.round2), (b"accumulator", points_bytes(message.accumulator)),
        (b"quotient", points_bytes(message.quotient)), (b"evaluations", message.evaluations),
        (b"opening", message.opening),
    ):
        transcript.absorb(label, data)
    assert Header(statement).field(0) == 2
    return transcript.draw(b"z")


def shifted(point: tuple[int, int], by: int) -> tuple[int, int]:
    x, y = normalize(add((*map(type(G1[0]), point), type(G1[0])(1)), multiply(G1, by % R)))
    return int(x), int(y)


def test_errors_that_cancel_in_a_plain_sum(scene: ApprovedQuery) -> None:
    """Whoever knows τ can spoil two proofs so that their pairings multiply to 1; the challenge weighs them."""
    first, second = another(scene, 24), another(scene, 25)
    gaps = [(z_of(scene, *one) - scene.srs.tau) % R for one in (first, second)]
    error = 12345
    other = -error * gaps[0] * pow(gaps[1], -1, R)
    spoilt = []
    for (query, statement, message), by in zip((first, second), (error, other)):
        spoilt.append(call(scene, query, statement, replace(message, final=shifted(message.final, by))))
    with pytest.raises(Reverted, match="pairing"):
        publish(scene, *spoilt)
    publish(scene, call(scene, *first), call(scene, *second))


def test_another_statement_than_the_one_asked_does_not_pass_in_a_batch(scene: ApprovedQuery) -> None:
    """A proof about a column of the sender's choice, true as it is."""
    mine = [register_column(scene.srs, [1] * 8), *scene.committed[1:]]
    statement = statement_bytes(scene.relation, [column.point for column in mine])
    forged = scene.message_for(scene.prove(scene.relation, scene.query, registered=mine), statement=statement)
    with pytest.raises(Reverted, match="statement"):
        publish(scene, call(scene, scene.query, statement, forged))
    assert scene.state(scene.query) == 2


def test_a_query_stands_once_in_a_batch(scene: ApprovedQuery) -> None:
    one = call(scene, scene.query, scene.statement, scene.message)
    with pytest.raises(Reverted, match="state"):
        publish(scene, one, one)
    publish(scene, one)
    with pytest.raises(Reverted, match="state"):
        publish(scene, one)


def test_calls_that_are_no_publications(scene: ApprovedQuery) -> None:
    """Anything but `publish` would let the sender choose the verifier's answer."""
    good = call(scene, scene.query, scene.statement, scene.message)
    other = scene.registry.calldata("table", 4, 4) + bytes(400)
    for calls, reasons in (
        ([], "calldata length"), ([other], "unknown function"), ([good, other], "unknown function"),
        ([good[:-32]], "calldata length"), ([good + bytes(32)], "calldata length"), ([good[:40]], "Revert"),
        ([b""], "Revert"), ([good + bytes(6148 - len(good) + 32)], "Revert"), ([good] * 9, "Revert"),
    ):
        with pytest.raises(Reverted, match=reasons):
            publish(scene, *calls)
    data = scene.studies.calldata("publishBatch", [good])
    for changed in (data[:-32], data + bytes(32)):
        with pytest.raises(Reverted):
            scene.machine.execute(STRANGER, scene.studies.address, changed)
    for data in (b"", good[:3], scene.registry.calldata("table", 4, 4), sha(word(1))):
        with pytest.raises(Reverted):
            scene.machine.execute(STRANGER, scene.studies.address, data)
    assert scene.state(scene.query) == 2
