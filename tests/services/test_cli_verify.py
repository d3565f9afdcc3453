"""``tallystick verify FILE.tally`` with nothing running, on bundles of a published release and on lies about them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ledger.bundle import AuditBundle, BundleQuestion
from ledger.bundle_codec import load_bundle, store_bundle
from ledger.bundle_errors import BundleContradictedError
from ledger.deploy import Deployment
from query.errors import QueryError
from services.audit import PinnedString, audit_bundle
from services.cli.main import app
from services.directory import text_hash
from services.ledger_access import store_deployment
from zk.errors import ProofRejectedError
from zk.srs import Srs, decode_g2, development_srs, load_srs, store_srs

COMPAT = Path(__file__).parents[1] / "compat"
STRING = COMPAT / "v1.srs"
ALONE, JOIN = COMPAT / "v1-alone.tally", COMPAT / "v1-join.tally"


@pytest.fixture(scope="module")
def good() -> AuditBundle:
    return load_bundle(ALONE)[0]


@pytest.fixture(scope="module")
def string() -> Srs:
    return load_srs(STRING)


def verify(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def asking(bundle: AuditBundle, sql: str) -> AuditBundle:
    """The bundle with another SQL text and, as a forger would, the hash that fits it."""
    salt = bytes(range(32))
    query = replace(bundle.query, sql_hash=text_hash("sql", salt, sql))
    return replace(bundle, question=BundleQuestion(salt, sql), query=query)


# --- what is said ----------------------------------------------------------------------------------------------------


def test_a_bundle_is_verified_and_explained() -> None:
    result = verify(JOIN, "--srs", STRING)
    assert result.exit_code == 0, result.output
    expected = json.loads((COMPAT / "v1.json").read_text())["join"]
    for text in (
        "Shown\n",
        "compiles to exactly the proved relation",
        "is of this query on this chain, contract and string, and verifies",
        "A DEVELOPMENT STRING",
        "Not shown",
        "that the registered data is true",
        "Only the ledger can confirm",
        *expected["values"],
        f"query id, published: {expected['query']}",
        f"bundle {expected['digest']}",
    ):
        assert text in result.stdout
    assert "NO STRING" not in result.stdout


def test_without_a_pinned_string_nothing_is_called_shown() -> None:
    result = verify(ALONE)
    assert result.exit_code == 0, result.output
    assert "NO STRING WAS PINNED" in result.stdout
    assert "Shown, if the string is the right one" in result.stdout
    assert "string of the contract: " in result.stdout
    document = json.loads(verify(ALONE, "--json").stdout)
    assert (document["verified"], document["consistent"], document["string"]) == (False, True, None)


def test_json_says_the_same(good: AuditBundle) -> None:
    expected = json.loads((COMPAT / "v1.json").read_text())["alone"]
    document = json.loads(verify(ALONE, "--srs", STRING, "--json").stdout)
    assert document["verified"]
    assert document["sql_recompiled"]
    assert [f"{name} = {value}" for row in document["result"] for name, value in row.items()] == expected["values"]
    assert list(document["released"].values()) == expected["sums"]
    assert document["guards"] == expected["guards"]
    assert document["datasets"][0]["as_schema_demands"]
    compare = document["compare_with_ledger"]
    assert compare["record of that query"] == good.publication.record.hex()
    assert compare["chain id"] == str(good.chain.chain_id)


def test_what_is_left_out_is_said_to_be(good: AuditBundle, tmp_path: Path) -> None:
    bare = replace(good, registrations=(), tables=(), schemas=(), question=None, openings=())
    store_bundle(bare, tmp_path / "bare.tally")
    text = verify(tmp_path / "bare.tally", "--srs", STRING).stdout
    for gap in ("no proof of registration", "the SQL text is not in the file", "2 more stay sealed"):
        assert gap in text
    store_bundle(replace(good, schemas=()), tmp_path / "no-schema.tally")
    text = verify(tmp_path / "no-schema.tally", "--srs", STRING).stdout
    for gap in ("what the columns of dataset", "a schema is missing"):
        assert gap in text
    store_bundle(replace(good, openings=good.openings[:1]), tmp_path / "count.tally")
    text = verify(tmp_path / "count.tally", "--srs", STRING).stdout
    assert "v = not in this file" in text
    assert "n = 31" in text


def test_a_deployment_pins_chain_contracts_and_string(good: AuditBundle, string: Srs, tmp_path: Path) -> None:
    chain, path = good.chain, tmp_path / "deployment.json"
    right = Deployment(
        chain.studies, chain.registry.lower(), chain.studies, chain.chain_id, string.id, False, chain.registry
    )
    store_deployment(path, right, string)
    result = verify(ALONE, "--deployment", path)
    assert result.exit_code == 0, result.output
    assert "those of the pinned deployment" in result.stdout
    for wrong in (
        replace(right, chain_id=1),
        replace(right, studies=chain.registry),
        replace(right, registry=chain.studies),
        replace(right, srs_id=bytes(32)),
    ):
        store_deployment(path, wrong, string)
        assert "[BUNDLE_CONTRADICTED]" in verify(ALONE, "--deployment", path).stderr


# --- what is refused -------------------------------------------------------------------------------------------------


def test_every_fault_is_one_line(good: AuditBundle, tmp_path: Path) -> None:
    damaged, stretched, other = tmp_path / "damaged.tally", tmp_path / "long.tally", tmp_path / "other.srs"
    damaged.write_bytes(ALONE.read_bytes()[:-1] + b"\0")
    stretched.write_bytes(ALONE.read_bytes() + b"\0")
    store_srs(development_srs(3, b"another"), other)
    store_bundle(replace(good, query=replace(good.query, nonce=1)), tmp_path / "nonce.tally")
    store_bundle(replace(good, openings=(replace(good.openings[0], value=32),)), tmp_path / "value.tally")
    for arguments, code in (
        ((damaged,), "BUNDLE_NOT_CANONICAL"),
        ((stretched,), "BUNDLE_NOT_CANONICAL"),
        ((tmp_path / "nothing.tally",), "BUNDLE_NOT_CANONICAL"),
        ((ALONE, "--srs", other), "BUNDLE_CONTRADICTED"),
        ((tmp_path / "nonce.tally",), "BUNDLE_CONTRADICTED"),
        ((tmp_path / "value.tally",), "BUNDLE_CONTRADICTED"),
        (("00" * 32,), "REQUEST_INVALID"),
        (("00" * 31,), "REQUEST_INVALID"),
    ):
        result = verify(*arguments)
        assert result.exit_code == 1
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("error: ")
        assert line.endswith(f"[{code}]")
        assert not result.stdout
        assert json.loads(verify(*arguments, "--json").stdout)["error"] == code


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) AS n, VAR_POP(age) AS v FROM hospital",
        "SELECT COUNT(*) AS n, AVG(age) AS v FROM hospital WHERE diabetic",
        "SELECT COUNT(*) AS n, VAR_POP(age) AS v FROM hospital WHERE rare",
        "SELECT COUNT(*) AS n, VAR_POP(age) AS v FROM clinic WHERE diabetic",
        "DROP TABLE hospital",
        "no SQL at all",
    ],
)
def test_an_sql_text_means_exactly_the_proved_relation(good: AuditBundle, sql: str) -> None:
    with pytest.raises(BundleContradictedError, match="SQL text"):
        audit_bundle(asking(good, sql))


def test_an_sql_text_is_the_one_that_was_proposed(good: AuditBundle) -> None:
    """The same relation under another name: only the ledger's hash of the text tells, so it is shown for comparison."""
    renamed = "SELECT COUNT(*) AS deaths, VAR_POP(age) AS v FROM hospital WHERE diabetic"
    assert good.question is not None
    with pytest.raises(BundleContradictedError, match="another SQL text"):
        audit_bundle(replace(good, question=replace(good.question, sql=renamed)))
    forged = audit_bundle(asking(good, renamed))
    assert forged.verified.bundle.query.sql_hash != good.query.sql_hash


def test_a_schema_is_the_registered_one(good: AuditBundle) -> None:
    schema = good.schemas[0]
    (entry,) = good.datasets
    renamed, wider = schema.replace(b'"name":"hospital"', b'"name":"clinic"'), schema.replace(b":120", b":121")
    for changed in (renamed, wider, schema + b" ", schema[:-1]):
        assert changed != schema
        with pytest.raises(BundleContradictedError, match="schema"):
            audit_bundle(replace(good, schemas=(changed,)))
        lie = replace(entry, schema_hash=hashlib.sha256(changed).digest())
        with pytest.raises(ProofRejectedError, match="registration"):
            audit_bundle(replace(good, schemas=(changed,), datasets=(lie,)))
    for changed, fault in ((renamed, "not registered as clinic"), (schema + b" ", "canonical"), (schema[:-1], "JSON")):
        lie = replace(entry, schema_hash=hashlib.sha256(changed).digest())
        with pytest.raises(BundleContradictedError, match=fault):
            audit_bundle(replace(good, schemas=(changed,), datasets=(lie,), registrations=(), tables=()))
    with pytest.raises(BundleContradictedError, match="another relation"):
        audit_bundle(replace(good, datasets=(replace(entry, relation_hash=bytes(32)),)))


def test_sums_that_no_data_can_have_are_refused(good: AuditBundle) -> None:
    """The proof decides first; this is what stands behind it."""
    with pytest.raises((QueryError, BundleContradictedError)):
        audit_bundle(replace(good, openings=(replace(good.openings[0], value=1 << 200),)))


def test_an_sql_text_cannot_write_to_the_terminal(good: AuditBundle, tmp_path: Path) -> None:
    sql = "SELECT COUNT(*) AS n, VAR_POP(age) AS v FROM hospital WHERE diabetic -- \x1b[2J\x1b[H\r all verified"
    store_bundle(asking(good, sql), tmp_path / "escape.tally")
    result = verify(tmp_path / "escape.tally", "--srs", STRING)
    assert "\x1b" not in result.output
    assert "\r" not in result.output


def test_the_audit_names_its_string(good: AuditBundle) -> None:
    tau_g2 = decode_g2(good.string.tau_g2)
    assert audit_bundle(good, string=PinnedString(good.string.srs_id, tau_g2, "mine")).string is not None
    with pytest.raises(BundleContradictedError, match="string"):
        audit_bundle(good, string=PinnedString(bytes(32), tau_g2, "mine"))
