"""Two owners, an agency and a query ready to be published, on a bare EVM; every trial is rolled back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from contract_machine import CHAIN_ID, Contract, Machine, Reverted, account
from study_cases import (
    CERTIFICATE_HASH,
    DID_HASH,
    POLICY_HASH,
    PURPOSE_HASH,
    SCHEMA_HASH,
    SQL_HASH,
    Table,
    commit_table,
    joint_relation,
    registration_relation,
    table,
)
from tiny_prover import HONEST, Header, Lie, Message, domain_of, message_of, prove, rehint, statement_bytes
from tiny_string import Committed, TinySrs

from ledger.identifiers import dataset_id, registration_id
from zk.encoding import encode_relation
from zk.proof import Proof
from zk.relation import ColumnKind, RegisteredColumn, Relation

ADMIN, OWNER_A, OWNER_B, AGENCY, STRANGER = (account(k) for k in (1, 10, 11, 12, 13))
LOG_ROWS = 3
MINIMUM_GROUP = 3
REGISTRATION_RELEASE = 1 << 128 | 1
HALT_GAS = 420_000  # an honest publication takes less than 300,000


@dataclass(frozen=True)
class Dataset:
    """A registered table: its id, owner and committed columns."""

    dataset: int
    owner: str
    table: Table
    committed: Sequence[Committed]

    @property
    def columns(self) -> list[RegisteredColumn]:
        return self.table.registered(self.dataset)


@dataclass(frozen=True)
class Registration:
    """Arguments of a `register` transaction, before they are sent."""

    owner: str
    arguments: dict[str, Any]
    statement: bytes
    message: Message

    def values(self) -> list[Any]:
        return [*self.arguments.values(), *self.message.abi(), self.statement]


class Scene:
    """A registry, a studies contract, and helpers that build honest transactions for them."""

    def __init__(self, seed: int = 1, log_rows: int = LOG_ROWS) -> None:
        self.rng = Random(seed)
        self.srs = TinySrs(log_rows, self.rng)
        self.machine = Machine()
        setup = (CHAIN_ID, self.srs.id, self.srs.tau_g2_words, True, False)
        self.verifier = Contract(self.machine, "ProofVerifier", *setup, sender=ADMIN)
        self.registry = Contract(self.machine, "Registry", self.verifier.address, sender=ADMIN)
        self.studies = Contract(
            self.machine, "Studies", self.registry.address, self.verifier.address, sender=ADMIN
        )
        self.terms: dict[bytes, int] = {}
        self.registry_domain = self.domain(self.registry)
        self.studies_domain = self.domain(self.studies)
        for member, roles in ((OWNER_A, 1), (OWNER_B, 1), (AGENCY, 2)):
            self.registry.send("setMember", member, roles, CERTIFICATE_HASH, DID_HASH, sender=ADMIN)

    def domain(self, contract: Contract) -> bytes:
        return domain_of(CHAIN_ID, int(contract.address, 16), self.srs.id)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Everything inside is undone."""
        checkpoint = self.machine.evm.snapshot()
        try:
            yield
        finally:
            self.machine.evm.revert(checkpoint)

    def registration(self, owner: str, data: Table, *, version: int = 1, rows: int | None = None,
                     committed: Sequence[Committed] | None = None, relation: Relation | None = None,
                     release: int = REGISTRATION_RELEASE, lie: Lie = HONEST,
                     behind: bytes = b"") -> Registration:
        dataset = dataset_id(owner, data.name_hash)
        columns = data.registered(dataset, version)
        relation = registration_relation(self.srs.log_rows, columns) if relation is None else relation
        committed = commit_table(self.srs, data) if committed is None else committed
        rows = data.rows if rows is None else rows
        kinds = [ColumnKind(data.kinds >> j & 1) for j in range(len(data.columns))]
        subject = registration_id(owner, dataset, version, relation.log_rows, rows, SCHEMA_HASH, kinds)
        statement = statement_bytes(relation, [column.point for column in committed]) + behind
        proof = prove(
            self.srs, relation, committed, self.registry_domain, subject, release, lie=lie, statement=statement
        )
        arguments = {
            "name_hash": data.name_hash, "version": version, "rows": rows, "schema_hash": SCHEMA_HASH,
            "policy_hash": POLICY_HASH, "minimum_group": MINIMUM_GROUP, "kinds": data.kinds,
        }
        return Registration(owner, arguments, statement, message_of(proof, self.registry_domain, subject, statement))

    def register(self, owner: str, data: Table, version: int = 1) -> Dataset:
        committed = commit_table(self.srs, data)
        made = self.registration(owner, data, version=version, committed=committed)
        dataset = self.registry.send("register", *made.values(), sender=owner)
        return Dataset(dataset, owner, data, committed)

    def propose(self, words: Relation | Sequence[int], nonce: int = 0, sender: str = AGENCY) -> bytes:
        encoded = statement_bytes(words, [])
        query = bytes(self.studies.send("propose", nonce, encoded, SQL_HASH, PURPOSE_HASH, sender=sender))
        head = Header(encoded)
        self.terms[query] = self.registry.send("resolve", head.field(1), head.columns, sender=STRANGER)[2]
        return query

    def approve(self, query: bytes, words: Relation | Sequence[int], datasets: Sequence[Dataset]) -> None:
        relation_hash = hashlib.sha256(statement_bytes(words, [])).digest()
        for data in datasets:
            self.studies.send("approve", query, relation_hash, data.dataset, 1, sender=data.owner)

    def publish(self, query: bytes, statement: bytes, message: Message, gas: int = 8_000_000) -> None:
        self.studies.send("publish", *self.publication(query, statement, message), sender=STRANGER, gas=gas)

    def publication(self, query: bytes, statement: bytes, message: Message) -> list[Any]:
        """Arguments of a `publish` transaction."""
        return [query, self.terms[query], *message.abi(), statement]

    def state(self, query: bytes) -> int:
        return int(self.studies.send("state", query, sender=STRANGER))


class ApprovedQuery(Scene):
    """A scene with a joint query of two owners approved, and an honest proof at hand."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self.a = self.register(OWNER_A, table(1, 2, LOG_ROWS, 3))
        self.b = self.register(OWNER_B, table(2, 1, LOG_ROWS, 5))
        self.datasets = (self.a, self.b)
        columns = [self.a.columns[0], self.b.columns[0], self.a.columns[1]]
        self.committed = [self.a.committed[0], self.b.committed[0], self.a.committed[1]]
        self.relation = joint_relation(LOG_ROWS, columns)
        self.query, self.statement = self.ask(self.relation, nonce=7)
        self.release = 0b1111 | 0b0010 << 128
        self.proof = self.prove(self.relation, self.query)
        self.message = self.message_for(self.proof)

    def ask(self, words: Relation | Sequence[int], nonce: int) -> tuple[bytes, bytes]:
        """Propose and approve; return query id and statement."""
        query = self.propose(words, nonce)
        self.approve(query, words, self.datasets)
        return query, statement_bytes(words, [column.point for column in self.committed])

    def prove(self, relation: Relation, query: bytes, **changes: Any) -> Proof:
        arguments = {"domain": self.studies_domain, "release": self.release, "registered": self.committed, **changes}
        srs = arguments.pop("srs", self.srs)
        return prove(srs, relation, arguments.pop("registered"), arguments.pop("domain"), query,
                     arguments.pop("release"), **arguments)

    def message_for(self, proof: Proof, query: bytes | None = None, statement: bytes | None = None) -> Message:
        return message_of(proof, self.studies_domain, self.query if query is None else query,
                          self.statement if statement is None else statement)

    def rehint(self, message: Message, query: bytes | None = None, statement: bytes | None = None) -> Message:
        return rehint(message, self.studies_domain, self.query if query is None else query,
                      self.statement if statement is None else statement)

    def words(self) -> list[int]:
        """The relation's words, to be tampered with."""
        return encode_relation(self.relation)


def refused(scene: ApprovedQuery, message: Message, *reasons: str, query: bytes | None = None,
            statement: bytes | None = None, hint: bool = True) -> None:
    """Publishing must revert for one of these reasons and leave the query unpublished."""
    query = scene.query if query is None else query
    statement = scene.statement if statement is None else statement
    if hint:
        message = scene.rehint(message, query, statement)
    with pytest.raises(Reverted) as caught:
        scene.publish(query, statement, message)
    assert caught.value.reason in reasons
    assert caught.value.gas < HALT_GAS
    assert scene.state(query) != 3
