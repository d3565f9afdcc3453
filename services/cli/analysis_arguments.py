"""Arguments of analyses as the command line has them: ``name=value`` by the fields of each analysis.

    response=blood.iron terms=ward.age,ward.treated    columns, lists by commas
    by=ward.age@40:60                                  a number cut into bins at 40 and 60
    grid=12,24,36  groups=north,south                  numbers, labels
    weights="below 40:5000;40 and above:3000"          a number for each label; labels of two values by a bar
    drop_suppressed=yes                                yes or no
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Final

from query.analyses.asking import Analysis
from query.analyses.catalogue import CATALOGUE
from query.analyses.writing import Bins, number_text
from query.errors import AnalysisInvalidError

_TRUTH: Final = {"yes": True, "true": True, "no": False, "false": False}


def _value(text: str) -> str | Bins:
    name, cut, edges = text.partition("@")
    return Bins(name, tuple(number_text(edge) for edge in edges.split(":"))) if cut else text


def _bins(text: str) -> Bins:
    found = _value(text)
    if isinstance(found, str):
        raise AnalysisInvalidError(f"{text[:64]} has no bins: write column@edge:edge")
    return found


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise AnalysisInvalidError(f"{text[:64]!r} is neither yes nor no")
    return _TRUTH[text.lower()]


def _real(text: str) -> float:
    return float(number_text(text))


def _whole(text: str) -> int:
    number = number_text(text)
    if "." in number:
        raise AnalysisInvalidError(f"{text[:64]!r} is no whole number")
    return int(number)


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _label(text: str) -> str | bool:
    return _TRUTH.get(text, text)


def _pair(text: str) -> tuple[str | bool, str | bool]:
    parts = _list(text)
    if len(parts) != 2:
        raise AnalysisInvalidError(f"{text[:64]!r} does not name two groups")
    return _label(parts[0]), _label(parts[1])


def _weights(text: str) -> dict[tuple[str, ...], str]:
    found = {}
    for part in text.split(";"):
        label, colon, number = part.rpartition(":")
        if not colon:
            raise AnalysisInvalidError("weights are label:number, divided by semicolons")
        found[tuple(name.strip() for name in label.split("|"))] = number_text(number.strip())
    return found


READERS: Final[dict[str, Callable[[str], Any]]] = {
    "str": str,
    "str | None": str,
    "str | Bins": _value,
    "str | Bins | None": _value,
    "Bins": _bins,
    "tuple[str, ...]": _list,
    "tuple[str | Bins, ...]": lambda text: tuple(map(_value, _list(text))),
    "tuple[Number, ...]": lambda text: tuple(map(number_text, _list(text))),
    "tuple[float | int | str, ...] | None": lambda text: tuple(map(number_text, _list(text))),
    "tuple[str | bool | int, str | bool | int] | None": _pair,
    "Mapping[str, Weight] | Mapping[tuple[str, ...], Weight]": _weights,
    "float | int | str": number_text,
    "float": _real,
    "int": _whole,
    "bool": _truth,
}
"""How to read a field, by its annotation; every annotation of the catalogue stands here."""


def read_analysis(name: str, arguments: Sequence[str]) -> Analysis[Any]:
    """The analysis of a name with its arguments.

    Raises:
        AnalysisInvalidError: no such analysis or argument, one twice, one missing, or one that cannot be read.
    """
    if name not in CATALOGUE:
        raise AnalysisInvalidError(f"there is no analysis {name[:64]!r}: there are {', '.join(CATALOGUE)}")
    known = {field.name: field for field in _fields(name)}
    given: dict[str, Any] = {}
    for argument in arguments:
        key, sign, text = argument.partition("=")
        if not sign or key not in known or key in given:
            hint = f"{name} takes {usage(name)}"
            raise AnalysisInvalidError(f"{argument[:64]!r} is no argument, or stands twice: {hint}")
        given[key] = READERS[str(known[key].type)](text)
    missing = [field.name for field in known.values() if field.default is MISSING and field.name not in given]
    if missing:
        raise AnalysisInvalidError(f"{name} needs {', '.join(missing)}: it takes {usage(name)}")
    return CATALOGUE[name](**given)


def usage(name: str) -> str:
    """The arguments of an analysis; those in brackets may be left out."""
    return " ".join(f"{field.name}=..." if field.default is MISSING else f"[{field.name}=...]"
                    for field in _fields(name))


def _fields(name: str) -> Sequence[Any]:
    analysis: Any = CATALOGUE[name]
    return fields(analysis) if is_dataclass(analysis) else ()
