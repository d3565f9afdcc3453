"""Makes an audit bundle with a range table and a group column in this process: no ledger, no parties, no openings."""

from __future__ import annotations

from dataclasses import replace

from eth_utils.address import to_checksum_address

from ledger.bundle import (
    AuditBundle,
    BundleChain,
    BundleDataset,
    BundlePublication,
    BundleQuery,
    BundleRegistration,
    BundleString,
)
from ledger.identifiers import dataset_id, query_id, record_hash
from ledger.proof_codec import encode_statement
from zk.builder import RelationBuilder
from zk.encoding import relation_hash
from zk.field import FR
from zk.proof import encode_proof
from zk.prover import RegisteredSecret, commit_registered
from zk.range_table import prove_table, relation_table
from zk.relation import ColumnKind, RegisteredColumn, Relation
from zk.single import prove
from zk.srs import Srs, encode_g2
from zk.statement import RELEASE_BITS, Statement

LOG_ROWS = 5
CODES = (1, 2, 3)
MINIMUM = 3
OWNER, AGENCY, STUDIES, REGISTRY = (to_checksum_address(f"0x{k:040x}") for k in (0xA1, 0xB2, 0xC3, 0xD4))
NAME_HASH, SCHEMA_HASH, SQL_HASH, PURPOSE_HASH, TX_HASH = (bytes([k]) * 32 for k in range(1, 6))
DATASET = dataset_id(OWNER, NAME_HASH)
COLUMNS = tuple(
    RegisteredColumn(DATASET, 1, j, kind)
    for j, kind in enumerate((ColumnKind.BOOLEAN, ColumnKind.INTEGER, ColumnKind.INTEGER))
)


def plaintext(log_rows: int = LOG_ROWS) -> list[list[int]]:
    """Columns present, value (below 1000) and code (1 to 3); the last rows are absent."""
    present = [int(i < 24) for i in range(1 << log_rows)]
    values = [p * (37 * i % 1000) for i, p in enumerate(present)]
    return [present, values, [p * (1 + i % 3) for i, p in enumerate(present)]]


def registration(log_rows: int) -> Relation:
    """Booleans are boolean, absent rows are zero, values and codes within their bounds; sum 0 counts the rows."""
    builder = RelationBuilder(log_rows, LOG_ROWS)
    present, value, code = (builder.registered(column) for column in COLUMNS)
    builder.sum([(1, 0, present)])
    builder.vanish([(1, present, present), (-1, 0, present)])
    for handle, bound in ((value, 1000), (code, len(CODES))):
        builder.vanish([(1, 0, handle), (-1, present, handle)])
        builder.in_range({handle: 1}, bound)
        builder.sum([(1, 0, handle)], 0)
    return builder.build()


def question(log_rows: int, hidden: bool) -> Relation:
    """Count and sum of the value for each code."""
    builder = RelationBuilder(log_rows, LOG_ROWS)
    present, value, code = (builder.registered(column) for column in COLUMNS)
    group = builder.group({code: 1}, CODES)
    guard = builder.sum([(1, group, present)])
    builder.sum([(1, group, value)], guard)
    return builder.build(hidden_guards=hidden)


def made_bundle(srs: Srs, claimed: Srs | None = None, hidden: bool = False) -> AuditBundle:
    """A bundle proved over one string, whose rows it has, that claims the id of another, for those who do not pin
    [τ]_2; its guards are opened or hidden."""
    srs_id, log_rows = (claimed or srs).id, srs.log_rows
    columns = plaintext(log_rows)
    secrets = {j: RegisteredSecret(FR.from_integers(column), FR.random(1)) for j, column in enumerate(columns, start=1)}
    points = tuple(commit_registered(srs, secrets[j]) for j in secrets)
    demanded, asked = registration(log_rows), question(log_rows, hidden)
    kinds = sum(int(column.kind) << column.column for column in COLUMNS)
    entry = BundleDataset(
        DATASET, 1, 1, OWNER, NAME_HASH, log_rows, sum(columns[0]), len(columns), kinds, SCHEMA_HASH,
        relation_hash(demanded),
    )  # fmt: skip
    identity = query_id(20260, STUDIES, AGENCY, 9, relation_hash(asked))
    bundle = AuditBundle(
        BundleChain(20260, STUDIES, REGISTRY),
        BundleString(srs_id, encode_g2(srs.tau_g2)),
        BundleQuery(identity, AGENCY, 9, MINIMUM, SQL_HASH, PURPOSE_HASH),
        encode_statement(asked, points),
        b"",
        BundlePublication(bytes(32), 7, TX_HASH),
        (entry,),
    )
    registered = Statement(
        demanded, bundle.domain(REGISTRY), entry.registration_id(), points, relation_table(srs, demanded)
    )
    proof, _ = prove(srs, registered, secrets, 1 | 1 << RELEASE_BITS)
    tables = sorted({(r.log_rows, r.table_bits) for r in (demanded, asked) if r.lookups})
    minimum = MINIMUM if hidden else None
    statement = Statement(asked, bundle.domain(STUDIES), identity, points, relation_table(srs, asked), minimum)
    answer, _ = prove(srs, statement, secrets, (1 << asked.sum_rows) - 1)
    assert answer.sums is not None
    return replace(
        bundle,
        proof=encode_proof(answer),
        publication=replace(
            bundle.publication, record=record_hash(statement, answer)
        ),
        registrations=(BundleRegistration(encode_statement(demanded, points), encode_proof(proof)),),
        tables=tuple(prove_table(srs, *size) for size in tables),
    )
