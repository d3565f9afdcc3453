"""An alignment as the parties run it, in three threads: lists that are not those on the ledger name their owner."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ledger.cohorts import CohortMember, CohortRecord, CohortState
from mpc.channel import LoopbackNetwork
from mpc.errors import DuplicateIdentifierError, MpcError
from services.errors import ContributionRejectedError, RefusedError
from services.party.cohort_session import CohortOutcome, CohortSession, alignment_plan, record_digest
from zk.field import FR, Words
from zk.prover import RegisteredSecret, commit_registered
from zk.srs import development_srs
from zk.statement import Point

LOG_ROWS = 6
SRS = development_srs(LOG_ROWS, b"cohort session")
LISTS = [[11, 22, 33, 44, 55], [22, 66, 44]]


def commit(columns: Sequence[RegisteredSecret]) -> list[Point]:
    return [commit_registered(SRS, column) for column in columns]


def column(identifiers: Sequence[int], blinder: Words) -> RegisteredSecret:
    rows = FR.zeros(1 << LOG_ROWS)
    rows[: len(identifiers)] = FR.from_integers(identifiers)
    return RegisteredSecret(rows, blinder)


class Scene:
    """Args: lists: by owner; numbers: the party that each owner is."""

    def __init__(self, lists: Sequence[Sequence[int]] = LISTS, numbers: Sequence[int] = (2, 0)) -> None:
        self.lists, self.numbers = lists, numbers
        self.blinders = [FR.random(1) for _ in lists]
        points = commit([column(found, blinder) for found, blinder in zip(lists, self.blinders)])
        members = tuple(
            CohortMember(f"0x{place:040x}", True, False, len(found), point, 0)
            for place, (found, point) in enumerate(zip(lists, points), start=1)
        )
        self.record = CohortRecord(7, "people", 1, CohortState.PROPOSED, LOG_ROWS, 20.0, members, bytes(32))

    def run(self, change: Any = lambda party, given: given, records: Any = lambda party, record: record) -> list[Any]:
        """Outcomes by party; `change` alters what an owner enters, `records` what a party read on the ledger."""
        session = secrets.token_bytes(32)
        network = LoopbackNetwork(3, session, 1)

        def party(number: int) -> CohortOutcome:
            given: tuple[Words | None, Words | None] = (None, None)
            if number in self.numbers:
                place = list(self.numbers).index(number)
                given = (FR.from_integers(self.lists[place]), self.blinders[place])
            run = CohortSession(
                records(number, self.record), self.numbers, network.channels[number], session, 1, commit, 10.0
            )
            try:
                return run.run(*change(number, given))
            except Exception:
                network.close()
                raise

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(party, number) for number in range(3)]
        return [future.exception() or future.result() for future in futures]


def test_owners_get_their_rows_and_a_salt_nobody_else_has() -> None:
    outcomes = Scene().run()
    rows = {2: outcomes[2].rows.tolist(), 0: outcomes[0].rows.tolist()}
    assert (rows[2][1], rows[2][3]) == (rows[0][0], rows[0][2])
    assert len({*rows[2], *rows[0]}) == 6
    assert outcomes[1].rows is None and outcomes[1].salt == b""
    assert outcomes[2].salt == outcomes[0].salt and len(outcomes[0].salt) == 32
    assert len({outcome.digest for outcome in outcomes}) == 1
    assert repr(outcomes[2]).count("salt") == 0


@pytest.mark.parametrize("fault", ["an identifier", "the blinder", "the order"])
@pytest.mark.parametrize("liar", [2, 0])
def test_another_list_than_on_the_ledger_names_its_owner(fault: str, liar: int) -> None:
    def change(party: int, given: tuple[Words | None, Words | None]) -> tuple[Words | None, Words | None]:
        identifiers, blinder = given
        if party != liar or identifiers is None or blinder is None:
            return given
        if fault == "an identifier":
            return np.concatenate([FR.from_integers([99]), identifiers[1:]]), blinder
        if fault == "the blinder":
            return identifiers, FR.add(blinder, FR.from_integers([1]))
        return np.ascontiguousarray(identifiers[::-1]), blinder

    outcomes = Scene().run(change)
    assert any(isinstance(outcome, ContributionRejectedError) for outcome in outcomes)
    for outcome in outcomes:
        assert isinstance(outcome, ContributionRejectedError | MpcError)
        if isinstance(outcome, ContributionRejectedError):
            assert outcome.suspects == (liar,) and "ledger" in outcome.check


def test_parties_that_read_different_records_stop() -> None:
    outcomes = Scene().run(records=lambda party, record: replace(record, epsilon=10.0) if party == 1 else record)
    assert any(isinstance(outcome, ContributionRejectedError) and "record" in outcome.check for outcome in outcomes)
    assert not any(isinstance(outcome, CohortOutcome) for outcome in outcomes)


def test_a_list_with_a_repetition_is_refused_by_all() -> None:
    outcomes = Scene([[1, 2, 1], [2, 3]]).run()
    assert any(isinstance(outcome, DuplicateIdentifierError) and outcome.owner == 0 for outcome in outcomes)
    assert not any(isinstance(outcome, CohortOutcome) for outcome in outcomes)


def test_everything_of_a_record_is_in_its_digest() -> None:
    scene = Scene()
    member = scene.record.members[0]
    others = [
        replace(scene.record, version=2), replace(scene.record, log_rows=7), replace(scene.record, epsilon=1.0),
        replace(scene.record, name="other"), replace(scene.record, members=scene.record.members[::-1]),
        replace(scene.record, members=(replace(member, count=6), scene.record.members[1])),
        replace(scene.record, members=(replace(member, commitment=(1, 2)), scene.record.members[1])),
    ]  # fmt: skip
    assert len({record_digest(record) for record in [scene.record, *others]}) == len(others) + 1
    assert record_digest(replace(scene.record, state=CohortState.ACTIVE)) == record_digest(scene.record)


def test_rows_that_do_not_suffice_are_said_beforehand() -> None:
    scene = Scene()
    assert alignment_plan(scene.record, (2, 0)).rows == 64
    with pytest.raises(RefusedError, match="2\\^5") as caught:
        alignment_plan(replace(scene.record, log_rows=4), (2, 0))
    assert caught.value.rule == "COHORT_ROWS"
