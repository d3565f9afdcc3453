"""What an operator's commands share: a configuration like an agency's, and query ids as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from query.schema import parse_schema
from services.config import AgencyConfig, load_config
from services.coordinator.client import CoordinatorClient
from services.errors import ConfigInvalidError, RequestInvalidError, SourceInvalidError
from services.party.client import PartyClient, TableDocument

if TYPE_CHECKING:
    from services.connectors.table import SourceTable


def connect_party(config: Path, name: str) -> PartyClient:
    """Connect to one party of a configuration. Close the result, or use it as a context manager.

    Raises:
        ConfigInvalidError: the file cannot be used, or names no such party.
    """
    loaded = load_config(AgencyConfig, config)
    for endpoint in loaded.parties:
        if endpoint.name == name:
            return PartyClient(endpoint, loaded.tls)
    known = ", ".join(endpoint.name for endpoint in loaded.parties)
    raise ConfigInvalidError(f"{config} names no party {name!r}; it names {known}")


def fetch_tables(config: Path) -> list[TableDocument]:
    """The documents of all tables, unchecked, from the coordinator of a configuration.

    Raises:
        ConfigInvalidError: the file cannot be used.
        PeerUnavailableError, RemoteError: the coordinator does not answer, or refuses.
    """
    loaded = load_config(AgencyConfig, config)
    client = CoordinatorClient(loaded.coordinator, loaded.tls)
    try:
        return client.tables()
    finally:
        client.close()


def read_operator_source(config: Path, mapping: Path, schema: Path) -> SourceTable:
    """Read a source that a configuration allows, by its mapping.

    Raises:
        ConfigInvalidError: the configuration cannot be used.
        SchemaInvalidError: the schema is none.
        ServiceError: as `services.connectors.table.read_source`.
    """
    from services.connectors.allowed import AllowedSources
    from services.connectors.mapping import parse_mapping
    from services.connectors.table import read_source

    allowed = load_config(AgencyConfig, config).sources
    table = parse_schema(_bytes_of(schema, "schema"))
    parsed = parse_mapping(_bytes_of(mapping, "mapping"), table)
    return read_source(parsed, table, AllowedSources(allowed.folders, allowed.hosts))


def read_whole_source(config: Path, mapping: Path, schema: Path) -> bytes:
    """The CSV of a source every row of which fits.

    Raises:
        SourceInvalidError: rows do not fit; ``tallystick source check`` lists them. Other errors as
            `read_operator_source`.
    """
    found = read_operator_source(config, mapping, schema)
    if not found.report.clean:
        left, rows = found.report.rows - found.report.taken, found.report.rows
        raise SourceInvalidError("source", f"{left} of {rows} rows do not fit: see tallystick source check")
    return found.csv


def _bytes_of(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceInvalidError(what, f"cannot read {path}: {error.strerror}") from error


def parse_query_id(text: str) -> bytes:
    """Read a query id: 64 hexadecimal digits, perhaps after 0x.

    Raises:
        RequestInvalidError: it is not one.
    """
    digits = text.removeprefix("0x")
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        found = b""
    if len(found) != 32 or len(digits) != 64:
        raise RequestInvalidError("query", "expected 64 hexadecimal digits")
    return found
