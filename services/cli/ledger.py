"""``tallystick ledger``: run the embedded node, deploy the contracts, admit members."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import one_line_errors, print_line
from services.identity import Role

app = typer.Typer(name="ledger", help="The embedded ledger node, and setting up contracts.", no_args_is_help=True)

Url = Annotated[str, typer.Option(help="JSON-RPC endpoint.")]
Account = Annotated[Path, typer.Option(help="File of the account's secret key.", show_default=False)]
DeploymentFile = Annotated[Path, typer.Option(help="Public file of addresses.", show_default=False)]
_URL = "http://127.0.0.1:8545"


@app.command()
def run(
    path: Annotated[Path, typer.Option(help="Chain file, created if missing.", show_default=False)],
    host: Annotated[str, typer.Option(help="Address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to bind.")] = 8545,
    chain_id: Annotated[int, typer.Option(min=1, help="Fixed when the file is created.")] = 20260,
    production: Annotated[bool, typer.Option("--production", help="Refuse development strings for ever.")] = False,
) -> None:
    """Run a single node until SIGTERM or SIGINT: durability, not consensus."""
    from ledger.rpc import main

    arguments = ["--path", str(path), "--host", host, "--port", str(port), "--chain-id", str(chain_id)]
    raise typer.Exit(main([*arguments, *(["--production"] if production else [])]))


@app.command()
def account(file: Annotated[Path, typer.Argument(help="Where to write the secret key.")]) -> None:
    """Make an account."""
    with one_line_errors():
        from ledger.client import LedgerClient
        from services.errors import ConfigInvalidError
        from services.ledger_access import store_account

        if file.exists():
            raise ConfigInvalidError(f"{file} exists already")
        key = secrets.token_bytes(32)
        store_account(file, key)
        address = LedgerClient(_URL, key).address
    print_line(address)


@app.command()
def deploy(
    account: Account,
    srs: Annotated[Path, typer.Option(help="The ceremony's structured reference string.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where to write the deployment file.", show_default=False)],
    url: Url = _URL,
    production: Annotated[bool, typer.Option("--production", help="For real studies.")] = False,
) -> None:
    """Verify a string, deploy the contracts over it and write the deployment file."""
    with one_line_errors():
        from ledger.client import LedgerClient
        from ledger.deploy import deploy_contracts
        from services.ledger_access import load_account, store_deployment
        from zk.srs import load_srs, verify_srs

        string = load_srs(srs)
        verify_srs(string)
        found = deploy_contracts(LedgerClient(url, load_account(account)), string, production=production)
        store_deployment(out, found, string)
    print_line(f"verifier {found.verifier}")
    print_line(f"registry {found.registry}")
    print_line(f"studies {found.studies}")
    print_line(f"cohorts {found.cohorts}")
    print_line(f"string {found.srs_id.hex()} (members pin this)")


@app.command()
def admit(
    address: Annotated[str, typer.Argument(help="The member's account.")],
    account: Account,
    deployment: DeploymentFile,
    role: Annotated[Role, typer.Option(help="Role in the member's certificate.", show_default=False)],
    name: Annotated[str, typer.Option(help="Name in the member's certificate.", show_default=False)],
    certificate: Annotated[Path, typer.Option(help="The member's certificate.", show_default=False)],
    url: Url = _URL,
) -> None:
    """Admit a member, as the registry's admin."""
    with one_line_errors():
        from ledger.client import LedgerClient
        from ledger.registry import Registry
        from ledger.registry import Role as LedgerRole
        from services.directory import member_hash
        from services.errors import ConfigInvalidError
        from services.identity import Identity, certificate_hash, parse_identity
        from services.ledger_access import load_account, load_deployment

        roles = {
            Role.PARTY: LedgerRole.OWNER,
            Role.AGENCY: LedgerRole.AGENCY,
            Role.REGULATOR: LedgerRole.REGULATOR,
            Role.OPERATOR: LedgerRole.OPERATOR,
        }
        if role not in roles:
            raise ConfigInvalidError(f"a {role.value} is no member of the ledger")
        try:
            shown = certificate.read_bytes()
        except OSError as error:
            raise ConfigInvalidError(f"cannot read {certificate}: {error.strerror}") from error
        if parse_identity(shown) != Identity(role, name):
            raise ConfigInvalidError(f"{certificate} is not the certificate of {role.value} {name}")
        found, _ = load_deployment(deployment)
        registry = Registry(LedgerClient(url, load_account(account)), found.registry)
        receipt = registry.set_member(address, roles[role], certificate_hash(shown), member_hash(role, name))
    print_line(f"{role.value} {name} admitted as {address} in {receipt.tx_hash}")
