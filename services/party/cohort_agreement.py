"""What all members of an alignment, computing or not, agree on: the ledger's record, the owners' salt, the outcome."""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ledger.cohorts import CohortRecord
from mpc.channel import Channel
from mpc.errors import MessageRejectedError
from services.errors import ContributionRejectedError

SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class CohortOutcome:
    """What a party has of an alignment.

    Args:
        multiplicities: public among those who took part.
        digest: what the owners confirm on the ledger, of record, multiplicities and salt; the same at all owners,
            empty at a party that is no owner.
        rows: this owner's rows; None at a party that is no owner. Secret.
        salt: of the layouts; empty at a party that is no owner. Secret.
    """

    multiplicities: tuple[int, ...]
    digest: bytes
    rows: NDArray[np.int64] | None = field(repr=False)
    salt: bytes = field(repr=False)


def record_digest(record: CohortRecord, numbers: Sequence[int]) -> bytes:
    """SHA-256 of everything that an alignment depends on.

    Args:
        record: of the ledger.
        numbers: the number that each member has.
    """
    parts = [b"tallystick.cohort.v2", record.label.encode(), str((record.log_rows, record.epsilon)).encode()]
    for member, number in zip(record.members, numbers, strict=True):
        parts.append(f"{number} {member.owner.lower()} {member.count} {member.commitment}".encode())
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def outcome_digest(about: bytes, session: bytes, multiplicities: Sequence[int]) -> bytes:
    """SHA-256 of what everybody who took part saw.

    Args:
        about: digest of the record.
        session: 32 bytes.
        multiplicities: how many persons are in 1, 2, .. lists.
    """
    return hashlib.sha256(b"tallystick.cohort.outcome.v2" + about + session + encode_counts(multiplicities)).digest()


def confirmed_digest(outcome: bytes, salt: bytes) -> bytes:
    """What owners put on the ledger: without their salt nobody can try multiplicities against it.

    Owners with different salts cannot all confirm: the ledger takes one digest.
    """
    return hashlib.sha256(b"tallystick.cohort.confirmed.v2" + outcome + salt).digest()


def encode_counts(multiplicities: Sequence[int]) -> bytes:
    """Eight big-endian bytes for each number."""
    return struct.pack(f">{len(multiplicities)}Q", *multiplicities)


def decode_counts(data: bytes) -> tuple[int, ...]:
    """The numbers of a whole number of eight-byte words."""
    return struct.unpack(f">{len(data) // 8}Q", data)


def compare_records(channel: Channel, about: bytes, timeout_s: float) -> None:
    """Compare the digest of the record with everybody in the session.

    Raises:
        ContributionRejectedError: somebody read another record, or knows the owners by other numbers.
        ChannelError: somebody is gone or silent.
    """
    for peer, other in channel.exchange("cohort/record", about, timeout_s).items():
        if other != about:
            raise ContributionRejectedError("comparing the cohort's record", (channel.party, peer))


def agree_salt(channel: Channel, owners: Collection[int], timeout_s: float) -> bytes:
    """Agree on a salt that the owners share and other parties do not know; each owner sends it to each.

    Args:
        channel: joins the owners.
        owners: numbers of all of them, this end among them.
        timeout_s: how long to wait for one message.

    Raises:
        ChannelError: an owner is gone or silent, or sent something else.
    """
    own, peers = secrets.token_bytes(SALT_BYTES), [number for number in owners if number != channel.party]
    for peer in peers:
        channel.send(peer, "cohort/salt", own)
    parts = {channel.party: own}
    for peer in peers:
        parts[peer] = channel.receive(peer, "cohort/salt", timeout_s)
        if len(parts[peer]) != SALT_BYTES:
            raise MessageRejectedError("length", f"party {peer}: a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(b"tallystick.salt.v1" + b"".join(parts[number] for number in sorted(parts))).digest()


def conclude(channel: Channel, outcome: bytes, timeout_s: float) -> None:
    """Wait until everybody in the session has what it is due, so that after a failure nobody has kept rows.

    Args:
        channel: joins all who take part.
        outcome: digest of the outcome.
        timeout_s: how long to wait for one message.

    Raises:
        ContributionRejectedError: somebody ended with another outcome.
        ChannelError: somebody gave up, or is silent.
    """
    for peer, other in channel.exchange("cohort/end", outcome, timeout_s).items():
        if other != outcome:
            raise ContributionRejectedError("ending the alignment", (peer,))
