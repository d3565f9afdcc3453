"""Following a study to its end, and what its end means."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from services.client_errors import ApprovalPendingError, QueryCancelledError, QueryFailedError
from services.coordinator.client import StudyUpdate
from services.coordinator.store import StudyState
from services.errors import DISCLOSURE_CODE, DisclosureRefusedError, PeerUnavailableError, RefusedError

OnProgress = Callable[[StudyUpdate], object]


def follow_study(
    updates: Iterable[StudyUpdate], on_progress: OnProgress | None, patience_s: float
) -> tuple[StudyUpdate, dict[str, float]]:
    """Wait for the last state of a study.

    Args:
        updates: its states as they come.
        on_progress: called with every state.
        patience_s: seconds to wait where a person has to approve.

    Returns:
        The last state, and the seconds that each stage took.

    Raises:
        ApprovalPendingError: a person has not approved in that time.
        PeerUnavailableError: the states end before there was one.
    """
    entered: dict[StudyState, float] = {}
    waiting_since: float | None = None
    latest: StudyUpdate | None = None
    for latest in updates:
        entered.setdefault(latest.state, time.monotonic())
        if on_progress is not None:
            on_progress(latest)
        if latest.state is StudyState.CONSIDERING and latest.waiting_for:
            waiting_since = time.monotonic() if waiting_since is None else waiting_since
            if time.monotonic() - waiting_since >= patience_s:
                raise ApprovalPendingError(latest.query_id, latest.waiting_for)
    if latest is None:
        raise PeerUnavailableError("the coordinator ended the stream without a state")
    stages = {name: seconds for name, seconds in latest.stages}
    for stage, state, following in (
        ("consider", StudyState.CONSIDERING, StudyState.PROVING),
        ("publish", StudyState.PUBLISHING, StudyState.PUBLISHED),
    ):
        if state in entered and following in entered:
            stages[stage] = entered[following] - entered[state]
    return latest, stages


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
