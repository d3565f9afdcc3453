"""A source's value to the schema's: texts are read exactly, typed values are taken as they are, floats are refused
where they could not be exact."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from query.kinds import Boolean, BoundedInteger, Category, Kind, ScaledDecimal
from query.rows import value_fault
from query.schema import ColumnSchema
from services.connectors.mapping import MappedColumn

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
_TRUTHS: Final[Mapping[str, bool]] = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Read:
    """A value read, or what is wrong with it.

    Args:
        text: canonical text, empty for null. Secret.
        fault: empty where there is none.
        null: whether it is null.
    """

    text: str
    fault: str
    null: bool = False


def read_value(column: ColumnSchema, mapped: MappedColumn, value: object) -> Read:
    """Read one value of a source; never raises on data."""
    if value is None or (isinstance(value, str) and value in mapped.nulls):
        return Read("", "" if column.nullable else "null in a column that is not nullable", True)
    if mapped.values:
        text = _text(value)
        if text is None or text not in mapped.values:
            return Read("", "has no meaning in the mapping")
        value = mapped.values[text]
    parsed = _parsed(column.kind, value)
    if parsed is None:
        return Read("", f"is no {_name(column.kind)}")
    fault = value_fault(column.kind, parsed)
    return Read("" if fault else _canonical(parsed), fault)


def read_key(value: object) -> str | None:
    """The text of a key: what a text is, stripped, or a whole number's digits; None where it is neither."""
    text = _text(value)
    return text.strip() if text is not None and text.strip() and "\0" not in text else None


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else None


def _parsed(kind: Kind, value: object) -> object:
    match kind, value:
        case Boolean(), bool():
            return value
        case Boolean(), int() if value in (0, 1):
            return bool(value)
        case Boolean(), str():
            return _TRUTHS.get(value.strip().lower())
        case Category(), str():
            return value
        case BoundedInteger(), int() if not isinstance(value, bool):
            return value
        case BoundedInteger(), Decimal() if value == value.to_integral_value():
            return int(value)
        case BoundedInteger(), float() if value.is_integer():
            return int(value)
        case BoundedInteger(), str() if _INTEGER.fullmatch(value.strip()):
            return int(value.strip())
        case ScaledDecimal(), int() | Decimal() if not isinstance(value, bool):
            return value
        case ScaledDecimal(), float() if math.isfinite(value):
            return Decimal(repr(value))
        case ScaledDecimal(), str() if _DECIMAL.fullmatch(value.strip()):
            return Decimal(value.strip())
    return None


def _name(kind: Kind) -> str:
    match kind:
        case Boolean():
            return "truth value"
        case Category():
            return "text"
        case BoundedInteger():
            return "whole number"
        case ScaledDecimal():
            return "decimal number"


def _canonical(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
