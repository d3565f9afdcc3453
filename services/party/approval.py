"""Considering a query: the owner compiles the question itself and compares it with what the ledger was asked.

Approval is given on the ledger with the owner's own key, for exactly the relation this party compiled and the policy
version it checked. A party that owns none of the tables only checks that the query stands there, and acknowledges.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ledger.errors import RecordInvalidError, TransactionRevertedError
from ledger.registry import Role as LedgerRole
from ledger.studies import QueryRecord, QueryState
from query.errors import PolicyRefusedError, QueryError
from query.layout import parse_cohort_question
from query.limits import check_limits
from query.plan import Plan, compile_question
from query.policy import Asker, check_policy
from query.publication import Publication
from services.cohort_proof import cohort_relation
from services.directory import DirectoryView, member_hash, question_hash, read_directory, text_hash
from services.errors import RecordUnknownError, RefusedError, RequestInvalidError, StateConflictError
from services.identity import Role
from services.ledger_access import LedgerAccess
from services.logging import get_logger
from services.party.budgets import charge_budgets, check_weighted
from services.party.client import TableDocument
from services.party.history import AnswerHistory
from services.party.store import PartyStore
from services.party.stored import StoredDataset, StoredQuery
from services.party.verdict import Verdict
from zk.encoding import relation_hash

_log = get_logger("services.party.approval")

DISCLOSURE_CODE_ON_LEDGER: Final = 1
POLICY_CODE_ON_LEDGER: Final = 2
MISMATCH_CODE_ON_LEDGER: Final = 3
PERSON_CODE_ON_LEDGER: Final = 4


class Approver:
    """Considers queries for one party. Thread-safe; one query at a time.

    Args:
        name: the party's name.
        store: where verdicts are kept.
        ledger: signs with the party's account.
        history: told the schemas of tables that questions name.
    """

    def __init__(self, name: str, store: PartyStore, ledger: LedgerAccess, history: AnswerHistory) -> None:
        self._name = name
        self._history = history
        self._store = store
        self._ledger = ledger
        self._lock = threading.Lock()

    def consider(
        self, query_id: bytes, sql: str, purpose: str, salt: bytes, proposer: str, documents: Sequence[TableDocument],
        publication: Publication = Publication.AGENCY,
    ) -> Verdict:  # fmt: skip
        """Consider a proposed query and return the verdict; repeating it repeats the verdict.

        Args:
            query_id: as the ledger has it.
            sql, purpose: texts whose salted hashes the ledger has.
            salt: 32 bytes.
            proposer: name of the agency.
            documents: schemas and policies, untrusted.
            publication: who sees the numbers; part of what the hash of the question covers.

        Raises:
            RecordUnknownError: the ledger has no such query.
            RequestInvalidError: a text or name does not fit the ledger.
            RefusedError: the question is not what was proposed, or a policy refuses; `rule` says which.
            QueryError: the text does not compile.
            StateConflictError: the query has ended.
            LedgerError: the ledger does not answer.
        """
        with self._lock:
            query = self.open_query(query_id)
            known = self._store.query(query_id)
            if known is not None and known.verdict in (Verdict.APPROVED, Verdict.WAITING, Verdict.ACKNOWLEDGED):
                return known.verdict
            expected = question_hash(publication, salt, sql), text_hash("purpose", salt, purpose)
            self._check_texts(query, *expected, proposer)
            self._history.note_documents(documents)
            mine = self._own_datasets(query)
            stored = StoredQuery(
                query_id,
                sql,
                purpose,
                proposer,
                query.relation_hash,
                query.minimum_group,
                Verdict.ACKNOWLEDGED,
                time.time_ns() // 1_000_000,
                publication,
            )
            if not mine:
                self._store.keep_query(stored)
                return Verdict.ACKNOWLEDGED
            try:
                automatic = self._considered(query, stored, documents)
            except RefusedError as error:
                self._refuse(
                    stored, mine, POLICY_CODE_ON_LEDGER if error.rule.startswith("POLICY") else MISMATCH_CODE_ON_LEDGER
                )
                raise
            verdict = Verdict.APPROVED if automatic else Verdict.WAITING
            if automatic:
                self._approve(query)
            self._store.keep_query(_with_verdict(stored, verdict))
            _log.info("considered", query=query_id.hex(), verdict=verdict.value)
            return verdict

    def decide(self, query_id: bytes, approve: bool) -> None:
        """Carry out a person's decision on a waiting query.

        Raises:
            RecordUnknownError: no such query waits here.
            StateConflictError: it has ended.
            LedgerError: the ledger refused (for instance because the policy changed) or does not answer.
        """
        with self._lock:
            known = self._store.query(query_id)
            if known is None or known.verdict is not Verdict.WAITING:
                raise RecordUnknownError("no such query waits for a decision here")
            query = self.open_query(query_id)
            if approve:
                self._approve(query)
                self._store.set_verdict(query_id, Verdict.APPROVED)
            else:
                self._refuse(known, self._own_datasets(query), PERSON_CODE_ON_LEDGER)

    def refuse_for_disclosure(self, query_id: bytes) -> None:
        """End a query on the ledger that the data refused; does nothing where this party owns none of its tables."""
        with self._lock:
            known, query = self._store.query(query_id), self._ledger.studies.query(query_id)
            mine = self._own_datasets(query)
            if known is not None and mine and query.state in (QueryState.PROPOSED, QueryState.APPROVED):
                self._refuse(known, mine, DISCLOSURE_CODE_ON_LEDGER)

    def open_query(self, query_id: bytes) -> QueryRecord:
        """The ledger's record of a query that has not ended.

        Raises:
            RecordUnknownError: there is none.
            StateConflictError: it has ended.
            LedgerError: the ledger does not answer.
        """
        try:
            query = self._ledger.studies.query(query_id)
        except RecordInvalidError as error:
            raise RecordUnknownError("the ledger has no such query") from error
        if query.state is QueryState.REFUSED:
            raise RefusedError("REFUSED", "an owner has refused the query on the ledger")
        if query.state not in (QueryState.PROPOSED, QueryState.APPROVED):
            raise StateConflictError(f"the query is {query.state.name} on the ledger")
        return query

    # --- checks --------------------------------------------------------------------------------------------------

    def _check_texts(self, query: QueryRecord, sql_hash: bytes, purpose_hash: bytes, proposer: str) -> None:
        for field, found, expected in (
            ("sql", sql_hash, query.sql_hash),
            ("purpose", purpose_hash, query.purpose_hash),
        ):
            if not hmac.compare_digest(found, expected):
                raise RequestInvalidError(field, "not the text whose hash stands on the ledger")
        member = self._ledger.registry.member(query.proposer)
        if LedgerRole.AGENCY not in member.roles or member.did_hash != member_hash(Role.AGENCY, proposer):
            raise RequestInvalidError("proposer", "not the agency that proposed the query on the ledger")

    def _considered(self, query: QueryRecord, asked: StoredQuery, documents: Sequence[TableDocument]) -> bool:
        """Whether the question, which is what the ledger has and what policy allows, needs no person's decision.

        Raises:
            RefusedError: it is not.
        """
        cohort = parse_cohort_question(asked.sql)
        if cohort is not None:  # joining the cohort was the approval; the one count released is public
            if relation_hash(cohort_relation(self._ledger, *cohort)) != query.relation_hash:
                raise RefusedError("RELATION_MISMATCH", "the relation on the ledger is not the cohort's")
            return True
        charge_budgets(self._store, self._own_datasets(query), query.query_id, asked.proposer)
        view = read_directory(self._ledger.registry, documents)
        plan = self._checked_plan(query, view, asked)
        return all(view.directory.table(use.table).policy.automatic for use in plan.uses if use.owner == self._name)

    def _checked_plan(self, query: QueryRecord, view: DirectoryView, asked: StoredQuery) -> Plan:
        for entry in query.datasets:
            if entry.dataset not in view.records:
                reason = view.faults.get(entry.dataset, "it is not in the directory")
                raise RefusedError("DATASET_UNUSABLE", f"dataset {entry.dataset:032x}: {reason}")
            if view.records[entry.dataset].policy_version != entry.policy_version:
                raise RefusedError(
                    "POLICY_CHANGED", "a policy was changed after the query was proposed: propose it again"
                )
        try:
            plan = compile_question(asked.sql, view.directory, publication=asked.publication)
        except QueryError as error:
            raise RefusedError("QUESTION_INVALID", str(error)) from error
        if relation_hash(plan.relation) != query.relation_hash:
            raise RefusedError("RELATION_MISMATCH", "the relation on the ledger is not what this SQL means")
        if plan.minimum_group > query.minimum_group:  # all parties check groups against the ledger's number
            raise RefusedError("POLICY_MINIMUM_GROUP", f"a policy keeps groups below {plan.minimum_group} closed")
        now_s = int(time.time())
        for use in plan.uses:
            if use.owner == self._name:
                table = view.directory.table(use.table)
                try:
                    check_policy(plan, table, Asker(asked.proposer, Role.AGENCY.value), now_s)
                    check_limits(plan, table, table.policy.limits, asked.purpose)
                    check_weighted(table, self._history.weighted(query))
                except PolicyRefusedError as error:
                    raise RefusedError(f"POLICY_{error.rule.upper()}", str(error)) from error
        return plan

    # --- on the ledger -------------------------------------------------------------------------------------------

    def _own_datasets(self, query: QueryRecord) -> list[StoredDataset]:
        used = {(entry.dataset, entry.version) for entry in query.datasets}
        return [found for found in self._store.datasets() if (found.dataset, found.version) in used]

    def _approve(self, query: QueryRecord) -> None:
        mine = {found.dataset for found in self._own_datasets(query)}
        for entry in query.datasets:
            if entry.dataset in mine and not entry.approved:
                self._ledger.studies.approve(query.query_id, query.relation, entry.dataset, entry.policy_version)

    def _refuse(self, known: StoredQuery, mine: list[StoredDataset], code: int) -> None:
        self._store.keep_query(_with_verdict(known, Verdict.REFUSED))
        try:
            self._ledger.studies.refuse(known.query_id, mine[0].dataset, code)
        except TransactionRevertedError as error:
            _log.info("not refused on the ledger", query=known.query_id.hex(), reason=error.reason)


def _with_verdict(query: StoredQuery, verdict: Verdict) -> StoredQuery:
    return replace(query, verdict=verdict)
