"""Proofs that finish at about the same time share one transaction and one pairing (M15).

Whoever comes first waits a moment for others and publishes for all. What a contract refuses together is published one
by one, so that a bad proof among good ones costs nobody but its own query.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

from ledger.errors import RecordInvalidError, TransactionRevertedError
from ledger.studies import MAX_BATCH
from services.coordinator.publishing import Published
from services.logging import get_logger
from zk.errors import ProofRejectedError

_log = get_logger("services.coordinator.batching")

_REFUSED: Final = (TransactionRevertedError, ProofRejectedError, RecordInvalidError)


class Ledger(Protocol):
    """What is needed of `services.coordinator.publishing.LedgerPublisher`; see there."""

    def publish(self, query_id: bytes, proof: bytes) -> Published: ...
    def fits_batch(self, query_id: bytes, proof: bytes) -> bool: ...
    def publish_together(self, answers: Sequence[tuple[bytes, bytes]]) -> Published: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    query_id: bytes
    proof: bytes
    outcome: Future[Published] = field(default_factory=Future)


class BatchingPublisher:
    """Publishes what comes within a window together. Thread-safe.

    Args:
        ledger: sends the transactions.
        window_s: how long the first of several waits for others; 0 publishes everything by itself, at once.
        most: how many publications go into one transaction.
    """

    def __init__(self, ledger: Ledger, window_s: float, most: int = MAX_BATCH) -> None:
        self._ledger, self._window_s, self._most = ledger, window_s, most
        self._waiting: list[_Waiting] = []
        self._changed = threading.Condition()

    def publish(self, query_id: bytes, proof: bytes) -> Published:
        """Publish a proof, perhaps with others; return the transaction and this proof's share of its gas.

        Raises:
            TransactionRevertedError, ProofRejectedError, LedgerError: as `LedgerPublisher.publish`, for this one.
        """
        if self._window_s <= 0 or not self._ledger.fits_batch(query_id, proof):
            return self._ledger.publish(query_id, proof)
        mine = _Waiting(query_id, proof)
        with self._changed:
            self._waiting.append(mine)
            first = len(self._waiting) == 1
            self._changed.notify_all()
            if first:
                self._changed.wait_for(lambda: len(self._waiting) >= self._most, self._window_s)
                gathered, self._waiting = self._waiting, []
        if first:
            for at in range(0, len(gathered), self._most):
                self._publish_all(gathered[at : at + self._most])
        return mine.outcome.result()

    def _publish_all(self, gathered: Sequence[_Waiting]) -> None:
        """Publish some; each hears of its own outcome, whatever happens."""
        answers = [(one.query_id, one.proof) for one in gathered]
        with ThreadPoolExecutor(1) as worker:
            error: BaseException | None = None
            if len(gathered) > 1:
                together = worker.submit(self._ledger.publish_together, answers)
                error = together.exception()
                if error is None:
                    tx, gas = together.result()
                    _log.info("published together", count=len(gathered), tx=tx, gas_each=gas)
                    for one in gathered:
                        one.outcome.set_result((tx, gas))
                    return
            if error is not None and not isinstance(error, _REFUSED):  # it may have been sent: each looks for itself
                for one in gathered:
                    one.outcome.set_exception(error)
                return
            if error is not None:
                _log.info("refused together", count=len(gathered), kind=type(error).__name__)
            for one in gathered:
                alone = worker.submit(self._ledger.publish, one.query_id, one.proof)
                failure = alone.exception()
                if failure is None:
                    one.outcome.set_result(alone.result())
                else:
                    one.outcome.set_exception(failure)
