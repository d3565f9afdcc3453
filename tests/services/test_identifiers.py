"""Identifiers: one person one text, and faults that never quote it."""

from __future__ import annotations

import pytest

from query.errors import RowInvalidError
from services.errors import RequestInvalidError
from services.identifiers import identifier_bytes, identifier_column, normalise_identifier, parse_identifiers
from zk.field import FR


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  Anna   MÜLLER ", "anna müller"),
        ("Mu\u0308ller", "müller"),
        ("ＡＢ１２", "ab12"),
        ("Straße", "strasse"),
        ("ﬁve", "five"),
        ("a\u200bb\u00adc", "abc"),
        ("a\u00a0\u2003b\tc", "a b c"),
        ("ΣΑΣ", "σασ"),
        ("007-42", "007-42"),
    ],
)
def test_normal_forms(text: str, normal: str) -> None:
    assert normalise_identifier(text) == normal
    assert normalise_identifier(normal) == normal
    assert identifier_bytes(text) == identifier_bytes(normal)


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "x" * 257, "a\x00b", "a\x1bb"])
def test_what_is_no_identifier(text: str) -> None:
    with pytest.raises(RequestInvalidError) as caught:
        normalise_identifier(text)
    assert "xxx" not in str(caught.value)
    assert normalise_identifier("x" * 256) == "x" * 256


def test_elements_are_canonical_and_differ() -> None:
    elements = [identifier_bytes(text) for text in ("1", "01", "1 ", "a", "b")]
    assert elements[0] == elements[2] and len(set(elements)) == 4
    assert len(FR.decode_bytes(b"".join(elements))) == 5


def test_persons_named_twice_are_refused_or_merged() -> None:
    texts = ["Ada", "Bob", " ADA "]
    assert identifier_column(texts, "merge") == [identifier_bytes("ada"), identifier_bytes("bob")]
    with pytest.raises(RowInvalidError, match="another line has") as caught:
        identifier_column(texts, "refuse")
    assert "ada" not in str(caught.value).lower().replace("another", "")
    with pytest.raises(RowInvalidError, match="empty"):
        identifier_column(["Ada", ""], "merge")


def test_one_column_of_a_csv() -> None:
    assert parse_identifiers("n,name\r\n1,Ada\r\n2,\"Bob, B.\"\r\n", "name") == ["Ada", "Bob, B."]
    for text, column in (
        ("", "name"), ("n,name\n1,Ada\n", "key"), ("name,name\na,b\n", "name"), ("n,name\n1\n", "name"), ('n\n"o', "n"),
    ):  # fmt: skip
        with pytest.raises(RequestInvalidError):
            parse_identifiers(text, column)
