"""What dominance rules demand of a query, from its text and the policies on the ledger: every party compiles it itself.

An owner's party compiled the question before it approved; one that owns none of the tables only acknowledged it. Both
do it here, when an attempt begins, from what was shown to them: text, schemas and policies, all bound by hashes.
"""

from __future__ import annotations

from ledger.registry import Registry
from ledger.studies import QueryRecord
from query.dominance import DominanceChecks
from query.errors import QueryError
from query.layout import parse_cohort_question
from query.plan import compile_question
from services.directory import read_directory
from services.errors import StateConflictError
from services.party.client import TableDocument
from services.party.store import PartyStore, StoredQuery
from zk.encoding import relation_hash


def dominance_of(store: PartyStore, registry: Registry, query: QueryRecord, asked: StoredQuery) -> DominanceChecks:
    """Compile a query anew and return what dominance rules demand of it.

    Args:
        store: has the documents shown to this party.
        registry: the ledger's, with their hashes.
        query: as the ledger has it.
        asked: the text, whose hash was compared with the ledger's.

    Raises:
        StateConflictError: a document was never shown here, or the text does not mean the query's relation (any more).
        LedgerError: the ledger does not answer.
    """
    if parse_cohort_question(asked.sql) is not None:
        return DominanceChecks()  # counts alone
    documents = []
    for entry in query.datasets:
        record = registry.dataset(entry.dataset)
        schema, policy = store.document(record.schema_hash), store.document(record.policy_hash)
        if schema is None or policy is None:
            raise StateConflictError("the schema or policy of a dataset was not shown to this party: propose it again")
        documents.append(TableDocument(schema, policy))
    try:
        plan = compile_question(
            asked.sql, read_directory(registry, documents).directory, publication=asked.publication
        )
    except QueryError as error:
        raise StateConflictError("the question no longer compiles: propose it again") from error
    if relation_hash(plan.relation) != query.relation_hash:
        raise StateConflictError("the question means another relation than was proposed: propose it again")
    return plan.dominance
