"""The messages of a joint session: public parts sent to all its other contributors, read, and added up or compared.
Secrets travel only through the engine (`mpc.replicated`) and as inputs of outside owners (`mpc.outside`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mpc.channel import Channel
from mpc.outside import OutsideInputs
from mpc.replicated import Engine
from mpc.shares import PARTIES
from services.errors import ContributionRejectedError
from zk.curve import points_from_bytes, points_to_bytes, sum_points
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError
from zk.field import FR, Words


class ContributorMessages:
    """One contributor's exchanges with all the others of a session.

    Args:
        channel: authenticated channel among the contributors, for this session and attempt.
        timeout_s: how long to wait for a message.
        zero: gives, for a label and a count, this contributor's shares of zero among all of them, (count, 4).
    """

    def __init__(self, channel: Channel, timeout_s: float, zero: Callable[[str, int], Words]) -> None:
        self.party = channel.party
        self.contributors = tuple(sorted((channel.party, *channel.peers)))
        self._channel, self._timeout_s, self._zero = channel, timeout_s, zero

    def zero(self, label: str, count: int) -> Words:
        """My shares of zero, (count, 4): masks."""
        return self._zero(label, count)

    def exchange(self, tag: str, payload: bytes) -> dict[int, bytes]:
        """Send to all peers and return what they sent."""
        return self._channel.exchange(f"session/{tag}", payload, self._timeout_s)

    def require_equal(self, tag: str, digest: bytes, check: str) -> None:
        """Compare a digest with all peers.

        Raises:
            ContributionRejectedError: a peer has another.
        """
        if any(other != digest for other in self.exchange(tag, digest).values()):
            raise ContributionRejectedError(check, self.contributors)

    def sum_of_points(self, tag: str, mine: Words) -> Words:
        """Everyone's contributions, added up. Every receiver gets the same or the digests differ later."""
        received = {self.party: mine}
        for peer, data in self.exchange(tag, points_to_bytes(mine)).items():
            received[peer] = self._points(peer, tag, data, len(mine))
        stacked = np.stack([received[p] for p in sorted(received)])
        total = np.concatenate([sum_points(np.ascontiguousarray(stacked[:, k])) for k in range(len(mine))])
        if not total.any(axis=1).all():  # a masked sum is infinity only where the last sender wanted it so
            raise ContributionRejectedError(f"summing {tag}", self.contributors)
        return total

    def sum_of_scalars(self, tag: str, mine: Words) -> Words:
        """Everyone's contributions, added up."""
        total = mine
        for peer, data in self.exchange(tag, FR.encode_bytes(mine)).items():
            try:
                part = FR.decode_bytes(data)
            except NonCanonicalEncodingError as error:
                raise ContributionRejectedError(f"reading {tag}", (peer,)) from error
            if len(part) != len(mine):
                raise ContributionRejectedError(f"reading {tag}", (peer,))
            total = FR.add(total, part)
        return total

    def _points(self, peer: int, tag: str, data: bytes, count: int) -> Words:
        try:
            points = points_from_bytes(data)
        except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
            raise ContributionRejectedError(f"reading {tag}", (peer,)) from error
        if len(points) != count:
            raise ContributionRejectedError(f"reading {tag}", (peer,))
        return points


class SessionMessages(ContributorMessages):
    """A computing party's exchanges with the other two, or with those and the outside owners of a session.

    Args:
        channel: authenticated channel for this session and attempt.
        engine: this party's engine among the three.
        timeout_s: how long to wait for a message.
        outside: this party's end for each outside owner that the channel joins.
    """

    def __init__(
        self, channel: Channel, engine: Engine, timeout_s: float, outside: Sequence[OutsideInputs] = ()
    ) -> None:
        super().__init__(channel, timeout_s, self._zero_shares)
        self._engine, self._outside = engine, tuple(outside)

    def _zero_shares(self, label: str, count: int) -> Words:
        shares = self._engine.zero_share(count, label).values
        for owner in self._outside:
            shares = FR.add(shares, owner.zero_share(count, label).values)
        return shares

    def replicated_points(self, tag: str, mine: Sequence[Words], names: Sequence[str]) -> list[Words]:
        """Sums over the three components' commitments, each commitment confirmed by both of its holders.

        Args:
            mine: my two components' commitments of each shared vector, (2, 8).
            names: what each vector is, for the error.

        Returns:
            The sum for each vector, (1, 8).

        Raises:
            ContributionRejectedError: two holders disagree; both are named.
        """
        held = {self.party: np.concatenate(list(mine))}
        for peer, data in self.exchange(tag, points_to_bytes(held[self.party])).items():
            held[peer] = self._points(peer, tag, data, 2 * len(mine))
        sums = []
        for place, name in enumerate(names):
            for holder in range(PARTIES):
                following = (holder + 1) % PARTIES
                if not np.array_equal(held[holder][2 * place + 1], held[following][2 * place]):
                    raise ContributionRejectedError(f"comparing both holders' {name}", (holder, following))
            components = np.stack([held[p][2 * place] for p in range(PARTIES)])
            sums.append(sum_points(np.ascontiguousarray(components)))
        return sums
