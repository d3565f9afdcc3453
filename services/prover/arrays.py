"""Which arrays a joint proof takes, and how long they are: fixed before anything of them arrives."""

from __future__ import annotations

from typing import Final

from services.convert import ArrayKey
from services.errors import RequestInvalidError
from zk.prover import Contributor
from zk.witness import OPENED_BLINDERS

STAGES: Final = (1, 2)


def check_upload_stage(stage: int) -> None:
    """Refuse a stage that does not exist.

    Raises:
        RequestInvalidError: it is neither 1 nor 2.
    """
    if stage not in STAGES:
        raise RequestInvalidError("stage", "expected 1, before round 1, or 2, after it")


def upload_lengths(contributor: Contributor, number: int) -> dict[ArrayKey, int]:
    """Lengths of both components of an upload.

    Raises:
        RequestInvalidError: there is no such upload.
    """
    if number >= len(contributor.uploads):
        raise RequestInvalidError("share", f"there is no upload {number}")
    length = contributor.uploads[number].length
    return {(number, 0): length, (number, 1): length}


def mixed_lengths(contributor: Contributor, column: int) -> dict[ArrayKey, int]:
    """Lengths of both components of a mixed column's rows (0 and 1) and blinders (2 and 3).

    Raises:
        RequestInvalidError: it is not a mixed column.
    """
    if column not in contributor.mixed:
        raise RequestInvalidError("column", f"column {column} is not defined by several owners")
    rows = contributor.relation.rows
    return {(column, 0): rows, (column, 1): rows, (column, 2): OPENED_BLINDERS, (column, 3): OPENED_BLINDERS}
