"""What every analysis returns: a frozen report that prints as tables, turns into JSON, and says what it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Final, Protocol, TypeVar

from query.unproved import Unproved

MOCK: Final = "MOCK"

Shown = int | float | str | bool | Decimal | Fraction | Unproved | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One question behind a report.

    Args:
        sql: what the parties saw and approved.
        query_id: hexadecimal id of the proved query on the ledger; empty for mock data.
        transaction: transaction that published the proof; empty for mock data.
        mock: whether the answer is about generated rows and proves nothing.
    """

    sql: str
    query_id: str
    transaction: str
    mock: bool

    def __str__(self) -> str:
        return f"{MOCK} data, no proof" if self.mock else f"query {self.query_id} in transaction {self.transaction}"


@dataclass(frozen=True, slots=True)
class Table:
    """A part of a report for people: a title, column names and rows."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Shown, ...], ...]

    def __str__(self) -> str:
        cells = [self.header, *(tuple(map(show, row)) for row in self.rows)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.header))]
        lines = [
            "  ".join(
                text.ljust(width) if place == 0 else text.rjust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        return "\n".join([self.title, *(f"  {line}" for line in lines)])


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated number.

    Args:
        name: what is estimated.
        value: the estimate.
        se: its standard error (of the logarithm where it is a ratio); None where it has none.
        low, high: confidence limits; None where it has none.
        statistic: t or z of the hypothesis that there is no effect; None where none is tested.
        df: degrees of freedom; None for a normal statistic.
        p: two-sided p value.
        n: rows it is over.
    """

    name: str
    value: float
    se: float | None
    low: float | None
    high: float | None
    statistic: float | None
    df: float | None
    p: float | None
    n: int


ESTIMATE_HEADER: Final = ("", "estimate", "SE", "low", "high", "statistic", "df", "p", "n")


class Named(Protocol):
    """An estimate, or whatever else a report finds by its name."""

    @property
    def name(self) -> str:
        """Unique in its report."""


N = TypeVar("N", bound=Named)


def named(items: Iterable[N], name: str) -> N:
    """The item of a name.

    Raises:
        KeyError: there is none.
    """
    for found in items:
        if found.name == name:
            return found
    raise KeyError(name)


def estimate_rows(estimates: Iterable[Estimate]) -> tuple[tuple[Shown, ...], ...]:
    """Rows under `ESTIMATE_HEADER`."""
    return tuple((e.name, e.value, e.se, e.low, e.high, e.statistic, e.df, e.p, e.n) for e in estimates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What all results share.

    Args:
        title: what it is.
        evidence: the questions asked, each with its proof.
        suppressed: what was not released, in words; empty where everything was.
        notes: what a reader has to know.
        confidence: level of the intervals.
    """

    title: str
    evidence: tuple[Evidence, ...]
    suppressed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    confidence: float = 0.95

    @property
    def mock(self) -> bool:
        """Whether it is about generated rows."""
        return any(evidence.mock for evidence in self.evidence)

    @property
    def heading(self) -> str:
        """The title, with the label of mock data."""
        return f"[{MOCK}] {self.title}" if self.mock else self.title

    def tables(self) -> tuple[Table, ...]:
        """The report as tables."""
        return ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes, suppressions and evidence, one line each."""
        return (
            *self.notes,
            *(f"suppressed: {words}" for words in self.suppressed),
            *(f"{number}. {evidence}" for number, evidence in enumerate(self.evidence, start=1)),
        )

    def __str__(self) -> str:
        return "\n".join([self.heading, *map(str, self.tables()), *self.remarks])

    def as_json(self) -> dict[str, Any]:
        """Every field; exact fractions and decimals as text."""
        found = _as_json(self)
        return {"mock": self.mock, **found} if isinstance(found, dict) else {}


def _as_json(value: object) -> Any:
    if isinstance(value, Unproved):
        return value.as_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _as_json(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_as_json(inner) for inner in value]
    if isinstance(value, Fraction | Decimal | Enum):
        return str(value)
    return value


def show(value: Shown) -> str:
    """A cell as text; six digits of what is not whole."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Fraction):
        return f"{float(value):.6g}"
    if isinstance(value, Unproved) and isinstance(value.value, float):
        return str(Unproved(float(f"{value.value:.6g}")))
    return str(value)
