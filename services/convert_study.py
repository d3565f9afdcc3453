"""Studies and considerations between protobuf and the services' own types, with every field from outside checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from proto.v1 import study_pb2
from query.parameters import Parameter, question_text
from services.convert import checked_publication, publication_message
from services.coordinator.store import StudyRecord, StudyState
from services.errors import RequestInvalidError

ID_BYTES: Final = 32
MAX_SQL_CHARACTERS: Final = 16 * 1024
MAX_PURPOSE_CHARACTERS: Final = 1000
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_COHORT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,25}(\.[0-9]{1,25})?")

_STATES: Final = {
    StudyState.CONSIDERING: study_pb2.STUDY_STATE_CONSIDERING,
    StudyState.PROVING: study_pb2.STUDY_STATE_PROVING,
    StudyState.PUBLISHING: study_pb2.STUDY_STATE_PUBLISHING,
    StudyState.PUBLISHED: study_pb2.STUDY_STATE_PUBLISHED,
    StudyState.REFUSED: study_pb2.STUDY_STATE_REFUSED,
    StudyState.FAILED: study_pb2.STUDY_STATE_FAILED,
    StudyState.CANCELLED: study_pb2.STUDY_STATE_CANCELLED,
}


def checked_id(field: str, value: bytes) -> bytes:
    """Return a 32-byte id.

    Raises:
        RequestInvalidError: another length.
    """
    if len(value) != ID_BYTES:
        raise RequestInvalidError(field, f"expected {ID_BYTES} bytes, got {len(value)}")
    return value


def checked_request_id(value: str) -> str:
    """Return a request id.

    Raises:
        RequestInvalidError: empty, too long or with other characters.
    """
    if not _REQUEST_ID.fullmatch(value):
        raise RequestInvalidError("request_id", "expected 1 to 64 letters, digits, dots, dashes or underscores")
    return value


def checked_cohort_name(value: str) -> str:
    """Return a cohort's name.

    Raises:
        RequestInvalidError: empty, too long or with other characters.
    """
    if not _COHORT.fullmatch(value):
        raise RequestInvalidError("name", "expected 1 to 48 letters, digits, dashes or underscores, no dash in front")
    return value


def checked_sql(value: str) -> str:
    """Return the text of a question; only its length is checked here.

    Raises:
        RequestInvalidError: empty or too long.
    """
    if not value.strip() or len(value) > MAX_SQL_CHARACTERS:
        raise RequestInvalidError("sql", f"expected 1 to {MAX_SQL_CHARACTERS} characters")
    return value


def question_of(sql: str, parameters: Iterable[study_pb2.Parameter]) -> str:
    """Return the text of a question.

    Raises:
        RequestInvalidError: empty or too long, or a name stands twice.
        ParameterInvalidError: a name or value is not allowed.
    """
    values: dict[str, object] = {}
    for parameter in parameters:
        if parameter.name in values:
            raise RequestInvalidError("parameters", "a name stands twice")
        values[parameter.name] = _value_of(parameter)
    return checked_sql(question_text(checked_sql(sql), values))


def _value_of(parameter: study_pb2.Parameter) -> Parameter | None:
    match parameter.WhichOneof("value"):
        case "number":
            if not _NUMBER.fullmatch(parameter.number):
                raise RequestInvalidError("parameters", "a number has 1 to 25 digits, with a point and a sign")
            return Decimal(parameter.number)
        case "text":
            return parameter.text
        case "truth":
            return parameter.truth
        case _:
            return None


def parameter_messages(parameters: Mapping[str, Parameter]) -> list[study_pb2.Parameter]:
    """Return checked parameters as messages."""
    found = []
    for name, value in parameters.items():
        if isinstance(value, bool):
            found.append(study_pb2.Parameter(name=name, truth=value))
        elif isinstance(value, str):
            found.append(study_pb2.Parameter(name=name, text=value))
        else:
            found.append(study_pb2.Parameter(name=name, number=f"{value:f}"))
    return found


def checked_purpose(value: str) -> str:
    """Return a stated purpose.

    Raises:
        RequestInvalidError: empty, too long or not printable.
    """
    if not value.strip() or len(value) > MAX_PURPOSE_CHARACTERS or not value.isprintable():
        raise RequestInvalidError("purpose", f"expected 1 to {MAX_PURPOSE_CHARACTERS} printable characters")
    return value


def study_from_request(request: study_pb2.SubmitRequest, agency: str) -> StudyRecord:
    """Return the study a submission asks for.

    Raises:
        RequestInvalidError: names the field.
    """
    return StudyRecord(
        checked_id("query_id", request.query_id),
        agency,
        checked_request_id(request.request_id),
        question_of(request.sql, request.parameters),
        checked_purpose(request.purpose),
        checked_id("salt", request.salt),
        publication=checked_publication(request.publication),
    )


def study_message(study: StudyRecord) -> study_pb2.Study:
    """Return a study as a message; the salt stays out."""
    stages = [study_pb2.Stage(name=name, seconds=seconds) for name, seconds in study.stages]
    return study_pb2.Study(
        query_id=study.query_id,
        request_id=study.request_id,
        agency=study.agency,
        sql=study.sql,
        purpose=study.purpose,
        state=_STATES[study.state],
        code=study.code,
        message=study.message,
        waiting_for=study.waiting_for,
        attempts=study.attempts,
        stages=stages,
        tx=study.tx,
        gas=study.gas,
        proof=study.proof,
        submitted_at_ms=study.submitted_at_ms,
        changed_at_ms=study.changed_at_ms,
        revision=study.revision,
        publication=publication_message(study.publication),
    )


def study_state(message: study_pb2.Study) -> StudyState:
    """Return the state of a study message.

    Raises:
        RequestInvalidError: a state this release does not know.
    """
    for state, number in _STATES.items():
        if number == message.state:
            return state
    raise RequestInvalidError("state", f"unknown study state {message.state}")
