"""Certificates that the service tests share; and the proof samples and session harness, importable by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.config import TlsConfig
from services.identity import DemoAuthority, Role

if TYPE_CHECKING:
    from services.client import Tallystick
    from services.deployment import LocalDeployment

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


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDeployment]:
    """A running deployment with three registered tables, and a fourth member who has none yet and is an outside owner;
    whoever stops a part of it starts it again."""
    from study_samples import make_samples, small_deployment, table_inputs

    with small_deployment(tmp_path_factory.mktemp("deployment"), "pharmacy") as running:
        for table in table_inputs(make_samples()):
            registered = running.register(table)
            assert registered.version == 1
        yield running


@pytest.fixture(scope="session")
def agency(deployment: LocalDeployment) -> Iterator[Tallystick]:
    """The agency's client."""
    with deployment.connect() as client:
        yield client
