"""StudyService: what agencies ask of the coordinator. An agency sees its own studies only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import grpc

from proto.v1 import study_pb2, study_pb2_grpc
from query.plan import Plan
from query.publication import Publication
from services.convert import checked_publication
from services.convert_study import checked_id, checked_request_id, question_of, study_from_request, study_message
from services.coordinator.jobs import Jobs
from services.coordinator.store import MAX_PAGE, StudyRecord, StudyStore
from services.errors import CapacityExceededError, RecordUnknownError, RequestInvalidError
from services.identity import Identity, Role
from services.server import Rule, allow, caller_of, service_rules
from zk.encoding import relation_hash

DEFAULT_PAGE: Final = 20
_PAGE_TOKEN: Final = re.compile(r"[1-9][0-9]{0,17}")


class StudyServicer(study_pb2_grpc.StudyServiceServicer):
    """Handlers; they raise domain errors.

    Args:
        jobs: the state machine.
        store: its durable state.
        compile_sql: compiles a question against the present directory.
        max_watchers: streams that may be open at once; each holds a worker of the server.
    """

    def __init__(
        self, jobs: Jobs, store: StudyStore, compile_sql: Callable[[str, Publication], Plan], max_watchers: int
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._compile = compile_sql
        self._max_watchers = max_watchers
        self._watchers = 0

    @staticmethod
    def rules() -> dict[str, Rule]:
        """Who may call what."""
        readers = allow(Role.AGENCY, Role.REGULATOR, Role.OPERATOR)
        agencies = allow(Role.AGENCY)
        return service_rules(
            "StudyService",
            {
                "Submit": agencies,
                "Get": readers,
                "Watch": readers,
                "List": readers,
                "Cancel": agencies,
                "Explain": readers,
            },
        )

    def Submit(self, request: study_pb2.SubmitRequest, context: grpc.ServicerContext) -> study_pb2.Study:
        """Keep and start a study."""
        return study_message(self._jobs.submit(study_from_request(request, caller_of(context).identity.name)))

    def Get(self, request: study_pb2.GetRequest, context: grpc.ServicerContext) -> study_pb2.Study:
        """Return a study by its query or by the caller's request id."""
        caller = caller_of(context).identity
        if request.WhichOneof("key") == "request_id":
            found = self._store.get_request(caller.name, checked_request_id(request.request_id))
            return study_message(self._jobs.get(found.query_id))
        return study_message(self._visible(checked_id("query_id", request.query_id), caller))

    def Watch(self, request: study_pb2.WatchRequest, context: grpc.ServicerContext) -> Iterator[study_pb2.Study]:
        """Stream a study's changes until it ends."""
        study = self._visible(checked_id("query_id", request.query_id), caller_of(context).identity)
        if self._watchers >= self._max_watchers:
            raise CapacityExceededError("too many watchers: ask with Get")
        self._watchers += 1
        try:
            for update in self._jobs.watch(study.query_id, context.is_active):
                yield study_message(update)
        finally:
            self._watchers -= 1

    def List(self, request: study_pb2.ListRequest, context: grpc.ServicerContext) -> study_pb2.ListReply:
        """Return a page of studies, newest first."""
        caller = caller_of(context).identity
        size = request.page_size or DEFAULT_PAGE
        if size > MAX_PAGE:
            raise RequestInvalidError("page_size", f"at most {MAX_PAGE}")
        if request.page_token and not _PAGE_TOKEN.fullmatch(request.page_token):
            raise RequestInvalidError("page_token", "not a token of a previous page")
        before = int(request.page_token) if request.page_token else None
        agency = caller.name if caller.role is Role.AGENCY else None
        found = self._store.page(agency, before, size + 1)
        token = str(found[size - 1].number) if len(found) > size else ""
        return study_pb2.ListReply(studies=[study_message(s) for s in found[:size]], next_page_token=token)

    def Cancel(self, request: study_pb2.CancelRequest, context: grpc.ServicerContext) -> study_pb2.Study:
        """Stop a study."""
        study = self._visible(checked_id("query_id", request.query_id), caller_of(context).identity)
        return study_message(self._jobs.cancel(study.query_id))

    def Explain(self, request: study_pb2.ExplainRequest, context: grpc.ServicerContext) -> study_pb2.ExplainReply:
        """Compile a question and say what it would disclose."""
        question = question_of(request.sql, request.parameters)
        plan = self._compile(question, checked_publication(request.publication))
        return study_pb2.ExplainReply(
            disclosures=plan.disclosures,
            tables=[use.table for use in plan.uses],
            rows=plan.relation.rows,
            sums=len(plan.sums),
            minimum_group=plan.minimum_group,
            relation_hash=relation_hash(plan.relation),
        )

    def _visible(self, query_id: bytes, caller: Identity) -> StudyRecord:
        study = self._jobs.get(query_id)
        if caller.role is Role.AGENCY and study.agency != caller.name:
            raise RecordUnknownError("there is no such study")
        return study
