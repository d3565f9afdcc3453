"""A party whose process fails between having its rows and confirming them. Run as a module by the tests."""

from __future__ import annotations

import sys

from services.errors import CapacityExceededError
from services.party.cohorts import CohortKeeper
from services.party.main import main


def fail(*arguments: object) -> str:
    """In place of registering and confirming."""
    raise CapacityExceededError("out of memory, says the test")


CohortKeeper._finish = fail  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
