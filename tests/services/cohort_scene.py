"""An alignment as all who take part run it, each in a thread: the three parties, and owners with numbers from 3 on."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ledger.cohorts import CohortMember, CohortRecord, CohortState
from mpc.channel import Channel, FramedChannel, LoopbackNetwork, SelectedChannel
from services.party.cohort_agreement import CohortOutcome
from services.party.cohort_outside import OutsideCohortSession
from services.party.cohort_session import CohortSession
from zk.field import FR, Words
from zk.prover import RegisteredSecret, commit_registered
from zk.srs import development_srs
from zk.statement import Point

LOG_ROWS = 6
SRS = development_srs(9, b"cohort session")
LISTS = [[11, 22, 33, 44, 55], [22, 66, 44]]

Given = tuple[Words | None, Words | None]
Bend = Callable[[int, str, bytes], bytes | None]


def commit(columns: Sequence[RegisteredSecret]) -> list[Point]:
    return [commit_registered(SRS, column) for column in columns]


def column(identifiers: Sequence[int], blinder: Words, log_rows: int) -> RegisteredSecret:
    rows = FR.zeros(1 << log_rows)
    rows[: len(identifiers)] = FR.from_integers(identifiers)
    return RegisteredSecret(rows, blinder)


class Scene:
    """A proposed cohort that all owners have joined.

    Args:
        lists: by owner.
        numbers: of each owner, from 3 on of one outside the three.
        log_rows: room for all identifiers and noise.
    """

    def __init__(
        self, lists: Sequence[Sequence[int]] = LISTS, numbers: Sequence[int] = (2, 0), log_rows: int = LOG_ROWS
    ) -> None:
        self.lists, self.numbers = lists, numbers
        self.blinders = [FR.random(1) for _ in lists]
        points = commit([column(found, blinder, log_rows) for found, blinder in zip(lists, self.blinders)])
        members = tuple(
            CohortMember(f"0x{place:040x}", True, False, len(found), point, 0)
            for place, (found, point) in enumerate(zip(lists, points), start=1)
        )
        self.record = CohortRecord(7, "people", 1, CohortState.PROPOSED, log_rows, 20.0, members, bytes(32))

    def run(
        self,
        change: Callable[[int, Given], Given] = lambda party, given: given,
        records: Callable[[int, CohortRecord], CohortRecord] = lambda party, record: record,
        wire: Callable[[int, FramedChannel], Channel] = lambda party, channel: channel,
        timeout_s: float = 10.0,
    ) -> dict[int, Any]:
        """Outcome or error by number of who took part.

        Args:
            change: alters what an owner enters.
            records: what each read on the ledger.
            wire: alters a member's channel, or watches it.
        """
        session, members = secrets.token_bytes(32), sorted({0, 1, 2, *self.numbers})
        network = LoopbackNetwork(max(members) + 1, session, 1)

        def member(number: int) -> CohortOutcome:
            channel = network.channels[number]
            joined = SelectedChannel(wire(number, channel), members)
            given: Given = (None, None)
            if number in self.numbers:
                place = list(self.numbers).index(number)
                given = change(number, (FR.from_integers(self.lists[place]), self.blinders[place]))
            about = records(number, self.record)
            try:
                if number < 3:
                    run = CohortSession(about, self.numbers, joined, session, 1, commit, timeout_s)
                    return run.run(*given)
                identifiers, blinder = given
                assert identifiers is not None and blinder is not None
                outside = OutsideCohortSession(about, self.numbers, joined, session, 1, timeout_s, 10 * timeout_s)
                return outside.run(identifiers, blinder)
            except Exception:
                channel.close()
                for other in network.channels:  # as a transport tells everybody that one end is closed
                    if other is not channel:
                        other.mailbox.close(number)
                raise

        with ThreadPoolExecutor(len(members)) as pool:
            futures = {number: pool.submit(member, number) for number in members}
        return {number: future.exception() or future.result() for number, future in futures.items()}


class Bent:
    """A member's channel that changes what it sends; None swallows a message.

    Args: change: of peer, tag and payload.
    """

    def __init__(self, channel: FramedChannel, change: Bend) -> None:
        self._channel, self._change = channel, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def send(self, peer: int, tag: str, payload: bytes | memoryview) -> None:
        changed = self._change(peer, tag, bytes(payload))
        if changed is not None:
            self._channel.send(peer, tag, changed)


def bending(liar: int, change: Bend) -> Callable[[int, FramedChannel], Channel]:
    return lambda party, channel: Bent(channel, change) if party == liar else channel


def another(payload: bytes) -> bytes:
    """The first field element plus one."""
    return FR.encode_bytes(FR.add(FR.decode_bytes(payload[:32]), FR.from_integers([1]))) + payload[32:]
