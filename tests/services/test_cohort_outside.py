"""Alignments with owners outside the three: any mixture of owners, and what happens when one of all these lies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cohort_scene import Bent, Given, Scene, another, bending

from mpc.channel import Channel, FramedChannel
from mpc.errors import (
    AlignmentAbortedError,
    ChannelError,
    DuplicateIdentifierError,
    MessageRejectedError,
    MpcError,
    ShareMismatchError,
)
from mpc.ideal_align import align_ideal, multiplicities_ideal
from mpc.shares import PARTIES
from services.errors import ContributionRejectedError
from services.party.cohort_agreement import CohortOutcome
from services.party.cohort_outside import OUTCOME
from zk.field import FR


def lists_of(owners: int) -> list[list[int]]:
    """Each has persons of its own, one of its neighbour's and one that all have."""
    return [[77, *range(100 * at, 100 * at + 3), 100 * (at + 1) % (100 * owners)] for at in range(owners)]


def require_ideal(lists: Sequence[Sequence[int]], rows: Sequence[Sequence[int]], n: int) -> None:
    """Same identifier, same row, and no other: as the functionality in the clear gives them."""
    row_of: dict[int, int] = {}
    for identifiers, places in zip(lists, rows, strict=True):
        for identifier, row in zip(identifiers, places, strict=True):
            assert row_of.setdefault(identifier, row) == row
    assert len(set(row_of.values())) == len(row_of) and all(0 <= row < n for row in row_of.values())


NUMBERS = [(3, 4), (0, 3), (4, 1, 3), (3, 5), (5, 0, 3, 2), (3, 4, 5, 6, 7), (2, 4, 0, 3, 1, 5), (0, 1)]


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
def test_any_mixture_of_owners_has_its_rows_and_one_salt(numbers: tuple[int, ...]) -> None:
    lists, log_rows = lists_of(len(numbers)), 6 if len(numbers) == 2 else 9
    outcomes = Scene(lists, numbers, log_rows=log_rows).run()
    assert all(isinstance(outcome, CohortOutcome) for outcome in outcomes.values()), outcomes
    require_ideal(lists, [outcomes[number].rows.tolist() for number in numbers], 1 << log_rows)
    require_ideal(lists, align_ideal(lists, 1 << log_rows), 1 << log_rows)  # the oracle passes, too
    owners = [outcomes[number] for number in numbers]
    assert len({owner.salt for owner in owners}) == 1 and len(owners[0].salt) == 32
    assert len({owner.digest for owner in owners}) == 1 and len(owners[0].digest) == 32
    others = [outcomes[party] for party in range(PARTIES) if party not in numbers]
    assert all(other.rows is None and other.salt == b"" == other.digest for other in others)
    (seen,) = {outcome.multiplicities for outcome in outcomes.values()}
    true = multiplicities_ideal(lists)
    assert len(seen) == len(numbers) and all(shown >= exact for shown, exact in zip(seen[1:], true[1:]))


def test_only_the_owners_own_rows_travel_and_to_nobody_else() -> None:
    """What reaches whom, by tag: no party tells another, or another owner, of an outside owner's rows."""
    sent: list[tuple[int, int, str, int]] = []

    def watch(party: int, channel: FramedChannel) -> Channel:
        def note(peer: int, tag: str, payload: bytes) -> bytes:
            sent.append((party, peer, tag, len(payload)))
            return payload

        return Bent(channel, note)

    lists, numbers = lists_of(3), (1, 3, 4)
    assert all(isinstance(found, CohortOutcome) for found in Scene(lists, numbers, log_rows=8).run(wire=watch).values())
    rows = [(sender, peer, size) for sender, peer, tag, size in sent if tag == "outside/open/rows"]
    assert sorted(rows) == sorted((p, o, s) for p in range(3) for o, n in ((3, 5), (4, 5)) for s in (32 * n, 32))
    from_owners = {(sender, peer, tag) for sender, peer, tag, _ in sent if sender in (3, 4)}
    deal = {(o, p, "outside/seeds") for o in (3, 4) for p in range(3)}
    entered = {(o, p, f"outside/Fr/input/list/{o - 2}") for o in (3, 4) for p in (0, 2)}
    common = {(o, p, tag) for o in (3, 4) for p in range(5) if p != o for tag in ("cohort/record", "cohort/end")}
    salts = {(sender, peer) for sender, peer, tag, _ in sent if tag == "cohort/salt"}
    assert from_owners == deal | entered | common | {(o, p, "cohort/salt") for o, p in salts if o in (3, 4)}
    assert salts == {(a, b) for a in numbers for b in numbers if a != b}  # parties that own nothing: none
    to_owners = {tag for _, peer, tag, _ in sent if peer in (3, 4)}
    assert to_owners == {"cohort/record", "cohort/salt", OUTCOME, "outside/open/rows", "cohort/end"}


@pytest.mark.parametrize("fault", ["an identifier", "the blinder", "the order"])
def test_another_list_than_on_the_ledger_names_the_owner(fault: str) -> None:
    def change(number: int, given: Given) -> Given:
        identifiers, blinder = given
        if number != 4 or identifiers is None or blinder is None:
            return given
        if fault == "an identifier":
            return np.concatenate([FR.from_integers([99]), identifiers[1:]]), blinder
        if fault == "the blinder":
            return identifiers, FR.add(blinder, FR.from_integers([1]))
        return np.ascontiguousarray(identifiers[::-1]), blinder

    outcomes = Scene(lists_of(3), (1, 3, 4), log_rows=8).run(change)
    for party in range(PARTIES):
        assert isinstance(outcomes[party], ContributionRejectedError)
        assert outcomes[party].suspects == (4,) and "ledger" in outcomes[party].check
    assert all(isinstance(outcomes[owner], ChannelError) for owner in (3, 4))


@pytest.mark.parametrize(
    ("what", "victim"),
    [*(("outside/seeds", victim) for victim in range(3)), ("outside/Fr/input", 0), ("outside/Fr/input", 2)],
)
def test_an_owner_that_deals_its_holders_different_components_is_refused(what: str, victim: int) -> None:
    opened: list[str] = []

    def lie(peer: int, tag: str, payload: bytes) -> bytes:
        changed = payload[:16] + bytes([payload[16] ^ 1]) + payload[17:]
        return changed if tag.startswith(what) and peer == victim else payload

    def wire(party: int, channel: FramedChannel) -> Channel:
        def note(peer: int, tag: str, payload: bytes) -> bytes:
            opened.append(tag)
            return payload

        return Bent(channel, lie if party == 3 else note)

    outcomes = Scene(lists_of(2), (3, 1)).run(wire=wire)
    holders = [outcomes[party] for party in range(PARTIES)]
    assert sum(isinstance(found, ShareMismatchError) for found in holders) >= 2
    assert all(isinstance(found, MpcError) for found in outcomes.values())
    assert opened and not any("/open/" in tag for tag in opened)


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("which", ["component", "digest"])
def test_a_wrong_share_of_a_row_is_noticed_by_the_owner(liar: int, which: str) -> None:
    def lie(peer: int, tag: str, payload: bytes) -> bytes:
        if peer != 3 or tag != "outside/open/rows" or (len(payload) == 32) != (which == "digest"):
            return payload
        return another(payload) if which == "component" else bytes(32)

    outcomes = Scene(lists_of(3), (3, 4, 0), log_rows=8).run(wire=bending(liar, lie))
    assert isinstance(outcomes.pop(3), ShareMismatchError)
    assert all(isinstance(found, ChannelError) for found in outcomes.values())  # nobody keeps rows


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("fault", ["multiplicities", "digest", "length", "other words", "silence"])
def test_an_outcome_told_otherwise_gives_the_owner_nothing(liar: int, fault: str) -> None:
    def lie(peer: int, tag: str, payload: bytes) -> bytes | None:
        if tag != OUTCOME or peer != 3:
            return payload
        if fault == "silence":
            return None
        changed = {"multiplicities": payload[:-1] + b"\x77", "digest": b"\x00" * 32 + payload[32:],
                   "length": payload[:-1], "other words": b"word" * 12}  # fmt: skip
        return changed[fault]

    found = Scene(lists_of(2), (3, 0)).run(wire=bending(liar, lie), timeout_s=2.0)[3]
    if fault in ("multiplicities", "digest", "other words"):
        assert isinstance(found, ContributionRejectedError) and found.suspects == (liar,)
    else:
        assert isinstance(found, MessageRejectedError)


@pytest.mark.parametrize("liar", [0, 2])
def test_a_party_that_tells_an_owner_nothing_leaves_it_no_longer_waiting_than_for_any_message(liar: int) -> None:
    def silent(peer: int, tag: str, payload: bytes) -> bytes | None:
        return None if peer == 3 and tag in (OUTCOME, "outside/open/rows", "cohort/end") else payload

    began = time.monotonic()
    outcomes = Scene(lists_of(2), (3, 0)).run(wire=bending(liar, silent), timeout_s=1.0)
    assert time.monotonic() - began < 6  # it would give the three ten seconds to align
    assert all(isinstance(found, ChannelError) for found in outcomes.values())


def test_parties_that_agree_on_a_false_outcome_are_found_by_the_digest() -> None:
    def lie(peer: int, tag: str, payload: bytes) -> bytes:
        return payload[:-1] + b"\x77" if tag == OUTCOME else payload

    outcomes = Scene(lists_of(2), (3, 0)).run(wire=lambda party, channel: Bent(channel, lie))
    assert isinstance(outcomes[3], ContributionRejectedError) and outcomes[3].suspects == (0, 1, 2)


@pytest.mark.parametrize("owner", [0, 1, 2])
def test_a_repeated_identifier_names_the_owner_wherever_it_is(owner: int) -> None:
    lists = lists_of(3)
    lists[owner][2] = lists[owner][0]
    outcomes = Scene(lists, (3, 1, 4), log_rows=8).run()
    for party in range(PARTIES):
        assert isinstance(outcomes[party], DuplicateIdentifierError) and outcomes[party].owner == owner
    assert all(isinstance(outcomes[number], ChannelError) for number in (3, 4))


@pytest.mark.parametrize("reader", [0, 3])
def test_members_that_read_different_records_stop(reader: int) -> None:
    def records(number: int, record: Any) -> Any:
        return replace(record, epsilon=10.0) if number == reader else record

    outcomes = Scene(lists_of(2), (3, 1)).run(records=records)
    assert not any(isinstance(found, CohortOutcome) for found in outcomes.values())
    told = [found for found in outcomes.values() if isinstance(found, ContributionRejectedError)]
    assert told and all("record" in found.check and reader in found.suspects for found in told)


def test_an_owner_that_goes_away_or_is_silent_stops_all() -> None:
    def silent(peer: int, tag: str, payload: bytes) -> bytes | None:
        return None if tag.startswith("outside/Fr/input") else payload

    outcomes = Scene(lists_of(2), (3, 1)).run(wire=bending(3, silent), timeout_s=1.0)
    assert all(isinstance(found, ChannelError) for found in outcomes.values())


@pytest.mark.parametrize("liar", [0, 3])
def test_nobody_keeps_rows_before_everybody_has_them(liar: int) -> None:
    """A member that is silent at the end, or has another outcome, leaves nobody with rows."""
    for said in (None, bytes(32)):
        outcomes = Scene(lists_of(2), (3, 1)).run(
            wire=bending(liar, lambda peer, tag, payload, said=said: said if tag == "cohort/end" else payload),
            timeout_s=1.0,
        )
        honest = [found for number, found in outcomes.items() if number != liar]
        assert all(isinstance(found, ChannelError | ContributionRejectedError) for found in honest)
        blamed = {found.suspects for found in honest if isinstance(found, ContributionRejectedError)}
        assert blamed == (set() if said is None else {(liar,)})


def test_rows_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parties that all lie alike, two of them at least: what is no row, or one row twice, is found all the same."""
    from services.party import cohort_session

    honest = cohort_session.open_to_outside
    for first in (1 << 6, None):

        def hand(ring: Any, channel: Any, owner: int, share: Any, label: str, first: int | None = first) -> None:
            engine_party = share.party
            values = [first if first is not None else 5, *([5] * (len(share) - 1))]
            zeros = ring.zeros(len(share))
            told = ring.from_integers(values)
            components = [told, zeros, zeros]
            lie = type(share)(engine_party, components[engine_party], components[(engine_party + 1) % 3])
            honest(ring, channel, owner, lie, label)

        monkeypatch.setattr(cohort_session, "open_to_outside", hand)
        found = Scene([[7, 8], [7]], (3, 0)).run()[3]
        assert isinstance(found, AlignmentAbortedError) and "rows" in str(found)
