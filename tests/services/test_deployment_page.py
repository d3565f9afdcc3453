"""docs/deployment.md as a newcomer follows it: its files are what the programs read, its commands set up a deployment
of three parties and an owner outside them that answers a question."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.mpc_rows import free_ports
from query.kinds import BoundedInteger
from query.policy import Policy, encode_policy
from query.schema import ColumnSchema, TableSchema, encode_schema
from services.config import AgencyConfig, CoordinatorConfig, PartyConfig, ProverConfig, load_config
from services.identity import DemoAuthority, Role
from services.process import ManagedProcess

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
KINDS = {"prover.toml": ProverConfig, "party.toml": PartyConfig, "coordinator.toml": CoordinatorConfig,
         "agency.toml": AgencyConfig}  # fmt: skip
MEMBERS = ("st-anne", "laboratory", "bureau", "housing")
LEDGER = "ledger.example:8545"
TENANCIES = TableSchema("tenancies", "housing", "tenants", "tenant", "example",
                        (ColumnSchema("rent", BoundedInteger(0, 5000)),))  # fmt: skip


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def files() -> dict[str, str]:
    """The page's configuration files, by the name in their first line."""
    return {text.split("\n", 1)[0].removeprefix("# "): text for text in blocks("toml")}


def commands(start: str) -> list[list[str]]:
    """The page's commands that begin so, as argument lists."""
    return [shlex.split(line) for block in blocks("sh") for line in block.splitlines() if line.startswith(start)]


@pytest.mark.parametrize("name", KINDS)
def test_the_pages_files_are_read_by_the_programs(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(files()[name])
    found = load_config(KINDS[name], tmp_path / name)  # type: ignore[type-var]
    if isinstance(found, PartyConfig):
        assert [(peer.number, peer.name, peer.computes) for peer in found.peers] == [
            (1, "laboratory", True), (2, "bureau", True), (3, "housing", False),
        ]
    if isinstance(found, CoordinatorConfig | AgencyConfig):
        assert tuple(party.name for party in found.parties) == MEMBERS


class Followed:
    """The page's commands on this machine, in a folder of their own, under free ports of it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        hosts = ["ledger", "coordinator", *(f"{kind}.{name}" for name in MEMBERS for kind in ("party", "prover"))]
        ports = {"ledger": 8545} | {host: 7401 if host.startswith("prover") else 7400 for host in hosts[1:]}
        self.addresses = {f"{host}.example:{ports[host]}": f"127.0.0.1:{port}"
                          for host, port in zip(hosts, free_ports(len(hosts)), strict=True)}  # fmt: skip

    def local(self, text: str) -> str:
        for address, here in self.addresses.items():
            text = text.replace(address, here)
        return text

    def run(self, command: list[str], changes: Mapping[str, str] | None = None) -> str:
        """Run one command to its end; returns what it printed."""
        arguments = [(changes or {}).get(part, part) for part in command[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "services.cli.main", *(self.local(part) for part in arguments)],
            cwd=self.folder, capture_output=True, text=True, timeout=240, check=False,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(self.folder)},
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, name: str, command: list[str], changes: Mapping[str, str] | None = None) -> ManagedProcess:
        """Start one that runs until it is stopped; it is stopped with the test."""
        arguments = [self.local((changes or {}).get(part, part)) for part in command[1:]]
        process = ManagedProcess(name, [sys.executable, "-m", "services.cli.main", *arguments],
                                 self.folder / f"{name}.log", self.folder, {"PYTHONPATH": str(ROOT)})  # fmt: skip
        self._stack.callback(process.stop)
        return process

    def until(self, command: list[str], words: str, changes: Mapping[str, str] | None = None) -> str:
        """Repeat a command until it works and prints some words."""
        deadline = time.monotonic() + 180
        while True:
            try:
                printed = self.run(command, changes)
            except AssertionError:
                printed = ""
            if words in printed:
                return printed
            assert time.monotonic() < deadline, "\n".join(log.read_text()[-800:] for log in self.folder.glob("*.log"))
            time.sleep(0.5)

    def member_file(self, kind: str, name: str) -> str:
        """The page's file of st-anne as another member writes it, final at once as on the embedded ledger."""
        own, peers = files()[f"{kind}.toml"].split("[[peers]]", 1)[0], ""
        if kind == "party":
            own = own.replace("number = 0", f"number = {MEMBERS.index(name)}").replace("party.key", f"{name}.key")
            peers = "".join(
                f'[[peers]]\nname = "{peer}"\nnumber = {k}\naddress = "party.{peer}.example:7400"\n\n'
                for k, peer in enumerate(MEMBERS) if peer != name
            )  # fmt: skip
        return at_once(self.local(own.replace("st-anne", name) + peers))


def at_once(text: str) -> str:
    return text.replace("[ledger]\n", "[ledger]\nconfirmations = 0\n")


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    with ExitStack() as stack:
        yield Followed(tmp_path, stack)


@pytest.mark.slow
def test_the_page_sets_up_a_deployment_that_answers(followed: Followed) -> None:
    folder, certificates = followed.folder, followed.folder / "certificates"
    authority = DemoAuthority.create()
    for role, name in [(role, name) for name in MEMBERS for role in (Role.PARTY, Role.PROVER)] + [
        (Role.COORDINATOR, "coordinator"), (Role.AGENCY, "ministry"), (Role.OPERATOR, "operator"),
    ]:  # fmt: skip
        authority.issue_files(certificates, role, name)
    for command in commands("tallystick ceremony"):
        followed.run(command, {"20": "6"})
    (run_ledger,) = commands("tallystick ledger run")
    followed.start("ledger", run_ledger, {"8545": followed.addresses[LEDGER].rsplit(":", 1)[1]})
    (account,), (deploy,), (admit,) = (commands(f"tallystick ledger {what}") for what in ("account", "deploy", "admit"))
    followed.run(account)
    followed.until(deploy, "registry")
    keys = {name: f"{name}.key" for name in MEMBERS} | {"ministry": "agency.key", "coordinator": "coordinator.key"}
    for name, key in keys.items():
        address = re.search(r"0x[0-9a-fA-F]{40}", followed.run(account, {"admin.key": key}))
        assert address is not None
        role = "agency" if name == "ministry" else "party"
        if name != "coordinator":
            followed.run(admit, {"ADDRESS": address[0], "party": role, "st-anne": name,
                                 "certificates/party-st-anne.crt": f"certificates/{role}-{name}.crt"})  # fmt: skip
    for kind in ("prover", "party"):
        (run,) = commands(f"tallystick {kind} run")
        for name in MEMBERS:
            text = followed.member_file(kind, name).replace(f'data_dir = "{kind}-data"', f'data_dir = "{kind}-{name}"')
            (folder / f"{kind}-{name}.toml").write_text(text)
            followed.start(f"{kind}-{name}", run, {f"{kind}.toml": f"{kind}-{name}.toml"})
    for name in ("coordinator.toml", "agency.toml"):
        (folder / name).write_text(at_once(followed.local(files()[name])))
    operator = (folder / "agency.toml").read_text().replace('account = "agency.key"\n', "")
    (folder / "operator.toml").write_text(operator.replace("agency-", "operator-").replace("ministry", "operator"))
    (run,) = commands("tallystick coordinator run")
    followed.start("coordinator", run)
    (doctor,), (register,), (ask,) = (
        commands(f"tallystick {what}") for what in ("doctor", "party register", "query run")
    )
    assert "an outside owner" in followed.until(doctor, "ok   party housing")
    (folder / "tenancies.json").write_bytes(encode_schema(TENANCIES))
    (folder / "policy.json").write_bytes(encode_policy(Policy(minimum_group=10)))
    rents = [300 + 10 * k for k in range(40)]
    (folder / "tenancies.csv").write_text("row,rent\n" + "".join(f"{k},{rent}\n" for k, rent in enumerate(rents)))
    assert "40 rows" in followed.run(register, {"14": "6"})
    printed = followed.run(ask)
    assert "40" in printed
    assert f"{sum(rents) / len(rents):g}" in printed
