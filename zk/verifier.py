"""Verifies proofs and row openings. Everything raises; nothing returns False. Public data, variable time.

`verify_proof` works from the relation's forms, independently of the word program the contract interprets.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from math import prod

import numpy as np

from zk.curve import GENERATOR, encode_points, neg_points
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, ProofRejectedError, SizeMismatchError
from zk.field import FR, Words
from zk.guards import shown_bit_rows
from zk.msm import msm
from zk.ntt import root_of_unity
from zk.pairing import G2, G2_GENERATOR, pairing_product_is_one
from zk.proof import Proof, denominators, release_rows, replay
from zk.relation import Relation
from zk.statement import RELEASED, Point, Rounds, Statement
from zk.transcript import FR_MODULUS


def decode_nonzero_points(points: Sequence[Point], reason: str) -> Words:
    """Return points in internal form; off-curve, non-canonical and infinite ones are refused.

    Raises:
        ProofRejectedError: with the given reason.
    """
    if any(point == (0, 0) for point in points):
        raise ProofRejectedError(f"{reason}: infinity")
    try:
        return encode_points(list(points))
    except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
        raise ProofRejectedError(f"{reason}: not a canonical point of the curve") from error


def verify_proof(tau_g2: G2, statement: Statement, proof: Proof) -> None:
    """Check that a proof shows its statement under the SRS with [τ]_2.

    The caller must have built the statement's domain from the id of the same SRS, its commitments from the directory,
    and have checked its range table, if it has one. Guards are not compared with any minimum here; see `verify_guards`.

    Args:
        tau_g2: [τ]_2 of a verified SRS.

    Raises:
        ProofRejectedError: with the failed check as reason.
    """
    relation = statement.relation
    rows = release_rows(relation, proof.release)
    shape = (len(proof.round1), len(proof.sealed), len(proof.round2), len(proof.values), len(proof.rows))
    sealed = 0 if relation.plain else 1
    if shape != (relation.round1_count, sealed, relation.round2_count, len(relation.opened), len(rows)):
        raise ProofRejectedError("shape")
    scalars = [*proof.constants, *proof.values, proof.shifted_value, *proof.rows]
    if not all(isinstance(x, int) and 0 <= x < FR_MODULUS for x in scalars):
        raise ProofRejectedError("scalar is not canonical")
    registered = decode_nonzero_points(statement.commitments, "commitment")
    tail = [proof.accumulator, proof.quotient, proof.opening, proof.final]
    tables = [] if statement.table is None else [statement.table]
    named = decode_nonzero_points([*proof.round1, *proof.round2, *tables, *proof.sealed, *tail], "point")
    rounds = replay(statement, proof)
    if denominators(statement, proof, rounds) == 0:
        raise ProofRejectedError("denominator")
    generator, coefficients = _coefficients(relation, proof, rounds, rows)
    points = np.concatenate([GENERATOR, registered, named])
    combined = msm(points, FR.from_integers([generator, *coefficients]))
    final = named[-1:]
    if not pairing_product_is_one(np.concatenate([combined, neg_points(final)]), [G2_GENERATOR, tau_g2]):
        raise ProofRejectedError("pairing")


def _coefficients(relation: Relation, proof: Proof, rounds: Rounds, rows: Sequence[int]) -> tuple[int, list[int]]:
    """Scalars of [F] + z·[V]: the generator's, then all columns in order, s unless plain, A, t, W, V
    (docs/protocol.md §3)."""
    r, z, zeta, gamma, omega = FR_MODULUS, rounds.z, rounds.zeta, rounds.gamma, rounds.omega
    scale = pow(rounds.vanishing(), -1, r)
    values = dict(zip(relation.opened, proof.values))
    columns = rounds.column_weights(values)
    weights = [columns.get(index, 0) * scale % r for index in range(relation.column_count + 1)]
    generator = weights[0] + scale * (proof.shifted_value + rounds.constant_share())
    power = 1
    for column, value in values.items():
        power = power * gamma % r
        weights[column] = (weights[column] + power * scale) % r
        generator -= power * scale * value
    gap = (z - zeta) * scale % r
    power = power * gamma % r
    shifted = power * gap * pow(z - omega * zeta, -1, r) % r
    generator -= shifted * proof.shifted_value
    sums = rounds.sums_weight() * scale % r
    for row, value in zip(rows, proof.rows):
        power = power * gamma % r
        weight = power * gap * pow(z - pow(omega, row, r), -1, r) % r
        sums += weight
        generator -= weight * value
    shown = shown_bit_rows(relation, proof.release)
    if shown:  # b − 1 vanishes on all of them at once
        below = prod(z - pow(omega, row, r) for row in shown)
        weight = power * gamma * gap * pow(below, -1, r) % r
        weights[relation.bits_index] = (weights[relation.bits_index] + weight) % r
        generator -= weight
    accumulator = (shifted - scale) % r
    sealed = [] if relation.plain else [sums % r]
    return generator % r, [*weights[1:], *sealed, accumulator, r - 1, -gap % r, z]


def verify_guards(statement: Statement, proof: Proof, minimum: int) -> None:
    """Check that the proof releases something and every guard of a released sum lies in [minimum, N]: where guards are
    opened, by their values; where they are hidden, by the minimum of the statement that the proof is verified against.

    Raises:
        ProofRejectedError: ``"nothing released"`` or ``"guard"``.
    """
    relation = statement.relation
    if relation.plain:
        shown = dict(enumerate(proof.constants))
        guards = {relation.guard_row(row) for row in shown}
    else:
        if not proof.release & RELEASED:
            raise ProofRejectedError("nothing released")
        shown = dict(zip(release_rows(relation, proof.release), proof.rows))
        guards = {relation.guard_row(row) for row in range(relation.sum_rows) if proof.release >> row & 1}
    if statement.minimum is not None:
        if statement.minimum < minimum:
            raise ProofRejectedError("guard")
        guards &= set(shown)
    if not all(minimum <= shown[row] <= relation.rows for row in guards):
        raise ProofRejectedError("guard")


def verify_row_openings(tau_g2: G2, log_rows: int, sums: Point, openings: Sequence[tuple[int, int, Point]]) -> None:
    """Check that released values are the rows of s sealed in the ledger's record: all in one pairing.

    e(Σ ρ_k([s] − S_k + ω_k·Q_k), [1]_2) = e(Σ ρ_k·Q_k, [τ]_2) with the checker's own random ρ.

    Args:
        sums: [s] of the record.
        openings: (row, value S_k, commitment Q_k of (s − S_k)/(X − ω^row)); Q_k may be infinity only if s is constant,
            which its blinder excludes, so infinity is refused.

    Raises:
        ProofRejectedError: an opening is malformed or false.
    """
    if not openings:
        raise ProofRejectedError("no row opened")
    if len({row for row, _, _ in openings}) != len(openings) or not all(
        0 <= row < 1 << log_rows for row, _, _ in openings
    ):
        raise ProofRejectedError("row number")
    if not all(0 <= value < FR_MODULUS for _, value, _ in openings):
        raise ProofRejectedError("scalar is not canonical")
    sealed = decode_nonzero_points([sums], "sums")
    quotients = decode_nonzero_points([point for _, _, point in openings], "row opening")
    omega = root_of_unity(log_rows)
    weights = [secrets.randbelow(FR_MODULUS - 1) + 1 for _ in openings]
    constant = -sum(w * value for w, (_, value, _) in zip(weights, openings)) % FR_MODULUS
    shifted = [w * pow(omega, row, FR_MODULUS) % FR_MODULUS for w, (row, _, _) in zip(weights, openings)]
    left = msm(np.concatenate([GENERATOR, sealed, quotients]), FR.from_integers([constant, sum(weights), *shifted]))
    right = neg_points(msm(quotients, FR.from_integers(weights)))
    if not pairing_product_is_one(np.concatenate([left, right]), [G2_GENERATOR, tau_g2]):
        raise ProofRejectedError("row opening")


def verify_values(
    tau_g2: G2, commitments: Words, values: Sequence[int], zeta: int, weight: int, quotient: Words
) -> None:
    """Check a batch opening Σ κ^i (o_i − v_i) at ζ among contributors, before anything else is opened (M3).

    Args:
        commitments: (m, 8) commitments of the opened columns.
        values: their claimed values at ζ.
        weight: κ, drawn after commitments and values are fixed.
        quotient: (1, 8) commitment of the quotient by X − ζ.

    Raises:
        ProofRejectedError: ``"opened values"``.
        SizeMismatchError: the lists differ in length.
    """
    if len(commitments) != len(values):
        raise SizeMismatchError("one value for each opened column")
    powers = [pow(weight, i + 1, FR_MODULUS) for i in range(len(values))]
    constant = -sum(p * v for p, v in zip(powers, values)) % FR_MODULUS
    points = np.concatenate([GENERATOR, quotient, commitments])
    left = msm(points, FR.from_integers([constant, zeta, *powers]))
    if not pairing_product_is_one(np.concatenate([left, neg_points(quotient)]), [G2_GENERATOR, tau_g2]):
        raise ProofRejectedError("opened values")
