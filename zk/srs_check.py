"""Whether points are powers of one τ, and whether that τ lies outside every evaluation domain (PROTOCOL §1, M16).

* *Consistency.* For secret random ρ_i, e(Σ ρ_i·P_(i+1), [1]_2) = e(Σ ρ_i·P_i, [τ]_2) over all consecutive pairs, in
  chunks. The ρ_i have 128 bits and are drawn after the points are fixed: points that are not powers of the τ behind
  [τ]_2 pass with probability at most 2^-128.
* *τ ≠ 0.* No power is the point at infinity.
* *τ^(2^i) ≠ 1 for every i ≤ 28.* If τ lay in the domain H of some relation, Z_H(τ) = 0: blinders would vanish and a
  commitment would show one row. The powers decide this directly only up to i = k, and the missing ones cannot be
  computed from them. They need not be: τ^(2^28) = 1 holds exactly when σ = τ^(2^k), whose point is there, lies in
  the *known* subgroup of order 2^(28-k). Membership in so small a group is a discrete logarithm within reach:
  writing an element as w^(a + u·b), σ is in it exactly when some [w^(-a)·σ]_1 equals some [w^(u·b)]_1, which takes
  about 2^((28-k)/2 - 3) multiples of a point and 2^((28-k)/2 + 3) of the generator. The check is therefore complete
  for all i ≤ 28 at every size, not only where powers are available.

Memory: a chunk of 2^16 points at a time, about 25 MiB beside the points themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

import numpy as np

from zk.curve import GENERATOR, add_points, multiply_generator, multiply_points, neg_points
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, SrsInvalidError
from zk.field import FQ, FR, FR_MODULUS, Words
from zk.kernels import curve as curve_kernels
from zk.kernels import vectors
from zk.msm import msm
from zk.pairing import G2, G2_GENERATOR, check_g2, pairing_product_is_one

Progress = Callable[[str, float], None]

CHECK_POINTS: Final = 1 << 16
TWO_ADICITY: Final = 28

_WEIGHT_BYTES: Final = 16
_LOG_CHEAPER: Final = 6
_MULTIPLICATIVE_GENERATOR: Final = 5


def draw_weights(n: int) -> Words:
    """Return ``n`` random elements of Fr below 2^128, from the operating system's randomness."""
    drawn = np.zeros((n, 32), dtype=np.uint8)
    drawn[:, -_WEIGHT_BYTES:] = np.frombuffer(secrets.token_bytes(_WEIGHT_BYTES * n), np.uint8).reshape(n, -1)
    return FR.decode_bytes(drawn.tobytes())


class PowerChain:
    """Checks that points P_0, P_1, … which arrive in chunks satisfy P_(i+1) = τ·P_i. Public data only."""

    def __init__(self) -> None:
        self._last = np.zeros((0, 8), dtype=np.uint64)
        self._lower = np.zeros((1, 8), dtype=np.uint64)
        self._higher = np.zeros((1, 8), dtype=np.uint64)

    def add(self, points: Words) -> None:
        """Take the next points, (n, 8) on the curve, none at infinity."""
        for start in range(0, len(points), CHECK_POINTS):
            joined = np.concatenate([self._last, points[start : start + CHECK_POINTS]])
            if len(joined) > 1:
                weights = draw_weights(len(joined) - 1)
                self._lower = add_points(self._lower, msm(joined[:-1], weights))
                self._higher = add_points(self._higher, msm(joined[1:], weights))
            self._last = joined[-1:].copy()

    def holds(self, tau_g2: G2) -> bool:
        """Whether the points, all of them taken, are multiples of the first by powers of the τ behind [τ]_2.

        Raises:
            PointNotOnCurveError: [τ]_2 is no point of the subgroup.
        """
        pairs = np.concatenate([self._higher, neg_points(self._lower)])
        return pairing_product_is_one(pairs, [G2_GENERATOR, tau_g2])


def verify_powers(powers: Words, tau_g2: G2, progress: Progress | None = None) -> None:
    """Raise unless the points are 1, τ, τ², … for the τ ≠ 0 behind ``tau_g2``.

    Args:
        powers: (n, 8) points in internal form, n ≥ 2.
        tau_g2: [τ]_2.
        progress: called with a stage and the fraction done.

    Raises:
        SrsInvalidError: the first point is not the generator, a point is off the curve or at infinity, [τ]_2 is not a
            point of the subgroup, or consecutive powers are inconsistent.
    Timing: variable; everything is public. Two multi-scalar multiplications of n - 1 by 128 bits, and two pairings.
    """
    if not np.array_equal(powers[:1], GENERATOR):
        raise SrsInvalidError("the first power is not the generator")
    if tau_g2 is None:
        raise SrsInvalidError("[τ]_2 is the point at infinity")
    chain, three = PowerChain(), FQ.from_integers([3])
    try:
        check_g2(tau_g2)
        for start in range(0, len(powers), CHECK_POINTS):
            chunk = np.ascontiguousarray(powers[start : start + CHECK_POINTS])
            if not chunk.any(axis=1).all():
                raise SrsInvalidError("a power is the point at infinity (τ = 0)")
            if vectors.first_not_below(chunk.reshape(-1, 4).copy(), FQ.constants) >= 0:
                raise SrsInvalidError("a power has a coordinate above the modulus")
            index = curve_kernels.first_off_curve(chunk.copy(), three)
            if index >= 0:
                raise SrsInvalidError(f"power {start + index} is not on the curve")
            chain.add(chunk)
            if progress is not None:
                progress("checking powers", (start + len(chunk)) / len(powers))
        if not chain.holds(tau_g2):
            raise SrsInvalidError("consecutive powers are inconsistent with [τ]_2")
    except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
        raise SrsInvalidError(str(error)) from error


def verify_tau_outside_domains(powers: Words, log_rows: int) -> None:
    """Raise if τ^(2^28) = 1, that is if τ lies in any evaluation domain this field has (M16; see the module text).

    Args:
        powers: consistent powers, at least 2^log_rows + 1 of them.
        log_rows: k, at most 28.

    Raises:
        SrsInvalidError: τ lies in the subgroup of order 2^28.
    Timing: variable; everything is public. 50 ms at k = 4, one millisecond at k = 14.
    """
    verify_power_outside_domains(powers[1 << log_rows : (1 << log_rows) + 1], log_rows)


def verify_power_outside_domains(sigma: Words, log_rows: int) -> None:
    """As `verify_tau_outside_domains`, from [τ^(2^log_rows)]_1 alone, a (1, 8) point."""
    log_order = TWO_ADICITY - log_rows
    root = pow(_MULTIPLICATIVE_GENERATOR, (FR_MODULUS - 1) >> log_order, FR_MODULUS)
    log_small = max(0, log_order // 2 - _LOG_CHEAPER // 2)  # multiples of the generator are so much cheaper
    small_steps, large_steps = 1 << log_small, 1 << (log_order - log_small)
    small = multiply_points(sigma, FR.powers(pow(root, -1, FR_MODULUS), small_steps))
    large = multiply_generator(FR.powers(pow(root, small_steps, FR_MODULUS), large_steps))
    if not {row.tobytes() for row in small}.isdisjoint(row.tobytes() for row in large):
        raise SrsInvalidError("τ lies in an evaluation domain (τ^(2^28) = 1)")
