"""One attempt at a joint proof, as the coordinator sees it: calls that run at once, and what became of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proto.v1 import party_pb2
from services.errors import DISCLOSURE_CODE, PeerUnavailableError, RemoteError, ServiceError
from services.party.client import PartyClient
from services.status import error_code

SETTLE_S: Final = 3.0
"""How long the other parties may still say what happened after one has failed."""
_TRANSPORT: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"})

Stages = tuple[tuple[str, float], ...]


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    PROVED = "PROVED"
    REFUSED = "REFUSED"
    BROKEN = "BROKEN"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class AttemptDetail:
    """The proof, or the code and text of the failure; and how long each stage took at the slowest party."""

    stages: Stages
    proof: bytes = b""
    code: str = ""
    message: str = ""


class JointAttempt:
    """Runs one attempt at everybody who takes part. Used once.

    Args:
        parties: clients of the computing parties and the outside owners concerned; or of one owner that proves alone.
        query_id: 32 bytes.
        attempt: number of the attempt.
        on_stages: called with the stages so far whenever a party enters one.
    """

    def __init__(
        self, parties: tuple[PartyClient, ...], query_id: bytes, attempt: int, on_stages: Callable[[Stages], object]
    ) -> None:
        self._parties = parties
        self._query_id = query_id
        self._attempt = attempt
        self._on_stages = on_stages
        self._began: dict[str, list[tuple[str, float]]] = {party.name: [] for party in parties}
        self._calls: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._cancelled = False

    def cancel(self) -> None:
        """Stop the attempt at every party; `run` returns soon after."""
        with self._lock:
            self._cancelled = True
            calls = list(self._calls)
        for cancel in calls:
            cancel()

    def run(self) -> tuple[AttemptOutcome, AttemptDetail]:
        """Run it and say what became of it."""
        with ThreadPoolExecutor(len(self._parties)) as pool:
            futures = {pool.submit(self._prove, party): party for party in self._parties}
            left = set(futures)
            while left:
                done, left = wait(left, return_when=FIRST_COMPLETED)
                if any(future.exception() is not None for future in done):
                    wait(left, timeout=SETTLE_S)
                    self.cancel()
                    break
        return self._judge({party.name: future for future, party in futures.items()})

    def _prove(self, party: PartyClient) -> bytes:
        def note(event: party_pb2.ProveEvent) -> None:
            self._note(party.name, event)

        return party.prove(self._query_id, self._attempt, note, self._keep_call)

    def _keep_call(self, cancel: Callable[[], object]) -> None:
        with self._lock:
            self._calls.append(cancel)
            late = self._cancelled
        if late:
            cancel()

    def _note(self, name: str, event: party_pb2.ProveEvent) -> None:
        with self._lock:
            self._began[name].append((event.stage, event.elapsed_ms / 1000))
            stages = self._stages()
        if event.stage:
            self._on_stages(stages)

    def _stages(self) -> Stages:
        """Seconds of every stage that has ended somewhere, at the slowest party; 0 for one that only began."""
        slowest: dict[str, float] = {}
        for events in self._began.values():
            for number, (stage, began) in enumerate(events):
                if stage:
                    ended = events[number + 1][1] if number + 1 < len(events) else began
                    slowest[stage] = max(slowest.get(stage, 0.0), ended - began)
        return tuple((stage, round(seconds, 4)) for stage, seconds in slowest.items())

    def _judge(self, futures: dict[str, Future[bytes]]) -> tuple[AttemptOutcome, AttemptDetail]:
        stages = self._stages()
        failures: list[tuple[str, ServiceError]] = []
        proofs: list[bytes] = []
        for name, future in futures.items():
            error = future.exception()
            if error is None:
                proofs.append(future.result())
            elif isinstance(error, ServiceError):
                failures.append((name, error))
            else:
                raise error
        if not failures:
            if not proofs[0] or any(proof != proofs[0] for proof in proofs):
                return AttemptOutcome.FAILED, AttemptDetail(
                    stages, code="PROOFS_DIFFER", message="the parties' proofs differ"
                )
            return AttemptOutcome.PROVED, AttemptDetail(stages, proof=proofs[0])
        name, error = max(failures, key=lambda failure: _weight(failure[1]))
        text = f"party {name}: {error.message}" if isinstance(error, RemoteError) else str(error)
        detail = AttemptDetail(stages, code=error_code(error), message=text)
        if _is_transport(error):
            return AttemptOutcome.BROKEN, detail
        if detail.code == DISCLOSURE_CODE:
            return AttemptOutcome.REFUSED, AttemptDetail(stages, code=DISCLOSURE_CODE, message=_message(error))
        return AttemptOutcome.FAILED, detail


def _message(error: ServiceError) -> str:
    return error.message if isinstance(error, RemoteError) else str(error)


def _is_transport(error: ServiceError) -> bool:
    if isinstance(error, RemoteError):
        return error.status in _TRANSPORT
    return isinstance(error, PeerUnavailableError)


def _weight(error: ServiceError) -> int:
    """What a party says for itself outweighs that another was not heard; our own cancelling says nothing."""
    if not _is_transport(error):
        return 3
    if isinstance(error, PeerUnavailableError):
        return 2
    return 0 if isinstance(error, RemoteError) and error.status == "CANCELLED" else 1
