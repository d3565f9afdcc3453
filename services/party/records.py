"""CSV text to the records that `query.rows` encodes. An empty field is null; values are read as the schema's kinds.

A table of a cohort that was aligned here is laid out by its key: each record stands in the row of its person, and rows
of nobody are absent. With a row column each record says its row number itself. Without either, records stand in order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, Protocol

from query.errors import RowInvalidError
from query.kinds import Boolean, BoundedInteger, Kind, ScaledDecimal
from query.schema import TableSchema
from services.errors import CapacityExceededError, RequestInvalidError

MAX_CSV_BYTES: Final = 1 << 28
MAX_FIELD_CHARACTERS: Final = 256
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}

Record = Mapping[str, object]


class PersonRows(Protocol):
    """Where persons stand in a cohort."""

    @property
    def log_rows(self) -> int:
        """log2 of the cohort's rows."""

    def rows(self, texts: Sequence[str]) -> list[int]:
        """The rows of identifiers; raises RowInvalidError."""


def read_csv(pieces: Iterable[bytes | None]) -> str:
    """Join the pieces of a CSV text.

    Args:
        pieces: UTF-8; None for a message that has none.

    Raises:
        RequestInvalidError: a message without text, or no UTF-8.
        CapacityExceededError: too long.
    """
    joined: list[bytes] = []
    total = 0
    for piece in pieces:
        if piece is None:
            raise RequestInvalidError("csv", "expected a piece of CSV after the header")
        total += len(piece)
        if total > MAX_CSV_BYTES:
            raise CapacityExceededError(f"the text is longer than {MAX_CSV_BYTES} bytes")
        joined.append(piece)
    try:
        return b"".join(joined).decode()
    except UnicodeDecodeError:
        raise RequestInvalidError("csv", "the text is not UTF-8") from None  # the cause would quote the text


def parse_records(
    schema: TableSchema, text: str, row_column: str, log_rows: int, cohort: PersonRows | None = None
) -> list[Record | None]:
    """Read a CSV text with a header line.

    Args:
        schema: the table; the text has its columns, perhaps its key, and the row column where one is named.
        text: secret.
        row_column: name of the column with the row number in the cohort, or empty.
        log_rows: log2 of the number of rows.
        cohort: if given, records are laid out by the schema's key, which the text then has.

    Returns:
        Records in row order, None for absent rows; secret.

    Raises:
        RequestInvalidError: the header does not fit the schema.
        RowInvalidError: names the row (the record's number where that is not known) and column, never the value.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise RequestInvalidError("csv", "the text is empty")
        lines = list(reader)
    except csv.Error:
        raise RequestInvalidError("csv", "the text is not CSV") from None  # the cause may quote the text
    _check_header(schema, header, row_column, cohort is not None)
    kinds = {column.name: column.kind for column in schema.columns}
    records: list[Record] = []
    places: list[int] = []
    for number, line in enumerate(lines):
        if len(line) != len(header):
            raise RowInvalidError(number, None, f"expected {len(header)} fields")
    if cohort is not None and cohort.log_rows != log_rows:
        raise RequestInvalidError("log_rows", f"the cohort has 2^{cohort.log_rows} rows")
    known = cohort.rows([line[header.index(schema.key)] for line in lines]) if cohort is not None else []
    for number, line in enumerate(lines):
        fields = dict(zip(header, line, strict=True))
        place = _place(number, fields.get(row_column), 1 << log_rows) if row_column else number
        place = known[number] if known else place
        places.append(place)
        records.append({name: _value(place, name, kind, fields[name]) for name, kind in kinds.items()})
    return _laid_out(records, places)


def _check_header(schema: TableSchema, header: list[str], row_column: str, by_key: bool) -> None:
    if len(set(header)) != len(header):
        raise RequestInvalidError("csv", "a column stands twice in the header")
    expected = {column.name for column in schema.columns} | ({row_column} if row_column else set())
    if by_key:
        expected.add(schema.key)
    missing, unknown = expected - set(header), set(header) - expected - {schema.key}
    if missing:
        raise RequestInvalidError("csv", f"the header lacks {', '.join(sorted(missing))}")
    if unknown:
        raise RequestInvalidError("csv", f"the schema has no column {sorted(unknown)[0][:64]!r}")


def _place(number: int, value: str | None, rows: int) -> int:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 10 or int(value) >= rows:
        raise RowInvalidError(number, None, "the row number is not a number below the number of rows")
    return int(value)


def _laid_out(records: list[Record], places: list[int]) -> list[Record | None]:
    laid: list[Record | None] = [None] * (max(places, default=-1) + 1)
    for number, (place, record) in enumerate(zip(places, records, strict=True)):
        if laid[place] is not None:
            raise RowInvalidError(number, None, "another record has the same row number")
        laid[place] = record
    return laid


def _value(number: int, name: str, kind: Kind, text: str) -> object:
    if text == "":
        return None
    if len(text) > MAX_FIELD_CHARACTERS:
        raise RowInvalidError(number, name, "the field is too long")
    try:
        match kind:
            case BoundedInteger():
                return int(text)
            case ScaledDecimal():
                return Decimal(text)
            case Boolean():
                return _TRUTH[text.lower()]
            case _:
                return text
    except (ValueError, InvalidOperation, KeyError):
        raise RowInvalidError(number, name, "not readable as the schema's kind") from None  # the cause shows the value
