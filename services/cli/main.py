"""``tallystick``: one command for everything. Every typed error is one line on standard error and exit code 1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli import bundle, ceremony, cohort, ledger, opening, processes, query, source
from services.cli.analyse import analyse
from services.cli.city import city
from services.cli.doctor import doctor
from services.cli.output import one_line_errors
from services.cli.verify import verify

app = typer.Typer(
    name="tallystick",
    help="Joint statistics over data nobody may pool, with a public proof that each number is right.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

for _part in (
    query.app,
    bundle.app,
    opening.app,
    cohort.app,
    ledger.app,
    processes.party_app,
    processes.prover_app,
    processes.coordinator_app,
    source.app,
    ceremony.app,
):
    app.add_typer(_part)
app.command()(analyse)
app.command()(verify)
app.command()(doctor)
app.command()(city)


@app.command()
def demo(
    persons: Annotated[
        int,
        typer.Option(min=2000, help="Size of the synthetic city; below 2,000 some groups are too small to release."),
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed and size, same city.")] = 2026,
    report: Annotated[Path, typer.Option(help="Where to write the report.")] = Path("build/demo-report.json"),
) -> None:
    """Run everything on this machine: a city, three parties, a ledger; questions, proofs, cheats."""
    with one_line_errors():
        from services.demo.main import run_demo

        status = run_demo(report_path=report, persons=persons, seed=seed)
    raise typer.Exit(status)


def main() -> None:
    """Entry of the ``tallystick`` program."""
    app()


if __name__ == "__main__":
    main()
