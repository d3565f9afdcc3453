"""``tallystick ceremony``: make a structured reference string together, so that nobody knows its secret.

    tallystick ceremony begin state.tally --log-rows 14 --label "city study 2026"
    tallystick ceremony contribute state.tally --name hospital          (each party in turn; the file travels)
    tallystick ceremony verify state.tally --receipt HEX                (anyone)
    tallystick ceremony finish state.tally --out srs.tally

Files only; nothing here talks to a network. On bad input every command prints one line to standard error and exits
with 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from zk.ceremony import begin_ceremony, contribute, finish_ceremony, load_ceremony, store_ceremony, verify_ceremony
from zk.errors import CeremonyInvalidError, SrsInvalidError, ZkError
from zk.kernels import warm_up
from zk.srs import load_srs, store_srs

MAX_ENTROPY_BYTES: Final = 1 << 20

app = typer.Typer(
    name="ceremony",
    help="Make and check a structured reference string; correctness needs one honest ceremony contributor.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

StateFile = Annotated[Path, typer.Argument(help="File with the state of the ceremony.", show_default=False)]


def _print(line: str) -> None:
    """Print one line of plain text; names in it come from a file and are never read as markup."""
    Console(markup=False, highlight=False, emoji=False, soft_wrap=True).print(line)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn a typed error into one line on standard error and exit code 1."""
    try:
        yield
    except ZkError as error:
        console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
        console.print(f"error: {error}")
        raise typer.Exit(1) from error


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show a progress bar on standard error; yields the function to report to."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)

        def report(stage: str, fraction: float) -> None:
            bar.update(task, description=stage, completed=fraction)

        warm_up(lambda kernel, fraction: report(f"compiling {kernel}", fraction))
        report("verifying", 0.0)
        yield report


def _refuse_existing(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise CeremonyInvalidError(f"{path} exists already; choose another name or pass --force")


@app.command()
def begin(
    file: StateFile,
    log_rows: Annotated[int, typer.Option(min=1, max=24, help="Largest relation: 2^LOG_ROWS rows.")] = 14,
    label: Annotated[str, typer.Option(help="What the ceremony is for (public).")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Begin a ceremony; nobody has contributed yet."""
    with _one_line_errors():
        _refuse_existing(file, force)
        ceremony = begin_ceremony(log_rows, label)
        store_ceremony(ceremony, file)
    _print(f"{file}: ceremony for up to 2^{log_rows} rows begun, chain begins at {ceremony.digest.hex()}")


@app.command(name="contribute")
def contribute_command(
    file: StateFile,
    name: Annotated[str, typer.Option(help="Your name in the public record.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Where to write the next state; default: replace FILE.")] = None,
    entropy: Annotated[
        typer.FileBinaryRead | None,
        typer.Option(help="File with randomness of your own ('-': standard input), mixed in.", show_default=False),
    ] = None,
) -> None:
    """Verify a state and add a secret factor of your own, which is never stored."""
    with _one_line_errors():
        mixed = entropy.read(MAX_ENTROPY_BYTES + 1) if entropy is not None else b""
        if len(mixed) > MAX_ENTROPY_BYTES:
            raise CeremonyInvalidError(f"the entropy file is larger than {MAX_ENTROPY_BYTES} bytes")
        if out is not None and out != file:
            _refuse_existing(out, force=False)
        with _progress() as report:
            ceremony = contribute(load_ceremony(file), name, mixed, report)
            store_ceremony(ceremony, out or file)
    _print(f"{out or file}: contribution {len(ceremony.contributions)} ({name}) added")
    _print(f"receipt {ceremony.digest.hex()} (keep it: 'verify --receipt' shows that you are in the chain)")


@app.command()
def verify(
    file: StateFile,
    receipt: Annotated[list[str] | None, typer.Option(help="A receipt that must be in the chain.")] = None,
    srs: Annotated[Path | None, typer.Option(help="An exported file that must be the result of this chain.")] = None,
) -> None:
    """Verify every contribution and explain what was checked."""
    lines: list[str] = []
    with _one_line_errors():
        with _progress():
            ceremony = load_ceremony(file)
            verify_ceremony(ceremony, lines.append)
            receipts = {record.digest.hex() for record in ceremony.contributions}
            for expected in receipt or []:
                if expected.strip().lower() not in receipts:
                    raise CeremonyInvalidError(f"receipt {expected!r} is not in the chain")
                lines.append(f"receipt {expected} is in the chain")
            if srs is not None:
                exported = load_srs(srs)
                if exported.id != finish_ceremony(ceremony).id:
                    raise SrsInvalidError(f"{srs} is not the result of this ceremony")
                lines.append(f"{srs} is the result of this chain, id {exported.id.hex()}")
        for line in lines:
            _print(f"checked: {line}")
    if not ceremony.contributions:
        _print(f"{file}: valid, but nobody has contributed: τ is known to be 1 and this must not be used")
        return
    _print(
        f"{file}: valid, {len(ceremony.contributions)} contributions. Correctness of proofs needs one honest ceremony "
        "contributor; names are claims, receipts show who is in the chain."
    )


@app.command()
def finish(
    file: StateFile,
    out: Annotated[Path, typer.Option(help="Where to write the structured reference string.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Verify a ceremony and export its structured reference string."""
    with _one_line_errors():
        _refuse_existing(out, force)
        with _progress():
            srs = finish_ceremony(load_ceremony(file))
            store_srs(srs, out)
    _print(f"{out}: structured reference string for up to 2^{srs.log_rows} rows")
    _print(f"id {srs.id.hex()} (members pin this)")
