"""Certificates that the service tests share; and the proof samples and session harness, importable by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.config import TlsConfig
from services.identity import DemoAuthority, Role

for folder in ("zk", "services"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

IssueTls = Callable[[Role, str], TlsConfig]


@pytest.fixture(scope="session")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's certificates lie."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="session")
def issue_tls(certificate_folder: Path) -> IssueTls:
    """Issue a certificate of the session's one authority: ``issue_tls(role, name)``."""
    authority = DemoAuthority.create()
    return lambda role, name: TlsConfig.of(authority.issue_files(certificate_folder, role, name))


@pytest.fixture(scope="session")
def foreign_tls(tmp_path_factory: pytest.TempPathFactory) -> IssueTls:
    """The same from another authority, which nobody trusts."""
    authority = DemoAuthority.create()
    folder = tmp_path_factory.mktemp("foreign")
    return lambda role, name: TlsConfig.of(authority.issue_files(folder, role, name))
