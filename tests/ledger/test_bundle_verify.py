"""A bundle shows its query only as a whole: what proofs and hashes bind cannot be changed by one who reseals it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from bundle_bytes import (
    CHAIN,
    DATASETS,
    OPENINGS,
    PUBLICATION,
    QUERY,
    QUESTION,
    REGISTRATIONS,
    SCHEMAS,
    STATEMENT,
    STRING,
    edited,
    sample,
    split,
    with_word,
)

from ledger.bundle import AuditBundle, BundleOpening
from ledger.bundle_codec import decode_bundle, encode_bundle
from ledger.bundle_errors import BundleContradictedError, BundleNotCanonicalError
from ledger.bundle_verify import require_string, verify_bundle
from ledger.identifiers import dataset_id, query_id, record_hash
from ledger.proof_codec import decode_statement
from zk.encoding import relation_hash
from zk.errors import ProofRejectedError
from zk.pairing import G2_GENERATOR, multiply_g2
from zk.proof import decode_proof
from zk.range_table import TableProof
from zk.srs import decode_g2
from zk.statement import Statement
from zk.transcript import FR_MODULUS

REFUSED = (BundleContradictedError, ProofRejectedError)
SAMPLED_FLIPS = 300
# Words of the sections that nothing in the file binds: what only the ledger can confirm.
LEDGER_ONLY = {(QUERY, 3), (QUERY, 4), (QUERY, 5), (PUBLICATION, 1), (PUBLICATION, 2), (DATASETS, 2)}
TEXTS = {SCHEMAS, QUESTION}  # schemas are bound by their hash, the question by services.audit


@pytest.fixture(scope="module")
def good() -> AuditBundle:
    return decode_bundle(sample())


@pytest.fixture(scope="module")
def joint() -> AuditBundle:
    return decode_bundle(sample("v1-join"))


def resealed(bundle: AuditBundle) -> AuditBundle:
    """The bundle with query id and record made to fit whatever else was changed, as a forger would."""
    relation, commitments = decode_statement(bundle.statement)
    proof, query, chain = decode_proof(relation, bundle.proof), bundle.query, bundle.chain
    identity = query_id(chain.chain_id, chain.studies, query.proposer, query.nonce, relation_hash(relation))
    tables = {(table.log_rows, table.bits): table.commitment for table in bundle.tables}
    table = tables[relation.log_rows, relation.table_bits] if relation.lookups else None
    record = record_hash(Statement(relation, bundle.domain(chain.studies), identity, commitments, table), proof)
    assert len(commitments) == len(relation.registered)
    return replace(
        bundle, query=replace(query, query_id=identity), publication=replace(bundle.publication, record=record)
    )


def unregistered(bundle: AuditBundle) -> AuditBundle:
    """The bundle without registrations and the range tables that only they look up."""
    relation, _ = decode_statement(bundle.statement)
    size = (relation.log_rows, relation.table_bits) if relation.lookups else None
    tables = tuple(table for table in bundle.tables if (table.log_rows, table.bits) == size)
    return replace(bundle, registrations=(), tables=tables)


def test_bundles_verify_in_full_and_without_what_is_optional(good: AuditBundle, joint: AuditBundle) -> None:
    for bundle in (good, joint):
        verified = verify_bundle(bundle)
        assert set(verified.released) == set(range(len(verified.statement.relation.sum_forms)))
        assert verified.opened.items() <= verified.released.items()
        bare = replace(unregistered(bundle), schemas=(), question=None, openings=())
        assert verify_bundle(decode_bundle(encode_bundle(bare))).released == {}
        require_string(bundle, bundle.string.srs_id, decode_g2(bundle.string.tau_g2))
        assert resealed(bundle) == bundle


# --- every byte ------------------------------------------------------------------------------------------------------


def flips(encoded: bytes) -> list[tuple[int, int]]:
    """(section, offset) of every byte that something in the file must bind."""
    return [
        (tag, at)
        for tag, body in split(encoded)
        for at in range(len(body))
        if (tag, at // 32 % 11 if tag == DATASETS else at // 32) not in LEDGER_ONLY and tag not in TEXTS
    ]


def refuses(encoded: bytes, tag: int, at: int, bit: int) -> None:
    def flip(body: bytes) -> bytes:
        return body[:at] + bytes([body[at] ^ bit]) + body[at + 1 :]

    with pytest.raises((*REFUSED, BundleNotCanonicalError)):
        verify_bundle(decode_bundle(edited(encoded, tag, flip)))


def test_no_flipped_byte_survives_a_new_digest(rng: Random) -> None:
    encoded = sample("v1-join")
    for tag, at in rng.sample(flips(encoded), SAMPLED_FLIPS):
        refuses(encoded, tag, at, 1 << rng.randrange(8))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v1-alone", "v1-join"])
def test_no_flipped_byte_survives_a_new_digest_at_any_place(name: str) -> None:
    encoded = sample(name)
    for tag, at in flips(encoded):
        refuses(encoded, tag, at, 1 << at % 8)


def test_what_only_the_ledger_confirms_is_just_that(good: AuditBundle) -> None:
    """These are the words that a reader compares with the ledger; the command prints each of them."""
    for tag, number in LEDGER_ONLY:
        changed = edited(sample(), tag, with_word(number, 4))
        assert changed != sample()
        verify_bundle(decode_bundle(changed))


# --- one lie at a time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lie",
    [
        lambda b: replace(b, chain=replace(b.chain, chain_id=b.chain.chain_id + 1)),
        lambda b: replace(b, chain=replace(b.chain, studies=b.chain.registry)),
        lambda b: replace(b, string=replace(b.string, srs_id=bytes(32))),
        lambda b: replace(b, query=replace(b.query, proposer=b.chain.studies)),
        lambda b: replace(b, query=replace(b.query, nonce=b.query.nonce ^ 1)),
    ],
)
def test_a_proof_is_of_its_chain_contract_string_and_query(
    good: AuditBundle, lie: Callable[[AuditBundle], AuditBundle]
) -> None:
    bare = unregistered(good)
    with pytest.raises(REFUSED):
        verify_bundle(lie(bare))
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_bundle(resealed(lie(bare)))


def test_a_registration_is_of_its_registry(good: AuditBundle) -> None:
    with pytest.raises(ProofRejectedError, match="registration of dataset"):
        verify_bundle(replace(good, chain=replace(good.chain, registry=good.chain.studies)))


def test_commitments_cannot_be_swapped(good: AuditBundle, joint: AuditBundle) -> None:
    for bundle in (good, joint):
        relation, _ = decode_statement(bundle.statement)
        at = len(bundle.statement) - 64 * len(relation.registered)
        first, second = bundle.statement[at : at + 64], bundle.statement[at + 64 : at + 128]
        swapped = replace(bundle, statement=bundle.statement[:at] + second + first + bundle.statement[at + 128 :])
        with pytest.raises(BundleContradictedError, match="record"):
            verify_bundle(swapped)
        with pytest.raises(BundleContradictedError, match="another commitment to column"):
            verify_bundle(resealed(swapped))
        with pytest.raises(ProofRejectedError, match="pairing"):
            verify_bundle(resealed(unregistered(swapped)))


def test_a_registration_cannot_be_another_datasets(joint: AuditBundle) -> None:
    swapped = replace(joint, registrations=joint.registrations[::-1])
    with pytest.raises(BundleContradictedError, match="another relation"):
        verify_bundle(swapped)
    with pytest.raises(BundleContradictedError, match="order of their first use"):
        verify_bundle(replace(joint, datasets=joint.datasets[::-1]))
    with pytest.raises(BundleContradictedError, match="not those that the relation names"):
        verify_bundle(replace(joint, datasets=joint.datasets[:1], registrations=joint.registrations[:1]))


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("rows", 49, "registration of dataset"),
        ("rows", 65, "impossible"),
        ("rows", 0, "impossible"),
        ("log_rows", 5, "rows"),
        ("name_hash", bytes(32), "owner and name"),
        ("schema_hash", bytes(32), "registration of dataset"),
        ("relation_hash", bytes(32), "another relation"),
        ("kinds", 1, "does not have"),
        ("columns", 2, "does not have"),
    ],
)
def test_what_a_registration_says_is_proved(good: AuditBundle, field: str, value: object, fault: str) -> None:
    (entry,) = good.datasets
    changes = {field: value, **({"kinds": entry.kinds & 3} if field == "columns" else {})}
    lie = replace(good, datasets=(replace(entry, **changes),), schemas=())
    with pytest.raises(REFUSED, match=fault):
        verify_bundle(lie)


def test_an_owner_with_a_fitting_id_is_not_the_relations(good: AuditBundle) -> None:
    (entry,) = good.datasets
    owner = good.query.proposer
    lie = replace(entry, owner=owner, dataset=dataset_id(owner, entry.name_hash))
    with pytest.raises(BundleContradictedError, match="not those that the relation names"):
        verify_bundle(replace(good, datasets=(lie,)))


def test_a_minimum_group_cannot_be_above_the_guards_or_below_what_contracts_allow(good: AuditBundle) -> None:
    smallest = min(verify_bundle(good).opened.values())
    verify_bundle(replace(good, query=replace(good.query, minimum_group=smallest)))
    with pytest.raises(ProofRejectedError, match="guard"):
        verify_bundle(replace(good, query=replace(good.query, minimum_group=smallest + 1)))
    with pytest.raises(BundleContradictedError, match="minimum group"):
        verify_bundle(replace(good, query=replace(good.query, minimum_group=2)))


def test_a_schema_has_its_hash(good: AuditBundle) -> None:
    with pytest.raises(BundleContradictedError, match="schema"):
        verify_bundle(replace(good, schemas=(good.schemas[0].replace(b"age", b"agf"),)))


@pytest.mark.parametrize("number", range(3))
def test_released_values_cannot_be_changed(good: AuditBundle, number: int) -> None:
    opening = good.openings[number]
    others = tuple(o for o in good.openings if o.row != number)
    (x, y), (more_x, more_y) = opening.point, good.openings[number - 1].point
    assert verify_bundle(replace(good, openings=others)).released.keys() == {o.row for o in others}
    for lie in (
        replace(opening, value=opening.value + 1),
        replace(opening, value=opening.value + FR_MODULUS),
        replace(opening, point=(more_x, more_y)),
        replace(opening, point=(x, y + 1)),
        replace(opening, point=(0, 0)),
    ):
        openings = tuple(sorted((*others, lie), key=lambda o: o.row))
        with pytest.raises(REFUSED):
            verify_bundle(replace(good, openings=openings))


def test_only_released_sums_can_be_opened(good: AuditBundle) -> None:
    (x, y) = good.openings[0].point
    for row in (3, 63, 64, 65, 1000):
        with pytest.raises(BundleContradictedError, match="not released"):
            verify_bundle(replace(good, openings=(BundleOpening(row, 1, (x, y)),)))


def test_range_tables_are_exactly_those_looked_up(good: AuditBundle) -> None:
    point = good.openings[0].point
    for tables in (good.tables[:-1], (*good.tables, TableProof(24, 16, point, 5, (point,) * 4))):
        if tables != good.tables:
            with pytest.raises(BundleContradictedError, match="look up"):
                verify_bundle(replace(good, tables=tables))
    for table in good.tables:
        lie = replace(table, commitment=point)
        with pytest.raises(ProofRejectedError, match="table"):
            verify_bundle(replace(good, tables=tuple(lie if t == table else t for t in good.tables)))


def test_relations_and_proofs_that_cannot_be_read_are_refused() -> None:
    for wrong in (
        edited(sample(), STATEMENT, lambda body: body[:-32]),
        edited(sample(), STATEMENT, lambda body: body[:-64]),
        edited(sample(), STATEMENT, lambda body: body + bytes(64)),
        edited(sample(), STATEMENT, with_word(0, (1 << 256) - 1)),
        edited(sample(), STATEMENT, lambda body: bytes(32)),
        edited(sample(), STATEMENT, lambda body: body * 100),
        edited(sample(), 5, lambda body: body[:-32]),
        edited(sample(), 5, lambda body: body + bytes(32)),
        edited(sample(), 5, lambda body: bytes(32)),
        edited(sample(), REGISTRATIONS, with_word(0, (1).to_bytes(32, "big"))),
        edited(sample(), OPENINGS, with_word(1, (1 << 256) - 1)),
        edited(sample(), CHAIN, with_word(1, 0)),
    ):
        with pytest.raises((*REFUSED, BundleNotCanonicalError)):
            verify_bundle(decode_bundle(wrong))


# --- the string ------------------------------------------------------------------------------------------------------


def test_the_string_is_the_pinned_one(good: AuditBundle) -> None:
    tau_g2 = decode_g2(good.string.tau_g2)
    for srs_id, point in ((bytes(32), tau_g2), (good.string.srs_id, G2_GENERATOR)):
        with pytest.raises(BundleContradictedError, match="string"):
            require_string(good, srs_id, point)


def test_another_tau_does_not_verify_and_none_off_the_group_is_used(good: AuditBundle) -> None:
    doubled = multiply_g2(decode_g2(good.string.tau_g2), 2)
    assert doubled is not None
    (x0, x1), (y0, y1) = doubled
    other = b"".join(value.to_bytes(32, "big") for value in (x0, x1, y0, y1))
    with pytest.raises(ProofRejectedError, match="pairing"):
        verify_bundle(replace(good, string=replace(good.string, tau_g2=other)))
    for number, value in ((1, 0), (4, 1), (2, (1 << 256) - 1)):
        with pytest.raises(BundleContradictedError, match="tau"):
            verify_bundle(decode_bundle(edited(sample(), STRING, with_word(number, value))))
