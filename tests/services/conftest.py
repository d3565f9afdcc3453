"""Certificates that the service tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.config import TlsConfig
from services.identity import DemoAuthority, Role

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
