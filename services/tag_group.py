"""The group of alignment tags: G1 of BN254, whose order is that of the scalar field."""

from __future__ import annotations

from typing import Final

from mpc.rings import RingArray
from mpc.tag_group import GroupArray
from zk.curve import POINT_BYTES, add_points, multiply_generator, points_from_bytes, points_to_bytes
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError
from zk.field import FR


class CurveTags:
    """`mpc.tag_group.TagGroup` over G1. Nothing secret is ever raised in G2: a pairing would make tags testable."""

    @property
    def element_bytes(self) -> int:
        """64: x and y."""
        return POINT_BYTES

    @property
    def decode_errors(self) -> tuple[type[Exception], ...]:
        """What is no encoding, and what is no point; every point of the curve is in the group."""
        return (NonCanonicalEncodingError, PointNotOnCurveError)

    def exponentiate(self, exponents: RingArray) -> GroupArray:
        """Return x·g for every scalar x."""
        return multiply_generator(exponents)

    def multiply(self, a: GroupArray, b: GroupArray) -> GroupArray:
        """Return the sums of points."""
        return add_points(a, b)

    def encode_bytes(self, a: GroupArray) -> bytes:
        """Return 64 bytes for each point."""
        return points_to_bytes(a)

    def decode_bytes(self, data: bytes) -> GroupArray:
        """Read points and check that they are on the curve."""
        return points_from_bytes(data)

    def invert(self, exponents: RingArray) -> RingArray:
        """Return 1/x for every scalar x."""
        return FR.inverse(exponents)


CURVE_TAGS: Final = CurveTags()
