"""``tallystick ceremony``: make a structured reference string together, so that nobody knows its secret.

    tallystick ceremony begin state.tally --log-rows 14 --label "city study 2026"
    tallystick ceremony contribute state.tally --name hospital          (each party in turn; the file travels)
    tallystick ceremony verify state.tally --receipt HEX                (anyone)
    tallystick ceremony finish state.tally --out srs.tally

A name that ends in ``.ptau`` begins a ceremony in the format of snarkjs instead (`services.cli.ptau`); contribute and
verify recognise it. Files only; nothing here talks to a network. On bad input every command prints one line to
standard error and exits with 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli import ptau
from services.cli.ceremony_files import (
    MAX_ENTROPY_BYTES,
    explain,
    find_receipts,
    is_ptau_file,
    progress_bar,
    refuse_existing,
)
from services.cli.output import one_line_errors, print_line
from zk.ceremony import begin_ceremony, contribute, finish_ceremony, load_ceremony, store_ceremony, verify_ceremony
from zk.errors import CeremonyInvalidError, SrsInvalidError
from zk.srs import Srs, load_srs, store_srs

app = typer.Typer(
    name="ceremony",
    help="Make and check a structured reference string; correctness needs one honest ceremony contributor.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

StateFile = Annotated[Path, typer.Argument(help="File with the state of the ceremony.", show_default=False)]


@app.command()
def begin(
    file: StateFile,
    log_rows: Annotated[int, typer.Option(min=1, max=24, help="Largest relation: 2^LOG_ROWS rows.")] = 14,
    label: Annotated[str, typer.Option(help="What the ceremony is for (public).")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Begin a ceremony; nobody has contributed yet."""
    with one_line_errors():
        refuse_existing(file, force)
        if file.suffix == ".ptau":
            if label:
                raise CeremonyInvalidError("a .ptau file holds no label")
            ptau.begin(file, log_rows)
            return
        ceremony = begin_ceremony(log_rows, label)
        store_ceremony(ceremony, file)
    print_line(f"{file}: ceremony for up to 2^{log_rows} rows begun, chain begins at {ceremony.digest.hex()}")


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
    with one_line_errors():
        mixed = entropy.read(MAX_ENTROPY_BYTES + 1) if entropy is not None else b""
        if len(mixed) > MAX_ENTROPY_BYTES:
            raise CeremonyInvalidError(f"the entropy file is larger than {MAX_ENTROPY_BYTES} bytes")
        if out is not None and out != file:
            refuse_existing(out, force=False)
        if is_ptau_file(file):
            ptau.contribute(file, name, out or file, mixed)
            return
        with progress_bar() as report:
            ceremony = contribute(load_ceremony(file), name, mixed, report)
            store_ceremony(ceremony, out or file)
    print_line(f"{out or file}: contribution {len(ceremony.contributions)} ({name}) added")
    print_line(f"receipt {ceremony.digest.hex()} (keep it: 'verify --receipt' shows that you are in the chain)")


@app.command()
def verify(
    file: StateFile,
    receipt: Annotated[list[str] | None, typer.Option(help="A receipt that must be in the chain.")] = None,
    srs: Annotated[Path | None, typer.Option(help="An exported file that must be the result of this chain.")] = None,
) -> None:
    """Verify every contribution and explain what was checked."""
    with one_line_errors():
        if is_ptau_file(file):
            ptau.verify(file, receipt or [], srs)
            return
        lines: list[str] = []
        with progress_bar() as report:
            ceremony = load_ceremony(file)
            verify_ceremony(ceremony, lines.append, report)
            exported = load_srs(srs) if srs is not None else None
        lines += find_receipts(receipt or [], [record.digest.hex() for record in ceremony.contributions])
        if exported is not None:
            result = Srs(ceremony.log_rows, ceremony.powers, ceremony.tau_g2, development=False)
            if not ceremony.contributions or exported.id != result.id:
                raise SrsInvalidError(f"{srs} is not the result of this ceremony")
            lines.append(f"{srs} is the result of this chain, id {exported.id.hex()}")
        explain(file, lines, len(ceremony.contributions))


@app.command()
def finish(
    file: StateFile,
    out: Annotated[Path, typer.Option(help="Where to write the structured reference string.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Verify a ceremony and export its structured reference string."""
    with one_line_errors():
        refuse_existing(out, force)
        if is_ptau_file(file):
            raise CeremonyInvalidError(f"{file} is a .ptau file: use 'tallystick ceremony import'")
        with progress_bar() as report:
            srs = finish_ceremony(load_ceremony(file), progress=report)
            store_srs(srs, out)
    print_line(f"{out}: structured reference string for up to 2^{srs.log_rows} rows")
    print_line(f"id {srs.id.hex()} (members pin this)")


app.command(name="import")(ptau.import_command)
app.command(name="export")(ptau.export_command)
