"""Verifying a published query from the ledger alone, as a regulator does: no party, no coordinator, no trusted node.

What the node says is bound by hashes to what the verifier pins (chain id, contract, string) and to the proof, which is
read back out of the publishing transaction and verified here, in Python, by code that shares nothing with the
contract's interpreter. A node could still hide that a query exists, or show another chain; ask two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.bundle_verify import public_sums
from ledger.errors import RecordInvalidError
from ledger.identifiers import address_word, record_hash
from ledger.studies import PublishedRecord, QueryRecord
from services.directory import read_directory
from services.errors import StateConflictError
from services.ledger_access import LedgerAccess
from services.party.client import TableDocument
from services.range_tables import range_table
from zk.proof import Proof, encode_proof
from zk.statement import Statement
from zk.transcript import proof_domain
from zk.verifier import verify_guards, verify_proof


@dataclass(frozen=True, slots=True)
class VerifiedQuery:
    """A query whose proof was verified here. Public.

    Args:
        query: the proposal.
        published: the ledger's record.
        statement, proof: what was verified.
        proof_bytes: size of the proof's canonical form.
        guards: opened counts by row of the sums; none where guards are hidden and no sum is public.
        public: public sums by row, guards among them; empty where the agency alone sees them.
    """

    query: QueryRecord
    published: PublishedRecord
    statement: Statement
    proof: Proof
    proof_bytes: int
    guards: dict[int, int]
    public: dict[int, int]


def verify_registrations(ledger: LedgerAccess, query: QueryRecord, documents: Iterable[TableDocument]) -> None:
    """Check that every dataset of a query was registered under its schema's canonical relation.

    The proof of a query takes from there that booleans are booleans and that absent rows are zero.

    Args:
        ledger: with the pinned deployment.
        query: the query.
        documents: schemas and policies, untrusted.

    Raises:
        RecordInvalidError: a dataset was not, or its meaning is not known.
        LedgerError: the ledger does not answer.
    """
    view = read_directory(ledger.registry, documents)
    for entry in query.datasets:
        record = view.records.get(entry.dataset) or view.layouts.get(entry.dataset)
        if record is None:
            raise RecordInvalidError(
                f"dataset {entry.dataset:032x}: {view.faults.get(entry.dataset, 'not registered')}"
            )
        if record.version != entry.version:
            raise RecordInvalidError(f"dataset {entry.dataset:032x} has a newer version {record.version} now")


def verify_published(ledger: LedgerAccess, query_id: bytes) -> VerifiedQuery:
    """Verify a published query.

    Args:
        ledger: with the pinned deployment.
        query_id: 32 bytes.

    Raises:
        ProofRejectedError: the proof does not verify, or a guard is below the minimum.
        RecordInvalidError: the ledger has no such query, or its parts do not fit together.
        StateConflictError: the publication is not final yet.
        LedgerError: the ledger does not answer.
    """
    studies, registry = ledger.studies, ledger.registry
    query = studies.query(query_id)
    published = studies.published(query_id)
    if not ledger.is_final(published.block_number):
        raise StateConflictError("the publication is not final yet")
    sent, proof = studies.published_proof(query_id)
    commitments = tuple(registry.commitment(column) for column in query.relation.registered)
    for dataset, version in {(column.dataset, column.version) for column in query.relation.registered}:
        if registry.log_rows(dataset, version) != query.relation.log_rows:  # half the rows would be a subgroup (M6)
            raise RecordInvalidError(f"dataset {dataset:032x} was not registered with 2^{query.relation.log_rows} rows")
    pinned = ledger.deployment
    domain = proof_domain(pinned.chain_id, address_word(pinned.studies), pinned.srs_id)
    minimum = query.minimum_group if query.relation.hidden_guards else None
    statement = Statement(query.relation, domain, query_id, commitments, range_table(ledger, query.relation), minimum)
    if (sent.table, sent.hash, statement.hash) != (statement.table, statement.hash, query.statement_hash):
        raise RecordInvalidError("the transaction's statement is not the query's over the directory's commitments")
    if record_hash(statement, proof) != published.record:
        raise RecordInvalidError("the record on the ledger is not that of the proof in the transaction")
    verify_proof(ledger.tau_g2, statement, proof)
    verify_guards(statement, proof, query.minimum_group)
    opened = published.opened(query.relation)
    guarding = {query.relation.guard_row(row) for row in opened}
    guards = {row: value for row, value in opened.items() if row in guarding}
    public = public_sums(query.relation, proof)
    return VerifiedQuery(query, published, statement, proof, len(encode_proof(proof)), guards, public)
