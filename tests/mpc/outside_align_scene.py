"""Alignments with owners outside the three, over one loopback: what each ends up with, and what reached whom."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from align_scene import group_of
from known_inputs import fixed_seeds

from mpc.align import AlignmentPlan, align, row_numbers
from mpc.channel import Channel, FramedChannel, LoopbackNetwork, SelectedChannel
from mpc.outside import OutsideInputs, OutsideOwner
from mpc.outside_opening import open_to_outside, receive_opening
from mpc.replicated import Engine
from mpc.rings import Ring
from zk.errors import NonCanonicalEncodingError

DECODE = (NonCanonicalEncodingError,)


@dataclass
class View:
    """What reached one member: sender, tag and payload of every message, in the order in which it took them."""

    messages: list[tuple[int, str, bytes]] = field(default_factory=list)

    def shape(self) -> list[tuple[int, str, int]]:
        """Sender, tag and length of every message, sender by sender."""
        return sorted((sender, tag, len(payload)) for sender, tag, payload in self.messages)


class _Noting:
    """A channel that notes in a view what is received."""

    def __init__(self, channel: FramedChannel, view: View) -> None:
        self._channel, self._view = channel, view

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def receive(self, peer: int, tag: str, timeout_s: float) -> bytes:
        payload = self._channel.receive(peer, tag, timeout_s)
        self._view.messages.append((peer, tag, payload))
        return payload

    def receive_parts(self, peer: int, tag: str, timeout_s: float) -> list[bytes]:
        return [self.receive(peer, tag, timeout_s)]


@dataclass
class Run:
    """Outcome of every member by its number: `Alignment` of a party, rows of an outside owner; and their views."""

    outcomes: dict[int, Any]
    views: dict[int, View]

    def rows(self, number: int) -> list[int]:
        """An owner's rows."""
        found = self.outcomes[number]
        return (found.own if number < 3 else found).tolist()


def run_alignment(ring: Ring, lists: Sequence[Sequence[int]], numbers: Sequence[int], plan: AlignmentPlan) -> Run:
    """Align the lists of owners with these numbers; the first error is raised.

    Args: plan: its receivers are None for numbers from 3 on.
    """
    session, members = secrets.token_bytes(32), sorted({0, 1, 2, *numbers})
    network = LoopbackNetwork(max(members) + 1, session)
    views = {number: View() for number in members}

    def party(number: int, channel: Channel) -> Any:
        seeds = fixed_seeds(number, session.hex())
        engine = Engine(
            ring, SelectedChannel(channel, range(3)), seeds, session, 0, timeout_s=20.0, decode_errors=DECODE
        )
        ends = {
            owner: OutsideInputs(engine, channel, owner, session, 0, timeout_s=20.0, decode_errors=DECODE)
            for owner in numbers
            if owner > 2
        }
        for end in ends.values():
            end.receive_seeds()
        shares = []
        for place, (identifiers, owner) in enumerate(zip(lists, numbers)):
            if owner in ends:
                shares.append(ends[owner].share(len(identifiers), f"list/{place}"))
            else:
                own = ring.from_integers(list(identifiers)) if owner == number else None
                shares.append(engine.share_input(owner, own, f"list/{place}", len(identifiers)))
        for end in ends.values():
            end.confirm("lists")
        aligned = align(engine, group_of(ring), plan, shares)
        for place, share in aligned.shares.items():
            open_to_outside(ring, channel, numbers[place], share, "rows")
        return aligned

    def owner(number: int, channel: Channel) -> Any:
        end, place = OutsideOwner(ring, channel, session, 0), list(numbers).index(number)
        end.deal()
        end.share(ring.from_integers(list(lists[place])), f"list/{place}")
        opened = receive_opening(ring, channel, len(lists[place]), "rows", timeout_s=20.0, decode_errors=DECODE)
        return row_numbers(ring.to_integers(opened), plan.rows)

    def member(number: int) -> Any:
        channel: Any = _Noting(network.channels[number], views[number])
        try:
            return party(number, channel) if number < 3 else owner(number, channel)
        except BaseException:
            network.close()
            raise

    with ThreadPoolExecutor(len(members)) as pool:
        futures = {number: pool.submit(member, number) for number in members}
    return Run({number: future.result() for number, future in futures.items()}, views)
