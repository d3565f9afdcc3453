"""Identifiers of persons: how text is normalised, and the field element that stands for it in an alignment.

Rules, in order; all owners of a cohort follow them, so that one person's identifier is one text:

    1. Unicode NFKC (full-width digits become digits, ligatures letters), case folding, NFKC again
    2. format characters (category Cf: zero-width joiners, soft hyphens, marks of direction) are dropped
    3. white space at the ends is dropped; within, every run of it becomes one space
    4. a text that is then empty, longer than 256 characters, or has control characters is refused

Nothing else is changed: hyphens, dots and leading zeros mean what they say. The field element is SHA-512 of a label and
the UTF-8 text, modulo r: two different texts have one element with probability 2^-253.
"""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from collections.abc import Sequence
from typing import Final, Literal

from query.errors import RowInvalidError
from services.errors import RequestInvalidError
from zk.field import FR, FR_MODULUS

MAX_CHARACTERS: Final = 256
_LABEL: Final = b"tallystick.identifier.v1"

Duplicates = Literal["refuse", "merge"]


class _IdentifierFaultError(Exception):
    """An identifier cannot be used; the text never has it."""


def normalise_identifier(text: str) -> str:
    """Return the normal form of an identifier.

    Raises:
        RequestInvalidError: empty, too long, or with control characters; the message does not have it.
    """
    try:
        return _normal(text)
    except _IdentifierFaultError as fault:
        raise RequestInvalidError("identifier", str(fault)) from None


def identifier_bytes(text: str) -> bytes:
    """Return the field element of an identifier, canonical 32 bytes; raises as `normalise_identifier`."""
    return _element(normalise_identifier(text))


def identifier_column(texts: Sequence[str], duplicates: Duplicates) -> list[bytes]:
    """Return the field elements of a list of identifiers, each once, in order of first appearance.

    Args:
        texts: secret.
        duplicates: whether a person named twice is refused or counts once.

    Raises:
        RowInvalidError: names the line of an identifier that cannot be used or, if so wanted, appears again.
    """
    found: dict[bytes, None] = {}
    for number, text in enumerate(texts):
        try:
            element = _element(_normal(text))
        except _IdentifierFaultError as fault:
            raise RowInvalidError(number, None, str(fault)) from None
        if element in found and duplicates == "refuse":
            raise RowInvalidError(number, None, "an identifier that another line has; merge them if that is right")
        found[element] = None
    return list(found)


def parse_identifiers(text: str, column: str) -> list[str]:
    """Read one column of a CSV text with a header line. Empty fields are refused later, by their line.

    Raises:
        RequestInvalidError: the text is no CSV, or has no such column, or has it twice.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = list(reader)
    except csv.Error:
        raise RequestInvalidError("csv", "the text is not CSV") from None  # the cause may quote the text
    header = lines[0] if lines else []
    if header.count(column) != 1:
        raise RequestInvalidError("column", f"the header does not have {column[:64]!r} once")
    place = header.index(column)
    if any(len(line) != len(header) for line in lines):
        raise RequestInvalidError("csv", f"every line has {len(header)} fields like the header")
    return [line[place] for line in lines[1:]]


def _normal(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    visible = "".join(character for character in folded if unicodedata.category(character) != "Cf")
    normal = " ".join(visible.split())
    if not normal:
        raise _IdentifierFaultError("the identifier is empty")
    if len(normal) > MAX_CHARACTERS:
        raise _IdentifierFaultError(f"the identifier has more than {MAX_CHARACTERS} characters")
    if any(unicodedata.category(character) == "Cc" for character in normal):
        raise _IdentifierFaultError("the identifier has control characters")
    return normal


def _element(normal: str) -> bytes:
    digest = hashlib.sha512(_LABEL + normal.encode()).digest()
    return (int.from_bytes(digest, "big") % FR_MODULUS).to_bytes(FR.element_bytes, "big")
