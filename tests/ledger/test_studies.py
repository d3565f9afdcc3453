"""Registry and studies through their Python side, on a real node, with the product's own prover."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from eth_utils import keccak
from node_process import NodeProcess
from study_cases import (
    CERTIFICATE_HASH,
    DID_HASH,
    POLICY_HASH,
    PURPOSE_HASH,
    SCHEMA_HASH,
    SQL_HASH,
    joint_relation,
    registration_relation,
    table,
)

from ledger.client import LedgerClient
from ledger.deploy import Deployment, check_deployment, deploy_contracts
from ledger.errors import DeploymentInvalidError, RecordInvalidError, TransactionRevertedError
from ledger.proof_codec import decode_contract_proof, decode_statement, encode_contract_proof, encode_statement
from ledger.registry import REGISTRATION_RELEASE, DatasetStatus, Registry, Role, own_dataset_id
from ledger.studies import QueryState, Studies, verify_record
from zk.errors import ProofRejectedError, RelationInvalidError
from zk.field import FR
from zk.proof import Proof
from zk.prover import RegisteredSecret, commit_registered
from zk.relation import Relation
from zk.single import prove
from zk.srs import Srs, development_srs
from zk.statement import Point, Statement
from zk.verifier import verify_guards, verify_proof

LOG_ROWS = 3
PUBLISH_GAS = 262_000


@dataclass
class Ledger:
    """A deployment with two registered datasets and one published query; a client for every member."""

    clients: dict[str, LedgerClient]
    srs: Srs
    deployment: Deployment
    relation: Relation
    datasets: dict[str, int]
    commitments: list[Point]
    query: bytes
    statement: Statement
    proof: Proof
    sums: list[int]
    gas: dict[str, int]

    def registry(self, name: str) -> Registry:
        return Registry(self.clients[name], self.deployment.registry)

    def studies(self, name: str) -> Studies:
        return Studies(self.clients[name], self.deployment.studies)


def registered(
    registry: Registry, srs: Srs, number: int, count: int
) -> tuple[int, list[RegisteredSecret], list[Point], int]:
    """Register a table; return its id, the owner's secrets, the commitments and the gas."""
    data = table(number, count, LOG_ROWS, number)
    dataset = own_dataset_id(registry.client, data.name_hash)
    secrets = [RegisteredSecret(FR.from_integers(list(column)), FR.random(1)) for column in data.columns]
    points = [commit_registered(srs, secret) for secret in secrets]
    relation = registration_relation(LOG_ROWS, data.registered(dataset))
    statement = registry.registration_statement(relation, points, data.rows, SCHEMA_HASH)
    proof, _ = prove(srs, statement, dict(enumerate(secrets, start=1)), REGISTRATION_RELEASE)
    receipt = registry.register(
        statement, proof, name_hash=data.name_hash, rows=data.rows, schema_hash=SCHEMA_HASH, policy_hash=POLICY_HASH,
        minimum_group=3,
    )
    return dataset, secrets, points, receipt.gas_used


@pytest.fixture(scope="module")
def ledger(node: NodeProcess) -> Ledger:
    srs = development_srs(LOG_ROWS)
    clients = {name: LedgerClient(node.url, keccak(text=name)) for name in ("admin", "a", "b", "agency")}
    deployment = deploy_contracts(clients["admin"], srs, production=False)
    registry = {name: Registry(client, deployment.registry) for name, client in clients.items()}
    studies = {name: Studies(client, deployment.studies) for name, client in clients.items()}
    for name, role in (("a", Role.OWNER), ("b", Role.OWNER), ("agency", Role.AGENCY)):
        registry["admin"].set_member(clients[name].address, role, CERTIFICATE_HASH, DID_HASH)
    a, secrets_a, points_a, gas_a = registered(registry["a"], srs, 1, 2)
    b, secrets_b, points_b, gas_b = registered(registry["b"], srs, 2, 1)
    columns_a, columns_b = registry["agency"].dataset(a).columns(), registry["agency"].dataset(b).columns()
    relation = joint_relation(LOG_ROWS, [columns_a[0], columns_b[0], columns_a[1]])
    commitments = [points_a[0], points_b[0], points_a[1]]
    secrets = {1: secrets_a[0], 2: secrets_b[0], 3: secrets_a[1]}
    query = studies["agency"].propose(relation, nonce=1, sql_hash=SQL_HASH, purpose_hash=PURPOSE_HASH)
    gas = {"register 2 columns": gas_a, "register 1 column": gas_b}
    for name, dataset in (("a", a), ("b", b)):
        gas["approve"] = studies[name].approve(query, relation, dataset, 1).gas_used
    statement = studies["b"].statement(query, relation, commitments)
    proof, sums = prove(srs, statement, secrets, 0b1111)
    gas["publish"] = studies["b"].publish(statement, proof).gas_used
    datasets = {"a": a, "b": b}
    return Ledger(clients, srs, deployment, relation, datasets, commitments, query, statement, proof, sums, gas)


def test_publication_stays_within_its_gas(ledger: Ledger) -> None:
    print(ledger.gas)
    assert ledger.gas["publish"] <= PUBLISH_GAS


def test_directory(ledger: Ledger) -> None:
    registry = ledger.registry("agency")
    found = {record.dataset: record for record in registry.datasets()}
    assert set(found) == set(ledger.datasets.values())
    record = found[ledger.datasets["a"]]
    assert record == registry.dataset(record.dataset)
    assert (record.owner, record.version, record.status) == (ledger.clients["a"].address, 1, DatasetStatus.ACTIVE)
    assert (record.policy_version, record.minimum_group, record.rows) == (1, 3, 7)
    assert list(record.commitments) == [ledger.commitments[0], ledger.commitments[2]]
    assert [registry.commitment(column) for column in record.columns()] == list(record.commitments)
    record.require_relation(registration_relation(LOG_ROWS, record.columns()))
    with pytest.raises(RecordInvalidError, match="canonical"):
        record.require_relation(registration_relation(LOG_ROWS, record.columns()[:1]))
    for read in (registry.dataset, registry.owner_of):
        with pytest.raises(RecordInvalidError):
            read(12345)
    with pytest.raises(RecordInvalidError):
        registry.commitment(replace(record.columns()[0], column=9))


def test_members(ledger: Ledger) -> None:
    members = {member.address: member.roles for member in ledger.registry("b").members()}
    assert members[ledger.clients["agency"].address] == Role.AGENCY
    assert ledger.registry("b").member(ledger.clients["admin"].address).roles == Role.NONE
    assert ledger.registry("b").admin() == ledger.clients["admin"].address
    with pytest.raises(TransactionRevertedError, match="not admin"):
        ledger.registry("b").set_member(ledger.clients["b"].address, Role.AGENCY, CERTIFICATE_HASH, DID_HASH)


def test_published_record(ledger: Ledger) -> None:
    studies = ledger.studies("agency")
    assert studies.state(ledger.query) is QueryState.PUBLISHED
    published = studies.published(ledger.query)
    assert published.sums == ledger.proof.sums
    assert published.opened(ledger.relation) == {0: ledger.sums[0]}
    record, binding = studies.query(ledger.query), studies.binding(ledger.query)
    assert record.state is QueryState.PUBLISHED
    assert [(d.dataset, d.approved) for d in record.datasets] == [(d, True) for d in ledger.datasets.values()]
    assert [query.query_id for query in studies.queries()] == [ledger.query]
    statement, proof = ledger.statement, ledger.proof
    assert verify_record(record, statement, proof, binding) == published.record
    for false_statement, false_proof, false_binding in (
        (statement, replace(proof, rows=(ledger.sums[0] + 1,)), binding),
        (statement, replace(proof, sums=ledger.commitments[0]), binding),
        (statement, replace(proof, release=1), binding), (statement, replace(proof, release=1 << 60), binding),
        (replace(statement, subject=bytes(32)), proof, binding),
        (replace(statement, commitments=statement.commitments[::-1]), proof, binding),
        (statement, proof, bytes(32)),
    ):
        with pytest.raises(RecordInvalidError):
            verify_record(record, false_statement, false_proof, false_binding)
    with pytest.raises(RecordInvalidError):
        studies.published(bytes(32))
    with pytest.raises(RecordInvalidError):
        studies.query(bytes(32))


def test_anyone_can_verify_away_from_the_chain(ledger: Ledger) -> None:
    statement, proof = ledger.studies("a").published_proof(ledger.query)
    assert (statement, proof) == (ledger.statement, ledger.proof)
    verify_proof(ledger.srs.tau_g2, statement, proof)
    verify_guards(statement, proof, ledger.studies("a").query(ledger.query).minimum_group)
    with pytest.raises(ProofRejectedError):
        verify_proof(ledger.srs.tau_g2, statement, replace(proof, rows=(proof.rows[0] + 1,)))


def test_refused_transactions_change_nothing(ledger: Ledger) -> None:
    studies = ledger.studies("agency")
    with pytest.raises(TransactionRevertedError, match="state"):
        studies.publish(ledger.statement, ledger.proof)
    with pytest.raises(TransactionRevertedError, match="query exists"):
        studies.propose(ledger.relation, nonce=1, sql_hash=SQL_HASH, purpose_hash=PURPOSE_HASH)
    query = studies.propose(ledger.relation, nonce=2, sql_hash=SQL_HASH, purpose_hash=PURPOSE_HASH)
    with pytest.raises(TransactionRevertedError, match="state"):
        studies.publish(replace(ledger.statement, subject=query), ledger.proof)
    with pytest.raises(TransactionRevertedError, match="not the dataset's owner"):
        ledger.studies("b").approve(query, ledger.relation, ledger.datasets["a"], 1)
    studies.cancel(query)
    assert studies.state(query) is QueryState.CANCELLED


def test_deployment_is_checked(ledger: Ledger) -> None:
    client, good = ledger.clients["a"], ledger.deployment
    check_deployment(client, good, ledger.srs)
    with pytest.raises(DeploymentInvalidError, match="string"):
        check_deployment(client, good, development_srs(LOG_ROWS))
    with pytest.raises(DeploymentInvalidError, match="not this version's"):
        check_deployment(client, replace(good, studies=good.registry, registry=good.studies), ledger.srs)
    with pytest.raises(DeploymentInvalidError, match="not this version's"):
        check_deployment(client, replace(good, verifier=good.registry), ledger.srs)
    with pytest.raises(DeploymentInvalidError, match="production"):
        check_deployment(client, replace(good, production=True), ledger.srs)
    with pytest.raises(DeploymentInvalidError, match="another chain"):
        check_deployment(client, replace(good, chain_id=1), ledger.srs)
    with pytest.raises(TransactionRevertedError, match="development SRS in production"):
        deploy_contracts(client, ledger.srs, production=True)


def test_codec(ledger: Ledger) -> None:
    encoded = encode_statement(ledger.relation, ledger.commitments)
    assert decode_statement(encoded) == (ledger.relation, tuple(ledger.commitments))
    for broken in (b"", encoded[:-1], encoded[:-32], encoded[:-64], encoded + bytes(32), encoded[32:]):
        with pytest.raises(RelationInvalidError):
            decode_statement(broken)
    sent = encode_contract_proof(ledger.statement, ledger.proof)
    assert decode_contract_proof(ledger.relation, sent.arguments()) == ledger.proof
    for changed in (sent.proof[:-32], sent.proof[:-1], sent.proof + bytes(64), b""):
        with pytest.raises(ProofRejectedError):
            decode_contract_proof(ledger.relation, replace(sent, proof=changed).arguments())
