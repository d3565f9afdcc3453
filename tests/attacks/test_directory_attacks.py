"""Attacks on the directory, on the life of a query, and on deployment, in the contracts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from contract_machine import CHAIN_ID, Contract, Machine, Reverted, account
from contract_scene import (
    ADMIN,
    AGENCY,
    HALT_GAS,
    LOG_ROWS,
    OWNER_A,
    OWNER_B,
    STRANGER,
    ApprovedQuery,
    Registration,
    Scene,
    refused,
)
from study_cases import POLICY_HASH, joint_relation, table
from tiny_prover import Lie, rehint, statement_bytes
from tiny_string import Committed, TinySrs, register_column

from zk.relation import Term, relation_of
from zk.transcript import FR_MODULUS

P = 21888242871839275222246405745257275088696311157297823662689037894645226208583


@pytest.fixture(scope="module")
def ready() -> ApprovedQuery:
    return ApprovedQuery(seed=11)


@pytest.fixture
def scene(ready: ApprovedQuery) -> Iterator[ApprovedQuery]:
    with ready.trial():
        yield ready




def test_other_number_of_rows_than_registered(scene: ApprovedQuery) -> None:
    with pytest.raises(Reverted, match="number of rows"):
        scene.propose(replace(scene.relation, log_rows=LOG_ROWS + 1), nonce=1)


def test_half_the_rows() -> None:
    """M6: with H of N/2 inside H of N, columns of 16 rows could be summed over 8."""
    scene = Scene(seed=3, log_rows=4)
    a = scene.register(OWNER_A, table(1, 2, 4, 3))
    b = scene.register(OWNER_B, table(2, 1, 4, 3))
    columns = [a.columns[0], b.columns[0], a.columns[1]]
    scene.propose(joint_relation(4, columns))
    with pytest.raises(Reverted, match="number of rows"):
        scene.propose(joint_relation(3, columns))


def test_more_datasets_than_a_query_takes(scene: ApprovedQuery) -> None:
    found = [scene.register(OWNER_A, table(100 + k, 1, LOG_ROWS, 3)).columns[0] for k in range(9)]
    for count in (8, 9):
        sums = [[Term(1, 0, 1)], [Term(1, 0, i) for i in range(1, count + 1)]]
        relation = relation_of(LOG_ROWS, tuple(found[:count]), 0, (), [], sums, (0, 0))
        if count == 8:
            assert scene.state(scene.propose(relation, nonce=6)) == 1
        else:
            with pytest.raises(Reverted):
                scene.propose(relation, nonce=6)


def test_commitment_registered_twice(scene: ApprovedQuery) -> None:
    """M12: also by its own owner, also negated, also for another version."""
    data = replace(scene.a.table, name_hash=b"c" * 32)
    for owner in (OWNER_A, OWNER_B):
        made = scene.registration(owner, data, committed=scene.a.committed)
        with pytest.raises(Reverted, match="commitment registered before"):
            scene.registry.send("register", *made.values(), sender=owner)
    negated = [
        Committed([-v for v in c.values], [-x % FR_MODULUS for x in c.polynomial], (c.point[0], P - c.point[1]))
        for c in scene.a.committed
    ]
    made = scene.registration(OWNER_B, data, committed=negated)
    with pytest.raises(Reverted, match="commitment registered before"):
        scene.registry.send("register", *made.values(), sender=OWNER_B)
    made = scene.registration(OWNER_A, scene.a.table, committed=scene.a.committed, version=2)
    with pytest.raises(Reverted, match="commitment registered before"):
        scene.registry.send("register", *made.values(), sender=OWNER_A)
    column = register_column(scene.srs, scene.a.table.columns[0])
    made = scene.registration(OWNER_A, data, committed=[column, column])
    with pytest.raises(Reverted, match="commitment registered before"):
        scene.registry.send("register", *made.values(), sender=OWNER_A)


def test_registration_replayed_by_another_owner(scene: ApprovedQuery) -> None:
    """Knowing a commitment and its proof is not knowing the column."""
    made = scene.registration(OWNER_A, replace(scene.a.table, name_hash=b"d" * 32))
    with pytest.raises(Reverted, match="column"):
        scene.registry.send("register", *made.values(), sender=OWNER_B)
    with pytest.raises(Reverted, match="not an owner"):
        scene.registry.send("register", *made.values(), sender=STRANGER)


@pytest.mark.parametrize(("field", "value", "reason"), [
    ("version", 2, "version"), ("version", 0, "version"), ("rows", 6, "pairing"), ("rows", 0, "rows"),
    ("rows", 9, "rows"), ("schema_hash", b"x" * 32, "pairing"), ("kinds", 3, "column"), ("kinds", 0, "kinds"),
    ("kinds", 5, "kinds"), ("minimum_group", 2, "minimum group"), ("minimum_group", 2**64, "minimum group"),
])
def test_registration_with_another_field(scene: ApprovedQuery, field: str, value: object, reason: str) -> None:
    made = scene.registration(OWNER_A, replace(scene.a.table, name_hash=b"e" * 32))
    forged = replace(made, arguments={**made.arguments, field: value})
    if reason == "pairing":
        forged = rehinted_registration(scene, forged)
    with pytest.raises(Reverted, match=f"^{reason}"):
        scene.registry.send("register", *forged.values(), sender=OWNER_A)
    scene.registry.send("register", *made.values(), sender=OWNER_A)


def rehinted_registration(scene: ApprovedQuery, made: Registration) -> Registration:
    a = made.arguments
    dataset = scene.registry.send("datasetId", made.owner, a["name_hash"], sender=STRANGER)
    subject = scene.registry.send(
        "registrationId", made.owner, dataset, a["version"], LOG_ROWS, a["rows"], a["schema_hash"], a["kinds"],
        sender=STRANGER,
    )
    return replace(made, message=rehint(made.message, scene.registry_domain, subject, made.statement))


def test_registration_with_words_behind_its_statement(scene: ApprovedQuery) -> None:
    data = replace(scene.a.table, name_hash=b"h" * 32)
    committed = [register_column(scene.srs, column) for column in data.columns]
    for more, reason in ((bytes(32), "length"), (bytes(64), "length"), (b"", "")):
        made = scene.registration(OWNER_A, data, committed=committed, behind=more)
        if reason:
            with pytest.raises(Reverted, match=f"^{reason}"):
                scene.registry.send("register", *made.values(), sender=OWNER_A)
        else:
            scene.registry.send("register", *made.values(), sender=OWNER_A)


def test_registration_of_false_row_counts_and_points(scene: ApprovedQuery) -> None:
    data = replace(scene.a.table, name_hash=b"g" * 32)
    made = scene.registration(OWNER_A, data, rows=5)
    with pytest.raises(Reverted, match="row count"):
        scene.registry.send("register", *made.values(), sender=OWNER_A)
    made = scene.registration(OWNER_A, data, rows=5, lie=Lie(sums={0: 5}))
    with pytest.raises(Reverted, match="pairing"):
        scene.registry.send("register", *made.values(), sender=OWNER_A)
    committed = [register_column(scene.srs, column) for column in data.columns]
    for point in ((1, 3), (0, 0), (P + 1, 2), (1, P + 2)):
        broken = [committed[0], replace(committed[1], point=point)]
        made = scene.registration(OWNER_A, data, committed=broken)
        with pytest.raises(Reverted) as caught:
            scene.registry.send("register", *made.values(), sender=OWNER_A)
        assert caught.value.reason == "point"
        assert caught.value.gas < HALT_GAS



def test_replay_after_publication(scene: ApprovedQuery) -> None:
    scene.publish(scene.query, scene.statement, scene.message)
    with pytest.raises(Reverted, match="state"):
        scene.publish(scene.query, scene.statement, scene.message)
    with pytest.raises(Reverted, match="query exists"):
        scene.propose(scene.relation, nonce=7)


def test_publication_before_every_approval(scene: ApprovedQuery) -> None:
    query = scene.propose(scene.relation, nonce=3)
    message = scene.message_for(scene.prove(scene.relation, query), query)
    refused(scene, message, "state", query=query)
    scene.approve(query, scene.relation, [scene.a])
    refused(scene, message, "state", query=query)
    scene.approve(query, scene.relation, [scene.b])
    scene.publish(query, scene.statement, message)


def test_policy_changed_after_approval(scene: ApprovedQuery) -> None:
    scene.registry.send("setPolicy", scene.b.dataset, POLICY_HASH, 5, sender=OWNER_B)
    refused(scene, scene.message, "dataset changed")


def test_dataset_withdrawn_after_approval(scene: ApprovedQuery) -> None:
    scene.registry.send("withdraw", scene.a.dataset, 1, sender=OWNER_A)
    refused(scene, scene.message, "dataset changed")


def test_new_version_after_approval(scene: ApprovedQuery) -> None:
    scene.register(OWNER_A, scene.a.table, version=2)
    refused(scene, scene.message, "dataset changed")
    with pytest.raises(Reverted, match="dataset version"):
        scene.propose(scene.relation, nonce=5)


def test_change_of_a_dataset_the_query_does_not_use(scene: ApprovedQuery) -> None:
    """Its lane of their common page changes, theirs do not."""
    other = scene.register(OWNER_A, replace(scene.a.table, name_hash=b"o" * 32))
    scene.registry.send("setPolicy", other.dataset, POLICY_HASH, 50, sender=OWNER_A)
    scene.registry.send("withdraw", other.dataset, 1, sender=OWNER_A)
    scene.publish(scene.query, scene.statement, scene.message)


def test_datasets_on_several_pages(scene: ApprovedQuery) -> None:
    """Sixteen datasets share a page; a query over two pages asks the directory for each of its datasets."""
    few = replace(scene.a.table, columns=scene.a.table.columns[:1])
    made = [scene.register(OWNER_A, replace(few, name_hash=bytes([64 + k]) * 32)) for k in range(15)]
    last = scene.register(OWNER_A, replace(scene.a.table, name_hash=b"z" * 32))
    assert last.dataset not in {data.dataset for data in made}
    relation = joint_relation(LOG_ROWS, [last.columns[0], scene.b.columns[0], last.columns[1]])
    committed = [last.committed[0], scene.b.committed[0], last.committed[1]]
    query = scene.propose(relation, nonce=30)
    assert scene.terms[query] >> 64 == 0 and scene.terms[scene.query] >> 64 != 0
    scene.approve(query, relation, [last, scene.b])
    statement = statement_bytes(relation, [column.point for column in committed])
    message = scene.message_for(scene.prove(relation, query, registered=committed), query, statement)
    for function, arguments, reason in (
        ("setPolicy", (last.dataset, POLICY_HASH, 5), "policy version"), ("withdraw", (last.dataset, 1), "not active"),
    ):
        with scene.trial():
            scene.registry.send(function, *arguments, sender=OWNER_A)
            with pytest.raises(Reverted, match=reason):
                scene.publish(query, statement, message)
    scene.registry.send("withdraw", made[0].dataset, 1, sender=OWNER_A)
    scene.publish(query, statement, message)
    assert scene.state(query) == 3


def test_terms_other_than_the_querys(scene: ApprovedQuery) -> None:
    """A smaller minimum group, or a page that hides what changed since the proposal, is not what was bound."""
    terms = scene.terms[scene.query]
    mine = scene.verifier.send("openPage", sender=STRANGER)
    for lane in (0, 1):
        scene.verifier.send("setLane", mine, lane, 1, sender=STRANGER)
    page = terms & ~(2**96 - 2**64) | mine << 64
    for forged in (terms - 1, terms & ~(2**64 - 1), terms + 1, page, terms & 2**96 - 1, terms & 2**116 - 1):
        arguments = scene.publication(scene.query, scene.statement, scene.message)
        with pytest.raises(Reverted, match="statement"):
            scene.studies.send("publish", arguments[0], forged, *arguments[2:], sender=STRANGER)
    scene.registry.send("setPolicy", scene.b.dataset, POLICY_HASH, 50, sender=OWNER_B)
    for forged in (page, terms & 2**116 - 1, terms + (1 << 120)):
        with pytest.raises(Reverted, match="statement"):
            scene.studies.send("publish", arguments[0], forged, *arguments[2:], sender=STRANGER)
    with pytest.raises(Reverted, match=r"dataset version|policy version"):
        scene.studies.send("publish", arguments[0], terms & 2**64 - 1, *arguments[2:], sender=STRANGER)


def test_publication_through_another_contract(scene: ApprovedQuery) -> None:
    """Parties read [s] and the opened rows from the transaction; hidden in another contract's they could not."""
    head, tail = "36600060003760006000366000600073", "5af13d600060003e6033573d6000fd5b3d6000f3"
    forward = head + scene.studies.address[2:] + tail
    created = bytes.fromhex(f"60{len(forward) // 2:02x}80600b6000396000f3{forward}")
    relay = scene.machine.deploy(created, STRANGER)
    data = scene.studies.calldata("publish", *scene.publication(scene.query, scene.statement, scene.message))
    with pytest.raises(Reverted, match="not a transaction"):
        scene.machine.execute(STRANGER, relay, data)
    scene.machine.execute(STRANGER, scene.studies.address, data)


def test_verifier_answers_each_caller_for_itself(scene: ApprovedQuery) -> None:
    """A message made for the studies contract is another one's garbage: msg.sender is in the domain."""
    arguments = scene.publication(scene.query, scene.statement, scene.message)
    domains = {scene.verifier.send("domain", who, sender=STRANGER) for who in (STRANGER, scene.studies.address)}
    assert len(domains) == 2 and scene.studies_domain in domains
    with pytest.raises(Reverted, match="hint"):
        scene.verifier.send("publish", *arguments, sender=STRANGER)


def test_refused_failed_and_cancelled_queries_stay_closed(scene: ApprovedQuery) -> None:
    for function, arguments, sender in (
        ("refuse", (scene.a.dataset, 1), OWNER_A), ("fail", (2,), AGENCY), ("cancel", (), AGENCY),
    ):
        with scene.trial():
            scene.studies.send(function, scene.query, *arguments, sender=sender)
            refused(scene, scene.message, "state")
            with pytest.raises(Reverted, match="state"):
                scene.approve(scene.query, scene.relation, [scene.a])


def test_strangers(scene: ApprovedQuery) -> None:
    query = scene.propose(scene.relation, nonce=4)
    relation_hash = scene.studies.send("query", query, sender=STRANGER)[4]
    attempts = [
        ("approve", (query, relation_hash, scene.a.dataset, 1), STRANGER, "not an owner"),
        ("approve", (query, relation_hash, scene.a.dataset, 1), OWNER_B, "not the dataset's owner"),
        ("approve", (query, bytes(32), scene.a.dataset, 1), OWNER_A, "relation"),
        ("approve", (query, relation_hash, scene.a.dataset, 2), OWNER_A, "policy version"),
        ("approve", (query, relation_hash, 99, 1), OWNER_A, "not a dataset of this query"),
        ("refuse", (query, scene.a.dataset, 1), OWNER_B, "not the dataset's owner"),
        ("refuse", (query, 99, 1), OWNER_A, "not a dataset of this query"),
        ("refuse", (query, scene.a.dataset, 256), OWNER_A, "code"),
        ("fail", (query, 1), OWNER_A, "not the proposer"),
        ("cancel", (query,), STRANGER, "not the proposer"),
    ]
    for function, arguments, sender, reason in attempts:
        with pytest.raises(Reverted, match=reason):
            scene.studies.send(function, *arguments, sender=sender)
    for sender in (STRANGER, OWNER_A, ADMIN):
        with pytest.raises(Reverted, match="not an agency"):
            scene.propose(scene.relation, nonce=4, sender=sender)
    for sender in (STRANGER, OWNER_B):
        with pytest.raises(Reverted, match="owner"):
            scene.registry.send("setPolicy", scene.a.dataset, POLICY_HASH, 3, sender=sender)
        with pytest.raises(Reverted, match="owner"):
            scene.registry.send("withdraw", scene.a.dataset, 1, sender=sender)
    with pytest.raises(Reverted, match="not admin"):
        scene.registry.send("setMember", STRANGER, 15, bytes(32), bytes(32), sender=OWNER_A)


def test_owner_who_is_no_longer_a_member(scene: ApprovedQuery) -> None:
    query = scene.propose(scene.relation, nonce=4)
    scene.registry.send("setMember", OWNER_A, 0, bytes(32), bytes(32), sender=ADMIN)
    with pytest.raises(Reverted, match="not an owner"):
        scene.approve(query, scene.relation, [scene.a])


def test_one_approval_counts_once(scene: ApprovedQuery) -> None:
    query = scene.propose(scene.relation, nonce=4)
    scene.approve(query, scene.relation, [scene.a])
    with pytest.raises(Reverted, match="approved before"):
        scene.approve(query, scene.relation, [scene.a])
    assert scene.state(query) == 1



def test_development_string_in_production() -> None:
    machine, srs = Machine(), TinySrs(3, Random(2))
    for production, development in ((True, True), (True, False), (False, True)):
        arguments = (CHAIN_ID, srs.id, srs.tau_g2_words, development, production)
        if production and development:
            with pytest.raises(Reverted, match="development SRS in production"):
                Contract(machine, "ProofVerifier", *arguments, sender=ADMIN)
        else:
            Contract(machine, "ProofVerifier", *arguments, sender=ADMIN)


def test_studies_over_another_chain_or_string() -> None:
    machine, srs = Machine(), TinySrs(3, Random(2))
    tau, other = srs.tau_g2_words, TinySrs(3, Random(3)).tau_g2_words
    verifier = Contract(machine, "ProofVerifier", CHAIN_ID, srs.id, tau, True, False, sender=ADMIN)
    registry = Contract(machine, "Registry", verifier.address, sender=ADMIN)
    for chain, srs_id, words, reason in (
        (CHAIN_ID + 1, srs.id, tau, "chain id"), (CHAIN_ID, bytes(32), tau, "SRS"), (CHAIN_ID, srs.id, other, "SRS"),
    ):
        another = Contract(machine, "ProofVerifier", chain, srs_id, words, True, False, sender=ADMIN)
        with pytest.raises(Reverted, match=f"registry's {reason}"):
            Contract(machine, "Studies", registry.address, another.address, sender=ADMIN)


def test_verifier_that_is_no_contract() -> None:
    with pytest.raises(Reverted):
        Contract(Machine(), "Registry", STRANGER, sender=ADMIN)


def test_malformed_tau() -> None:
    machine, srs = Machine(), TinySrs(3, Random(2))
    good = srs.tau_g2_words
    one = [
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
    ]
    off_twist, swapped, large = [good[0] ^ 1, *good[1:]], [good[1], good[0], good[3], good[2]], [good[0] + P, *good[1:]]
    for words in ([0, 0, 0, 0], one, off_twist, swapped, large):
        with pytest.raises(Reverted):
            Contract(machine, "ProofVerifier", CHAIN_ID, srs.id, words, True, False, sender=account(1))
