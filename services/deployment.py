"""A whole deployment on one machine, for the demonstration and for tests: real processes on free loopback ports.

    with LocalDeployment(folder, log_rows=6) as deployment:
        deployment.register(TableInput(0, schema, policy, csv, 6, "row"))
        with deployment.connect() as client: ...

Everything lies in one folder: certificates of a demonstration authority, account keys, one TOML file per process, the
ceremony's string, logs and state. What it starts it ends by process id.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from services.config import COMPUTING
from services.deployment_layout import CHAIN_ID, PARTY_NAMES, DeploymentFailedError, DeploymentLayout, loopback
from services.health import wait_serving
from services.identity import Identity, Role
from services.process import ManagedProcess

if TYPE_CHECKING:
    from services.client import Tallystick
    from services.ledger_access import LedgerAccess
    from services.party.client import PartyClient, Registered
    from zk.srs import Srs

START_TIMEOUT_S: Final = 180.0
_ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class TableInput:
    """A table to register.

    Args:
        party: number of its owner, whose name the schema gives.
        schema, policy: canonical JSON.
        csv: UTF-8 text with a header line; secret.
        log_rows: log2 of the padded number of rows.
        row_column: name of the CSV column with row numbers, or empty.
    """

    party: int
    schema: bytes
    policy: bytes
    csv: bytes = field(repr=False)
    log_rows: int
    row_column: str = ""


class LocalDeployment(DeploymentLayout):
    """Ledger node, parties each with its prover, and a coordinator. A context manager: starts on entry, stops on exit.

    Args:
        folder: made if missing; should be empty.
        log_rows: size of the ceremony's string, unless one is given.
        srs: a string to use instead of running a ceremony.
        names: the parties' names, three or more: the first three compute, the others are outside owners.
        progress: called with a line for every step.
        message_timeout_s: how long a party waits for one message of a peer.
        modules: modules to run instead of ``services.party``, by party number.
        environment: variables for every process, on top of ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log_rows: int = 14,
        srs: Srs | None = None,
        names: Sequence[str] = PARTY_NAMES,
        progress: Callable[[str], None] = lambda line: None,
        message_timeout_s: float = 60.0,
        modules: Mapping[int, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, names, message_timeout_s)
        self._log_rows = log_rows
        self._srs = srs
        self._progress = progress
        self._modules = dict(modules or {})
        self._environment = dict(environment or {})
        self._processes: dict[str, ManagedProcess] = {}

    def __enter__(self) -> LocalDeployment:
        try:
            self.start()
        except BaseException:  # whatever happened, no process may be left behind
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- start and stop ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Set everything up and wait until every process serves.

        Raises:
            DeploymentFailedError: a process did not come up; the message has the end of its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._progress("issuing certificates")
        self.write_certificates()
        self._start_ledger()
        self.srs_path = self._make_srs()
        self._start_provers()
        self._deploy_contracts()
        self.write_configs()
        for number in range(len(self.names)):
            self._start_party(number)
        self._start("coordinator", "services.coordinator", self.folder / "coordinator.toml")
        self._await_all()

    def stop(self) -> None:
        """End every process that was started, the coordinator first, the ledger last."""
        order = sorted(self._processes, key=lambda name: (name == "ledger", name.startswith("prover"), name))
        for name in order:
            self._processes[name].begin_stop()
        for name in order:
            self._processes.pop(name).stop()

    def stop_party(self, number: int) -> None:
        """End one party's process; its prover keeps running."""
        self._processes.pop(f"party-{number}").stop()

    def start_party(self, number: int, *, module: str | None = None) -> None:
        """Start one party's process and wait until it serves.

        Args:
            number: the party.
            module: what to run instead of ``services.party``.
        """
        if module is not None:
            self._modules[number] = module
        self._start_party(number)
        self._await_serving(f"party-{number}", Identity(Role.PARTY, self.names[number]), self._party_ports[number])

    def restart_party(self, number: int, *, module: str | None = None) -> None:
        """End one party and start it again, perhaps as another module."""
        self.stop_party(number)
        self._modules.pop(number, None)
        self.start_party(number, module=module)

    def restart_coordinator(self) -> None:
        """End the coordinator and start it again; it goes on with unfinished studies."""
        self._processes.pop("coordinator").stop()
        self._start("coordinator", "services.coordinator", self.folder / "coordinator.toml")
        self._await_serving("coordinator", Identity(Role.COORDINATOR, "coordinator"), self._coordinator_port)

    def processes(self) -> dict[str, int]:
        """Process ids by name."""
        return {name: process.pid for name, process in self._processes.items()}

    # --- use -----------------------------------------------------------------------------------------------------

    def register(self, table: TableInput) -> Registered:
        """Register a table as its owner's operator.

        Raises:
            ServiceError: the party refused or does not answer.
        """
        with self.party_client(table.party, Role.OPERATOR, "operator") as client:
            return client.register(table.schema, table.policy, table.csv, table.log_rows, table.row_column)

    def make_cohort(
        self, name: str, lists: Mapping[int, bytes], column: str, *, log_rows: int, epsilon: float = 0.5
    ) -> str:
        """Propose a cohort or its next version, have its owners join and align it; returns how schemas name it.

        Args:
            name: public.
            lists: CSV text with a header line by number of the party, or owner outside the three, who owns it; secret.
            column: the one with identifiers.
            log_rows: log2 of the cohort's rows.
            epsilon: of the noise of multiplicities.

        Raises:
            ServiceError: a party refused or does not answer, or the alignment failed.
        """
        from ledger.cohorts import cohort_label
        from services.cohort_run import run_alignment

        owners = [self.names[number] for number in lists]
        with ExitStack() as open_clients:
            clients = {
                number: open_clients.enter_context(self.party_client(number, Role.OPERATOR, "operator"))
                for number in sorted({*range(COMPUTING), *lists})
            }
            version, _ = clients[next(iter(lists))].propose_cohort(name, owners, log_rows, epsilon)
            for number, csv in lists.items():
                clients[number].join_cohort(name, version, csv, column)
            run_alignment(list(clients.values()), name, version)
        return cohort_label(name, version)

    def connect(self) -> Tallystick:
        """A client of the agency. Close it, or use it as a context manager."""
        from services.client import Tallystick

        return Tallystick.connect(self.agency_config)

    def party_client(self, number: int, role: Role, name: str) -> PartyClient:
        """A client of one party, as any identity whose certificate was issued here. Close it."""
        from services.party.client import PartyClient

        return PartyClient(self.party_endpoint(number), self.tls(role, name))

    def ledger_access(self, account: str | None = None) -> LedgerAccess:
        """The ledger, reading only or with an account: ``admin``, ``agency``, ``coordinator`` or ``party-0`` ..."""
        from services.ledger_access import open_ledger

        return open_ledger(self.ledger_config(account))

    def log_tail(self, process: str, lines: int = 12) -> str:
        """The end of a process's log."""
        path = self.folder / f"{process}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    # --- steps ---------------------------------------------------------------------------------------------------

    def _start_ledger(self) -> None:
        self._progress("starting the ledger node")
        listen = ["--host", "127.0.0.1", "--port", str(self._ledger_port), "--chain-id", str(CHAIN_ID)]
        self._spawn("ledger", ["-m", "ledger.rpc", "--path", str(self.folder / "chain.db"), *listen])

    def _make_srs(self) -> Path:
        from zk.srs import store_srs

        path = self.folder / "srs.tally"
        if self._srs is None:
            from zk.ceremony import begin_ceremony, contribute, finish_ceremony, store_ceremony

            self._progress(f"ceremony of {len(self.names)} parties for 2^{self._log_rows} rows")
            ceremony = begin_ceremony(self._log_rows, "local deployment")
            for name in self.names:
                ceremony = contribute(ceremony, name)
                self._progress(f"{name} has contributed to the ceremony")
            store_ceremony(ceremony, self.folder / "ceremony.tally")
            self._srs = finish_ceremony(ceremony)
        store_srs(self._srs, path)
        return path

    def _start_provers(self) -> None:
        self._progress(f"starting {len(self.names)} provers")
        for number in range(len(self.names)):
            self._start(f"prover-{number}", "services.prover", self.write_prover_config(number, self.srs_path))

    def _deploy_contracts(self) -> None:
        from ledger.client import LedgerClient
        from ledger.deploy import deploy_contracts
        from ledger.registry import Registry
        from ledger.registry import Role as LedgerRole
        from services.directory import member_hash
        from services.ledger_access import load_account, store_deployment

        self._await_ledger()
        self._progress("deploying the contracts and registering members")
        members = [(f"party-{n}", Role.PARTY, name, LedgerRole.OWNER) for n, name in enumerate(self.names)]
        members.append(("agency", Role.AGENCY, "agency", LedgerRole.AGENCY))
        self.write_accounts(("admin", "coordinator", *(member[0] for member in members)))
        admin = LedgerClient(self.ledger_url, load_account(self.account_path("admin")))
        if self._srs is None:
            raise DeploymentFailedError("there is no structured reference string")
        deployment = deploy_contracts(admin, self._srs, production=False)
        store_deployment(self.folder / "deployment.json", deployment, self._srs)
        registry = Registry(admin, deployment.registry)
        for account, role, name, roles in members:
            address = LedgerClient(self.ledger_url, load_account(self.account_path(account))).address
            registry.set_member(address, roles, self.certificate_hash(role, name), member_hash(role, name))

    def _start_party(self, number: int) -> None:
        self._progress(f"starting party {number} ({self.names[number]})")
        module = self._modules.get(number, "services.party")
        self._start(f"party-{number}", module, self.folder / f"party-{number}.toml")

    # --- processes -----------------------------------------------------------------------------------------------

    def _start(self, name: str, module: str, config: Path) -> None:
        self._spawn(name, ["-m", module, "--config", str(config)])

    def _spawn(self, name: str, arguments: Sequence[str]) -> None:
        command = [sys.executable, *arguments]
        self._processes[name] = ManagedProcess(name, command, self.folder / f"{name}.log", _ROOT, self._environment)

    def _await_ledger(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self._ledger_port), 1.0):
                    return
            except OSError:
                self._require_running("ledger", deadline)
                time.sleep(0.05)

    def _await_all(self) -> None:
        for number, name in enumerate(self.names):
            self._await_serving(f"prover-{number}", Identity(Role.PROVER, name), self._prover_ports[number])
        for number, name in enumerate(self.names):
            self._await_serving(f"party-{number}", Identity(Role.PARTY, name), self._party_ports[number])
        self._await_serving("coordinator", Identity(Role.COORDINATOR, "coordinator"), self._coordinator_port)

    def _await_serving(self, name: str, identity: Identity, port: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        tls = self.tls(Role.OPERATOR, "operator")
        wait_serving(loopback(port), tls, identity, lambda: self._require_running(name, deadline))
        self._progress(f"{name} serves")

    def _require_running(self, name: str, deadline: float) -> None:
        if self._processes[name].ended or time.monotonic() > deadline:
            raise DeploymentFailedError(f"{name} did not come up:\n{self.log_tail(name)}")
