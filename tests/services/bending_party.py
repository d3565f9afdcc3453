"""A party that bends one product of an alignment. Run as a module by the tests."""

from __future__ import annotations

import sys

from mpc.replicated import Engine
from mpc.shares import AdditiveShare, ReplicatedShare
from services.party.main import main
from zk.field import FR

_honest = Engine.reshare


def bend(self: Engine, additive: AdditiveShare, label: str, *, index: int = 0) -> ReplicatedShare:
    """Add one to the first masked identifier of the joint list."""
    if label.endswith("joint/masked"):
        values = additive.values.copy()
        values[:1] = FR.add(values[:1], FR.from_integers([1]))
        additive = AdditiveShare(additive.party, values)
    return _honest(self, additive, label, index=index)


Engine.reshare = bend  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
