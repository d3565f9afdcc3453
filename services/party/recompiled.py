"""What a query means, from its text and the policies on the ledger: every party compiles it itself, again.

An owner's party compiled the question before it approved; one that owns none of the tables only acknowledged it. Both
do it here, when an attempt begins, from what was shown to them: text, schemas and policies, all bound by hashes.
"""

from __future__ import annotations

from ledger.registry import Registry
from ledger.studies import QueryRecord
from query.dominance import DominanceChecks
from query.errors import QueryError
from query.layout import parse_cohort_question
from query.plan import Plan, compile_question
from query.policy import parse_policy
from query.schema import parse_schema
from query.sql import parse_question
from services.directory import read_directory
from services.errors import StateConflictError
from services.party.client import TableDocument
from services.party.store import PartyStore
from services.party.stored import StoredQuery
from zk.encoding import relation_hash


def recompiled_plan(store: PartyStore, registry: Registry, query: QueryRecord, asked: StoredQuery) -> Plan | None:
    """Compile a query anew; None where it is about the alignment of a cohort, which has no text in SQL.

    Args:
        store: has the documents shown to this party.
        registry: the ledger's, with their hashes.
        query: as the ledger has it.
        asked: the text, whose hash was compared with the ledger's when it was considered.

    Raises:
        StateConflictError: a document was never shown here, or the text does not mean the relation on the ledger (any
            more).
        LedgerError: the ledger does not answer.
    """
    if parse_cohort_question(asked.sql) is not None:
        return None
    texts = _texts(store, registry, query)
    try:
        texts += _only_named(store, registry, asked.sql, texts)
        directory = read_directory(registry, [TableDocument(*pair) for pair in texts]).directory
        plan = compile_question(asked.sql, directory, publication=asked.publication)
    except QueryError as error:
        raise StateConflictError("the question does not compile any more: propose it again") from error
    if relation_hash(plan.relation) != query.relation_hash:
        raise StateConflictError("the question does not mean the relation on the ledger any more: propose it again")
    return plan


def dominance_of(store: PartyStore, registry: Registry, query: QueryRecord, asked: StoredQuery) -> DominanceChecks:
    """What dominance rules demand of a query; nothing where its policies have none, which needs no compiler.

    Raises:
        StateConflictError, LedgerError: as `recompiled_plan`.
    """
    if parse_cohort_question(asked.sql) is not None:
        return DominanceChecks()  # counts alone
    policies = [parse_policy(policy) for _, policy in _texts(store, registry, query)]
    # read after the texts: versions only grow, so that those of the proposal are the versions of these texts
    unchanged = all(registry.dataset(e.dataset).policy_version == e.policy_version for e in query.datasets)
    if unchanged and not any(policy.limits.dominance for policy in policies):
        return DominanceChecks()
    plan = recompiled_plan(store, registry, query, asked)
    return DominanceChecks() if plan is None else plan.dominance


def _only_named(
    store: PartyStore, registry: Registry, sql: str, used: list[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """Schema and policy of tables that a question names and uses no column of, as one LEFT JOINed to count rows."""
    missing = {table.name for table in parse_question(sql).tables} - {parse_schema(schema).name for schema, _ in used}
    found = []
    for record in registry.datasets() if missing else ():
        schema, policy = store.document(record.schema_hash), store.document(record.policy_hash)
        if schema is not None and policy is not None and parse_schema(schema).name in missing:
            found.append((schema, policy))
    return found


def _texts(store: PartyStore, registry: Registry, query: QueryRecord) -> list[tuple[bytes, bytes]]:
    """Schema and policy of every table of a query, as they were shown here."""
    found = []
    for entry in query.datasets:
        record = registry.dataset(entry.dataset)
        schema, policy = store.document(record.schema_hash), store.document(record.policy_hash)
        if schema is None or policy is None:
            raise StateConflictError(f"schema and policy of dataset {entry.dataset:032x} were never shown here")
        found.append((schema, policy))
    return found
