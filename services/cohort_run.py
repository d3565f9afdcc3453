"""Running an alignment: the same call at all who take part at once, under a number that none of them has used."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ledger.cohorts import CohortRecord
from services.config import PartyEndpoint
from services.directory import party_names
from services.errors import PeerUnavailableError, RecordUnknownError, RemoteError, ServiceError
from services.ledger_access import LedgerAccess
from services.party.client import CohortAligned, PartyClient


def owner_names(ledger: LedgerAccess, record: CohortRecord, names: Sequence[str]) -> list[str]:
    """The name of each member of a cohort, empty for one that is not among the names given.

    Args:
        ledger: read only.
        record: of the cohort.
        names: of parties and owners.

    Raises:
        LedgerError: the ledger does not answer.
    """
    return party_names(ledger.registry, [member.owner for member in record.members], names)


def who_takes_part(
    ledger: LedgerAccess, record: CohortRecord, endpoints: Sequence[PartyEndpoint]
) -> list[PartyEndpoint]:
    """The three computing parties and the cohort's owners, by number.

    Args:
        ledger: read only.
        record: of the cohort.
        endpoints: of all parties and owners known.

    Raises:
        RecordUnknownError: an owner of the cohort is none of them.
        LedgerError: the ledger does not answer.
    """
    owners = owner_names(ledger, record, [endpoint.name for endpoint in endpoints])
    if not all(owners):
        raise RecordUnknownError(f"an owner of {record.label} is none of the parties and owners configured here")
    concerned = [found for found in endpoints if found.computes or found.name in owners]
    return sorted(concerned, key=lambda endpoint: endpoint.number)


def run_alignment(parties: Sequence[PartyClient], name: str, version: int) -> tuple[int, ...]:
    """Align a cohort that every owner has joined; its owners confirm it on the ledger.

    Repeating it after a failure runs a new attempt. Owners that have their rows already (a process ended before it
    confirmed) only confirm; if just some of them have, the version has to be abandoned.

    Args:
        parties: clients of the three computing parties and of the cohort's other owners, as operator.
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
