"""Bundles over relations with lookups and groups, and what one can forge for readers who pin no [τ]_2."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bundle_made import LOG_ROWS, MINIMUM, made_bundle, plaintext
from typer.testing import CliRunner

from ledger.bundle import AuditBundle
from ledger.bundle_codec import decode_bundle, encode_bundle, store_bundle
from ledger.bundle_errors import BundleContradictedError
from ledger.bundle_verify import require_string, verify_bundle
from services.cli.main import app
from zk.errors import ProofRejectedError
from zk.range_table import prove_table
from zk.srs import Srs, development_srs

WIDE_LOG_ROWS = 7


@pytest.fixture(scope="module")
def string() -> Srs:
    return development_srs(LOG_ROWS, b"bundle")


@pytest.fixture(scope="module")
def good(string: Srs) -> AuditBundle:
    return made_bundle(string)


def test_a_grouped_bundle_verifies(good: AuditBundle, string: Srs) -> None:
    assert decode_bundle(encode_bundle(good)) == good
    require_string(good, string.id, string.tau_g2)
    verified = verify_bundle(good)
    codes = plaintext()[2]
    assert verified.opened == {cell: codes.count(code) for cell, code in enumerate((1, 2, 3))}
    assert len(good.tables) == 1


def test_range_tables_are_exactly_the_true_ones(good: AuditBundle, string: Srs) -> None:
    (table,) = good.tables
    smaller = prove_table(string, LOG_ROWS, table.bits - 1)
    for tables in ((), (smaller,), (smaller, table)):
        with pytest.raises(BundleContradictedError, match="look up"):
            verify_bundle(replace(good, tables=tables))
    for lie in (
        replace(table, commitment=smaller.commitment),
        replace(table, value=table.value ^ 1),
        replace(table, quotients=smaller.quotients),
        replace(smaller, bits=table.bits),
    ):
        with pytest.raises(ProofRejectedError, match="table"):
            verify_bundle(replace(good, tables=(lie,)))


def test_the_id_of_a_string_alone_shows_nothing(good: AuditBundle, string: Srs) -> None:
    """Why [τ]_2 has to be compared, too: a forger takes the id of a good string and a τ of his own."""
    forged = made_bundle(development_srs(LOG_ROWS, b"the forger's own"), claimed=string)
    assert forged.string.srs_id == good.string.srs_id
    verify_bundle(forged)
    with pytest.raises(BundleContradictedError, match="string"):
        require_string(forged, string.id, string.tau_g2)


@pytest.fixture(scope="module")
def hidden() -> AuditBundle:
    return made_bundle(development_srs(WIDE_LOG_ROWS, b"bundle"), hidden=True)


def test_a_bundle_with_hidden_guards_says_that_they_are_large_enough(hidden: AuditBundle, tmp_path: Path) -> None:
    assert decode_bundle(encode_bundle(hidden)) == hidden
    verified = verify_bundle(hidden)
    assert verified.opened == {} and verified.statement.minimum == MINIMUM
    store_bundle(hidden, tmp_path / "hidden.tally")
    told = CliRunner().invoke(app, ["verify", str(tmp_path / "hidden.tally")])
    assert told.exit_code == 0, told.output
    for words in (f"every released sum rests on at least {MINIMUM} rows;", "the proof says so without opening a count"):
        assert words in told.stdout
    shown = json.loads(CliRunner().invoke(app, ["verify", str(tmp_path / "hidden.tally"), "--json"]).stdout)
    assert (shown["hidden_guards"], shown["guards"], shown["minimum_group"]) == (True, {}, MINIMUM)


def test_the_proof_of_hidden_guards_binds_the_minimum(hidden: AuditBundle, good: AuditBundle) -> None:
    """In a bundle with opened guards any minimum that they reach could stand."""
    for minimum in (MINIMUM + 1, 8, 1 << WIDE_LOG_ROWS):
        changed = replace(hidden, query=replace(hidden.query, minimum_group=minimum))
        with pytest.raises(BundleContradictedError, match="record"):
            verify_bundle(changed)
    impossible = replace(hidden, query=replace(hidden.query, minimum_group=(1 << WIDE_LOG_ROWS) + 1))
    with pytest.raises(BundleContradictedError, match="minimum"):
        verify_bundle(impossible)
    verify_bundle(replace(good, query=replace(good.query, minimum_group=MINIMUM + 1)))
