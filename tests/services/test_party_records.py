"""CSV to records: every kind, absent rows, nulls; and faults that name the place and never the value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from query.errors import RowInvalidError
from query.kinds import Boolean, BoundedInteger, Category, ScaledDecimal
from query.schema import ColumnSchema, TableSchema
from services.errors import RequestInvalidError
from services.party.records import parse_records

SCHEMA = TableSchema(
    "t", "owner", "rows", "person", "c",
    (ColumnSchema("age", BoundedInteger(0, 120)), ColumnSchema("level", ScaledDecimal(1, 0, 200), nullable=True),
     ColumnSchema("ill", Boolean()), ColumnSchema("sex", Category(("f", "m")))),
)  # fmt: skip
HEADER = "person,age,level,ill,sex"


def test_records_stand_in_order_without_a_row_column() -> None:
    text = f"{HEADER}\nanna,41,5.5,TRUE,f\nbert,0,,0,m\n"
    assert parse_records(SCHEMA, text, "", 3) == [
        {"age": 41, "level": Decimal("5.5"), "ill": True, "sex": "f"},
        {"age": 0, "level": None, "ill": False, "sex": "m"},
    ]


def test_records_stand_in_their_cohort_rows_and_others_are_absent() -> None:
    text = "row,sex,ill,age,level\n4,m,1,7,\n1,f,0,8,1.0\n"
    found = parse_records(SCHEMA, text, "row", 3)
    assert [None if record is None else record["age"] for record in found] == [None, 8, None, None, 7]


def test_a_text_with_a_header_alone_has_no_record() -> None:
    assert parse_records(SCHEMA, HEADER + "\n", "", 3) == []
    assert parse_records(SCHEMA, "row,age,level,ill,sex\n", "row", 3) == []


@pytest.mark.parametrize(
    ("text", "row_column", "fault"),
    [
        ("", "", "empty"),
        ("person,age,level,ill\n", "", "lacks sex"),
        (HEADER + ",extra\n", "", "no column 'extra'"),
        (HEADER + ",age\n", "", "twice"),
        (HEADER + "\n", "row", "lacks row"),
        (HEADER + '\n"anna,41', "", "not CSV"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(text: str, row_column: str, fault: str) -> None:
    with pytest.raises(RequestInvalidError, match=fault):
        parse_records(SCHEMA, text, row_column, 3)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("7,sevenSECRET,,1,f", "age"),
        ("7,1.5SECRET,,1,f", "age"),
        ("7,1,xSECRET,1,f", "level"),
        ("7,1,,maybeSECRET,f", "ill"),
        ("7,1,,1," + "SECRET" * 100, "sex"),
        ("8,1,,1,SECRET", None),
        ("-1,1,,1,SECRET", None),
        ("sevenSECRET,1,,1,f", None),
        ("9999999999999,1,,1,SECRET", None),
        ("7,SECRET", None),
    ],
)
def test_a_value_that_cannot_be_read_is_named_by_its_place_alone(line: str, column: str | None) -> None:
    with pytest.raises(RowInvalidError) as refused:
        parse_records(SCHEMA, f"row,age,level,ill,sex\n0,1,,1,f\n{line}\n", "row", 3)
    assert (refused.value.row, refused.value.column) == (1 if column is None else 7, column)
    assert "SECRET" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_two_records_cannot_share_a_row() -> None:
    with pytest.raises(RowInvalidError, match="same row number"):
        parse_records(SCHEMA, "row,age,level,ill,sex\n3,1,,1,f\n3,2,,1,f\n", "row", 3)
