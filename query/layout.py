"""Layouts of a cohort, and the relation that shows that no row of it joins two persons.

A *layout* is a dataset of one owner: column 0 ``present`` (1 in the rows of its persons), column 1 ``person``, a salted
hash of the person's identifier in [1, 2^63), 0 where nobody is present. Owners of a cohort share the salt.

The *joint* relation of a cohort's layouts has for every two owners A, B the zero-form person_A·present_B −
present_A·person_B: where both are present the hashes are equal, hence (but for a collision, 2^-63 a row) the persons.
Its one sum is Σ present of the first owner, its own guard, which is the declared number of rows and public before: a
proof has to release a sum, and this one tells nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import combinations
from typing import Final

from query.canonical import encode_canonical
from zk.builder import RelationBuilder
from zk.relation import ONE, ColumnKind, RegisteredColumn, Relation

FORMAT: Final = "tallystick.layout/1"
PERSON_BITS: Final = 63
KINDS: Final = (ColumnKind.BOOLEAN, ColumnKind.INTEGER)
"""Kinds of a layout's columns, present and person."""
MAX_OWNERS: Final = 15
"""Of a cohort that can be proved: a form for every two of them and one for each, of at most 128."""

_QUESTION = re.compile(
    r"\s*PROVE\s+COHORT\s+([A-Za-z0-9][A-Za-z0-9_-]{0,47})\s+VERSION\s+([1-9][0-9]{0,8})\s*;?\s*", re.IGNORECASE
)


def layout_name(cohort: str) -> str:
    """The name a layout is registered under; no table can have it.

    Args:
        cohort: name and version, as a schema names it.
    """
    return f"layout of {cohort}"


def is_layout(name: str) -> bool:
    """Whether a dataset's name is that of a layout."""
    return name.startswith(layout_name(""))


def layout_document(cohort: str) -> bytes:
    """Canonical JSON that stands for the layout's schema on the ledger."""
    return encode_canonical({"format": FORMAT, "cohort": cohort})


def layout_relation(dataset: int, version: int, log_rows: int) -> Relation:
    """Return the relation that a layout's registration proof is about.

    Sum 0 is Σ present; sum 1, never opened, makes the proof one of knowledge of ``person``.

    Raises:
        RelationInvalidError: a number is out of range.
    """
    builder = RelationBuilder(log_rows)
    present, person = (builder.registered(column) for column in _columns(dataset, version))
    builder.vanish([(1, present, present), (-1, ONE, present)])
    builder.vanish([(1, ONE, person), (-1, present, person)])
    builder.sum([(1, ONE, present)])
    builder.sum([(1, ONE, person)], guard=0)
    return builder.build()


def joint_relation(layouts: Sequence[tuple[int, int]], log_rows: int) -> Relation:
    """Return the relation that shows that no row joins two persons.

    Args:
        layouts: dataset and version of every owner's layout, at least two, in the cohort's order.
        log_rows: log2 of the cohort's rows.

    Raises:
        RelationInvalidError: a number is out of range, or there are too many owners for one proof.
    """
    builder = RelationBuilder(log_rows)
    handles = [tuple(builder.registered(column) for column in _columns(*layout)) for layout in layouts]
    for (present_a, person_a), (present_b, person_b) in combinations(handles, 2):
        builder.vanish([(1, person_a, present_b), (-1, present_a, person_b)])
    builder.sum([(1, ONE, handles[0][0])])
    return builder.build()


def cohort_question(name: str, version: int) -> str:
    """The text that asks for the proof of a cohort."""
    return f"PROVE COHORT {name} VERSION {version}"


def parse_cohort_question(text: str) -> tuple[str, int] | None:
    """Name and version if a text asks for the proof of a cohort, else None: then it is SQL."""
    found = _QUESTION.fullmatch(text)
    return (found[1], int(found[2])) if found else None


def person_number(salt: bytes, identifier: bytes) -> int:
    """The number of a person in layouts: a salted hash in [1, 2^63).

    Args:
        salt: 32 bytes, known to the cohort's owners only.
        identifier: canonical encoding of the identifier's field element.
    """
    digest = hashlib.sha256(b"tallystick.person.v1" + salt + identifier).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - PERSON_BITS)) or 1


def _columns(dataset: int, version: int) -> tuple[RegisteredColumn, RegisteredColumn]:
    present, person = (RegisteredColumn(dataset, version, number, kind) for number, kind in enumerate(KINDS))
    return present, person
