"""``tallystick source``: look at an owner's source before it is registered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import JsonOption, one_line_errors, print_json, print_line

app = typer.Typer(name="source", help="Read tables from files and databases.", no_args_is_help=True)


@app.command()
def check(
    mapping: Annotated[Path, typer.Argument(help="Mapping, TOML.", show_default=False)],
    schema: Annotated[Path, typer.Option(help="Schema, JSON.", show_default=False)],
    config: Annotated[Path, typer.Option(help="TOML file of an operator, with a section sources.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Write the rows that fit to this CSV file, mode 0600.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Read a source and list every value that does not fit the schema, by row and column; exit 1 if there are any."""
    with one_line_errors(as_json):
        from services.identity import store_private
        from services.operator import read_operator_source

        found = read_operator_source(config, mapping, schema)
        if out is not None:
            store_private(out, found.csv)
    if as_json:
        print_json(found.report.as_json())
    else:
        for line in found.report.lines():
            print_line(line)
    if not found.report.clean:
        raise typer.Exit(1)
