"""Mutated proofs, statements and relations: none is accepted, and nothing but a typed refusal comes out.

The inverse a contract wants beside a proof is recomputed for every mutation, as an attacker would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from random import Random

import pytest
from relations import ALL_KINDS
from samples import DOMAIN, SUBJECT, R, Sample, masked_sum_sample, release_word

from zk.decoding import decode_relation
from zk.encoding import encode_relation
from zk.errors import NonCanonicalEncodingError, ProofRejectedError, RelationInvalidError
from zk.field import FQ
from zk.proof import Proof, decode_proof, encode_proof, inverse_hint
from zk.statement import Statement
from zk.verifier import verify_proof

P = FQ.modulus
REFUSALS = (ProofRejectedError, RelationInvalidError, NonCanonicalEncodingError)
SAMPLES: dict[str, Callable[[], Sample]] = {"masked sum": masked_sum_sample, **ALL_KINDS}
QUICK, THOROUGH = 600, 12_000
"""Random mutations of each kind of relation; thorough ones are at least 100,000 together."""


class Target:
    """A statement with two proofs of it, and what an attacker may send in their place."""

    def __init__(self, kind: str) -> None:
        self.sample = SAMPLES[kind]()
        rows = (1 << self.sample.relation.sum_rows) - 1
        word = 0 if self.sample.relation.plain else release_word(rows, rows & 0b10)
        self.first, self.second = (encode_proof(self.sample.prove(word)) for _ in range(2))
        self.words = encode_relation(self.sample.relation)
        self.table = self.sample.table
        for encoded in (self.first, self.second):
            assert self.accepts(encoded, self.sample.statement)

    def accepts(self, encoded: bytes, statement: Statement) -> bool:
        """Whether bytes are accepted as a proof of a statement; anything but a typed refusal is raised."""
        try:
            proof = decode_proof(statement.relation, encoded)
            inverse_hint(statement, proof)
            verify_proof(self.sample.srs.tau_g2, statement, proof)
        except REFUSALS:
            return False
        return True

    def accepts_relation(self, words: list[int], commitments: tuple[tuple[int, int], ...]) -> bool:
        """Whether the first proof is accepted of a relation given by its words."""
        try:
            statement = Statement(decode_relation(words), DOMAIN, SUBJECT, commitments, self.table)
        except REFUSALS:
            return False
        return self.accepts(self.first, statement)


@lru_cache(maxsize=16)
def target(kind: str) -> Target:
    return Target(kind)


def words_of(encoded: bytes) -> list[int]:
    return [int.from_bytes(encoded[i : i + 32], "big") for i in range(0, len(encoded), 32)]


def bytes_of(words: list[int]) -> bytes:
    return b"".join((word % (1 << 256)).to_bytes(32, "big") for word in words)


# --- mutations of bytes --------------------------------------------------------------------------------------------


def changed_bytes(rng: Random, first: bytes, _: bytes) -> bytes:
    out = bytearray(first)
    for _ in range(rng.choice((1, 1, 2, 5, 40))):
        out[rng.randrange(len(out))] ^= rng.randrange(1, 256)
    return bytes(out)


def low_bytes(rng: Random, first: bytes, _: bytes) -> bytes:
    """Of a scalar or a coordinate, so that it stays canonical."""
    out = bytearray(first)
    out[32 * rng.randrange(len(out) // 32) + rng.randrange(16, 32)] ^= rng.randrange(1, 256)
    return bytes(out)


def changed_word(rng: Random, first: bytes, _: bytes) -> bytes:
    words = words_of(first)
    place = rng.randrange(len(words))
    old = words[place]
    words[place] = rng.choice((
        0, 1, R - 1, R, P, P - 1, 1 << 255, (1 << 256) - 1, old + 1, old - 1, old + R, old + P, P - old, R - old,
        rng.randrange(R), rng.randrange(P), rng.randrange(1 << 256), old * 2 % R, rng.choice(words),
        1 << rng.randrange(256),
    ))
    return bytes_of(words)


def other_point(rng: Random, first: bytes, _: bytes) -> bytes:
    """Two neighbouring words become a point of the curve: infinity, the generator, a negative, one of the proof's."""
    words = words_of(first)
    place = rng.randrange(len(words) - 1)
    x, y = words[place], words[place + 1]
    at = rng.randrange(len(words) - 1)
    words[place : place + 2] = rng.choice(([0, 0], [1, 2], [x, P - y], [y, x], [1, P - 2], words[at : at + 2]))
    return bytes_of(words)


def moved_words(rng: Random, first: bytes, _: bytes) -> bytes:
    words = words_of(first)
    a, b = sorted(rng.sample(range(len(words) + 1), 2))
    piece = words[a:b]
    rest = words[:a] + words[b:]
    at = rng.randrange(len(rest) + 1)
    return bytes_of(rng.choice((rest[:at] + piece + rest[at:], words[:a] + piece[::-1] + words[b:])))


def cut_or_grown(rng: Random, first: bytes, second: bytes) -> bytes:
    words = words_of(first)
    at = rng.randrange(len(words))
    return rng.choice((
        first[: rng.randrange(len(first))], first + bytes(rng.choice((1, 32, 64))), first + second, first[32:],
        bytes_of(words[:at] + words[at + 1 :]), bytes_of([*words[:at], words[at], *words[at:]]), b"",
    ))


def crossed(rng: Random, first: bytes, second: bytes) -> bytes:
    """Words of two proofs of the same statement."""
    ours, theirs = words_of(first), words_of(second)
    a, b = sorted(rng.sample(range(len(ours) + 1), 2))
    if rng.random() < 0.5:
        return bytes_of(ours[:a] + theirs[a:b] + ours[b:])
    return bytes_of([rng.choice(pair) for pair in zip(ours, theirs)])


MUTATIONS = [
    changed_bytes, low_bytes, low_bytes, changed_word, changed_word, other_point, moved_words, cut_or_grown, crossed,
]


def mutated_proofs(kind: str, rng: Random, count: int) -> Iterator[bytes]:
    given = target(kind)
    for _ in range(count):
        encoded = rng.choice(MUTATIONS)(rng, given.first, given.second)
        if encoded not in (given.first, given.second):
            yield encoded


# --- mutations of statements ---------------------------------------------------------------------------------------


def mutated_relation(rng: Random, words: list[int]) -> list[int]:
    found = list(words)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        place = rng.choice((0, rng.randrange(len(found))))
        kind = rng.randrange(7)
        if kind < 3:
            found[place] ^= 1 << rng.randrange(256)
        elif kind == 3:
            field = rng.randrange(16)
            found[0] = found[0] & ~(0xFFFF << 16 * field) | rng.choice((0, 1, 2, 3, 128, 255, 65535)) << 16 * field
        elif kind == 4:
            found[place] = rng.choice((0, 1, R - 1, R, (1 << 256) - 1, rng.randrange(1 << 256), found[-1]))
        elif kind == 5:
            found.insert(place, rng.choice((0, found[place], rng.randrange(1 << 256))))
        elif len(found) > 1:
            del found[place]
    return found


def mutated_statement(rng: Random, statement: Statement) -> Statement | None:
    """None where the mutation is refused at once."""
    points = list(statement.commitments)
    kind = rng.randrange(5)
    flipped = bytearray(rng.choice((statement.domain, statement.subject)))
    flipped[rng.randrange(32)] ^= rng.randrange(1, 256)
    if kind == 0:
        return replace(statement, domain=bytes(flipped))
    if kind == 1:
        return replace(statement, subject=bytes(flipped))
    place = rng.randrange(len(points))
    x, y = points[place]
    if kind == 2:
        rng.shuffle(points)
    elif kind == 3:
        flip = 1 << rng.randrange(256)
        points[place] = rng.choice(((0, 0), (1, 2), (x, P - y), (x + P, y), (x, y ^ 1), (x ^ flip, y)))
    else:
        points = rng.choice((points[1:], [*points, (1, 2)], points * 2))
    try:
        return replace(statement, commitments=tuple(points))
    except REFUSALS:
        return None


def run(kind: str, rng: Random, count: int) -> int:
    """Send mutations; returns how many. Fails at the first that is accepted or crashes."""
    given = target(kind)
    statement, tried = given.sample.statement, 0
    for encoded in mutated_proofs(kind, rng, count):
        assert not given.accepts(encoded, statement), encoded.hex()
        tried += 1
    for _ in range(count // 20):
        other = mutated_statement(rng, statement)
        if other is not None and other != statement:
            assert not given.accepts(given.first, other), other
        tried += 1
    for _ in range(count // 4):
        words = mutated_relation(rng, given.words)
        if words != given.words:
            assert not given.accepts_relation(words, statement.commitments), words
            tried += 1
    return tried


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_no_random_mutation_is_accepted(kind: str, rng: Random) -> None:
    assert run(kind, rng, QUICK) > QUICK


@pytest.mark.parametrize("kind", ["everything", "plain"])
def test_no_flipped_byte_is_accepted(kind: str) -> None:
    given = target(kind)
    for place in range(len(given.first)):
        flipped = bytearray(given.first)
        flipped[place] ^= 1 << place % 8
        assert not given.accepts(bytes(flipped), given.sample.statement), place


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(SAMPLES))
def test_every_flipped_bit_is_refused(kind: str) -> None:
    given = target(kind)
    for place in range(8 * len(given.first)):
        flipped = bytearray(given.first)
        flipped[place // 8] ^= 1 << place % 8
        assert not given.accepts(bytes(flipped), given.sample.statement), place


@pytest.mark.slow
def test_every_flipped_bit_of_a_relation_is_refused() -> None:
    for kind in SAMPLES:
        given = target(kind)
        for place in range(256 * len(given.words)):
            words = list(given.words)
            words[place // 256] ^= 1 << place % 256
            assert not given.accepts_relation(words, given.sample.statement.commitments), (kind, place)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(SAMPLES))
def test_a_hundred_thousand_random_mutations_are_refused(kind: str, rng: Random) -> None:
    assert run(kind, rng, THOROUGH) * len(SAMPLES) >= 100_000


def test_shape_of_a_proof_in_memory() -> None:
    """Fields of a proof object that no bytes could give."""
    given = target("everything")
    proof = decode_proof(given.sample.relation, given.first)
    for name, values in {
        "constants": [(1,)], "round1": [(), proof.round1 * 2], "round2": [(), proof.round1], "values": [(), (-1,) * 8],
        "rows": [(), (1,) * 99], "sums": [None, (0, 0), (-1, 2), (P, 2)], "release": [-1, 1 << 256, 1 << 400],
        "shifted_value": [-1, R, 1 << 256], "final": [(-1, -2), (1 << 300, 1)],
    }.items():
        for value in values:
            broken: Proof = replace(proof, **{name: value})
            with pytest.raises(REFUSALS):
                verify_proof(given.sample.srs.tau_g2, given.sample.statement, broken)
