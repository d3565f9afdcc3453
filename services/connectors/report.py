"""What is wrong in a source: row, column and fault of every value that does not fit, never the value itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """One value, or key, that does not fit. Rows are counted from 1, as the source gives them."""

    row: int
    column: str
    fault: str


@dataclass(slots=True)
class SourceReport:
    """The outcome of reading a source: rows read = rows taken + rows with faults.

    Args:
        rows: rows read.
        taken: rows without faults.
        nulls: nulls by column of the schema.
        faults: the first MAX_LISTED faults.
        counts: number of faults by column and text, all of them.
        fault_count: number of faults.
    """

    rows: int = 0
    taken: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    fault_count: int = 0

    def add(self, fault: Fault) -> None:
        """Note a fault."""
        self.counts[fault.column, fault.fault] += 1
        self.fault_count += 1
        if len(self.faults) < MAX_LISTED:
            self.faults.append(fault)

    @property
    def clean(self) -> bool:
        """Whether every row was taken."""
        return self.rows == self.taken

    def as_json(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "rows": self.rows,
            "taken": self.taken,
            "nulls": dict(self.nulls),
            "counts": [{"column": c, "fault": f, "values": n} for (c, f), n in sorted(self.counts.items())],
            "faults": [{"row": fault.row, "column": fault.column, "fault": fault.fault} for fault in self.faults],
        }

    def lines(self) -> list[str]:
        """For people."""
        found = [f"{self.rows} rows read, {self.taken} taken, {self.rows - self.taken} with faults"]
        found += [f"{column}: {count} null" for column, count in sorted(self.nulls.items())]
        found += [f"{column}: {count} values {fault}" for (column, fault), count in sorted(self.counts.items())]
        found += [f"row {fault.row}, {fault.column}: {fault.fault}" for fault in self.faults[:20]]
        if self.fault_count > 20:
            found.append("… --json lists more")
        return found
