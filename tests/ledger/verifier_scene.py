"""The universal verifier alone on a bare EVM, asked by an account, with proofs of the product's own prover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from contract_machine import CHAIN_ID, Contract, Machine, account

from ledger.deploy import tau_words
from ledger.proof_codec import encode_contract_proof, encode_statement
from ledger.tables import table_arguments
from zk.curve import encode_points, neg_points
from zk.field import FR
from zk.pairing import G2_GENERATOR, pairing_product_is_one
from zk.proof import Proof
from zk.prover import RegisteredSecret, commit_registered
from zk.range_table import prove_table, relation_table
from zk.relation import Relation
from zk.single import prove
from zk.srs import Srs, development_srs
from zk.statement import Statement
from zk.transcript import proof_domain

CALLER = account(77)
SUBJECT = bytes([9]) * 32


@dataclass(frozen=True)
class Question:
    """A statement, a proof of it, and all sums."""

    statement: Statement
    proof: Proof
    sums: Sequence[int]


class VerifierScene:
    """A verifier for one reference string, of 2^log_rows rows, and a registry for its range tables."""

    def __init__(self, log_rows: int, srs: Srs | None = None) -> None:
        self.srs = srs or development_srs(log_rows)
        self.machine = Machine()
        setup = (CHAIN_ID, self.srs.id, tau_words(self.srs.tau_g2), True, False)
        self.contract = Contract(self.machine, "ProofVerifier", *setup, sender=account(1))
        self.registry = Contract(self.machine, "Registry", self.contract.address, sender=account(1))
        self.domain = proof_domain(CHAIN_ID, int(CALLER, 16), self.srs.id)

    def register_table(self, log_rows: int, bits: int) -> None:
        arguments = table_arguments(prove_table(self.srs, log_rows, bits))
        self.registry.send("registerTable", *arguments, sender=account(5))

    def question(
        self, relation: Relation, columns: Mapping[int, Sequence[int]], release: int, minimum: int = 3
    ) -> Question:
        """Register columns in the clear and prove a relation about them."""
        secrets = {i: RegisteredSecret(FR.from_integers(list(v)), FR.random(1)) for i, v in columns.items()}
        points = tuple(commit_registered(self.srs, secrets[i]) for i in sorted(secrets))
        asked = minimum if relation.hidden_guards else None
        statement = Statement(relation, self.domain, SUBJECT, points, relation_table(self.srs, relation), asked)
        return Question(statement, *prove(self.srs, statement, secrets, release))

    def arguments(self, question: Question, minimum: int = 3) -> list[Any]:
        statement, proof = question.statement, question.proof
        return [
            SUBJECT, minimum, *encode_contract_proof(statement, proof).arguments(),
            encode_statement(statement.relation, statement.commitments),
        ]

    def ask(self, arguments: Sequence[Any]) -> bool:
        """Whether what the contract returns pairs; a revert is raised."""
        _, _, left, _ = self.contract.send("publish", *arguments, sender=CALLER)
        points = encode_points([tuple(left), tuple(arguments[2])])
        pair = np.concatenate([points[:1], neg_points(points[1:])])
        return pairing_product_is_one(pair, [G2_GENERATOR, self.srs.tau_g2])
