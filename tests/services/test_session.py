"""Three parties prove together: one proof, the plain sums, disclosure rules obeyed, nothing released when one stops."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

for folder in ("zk", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from joint_harness import check_success, lying, nothing_released, run_session  # noqa: E402
from samples import masked_sum_sample, random_sample, two_tables_sample  # noqa: E402

from mpc.errors import ChannelClosedError, DeadlineExceededError  # noqa: E402
from services.errors import DisclosureRefusedError  # noqa: E402
from services.party.session import STAGES, JointSession, SessionPlan, SessionResult, session_id  # noqa: E402
from zk.errors import ProtocolStateError  # noqa: E402

SPLIT = {1: 0, 2: 0, 3: 1, 4: 1}
OWNERS = {
    "two owners and a party without data": SPLIT,
    "owners the other way round": {1: 2, 2: 2, 3: 0, 4: 0},
    "three owners": {1: 1, 2: 1, 3: 2, 4: 0},
    "everything at one": {1: 2, 2: 2, 3: 2, 4: 2},
}


@pytest.mark.parametrize("owners", OWNERS.values(), ids=list(OWNERS))
def test_the_proved_sums_are_the_plain_ones(owners: Mapping[int, int]) -> None:
    sample = two_tables_sample(4)
    outcome = run_session(sample, owners)
    check_success(sample, outcome, 3)
    assert outcome.stages[:3] == [list(STAGES)] * 3


def test_one_table_only() -> None:
    sample = masked_sum_sample()
    outcome = run_session(sample, {1: 1, 2: 1, 3: 1})
    check_success(sample, outcome, 3)
    assert not any("input" in tag or "upload" in tag for tag in outcome.tags())


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 5), st.integers(1, 3), st.permutations(range(3)))
def test_random_relations_over_random_splits(seed: int, log_rows: int, datasets: int, parties: list[int]) -> None:
    sample = random_sample(Random(seed), log_rows, datasets)
    owners = {i: parties[column.dataset - 1] for i, column in enumerate(sample.relation.registered, start=1)}
    outcome = run_session(sample, owners, minimum=0)
    check_success(sample, outcome, 0)


def test_two_attempts_share_no_message() -> None:
    """Fresh seeds, masks and blinders each time (M4): only verdicts repeat."""
    sample = masked_sum_sample()
    runs = [run_session(sample, {1: 1, 2: 1, 3: 1}, attempt=attempt) for attempt in (1, 2)]
    first, second = ({payload for *_, payload in run.messages if len(payload) > 1} for run in runs)
    guard = {payload for payload in first & second}
    assert guard == set()


# --- disclosure ----------------------------------------------------------------------------------------------------


def test_m5_a_guard_below_the_minimum_is_refused_by_all_and_never_opened() -> None:
    sample = two_tables_sample(3)
    guard = sample.sums()[0]
    outcome = run_session(sample, SPLIT, minimum=guard + 1)
    assert [type(result) for result in outcome.results] == [DisclosureRefusedError] * 3
    assert len({str(result) for result in outcome.results}) == 1
    assert not any("guards/opened" in tag or tag.startswith("session/final") for tag in outcome.tags())
    assert str(guard) not in str(outcome.results[0])
    check_success(sample, run_session(sample, SPLIT, minimum=guard), guard)


# --- spending ------------------------------------------------------------------------------------------------------


def test_m4_the_spent_mark_comes_once_and_before_the_first_value() -> None:
    outcome = run_session(two_tables_sample(3), SPLIT)
    for party in range(3):
        sent = [tag for sender, _, tag, _ in outcome.messages if sender == party]
        (at,) = outcome.spent[party]
        assert "session/digest" in sent[:at]
        assert not {"session/values", "session/shifted"} & set(sent[:at])
        assert "session/values" in sent[at:]


def test_m4_nothing_is_evaluated_when_the_mark_cannot_be_made() -> None:
    class DiskFullError(OSError):
        pass

    class Unspendable(JointSession):
        def __init__(self, plan: Any, channel: Any, prover: Any, spend: Any, progress: Any, **options: Any) -> None:
            def fail() -> None:
                raise DiskFullError

            super().__init__(plan, channel, prover, fail, progress, **options)

    outcome = run_session(two_tables_sample(3), SPLIT, session=lambda p: Unspendable if p == 1 else JointSession)
    assert isinstance(outcome.results[1], DiskFullError)
    assert "session/values" not in outcome.tags(1)
    assert all(isinstance(outcome.results[party], ChannelClosedError) for party in (0, 2))
    assert "session/shifted" not in outcome.tags()


def test_m4_a_prover_serves_one_session() -> None:
    sample = masked_sum_sample()
    owners = {1: 1, 2: 1, 3: 1}
    first = run_session(sample, owners)
    again = run_session(sample, owners, wrap=lambda party, fresh: first.provers[party], attempt=2)
    assert all(isinstance(result, ProtocolStateError) for result in again.results)
    assert not any(tag.startswith("session/") for tag in again.tags())


# --- peers that stop -----------------------------------------------------------------------------------------------


def test_an_absent_peer_is_a_typed_error() -> None:
    outcome = run_session(two_tables_sample(3), SPLIT, absent=(2,), timeout_s=0.3)
    assert isinstance(outcome.results[0], DeadlineExceededError | ChannelClosedError)
    assert isinstance(outcome.results[1], DeadlineExceededError | ChannelClosedError)


@pytest.mark.parametrize("method", [
    "sum_parts", "commit_round1", "commit_quotient", "own_values", "remainder_part", "opening_part", "commit_sums",
])
def test_a_peer_that_stops_midway_is_a_typed_error(method: str) -> None:
    class StoppedError(Exception):
        pass

    def stop() -> None:
        raise StoppedError

    outcome = run_session(two_tables_sample(3), SPLIT, wrap=lying(2, method, lambda prover, *given: stop()))
    assert isinstance(outcome.results[2], StoppedError)
    for party in (0, 1):
        assert isinstance(outcome.results[party], ChannelClosedError)
    nothing_released(outcome, {0, 1})


# --- small things --------------------------------------------------------------------------------------------------


def test_session_ids_are_unique_to_query_and_attempt() -> None:
    ids = {session_id(query, attempt) for query in (b"\1" * 32, b"\2" * 32) for attempt in (0, 1, 2)}
    assert len(ids) == 6
    assert all(len(found) == 32 for found in ids)


def test_results_show_no_secret() -> None:
    sample = masked_sum_sample()
    outcome = run_session(sample, {1: 1, 2: 1, 3: 1})
    result = outcome.results[0]
    assert isinstance(result, SessionResult)
    assert "array" not in repr(result)
    assert str(sample.sums()[2]) not in repr(result)
    assert isinstance(result.values, np.ndarray)
    assert SessionPlan.__dataclass_params__.frozen  # type: ignore[attr-defined]
