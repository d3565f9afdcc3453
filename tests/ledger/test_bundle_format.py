"""docs/audit-bundle.md is enough: identifiers and openings of a bundle from its bytes alone, by hashlib and py_ecc."""

from __future__ import annotations

import hashlib

import pytest
from bundle_bytes import (
    CHAIN,
    DATASETS,
    OPENINGS,
    PROOF,
    PUBLICATION,
    QUERY,
    QUESTION,
    REGISTRATIONS,
    SCHEMAS,
    STATEMENT,
    STRING,
    TABLES,
    sample,
    split,
)
from py_ecc.optimized_bn128 import FQ, FQ2, G1, G2, add, curve_order, multiply, neg, pairing

NAMES = ["v1-alone", "v1-join", "v1-filter", "v1-groups"]


def words(body: bytes) -> list[bytes]:
    return [body[i : i + 32] for i in range(0, len(body), 32)]


def number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def labelled(label: bytes, parts: list[bytes]) -> bytes:
    return hashlib.sha256(label.ljust(32, b"\0") + len(parts).to_bytes(32, "big") + b"".join(parts)).digest()


class Reader:
    """A bundle as §2 says, and the places in relation and proof that §3 needs."""

    def __init__(self, name: str) -> None:
        encoded = sample(name)
        assert encoded[:12] == b"TALLYBND\x00\x01" + len(split(encoded)).to_bytes(2, "big")
        assert hashlib.sha256(encoded[:-32]).digest() == encoded[-32:]
        self.body = dict(split(encoded))
        statement = words(self.body[STATEMENT])
        self.header = [number(statement[0]) >> 16 * k & 0xFFFF for k in range(16)]
        _, self.log_rows, registered, witnesses, second, opened = self.header[:6]
        lookups = self.header[13]
        self.relation = b"".join(statement[: len(statement) - 2 * registered])
        self.first_round = witnesses + (1 if lookups else 0)
        self.release_at = 2 * (self.first_round + 1 + second + 2) + opened + 1
        self.proof = words(self.body[PROOF])
        self.sums = self.proof[2 * self.first_round : 2 * self.first_round + 2]
        self.round2_words = 2 * second
        self.table: list[bytes] = []
        for at in range(0, len(words(self.body.get(TABLES, b""))) if lookups else 0, 13):
            entry = words(self.body[TABLES])[at : at + 13]
            if [number(entry[0]), number(entry[1])] == [self.log_rows, self.header[11]]:
                self.table = entry[2:4]

    def record(self, stated: list[bytes]) -> bytes:
        """The transcript of docs/protocol.md §2 up to round 6."""
        second = 2 * self.first_round + 2
        accumulator = second + self.round2_words
        parts = {
            b"statement": [*stated, *self.table],
            b"round1": self.proof[:second],
            b"round2": self.proof[second:accumulator],
            b"accumulator": self.proof[accumulator : accumulator + 2],
            b"quotient": self.proof[accumulator + 2 : accumulator + 4],
            b"evaluations": self.proof[accumulator + 4 : self.release_at],
            b"opening": self.proof[self.release_at : -2],
        }
        state = b"tallystick.proof.v1".ljust(32, b"\0")
        for label, absorbed in parts.items():
            count = len(absorbed).to_bytes(32, "big")
            state = hashlib.sha256(state + label.ljust(32, b"\0") + count + b"".join(absorbed)).digest()
        return state


@pytest.mark.parametrize("name", NAMES)
def test_every_identifier_follows_from_the_text(name: str) -> None:
    found = Reader(name)
    chain_id, studies, _ = words(found.body[CHAIN])
    query_id, proposer, nonce, _, sql_hash, _ = words(found.body[QUERY])
    relation_hash = hashlib.sha256(found.relation).digest()
    assert labelled(b"tallystick.query.v1", [chain_id, studies, proposer, nonce, relation_hash]) == query_id
    statement_hash = hashlib.sha256(found.body[STATEMENT]).digest()
    domain = labelled(b"tallystick.domain.v1", [chain_id, studies, words(found.body[STRING])[0]])
    assert found.record([domain, query_id, statement_hash]) == found.body[PUBLICATION][:32]
    salt, sql = found.body[QUESTION][:32], found.body[QUESTION][32:]
    assert hashlib.sha256(b"tallystick.sql.v1" + salt + sql).digest() == sql_hash


@pytest.mark.parametrize("name", NAMES)
def test_every_dataset_follows_from_the_text(name: str) -> None:
    found = Reader(name)
    entries, schemas, registrations = words(found.body[DATASETS]), found.body[SCHEMAS], found.body[REGISTRATIONS]
    for place in range(0, len(entries), 11):
        dataset, _, _, owner, name_hash, log_rows, _, columns, _, schema_hash, relation_hash = entries[place:][:11]
        assert hashlib.sha256(owner + name_hash).digest()[:16] == dataset[16:]
        assert number(log_rows) == found.log_rows
        size = number(schemas[:4])
        assert hashlib.sha256(schemas[4 : 4 + size]).digest() == schema_hash
        schemas = schemas[4 + size :]
        statement_end = 32 + 32 * number(registrations[:32])
        relation = registrations[32 : statement_end - 64 * number(columns)]
        assert hashlib.sha256(relation).digest() == relation_hash
        registrations = registrations[statement_end:]
        registrations = registrations[32 + 32 * number(registrations[:32]) :]
    assert (schemas, registrations) == (b"", b"")


def test_a_released_value_follows_from_the_text() -> None:
    found = Reader("v1-alone")
    _, x0, x1, y0, y1 = map(number, words(found.body[STRING]))
    tau = (FQ2([x0, x1]), FQ2([y0, y1]), FQ2.one())
    sums = (FQ(number(found.sums[0])), FQ(number(found.sums[1])), FQ.one())
    row, value, x, y = map(number, words(found.body[OPENINGS])[4:8])
    point = (FQ(x), FQ(y), FQ.one())
    omega = pow(5, (curve_order - 1) >> found.log_rows, curve_order)
    for claimed, holds in ((value, True), (value + 1, False)):
        left = add(add(sums, neg(multiply(G1, claimed))), multiply(point, pow(omega, row, curve_order)))
        assert (pairing(G2, left) == pairing(tau, point)) is holds
