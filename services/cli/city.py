"""``tallystick city``: write a synthetic city of any size to CSV files.

    tallystick city --persons 10000 --seed 2026 --out build/city

Everything it writes is synthetic and says so. On bad input it prints one line to standard error and exits with 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.demo.city import MAX_PERSONS, make_city
from services.demo.errors import DemoError
from services.demo.export import store_city

app = typer.Typer(name="city", help="Write a synthetic city.", pretty_exceptions_show_locals=False)


def _print(line: str, to_stderr: bool = False) -> None:
    console = Console(stderr=to_stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)
    console.print(line)


@app.command(name="city")
def city(
    out: Annotated[Path, typer.Option(help="Folder to write to; made where it does not exist.", show_default=False)],
    persons: Annotated[int, typer.Option(min=1, max=MAX_PERSONS, help="Size of the city.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed and size, same city.")] = 2026,
) -> None:
    """Write a SYNTHETIC city: CSV files and schemas of a hospital, a laboratory and a credit bureau."""
    try:
        made = make_city(persons, seed)
        written = store_city(made, out)
    except DemoError as error:
        _print(f"error: {error}", to_stderr=True)
        raise typer.Exit(1) from error
    for table in made.tables:
        _print(f"{table.name}: {table.rows} of {persons} synthetic persons, {len(table.schema.columns)} columns")
    for path in written:
        _print(str(path))
