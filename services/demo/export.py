"""A synthetic city as files: one CSV and one schema for each register, and a note that says what they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import compress
from pathlib import Path
from typing import Final

from query.schema import encode_schema
from services.demo.city import KEY, MODEL_VERSION, City
from services.demo.errors import DemoFileError
from services.demo.tables import DemoTable

PREFIX: Final = "synthetic_city"
_NOTE: Final = (
    "SYNTHETIC DATA. No row is about a real person. Made by `tallystick city`; the model is documented in "
    "services/demo/city.py. Person SYN-<k> has row k (from 0) of the cohort's agreed order; a register lists only the "
    "persons it has; an empty field is an unknown value."
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
            _write_rows(table, rows)
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


def _write_rows(table: DemoTable, path: Path) -> None:
    names = [column.name for column in table.schema.columns]
    with path.open("w", newline="", encoding="ascii") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([KEY, *names])
        writer.writerows(_lines(table, names))


def _lines(table: DemoTable, names: list[str]) -> Iterator[tuple[object, ...]]:
    persons = (f"SYN-{row:07d}" for row in range(len(table.present)))
    columns = [_texts(table, name) for name in names]
    return compress(zip(persons, *columns, strict=True), table.present.tolist())


def _texts(table: DemoTable, name: str) -> list[object]:
    """Cells as the CSV has them: booleans as true and false, unknown ones empty."""
    words: dict[object, object] = {True: "true", False: "false", None: ""}
    return [words.get(cell, cell) if cell is None or isinstance(cell, bool) else cell for cell in table.cells(name)]
