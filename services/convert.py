"""Statements and arrays between protobuf and the types of `zk`. Everything that comes in is checked here.

Field elements travel as 32 canonical bytes and points as 64 (proto/v1/common.proto); arrays longer than a piece are
cut by `array_chunks` and put together by `ArrayAssembler`, which knows beforehand what must come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from proto.v1 import common_pb2
from query.publication import Publication
from services.errors import RequestInvalidError
from services.transport import CHUNK_BYTES
from zk.curve import decode_points, encode_points, points_from_bytes, points_to_bytes
from zk.decoding import decode_relation
from zk.encoding import encode_relation
from zk.field import FR, Words
from zk.statement import RELEASED, Point, Statement
from zk.transcript import encode_words

WORD_BYTES: Final = 32
POINT_BYTES: Final = 64
RELEASE_BYTES: Final = 32

ArrayKey = tuple[int, int]
"""Column or number of a streamed array, and its component."""


def encode_elements(elements: Words) -> bytes:
    """Return the wire form of (n, 4) field elements."""
    return FR.encode_bytes(elements)


def decode_elements(field: str, data: bytes, count: int | None = None) -> Words:
    """Return (n, 4) field elements.

    Args:
        field: public name, for the error.
        data: untrusted.
        count: how many there must be; None for any number.

    Raises:
        RequestInvalidError: another number of bytes.
        NonCanonicalEncodingError: an element is not canonical.
    """
    if len(data) % WORD_BYTES or (count is not None and len(data) != count * WORD_BYTES):
        wanted = "a multiple of 32" if count is None else str(count * WORD_BYTES)
        raise RequestInvalidError(field, f"expected {wanted} bytes, got {len(data)}")
    return FR.decode_bytes(data)


def encode_scalars(values: Sequence[int]) -> bytes:
    """Return the wire form of integers, reduced modulo r."""
    return FR.encode_bytes(FR.from_integers(values))


def decode_scalars(field: str, data: bytes, count: int | None = None) -> list[int]:
    """Return canonical integers; raises as `decode_elements`."""
    return FR.to_integers(decode_elements(field, data, count))


def decode_points_array(field: str, data: bytes, count: int | None = None) -> Words:
    """Return an (n, 8) array of points.

    Raises:
        RequestInvalidError: another number of bytes.
        NonCanonicalEncodingError, PointNotOnCurveError: a point is not acceptable.
    """
    if len(data) % POINT_BYTES or (count is not None and len(data) != count * POINT_BYTES):
        wanted = "a multiple of 64" if count is None else str(count * POINT_BYTES)
        raise RequestInvalidError(field, f"expected {wanted} bytes, got {len(data)}")
    return points_from_bytes(data)


def encode_affine(points: Sequence[Point]) -> bytes:
    """Return the wire form of affine points."""
    return points_to_bytes(encode_points(list(points)))


def decode_affine(field: str, data: bytes, count: int | None = None) -> tuple[Point, ...]:
    """Return affine points, none of them infinity; raises as `decode_points_array`."""
    found = decode_points(decode_points_array(field, data, count))
    points = tuple(point for point in found if point is not None)
    if len(points) != len(found):
        raise RequestInvalidError(field, "a point is the point at infinity")
    return points


def encode_release(release: int) -> bytes:
    """Return the wire form of a release word.

    Raises:
        RequestInvalidError: it does not fit 256 bits.
    """
    if not 0 <= release < 1 << 8 * RELEASE_BYTES:
        raise RequestInvalidError("release", "expected a word below 2^256")
    return release.to_bytes(RELEASE_BYTES, "big")


_PUBLICATIONS: Final = {
    Publication.AGENCY: common_pb2.PUBLICATION_AGENCY,
    Publication.COUNTS: common_pb2.PUBLICATION_COUNTS,
    Publication.PUBLIC: common_pb2.PUBLICATION_PUBLIC,
}


def publication_message(publication: Publication) -> common_pb2.Publication.ValueType:
    """Who sees the numbers, as a message says it."""
    return _PUBLICATIONS[publication]


def checked_publication(value: int) -> Publication:
    """Return who sees the numbers.

    Raises:
        RequestInvalidError: a choice this release does not know.
    """
    for publication, number in _PUBLICATIONS.items():
        if number == value:
            return publication
    raise RequestInvalidError("publication", f"unknown publication {value}")


def decode_release(data: bytes) -> int:
    """Return a release word; raises RequestInvalidError on another length."""
    if len(data) != RELEASE_BYTES:
        raise RequestInvalidError("release", f"expected {RELEASE_BYTES} bytes, got {len(data)}")
    return int.from_bytes(data, "big")


def released_rows(release: int) -> tuple[int, ...]:
    """Return the rows of s that a release word releases, increasing."""
    released = release & RELEASED
    return tuple(row for row in range(released.bit_length()) if released >> row & 1)


def statement_message(statement: Statement) -> common_pb2.Statement:
    """Return a statement's message."""
    return common_pb2.Statement(
        relation=encode_words(encode_relation(statement.relation)),
        domain=statement.domain,
        subject=statement.subject,
        commitments=encode_affine([*statement.commitments, *([] if statement.table is None else [statement.table])]),
        minimum=statement.minimum or 0,
    )


def statement_from(message: common_pb2.Statement) -> Statement:
    """Return the statement in a message.

    Raises:
        RequestInvalidError: a field of another length, or another number of commitments than the relation's.
        RelationInvalidError: the relation is not canonical.
        NonCanonicalEncodingError, PointNotOnCurveError: a word or commitment is not acceptable.
    """
    if len(message.relation) % WORD_BYTES:
        raise RequestInvalidError("statement.relation", "expected a whole number of 32-byte words")
    words = [int.from_bytes(message.relation[i : i + 32], "big") for i in range(0, len(message.relation), 32)]
    relation = decode_relation(words)
    points = decode_affine("statement.commitments", message.commitments)
    registered = len(relation.registered)
    if len(points) != registered + relation.multiplicities:
        raise RequestInvalidError("statement.commitments", "expected one for each registered column, and the table's")
    table = points[registered] if relation.lookups else None
    return Statement(relation, message.domain, message.subject, points[:registered], table, message.minimum or None)


def array_chunks(arrays: Mapping[ArrayKey, Words]) -> Iterator[common_pb2.ArrayChunk]:
    """Cut arrays of field elements into pieces of at most 1 MiB."""
    step = CHUNK_BYTES // WORD_BYTES
    for (column, component), elements in arrays.items():
        for start in range(0, max(len(elements), 1), step):
            data = FR.encode_bytes(elements[start : start + step])
            last = start + step >= len(elements)
            yield common_pb2.ArrayChunk(column=column, component=component, data=data, last=last)


class ArrayAssembler:
    """Puts streamed arrays together. What must come is fixed beforehand, so that memory is bounded.

    Args:
        lengths: number of elements of every array that must come.
    """

    def __init__(self, lengths: Mapping[ArrayKey, int]) -> None:
        self._arrays = {key: FR.zeros(length) for key, length in lengths.items()}
        self._filled = dict.fromkeys(lengths, 0)
        self._done: set[ArrayKey] = set()

    def add(self, chunk: common_pb2.ArrayChunk) -> None:
        """Take the next piece.

        Raises:
            RequestInvalidError: of an array that is not expected or complete, too long, or marked last too early.
            NonCanonicalEncodingError: an element is not canonical.
        """
        key = (chunk.column, chunk.component)
        array = self._arrays.get(key)
        if array is None or key in self._done:
            raise RequestInvalidError("chunk", f"column {chunk.column}, component {chunk.component} is not expected")
        elements = decode_elements("chunk", chunk.data)
        start, end = self._filled[key], self._filled[key] + len(elements)
        if end > len(array) or chunk.last != (end == len(array)):
            raise RequestInvalidError("chunk", f"column {chunk.column} has {len(array)} elements, not {end}")
        array[start:end] = elements
        self._filled[key] = end
        if chunk.last:
            self._done.add(key)

    def add_all(self, chunks: Iterable[common_pb2.ArrayChunk]) -> dict[ArrayKey, Words]:
        """Take every piece and return the arrays; raises as `add` and `finish`."""
        for chunk in chunks:
            self.add(chunk)
        return self.finish()

    def finish(self) -> dict[ArrayKey, Words]:
        """Return the arrays.

        Raises:
            RequestInvalidError: one is incomplete.
        """
        missing = self._arrays.keys() - self._done
        if missing:
            raise RequestInvalidError("chunk", f"column {min(missing)[0]} is incomplete")
        return self._arrays
