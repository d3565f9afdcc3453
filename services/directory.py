"""The ledger's directory as `query` needs it: records from the chain, meaning from documents that fit their hashes.

Documents (schema and policy) come from whoever has them and are trusted for nothing. A table is usable only if its
schema and policy have the hashes on the ledger, its owner there is the member the schema names, and the relation it was
registered under is the canonical one of that schema. What fails is left out, with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.errors import RecordInvalidError
from ledger.registry import DatasetRecord, DatasetStatus, Registry
from query.directory import Directory, RegisteredTable
from query.errors import QueryError
from query.layout import KINDS as LAYOUT_KINDS
from query.layout import layout_relation
from query.plan import Plan
from query.policy import Policy, parse_policy, policy_hash
from query.publication import Publication
from query.registration import registration_relation
from query.schema import TableSchema, parse_schema, schema_hash
from services.errors import RecordUnknownError
from services.identity import Identity, Role
from services.party.client import TableDocument
from zk.statement import Point


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """The directory at one moment. Public.

    Args:
        directory: the usable tables.
        records: the ledger's record of every usable table by dataset id.
        faults: why a registered dataset is not usable, by dataset id.
        layouts: layouts of cohorts by dataset id; no question can name them.
    """

    directory: Directory
    records: Mapping[int, DatasetRecord]
    faults: Mapping[int, str]
    layouts: Mapping[int, DatasetRecord]

    def owner_address(self, dataset: int) -> str:
        """Ledger address of a usable table's owner.

        Raises:
            RecordUnknownError: the table is not usable.
        """
        return self._record(dataset).owner

    def commitments(self, plan: Plan) -> tuple[Point, ...]:
        """Commitments of a plan's registered columns in the relation's order; raises as `owner_address`."""
        return tuple(self._record(c.dataset).commitments[c.column] for c in plan.relation.registered)

    def _record(self, dataset: int) -> DatasetRecord:
        if dataset not in self.records:
            raise RecordUnknownError(f"dataset {dataset:032x} is not usable")
        return self.records[dataset]


def member_hash(role: Role, name: str) -> bytes:
    """SHA-256 of an identity's URI; stands as a member's DID hash on the ledger and ties its address to its name."""
    return hashlib.sha256(Identity(role, name).uri.encode()).digest()


def party_names(registry: Registry, accounts: Iterable[str], names: Iterable[str]) -> list[str]:
    """The party that each ledger account is, in order; empty for one that is none of those named.

    Raises:
        RecordInvalidError: an account is no member.
        LedgerError: the ledger does not answer.
    """
    known = {member_hash(Role.PARTY, name): name for name in names}
    return [known.get(registry.member(account).did_hash, "") for account in accounts]


def table_name_hash(name: str) -> bytes:
    """Hash of a table's name, as it goes into its dataset id."""
    return hashlib.sha256(b"tallystick.table.v1" + name.encode()).digest()


def text_hash(label: str, salt: bytes, text: str) -> bytes:
    """Salted hash of SQL (label ``sql``) or purpose (label ``purpose``), as the ledger holds it."""
    return hashlib.sha256(f"tallystick.{label}.v1".encode() + salt + text.encode()).digest()


def question_hash(publication: Publication, salt: bytes, sql: str) -> bytes:
    """Salted hash of a question, as the ledger holds it: of its SQL, and of who is to see its numbers."""
    return text_hash("sql" if publication is Publication.AGENCY else f"sql.{publication.value}", salt, sql)


def read_directory(registry: Registry, documents: Iterable[TableDocument]) -> DirectoryView:
    """Read the directory and give every dataset its meaning.

    Args:
        registry: the ledger's registry.
        documents: schemas and policies, untrusted, in any order.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    schemas, policies = _by_hash(documents)
    owners: dict[str, bytes] = {}
    tables: dict[str, RegisteredTable] = {}
    records: dict[int, DatasetRecord] = {}
    faults: dict[int, str] = {}
    layouts: dict[int, DatasetRecord] = {}
    for record in registry.datasets():
        if record.owner not in owners:
            owners[record.owner] = registry.member(record.owner).did_hash
        if _is_layout(record):
            layouts[record.dataset] = record
            continue
        try:
            table = _table(
                record, schemas.get(record.schema_hash), policies.get(record.policy_hash), owners[record.owner]
            )
        except (RecordInvalidError, QueryError) as error:
            faults[record.dataset] = str(error)
            continue
        if table.schema.name in tables:
            faults[record.dataset] = f"another dataset was registered as {table.schema.name} before"
            continue
        tables[table.schema.name] = table
        records[record.dataset] = record
    return DirectoryView(Directory(tables.values()), records, faults, layouts)


def _is_layout(record: DatasetRecord) -> bool:
    return record.kinds == LAYOUT_KINDS and record.relation == layout_relation(
        record.dataset, record.version, record.log_rows
    )


def _by_hash(documents: Iterable[TableDocument]) -> tuple[dict[bytes, TableSchema], dict[bytes, Policy]]:
    schemas: dict[bytes, TableSchema] = {}
    policies: dict[bytes, Policy] = {}
    for document in documents:
        try:
            schema, policy = parse_schema(document.schema), parse_policy(document.policy)
        except QueryError:
            continue  # a document that cannot be read fits no hash
        schemas[schema_hash(schema)] = schema
        policies[policy_hash(policy)] = policy
    return schemas, policies


def _table(
    record: DatasetRecord, schema: TableSchema | None, policy: Policy | None, owner_hash: bytes
) -> RegisteredTable:
    if record.status is not DatasetStatus.ACTIVE:
        raise RecordInvalidError("withdrawn by its owner")
    if schema is None or policy is None:
        raise RecordInvalidError("nobody has shown a schema and a policy with the hashes on the ledger")
    if owner_hash != member_hash(Role.PARTY, schema.owner):
        raise RecordInvalidError(f"it was not registered by {schema.owner}")
    record.require_relation(registration_relation(schema, record.dataset, record.version, record.log_rows))
    return RegisteredTable(
        schema, record.dataset, record.version, record.log_rows, record.rows, record.minimum_group, policy
    )
