"""One alignment as an owner outside the three runs it: it enters its list as shares and is sent shares of its rows.

    the ledger's record compared with everybody → salt agreed with the other owners → seeds and list dealt to the three
    → they align → record, multiplicities and their digest, alike from all three → rows, each component from two
    → everybody has said that it has what it is due

It computes nothing on shares, holds nothing of anybody else's list, and gives up with a typed error when they do.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from ledger.cohorts import CohortRecord
from mpc.align import row_numbers
from mpc.channel import Channel
from mpc.errors import DeadlineExceededError, MessageRejectedError
from mpc.outside import OutsideOwner
from mpc.outside_opening import receive_opening
from mpc.shares import PARTIES
from services.errors import ContributionRejectedError
from services.party.cohort_agreement import (
    CohortOutcome,
    agree_salt,
    compare_records,
    conclude,
    confirmed_digest,
    decode_counts,
    outcome_digest,
    record_digest,
)
from zk.errors import NonCanonicalEncodingError
from zk.field import FR, Words

ALIGNMENT_S: Final = 600.0
"""How long the three may compute: as long as an operator's call waits."""
OUTCOME: Final = "cohort/outcome"
ROWS: Final = "rows"
_POLL_S: Final = 0.25
_DIGEST_BYTES: Final = 32


class OutsideCohortSession:
    """An outside owner's run of one alignment. Used once.

    Args:
        record: of the ledger; all owners have joined.
        numbers: the number that each member has, this end's among them.
        channel: authenticated channel among the three parties and the cohort's owners for this session and attempt.
        session, attempt: public.
        timeout_s: how long to wait for one message.
        alignment_s: how long to wait for the parties to align.
    """

    def __init__(
        self,
        record: CohortRecord,
        numbers: Sequence[int],
        channel: Channel,
        session: bytes,
        attempt: int,
        timeout_s: float,
        alignment_s: float = ALIGNMENT_S,
    ) -> None:
        self._record, self._numbers, self._channel = record, tuple(numbers), channel
        self._session, self._attempt = session, attempt
        self._timeout_s, self._alignment_s = timeout_s, alignment_s

    def run(self, identifiers: Words, blinder: Words) -> CohortOutcome:
        """Run every step in order.

        Args:
            identifiers: this owner's list, (n, 4), secret.
            blinder: of its commitment, (1, 4), secret.

        Raises:
            ContributionRejectedError: the members read different records, or the parties tell different outcomes.
            ShareMismatchError: a party sent a wrong share of a row.
            AlignmentAbortedError: the rows are no distinct rows of the cohort.
            MpcError: a party or owner is gone or silent; a party that gave up goes away.
        """
        about = record_digest(self._record, self._numbers)
        compare_records(self._channel, about, self._timeout_s)
        salt = agree_salt(self._channel, self._numbers, self._timeout_s)
        owner = OutsideOwner(FR, self._channel, self._session, self._attempt)
        owner.deal()
        place = self._numbers.index(self._channel.party)
        owner.share(np.concatenate([identifiers, blinder]), f"list/{place}")
        multiplicities, outcome = self._outcome(about)
        opened = receive_opening(
            FR, self._channel, len(identifiers), ROWS, timeout_s=self._timeout_s,
            decode_errors=(NonCanonicalEncodingError,),
        )  # fmt: skip
        rows = row_numbers(FR.to_integers(opened), 1 << self._record.log_rows)
        conclude(self._channel, outcome, self._timeout_s)
        return CohortOutcome(multiplicities, confirmed_digest(outcome, salt), rows, salt)

    def _outcome(self, about: bytes) -> tuple[tuple[int, ...], bytes]:
        """Multiplicities and the outcome's digest, alike from all three and about my own record."""
        told = self._told()
        common = Counter(told.values()).most_common(1)[0][0]
        others = tuple(party for party in range(PARTIES) if told[party] != common)
        if others:
            raise ContributionRejectedError("comparing the outcome", others)
        multiplicities = decode_counts(common[_DIGEST_BYTES:])
        if common[:_DIGEST_BYTES] != outcome_digest(about, self._session, multiplicities):
            raise ContributionRejectedError("comparing the outcome")
        return multiplicities, common[:_DIGEST_BYTES]

    def _told(self) -> dict[int, bytes]:
        """What each party says of the outcome: time to align, then as long as for any message after the first."""
        deadline, told = time.monotonic() + self._alignment_s, dict[int, bytes]()
        while len(told) < PARTIES:
            for party in [party for party in range(PARTIES) if party not in told]:
                try:
                    told[party] = self._channel.receive(party, OUTCOME, min(_POLL_S, self._timeout_s))
                except DeadlineExceededError:
                    if time.monotonic() > deadline:
                        raise DeadlineExceededError(f"party {party} tells no outcome of the alignment") from None
                    continue
                deadline = min(deadline, time.monotonic() + self._timeout_s)
                if len(told[party]) != _DIGEST_BYTES + 8 * len(self._record.members):
                    raise MessageRejectedError("length", f"party {party}: an outcome of {len(told[party])} bytes")
        return told
