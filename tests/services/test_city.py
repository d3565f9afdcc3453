"""The synthetic city: repeatable, within its schema, overlapping, correlated, with missing values; and its files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from query.rows import encode_rows
from query.schema import parse_schema, physical_columns, schema_hash
from services.cli.city import app
from services.demo.city import City, make_city
from services.demo.errors import DemoFileError, DemoSizeError
from services.demo.export import store_city, table_csv
from services.demo.housing import make_housing
from services.errors import RequestInvalidError
from services.party.records import parse_records

SEED = 2026
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "schemas"


@pytest.fixture(scope="module")
def city() -> City:
    print(f"city seed {SEED}")
    return make_city(10_000, SEED)


def correlation(left: np.ndarray, right: np.ndarray, rows: np.ndarray) -> float:
    return float(np.corrcoef(left[rows], right[rows])[0, 1])


def test_same_seed_gives_same_city_and_another_seed_another(city: City) -> None:
    again, other = make_city(10_000, SEED), make_city(10_000, SEED + 1)
    for table, same, different in zip(city.tables, again.tables, other.tables, strict=True):
        assert np.array_equal(table.present, same.present)
        assert not np.array_equal(table.present, different.present)
        for name, values in table.values.items():
            assert np.array_equal(values, same.values[name])


def test_registers_overlap_without_covering_each_other(city: City) -> None:
    hospital, laboratory, credit = (table.present for table in city.tables)
    for left, right in ((hospital, laboratory), (hospital, credit), (laboratory, credit)):
        both = left & right
        assert 1000 < both.sum() < min(left.sum(), right.sum())
    assert 0.01 < 1 - (hospital | laboratory | credit).mean() < 0.5
    assert city.tables[0].log_rows == 14


def test_columns_correlate_within_and_across_owners_and_amounts_are_skewed(city: City) -> None:
    hospital, laboratory, credit = city.tables
    tested = hospital.present & laboratory.usable("hba1c")
    assert correlation(hospital.values["age"], laboratory.values["hba1c"], tested) > 0.2
    assert correlation(hospital.values["diabetic"], laboratory.values["hba1c"], tested) > 0.5
    both = hospital.present & credit.present
    assert correlation(hospital.values["diabetic"], credit.values["in_arrears"], both) > 0.05
    balances = credit.values["balance_cents"][credit.present]
    assert balances.mean() > 1.5 * np.median(balances)


def test_the_housing_office_knows_tenants_whose_arrears_follow_the_others(city: City) -> None:
    housing, (hospital, _, credit) = make_housing(city), city.tables
    again, other = make_housing(city), make_housing(make_city(10_000, SEED + 1))
    assert np.array_equal(housing.present, again.present)
    assert not np.array_equal(housing.present, other.present)
    assert 0.2 < housing.present.mean() < 0.6
    assert correlation(housing.values["late"], credit.values["in_arrears"], housing.present & credit.present) > 0.1
    assert correlation(housing.values["late"], hospital.values["visits"], housing.present & hospital.present) > 0.05
    columns = encode_rows(housing.schema, housing.records(), housing.log_rows)
    for column in physical_columns(housing.schema):
        assert 0 <= columns[column.name].min() <= columns[column.name].max() <= column.bound


def test_values_are_missing_and_not_at_random(city: City) -> None:
    hospital, laboratory, _ = city.tables
    assert 0.05 < 1 - hospital.known["systolic"][hospital.present].mean() < 0.3
    diabetic = hospital.values["diabetic"] == 1
    known = laboratory.known["hba1c"]
    assert known[diabetic].mean() > known[~diabetic].mean() + 0.1


@pytest.mark.parametrize("persons", [1, 7, 10_000])
def test_every_size_fits_its_schema(persons: int) -> None:
    for table in make_city(persons, SEED).tables:
        columns = encode_rows(table.schema, table.records(), table.log_rows)
        assert columns["present"].sum() == table.rows
        for column in physical_columns(table.schema):
            assert 0 <= columns[column.name].min() <= columns[column.name].max() <= column.bound
        assert "synthetic" in table.schema.cohort
        assert "synthetic" in table.schema.rows_label


@pytest.mark.parametrize(("persons", "seed"), [(0, 1), (-3, 1), ((1 << 24) + 1, 1), (10, -1), (10, 1 << 63)])
def test_sizes_and_seeds_out_of_range_are_refused(persons: int, seed: int) -> None:
    with pytest.raises(DemoSizeError):
        make_city(persons, seed)


def test_tables_do_not_show_rows(city: City) -> None:
    assert "array" not in repr(city.tables[0])
    assert "array" not in repr(city)


def test_example_schemas_are_the_generators(city: City) -> None:
    for table in city.tables:
        text = (EXAMPLES / f"synthetic_city_{table.name}.json").read_text(encoding="ascii")
        assert schema_hash(parse_schema(text)) == schema_hash(table.schema)


def test_command_writes_files_that_say_they_are_synthetic(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--persons", "200", "--seed", "5", "--out", str(tmp_path / "new" / "city")])
    assert done.exit_code == 0, done.output
    files = sorted((tmp_path / "new" / "city").iterdir())
    assert len(files) == 7
    assert all(path.name.startswith("synthetic_city") for path in files)
    note = json.loads((tmp_path / "new" / "city" / "synthetic_city.json").read_text())
    assert note["synthetic"] is True
    assert note["persons"] == 200
    made = make_city(200, 5)
    for table in made.tables:
        stem = tmp_path / "new" / "city" / f"synthetic_city_{table.name}"
        assert parse_schema(stem.with_suffix(".schema.json").read_text()) == table.schema
        with stem.with_suffix(".csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == table.rows == note["rows"][table.name]
        assert all(row["person"].startswith("SYN-") for row in rows)
        name = table.schema.columns[-1].name
        cells = [table.cells(name)[int(row["row"])] for row in rows]
        assert [row[name] for row in rows] == ["" if c is None else str(c).lower() for c in cells]


def test_registration_csv_reads_back_as_the_same_rows(city: City) -> None:
    for table in city.tables:
        text = table_csv(table).decode("ascii")
        assert parse_records(table.schema, text, "row", table.log_rows) == _without_tail(table.records())
        with pytest.raises(RequestInvalidError):
            parse_records(table.schema, text.replace("row,", "line,", 1), "row", table.log_rows)


def _without_tail(records: list[dict[str, object] | None]) -> list[dict[str, object] | None]:
    while records and records[-1] is None:
        records.pop()
    return records


def test_command_refuses_bad_input_in_one_line(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["--persons", "0", "--out", str(tmp_path)]).exit_code == 2
    blocked = tmp_path / "file"
    blocked.write_text("")
    failed = CliRunner().invoke(app, ["--persons", "10", "--out", str(blocked)])
    assert failed.exit_code == 1
    assert failed.stderr.startswith("error: cannot write")
    with pytest.raises(DemoFileError):
        store_city(make_city(10, 1), blocked)
