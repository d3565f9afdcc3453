"""The registered tables a question may name. Pure data; whoever reads the ledger fills it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from query.errors import DirectoryInvalidError, UnknownTableError
from query.policy import Policy
from query.schema import TableSchema
from zk.relation import MAX_LOG_ROWS, MIN_LOG_ROWS


@dataclass(frozen=True, slots=True)
class RegisteredTable:
    """One version of a dataset in the ledger's directory. All public.

    Args:
        schema: the table.
        dataset: directory id, below 2^128.
        version: below 2^32.
        log_rows: log2 of N.
        rows: declared and proved number of present rows, at most N.
        minimum_group: smallest count the ledger lets out for this dataset, at least 2.
        policy: the owner's policy.

    Raises:
        DirectoryInvalidError: a number is out of range.
    """

    schema: TableSchema
    dataset: int
    version: int
    log_rows: int
    rows: int
    minimum_group: int
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        if not (0 <= self.dataset < 1 << 128 and 0 <= self.version < 1 << 32):
            raise DirectoryInvalidError("a dataset lies below 2^128 and a version below 2^32")
        if not MIN_LOG_ROWS <= self.log_rows <= MAX_LOG_ROWS:
            raise DirectoryInvalidError(f"log_rows must lie in [{MIN_LOG_ROWS}, {MAX_LOG_ROWS}]")
        if not 0 <= self.rows <= 1 << self.log_rows:
            raise DirectoryInvalidError("there are more declared rows than rows")
        if self.minimum_group < 2:
            raise DirectoryInvalidError("the minimum group is at least 2")

    @property
    def owner(self) -> str:
        """The member that owns the table."""
        return self.schema.owner


class Directory:
    """Registered tables by name.

    Args:
        tables: the current version of each dataset.

    Raises:
        DirectoryInvalidError: two tables share a name or a dataset id.
    """

    def __init__(self, tables: Iterable[RegisteredTable]) -> None:
        listed = list(tables)
        self._tables = {table.schema.name: table for table in listed}
        if len(self._tables) != len(listed) or len({table.dataset for table in listed}) != len(listed):
            raise DirectoryInvalidError("two tables share a name or a dataset id")

    def table(self, name: str) -> RegisteredTable:
        """The table of that name.

        Raises:
            UnknownTableError: there is none.
        """
        if name not in self._tables:
            raise UnknownTableError(f"there is no table {name[:64]!r}")
        return self._tables[name]

    def __contains__(self, name: str) -> bool:
        return name in self._tables

    def __iter__(self) -> Iterator[RegisteredTable]:
        return iter(self._tables.values())
