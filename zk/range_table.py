"""The range table T_i = i mod 2^κ: its polynomial, its commitment, and a proof of it that takes constant time to check.

T is public and unblinded, one for every (N, κ) of a reference string. Who holds [τ]_2 only checks a claimed [T] by four
values: with K = 2^κ and z drawn from [T],

    T(1) = 0,   T(0) = (K − 1)/2,   T(ωz) − T(z) = 1 − K·L_{K−1}(z^{N/K}),

L_{K−1} of the domain of K points. The third says that T steps by one along the domain and falls by K − 1 after every
K-th row, the first where it begins. As an identity of polynomials it leaves only a polynomial Q(X^N) open; the first
fixes its value on the domain, so that T is right on every row, whoever registered it (M9): that is all soundness needs.
The second leaves nothing at all open where no power beyond X^(2N−1) is known. Where more are, because the string serves
larger relations or was cut from a longer one, T + c·(X^2N − X^N) passes for any c. So a statement names its table and
its transcript begins with it: otherwise c could be chosen to give T(ζ) any value. Honest provers commit to the
canonical T and can prove nothing against another that was registered first; so whoever deployed the verifier may
replace one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from zk.curve import GENERATOR, decode_points, encode_points, neg_points
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError, ProofRejectedError, SizeMismatchError
from zk.field import FR, Words
from zk.msm import msm
from zk.ntt import intt, root_of_unity
from zk.pairing import G2, G2_GENERATOR, pairing_product_is_one
from zk.polynomial import divide_by_linear
from zk.relation import MAX_LOG_ROWS, MAX_TABLE_BITS, MIN_TABLE_LOG_ROWS, Relation
from zk.srs import Srs
from zk.transcript import FR_MODULUS, hash_words

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TableProof:
    """A range table's commitment with what shows that it is right. Public.

    Args:
        log_rows: log2 of N.
        bits: κ.
        commitment: [T].
        value: T(z).
        quotients: commitments of (T − T(x))/(X − x) at x = 1, 0, z, ωz.
    """

    log_rows: int
    bits: int
    commitment: Point
    value: int
    quotients: tuple[Point, Point, Point, Point]


def _fits(log_rows: int, bits: int) -> bool:
    return MIN_TABLE_LOG_ROWS <= log_rows <= MAX_LOG_ROWS and 1 <= bits <= min(log_rows, MAX_TABLE_BITS)


@lru_cache(maxsize=4)
def table_polynomial(log_rows: int, bits: int) -> Words:
    """Return T's (N, 4) coefficients; treat as read-only.

    Raises:
        SizeMismatchError: the table does not fit the domain.
    """
    if not _fits(log_rows, bits):
        raise SizeMismatchError(f"there is no range table of {bits} bits over 2^{log_rows} rows")
    rows = np.arange(1 << log_rows, dtype=np.uint64) & np.uint64((1 << bits) - 1)
    return intt(FR.from_int64(rows))


_COMMITMENTS: dict[tuple[bytes, int, int], Point] = {}


def table_commitment(srs: Srs, log_rows: int, bits: int) -> Point:
    """Return [T]; computed once per reference string and size."""
    key = (srs.id, log_rows, bits)
    if key not in _COMMITMENTS:
        _COMMITMENTS[key] = _point(srs.commit(table_polynomial(log_rows, bits)))
    return _COMMITMENTS[key]


def relation_table(srs: Srs, relation: Relation) -> Point | None:
    """The commitment of the table a relation looks up, or None."""
    return table_commitment(srs, relation.log_rows, relation.table_bits) if relation.lookups else None


def _point(array: Words) -> Point:
    found = decode_points(array)[0]
    return (0, 0) if found is None else found


def prove_table(srs: Srs, log_rows: int, bits: int) -> TableProof:
    """Return [T] with its proof. Takes four multi-scalar multiplications over N points."""
    polynomial = table_polynomial(log_rows, bits)
    commitment = table_commitment(srs, log_rows, bits)
    z = table_challenge(log_rows, bits, commitment)
    places = (1, 0, z, z * root_of_unity(log_rows) % FR_MODULUS)
    quotients = tuple(_point(srs.commit(divide_by_linear(polynomial, place))) for place in places)
    return TableProof(
        log_rows, bits, commitment, FR.evaluate(polynomial, z), (quotients[0], quotients[1], quotients[2], quotients[3])
    )


def table_challenge(log_rows: int, bits: int, commitment: Point) -> int:
    """z, drawn from everything before it."""
    digest = hash_words("tallystick.table.v1", [log_rows, bits, *commitment])
    return int.from_bytes(digest, "big") % FR_MODULUS


def table_gap(proof: TableProof) -> int:
    """z^(N/K) − ω_K^(K−1), the one denominator: the distance to the point of row K − 1 in the domain of K points."""
    z = table_challenge(proof.log_rows, proof.bits, proof.commitment)
    last = pow(root_of_unity(proof.bits), (1 << proof.bits) - 1, FR_MODULUS)
    return (pow(z, 1 << proof.log_rows - proof.bits, FR_MODULUS) - last) % FR_MODULUS


def table_values(proof: TableProof) -> tuple[int, int, int, int]:
    """T at 1, 0, z and ωz as they must be, given T(z).

    Raises:
        ProofRejectedError: ``"denominator"``: z lies in the domain.
    """
    r, size = FR_MODULUS, 1 << proof.bits
    gap = table_gap(proof)
    if gap == 0:
        raise ProofRejectedError("denominator")
    last = pow(root_of_unity(proof.bits), size - 1, r)
    y = (gap + last) % r
    spike = (pow(y, size, r) - 1) * last * pow(gap, -1, r) % r  # K·L_{K−1}(y)
    return 0, (size - 1) * pow(2, -1, r) % r, proof.value, (proof.value + 1 - spike) % r


def verify_table(tau_g2: G2, proof: TableProof) -> None:
    """Check a range table's commitment.

    Raises:
        ProofRejectedError: ``"table"`` and why.
    """
    if not _fits(proof.log_rows, proof.bits) or not 0 <= proof.value < FR_MODULUS:
        raise ProofRejectedError("table: size or scalar")
    z = table_challenge(proof.log_rows, proof.bits, proof.commitment)
    places = (1, 0, z, z * root_of_unity(proof.log_rows) % FR_MODULUS)
    values = table_values(proof)
    if (0, 0) in (proof.commitment, *proof.quotients):
        raise ProofRejectedError("table: infinity")
    try:
        points = encode_points([proof.commitment, *proof.quotients])
    except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
        raise ProofRejectedError("table: not a canonical point of the curve") from error
    weight = table_weight(proof)
    powers = [pow(weight, k, FR_MODULUS) for k in range(4)]
    constant = -sum(p * v for p, v in zip(powers, values)) % FR_MODULUS
    shifted = [p * x % FR_MODULUS for p, x in zip(powers, places)]
    left = msm(np.concatenate([GENERATOR, points]), FR.from_integers([constant, sum(powers), *shifted]))
    right = neg_points(msm(points[1:], FR.from_integers(powers)))
    if not pairing_product_is_one(np.concatenate([left, right]), [G2_GENERATOR, tau_g2]):
        raise ProofRejectedError("table: pairing")


def table_weight(proof: TableProof) -> int:
    """The weight that joins the four openings, drawn from all of them."""
    flat = [coordinate for point in (proof.commitment, *proof.quotients) for coordinate in point]
    digest = hash_words("tallystick.table.weight.v1", [proof.log_rows, proof.bits, proof.value, *flat])
    return int.from_bytes(digest, "big") % FR_MODULUS
