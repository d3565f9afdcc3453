"""A synthetic city as files: one CSV and one schema for each register, and a note that says what they are."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Final, TextIO

from query.schema import encode_schema
from services.demo.city import MODEL_VERSION, City
from services.demo.errors import DemoFileError
from services.demo.tables import DemoTable

PREFIX: Final = "synthetic_city"
ROW: Final = "row"
_NOTE: Final = (
    "SYNTHETIC DATA. No row is about a real person. Made by `tallystick city`; the model is documented in "
    "services/demo/city.py. The column row is the person's place (from 0) in the cohort's agreed order; a register "
    "lists only the persons it has; an empty field is an unknown value."
)


def store_city(city: City, folder: Path) -> list[Path]:
    """Write a city; existing files of the same names are replaced.

    Args:
        city: the city.
        folder: made where it does not exist.

    Returns:
        The files written: for each register a CSV and a schema, then the note.

    Raises:
        DemoFileError: a file cannot be written.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in city.tables:
            rows, schema = folder / f"{PREFIX}_{table.name}.csv", folder / f"{PREFIX}_{table.name}.schema.json"
            with rows.open("w", newline="", encoding="ascii") as stream:
                _write_rows(table, stream, key=True)
            schema.write_text(schema_text(table), encoding="ascii")
            written += [rows, schema]
        note = folder / f"{PREFIX}.json"
        note.write_text(json.dumps(_note(city), indent=2) + "\n", encoding="ascii")
    except OSError as error:
        raise DemoFileError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return [*written, note]


def schema_text(table: DemoTable) -> str:
    """A table's schema as indented JSON, as a person would write it."""
    return json.dumps(json.loads(encode_schema(table.schema)), indent=2) + "\n"


def _note(city: City) -> dict[str, object]:
    rows: dict[str, object] = {table.name: table.rows for table in city.tables}
    return {"synthetic": True, "note": _NOTE, "model_version": MODEL_VERSION, "persons": city.persons,
            "seed": city.seed, "log_rows": city.tables[0].log_rows, "rows": rows}


def table_csv(table: DemoTable) -> bytes:
    """A table as the CSV its owner registers; the column `ROW` has the row number. Secret."""
    stream = io.StringIO(newline="")
    _write_rows(table, stream, key=False)
    return stream.getvalue().encode("ascii")


def keyed_csv(table: DemoTable, order: Sequence[int]) -> bytes:
    """A table as the CSV its owner registers where a cohort was aligned: by key, without row numbers. Secret.

    Args:
        table: everybody is present.
        order: of the records.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    names = [column.name for column in table.schema.columns]
    columns = [_texts(table, name) for name in names]
    writer.writerow([table.schema.key, *names])
    writer.writerows([identifier(row), *(column[row] for column in columns)] for row in order)
    return stream.getvalue().encode("ascii")


def identifier_csv(table: DemoTable, order: Sequence[int]) -> bytes:
    """The list of identifiers with which a table's owner joins a cohort. Secret."""
    return "\n".join([table.schema.key, *(identifier(row) for row in order)]).encode("ascii") + b"\n"


def shuffled(rows: int) -> list[int]:
    """An order of its own for an owner's records."""
    order = list(range(rows))
    secrets.SystemRandom().shuffle(order)
    return order


def identifier(row: int) -> str:
    """The number of a patient, as a register would write it."""
    return f"Patient {row + 1:04d}"


def _write_rows(table: DemoTable, stream: TextIO, key: bool) -> None:
    names = [column.name for column in table.schema.columns]
    rows = range(len(table.present))
    columns = [rows, *([(f"SYN-{row:07d}" for row in rows)] if key else []), *(_texts(table, name) for name in names)]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([ROW, *([table.schema.key] if key else []), *names])
    writer.writerows(compress(zip(*columns, strict=True), table.present.tolist()))


def _texts(table: DemoTable, name: str) -> list[object]:
    """Cells as the CSV has them: booleans as true and false, unknown ones empty."""
    words: dict[object, object] = {True: "true", False: "false", None: ""}
    return [words.get(cell, cell) if cell is None or isinstance(cell, bool) else cell for cell in table.cells(name)]
