"""One party's part in a joint computation over integers and bits: the engines it needs, one mode, labels that count.

All three parties make the same calls in the same order. Labels are numbered by a counter that therefore runs alike at
all of them, so that callers need not invent names; the engines' own labels stay usable beside it.
"""

from __future__ import annotations

from typing import Final, Literal

from mpc.channel import Channel
from mpc.checked_words import CheckedWords
from mpc.endpoint import Traffic
from mpc.errors import RingValueError
from mpc.replicated import Engine
from mpc.rings import BITS, Z2_64
from mpc.seeds import PairwiseSeeds

Security = Literal["semi-honest", "malicious"]
SEMI_HONEST: Final = "semi-honest"
MALICIOUS: Final = "malicious"
MAX_DEALT_WORDS: Final = 1 << 25
"""What party 0 may deal before it asks whether it was taken: well below what a mailbox holds."""


class Computation:
    """A session's engines over Z_2^64 and over bits, at one party. Not thread-safe.

    Args:
        channel: authenticated channel among parties 0, 1, 2, made for this session and attempt.
        seeds: this party's seeds, agreed in this session.
        session: 32 bytes, public.
        attempt: public.
        security: ``"semi-honest"`` or ``"malicious"``; the same at all parties. docs/mpc.md says what each promises.
        timeout_s: seconds to wait for each message.

    Raises:
        RingValueError: no such mode; session or attempt out of range.
        ProtocolStateError: channel and seeds belong to different parties.
    """

    def __init__(
        self,
        channel: Channel,
        seeds: PairwiseSeeds,
        session: bytes,
        attempt: int,
        *,
        security: Security = "semi-honest",
        timeout_s: float = 60.0,
    ) -> None:
        if security not in (SEMI_HONEST, MALICIOUS):
            raise RingValueError(f"security is {SEMI_HONEST!r} or {MALICIOUS!r}, got {security!r}")
        self.security = security
        self.party = channel.party
        kind = Engine if security == SEMI_HONEST else CheckedWords
        self.words = kind(Z2_64, channel, seeds, session, attempt, timeout_s=timeout_s)
        self.bits = kind(BITS, channel, seeds, session, attempt, timeout_s=timeout_s)
        for engine in (self.words, self.bits):
            if isinstance(engine, CheckedWords):
                engine.before_opening = self.verify
        self._labels = 0
        self._dealt_words = 0

    @property
    def trusting(self) -> bool:
        """Whether parties are taken to follow the protocol."""
        return self.security == SEMI_HONEST

    def verify(self) -> None:
        """In malicious mode, check every product since the last time, as every opening does first.

        Raises:
            ProductCheckError: somebody bent a product.
            ShareMismatchError, MessageRejectedError, ChannelError: as openings, coins and receptions raise them.
        """
        for engine in (self.words, self.bits):
            if isinstance(engine, CheckedWords):
                engine.verify()

    @property
    def pending_words(self) -> int:
        """How many words of products were not checked yet; 0 among parties that follow the protocol."""
        engines = (self.words, self.bits)
        return sum(engine.pending_words for engine in engines if isinstance(engine, CheckedWords))

    @property
    def traffic(self) -> Traffic:
        """What this party has sent so far over all engines."""
        engines = (self.words, self.bits)
        return Traffic(
            sum(engine.traffic.messages for engine in engines),
            sum(engine.traffic.payload_bytes for engine in engines),
            sum(engine.traffic.rounds for engine in engines),
        )

    def label(self, operation: str) -> str:
        """Return a label that no operation had before, the same at all parties."""
        self._labels += 1
        return f"{operation}/{self._labels}"

    def pace_dealer(self, words: int) -> None:
        """Count words that party 0 sent to party 2; beyond ``MAX_DEALT_WORDS`` party 0 waits until they were taken.

        A comparison among parties that follow the protocol tells party 0 nothing, so it could run ahead without end.

        Args:
            words: public, the same at all parties.

        Raises:
            ChannelError: party 2 is silent or gone.
        """
        self._dealt_words += words
        if self._dealt_words > MAX_DEALT_WORDS:
            self._dealt_words = 0
            self.bits.traffic.rounds += 1
            nothing = self.bits.ring.zeros(0) if self.party == 2 else None
            self.bits.transfer(2, 0, nothing, 0, self.label("taken"))
