"""Running an alignment: the same call at all parties at once, under a number that none of them has used."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from services.errors import PeerUnavailableError, RemoteError, ServiceError
from services.party.client import CohortAligned, PartyClient


def run_alignment(parties: Sequence[PartyClient], name: str, version: int) -> tuple[int, ...]:
    """Align a cohort that every owner has joined; its owners confirm it on the ledger.

    Repeating it after a failure runs a new attempt. Owners that have their rows already (a process ended before it
    confirmed) only confirm; if just some of them have, the version has to be abandoned.

    Args:
        parties: clients of all computing parties, as operator.
        name, version: of the cohort.

    Returns:
        How many persons, dummies among them, are in 1, 2, .. lists; empty where nothing was run.

    Raises:
        RemoteError: a party refused, or the alignment failed there; of several failures the one that says most.
        PeerUnavailableError: a party does not answer.
    """
    with ThreadPoolExecutor(len(parties)) as pool:
        known = list(pool.map(lambda party: party.align_cohort(name, version, 0), parties))
        aligned = [party for party, found in zip(parties, known) if found.aligned]
        attempt = max(found.next_attempt for found in known)
        futures = [pool.submit(party.align_cohort, name, version, attempt) for party in aligned or parties]
    failures = [error for error in (future.exception() for future in futures) if error is not None]
    if failures:
        raise max(failures, key=_weight)
    found: list[CohortAligned] = [future.result() for future in futures]
    return next((aligned.multiplicities for aligned in found if aligned.multiplicities), ())


def _weight(error: BaseException) -> int:
    """What a party says of itself outweighs that another went away."""
    if not isinstance(error, ServiceError):
        return 3
    if isinstance(error, RemoteError) and error.code not in ("ChannelClosedError", "CHANNEL_CLOSED"):
        return 2
    return 0 if isinstance(error, PeerUnavailableError) else 1
