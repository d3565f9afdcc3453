"""Identifiers the contracts and every party compute alike (docs/protocol.md §1): SHA-256 over labelled words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from zk.proof import Proof, replay
from zk.relation import ColumnKind
from zk.statement import Point, Statement
from zk.transcript import encode_words, hash_words

REGISTRATION_LABEL: Final = "tallystick.registration.v1"
QUERY_LABEL: Final = "tallystick.query.v1"
BINDING_LABEL: Final = "tallystick.binding.v1"


def address_word(address: str) -> int:
    """An account's or contract's address as an integer below 2^160."""
    return int(address, 16)


def dataset_id(owner: str, name_hash: bytes) -> int:
    """Id of the dataset an owner keeps under a name: 128 bits of SHA-256(owner ‖ name hash)."""
    digest = hashlib.sha256(encode_words([address_word(owner)]) + name_hash).digest()
    return int.from_bytes(digest[:16], "big")


def kinds_word(kinds: Sequence[ColumnKind]) -> int:
    """Kinds of a dataset's columns, one bit a column."""
    return sum(int(kind) << j for j, kind in enumerate(kinds))


def registration_id(
    owner: str, dataset: int, version: int, log_rows: int, rows: int, schema_hash: bytes, kinds: Sequence[ColumnKind]
) -> bytes:
    """Subject of a registration's proof: everything registered but the policy."""
    schema = int.from_bytes(schema_hash, "big")
    words = [address_word(owner), dataset, version, log_rows, rows, schema, kinds_word(kinds)]
    return hash_words(REGISTRATION_LABEL, words)


def query_id(chain_id: int, contract: str, proposer: str, nonce: int, relation_hash: bytes) -> bytes:
    """Id of a query, and subject of its proof."""
    relation = int.from_bytes(relation_hash, "big")
    return hash_words(QUERY_LABEL, [chain_id, address_word(contract), address_word(proposer), nonce, relation])


def binding_hash(statement_hash: bytes, terms: int, table: Point | None = None) -> bytes:
    """What the ledger keeps of an open query; of this and of `record_hash` it stores the first 31 bytes.

    Args:
        terms: smallest guard (bits 0 to 63), and above it where the ledger sees that no dataset changed.
        table: [T] as the ledger has it, if the relation has lookups.
    """
    return hash_words(BINDING_LABEL, [int.from_bytes(statement_hash, "big"), terms, *(table or (0, 0))])


def record_hash(statement: Statement, proof: Proof) -> bytes:
    """What the ledger keeps of a publication: the digest of the proof's transcript, which binds the query, its
    statement, [s], the release word and the opened rows.

    Raises:
        ProofRejectedError: the proof does not fit the relation.
    """
    return replay(statement, proof).record_digest
