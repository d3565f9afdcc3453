"""Who sees the numbers of a question: the agency alone, or everybody on the ledger."""

from __future__ import annotations

from enum import StrEnum


class Publication(StrEnum):
    """Part of the question: the agency signs it, every owner's policy must allow it."""

    AGENCY = "agency"
    PUBLIC = "public"

    @property
    def reader(self) -> str:
        """Who it is, in words."""
        return "everybody" if self is Publication.PUBLIC else "the agency alone"
