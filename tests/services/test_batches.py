"""Proofs that finish together are published together on a real node; a bad one costs nobody else anything (M15)."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from study_samples import make_samples

from ledger.errors import TransactionRevertedError
from ledger.studies import QueryState
from services.client import Tallystick
from services.coordinator.batching import BatchingPublisher
from services.coordinator.publishing import LedgerPublisher, Published
from services.demo.rogue_coordinator import RogueCoordinator
from services.deployment import LocalDeployment
from services.verify import verify_published
from zk.errors import ProofRejectedError
from zk.proof import encode_proof

COUNT = "SELECT COUNT(*) AS n FROM hospital"
PATIENTS = len(make_samples().hospital)
WINDOW_S = 5.0
Answer = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def answers(agency: Tallystick, deployment: LocalDeployment) -> list[Answer]:
    """Queries that are approved, with their proofs, not published."""
    found = []
    with RogueCoordinator(deployment) as rogue:
        for _ in range(8):
            statement = rogue.approved(agency, agency.compile(COUNT))
            found.append((statement.subject, encode_proof(rogue.proved(statement))))
    return found


@pytest.fixture(scope="module")
def ledger(deployment: LocalDeployment) -> LedgerPublisher:
    return LedgerPublisher(deployment.ledger_access("coordinator"))


def publish(publisher: BatchingPublisher, answers: list[Answer]) -> list[Future[Published]]:
    """What became of proofs that arrive at once, in order."""
    with ThreadPoolExecutor(len(answers)) as pool:
        return [pool.submit(publisher.publish, *answer) for answer in answers]


def test_what_comes_within_the_window_shares_a_transaction(
    ledger: LedgerPublisher, answers: list[Answer], deployment: LocalDeployment
) -> None:
    chosen = [answers.pop() for _ in range(3)]
    outcomes = [future.result() for future in publish(BatchingPublisher(ledger, WINDOW_S, most=3), chosen)]
    ((tx, gas),) = set(outcomes)
    alone = answers.pop()
    _, full = BatchingPublisher(ledger, 0.0).publish(*alone)
    assert gas < full - 40_000
    for query_id, proof in chosen:
        found = verify_published(deployment.ledger_access(), query_id)
        assert (found.published.tx_hash, found.published.together) == (tx, 3)
        assert encode_proof(found.proof) == proof
        assert ledger.publish(query_id, proof) == (tx, gas), "asked again, it says the same"
    assert verify_published(deployment.ledger_access(), alone[0]).published.together == 1


def test_m15_a_bad_proof_among_good_ones_is_refused_alone(
    ledger: LedgerPublisher, answers: list[Answer], deployment: LocalDeployment
) -> None:
    good, bad, also_good = answers.pop(), answers.pop(), answers.pop()
    lie = (bad[0], bad[1][:-1] + bytes([bad[1][-1] ^ 1]))
    publisher = BatchingPublisher(ledger, WINDOW_S, most=3)
    first, second, third = publish(publisher, [good, lie, also_good])
    with pytest.raises(TransactionRevertedError):
        second.result()
    assert first.result()[0] != third.result()[0]
    reader = deployment.ledger_access()
    for query_id, _ in (good, also_good):
        assert verify_published(reader, query_id).published.together == 1
    assert reader.studies.state(bad[0]) is QueryState.APPROVED
    with pytest.raises(ProofRejectedError, match="length"):
        publisher.publish(bad[0], bad[1][:-32])
    assert publish(publisher, [bad])[0].result()[1] > 0, "the honest proof is taken afterwards, when nobody else comes"
    assert verify_published(reader, bad[0]).published.together == 1


def test_a_query_twice_among_others_is_published_once(
    ledger: LedgerPublisher, answers: list[Answer], deployment: LocalDeployment
) -> None:
    answer = answers.pop()
    first, second = publish(BatchingPublisher(ledger, WINDOW_S, most=2), [answer, answer])
    assert first.result() == second.result()
    assert verify_published(deployment.ledger_access(), answer[0]).published.together == 1


def test_the_coordinator_gathers_where_it_is_told_to(agency: Tallystick, deployment: LocalDeployment) -> None:
    config = deployment.folder / "coordinator.toml"
    text = config.read_text()
    assert "batch_window_s = 0.0" in text, "off, unless somebody wants it"
    config.write_text(text.replace("batch_window_s = 0.0", "batch_window_s = 8.0"))
    deployment.restart_coordinator()
    try:
        ids = [agency.submit(COUNT, purpose=f"together {k}") for k in range(2)]
        results = [agency.result(query_id) for query_id in ids]
    finally:
        config.write_text(text)
        deployment.restart_coordinator()
    assert [result.values for result in results] == [{"n": PATIENTS}] * 2
    assert len({result.tx for result in results}) == 1
    assert len({result.gas for result in results}) == 1
    single = agency.query(COUNT, purpose="alone again")
    assert single.tx != results[0].tx
    assert single.gas > results[0].gas
