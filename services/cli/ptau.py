"""The ceremony's commands on `.ptau` files, the format that snarkjs and others read and write.

tallystick ceremony begin study.ptau --log-rows 14
tallystick ceremony contribute study.ptau --name hospital     (or `snarkjs powersoftau contribute`)
tallystick ceremony verify study.ptau --receipt HEX           (or `snarkjs powersoftau verify`)
tallystick ceremony import study.ptau --log-rows 14 --out srs.tally
tallystick ceremony export study.ptau --out small.ptau --log-rows 10
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from services.cli.ceremony_files import explain, find_receipts, is_ptau_file, progress_bar, refuse_existing
from services.cli.output import one_line_errors, print_line
from zk.errors import CeremonyInvalidError, SrsInvalidError
from zk.ptau import (
    begin_ptau,
    contribute_ptau,
    export_ptau,
    largest_log_rows,
    powers_needed,
    smallest_power,
    srs_of,
    verify_ptau,
)
from zk.srs import load_srs, store_srs

PtauFile = Annotated[Path, typer.Argument(help="A .ptau file.", show_default=False)]


def begin(file: Path, log_rows: int) -> None:
    """Write a file that nobody has contributed to."""
    power = smallest_power(log_rows)
    with progress_bar() as report:
        begin_ptau(file, power, report)
    print_line(f"{file}: .ptau ceremony of power {power} begun, for up to 2^{log_rows} rows")


def contribute(file: Path, name: str, out: Path, entropy: bytes) -> None:
    """Verify a file and write it with one contribution more."""
    with progress_bar() as report:
        receipt = contribute_ptau(file, out, name, entropy, report)
    print_line(f"{out}: contribution of {name} added; check it with 'snarkjs powersoftau verify', too")
    print_line(f"receipt {receipt} (keep it: 'verify --receipt' shows that you are in the chain)")


def verify(file: Path, expected: Sequence[str], srs: Path | None) -> None:
    """Verify a file and explain what was checked."""
    lines: list[str] = []
    with progress_bar() as report:
        exported = load_srs(srs) if srs is not None else None
        keep = powers_needed(exported.log_rows) if exported is not None else 0
        examined = verify_ptau(file, report, lines.append, keep)
    lines += find_receipts(expected, examined.receipts)
    if exported is not None:
        if exported.id != srs_of(examined, exported.log_rows).id:
            raise SrsInvalidError(f"{srs} is not the result of this ceremony")
        lines.append(f"{srs} is the result of this chain, id {exported.id.hex()}")
    explain(file, lines, len(examined.records))


def import_command(
    file: PtauFile,
    out: Annotated[Path, typer.Option(help="Where to write the structured reference string.", show_default=False)],
    log_rows: Annotated[int, typer.Option(min=1, max=24, help="Largest relation: 2^LOG_ROWS rows.")] = 14,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Verify a .ptau file fully and turn its first powers into a structured reference string."""
    lines: list[str] = []
    with one_line_errors():
        refuse_existing(out, force)
        with progress_bar() as report:
            examined = verify_ptau(file, report, lines.append, powers_needed(log_rows))
            srs = srs_of(examined, log_rows)
            store_srs(srs, out)
        explain(file, lines, len(examined.records))
        print_line(f"{out}: structured reference string for up to 2^{srs.log_rows} rows")
        print_line(f"id {srs.id.hex()} (members pin this)")


def export_command(
    file: PtauFile,
    out: Annotated[Path, typer.Option(help="Where to write the copy.", show_default=False)],
    log_rows: Annotated[
        int | None,
        typer.Option(
            min=1, max=24, help="Cut to what 2^LOG_ROWS rows need; default: the whole file.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Verify the .ptau file of a ceremony fully and write it for other software, cut to a smaller size if wanted."""
    with one_line_errors():
        refuse_existing(out, force)
        if file.exists() and not is_ptau_file(file):
            raise CeremonyInvalidError(
                f"{file} is not a .ptau file. A ceremony in Tallystick's own format keeps only [τ^i]_1 and [τ]_2; the "
                "other points of a .ptau cannot be computed from them. Begin the ceremony with a name that ends in "
                ".ptau to have both"
            )
        with progress_bar() as report:
            power = None if log_rows is None else smallest_power(log_rows)
            examined = export_ptau(file, out, power, report)
        kept = examined.layout.power if power is None else power
        print_line(
            f"{out}: .ptau of power {kept}, {len(examined.records)} contributions, {(2 << kept) - 1} powers of τ"
        )
        print_line(
            f"enough for relations of up to 2^{largest_log_rows(kept)} rows; 'snarkjs powersoftau verify' reads it"
        )
