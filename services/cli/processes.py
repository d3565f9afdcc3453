"""``tallystick party | prover | coordinator``: run a process of a deployment; and what an owner's operator does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import JsonOption, one_line_errors, print_json, print_line

party_app = typer.Typer(name="party", help="An owner's side: run it, register tables, decide on queries.")
prover_app = typer.Typer(name="prover", help="A party's zero-knowledge engine.")
coordinator_app = typer.Typer(name="coordinator", help="The agencies' entry.")

ConfigFile = Annotated[Path, typer.Option("--config", help="TOML configuration file.", show_default=False)]
PartyName = Annotated[str, typer.Option("--party", help="Name of the party, as in the configuration.")]


@party_app.command("run")
def run_party(config: ConfigFile) -> None:
    """Run a party until SIGTERM or SIGINT."""
    from services.party.main import main

    raise typer.Exit(main(["--config", str(config)]))


@prover_app.command("run")
def run_prover(config: ConfigFile) -> None:
    """Run a prover until SIGTERM or SIGINT."""
    from services.prover.main import main

    raise typer.Exit(main(["--config", str(config)]))


@coordinator_app.command("run")
def run_coordinator(config: ConfigFile) -> None:
    """Run the coordinator until SIGTERM or SIGINT."""
    from services.coordinator.main import main

    raise typer.Exit(main(["--config", str(config)]))


@party_app.command()
def register(
    config: ConfigFile,
    party: PartyName,
    schema: Annotated[Path, typer.Option(help="Schema, JSON.", show_default=False)],
    policy: Annotated[Path, typer.Option(help="Policy, JSON.", show_default=False)],
    log_rows: Annotated[int, typer.Option(min=3, max=24, help="Pad to 2^LOG_ROWS rows.", show_default=False)],
    csv: Annotated[Path | None, typer.Option(help="Rows, CSV with a header line.")] = None,
    source: Annotated[Path | None, typer.Option(help="Mapping of a source instead, TOML.")] = None,
    row_column: Annotated[str, typer.Option(help="CSV column with row numbers, if no cohort was aligned.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Register a table, or its next version, with an operator's configuration."""
    with one_line_errors(as_json):
        from services.errors import RequestInvalidError
        from services.operator import connect_party, read_whole_source

        if (csv is None) == (source is None):
            raise RequestInvalidError("csv", "give either --csv or --source")
        rows = _read(csv) if csv is not None else read_whole_source(config, source or Path(), schema)
        with connect_party(config, party) as client:
            done = client.register(_read(schema), _read(policy), rows, log_rows, row_column)
    if as_json:
        print_json({"dataset": f"{done.dataset:032x}", "version": done.version, "rows": done.rows, "tx": done.tx})
        return
    print_line(
        f"dataset {done.dataset:032x} version {done.version}: {done.rows} rows, {done.columns} columns committed"
    )
    print_line(f"transaction {done.tx}, {done.gas} gas")


@party_app.command("set-policy")
def set_policy(
    config: ConfigFile,
    party: PartyName,
    table: Annotated[str, typer.Argument(help="Name of the table.")],
    policy: Annotated[Path, typer.Option(help="Policy, JSON.", show_default=False)],
) -> None:
    """Replace a table's policy; queries proposed under the old one die."""
    with one_line_errors():
        from services.operator import connect_party

        with connect_party(config, party) as client:
            tx = client.set_policy(table, _read(policy))
    print_line(f"transaction {tx}")


@party_app.command()
def withdraw(
    config: ConfigFile, party: PartyName, table: Annotated[str, typer.Argument(help="Name of the table.")]
) -> None:
    """Withdraw a table's current version."""
    with one_line_errors():
        from services.operator import connect_party

        with connect_party(config, party) as client:
            tx = client.withdraw(table)
    print_line(f"transaction {tx}")


@party_app.command()
def pending(config: ConfigFile, party: PartyName, as_json: JsonOption = False) -> None:
    """List queries that wait for a person."""
    with one_line_errors(as_json):
        from services.operator import connect_party

        with connect_party(config, party) as client:
            found = client.pending()
    if as_json:
        print_json(
            [
                {
                    "query": q.query_id.hex(),
                    "agency": q.proposer,
                    "sql": q.sql,
                    "purpose": q.purpose,
                    "publish": q.publication.value,
                }
                for q in found
            ]
        )
        return
    for query in found:
        print_line(
            f"{query.query_id.hex()}  {query.proposer}, for {query.publication.reader}: "
            f"{' '.join(query.sql.split())}  (purpose: {query.purpose})"
        )
    if not found:
        print_line("no query waits")


@party_app.command()
def decide(
    config: ConfigFile,
    party: PartyName,
    query: Annotated[str, typer.Argument(help="Query id, hexadecimal.")],
    approve: Annotated[bool, typer.Option("--approve/--refuse", help="What is decided.", show_default=False)],
) -> None:
    """Approve or refuse a waiting query."""
    with one_line_errors():
        from services.operator import connect_party, parse_query_id

        with connect_party(config, party) as client:
            client.decide(parse_query_id(query), approve)
    print_line("approved" if approve else "refused")


def _read(path: Path) -> bytes:
    from services.errors import RequestInvalidError

    try:
        return path.read_bytes()
    except OSError as error:
        raise RequestInvalidError(path.name, f"cannot read {path}: {error.strerror}") from error
