"""A joint session beside earlier answers: gaps are tested on proved counts, open or shared, and histories compared."""

from __future__ import annotations

import pytest
from joint_harness import Outcome, check_success, nothing_released, run_session
from joint_samples import owners as registered_owners
from samples import two_tables_sample

from mpc.errors import MpcError, ShareMismatchError
from mpc.shares import ReplicatedShare, share
from query.audit.differencing import Gap, GuardRow
from services.errors import ContributionRejectedError, DisclosureRefusedError, HistoryIncompleteError
from services.party.gap_tests import EarlierGuards, GapTests, forbidden_numbers
from services.party.session import JointSession
from zk.field import FR

EARLIER = b"\7" * 32
MINIMUM = 3


@pytest.fixture
def scene():
    sample = two_tables_sample()
    guard = sample.relation.guards[0]
    return sample, registered_owners(sample), guard, sample.sums()[guard]


def gap_tests(sample, guard, opened=None, shared=None, sign=-1, **changes):
    old = GuardRow(EARLIER, 0)
    gap = Gap(((1, GuardRow(sample.statement.subject, guard)), (sign, old)), 1, **changes)
    earlier = EarlierGuards({} if opened is None else {old: opened}, {} if shared is None else {old: shared})
    return GapTests(sample.statement.subject, (gap,), earlier)


def refused(outcome: Outcome, error: type[Exception], parties=(0, 1, 2)) -> None:
    for party in parties:
        assert isinstance(outcome.results[party], error), outcome.results
    nothing_released(outcome, set(parties))


@pytest.mark.parametrize("people", [0, MINIMUM, 100])
def test_a_gap_of_nobody_or_of_many_people_is_let_through(scene, people):
    sample, owners, guard, count = scene
    tests = gap_tests(sample, guard, opened=count - people)
    check_success(sample, run_session(sample, owners, minimum=MINIMUM, audit=lambda guards: tests), MINIMUM)


@pytest.mark.parametrize("people", [1, MINIMUM - 1, -1])
def test_a_gap_of_few_people_refuses_the_answer(scene, people):
    sample, owners, guard, count = scene
    tests = gap_tests(sample, guard, opened=count - people)
    refused(run_session(sample, owners, minimum=MINIMUM, audit=lambda guards: tests), DisclosureRefusedError)


def test_a_slide_of_nobody_refuses_the_answer(scene):
    sample, owners, guard, count = scene
    tests = gap_tests(sample, guard, opened=count, may_vanish=False)
    refused(run_session(sample, owners, minimum=MINIMUM, audit=lambda guards: tests), DisclosureRefusedError)


def shared_history(sample, owners, guard, earlier, tamper=lambda dealt: dealt) -> Outcome:
    """Every party audits with its own share of an earlier count."""
    dealt = tamper(share(FR, FR.from_integers([earlier])))

    def session(party):
        class Audited(JointSession):
            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **options)
                self._audit = lambda guards: gap_tests(sample, guard, shared=dealt[party])

        return Audited

    return run_session(sample, owners, minimum=MINIMUM, session=session)


@pytest.mark.parametrize(("people", "allowed"), [(0, True), (1, False), (MINIMUM, True)])
def test_a_count_that_was_never_opened_is_compared_as_a_share(scene, people, allowed):
    sample, owners, guard, count = scene
    outcome = shared_history(sample, owners, guard, count - people)
    if allowed:
        check_success(sample, outcome, MINIMUM)
    else:
        refused(outcome, DisclosureRefusedError)


def test_a_false_share_of_an_earlier_count_is_noticed(scene):
    sample, owners, guard, count = scene

    def lie(dealt):
        one = FR.from_integers([1])
        return [ReplicatedShare(0, FR.add(dealt[0].first, one), dealt[0].second), *dealt[1:]]

    outcome = shared_history(sample, owners, guard, count - 1, lie)
    assert isinstance(outcome.results[2], ShareMismatchError)
    assert all(isinstance(result, MpcError) for result in outcome.results)
    nothing_released(outcome, {1, 2})


def test_a_party_without_its_share_ends_the_attempt(scene):
    sample, owners, guard, _ = scene
    tests = gap_tests(sample, guard)
    refused(run_session(sample, owners, minimum=MINIMUM, audit=lambda guards: tests), HistoryIncompleteError)


def test_parties_with_different_histories_end_the_attempt(scene):
    sample, owners, guard, count = scene
    seen = []

    def audit(guards):
        seen.append(guards)
        return gap_tests(sample, guard, opened=count - 100 - len(seen))

    outcome = run_session(sample, owners, minimum=MINIMUM, audit=audit)
    refused(outcome, ContributionRejectedError)


def test_an_answer_proved_alone_is_compared_in_the_clear(scene):
    sample, _, guard, count = scene
    values = {guard: count}
    assert not gap_tests(sample, guard, opened=count).risk(values, MINIMUM)
    assert gap_tests(sample, guard, opened=count - 1).risk(values, MINIMUM)
    assert not gap_tests(sample, guard, opened=count - MINIMUM).risk(values, MINIMUM)
    with pytest.raises(HistoryIncompleteError, match="not open"):
        gap_tests(sample, guard).risk(values, MINIMUM)


def test_what_is_forbidden_follows_the_gap():
    assert sorted(forbidden_numbers(Gap((), 1), 3)) == [-2, -1, 1, 2]
    assert sorted(forbidden_numbers(Gap((), 2, may_vanish=False), 3)) == [-4, -2, 0, 2, 4]
    for value in range(-12, 12, 2):
        gap = Gap((), 2)
        assert (value in forbidden_numbers(gap, 3)) == gap.closed_by(value, 3)
