"""Schemas, their canonical form and physical layout; records into columns."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest
from query_tables import HOSPITAL, LABORATORY, LOG_ROWS, random_records

from query.errors import RowInvalidError, SchemaInvalidError
from query.kinds import Boolean, BoundedInteger, Category, Kind, ScaledDecimal
from query.rows import encode_rows
from query.schema import ColumnSchema, TableSchema, encode_schema, parse_schema, physical_columns, schema_hash
from zk.relation import ColumnKind


def table(*columns: ColumnSchema) -> TableSchema:
    return TableSchema("t", "owner", "rows", "person", "city", columns)


def test_layout_is_present_then_values_each_followed_by_known() -> None:
    layout = [(c.index, c.name, c.kind, c.bound, c.logical) for c in physical_columns(HOSPITAL)]
    assert layout == [
        (0, "present", ColumnKind.BOOLEAN, 1, None),
        (1, "age", ColumnKind.INTEGER, 120, "age"),
        (2, "bmi", ColumnKind.INTEGER, 700, "bmi"),
        (3, "bmi__known", ColumnKind.BOOLEAN, 1, "bmi"),
        (4, "balance", ColumnKind.INTEGER, 2 * 10**9, "balance"),
        (5, "balance__known", ColumnKind.BOOLEAN, 1, "balance"),
        (6, "diabetic", ColumnKind.BOOLEAN, 1, "diabetic"),
        (7, "smoker", ColumnKind.BOOLEAN, 1, "smoker"),
        (8, "smoker__known", ColumnKind.BOOLEAN, 1, "smoker"),
        (9, "region", ColumnKind.INTEGER, 3, "region"),
        (10, "region__known", ColumnKind.BOOLEAN, 1, "region"),
    ]


@pytest.mark.parametrize("schema", [HOSPITAL, LABORATORY], ids=lambda s: s.name)
def test_canonical_text_round_trips(schema: TableSchema) -> None:
    text = encode_schema(schema)
    assert parse_schema(text) == schema
    assert encode_schema(parse_schema(json.dumps(json.loads(text), indent=3))) == text
    assert len(schema_hash(schema)) == 32


def test_hash_is_fixed_and_follows_every_field() -> None:
    small = table(ColumnSchema("x", ScaledDecimal(2, -5, 10), True))
    assert encode_schema(small) == (
        b'{"cohort":"city","columns":[{"kind":{"hi":10,"lo":-5,"scale":2,"type":"decimal"},"name":"x","nullable":true}],'
        b'"format":"tallystick.schema/1","key":"person","name":"t","owner":"owner","rows_label":"rows"}'
    )
    assert schema_hash(small) != schema_hash(table(ColumnSchema("x", ScaledDecimal(2, -5, 11), True)))


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(encode_schema(LABORATORY)), **fields})


COLUMN = {"name": "x", "nullable": False, "kind": {"type": "boolean"}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        "[" * 60000,
        '{"a":1,"a":2}',
        "x" * 70000,
        changed(format="other"),
        changed(extra=1),
        changed(name=5),
        changed(name="Upper"),
        changed(name="a__b"),
        changed(name="a b"),
        changed(name="1a"),
        changed(name=""),
        changed(owner="a b"),
        changed(columns=[]),
        changed(columns=[COLUMN, COLUMN]),
        changed(columns={}),
        changed(columns=[{**COLUMN, "name": "present"}]),
        changed(columns=[{**COLUMN, "name": "person"}]),
        changed(columns=[{**COLUMN, "nullable": 1}]),
        changed(columns=[{**COLUMN, "more": 1}]),
        changed(columns=[{**COLUMN, "kind": {"type": "float"}}]),
        changed(columns=[{**COLUMN, "kind": {"type": "integer", "lo": 0, "hi": 1.5}}]),
        changed(columns=[{**COLUMN, "kind": {"type": "integer", "lo": True, "hi": 1}}]),
        changed(columns=[{**COLUMN, "kind": {"type": "integer", "lo": 2, "hi": 1}}]),
        changed(columns=[{**COLUMN, "kind": {"type": "category", "names": ["a", 1]}}]),
        changed(columns=[{**COLUMN, "name": f"x{i}"} for i in range(32)]),
        changed(columns=[{**COLUMN, "name": f"x{i}", "nullable": True} for i in range(16)]),
        changed(rows_label="\n"),
        '{"x":NaN}',
        '{"x":' + "9" * 5000 + "}",
    ],
    ids=range(34),
)
def test_text_that_is_no_schema(text: str) -> None:
    with pytest.raises(SchemaInvalidError):
        parse_schema(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BoundedInteger(0, 1 << 62),
        lambda: BoundedInteger(1, 0),
        lambda: BoundedInteger(1 << 63, 1 << 63),
        lambda: ScaledDecimal(19, 0, 1),
        lambda: ScaledDecimal(-1, 0, 1),
        lambda: ScaledDecimal(0, -(1 << 61), 1 << 61),
        lambda: Category(()),
        lambda: Category(("a", "a")),
        lambda: Category(("",)),
        lambda: Category(("a\x00",)),
    ],
)
def test_kinds_have_limits(make: Any) -> None:
    with pytest.raises(SchemaInvalidError):
        make()
    assert BoundedInteger(0, (1 << 62) - 1) == BoundedInteger(0, (1 << 62) - 1)


def test_values_are_stored_from_their_lower_bound() -> None:
    schema = table(
        ColumnSchema("i", BoundedInteger(-3, 9)),
        ColumnSchema("d", ScaledDecimal(2, -500, 500), True),
        ColumnSchema("c", Category(("a", "b"))),
        ColumnSchema("b", Boolean(), True),
    )
    columns = encode_rows(
        schema,
        [
            {"person": "p", "i": -3, "d": Decimal("-4.50"), "c": "b", "b": True},
            None,
            {"i": np.int32(9), "d": 0.1, "c": "a", "b": np.bool_(False)},
            {"i": 0, "d": None, "c": "a", "b": None},
            {"i": 0, "d": 5, "c": "a", "b": None},
        ],
        3,
    )
    expected = {
        "present": [1, 0, 1, 1, 1],
        "i": [0, 0, 12, 3, 3],
        "d": [50, 0, 510, 0, 1000],
        "d__known": [1, 0, 1, 0, 1],
        "c": [2, 0, 1, 1, 1],
        "b": [1, 0, 0, 0, 0],
        "b__known": [1, 0, 1, 0, 0],
    }
    assert list(columns) == [c.name for c in physical_columns(schema)]
    for name, values in expected.items():
        assert columns[name].dtype == np.int64
        assert columns[name].tolist() == [*values, 0, 0, 0]


def test_stored_values_stay_within_their_bounds(rng: Random) -> None:
    columns = encode_rows(HOSPITAL, random_records(rng, HOSPITAL, 64), LOG_ROWS)
    for column in physical_columns(HOSPITAL):
        assert columns[column.name].min() >= 0
        assert columns[column.name].max() <= column.bound


WRONG: list[tuple[Kind, object]] = [
    (BoundedInteger(0, 99), 54321),
    (BoundedInteger(0, 99), -54321),
    (BoundedInteger(0, 99), 54.321),
    (BoundedInteger(0, 99), "54321"),
    (BoundedInteger(0, 99), True),
    (BoundedInteger(0, 99), 10**400),
    (BoundedInteger(0, 99), None),
    (BoundedInteger(0, 99), [54321]),
    (BoundedInteger(0, 99), float("nan")),
    (ScaledDecimal(1, 0, 999), float("nan")),
    (ScaledDecimal(1, 0, 999), float("inf")),
    (ScaledDecimal(1, 0, 999), 54.321),
    (ScaledDecimal(1, 0, 999), Decimal("54.321")),
    (ScaledDecimal(1, 0, 999), Decimal("NaN")),
    (ScaledDecimal(1, 0, 999), Decimal("1e999999")),
    (ScaledDecimal(1, 0, 999), Decimal("1e-999999")),
    (ScaledDecimal(1, 0, 999), Decimal("5." + "0" * 80 + "1")),
    (ScaledDecimal(1, 0, 999), "5"),
    (ScaledDecimal(1, 0, 999), True),
    (ScaledDecimal(1, 0, 999), 54321),
    (Category(("a",)), "54321"),
    (Category(("a",)), 1),
    (Category(("a",)), ""),
    (Boolean(), 1),
    (Boolean(), "true"),
]


@pytest.mark.parametrize(("kind", "value"), WRONG, ids=range(len(WRONG)))
def test_wrong_value_is_named_by_place_only(kind: Kind, value: object) -> None:
    schema = table(ColumnSchema("x", kind), ColumnSchema("ok", Boolean()))
    good = {BoundedInteger: 1, ScaledDecimal: 1, Category: "a", Boolean: True}[type(kind)]
    with pytest.raises(RowInvalidError) as fault:
        encode_rows(schema, [{"x": good, "ok": True}, None, {"x": value, "ok": True}], 3)
    assert (fault.value.row, fault.value.column) == (2, "x")
    assert "54" not in str(fault.value)
    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__ or fault.value.__context__ is None


@pytest.mark.parametrize(
    ("record", "column"), [({}, "x"), ({"x": True, "y": 1}, None), (5, None), ([("x", True)], None)]
)
def test_wrong_record(record: Any, column: str | None) -> None:
    with pytest.raises(RowInvalidError) as fault:
        encode_rows(table(ColumnSchema("x", Boolean())), [record], 3)
    assert (fault.value.row, fault.value.column) == (0, column)


def test_rows_that_do_not_fit() -> None:
    schema = table(ColumnSchema("x", Boolean()))
    for count, log_rows in ((9, 3), (0, 2), (0, 25)):
        with pytest.raises(SchemaInvalidError):
            encode_rows(schema, [None] * count, log_rows)
    assert encode_rows(schema, [{"x": True}] * 8, 3)["present"].sum() == 8


def test_schemas_can_be_sent_between_processes_as_text_only() -> None:
    assert parse_schema(encode_schema(HOSPITAL).decode()) == HOSPITAL
    assert b"hospital" in pickle.dumps(HOSPITAL)  # public: nothing to redact
