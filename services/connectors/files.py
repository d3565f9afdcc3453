"""CSV and Parquet through DuckDB, in memory, allowed to read one file and nothing else.

CSV columns are read as text, so that what a number looks like is decided here and not by guessing. The file's path goes
to DuckDB as a parameter, column names as quoted identifiers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb

from services.connectors.mapping import SourceMapping
from services.errors import SourceInvalidError

BATCH_ROWS: Final = 10_000
_MEMORY: Final = "1GB"


def read_file(mapping: SourceMapping, path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a file: the values of `SourceMapping.sources`, in order.

    Args:
        mapping: of kind csv or parquet.
        path: real path, from `AllowedSources.file`.

    Raises:
        SourceInvalidError: the file is not what the mapping says, or lacks a column.
    """
    connection = _locked_down(path)
    try:
        reader = "read_parquet(?)" if mapping.kind == "parquet" else (
            "read_csv(?, header = true, all_varchar = true, sample_size = -1, strict_mode = true, "
            "null_padding = false, ignore_errors = false, nullstr = '\\N')"
        )
        columns = ", ".join(_quoted(name) for name in mapping.sources)
        conditions = " AND ".join(f"CAST({_quoted(name)} AS VARCHAR) = ?" for name, _ in mapping.where)
        statement = f"SELECT {columns} FROM {reader}" + (f" WHERE {conditions}" if conditions else "")  # noqa: S608 - quoted names
        found = connection.execute(statement, [str(path), *(value for _, value in mapping.where)])
        while batch := found.fetchmany(BATCH_ROWS):
            yield from batch
    except duckdb.BinderException as error:
        raise SourceInvalidError("columns", "the file lacks a column that the mapping names") from error
    except duckdb.Error as error:
        raise SourceInvalidError("file", f"it cannot be read as {mapping.kind}") from error
    finally:
        connection.close()


def _locked_down(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={
        "autoinstall_known_extensions": False, "autoload_known_extensions": False, "memory_limit": _MEMORY,
        "allow_community_extensions": False, "temp_directory": "",
    })  # fmt: skip
    allowed = str(path).replace("'", "''")
    connection.execute(f"SET allowed_paths = ['{allowed}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
