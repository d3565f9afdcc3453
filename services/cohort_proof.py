"""The proof of a cohort: that no row of it joins two persons. Its question, its relation, and who has been proved.

It is a query like any other: proposed by an agency, approved by every owner, proved jointly, published. Its text is
`PROVE COHORT name VERSION number`, its relation is made from the ledger's record of the cohort alone, and it releases
one count that is public before.
"""

from __future__ import annotations

import hashlib

from ledger.cohorts import CohortRecord, CohortState
from ledger.errors import RecordInvalidError
from ledger.registry import DatasetRecord, DatasetStatus
from ledger.studies import QueryState
from query.layout import joint_relation, layout_document, layout_relation
from services.errors import RefusedError
from services.ledger_access import LedgerAccess
from zk.errors import RelationInvalidError
from zk.relation import Relation


def cohort_relation(ledger: LedgerAccess, name: str, version: int) -> Relation:
    """Return the relation that shows that no row of a cohort joins two persons.

    Raises:
        RefusedError: the cohort is not active, or a layout is not what it must be; with the reason.
        LedgerError: the ledger does not answer.
    """
    try:
        record = ledger.cohorts.cohort(name, version)
        if record.state is not CohortState.ACTIVE:
            raise RefusedError("COHORT_UNUSABLE", f"version {version} of cohort {name} is {record.state.name}")
        layouts = [checked_layout(ledger, record, member.owner, member.layout) for member in record.members]
        return joint_relation([(layout.dataset, layout.version) for layout in layouts], record.log_rows)
    except (RecordInvalidError, RelationInvalidError) as error:
        raise RefusedError("COHORT_UNUSABLE", str(error)) from error


def checked_layout(ledger: LedgerAccess, record: CohortRecord, owner: str, dataset: int) -> DatasetRecord:
    """The directory's record of an owner's layout, registered for this cohort under the canonical relation.

    Raises:
        RecordInvalidError: it was not.
        LedgerError: the ledger does not answer.
    """
    found = ledger.registry.dataset(dataset)
    found.require_relation(layout_relation(dataset, found.version, found.log_rows))
    if found.owner.lower() != owner.lower() or found.log_rows != record.log_rows:
        raise RecordInvalidError(f"dataset {dataset:032x} is not a layout of {record.label}")
    member = record.member(owner)
    if found.status is not DatasetStatus.ACTIVE or member is None or found.rows != member.count:
        raise RecordInvalidError(f"layout {dataset:032x} is withdrawn, or has other rows than its owner's list")
    if found.schema_hash != hashlib.sha256(layout_document(record.label)).digest():
        raise RecordInvalidError(f"dataset {dataset:032x} was not registered as a layout of {record.label}")
    return found


def proof_of(ledger: LedgerAccess, name: str, version: int) -> bytes | None:
    """Id of a published query that proves a cohort; None if there is none. Verify it before you rely on it.

    Raises:
        LedgerError: the ledger does not answer.
    """
    try:
        relation = cohort_relation(ledger, name, version)
    except RefusedError:
        return None
    for query in ledger.studies.queries():
        if query.state is QueryState.PUBLISHED and query.relation == relation:
            return query.query_id
    return None
