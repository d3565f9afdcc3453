"""Writes an audit bundle of a published query from the ledger; the agency adds its question and what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.bundle import (
    AuditBundle,
    BundleChain,
    BundleOpening,
    BundlePublication,
    BundleQuery,
    BundleQuestion,
    BundleRegistration,
    BundleString,
)
from ledger.bundle_source import read_bundle_dataset
from ledger.bundle_verify import verify_bundle
from ledger.proof_codec import decode_statement, encode_statement
from query.errors import QueryError
from query.schema import encode_schema, parse_schema, schema_hash
from services.ledger_access import LedgerAccess
from services.party.client import TableDocument
from services.range_tables import table_proof
from services.results import RowOpening
from services.verify import verify_published
from zk.proof import encode_proof
from zk.range_table import TableProof
from zk.relation import Relation
from zk.srs import encode_g2


def make_bundle(
    ledger: LedgerAccess,
    query_id: bytes,
    *,
    documents: Iterable[TableDocument] = (),
    question: BundleQuestion | None = None,
    openings: Sequence[RowOpening] = (),
) -> AuditBundle:
    """Collect what shows a published query, and verify it.

    Args:
        ledger: with the pinned deployment.
        query_id: 32 bytes.
        documents: schemas that may be made public, untrusted; those that fit a dataset's hash are put in.
        question: the SQL text with the salt of its hash; with the salt, the stated purpose can be guessed and compared.
        openings: released sums that the reader may see; the agency's to give.

    Raises:
        ProofRejectedError, RecordInvalidError, StateConflictError: as `services.verify.verify_published`.
        BundleInvalidError: question or openings are not those of this query.
        LedgerError: the ledger does not answer.
    """
    verified = verify_published(ledger, query_id)
    query, published, pinned = verified.query, verified.published, ledger.deployment
    parts = [read_bundle_dataset(ledger.registry, used) for used in query.datasets]
    texts = _schemas(documents)
    schemas = tuple(texts.get(dataset.schema_hash, b"") for dataset, _ in parts)
    bundle = AuditBundle(
        BundleChain(pinned.chain_id, ledger.studies.address, ledger.registry.address),
        BundleString(pinned.srs_id, encode_g2(ledger.tau_g2)),
        BundleQuery(query_id, query.proposer, query.nonce, query.minimum_group, query.sql_hash, query.purpose_hash),
        encode_statement(verified.statement.relation, verified.statement.commitments),
        encode_proof(verified.proof),
        BundlePublication(
            published.record, published.block_number, bytes.fromhex(published.tx_hash.removeprefix("0x"))
        ),
        tuple(dataset for dataset, _ in parts),
        tuple(registration for _, registration in parts),
        _tables(ledger, [verified.statement.relation, *(_relation(registration) for _, registration in parts)]),
        schemas if any(schemas) else (),
        question,
        tuple(BundleOpening(o.row, o.value, o.point) for o in sorted(openings, key=lambda o: o.row)),
    )
    verify_bundle(bundle)
    return bundle


def _relation(registration: BundleRegistration) -> Relation:
    relation, _ = decode_statement(registration.statement)
    return relation


def _tables(ledger: LedgerAccess, relations: Iterable[Relation]) -> tuple[TableProof, ...]:
    """The range tables that relations look up, from the ledger, by increasing size."""
    sizes = {(relation.log_rows, relation.table_bits) for relation in relations if relation.lookups}
    return tuple(table_proof(ledger, *size) for size in sorted(sizes))


def _schemas(documents: Iterable[TableDocument]) -> dict[bytes, bytes]:
    found = {}
    for document in documents:
        try:
            schema = parse_schema(document.schema)
        except QueryError:
            continue  # a document that cannot be read fits no hash
        found[schema_hash(schema)] = encode_schema(schema)
    return found
