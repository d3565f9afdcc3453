"""M4: no blinder answers two challenges. Three evaluations under the same randomness give a row away; the real prover
draws afresh each time, and none of its steps works twice (tests/zk/test_prover.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from samples import R, Sample, masked_sum_sample

from zk.field import FR, Field, Words
from zk.statement import Rounds
from zk.transcript import Transcript

ROWS, TARGET = 8, 5


def lagrange(omega: int, row: int, x: int) -> int:
    point = pow(omega, row, R)
    return (pow(x, ROWS, R) - 1) * point % R * pow(ROWS * (x - point), -1, R) % R


def recovered(target: Sample, attempts: list[tuple[int, int]]) -> int:
    """Solve three values of the copy of m for m's row, knowing all its other rows: row, and the two blinders.

    Args:
        attempts: (ζ, value of the copy at ζ).
    """
    omega, rows = Rounds(target.statement).omega, target.columns[1]
    matrix = []
    for zeta, value in attempts:
        known = sum(rows[i] * lagrange(omega, i, zeta) for i in range(ROWS) if i != TARGET)
        vanishing = pow(zeta, ROWS, R) - 1
        matrix.append([lagrange(omega, TARGET, zeta), vanishing, vanishing * zeta % R, (value - known) % R])
    for i in range(3):
        inverse = pow(matrix[i][i], -1, R)
        matrix[i] = [a * inverse % R for a in matrix[i]]
        for j in range(3):
            if j != i:
                factor = matrix[j][i]
                matrix[j] = [(a - factor * b) % R for a, b in zip(matrix[j], matrix[i])]
    return matrix[0][3]


def attempts(
    target: Sample, monkeypatch: pytest.MonkeyPatch, random: Callable[[Field, int], Words]
) -> list[tuple[int, int]]:
    """Three proofs resumed with other challenges."""
    found = []
    real = Transcript.challenge
    for number in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(Field, "random", random)
            patch.setattr(Transcript, "challenge", lambda t, label, counter=0, n=number: real(t, label, counter + n))
            zetas: list[int] = []
            quotient = Rounds.quotient

            def noted(rounds: Rounds, point: tuple[int, int], q: object = quotient, z: list[int] = zetas) -> None:
                q(rounds, point)  # type: ignore[operator]
                z.append(rounds.zeta)

            patch.setattr(Rounds, "quotient", noted)
            proof = target.prove()
        found.append((zetas[0], proof.values[0]))
    return found


def test_m4_reused_randomness_gives_a_row_away_and_fresh_randomness_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    target = masked_sum_sample()
    assert target.relation.copied_column(target.relation.opened[0]) == 1
    reused = attempts(target, monkeypatch, lambda field, n: FR.from_integers([12345 + i for i in range(n)]))
    assert recovered(target, reused) == target.columns[1][TARGET]
    fresh = attempts(target, monkeypatch, Field.random)
    assert recovered(target, fresh) not in (0, 1)
