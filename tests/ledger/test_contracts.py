"""The contracts on a bare EVM: what they accept, what they keep, and how big a statement they take."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import pytest
from contract_machine import CHAIN_ID, Contract, Reverted
from contract_scene import (
    ADMIN,
    AGENCY,
    OWNER_A,
    OWNER_B,
    STRANGER,
    ApprovedQuery,
    Scene,
)
from study_cases import POLICY_HASH, SCHEMA_HASH, registration_relation, table, wide_relation
from tiny_prover import message_of, prove, statement_bytes

from ledger import studies
from ledger.artifacts import CONTRACTS, MAX_CODE_BYTES, load_artifact
from ledger.compile import SOURCES, source_hashes
from ledger.errors import ArtifactMismatchError
from ledger.identifiers import binding_hash, dataset_id, query_id, record_hash, registration_id
from zk import encoding, relation
from zk.encoding import relation_hash, statement_hash
from zk.limits import MAX_PROOF_WORDS
from zk.relation import ColumnKind
from zk.statement import Statement
from zk.transcript import proof_domain


@pytest.fixture(scope="module")
def ready() -> ApprovedQuery:
    return ApprovedQuery(seed=21)


@pytest.fixture
def scene(ready: ApprovedQuery) -> Iterator[ApprovedQuery]:
    with ready.trial():
        yield ready


def test_artifacts_are_those_of_the_sources() -> None:
    for name in CONTRACTS:
        assert dict(load_artifact(name).sources) == source_hashes()
    with pytest.raises(ArtifactMismatchError):
        load_artifact("Precompiles")


def test_limits_are_those_of_the_language() -> None:
    source = (SOURCES / "RelationShape.vy").read_text()
    limits = dict(re.findall(r"^(M\w+|PAIRS_PER_WORD): constant\(uint256\) = (\d+)$", source, re.MULTILINE))
    assert int(limits.pop("MAX_PROOF_WORDS")) == MAX_PROOF_WORDS
    assert len(limits) == 16
    for name, value in limits.items():
        assert getattr(relation, name, None) == int(value) or getattr(encoding, name) == int(value), name


def test_limits_of_batches_are_those_of_the_contract() -> None:
    source = (SOURCES / "Studies.vy").read_text()
    limits = dict(re.findall(r"^(MAX_BATCH|MAX_CALL_BYTES): constant\(uint256\) = (\d+)", source, re.MULTILINE))
    assert {name: int(value) for name, value in limits.items()} == {
        "MAX_BATCH": studies.MAX_BATCH, "MAX_CALL_BYTES": studies.MAX_CALL_BYTES
    }  # fmt: skip


@pytest.mark.parametrize("name", CONTRACTS)
def test_code_fits_and_uses_no_opcode_a_consortium_chain_lacks(name: str) -> None:
    code = load_artifact(name).runtime
    assert len(code) <= MAX_CODE_BYTES
    forbidden = {0x46: "CHAINID", 0x47: "SELFBALANCE", 0x48: "BASEFEE", 0x42: "TIMESTAMP", 0x43: "NUMBER",
                 0x5F: "PUSH0", 0x5E: "MCOPY", 0xF2: "CALLCODE", 0xF4: "DELEGATECALL", 0xFF: "SELFDESTRUCT"}
    used, at, reachable = set(), 0, True
    while at < len(code):  # what follows a stop, jump, return or revert is data until the next jump destination
        reachable = reachable or code[at] == 0x5B
        if reachable:
            used.add(code[at])
        reachable = reachable and code[at] not in {0x00, 0x56, 0xF3, 0xFD, 0xFE}
        at += 1 + max(0, code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0)
    assert not {forbidden[op] for op in used & forbidden.keys()}


def test_self_test(scene: ApprovedQuery) -> None:
    for contract in (scene.registry, scene.studies):
        assert contract.send("selfTest", sender=STRANGER) == 0
        assert list(contract.send("tauG2", sender=STRANGER)) == scene.srs.tau_g2_words


def test_identifiers_are_those_of_the_python_side(scene: ApprovedQuery) -> None:
    for contract in (scene.registry, scene.studies):
        expected = proof_domain(CHAIN_ID, int(contract.address, 16), scene.srs.id)
        assert contract.send("domain", sender=STRANGER) == expected
        assert contract.send("chainId", sender=STRANGER) == CHAIN_ID
    a = scene.a
    assert a.dataset == dataset_id(OWNER_A, a.table.name_hash)
    assert a.dataset == scene.registry.send("datasetId", OWNER_A, a.table.name_hash, sender=STRANGER)
    kinds = [ColumnKind.BOOLEAN, ColumnKind.INTEGER]
    expected = registration_id(OWNER_A, a.dataset, 1, 3, 7, SCHEMA_HASH, kinds)
    words = (OWNER_A, a.dataset, 1, 3, 7, SCHEMA_HASH, 1)
    assert scene.registry.send("registrationId", *words, sender=STRANGER) == expected
    hashed = relation_hash(scene.relation)
    assert scene.query == query_id(CHAIN_ID, scene.studies.address, AGENCY, 7, hashed)
    assert scene.query == scene.studies.send("queryId", AGENCY, 7, hashed, sender=STRANGER)


def test_registration_is_kept(scene: ApprovedQuery) -> None:
    a = scene.a
    assert scene.registry.send("ownerOf", a.dataset, sender=STRANGER) == OWNER_A
    stored = scene.registry.send("dataset", a.dataset, sender=STRANGER)
    assert stored == (OWNER_A, 1, 1, 1, POLICY_HASH, 3)
    stored = scene.registry.send("datasetVersion", a.dataset, 1, sender=STRANGER)
    assert stored == (3, a.table.rows, 2, 1, SCHEMA_HASH, relation_hash(registration_relation(3, a.columns)))
    for column, committed in zip(a.columns, a.committed):
        key = column.dataset << 96 | column.version << 64 | int(column.kind) << 32 | column.column
        assert scene.registry.send("commitment", key, sender=STRANGER) == committed.point
        assert scene.registry.send("holders", committed.point[0], sender=STRANGER) == key
    assert scene.registry.send("commitment", 1, sender=STRANGER) == (0, 0)


def test_versions_follow_each_other(scene: ApprovedQuery) -> None:
    scene.registry.send("withdraw", scene.a.dataset, 1, sender=OWNER_A)
    assert scene.registry.send("dataset", scene.a.dataset, sender=STRANGER)[1] == 2
    scene.register(OWNER_A, scene.a.table, version=2)
    owner, status, version, policy_version, *_ = scene.registry.send("dataset", scene.a.dataset, sender=STRANGER)
    assert (owner, status, version, policy_version) == (OWNER_A, 1, 2, 2)
    scene.registry.send("setPolicy", scene.a.dataset, bytes(32), 10, sender=OWNER_A)
    assert scene.registry.send("dataset", scene.a.dataset, sender=STRANGER)[3:] == (3, bytes(32), 10)
    with pytest.raises(Reverted, match="version"):
        scene.registry.send("withdraw", scene.a.dataset, 1, sender=OWNER_A)


def test_life_of_a_query(scene: ApprovedQuery) -> None:
    query = scene.propose(scene.relation, nonce=1)
    expected = statement_hash(scene.relation, [column.point for column in scene.committed])
    state, proposer, minimum, binding, hashed, datasets, approved = scene.studies.send("query", query, sender=STRANGER)
    bound = binding_hash(expected, scene.terms[query])[:31] + b"\0"
    assert (state, proposer, minimum, binding, approved) == (1, AGENCY, 3, bound, 0)
    assert hashed == relation_hash(scene.relation)
    assert list(datasets) == [scene.a.dataset << 64 | 1 << 32 | 1, scene.b.dataset << 64 | 1 << 32 | 1]
    scene.approve(query, scene.relation, [scene.b])
    assert scene.studies.send("query", query, sender=STRANGER)[6] == 2
    scene.approve(query, scene.relation, [scene.a])
    assert scene.state(query) == 2
    proof = scene.prove(scene.relation, query)
    scene.publish(query, scene.statement, scene.message_for(proof, query))
    stored = scene.studies.send("query", query, sender=STRANGER)
    assert stored[0] == 3
    commitments = tuple(column.point for column in scene.committed)
    statement = Statement(scene.relation, scene.studies_domain, query, commitments)
    assert stored[3] == record_hash(statement, proof)[:31] + b"\0"


def test_ends_of_a_query(scene: ApprovedQuery) -> None:
    for function, arguments, sender, state in (
        ("refuse", (scene.b.dataset, 1), OWNER_B, 4), ("fail", (255,), AGENCY, 5), ("cancel", (), AGENCY, 6),
    ):
        with scene.trial():
            scene.studies.send(function, scene.query, *arguments, sender=sender)
            assert scene.state(scene.query) == state
            with pytest.raises(Reverted, match="state"):
                scene.studies.send("cancel", scene.query, sender=AGENCY)


def test_every_release_word_opens_its_rows(scene: ApprovedQuery) -> None:
    for release in (1, 0b0010, 0b1000 | 0b1000 << 128, 0b1111, 0b1111 | 0b1111 << 128):
        with scene.trial():
            proof = scene.prove(scene.relation, scene.query, release=release)
            scene.publish(scene.query, scene.statement, scene.message_for(proof))
            assert scene.state(scene.query) == 3


def test_admin_changes_hands(scene: ApprovedQuery) -> None:
    with pytest.raises(Reverted, match="not admin"):
        scene.registry.send("offerAdmin", STRANGER, sender=STRANGER)
    scene.registry.send("offerAdmin", STRANGER, sender=ADMIN)
    with pytest.raises(Reverted, match="not offered"):
        scene.registry.send("takeAdmin", sender=OWNER_A)
    scene.registry.send("takeAdmin", sender=STRANGER)
    assert scene.registry.send("admin", sender=STRANGER) == STRANGER
    with pytest.raises(Reverted, match="not admin"):
        scene.registry.send("setMember", OWNER_A, 1, bytes(32), bytes(32), sender=ADMIN)


def test_statement_as_large_as_the_contract_takes() -> None:
    """32 registered columns, 24 witnesses of which 20 are opened, 40 sums with coefficients, 48 zero-forms, N = 64."""
    scene = Scene(seed=4, log_rows=6)
    a, b = scene.register(OWNER_A, table(1, 16, 6, 3)), scene.register(OWNER_B, table(2, 16, 6, 5))
    wide = wide_relation(6, [*a.columns, *b.columns])
    shape = (len(wide.registered), wide.witness_count, len(wide.opened), len(wide.sum_forms), len(wide.zero_forms))
    assert shape == (32, 24, 20, 40, 48)
    query = scene.propose(wide)
    scene.approve(query, wide, [a, b])
    committed = [*a.committed, *b.committed]
    statement = statement_bytes(wide, [column.point for column in committed])
    assert hashlib.sha256(statement).digest() == statement_hash(wide, [column.point for column in committed])
    release = (1 << 40) - 1 | 1 << 128 + 39 | 1 << 128 + 33
    proof = prove(scene.srs, wide, committed, scene.studies_domain, query, release)
    scene.publish(query, statement, message_of(proof, scene.studies_domain, query, statement))
    print(f"largest statement: {scene.machine.gas_used} gas")
    assert scene.machine.gas_used < 900_000
    assert scene.state(query) == 3


def test_one_registry_serves_several_studies(scene: ApprovedQuery) -> None:
    second = Contract(scene.machine, "Studies", scene.registry.address, scene.verifier.address, sender=STRANGER)
    assert second.send("REGISTRY", sender=STRANGER) == scene.studies.send("REGISTRY", sender=STRANGER)
    assert second.send("domain", sender=STRANGER) != scene.studies.send("domain", sender=STRANGER)
