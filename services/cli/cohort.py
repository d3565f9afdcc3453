"""``tallystick cohort``: a common row order for owners' tables, found from identifiers that nobody shows."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.output import JsonOption, one_line_errors, print_json, print_line, status_line

if TYPE_CHECKING:
    from ledger.cohorts import CohortRecord

app = typer.Typer(name="cohort", help="Find a common row order for several owners' tables.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="TOML file like an agency's.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The cohort's name: letters, digits, dashes, underscores.")]
Party = Annotated[str, typer.Option(help="Name of the party or owner whose operator you are.", show_default=False)]
Owners = Annotated[list[str], typer.Option("--owner", help="Who has a list; twice or more.", show_default=False)]
LogRows = Annotated[int, typer.Option(min=3, max=24, help="log2 of the rows: room for all lists.", show_default=False)]
Epsilon = Annotated[float, typer.Option(min=0.01, max=20, help="Of the noise of what parties see; less is more noise.")]
Version = Annotated[int, typer.Option(min=0, help="Version; 0 is the latest.", show_default=False)]


@app.command()
def create(
    name: Name, config: ConfigFile, party: Party, owner: Owners, log_rows: LogRows, epsilon: Epsilon = 0.5
) -> None:
    """Propose a cohort on the ledger. Nothing runs before every owner has joined."""
    with one_line_errors():
        from services.errors import StateConflictError

        if _latest(config, name):
            raise StateConflictError(f"there is a cohort {name} already: extend it")
        _propose(config, party, name, owner, log_rows, epsilon)


@app.command()
def extend(
    name: Name, config: ConfigFile, party: Party, owner: Owners, log_rows: LogRows, epsilon: Epsilon = 0.5
) -> None:
    """Propose the next version of a cohort: new lists, a fresh key, other rows; tables are registered anew."""
    with one_line_errors():
        from services.errors import RecordUnknownError

        if not _latest(config, name):
            raise RecordUnknownError(f"there is no cohort {name}: create it")
        _propose(config, party, name, owner, log_rows, epsilon)


@app.command()
def join(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV with a header line.", exists=True, dir_okay=False)],
    config: ConfigFile,
    party: Party,
    column: Annotated[str, typer.Option(help="The column with identifiers.", show_default=False)],
    merge: Annotated[bool, typer.Option("--merge", help="A person named twice counts once; else refused.")] = False,
    version: Version = 0,
) -> None:
    """Approve a proposed cohort with this owner's list of identifiers, which stays at its party."""
    with one_line_errors():
        from services.operator import connect_party

        number = version or _latest(config, name)
        with connect_party(config, party) as client:
            count, tx = client.join_cohort(name, number, file.read_bytes(), column, merge=merge)
    print_line(f"joined {name}.{number} with {count} identifiers in {tx}")


@app.command()
def align(name: Name, config: ConfigFile, version: Version = 0) -> None:
    """Run the alignment at the three parties and all owners, once these have joined; they confirm it on the ledger."""
    with one_line_errors():
        from services.cohort_run import run_alignment, who_takes_part
        from services.config import AgencyConfig, load_config
        from services.ledger_access import open_ledger
        from services.operator import connect_party

        number = version or _latest(config, name)
        loaded = load_config(AgencyConfig, config)
        ledger = open_ledger(loaded.ledger)
        endpoints = who_takes_part(ledger, ledger.cohorts.cohort(name, number), loaded.parties)
        with ExitStack() as stack, status_line(f"aligning {name}.{number}"):
            clients = [stack.enter_context(connect_party(config, endpoint.name)) for endpoint in endpoints]
            seen = run_alignment(clients, name, number)
    if seen:
        shown = ", ".join(f"{count} in {place}" for place, count in enumerate(seen, start=1))
        print_line(f"the parties saw persons, dummies among them: {shown} lists")
    print_line(f'aligned: tables name it in their schema as "cohort": "{name}.{number}"')


@app.command()
def prove(
    name: Name,
    config: Annotated[Path, typer.Option("--config", help="The agency's TOML file.", show_default=False)],
    version: Version = 0,
) -> None:
    """Have it proved on the ledger, as an agency, that no row of a cohort joins two persons; verify it."""
    with one_line_errors():
        from services.client import Tallystick

        number = version or _latest(config, name)
        with Tallystick.connect(config) as tallystick, status_line("proving"):
            verified = tallystick.prove_cohort(name, number)
    print_line(f"proved in transaction {verified.published.tx_hash}: verified here and there")
    print_line("It shows that no row joins two persons. It does not show that every match was found.")


@app.command()
def abandon(name: Name, config: ConfigFile, party: Party, version: Version = 0) -> None:
    """Give up a version that is under way."""
    with one_line_errors():
        from services.operator import connect_party

        number = version or _latest(config, name)
        with connect_party(config, party) as client:
            tx = client.abandon_cohort(name, number)
    print_line(f"{name}.{number} abandoned in {tx}")


@app.command("list")
def list_cohorts(config: ConfigFile, as_json: JsonOption = False) -> None:
    """List the ledger's cohorts, and which of them are proved."""
    with one_line_errors(as_json):
        from services.cohort_proof import proof_of
        from services.cohort_run import owner_names
        from services.config import AgencyConfig, load_config
        from services.ledger_access import open_ledger

        loaded = load_config(AgencyConfig, config)
        ledger, names = open_ledger(loaded.ledger), [endpoint.name for endpoint in loaded.parties]
        found = [
            _cohort(record, proof_of(ledger, record.name, record.version), owner_names(ledger, record, names))
            for record in ledger.cohorts.cohorts()
        ]
    if as_json:
        print_json(found)
        return
    for cohort in found:
        proof = f", proved by query {cohort['proof']}" if cohort["proof"] else ""
        print_line(f"{cohort['cohort']} {cohort['state']}: 2^{cohort['log_rows']} rows{proof}")
        for member in cohort["members"]:
            print_line(f"  {member['name'] or member['owner']}: {member['identifiers'] or 'not joined'}")


def _latest(config: Path, name: str) -> int:
    from services.config import AgencyConfig, load_config
    from services.ledger_access import open_ledger

    return open_ledger(load_config(AgencyConfig, config).ledger).cohorts.latest(name)


def _propose(config: Path, party: str, name: str, owners: list[str], log_rows: int, epsilon: float) -> None:
    from services.operator import connect_party

    with connect_party(config, party) as client:
        version, tx = client.propose_cohort(name, owners, log_rows, epsilon)
    print_line(f"proposed {name}.{version} in {tx}: its owners join now")


def _cohort(record: CohortRecord, proof: bytes | None, names: list[str]) -> dict[str, Any]:
    members = zip(record.members, names, strict=True)
    return {
        "cohort": record.label,
        "state": record.state.name,
        "log_rows": record.log_rows,
        "epsilon": record.epsilon,
        "proof": proof.hex() if proof else "",
        "members": [{"owner": found.owner, "name": name, "identifiers": found.count} for found, name in members],
    }
