"""Contracts on a real node with the product's own prover: two owners, an agency, and any question over their tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eth_utils import keccak
from study_cases import (
    CERTIFICATE_HASH,
    DID_HASH,
    POLICY_HASH,
    PURPOSE_HASH,
    SCHEMA_HASH,
    SQL_HASH,
    Table,
    registration_relation,
)

from ledger.client import LedgerClient, Receipt
from ledger.deploy import deploy_contracts
from ledger.registry import REGISTRATION_RELEASE, Registry, Role, own_dataset_id
from ledger.studies import Studies
from ledger.tables import RangeTables
from zk.builder import RelationBuilder
from zk.field import FR
from zk.proof import Proof
from zk.prover import RegisteredSecret, commit_registered
from zk.range_table import prove_table
from zk.relation import RegisteredColumn, Relation
from zk.single import prove
from zk.srs import development_srs
from zk.statement import RELEASE_BITS, Point, Statement

Ask = Callable[[RelationBuilder, Sequence[int]], None]


@dataclass(frozen=True)
class Answer:
    """An approved query with its proof, not published yet."""

    query: bytes
    statement: Statement
    proof: Proof
    sums: Sequence[int]


class LedgerScene:
    """Args: url: of the node; log_rows: of every table; prefix: of the account names, one for each scene of a node."""

    def __init__(self, url: str, log_rows: int, prefix: str) -> None:
        self.log_rows, self.srs = log_rows, development_srs(log_rows)
        names = ("admin", "a", "b", "agency")
        self.clients = {name: LedgerClient(url, keccak(text=prefix + name)) for name in names}
        self.deployment = deploy_contracts(self.clients["admin"], self.srs, production=False)
        for name, role in (("a", Role.OWNER), ("b", Role.OWNER), ("agency", Role.AGENCY)):
            self.registry("admin").set_member(self.clients[name].address, role, CERTIFICATE_HASH, DID_HASH)
        self.secrets: dict[RegisteredColumn, RegisteredSecret] = {}
        self.points: dict[RegisteredColumn, Point] = {}
        self.owners: dict[int, str] = {}
        self.nonce = 0

    def registry(self, name: str) -> Registry:
        return Registry(self.clients[name], self.deployment.registry)

    def studies(self, name: str) -> Studies:
        return Studies(self.clients[name], self.deployment.studies)

    def register_table(self, bits: int) -> None:
        tables = RangeTables(self.clients["agency"], self.deployment.registry)
        if tables.proof(self.log_rows, bits) is None:
            tables.register(prove_table(self.srs, self.log_rows, bits))

    def register(self, owner: str, data: Table) -> list[RegisteredColumn]:
        """Register a dataset and return its columns."""
        registry = self.registry(owner)
        dataset = own_dataset_id(registry.client, data.name_hash)
        columns = data.registered(dataset)
        secrets = [RegisteredSecret(FR.from_integers(list(values)), FR.random(1)) for values in data.columns]
        points = [commit_registered(self.srs, secret) for secret in secrets]
        relation = registration_relation(self.log_rows, columns)
        statement = registry.registration_statement(relation, points, data.rows, SCHEMA_HASH)
        proof, _ = prove(self.srs, statement, dict(enumerate(secrets, start=1)), REGISTRATION_RELEASE)
        registry.register(
            statement, proof, name_hash=data.name_hash, rows=data.rows, schema_hash=SCHEMA_HASH,
            policy_hash=POLICY_HASH, minimum_group=3,
        )
        self.secrets.update(zip(columns, secrets))
        self.points.update(zip(columns, points))
        self.owners[dataset] = owner
        return columns

    def relation(
        self, columns: Sequence[RegisteredColumn], ask: Ask, plain: bool = False, hidden: bool = False
    ) -> Relation:
        builder = RelationBuilder(self.log_rows)
        ask(builder, [builder.registered(column) for column in columns])
        return builder.build(plain=plain, hidden_guards=hidden)

    def answer(self, relation: Relation, *, public: bool = False) -> Answer:
        """Propose, approve and prove; every sum released, and opened on the ledger on request."""
        agency, self.nonce = self.studies("agency"), self.nonce + 1
        query = agency.propose(relation, nonce=self.nonce, sql_hash=SQL_HASH, purpose_hash=PURPOSE_HASH)
        for dataset in dict.fromkeys(column.dataset for column in relation.registered):
            owner = self.owners[dataset]
            version = self.registry(owner).dataset(dataset).policy_version
            self.studies(owner).approve(query, relation, dataset, version)
        statement = agency.statement(query, relation, [self.points[column] for column in relation.registered])
        secrets = {i: self.secrets[column] for i, column in enumerate(relation.registered, start=1)}
        released = 0 if relation.plain else (1 << relation.sum_rows) - 1
        proof, sums = prove(self.srs, statement, secrets, released | (released << RELEASE_BITS if public else 0))
        return Answer(query, statement, proof, sums)

    def publish(self, answer: Answer) -> Receipt:
        return self.studies("b").publish(answer.statement, answer.proof)
