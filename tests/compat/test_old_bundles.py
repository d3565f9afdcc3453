"""Bundles of published releases keep verifying, with the same sums, for ever. Made by make_bundle.py; see README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.bundle_codec import load_bundle
from ledger.bundle_verify import require_string
from services.audit import PinnedString, audit_bundle
from zk.srs import load_srs, verify_srs

HERE = Path(__file__).parent
CASES = [
    (path.stem, question, expected)
    for path in sorted(HERE.glob("*.json"))
    for question, expected in json.loads(path.read_text()).items()
]


def test_there_are_bundles_of_every_version() -> None:
    assert {release for release, _, _ in CASES} >= {"v1", "v2"}


@pytest.mark.parametrize(("release", "question", "expected"), CASES)
def test_an_old_bundle_verifies(release: str, question: str, expected: dict[str, Any]) -> None:
    string = load_srs(HERE / f"{release}.srs")
    verify_srs(string)
    bundle, digest = load_bundle(HERE / f"{release}-{question}.tally")
    require_string(bundle, string.id, string.tau_g2)
    audit = audit_bundle(bundle, string=PinnedString(string.id, string.tau_g2, release))
    verified = audit.verified
    assert (digest.hex(), verified.statement.subject.hex()) == (expected["digest"], expected["query"])
    assert [verified.released.get(number) for number in range(len(expected["sums"]))] == expected["sums"]
    assert {str(number): value for number, value in verified.opened.items()} == expected["guards"]
    if audit.plan is not None:  # a later compiler may write other words for the same question
        assert [f"{output.name} = {output.value}" for output in audit.outputs] == expected["values"]
    else:
        assert "version" in audit.unchecked_sql
