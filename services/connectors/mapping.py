"""A mapping: which source a table is read from, and what the source's columns mean. TOML; docs/connectors.md.

    [source]
    kind = "csv"                    # csv, parquet or postgres
    file = "patients.csv"           # of csv and parquet; relative to an allowed folder
    key = "patient_id"              # the source column that names the person

    [columns.age]                   # a column of the schema
    from = "age_years"              # source column; the same name where left out
    nulls = ["", "NA"]              # texts that mean null; "" where left out
    [columns.sex]
    from = "gender_concept_id"
    values = { "8507" = "male", "8532" = "female" }

    [where]                         # only rows where all of these hold
    site = "north"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from query.schema import TableSchema
from services.errors import SourceInvalidError

Kind = Literal["csv", "parquet", "postgres"]
KINDS: Final = ("csv", "parquet", "postgres")
MAX_MAPPING_BYTES: Final = 1 << 16
MAX_DOTS: Final = 1024
MAX_MAPPED_VALUES: Final = 4096
MAX_FILTERS: Final = 16
_IDENTIFIER: Final = re.compile(r"[^\x00-\x1f\x7f]{1,63}")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}")
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Database:
    """Where a PostgreSQL table is. The password comes from an environment variable, never from the file.

    Args:
        host, port: of the server.
        database, user: names there.
        schema, table: the table or view.
        password_variable: environment variable with the password; empty for none.
        tls: libpq's sslmode.
    """

    host: str
    port: int
    database: str
    user: str
    schema: str
    table: str
    password_variable: str
    tls: str


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """What a schema's column is read from.

    Args:
        source: column of the source.
        values: source texts to the schema's values, as text; empty to take them as they are.
        nulls: source texts that mean null.
    """

    source: str
    values: Mapping[str, str] = field(default_factory=dict)
    nulls: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """A mapping, checked. Public."""

    kind: Kind
    file: str
    database: Database | None
    key: str
    columns: Mapping[str, MappedColumn]
    where: tuple[tuple[str, str], ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The source's columns that are read, the key first, each once."""
        return tuple(dict.fromkeys([self.key, *(column.source for column in self.columns.values())]))


def parse_mapping(data: bytes, schema: TableSchema) -> SourceMapping:
    """Read a mapping for a table.

    Raises:
        SourceInvalidError: it is malformed, or does not fit the schema; the message names the field.
    """
    if len(data) > MAX_MAPPING_BYTES:
        raise SourceInvalidError("mapping", f"longer than {MAX_MAPPING_BYTES} bytes")
    if max(line.count(b".") for line in data.split(b"\n")) > MAX_DOTS:  # the parser's time grows with their square
        raise SourceInvalidError("mapping", f"a line with more than {MAX_DOTS} dots")
    try:
        raw = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise SourceInvalidError("mapping", "not TOML in UTF-8") from error
    root = _Table(raw, "")
    source = root.table("source")
    kind = source.text("kind")
    if kind not in KINDS:
        raise SourceInvalidError("source.kind", f"one of {', '.join(KINDS)}")
    file = "" if kind == "postgres" else source.text("file")
    database = _database(source) if kind == "postgres" else None
    key = source.identifier("key")
    source.end()
    given = root.table("columns", required=False)
    columns = {column.name: _column(given.table(column.name, required=False), column.name) for column in schema.columns}
    given.end()
    filters = root.table("where", required=False)
    where = tuple((filters.name(name), filters.text(name)) for name in filters.names())
    if len(where) > MAX_FILTERS:
        raise SourceInvalidError("where", f"at most {MAX_FILTERS} filters")
    root.end()
    return SourceMapping(kind, file, database, key, columns, where)  # type: ignore[arg-type]


def _database(source: _Table) -> Database:
    host = source.text("host")
    if not _HOST.fullmatch(host):
        raise SourceInvalidError("source.host", "a host name or an IPv4 address, nothing around it")
    port = source.integer("port", 5432)
    if not 1 <= port <= 65535:
        raise SourceInvalidError("source.port", "between 1 and 65535")
    names = {}
    for name in ("database", "user"):
        names[name] = source.text(name)
        if not _PLAIN.fullmatch(names[name]):
            raise SourceInvalidError(f"source.{name}", "letters, digits, _, - and $, beginning with a letter or _")
    variable = source.text("password_variable", "")
    if variable and not _VARIABLE.fullmatch(variable):
        raise SourceInvalidError("source.password_variable", "the name of an environment variable")
    tls = source.text("tls", "verify-full")
    if tls not in ("disable", "require", "verify-ca", "verify-full"):
        raise SourceInvalidError("source.tls", "disable, require, verify-ca or verify-full")
    schema, table = source.identifier("schema", "public"), source.identifier("table")
    return Database(host, port, names["database"], names["user"], schema, table, variable, tls)


def _column(given: _Table, name: str) -> MappedColumn:
    source = given.identifier("from", name)
    values = given.texts_by_text("values")
    nulls = given.texts("nulls", ("",))
    given.end()
    return MappedColumn(source, values, nulls)


class _Table:
    """Takes the fields of a TOML table with their types and refuses what is left over."""

    def __init__(self, value: Mapping[str, Any], place: str) -> None:
        self._left = dict(value)
        self._place = place

    def _at(self, name: str) -> str:
        return f"{self._place}.{name[:64]}" if self._place else name[:64]

    def table(self, name: str, *, required: bool = True) -> _Table:
        if name not in self._left and not required:
            return _Table({}, self._at(name))
        value = self._left.pop(name, None)
        if not isinstance(value, dict):
            raise SourceInvalidError(self._at(name), "a table is missing")
        return _Table(value, self._at(name))

    def text(self, name: str, default: str | None = None) -> str:
        value = self._left.pop(name, default)
        if not isinstance(value, str) or len(value) > 4096 or "\0" in value:
            raise SourceInvalidError(self._at(name), "a text is missing")
        return value

    def identifier(self, name: str, default: str | None = None) -> str:
        value = self.text(name, default)
        if not _IDENTIFIER.fullmatch(value):
            raise SourceInvalidError(self._at(name), "the name of a column or table, of 1 to 63 printable characters")
        return value

    def integer(self, name: str, default: int) -> int:
        value = self._left.pop(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise SourceInvalidError(self._at(name), "a whole number")
        return value

    def texts(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self._left.pop(name, list(default))
        if not isinstance(value, list) or len(value) > 64 or not all(isinstance(item, str) for item in value):
            raise SourceInvalidError(self._at(name), "a list of at most 64 texts")
        return tuple(value)

    def texts_by_text(self, name: str) -> dict[str, str]:
        value = self._left.pop(name, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise SourceInvalidError(self._at(name), "a table of texts")
        if len(value) > MAX_MAPPED_VALUES:
            raise SourceInvalidError(self._at(name), f"at most {MAX_MAPPED_VALUES} values")
        return dict(value)

    def names(self) -> tuple[str, ...]:
        return tuple(self._left)

    def name(self, name: str) -> str:
        if not _IDENTIFIER.fullmatch(name):
            raise SourceInvalidError(self._at(name), "the name of a column, of 1 to 63 printable characters")
        return name

    def end(self) -> None:
        if self._left:
            raise SourceInvalidError(self._at(sorted(self._left)[0]), "there is no such field")
