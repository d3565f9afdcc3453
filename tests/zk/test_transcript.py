"""The transcript is the hash of docs/protocol.md §2, word for word, and everything absorbed changes what follows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from relations import everything_sample, plain_sample, ranged_sample, two_groups_sample
from samples import Sample, masked_sum_sample

from zk.errors import NonCanonicalEncodingError
from zk.forms import Challenge
from zk.proof import replay
from zk.statement import Rounds
from zk.transcript import FR_MODULUS, Transcript, encode_label, encode_words, hash_words, proof_domain

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "transcript.json").read_text())


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def test_fixed_vector() -> None:
    head = [bytes.fromhex(VECTORS[name]) for name in ("domain", "subject", "statement")]
    transcript = Transcript(*head)
    assert transcript.digest.hex() == VECTORS["initial"]
    for step in VECTORS["steps"]:
        transcript.absorb(step["label"], [int(w, 16) for w in step["words"]])
        assert transcript.digest.hex() == step["state"]
        assert transcript.challenge(step["challenge"]) == int(step["value"], 16)


def test_it_is_plain_sha256_of_words() -> None:
    domain, subject, statement = b"\x0a" * 32, b"\x0b" * 32, b"\x0c" * 32
    state = b"tallystick.proof.v1".ljust(32, b"\0")
    state = sha(state, b"statement".ljust(32, b"\0"), word(3), domain, subject, statement)
    transcript = Transcript(domain, subject, statement)
    assert transcript.digest == state
    transcript.absorb("round1", [5, FR_MODULUS, 2**256 - 1])
    state = sha(state, b"round1".ljust(32, b"\0"), word(3), word(5), word(FR_MODULUS), word(2**256 - 1))
    assert transcript.digest == state
    block = sha(state, b"beta".ljust(32, b"\0"), word(7))
    assert transcript.challenge("beta", 7) == int.from_bytes(block, "big") % FR_MODULUS
    assert transcript.digest == state  # drawing changes nothing


def test_domain_binds_chain_contract_and_srs() -> None:
    base = proof_domain(1, 2, b"\x03" * 32)
    assert base == sha(b"tallystick.domain.v1".ljust(32, b"\0"), word(3), word(1), word(2), b"\x03" * 32)
    others = {proof_domain(2, 2, b"\x03" * 32), proof_domain(1, 3, b"\x03" * 32), proof_domain(1, 2, b"\x04" * 32)}
    assert len(others | {base}) == 4


def test_every_part_of_what_is_absorbed_matters() -> None:
    def digest(label: str, words: list[int], constants: tuple[int, ...] = ()) -> bytes:
        transcript = Transcript(b"\1" * 32, b"\2" * 32, b"\3" * 32, constants)
        transcript.absorb(label, words)
        return transcript.digest

    variants = [
        digest("a", [1, 2]), digest("b", [1, 2]), digest("a", [2, 1]), digest("a", [1, 2, 0]), digest("a", [1]),
        digest("a", []), digest("a", [1, 2], (0,)),
    ]
    assert len(set(variants)) == len(variants)
    split = Transcript(b"\1" * 32, b"\2" * 32, b"\3" * 32)
    split.absorb("a", [1])
    split.absorb("a", [2])
    assert split.digest != variants[0]


def test_labels_and_counters_give_different_challenges() -> None:
    transcript = Transcript(b"\1" * 32, b"\2" * 32, b"\3" * 32)
    drawn = [transcript.challenge(label, counter) for label in ("beta", "alpha", "delta") for counter in range(3)]
    assert len(set(drawn)) == 9
    assert all(0 <= value < FR_MODULUS for value in drawn)


def test_a_fork_goes_its_own_way() -> None:
    transcript = Transcript(b"\1" * 32, b"\2" * 32, b"\3" * 32)
    fork = transcript.fork()
    assert fork.digest == transcript.digest
    before = transcript.digest
    fork.absorb("a", [1])
    assert transcript.digest == before != fork.digest


@pytest.mark.parametrize("label", ["", "x" * 33, "ζ", "what?"])
def test_labels_that_are_no_word_are_refused(label: str) -> None:
    with pytest.raises(NonCanonicalEncodingError):
        encode_label(label)


def test_the_longest_label_is_a_word() -> None:
    assert encode_label("x" * 32) == b"x" * 32


@pytest.mark.parametrize("value", [-1, 2**256])
def test_words_out_of_range_are_refused(value: int) -> None:
    with pytest.raises(NonCanonicalEncodingError):
        encode_words([0, value])
    with pytest.raises(NonCanonicalEncodingError):
        hash_words("label", [value])


@pytest.mark.parametrize("make", [masked_sum_sample, everything_sample, plain_sample])
def test_every_challenge_depends_on_everything_before_it(make: Callable[[], Sample]) -> None:
    """β's on round 1 and [s], α on round 2, δ on [A], ζ on [t], γ on every value and A(ωζ), z on release word, rows and
    W; plain sums stand before everything."""
    sample = make()
    proof = sample.prove()
    other = proof.final

    def challenges(**changed: Any) -> dict[str, int]:
        given = {name: getattr(proof, name) for name in proof.__slots__} | changed
        rounds = Rounds(sample.statement, given["constants"])
        rounds.round1([*given["round1"], *([given["sums"]] if proof.sealed else [])])
        betas = {name.name: value for name, value in rounds.challenges.items() if name is not Challenge.NONE}
        rounds.round2(given["round2"])
        rounds.accumulator(given["accumulator"])
        rounds.quotient(given["quotient"])
        rounds.evaluations(given["values"], given["shifted_value"])
        rounds.opening(given["release"], given["rows"], given["opening"])
        return betas | {name: getattr(rounds, name) for name in ("alpha", "delta", "zeta", "gamma", "z")}

    base = challenges()
    order = list(base)
    first_affected = {
        "constants": order[0], "round1": order[0], "sums": order[0], "round2": "alpha", "accumulator": "delta",
        "quotient": "zeta", "values": "gamma", "shifted_value": "gamma", "release": "z", "rows": "z", "opening": "z",
    }
    for name, first in first_affected.items():
        value = getattr(proof, name)
        if value in ((), None) or (name == "release" and sample.relation.plain):
            continue  # not a part of this proof
        if name in ("round1", "round2"):
            changed: object = (other, *value[1:])
        elif name in ("constants", "values", "rows"):
            changed = (*value[:-1], value[-1] ^ 1)
        else:
            changed = value ^ 1 if isinstance(value, int) else other
        now = challenges(**{name: changed})
        at = order.index(first)
        assert all(now[c] == base[c] for c in order[:at]), name
        assert all(now[c] != base[c] for c in order[at:]), name


def test_the_counters_of_betas_are_fixed() -> None:
    """β has 0, the groups 1 and 2, whether there are lookups or not."""
    for make, drawn in (
        (everything_sample, {Challenge.LOOKUP: 0, Challenge.FIRST_GROUP: 1}),
        (two_groups_sample, {Challenge.FIRST_GROUP: 1, Challenge.SECOND_GROUP: 2}),
        (ranged_sample, {Challenge.LOOKUP: 0}), (plain_sample, {}),
    ):
        sample = make()
        proof = sample.prove()
        rounds = replay(sample.statement, proof)
        transcript = sample.statement.transcript(proof.constants)
        transcript.absorb("round1", [x for point in (*proof.round1, *proof.sealed) for x in point])
        expected = {challenge: transcript.challenge("beta", counter) for challenge, counter in drawn.items()}
        assert {Challenge.NONE: 1, **expected} == rounds.challenges
