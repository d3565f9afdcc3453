"""The agency's client: SQL in, statistics out, checked before they are returned.

    with Tallystick.connect("agency.toml") as tallystick:
        result = tallystick.query("SELECT COUNT(*) AS n FROM hospital", purpose="annual report")
        result.values, result.sums, result.proof, result.opening

The client trusts the coordinator with nothing but its time: it compiles the question itself against the ledger's
directory, proposes it with its own key, takes the parts of the result from the parties directly, verifies the proof and
the opening against the ledger's record, and only then returns.
"""

from __future__ import annotations

import hmac
import secrets
import time
from typing import Final, TypeVar

from ledger.bundle import AuditBundle, BundleQuestion
from ledger.errors import RecordInvalidError, TransactionRevertedError
from ledger.studies import QueryState
from query.analyses.asking import Analysis, Answer
from query.analyses.report import Evidence, Report
from query.layout import cohort_question, parse_cohort_question
from query.parameters import question_text
from query.plan import Plan
from query.publication import Publication, possible_compilations, possible_publications
from services.bundle import make_bundle
from services.by_name import DEFAULT_PURPOSE, StatisticsByName
from services.client_errors import ResultRejectedError
from services.cohort_proof import cohort_relation
from services.connection import AgencyConnection, Parameters, chosen_publication
from services.convert import released_rows
from services.convert_study import checked_purpose, checked_request_id
from services.coordinator.client import StudyUpdate
from services.coordinator.store import StudyState
from services.directory import question_hash, text_hash
from services.errors import (
    DisclosureRefusedError,
    RecordUnknownError,
    RequestConflictError,
)
from services.following import OnProgress, follow_study, raise_unless_published
from services.gathering import acknowledge_parts, gather_parts
from services.ranks import combine_ranks
from services.results import Result, combine_parts, finish
from services.verify import VerifiedQuery, verify_published
from zk.encoding import relation_hash

_FAILED_CODE: Final = 1

R = TypeVar("R", bound=Report)


class Tallystick(AgencyConnection, StatisticsByName):
    """An agency that looks, asks, and believes nothing it has not checked."""

    def cancel(self, query_id: bytes) -> StudyUpdate:
        """Cancel a study, and take back its proposal on the ledger.

        Raises:
            RemoteError: it is being published already, or there is none.
            ServiceError, LedgerError: coordinator or ledger do not answer.
        """
        update = self._coordinator.cancel(query_id)
        self._close_proposal(query_id, cancelled=True)
        return update

    # --- asking --------------------------------------------------------------------------------------------------

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        purpose: str,
        request_id: str | None = None,
        on_progress: OnProgress | None = None,
        wait_for_approval_s: float = 0.0,
        publish: Publication | str = Publication.AGENCY,
    ) -> Result:
        """Ask a question and return its verified result.

        Args:
            sql: text in the dialect of docs/sql.md.
            parameters: values of its :names; bound as literals, never put into the text.
            purpose: why; the owners see it, its salted hash goes to the ledger.
            request_id: makes the call repeatable: the same id continues the same study. None draws one.
            on_progress: called with every change.
            wait_for_approval_s: how long to wait where a person has to approve.
            publish: who sees the numbers: ``"agency"``, we alone; ``"counts"``, we alone but for the counts of rows
                behind them, which are opened on the ledger; or ``"public"``, everybody on the ledger, which the policy
                of every table must allow.

        Raises:
            QueryError: the question cannot be asked.
            RequestConflictError: the request id was used for another question.
            RefusedError: an owner refuses; `rule` says which rule. DisclosureRefusedError: the data refuses.
            ApprovalPendingError: a person has not approved yet.
            QueryFailedError, QueryCancelledError: it came to nothing.
            ResultRejectedError, ProofRejectedError, RecordInvalidError: a result that must not be believed.
            ServiceError, LedgerError: somebody does not answer.
        """
        began = time.monotonic()
        query_id = self.submit(sql, parameters, purpose=purpose, request_id=request_id, publish=publish)
        stages = {"propose": time.monotonic() - began}
        return self.result(query_id, on_progress=on_progress, wait_for_approval_s=wait_for_approval_s, stages_s=stages)

    def submit(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        purpose: str,
        request_id: str | None = None,
        publish: Publication | str = Publication.AGENCY,
    ) -> bytes:
        """Propose a question on the ledger, start its study and return the query's id; raises as `query`."""
        checked_purpose(purpose)
        publication, sql = chosen_publication(publish), question_text(sql, parameters)
        chosen = checked_request_id(secrets.token_hex(16) if request_id is None else request_id)
        if request_id is not None:
            earlier = self._earlier(chosen)
            if earlier is not None:
                if (earlier.sql, earlier.purpose, earlier.publication) != (sql, purpose, publication):
                    raise RequestConflictError(f"request id {chosen!r} was used for another question")
                return earlier.query_id
        cohort = parse_cohort_question(sql)
        if cohort is None:
            relation = self.compile(sql, publish=publication).relation
        else:
            relation = cohort_relation(self.ledger, *cohort)
        salt, nonce = self._derived("salt", chosen), int.from_bytes(self._derived("nonce", chosen), "big")
        studies = self.ledger.studies
        query_id = studies.query_id(self.ledger.client.address, nonce, relation)
        if studies.state(query_id) is QueryState.UNKNOWN:
            studies.propose(
                relation,
                nonce=nonce,
                sql_hash=question_hash(publication, salt, sql),
                purpose_hash=text_hash("purpose", salt, purpose),
            )
        self._coordinator.submit(chosen, sql, purpose, query_id, salt, publication)
        return query_id

    def result(
        self,
        query_id: bytes,
        *,
        on_progress: OnProgress | None = None,
        wait_for_approval_s: float = 0.0,
        stages_s: dict[str, float] | None = None,
    ) -> Result:
        """Wait for a study to end and return its verified result; raises as `query`."""
        study, stages = self._await(query_id, on_progress, wait_for_approval_s)
        stages = {**(stages_s or {}), **stages}
        began = time.monotonic()
        verified = verify_published(self.ledger, query_id)
        plan = self._plan_of(verified, study)
        stages["verify"] = time.monotonic() - began
        began = time.monotonic()
        if verified.public and not set(released_rows(verified.published.release)) <= set(verified.public):
            raise ResultRejectedError("only some of the released sums were made public")
        parts = () if verified.public else gather_parts(self._parties, query_id)
        opening = combine_parts(self.ledger.tau_g2, verified, parts) if parts else ()
        ranks = combine_ranks(plan, parts) if parts else None
        sums, outputs = finish(plan, verified.public or {row.row: row.value for row in opening}, ranks)
        stages["release"] = time.monotonic() - began
        if not verified.public:
            acknowledge_parts(self._parties, query_id)
        published = verified.published
        return Result(
            study.sql,
            query_id,
            plan,
            outputs,
            sums,
            opening,
            verified.proof,
            verified.proof_bytes,
            verified.guards,
            published.tx_hash,
            study.gas,
            published.block_number,
            {k: round(v, 4) for k, v in stages.items()},
            ranks,
        )

    def prove_cohort(
        self, name: str, version: int, *, request_id: str | None = None, on_progress: OnProgress | None = None
    ) -> VerifiedQuery:
        """Have it proved on the ledger that no row of a cohort joins two persons, and verify the proof.

        Raises:
            RefusedError: the cohort is not active, or an owner refuses.
            QueryFailedError: the proof failed: a row joins two persons, or a party deviated.
            ProofRejectedError, RecordInvalidError: a proof that must not be believed.
            ServiceError, LedgerError: somebody does not answer.
        """
        question, purpose = cohort_question(name, version), "no row of the cohort joins two persons"
        query_id = self.submit(question, purpose=purpose, request_id=request_id)
        self._await(query_id, on_progress, 0.0)
        verified = verify_published(self.ledger, query_id)
        if verified.query.relation != cohort_relation(self.ledger, name, version):
            raise ResultRejectedError("the published relation is not that of the cohort")
        acknowledge_parts(self._parties, query_id)
        return verified

    def analyse(
        self, analysis: Analysis[R], *, purpose: str = DEFAULT_PURPOSE, on_progress: OnProgress | None = None
    ) -> R:
        """Ask the questions of a statistic by name, verify every answer, and finish it here from the proved sums.

        A question that the data refuse counts as one of which nothing was released; the analysis then says what it
        lacks.

        Args:
            analysis: any of `query.analyses`, or one's own.
            purpose: why; the owners see it.
            on_progress: called with every change of every question.

        Raises:
            AnalysisError: cells it needs are suppressed, or the data do not determine it.
            The errors of `query`.
        """
        directory = self.directory().directory
        answers = []
        for sql in analysis.questions(directory):
            query_id = self.submit(sql, purpose=purpose)
            try:
                result = self.result(query_id, on_progress=on_progress)
            except DisclosureRefusedError:
                plan = self.compile(sql)
                answers.append(Answer(plan, (None,) * len(plan.sums), Evidence(sql, query_id.hex(), "", False)))
                continue
            evidence = Evidence(sql, query_id.hex(), result.tx, False)
            answers.append(Answer(result.plan, result.sums, evidence, result.ranks))
        return analysis.finish(directory, answers)

    def bundle(self, result: Result) -> AuditBundle:
        """Return the audit bundle of a result, with its SQL text, schemas and released values.

        Whoever is given it learns all of these. `tallystick bundle export` writes one without them.

        Raises:
            ServiceError, LedgerError: coordinator or ledger do not answer.
            ProofRejectedError, BundleInvalidError: the result is not that of the published query.
        """
        study = self.study(result.query_id)
        question = BundleQuestion(self._derived("salt", study.request_id), result.sql)
        documents = self._coordinator.tables()
        return make_bundle(
            self.ledger, result.query_id, documents=documents, question=question, openings=result.opening
        )

    # --- parts of it ---------------------------------------------------------------------------------------------

    def _earlier(self, request_id: str) -> StudyUpdate | None:
        try:
            return self._coordinator.get_request(request_id)
        except RecordUnknownError:
            return None

    def _await(
        self, query_id: bytes, on_progress: OnProgress | None, patience_s: float
    ) -> tuple[StudyUpdate, dict[str, float]]:
        latest, stages = follow_study(self._coordinator.watch(query_id), on_progress, patience_s)
        if latest.state is not StudyState.PUBLISHED and not self._is_published(query_id):
            self._close_proposal(query_id, cancelled=latest.state is StudyState.CANCELLED)
            raise_unless_published(latest)
        return latest, stages

    def _is_published(self, query_id: bytes) -> bool:
        """What the ledger says, whatever the coordinator says."""
        return self.ledger.studies.state(query_id) is QueryState.PUBLISHED

    def _plan_of(self, verified: VerifiedQuery, study: StudyUpdate) -> Plan:
        """The meaning of our own question: another text could mean other statistics of the same sums."""
        salt = self._derived("salt", study.request_id)
        possible = possible_publications(bool(verified.public))
        proposed = verified.query.sql_hash
        asked = [p for p in possible if hmac.compare_digest(question_hash(p, salt, study.sql), proposed)]
        if not asked:
            raise ResultRejectedError(
                "not the question proposed with this key: the coordinator shows another SQL text, or the sums were "
                f"published for another reader ({possible[0].value})"
            )
        for publication in possible_compilations(asked[0]):
            plan = self.compile(study.sql, publish=publication)
            if relation_hash(plan.relation) == verified.query.relation_hash:
                return plan
        raise ResultRejectedError("the published relation is not what this SQL means in the present directory")

    def _close_proposal(self, query_id: bytes, *, cancelled: bool) -> None:
        """Let the ledger know that nothing more comes; a proposal that has ended already stays as it is."""
        try:
            if self.ledger.studies.state(query_id) in (QueryState.PROPOSED, QueryState.APPROVED):
                if cancelled:
                    self.ledger.studies.cancel(query_id)
                else:
                    self.ledger.studies.fail(query_id, _FAILED_CODE)
        except (TransactionRevertedError, RecordInvalidError):
            return
