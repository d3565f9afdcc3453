"""The words of a relation decode to it and to nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relations import everything, grouped, plain, ranged, ranged_with_opened_form, two_groups
from samples import R, boolean, integer, masked_sum, random_relation, two_tables

from zk.builder import RelationBuilder
from zk.decoding import decode_relation
from zk.encoding import (
    HEADER_FIELDS,
    decode_column,
    encode_column,
    encode_relation,
    relation_hash,
    statement_hash,
)
from zk.errors import RelationInvalidError
from zk.relation import ColumnKind, RegisteredColumn, Relation

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "proof.json").read_text())


def test_fixed_vector() -> None:
    words = [int(word, 16) for word in VECTOR["relation"]]
    relation = masked_sum(3)
    assert encode_relation(relation) == words
    assert decode_relation(words) == relation
    assert relation_hash(relation).hex() == VECTOR["relation_hash"]
    data = b"".join(word.to_bytes(32, "big") for word in words)
    assert hashlib.sha256(data).hexdigest() == VECTOR["relation_hash"]
    points = [tuple(int(c, 16) for c in point) for point in VECTOR["commitments"]]
    data += b"".join(c.to_bytes(32, "big") for point in points for c in point)
    assert statement_hash(relation, points).hex() == VECTOR["statement_hash"] == hashlib.sha256(data).hexdigest()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 12), st.integers(1, 4))
def test_round_trip(seed: int, log_rows: int, datasets: int) -> None:
    relation = random_relation(Random(seed), log_rows, datasets)
    words = encode_relation(relation)
    assert all(0 <= word < 1 << 256 for word in words)
    assert decode_relation(words) == relation


def test_the_header_says_the_shape() -> None:
    relation = two_tables(6)
    head = encode_relation(relation)[0]
    fields = [head >> 16 * k & 0xFFFF for k in range(HEADER_FIELDS)]
    assert fields[:9] == [2, 6, 4, relation.witness_count, 0, len(relation.opened), 6, len(relation.zero_forms), 2]
    assert fields[11:] == [0, 0, 0, 2, 0]


FEATURES = {
    "plain": plain(), "ranged": ranged(), "an opened form": ranged_with_opened_form(), "grouped": grouped(),
    "grouped, plain": grouped(sealed=False), "two groups": two_groups(), "everything": everything(),
}


@pytest.mark.parametrize("relation", FEATURES.values(), ids=list(FEATURES))
def test_every_feature_makes_the_round_trip(relation: Relation) -> None:
    words = encode_relation(relation)
    assert decode_relation(words) == relation
    head = [words[0] >> 16 * k & 0xFFFF for k in range(HEADER_FIELDS)]
    codes = [len(group.codes) for group in relation.groups] + [0, 0]
    assert head[4] == relation.round2_count
    assert head[11:] == [relation.table_bits, codes[0] | codes[1] << 8, len(relation.lookups),
                         2 | relation.plain << 8, len(relation.hints)]


def test_no_two_features_share_words() -> None:
    assert len({relation_hash(relation) for relation in FEATURES.values()}) == len(FEATURES)


def many_codes() -> Relation:
    """Two groups whose codes take more than one word each."""
    builder = RelationBuilder(8)
    m, x = builder.registered(boolean(1, 0)), builder.registered(integer(1, 1))
    p, y = builder.registered(boolean(2, 0)), builder.registered(integer(2, 1))
    first, second = builder.group({x: 1}, range(1, 19)), builder.group({y: 1}, [5, 6, 70, 800, 65535])
    builder.sum([(1, builder.product(m, first), builder.product(p, second))])
    return builder.build()


def test_codes_over_several_words() -> None:
    relation = many_codes()
    assert relation.cells == 90
    assert decode_relation(encode_relation(relation)) == relation


@pytest.mark.parametrize("relation", [masked_sum(3), two_tables(4), everything()], ids=["masked", "two", "everything"])
def test_every_flipped_bit_is_refused_or_another_relation(relation: Relation) -> None:
    words = encode_relation(relation)
    hashes = {relation_hash(relation)}
    refused = 0
    for number in range(len(words)):
        for bit in range(256):
            changed = list(words)
            changed[number] ^= 1 << bit
            try:
                other = decode_relation(changed)
            except RelationInvalidError:
                refused += 1
                continue
            assert other != relation
            assert encode_relation(other) == changed
            hashes.add(relation_hash(other))
    assert len(hashes) == 1 + 256 * len(words) - refused
    assert refused > 128 * len(words)


MANGLED: dict[str, Callable[[list[int]], list[int]]] = {
    "nothing": lambda words: [],
    "truncated": lambda words: words[:-1],
    "a word more": lambda words: [*words, 0],
    "the program twice": lambda words: [*words, words[-1]],
    "header alone": lambda words: words[:1],
    "a header of ones": lambda words: [(1 << 256) - 1, *words[1:]],
    "another version": lambda words: [words[0] + 1, *words[1:]],
    "words exchanged": lambda words: [words[0], words[2], words[1], *words[3:]],
    "too many words": lambda words: words + [0] * 300,
    "a negative word": lambda words: [-1, *words[1:]],
    "a word too large": lambda words: [1 << 256, *words[1:]],
}


@pytest.mark.parametrize("mangle", MANGLED.values(), ids=list(MANGLED))
def test_mangled_words_are_refused(mangle: Callable[[list[int]], list[int]]) -> None:
    with pytest.raises(RelationInvalidError):
        decode_relation(mangle(encode_relation(masked_sum(3))))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 2**256 - 1), min_size=1, max_size=12), st.integers(0, 2**32))
def test_noise_raises_nothing_else(noise: list[int], seed: int) -> None:
    rng = Random(seed)
    words = encode_relation(masked_sum(3))
    for word in noise:
        words[rng.randrange(len(words))] = word if rng.random() < 0.5 else word % 65536
    try:
        relation = decode_relation(words)
    except RelationInvalidError:
        return
    assert encode_relation(relation) == words


def test_a_constant_is_canonical() -> None:
    words = encode_relation(two_tables(3))
    assert R - 3 in words
    words[words.index(7)] += R
    with pytest.raises(RelationInvalidError):
        decode_relation(words)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**128 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from(ColumnKind))
def test_columns(dataset: int, version: int, column: int, kind: ColumnKind) -> None:
    place = RegisteredColumn(dataset, version, column, kind)
    assert decode_column(encode_column(place)) == place
    for bad in (encode_column(place) | 1 << 224, encode_column(place) ^ 2 << 32):
        with pytest.raises(RelationInvalidError):
            decode_column(bad)


def test_a_relation_that_needs_too_many_scalars_is_refused() -> None:
    builder = RelationBuilder(6)
    handles = [builder.registered(boolean(1, 0)), *(builder.registered(integer(1, i)) for i in range(1, 4))]
    builder.sum([(1, 0, handles[0])])
    for v in range(63):
        builder.sum([(3 + 5 * v + k, 0, h) for k, h in enumerate(handles)], 0)
    relation = builder.build()
    with pytest.raises(RelationInvalidError, match="318 scalars of the verifier's table, at most 256"):
        encode_relation(relation)


def test_a_statement_needs_every_commitment() -> None:
    with pytest.raises(RelationInvalidError, match="commitment"):
        statement_hash(masked_sum(3), [(1, 2)] * 2)
