"""What a party says about a query, here and on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from proto.v1 import party_pb2
from services.errors import RequestInvalidError


class Verdict(StrEnum):
    """What a party said about a query."""

    APPROVED = "APPROVED"
    WAITING = "WAITING"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    REFUSED = "REFUSED"
    ABANDONED = "ABANDONED"


_ON_THE_WIRE: Final = {
    Verdict.APPROVED: party_pb2.VERDICT_APPROVED,
    Verdict.WAITING: party_pb2.VERDICT_WAITING,
    Verdict.ACKNOWLEDGED: party_pb2.VERDICT_ACKNOWLEDGED,
}


def consider_reply(verdict: Verdict) -> party_pb2.ConsiderReply:
    """The answer to a consideration that is no refusal."""
    return party_pb2.ConsiderReply(verdict=_ON_THE_WIRE[verdict])


def verdict_of(reply: party_pb2.ConsiderReply) -> Verdict:
    """The verdict in an answer.

    Raises:
        RequestInvalidError: one this release does not know.
    """
    for verdict, number in _ON_THE_WIRE.items():
        if number == reply.verdict:
            return verdict
    raise RequestInvalidError("verdict", f"unknown verdict {reply.verdict}")
