"""A party that lies: ``python -m services.demo.lying_party --config party.toml``. For demonstrations only.

It is the real party process, same configuration, certificate, store and ledger account, with one change: it adds 1 to
its part of the first sum before the sums are sealed. The others cannot see that in the message, which is a share; they
notice when the joint proof's identity does not hold at a random point, before anything is opened. The honest program
has no switch for lying, so this one replaces the prover's proxy in its own process and then runs the party's `main`.
"""

from __future__ import annotations

import sys

from services.party.main import main
from services.prover import client
from services.prover.client import RemoteProver
from zk.field import FR, Words


class LyingProver(RemoteProver):
    """A prover's proxy that reports one sum wrongly."""

    def sum_parts(self) -> Words:
        """Our part of every sum, with 1 added to the first."""
        return with_one_more(super().sum_parts())


def with_one_more(parts: Words) -> Words:
    """(S, 4) parts of sums with 1 added to the first. Secret."""
    one = FR.zeros(len(parts))
    one[:1] = FR.from_integers([1])
    return FR.add(parts, one)


def lie() -> int:
    """Run the party with the lie in it; returns the exit status."""
    client.RemoteProver = LyingProver  # type: ignore[misc]  # the lie: this process only
    return main()


if __name__ == "__main__":
    sys.exit(lie())
