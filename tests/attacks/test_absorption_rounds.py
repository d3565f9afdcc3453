"""[absorption] of the two rounds of columns: multiplicities and sealed sums before β, inverses before anything that
weighs them, plain sums before everything. As in test_absorption.py, every test first weakens the transcript for both
sides and shows a forgery that then verifies, and then the same forgery refused by the real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from forger import Forger, Polynomial, add, commit, divide_linear, evaluate, scale
from oracle import form_rows
from relations import (
    everything_sample,
    grouped_sample,
    opened_form_sample,
    plain_sample,
    ranged,
    ranged_sample,
    two_groups_sample,
)
from samples import R, Sample, release_word, sample

from zk.errors import ProofRejectedError
from zk.forms import Challenge
from zk.proof import Proof
from zk.statement import Point, Rounds, Statement, flatten
from zk.transcript import Transcript

Weaken = Callable[[pytest.MonkeyPatch], None]
G = (1, 2)


# --- what an attacker does -----------------------------------------------------------------------------------------


class CountsAfterBeta(Forger):
    """m is not in β: a multiplicity column that balances Σ h = Σ g for this β alone, whatever was looked up."""

    def multiplicity_rows(self) -> list[int]:
        rounds = Rounds(self.statement)
        rounds.round1([*self.round1, G, G])
        beta = rounds.challenges[Challenge.LOOKUP]
        values = [v for form in self.relation.lookups for v in form_rows(form, self.rows, self.n)]
        return [sum(pow(beta + v, -1, R) for v in values) * beta % R, *[0] * (self.n - 1)]


class SumsAfterBeta(Forger):
    """[s] is not in β_1: cells that weigh the same for this β_1 alone."""

    def sum_rows(self) -> list[int]:
        sums = super().sum_rows()
        rounds = Rounds(self.statement)
        rounds.round1([*self.round1, G])
        beta, (first, second, *_) = rounds.challenges[Challenge.FIRST_GROUP], self.relation.groups[0].codes
        step = self.relation.cells // len(self.relation.groups[0].codes)  # two cells that differ in the first code
        sums[0] = (sums[0] + 1000 * (beta + first)) % R
        sums[step] = (sums[step] - 1000 * (beta + second)) % R
        return sums


class PlainSumsAfterAlpha(Forger):
    """The sums of the statement are not in α: S_0 + 5·α and S_1 − 5 weigh the same."""

    def sum_rows(self) -> list[int]:
        sums = super().sum_rows()
        rounds = Rounds(self.statement, sums)
        rounds.round1(self.round1)
        rounds.round2(())
        return [(sums[0] + rounds.alpha * 5) % R, (sums[1] - 5) % R, *sums[2:]]


class ColumnAtTheEnd(Forger):
    """A commitment is in no challenge: a constant added to it when z is known makes F(z) = 0, whatever was claimed."""

    first_round, place = False, 0

    def sum_rows(self) -> list[int]:
        sums = super().sum_rows()
        return [(sums[0] + 1_000_000) % R, *sums[1:]]

    def prove(self) -> Proof:
        proof = super().prove()
        rounds, relation = self.rounds, self.relation
        columns = relation.round1_indices() if self.first_round else relation.round2_indices()
        column, z = columns[self.place], rounds.z
        pieces = self.pieces(list(proof.values), list(proof.rows))
        w = self.opening(pieces)
        scaled = [scale(f, (z - rounds.zeta) * pow(z - root, -1, R)) for f, root in pieces]
        total: Polynomial = add(*scaled, scale(w, rounds.zeta - z))
        weight = rounds.column_weights(dict(zip(relation.opened, proof.values))).get(column, 0)
        if column in relation.opened:
            weight += pow(rounds.gamma, relation.opened.index(column) + 1, R)
        shift = -evaluate(total, z) * pow(weight, -1, R) % R
        late = commit(add(self.poly[column], [shift]))
        final = scale(add(total, [weight * shift]), pow(rounds.vanishing(), -1, R))
        points = list(proof.round1 if self.first_round else proof.round2)
        points[self.place] = late
        changes = {"round1" if self.first_round else "round2": tuple(points)}
        fields = {name: getattr(proof, name) for name in proof.__slots__}
        return Proof(**{**fields, **changes, "final": commit(divide_linear(final, z))})


class TableSideAtTheEnd(ColumnAtTheEnd):
    place = 3


class CountsAtTheEnd(ColumnAtTheEnd):
    first_round, place = True, 2


# --- weaker transcripts --------------------------------------------------------------------------------------------


def late(count: int) -> Weaken:
    """The last commitments of round 1 are absorbed with round 2: after β, before α."""

    def weaken(patch: pytest.MonkeyPatch) -> None:
        def round1(self: Rounds, points: Sequence[Point]) -> None:
            self.late = points[-count:]  # type: ignore[attr-defined]
            first(self, points[:-count])

        def round2(self: Rounds, points: Sequence[Point]) -> None:
            second(self, [*self.late, *points])  # type: ignore[attr-defined]

        first, second = Rounds.round1, Rounds.round2
        patch.setattr(Rounds, "round1", round1)
        patch.setattr(Rounds, "round2", round2)

    return weaken


def statement_without_sums(patch: pytest.MonkeyPatch) -> None:
    def transcript(self: Statement, constants: Sequence[int] = ()) -> Transcript:
        return Transcript(self.domain, self.subject, self.hash)

    patch.setattr(Statement, "transcript", transcript)


def without_round2(patch: pytest.MonkeyPatch) -> None:
    def round2(self: Rounds, points: Sequence[Point]) -> None:
        self._transcript.absorb("round2", [])
        self.alpha = self._transcript.challenge("alpha")

    patch.setattr(Rounds, "round2", round2)


def without_point(round_number: int, place: int) -> Weaken:
    def weaken(patch: pytest.MonkeyPatch) -> None:
        name = f"round{round_number}"

        def absorb(self: Rounds, points: Sequence[Point]) -> None:
            real(self, [*points[:place], *points[place + 1 :]])

        real = getattr(Rounds, name)
        patch.setattr(Rounds, name, absorb)

    return weaken


def outside() -> Sample:
    """y of one row lies outside its range."""
    columns = {i: list(column) for i, column in ranged_sample().columns.items()}
    columns[3][3] = 2**40
    return sample(ranged(), columns)


FORGERIES: dict[str, tuple[Callable[[], Sample], type[Forger], Weaken]] = {
    "multiplicities after beta": (outside, CountsAfterBeta, late(2)),
    "sealed sums after beta of a group": (grouped_sample, SumsAfterBeta, late(1)),
    "sealed sums after beta of two groups": (two_groups_sample, SumsAfterBeta, late(1)),
    "plain sums after alpha": (plain_sample, PlainSumsAfterAlpha, statement_without_sums),
    "a lookup's inverse in no challenge": (ranged_sample, ColumnAtTheEnd, without_round2),
    "a closed inverse in no challenge": (opened_form_sample, ColumnAtTheEnd, without_point(2, 0)),
    "a group's inverse in no challenge": (grouped_sample, ColumnAtTheEnd, without_round2),
    "the table's side in no challenge": (ranged_sample, TableSideAtTheEnd, without_point(2, 3)),
    "multiplicities in no challenge": (ranged_sample, CountsAtTheEnd, without_point(1, 2)),
    "round 2 in no challenge": (everything_sample, ColumnAtTheEnd, without_round2),
}


def all_rows(target: Sample) -> int:
    rows = (1 << target.relation.sum_rows) - 1
    return 0 if target.relation.plain else release_word(rows, rows)


def accepted(target: Sample, forger: type[Forger]) -> bool:
    try:
        target.verify(forger(target, all_rows(target)).prove())
    except ProofRejectedError as error:
        return error.reason != "pairing"
    return True


@pytest.mark.parametrize("name", list(FORGERIES))
def test_m7_absorption_a_forgery_that_a_weaker_transcript_accepts_is_refused(name: str) -> None:
    make, forger, weaken = FORGERIES[name]
    target = make()
    with pytest.MonkeyPatch.context() as patch:
        weaken(patch)
        honest = ranged_sample() if make is outside else target
        assert accepted(honest, Forger)
        assert accepted(target, forger)
    assert not accepted(target, forger)


@pytest.mark.parametrize("name", [name for name in FORGERIES if "multiplicities after" not in name])
def test_the_forgeries_claim_other_sums(name: str) -> None:
    make, forger, _ = FORGERIES[name]
    target = make()
    proof = forger(target, all_rows(target)).prove()
    assert list(proof.constants or proof.rows) != target.sums()


def challenges(target: Sample, round1: Sequence[Point], round2: Sequence[Point]) -> tuple[dict[Challenge, int], int]:
    rounds = Rounds(target.statement)
    rounds.round1(round1)
    found = dict(rounds.challenges)
    rounds.round2(round2)
    return found, rounds.alpha


def test_every_commitment_of_a_round_is_in_the_challenges_that_follow() -> None:
    target = everything_sample()
    proof = target.prove()
    round1, round2 = [*proof.round1, *proof.sealed], list(proof.round2)
    betas, alpha = challenges(target, round1, round2)
    assert len(set(betas.values())) == 3  # 1, β, β_1
    for place in range(len(round1)):
        others, other_alpha = challenges(target, [*round1[:place], G, *round1[place + 1 :]], round2)
        assert all(betas[name] != others[name] for name in betas if name is not Challenge.NONE)
        assert alpha != other_alpha
    for place in range(len(round2)):
        others, other_alpha = challenges(target, round1, [*round2[:place], G, *round2[place + 1 :]])
        assert (others, other_alpha != alpha) == (betas, True)
    assert challenges(target, [*round1, round2[0]], round2[1:])[1] != alpha
    assert flatten(round2)
