"""[absorption], M7: each challenge must be drawn after everything it binds. Every test first weakens the transcript for
both sides and shows a forgery that then verifies, and then shows the same forgery refused by the real one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from forger import Forger, Polynomial, add, commit, divide_linear, evaluate, scale, solve_linear
from oracle import form_rows
from samples import R, Sample, masked_sum_sample, release_word

from zk.curve import GENERATOR, decode_points, encode_points
from zk.errors import ProofRejectedError
from zk.field import FR
from zk.msm import msm
from zk.proof import Proof, release_rows, replay
from zk.statement import Point, Rounds, Statement, flatten
from zk.transcript import Transcript
from zk.verifier import _coefficients, verify_proof

PUBLIC = release_word(0b111, 0b111)


class CancellingWitness(Forger):
    """u is wrong on two rows by amounts that cancel; the sums follow u, so Σ u·y is forged. A absorbs the violation,
    which takes its weight in the identity: `known_weight`."""

    def known_weight(self) -> int:
        raise AssertionError("a subclass knows it")

    def witness_rows(self, column: int) -> list[int]:
        rows = super().witness_rows(column)
        if self.relation.copied_column(column) is None:
            rows[0], rows[1] = (rows[0] + 999) % R, (rows[1] - 999) % R
        return rows

    def steps(self, total: Polynomial) -> list[int]:
        u = next(c for c in self.relation.witness_indices() if self.relation.copied_column(c) is None)
        violation = form_rows(self.relation.zero_forms[u - len(self.relation.registered) - 1], self.rows, self.n)
        weight = self.known_weight()
        return [(step - weight * v) % R for step, v in zip(super().steps(total), violation)]


class KnownUnitWeight(CancellingWitness):
    """δ's powers start at δ^0 for the form that defines u (M7)."""

    def known_weight(self) -> int:
        return 1


class KnownDelta(CancellingWitness):
    """δ was drawn before [A]."""

    def known_weight(self) -> int:
        rounds = Rounds(self.statement)
        rounds.round1(self.rounds_points())
        rounds.round2(())
        rounds.accumulator((1, 2))
        u = next(c for c in self.relation.witness_indices() if self.relation.copied_column(c) is None)
        return pow(rounds.delta, u - len(self.relation.registered), R)

    def rounds_points(self) -> list[Point]:
        return [*self.round1, commit(self.s)]


class SumsAfterAlpha(Forger):
    """[s] is not in α: S_0 + α·k and S_1 − k weigh the same."""

    def sum_rows(self) -> list[int]:
        sums = super().sum_rows()
        rounds = Rounds(self.statement)
        rounds.round1([*self.round1, (1, 2)])
        rounds.round2(())
        return [(sums[0] + rounds.alpha * 5) % R, (sums[1] - 5) % R, *sums[2:]]


class WrongSum(Forger):
    """Σ u is claimed to be more by one; the rest of the forgery is a subclass's."""

    def sum_rows(self) -> list[int]:
        sums = super().sum_rows()
        return [sums[0], (sums[1] + 1) % R, *sums[2:]]


class QuotientAfterZeta(WrongSum):
    """[t] is not in ζ: a constant t makes r(ζ) = 0."""

    def quotient(self, numerator: Polynomial) -> Polynomial:
        rounds = Rounds(self.statement)
        rounds.__dict__.update(self.rounds.__dict__)
        rounds._transcript = self.rounds._transcript.fork()
        rounds.quotient((1, 2))
        vanishing = pow(rounds.zeta, self.n, R) - 1
        return [evaluate(numerator, rounds.zeta) * pow(vanishing, -1, R) % R]


class ValuesAfterGamma(WrongSum):
    """The values are not in γ: a false one balances r(ζ) ≠ 0 in the batch."""

    def values(self) -> list[int]:
        values = super().values()
        fork = Rounds(self.statement)
        fork.__dict__.update(self.rounds.__dict__)
        fork._transcript = self.rounds._transcript.fork()
        fork.evaluations(values, self.shifted)
        self.rounds.gamma = fork.gamma

        def batch(first: int) -> int:
            (f1, zeta), *_ = self.pieces([first, *values[1:]], self.shown_rows())
            return evaluate(f1, zeta)

        return [solve_linear(batch), *values[1:]]


class WAfterZ(WrongSum):
    """[W] is not in z: a constant W makes F(z) = 0."""

    def opening(self, pieces: Sequence[tuple[Polynomial, int]]) -> Polynomial:
        fork = Rounds(self.statement)
        fork.__dict__.update(self.rounds.__dict__)
        fork._transcript = self.rounds._transcript.fork()
        fork.opening(self.release, self.shown_rows(), (1, 2))
        z = fork.z
        return [sum(evaluate(f, z) * pow(z - root, -1, R) for f, root in pieces) % R]


class RowsAfterZ(Forger):
    """The opened rows are not in z: two false ones balance each other in F(z). W is the honest one."""

    def open(self, values: Sequence[int]) -> tuple[list[tuple[Polynomial, int]], Polynomial, tuple[int, ...], Point]:
        true = super().shown_rows()
        w = add(*(divide_linear(f, root) for f, root in self.pieces(values, true)))
        self.opening = lambda pieces: w  # type: ignore[method-assign]
        honest = super().open(values)
        z = self.rounds.z

        def at_z(shown: list[int]) -> int:
            pieces = self.pieces(values, shown)
            return sum(evaluate(f, z) * pow(z - root, -1, R) for f, root in pieces) - evaluate(w, z)

        forged = solve_linear(lambda second: at_z([true[0], true[1] + 1, second]))
        self.false_rows = [true[0], (true[1] + 1) % R, forged]
        self.shown_rows = lambda: self.false_rows  # type: ignore[method-assign]
        assert honest[2] != tuple(self.false_rows)
        return super().open(values)


def unit_first_exponent(patch: pytest.MonkeyPatch) -> None:
    def weighted_forms(self: Rounds) -> list[Any]:
        count = len(self.relation.sum_forms)
        found = real(self)
        inverse = pow(self.delta, -2, R)  # the second zero-form, which defines u, gets δ^0
        return found[:count] + [(weight * inverse % R, form) for weight, form in found[count:]]

    real = Rounds.weighted_forms
    patch.setattr(Rounds, "weighted_forms", weighted_forms)


def delta_before_accumulator(patch: pytest.MonkeyPatch) -> None:
    def accumulator(self: Rounds, point: Point) -> None:
        self.delta = self._transcript.challenge("delta")
        self._transcript.absorb("accumulator", point)

    patch.setattr(Rounds, "accumulator", accumulator)


def alpha_without_sums(patch: pytest.MonkeyPatch) -> None:
    def round2(self: Rounds, points: Sequence[Point]) -> None:
        self._transcript.absorb("round2", flatten(points))
        self.alpha = self._transcript.challenge("alpha")
        self._transcript.absorb("late", self.late)  # type: ignore[attr-defined]

    def round1(self: Rounds, points: Sequence[Point]) -> None:
        self.late = points[-1]  # type: ignore[attr-defined]
        real(self, points[:-1])

    real = Rounds.round1
    patch.setattr(Rounds, "round1", round1)
    patch.setattr(Rounds, "round2", round2)


def zeta_before_quotient(patch: pytest.MonkeyPatch) -> None:
    def quotient(self: Rounds, point: Point) -> None:
        self.zeta = self._transcript.challenge("zeta")
        self._transcript.absorb("quotient", point)

    patch.setattr(Rounds, "quotient", quotient)


def gamma_before_values(patch: pytest.MonkeyPatch) -> None:
    def evaluations(self: Rounds, values: Sequence[int], shifted: int) -> None:
        self.gamma = self._transcript.challenge("gamma")
        self._transcript.absorb("evaluations", [*values, shifted])

    patch.setattr(Rounds, "evaluations", evaluations)


def z_without_opening(patch: pytest.MonkeyPatch) -> None:
    def opening(self: Rounds, release: int, rows: Sequence[int], point: Point) -> None:
        fork = self._transcript.fork()
        fork.absorb("opening", [release, *rows])
        self.z = fork.challenge("z")

    patch.setattr(Rounds, "opening", opening)


def z_without_rows(patch: pytest.MonkeyPatch) -> None:
    def opening(self: Rounds, release: int, rows: Sequence[int], point: Point) -> None:
        fork = self._transcript.fork()
        fork.absorb("opening", [release, *point])
        self.z = fork.challenge("z")

    patch.setattr(Rounds, "opening", opening)


FORGERIES: dict[str, tuple[type[Forger], Callable[[pytest.MonkeyPatch], None]]] = {
    "m7 delta starts at exponent 0": (KnownUnitWeight, unit_first_exponent),
    "delta before the accumulator": (KnownDelta, delta_before_accumulator),
    "alpha before the sums": (SumsAfterAlpha, alpha_without_sums),
    "zeta before the quotient": (QuotientAfterZeta, zeta_before_quotient),
    "gamma before the values": (ValuesAfterGamma, gamma_before_values),
    "z before W": (WAfterZ, z_without_opening),
    "z before the opened rows": (RowsAfterZ, z_without_rows),
}


def accepted(target: Sample, forger: type[Forger]) -> bool:
    """Whether a forgery verifies; it claims other public sums than the true ones."""
    proof = forger(target, PUBLIC).prove()
    assert proof.rows != tuple(target.sums())
    try:
        verify_proof(target.srs.tau_g2, target.statement, proof)
    except ProofRejectedError as error:
        return error.reason != "pairing"
    return True


@pytest.mark.parametrize("name", list(FORGERIES))
def test_m7_absorption_a_forgery_that_a_weaker_transcript_accepts_is_refused(name: str) -> None:
    forger, weaken = FORGERIES[name]
    target = masked_sum_sample()
    with pytest.MonkeyPatch.context() as patch:
        weaken(patch)
        verify_proof(target.srs.tau_g2, target.statement, Forger(target, PUBLIC).prove())
        assert accepted(target, forger)
    assert not accepted(target, forger)


def without_statement(patch: pytest.MonkeyPatch) -> None:
    def transcript(self: Statement, constants: Sequence[int] = ()) -> Transcript:
        return Transcript(self.domain, self.subject, bytes(32), [*constants])

    patch.setattr(Statement, "transcript", transcript)


def with_a_commitment_chosen_last(target: Sample) -> tuple[Statement, Proof]:
    """A proof of a wrong sum, and the statement whose first commitment solves the verifier's equation for it: with
    [V] = [1] that is combined + w·([c'] − [c]) = [τ]. Nobody knows what it commits to."""
    proof = dataclasses.replace(WrongSum(target, PUBLIC).prove(), final=(1, 2))
    statement = target.statement
    rounds = replay(statement, proof)
    generator, coefficients = _coefficients(target.relation, proof, rounds, release_rows(target.relation, PUBLIC))
    named = [*proof.round1, *proof.round2, *proof.sealed, proof.accumulator, proof.quotient, proof.opening, proof.final]
    points = np.concatenate([encode_points([*statement.commitments, *named]), GENERATOR, target.srs.powers[1:2]])
    inverse = pow(coefficients[0], -1, R)
    scalars = [-value * inverse % R for value in (*coefficients, generator, -1)]
    scalars[0] = 0  # [c] − w/w·[c]
    (chosen,) = decode_points(msm(points, FR.from_integers(scalars)))
    assert chosen is not None
    return dataclasses.replace(statement, commitments=(chosen, *statement.commitments[1:])), proof


def test_m7_absorption_no_commitment_of_the_statement_is_chosen_after_the_challenges() -> None:
    """An owner chooses the commitments that its registration is about."""
    target = masked_sum_sample()
    with pytest.MonkeyPatch.context() as patch:
        without_statement(patch)
        statement, proof = with_a_commitment_chosen_last(target)
        assert proof.rows != tuple(target.sums())
        verify_proof(target.srs.tau_g2, statement, proof)
    statement, proof = with_a_commitment_chosen_last(target)
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_proof(target.srs.tau_g2, statement, proof)


class OtherResidue(Forger):
    """A true value, written as itself plus r."""

    def values(self) -> list[int]:
        values = super().values()
        return [values[0] + R, *values[1:]]


def test_a_proof_has_one_form() -> None:
    """A number that is not reduced is refused even if everything else was made for it."""
    target = masked_sum_sample()
    with pytest.raises(ProofRejectedError, match="canonical"):
        verify_proof(target.srs.tau_g2, target.statement, OtherResidue(target, PUBLIC).prove())


def test_the_forger_without_lies_is_accepted() -> None:
    target = masked_sum_sample()
    proof = Forger(target, PUBLIC).prove()
    assert proof.rows == tuple(target.sums())
    verify_proof(target.srs.tau_g2, target.statement, proof)


class FalseWitness(Forger):
    def witness_rows(self, column: int) -> list[int]:
        rows = super().witness_rows(column)
        return [(rows[0] + 1) % R, *rows[1:]] if column == self.relation.column_count else rows


class FalseCopy(Forger):
    def witness_rows(self, column: int) -> list[int]:
        rows = super().witness_rows(column)
        return [(rows[0] + 1) % R, *rows[1:]] if self.relation.copied_column(column) else rows


class ForgedAccumulator(WrongSum):
    def steps(self, total: Polynomial) -> list[int]:
        steps = super().steps(total)
        return [(steps[0] - sum(steps)) % R, *steps[1:]]


class ForgedLastSum(Forger):
    def sum_rows(self) -> list[int]:
        sums = super().sum_rows()
        return [*sums[:-1], (sums[-1] - 1) % R]


class TwoForgedSums(Forger):
    def sum_rows(self) -> list[int]:
        sums = super().sum_rows()
        return [sums[0], (sums[1] + 5) % R, (sums[2] - 5) % R]


class OtherRowShown(Forger):
    def shown_rows(self) -> list[int]:
        return [(super().shown_rows()[0] + 10) % R, *super().shown_rows()[1:]]


@pytest.mark.parametrize("forger", [
    FalseWitness, FalseCopy, WrongSum, ForgedAccumulator, ForgedLastSum, TwoForgedSums, OtherRowShown,
])
def test_false_statements_by_a_prover_that_drops_remainders_are_refused(forger: type[Forger]) -> None:
    target = masked_sum_sample()
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_proof(target.srs.tau_g2, target.statement, forger(target, PUBLIC).prove())


def test_scaling_a_forgery_changes_nothing() -> None:
    """The unforged identity has no free scale: a batch multiplied by a constant is not the batch."""

    class Scaled(Forger):
        def opening(self, pieces: Sequence[tuple[Polynomial, int]]) -> Polynomial:
            return scale(super().opening(pieces), 2)

    target = masked_sum_sample()
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_proof(target.srs.tau_g2, target.statement, Scaled(target).prove())
