"""A table's meaning, and the physical columns its owner commits to.

Physical layout, in order: column 0 is ``present`` (1 where the row exists); then, for each logical column, its stored
value (0 where the row is absent or the value null) and, where it is nullable, the boolean ``<name>__known``. The key
names the persons that a cohort aligned; it is not a column and is never committed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from query.canonical import Fields, JsonValue, encode_canonical, hash_canonical, parse_object
from query.errors import SchemaInvalidError
from query.kinds import Boolean, Kind, kind_as_json, kind_from_json, stored_bound
from zk.relation import MAX_REGISTERED, ColumnKind

FORMAT: Final = "tallystick.schema/1"
PRESENT: Final = "present"
KNOWN_SUFFIX: Final = "__known"
PRESENT_INDEX: Final = 0

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """A logical column.

    Args:
        name: lower-case letters, digits and single underscores, starting with a letter.
        kind: what it holds.
        nullable: whether a present row may lack it.
    """

    name: str
    kind: Kind
    nullable: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name, "column")
        if self.name == PRESENT:
            raise SchemaInvalidError(f"{PRESENT} is the name of column 0 and cannot be used")


@dataclass(frozen=True, slots=True)
class PhysicalColumn:
    """A committed column.

    Args:
        name: `PRESENT`, a logical name, or a logical name with `KNOWN_SUFFIX`.
        kind: the kind proved at registration.
        bound: the largest stored value.
        logical: the logical column it belongs to; None for ``present``.
        index: its number in the dataset.
    """

    name: str
    kind: ColumnKind
    bound: int
    logical: str | None
    index: int


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table. All public.

    Args:
        name: the table's name in SQL.
        owner: the member that owns it.
        rows_label: what a row is, in the plural, e.g. ``"patients"``.
        key: the column that names the person in the owner's source; joins are written on it.
        cohort: the cohort whose row order the table follows.
        columns: 1 to 31 logical columns.

    Raises:
        SchemaInvalidError: a rule is broken.
    """

    name: str
    owner: str
    rows_label: str
    key: str
    cohort: str
    columns: tuple[ColumnSchema, ...]

    def __post_init__(self) -> None:
        _check_name(self.name, "table")
        _check_name(self.key, "key")
        for value, what in ((self.owner, "owner"), (self.cohort, "cohort")):
            if not _OWNER.fullmatch(value):
                raise SchemaInvalidError(f"the {what} is 1 to 64 letters, digits, dots, dashes and underscores")
        if not 0 < len(self.rows_label) <= 64 or not self.rows_label.isprintable():
            raise SchemaInvalidError("the label of the rows is printable and has 1 to 64 characters")
        names = [column.name for column in self.columns]
        if not names or len(set(names)) != len(names) or self.key in names:
            raise SchemaInvalidError("a table has at least one column, and column names (the key's too) differ")
        if len(physical_columns(self)) > MAX_REGISTERED:
            raise SchemaInvalidError(f"a table has at most {MAX_REGISTERED} committed columns (nullable ones take two)")

    def column(self, name: str) -> ColumnSchema | None:
        """The logical column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


def _check_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name) or "__" in name:
        raise SchemaInvalidError(f"a {what} name has 1 to 48 lower-case letters, digits and single underscores, "
                                 "and starts with a letter")


@lru_cache(maxsize=256)
def physical_columns(schema: TableSchema) -> tuple[PhysicalColumn, ...]:
    """The committed columns of a table, in order."""
    found = [PhysicalColumn(PRESENT, ColumnKind.BOOLEAN, 1, None, PRESENT_INDEX)]
    for column in schema.columns:
        kind = ColumnKind.BOOLEAN if isinstance(column.kind, Boolean) else ColumnKind.INTEGER
        found.append(PhysicalColumn(column.name, kind, stored_bound(column.kind), column.name, len(found)))
        if column.nullable:
            name = column.name + KNOWN_SUFFIX
            found.append(PhysicalColumn(name, ColumnKind.BOOLEAN, 1, column.name, len(found)))
    return tuple(found)


def _as_json(schema: TableSchema) -> JsonValue:
    columns: list[JsonValue] = [
        {"name": column.name, "kind": kind_as_json(column.kind), "nullable": column.nullable}
        for column in schema.columns
    ]
    return {"format": FORMAT, "name": schema.name, "owner": schema.owner, "rows_label": schema.rows_label,
            "key": schema.key, "cohort": schema.cohort, "columns": columns}


def encode_schema(schema: TableSchema) -> bytes:
    """The canonical JSON of a schema."""
    return encode_canonical(_as_json(schema))


def schema_hash(schema: TableSchema) -> bytes:
    """SHA-256 of the canonical JSON; what the ledger keeps."""
    return hash_canonical(_as_json(schema))


def parse_schema(text: str | bytes) -> TableSchema:
    """Read a schema from JSON, canonical or not.

    Raises:
        SchemaInvalidError: the text is not a schema.
    """
    fields = Fields(parse_object(text, SchemaInvalidError), "the schema", SchemaInvalidError)
    if fields.text("format") != FORMAT:
        raise SchemaInvalidError(f"the schema's format is not {FORMAT}")
    columns = []
    for number, item in enumerate(fields.items("columns")):
        column = Fields(item, f"column {number}", SchemaInvalidError)
        kind = kind_from_json(column.nested("kind"))
        columns.append(ColumnSchema(column.text("name"), kind, column.boolean("nullable")))
        column.end()
    schema = TableSchema(fields.text("name"), fields.text("owner"), fields.text("rows_label"), fields.text("key"),
                         fields.text("cohort"), tuple(columns))
    fields.end()
    return schema
