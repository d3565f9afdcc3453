"""Taking a published result's parts from the computing parties, and telling them that they have arrived.

An outside owner keeps no part (docs/adr/0026): nobody asks it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from services.errors import PeerUnavailableError, RemoteError
from services.party.client import PartyClient, ReleasedParts

RELEASE_ATTEMPTS: Final = 5
RELEASE_PAUSE_S: Final = 0.5


def gather_parts(parties: Sequence[PartyClient], query_id: bytes) -> tuple[ReleasedParts, ...]:
    """What every computing party gives of a published result, by number. Secret: together they are the result.

    Raises:
        PeerUnavailableError, RemoteError: a party did not give its part after `RELEASE_ATTEMPTS` requests, or said
            that it never will.
    """
    with ThreadPoolExecutor(len(parties)) as pool:
        return tuple(pool.map(lambda party: _released(party, query_id), parties))


def acknowledge_parts(parties: Sequence[PartyClient], query_id: bytes) -> None:
    """Let the parties forget their parts; one that does not answer keeps its own a little longer: nothing is lost."""
    for party in parties:
        try:
            party.acknowledge(query_id)
        except (PeerUnavailableError, RemoteError):
            continue


def _released(party: PartyClient, query_id: bytes) -> ReleasedParts:
    for attempt in range(RELEASE_ATTEMPTS):
        try:
            return party.release(query_id)
        except (PeerUnavailableError, RemoteError) as error:
            final = isinstance(error, RemoteError) and error.code != "STATE_CONFLICT"
            if final or attempt + 1 == RELEASE_ATTEMPTS:
                raise
            time.sleep(RELEASE_PAUSE_S * (attempt + 1))
    raise PeerUnavailableError(f"party {party.name} does not answer")
