"""Cuts audit bundles apart and puts them together again, from docs/audit-bundle.md and not with the product's codec."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

COMPAT = Path(__file__).parents[1] / "compat"
CHAIN, STRING, QUERY, STATEMENT, PROOF, PUBLICATION, DATASETS = range(1, 8)
REGISTRATIONS, TABLES, SCHEMAS, QUESTION, OPENINGS = range(8, 13)

Sections = list[tuple[int, bytes]]


def sample(name: str = "v1-alone") -> bytes:
    """A bundle of a published release."""
    return (COMPAT / f"{name}.tally").read_bytes()


def split(encoded: bytes) -> Sections:
    """The sections of a bundle that is whole."""
    found, at = [], 12
    while at < len(encoded) - 32:
        tag, size = int.from_bytes(encoded[at : at + 2], "big"), int.from_bytes(encoded[at + 2 : at + 6], "big")
        found.append((tag, encoded[at + 6 : at + 6 + size]))
        at += 6 + size
    return found


def sealed(content: bytes) -> bytes:
    """Content with its digest."""
    return content + hashlib.sha256(content).digest()


def join(sections: Sections, version: int = 1, count: int | None = None) -> bytes:
    """A file of these sections, with a right digest."""
    content = b"TALLYBND" + version.to_bytes(2, "big")
    content += (len(sections) if count is None else count).to_bytes(2, "big")
    for tag, body in sections:
        content += tag.to_bytes(2, "big") + len(body).to_bytes(4, "big") + body
    return sealed(content)


def edited(encoded: bytes, tag: int, change: Callable[[bytes], bytes]) -> bytes:
    """The bundle with one section changed and the digest made right again."""
    return join([(found, change(body) if found == tag else body) for found, body in split(encoded)])


def without(encoded: bytes, *tags: int) -> bytes:
    """The bundle without some sections."""
    return join([(tag, body) for tag, body in split(encoded) if tag not in tags])


def with_word(number: int, value: int | bytes) -> Callable[[bytes], bytes]:
    """Replaces one 32-byte word of a body."""
    word = value if isinstance(value, bytes) else value.to_bytes(32, "big")
    return lambda body: body[: 32 * number] + word + body[32 * number + 32 :]
