"""The registration relation holds on encoded tables, and each rule it stands for has an attack that breaks it."""

from __future__ import annotations

from random import Random

import pytest
from query_oracle import Evaluation, evaluate_relation
from query_tables import HOSPITAL, LOG_ROWS, random_records

from query.errors import SchemaInvalidError
from query.kinds import Boolean, BoundedInteger
from query.registration import minimum_log_rows, registration_relation
from query.rows import Columns, encode_rows
from query.schema import ColumnSchema, TableSchema, physical_columns
from zk.decoding import decode_relation
from zk.encoding import encode_relation


def evaluate(columns: Columns) -> Evaluation:
    relation = registration_relation(HOSPITAL, 7, 3, LOG_ROWS)
    return evaluate_relation(relation, [columns[column.name] for column in physical_columns(HOSPITAL)])


def test_it_holds_and_counts_the_declared_rows(rng: Random) -> None:
    records = random_records(rng, HOSPITAL, 60)
    evaluation = evaluate(encode_rows(HOSPITAL, records, LOG_ROWS))
    assert evaluation.holds
    assert evaluation.sums[0] == sum(record is not None for record in records)


def test_its_shape() -> None:
    relation = registration_relation(HOSPITAL, 7, 3, LOG_ROWS)
    assert [(c.dataset, c.version, c.column) for c in relation.registered] == [(7, 3, i) for i in range(11)]
    assert len(relation.sum_forms) == 11  # every column is summed: a proof of knowledge of each
    assert relation.guards == (0,) * 11
    assert relation.boolean_columns() >= {1, 4, 6, 7, 8, 9, 11}
    assert decode_relation(encode_relation(relation)) == relation


# row 0 is present and knows everything, row 1 is absent, row 2 is present and knows nothing it may lack
CHEATS = {
    "present is 2": ("present", 0, 2),
    "present is -1": ("present", 0, -1),
    "a boolean is 2": ("diabetic", 0, 2),
    "known is 2": ("bmi__known", 0, 2),
    "a value in an absent row": ("age", 1, 5),
    "a boolean in an absent row": ("diabetic", 1, 1),
    "a nullable value in an absent row": ("bmi", 1, 5),
    "known in an absent row": ("bmi__known", 1, 1),
    "a value that is not known": ("bmi", 2, 5),
    "a true that is not known": ("smoker", 2, 1),
    "a category that is not known": ("region", 2, 1),
    "a weight in place of present": ("present", 0, 1000),
    "a value above its bound": ("age", 0, 121),
    "a value far above its bound": ("balance", 0, 2 * 10**9 + 1),
    "a negative value": ("age", 0, -1),
    "a nullable value above its bound": ("bmi", 0, 701),
    "a category beyond its names": ("region", 0, 4),
    "a category of no name": ("region", 0, 0),
    "a negative category": ("region", 0, -1),
}


@pytest.mark.parametrize(("column", "row", "value"), CHEATS.values(), ids=list(CHEATS))
def test_a_cheat_breaks_a_form_or_a_lookup(column: str, row: int, value: int) -> None:
    full = {"age": 50, "bmi": 25, "balance": 7, "diabetic": True, "smoker": True, "region": "west"}
    none = full | {"bmi": None, "balance": None, "smoker": None, "region": None}
    columns = encode_rows(HOSPITAL, [full, None, none], LOG_ROWS)
    assert evaluate(columns).holds
    columns[column][row] = value
    assert not evaluate(columns).holds


@pytest.mark.parametrize(("column", "value"), [("age", 120), ("age", 0), ("balance", 2 * 10**9), ("region", 3)])
def test_the_bounds_themselves_are_values(column: str, value: int) -> None:
    full = {"age": 50, "bmi": 25, "balance": 7, "diabetic": True, "smoker": True, "region": "west"}
    columns = encode_rows(HOSPITAL, [full], LOG_ROWS)
    columns[column][0] = value
    assert evaluate(columns).holds


def wide(count: int, kind: object, nullable: bool = False) -> TableSchema:
    columns = tuple(ColumnSchema(f"x{i}", kind, nullable) for i in range(count))  # type: ignore[arg-type]
    return TableSchema("t", "o", "rows", "person", "city", columns)


FULL = BoundedInteger(0, (1 << 32) - 1)  # 2^32 values: limbs of 16 bits without rest


def test_a_table_too_wide_for_one_proof() -> None:
    registration_relation(wide(31, Boolean()), 1, 1, LOG_ROWS)
    registration_relation(wide(15, Boolean(), True), 1, 1, LOG_ROWS)
    registration_relation(wide(10, FULL), 1, 1, 16)
    registration_relation(wide(10, BoundedInteger(0, 2 * 10**9)), 1, 1, 16)
    with pytest.raises(SchemaInvalidError, match="one registration proof"):
        registration_relation(wide(31, FULL), 1, 1, 16)
    with pytest.raises(SchemaInvalidError):
        registration_relation(wide(1, Boolean()), 1 << 128, 1, LOG_ROWS)


@pytest.mark.parametrize(
    ("schema", "smallest"),
    [(wide(1, Boolean()), 3), (wide(8, Boolean()), 4), (wide(1, BoundedInteger(0, 9)), 4), (wide(10, FULL), 8)],
    ids=["a boolean", "more sums than rows", "a bound", "wide columns"],
)
def test_small_tables_are_padded(schema: TableSchema, smallest: int) -> None:
    assert minimum_log_rows(schema) == smallest
    registration_relation(schema, 1, 1, smallest)
    with pytest.raises(SchemaInvalidError, match=rf"pad the table to 2\^{smallest} rows"):
        registration_relation(schema, 1, 1, smallest - 1)


def test_limbs_and_lookups_are_as_few_as_they_can_be() -> None:
    """32-bit columns over 2^16 rows or more: one limb column and two lookups each."""
    relation = registration_relation(wide(10, FULL), 1, 1, 16)
    assert (relation.table_bits, len(relation.lookups), len(relation.hints)) == (16, 20, 10)
    small = registration_relation(wide(10, BoundedInteger(0, 1000)), 1, 1, 16)
    assert (len(small.lookups), len(small.hints)) == (20, 0)
    exact = registration_relation(wide(10, BoundedInteger(0, (1 << 16) - 1)), 1, 1, 16)
    assert (len(exact.lookups), len(exact.hints)) == (10, 0)
