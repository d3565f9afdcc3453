"""Fiat–Shamir transcript over SHA-256, in the form the EVM contract recomputes word for word.

Everything is a sequence of 32-byte big-endian words. ``absorb`` replaces the state by

    SHA-256( state ‖ label ‖ number of words ‖ words )

and ``challenge`` reads SHA-256( state ‖ label ‖ counter ) mod r without changing the state, so that two challenges
from one state differ by their label. Labels are ASCII, at most 32 bytes, padded with zero bytes on the right.
SHA-256 and not Keccak: on some consortium chains the KECCAK opcode computes SM3 (docs/protocol.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from zk.errors import NonCanonicalEncodingError

FR_MODULUS: Final = 21888242871839275222246405745257275088548364400416034343698204186575808495617
PROTOCOL_LABEL: Final = "tallystick.proof.v1"


def encode_label(label: str) -> bytes:
    """Return a transcript label as its 32-byte word.

    Raises:
        NonCanonicalEncodingError: the label is empty, not ASCII or longer than 32 bytes.
    """
    raw = label.encode("ascii", errors="replace")
    if not raw or len(raw) > 32 or b"?" in raw:
        raise NonCanonicalEncodingError(f"transcript label {label!r} must be 1 to 32 ASCII bytes")
    return raw.ljust(32, b"\0")


def encode_words(words: Iterable[int]) -> bytes:
    """Concatenate unsigned integers below 2^256 as 32-byte big-endian words.

    Raises:
        NonCanonicalEncodingError: a word does not fit.
    """
    try:
        return b"".join(int(word).to_bytes(32, "big") for word in words)
    except OverflowError as error:
        raise NonCanonicalEncodingError("a transcript word must lie in [0, 2^256)") from error


def hash_words(label: str, words: Iterable[int]) -> bytes:
    """SHA-256 of a labelled word sequence: ``label ‖ count ‖ words``. Used for every identifier of the protocol."""
    data = encode_words(words)
    return hashlib.sha256(encode_label(label) + (len(data) // 32).to_bytes(32, "big") + data).digest()


def proof_domain(chain_id: int, contract: int, srs_id: bytes) -> bytes:
    """Hash that ties every proof to one chain, one contract and one structured reference string.

    Args:
        chain_id: EIP-155 chain id.
        contract: address of the verifying contract as an integer below 2^160.
        srs_id: 32 bytes, ``Srs.id``.
    """
    return hash_words("tallystick.domain.v1", [chain_id, contract, int.from_bytes(srs_id, "big")])


class Transcript:
    """The running hash of one proof. Public data only.

    Args:
        domain: 32 bytes from `proof_domain`.
        subject: query or registration id, 32 bytes.
        statement: 32 bytes, hash of relation, commitments and rows.
        constants: canonical scalars of the statement (sums that stand in it), usually empty.
    """

    __slots__ = ("_state",)

    def __init__(self, domain: bytes, subject: bytes, statement: bytes, constants: Iterable[int] = ()) -> None:
        self._state = encode_label(PROTOCOL_LABEL)
        head = [int.from_bytes(part, "big") for part in (domain, subject, statement)]
        self.absorb("statement", [*head, *constants])

    def fork(self) -> Transcript:
        """Return an independent transcript in the same state."""
        copy = object.__new__(Transcript)
        copy._state = self._state
        return copy

    @property
    def digest(self) -> bytes:
        """The 32-byte state, compared between contributors before anything is opened."""
        return self._state

    def absorb(self, label: str, words: Iterable[int]) -> None:
        """Bind words into the state; see the module text for the exact hash input."""
        data = encode_words(words)
        count = (len(data) // 32).to_bytes(32, "big")
        self._state = hashlib.sha256(self._state + encode_label(label) + count + data).digest()

    def challenge(self, label: str, counter: int = 0) -> int:
        """Return a challenge in [0, r). 2^256 mod r makes some values 6/5 as likely as others; the soundness bound
        in docs/protocol.md counts every challenge with that factor."""
        block = self._state + encode_label(label) + counter.to_bytes(32, "big")
        return int.from_bytes(hashlib.sha256(block).digest(), "big") % FR_MODULUS
