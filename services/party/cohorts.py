"""Cohorts as an owner or a party sees them: propose, join with a list, align, register the layout, confirm.

In an alignment take part the three computing parties and the cohort's owners; nobody else need be there.

Joining is approval: the owner's operator names the list, its party publishes its commitment, and nothing runs before
all have done so. How many versions of cohorts a party joins is limited: each shows a little about overlaps.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.cohorts import CohortRecord, CohortState
from ledger.errors import RecordInvalidError
from mpc.shares import PARTIES
from query.errors import RowInvalidError
from query.layout import MAX_OWNERS
from services.channel import PeerNetwork
from services.directory import member_hash
from services.errors import RecordUnknownError, RequestInvalidError, StateConflictError
from services.identifiers import Duplicates, identifier_bytes, identifier_column
from services.identity import Role
from services.ledger_access import LedgerAccess
from services.logging import get_logger
from services.party.cohort_agreement import CohortOutcome
from services.party.cohort_outside import OutsideCohortSession
from services.party.cohort_session import CohortSession
from services.party.cohort_store import CohortList, CohortStore
from services.party.layouts import LayoutRegistrar
from services.prover.client import ProverClient
from zk.field import FR
from zk.prover import RegisteredSecret

_log = get_logger("services.party.cohorts")


@dataclass(frozen=True, slots=True)
class CohortRows:
    """Where this party's persons stand in a cohort. Secret.

    Args:
        log_rows: log2 of the cohort's rows.
        row_of: row by canonical field element of the identifier.
    """

    log_rows: int
    row_of: Mapping[bytes, int]

    def rows(self, texts: Sequence[str]) -> list[int]:
        """The rows of identifiers, in their order.

        Raises:
            RowInvalidError: names the line of one that is not in the cohort, or appears again.
        """
        found: dict[int, None] = {}
        for number, text in enumerate(texts):
            try:
                row = self.row_of.get(identifier_bytes(text))
            except RequestInvalidError as error:
                raise RowInvalidError(number, None, str(error)) from None
            if row is None:
                raise RowInvalidError(number, None, "this person is not in the cohort: extend it, or drop the line")
            if row in found:
                raise RowInvalidError(number, None, "another line is about the same person")
            found[row] = None
        return list(found)


class CohortKeeper:
    """One party's cohorts. Thread-safe; one alignment at a time.

    Args:
        number: this end's number; from 3 on, of an owner outside the three, which computes nothing.
        names: number of every party and outside owner by name.
        store: where lists and rows are kept.
        ledger: signs with the party's account.
        network: to the other parties and owners.
        prover: commits lists.
        layouts: registers layouts.
        timeout_s: how long to wait for one message of a peer.
        budget: versions of cohorts this party joins in all.
    """

    def __init__(
        self,
        number: int,
        names: Mapping[str, int],
        store: CohortStore,
        ledger: LedgerAccess,
        network: PeerNetwork,
        prover: ProverClient,
        layouts: LayoutRegistrar,
        timeout_s: float,
        budget: int,
    ) -> None:
        self._number, self._budget = number, budget
        self._numbers = {member_hash(Role.PARTY, party): place for party, place in names.items()}
        self._store, self._ledger, self._network, self._prover = store, ledger, network, prover
        self._layouts, self._timeout_s = layouts, timeout_s
        self._lock = threading.Lock()

    # --- on the ledger -------------------------------------------------------------------------------------------

    def propose(self, name: str, owners: Sequence[str], log_rows: int, epsilon: float) -> tuple[int, str]:
        """Propose a cohort or its next version; returns version and transaction.

        Raises:
            RequestInvalidError: an owner is none of the ledger's members, or there are more than can be proved.
            LedgerError: the ledger refused or does not answer.
        """
        if len(owners) > MAX_OWNERS:
            raise RequestInvalidError("owners", f"{len(owners)}, and a cohort of more than {MAX_OWNERS} has no proof")
        by_hash = {member.did_hash: member.address for member in self._ledger.registry.members()}
        addresses = []
        for owner in owners:
            address = by_hash.get(member_hash(Role.PARTY, owner))
            if address is None:
                raise RequestInvalidError("owners", f"{owner[:64]!r} is no party or owner among the ledger's members")
            addresses.append(address)
        receipt = self._ledger.cohorts.propose(name, log_rows, epsilon, addresses)
        return self._ledger.cohorts.latest(name), receipt.tx_hash

    def join(self, name: str, version: int, texts: Sequence[str], duplicates: Duplicates) -> tuple[int, str]:
        """Approve a proposed version and bind a list to it; returns number of identifiers and transaction.

        Args:
            name, version: of the cohort.
            texts: identifiers, secret.
            duplicates: whether a person named twice is refused or counts once.

        Raises:
            StateConflictError: the version is not under way, or this party is none of its owners.
            RefusedError: the party's budget of versions is used up.
            RowInvalidError: an identifier cannot be used.
            LedgerError: the ledger refused or does not answer.
        """
        with self._lock:
            record = self._under_way(name, version)
            mine = record.member(self._ledger.client.address)
            if mine is None or mine.joined:
                raise StateConflictError("this party is none of the cohort's owners, or has joined already")
            elements = identifier_column(texts, duplicates)
            if not 0 < len(elements) <= 1 << record.log_rows:
                raise RequestInvalidError("csv", f"{len(elements)} identifiers do not fit 2^{record.log_rows} rows")
            kept = CohortList(name, version, b"".join(elements), FR.encode_bytes(FR.random(1)))
            self._store.keep_list(kept, self._budget)
            (commitment,) = self._prover.commit_columns([_column(kept, 1 << record.log_rows)])
            receipt = self._ledger.cohorts.join(name, version, len(elements), commitment)
        _log.info("joined a cohort", cohort=record.label, count=len(elements), given=len(texts))
        return len(elements), receipt.tx_hash

    def abandon(self, name: str, version: int) -> str:
        """Give up a version that is under way and return the transaction; raises as `propose`."""
        return self._ledger.cohorts.abandon(name, version).tx_hash

    def progress(self, name: str, version: int) -> tuple[int, bool]:
        """The smallest number the next attempt can have here, and whether this party has its rows."""
        try:
            aligned = self._store.list_of(name, version).rows is not None
        except RecordUnknownError:
            aligned = False
        return self._store.last_attempt(name, version) + 1, aligned

    # --- alignment -----------------------------------------------------------------------------------------------

    def align(self, name: str, version: int, attempt: int) -> tuple[tuple[int, ...], str]:
        """Run this end's part; returns what all who took part saw and this owner's confirmation.

        An owner that has its rows already (its process ended before it confirmed) only registers and confirms.

        Raises:
            StateConflictError: not all owners have joined, the attempt's number was used, or this owner, outside the
                three, is none of the cohort's.
            RefusedError: the lists and the noise do not fit the rows agreed.
            ContributionRejectedError, MpcError: a party or owner deviated or is gone; the version can only go on if
                no owner has rows of this attempt.
            LedgerError: the ledger does not answer.
        """
        with self._lock:
            record = self._under_way(name, version)
            numbers = self._members(record)
            owner = self._number in numbers
            if not owner and self._number not in range(PARTIES):
                raise StateConflictError("this owner is none of the cohort's, and is no computing party")
            kept = self._store.list_of(name, version) if owner else None
            if kept is not None and kept.rows is not None:
                return (), self._finish(record, kept)
            self._store.begin_attempt(name, version, attempt)
            outcome = self._run(record, numbers, attempt, kept)
            _log.info("aligned", cohort=record.label, multiplicities=outcome.multiplicities)
            if kept is None or outcome.rows is None:
                return outcome.multiplicities, ""
            self._store.keep_rows(name, version, outcome.rows, outcome.salt, outcome.digest)
            return outcome.multiplicities, self._finish(record, self._store.list_of(name, version))

    def _run(self, record: CohortRecord, numbers: list[int], attempt: int, kept: CohortList | None) -> CohortOutcome:
        """This end's part of one attempt, in a session of the three and the cohort's owners."""
        session = session_id(record, attempt)
        peers = sorted({*range(PARTIES), *numbers} - {self._number})
        with self._network.channel(session, attempt, peers) as channel:
            if self._number in range(PARTIES):
                run = CohortSession(
                    record, numbers, channel, session, attempt, self._prover.commit_columns, self._timeout_s
                )
                if kept is None:
                    return run.run(None, None)
                return run.run(FR.decode_bytes(kept.identifiers), FR.decode_bytes(kept.blinder))
            if kept is None:
                raise StateConflictError("this owner has entered no list for the cohort")
            outside = OutsideCohortSession(record, numbers, channel, session, attempt, self._timeout_s)
            return outside.run(FR.decode_bytes(kept.identifiers), FR.decode_bytes(kept.blinder))

    def rows_of(self, label: str) -> CohortRows | None:
        """Where this party's persons stand in a cohort, by the name that schemas give it; None if it was not aligned.

        Raises:
            StateConflictError: its alignment was not confirmed by everybody.
            LedgerError: the ledger does not answer.
        """
        name, _, number = label.rpartition(".")
        if not name or not number.isascii() or not number.isdigit() or len(number) > 9:
            return None
        try:
            kept = self._store.list_of(name, int(number))
        except RecordUnknownError:
            if self._ledger.cohorts.latest(name) >= int(number) > 0:
                raise StateConflictError(f"this party has entered no list for cohort {label}") from None
            return None
        record = self._ledger.cohorts.cohort(name, int(number))
        if kept.rows is None or record.state is not CohortState.ACTIVE:
            raise StateConflictError(f"cohort {label} is not active: every owner has to confirm its alignment")
        return CohortRows(record.log_rows, dict(zip(kept.elements(), kept.rows.tolist(), strict=True)))

    def _finish(self, record: CohortRecord, kept: CohortList) -> str:
        """Register the layout and confirm, each unless it was done."""
        mine = record.member(self._ledger.client.address)
        if mine is not None and mine.confirmed:
            return ""
        layout = self._layouts.register(record, kept)
        return self._ledger.cohorts.confirm(record.name, record.version, kept.digest, layout).tx_hash

    def _under_way(self, name: str, version: int) -> CohortRecord:
        try:
            record = self._ledger.cohorts.cohort(name, version)
        except RecordInvalidError as error:
            raise RecordUnknownError(f"the ledger has no version {version} of a cohort {name[:64]!r}") from error
        if record.state is not CohortState.PROPOSED:
            raise StateConflictError(f"version {version} of cohort {name} is {record.state.name}")
        return record

    def _members(self, record: CohortRecord) -> list[int]:
        """The number that each member has."""
        numbers = []
        for member in record.members:
            number = self._numbers.get(self._ledger.registry.member(member.owner).did_hash)
            if number is None:
                raise StateConflictError("an owner of the cohort is none of the parties and owners configured here")
            if not member.joined:
                raise StateConflictError("not every owner of the cohort has joined")
            numbers.append(number)
        return numbers


def session_id(record: CohortRecord, attempt: int) -> bytes:
    """32 bytes, unique to (cohort, version, attempt)."""
    fields = struct.pack(">QQ", record.version, attempt)
    return hashlib.sha256(b"tallystick.cohort.session.v1" + record.cohort.to_bytes(16, "big") + fields).digest()


def _column(kept: CohortList, rows: int) -> RegisteredSecret:
    padded = FR.zeros(rows)
    padded[: len(kept)] = FR.decode_bytes(kept.identifiers)
    return RegisteredSecret(padded, FR.decode_bytes(kept.blinder))
