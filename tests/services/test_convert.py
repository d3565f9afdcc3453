"""Statements and arrays keep their meaning on the wire, and nothing malformed comes in."""

from __future__ import annotations

import pytest
from samples import masked_sum_sample, two_tables_sample

from proto.v1 import common_pb2
from services.convert import ArrayAssembler, array_chunks, statement_from, statement_message
from services.errors import RequestInvalidError
from services.transport import CHUNK_BYTES
from zk.errors import NonCanonicalEncodingError, RelationInvalidError
from zk.field import FR

SAMPLE = two_tables_sample(4)


def test_statement_travels_unchanged_and_a_changed_one_is_refused() -> None:
    for given in (SAMPLE.statement, masked_sum_sample().statement):
        assert statement_from(statement_message(given)) == given
    message = statement_message(SAMPLE.statement)
    changes: list[tuple[str, bytes, type[Exception]]] = [
        ("relation", message.relation[:-32], RelationInvalidError),
        ("relation", message.relation + bytes(32), RelationInvalidError),
        ("relation", message.relation[:-1], RequestInvalidError),
        ("domain", b"", NonCanonicalEncodingError),
        ("commitments", message.commitments[:-64], RequestInvalidError),
        ("commitments", bytes(64) + message.commitments[64:], RequestInvalidError),
    ]
    for field, value, error in changes:
        changed = common_pb2.Statement()
        changed.CopyFrom(message)
        setattr(changed, field, value)
        with pytest.raises(error):
            statement_from(changed)


def test_long_arrays_are_cut_and_put_together() -> None:
    long, short = FR.random(2 * CHUNK_BYTES // 32 + 7), FR.random(3)
    chunks = list(array_chunks({(1, 0): long, (2, 1): short}))
    assert len(chunks) == 4
    assert max(len(chunk.data) for chunk in chunks) <= CHUNK_BYTES
    arrays = ArrayAssembler({(1, 0): len(long), (2, 1): 3}).add_all(chunks)
    assert (arrays[1, 0] == long).all()
    assert (arrays[2, 1] == short).all()
    with pytest.raises(RequestInvalidError):
        ArrayAssembler({(1, 0): len(long), (2, 1): 3}).add_all(chunks[:-1])
    with pytest.raises(RequestInvalidError):
        ArrayAssembler({(1, 0): len(long)}).add_all(chunks)
