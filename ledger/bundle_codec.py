"""Bytes of an audit bundle: exactly one string for each bundle, anything else refused (docs/audit-bundle.md).

    file     ``TALLYBND`` ‖ version u16 ‖ number of sections u16 ‖ sections ‖ SHA-256 of everything before it
    section  tag u16 ‖ length of the body u32 ‖ body

Tags strictly increase, bodies are not empty. Integers are big-endian; bodies are 32-byte words but for texts. The
digest at the end detects damage and names the file; it is no signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NoReturn

from eth_utils.address import to_checksum_address

from ledger.bundle import (
    AuditBundle,
    BundleChain,
    BundleDataset,
    BundleOpening,
    BundlePublication,
    BundleQuery,
    BundleQuestion,
    BundleRegistration,
    BundleString,
)
from ledger.bundle_errors import BundleNotCanonicalError, BundleVersionUnknownError
from ledger.identifiers import address_word
from zk.range_table import TableProof

BUNDLE_VERSION: Final = 1
MAGIC: Final = b"TALLYBND"
MAX_BUNDLE_BYTES: Final = 4 * 1024 * 1024
MAX_DATASETS: Final = 8
MAX_OPENINGS: Final = 1024
MAX_TABLES: Final = 16
MAX_SCHEMA_BYTES: Final = 64 * 1024
MAX_SQL_BYTES: Final = 64 * 1024

_WORD: Final = 32
_HEAD: Final = len(MAGIC) + 4
_SECTION_HEAD: Final = 6
_DIGEST: Final = 32

_CHAIN, _STRING, _QUERY, _STATEMENT, _PROOF, _PUBLICATION, _DATASETS = range(1, 8)
_REGISTRATIONS, _TABLES, _SCHEMAS, _QUESTION, _OPENINGS = range(8, 13)
_NAMES: Final = (
    "chain", "string", "query", "statement", "proof", "publication", "datasets", "registrations", "tables", "schemas",
    "question", "openings",
)  # fmt: skip
_REQUIRED: Final = frozenset(range(_CHAIN, _DATASETS + 1))
_FIELD_BITS: Final = {  # of each word of an entry; the other sections have a form of their own
    _CHAIN: (256, 160, 160),
    _STRING: (256,) * 5,
    _QUERY: (256, 160, 256, 64, 256, 256),
    _PUBLICATION: (256, 64, 256),
    _DATASETS: (128, 32, 32, 160, 256, 8, 32, 8, 256, 256, 256),
    _TABLES: (8, 8, *(256,) * 11),
    _OPENINGS: (16, 256, 256, 256),
}


def bundle_digest(encoded: bytes) -> bytes:
    """The 32 bytes at the end of a bundle, which name the file."""
    return encoded[-_DIGEST:]


def load_bundle(path: Path) -> tuple[AuditBundle, bytes]:
    """Read a bundle file; returns the bundle and its digest.

    Raises:
        BundleNotCanonicalError: the file cannot be read, is too long or is no bundle.
        BundleVersionUnknownError: it has another version.
    """
    try:
        with path.open("rb") as stream:
            encoded = stream.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise BundleNotCanonicalError("file", f"cannot read {path}: {error.strerror}") from error
    return decode_bundle(encoded), bundle_digest(encoded)


def store_bundle(bundle: AuditBundle, path: Path) -> bytes:
    """Write a bundle to a new file and return its digest.

    Raises:
        BundleNotCanonicalError: the bundle cannot be encoded, or the file exists or cannot be written.
    """
    encoded = encode_bundle(bundle)
    try:
        with path.open("xb") as stream:
            stream.write(encoded)
    except OSError as error:
        raise BundleNotCanonicalError("file", f"cannot write {path}: {error.strerror}") from error
    return bundle_digest(encoded)


# --- encoding --------------------------------------------------------------------------------------------------------


def encode_bundle(bundle: AuditBundle) -> bytes:
    """Return the bundle's bytes.

    Raises:
        BundleNotCanonicalError: a value does not fit its field or a limit; nothing is checked for truth.
    """
    chain, string, query, publication = bundle.chain, bundle.string, bundle.query, bundle.publication
    bodies = {
        _CHAIN: _words([chain.chain_id, _address_word(chain.studies), _address_word(chain.registry)]),
        _STRING: string.srs_id + string.tau_g2,
        _QUERY: query.query_id
        + _words([_address_word(query.proposer), query.nonce, query.minimum_group])
        + query.sql_hash
        + query.purpose_hash,
        _STATEMENT: bundle.statement,
        _PROOF: bundle.proof,
        _PUBLICATION: publication.record + _words([publication.block_number]) + publication.tx_hash,
        _DATASETS: b"".join(map(_dataset_body, bundle.datasets)),
        _REGISTRATIONS: b"".join(_counted(r.statement) + _counted(r.proof) for r in bundle.registrations),
        _TABLES: b"".join(map(_table_body, bundle.tables)),
        _SCHEMAS: b"".join(len(schema).to_bytes(4, "big") + schema for schema in bundle.schemas),
        _QUESTION: b"" if bundle.question is None else bundle.question.salt + _text(bundle.question.sql),
        _OPENINGS: b"".join(_words([o.row, o.value, *o.point]) for o in bundle.openings),
    }
    present = [(tag, body) for tag, body in bodies.items() if body or tag in _REQUIRED]
    encoded = MAGIC + BUNDLE_VERSION.to_bytes(2, "big") + len(present).to_bytes(2, "big")
    for tag, body in present:
        encoded += tag.to_bytes(2, "big") + len(body).to_bytes(4, "big") + body
    encoded += hashlib.sha256(encoded).digest()
    if decode_bundle(encoded) != bundle:
        raise BundleNotCanonicalError("file", "a field has not its canonical length or spelling")
    return encoded


def _words(values: Sequence[int]) -> bytes:
    try:
        return b"".join(value.to_bytes(_WORD, "big") for value in values)
    except OverflowError as error:
        raise BundleNotCanonicalError("file", "an integer does not fit its field") from error


def _address_word(address: str) -> int:
    try:
        return address_word(address)
    except ValueError as error:
        raise BundleNotCanonicalError("file", "an address is not hexadecimal") from error


def _text(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BundleNotCanonicalError("question", "not a text") from error


def _dataset_body(entry: BundleDataset) -> bytes:
    head = [entry.dataset, entry.version, entry.policy_version, _address_word(entry.owner)]
    shape = [entry.log_rows, entry.rows, entry.columns, entry.kinds]
    return _words(head) + entry.name_hash + _words(shape) + entry.schema_hash + entry.relation_hash


def _table_body(table: TableProof) -> bytes:
    points = [coordinate for point in table.quotients for coordinate in point]
    return _words([table.log_rows, table.bits, *table.commitment, table.value, *points])


def _counted(body: bytes) -> bytes:
    return _words([len(body) // _WORD]) + body


# --- decoding --------------------------------------------------------------------------------------------------------


def decode_bundle(encoded: bytes) -> AuditBundle:
    """Read a bundle.

    Args:
        encoded: untrusted, of any length; memory and time stay proportional to it, and to `MAX_BUNDLE_BYTES`.

    Raises:
        BundleNotCanonicalError: the bytes are not exactly those of a bundle.
        BundleVersionUnknownError: they are of another version.
    """
    bodies = _sections(encoded)
    (chain,) = _entries(_CHAIN, bodies, 1)
    (query,) = _entries(_QUERY, bodies, 1)
    (publication,) = _entries(_PUBLICATION, bodies, 1)
    _entries(_STRING, bodies, 1)
    datasets = tuple(map(_dataset, _entries(_DATASETS, bodies, MAX_DATASETS)))
    tables = _entries(_TABLES, bodies, MAX_TABLES) if _TABLES in bodies else []
    openings = _entries(_OPENINGS, bodies, MAX_OPENINGS) if _OPENINGS in bodies else []
    return AuditBundle(
        BundleChain(chain[0], _address(chain[1]), _address(chain[2])),
        BundleString(bodies[_STRING][:_WORD], bodies[_STRING][_WORD:]),
        BundleQuery(_hash(query[0]), _address(query[1]), query[2], query[3], _hash(query[4]), _hash(query[5])),
        _whole_words(_STATEMENT, bodies[_STATEMENT]),
        _whole_words(_PROOF, bodies[_PROOF]),
        BundlePublication(_hash(publication[0]), publication[1], _hash(publication[2])),
        datasets,
        _registrations(bodies[_REGISTRATIONS], len(datasets)) if _REGISTRATIONS in bodies else (),
        _tables(tables),
        _schemas(bodies[_SCHEMAS], len(datasets)) if _SCHEMAS in bodies else (),
        _question(bodies[_QUESTION]) if _QUESTION in bodies else None,
        _openings(openings),
    )


def _refuse(tag: int, problem: str) -> NoReturn:
    raise BundleNotCanonicalError(_NAMES[tag - 1], problem)


def _sections(encoded: bytes) -> dict[int, bytes]:
    """Split a file into bodies by tag, having checked frame, order, version and digest."""
    if encoded[: len(MAGIC)] != MAGIC:
        raise BundleNotCanonicalError("file", "this is no audit bundle")
    if len(encoded) > MAX_BUNDLE_BYTES:
        raise BundleNotCanonicalError("file", f"longer than {MAX_BUNDLE_BYTES} bytes")
    if len(encoded) < _HEAD + _DIGEST:
        raise BundleNotCanonicalError("file", "cut short")
    version = int.from_bytes(encoded[8:10], "big")
    if version != BUNDLE_VERSION:
        raise BundleVersionUnknownError("file", f"version {version}; this release reads {BUNDLE_VERSION}")
    at, end = _HEAD, len(encoded) - _DIGEST
    bodies: dict[int, bytes] = {}
    last = 0
    for _ in range(int.from_bytes(encoded[10:12], "big")):
        if end - at < _SECTION_HEAD:
            raise BundleNotCanonicalError("file", "cut short")
        tag = int.from_bytes(encoded[at : at + 2], "big")
        length = int.from_bytes(encoded[at + 2 : at + 6], "big")
        at += _SECTION_HEAD
        if not last < tag <= _OPENINGS:
            raise BundleNotCanonicalError("file", "sections unknown, repeated or out of order")
        if not 0 < length <= end - at:
            _refuse(tag, "empty, or longer than the file")
        bodies[tag] = encoded[at : at + length]
        at, last = at + length, tag
    if at != end:
        raise BundleNotCanonicalError("file", "bytes behind the last section")
    if not bodies.keys() >= _REQUIRED:
        _refuse(min(_REQUIRED - bodies.keys()), "missing")
    if hashlib.sha256(encoded[:end]).digest() != encoded[end:]:
        raise BundleNotCanonicalError("file", "damaged: its digest is not that of its content")
    return bodies


def _whole_words(tag: int, body: bytes) -> bytes:
    if len(body) % _WORD:
        _refuse(tag, "not a whole number of words")
    return body


def _entries(tag: int, bodies: dict[int, bytes], most: int) -> list[tuple[int, ...]]:
    """The entries of a section of fixed-width words, each word within its bits."""
    body, bits = bodies[tag], _FIELD_BITS[tag]
    size = _WORD * len(bits)
    if len(body) % size or len(body) > most * size:
        _refuse(tag, f"expected 1 to {most} entries of {size} bytes" if most > 1 else f"expected {size} bytes")
    found = []
    for start in range(0, len(body), size):
        entry = tuple(int.from_bytes(body[i : i + _WORD], "big") for i in range(start, start + size, _WORD))
        if any(value >> width for value, width in zip(entry, bits)):
            _refuse(tag, "an integer is larger than its field")
        found.append(entry)
    return found


def _address(word: int) -> str:
    return str(to_checksum_address(word.to_bytes(20, "big")))


def _hash(word: int) -> bytes:
    return word.to_bytes(_WORD, "big")


def _dataset(entry: tuple[int, ...]) -> BundleDataset:
    dataset, version, policy_version, owner, name, log_rows, rows, columns, kinds, schema, relation = entry
    if columns == 0 or kinds >> columns:
        _refuse(_DATASETS, "kinds of columns that do not exist")
    return BundleDataset(
        dataset, version, policy_version, _address(owner), _hash(name), log_rows, rows, columns, kinds, _hash(schema),
        _hash(relation),
    )  # fmt: skip


def _take(tag: int, body: bytes, at: int, length_bytes: int, unit: int) -> tuple[bytes, int]:
    """A counted part of a body and where the next begins; the count is checked before anything is cut."""
    start = at + length_bytes
    size = int.from_bytes(body[at:start], "big") * unit
    if start > len(body) or size > len(body) - start:
        _refuse(tag, "cut short")
    return body[start : start + size], start + size


def _registrations(body: bytes, count: int) -> tuple[BundleRegistration, ...]:
    at, found = 0, []
    for _ in range(count):
        statement, at = _take(_REGISTRATIONS, body, at, _WORD, _WORD)
        proof, at = _take(_REGISTRATIONS, body, at, _WORD, _WORD)
        if not statement or not proof:
            _refuse(_REGISTRATIONS, "an empty statement or proof")
        found.append(BundleRegistration(statement, proof))
    if at != len(body):
        _refuse(_REGISTRATIONS, "not exactly one for each dataset")
    return tuple(found)


def _schemas(body: bytes, count: int) -> tuple[bytes, ...]:
    at, found = 0, []
    for _ in range(count):
        schema, at = _take(_SCHEMAS, body, at, 4, 1)
        if len(schema) > MAX_SCHEMA_BYTES:
            _refuse(_SCHEMAS, f"longer than {MAX_SCHEMA_BYTES} bytes")
        found.append(schema)
    if at != len(body) or not any(found):
        _refuse(_SCHEMAS, "not exactly one text for each dataset, one of them not empty")
    return tuple(found)


def _question(body: bytes) -> BundleQuestion:
    if not _WORD < len(body) <= _WORD + MAX_SQL_BYTES:
        _refuse(_QUESTION, f"expected a salt and 1 to {MAX_SQL_BYTES} bytes of SQL")
    try:
        return BundleQuestion(body[:_WORD], body[_WORD:].decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BundleNotCanonicalError("question", "not UTF-8") from error


def _tables(entries: Sequence[tuple[int, ...]]) -> tuple[TableProof, ...]:
    if any(later[:2] <= earlier[:2] for earlier, later in pairwise(entries)):
        _refuse(_TABLES, "not in strictly increasing order of size")
    return tuple(
        TableProof(e[0], e[1], (e[2], e[3]), e[4], ((e[5], e[6]), (e[7], e[8]), (e[9], e[10]), (e[11], e[12])))
        for e in entries
    )


def _openings(entries: Sequence[tuple[int, ...]]) -> tuple[BundleOpening, ...]:
    rows = [entry[0] for entry in entries]
    if any(later <= earlier for earlier, later in pairwise(rows)):
        _refuse(_OPENINGS, "rows are not strictly increasing")
    return tuple(BundleOpening(row, value, (x, y)) for row, value, x, y in entries)
