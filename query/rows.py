"""Records to physical columns: every value is checked against its schema, and nothing is lost silently."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from query.errors import RowInvalidError, SchemaInvalidError
from query.kinds import Boolean, BoundedInteger, Category, Kind, ScaledDecimal
from query.schema import KNOWN_SUFFIX, PRESENT, ColumnSchema, TableSchema, physical_columns
from zk.relation import MAX_LOG_ROWS, MIN_LOG_ROWS

_EXACT = Context(prec=64, traps=[Inexact, InvalidOperation])

Columns = dict[str, npt.NDArray[np.int64]]


def encode_rows(schema: TableSchema, records: Sequence[Mapping[str, object] | None], log_rows: int) -> Columns:
    """Encode records, in cohort order, as the table's physical columns.

    Args:
        schema: the table.
        records: at most 2^log_rows records (secret); None for a person of the cohort that this table does not have.
            A record has every column of the schema, null as None, and may have the key, which is ignored. Integers are
            int; decimals are Decimal, int or float (a float by its shortest text); categories are names; booleans bool.
        log_rows: log2 of the number of rows; missing rows at the end are absent.

    Returns:
        Physical name → int64 array of shape (2^log_rows,), secret.

    Raises:
        SchemaInvalidError: log_rows is out of range or there are too many records.
        RowInvalidError: a record does not fit; the message has row and column but not the value.
    """
    if not MIN_LOG_ROWS <= log_rows <= MAX_LOG_ROWS:
        raise SchemaInvalidError(f"log_rows must lie in [{MIN_LOG_ROWS}, {MAX_LOG_ROWS}]")
    if len(records) > 1 << log_rows:
        raise SchemaInvalidError(f"{len(records)} records do not fit 2^{log_rows} rows")
    columns = {column.name: np.zeros(1 << log_rows, np.int64) for column in physical_columns(schema)}
    readers = [(column, _Reader(column.kind)) for column in schema.columns]
    allowed = {column.name for column in schema.columns} | {schema.key}
    for row, record in enumerate(records):
        if record is None:
            continue
        if not isinstance(record, Mapping):
            raise RowInvalidError(row, None, "a record must be a mapping from column names to values")
        if not record.keys() <= allowed:
            raise RowInvalidError(row, None, "the record has a column that the schema does not have")
        columns[PRESENT][row] = 1
        for column, reader in readers:
            _encode_value(columns, row, column, reader, record)
    return columns


def _encode_value(columns: Columns, row: int, column: ColumnSchema, reader: _Reader,
                  record: Mapping[str, object]) -> None:
    if column.name not in record:
        raise RowInvalidError(row, column.name, "the record lacks the column (write null as None)")
    value = record[column.name]
    if value is None:
        if not column.nullable:
            raise RowInvalidError(row, column.name, "null in a column that is not nullable")
        return
    try:
        columns[column.name][row] = reader.read(value)
    except _ValueFaultError as fault:
        raise RowInvalidError(row, column.name, str(fault)) from None  # the cause could show the value
    if column.nullable:
        columns[column.name + KNOWN_SUFFIX][row] = 1


def value_fault(kind: Kind, value: object) -> str:
    """What is wrong with a value of a kind, without the value; empty where it fits."""
    try:
        _reader(kind).read(value)
    except _ValueFaultError as fault:
        return str(fault)
    return ""


@lru_cache(maxsize=256)
def _reader(kind: Kind) -> _Reader:
    return _Reader(kind)


class _ValueFaultError(Exception):
    """A value does not fit; the text never has the value."""


class _Reader:
    """Turns one value into its stored integer."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        names = kind.names if isinstance(kind, Category) else ()
        self._codes = {name: code for code, name in enumerate(names, start=1)}

    def read(self, value: object) -> int:
        """The stored integer, in [0, bound]."""
        match self._kind:
            case BoundedInteger(lo, hi):
                return _within(_integer(value), lo, hi)
            case ScaledDecimal(scale, lo, hi):
                return _within(_scaled(value, scale, lo, hi), lo, hi)
            case Category():
                if not isinstance(value, str):
                    raise _ValueFaultError("not a text")
                if value not in self._codes:
                    raise _ValueFaultError("not one of the category's names")
                return self._codes[value]
            case Boolean():
                if not isinstance(value, bool | np.bool_):
                    raise _ValueFaultError("not true or false")
                return int(value)


def _within(value: int, lo: int, hi: int) -> int:
    if not lo <= value <= hi:
        raise _ValueFaultError("outside the schema's bounds")
    return value - lo


def _integer(value: object) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise _ValueFaultError("not an integer")
    return int(value)


def _scaled(value: object, scale: int, lo: int, hi: int) -> int:
    if isinstance(value, int | np.integer):
        return _integer(value) * int(10**scale)
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise _ValueFaultError("not a number")
        value = Decimal(repr(float(value)))
    if not isinstance(value, Decimal):
        raise _ValueFaultError("not a decimal")
    if not value.is_finite():
        raise _ValueFaultError("not a number")
    unit = Decimal(1).scaleb(-scale)
    if not lo * unit <= value <= hi * unit:  # before any conversion, so that an exponent cannot make a huge integer
        raise _ValueFaultError("outside the schema's bounds")
    try:
        scaled = value.scaleb(scale, _EXACT)
        whole = scaled.to_integral_value()
    except DecimalException:
        raise _ValueFaultError("more digits than the schema's scale keeps") from None
    if whole != scaled:
        raise _ValueFaultError("more digits than the schema's scale keeps")
    return int(whole)
