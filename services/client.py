"""The agency's client: SQL in, statistics out, checked before they are returned.

    with Tallystick.connect("agency.toml") as tallystick:
        result = tallystick.query("SELECT COUNT(*) AS n FROM hospital", purpose="annual report")
        result.values, result.sums, result.proof, result.opening

The client trusts the coordinator with nothing but its time: it compiles the question itself against the ledger's
directory, proposes it with its own key, takes the parts of the result from the parties directly, verifies the proof and
the opening against the ledger's record, and only then returns.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

from ledger.bundle import AuditBundle, BundleQuestion
from ledger.errors import RecordInvalidError, TransactionRevertedError
from ledger.studies import QueryState
from query.analyses.asking import Analysis, Answer
from query.analyses.report import Evidence, Report
from query.explain import explain_plan, policy_decisions
from query.layout import cohort_question, parse_cohort_question
from query.parameters import question_text
from query.plan import Plan, compile_question
from query.policy import Asker
from query.publication import Publication, possible_compilations, possible_publications
from services.bundle import make_bundle
from services.by_name import DEFAULT_PURPOSE, StatisticsByName
from services.client_errors import ApprovalPendingError, QueryCancelledError, QueryFailedError, ResultRejectedError
from services.cohort_proof import cohort_relation
from services.config import AgencyConfig, load_config
from services.convert import released_rows
from services.convert_study import checked_purpose, checked_request_id, checked_sql
from services.coordinator.client import CoordinatorClient, StudyUpdate
from services.coordinator.store import StudyState
from services.directory import DirectoryView, question_hash, read_directory, text_hash
from services.errors import (
    DISCLOSURE_CODE,
    ConfigInvalidError,
    DisclosureRefusedError,
    PeerUnavailableError,
    RecordUnknownError,
    RefusedError,
    RemoteError,
    RequestConflictError,
    RequestInvalidError,
)
from services.identity import Role, parse_identity
from services.ledger_access import load_account, open_ledger
from services.party.client import PartyClient, ReleasedParts
from services.ranks import combine_ranks
from services.results import Result, combine_parts, finish
from services.verify import VerifiedQuery, verify_published
from zk.encoding import relation_hash

RELEASE_ATTEMPTS: Final = 5
RELEASE_PAUSE_S: Final = 0.5
_FAILED_CODE: Final = 1

Parameters = Mapping[str, object]
OnProgress = Callable[[StudyUpdate], object]
R = TypeVar("R", bound=Report)


class Tallystick(StatisticsByName):
    """A connection as one agency. Use it as a context manager or close it. Thread-safe.

    Args:
        config: certificate, coordinator, parties and ledger.

    Raises:
        ConfigInvalidError: a file of the configuration cannot be used.
    """

    def __init__(self, config: AgencyConfig) -> None:
        self.ledger = open_ledger(config.ledger)
        if config.ledger.account is None:
            raise ConfigInvalidError("ledger.account: an agency needs its account key")
        self._secret = load_account(config.ledger.account)
        self._member = parse_identity(config.tls.certificate.read_bytes()).name
        self._coordinator = CoordinatorClient(config.coordinator, config.tls)
        self._parties = tuple(
            PartyClient(endpoint, config.tls) for endpoint in sorted(config.parties, key=lambda p: p.number)
        )

    @classmethod
    def connect(cls, config: AgencyConfig | Path | str) -> Tallystick:
        """Connect with a configuration or the path of its file.

        Raises:
            ConfigInvalidError: it cannot be used.
        """
        return cls(config if isinstance(config, AgencyConfig) else load_config(AgencyConfig, Path(config)))

    def __enter__(self) -> Tallystick:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._coordinator.close()
        for party in self._parties:
            party.close()

    # --- looking -------------------------------------------------------------------------------------------------

    def directory(self) -> DirectoryView:
        """The ledger's directory with every usable table's meaning.

        Raises:
            ServiceError, LedgerError: coordinator or ledger do not answer.
        """
        return read_directory(self.ledger.registry, self._coordinator.tables())

    def tables(self) -> list[str]:
        """Names of the usable tables; raises as `directory`."""
        return sorted(table.schema.name for table in self.directory().directory)

    def compile(
        self, sql: str, parameters: Parameters | None = None, publish: Publication | str = Publication.AGENCY
    ) -> Plan:
        """Compile a question against the ledger's directory; starts nothing.

        Args:
            sql, parameters: as `query`.

        Raises:
            RequestInvalidError: ``publish`` is not one of `Publication`.
            QueryError: the question cannot be asked; names the construct, table or column.
            ServiceError, LedgerError: as `directory`.
        """
        publication, text = chosen_publication(publish), checked_sql(question_text(sql, parameters))
        return compile_question(text, self.directory().directory, publication=publication)

    def considered(
        self, sql: str, parameters: Parameters | None = None, publish: Publication | str = Publication.AGENCY
    ) -> tuple[Plan, tuple[str, ...]]:
        """A compiled question, and which clause of which table's policy would decide on it, in words.

        Raises as `compile`.
        """
        publication, text = chosen_publication(publish), checked_sql(question_text(sql, parameters))
        directory = self.directory().directory
        plan = compile_question(text, directory, publication=publication)
        asker = Asker(self._member, Role.AGENCY.value)
        return plan, policy_decisions(plan, directory, asker, int(time.time()))

    def explain(
        self, sql: str, parameters: Parameters | None = None, publish: Publication | str = Publication.AGENCY
    ) -> str:
        """Say in words what a question would compute and disclose; raises as `compile`."""
        return explain_plan(*self.considered(sql, parameters, publish))

    def studies(self, limit: int = 20) -> Iterator[StudyUpdate]:
        """Yield one's own studies, newest first.

        Raises:
            ServiceError: the coordinator does not answer.
        """
        token = ""
        while limit > 0:
            found, token = self._coordinator.page(min(limit, 100), token)
            yield from found[:limit]
            limit = limit - len(found) if token else 0

    def study(self, query_id: bytes) -> StudyUpdate:
        """The present state of a study; raises as `studies`."""
        return self._coordinator.get(query_id)

    def watch(self, query_id: bytes) -> Iterator[StudyUpdate]:
        """Yield a study's states until its final one; raises as `studies`."""
        return self._coordinator.watch(query_id)

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
        parts = () if verified.public else self._parts(query_id)
        opening = combine_parts(self.ledger.tau_g2, verified, parts) if parts else ()
        ranks = combine_ranks(plan, parts) if parts else None
        sums, outputs = finish(plan, verified.public or {row.row: row.value for row in opening}, ranks)
        stages["release"] = time.monotonic() - began
        if not verified.public:
            self._acknowledge(query_id)
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
        self._acknowledge(query_id)
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

    def _derived(self, label: str, request_id: str) -> bytes:
        """32 bytes that only this agency can compute again."""
        return hmac.digest(self._secret, f"tallystick.{label}.v1 {request_id}".encode(), hashlib.sha256)

    def _earlier(self, request_id: str) -> StudyUpdate | None:
        try:
            return self._coordinator.get_request(request_id)
        except RecordUnknownError:
            return None

    def _await(
        self, query_id: bytes, on_progress: OnProgress | None, patience_s: float
    ) -> tuple[StudyUpdate, dict[str, float]]:
        entered: dict[StudyState, float] = {}
        waiting_since: float | None = None
        latest: StudyUpdate | None = None
        for latest in self._coordinator.watch(query_id):
            entered.setdefault(latest.state, time.monotonic())
            if on_progress is not None:
                on_progress(latest)
            if latest.state is StudyState.CONSIDERING and latest.waiting_for:
                waiting_since = time.monotonic() if waiting_since is None else waiting_since
                if time.monotonic() - waiting_since >= patience_s:
                    raise ApprovalPendingError(query_id, latest.waiting_for)
        if latest is None:
            raise PeerUnavailableError("the coordinator ended the stream without a state")
        if latest.state is not StudyState.PUBLISHED and not self._is_published(query_id):
            self._close_proposal(query_id, cancelled=latest.state is StudyState.CANCELLED)
            raise_unless_published(latest)
        stages = {name: seconds for name, seconds in latest.stages}
        for stage, state, following in (
            ("consider", StudyState.CONSIDERING, StudyState.PROVING),
            ("publish", StudyState.PUBLISHING, StudyState.PUBLISHED),
        ):
            if state in entered and following in entered:
                stages[stage] = entered[following] - entered[state]
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

    def _parts(self, query_id: bytes) -> tuple[ReleasedParts, ...]:
        """What every party gives of a published result, by number."""
        with ThreadPoolExecutor(len(self._parties)) as pool:
            return tuple(pool.map(lambda party: self._released(party, query_id), self._parties))

    def _released(self, party: PartyClient, query_id: bytes) -> ReleasedParts:
        for attempt in range(RELEASE_ATTEMPTS):
            try:
                return party.release(query_id)
            except (PeerUnavailableError, RemoteError) as error:
                final = isinstance(error, RemoteError) and error.code != "STATE_CONFLICT"
                if final or attempt + 1 == RELEASE_ATTEMPTS:
                    raise
                time.sleep(RELEASE_PAUSE_S * (attempt + 1))
        raise PeerUnavailableError(f"party {party.name} does not answer")

    def _acknowledge(self, query_id: bytes) -> None:
        for party in self._parties:
            try:
                party.acknowledge(query_id)
            except (PeerUnavailableError, RemoteError):
                continue  # the party keeps its parts a little longer; nothing is lost

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


def chosen_publication(publish: Publication | str) -> Publication:
    """Who is to see the numbers.

    Raises:
        RequestInvalidError: neither ``"agency"`` nor ``"public"``.
    """
    try:
        return Publication(publish)
    except ValueError as error:
        raise RequestInvalidError("publish", f"expected one of {', '.join(Publication)}") from error


def raise_unless_published(study: StudyUpdate) -> None:
    """Raise what a study's final state stands for; nothing for a published one.

    Raises:
        RefusedError, DisclosureRefusedError, QueryFailedError, QueryCancelledError: see there.
    """
    match study.state:
        case StudyState.PUBLISHED:
            return
        case StudyState.REFUSED if study.code == DISCLOSURE_CODE:
            raise DisclosureRefusedError()
        case StudyState.REFUSED:
            raise RefusedError(study.code, study.message)
        case StudyState.CANCELLED:
            raise QueryCancelledError("the query was cancelled")
        case _:
            raise QueryFailedError(study.code, study.message)
