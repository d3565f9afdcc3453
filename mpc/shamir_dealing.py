"""One party deals a vector to n: as many shares as the degree allows come from seeds, the others are computed and sent.

A polynomial of degree d is free in d points beside its value at zero. The dealer lets the seeds it shares with its d
successors give these points, interpolates, and sends the remaining n - 1 - d peers their values.
"""

from __future__ import annotations

from mpc.compare import field_modulus
from mpc.reed_solomon import combine, lagrange
from mpc.rings import RingArray
from mpc.shamir_link import ShamirLink


def deal(link: ShamirLink, dealer: int, x: RingArray | None, n: int, degree: int, tag: str) -> RingArray:
    """Return this party's shares of what a dealer deals.

    Args:
        dealer: who deals.
        x: at the dealer, its vector of n elements, secret; None at the others.
        degree: of the polynomials; with this party at most n - 1.
        tag: of this use, public.

    Raises:
        ChannelError: the dealer's message is missing or does not belong here.
    """
    ring, parties = link.ring, link.parties
    seeded = [(dealer + step) % parties for step in range(1, degree + 1)]
    if x is None:
        if link.party in seeded:
            return ring.expand(link.pair_stream(dealer, link.party, tag), n)
        return link.receive(dealer, tag, n)
    points = [0, *(peer + 1 for peer in seeded)]
    vectors = [x, *(ring.expand(link.pair_stream(dealer, peer, tag), n) for peer in seeded)]
    modulus = field_modulus(ring)
    for peer in range(parties):
        if peer not in seeded and peer != dealer:
            value = combine(ring, lagrange(points, peer + 1, modulus), vectors)
            link.send(peer, tag, ring.encode_bytes(value))
    return combine(ring, lagrange(points, dealer + 1, modulus), vectors)
