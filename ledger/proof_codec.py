"""Proofs and statements in the form the contracts take them. Public data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from zk.decoding import decode_relation
from zk.encoding import encode_relation
from zk.errors import ProofRejectedError
from zk.proof import Proof, decode_proof, inverse_hint
from zk.relation import Relation
from zk.statement import Point, Statement, flatten
from zk.transcript import encode_words

WORD_BYTES: Final = 32
PROOF_ARGUMENTS: Final = (  # names of `publish`
    "round1",
    "round2",
    "accumulator",
    "quotient",
    "evaluations",
    "opening",
    "last",
    "hint",
)


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
    """A proof as arguments: the words of docs/protocol.md §4 cut where the transcript absorbs them, and the hint."""

    round1: bytes
    round2: bytes
    accumulator: Point
    quotient: Point
    evaluations: bytes
    opening: bytes
    final: Point
    hint: int

    def arguments(self) -> tuple[Any, ...]:
        """In the order the contracts take them."""
        points = (self.accumulator, self.quotient)
        return (self.round1, self.round2, *points, self.evaluations, self.opening, self.final, self.hint)


def encode_contract_proof(statement: Statement, proof: Proof, table: Point | None = None) -> ContractProof:
    """Cut a proof for the contract, and add range table and inverse hint.

    Args:
        table: [T] as the ledger has it, if the relation has lookups.

    Raises:
        ProofRejectedError: the proof has no hint: a challenge hit the domain, or its release word is not one.
        NonCanonicalEncodingError: a word does not fit 256 bits.
    """
    shown = proof.constants if statement.relation.plain else (proof.release, *proof.rows)
    return ContractProof(
        round1=encode_words(flatten([*proof.round1, *proof.sealed])),
        round2=encode_words(flatten([*proof.round2, *([] if table is None else [table])])),
        accumulator=proof.accumulator,
        quotient=proof.quotient,
        evaluations=encode_words([*proof.values, proof.shifted_value]),
        opening=encode_words([*shown, *proof.opening]),
        final=proof.final,
        hint=inverse_hint(statement, proof),
    )


def decode_contract_proof(relation: Relation, arguments: Sequence[Any]) -> Proof:
    """Read the proof back out of a transaction's arguments; [T] behind round 2 is the contract's affair.

    Args:
        arguments: as `ContractProof.arguments` gives them.

    Raises:
        ProofRejectedError: the lengths do not fit the relation.
    """
    round1, round2, accumulator, quotient, evaluations, opening, final, _ = arguments
    shown = WORD_BYTES * relation.sum_rows if relation.plain else 0
    table = 2 * WORD_BYTES * relation.multiplicities
    if len(round2) < table:
        raise ProofRejectedError("length")
    points = encode_words([*accumulator, *quotient])
    words = (opening[:shown], round1, round2[: len(round2) - table], points, evaluations, opening[shown:], encode_words(final))
    return decode_proof(relation, b"".join(words))
