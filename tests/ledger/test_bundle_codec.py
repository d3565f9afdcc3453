"""Exactly one byte string for each bundle; everything else is refused by name, in bounded memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

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
    edited,
    join,
    sample,
    sealed,
    split,
    with_word,
    without,
)

from ledger.bundle import AuditBundle
from ledger.bundle_codec import MAX_BUNDLE_BYTES, bundle_digest, decode_bundle, encode_bundle, load_bundle, store_bundle
from ledger.bundle_errors import BundleInvalidError, BundleNotCanonicalError, BundleVersionUnknownError
from zk.range_table import TableProof

OPTIONAL = (REGISTRATIONS, SCHEMAS, QUESTION, OPENINGS)


def bundle() -> AuditBundle:
    return decode_bundle(sample())


@pytest.mark.parametrize("name", ["v1-alone", "v1-join"])
def test_a_bundle_survives_the_round_trip(name: str, tmp_path: Path) -> None:
    encoded = sample(name)
    found = decode_bundle(encoded)
    assert encode_bundle(found) == encoded
    digest = store_bundle(found, tmp_path / "copy.tally")
    assert load_bundle(tmp_path / "copy.tally") == (found, digest)
    assert digest == bundle_digest(encoded)


@pytest.mark.parametrize("left_out", [(tag,) for tag in OPTIONAL] + [OPTIONAL])
def test_optional_sections_may_be_left_out(left_out: tuple[int, ...]) -> None:
    encoded = without(sample(), *left_out)
    assert encode_bundle(decode_bundle(encoded)) == encoded


@pytest.mark.parametrize("tag", range(CHAIN, DATASETS + 1))
def test_required_sections_may_not(tag: int) -> None:
    with pytest.raises(BundleNotCanonicalError, match="missing"):
        decode_bundle(without(sample(), tag))


def test_every_flipped_byte_is_noticed() -> None:
    encoded = sample("v1-join")
    for at in range(len(encoded)):
        changed = bytearray(encoded)
        changed[at] ^= 1 << at % 8
        with pytest.raises(BundleInvalidError):
            decode_bundle(bytes(changed))


def test_every_truncation_and_every_trailing_byte_is_refused() -> None:
    encoded = sample()
    for length in range(len(encoded)):
        with pytest.raises(BundleNotCanonicalError):
            decode_bundle(encoded[:length])
        if length != len(encoded) - 32:  # there the digest alone is missing
            with pytest.raises(BundleNotCanonicalError):
                decode_bundle(sealed(encoded[:length]))
    for extra in (b"\0", bytes(32), encoded):
        with pytest.raises(BundleNotCanonicalError):
            decode_bundle(encoded + extra)
        with pytest.raises(BundleNotCanonicalError, match="behind the last section"):
            decode_bundle(sealed(encoded[:-32] + extra))


def test_another_version_is_refused_by_name() -> None:
    for version in (0, 2, 65535):
        with pytest.raises(BundleVersionUnknownError, match=f"version {version}"):
            decode_bundle(join(split(sample()), version=version))


def test_sections_stand_once_in_their_order_and_are_known() -> None:
    sections = split(sample())
    swapped = [sections[1], sections[0], *sections[2:]]
    doubled = [*sections[:3], sections[2], *sections[3:]]
    for wrong in (swapped, doubled, [*sections, (13, b"x")], [(0, b"x"), *sections], sections[::-1]):
        with pytest.raises(BundleNotCanonicalError, match="unknown, repeated or out of order"):
            decode_bundle(join(wrong))
    for tag, _ in sections:
        with pytest.raises(BundleNotCanonicalError, match="empty"):
            decode_bundle(edited(sample(), tag, lambda body: b""))
    for count in (0, len(sections) - 1, len(sections) + 1, 65535):
        with pytest.raises(BundleNotCanonicalError):
            decode_bundle(join(sections, count=count))


@pytest.mark.parametrize(
    ("tag", "number", "value"),
    [
        (CHAIN, 1, 1 << 160),
        (CHAIN, 2, 1 << 255),
        (QUERY, 1, 1 << 160),
        (QUERY, 3, 1 << 64),
        (PUBLICATION, 1, 1 << 64),
        (DATASETS, 0, 1 << 128),
        (DATASETS, 1, 1 << 32),
        (DATASETS, 2, 1 << 32),
        (DATASETS, 3, 1 << 160),
        (DATASETS, 5, 256),
        (DATASETS, 6, 1 << 32),
        (DATASETS, 7, 256),
        (DATASETS, 7, 0),
        (DATASETS, 8, 1 << 200),
        (OPENINGS, 0, 1 << 16),
        (OPENINGS, 4, 0),
        (REGISTRATIONS, 0, (1 << 256) - 1),
        (REGISTRATIONS, 0, 1 << 59),
        (REGISTRATIONS, 0, 0),
        (REGISTRATIONS, 0, 1),
    ],
)
def test_integers_beyond_their_field_are_refused(tag: int, number: int, value: int) -> None:
    with pytest.raises(BundleNotCanonicalError):
        decode_bundle(edited(sample(), tag, with_word(number, value)))


@pytest.mark.parametrize(
    "tag", [CHAIN, STRING, QUERY, STATEMENT, PROOF, PUBLICATION, DATASETS, REGISTRATIONS, OPENINGS]
)
def test_bodies_of_words_have_whole_words(tag: int) -> None:
    for change in (lambda body: body + b"\0", lambda body: body[:-1]):
        with pytest.raises(BundleNotCanonicalError):
            decode_bundle(edited(sample(), tag, change))


@pytest.mark.parametrize("tag", [CHAIN, STRING, QUERY, PUBLICATION])
def test_sections_of_one_entry_hold_one(tag: int) -> None:
    with pytest.raises(BundleNotCanonicalError, match="expected"):
        decode_bundle(edited(sample(), tag, lambda body: body * 2))


def test_texts_have_their_form() -> None:
    schema = bundle().schemas[0]
    four = len(schema).to_bytes(4, "big")
    for body in (four + schema + b"x", four + schema + four + schema, bytes(4), four + schema[:-1], b"\0",
                 b"\xff\xff\xff\xff" + schema):  # fmt: skip
        with pytest.raises(BundleNotCanonicalError, match="schemas"):
            decode_bundle(edited(sample(), SCHEMAS, lambda _, body=body: body))
    for body in (bytes(32), bytes(31), bytes(32) + b"\xff", bytes(32) + b"x" * (64 * 1024 + 1)):
        with pytest.raises(BundleNotCanonicalError, match="question"):
            decode_bundle(edited(sample(), QUESTION, lambda _, body=body: body))


def table(log_rows: int, bits: int) -> TableProof:
    """What stands in a bundle for a range table; truth is not the codec's."""
    points = [(7 * k + 1, 7 * k + 2) for k in range(5)]
    return TableProof(log_rows, bits, points[0], 5, (points[1], points[2], points[3], points[4]))


def test_range_tables_stand_once_by_increasing_size() -> None:
    tables = (table(5, 4), table(6, 3), table(6, 4))
    encoded = encode_bundle(replace(bundle(), tables=tables))
    assert decode_bundle(encoded).tables == tables
    for wrong in (tables[::-1], tables[:1] * 2, (table(6, 4), table(6, 3)), (table(256, 4),), (table(6, -1),)):
        with pytest.raises(BundleNotCanonicalError):
            encode_bundle(replace(bundle(), tables=wrong))
    for change in (lambda body: body[:-32], lambda body: body * 6, with_word(1, 256)):
        with pytest.raises(BundleNotCanonicalError, match="tables"):
            decode_bundle(edited(encoded, TABLES, change))


def test_claimed_lengths_cost_no_memory() -> None:
    sections = split(sample())
    claims = [sealed(join(sections)[:14] + b"\xff\xff\xff\xff" + join(sections)[18:-32])]
    claims += [edited(sample(), REGISTRATIONS, with_word(0, size)) for size in (1 << 20, 1 << 40, 1 << 250)]
    claims += [edited(sample(), SCHEMAS, lambda body: b"\xff" * 4 + body[4:])]
    tracemalloc.start()
    try:
        for claim in claims:
            with pytest.raises(BundleNotCanonicalError):
                decode_bundle(claim)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_file_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "long.tally"
    with path.open("wb") as stream:
        stream.write(sample())
        stream.truncate(1 << 40)  # a hole
    with pytest.raises(BundleNotCanonicalError, match=f"longer than {MAX_BUNDLE_BYTES} bytes"):
        load_bundle(path)
    with pytest.raises(BundleNotCanonicalError, match="cannot read"):
        load_bundle(tmp_path / "nothing.tally")
    (tmp_path / "empty.tally").write_bytes(b"")
    with pytest.raises(BundleNotCanonicalError, match="no audit bundle"):
        load_bundle(tmp_path / "empty.tally")


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "kept.tally"
    path.write_bytes(b"mine")
    with pytest.raises(BundleNotCanonicalError, match="cannot write"):
        store_bundle(bundle(), path)
    assert path.read_bytes() == b"mine"


def test_what_would_not_be_read_back_is_not_written() -> None:
    good = bundle()
    wrong = [
        replace(good, chain=replace(good.chain, studies=good.chain.studies.lower())),
        replace(good, chain=replace(good.chain, studies="nowhere")),
        replace(good, chain=replace(good.chain, chain_id=-1)),
        replace(good, query=replace(good.query, nonce=1 << 256)),
        replace(good, query=replace(good.query, sql_hash=bytes(31))),
        replace(good, string=replace(good.string, tau_g2=bytes(127))),
        replace(good, statement=b""),
        replace(good, proof=good.proof + b"\0"),
        replace(good, datasets=()),
        replace(good, datasets=good.datasets * 9),
        replace(good, registrations=good.registrations * 2),
        replace(good, schemas=(b"",)),
        replace(good, openings=good.openings[::-1]),
        replace(good, question=replace(good.question, sql="\ud800")),  # type: ignore[type-var]
    ]
    for bad in wrong:
        with pytest.raises(BundleNotCanonicalError):
            encode_bundle(bad)
