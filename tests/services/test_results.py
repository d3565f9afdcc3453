"""An agency puts a grouped result together from the parties' parts: right, and refused where a part is not."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from joint_harness import Outcome, run_session
from joint_samples import owners, two_groups_sample
from samples import Sample

from services.client_errors import ResultRejectedError
from services.convert import encode_elements, released_rows
from services.party.client import ReleasedParts
from services.party.session import SessionResult
from services.results import combine_parts
from zk.curve import points_to_bytes
from zk.field import FR
from zk.statement import opened_rows

MINIMUM = 3


@pytest.fixture(scope="module")
def proved() -> tuple[Sample, Outcome]:
    sample = two_groups_sample()
    return sample, run_session(sample, owners(sample), minimum=MINIMUM)


def published(sample: Sample, proof: Any, **guards: int) -> Any:
    """What verification leaves of a query: data only."""
    opened = dict(zip(opened_rows(sample.relation, proof.release), proof.rows))
    record = SimpleNamespace(release=proof.release, sums=proof.sums)
    return SimpleNamespace(query=SimpleNamespace(relation=sample.relation), published=record,
                           guards=opened | {int(row[1:]): value for row, value in guards.items()})  # fmt: skip


def parts_of(outcome: Outcome) -> list[ReleasedParts]:
    found = []
    for result in outcome.results:
        assert isinstance(result, SessionResult)
        rows = released_rows(result.proof.release)
        found.append(ReleasedParts(rows, encode_elements(result.values), points_to_bytes(result.quotients)))
    return found


def test_released_cells_open_to_their_sums_and_suppressed_ones_are_not_there(proved: tuple[Sample, Outcome]) -> None:
    sample, outcome = proved
    sums, cells = sample.sums(), sample.relation.cells
    openings = combine_parts(sample.srs.tau_g2, published(sample, outcome.proof()), parts_of(outcome))
    assert {opening.row: opening.value for opening in openings} == {
        row: value for row, value in enumerate(sums) if sums[row % cells] >= MINIMUM
    }
    assert 0 < len(openings) < len(sums)


def test_parts_of_other_rows_or_of_other_values_are_refused(proved: tuple[Sample, Outcome]) -> None:
    sample, outcome = proved
    verified, parts = published(sample, outcome.proof()), parts_of(outcome)
    rows = parts[0].rows
    for wrong in (rows[:-1], (*rows, sample.relation.sum_rows), tuple(range(len(rows))), ()):
        if wrong != rows:
            with pytest.raises(ResultRejectedError, match="other rows"):
                combine_parts(sample.srs.tau_g2, verified, [dataclasses.replace(parts[0], rows=wrong), *parts[1:]])
    values = FR.decode_bytes(parts[1].values)
    values[-1:] = FR.add(values[-1:], FR.from_integers([1]))
    changed = dataclasses.replace(parts[1], values=FR.encode_bytes(values))
    swapped = dataclasses.replace(parts[1], points=parts[1].points[64:] + parts[1].points[:64])
    short = dataclasses.replace(parts[1], values=parts[1].values[32:])
    for lie in (changed, swapped):
        with pytest.raises(ResultRejectedError, match="not what the ledger's record seals"):
            combine_parts(sample.srs.tau_g2, verified, [parts[0], lie, parts[2]])
    with pytest.raises(Exception, match="expected") as refused:
        combine_parts(sample.srs.tau_g2, verified, [parts[0], short, parts[2]])
    assert "values" in str(refused.value)


def test_a_guard_that_the_ledger_does_not_show_is_refused(proved: tuple[Sample, Outcome]) -> None:
    sample, outcome = proved
    row = parts_of(outcome)[0].rows[0]
    verified = published(sample, outcome.proof(), **{f"r{row}": 10**6})
    with pytest.raises(ResultRejectedError, match="not the one opened"):
        combine_parts(sample.srs.tau_g2, verified, parts_of(outcome))
