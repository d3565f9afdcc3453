"""Proofs and statements in the form the contracts take them. Public data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from zk.decoding import decode_relation
from zk.encoding import encode_relation
from zk.errors import ProofRejectedError
from zk.proof import Proof, decode_proof, encode_proof, inverse_hint
from zk.relation import Relation
from zk.statement import Point, Statement, flatten
from zk.transcript import encode_words

WORD_BYTES: Final = 32
PROOF_ARGUMENTS: Final = ("last", "hint", "proof")  # names of `publish` and `register`


def encode_statement(relation: Relation, commitments: Sequence[Point]) -> bytes:
    """Relation words followed by the commitments of the registered columns; its SHA-256 is the statement hash.

    Raises:
        RelationInvalidError: the relation does not fit the limits of its encoding.
        NonCanonicalEncodingError: a coordinate does not fit a word.
    """
    return encode_words([*encode_relation(relation), *flatten(commitments)])


def decode_statement(encoded: bytes) -> tuple[Relation, tuple[Point, ...]]:
    """Inverse of `encode_statement`; points are not checked.

    Raises:
        RelationInvalidError: the bytes are not a canonical relation and its commitments.
    """
    words = [int.from_bytes(encoded[i : i + WORD_BYTES], "big") for i in range(0, len(encoded), WORD_BYTES)]
    registered = words[0] >> 32 & 0xFFFF if words else 0
    split = max(len(words) - 2 * registered, 0)
    relation = decode_relation(words[:split] if len(encoded) % WORD_BYTES == 0 else [])
    return relation, tuple(zip(words[split::2], words[split + 1 :: 2]))


@dataclass(frozen=True, slots=True)
class ContractProof:
    """A proof as arguments. Public.

    Args:
        final: [V].
        hint: inverse of everything the contract divides by.
        proof: the canonical bytes up to [V], then [T] if there are lookups.
    """

    final: Point
    hint: int
    proof: bytes

    def arguments(self) -> tuple[Any, ...]:
        """In the order the contracts take them."""
        return self.final, self.hint, self.proof


def encode_contract_proof(statement: Statement, proof: Proof) -> ContractProof:
    """A proof as the contract takes it.

    Raises:
        ProofRejectedError: the proof has no hint: a challenge hit the domain, or its release word is not one.
        NonCanonicalEncodingError: a word does not fit 256 bits.
    """
    words = encode_proof(proof)[: -2 * WORD_BYTES] + encode_words(statement.table or ())
    return ContractProof(proof.final, inverse_hint(statement, proof), words)


def decode_contract_proof(relation: Relation, arguments: Sequence[Any]) -> Proof:
    """Read the proof back out of a transaction's arguments; [T] behind it is read by `decode_contract_table`.

    Args:
        arguments: as `ContractProof.arguments` gives them.

    Raises:
        ProofRejectedError: the length does not fit the relation.
    """
    final, _, proof = arguments
    table = 2 * WORD_BYTES * relation.multiplicities
    if len(proof) < table:
        raise ProofRejectedError("length")
    return decode_proof(relation, proof[: len(proof) - table] + encode_words(final))


def decode_contract_table(relation: Relation, arguments: Sequence[Any]) -> Point | None:
    """[T] behind a proof in a transaction's arguments, None without lookups. It is not checked.

    Raises:
        ProofRejectedError: the length does not fit the relation.
    """
    encoded = bytes(arguments[2])
    if not relation.lookups:
        return None
    if len(encoded) < 2 * WORD_BYTES:
        raise ProofRejectedError("length")
    x, y = encoded[-2 * WORD_BYTES : -WORD_BYTES], encoded[-WORD_BYTES:]
    return int.from_bytes(x, "big"), int.from_bytes(y, "big")
