"""The bundled diabetes data: exact decimals, one row order, and the published summary figures."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from sklearn.datasets import load_diabetes

from query.rows import encode_rows
from query.schema import parse_schema, schema_hash
from services.demo.diabetes import _exact, load_tables

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "schemas"


def test_every_value_is_the_sources_own_text() -> None:
    source = load_diabetes(scaled=False)
    expected = {name: source.data[:, k].tolist() for k, name in enumerate(source.feature_names)}
    expected["progression"] = source.target.tolist()
    seen: set[str] = set()
    for table in load_tables():
        assert table.rows == 442
        assert table.log_rows == 10
        for column in table.schema.columns:
            cells = table.cells(column.name)
            assert [Decimal(str(cell)) for cell in cells] == [Decimal(repr(x)) for x in expected[column.name]]
            seen.add(column.name)
    assert seen == set(expected)


def test_split_is_by_owner_and_fits_the_schema() -> None:
    hospital, laboratory = load_tables()
    assert [c.name for c in hospital.schema.columns] == ["age", "sex", "bmi", "bp"]
    assert [c.name for c in laboratory.schema.columns] == ["s1", "s2", "s3", "s4", "s5", "s6", "progression"]
    assert (hospital.schema.owner, laboratory.schema.owner) == ("hospital", "laboratory")
    assert hospital.schema.cohort == laboratory.schema.cohort
    for table in (hospital, laboratory):
        columns = encode_rows(table.schema, table.records(), table.log_rows)
        assert columns["present"].sum() == 442


def test_outcome_has_the_published_mean() -> None:
    _, laboratory = load_tables()
    assert sum(laboratory.values["progression"].tolist()) == 67243  # 442 · 152.133484...


def test_example_schemas_are_the_code_s() -> None:
    for table in load_tables():
        text = (EXAMPLES / f"diabetes_{table.name}.json").read_text(encoding="ascii")
        assert schema_hash(parse_schema(text)) == schema_hash(table.schema)


def test_a_value_with_too_many_digits_is_refused() -> None:
    assert _exact([4.8598], 4).tolist() == [48598]
    with pytest.raises(ValueError, match="more digits"):
        _exact([4.85981], 4)
