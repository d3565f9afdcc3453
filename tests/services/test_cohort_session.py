"""An alignment as the parties run it, in three threads: lists that are not those on the ledger name their owner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cohort_scene import Given, Scene

from ledger.cohorts import CohortState
from mpc.errors import DuplicateIdentifierError, MpcError
from services.errors import ContributionRejectedError, RefusedError
from services.party.cohort_agreement import CohortOutcome, record_digest
from services.party.cohort_session import alignment_plan
from zk.field import FR


def test_owners_get_their_rows_and_a_salt_nobody_else_has() -> None:
    outcomes = Scene().run()
    rows = {2: outcomes[2].rows.tolist(), 0: outcomes[0].rows.tolist()}
    assert (rows[2][1], rows[2][3]) == (rows[0][0], rows[0][2])
    assert len({*rows[2], *rows[0]}) == 6
    assert outcomes[1].rows is None and outcomes[1].salt == b""
    assert outcomes[2].salt == outcomes[0].salt and len(outcomes[0].salt) == 32
    assert outcomes[2].digest == outcomes[0].digest != b"" and outcomes[1].digest == b""
    assert len({outcome.multiplicities for outcome in outcomes.values()}) == 1
    assert repr(outcomes[2]).count("salt") == 0


@pytest.mark.parametrize("fault", ["an identifier", "the blinder", "the order"])
@pytest.mark.parametrize("liar", [2, 0])
def test_another_list_than_on_the_ledger_names_its_owner(fault: str, liar: int) -> None:
    def change(party: int, given: Given) -> Given:
        identifiers, blinder = given
        if party != liar or identifiers is None or blinder is None:
            return given
        if fault == "an identifier":
            return np.concatenate([FR.from_integers([99]), identifiers[1:]]), blinder
        if fault == "the blinder":
            return identifiers, FR.add(blinder, FR.from_integers([1]))
        return np.ascontiguousarray(identifiers[::-1]), blinder

    outcomes = Scene().run(change)
    assert any(isinstance(outcome, ContributionRejectedError) for outcome in outcomes.values())
    for outcome in outcomes.values():
        assert isinstance(outcome, ContributionRejectedError | MpcError)
        if isinstance(outcome, ContributionRejectedError):
            assert outcome.suspects == (liar,) and "ledger" in outcome.check


def test_parties_that_read_different_records_stop() -> None:
    outcomes = Scene().run(records=lambda party, record: replace(record, epsilon=10.0) if party == 1 else record)
    found = list(outcomes.values())
    assert any(isinstance(outcome, ContributionRejectedError) and "record" in outcome.check for outcome in found)
    assert not any(isinstance(outcome, CohortOutcome) for outcome in found)


def test_a_list_with_a_repetition_is_refused_by_all() -> None:
    outcomes = Scene([[1, 2, 1], [2, 3]]).run()
    assert any(isinstance(outcome, DuplicateIdentifierError) and outcome.owner == 0 for outcome in outcomes.values())
    assert not any(isinstance(outcome, CohortOutcome) for outcome in outcomes.values())


def test_everything_of_a_record_is_in_its_digest() -> None:
    scene = Scene()
    member = scene.record.members[0]
    others = [
        replace(scene.record, version=2), replace(scene.record, log_rows=7), replace(scene.record, epsilon=1.0),
        replace(scene.record, name="other"), replace(scene.record, members=scene.record.members[::-1]),
        replace(scene.record, members=(replace(member, count=6), scene.record.members[1])),
        replace(scene.record, members=(replace(member, commitment=(1, 2)), scene.record.members[1])),
    ]  # fmt: skip
    digest = record_digest(scene.record, (2, 0))
    changed = [record_digest(scene.record, (2, 3)), *(record_digest(other, (2, 0)) for other in others)]
    assert len({digest, *changed}) == 1 + len(changed)
    assert record_digest(replace(scene.record, state=CohortState.ACTIVE), (2, 0)) == digest


def test_rows_that_do_not_suffice_are_said_beforehand() -> None:
    scene = Scene()
    assert alignment_plan(scene.record, (2, 0)).rows == 64
    with pytest.raises(RefusedError, match="2\\^5") as caught:
        alignment_plan(replace(scene.record, log_rows=4), (2, 0))
    assert caught.value.rule == "COHORT_ROWS"
