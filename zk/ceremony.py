"""The setup ceremony: a chain of contributions, each multiplying τ by a secret factor that its contributor forgets.

State 0 has τ₀ = 1. Contribution k draws x_k, sets τ_k = x_k·τ_(k-1), replaces every power P_i by x_k^i·P_i, and appends

    name, digest of the chain before it, [τ_k]_1, [τ_k]_2, and a proof of knowledge of x_k.

Full powers exist for the latest state only; a record of 320 bytes and a name stays of every earlier one.

**Proof of knowledge.** Schnorr's proof on the base T = [τ_(k-1)]_1 for T' = [τ_k]_1 = x·T: the contributor sends
R = ρ·T and z = ρ + c·x, and z·T = R + c·T' is checked. The challenge c (SHA-512 reduced modulo r, statistical distance
2^-258) hashes the digest of the whole chain before, the name, T, T', [τ_k]_2 and R. T has prime order r and is not
infinity, so x is unique. ρ is drawn afresh and also hashes x, the digest and the name, so that a repeating source of
randomness does not give x away.

**Why the chain can be believed.** Two accepted runs with one R and different c give x = (z − z')/(c − c'); in the
random-oracle model every accepted contribution therefore comes from someone who knew its factor. Since c covers the
digest, which covers the parameters, a random number of this ceremony and every earlier record in order, a proof
cannot be moved to another place, name or ceremony; a record that is replayed, swapped, dropped or edited breaks the
chain at the next one at the latest, and a change of the last record breaks its own proof. The end of the chain gives
[τ]_1 = Π x_k·[1]_1; its powers and [τ]_2 are checked against it by pairings (`zk.srs.verify_powers`). If one
contributor drew its factor uniformly and forgot it, then whoever knows τ could divide by the other factors, which
their proofs show to be known, and would have that contributor's discrete logarithm. So nobody knows τ **if one
contributor was honest**. Later contributors see earlier points and may choose their factors accordingly; they can
shift τ only by factors they know, so that an answer for the shifted τ is one for the honest factor; no random beacon is
needed (Groth, Kohlweiss, Maller, Meiklejohn, Miers, "Updatable and Universal Common Reference Strings", CRYPTO 2018;
Nikolaenko, Ragsdale, Bonneau, Boneh, "Powers-of-Tau to the People", IACR ePrint 2022/1592, whose three checks —
knowledge of the factor, well-formed powers, factor not zero — are made here). Extraction of many proofs at once is
argued there in the algebraic group model.

**Factors 0 and 1.** x = 0 makes every later state infinity: refused. x = 1, and any factor that brings back an
earlier τ, is refused too: not because it were unsafe (a factor its contributor publishes is no better, and nobody can
detect that) but because a record should be something an honest contributor can have made, and these it makes with
probability below 2^-240. A name may contribute once; names are claims, not identities: a contributor keeps the digest
it is shown (its receipt) and looks for it in the final transcript.

**τ in an evaluation domain (M16).** Decided exactly, for all i ≤ 28 and at every size, by `zk.srs`, for the τ at
which a state ends; nobody continues or finishes a state that ends there. With one honest contributor τ is uniform and
this happens with probability 2^28/r < 2^-225; the check keeps even a ceremony without one from ending there
unnoticed. That an earlier τ_k lay there does no harm, for a later factor moved it, and is not looked at.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Final, NoReturn

import numpy as np

from zk.ceremony_state import (
    MAX_CONTRIBUTIONS,
    Ceremony,
    Contribution,
    check_text,
    encode_text,
    load_ceremony,
    store_ceremony,
)
from zk.curve import GENERATOR, add_points, multiply_points, neg_points, points_from_bytes, points_to_bytes, sum_points
from zk.errors import CeremonyInvalidError, NonCanonicalEncodingError, PointNotOnCurveError, SrsInvalidError
from zk.field import FR, FR_MODULUS
from zk.pairing import G2, G2_GENERATOR, add_g2, check_g2, multiply_g2, pairing_product_is_one
from zk.srs import (
    CHUNK_POINTS,
    EXTRA_POWERS,
    MAX_LOG_ROWS,
    MIN_LOG_ROWS,
    POINT_BYTES,
    Points,
    Progress,
    Srs,
    encode_g2,
    verify_powers,
    verify_tau_outside_domains,
)

__all__ = [
    "Ceremony",
    "Contribution",
    "SecretScalar",
    "begin_ceremony",
    "contribute",
    "finish_ceremony",
    "load_ceremony",
    "proof_challenge",
    "store_ceremony",
    "verify_ceremony",
]

_CHALLENGE_LABEL: Final = b"tallystick.ceremony.challenge.v1"
_SECRET_LABEL: Final = b"tallystick.ceremony.secret.v1"
_INFINITY_BYTES: Final = bytes(POINT_BYTES)


class SecretScalar:
    """A scalar that must be forgotten: redacted, not copied, not pickled. Python cannot promise to erase it.

    Args:
        purpose: what it is for; scalars of different purposes are independent.
        material: more bytes, hashed together with 64 from the operating system, so that they can only add uncertainty.
    """

    __slots__ = ("_value",)

    def __init__(self, purpose: bytes, *material: bytes) -> None:
        parts = b"".join(len(part).to_bytes(8, "big") + part for part in (purpose, *material))
        self._value = 0
        while self._value in (0, 1):
            block = hashlib.sha512(_SECRET_LABEL + secrets.token_bytes(64) + parts).digest()
            self._value = int.from_bytes(block, "big") % FR_MODULUS

    def expose(self) -> int:
        """Return the scalar, in 2..r-1. Secret."""
        return self._value

    def __repr__(self) -> str:
        return "SecretScalar(redacted)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret scalar is neither copied nor pickled")


def proof_challenge(previous: bytes, name: str, before: bytes, after: bytes, after_g2: G2, nonce_g1: bytes) -> int:
    """Return the challenge of a contribution's proof of knowledge, in [0, r).

    Args:
        previous: digest of the chain before.
        name: the contributor's name.
        before: [τ_(k-1)]_1, 64 bytes.
        after: [τ_k]_1, 64 bytes.
        after_g2: [τ_k]_2.
        nonce_g1: R, 64 bytes.
    """
    words = previous + encode_text(name) + before + after + encode_g2(after_g2) + nonce_g1
    return int.from_bytes(hashlib.sha512(_CHALLENGE_LABEL + words).digest(), "big") % FR_MODULUS


def begin_ceremony(log_rows: int, label: str = "") -> Ceremony:
    """Begin a ceremony at τ = 1, with no contribution yet.

    Args:
        log_rows: k in 1..24.
        label: what it is for, public.

    Raises:
        CeremonyInvalidError: size or label out of range.
    """
    if not MIN_LOG_ROWS <= log_rows <= MAX_LOG_ROWS:
        raise CeremonyInvalidError(f"log_rows must lie in {MIN_LOG_ROWS}..{MAX_LOG_ROWS}")
    powers = np.repeat(GENERATOR, (1 << log_rows) + EXTRA_POWERS, axis=0)
    return Ceremony(log_rows, label, secrets.token_bytes(32), (), powers)


def contribute(ceremony: Ceremony, name: str, entropy: bytes = b"", progress: Progress | None = None) -> Ceremony:
    """Verify a state, multiply its τ by a fresh secret factor, and return the next state.

    The factor comes from the operating system mixed with ``entropy`` and is neither returned nor stored.

    Args:
        ceremony: the state received; nothing in it is trusted.
        name: the contributor's name, public, new to this ceremony.
        entropy: bytes of the caller's own, optional; secret.
        progress: called with a stage and the fraction done.

    Raises:
        CeremonyInvalidError: the state does not verify, or the name is taken or out of range.
    Timing: variable, depends on the secret factor: run it on a machine of the contributor's own.
    """
    check_text(name, "a contributor's name", 1)
    if any(name == earlier.name for earlier in ceremony.contributions):
        raise CeremonyInvalidError(f"{name} has contributed already")
    if len(ceremony.contributions) >= MAX_CONTRIBUTIONS:
        raise CeremonyInvalidError(f"a ceremony takes at most {MAX_CONTRIBUTIONS} contributions")
    verify_ceremony(ceremony, progress=progress)
    factor = SecretScalar(b"factor", entropy)
    nonce = SecretScalar(b"nonce", entropy, factor.expose().to_bytes(32, "big"), ceremony.digest, name.encode())
    count = ceremony.powers.shape[0]
    powers = np.empty_like(ceremony.powers)
    for start in range(0, count, CHUNK_POINTS):
        end, first = min(start + CHUNK_POINTS, count), pow(factor.expose(), start, FR_MODULUS)
        weights = FR.scale(FR.powers(factor.expose(), end - start), first)
        powers[start:end] = multiply_points(ceremony.powers[start:end], weights)
        if progress is not None:
            progress("multiplying powers", end / count)
    before, after = points_to_bytes(ceremony.powers[1:2]), points_to_bytes(powers[1:2])
    after_g2 = multiply_g2(ceremony.tau_g2, factor.expose())
    nonce_g1 = points_to_bytes(multiply_points(ceremony.powers[1:2], FR.from_integers([nonce.expose()])))
    challenge = proof_challenge(ceremony.digest, name, before, after, after_g2, nonce_g1)
    response = (nonce.expose() + challenge * factor.expose()) % FR_MODULUS
    record = Contribution(name, ceremony.digest, after, after_g2, nonce_g1, response)
    return Ceremony(ceremony.log_rows, ceremony.label, ceremony.nonce, (*ceremony.contributions, record), powers)


def _verify_record(record: Contribution, previous: bytes, before: bytes, names: set[str], seen: set[bytes]) -> None:
    """Check one record against the chain before it; everything but its [τ_k]_2 pairing."""
    if record.previous != previous:
        raise CeremonyInvalidError("does not continue the chain before it")
    if record.name in names:
        raise CeremonyInvalidError("its name has contributed already")
    if record.tau_g1 == _INFINITY_BYTES:
        raise CeremonyInvalidError("its factor is zero")
    if record.tau_g1 in seen:
        raise CeremonyInvalidError("its factor is one, or undoes earlier ones")
    base, after, nonce_g1 = (points_from_bytes(data) for data in (before, record.tau_g1, record.nonce_g1))
    check_g2(record.tau_g2)
    challenge = proof_challenge(previous, record.name, before, record.tau_g1, record.tau_g2, record.nonce_g1)
    left = multiply_points(base, FR.from_integers([record.response]))
    right = add_points(nonce_g1, multiply_points(after, FR.from_integers([challenge])))
    if not np.array_equal(left, right):
        raise CeremonyInvalidError("its proof of knowledge of the factor does not verify")


def _same_tau(points: Points, points_g2: list[G2]) -> bool:
    """Whether each ([a]_1, [b]_2) has a = b, in one product of two pairings with random weights."""
    weights = [secrets.randbits(128) for _ in points_g2]
    left = sum_points(multiply_points(points, FR.from_integers(weights)))
    right: G2 = None
    for weight, point in zip(weights, points_g2, strict=True):
        right = add_g2(right, multiply_g2(point, weight))
    return pairing_product_is_one(np.concatenate([left, neg_points(GENERATOR)]), [G2_GENERATOR, right])


def verify_ceremony(
    ceremony: Ceremony, report: Callable[[str], None] | None = None, progress: Progress | None = None
) -> None:
    """Verify every contribution and the consistency of the final powers.

    Args:
        ceremony: any state, with or without contributions.
        report: called with one line of plain words per check that passed.
        progress: called with a stage and the fraction done.

    Raises:
        CeremonyInvalidError: names the contribution and the failed check.
    Timing: variable; everything is public. Two multi-scalar multiplications of N+8 by 128 bits, and
        four pairings.
    """
    say = report if report is not None else lambda _line: None
    previous, before = ceremony.genesis, points_to_bytes(GENERATOR)
    names: set[str] = set()
    seen: set[bytes] = {before}
    say(f"parameters: powers up to 2^{ceremony.log_rows} + 8, τ begins at 1, chain begins at {previous.hex()}")
    for number, record in enumerate(ceremony.contributions, 1):
        place = f"contribution {number} ({record.name})"
        try:
            _verify_record(record, previous, before, names, seen)
        except (CeremonyInvalidError, PointNotOnCurveError, NonCanonicalEncodingError) as error:
            raise CeremonyInvalidError(f"{place}: {error}") from error
        previous, before = record.digest, record.tau_g1
        names.add(record.name)
        seen.add(before)
        say(f"{place}: continues the chain, changes τ, proves knowledge of its factor; receipt {previous.hex()}")
    if ceremony.contributions:
        _verify_pairings(ceremony)
        say("every [τ_k]_2 holds the same τ_k as [τ_k]_1 (pairing)")
    if points_to_bytes(ceremony.powers[1:2]) != before:
        raise CeremonyInvalidError(f"the powers do not belong to {_last_place(ceremony)}")
    try:
        verify_powers(ceremony.powers, ceremony.tau_g2, progress)
        say(f"all {ceremony.powers.shape[0]} powers are on the curve and are powers of the last τ (pairing)")
        if ceremony.contributions:
            verify_tau_outside_domains(ceremony.powers, ceremony.log_rows)
            say("τ is not zero and lies in no evaluation domain: τ^(2^i) ≠ 1 for every i ≤ 28")
    except SrsInvalidError as error:
        raise CeremonyInvalidError(f"the powers of {_last_place(ceremony)}: {error}") from error


def _last_place(ceremony: Ceremony) -> str:
    count = len(ceremony.contributions)
    return f"contribution {count} ({ceremony.contributions[-1].name})" if count else "the beginning"


def _verify_pairings(ceremony: Ceremony) -> None:
    points = points_from_bytes(b"".join(record.tau_g1 for record in ceremony.contributions))
    points_g2 = [record.tau_g2 for record in ceremony.contributions]
    if _same_tau(points, points_g2):
        return
    for number, record in enumerate(ceremony.contributions, 1):
        if not _same_tau(points[number - 1 : number], [record.tau_g2]):
            raise CeremonyInvalidError(f"contribution {number} ({record.name}): [τ]_2 does not hold the τ of [τ]_1")
    raise CeremonyInvalidError("some [τ_k]_2 does not hold the τ of its [τ_k]_1")


def finish_ceremony(
    ceremony: Ceremony, report: Callable[[str], None] | None = None, progress: Progress | None = None
) -> Srs:
    """Verify a ceremony and return its structured reference string, not a development one.

    Raises:
        CeremonyInvalidError: it does not verify, or nobody has contributed.
    """
    if not ceremony.contributions:
        raise CeremonyInvalidError("nobody has contributed yet")
    verify_ceremony(ceremony, report, progress)
    return Srs(ceremony.log_rows, ceremony.powers, ceremony.tau_g2, development=False)
