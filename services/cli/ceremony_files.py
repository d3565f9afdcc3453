"""What the ceremony's commands share: a progress bar, not overwriting, telling formats apart, plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.cli.output import print_line
from zk.errors import CeremonyInvalidError
from zk.kernels import warm_up
from zk.ptau_file import is_ptau

MAX_ENTROPY_BYTES: Final = 1 << 20

_SHOWN: Final = (
    "Correctness of proofs needs one honest ceremony contributor: if one of them drew its factor at random and forgot "
    "it, nobody knows τ."
)
_NOT_SHOWN: Final = (
    "not shown: that anybody forgot a factor, that a name is true, or that two names are two people. Names are "
    "claims, receipts show who is in the chain: ask contributors for theirs and pass them with --receipt."
)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None]]:
    """Show a progress bar on standard error, compile kernels, and yield the function to report to."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)

        def report(stage: str, fraction: float) -> None:
            bar.update(task, description=stage, completed=fraction)

        warm_up(lambda kernel, fraction: report(f"compiling {kernel}", fraction))
        report("reading", 0.0)
        yield report


def refuse_existing(path: Path, force: bool) -> None:
    """Raise CeremonyInvalidError if a file is there and may not be replaced."""
    if path.exists() and not force:
        raise CeremonyInvalidError(f"{path} exists already; choose another name or pass --force")


def is_ptau_file(path: Path) -> bool:
    """Whether a file begins as `.ptau` files do; a file that cannot be read does not."""
    try:
        with open(path, "rb") as stream:
            return is_ptau(stream.read(16))
    except OSError:
        return False


def find_receipts(expected: Sequence[str], receipts: Sequence[str]) -> list[str]:
    """Return one line of plain words per expected receipt.

    Raises:
        CeremonyInvalidError: one of them is not among ``receipts``.
    """
    for receipt in expected:
        if receipt.strip().lower() not in receipts:
            raise CeremonyInvalidError(f"receipt {receipt!r} is not in the chain")
    return [f"receipt {receipt.strip().lower()} is in the chain" for receipt in expected]


def explain(path: Path, lines: Sequence[str], contributions: int) -> None:
    """Print what was checked, what it means, and what it does not show."""
    for line in lines:
        print_line(f"checked: {line}")
    if not contributions:
        print_line(f"{path}: valid, but nobody has contributed: τ is known to be 1 and this must not be used")
        return
    print_line(f"{path}: valid, {contributions} contributions. {_SHOWN}")
    print_line(_NOT_SHOWN)
