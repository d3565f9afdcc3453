"""Shamir sharing of vectors among n parties: values of a polynomial, whose constant is the secret.

Party i holds f(i + 1) with f(0) = x and f of degree d, otherwise uniform. Any d shares are uniform whatever x is; any
d + 1 determine it.

Source: Shamir, "How to Share a Secret" (CACM 1979).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from mpc.errors import ProtocolStateError, RingValueError
from mpc.reed_solomon import combine, decode_vectors
from mpc.rings import Ring, RingArray
from mpc.secret import Secret


class ShamirShare(Secret):
    """What one party holds of a shared vector of n elements.

    Args:
        party: the holder, from 0; its point is party + 1.
        degree: of the sharing polynomials, public.
        values: leading dimension n, secret.

    Raises:
        RingValueError: a negative party or degree, or an array without a leading dimension.
    """

    __slots__ = ("degree", "party", "values")

    def __init__(self, party: int, degree: int, values: RingArray) -> None:
        if party < 0 or degree < 0 or values.ndim < 1:
            raise RingValueError("a Shamir share has a party, a degree and an array with a leading dimension")
        self.party = party
        self.degree = degree
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> ShamirShare:
        """Return the share of a range of rows (public positions)."""
        if not isinstance(rows, slice):
            raise RingValueError("a share is indexed by a slice")
        return ShamirShare(self.party, self.degree, self.values[rows])


class ZeroMasks(Secret):
    """One party's shares of n zeros of degree 2t; each masks one output of `ShamirEngine.open_inner_many`, once."""

    __slots__ = ("_position", "_values", "party")

    def __init__(self, party: int, values: RingArray) -> None:
        self.party = party
        self._values = values
        self._position = 0

    def __len__(self) -> int:
        """How many are left."""
        return len(self._values) - self._position

    def take(self, n: int) -> RingArray:
        """Use up n masks.

        Raises:
            ProtocolStateError: fewer are left.
        """
        if n > len(self):
            raise ProtocolStateError(f"{n} masks are needed, {len(self)} are left")
        self._position += n
        return self._values[self._position - n : self._position]


def share_shamir(
    ring: Ring, x: RingArray, parties: int, degree: int, randomness: Callable[[int], bytes] = secrets.token_bytes
) -> list[ShamirShare]:
    """Split a secret vector into n parties' shares, as a trusted dealer does.

    Args:
        ring: a prime field with more elements than there are parties.
        x: leading dimension n, secret.
        parties: how many.
        degree: below ``parties``; that many shares together are uniform.
        randomness: a source of uniform bytes; the operating system's by default.

    Raises:
        RingValueError: the degree is not below the number of parties.
    """
    if not 0 <= degree < parties:
        raise RingValueError(f"a degree lies in [0, {parties}), got {degree}")
    coefficients = [x, *(ring.expand(randomness, len(x)) for _ in range(degree))]
    return [
        ShamirShare(party, degree, combine(ring, [(party + 1) ** power for power in range(degree + 1)], coefficients))
        for party in range(parties)
    ]


def reconstruct_shamir(ring: Ring, modulus: int, shares: Sequence[ShamirShare]) -> RingArray:
    """Combine shares of which at most (m - degree - 1) / 2 of the m given are wrong.

    Args:
        modulus: how many elements the field has (`mpc.compare.field_modulus`).

    Raises:
        ProtocolStateError: no share, two of one party, or different degrees.
        RingValueError: shares of different lengths.
        TooFewSharesError, TooManyWrongSharesError: the shares do not determine the vector.
    """
    if not shares or len({held.party for held in shares}) != len(shares) or len({held.degree for held in shares}) != 1:
        raise ProtocolStateError("reconstruction needs shares of different parties and one degree")
    if len({held.values.shape for held in shares}) != 1:
        raise RingValueError("the shares have different lengths")
    received = {held.party + 1: held.values for held in shares}
    return decode_vectors(ring, modulus, received, shares[0].degree)[0]
