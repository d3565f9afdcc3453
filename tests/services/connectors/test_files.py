"""CSV and Parquet sources: exact values, a report of all that does not fit, and nothing else that can be read."""

from __future__ import annotations

import csv
import io
import os
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest
from patients import PATIENTS
from typer.testing import CliRunner

from query.rows import encode_rows
from query.schema import TableSchema, encode_schema
from services.cli.main import app
from services.connectors.allowed import AllowedSources
from services.connectors.mapping import parse_mapping
from services.connectors.table import read_source
from services.errors import SourceInvalidError, SourceRefusedError
from services.party.records import parse_records

MAPPING = b"""
[source]
kind = "csv"
file = "patients.csv"
key = "id"
[columns.age]
from = "Age in years"
[columns.bmi]
nulls = ["", "NA"]
[columns.sex]
values = { "1" = "female", "2" = "male" }
"""
HEADER = "id,Age in years,bmi,smoker,sex,note\n"
GOOD = HEADER + '17,61,27.4,true,1,"a, b"\n"18 ",44,NA,,2,\nx-3,0,10.0,FALSE,2,"said ""no"""\n'


def write(folder: Path, text: str, name: str = "patients.csv") -> None:
    (folder / name).write_text(text)


def read(allowed: AllowedSources, mapping: bytes = MAPPING, schema: TableSchema = PATIENTS):
    return read_source(parse_mapping(mapping, schema), schema, allowed)


def rows_of(found) -> list[list[str]]:
    return list(csv.reader(io.StringIO(found.csv.decode())))[1:]


def test_a_source_becomes_what_registration_takes(folder: Path, allowed: AllowedSources) -> None:
    write(folder, GOOD)
    found = read(allowed)
    assert rows_of(found) == [["17", "61", "27.4", "true", "female"], ["18", "44", "", "", "male"],
                              ["x-3", "0", "10.0", "false", "male"]]  # fmt: skip
    assert (found.report.rows, found.report.taken, found.report.clean) == (3, 3, True)
    assert dict(found.report.nulls) == {"bmi": 1, "smoker": 1}
    records = parse_records(PATIENTS, found.csv.decode(), "", 3)
    plain = [{"age": 61, "bmi": Decimal("27.4"), "smoker": True, "sex": "female"},
             {"age": 44, "bmi": None, "smoker": None, "sex": "male"},
             {"age": 0, "bmi": Decimal("10.0"), "smoker": False, "sex": "male"}]  # fmt: skip
    ours, theirs = encode_rows(PATIENTS, records, 3), encode_rows(PATIENTS, plain, 3)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("line", "column", "fault"),
    [
        ("1,121,20.0,true,1,", "age", "outside the schema's bounds"),
        ("1,-1,20.0,true,1,", "age", "outside the schema's bounds"),
        ("1,6.5,20.0,true,1,", "age", "is no whole number"),
        ("1,6e1,20.0,true,1,", "age", "is no whole number"),
        ("1,,20.0,true,1,", "age", "null in a column that is not nullable"),
        ("1,60,20.05,true,1,", "bmi", "more digits than the schema's scale keeps"),
        ("1,60,nan,true,1,", "bmi", "is no decimal number"),
        ("1,60,1e2,true,1,", "bmi", "is no decimal number"),
        ("1,60,9.9,true,1,", "bmi", "outside the schema's bounds"),
        ("1,60,20.0,maybe,1,", "smoker", "is no truth value"),
        ("1,60,20.0,true,3,", "sex", "has no meaning in the mapping"),
        (",60,20.0,true,1,", "person", "is empty, or neither a text nor a whole number"),
        ("17,60,20.0,true,1,", "person", "stands twice"),
    ],
)
def test_every_fault_is_reported_by_row_and_column_without_its_value(
    folder: Path, allowed: AllowedSources, line: str, column: str, fault: str
) -> None:
    write(folder, GOOD + line + "\n")
    found = read(allowed)
    assert [(f.row, f.column, f.fault) for f in found.report.faults] == [(4, column, fault)]
    assert (found.report.rows, found.report.taken) == (4, 3)
    assert len(rows_of(found)) == 3
    assert "121" not in "\n".join(found.report.lines())


def test_nothing_is_lost_silently(folder: Path, allowed: AllowedSources) -> None:
    lines = [f"{row},{row % 140},,,{1 + row % 3}," for row in range(5000)]
    write(folder, HEADER + "\n".join(lines) + "\n")
    report = read(allowed).report
    faulty = [row for row in range(5000) if row % 140 > 120 or row % 3 == 2]
    assert (report.rows, report.taken) == (5000, 5000 - len(faulty))
    assert report.fault_count == sum(report.counts.values()) >= len(faulty)
    assert len(report.faults) == 1000


def test_rows_are_chosen_by_constants(folder: Path, allowed: AllowedSources) -> None:
    write(folder, GOOD)
    assert len(rows_of(read(allowed, MAPPING + b'[where]\nsex = "2"\n'))) == 2
    assert rows_of(read(allowed, MAPPING + b"[where]\nnote = \"' OR 1=1 --\"\n")) == []


def test_parquet_keeps_exact_values(folder: Path, allowed: AllowedSources) -> None:
    path = str(folder / "patients.parquet")
    duckdb.sql(
        "COPY (SELECT 1::BIGINT AS id, 61::SMALLINT AS age, 27.4::DECIMAL(9,3) AS bmi, true AS smoker, 'male' AS sex "
        f"UNION ALL SELECT 2, 44, NULL, NULL, 'female' UNION ALL SELECT 3, 50, 20.05, false, 'male') TO '{path}'"
    )
    found = read(allowed, b'[source]\nkind = "parquet"\nfile = "patients.parquet"\nkey = "id"\n')
    assert rows_of(found) == [["1", "61", "27.400", "true", "male"], ["2", "44", "", "", "female"]]
    assert [(f.row, f.column) for f in found.report.faults] == [(3, "bmi")]


@pytest.mark.parametrize(
    "text", ["", "id,age\n", HEADER + "1,2\n", HEADER + '1,"2\n', "\xff\xfe\x00\x01", HEADER + "1,2,3,4,5,6,7,8\n"]
)
def test_files_that_are_not_what_the_mapping_says(folder: Path, allowed: AllowedSources, text: str) -> None:
    (folder / "patients.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceInvalidError):
        read(allowed)


def test_only_regular_files_of_allowed_folders(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(GOOD)
    (folder / "patients.csv").symlink_to(secret)
    os.mkfifo(folder / "pipe.csv")
    (folder / "inner").mkdir()
    (folder / "inner" / "own.csv").write_text(GOOD)
    (folder / "alias.csv").symlink_to(folder / "inner" / "own.csv")
    allowed = AllowedSources((folder,))
    assert allowed.file("inner/own.csv") == allowed.file("alias.csv") == (folder / "inner" / "own.csv").resolve()
    for name in ("patients.csv", "pipe.csv", "inner", "../secret.csv", str(secret), "inner/../../secret.csv", ""):
        with pytest.raises(SourceRefusedError):
            allowed.file(name)
    with pytest.raises(SourceRefusedError):
        AllowedSources().file(str(secret))


def test_the_reader_can_open_nothing_but_its_file(folder: Path, allowed: AllowedSources, tmp_path: Path) -> None:
    from services.connectors.files import _locked_down

    write(folder, GOOD)
    other = tmp_path / "other.csv"
    other.write_text(GOOD)
    connection = _locked_down(allowed.file("patients.csv"))
    assert len(connection.execute("SELECT * FROM read_csv(?)", [str(folder / "patients.csv")]).fetchall()) == 3
    for statement in (f"SELECT * FROM read_csv('{other}')", "INSTALL httpfs", "SET enable_external_access = true",
                      f"COPY (SELECT 1) TO '{tmp_path}/out.csv'", f"ATTACH '{tmp_path}/x.db'"):  # fmt: skip
        with pytest.raises(duckdb.Error):
            connection.execute(statement)


def test_the_command_line(folder: Path, tmp_path: Path) -> None:
    write(folder, GOOD + "9,200,,,1,\n")
    (tmp_path / "m.toml").write_bytes(MAPPING)
    (tmp_path / "s.json").write_bytes(encode_schema(PATIENTS))
    config = tmp_path / "operator.toml"
    tls = 'tls = { certificate = "c", private_key = "k", authority = "a" }'
    names = enumerate(("hospital", "laboratory", "bureau"))
    parties = ", ".join(f'{{ name = "{name}", number = {k}, address = "127.0.0.1:1" }}' for k, name in names)
    config.write_text(
        f'name = "op"\n{tls}\nparties = [{parties}]\ncoordinator = {{ name = "co", address = "127.0.0.1:1" }}\n'
        'ledger = { url = "http://127.0.0.1:1", chain_id = 1 }\n'
        f'sources = {{ folders = ["{folder}"] }}\n'
    )
    arguments = ["source", "check", str(tmp_path / "m.toml"), "--schema", str(tmp_path / "s.json"), "--config",
                 str(config), "--out", str(tmp_path / "out.csv")]  # fmt: skip
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 1
    assert "4 rows read, 3 taken, 1 with faults" in told.output
    assert "row 4, age: outside the schema's bounds" in told.output
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600
    write(folder, GOOD)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    config.write_text(config.read_text().replace(str(folder), str(tmp_path / "elsewhere")))
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 1
    assert "allowed" in refused.output
