"""``tallystick analyse``: statistics by name, proved or on generated rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import JsonOption, one_line_errors, print_json, print_line, print_report, status_line
from services.errors import ConfigInvalidError

if TYPE_CHECKING:
    from query.analyses.report import Report


def analyse(
    name: Annotated[str, typer.Argument(help="Which; without arguments, 'list' shows all.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="name=value; bins as column@edge:edge.")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="The agency's TOML file.")] = None,
    purpose: Annotated[str, typer.Option(help="Why; the owners see it.")] = "statistics by name",
    dry_run: Annotated[
        list[Path] | None,
        typer.Option("--dry-run", help="A schema's JSON file, once for each table: generated rows, nothing is asked."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Generated rows of a dry run.")] = 10_000,
    stack: Annotated[
        str | None, typer.Option(help="Tables of the same columns, by commas; the analysis names the first of them.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a statistic by name and print its verified result; `tallystick analyse list` names them all."""
    with one_line_errors(as_json):
        if name == "list":
            _print_catalogue(as_json)
            return
        report = _run(name, arguments or [], config, purpose, dry_run, rows, stack)
    if as_json:
        print_json(report.as_json())
    else:
        print_report(report)


def _run(
    name: str,
    arguments: list[str],
    config: Path | None,
    purpose: str,
    schemas: list[Path] | None,
    rows: int,
    stack: str | None,
) -> Report:
    from query.analyses.stacking import Stacked
    from services.cli.analysis_arguments import read_analysis

    analysis = read_analysis(name, arguments)
    if stack is not None:
        analysis = Stacked(analysis, tuple(table.strip() for table in stack.split(",")))
    if schemas:
        from services.dry_run import DryRun

        mocked: Report = DryRun(schemas, rows=rows).analyse(analysis)
        return mocked
    if config is None:
        raise ConfigInvalidError("--config: an agency's file is needed, or --dry-run with schemas")
    from services.client import Tallystick

    with Tallystick.connect(config) as tallystick, status_line("compiling and proposing") as show:
        report: Report = tallystick.analyse(
            analysis, purpose=purpose, on_progress=lambda update: show(update.state.value)
        )
    return report


def _print_catalogue(as_json: bool) -> None:
    from query.analyses.catalogue import CATALOGUE
    from services.cli.analysis_arguments import usage

    if as_json:
        print_json({name: usage(name) for name in CATALOGUE})
        return
    for name, analysis in CATALOGUE.items():
        print_line(f"{name:<16} {(analysis.__doc__ or '').splitlines()[0]}")
        print_line(f"{'':<16} {usage(name)}")
