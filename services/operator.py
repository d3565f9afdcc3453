"""What an operator's commands share: a configuration like an agency's, and query ids as people write them."""

from __future__ import annotations

from pathlib import Path

from services.config import AgencyConfig, load_config
from services.coordinator.client import CoordinatorClient
from services.errors import ConfigInvalidError, RequestInvalidError
from services.party.client import PartyClient, TableDocument


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
