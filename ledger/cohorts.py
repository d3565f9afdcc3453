"""The cohorts contract in Python: who aligned the rows of which persons. Everything here is public."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ledger.client import Receipt
from ledger.contract import BoundContract
from ledger.errors import RecordInvalidError
from zk.statement import Point

MAX_NAME_BYTES: Final = 48
NOISE_UNITS: Final = 1000


class CohortState(IntEnum):
    """Where a version of a cohort stands. The last two are for ever."""

    UNKNOWN = 0
    PROPOSED = 1
    ACTIVE = 2
    ABANDONED = 3


@dataclass(frozen=True, slots=True)
class CohortMember:
    """One owner of a cohort.

    Args:
        owner: checksummed address.
        joined, confirmed: what the owner has done.
        count: identifiers in its list; 0 before it joined.
        commitment: of the list; None before it joined.
        layout: dataset id of its layout; 0 before it confirmed.
    """

    owner: str
    joined: bool
    confirmed: bool
    count: int
    commitment: Point | None
    layout: int


@dataclass(frozen=True, slots=True)
class CohortRecord:
    """A version of a cohort.

    Args:
        cohort: id, 128 bits.
        name: public.
        version: from 1.
        state: where it stands.
        log_rows: log2 of its number of rows.
        epsilon: of the noise of multiplicities.
        members: in increasing order of address.
        digest: 32 bytes, of what all parties saw; zeros before anybody confirmed.
    """

    cohort: int
    name: str
    version: int
    state: CohortState
    log_rows: int
    epsilon: float
    members: tuple[CohortMember, ...]
    digest: bytes

    @property
    def label(self) -> str:
        """Name and version, as schemas name the cohort."""
        return cohort_label(self.name, self.version)

    def member(self, owner: str) -> CohortMember | None:
        """The member of an address."""
        return next((member for member in self.members if member.owner.lower() == owner.lower()), None)


def cohort_label(name: str, version: int) -> str:
    """A cohort's version as a schema names it."""
    return f"{name}.{version}"


def cohort_id(name: str) -> int:
    """The id of a cohort's name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")


class Cohorts(BoundContract):
    """The cohorts contract at an address.

    Args:
        client: ledger client; its account signs what this object sends.
        address: of the contract.
    """

    artifact = "Cohorts"

    def registry_address(self) -> str:
        """The registry whose members may take part."""
        return str(self._call("REGISTRY"))

    def propose(self, name: str, log_rows: int, epsilon: float, owners: Sequence[str]) -> Receipt:
        """Propose a cohort or its next version, as one of its owners.

        Raises:
            TransactionRevertedError: a number or owner does not fit, a version is under way, or the name is taken.
        """
        noise = round(epsilon * NOISE_UNITS)
        return self._send("propose", name, log_rows, noise, sorted(owners, key=lambda owner: int(owner, 16)))

    def join(self, name: str, version: int, count: int, commitment: Point) -> Receipt:
        """Approve a version and bind one's list.

        Raises:
            TransactionRevertedError: not an owner, joined before, or the commitment is no fresh point.
        """
        return self._send("join", cohort_id(name), version, count, list(commitment))

    def confirm(self, name: str, version: int, digest: bytes, layout: int) -> Receipt:
        """Say that one has one's rows and has registered one's layout.

        Raises:
            TransactionRevertedError: not all have joined, another digest, or not one's own layout.
        """
        return self._send("confirm", cohort_id(name), version, digest, layout)

    def abandon(self, name: str, version: int) -> Receipt:
        """Give up a version that is under way.

        Raises:
            TransactionRevertedError: not an owner, or it is not under way.
        """
        return self._send("abandon", cohort_id(name), version)

    def latest(self, name: str) -> int:
        """Number of the latest version, 0 where there is none."""
        return int(self._call("current", cohort_id(name)))

    def cohort(self, name: str, version: int | None = None) -> CohortRecord:
        """Return a version of a cohort, by default the latest.

        Raises:
            RecordInvalidError: there is none.
        """
        number = self.latest(name) if version is None else version
        cohort = cohort_id(name)
        state, log_rows, noise, owners, joined, confirmed, digest = self._call("version", cohort, number)
        if state == CohortState.UNKNOWN:
            raise RecordInvalidError(f"there is no version {number} of a cohort {name!r}")
        members = []
        for place, owner in enumerate(owners):
            count, (x, y), layout = self._call("entry", cohort, number, place)
            members.append(
                CohortMember(str(owner), bool(joined >> place & 1), bool(confirmed >> place & 1), count,
                             (x, y) if x or y else None, layout)
            )
        return CohortRecord(cohort, name, number, CohortState(state), log_rows, noise / NOISE_UNITS, tuple(members),
                            bytes(digest))

    def cohorts(self) -> list[CohortRecord]:
        """Every version of every cohort, in order of proposal."""
        found = []
        for event in self.client.logs(self.contract.events.CohortProposed):
            found.append(self.cohort(event.args["name"], event.args["version"]))
        return found
