"""A source read whole: the CSV text that registration takes, and a report of every value that does not fit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from query.schema import TableSchema
from services.connectors.allowed import AllowedSources
from services.connectors.files import read_file
from services.connectors.mapping import SourceMapping
from services.connectors.postgres import read_postgres
from services.connectors.report import Fault, SourceReport
from services.connectors.values import read_key, read_value
from services.errors import CapacityExceededError

MAX_ROWS: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class SourceTable:
    """What a source came to.

    Args:
        csv: header, then one line for every row without faults: the key and the schema's columns. Secret.
        report: what became of every row.
    """

    csv: bytes = field(repr=False)
    report: SourceReport


def read_source(mapping: SourceMapping, schema: TableSchema, allowed: AllowedSources) -> SourceTable:
    """Read a source.

    Args:
        mapping: of the schema's table.
        schema: what the values must fit.
        allowed: what may be read.

    Raises:
        SourceRefusedError: the source is not allowed.
        SourceInvalidError: it cannot be read as the mapping says. Values that do not fit raise nothing: see the report.
        PeerUnavailableError: the database does not answer.
        CapacityExceededError: more than 2^24 rows.
    """
    places = {name: place for place, name in enumerate(mapping.sources)}
    stream, report, seen = io.StringIO(newline=""), SourceReport(), set[str]()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([schema.key, *(column.name for column in schema.columns)])
    for row in _rows(mapping, allowed):
        report.rows += 1
        if report.rows > MAX_ROWS:
            raise CapacityExceededError(f"a table has at most {MAX_ROWS} rows")
        before = report.fault_count
        key = read_key(row[places[mapping.key]])
        if key is None:
            report.add(Fault(report.rows, schema.key, "is empty, or neither a text nor a whole number"))
        elif key in seen:
            report.add(Fault(report.rows, schema.key, "stands twice"))
        else:
            seen.add(key)
        cells = []
        for column in schema.columns:
            mapped = mapping.columns[column.name]
            found = read_value(column, mapped, row[places[mapped.source]])
            cells.append(found.text)
            if found.null:
                report.nulls[column.name] += 1
            if found.fault:
                report.add(Fault(report.rows, column.name, found.fault))
        if report.fault_count == before:
            report.taken += 1
            writer.writerow([key, *cells])
    return SourceTable(stream.getvalue().encode(), report)


def _rows(mapping: SourceMapping, allowed: AllowedSources) -> Iterator[tuple[Any, ...]]:
    if mapping.database is None:
        return read_file(mapping, allowed.file(mapping.file))
    allowed.require_host(mapping.database.host, mapping.database.port)
    return read_postgres(mapping, mapping.database)
