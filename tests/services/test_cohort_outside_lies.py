"""One lying member of an alignment with owners outside the three: whichever message it changes, no honest owner ends up
with a wrong row that it takes for right."""

from __future__ import annotations

from typing import Any

import pytest
from cohort_scene import Bent, Scene, another, bending

from mpc.channel import Channel, FramedChannel
from mpc.errors import MpcError
from services.errors import ContributionRejectedError
from services.party.cohort_agreement import CohortOutcome
from zk.errors import NonCanonicalEncodingError

LISTS = [[11, 22, 33], [66, 22, 77, 11], [11, 99, 66]]
NUMBERS = (3, 1, 4)
LOG_ROWS = 8
OWN_INPUT = ("/input/", "/dummies/")


def changed(payload: bytes) -> bytes:
    """The first element plus one where elements travel; else another last byte."""
    if len(payload) % 32 == 0 and len(payload) != 32:
        try:
            return another(payload)
        except NonCanonicalEncodingError:
            pass  # group elements, or digests
    return payload[:-1] + bytes([payload[-1] ^ 1])


def messages_of(liar: int) -> list[str]:
    """Tags of the messages that a member sends in an honest run."""
    sent: list[str] = []

    def wire(party: int, channel: FramedChannel) -> Channel:
        def note(peer: int, tag: str, payload: bytes) -> bytes:
            sent.append(tag)
            return payload

        return Bent(channel, note) if party == liar else channel

    outcomes = Scene(LISTS, NUMBERS, LOG_ROWS).run(wire=wire)
    assert all(isinstance(found, CohortOutcome) for found in outcomes.values())
    return sent


def run_with_lie(liar: int, place: int) -> dict[int, Any]:
    numbers = iter(range(1 << 20))

    def bend(peer: int, tag: str, payload: bytes) -> bytes:
        return changed(payload) if next(numbers) == place else payload

    return Scene(LISTS, NUMBERS, LOG_ROWS).run(wire=bending(liar, bend))


def check_honest(outcomes: dict[int, Any], liar: int) -> bool:
    """Whoever has rows has right ones; returns whether every honest member was content."""
    honest = {number: found for number, found in outcomes.items() if number != liar}
    assert all(isinstance(found, CohortOutcome | MpcError | ContributionRejectedError) for found in honest.values())
    row_of: dict[int, int] = {}
    for number, identifiers in zip(NUMBERS, LISTS):
        found = honest.get(number)
        if not isinstance(found, CohortOutcome):
            continue
        assert len(found.rows) == len(identifiers)
        for identifier, row in zip(identifiers, found.rows.tolist()):
            assert row_of.setdefault(identifier, row) == row
    assert len(set(row_of.values())) == len(row_of)
    return all(isinstance(found, CohortOutcome) for found in honest.values())


def test_an_outside_owner_that_changes_a_message_is_refused_or_harms_itself() -> None:
    sent = messages_of(3)
    assert len(sent) == 15  # record and end to four, salt to two, seeds to three, a component to two
    unnoticed = []
    for place, tag in enumerate(sent):
        outcomes = run_with_lie(3, place)
        if check_honest(outcomes, 3):
            unnoticed.append(tag)
            assert outcomes[1].digest != outcomes[4].digest  # the ledger takes one of them
    assert unnoticed == ["cohort/salt"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("liar", [0, 1, 2])
def test_no_changed_message_of_a_party_makes_a_wrong_row(liar: int) -> None:
    sent = messages_of(liar)
    assert len(sent) > 50
    for place, tag in enumerate(sent):
        if check_honest(run_with_lie(liar, place), liar):
            assert any(part in tag for part in (*OWN_INPUT, "cohort/salt")), tag
