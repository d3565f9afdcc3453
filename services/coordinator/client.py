"""A typed client of the coordinator. Every failure is a typed error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

import grpc

from proto.v1 import directory_pb2, directory_pb2_grpc, study_pb2, study_pb2_grpc
from query.parameters import split_question
from query.publication import Publication
from services.config import Endpoint, TlsConfig
from services.convert import checked_publication, publication_message
from services.convert_study import parameter_messages, study_state
from services.coordinator.store import StudyState
from services.errors import PeerUnavailableError, RecordUnknownError, RemoteError, RequestConflictError
from services.identity import Identity, Role
from services.party.client import TableDocument, documents_of
from services.status import remote_errors
from services.transport import open_client
from services.unavailable import peer_unavailable

CALL_TIMEOUT_S: Final = 30.0
WATCH_ATTEMPTS: Final = 5
_PAUSE_S: Final = 0.5
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StudyUpdate:
    """A study as the coordinator tells it; nothing in it is believed without the ledger.

    Args:
        stages: (name, seconds at the slowest party) of the present or last attempt.
        publication: who sees the numbers.
        proof: bytes, once proved.
    """

    query_id: bytes
    request_id: str
    agency: str
    sql: str
    purpose: str
    state: StudyState
    code: str
    message: str
    waiting_for: tuple[str, ...]
    attempts: int
    stages: tuple[tuple[str, float], ...]
    tx: str
    gas: int
    proof: bytes = field(repr=False)
    submitted_at_ms: int
    changed_at_ms: int
    publication: Publication = Publication.AGENCY


class CoordinatorClient:
    """Calls the coordinator. Thread-safe.

    Args:
        endpoint: its name and address.
        tls: our certificate files.
    """

    def __init__(self, endpoint: Endpoint, tls: TlsConfig) -> None:
        self._name = endpoint.name
        self._channel = open_client(endpoint.address, tls, Identity(Role.COORDINATOR, endpoint.name))
        self._studies = study_pb2_grpc.StudyServiceStub(self._channel)
        self._directory = directory_pb2_grpc.DirectoryServiceStub(self._channel)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def tables(self) -> list[TableDocument]:
        """Documents of all tables, unchecked.

        Raises:
            PeerUnavailableError: the coordinator does not answer.
            RemoteError: it refuses.
        """
        request = directory_pb2.ListTablesRequest()
        return documents_of(self._call(lambda: self._directory.ListTables(request, timeout=CALL_TIMEOUT_S)).tables)

    def submit(
        self, request_id: str, sql: str, purpose: str, query_id: bytes, salt: bytes,
        publication: Publication = Publication.AGENCY,
    ) -> StudyUpdate:  # fmt: skip
        """Start a study.

        Args:
            sql: the question's text, with its line of parameters if it has any.

        Raises:
            RequestConflictError: the request id or the query is taken by another request.
            PeerUnavailableError, RemoteError: as `tables`.
        """
        text, parameters = split_question(sql)
        request = study_pb2.SubmitRequest(
            request_id=request_id,
            sql=text,
            purpose=purpose,
            query_id=query_id,
            salt=salt,
            parameters=parameter_messages(parameters),
            publication=publication_message(publication),
        )
        return _update(self._call(lambda: self._studies.Submit(request, timeout=CALL_TIMEOUT_S)))

    def get(self, query_id: bytes) -> StudyUpdate:
        """A study by its query.

        Raises:
            RecordUnknownError: there is none that we may see.
            PeerUnavailableError, RemoteError: as `tables`.
        """
        request = study_pb2.GetRequest(query_id=query_id)
        return _update(self._call(lambda: self._studies.Get(request, timeout=CALL_TIMEOUT_S)))

    def get_request(self, request_id: str) -> StudyUpdate:
        """A study by our own request id; raises as `get`."""
        request = study_pb2.GetRequest(request_id=request_id)
        return _update(self._call(lambda: self._studies.Get(request, timeout=CALL_TIMEOUT_S)))

    def watch(self, query_id: bytes) -> Iterator[StudyUpdate]:
        """Yield the present state and every later one; a broken stream is opened again a few times.

        Raises:
            RecordUnknownError, PeerUnavailableError, RemoteError: as `get`.
        """
        broken = 0
        while True:
            try:
                with remote_errors():
                    for message in self._studies.Watch(study_pb2.WatchRequest(query_id=query_id)):
                        broken = 0
                        update = _update(message)
                        yield update
                        if update.state.final:
                            return
            except RemoteError as error:
                if error.status != grpc.StatusCode.UNAVAILABLE.name:
                    raise _typed(error) from error
            broken += 1
            if broken >= WATCH_ATTEMPTS:
                raise PeerUnavailableError(f"coordinator {self._name} does not answer")
            time.sleep(_PAUSE_S * broken)

    def page(self, size: int, token: str = "") -> tuple[list[StudyUpdate], str]:
        """A page of studies, newest first, and the token of the next page; raises as `tables`."""
        request = study_pb2.ListRequest(page_size=size, page_token=token)
        reply = self._call(lambda: self._studies.List(request, timeout=CALL_TIMEOUT_S))
        return [_update(study) for study in reply.studies], reply.next_page_token

    def cancel(self, query_id: bytes) -> StudyUpdate:
        """Stop a study; raises as `get`."""
        request = study_pb2.CancelRequest(query_id=query_id)
        return _update(self._call(lambda: self._studies.Cancel(request, timeout=CALL_TIMEOUT_S)))

    def explain(self, sql: str, publication: Publication = Publication.AGENCY) -> study_pb2.ExplainReply:
        """What the coordinator says a question would disclose; raises as `tables`."""
        text, parameters = split_question(sql)
        request = study_pb2.ExplainRequest(
            sql=text, parameters=parameter_messages(parameters), publication=publication_message(publication)
        )
        return self._call(lambda: self._studies.Explain(request, timeout=CALL_TIMEOUT_S))

    def _call(self, run: Callable[[], _T]) -> _T:
        try:
            with remote_errors():
                return run()
        except RemoteError as error:
            if error.code == grpc.StatusCode.UNAVAILABLE.name:
                raise peer_unavailable(f"coordinator {self._name}", error) from error
            raise _typed(error) from error


def _typed(error: RemoteError) -> RemoteError | RecordUnknownError | RequestConflictError:
    match error.code:
        case "RECORD_UNKNOWN":
            return RecordUnknownError(error.message)
        case "REQUEST_CONFLICT":
            return RequestConflictError(error.message)
        case _:
            return error


def _update(message: study_pb2.Study) -> StudyUpdate:
    return StudyUpdate(
        message.query_id,
        message.request_id,
        message.agency,
        message.sql,
        message.purpose,
        study_state(message),
        message.code,
        message.message,
        tuple(message.waiting_for),
        message.attempts,
        tuple((stage.name, stage.seconds) for stage in message.stages),
        message.tx,
        message.gas,
        message.proof,
        message.submitted_at_ms,
        message.changed_at_ms,
        checked_publication(message.publication),
    )
