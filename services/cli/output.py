"""How commands speak: plain lines, JSON on request, a progress line on standard error, one line per error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ledger.errors import LedgerError
from mpc.errors import MpcError
from query.errors import QueryError
from services.errors import ServiceError
from services.status import error_code
from zk.errors import ZkError

if TYPE_CHECKING:
    from query.analyses.report import Report

TYPED_ERRORS: Final = (ServiceError, LedgerError, QueryError, MpcError, ZkError)

PIPED_WIDTH: Final = 200  # of tables where there is no terminal to fit

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def plain_console(*, to_stderr: bool = False) -> Console:
    """A console that takes no text for markup: names and SQL come from elsewhere."""
    return Console(stderr=to_stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def print_line(line: str) -> None:
    """Print one line of plain text."""
    plain_console().print(line)


def print_json(document: Any) -> None:
    """Print a JSON document."""
    plain_console().print(json.dumps(document, indent=2, default=str))


def print_report(report: Report) -> None:
    """Print the report of an analysis: heading, tables, and remarks."""
    from query.analyses.report import show

    console = plain_console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(report.heading)
    for table in report.tables():
        grid = Grid(title=Text(table.title), title_justify="left", box=SIMPLE, pad_edge=False)
        for place, name in enumerate(table.header):
            grid.add_column(Text(name), justify="left" if place == 0 else "right")
        for row in table.rows:
            grid.add_row(*(Text(show(cell)) for cell in row))
        console.print(grid)
    for remark in report.remarks:
        console.print(remark)


@contextmanager
def one_line_errors(as_json: bool = False) -> Iterator[None]:
    """Turn a typed error into one line on standard error (or a JSON object on standard output) and exit code 1."""
    try:
        yield
    except TYPED_ERRORS as error:
        if as_json:
            print_json({"error": error_code(error), "message": str(error)})
        else:
            plain_console(to_stderr=True).print(f"error: {error} [{error_code(error)}]")
        raise typer.Exit(1) from error


@contextmanager
def status_line(first: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner with changing text on standard error while a block runs; silent where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status(first) as status:
        yield lambda text: status.update(text.replace("[", "\\["))
