"""Canonical JSON: the one text of a public object, and the only text that is hashed."""

from __future__ import annotations

import hashlib
import json
from typing import Final, TypeAlias

from query.errors import QueryError

MAX_TEXT_BYTES: Final = 64 * 1024

JsonValue: TypeAlias = "str | int | bool | list[JsonValue] | dict[str, JsonValue] | None"


def encode_canonical(value: JsonValue) -> bytes:
    """Return sorted, compact, ASCII JSON. Floats do not occur by type."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def hash_canonical(value: JsonValue) -> bytes:
    """SHA-256 of the canonical text."""
    return hashlib.sha256(encode_canonical(value)).digest()


def parse_object(text: str | bytes, error: type[QueryError]) -> dict[str, JsonValue]:
    """Parse a JSON object of at most 64 KiB; names may not repeat, and there are no floats.

    Args:
        text: public JSON, in any spacing.
        error: the error to raise.

    Raises:
        QueryError: of the given type, when the text is not such an object.
    """

    def unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise error("a name stands twice in an object")
        return found

    def no_float(_: str) -> JsonValue:
        raise error("numbers must be integers")

    if len(text) > MAX_TEXT_BYTES:
        raise error(f"the text is longer than {MAX_TEXT_BYTES} bytes")
    try:
        value = json.loads(text, object_pairs_hook=unique, parse_float=no_float, parse_constant=no_float)
    except (ValueError, RecursionError) as fault:
        raise error("the text is not JSON") from fault
    if not isinstance(value, dict):
        raise error("the text is not a JSON object")
    return value


class Fields:
    """Reads the fields of a JSON object with their types, and refuses missing and unknown ones.

    Args:
        value: the object.
        place: its name in messages.
        error: the error to raise.
    """

    def __init__(self, value: JsonValue, place: str, error: type[QueryError]) -> None:
        if not isinstance(value, dict):
            raise error(f"{place} must be an object")
        self._left: dict[str, JsonValue] = dict(value)
        self._place = place
        self._error = error

    def _take(self, name: str) -> JsonValue:
        if name not in self._left:
            raise self._error(f"{self._place} lacks {name}")
        return self._left.pop(name)

    def text(self, name: str) -> str:
        """A string field."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self._error(f"{name} of {self._place} must be text")
        return value

    def integer(self, name: str) -> int:
        """An integer field; booleans are not integers."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._error(f"{name} of {self._place} must be an integer")
        return value

    def optional_integer(self, name: str) -> int | None:
        """An integer field or null."""
        return None if self._is_null(name) else self.integer(name)

    def boolean(self, name: str) -> bool:
        """A boolean field."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._error(f"{name} of {self._place} must be true or false")
        return value

    def flag(self, name: str) -> bool:
        """A boolean field that may be left out for false."""
        return name in self._left and self.boolean(name)

    def items(self, name: str) -> list[JsonValue]:
        """A list field."""
        value = self._take(name)
        if not isinstance(value, list):
            raise self._error(f"{name} of {self._place} must be a list")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        found = self.items(name)
        texts = tuple(item for item in found if isinstance(item, str))
        if len(texts) != len(found):
            raise self._error(f"{name} of {self._place} must be a list of texts")
        return texts

    def optional_texts(self, name: str) -> tuple[str, ...] | None:
        """A list of strings or null."""
        return None if self._is_null(name) else self.texts(name)

    def has(self, name: str) -> bool:
        """Whether a field that may be left out is there and was not read yet."""
        return name in self._left

    def names(self) -> tuple[str, ...]:
        """Names of the fields that were not read yet."""
        return tuple(self._left)

    def nested(self, name: str) -> Fields:
        """An object field."""
        return Fields(self._take(name), f"{name} of {self._place}", self._error)

    def end(self) -> None:
        """Refuse fields that were not read."""
        if self._left:
            raise self._error(f"{self._place} has a field that is not known: {sorted(self._left)[0][:64]!r}")

    def _is_null(self, name: str) -> bool:
        """Whether the field is null; if so it counts as read."""
        found = self._left.get(name, 0) is None
        if found:
            del self._left[name]
        return found


def as_json_texts(texts: tuple[str, ...] | None) -> JsonValue:
    """A tuple of texts, or None, as a JSON value."""
    return None if texts is None else [*texts]

