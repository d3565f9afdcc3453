"""Where everything of a local deployment lies: folder, ports, certificates, account keys and configuration files."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.config import (
    COMPUTING,
    AgencyConfig,
    CoordinatorConfig,
    Endpoint,
    LedgerConfig,
    PartyConfig,
    PartyEndpoint,
    ProverConfig,
    TlsConfig,
    store_config,
)
from services.errors import ServiceError
from services.identity import CertificateFiles, DemoAuthority, Role, certificate_hash

PARTY_NAMES: Final = ("hospital", "laboratory", "bureau")
"""The computing parties, unless told otherwise."""
CHAIN_ID: Final = 20260


class DeploymentFailedError(ServiceError):
    """A local deployment did not come up, or a process of it ended."""


class DeploymentLayout:
    """Files and addresses of a deployment on one machine.

    Args:
        folder: made if missing; should be empty.
        names: the parties' names, three or more: the first three compute, the others are outside owners.
        message_timeout_s: how long a party waits for one message of a peer.

    Raises:
        DeploymentFailedError: there are too few names, or one twice.
    """

    def __init__(self, folder: Path, names: Sequence[str], message_timeout_s: float) -> None:
        self.folder = folder.resolve()
        self.names = tuple(names)
        if len(self.names) < COMPUTING or len(set(self.names)) != len(self.names):
            raise DeploymentFailedError(f"a deployment needs {COMPUTING} parties or more, each with a name of its own")
        self._message_timeout_s = message_timeout_s
        self._certificates: dict[tuple[Role, str], CertificateFiles] = {}
        self._authority: DemoAuthority | None = None
        count = len(self.names)
        ports = _free_ports(2 * count + 2)
        self._party_ports, self._prover_ports = ports[:count], ports[count : 2 * count]
        self._coordinator_port, self._ledger_port = ports[2 * count :]

    def party_endpoint(self, number: int) -> PartyEndpoint:
        """Where a party is."""
        return PartyEndpoint(name=self.names[number], address=loopback(self._party_ports[number]), number=number)

    def party_endpoints(self) -> tuple[PartyEndpoint, ...]:
        """Where all parties are, by number."""
        return tuple(self.party_endpoint(number) for number in range(len(self.names)))

    def tls(self, role: Role, name: str) -> TlsConfig:
        """Certificate files of an identity; issued if it has none yet."""
        return TlsConfig.of(self._issue(role, name))

    def coordinator_endpoint(self) -> Endpoint:
        """Where the coordinator is."""
        return Endpoint(name="coordinator", address=loopback(self._coordinator_port))

    def ledger_config(self, account: str | None = None) -> LedgerConfig:
        """Configuration of the ledger for an account, or for reading."""
        key = None if account is None else self.account_path(account)
        return LedgerConfig(
            url=self.ledger_url,
            chain_id=CHAIN_ID,
            deployment=self.folder / "deployment.json",
            account=key,
            confirmations=0,
        )  # the embedded node makes a block per transaction: its records are final

    @property
    def ledger_url(self) -> str:
        """Where the ledger node answers."""
        return f"http://{loopback(self._ledger_port)}"

    @property
    def agency_config_path(self) -> Path:
        """The agency's configuration file."""
        return self.folder / "agency.toml"

    @property
    def agency_config(self) -> AgencyConfig:
        """The agency's configuration."""
        return AgencyConfig(
            name="agency",
            tls=self.tls(Role.AGENCY, "agency"),
            coordinator=self.coordinator_endpoint(),
            parties=self.party_endpoints(),
            ledger=self.ledger_config("agency"),
        )

    def write_prover_config(self, number: int, srs: Path) -> Path:
        """Write a prover's configuration file and return its path."""
        name = self.names[number]
        config = ProverConfig(
            name=name,
            listen=loopback(self._prover_ports[number]),
            tls=self.tls(Role.PROVER, name),
            data_dir=self.folder / f"prover-{number}",
            party=name,
            srs=srs,
        )
        path = self.folder / f"prover-{number}.toml"
        store_config(config, path)
        return path

    def account_path(self, account: str) -> Path:
        """File of an account's secret key."""
        return self.folder / f"{account}.key"

    def certificate_hash(self, role: Role, name: str) -> bytes:
        """Hash of an identity's certificate, as the ledger knows members by."""
        return certificate_hash(self._issue(role, name).certificate.read_bytes())

    def write_accounts(self, accounts: Sequence[str]) -> None:
        """Draw and store account keys."""
        from services.ledger_access import store_account

        for account in accounts:
            store_account(self.account_path(account), secrets.token_bytes(32))

    def write_certificates(self) -> None:
        """Make an authority and a certificate for everybody."""
        self._authority = DemoAuthority.create()
        for name in self.names:
            self._issue(Role.PARTY, name)
            self._issue(Role.PROVER, name)
        self._issue(Role.COORDINATOR, "coordinator")
        self._issue(Role.AGENCY, "agency")
        self._issue(Role.OPERATOR, "operator")
        self._issue(Role.REGULATOR, "regulator")

    def _issue(self, role: Role, name: str) -> CertificateFiles:
        if self._authority is None:
            raise DeploymentFailedError("the deployment has not been started")
        key = (role, name)
        if key not in self._certificates:
            self._certificates[key] = self._authority.issue_files(self.folder / "certificates", role, name)
        return self._certificates[key]

    def write_configs(self) -> None:
        """Write the files of parties, coordinator, agency and operator; the deployment file must be there."""
        for number, name in enumerate(self.names):
            peers = tuple(endpoint for endpoint in self.party_endpoints() if endpoint.number != number)
            prover = Endpoint(name=name, address=loopback(self._prover_ports[number]))
            store_config(
                PartyConfig(
                    name=name,
                    listen=loopback(self._party_ports[number]),
                    tls=self.tls(Role.PARTY, name),
                    data_dir=self.folder / f"party-{number}",
                    number=number,
                    peers=peers,
                    prover=prover,
                    ledger=self.ledger_config(f"party-{number}"),
                    message_timeout_s=self._message_timeout_s,
                ),
                self.folder / f"party-{number}.toml",
            )
        store_config(
            CoordinatorConfig(
                name="coordinator",
                listen=loopback(self._coordinator_port),
                tls=self.tls(Role.COORDINATOR, "coordinator"),
                data_dir=self.folder / "coordinator",
                parties=self.party_endpoints(),
                ledger=self.ledger_config("coordinator"),
            ),
            self.folder / "coordinator.toml",
        )
        store_config(self.agency_config, self.agency_config_path)
        operator = self.agency_config.model_copy(
            update={"name": "operator", "tls": self.tls(Role.OPERATOR, "operator"), "ledger": self.ledger_config()}
        )
        store_config(operator, self.folder / "operator.toml")


def loopback(port: int) -> str:
    """Address of a port on this machine."""
    return f"127.0.0.1:{port}"


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; all are held together while choosing, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
