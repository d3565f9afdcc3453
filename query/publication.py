"""Who sees the numbers of a question: the agency alone, or everybody on the ledger."""

from __future__ import annotations

from enum import StrEnum


class Publication(StrEnum):
    """Part of the question: the agency signs it, every owner's policy must allow what everybody sees."""

    AGENCY = "agency"
    """The agency alone. The ledger shows that every number rests on enough rows, not on how many."""
    COUNTS = "counts"
    """The agency alone, but for the numbers of rows behind the others, which are opened on the ledger."""
    PUBLIC = "public"

    @property
    def reader(self) -> str:
        """Who it is, in words."""
        return "everybody" if self is Publication.PUBLIC else "the agency alone"

    @property
    def hides_guards(self) -> bool:
        """Whether guards are proved to be large enough instead of being opened, where they fit."""
        return self is Publication.AGENCY


def possible_publications(public: bool) -> tuple[Publication, ...]:
    """What may have been asked for where the sums are, or are not, public; the hash of the question tells which."""
    return (Publication.PUBLIC,) if public else (Publication.AGENCY, Publication.COUNTS)


def possible_compilations(asked: Publication) -> tuple[Publication, ...]:
    """As what a question may have been compiled; its relation tells. Releases before guards could be hidden opened
    those of every question."""
    return (asked, Publication.COUNTS) if asked is Publication.AGENCY else (asked,)
