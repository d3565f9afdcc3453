"""A schema, a folder that may be read, and a real PostgreSQL."""

from __future__ import annotations

import socket
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what several files share
from patients import Server

from services.connectors.allowed import AllowedSources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sources"
    made.mkdir()
    return made


@pytest.fixture
def allowed(folder: Path) -> AllowedSources:
    return AllowedSources((folder,))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The wheel's server listens on a socket file; it is started again on a free port of the loopback."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that a test machine need not have
        import pgserver
        from pgserver._commands import pg_ctl
    folder = tmp_path_factory.mktemp("pg")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = pgserver.get_server(folder)
    try:
        options = f"-h 127.0.0.1 -p {port}"
        pg_ctl(["-w", "-o", options, "restart"], pgdata=server.pgdata, user=server.system_user, timeout=30)
        yield Server(port)
    finally:
        server.cleanup()
