"""M13: an upload binds: shares that are not those of the committed column name their owner before anything is opened,
and nobody else is made to look like the liar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from joint_harness import Outcome, lying, run_session
from relations import two_groups_sample
from samples import two_tables_sample

from mpc.errors import MpcError
from services.party.session import ContributionRejectedError
from zk.curve import GENERATOR, add_points, points_from_bytes, points_to_bytes
from zk.field import FR, Words
from zk.owners import column_owners
from zk.prover import Contributor

SPLIT = {1: 0, 2: 0, 3: 1, 4: 1}


class Uploading:
    """Shares something else than its committed columns."""

    def __init__(self, prover: Contributor, change: Callable[[Words], Words]) -> None:
        self._prover, self._change = prover, change

    def __getattr__(self, name: str) -> object:
        if name == "own_uploads":
            return lambda stage: {n: self._change(rows) for n, rows in self._prover.own_uploads(stage).items()}
        return getattr(self._prover, name)


def bumped(place: int) -> Callable[[Words], Words]:
    def change(polynomial: Words) -> Words:
        out = polynomial.copy()
        out[place : place + 1] = FR.add(out[place : place + 1], FR.from_integers([1]))
        return out

    return change


CHANGES: dict[str, Callable[[Words], Words]] = {
    "another constant": bumped(0), "another blinder": bumped(8), "a degree too high": bumped(10),
    "zeros": lambda p: FR.zeros(len(p)), "twice the column": lambda p: FR.add(p, p),
    "noise": lambda p: FR.random(len(p)),
}


def opened_nothing(outcome: Outcome, *honest: int) -> None:
    closed = ("session/values", "shifted", "remainder", "guards", "final")
    assert not any(mark in tag for tag in outcome.tags(*honest) for mark in closed)


@pytest.mark.parametrize("owner", [0, 1])
@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_m13_shares_of_something_else_name_their_owner(change: Callable[[Words], Words], owner: int) -> None:
    outcome = run_session(two_tables_sample(3), SPLIT, wrap=lambda p, c: Uploading(c, change) if p == owner else c)
    honest = {0, 1, 2} - {owner}
    for party in honest:
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert owner in error.suspects
    opened_nothing(outcome, *honest)


def spoil(liar: int, wanted: str, place: int) -> Callable[[int, int, str, bytes], bytes]:
    def tamper(sender: int, receiver: int, tag: str, payload: bytes) -> bytes:
        if sender != liar or tag != wanted:
            return payload
        points = points_from_bytes(payload)
        points[place : place + 1] = add_points(points[place : place + 1], GENERATOR)
        return points_to_bytes(points)

    return tamper


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_m13_an_honest_owner_is_not_accused_of_what_another_party_did(liar: int, place: int) -> None:
    """A witness commitment is the sum of everyone's contributions: anyone can spoil it, not only its owner."""
    outcome = run_session(two_tables_sample(3), SPLIT, tamper=spoil(liar, "session/round1", place))
    for party in {0, 1, 2} - {liar}:
        error = outcome.results[party]
        assert isinstance(error, Exception)
        if isinstance(error, ContributionRejectedError):
            assert liar in error.suspects
    assert not any("shifted" in tag for tag in outcome.tags(*({0, 1, 2} - {liar})))


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("place", [0, 1])
def test_m13_a_holder_who_publishes_another_commitment_is_contradicted(liar: int, place: int) -> None:
    sample = two_tables_sample(3)
    outcome = run_session(sample, SPLIT, tamper=spoil(liar, "session/uploads/round1", place))
    for party in {0, 1, 2} - {liar}:
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert liar in error.suspects
        assert error.suspects != (0, 1, 2)
    opened_nothing(outcome, *({0, 1, 2} - {liar}))


def raised(points: Words, place: int) -> Words:
    out = points.copy()
    out[place : place + 1] = add_points(out[place : place + 1], GENERATOR)
    return out


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("liar", [0, 1, 2])
def test_m13_a_holder_who_lies_about_one_column_too_is_named_with_its_other_holder(liar: int, place: int) -> None:
    """Whoever spoils the combination is asked for every column by itself."""

    def spoilt(prover: Contributor, method: str, *given: Any) -> Words:
        return raised(getattr(prover, method)(*given), place)

    class Spoiling:
        def __init__(self, prover: Contributor) -> None:
            self._prover = prover

        def __getattr__(self, name: str) -> Any:
            if name in ("commit_share_combination", "commit_shares"):
                return lambda *given: spoilt(self._prover, name, *given)
            return getattr(self._prover, name)

    outcome = run_session(two_tables_sample(3), SPLIT, wrap=lambda p, c: Spoiling(c) if p == liar else c)
    for party in {0, 1, 2} - {liar}:
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert "upload of column" in error.check
        assert set(error.suspects) == {liar, (liar + (1 if place else 2)) % 3}
    opened_nothing(outcome, *({0, 1, 2} - {liar}))


@pytest.mark.parametrize("verdict", ["another finding", "another coin"])
def test_m13_a_finding_that_only_the_liar_has_abandons_the_proof(verdict: str) -> None:
    """The others then commit column by column, find nothing, and open nothing."""

    def tamper(sender: int, receiver: int, name: str, payload: bytes) -> bytes:
        if sender == 2 and name == "session/uploads/round1/verdict":
            place = -1 if verdict == "another finding" else 0
            changed = bytearray(payload)
            changed[place] ^= 1
            return bytes(changed)
        return payload

    outcome = run_session(two_tables_sample(3), SPLIT, tamper=tamper)
    for party in (0, 1):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError | MpcError)
    opened_nothing(outcome, 0, 1)


def test_m13_a_spoilt_column_does_not_pass_in_the_combination_of_all() -> None:
    """Two columns bent so that their plain sum is right."""

    def bent(prover: Contributor, stage: int) -> dict[int, Words]:
        found = prover.own_uploads(stage)
        if len(found) > 1:
            first, second = sorted(found)[:2]
            found[first] = bumped(0)(found[first])
            found[second] = found[second].copy()
            found[second][:1] = FR.sub(found[second][:1], FR.from_integers([1]))
        return found

    outcome = run_session(two_tables_sample(3), SPLIT, wrap=lying(0, "own_uploads", bent))
    for party in (1, 2):
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert 0 in error.suspects
        assert "binding the shares of column" in error.check
    opened_nothing(outcome, 1, 2)


# --- two rounds: group inverses and products after β, cell columns, columns of several owners -----------------------

GROUPS = {1: 0, 2: 0, 3: 0, 4: 1, 5: 1}
EVERY = range(12)


class OneUpload(Uploading):
    """Shares something else in one upload only."""

    def __init__(self, prover: Contributor, number: int) -> None:
        super().__init__(prover, lambda rows: rows)
        self._number = number

    def __getattr__(self, name: str) -> object:
        if name == "own_uploads":
            return lambda stage: {
                n: bumped(2)(rows) if n == self._number else rows for n, rows in self._prover.own_uploads(stage).items()
            }
        return getattr(self._prover, name)


@pytest.mark.parametrize("number", EVERY)
def test_m13_every_upload_of_a_grouped_query_is_bound(number: int) -> None:
    """Columns of both rounds to their commitments, cells to the column they are cells of."""
    target = two_groups_sample()
    uploads = Contributor(
        target.statement, target.srs, 2, column_owners(target.relation, GROUPS), {}
    ).uploads
    assert len(uploads) == len(EVERY)
    owner = uploads[number].owner
    outcome = run_session(target, GROUPS, minimum=0, wrap=lambda p, c: OneUpload(c, number) if p == owner else c)
    honest = {0, 1, 2} - {owner}
    for party in honest:
        error = outcome.results[party]
        assert isinstance(error, ContributionRejectedError)
        assert owner in error.suspects
    opened_nothing(outcome, *honest)


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("tag", ["session/round2", "session/uploads/round2"])
def test_m13_a_spoilt_message_of_round_2_opens_nothing(liar: int, tag: str) -> None:
    outcome = run_session(two_groups_sample(), GROUPS, minimum=0, tamper=spoil(liar, tag, 1))
    assert tag in outcome.tags()
    for party in {0, 1, 2} - {liar}:
        error = outcome.results[party]
        assert isinstance(error, Exception)
        if isinstance(error, ContributionRejectedError):
            assert liar in error.suspects
    assert not any("shifted" in name for name in outcome.tags(*({0, 1, 2} - {liar})))


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_m13_a_false_part_of_a_mixed_column_opens_nothing(liar: int) -> None:
    """Nobody can be named: the column exists only as everybody's shares."""
    target = two_tables_sample(3)
    owners = {1: 0, 2: 1, 3: 2, 4: 2}

    class Mixing(Uploading):
        def __getattr__(self, name: str) -> object:
            if name == "mixed_part":
                return lambda column: bumped(1)(self._prover.mixed_part(column))
            return getattr(self._prover, name)

    honest = run_session(target, owners)
    assert honest.provers[0].mixed
    assert honest.proof().rows == (target.sums()[0],)
    outcome = run_session(target, owners, wrap=lambda p, c: Mixing(c, lambda x: x) if p == liar else c)
    for party in {0, 1, 2} - {liar}:
        assert isinstance(outcome.results[party], ContributionRejectedError)
    assert not any(mark in tag for tag in outcome.tags(0, 1, 2) for mark in ("shifted", "guards", "final"))


def test_m13_honest_uploads_of_two_rounds_pass() -> None:
    target = two_groups_sample()
    sums = target.sums()
    proof = run_session(target, GROUPS, minimum=0).proof()
    assert proof.rows == tuple(sums[:4])


def test_m13_honest_uploads_pass() -> None:
    sample = two_tables_sample(3)
    assert run_session(sample, SPLIT).proof().rows == (sample.sums()[0],)
