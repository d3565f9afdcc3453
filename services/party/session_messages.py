"""The messages of a joint session: public parts sent to both peers, read, and added up or compared. Secrets travel
only through the engine (`mpc.replicated`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.channel import Channel
from mpc.replicated import Engine
from mpc.shares import PARTIES
from services.errors import ContributionRejectedError
from zk.curve import points_from_bytes, points_to_bytes, sum_points
from zk.errors import NonCanonicalEncodingError, PointNotOnCurveError
from zk.field import FR, Words


class SessionMessages:
    """One party's exchanges in one session.

    Args:
        channel: authenticated channel among the three parties for this session and attempt.
        engine: this party's engine on the same channel; gives shares of zero as masks.
        timeout_s: how long to wait for a message.
    """

    def __init__(self, channel: Channel, engine: Engine, timeout_s: float) -> None:
        self.party = channel.party
        self._channel, self._engine, self._timeout_s = channel, engine, timeout_s

    def zero(self, label: str, count: int) -> Words:
        """My shares of zero, (count, 4): masks."""
        return self._engine.zero_share(count, label).values

    def exchange(self, tag: str, payload: bytes) -> dict[int, bytes]:
        """Send to both peers and return what they sent."""
        return self._channel.exchange(f"session/{tag}", payload, self._timeout_s)

    def require_equal(self, tag: str, digest: bytes, check: str) -> None:
        """Compare a digest with both peers.

        Raises:
            ContributionRejectedError: a peer has another.
        """
        if any(other != digest for other in self.exchange(tag, digest).values()):
            raise ContributionRejectedError(check)

    def sum_of_points(self, tag: str, mine: Words) -> Words:
        """Everyone's contributions, added up. Every receiver gets the same or the digests differ later."""
        received = {self.party: mine}
        for peer, data in self.exchange(tag, points_to_bytes(mine)).items():
            received[peer] = self._points(peer, tag, data, len(mine))
        stacked = np.stack([received[p] for p in range(PARTIES)])
        total = np.concatenate([sum_points(np.ascontiguousarray(stacked[:, k])) for k in range(len(mine))])
        if not total.any(axis=1).all():  # a masked sum is infinity only where the last sender wanted it so
            raise ContributionRejectedError(f"summing {tag}")
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

    def _points(self, peer: int, tag: str, data: bytes, count: int) -> Words:
        try:
            points = points_from_bytes(data)
        except (PointNotOnCurveError, NonCanonicalEncodingError) as error:
            raise ContributionRejectedError(f"reading {tag}", (peer,)) from error
        if len(points) != count:
            raise ContributionRejectedError(f"reading {tag}", (peer,))
        return points
