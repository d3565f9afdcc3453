"""Verifies an audit bundle with nothing running: every hash recomputed, every proof verified, every part compared.

What a bundle says of the ledger (that the record stands there, minimum group, policy versions, approvals) only the
ledger can confirm. What it says of the string only the string, or a pinned copy of its id *and* [τ]_2, can confirm:
whoever chooses [τ]_2 can prove anything. Verifying without `require_string` shows no more than that the parts fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ledger.bundle import AuditBundle
from ledger.bundle_errors import BundleContradictedError
from ledger.identifiers import dataset_id, query_id, record_hash
from ledger.proof_codec import decode_statement
from zk.encoding import relation_hash
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, ProofRejectedError, ZkError
from zk.pairing import G2
from zk.proof import Proof, decode_proof, release_rows
from zk.range_table import verify_table
from zk.relation import RegisteredColumn, Relation
from zk.srs import decode_g2, encode_g2
from zk.statement import RELEASE_BITS, RELEASED, Point, Statement
from zk.verifier import verify_guards, verify_proof, verify_row_openings

LEAST_MINIMUM_GROUP = 3  # the contract registers no dataset with a smaller one


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """A bundle whose parts were all checked against each other. Public.

    Args:
        bundle: as read.
        statement, proof: what was verified.
        opened: rows of s that the proof itself opens (guards unless hidden, public sums); sum v of cell c is row
            v·cells + c.
        released: released rows of s; empty where the agency passed on none.
        public: the rows of those opened that everybody is to see; all where sums are plain.
    """

    bundle: AuditBundle
    statement: Statement
    proof: Proof
    opened: Mapping[int, int]
    released: Mapping[int, int]
    public: Mapping[int, int]


def verify_bundle(bundle: AuditBundle) -> VerifiedBundle:
    """Verify everything in a bundle that needs no other source; see the module text for what that leaves open.

    Raises:
        BundleContradictedError: two parts do not fit together.
        ProofRejectedError: a proof or an opening does not verify, or a guard is below the minimum.
    """
    tau_g2 = _string_point(bundle)
    asked = _decoded("statement", bundle.statement)
    registered = [_decoded("registrations", registration.statement) for registration in bundle.registrations]
    tables = _tables(bundle, [asked[0], *(relation for relation, _ in registered)], tau_g2)
    statement, proof = _query(bundle, *asked, tables.get(_table_of(asked[0])))
    _check_datasets(bundle, statement)
    for number, (relation, commitments) in enumerate(registered):
        _verify_registration(bundle, number, relation, commitments, statement, tables.get(_table_of(relation)), tau_g2)
    verify_proof(tau_g2, statement, proof)
    verify_guards(statement, proof, bundle.query.minimum_group)
    opened = dict(zip(release_rows(statement.relation, proof.release), proof.rows))
    released = _verify_openings(bundle, statement, proof, opened, tau_g2)
    public = public_sums(statement.relation, proof)
    return VerifiedBundle(bundle, statement, proof, {**opened, **public}, released, public)


def public_sums(relation: Relation, proof: Proof) -> dict[int, int]:
    """The sums of a verified proof that stand on the ledger for everybody, by row: all of them where they are plain."""
    if relation.plain:
        return dict(enumerate(proof.constants))
    opened = zip(release_rows(relation, proof.release), proof.rows)
    return {row: value for row, value in opened if proof.release >> RELEASE_BITS + row & 1}


def require_string(bundle: AuditBundle, srs_id: bytes, tau_g2: G2) -> None:
    """Check id and [τ]_2 of a bundle against those of a string that the reader verified or pinned.

    Raises:
        BundleContradictedError: they differ.
    """
    if (bundle.string.srs_id, bundle.string.tau_g2) != (srs_id, encode_g2(tau_g2)):
        _refuse("string", f"it is not the string {srs_id.hex()} with its [tau]_2")


def _refuse(part: str, problem: str) -> NoReturn:
    raise BundleContradictedError(part, problem)


def _string_point(bundle: AuditBundle) -> G2:
    try:
        return decode_g2(bundle.string.tau_g2)
    except (NonCanonicalEncodingError, PointNotOnCurveError) as error:
        raise BundleContradictedError("string", f"[tau]_2: {error}") from error


def _decoded(part: str, encoded: bytes) -> tuple[Relation, tuple[Point, ...]]:
    try:
        return decode_statement(encoded)
    except ZkError as error:
        raise BundleContradictedError(part, str(error)) from error


def _query(
    bundle: AuditBundle, relation: Relation, commitments: tuple[Point, ...], table: Point | None
) -> tuple[Statement, Proof]:
    """Statement and proof of the query, with every identifier recomputed."""
    chain, query = bundle.chain, bundle.query
    expected = query_id(chain.chain_id, chain.studies, query.proposer, query.nonce, relation_hash(relation))
    if query.query_id != expected:
        _refuse("query", "its id is not the hash of chain, contract, proposer, nonce and relation")
    if query.minimum_group < LEAST_MINIMUM_GROUP:
        _refuse("query", f"a minimum group below {LEAST_MINIMUM_GROUP}, which no contract allows")
    if relation.hidden_guards and query.minimum_group > relation.rows:
        _refuse("query", "a minimum group that no group of the relation's rows reaches")
    minimum = query.minimum_group if relation.hidden_guards else None
    statement = Statement(relation, bundle.domain(chain.studies), query.query_id, commitments, table, minimum)
    if hashlib.sha256(bundle.statement).digest() != statement.hash:
        _refuse("statement", "not the words of its relation and commitments")
    proof = decode_proof(relation, bundle.proof)
    if bundle.publication.record != record_hash(statement, proof):
        _refuse("publication", "the record is not that of this statement and proof")
    return statement, proof


def _check_datasets(bundle: AuditBundle, statement: Statement) -> None:
    """The datasets are those the relation names, in order of first use, and their ids and shapes are right."""
    relation = statement.relation
    used = dict.fromkeys((column.dataset, column.version) for column in relation.registered)
    if [(entry.dataset, entry.version) for entry in bundle.datasets] != list(used):
        _refuse("datasets", "not those that the relation names, in order of their first use")
    for entry in bundle.datasets:
        if entry.dataset != dataset_id(entry.owner, entry.name_hash):
            _refuse("datasets", f"the id of {entry.name} is not the hash of owner and name")
        if entry.log_rows != relation.log_rows:  # half the rows would be a subgroup (M6)
            _refuse("datasets", f"{entry.name} has not the relation's 2^{relation.log_rows} rows")
        if not 1 <= entry.rows <= relation.rows or entry.version == 0:
            _refuse("datasets", f"{entry.name} declares impossible numbers")
    kinds = {(entry.dataset, entry.version): entry.column_kinds() for entry in bundle.datasets}
    for column in relation.registered:
        known = kinds[column.dataset, column.version]
        if column.column >= len(known) or known[column.column] != column.kind:
            _refuse("datasets", f"the relation names a column {column.column} that its dataset does not have")
    for entry, schema in zip(bundle.datasets, bundle.schemas):
        if schema and hashlib.sha256(schema).digest() != entry.schema_hash:
            _refuse("schemas", f"the schema of {entry.name} has another hash")


def _table_of(relation: Relation) -> tuple[int, int]:
    """Size of the range table a relation looks up; (0, 0) for none."""
    return (relation.log_rows, relation.table_bits) if relation.lookups else (0, 0)


def _tables(bundle: AuditBundle, relations: Sequence[Relation], tau_g2: G2) -> dict[tuple[int, int], Point]:
    """Commitments of exactly the range tables that the relations look up, each verified."""
    needed = sorted({_table_of(relation) for relation in relations} - {(0, 0)})
    if [(table.log_rows, table.bits) for table in bundle.tables] != needed:
        _refuse("tables", "not exactly those that the relations look up")
    for table in bundle.tables:
        verify_table(tau_g2, table)
    return {(table.log_rows, table.bits): table.commitment for table in bundle.tables}


def _verify_registration(
    bundle: AuditBundle,
    number: int,
    relation: Relation,
    commitments: tuple[Point, ...],
    query: Statement,
    table: Point | None,
    tau_g2: G2,
) -> None:
    """The commitments of one dataset were registered by a proof that opens the number of its rows and nothing else."""
    entry, encoded = bundle.datasets[number], bundle.registrations[number].proof
    columns = tuple(RegisteredColumn(entry.dataset, entry.version, j, k) for j, k in enumerate(entry.column_kinds()))
    if relation_hash(relation) != entry.relation_hash or relation.registered != columns:
        _refuse("registrations", f"another relation than that of {entry.name}")
    if relation.log_rows != entry.log_rows:
        _refuse("registrations", f"another number of rows than that of {entry.name}")
    for column, point in zip(query.relation.registered, query.commitments):
        if (column.dataset, column.version) == (entry.dataset, entry.version) and commitments[column.column] != point:
            _refuse("registrations", f"another commitment to column {column.column} of {entry.name} than the query's")
    try:
        statement = Statement(
            relation, bundle.domain(bundle.chain.registry), entry.registration_id(), commitments, table
        )
        proof = decode_proof(relation, encoded)
        verify_proof(tau_g2, statement, proof)
    except ProofRejectedError as error:
        raise ProofRejectedError(f"registration of {entry.name}: {error.reason}") from error
    if (release_rows(relation, proof.release), proof.rows) != ((0,), (entry.rows,)):
        _refuse("registrations", f"the proof of {entry.name} does not open its number of rows alone")


def _verify_openings(
    bundle: AuditBundle, statement: Statement, proof: Proof, opened: Mapping[int, int], tau_g2: G2
) -> dict[int, int]:
    if not bundle.openings:
        return {}
    if proof.sums is None:
        _refuse("openings", "its sums stand in the open")
    for opening in bundle.openings:
        if not (proof.release & RELEASED) >> opening.row & 1:
            _refuse("openings", f"row {opening.row} was not released")
        if opened.get(opening.row, opening.value) != opening.value:
            _refuse("openings", f"row {opening.row} is not what the proof opens")
    openings = [(opening.row, opening.value, opening.point) for opening in bundle.openings]
    verify_row_openings(tau_g2, statement.relation.log_rows, proof.sums, openings)
    return {row: value for row, value, _ in openings}
